"""How long does a step take, and how long in the articles' own way?

The same model, batch and images on both sides, in turns. The articles' way is written here from their description:
a data set that converts one image at a time, a DataLoader, float32, torch's plain optimizer, the loss read at every
step. Ours is the training loop of ``imagette train`` with what the plan decides on this machine.

    python benchmarks/articles_race.py
    python benchmarks/articles_race.py a4 a1-2 --rounds 9

Pixels are random: they change what is learned, not how long it takes.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

import record
from imagette import models
from imagette.bench.nets import CLASSES, COLOUR, GRAY
from imagette.bench.timing import MOST_IMAGES, Work, in_turns, random_images, through_the_engine
from imagette.core.shape import Shape
from imagette.data.imageset import ImageSet
from imagette.engine import device as devices
from imagette.engine import probe
from imagette.engine.loop import Training
from imagette.engine.plan import Plan
from imagette.recipe.schema import Recipe


@dataclass(frozen=True)
class Case:
    """A system: its recipe, its images, the article's loader processes, and the steps of a round."""

    recipe: str
    shape: Shape
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
THREADS = torch.get_num_threads()  # what the articles' way has; our plans set their own
COLUMNS = {"system": "<18", "batch": ">6", "article, ms": ">13.2f", "ours, ms": ">11.2f", "ratio": ">8.2f"}


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


def articles_way(recipe: Recipe, images: ImageSet, case: Case) -> Work:
    """Give the function that takes a round of steps as the article does, on a GPU if one is there."""
    device = devices.pick(recipe.train.device)
    module = models.build(recipe.model, case.shape, 10).train().to(device)
    optimizer = torch.optim.Adam(module.parameters(), lr=recipe.optim.lr)
    data = OneByOne(images, case, recipe.augment.flip != "none")
    batches: Iterator[Any] = iter(DataLoader(data, recipe.train.batch_size, num_workers=case.workers))

    def steps() -> None:
        torch.set_num_threads(THREADS)
        total, right = 0.0, 0
        for _ in range(case.steps):
            inputs, labels = (part.to(device) for part in next(batches))
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
    images = random_images(case.shape, recipe.train.batch_size * case.steps)
    articles = articles_way(recipe, images, case)
    plan = probe.chosen(recipe, Plan.make(recipe, MOST_IMAGES, images.images), case.shape, CLASSES, MOST_IMAGES)
    plan = replace(plan, steps_per_epoch=case.steps)  # of a round; its steps are logged as those of an epoch
    sides = {"articles": articles, "ours": through_the_engine(Training(recipe, images, None, plan))}
    rows = record.milliseconds(in_turns(sides, rounds), case.steps)
    ratios = [a / b for a, b in zip(rows["articles"], rows["ours"], strict=True)]
    return {
        "case": case.recipe,
        "batch": recipe.train.batch_size,
        "steps_per_round": case.steps,
        "plan": plan.to_dict(),
        "articles_threads": THREADS,
        "milliseconds_per_step": {name: statistics.median(values) for name, values in rows.items()},
        "ratio": statistics.median(ratios),
        "rounds": rows,
    }


def main() -> None:
    """Measure, print a table, write the rows."""
    asked = record.parser("Time a step against the articles' own way.", CASES).parse_args()

    results, line = [], record.table(COLUMNS)
    for name in asked.cases or CASES:
        result = measure(CASES[name], asked.rounds)
        results.append(result)
        line(result["case"], result["batch"], *result["milliseconds_per_step"].values(), result["ratio"])
    if not asked.cases:
        record.save("articles-race", results, rounds=asked.rounds)


if __name__ == "__main__":
    main()
