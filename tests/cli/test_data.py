"""imagette data: the catalog, fetching, and the picture of a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagette.data.catalog import entry
from imagette.data.fetch import fetch

NAMES = ["mnist", "fashion-mnist", "kmnist", "cifar10", "cifar100", "digits"]


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """Give a folder with eight pictures of each of two classes, whose names are markup and mathematics."""
    rng = np.random.default_rng(0)
    for name in ("[red]cat", "$\\frac$"):
        (tmp_path / "animals" / name).mkdir(parents=True)
        for i in range(8):
            Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8)).save(tmp_path / "animals" / name / f"{i}.png")
    return tmp_path / "animals"


def test_list_names_the_catalog_and_what_is_here(call, nowhere, monkeypatch) -> None:
    monkeypatch.setenv("IMAGETTE_CACHE", str(nowhere))
    lines = call("data", "list").out.splitlines()
    assert sorted(line.split()[0] for line in lines[1:]) == sorted(NAMES)
    assert [line.split()[0] for line in lines if line.endswith("here")] == ["digits"]


@pytest.mark.parametrize("name", NAMES)
def test_show_names_licence_and_classes(call, name) -> None:
    out = call("data", "show", name).out
    facts = dict(line.split("  ", 1) for line in out.splitlines())
    known = entry(name)
    assert (facts["licence"].strip(), facts["citation"].strip()) == (known.licence, known.citation)
    assert all(f" {each}" in out for each in known.classes)


def test_show_counts_the_classes_of_your_own(call, animals) -> None:
    lines = [line.split() for line in call("data", "show", animals).out.splitlines()]
    assert lines[0] == ["images", "of", "3x12x12"]
    rows = {words[0]: list(map(int, words[1:])) for words in lines[2:]}
    assert rows["all"] == [sum(column) for column in zip(rows["[red]cat"], rows["$\\frac$"], strict=True)]
    assert sum(rows["all"]) == 16


def test_get_says_what_it_got(call) -> None:
    train, test = fetch("digits")
    out = call("data", "get", "digits").out
    assert f"{len(train):,} images, fingerprint {train.fingerprint}" in out
    assert f"{len(test):,} images, fingerprint {test.fingerprint}" in out
    assert f"source    {train.provenance['source']}" in out


def test_verify(call, nowhere, monkeypatch) -> None:
    assert call("data", "verify", "digits").code == 0
    monkeypatch.setenv("IMAGETTE_CACHE", str(nowhere))
    answer = call("data", "verify", "mnist")
    assert (answer.code, "nothing of it is kept" in answer.err) == (2, True)
    kept = nowhere / "catalog" / "mnist" / "publisher.npz"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"no zip file")
    answer = call("data", "verify", "mnist")
    assert (answer.code, "DAMAGED" in answer.err, "imagette data get mnist" in answer.err) == (3, True, True)


def test_offline_is_the_machine(call, nowhere, monkeypatch) -> None:
    monkeypatch.setenv("IMAGETTE_CACHE", str(nowhere))
    monkeypatch.setenv("IMAGETTE_OFFLINE", "1")
    answer = call("data", "get", "mnist")
    assert answer.code == 3
    assert answer.err.startswith("error: ")


def test_a_wrong_division_is_named(call) -> None:
    answer = call("data", "get", "fashion-mnist", "--division", "kagle")
    assert answer.code == 2
    assert "did you mean 'kaggle'?" in answer.err


def test_preview_draws_a_grid(call, nowhere) -> None:
    answer = call("data", "preview", "digits", "--rows", 6, "--columns", 2)
    assert (answer.code, answer.out) == (0, "digits-preview.png\n"), answer.err
    with Image.open(nowhere / "digits-preview.png") as picture:
        assert picture.format == "PNG"
        assert picture.height > picture.width


def test_a_preview_is_a_png(call, nowhere) -> None:
    answer = call("data", "preview", "no-such-images", "--out", "a.jpg")  # said before any image is read
    assert (answer.code, list(nowhere.iterdir())) == (2, [])
    assert "let it end in .png" in answer.err


def test_preview_takes_any_class_name(call, animals, tmp_path) -> None:
    answer = call("data", "preview", animals, "--out", tmp_path / "new" / "grid.png")
    assert answer.code == 0, answer.err
    assert (tmp_path / "new" / "grid.png").is_file()


def test_preview_where_nothing_can_be_written_is_the_machine(call) -> None:
    answer = call("data", "preview", "digits", "--out", "/proc/grid.png")
    assert answer.code == 3
    assert "/proc/grid.png" in answer.err


def test_what_was_published_cannot_be_changed_by_a_recipe(call) -> None:
    answer = call("data", "show", "digits", "bogus.key=1")
    assert answer.code == 2
    assert "'bogus.key=1' changes a recipe" in answer.err
