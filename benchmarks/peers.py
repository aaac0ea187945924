"""How many images a second, against the tools that people use now? The same net, batch and images, in turns.

    PIP_CONSTRAINT=constraints.txt pip install -e . -r benchmarks/requirements.txt
    python benchmarks/peers.py
    python benchmarks/peers.py lenet --rounds 9 --threads 2

Each library has a process of its own (`peer_sides.py`), because some of them choose their backend when they are
imported; all live as long as the case, and one works at a time: A B C … A B C …. The first round of each, with its
compilation and first touch, is dropped. Ratios are taken round by round, since what slows the machine slows the
neighbours too. Everybody has the same cores, on the CPU; what is not installed is said and left out.

Each peer runs as its documentation teaches and as well as we know how (``-best``, see `peer_sides.py`); the last line
of a case compares us with the best of them all. Pixels are random: they change what is learned, not how long it takes.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import peer_sides
import record
from imagette.bench.nets import NETS
from imagette.engine.allocator import KEPT, LARGEST
from peer_sides import OURS, SIDES
from worker import Worker, working

CASES = {"lenet": "LeNet (A4)", "cnn": "two-conv CNN (A1)"}
SCRIPT = Path(peer_sides.__file__)


def side_of(side: str, case: str, cores: list[int]) -> AbstractContextManager[Worker]:
    """Start a side on these cores; it ends with the block."""
    environment = {
        "OMP_NUM_THREADS": str(len(cores)),
        "KERAS_BACKEND": SIDES[side].backend or "torch",
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    if side.endswith("-best"):  # memory is kept between steps, as the engine tells the C library itself
        environment |= {"MALLOC_TRIM_THRESHOLD_": str(KEPT), "MALLOC_MMAP_THRESHOLD_": str(LARGEST)}
    return working(side, [str(SCRIPT), side, case], environment=environment, cores=cores)


def installed() -> list[str]:
    """List the sides that can run here, and say which cannot."""
    absent = {
        name: missing
        for name, side in SIDES.items()
        if (missing := [package for package in side.packages if importlib.util.find_spec(package) is None])
    }
    for name, missing in absent.items():
        print(f"left out: {name} ({' and '.join(missing)} not installed; see benchmarks/requirements.txt)")
    return [name for name in SIDES if name not in absent]


def measure(case: str, sides: list[str], rounds: int, cores: list[int]) -> dict[str, Any]:
    """Time all sides in turns.

    Raises:
        AssertionError: when a side trains another net than ours.
    """
    shape = NETS[case]
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    with ExitStack() as running:
        workers = [running.enter_context(side_of(side, case, cores)) for side in sides]
        ours = workers[0].about
        for worker in workers:
            assert worker.about["parameters"] == ours["parameters"], f"{worker.name} trains another net: {worker.about}"
        for number in range(-1, rounds):
            for worker in workers:
                taken = float(worker.ask("epoch")["seconds"])
                if number >= 0:
                    seconds[worker.name].append(taken)
    n = shape.batch * shape.steps
    ratios = {
        side: statistics.median(theirs / mine for theirs, mine in zip(taken, seconds[OURS], strict=True))
        for side, taken in seconds.items()
    }
    return {
        "case": CASES[case],
        "model": shape.model,
        "shape": shape.shape,
        "batch": shape.batch,
        "images_per_round": n,
        "parameters": sum(ours["parameters"]),
        "plan": ours["plan"],
        "versions": {name: version for worker in workers for name, version in worker.about["versions"].items()},
        "images_per_second": {side: n / statistics.median(taken) for side, taken in seconds.items()},
        "ours_to_theirs": ratios,
        "seconds_by_round": seconds,
    }


def show(result: dict[str, Any]) -> None:
    """Print a case, the fastest first."""
    print(f"\n{result['case']}, batch {result['batch']}, {result['parameters']:,} parameters")
    for side, rate in sorted(result["images_per_second"].items(), key=lambda item: -item[1]):
        print(f"  {side:18}{rate:>10,.0f} images/s   ours is {result['ours_to_theirs'][side]:.2f}x")
    peers = {side: ratio for side, ratio in result["ours_to_theirs"].items() if side != OURS}
    best = min(peers, key=lambda side: peers[side])
    print(f"  the best peer is {best}: ours is {peers[best]:.2f}x", flush=True)


def main() -> None:
    """Measure, print a table, write the rows."""
    available = sorted(os.sched_getaffinity(0))
    parser = record.parser("Time Imagette against its peers.", CASES)
    parser.add_argument("--threads", type=int, default=len(available), help="cores for everybody; default: all")
    parser.add_argument("--sides", nargs="+", choices=list(SIDES), default=list(SIDES), help="default: all")
    asked = parser.parse_args()
    if not 1 <= asked.threads <= len(available) or asked.rounds < 1:
        parser.error(f"--threads from 1 to {len(available)}, --rounds from 1")

    sides = [side for side in installed() if side in (OURS, *asked.sides)]
    if len(sides) == 1:
        parser.error(f"nothing to compare with: name other sides than {OURS}")
    results = []
    for case in asked.cases or CASES:
        results.append(measure(case, sides, asked.rounds, available[: asked.threads]))
        show(results[-1])
    if not asked.cases and sides == list(SIDES):
        versions = {name: version for result in results for name, version in result["versions"].items()}
        record.save("peers", results, rounds=asked.rounds, threads=asked.threads, versions=versions)


if __name__ == "__main__":
    main()
