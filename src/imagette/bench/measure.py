"""Measure this machine: nets in turns, the real engine, a plan of its own for each."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import UTC, datetime

from imagette.bench import ROUNDS, nets, timing
from imagette.bench.row import Result, Row, commit
from imagette.core.console import track
from imagette.core.errors import InputError
from imagette.engine.device import describe


def measure(
    names: Iterable[str] = (), rounds: int = ROUNDS, *, progress: bool = True, seconds: float = timing.ROUND_SECONDS
) -> Row:
    """Time training steps of some nets on this machine.

    A step is that of ``imagette train``: random uint8 images in memory, gathered, normalised, forward, backward,
    update. Precision, layout and threads are what the plan decides here, after it has timed a few steps.

    Args:
        names: of nets; none takes all.
        rounds: how often each net is timed, in turns with the others; the median counts.
        progress: show a bar on a terminal, plain lines elsewhere.
        seconds: of a net's round, about.

    Returns:
        The row of this machine.

    Raises:
        InputError: for a net that does not exist, or no rounds.

    Example:
        >>> row = measure(["lenet"], rounds=1, progress=False, seconds=0.05)
        >>> [(result.net, result.batch, result.images_per_second > 0) for result in row.results]
        [('lenet', 64, True)]
    """
    asked = nets.chosen(names)
    if rounds < 1:
        raise InputError(f"rounds = {rounds}: nothing would be timed", hint="1 or more")
    code, load = commit(), os.getloadavg()[0]  # before somebody edits the one, and we are the other
    turns = len(asked) * (rounds + 2)  # each net is planned, warmed up and timed
    with track("measuring", turns, "turns") if progress else nullcontext() as done:
        trainings = {}
        for name, net in asked.items():
            trainings[name] = timing.prepare(net, seconds=seconds)
            if done:
                done(1)
        works = {name: timing.through_the_engine(training) for name, training in trainings.items()}
        times = timing.in_turns(works, rounds, done)
    results = []
    for name, training in trainings.items():
        speeds = [len(training.images) / taken for taken in times[name]]
        plan = training.plan.to_dict()
        results.append(Result(name, asked[name].batch, plan, statistics.median(speeds), speeds))
    today = datetime.now(UTC).date().isoformat()
    return Row(today, code, rounds, os.cpu_count() or 1, load, describe(), results)
