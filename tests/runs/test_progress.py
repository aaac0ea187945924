"""A training before a person's eyes: what a narrow terminal and a notebook show of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

import imagette
from imagette.engine.events import EpochDone
from processes import on_a_terminal

PROGRAM = """
import sys, imagette
recipe = imagette.Recipe.load("digits", ["train.epochs=3", "train.threads=1", "train.log_every=1"])
imagette.train(recipe, runs=sys.argv[1])
"""


def test_eighty_columns_show_the_time_that_remains(tmp_path: Path) -> None:
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", on_a_terminal(PROGRAM, tmp_path, columns=80)[0])
    bars = [line for line in re.split(r"[\r\n]+", shown) if "images/s" in line and "━" in line]
    assert bars
    assert all(re.search(r"images/s +(\d+:\d\d:\d\d|-:--:--)$", line) for line in bars)


def test_a_training_that_is_done_but_not_tested_stands_at_its_last_epoch(tmp_path: Path) -> None:
    stream = imagette.stream(imagette.Recipe.load("digits", ["train.epochs=3", "train.threads=1"]), runs=tmp_path)
    for event in stream:
        if isinstance(event, EpochDone) and event.epoch == 3:
            break
    stream.close()  # type: ignore[attr-defined]
    program = "import sys, imagette; imagette.resume(sys.argv[1] + '/digits-1')"
    shown = on_a_terminal(program, tmp_path, columns=80)[0]
    assert "3/3" in shown
    assert "4/3" not in shown


def test_a_rate_that_falls_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plateau = ("schedule.name=plateau", "schedule.patience=0", "schedule.threshold=0.9", "optim.lr=0.01")
    recipe = imagette.Recipe.load("digits", [*plateau, "train.epochs=2", "train.threads=1", "model.name=linear"])
    imagette.train(recipe, runs=tmp_path)
    *_, last, said = capsys.readouterr().err.splitlines()
    assert last.startswith("epoch 2/2  loss ")
    assert said == "learning rate 0.01 → 0.005: val_accuracy has not improved for 1 epoch"


def test_a_resume_says_where_it_goes_on_and_that_the_machine_is_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = imagette.Recipe.load("digits", ["train.epochs=2", "train.threads=1", "model.name=linear"])
    stream = imagette.stream(recipe, runs=tmp_path)
    done = next(event for event in stream if isinstance(event, EpochDone))
    stream.close()  # type: ignore[attr-defined]
    file = tmp_path / "digits-1" / "environment.json"
    facts = json.loads(file.read_text())
    name, facts["packages"]["torch"], facts["cpu"]["name"] = facts["cpu"]["name"], "0.0", "Z80"
    file.write_text(json.dumps(facts))
    imagette.resume(tmp_path / "digits-1")
    changed, opening, *_ = capsys.readouterr().err.splitlines()
    instructions = facts["cpu"]["instructions"]
    assert changed == (
        f"not bit-identical to an undisturbed run: torch 0.0 then, {torch.__version__} now; "
        f"processor Z80 ({instructions}) then, {name} ({instructions}) now"
    )
    assert opening.startswith(f"training in {tmp_path / 'digits-1'}, from step {done.step}: cpu")


def test_a_notebook_shows_the_figures_of_a_run(tmp_path: Path) -> None:
    recipe = imagette.Recipe.load("digits", ["train.epochs=1", "model.name=linear"])
    run = imagette.train(recipe, runs=tmp_path / "<mine>", progress=False)
    table = run._repr_html_()
    assert f"{run.summary['test']['accuracy']:.2%}" in table
    assert "&lt;mine&gt;" in table
    assert "<mine>" not in table
    unfinished = imagette.stream(recipe, runs=tmp_path)
    path = next(unfinished).path  # type: ignore[union-attr]
    assert "running" in imagette.load(path)._repr_html_()
    unfinished.close()  # type: ignore[attr-defined]
