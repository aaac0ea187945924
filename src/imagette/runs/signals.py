"""Signals while training: the first asks it to save and stop, a second Ctrl-C ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from imagette.core.console import say

ASKED_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)  # SIGUSR1: a cluster scheduler's warning


_running: list[Callable[[], None]] = []  # what the trainings of this process do at a signal; streams may interleave
_before: dict[signal.Signals, Any] = {}  # the handlers of the time when there was none


@contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at the first signal, and let a second Ctrl-C through.

    Signals reach the main thread only; elsewhere this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    if not _running:
        # A handler that is not Python's, as where Python is a part of another program, could not be put back.
        ours = [number for number in ASKED_TO_STOP if signal.getsignal(number) is not None]
        _before.update((number, signal.signal(number, _first)) for number in ours)
    _running.append(stop)
    try:
        yield
    finally:
        _running.remove(stop)
        for number, handler in _before.items() if not _running else ():
            signal.signal(number, handler)


def _first(number: int, _: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    say(f"{signal.Signals(number).name}: stopping when nothing is lost by it (Ctrl-C again ends at once)")
    for stop in _running:
        stop()
