"""--strength and --budget: how much time goes into accuracy, said in words or in minutes."""

from __future__ import annotations

import re

import click
import numpy as np
import pytest
from sklearn.datasets import load_digits

import imagette
from imagette.cli.arguments import Duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("2m", 120), ("1h30m", 5400), ("1m 30s", 90), ("0.5", 0.5)]
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "soon", "2x", "0", "-5", "m", "1m2h"])
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write it as 90s, 2m or 1h30m"):
        Duration().convert(text, None, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--strength", "bset"], "'bset' is not one of 'fast', 'balanced', 'best'"),
        (["--budget", "soon"], "'soon' is not a stretch of time"),
        (["--budget", "1m", "--strength", "best"], "--budget chooses the strength, and --strength was given too"),
        (["--budget", "1m", "train.epochs=3"], "a budget decides train.epochs, and it was given too"),
        (["--budget", "1m", "train={epochs=3}"], "a budget decides train.epochs, and it was given too"),
        (["--budget", "1m", "optim.lrr=3"], "optim.lrr"),
    ],
)
def test_a_mistake_is_said_and_nothing_is_written(call, nowhere, words: list[str], message: str) -> None:
    answer = call("train", "digits", *words)
    assert (answer.code, message in answer.err) == (2, True), answer.err
    assert list(nowhere.iterdir()) == []


def test_train_keeps_to_what_the_budget_chose(call, nowhere) -> None:
    page = nowhere / "short.toml"
    page.write_text('base = "digits"\nname = "short"\n[train]\nepochs = 1\n')
    answer = call("train", page, "model.name=linear", "train.threads=1", "--budget", "1m", "--quiet")
    assert answer.code == 0, answer.err
    assert "within the budget: short for 3 epochs" in answer.err
    assert imagette.load("runs/short-1").recipe.train.epochs == 3


def test_plan_shows_what_a_budget_would_choose(call, nowhere) -> None:
    page = nowhere / "short.toml"
    page.write_text('base = "digits"\nname = "short"\n[train]\nepochs = 1\n')
    answer = call("plan", page, "model.name=linear", "train.threads=1", "--budget", "1m")
    assert answer.code == 0, answer.err
    assert "short for 3 epochs" in answer.err
    assert int(re.search(r"^3 epochs +(\d+) s", answer.out, re.M)[1]) <= 60
    assert list(nowhere.iterdir()) == [page]


def test_plan_shows_another_strength(call, nowhere) -> None:
    path, digits = nowhere / "digits.npz", load_digits()
    np.savez(path, images=digits.images.astype(np.uint8), labels=digits.target)
    fast, best = (call("plan", path, *words).out for words in ([], ["--strength", "best"]))
    asked = [imagette.Recipe.load(name).train.epochs for name in ("images", "images-best")]
    assert [f"{epochs} epochs" in out for epochs, out in zip(asked, (fast, best), strict=True)] == [True, True]
