"""What a person sees while work goes on: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shlex
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

JOINERS = "\u200c\u200d"  # Persian, Hindi and emoji are written with them
PLAIN_SECONDS = 5.0  # between two plain lines of one piece of work


@cache
def stderr() -> Console:
    """Give the console for progress and messages: never mixed with a command's output."""
    from rich.console import Console

    class Talk(Console):
        def on_broken_pipe(self) -> None:
            """Nobody reads on: that is no reason to end."""

    # In a notebook, plain lines of one text: rich would make of each line an output of its own, and ipykernel calls
    # itself a terminal, but obeys few of the escapes that a bar is drawn with.
    plain = False if Console().is_jupyter else None
    return Talk(stderr=True, highlight=False, soft_wrap=True, emoji=False, force_jupyter=False, force_terminal=plain)


def inert(text: object) -> str:
    r"""Write what a terminal would obey, such as an escape in a file's name, as letters.

    Example:
        >>> inert("red\x1b[31m.png")
        'red\\x1b[31m.png'
    """
    return "".join(c if _harmless(c) else c.encode("unicode_escape").decode("ascii") for c in str(text))


def _harmless(character: str) -> bool:
    """Tell whether a character only shows; spaces of every width do, and what joins letters in many scripts."""
    return character.isprintable() or character in JOINERS or unicodedata.category(character) == "Zs"


def quoted(path: object) -> str:
    """Write a path for a command that is to be pasted into a shell.

    Example:
        >>> quoted("my runs/digits-1")
        "'my runs/digits-1'"
    """
    return shlex.quote(inert(path))


def counted(number: int, noun: str) -> str:
    """Write a number of things.

    Example:
        >>> counted(1, "thread"), counted(2000, "epoch")
        ('1 thread', '2,000 epochs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def say(text: str) -> None:
    """Print a message for the person at the terminal, on standard error; work goes on where that cannot be written."""
    with suppress(OSError, ValueError):  # the latter of a stream that has been closed
        stderr().print("\n".join(map(inert, text.splitlines())), markup=False)


@contextmanager
def track(description: str, total: int, unit: str = "") -> Iterator[Callable[[int], None]]:
    """Show the progress of ``total`` pieces of work; give the function that advances it.

    Example:
        >>> with track("reading", total=3) as advance:
        ...     for _ in range(3):
        ...         advance(1)
    """
    if stderr().is_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=stderr(), transient=True) as progress:
            task = progress.add_task(description, total=total)
            yield lambda n: progress.advance(task, n)
        return
    yield _plain(description, total, unit)


def _plain(description: str, total: int, unit: str) -> Callable[[int], None]:
    done, last = 0, time.monotonic()

    def advance(n: int) -> None:
        nonlocal done, last
        done += n
        if time.monotonic() - last >= PLAIN_SECONDS:
            last = time.monotonic()
            say(f"{description}: {done:,} of {total:,} {unit}".rstrip())

    return advance
