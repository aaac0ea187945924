"""imagette runs: how the runs of a folder stand."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import imagette
from imagette.cli.output import percent
from imagette.runs.folder import RunFolder


def test_list_shows_state_epochs_and_figures(call, trained, tmp_path) -> None:
    shutil.copytree(trained.path, tmp_path / "digits-1")
    (tmp_path / "broken-1").mkdir()
    (tmp_path / "broken-1" / "status.json").write_text("{")
    lines = [line.split() for line in call("runs", "list", "--runs", tmp_path).out.splitlines()]
    assert lines[0] == ["run", "state", "epoch", "validation", "test"]
    assert lines[1] == ["broken-1", "damaged"]
    figures = [percent(trained.summary[part]["accuracy"]) for part in ("validation", "test")]
    assert " ".join(lines[2]) == " ".join(["digits-1 finished 2 of 2", *figures])


def test_the_home_folder_is_meant_also_after_an_equals_sign(call, trained, nowhere, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(nowhere / "home"))
    shutil.copytree(trained.path, nowhere / "home" / "runs" / "digits-1")
    assert "digits-1" in call("runs", "list", "--runs=~/runs").out
    for words in (["data", "preview", "digits", "--out=~/a.png"], ["models", "show", "lenet", "--graph=~/b.png"]):
        assert call(*words).code == 0
    assert {file.name for file in (nowhere / "home").iterdir()} >= {"runs", "a.png", "b.png"}
    assert [file.name for file in nowhere.iterdir()] == ["home"]


def test_a_killed_run_is_told_from_one_that_runs(call, trained, tmp_path) -> None:
    here = os.uname().nodename
    for name, host in (("a-1", here), ("a-2", here), ("a-3", "elsewhere")):
        shutil.copytree(trained.path, tmp_path / name)
        # The number of the process is this one's: that of a killed one is another's soon, after a reboot at once.
        status = {**trained.status, "state": "running", "pid": os.getpid(), "host": host}
        (tmp_path / name / "status.json").write_text(json.dumps(status))
    with RunFolder(tmp_path / "a-2").lock():
        lines = call("runs", "list", "--runs", tmp_path).out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["a-1", "killed"], ["a-2", "running"], ["a-3", "running"]]
    assert "running on elsewhere" in lines[3]


def test_an_empty_folder_says_what_to_do(call, nowhere) -> None:
    assert call("runs", "list").out == "no runs in runs; train one: imagette train digits\n"


def test_show_has_the_figures_and_a_row_an_epoch(call, trained) -> None:
    out = call("runs", "show", trained.path).out
    assert "finished" in out
    assert percent(trained.summary["test"]["accuracy"]) in out
    assert f"{trained.summary['model']['parameters']:,} parameters" in out
    table = out.split("\n\n")[1].splitlines()
    assert [line.split()[0] for line in table] == ["epoch", "1", "2"]
    for line, row in zip(table[1:], trained.history, strict=True):
        assert line.split()[2] == f"{row['train_loss']:.4g}"
        assert line.endswith("best so far") == row["best"]


def test_show_and_page_name_the_epoch_whose_weights_were_kept(call, nowhere) -> None:
    spoiled = ("train.epochs=3", "schedule.name=multistep", "schedule.milestones=[2]", "schedule.gamma=1000")
    assert call("train", "digits", *spoiled, "train.monitor=val_loss", "model.name=linear", "--quiet").code == 0
    assert imagette.load("digits-1").summary["best_epoch"] == 2
    assert "the weights of epoch 2\n" in call("runs", "show", "digits-1").out
    assert "3, kept the best (epoch 2)" in Path("runs/digits-1/report.html").read_text()


def test_show_of_an_unfinished_run(call, trained, tmp_path) -> None:
    folder = tmp_path / "digits-1"
    shutil.copytree(trained.path, folder)
    (folder / "summary.json").unlink()
    answer = call("runs", "show", folder)
    assert answer.code == 0
    assert [line.split() for line in answer.out.splitlines() if line.startswith("test")] == [["test", "accuracy"]]
