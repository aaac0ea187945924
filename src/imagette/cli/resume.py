"""imagette resume."""

from __future__ import annotations

import click

from imagette.cli import arguments
from imagette.cli.result import announce


@click.command("resume")
@arguments.run
@arguments.quiet
def command(run: str, quiet: bool) -> None:
    """Go on with a run that was interrupted.

    RUN is the run's folder. However it was stopped, the weights and figures at the end are the same, bit for bit, as
    if it had not been (on the same machine, with the same versions and number of threads).
    """
    import imagette

    announce(imagette.resume(run, progress=not quiet))
