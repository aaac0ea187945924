"""imagette extend."""

from __future__ import annotations

import click

from imagette.cli import arguments
from imagette.cli.result import announce


@click.command(
    "extend",
    epilog=arguments.examples(
        "imagette extend runs/fashion-mnist-1 --epochs 20 --factor 0.1",
        "imagette extend runs/a3-8-corrected-1 --epochs 13 --anneal",
    ),
)
@arguments.run
@click.option("--epochs", type=click.IntRange(min=1), required=True, help="How many epochs to add.")
@click.option(
    "--factor",
    type=click.FloatRange(min=0, min_open=True),
    help="Start a new leg at so many times the rate; by default 0.1 where the schedule has come to its end.",
)
@click.option("--anneal", is_flag=True, help="Let the rate fall in a line to zero over the added epochs.")
@click.option("--runs", metavar="DIR", help="Where the new run's folder is made.  [default: beside RUN]")
@arguments.quiet
def command(run: str, epochs: int, factor: float | None, anneal: bool, runs: str | None, quiet: bool) -> None:
    """Train a finished run for more epochs.

    The result is a new run in a folder of its own; RUN stays as it is. Weights, optimizer and averages go on where
    they stood. What the learning rate does depends on the schedule:

    Constant, step, multistep and plateau do not depend on the length: the rate goes on as if the epochs had been
    asked for at first. With --anneal it falls to zero instead, which settles the weights: train as long as you like,
    then anneal.

    Cosine, onecycle and linear have come to their end: a new leg starts over the added epochs, at the first leg's
    rate times --factor. Constant, step and multistep start one too if --factor is given: a second phase.

    An epoch in the middle of which RUN was finished (resume --finish) is ended first.
    """
    import imagette

    announce(imagette.extend(run, epochs, factor=factor, anneal=anneal, runs=runs, progress=not quiet))
