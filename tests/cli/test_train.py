"""From a recipe to a tested run, on from there, and back to the same figures: on the embedded digits."""

from __future__ import annotations

import csv
import io
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import imagette
from imagette.engine import device
from imagette.engine.events import EpochDone


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of three real digits as PNG files, one with markup in its name."""
    folder = tmp_path_factory.mktemp("pictures")
    images = (load_digits().images * 255 / 16).round().astype(np.uint8)  # (N, 8, 8)
    for name, image in zip(("a.png", "b.png", "[bold]c.png"), images, strict=False):
        Image.fromarray(image).save(folder / name)
    return folder


def test_train_ends_with_figure_place_and_next_commands(call, nowhere) -> None:
    answer = call(
        "train", "digits", "train.epochs=1", "model.name=linear", "train.threads=1", "--runs", "my runs", "--quiet"
    )
    assert (answer.code, answer.err) == (0, "")
    run = imagette.load("my runs/digits-1")
    assert run.recipe.train.epochs == 1
    figures = run.summary["test"]
    first, *rest = answer.out.splitlines()
    assert first == (
        f"test accuracy  {100 * figures['accuracy']:.2f} % (95 % interval {100 * figures['accuracy_low']:.2f} % "
        f"to {100 * figures['accuracy_high']:.2f} %, {figures['n']} images)"
    )
    assert rest[:2] == ["run            my runs/digits-1", "page           my runs/digits-1/report.html"]
    assert (run.path / "report.html").is_file()
    assert (run.path / "plots" / "network.png").is_file()
    assert [line.split("  ")[1] for line in rest[4:]] == [
        "imagette test 'my runs/digits-1'",
        "imagette predict 'my runs/digits-1' IMAGES...",
        "imagette extend 'my runs/digits-1' --epochs 1",
    ]


def test_what_is_tried_next_after_an_annealing_is_no_extension(call, nowhere) -> None:
    constant = ("model.name=linear", "train.threads=1", "schedule.name=constant", "train.epochs=1", "--quiet")
    assert "imagette extend runs/digits-1" in call("train", "digits", *constant).out
    annealed = call("extend", "runs/digits-1", "--epochs", 1, "--anneal", "--quiet")
    assert "imagette test runs/digits-2" in annealed.out
    assert "imagette extend" not in annealed.out


def test_without_quiet_progress_goes_to_stderr(call, nowhere) -> None:
    answer = call("train", "digits", "train.epochs=1", "model.name=linear", "train.threads=1")
    first = answer.err.splitlines()[0]
    assert first.startswith(f"training in runs/digits-1: cpu ({device.describe()['cpu']['name']}), ")
    assert first.endswith(", 1 thread, 1 epoch")
    assert "epoch 1/1" in answer.err
    assert "epoch 1/1" not in answer.out
    assert (nowhere / "runs" / "digits-1" / "summary.json").is_file()


def test_test_measures_what_the_summary_says(call, trained) -> None:
    figures = json.loads(call("test", trained.path, "--json").out)
    assert figures == trained.summary["test"]


def test_test_shows_every_class_and_the_pairs(call, trained) -> None:
    figures, out = trained.summary["test"], call("test", trained.path).out
    assert f"accuracy           {100 * figures['accuracy']:.2f} % (95 % interval" in out
    lines = [line.split() for line in out.splitlines()]
    for row in figures["per_class"]:
        precision = "-" if row["precision"] is None else f"{100 * row['precision']:.2f}"
        assert any(words[:3] == [row["name"], str(row["support"]), precision] for words in lines), row
    a, b, count = figures["most_confused"][0]
    assert [a, b, str(count)] in lines


def test_extend_makes_a_longer_run_beside_the_first(call, trained) -> None:
    before = {file: file.read_bytes() for file in trained.path.rglob("*") if file.is_file()}
    answer = call("extend", trained.path, "--epochs", 3, "--factor", 0.5, "--quiet")
    assert answer.code == 0, answer.err
    place = Path(answer.out.splitlines()[1].split(maxsplit=1)[1])
    recipe = imagette.load(place).recipe
    assert place.parent == trained.path.parent
    assert recipe.train.epochs == 5
    assert recipe.schedule.restart_factor == 0.5
    assert {file: file.read_bytes() for file in before} == before


def test_resume_of_a_finished_run_says_so(call, trained) -> None:
    answer = call("resume", trained.path)
    assert answer.code == 0
    assert "is finished" in answer.err
    assert answer.out.startswith("test accuracy  ")


def test_a_page_that_cannot_be_written_is_said_and_the_training_is_done_all_the_same(call, trained, nowhere) -> None:
    shutil.copytree(trained.path, "digits-1", ignore=shutil.ignore_patterns("plots"))
    Path("digits-1/plots").touch()  # where the pictures' folder would be
    answer = call("resume", "digits-1", "--quiet")
    assert answer.code == 0
    assert "the page of digits-1 could not be written: digits-1/plots/" in answer.err
    assert [line.split("  ")[0] for line in answer.out.splitlines()[:3]] == ["test accuracy", "run", ""]


def test_a_reader_who_leaves_after_a_line_costs_no_page(nowhere) -> None:
    command = [sys.executable, "-m", "imagette", "train", "digits", "train.epochs=1", "model.name=linear", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        process.wait()
    assert (nowhere / "runs/digits-1/report.html").is_file()
    assert (nowhere / "runs/digits-1/plots/confusion.png").is_file()


def test_a_learning_rate_that_diverges_is_4(call, nowhere) -> None:
    answer = call("train", "digits", "model.name=cnn", "train.threads=1", "optim.name=sgd", "optim.lr=1e30", "--quiet")
    assert answer.code == 4
    assert answer.err.startswith("error: ")
    assert call("runs", "list").out.splitlines()[1].split()[:2] == ["digits-1", "diverged"]
    cause = answer.err.splitlines()[0].removeprefix("error: ")
    assert cause in call("runs", "show", "digits-1").out
    told = call("test", "digits-1").err
    assert "digits-1 has no model.json: the " in told
    assert "imagette resume" not in told


def test_ctrl_c_saves_and_is_75_and_resume_goes_on(call, nowhere) -> None:
    command = [
        sys.executable,
        "-m",
        "imagette",
        "train",
        "digits",
        "model.name=linear",
        "train.threads=1",
        "train.epochs=12",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        while "epoch 1/" not in (line := child.stderr.readline()):
            assert line, child.stderr.read()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 75
    assert out == ""
    assert "hint: go on with: imagette resume runs/digits-1" in err
    assert "Traceback" not in err
    listed = call("runs", "list").out.splitlines()[1].split()
    assert listed[:2] == ["digits-1", "interrupted"]
    resumed = call("resume", "runs/digits-1", "--quiet")
    assert (resumed.code, resumed.err) == (0, "")
    assert "12 of 12" in call("runs", "list").out


@pytest.mark.parametrize("top", [1, 3])
def test_predict_says_the_same_in_three_formats(call, trained, pictures, top) -> None:
    expected = trained.predict(str(pictures))
    words = ("predict", trained.path, pictures, "--top", top)
    records = json.loads(call(*words, "--format", "json").out)
    assert [(r["id"], r["label"], r["probability"]) for r in records] == [
        (e["id"], e["label"], e["probability"]) for e in expected
    ]
    for record, answer in zip(records, expected, strict=True):
        best = sorted(answer["probabilities"].values(), reverse=True)[:top]
        assert [entry["probability"] for entry in record["top"]] == best

    rows = list(csv.DictReader(io.StringIO(call(*words, "--format", "csv").out)))
    assert [(row["id"], row["label"], float(row["probability"])) for row in rows] == [
        (r["id"], r["label"], r["probability"]) for r in records
    ]
    assert len(rows[0]) == 1 + 2 * top

    table = call(*words)
    assert table.err == ""
    for record in records:
        assert record["id"] in table.out
        assert f"{100 * record['probability']:.2f} %" in table.out


def test_predict_takes_files_and_patterns(call, trained, pictures) -> None:
    answer = call("predict", trained.path, pictures / "a.png", pictures / "b*.png", "--format", "json")
    assert [Path(record["id"]).name for record in json.loads(answer.out)] == ["a.png", "b.png"]


def test_predict_leaves_out_what_cannot_be_read_if_asked_to(call, trained, pictures, nowhere) -> None:
    shutil.copy(pictures / "a.png", nowhere / "a.png")
    (nowhere / "text.png").write_bytes(b"no image")
    refused = call("predict", trained.path, "*.png")
    assert (refused.code, refused.out) == (2, "")
    assert "--skip-unreadable" in refused.err
    answer = call("predict", trained.path, "*.png", "--skip-unreadable", "--format", "json")
    assert [record["id"] for record in json.loads(answer.out)] == ["a.png"]
    assert "left out: text.png" in answer.err


def test_a_folder_without_pictures_is_2(call, trained, nowhere) -> None:
    (nowhere / "empty").mkdir()
    answer = call("predict", trained.path, "empty")
    assert (answer.code, answer.out) == (2, "")
    assert "empty" in answer.err


@pytest.mark.parametrize(("name", "content"), [("missing.png", None), ("text.png", b"no image"), ("empty.png", b"")])
def test_a_picture_that_cannot_be_read_is_2(call, trained, nowhere, name, content) -> None:
    if content is not None:
        (nowhere / name).write_bytes(content)
    answer = call("predict", trained.path, name)
    assert (answer.code, answer.out) == (2, "")
    assert name in answer.err


def test_a_value_given_as_an_option_is_shown_as_it_is_written(call) -> None:
    answer = call("train", "digits", "--batch-size", "2")
    assert answer.code == 2
    assert "KEY=VALUE: train.batch_size=VALUE" in answer.err
    assert "KEY=VALUE" not in call("train", "digits", "--bogus").err


def test_a_training_that_was_stopped_is_finished_with_what_it_learned(call, nowhere) -> None:
    recipe = imagette.Recipe.load("digits", ["train.epochs=40", "model.name=linear", "train.threads=1"])
    stream = imagette.stream(recipe)
    next(event for event in stream if isinstance(event, EpochDone))
    stream.close()
    assert "--finish" in call("predict", "runs/digits-1", "x.png").err
    answer = call("resume", "runs/digits-1", "--finish", "--quiet")
    assert (answer.code, answer.err) == (0, "")
    assert "test accuracy" in answer.out
    assert imagette.load("runs/digits-1").summary["epochs"] == 1


def test_an_extension_lies_where_it_is_asked_to(call, trained, tmp_path) -> None:
    (tmp_path / "file").touch()
    answer = call("extend", trained.path, "--epochs", 1, "--runs", tmp_path / "file" / "runs", "--quiet")
    assert answer.code == 3
    assert "cannot be written" in answer.err
    assert call("extend", trained.path, "--epochs", 1, "--runs", tmp_path / "mine", "--quiet").code == 0
    assert imagette.load(tmp_path / "mine" / "digits-1").summary["epochs"] == 3


def test_a_training_that_was_stopped_ends_after_as_many_epochs_as_are_asked_for(call, nowhere) -> None:
    linear = ("train.epochs=40", "schedule.name=constant", "model.name=linear", "train.threads=1")
    stream = imagette.stream(imagette.Recipe.load("digits", linear))
    next(event for event in stream if isinstance(event, EpochDone))
    stream.close()
    answer = call("resume", "runs/digits-1", "--epochs", 2, "--quiet")
    assert (answer.code, answer.err) == (0, "")
    assert imagette.load("runs/digits-1").summary["epochs"] == 2
