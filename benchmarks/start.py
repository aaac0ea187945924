"""How long do the quick commands take to start? Median wall and processor time of whole processes, run in turns.

python benchmarks/start.py        # prints a table and writes benchmarks/results/
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from imagette.engine.device import describe

RESULTS = Path(__file__).parent / "results"
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
    versions = f"{machine['cpu']['name']}-python-{machine['python']}"
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"start-{re.sub(r'[^A-Za-z0-9.]+', '-', versions)}.json"
    file.write_text(json.dumps({"seconds": figures, "rounds": ROUNDS, "machine": machine}, indent=2) + "\n")


if __name__ == "__main__":
    main()
