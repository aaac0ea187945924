"""A training before a person's eyes: what a narrow terminal and a notebook show of it."""

from __future__ import annotations

import re
from pathlib import Path

import imagette
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
