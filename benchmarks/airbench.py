"""CIFAR-10 on an NVIDIA GPU: our speed recipes against airbench, in turns: accuracy and seconds.

    git clone https://github.com/KellerJordan/cifar10-airbench
    python benchmarks/airbench.py --airbench cifar10-airbench --cifar10 cifar10-jpeg/ -n 50
    python benchmarks/airbench.py --airbench cifar10-airbench 94 --ours '94=cifar10 train.epochs=8 optim.lr=0.01'

Each side has a process of its own, which compiles and warms up before anything counts; then they train in turns: ours,
airbench, airbench, ours, … Airbench's file is run as it is, but for two things: it finds our images where it looks for
its own, and trains when it is told to (`airbench_side.py`). Accuracy and seconds are those that it prints itself.

The clock is airbench's: from images on the device to the answers for the test images, with test-time augmentation, the
computation of the stem included; reading, first weights and compiling not. Ours is no kinder to us: it also runs while
the test images are moved. Both train the net that they have compiled again and again. Our seeds are 100, 101, …; none
is left out. What was stopped goes on after the pairs that it has. Both train on all training images and see the same
ones; airbench takes its stem from the first 5,000, so that they are shuffled for it, once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import airbench_side
import record
from imagette.core.errors import EnvironmentFault, ImagetteError, InputError
from imagette.data import load as data
from imagette.data.imageset import ImageSet
from imagette.engine import probe
from imagette.engine.loop import Training
from imagette.engine.plan import Plan
from imagette.recipe.schema import Recipe
from worker import answers, working
from workshop import COMPILED, FIRST_SEED, WARM_UPS, Workshop, randomly_labelled

OURS, THEIRS = SIDES = "ours", "airbench"
CLONE = "git clone https://github.com/KellerJordan/cifar10-airbench, and give its folder: --airbench cifar10-airbench"
WHOLE = ("data.validation=0", "train.keep=last")  # all training images, as airbench
LOOP = re.compile(r"(?<=for run in )range\(\d+\)")  # airbench's own: so many trainings
PAIRS = {
    "case": "<6",
    "run": ">5",
    "ours": ">10.2%",
    "ours, s": ">10.3f",
    "airbench": ">10.2%",
    "airbench, s": ">13.3f",
}
SUMS = {"case": "<6", "side": "<10", "n": ">5", "mean": ">9.2%", "from": ">9.2%", "to": ">9.2%", "mean, s": ">10.3f"}


@dataclass(frozen=True)
class Case:
    """A file of airbench's, and the recipe that we set against it."""

    file: str
    ours: str


CASES = {
    "94": Case("airbench94_muon.py", "cifar10-airbench94"),
    "96": Case("airbench96_faster.py", "cifar10-airbench96"),
}


def main() -> None:
    """Measure, print, write the rows."""
    parser = argparse.ArgumentParser(description="Our CIFAR-10 recipes against airbench, on an NVIDIA GPU.")
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help="default: all")
    parser.add_argument("--airbench", metavar="PATH", default="", help="airbench, cloned")
    parser.add_argument("--cifar10", metavar="PATH", default="", help="CIFAR-10 as images of your own")
    parser.add_argument("-n", type=int, default=50, help="trainings of each side")
    parser.add_argument(
        "--ours", metavar="CASE=RECIPE…", action="append", default=[], help="'94=cifar10 train.epochs=8'"
    )
    parser.add_argument("--save", action="store_true", help="write the rows of one case alone, too")
    parser.add_argument("--child", metavar="WORDS", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        our_side(json.loads(asked.child))
    elif asked.n < 2:
        parser.error("-n from 2: one training has no interval")
    else:
        try:
            compare(asked)
        except ImagetteError as error:
            print(f"airbench.py: {error}", file=sys.stderr)
            sys.exit(error.exit_code)


def compare(asked: argparse.Namespace) -> None:
    """Check what was given before anything takes time; measure; write.

    Raises:
        InputError: for a path or a recipe that cannot be used.
        EnvironmentFault: without a GPU.
    """
    names = list(dict.fromkeys(asked.cases)) or list(CASES)
    files = {name: Path(asked.airbench).expanduser() / CASES[name].file for name in names}
    for file in files.values():
        source_of(file)
    words = {name: words_of(name, asked.ours, asked.cifar10) for name in names}
    if not torch.cuda.is_available():
        raise EnvironmentFault(
            "airbench needs an NVIDIA GPU, and torch finds none here",
            hint="run this on a machine with one, and torch built for CUDA; speedrun.py measures our side on a CPU",
        )
    journals = {
        name: record.Journal("airbench", name, recipe=recipe.model_dump(mode="json"), file=sha256(files[name]))
        for name, recipe in ((name, Recipe.load(words[name][0], words[name][1:])) for name in names)
    }
    results = [measure(name, files[name], words[name], asked.n, journals[name]) for name in names]
    summary(results)
    if asked.save or set(names) == set(CASES):
        versions = {name: version for result in results for name, version in result["versions"].items()}
        record.save("airbench", results, rounds=asked.n, versions=versions, gpu=gpu_facts())
    for journal in journals.values():
        journal.close()


def source_of(file: Path) -> str:
    """Read a file of airbench's; let it ask for its turns instead of counting to 200.

    Raises:
        InputError: when it is not there, or not as we know it.
    """
    if not file.is_file():
        raise InputError(f"no file {file}", hint=CLONE)
    source, loops = LOOP.subn("turns()", file.read_text(encoding="utf-8"))
    if loops != 1:
        raise InputError(
            f"{file} has {loops} loops 'for run in range(…)', where airbench has one",
            hint="check out airbench as of commit f1c599c, which this program knows",
        )
    return source


def words_of(name: str, choices: Sequence[str], cifar10: str) -> list[str]:
    """Give our recipe for a case and what differs from it, after all of ``--ours`` was read and loaded.

    Raises:
        InputError: when it names no case, or no good recipe.
    """
    chosen = {case: other.ours for case, other in CASES.items()}
    for choice in choices:
        case, _, recipe = choice.partition("=")
        if case not in CASES or not recipe.strip():
            raise InputError(f"--ours {choice!r}", hint="a case and a recipe, such as '94=cifar10 train.epochs=8'")
        chosen[case] = recipe
    if cifar10 and not Path(cifar10).expanduser().exists():
        raise InputError(
            f"no file or folder {cifar10}", hint="--cifar10 PATH: CIFAR-10 as images; without it, downloaded"
        )
    target, *changes = shlex.split(chosen[name])
    as_airbench = COMPILED if torch.cuda.is_available() else ()
    words = [target, *as_airbench, *changes, *WHOLE, *([f"data.path={cifar10}"] if cifar10 else [])]
    Recipe.load(words[0], words[1:])
    return words


def measure(name: str, file: Path, words: list[str], n: int, runs: MutableSequence[dict[str, Any]]) -> dict[str, Any]:
    """Train both sides in turns, until there are ``n`` runs of each; print a line per pair."""
    with tempfile.TemporaryDirectory(prefix="airbench-") as made:
        folder = Path(made)
        script = folder / file.name
        script.write_text(source_of(file), encoding="utf-8")
        put_images(data.load(Recipe.load(words[0], words[1:]).data), folder / "cifar10")
        print(f"{name}: both sides compile and warm up, which takes minutes", flush=True)
        with (
            working(OURS, [__file__, "--child", json.dumps(words)]) as ours,
            working(THEIRS, [str(Path(airbench_side.__file__).resolve()), str(script)], folder) as theirs,
        ):
            line = record.table(PAIRS)
            for number in range(1, n + 1):
                if number > len(runs):
                    turn = (ours, theirs) if number % 2 else (theirs, ours)
                    runs.append({worker.name: worker.ask(f"{FIRST_SEED + number - 1}") for worker in turn})
                figures = (runs[number - 1][side][key] for side in SIDES for key in ("accuracy", "seconds"))
                line(name, number, *figures)
            about, versions = ours.about, theirs.about["versions"]
    rows = {key: {side: [run[side][key] for run in runs[:n]] for side in SIDES} for key in runs[0][THEIRS]}
    return {
        "case": name,
        "recipe": " ".join(word for word in words if not word.startswith("data.path=")),
        **about,
        "versions": {**versions, file.name: f"sha256 {sha256(file)}"},
        "n": n,
        "seeds": [run[OURS]["seed"] for run in runs[:n]],
        "accuracies": rows["accuracy"],
        "accuracies_without_tta": rows["without_tta"],
        "seconds": rows["seconds"],
        "mean_interval": {side: mean_interval(rows["accuracy"][side]) for side in SIDES},
        "ratio": ratio_of_medians(*rows["seconds"].values()),
    }


def sha256(file: Path) -> str:
    """Give the first digits of a file's digest."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def summary(results: list[dict[str, Any]]) -> None:
    """Print what the pairs come to."""
    print()
    line = record.table(SUMS)
    for row in results:
        for side in SIDES:
            mean, seconds = (statistics.mean(row[key][side]) for key in ("accuracies", "seconds"))
            line(row["case"], side, row["n"], mean, *row["mean_interval"][side], seconds)
    print("from … to: the mean's 95 % interval")
    for row in results:
        ratio, low, high = row["ratio"]
        print(f"{row['case']}: ours is {ratio:.2f}x as fast (medians; 95 % interval {low:.2f} to {high:.2f})")


def put_images(splits: Any, folder: Path) -> None:
    """Write the images as airbench keeps them, where it looks for them.

    Raises:
        InputError: when they are not like CIFAR-10.
    """
    train, test = splits.train, splits.test
    if train.shape != (3, 32, 32) or len(train.classes) != 10:
        raise InputError(f"{train}: airbench's nets take ten classes of 3×32×32", hint="--cifar10: CIFAR-10 as images")
    folder.mkdir()
    # A folder's images come class by class, CIFAR-10's own files do not.
    put(train.take(np.random.default_rng(0).permutation(len(train))), folder / "train.pt")
    put(test, folder / "test.pt")


def put(images: ImageSet, file: Path) -> None:
    """Write images as (N, 32, 32, 3) uint8 with their labels, (N,) int64."""
    pixels = torch.from_numpy(images.images.transpose(0, 2, 3, 1).copy())
    labels = torch.from_numpy(images.labels.copy())
    torch.save({"images": pixels, "labels": labels, "classes": list(images.classes)}, file)


def our_side(words: list[str]) -> None:
    """Warm up as airbench does, on random labels; then train with each seed that a line names."""
    answer, recipe = answers(), Recipe.load(words[0], words[1:])
    splits = data.load(recipe.data)
    train, test = splits.train, splits.test
    plan = probe.decided(recipe, train)
    torch.backends.cudnn.benchmark = True  # as airbench
    workshop = Workshop()
    for _ in range(WARM_UPS):
        trained(recipe, randomly_labelled(train), test, plan, workshop)
    answer({"plan": plan.to_dict(), "data": f"{train.fingerprint}, {test.fingerprint}"})
    for seed in map(int, sys.stdin):
        answer({"seed": seed} | trained(recipe.replace(**{"train.seed": seed}), train, test, plan, workshop))


class InHalf(nn.Module):
    """A net that answers in half precision, as airbench tests; ours would test in float32."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images on a GPU to logits."""
        with torch.autocast("cuda", torch.float16):
            return self.net(images).float()  # views are summed in float32


def trained(recipe: Recipe, train: ImageSet, test: ImageSet, plan: Plan, workshop: Workshop) -> dict[str, float]:
    """Train and test on airbench's clock."""
    workshop.seconds = 0.0
    training = Training(recipe, train, None, plan)
    gpu = training.device.type == "cuda"
    torch.backends.cudnn.deterministic = False  # as airbench; a training of ours sets it
    if gpu:
        torch.cuda.synchronize()  # the images are there
    started = time.perf_counter()
    for _ in training.events():
        pass
    predictor = training.predictor()
    predictor.module = InHalf(predictor.module) if gpu else predictor.module
    accuracy = float((predictor.logits(test.images).argmax(1) == test.labels).mean())
    seconds = workshop.seconds + time.perf_counter() - started
    predictor.mirror, predictor.shift = False, 0
    plain = float((predictor.logits(test.images).argmax(1) == test.labels).mean())
    return {"accuracy": accuracy, "without_tta": plain, "seconds": seconds}


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Give the 95 % interval of a mean, by Student's t."""
    from scipy.stats import t  # here: it takes 0.7 s to import, and the sides need it not

    reach = float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.mean(values) - reach, statistics.mean(values) + reach


def ratio_of_medians(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Say how many times as fast ours is, with a 95 % interval: a bootstrap of turns, the pairs kept together."""
    turns = np.random.default_rng(0).integers(0, len(ours), (10_000, len(ours)))
    mine, others = (np.median(np.asarray(seconds)[turns], axis=1) for seconds in (ours, theirs))
    low, high = np.quantile(others / mine, (0.025, 0.975)).tolist()
    return statistics.median(theirs) / statistics.median(ours), low, high


def gpu_facts() -> str:
    """Tell driver and power limit, without which seconds say little."""
    if not shutil.which("nvidia-smi"):
        return ""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,power.limit,clocks.max.sm", "--format=csv,noheader"]
    return subprocess.run(query, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
