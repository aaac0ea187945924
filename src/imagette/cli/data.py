"""imagette data list | get | show | verify | preview."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagette.cli import arguments
from imagette.cli.menu import Menu
from imagette.cli.output import columns, shape_text
from imagette.core.console import inert
from imagette.core.errors import InputError

if TYPE_CHECKING:
    from imagette.data.imageset import ImageSet
    from imagette.data.splits import Splits


@click.group("data", cls=Menu)
def command() -> None:
    """List, get, show, verify and preview data sets.

    IMAGETTE_DATA names a folder of your own downloads, which is searched first; IMAGETTE_CACHE where downloads are
    kept; IMAGETTE_MIRROR an address that is tried before the publishers'; IMAGETTE_OFFLINE=1 forbids the network.
    """


@command.command("list")
def list_() -> None:
    """List the data sets that can be named."""
    from imagette.data.catalog import CATALOG
    from imagette.data.fetch import is_cached

    columns(
        ("data set", "title", "image", ">classes", ">train", ">test", ""),
        [
            (e.name, e.title, shape_text(e.shape), len(e.classes), e.train, e.test, "here" if is_cached(e.name) else "")
            for e in CATALOG.values()
        ],
    )


@command.command("get")
@click.argument("name", metavar="NAME")
@click.option(
    "--division",
    metavar="NAME",
    default="any",
    show_default=True,
    help="Fashion-MNIST exists in two train/test divisions of the same images.",
)
def get(name: str, division: str) -> None:
    """Fetch a data set into the cache, each file verified."""
    from imagette.data.fetch import fetch

    train, test = fetch(name, division)
    facts = [(key, train.provenance[key]) for key in ("source", "division")]
    for part, images in (("train", train), ("test", test)):
        facts.append((part, f"{len(images):,} images, fingerprint {images.fingerprint}"))
    columns(("fact", "value"), facts)


@command.command("show", epilog=arguments.examples("imagette data show cifar10", "imagette data show my-images/"))
@click.argument("target", metavar="TARGET")
@arguments.assignments
def show(target: str, assignments: tuple[str, ...]) -> None:
    """Show what a data set is, or how many images of each class your own hold.

    TARGET is a name of the catalog, or a path to your own images.
    """
    from imagette.data.catalog import CATALOG

    if target not in CATALOG:
        _show_splits(_load(target, assignments))
        return
    if assignments:
        raise InputError(
            f"{assignments[0]!r} changes a recipe, but {target!r} is described as it was published",
            hint="assignments are for images of your own",
        )
    entry = CATALOG[target]
    mirror = "keeps its class" if entry.mirror_keeps_class else "may be of another class: do not flip"
    columns(
        ("fact", "value"),
        [
            ("name", entry.name),
            ("title", entry.title),
            ("images", f"{entry.train:,} to train, {entry.test:,} to test"),
            ("image", f"{shape_text(entry.shape)}, {entry.polarity}"),
            ("mirror image", mirror),
            ("classes", ", ".join(entry.classes)),
            ("divisions", ", ".join(entry.divisions)),
            *([("note", entry.note)] if entry.note else []),
            ("licence", entry.licence),
            ("citation", entry.citation),
            ("homepage", entry.homepage),
        ],
    )


@command.command("verify")
@click.argument("name", metavar="NAME")
def verify(name: str) -> None:
    """Check a data set's kept files against their digests."""
    from imagette.data import audit, catalog

    for line in audit.check(catalog.entry(name)):
        click.echo(inert(line))


@command.command(
    "preview",
    epilog=arguments.examples("imagette data preview fashion-mnist", "imagette data preview my-images/ --out mine.png"),
)
@click.argument("target", metavar="TARGET")
@arguments.assignments
@click.option("--out", type=arguments.FilePath(), metavar="FILE", help="The picture.  [default: TARGET-preview.png]")
@click.option("--rows", type=click.IntRange(1, 100), default=4, show_default=True, help="Rows of the grid.")
@click.option("--columns", type=click.IntRange(1, 100), default=16, show_default=True, help="Columns of the grid.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another draws other images.")
def preview(target: str, assignments: tuple[str, ...], out: Path | None, rows: int, columns: int, seed: int) -> None:
    """Draw a grid of training images with their classes, as a PNG.

    TARGET is what `imagette train` takes: a recipe, or a path to your own images.
    """
    from imagette.report.pictures import check_suffix
    from imagette.report.preview import save

    file = out or Path(f"{Path(target).resolve().name}-preview.png")
    check_suffix(file)
    save(_load(target, assignments).train, file, rows=rows, columns=columns, seed=seed)
    click.echo(inert(file))


def _load(target: str, assignments: tuple[str, ...]) -> Splits:
    from imagette.recipe.schema import Recipe

    recipe = Recipe.load(target, assignments)
    from imagette.data.load import load

    return load(recipe.data)


def _show_splits(splits: Splits) -> None:
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    present: dict[str, ImageSet] = {name: part for name, part in parts.items() if part is not None}
    counts = {name: part.counts() for name, part in present.items()}
    click.echo(f"images of {shape_text(splits.train.shape)}")
    rows = [(name, *(count[name] for count in counts.values())) for name in splits.train.classes]
    totals = ("all", *(len(part) for part in present.values()))
    columns(("class", *(f">{name}" for name in present)), [*rows, totals])
