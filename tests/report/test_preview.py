"""The picture of a labelled grid: made of the images themselves, whatever their classes are called."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from imagette.core.errors import EnvironmentFault
from imagette.data.imageset import ImageSet
from imagette.report.preview import save


def some(
    count: int, channels: int = 1, classes: tuple[str, ...] = ("cat", "dog"), value: int | None = None
) -> ImageSet:
    images = np.random.default_rng(0).integers(0, 256, (count, channels, 8, 8), np.uint8)
    if value is not None:
        images[:] = value
    labels = np.arange(count) % len(classes)
    return ImageSet(images, labels, classes, np.array([str(i) for i in range(count)], dtype=np.str_))


def pixels(path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def test_the_grid_has_its_rows_and_columns(tmp_path):
    save(some(100, value=0), tmp_path / "a.png", rows=2, columns=5)
    black = (pixels(tmp_path / "a.png") == 0).all(axis=2)
    # Runs of mostly black rows and columns are the images.
    starts = [np.sum(np.diff((black.mean(axis=axis) > 0.3).astype(int)) == 1) for axis in (1, 0)]
    assert starts == [2, 5]


def test_colour_stays_colour_and_gray_is_not_stretched(tmp_path):
    red = some(4, channels=3, value=0)
    red.images[:, 0] = 255
    save(red, tmp_path / "red.png", rows=1, columns=4)
    assert (pixels(tmp_path / "red.png") == [255, 0, 0]).all(axis=2).mean() > 0.2
    save(some(4, value=100), tmp_path / "gray.png", rows=1, columns=4)
    assert (pixels(tmp_path / "gray.png") == 100).all(axis=2).mean() > 0.2


@pytest.mark.parametrize("channels", [2, 4])
def test_transparency_is_shown_on_white(tmp_path, channels):
    black = some(8, channels=channels, value=0)
    black.images[:, -1, :4] = 255  # the upper half is opaque
    save(black, tmp_path / "a.png", rows=1, columns=8)
    shares = [(pixels(tmp_path / "a.png") == value).all(axis=2).mean() for value in (0, 255)]
    assert 0.2 < shares[0] < 0.4
    assert shares[1] > 0.5


def test_the_seed_decides(tmp_path):
    for name, seed in {"a": 0, "b": 0, "c": 1}.items():
        save(some(50), tmp_path / f"{name}.png", rows=1, columns=3, seed=seed)
    a, b, c = (pixels(tmp_path / f"{name}.png") for name in "abc")
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_every_image_stands_under_the_name_of_its_own_class(tmp_path, monkeypatch):
    brightness = np.arange(0, 240, 20, np.uint8)
    images = np.broadcast_to(brightness[:, None, None, None], (12, 1, 8, 8)).copy()
    twelve = ImageSet(images, np.arange(12), tuple(f"gray {value}" for value in brightness), brightness.astype(str))
    drawn, savefig = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), savefig(self, *a, **k)))
    save(twelve, tmp_path / "a.png", rows=2, columns=6)
    titles = [axis.get_title() for axis in drawn[0].axes]
    assert titles == [f"gray {axis.images[0].get_array().max()}" for axis in drawn[0].axes]
    assert sorted(titles) == sorted(twelve.classes)


@pytest.mark.parametrize("count", [0, 1, 3, 17])
def test_fewer_images_than_places(tmp_path, monkeypatch, count):
    drawn, savefig = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), savefig(self, *a, **k)))
    save(some(count), tmp_path / "a.png")
    assert sum(len(axis.images) for axis in drawn[0].axes) == count


def test_names_are_text_and_nothing_else(tmp_path, recwarn):
    names = ("$x^{$", "a\nb", "\\frac{1}{2}", "猫" * 50, "<b>", "\x1b[31m")
    save(some(12, classes=names), tmp_path / "a.png", rows=2, columns=6, title="$\\alpha_$")
    assert not recwarn.list


def test_what_could_disturb_is_shown_escaped(tmp_path):
    for name, classes in {"raw": ("a\nb",), "escaped": ("a\\nb",)}.items():
        save(some(2, classes=classes), tmp_path / f"{name}.png", title="x")
    assert np.array_equal(pixels(tmp_path / "raw.png"), pixels(tmp_path / "escaped.png"))


def test_a_file_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault):
        save(some(2), tmp_path / "file" / "a.png")
