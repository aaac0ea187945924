"""Real child processes for the tests: started, waited for at a point that they name, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def child(program: str, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Run a Python program that prints a line when it stands where the test wants it; end it at the block's end."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), process.communicate()[1]
        yield process
    finally:
        process.kill()
        process.communicate()


def kill(process: subprocess.Popen[str]) -> None:
    """Send SIGKILL and wait until the process is gone."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[bool]:
    """Mount something on a folder if this user may (``tmpfs`` with a size, a read-only bind); say whether it worked."""
    folder.mkdir(parents=True, exist_ok=True)
    worked = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode == 0
    try:
        yield worked
    finally:
        if worked:
            subprocess.run(["umount", str(folder)], check=True)


def on_a_terminal(program: str, *arguments: str | Path, columns: int = 80) -> tuple[str, str]:
    """Run a Python program to its end; give what a terminal of so many columns was shown, and its standard output."""
    ours, theirs = os.openpty()
    command, environment = [sys.executable, "-c", program, *arguments], {"TERM": "xterm", "COLUMNS": str(columns)}
    process = subprocess.Popen(command, stderr=theirs, stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # Linux says so when the other side has closed
        pass
    os.close(ours)
    output, _ = process.communicate()
    assert process.returncode == 0
    return shown.decode(), output
