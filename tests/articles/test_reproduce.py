"""``imagette reproduce``: trains no more than it must, goes on where it was, and writes what it measured."""

from __future__ import annotations

import csv
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import imagette
from imagette.articles import table
from imagette.articles.reproduce import reproduce
from imagette.core.errors import Diverged, EnvironmentFault, InputError
from imagette.core.locks import exclusive
from imagette.engine.events import EpochDone
from imagette.runs.folder import run_paths


def names(root: Path) -> list[str]:
    return [path.name for path in run_paths(root)]


@pytest.fixture(scope="module")
def ladder(large_digits: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[table.Row]]:
    root = tmp_path_factory.mktemp("ladder")
    return root, reproduce(["a1"], corrected=True, epochs=2, data=large_digits, runs=root, progress=False)


def test_the_table_holds_what_the_runs_measured(ladder: tuple[Path, list[table.Row]]) -> None:
    root, rows = ladder
    assert names(root) == ["a1-1-1", "a1-1-corrected-1", "a1-2-1", "a1-3-1", "a1-4-1"]
    for row in rows:
        assert row.as_published is not None
        run = imagette.load(root / row.as_published.run)
        assert row.as_published.figures["test"]["accuracy"] == run.summary["test"]["accuracy"]
        assert row.as_published.figures["train"]["accuracy"] == run.history[-1]["train_accuracy"]
        assert row.as_published.history["train_loss"] == [epoch["train_loss"] for epoch in run.history]
        assert row.as_published.confused == [tuple(pair) for pair in run.summary["test"]["most_confused"][:3]]
        recalls = {share["name"]: share["recall"] for share in run.summary["test"]["per_class"]}
        worst, recall = row.as_published.worst[0]
        assert recall == recalls[worst] == min(recalls.values())
    with (root / "articles.csv").open() as file:
        cells = list(csv.DictReader(file))
    assert [line["id"] for line in cells] == ["a1-1", "a1-2", "a1-3", "a1-4"]
    assert [line["published"] for line in cells] == ["test 85.79", "test 92.1", "-", "test 99.05"]
    assert {line["epochs"] for line in cells} == {"2 of 100", "2 of 10"}
    accuracy = imagette.load(root / "a1-2-1").summary["test"]["accuracy"]
    assert f"{100 * accuracy:.2f} (" in cells[1]["as published"]
    assert (root / "articles.md").read_text().count("\n") == 2 + len(rows)
    assert table.load(root / "articles.json") == rows


def test_the_cost_of_a_trap_is_the_difference_of_two_measured_figures(ladder: tuple[Path, list[table.Row]]) -> None:
    root, (row, *_) = ladder
    published, mended = (imagette.load(root / name).summary["test"] for name in ("a1-1-1", "a1-1-corrected-1"))
    assert f"{abs(100 * (mended['accuracy'] - published['accuracy'])):.2f} points" in row.cost()


@pytest.mark.parametrize(
    ("published", "mended", "said"),
    [
        ((0.80, 0.79, 0.81), (0.90, 0.89, 0.91), "costs 10.00 points"),
        ((0.90, 0.89, 0.91), (0.80, 0.79, 0.81), "gains 10.00 points"),
        ((0.80, 0.78, 0.82), (0.81, 0.79, 0.83), "no clear cost, +1.00 points"),
    ],
)
def test_a_trap_costs_where_the_mended_recipe_does_better(
    ladder: tuple[Path, list[table.Row]], published: tuple[float, ...], mended: tuple[float, ...], said: str
) -> None:
    row = ladder[1][0]
    assert row.as_published
    assert row.corrected
    names = ("accuracy", "accuracy_low", "accuracy_high")
    sides = [
        replace(side, figures={"test": dict(zip(names, figures, strict=True))})
        for side, figures in ((row.as_published, published), (row.corrected, mended))
    ]
    assert said in replace(row, as_published=sides[0], corrected=sides[1]).cost()


def test_trainings_of_different_length_are_not_compared(ladder: tuple[Path, list[table.Row]]) -> None:
    (row, *_) = ladder[1]
    assert row.as_published is not None
    longer = replace(row, corrected=replace(row.as_published, epochs=7, seconds=1000.0))
    assert longer.cost().endswith("not comparable after 2 and 7 epochs")
    line = dict(zip(table.HEADINGS, longer.cells(), strict=True))
    assert line["epochs"] == "2 / 7 of 100"
    assert line["s/epoch"].endswith(" / 1000.0")
    other = replace(row, corrected=replace(row.as_published, fingerprints={"test": "of other images, called alike"}))
    assert other.cost().endswith("not comparable on different images")


def test_every_run_has_its_page(ladder: tuple[Path, list[table.Row]]) -> None:
    assert all((path / "report.html").stat().st_size > 10_000 for path in run_paths(ladder[0]))


def test_the_curves_are_a_picture(ladder: tuple[Path, list[table.Row]]) -> None:
    with Image.open(ladder[0] / "a1.png") as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 300


def test_a_second_call_trains_nothing(ladder: tuple[Path, list[table.Row]], large_digits: dict[str, str]) -> None:
    root, rows = ladder
    before = names(root)
    assert reproduce(["a1"], corrected=True, epochs=2, data=large_digits, runs=root, progress=False) == rows
    assert names(root) == before


def test_a_training_serves_both_ways_of_measuring_it(large_digits: dict[str, str], tmp_path: Path) -> None:
    (row,) = reproduce(["a0"], corrected=True, epochs=1, data=large_digits, runs=tmp_path, progress=False)
    assert names(tmp_path) == ["a0-1"]
    assert row.as_published is not None
    assert row.corrected is not None
    imagette.train(
        imagette.Recipe.load("a0-corrected", ["train.epochs=1"]).replace(**{"data.path": large_digits["mnist"]}),
        runs=tmp_path / "alone",
        progress=False,
    )
    alone = imagette.load(tmp_path / "alone" / "a0-corrected-1")
    assert row.corrected.figures["test"]["accuracy"] == alone.summary["test"]["accuracy"]
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("a0-1", "alone/a0-corrected-1"))
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_a_second_phase_goes_on_from_the_first_and_is_the_whole_training(
    large_digits: dict[str, str], tmp_path: Path
) -> None:
    recipe = imagette.Recipe.load("a2-2", ["train.epochs=7", "schedule.restarts=[5]"])
    recipe = recipe.replace(**{"data.path": large_digits["fashion-mnist"]})
    whole = imagette.train(recipe, runs=tmp_path / "whole", progress=False)
    first = imagette.Recipe.load("a2-1", ["train.epochs=5"]).replace(**{"data.path": large_digits["fashion-mnist"]})
    parent = imagette.train(first, runs=tmp_path, progress=False)
    (row,) = reproduce(["a2-2"], epochs=7, data=large_digits, runs=tmp_path, progress=False)
    assert row.as_published is not None
    second = imagette.load(tmp_path / row.as_published.run)
    assert second.environment["extends"] == str(parent.path)
    ours, theirs = (load_file(run.path / "model.safetensors") for run in (second, whole))
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def phases(data: str) -> list[imagette.Recipe]:
    """Give the recipes of A2 as ``reproduce(epochs=7)`` adapts them."""
    first, whole = (imagette.Recipe.load("a2-2", [f"train.epochs={n}", f"schedule.restarts={at}"]) for n, at in
                    ((5, "[]"), (7, "[5]")))  # fmt: skip
    first = first.replace(**{"name": "a2-1", "schedule.restart_factor": 1.0})
    return [recipe.replace(**{"data.path": data}) for recipe in (first, whole)]


def test_a_second_phase_that_never_had_a_checkpoint_begins_again(large_digits: dict[str, str], tmp_path: Path) -> None:
    parent = imagette.train(phases(large_digits["fashion-mnist"])[0], runs=tmp_path, progress=False)
    lost = imagette.extend(parent.path, 2, factor=0.1, progress=False)
    shutil.rmtree(lost.folder.checkpoints)  # as a full disk leaves it
    (lost.path / "summary.json").unlink()
    lost.folder.set_status(state="failed")
    (row,) = reproduce(["a2-2"], epochs=7, data=large_digits, runs=tmp_path, progress=False)
    assert row.as_published is not None
    assert row.as_published.run == "a2-1-3"
    assert row.as_published.epochs == 7


def test_a_first_phase_without_a_checkpoint_is_trained_again_with_the_second(
    large_digits: dict[str, str], tmp_path: Path
) -> None:
    parent = imagette.train(phases(large_digits["fashion-mnist"])[0], runs=tmp_path, progress=False)
    shutil.rmtree(parent.folder.checkpoints)
    (row,) = reproduce(["a2-2"], epochs=7, data=large_digits, runs=tmp_path, progress=False)
    assert row.as_published is not None
    assert (row.as_published.run, row.as_published.epochs) == ("a2-2-1", 7)


def test_one_epoch_has_no_second_phase(large_digits: dict[str, str], tmp_path: Path) -> None:
    rows = reproduce(["a2"], epochs=1, data=large_digits, runs=tmp_path, progress=False)
    assert [row.as_published and row.as_published.epochs for row in rows] == [1, 1]


def test_a_warm_up_fits_into_fewer_epochs(large_digits: dict[str, str], tmp_path: Path) -> None:
    (row,) = reproduce(["a3-9-corrected"], epochs=1, data=large_digits, runs=tmp_path, progress=False)
    assert row.corrected is not None
    assert row.corrected.epochs == 1


def test_the_table_keeps_what_an_earlier_call_measured(large_digits: dict[str, str], tmp_path: Path) -> None:
    for ids, corrected in ((["a1-1"], True), (["a1-2"], False), (["a1-1"], False)):
        rows = reproduce(ids, corrected=corrected, epochs=1, data=large_digits, runs=tmp_path, progress=False)
    first, second = table.load(tmp_path / "articles.json")
    assert (first.system.id, second.system.id) == ("a1-1", "a1-2")
    assert first.corrected is not None
    assert second.as_published is not None
    assert rows == [first]  # what is printed says the same as the file


@pytest.mark.parametrize("text", ["", "[", "{}", "[{}]", '[{"system": {"id": "a1-1", "colour": 1}}]'])
def test_a_damaged_table_is_named_before_anything_is_trained(
    text: str, large_digits: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "articles.json").write_text(text)
    with pytest.raises(InputError, match=r"articles\.json: not a table"):
        reproduce(["a1-2"], epochs=1, data=large_digits, runs=tmp_path, progress=False)
    assert (tmp_path / "articles.json").read_text() == text
    assert names(tmp_path) == []


def test_a_run_without_its_history_does_not_keep_back_the_others(large_digits: dict[str, str], tmp_path: Path) -> None:
    reproduce(["a1-2"], epochs=1, data=large_digits, runs=tmp_path, progress=False)
    (tmp_path / "a1-2-1" / "metrics.csv").unlink()
    with pytest.raises(InputError, match=r"(?s)1 of the trainings.*a1-2: .*metrics.csv"):
        reproduce(["a1-2", "a1-3"], epochs=1, data=large_digits, runs=tmp_path, progress=False)
    assert names(tmp_path) == ["a1-2-1", "a1-3-1"]


@pytest.mark.parametrize("name", ["a4", "a1-3"])  # the best weights are kept, or the last ones
def test_a_history_that_has_lost_an_epoch_is_said(large_digits: dict[str, str], tmp_path: Path, name: str) -> None:
    reproduce([name], epochs=2, data=large_digits, runs=tmp_path, progress=False)
    file = tmp_path / f"{name}-1" / "metrics.csv"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:2]))
    with pytest.raises(InputError, match=r"(?s)1 of the trainings.*metrics.csv: missing, or without all of its 2 ep"):
        reproduce([name], epochs=2, data=large_digits, runs=tmp_path, progress=False)


@pytest.mark.parametrize(("second", "epochs"), [("a0-corrected", 1), ("a2-2", 7)])
def test_a_training_that_serves_two_systems_is_waited_for(
    large_digits: dict[str, str], tmp_path: Path, second: str, epochs: int
) -> None:
    images = large_digits["fashion-mnist"]
    whole = imagette.Recipe.load("a0").replace(**{"train.epochs": 1, "data.path": images})
    first = whole if second == "a0-corrected" else phases(images)[0]
    events = imagette.stream(first, runs=tmp_path)
    next(events)
    with pytest.raises(InputError, match=r"another process is training .*, which serves here too"):
        reproduce([second], epochs=epochs, data=large_digits, runs=tmp_path, progress=False)
    events.close()  # type: ignore[attr-defined]
    assert len(names(tmp_path)) == 1


def test_images_that_were_replaced_are_not_given_an_old_figure(large_digits: dict[str, str], tmp_path: Path) -> None:
    own = tmp_path / "own.npz"
    shutil.copyfile(large_digits["mnist"], own)
    reproduce(["a1-2"], epochs=1, data={"mnist": str(own)}, runs=tmp_path, progress=False)
    arrays = dict(np.load(own))
    np.savez(own, **arrays | {"x_train": 255 - arrays["x_train"]})
    with pytest.raises(InputError, match="have changed"):
        reproduce(["a1-2"], epochs=1, data={"mnist": str(own)}, runs=tmp_path, progress=False)


def test_home_is_where_the_runs_are_looked_for(
    large_digits: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for _ in range(2):
        reproduce(["a1-2"], epochs=1, data=large_digits, runs="~/kept", progress=False)
    assert names(tmp_path / "kept") == ["a1-2-1"]
    assert (tmp_path / "kept" / "articles.md").is_file()


def test_a_first_phase_that_was_finished_early_is_none(large_digits: dict[str, str], tmp_path: Path) -> None:
    short = imagette.Recipe.load("a2-1", ["train.epochs=5"]).replace(**{"data.path": large_digits["fashion-mnist"]})
    for event in imagette.stream(short, runs=tmp_path):
        if isinstance(event, EpochDone):
            break
    imagette.resume(tmp_path / "a2-1-1", finish=True, progress=False)
    reproduce(["a2-2"], epochs=7, data=large_digits, runs=tmp_path, progress=False)
    assert len(imagette.load(tmp_path / "a2-2-1").history) == 7
    assert names(tmp_path) == ["a2-1-1", "a2-2-1"]
    reproduce(["a2-2"], epochs=7, data=large_digits, runs=tmp_path, progress=False)
    assert names(tmp_path) == ["a2-1-1", "a2-2-1"]


def test_a_system_of_its_articles_name_is_meant_alone_and_files_of_your_own_are_called_so(tmp_path: Path) -> None:
    folder, draw = tmp_path / "fashion-mnist", np.random.default_rng(0)
    for number in range(30):
        file = folder / f"{number % 3}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (28, 28), np.uint8)).save(file)
    data = {"fashion-mnist": str(folder)}
    (row,) = reproduce(["a4"], epochs=1, data=data, runs=tmp_path / "runs", progress=False)
    assert row.system.id == "a4"
    assert row.cells()[1].startswith("fashion-mnist (own files), ")


def test_the_training_accuracy_is_of_the_weights_that_were_tested(large_digits: dict[str, str], tmp_path: Path) -> None:
    worse = {"train.epochs": 2, "schedule.restarts": (1,), "schedule.restart_factor": 1000.0}
    recipe = imagette.Recipe.load("a1-4", ["train.keep=best", "data.validation=0.1"]).replace(**worse)
    run = imagette.train(recipe.replace(**{"data.path": large_digits["mnist"]}), runs=tmp_path, progress=False)
    best, last = (row["train_accuracy"] for row in run.history)
    assert best != last
    assert table.Measured.of(run).figures["train"]["accuracy"] == best


def test_a_training_that_diverged_is_told_and_not_tried_again(large_digits: dict[str, str], tmp_path: Path) -> None:
    recipe = imagette.Recipe.load("a1-2", ["train.epochs=1"]).replace(**{"data.path": large_digits["mnist"]})
    with pytest.raises(Diverged):
        imagette.train(recipe.replace(**{"optim.lr": 1e38}), runs=tmp_path, progress=False)
    page = tmp_path / "a1-2-1" / "recipe.toml"
    page.write_text(page.read_text().replace("1e+38", "0.001").replace("1e38", "0.001"))
    with pytest.raises(Diverged, match=r"(?s)1 of the trainings.*a1-2"):
        reproduce(["a1-2"], epochs=1, data=large_digits, runs=tmp_path, progress=False)
    assert names(tmp_path) == ["a1-2-1"]


def test_what_cannot_be_had_does_not_keep_back_the_others(tmp_path: Path, large_digits: dict[str, str]) -> None:
    only = {"mnist": large_digits["mnist"]}
    with pytest.raises(EnvironmentFault, match=r"(?s)1 of the trainings.*a4: Fashion-MNIST could not be had.*articles"):
        reproduce(["a1-2", "a4", "a4-variant"], epochs=1, data=only, runs=tmp_path, progress=False)
    lines = (tmp_path / "articles.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| a1-2", "| a4", "| a4-variant"]
    assert "not run" in lines[3]
    assert "| 0 of 25 |" in lines[3]


def test_a_stopped_reproduction_goes_on_where_it_was(tmp_path: Path, large_digits: dict[str, str]) -> None:
    command = [sys.executable, "-m", "imagette", "reproduce", "a1-3", "a1-4", "--runs", str(tmp_path)]
    command += ["--data", f"mnist={large_digits['mnist']}", "--quiet"]
    process = subprocess.Popen([*command, "--epochs", "100"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*/checkpoints/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    message = process.communicate(timeout=60)[1]
    assert process.returncode == 75, message
    assert "the same command goes on" in message
    first = imagette.load(tmp_path / "a1-3-1")
    assert first.status["state"] == "interrupted"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert names(tmp_path) == ["a1-3-1", "a1-4-1"]
    assert len(first.history) == 100
    assert "a1-4" in done.stdout


def test_what_another_process_trains_is_left_to_it(tmp_path: Path, large_digits: dict[str, str]) -> None:
    with (
        exclusive(tmp_path / ".a1-3.lock", "a1-3"),
        pytest.raises(InputError, match=r"1 of the trainings(.|\n)*a1-3 in .* is in use by"),
    ):
        reproduce(["a1-3", "a1-4"], epochs=1, data=large_digits, runs=tmp_path, progress=False)
    assert names(tmp_path) == ["a1-4-1"]
    reproduce(["a1-3", "a1-4"], epochs=1, data=large_digits, runs=tmp_path, progress=False)
    assert names(tmp_path) == ["a1-3-1", "a1-4-1"]


def test_a_table_is_written_by_one_process_at_a_time(ladder: tuple[Path, list[table.Row]], tmp_path: Path) -> None:
    _, rows = ladder
    with ThreadPoolExecutor(1) as pool, exclusive(tmp_path / ".lock", "the table"):
        other = pool.submit(table.save, rows[:1], tmp_path)
        time.sleep(0.2)
        assert not (tmp_path / "articles.json").exists()
    assert other.result() == rows[:1]
