"""Images with transparency, from the file to the answer: learned where it is kept, harmless where it says nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import imagette

AUGMENTED = ("augment.brightness=0.2", "augment.contrast=0.2", "augment.cutout=3", "augment.rotation=5")


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Give real digits (1797, 16, 16) uint8 and their classes."""
    small, classes = load_digits(return_X_y=True)
    large = (small.reshape(-1, 8, 8) * 15.9).astype(np.uint8).repeat(2, axis=1).repeat(2, axis=2)
    return large, classes


def trained(path: Path, *overrides: str) -> imagette.Run:
    recipe = imagette.Recipe.load(str(path), ["train.threads=1", "train.epochs=4", *overrides])
    return imagette.train(recipe, runs=path.parent / "runs", progress=False)


def test_a_picture_with_transparency_is_answered_as_its_pixels_are(tmp_path: Path) -> None:
    shapes, classes = digits()
    noise = np.random.default_rng(0).integers(0, 256, (*shapes.shape, 3), np.uint8)
    pixels = np.concatenate((noise, shapes[..., None]), axis=3)  # the digit is what is opaque
    np.savez(tmp_path / "own.npz", images=pixels, labels=classes)
    run = trained(tmp_path / "own.npz", *AUGMENTED)
    assert run.predictor.preprocessing.shape == (4, 16, 16)
    assert run.summary["test"]["accuracy"] > 0.8  # the noise alone: 0.1
    (tmp_path / "drawings").mkdir()
    for i in range(3):
        Image.fromarray(pixels[i]).save(tmp_path / "drawings" / f"{i}.png")
    from_array = run.predict(pixels[:3].transpose(0, 3, 1, 2))
    from_folder = run.predict(tmp_path / "drawings")
    assert [answer["probabilities"] for answer in from_folder] == [answer["probabilities"] for answer in from_array]
    opaque = pixels[:1] | np.array([0, 0, 0, 255], np.uint8)
    Image.fromarray(opaque[0, ..., :3]).save(tmp_path / "opaque.png")
    found, expected = run.predict(tmp_path / "opaque.png"), run.predict(opaque.transpose(0, 3, 1, 2))
    assert found[0]["probabilities"] == expected[0]["probabilities"]


@pytest.fixture(scope="module")
def white(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give class folders of zeros and ones, white on clear: nothing but the transparency tells them apart."""
    folder = tmp_path_factory.mktemp("white") / "pictures"
    shapes, classes = digits()
    for i in np.flatnonzero(classes < 2):
        file = folder / str(classes[i]) / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        white = np.full((*shapes[i].shape, 3), 255, np.uint8)
        Image.fromarray(np.concatenate((white, shapes[i][..., None]), axis=2)).save(file)
    return folder


def test_classes_that_only_transparency_tells_apart_are_learned_with_it(white: Path) -> None:
    run = trained(white, "data.channels=rgba", *AUGMENTED)
    assert run.predictor.preprocessing.shape == (4, 16, 16)
    assert run.summary["test"]["accuracy"] > 0.95


def test_they_are_not_learned_without_it(white: Path) -> None:
    run = trained(white)
    assert run.splits.train.images.min() == 255
    assert run.summary["test"]["accuracy"] < 0.6


@pytest.mark.parametrize(("channels", "clear"), [(2, 0), (3, 0), (4, 20)])
def test_transparency_that_says_next_to_nothing_disturbs_nothing(tmp_path: Path, channels: int, clear: int) -> None:
    """Gray digits in channels that are all the same, opaque but for a few images: they are learned as gray ones are."""
    shapes, classes = digits()
    pixels = np.repeat(shapes[..., None], channels, axis=3)
    if channels != 3:
        pixels[..., -1] = 255
        pixels[:clear, :12, :12, -1] = 0
    np.savez(tmp_path / "own.npz", images=pixels, labels=classes)
    assert trained(tmp_path / "own.npz").summary["test"]["accuracy"] > 0.9
