"""What does the engine add to the bare arithmetic?

Times whole epochs of the real training loop (uint8 images in memory, shuffled, gathered, normalised, checked, counted)
against the same number of forward + backward + optimizer steps of the same model on one fixed float batch: the same
precision, layout, optimizer and threads, in turns, so that a noisy machine is noisy for both.

    python benchmarks/bound.py                      # as the plan decides on this machine
    python benchmarks/bound.py --precision float32

Pixels are random: they change what is learned, not how long it takes.
"""

from __future__ import annotations

import statistics
from contextlib import nullcontext
from typing import Any

import torch
from torch.nn import functional

import record
from imagette import optim
from imagette.bench.nets import ARTICLES, NETS, Net
from imagette.bench.timing import Work, in_turns, prepare, through_the_engine
from imagette.engine.denormals import Flushed
from imagette.engine.loop import Training
from imagette.optim.bare import bare_step

CASES = {name: NETS[name] for name in ARTICLES}
ROUNDS = 101
ROUND_SECONDS = 0.4  # many short rounds: a busy neighbour comes and goes in seconds, and should meet both of a pair
COLUMNS = {"case": "<24", "batch": ">6", "bare, ms": ">10.3f", "engine, ms": ">12.3f", "added": ">+9.1%"}


def bare_arithmetic(training: Training, case: Net) -> Work:
    """Give the function that takes as many steps on one fixed batch."""
    plan = training.plan
    module = Training(training.recipe, training.images, None, plan).module.train()
    optimizer = optim.build(module, training.recipe.optim)
    update = bare_step(optimizer)  # the engine's own: what is measured is what else it adds
    parameters = list(module.parameters())
    images = torch.randn(case.batch, *case.shape, device=plan.device).contiguous(memory_format=plan.memory_format)
    labels = torch.randint(0, 10, (case.batch,), device=plan.device)
    lowered = plan.dtype != torch.float32
    precision = torch.autocast(plan.device.partition(":")[0], dtype=plan.dtype) if lowered else nullcontext()

    def steps() -> None:
        with Flushed():
            for _ in range(plan.steps_per_epoch):
                with precision:
                    loss = functional.cross_entropy(module(images).float(), labels)
                loss.backward()
                update()
                for parameter in parameters:
                    parameter.grad = None

    return steps


def measure(case: Net, rounds: int, precision: str, threads: int) -> dict[str, Any]:
    """Time both sides in turns."""
    training = prepare(case, precision, threads, ROUND_SECONDS)
    count = training.plan.steps_per_epoch
    sides = {"bare": bare_arithmetic(training, case), "engine": through_the_engine(training)}
    rows = record.milliseconds(in_turns(sides, rounds), count)
    bare, engine = (statistics.median(rows[name]) for name in ("bare", "engine"))
    added = [e / b - 1 for b, e in zip(rows["bare"], rows["engine"], strict=True)]
    return {
        "case": case.title,
        "model": case.model,
        "shape": case.shape,
        "batch": case.batch,
        "steps_per_round": count,
        "plan": training.plan.to_dict(),
        "milliseconds_per_step": {"bare": bare, "engine": engine},
        "added": statistics.median(added),  # round by round: what slows the machine slows both of a pair
        "added_by_round": added,
        "rounds": rows,
    }


def main() -> None:
    """Measure, print a table, write the rows."""
    parser = record.parser("Time the engine against the bare arithmetic.", CASES, ROUNDS)
    parser.add_argument("--precision", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=0)
    asked = parser.parse_args()

    results, line = [], record.table(COLUMNS)
    for name in asked.cases or CASES:
        result = measure(CASES[name], asked.rounds, asked.precision, asked.threads)
        results.append(result)
        line(result["case"], result["batch"], *result["milliseconds_per_step"].values(), result["added"])
    if not asked.cases:
        record.save("bound", results, rounds=asked.rounds)


if __name__ == "__main__":
    main()
