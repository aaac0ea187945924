"""``imagette predict``: a digit as people draw it, dark on light, for a run that learned light ones on dark."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import imagette
from imagette.cli.main import main


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> imagette.Run:
    recipe = imagette.Recipe.load("digits", ["train.epochs=4", "train.threads=1"])
    return imagette.train(recipe, runs=tmp_path_factory.mktemp("runs"), progress=False)


@pytest.fixture(scope="module")
def drawings(run: imagette.Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write the same ten digits on dark and on light ground, as large pictures."""
    folders = {}
    for name, light in (("dark", False), ("light", True)):
        folders[name] = tmp_path_factory.mktemp(name)
        for number, image in enumerate(run.splits.test.images[:10, 0]):
            picture = Image.fromarray(255 - image if light else image)
            picture.resize((200, 200), Image.Resampling.NEAREST).save(folders[name] / f"{number}.png")
    return folders


def test_a_light_ground_is_said_where_the_run_learned_a_dark_one(
    run: imagette.Run, drawings: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(run.path), str(drawings["light"])]) == 0
    assert "lie on a light ground" in (said := capfd.readouterr().err)
    assert "--invert" in said
    assert main(["predict", str(run.path), str(drawings["dark"])]) == 0
    assert "ground" not in capfd.readouterr().err


def test_inverted_they_get_the_answers_of_the_dark_ones(
    run: imagette.Run, drawings: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(run.path), str(drawings["light"]), "--invert", "--format", "csv"]) == 0
    inverted = capfd.readouterr()
    assert "ground" not in inverted.err
    assert main(["predict", str(run.path), str(drawings["dark"]), "--format", "csv"]) == 0
    assert inverted.out.replace(str(drawings["light"]), "") == capfd.readouterr().out.replace(str(drawings["dark"]), "")


def test_transparency_is_not_turned_around(run: imagette.Run, tmp_path: Path) -> None:
    gray, opaque = run.splits.test.images[:40, 0], np.full_like(run.splits.test.images[:40, 0], 255)
    images, labels = np.stack([gray, opaque], -1), np.arange(40) % 2
    np.savez(tmp_path / "two.npz", x_train=images, y_train=labels, x_test=images[:4], y_test=labels[:4])
    recipe = imagette.Recipe.load(
        str(tmp_path / "two.npz"), ["train.epochs=1", "model.name=linear", "data.validation=0", "train.keep=last"]
    )
    two = imagette.train(recipe, runs=tmp_path, progress=False)
    pixels = images[:4].transpose(0, 3, 1, 2)
    light = np.stack([255 - pixels[:, 0], pixels[:, 1]], 1)
    assert two.predict(light, invert=True) == two.predict(pixels)


def test_two_csv_files_are_refused_without_a_word_of_image_formats(
    run: imagette.Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    for file in files:
        Path(file).write_text(",".join(["0"] * 64) + "\n")
    assert main(["predict", str(run.path), *files]) == 2
    assert "one CSV at a time" in (said := capfd.readouterr().err)
    assert "PNG" not in said
    assert main(["predict", str(run.path), files[0]]) == 0


def test_the_folder_of_a_run_is_all_that_has_to_be_handed_on(run: imagette.Run, tmp_path: Path) -> None:
    images = run.splits.test.images[:20]  # (N, 1, 8, 8)
    np.savez(tmp_path / "own.npz", images=np.tile(images[:, 0], (10, 1, 1)), labels=np.arange(200) % 4)
    recipe = imagette.Recipe.load(str(tmp_path / "own.npz"), ["train.epochs=1", "model.name=cnn", "train.threads=1"])
    own = imagette.train(recipe, runs=tmp_path / "runs", progress=False)
    expected = own.predict(images)
    given = shutil.move(own.path, tmp_path / "given")
    (tmp_path / "own.npz").unlink()
    for number, image in enumerate(images[:, 0]):
        Image.fromarray(image).save(tmp_path / f"{number:02}.png")
    command = [sys.executable, "-m", "imagette", "predict", given, f"{tmp_path}/*.png", "--format", "json"]
    elsewhere = os.environ | {"IMAGETTE_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/", env=elsewhere)
    assert [record["label"] for record in json.loads(done.stdout)] == [record["label"] for record in expected]
    loaded = imagette.load(given)
    assert loaded.predict(images) == expected
    facts = json.loads((given / "model.json").read_text())["preprocessing"]
    pixels = (torch.from_numpy(images).float() - facts["mean"][0]) / facts["std"][0]
    with torch.inference_mode():
        shares = loaded.predictor.module(pixels).softmax(1)
    written = [list(record["probabilities"].values()) for record in expected]
    torch.testing.assert_close(shares, torch.tensor(written), rtol=1e-3, atol=1e-4)
