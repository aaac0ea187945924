"""Images to predict: whatever a person points at becomes the model's pixels, as at the import."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagette.core.errors import InputError
from imagette.data import unlabelled


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name, gray in (("b.png", 20), ("a.png", 10), ("in/c.png", 30)):
        Image.new("L", (4, 4), gray).save(tmp_path / name)
    return tmp_path


def test_files_folders_and_globs(pictures: Path) -> None:
    pixels, names = unlabelled.read([str(pictures / "in"), str(pictures / "[ab].png")], (1, 4, 4))
    assert sorted(int(image[0, 0, 0]) for image in pixels) == [10, 20, 30]
    assert [name.rpartition("/")[2] for name in sorted(names)] == ["a.png", "b.png", "c.png"]
    by_name = {Path(name).name: int(image[0, 0, 0]) for name, image in zip(names, pixels, strict=True)}
    assert by_name == {"a.png": 10, "b.png": 20, "c.png": 30}


def test_a_pixel_csv_without_labels(tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text("pixel1,pixel2,pixel3,pixel4\n1,2,3,4\n5,6,7,8\n")
    pixels, names = unlabelled.read([str(file)], (1, 2, 2))
    np.testing.assert_array_equal(pixels.reshape(2, 4), [[1, 2, 3, 4], [5, 6, 7, 8]])
    assert len(names) == 2


def test_a_csv_of_another_size_is_converted_as_files_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (8, 8), np.uint8)
    (tmp_path / "one.csv").write_text(",".join(map(str, image.ravel())) + "\n")
    Image.fromarray(image).save(tmp_path / "one.png")
    from_csv, _ = unlabelled.read([str(tmp_path / "one.csv")], (3, 4, 4))
    from_file, _ = unlabelled.read([str(tmp_path / "one.png")], (3, 4, 4))
    np.testing.assert_array_equal(from_csv, from_file)


def test_a_csv_of_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("path,label\n1.png,cat\n")
    with pytest.raises(InputError, match="a CSV of image files, not of pixels"):
        unlabelled.read([str(tmp_path / "a.csv")], (1, 4, 4))


def test_a_csv_among_several_paths_is_refused_as_what_it_is(pictures: Path) -> None:
    for name in ("x.csv", "y.CSV.gz"):
        (pictures / name).write_text("1,2,3,4\n")
    for others in (["x.csv", "y.CSV.gz"], ["a.png", "y.CSV.gz"]):
        with pytest.raises(InputError, match="is one of 2 paths") as caught:
            unlabelled.read([str(pictures / name) for name in others], (1, 2, 2))
        assert "one CSV at a time" in (caught.value.hint or "")


def test_a_csv_in_the_home_folder_is_found_as_a_picture_is(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(pictures))
    (pictures / "x.csv").write_text("a,b,c,d\n1,2,3,4\n")
    assert unlabelled.read(["~/x.csv"], (1, 2, 2))[0].ravel().tolist() == [1, 2, 3, 4]
    assert unlabelled.read(["~/a.png"], (1, 4, 4))[0].ravel().tolist() == [10] * 16


def test_nothing_found_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        unlabelled.read([str(tmp_path / "nowhere*.png")], (1, 4, 4))


@pytest.mark.parametrize("name", ["", "x" * 5000])
def test_what_can_be_no_file_is_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("L", (4, 4)).save("here.png")
    with pytest.raises(InputError, match=r"'' matches no image file|File name too long|'x+' matches no"):
        unlabelled.read([name], (1, 4, 4))
