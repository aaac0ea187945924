"""What does the engine add to the bare arithmetic?

Times whole epochs of the real training loop (uint8 images in memory, shuffled, gathered, normalised, checked, counted)
against the same number of forward + backward + optimizer steps of the same model on one fixed float batch: the same
precision, layout, optimizer and threads, in turns, so that a noisy machine is noisy for both.

    python benchmarks/bound.py                      # as the plan decides on this machine
    python benchmarks/bound.py --precision float32

Pixels are random: they change what is learned, not how long it takes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

import record
from imagette import optim
from imagette.data.imageset import ImageSet
from imagette.engine.events import EpochDone
from imagette.engine.loop import Training
from imagette.recipe.schema import Recipe

GRAY, COLOUR = (1, 28, 28), (3, 32, 32)


@dataclass(frozen=True)
class Case:
    """One article's model at its batch size; ``steps`` make a round of a second or so."""

    title: str
    model: dict[str, Any]
    shape: tuple[int, int, int]
    batch: int
    steps: int


CASES = {
    "lenet": Case("LeNet (A4)", {"name": "lenet"}, GRAY, 64, 400),
    "cnn": Case("two-conv CNN (A1)", {"name": "cnn"}, GRAY, 100, 80),
    "batchnorm-cnn": Case("CSV CNN (A2)", {"name": "batchnorm-cnn"}, GRAY, 256, 30),
    "vgg": Case("VGG-like (A0)", {"name": "vgg"}, GRAY, 100, 6),
    "alexnet": Case("AlexNet-like, BN (A3)", {"name": "alexnet", "batch_norm": True}, COLOUR, 128, 10),
}


def recipe_of(case: Case, precision: str, threads: int) -> Recipe:
    """Make the recipe of a case: shuffled, normalised, nothing else."""
    return Recipe.model_validate(
        {
            "data": {"name": "digits", "validation": 0.0},  # not read: the images are made here
            "model": case.model,
            "train": {
                "epochs": 1_000_000,
                "batch_size": case.batch,
                "keep": "last",
                "precision": precision,
                "threads": threads,
            },
        }
    )


def images_of(case: Case) -> ImageSet:
    """Make uint8 images for one epoch."""
    rng = np.random.default_rng(0)
    n = case.batch * case.steps
    pixels = rng.integers(0, 256, (n, *case.shape), np.uint8)
    return ImageSet(pixels, rng.integers(0, 10, n), tuple("abcdefghij"), np.arange(n).astype(str), {})


def through_the_engine(training: Training) -> Callable[[], None]:
    """Give the function that runs one epoch of the real loop."""
    epochs = (event for event in training.events() if isinstance(event, EpochDone))

    def epoch() -> None:
        next(epochs)

    return epoch


def bare_arithmetic(training: Training, case: Case) -> Callable[[], None]:
    """Give the function that takes as many steps on one fixed batch."""
    plan = training.plan
    module = Training(training.recipe, training.images, None, plan).module.train()
    optimizer = optim.build(module, training.recipe.optim)
    images = torch.randn(case.batch, *case.shape, device=plan.device).contiguous(memory_format=plan.memory_format)
    labels = torch.randint(0, 10, (case.batch,), device=plan.device)
    lowered = plan.dtype != torch.float32
    precision = torch.autocast(plan.device.partition(":")[0], dtype=plan.dtype) if lowered else nullcontext()

    def steps() -> None:
        for _ in range(case.steps):
            with precision:
                loss = functional.cross_entropy(module(images).float(), labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

    return steps


def milliseconds_a_step(run: Callable[[], None], case: Case, plan_device: str) -> float:
    """Time one round."""
    synchronize = torch.cuda.synchronize if plan_device.startswith("cuda") else lambda: None
    synchronize()
    started = time.perf_counter()
    run()
    synchronize()
    return 1000 * (time.perf_counter() - started) / case.steps


def measure(case: Case, rounds: int, precision: str, threads: int) -> dict[str, Any]:
    """Time both sides in turns."""
    training = Training(recipe_of(case, precision, threads), images_of(case), None)
    device = training.plan.device
    sides = {"bare": bare_arithmetic(training, case), "engine": through_the_engine(training)}
    for run in sides.values():
        run()  # first touch, caches, kernel choice
    rows: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in sorted(sides, reverse=bool(number % 2)):
            rows[name].append(milliseconds_a_step(sides[name], case, device))
    bare, engine = (statistics.median(rows[name]) for name in ("bare", "engine"))
    added = [e / b - 1 for b, e in zip(rows["bare"], rows["engine"], strict=True)]
    return {
        "case": case.title,
        "model": case.model,
        "shape": case.shape,
        "batch": case.batch,
        "steps_per_round": case.steps,
        "plan": training.plan.to_dict(),
        "milliseconds_per_step": {"bare": bare, "engine": engine},
        "added": statistics.median(added),  # round by round: what slows the machine slows both of a pair
        "added_by_round": added,
        "rounds": rows,
    }


def main() -> None:
    """Measure, print a table, write the rows."""
    parser = argparse.ArgumentParser(description="Time the engine against the bare arithmetic.")
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help="default: all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--precision", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=0)
    chosen = parser.parse_args()

    results = []
    print(f"{'case':24}{'batch':>6}{'bare ms':>10}{'engine ms':>11}{'added':>9}   (median of {chosen.rounds})")
    for name in chosen.cases or CASES:
        result = measure(CASES[name], chosen.rounds, chosen.precision, chosen.threads)
        results.append(result)
        times = result["milliseconds_per_step"]
        print(
            f"{result['case']:24}{result['batch']:>6}{times['bare']:>10.3f}{times['engine']:>11.3f}"
            f"{result['added']:>+9.1%}",
            flush=True,
        )
    if not chosen.cases:
        record.save("bound", results, rounds=chosen.rounds)


if __name__ == "__main__":
    main()
