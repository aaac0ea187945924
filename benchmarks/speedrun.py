"""How long until the articles' accuracy, with our recipes and in the articles' own way? Or until one of your choice?

Each training is a process of its own, with a seed of its own; none is left out. Three clocks: the training with its
test; with the images brought to the device and the net built; and the whole process, imports included. With --warm, for
GPUs, one process compiles, trains twice on random labels and then with all of the seeds, as airbench does, and another
one is timed as a whole: each of 50 processes would compile for longer than it trains. The articles'
own way (see articles_race.py) is timed for whole epochs, after a few steps to warm up, and the number of its
published epochs multiplied. What was stopped goes on after the seeds that it has. The recipes were tuned on a part of
the training images; the test images have chosen nothing.

    python benchmarks/speedrun.py --cifar10 cifar10-jpeg/       # all cases; about an hour on two cores
    python benchmarks/speedrun.py a4 a1 --seeds 5
    python benchmarks/speedrun.py --target 0.94 --seeds 50 --recipe fashion-mnist-balanced train.epochs=12
    python benchmarks/speedrun.py --target 0.95 --seeds 50 --warm --recipe fashion-mnist-best    # on a GPU
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, MutableSequence, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

import record
from articles_race import CASES as ARTICLES
from articles_race import articles_way
from imagette.bench.timing import random_images
from imagette.data import load as data
from imagette.data.splits import Splits
from imagette.engine import probe
from imagette.engine.loop import Training
from imagette.engine.plan import Plan
from imagette.recipe.schema import Recipe
from workshop import COMPILED, FIRST_SEED, WARM_UPS, Workshop, randomly_labelled

Rows = MutableSequence[dict[str, Any]]
WARM = 10  # steps
COLUMNS = {
    "case": "<24",
    "target": ">8.2%",
    "mean": ">9.2%",
    "p": ">9.2g",
    "training": ">10.1f",
    "+ data": ">9.1f",
    "process": ">9.1f",
    "article, s": ">12",
    "ratio": ">8",
}


@dataclass(frozen=True)
class Case:
    """An accuracy that an article reached, our recipe for it, and the article's way there.

    Args:
        target: accuracy on the test images, as published.
        recipe: ours, and what differs from it.
        article: the case of articles_race.py; none for an accuracy that is of no article.
        epochs: that the article trained for.
        images: in each of its epochs.
    """

    target: float
    recipe: tuple[str, ...]
    article: str = ""
    epochs: int = 0
    images: int = 60_000


SMALL = ("model.widths=[16,32]", "augment.flip=none", "evaluate.mirror=false")
SHORT = ("data.limit=24000", "train.epochs=1", "train.batch_size=64", "model.freeze_stem=0", "optim.lr=0.015")
WHOLE = "data.validation=0"  # all training images, as the articles
CASES = {
    "a0": Case(0.9229, ("fashion-mnist", WHOLE), "a0", 30),
    "a1": Case(0.9905, ("mnist", WHOLE, "data.limit=51000"), "a1-4", 10),
    "a2": Case(0.9189, ("fashion-mnist", WHOLE, "data.division=kaggle", "train.epochs=3", "optim.lr=0.012"), "a2", 70),
    "a3": Case(0.83, ("cifar10", WHOLE, "model.widths=[64,128]", "train.epochs=7"), "a3", 294, 45_000),
    "a4": Case(0.8677, ("fashion-mnist", WHOLE, *SMALL, *SHORT), "a4", 25, 48_000),
}


def arguments() -> argparse.Namespace:
    """Read the command line, and refuse what does not go together."""
    parser = argparse.ArgumentParser(description="Time to an accuracy: the articles', or one of your choice.")
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help="default: all")
    parser.add_argument("--recipe", nargs="+", metavar="WORD", help="in place of the cases: a recipe, and what differs")
    parser.add_argument("--target", type=float, metavar="SHARE", help="the accuracy asked of --recipe, such as 0.94")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs-measured", type=int, default=2, help="of the articles' own way")
    parser.add_argument("--cifar10", metavar="PATH", default="", help="CIFAR-10 as images of your own")
    parser.add_argument("--save", action="store_true", help="write the rows of a part of the cases, or of --recipe")
    parser.add_argument("--warm", action="store_true", help="all seeds of --recipe in one process, compiled before")
    parser.add_argument("--child", type=int, nargs="+", metavar="SEED", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        return asked
    if bool(asked.recipe) != (asked.target is not None) or (asked.recipe and asked.cases):
        parser.error("--recipe and --target go together, in place of cases")
    if asked.warm and not asked.recipe:
        parser.error("--warm goes with --recipe: the articles' own way is timed between the processes of the cases")
    if asked.seeds < 2 or asked.epochs_measured < 1:
        parser.error("a test of the mean needs --seeds 2 or more, an extrapolation --epochs-measured 1 or more")
    return asked


def main() -> None:
    """Measure, print a table, write the rows."""
    asked = arguments()
    if asked.child:
        train_all([recipe_of(asked.recipe, asked.cifar10, seed) for seed in asked.child], asked.warm)
        return
    cases = {name: CASES[name] for name in asked.cases or CASES}
    if asked.recipe:
        target, *changes = asked.recipe
        compiled = COMPILED if asked.warm and torch.cuda.is_available() else ()
        cases = {target: Case(asked.target, (target, *compiled, *changes))}
    results, journals, line = [], list[record.Journal](), record.table(COLUMNS)
    for name, case in cases.items():
        recipe = recipe_of(case.recipe, asked.cifar10, FIRST_SEED).model_dump(mode="json")
        about = {"recipe": recipe, "warm": asked.warm}
        journal = record.Journal("speedrun", name, f"{case.target:g}", **about)
        try:
            row = measure(name, case, asked, journal)
        except subprocess.CalledProcessError:
            print(f"{name}: left out, for the reason above", flush=True)
            continue
        results.append(row)
        journals.append(journal)
        clocks = [statistics.mean(row["seconds"][clock]) for clock in ("training", "with_data", "process")]
        way = row["articles_way"]
        article = (f"{way['seconds']:,.0f}", f"{row['ratio']:.0f}") if way else ("-", "-")
        line(name, row["target"], statistics.mean(row["accuracies"]), row["p_value"], *clocks, *article)
    if results and (asked.save or len(cases) == len(CASES)):
        some = [row["case"] for row in results] if len(results) < len(CASES) else []
        some += [f"{asked.target:g}"] if asked.recipe else []
        record.save("records" if asked.recipe else "speedrun", results, some)
    for journal in journals:
        journal.close()


def measure(name: str, case: Case, asked: argparse.Namespace, rows: Rows) -> dict[str, Any]:
    """Train with the seeds that have no row yet, and sum up all of them."""
    from scipy.stats import ttest_1samp  # here: it takes 0.7 s to import, and the trainings need it not

    seeds = [*range(FIRST_SEED, FIRST_SEED + asked.seeds)]
    (train_warm if asked.warm else train_apart)(case, asked, seeds, rows)
    found = {key: [row[key] for row in rows if key in row] for key in ("run", "process", "epoch")}
    runs = found["run"][: asked.seeds]
    accuracies = [run["accuracy"] for run in runs]
    seconds = {clock: [run[clock] for run in runs] for clock in ("training", "with_data")}
    seconds |= {"process": found["process"][: asked.seeds]}
    way = extrapolated(case, found["epoch"]) if case.article else None
    return {
        "case": name,
        "target": case.target,
        "recipe": " ".join(case.recipe),
        "data": runs[0]["data"],
        "seeds": seeds,
        "accuracies": accuracies,
        "seconds": seconds,
        "articles_way": way,
        "ratio": way["seconds"] / statistics.mean(seconds["training"]) if way else None,
        "p_value": float(ttest_1samp(accuracies, case.target, alternative="greater").pvalue),
        "warm": asked.warm,
        "plan": runs[0]["plan"],
    }


def train_apart(case: Case, asked: argparse.Namespace, seeds: Sequence[int], rows: Rows) -> None:
    """Train in a process for each seed, the epochs of the article's way in between."""
    epochs = articles_epochs(case) if case.article and len(rows) < asked.epochs_measured else None
    for seed in seeds[len(rows) :]:
        started = time.perf_counter()
        (run,) = child(case, [seed], asked.cifar10)
        row = {"run": run, "process": time.perf_counter() - started}
        if epochs and len(rows) < asked.epochs_measured:
            row["epoch"] = next(epochs)
        rows.append(row)


def train_warm(case: Case, asked: argparse.Namespace, seeds: Sequence[int], rows: Rows) -> None:
    """Time one process as a whole; train with all seeds in another one."""
    if not rows:
        started = time.perf_counter()
        deque(child(case, seeds[:1], asked.cifar10), maxlen=0)
        rows.append({"process": time.perf_counter() - started})
    if left := seeds[len(rows) - 1 :]:
        for run in child(case, left, asked.cifar10, warm=True):
            rows.append({"run": run})


def articles_epochs(case: Case) -> Iterator[float]:
    """Train in an article's own way, epoch by epoch; give the seconds of each."""
    race = ARTICLES[case.article]
    recipe = Recipe.load(race.recipe)
    images = random_images(race.shape, case.images)
    steps = -(-len(images) // recipe.train.batch_size)
    articles_way(recipe, images, replace(race, steps=WARM))()  # what is slow only once is not multiplied
    epoch = articles_way(recipe, images, replace(race, steps=steps))
    while True:
        started = time.perf_counter()
        epoch()
        yield time.perf_counter() - started


def extrapolated(case: Case, seconds: Sequence[float]) -> dict[str, Any]:
    """Give the seconds of all epochs of an article's way from those that were measured."""
    measured = {"epochs_measured": len(seconds), "seconds_by_epoch": seconds}
    return {"seconds": statistics.mean(seconds) * case.epochs, "epochs": case.epochs, **measured}


def child(case: Case, seeds: Sequence[int], cifar10: str, warm: bool = False) -> Iterator[dict[str, Any]]:
    """Train in a process of its own, which may warm up before; give what it says as it says it."""
    words = [*map(str, seeds), *(["--warm"] if warm else []), "--cifar10", cifar10, "--recipe", *case.recipe]
    with subprocess.Popen([sys.executable, __file__, "--child", *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield from map(json.loads, process.stdout)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)


def recipe_of(words: Sequence[str], cifar10: str, seed: int) -> Recipe:
    """Give a recipe and what differs from it, with a seed."""
    target, *changes = words
    path = [f"data.path={cifar10}"] if cifar10 and target.startswith("cifar10") else []
    return Recipe.load(target, [*changes, *path, f"train.seed={seed}", "train.keep=last"])


def train_all(recipes: Sequence[Recipe], warm: bool) -> None:
    """Train with recipes that differ in their seeds, after a warm-up or without; print a line for each."""
    splits, workshop, plan = data.load(recipes[0].data), Workshop(), None
    if warm:
        plan = probe.decided(recipes[0], splits.train)
        for _ in range(WARM_UPS):
            trained(recipes[0], replace(splits, train=randomly_labelled(splits.train)), workshop, plan)
    for recipe in recipes:
        print(json.dumps(trained(recipe, splits, workshop, plan)), flush=True)


def trained(recipe: Recipe, splits: Splits, workshop: Workshop, plan: Plan | None) -> dict[str, Any]:
    """Train and test; give the accuracy and two clocks."""
    train, test, workshop.seconds = splits.train, splits.test, 0.0
    started = time.perf_counter()
    plan = plan or probe.decided(recipe, train)
    training = Training(recipe, train, None, plan)
    ready = time.perf_counter() - workshop.seconds  # a stem belongs to the training
    for _ in training.events():
        pass
    logits = training.predictor().logits(test.images)
    done = time.perf_counter()
    return {
        "accuracy": float((logits.argmax(1) == test.labels).mean()),
        "training": done - ready,
        "with_data": done - started,
        "data": ", ".join(filter(None, [train.fingerprint, train.provenance.get("division"), encoding(train.ids[0])])),
        "plan": plan.to_dict(),
    }


def encoding(name: str) -> str:
    """Tell of an image's name whether it lost something to compression: such results are of another data set."""
    return "JPEG" if name.lower().endswith((".jpg", ".jpeg")) else ""


if __name__ == "__main__":
    main()
