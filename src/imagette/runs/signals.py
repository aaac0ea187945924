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
        _put_back()  # what a training left that ended in another thread
    _running.append(stop)
    try:
        if not _before:
            _install()
        yield
    finally:
        _running.remove(stop)
        if not _running and threading.current_thread() is threading.main_thread():
            _put_back()


def _install() -> None:
    for number in ASKED_TO_STOP:
        handler = signal.getsignal(number)
        # A handler that is not Python's, as where Python is a part of another program, could not be put back; and what
        # the process was told to ignore, as a shell tells what runs in the background, is not meant for it.
        if handler not in (None, signal.SIG_IGN):
            _before[number] = handler  # first: a signal may come at any time
            signal.signal(number, _first)


def _put_back() -> None:
    for number, handler in [*_before.items()]:  # a signal in between comes here, too
        signal.signal(number, handler)
    _before.clear()


def _first(number: int, _: FrameType | None) -> None:
    if not _running:  # the last training has ended in another thread, which could not put the handlers back
        _put_back()
        signal.raise_signal(number)
        return
    again = ""
    if signal.SIGINT in _before:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        again = " (Ctrl-C again ends at once)"
    say(f"{signal.Signals(number).name}: stopping when nothing is lost by it{again}")
    for stop in _running:
        stop()
