"""imagette plan."""

from __future__ import annotations

import re

import pytest

from imagette.data.load import load
from imagette.recipe.schema import Recipe


def test_the_plan_names_every_decision_and_the_time(call, nowhere) -> None:
    answer = call("plan", "digits", "train.threads=1", "model.name=linear")
    assert answer.code == 0
    for decision in ("device", "precision", "layout", "compile", "threads", "log_every", "data"):
        assert re.search(rf"^{decision} +\S+ +\S+", answer.out, re.M), decision
    assert re.search(r"one step +[\d.]+ ms, [\d,]+ images/s", answer.out)
    assert list(nowhere.iterdir()) == []


def test_a_plan_does_not_depend_on_when_rows_are_logged_or_an_epoch_ends(call, nowhere) -> None:
    for odd in (["train.log_every=100000"], ["schedule.name=plateau", "train.batch_size=500"]):
        answer = call("plan", "digits", "train.threads=1", "model.name=linear", *odd)
        assert answer.code == 0, answer.err


def test_the_folder_where_one_stands_is_a_target(call, nowhere) -> None:
    done = call("plan", ".")
    assert done.code == 2
    assert "this is a bug" not in done.err


def test_a_batch_is_no_larger_than_the_training_set(call, nowhere) -> None:
    out = call("plan", "digits", "train.threads=1", "model.name=linear", "train.batch_size=1000000").out
    milliseconds, speed = re.search(r"one step +([\d.]+) ms, ([\d,]+) images/s", out).groups()
    images = len(load(Recipe.load("digits").data).train)
    assert float(milliseconds) / 1000 * int(speed.replace(",", "")) == pytest.approx(
        images, rel=0.05 + 0.05 / float(milliseconds)
    )
