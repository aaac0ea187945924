"""How long do the quick commands take to start? Median wall and processor time of whole processes, run in turns.

python benchmarks/start.py        # prints a table and writes benchmarks/results/
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import record
from imagette.engine.device import describe

ROUNDS = 15
COMMAND = str(Path(sys.executable).with_name("imagette"))
CASES = {
    "python alone": [sys.executable, "-c", "pass"],
    "imagette --help": [COMMAND, "--help"],
    "imagette recipes show": [COMMAND, "recipes", "show", "fashion-mnist"],
    "imagette recipes list": [COMMAND, "recipes", "list"],
    "imagette runs list": [COMMAND, "runs", "list"],
    "a recipe's fault": [COMMAND, "train", "digits", "optim.lrr=1"],
}


def timed(command: list[str]) -> tuple[float, float]:
    """Run a command; give its wall and its processor seconds."""
    before, begun = os.times(), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    wall, after = time.perf_counter() - begun, os.times()
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, command in CASES.items():
            times[name].append(timed(command))
    figures = {}
    for name, runs in times.items():
        walls, processor = zip(*runs, strict=True)
        figures[name] = {
            "median": statistics.median(walls),
            "min": min(walls),
            "max": max(walls),
            "processor_median": statistics.median(processor),
        }
        median, least, most, busy = figures[name].values()
        print(f"{name:24}{median:.3f} s  (min {least:.3f}, max {most:.3f}; processor {busy:.3f}; n = {ROUNDS})")
    machine = describe()
    parts = ["start", machine["cpu"]["name"], f"python-{machine['python']}"]
    record.write(parts, {"seconds": figures, "rounds": ROUNDS, "machine": machine})


if __name__ == "__main__":
    main()
