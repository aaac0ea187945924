"""imagette reproduce."""

from __future__ import annotations

import click

from imagette.cli import arguments
from imagette.core.console import inert
from imagette.core.errors import InputError
from imagette.core.files import with_home


@click.command(
    "reproduce",
    epilog=arguments.examples(
        "imagette reproduce a1 --quick",
        "imagette reproduce a4 --corrected",
        "imagette reproduce a3-8 a3-9 --corrected --epochs 30 --data cifar10=my-cifar10/",
    ),
)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--corrected", is_flag=True, help="Train each system also with its mistake mended.")
@click.option("--quick", is_flag=True, help="10,000 images, at most 10 epochs: a first look.")
@click.option("--epochs", type=click.IntRange(min=1), help="Train at most so many; the table says how many.")
@click.option(
    "--data",
    "places",
    multiple=True,
    metavar="NAME=PATH",
    help="Images of your own in place of a data set: a folder, a CSV, an .npz.",
)
@click.option(
    "--runs", metavar="DIR", help="Where runs and table go.  [default: runs/articles, or runs/articles-quick]"
)
@arguments.quiet
def command(
    ids: tuple[str, ...],
    corrected: bool,
    quick: bool,
    epochs: int | None,
    places: tuple[str, ...],
    runs: str | None,
    quiet: bool,
) -> None:
    """Train the five articles' systems and compare them with what was published.

    ID is a system (a3-6), a corrected one (a3-6-corrected) or an article (a3); without one, all are trained, which
    takes days on a CPU.
    `imagette recipes list` names them.

    Stop it whenever you like: the same command goes on where it was, and does not train again what it has trained.
    In a second terminal, it trains the systems that the first one is not working on.
    """
    data = dict(map(_place, places))
    from imagette.articles.published import chosen, folder

    root = with_home(runs or folder(quick))
    chosen(ids)  # a wrong name shows before torch is loaded
    from imagette.articles import table
    from imagette.articles.reproduce import reproduce
    from imagette.cli.output import table as print_table

    rows = reproduce(ids, corrected=corrected, quick=quick, epochs=epochs, data=data, runs=root, progress=not quiet)
    print_table("", table.HEADINGS, [row.cells() for row in rows])
    click.echo(f"\ntable  {inert(root)}/articles.md (also .csv and .json)\ncurves {inert(root)}/a?.png")


def _place(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise InputError(f"--data {text!r} is not NAME=PATH", hint="as in --data cifar10=my-cifar10/")
    return name, path
