"""Processes that work for a benchmark: told when by a line, they answer with a JSON object a line.

The benchmark's side is `working`, the process's own is `answers`. Nothing of Imagette is loaded here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any


class Worker:
    """A process that has said what it is, and now waits for words.

    Attributes:
        name: what the benchmark calls it.
        about: what it said first.
    """

    def __init__(self, name: str, process: subprocess.Popen[str], errors: IO[str]) -> None:
        self.name, self._process, self._errors = name, process, errors
        self.about = self._answer()

    def ask(self, word: str) -> dict[str, Any]:
        """Send a word; give what the process answers when it is done."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # a process that has ended gives no answer, which says more
            print(word, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            sys.exit(f"{self.name} ended with code {self._process.wait()}:\n{self._errors.read()[-3000:]}")
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def working(
    name: str,
    command: Sequence[str],
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    cores: Sequence[int] = (),
) -> Iterator[Worker]:
    """Start a process of this Python, and wait until it says what it is; end it when the block ends.

    Args:
        name: what it is called.
        command: a file, and what it is given.
        folder: where it starts.
        environment: what is added to ours.
        cores: that it may use; none for all.
    """
    with tempfile.TemporaryFile("w+") as errors:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
        process = subprocess.Popen(
            [sys.executable, *command], text=True, cwd=folder, env=os.environ | (environment or {}), **pipes
        )
        try:
            if cores:  # XLA counts them; before its threads start, all of them follow the first
                os.sched_setaffinity(process.pid, cores)
            yield Worker(name, process, errors)
        finally:
            process.kill()
            process.communicate()


def answers() -> Callable[[Mapping[str, Any]], None]:
    """Take the standard output for answers, since what libraries print is none; give the function that answers."""
    stream = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return lambda facts: print(json.dumps(facts), file=stream, flush=True)
