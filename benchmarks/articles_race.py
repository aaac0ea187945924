"""How long does a step take, and how long in the articles' own way?

The same model, batch and images on both sides, in turns. The articles' way is written here from their description:
a data set that converts one image at a time, a DataLoader, float32, torch's plain optimizer, the loss read at every
step. Ours is the training loop of ``imagette train`` with what the plan decides on this machine.

    python benchmarks/articles_race.py
    python benchmarks/articles_race.py a4 a1-2 --rounds 9

Pixels are random: they change what is learned, not how long it takes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

import record
from bound import COLOUR, GRAY, through_the_engine
from imagette import models
from imagette.data.imageset import ImageSet
from imagette.engine import probe
from imagette.engine.loop import Training
from imagette.engine.plan import Plan
from imagette.recipe.schema import Recipe


@dataclass(frozen=True)
class Case:
    """A system: its recipe, its images, the article's loader processes, and the steps of a round."""

    recipe: str
    shape: tuple[int, int, int]
    workers: int
    steps: int
    from_table: bool = False  # A2 reads a table into one array of floats; the others open images


CASES = {
    "a0": Case("a0-corrected", GRAY, 2, 6),
    "a1-2": Case("a1-2", GRAY, 0, 60),
    "a1-4": Case("a1-4", GRAY, 0, 60),
    "a2": Case("a2-1-corrected", GRAY, 0, 24, from_table=True),
    "a3": Case("a3-6-corrected", COLOUR, 0, 8),
    "a4": Case("a4", GRAY, 2, 150),
}


class OneByOne(Dataset[tuple[torch.Tensor, int]]):
    """Images as the articles serve them: each opened, mirrored and made a tensor by itself, without an end."""

    def __init__(self, images: ImageSet, case: Case, flip: bool) -> None:
        self.images, self.flip = images, flip
        self.table = images.images.astype(float) if case.from_table else None

    def __len__(self) -> int:
        return 10**8

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        index %= len(self.images)
        label = int(self.images.labels[index])
        if self.table is not None:
            return torch.from_numpy(self.table[index]), label
        image = Image.fromarray(self.images.images[index].transpose(1, 2, 0).squeeze())
        if self.flip and torch.rand(1) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = np.asarray(image)
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy()).float().div(255), label


def articles_way(recipe: Recipe, images: ImageSet, case: Case) -> Callable[[], None]:
    """Give the function that takes a round of steps as the article does."""
    module = models.build(recipe.model, case.shape, 10).train()
    optimizer = torch.optim.Adam(module.parameters(), lr=recipe.optim.lr)
    data = OneByOne(images, case, recipe.augment.flip != "none")
    batches: Iterator[Any] = iter(DataLoader(data, recipe.train.batch_size, num_workers=case.workers))

    def steps() -> None:
        total, right = 0.0, 0
        for _ in range(case.steps):
            inputs, labels = next(batches)
            optimizer.zero_grad()
            outputs = module(inputs.float())
            loss = functional.cross_entropy(outputs, labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
            right += (outputs.argmax(1) == labels).sum().item()

    return steps


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """Time both sides in turns."""
    recipe = Recipe.load(case.recipe, ["train.precision=auto", "train.epochs=1000000", "train.keep=last"])
    n = recipe.train.batch_size * case.steps
    rng = np.random.default_rng(0)
    images = ImageSet(
        rng.integers(0, 256, (n, *case.shape), np.uint8),
        rng.integers(0, 10, n),
        tuple("abcdefghij"),
        np.arange(n).astype(str),
        {},
    )
    plan = probe.chosen(recipe, Plan.make(recipe, n), case.shape, 10)
    training = Training(recipe, images, None, plan)
    sides = {"articles": articles_way(recipe, images, case), "ours": through_the_engine(training)}
    threads = {"articles": torch.get_num_threads(), "ours": plan.threads}
    rows: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(-1, rounds):  # the first round is for caches and kernel choice
        for name in sorted(sides, reverse=bool(number % 2)):
            torch.set_num_threads(threads[name])
            started = time.perf_counter()
            sides[name]()
            if number >= 0:
                rows[name].append(1000 * (time.perf_counter() - started) / case.steps)
    ratios = [a / b for a, b in zip(rows["articles"], rows["ours"], strict=True)]
    return {
        "case": case.recipe,
        "batch": recipe.train.batch_size,
        "steps_per_round": case.steps,
        "plan": plan.to_dict(),
        "articles_threads": threads["articles"],
        "milliseconds_per_step": {name: statistics.median(values) for name, values in rows.items()},
        "ratio": statistics.median(ratios),
        "rounds": rows,
    }


def main() -> None:
    """Measure, print a table, write the rows."""
    parser = argparse.ArgumentParser(description="Time a step against the articles' own way.")
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help="default: all")
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()

    results = []
    print(f"{'system':18}{'batch':>6}{'article, ms':>13}{'ours, ms':>11}{'ratio':>8}   (median of {asked.rounds})")
    for name in asked.cases or CASES:
        result = measure(CASES[name], asked.rounds)
        results.append(result)
        times = result["milliseconds_per_step"]
        print(
            f"{result['case']:18}{result['batch']:>6}{times['articles']:>13.2f}{times['ours']:>11.2f}"
            f"{result['ratio']:>7.2f}x",
            flush=True,
        )
    if not asked.cases:
        record.save("articles-race", results, rounds=asked.rounds)


if __name__ == "__main__":
    main()
