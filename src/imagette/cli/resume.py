"""imagette resume."""

from __future__ import annotations

import click

from imagette.cli import arguments
from imagette.cli.result import announce


@click.command("resume")
@arguments.run
@click.option("--epochs", type=click.IntRange(min=1), help="End after so many in all, sooner or later than planned.")
@click.option("--finish", is_flag=True, help="Train no more: test what has been learned so far.")
@arguments.quiet
def command(run: str, epochs: int | None, finish: bool, quiet: bool) -> None:
    """Go on with a run that was interrupted.

    RUN is the run's folder. However it was stopped, the weights and figures at the end are the same, bit for bit, as
    if it had not been (on the same machine, with the same versions and number of threads).

    --epochs is for schedules that do not depend on the length: constant, step, multistep and plateau; --finish for
    all of them.
    """
    import imagette

    announce(imagette.resume(run, epochs=epochs, finish=finish, progress=not quiet))
