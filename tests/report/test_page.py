"""The page and the pictures of a run: whole, self-contained, and harmless whatever the names hold."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image
from torch import nn

import imagette
from imagette.core.errors import InputError
from imagette.report import page, pictures, plots

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), "")
if Path(BROWSER).resolve().is_relative_to("/snap"):  # which sees no temporary files
    BROWSER = ""
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> imagette.Run:
    """Train for one epoch on noise: nearly every test image is a mistake. One class name is markup."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    arrays = {"images": rng.integers(0, 256, (200, 8, 8), np.uint8), "labels": np.arange(200) % 4}
    np.savez(folder / "own.npz", **arrays, classes=np.array(["$a_b$", HOSTILE, "c", "d"]))
    spec = imagette.Recipe.load(str(folder / "own.npz"), ["train.epochs=1", "model.name=linear", "train.threads=1"])
    run = imagette.train(spec, runs=folder / "runs", progress=False)
    page.save(run)
    return run


def test_the_plots_are_pictures(run: imagette.Run) -> None:
    for name in ("network", "curves", "confusion"):
        with Image.open(run.path / "plots" / f"{name}.png") as picture:
            assert picture.format == "PNG"
            assert picture.width > 600
            assert picture.height > 200


def test_a_run_of_very_many_classes_has_a_page(tmp_path: Path) -> None:
    images, labels = np.random.default_rng(0).integers(0, 256, (1001, 4, 4), np.uint8), np.arange(1001)
    arrays = {"x_train": images, "y_train": labels, "x_test": images[:9], "y_test": labels[:9]}
    np.savez(tmp_path / "many.npz", **arrays)
    asked = ["train.epochs=1", "model.name=linear", "train.threads=1", "data.validation=0", "train.keep=last"]
    run = imagette.train(imagette.Recipe.load(str(tmp_path / "many.npz"), asked), runs=tmp_path, progress=False)
    page.save(run)
    assert run.summary["test"]["confusion"] is None
    assert {file.stem for file in (run.path / "plots").iterdir()} == {"network", "curves"}
    assert "confusion matrix" not in (run.path / "report.html").read_text()


def test_the_page_says_which_epoch_was_kept_and_what_the_test_images_were_used_for(tmp_path: Path) -> None:
    asked = ["train.epochs=4", "model.name=linear", "train.threads=1", "train.keep=last"]
    asked += ["train.monitor=val_loss", "optim.lr=3", "schedule.name=constant"]  # the first epoch is the best
    run = imagette.train(imagette.Recipe.load("digits", [*asked, "evaluate.shift=1"]), runs=tmp_path, progress=False)
    assert run.summary["best_epoch"] < 4
    longer = imagette.extend(run.path, 1, progress=False)
    page.save(run), page.save(longer)
    assert "4, kept the last (epoch 4)" in (run.path / "report.html").read_text()
    assert "3 of every image, averaged" in (run.path / "report.html").read_text()
    assert "had been tested before" not in (run.path / "report.html").read_text()
    assert "had been tested before" in (longer.path / "report.html").read_text()


@pytest.mark.filterwarnings("error")
def test_letters_that_no_font_here_has_are_no_warning(tmp_path: Path) -> None:
    arrays = {"images": np.random.default_rng(0).integers(0, 256, (80, 8, 8), np.uint8), "labels": np.arange(80) % 2}
    np.savez(tmp_path / "own.npz", **arrays, classes=np.array(["猫", "\U0001f415"]))
    asked = ["train.epochs=1", "model.name=linear", "train.threads=1"]
    run = imagette.train(imagette.Recipe.load(str(tmp_path / "own.npz"), asked), runs=tmp_path, progress=False)
    assert plots.save(run)


def test_the_page_holds_the_figures_and_a_picture_of_each_mistake(run: imagette.Run) -> None:
    html = (run.path / "report.html").read_text()
    test = run.summary["test"]
    assert f"{test['accuracy']:.2%}" in html
    assert all(f"{row['recall']:.2%}" in html for row in test["per_class"])
    wrong = test["n"] - round(test["accuracy"] * test["n"])
    assert html.count("<figure>") == min(wrong, page.MISTAKES) > 0


def test_a_mistake_is_shown_with_its_own_picture_and_with_what_it_was_taken_for(run: imagette.Run) -> None:
    figures = re.findall(
        r'<figure><img alt="" src="data:image/png;base64,([^"]*)"><figcaption>(.*?)</figcaption>',
        (run.path / "report.html").read_text(),
        re.DOTALL,
    )
    with (run.path / "mistakes.csv").open() as file:
        rows = list(csv.DictReader(file))
    pixels = dict(zip(run.splits.test.ids.tolist(), run.splits.test.images[:, 0], strict=True))
    assert len(figures) == len(rows) > 10
    for (picture, caption), row in zip(figures, rows, strict=True):
        with Image.open(io.BytesIO(base64.b64decode(picture))) as shown:
            np.testing.assert_array_equal(np.asarray(shown), pixels[row["id"]])
        words = " ".join(unescape(re.sub(r"<[^>]*>", "", caption)).split())
        assert words == f"{row['predicted']} {float(row['probability']):.2%} is {row['label']} · {row['id']}"


@pytest.mark.parametrize("channels", [2, 4])
def test_mistakes_are_shown_on_white(tmp_path: Path, channels: int) -> None:
    images = np.zeros((100, 8, 8, channels), np.uint8)
    images[:, :4, :, -1] = 255  # the upper half is opaque, and all is black
    np.savez(tmp_path / "own.npz", images=images, labels=np.arange(100) % 4)
    spec = imagette.Recipe.load(str(tmp_path / "own.npz"), ["train.epochs=1", "model.name=linear", "train.threads=1"])
    html = page.save(imagette.train(spec, runs=tmp_path / "runs", progress=False)).read_text()
    pictures = re.findall(r'<figure><img alt="" src="data:image/png;base64,([^"]*)"', html)
    assert pictures
    for picture in pictures:
        with Image.open(io.BytesIO(base64.b64decode(picture))) as shown:
            assert shown.mode == ("L" if channels == 2 else "RGB")
            assert np.unique(np.asarray(shown)[:4]).tolist() == [0]
            assert np.unique(np.asarray(shown)[4:]).tolist() == [255]


def test_a_page_is_made_whatever_the_users_own_settings_of_matplotlib_are(run: imagette.Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "digits-1", ignore=shutil.ignore_patterns("plots"))
    with mpl.rc_context({"text.usetex": True}):  # where there may be no TeX
        page.save(imagette.load(tmp_path / "digits-1"))
    for name in ("confusion.png", "network.png"):
        assert (tmp_path / "digits-1" / "plots" / name).stat().st_size > 5_000


def test_a_row_of_the_drawn_matrix_is_a_true_class_and_its_numbers_stand_in_their_cells() -> None:
    figure = plots.confusion(np.array([[6, 2], [0, 10]]), ("cat", "dog"))
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0.25], [0, 1]])
    assert {text.get_position(): text.get_text() for text in axes.texts} == {(0, 0): "6", (1, 0): "2", (1, 1): "10"}
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["cat", "dog"]
    assert axes.get_title() == "16 of 18 test images right"


def test_the_curves_are_those_of_the_runs_history(run: imagette.Run) -> None:
    figure = plots.curves(run)
    for axes, what in zip(figure.axes, ("loss", "accuracy"), strict=True):
        assert axes.get_title() == what
        assert {line.get_label(): list(zip(*line.get_data(), strict=True)) for line in axes.lines} == {
            label: [(row["epoch"], row[f"{part}_{what}"]) for row in run.history]
            for label, part in (("training", "train"), ("validation", "val"))
        }


def test_curves_without_validation_do_not_name_it(tmp_path: Path) -> None:
    recipe = imagette.Recipe.load("digits", ["data.validation=0", "train.keep=last", "train.epochs=1"])
    figure = plots.curves(imagette.train(recipe, runs=tmp_path, progress=False))
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["training"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("classes", [[f"{'long' * 30} {i}" for i in range(4)], [str(i) for i in range(1200)]])
def test_a_confusion_matrix_leaves_room_for_itself(classes: list[str], tmp_path: Path) -> None:
    with mpl.rc_context(plots.STYLE):
        figure = plots.confusion(np.eye(len(classes), dtype=int), tuple(classes))
        pictures.write(tmp_path / "confusion.png", figure)
    (axes, _) = figure.axes
    assert axes.get_position().width > 0.4
    assert len(axes.get_xticklabels()) <= 100


def test_a_mistake_keeps_its_picture_when_files_are_renamed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part, count in (("train", 20), ("test", 10)):
        for name in "ab":
            (folder := tmp_path / "own" / part / name).mkdir(parents=True)
            for i in range(count):
                Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(folder / f"{i:03}.png")
    asked = ["train.epochs=1", "model.name=linear", "train.threads=1"]
    run = imagette.train(imagette.Recipe.load(str(tmp_path / "own"), asked), runs=tmp_path / "runs", progress=False)
    before = page.save(run).read_text()
    for name in "ab":
        for i in reversed(range(10)):
            (tmp_path / "own/test" / name / f"{i:03}.png").rename(tmp_path / "own/test" / name / f"{i + 1:03}.png")
    assert "<figure>" in before
    assert page.save(imagette.load(run.path)).read_text() == before


def test_the_page_says_the_level_by_which_its_interval_was_computed(tmp_path: Path) -> None:
    asked = ["train.epochs=1", "model.name=linear", "train.threads=1", "evaluate.confidence=0.9"]
    run = imagette.train(imagette.Recipe.load("digits", asked), runs=tmp_path, progress=False)
    file = run.path / "recipe.toml"
    file.write_text(file.read_text().replace("confidence = 0.9", "confidence = 0.5"))
    assert "90 % interval" in page.save(imagette.load(run.path)).read_text()


def test_the_page_shows_the_plots(run: imagette.Run) -> None:
    html = (run.path / "report.html").read_text()
    for name in ("network", "curves", "confusion"):
        assert base64.b64encode((run.path / "plots" / f"{name}.png").read_bytes()).decode() in html


def test_a_network_that_cannot_be_drawn_costs_no_page(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    many = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), *(nn.Identity() for _ in range(1000)))
    recipe = imagette.Recipe.load("digits", ["train.epochs=1", "train.threads=1", "data.limit=200"])
    run = imagette.train(recipe, model=many, runs=tmp_path, progress=False)
    html = page.save(run).read_text()
    assert "the network could not be drawn: a network of 1,003 layers" in capfd.readouterr().err
    assert f"{run.summary['test']['accuracy']:.2%}" in html
    assert "<h2>The network</h2>" not in html
    assert {file.name for file in (run.path / "plots").iterdir()} == {"curves.png", "confusion.png"}


def test_one_thread_is_one_thread(run: imagette.Run) -> None:
    html = (run.path / "report.html").read_text()
    assert "; cpu, float32, 1 thread</td>" in html or "; cpu, bfloat16, 1 thread</td>" in html


def test_the_page_loads_nothing_from_anywhere(run: imagette.Run) -> None:
    html = (run.path / "report.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_markup_in_a_class_name_is_inert(run: imagette.Run) -> None:
    html = (run.path / "report.html").read_text()
    assert HOSTILE not in html
    assert "&lt;script&gt;" in html


def test_a_run_without_figures_is_said(tmp_path: Path) -> None:
    stream = imagette.stream(imagette.Recipe.load("digits", ["model.name=linear", "train.threads=1"]), runs=tmp_path)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"summary\.json is missing"):
        page.save(imagette.load(tmp_path / "digits-1"))


@pytest.mark.skipif(not BROWSER, reason="no chromium")
@pytest.mark.parametrize("width", [500, 1280])
def test_a_browser_shows_the_whole_page_and_asks_nobody_for_anything(
    run: imagette.Run, tmp_path: Path, width: int
) -> None:
    """A script that is put into a copy of the page writes down what the browser made of it."""
    watch = """<script>
      const said = []; addEventListener("error", e => said.push(String(e.message))); window.alert = t => said.push(t)
      addEventListener("load", () => { document.title = JSON.stringify({
        said, pictures: [...document.images].map(i => i.naturalWidth), asked: performance.getEntriesByType("resource")
          .map(e => e.name).filter(n => !n.startsWith("data:")),
        wide: document.documentElement.scrollWidth - innerWidth, width: innerWidth }) })
    </script>"""
    page = (run.path / "report.html").read_text().replace("<head>", f"<head>{watch}", 1)
    (tmp_path / "watched.html").write_text(page)
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += [f"--window-size={width},900", "--virtual-time-budget=5000", "--dump-dom"]
    command += [(tmp_path / "watched.html").as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    found = json.loads(unescape(re.search(r"<title>(.*?)</title>", shown, re.DOTALL)[1]))
    assert found["pictures"]
    assert all(found["pictures"])
    assert (found["said"], found["asked"], found["wide"] <= 0) == ([], [], True), found
    assert found["width"] == width
