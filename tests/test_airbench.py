"""The benchmark against airbench: the images as its loader takes them, a process that runs its file, clear refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch

import airbench
import questions
import record
from imagette.core.errors import InputError
from imagette.data import load as data
from imagette.engine.loop import Training
from imagette.recipe.schema import Data, Recipe
from worker import Worker

# What airbench's files do as far as this benchmark sees it: read their own source, take the images from where they
# lie, normalise them with torchvision, warm up, train 200 times, and print a table with the figures of each training.
STRANGER = """
import sys
with open(sys.argv[0]) as f:
    code = f.read()
import torch
import torchvision
import torchvision.transforms as T

def columns(cells):
    print("".join("|  %s  " % cell for cell in cells) + "|")

seen = []

def main(run):
    seen.append(run)
    train, test = (torch.load(f"cifar10/{part}.pt") for part in ("train", "test"))
    images = (train["images"].half() / 255).permute(0, 3, 1, 2).to(memory_format=torch.channels_last)
    mean, std = torch.tensor((0.5, 0.4, 0.3)), torch.tensor((0.2, 0.1, 0.4))
    normal = T.Normalize(mean, std)(images)
    expected = (images.float() - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)
    assert normal.dtype == torch.half and torch.allclose(normal.float(), expected, atol=0.02)
    assert normal.is_contiguous(memory_format=torch.channels_last)
    columns([str(run).rjust(6), "    1", "0.9000", "0.8000", "           ", "      1.0000"])
    columns(["      ", " eval", "0.9000", "0.8000", "0.900%d     " % len(seen), "      CLOCK"])
    if run == FAILS:
        raise RuntimeError("out of memory")
    return 0.9

if __name__ == "__main__":
    columns(["run   ", "epoch", "train_acc", "val_acc", "tta_val_acc", "SECONDS"])
    main("warmup")
    accs = torch.tensor([main(run) for run in range(200)])
"""
ALONE = ["train.device=cpu", "train.threads=1"]
TINY = ["cifar10", *ALONE, "model.widths=[4,4]", "train.epochs=3", "train.batch_size=20", *airbench.WHOLE]


def stranger(folder: Path, seconds: str = "time_seconds", fails: int = -1) -> Path:
    """Write a program that behaves as airbench's."""
    file = folder / "airbench94_muon.py"
    text = STRANGER.replace("SECONDS", seconds).replace("CLOCK", "2.5000").replace("FAILS", str(fails))
    file.write_text(text)
    return file


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Give a file of images like CIFAR-10's, class by class, as a folder's are."""
    random = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 200), ("test", 50)):
        labels = np.sort(np.arange(n) % 10)
        noise = random.integers(0, 120, (n, 32, 32, 3))  # much of it, so that the seed decides how many are right
        arrays |= {f"x_{part}": (noise + 15 * labels[:, None, None, None]).astype(np.uint8), f"y_{part}": labels}
    file = tmp_path / "images.npz"
    np.savez(file, **arrays)
    return file


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, airbench.__file__, *map(str, arguments)]
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=hidden)


def labelled(pixels: np.ndarray, labels: np.ndarray) -> set[tuple[bytes, int]]:
    """Give each image with its label, whatever their order."""
    return {(image.tobytes(), label) for image, label in zip(pixels, labels.tolist(), strict=True)}


def test_the_images_lie_as_airbenchs_loader_takes_them(images: Path, tmp_path: Path) -> None:
    splits = data.load(Data(path=str(images), validation=0))
    airbench.put_images(splits, tmp_path / "cifar10")
    for part, given in (("train", splits.train), ("test", splits.test)):
        found = torch.load(tmp_path / "cifar10" / f"{part}.pt")  # weights only: no object of ours
        assert found["images"].shape == (len(given), 32, 32, 3)
        assert (found["images"].dtype, found["labels"].dtype) == (torch.uint8, torch.int64)
        assert found["classes"] == list(given.classes)
        theirs = labelled(found["images"].numpy(), found["labels"].numpy())
        assert theirs == labelled(given.images.transpose(0, 2, 3, 1), given.labels)
        first = found["labels"][:20].tolist()
        assert len(set(first)) > 5 if part == "train" else first == given.labels[:20].tolist()


def test_images_that_are_not_like_cifar10_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ten classes of 3×32×32"):
        airbench.put_images(data.load(Data(name="digits")), tmp_path / "cifar10")


def test_both_sides_train_in_turns_and_the_page_shows_it(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*TINY, f"data.path={images}"]
    figures = {"accuracy": 0.9, "without_tta": 0.25, "seconds": 2.5}
    monkeypatch.setattr(record, "JOURNALS", tmp_path)
    journal = record.Journal("airbench", "94")
    journal.append({"ours": {"seed": 100, **figures}, "airbench": figures})  # of a measurement that was stopped
    row = airbench.measure("94", stranger(tmp_path), words, 3, journal)
    assert row["accuracies"]["airbench"] == [0.9, 0.9003, 0.9004]  # its warm-up and its first are not counted
    assert row["accuracies_without_tta"]["airbench"] == [0.25, 0.8, 0.8]
    assert row["seconds"]["airbench"] == [2.5, 2.5, 2.5]
    assert row["seeds"] == [100, 101, 102]
    assert row["accuracies"]["ours"] == [0.9, *(accuracy_of(words, seed) for seed in (101, 102))]
    assert len(journal) == 3
    assert all(0 < seconds < 60 for seconds in row["seconds"]["ours"])
    assert row["plan"]["threads"] == 1
    assert str(images) not in json.dumps(row)
    airbench.summary([row])
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in said if line.endswith(" 2.500")][:3] == [["94", f"{n}"] for n in (1, 2, 3)]
    assert f"ours is {row['ratio'][0]:.2f}x as fast" in said[-1]
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    record.save("airbench", [row], rounds=3, versions=row["versions"])
    assert "| 94 % | airbench | 3 | 90.0" in questions.texts(tmp_path)["benchmarks.md"]


def accuracy_of(words: list[str], seed: int) -> float:
    """Train by ourselves."""
    recipe = Recipe.load(words[0], [*words[1:], f"train.seed={seed}"])
    splits = data.load(recipe.data)
    training = Training(recipe, splits.train, None)
    list(training.events())
    return float((training.predictor().predict(splits.test.images).labels == splits.test.labels).mean())


def test_the_seconds_of_airbench96_have_another_name(images: Path, tmp_path: Path) -> None:
    file = stranger(tmp_path, "total_time_seconds")
    with answering(file, images, tmp_path) as worker:
        assert worker.ask("run") == {"accuracy": 0.9003, "without_tta": 0.8, "seconds": 2.5}


def test_what_ends_airbench_is_said(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(stranger(tmp_path, fails=1), images, tmp_path) as worker, pytest.raises(SystemExit) as ended:
        worker.ask("run")
    assert "airbench ended with code 1" in str(ended.value)
    assert "RuntimeError: out of memory" in str(ended.value)


def answering(file: Path, images: Path, folder: Path) -> AbstractContextManager[Worker]:
    """Start airbench's side alone."""
    script = folder / "changed.py"
    script.write_text(airbench.source_of(file))
    airbench.put_images(data.load(Data(path=str(images), validation=0)), folder / "cifar10")
    return airbench.working("airbench", [airbench.airbench_side.__file__, str(script)], folder)


def test_only_the_number_of_trainings_is_changed(tmp_path: Path) -> None:
    file = stranger(tmp_path)
    assert airbench.source_of(file).replace("turns()", "range(200)") == file.read_text()


def test_ratio_and_mean_have_intervals() -> None:
    ratio, low, high = airbench.ratio_of_medians([1.0, 1.1, 0.9, 1.0, 1.2], [2.0, 2.2, 1.8, 2.1, 2.4])
    assert ratio == 2.1
    assert 1.9 < low < ratio <= high < 2.3
    assert airbench.mean_interval([0.93, 0.94, 0.95]) == pytest.approx((0.94 - 0.02484, 0.94 + 0.02484), abs=1e-5)
    assert airbench.mean_interval([0.94, 0.94]) == (0.94, 0.94)


def test_without_a_gpu_it_says_so(tmp_path: Path) -> None:
    stranger(tmp_path)
    ended = run("--airbench", tmp_path, "94")
    assert ended.returncode == 3
    assert ended.stderr.startswith("airbench.py: airbench needs an NVIDIA GPU, and torch finds none here\n  hint: ")
    assert "Traceback" not in ended.stderr


def test_without_a_clone_it_says_how_to_get_one(tmp_path: Path) -> None:
    ended = run("--airbench", tmp_path)
    assert ended.returncode == 2
    assert f"no file {tmp_path / 'airbench94_muon.py'}" in ended.stderr
    assert "git clone https://github.com/KellerJordan/cifar10-airbench" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_that_is_not_known_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "airbench94_muon.py"
    file.write_text("print('something else')")
    with pytest.raises(InputError, match=r"0 loops(.|\n)*commit f1c599c"):
        airbench.source_of(file)


@pytest.mark.parametrize(
    ("choices", "cifar10", "said"),
    [
        ([], "nowhere", "no file or folder nowhere"),
        (["95=cifar10"], "", "a case and a recipe, such as"),
        (["94="], "", "a case and a recipe, such as"),
        (["94=cifar10 train.epoch=3"], "", "did you mean 'epochs'"),
    ],
)
def test_what_cannot_be_used_is_refused(choices: list[str], cifar10: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        airbench.words_of("94", choices, cifar10)
    assert said in str(refused.value)


def test_another_recipe_of_ours_is_taken_for_its_case_alone(tmp_path: Path) -> None:
    choices = ["94=cifar10-balanced train.epochs=8"]
    given = airbench.words_of("94", choices, str(tmp_path))
    given = [word for word in given if word not in airbench.COMPILED]  # which a machine with a GPU adds
    assert given == ["cifar10-balanced", "train.epochs=8", *airbench.WHOLE, f"data.path={tmp_path}"]
    assert airbench.words_of("96", choices, "")[0] == "cifar10-airbench96"
