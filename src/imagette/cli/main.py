"""The command line's entry: every fault becomes a line or two and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from io import TextIOWrapper

import click

from imagette.cli.menu import SETTINGS, LazyMenu

# Looking through every installed package for plugins, of which imagette has none, costs 15 ms of a start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")

CLOSED_PIPE = 141  # as shells say it: 128 + SIGPIPE

COMMANDS = {
    "train": "Train a classifier and test it.",
    "resume": "Go on with a run that was interrupted.",
    "extend": "Train a finished run for more epochs.",
    "test": "Measure a run again on its test images.",
    "predict": "Classify images with a trained run.",
    "runs": "List and show runs.",
    "data": "List, get, show, verify and preview data sets.",
    "models": "List models and show their layers.",
    "recipes": "List, show and compare recipes.",
    "reproduce": "Train the five articles' systems and compare them with what was published.",
    "plan": "Show how a recipe would be trained here, and how long it takes.",
    "bench": "Time training on this machine, beside the machines that we measured.",
    "env": "Show versions, hardware and what the device can do.",
}


@click.command(
    cls=LazyMenu,
    table=COMMANDS,
    context_settings=SETTINGS,
    epilog="Exit codes: 0 done, 1 a bug, 2 bad input, 3 the machine (disk, network, memory), 4 the loss diverged, "
    "75 interrupted but resumable, 130 stopped by Ctrl-C, 141 nobody reads the output any more.",
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error; after a command too.")
@click.version_option(package_name="imagette", message="imagette %(version)s")
def imagette() -> None:
    """Train, understand and ship classifiers for small images.

    Begin with: imagette train fashion-mnist
    """


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code.

    Args:
        args: the words after ``imagette``; those of this process when None.

    Example:
        >>> main(["recipes", "diff", "digits", "digits"])
        the recipes are the same
        0
    """
    words, debug = _without_debug(sys.argv[1:] if args is None else args)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 is no reason to fail
    try:
        code = imagette.main(words, prog_name="imagette", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        return _report(error, debug)
    except SystemExit:  # click and rich leave so when a pipe is closed
        return CLOSED_PIPE
    return code if isinstance(code, int) else 0


def _without_debug(args: Sequence[str]) -> tuple[list[str], bool]:
    """Take --debug from wherever it stands before a ``--``."""
    end = args.index("--") if "--" in args else len(args)
    kept = [word for word in args[:end] if word != "--debug"]
    return [*kept, *args[end:]], len(kept) < end


def _report(error: BaseException, debug: bool) -> int:
    from imagette.cli.faults import explain
    from imagette.core.console import inert

    if debug:
        traceback.print_exception(error)
    message, code = explain(error)
    click.echo("error: " + "\n".join(map(inert, message.split("\n"))), err=True)
    return code
