"""How long do the quick commands take to start? Median wall time of whole processes, run in turns.

python benchmarks/start.py        # prints a table and writes benchmarks/results/
"""

from __future__ import annotations

import json
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


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, command in CASES.items():
            begun = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            times[name].append(time.perf_counter() - begun)
    figures = {name: {"median": statistics.median(t), "min": min(t), "max": max(t)} for name, t in times.items()}
    for name, seconds in figures.items():
        print(f"{name:24}{seconds['median']:.3f} s  (min {seconds['min']:.3f}, max {seconds['max']:.3f}, n = {ROUNDS})")
    machine = describe()
    versions = f"{machine['cpu']['name']}-python-{machine['python']}"
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"start-{re.sub(r'[^A-Za-z0-9.]+', '-', versions)}.json"
    file.write_text(json.dumps({"seconds": figures, "rounds": ROUNDS, "machine": machine}, indent=2) + "\n")


if __name__ == "__main__":
    main()
