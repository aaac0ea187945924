"""imagette bench."""

from __future__ import annotations

import json
from pathlib import Path

import click

from imagette.bench import ROUNDS
from imagette.cli import arguments
from imagette.core.console import inert, say
from imagette.core.errors import InputError


@click.command(
    "bench",
    epilog=arguments.examples(
        "imagette bench", "imagette bench lenet vgg --rounds 9", "imagette bench --save my-machine.json"
    ),
)
@click.argument("nets", nargs=-1, metavar="[NET]...")
@click.option(
    "--rounds", type=click.IntRange(min=1), default=ROUNDS, show_default=True, help="How often each is timed."
)
@click.option(
    "--save",
    "file",
    type=arguments.FilePath(),
    metavar="FILE",
    help="Also write the row of this machine, to be sent to us.",
)
@arguments.as_json
@arguments.quiet
def command(nets: tuple[str, ...], rounds: int, file: Path | None, as_json: bool, quiet: bool) -> None:
    """Time training on this machine, beside the machines that we measured.

    Takes about a minute, in which nothing else should run. The nets are those of the five articles (lenet, cnn,
    batchnorm-cnn, vgg, alexnet) and the one made to be fast (speednet), at batch sizes like theirs, on random
    images in memory; precision, layout and threads are what `imagette train` would choose here.
    """
    from imagette.bench.nets import chosen

    chosen(nets)  # a wrong name shows before torch is loaded
    if file:
        _check(file)
    from imagette.bench import row
    from imagette.bench.measure import measure
    from imagette.cli.output import table

    here, others = measure(nets, rounds, progress=not quiet), row.shipped()
    if file:
        here.save(file)
    if as_json:
        click.echo(json.dumps({"here": here.to_dict(), "shipped": [other.to_dict() for other in others]}, indent=2))
        return
    table("", *row.table(here, others))
    click.echo(f"\nhere  {inert(here.about())}")
    for number, other in enumerate(others, start=1):
        click.echo(f"[{number}]   {inert(other.about())}")
    if here.busy:
        say(f"{here.busy}; measure again when the machine is quiet")
    if file:
        click.echo(f"\nwritten  {inert(file)}")


def _check(file: Path) -> None:
    """Refuse a file that cannot be written before a minute is spent."""
    from imagette.runs.folder import check_writable

    if file.is_dir():
        raise InputError(f"--save {str(file)!r} is a folder", hint=f"name a file: {file / 'my-machine.json'}")
    check_writable(file.parent)
