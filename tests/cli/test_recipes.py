"""imagette recipes: the page that is shown is the recipe, and origins and reasons stand beside the values."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imagette.recipe.load import shipped
from imagette.recipe.schema import Recipe


def test_list_names_every_shipped_recipe(call) -> None:
    lines = call("recipes", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["recipe", *shipped()]


@pytest.mark.parametrize("why", [[], ["--why"]])
def test_what_show_prints_is_the_whole_recipe(call, tmp_path, why) -> None:
    page = tmp_path / "page.toml"
    page.write_text(call("recipes", "show", "digits", "optim.name=sgd", "schedule.restarts=[2,5]", *why).out)
    expected = Recipe.load("digits", ["optim.name=sgd", "schedule.restarts=[2,5]"])
    assert Recipe.load(str(page)) == expected


def test_show_names_the_origin_of_each_value(call, tmp_path) -> None:
    page = tmp_path / "mine.toml"
    page.write_text('base = "digits"\n[optim]\nname = "sgd"\n')
    lines = call("recipes", "show", page, "optim.lr=0.02").out.splitlines()
    origins = {line.split(" = ")[0]: line.split("  # ")[1] for line in lines if "  # " in line}
    assert origins["lr"] == "command line"
    assert origins["momentum"] == "default"
    assert 'name = "sgd"' in "\n".join(lines)
    assert any(line.startswith('name = "sgd"') and line.endswith("# mine.toml") for line in lines)
    assert any(line.startswith('name = "digits"') and line.endswith("# base digits.toml") for line in lines)


def test_why_gives_a_reason_for_every_value(call) -> None:
    lines = call("recipes", "show", "digits", "--why").out.splitlines()
    values = [i for i, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    assert len(values) == len(dict(Recipe.load("digits").items()))
    assert all(lines[i - 1].startswith("# ") for i in values)


def test_diff_shows_what_differs_and_nothing_else(call, tmp_path) -> None:
    page = tmp_path / "page.toml"
    page.write_text('base = "digits"\n[train]\nepochs = 77\n')
    lines = call("recipes", "diff", "digits", page).out.splitlines()
    assert [line.split() for line in lines[1:]] == [["train.epochs", str(Recipe.load("digits").train.epochs), "77"]]
    assert call("recipes", "diff", page, page).out == "the recipes are the same\n"


def test_a_run_stands_for_its_recipe(call, trained) -> None:
    lines = call("recipes", "diff", "digits", trained.path).out.splitlines()
    assert {line.split()[0] for line in lines[1:]} >= {"model.name", "train.epochs"}
    assert "epochs = 2 " in call("recipes", "show", trained.path).out
    assert Recipe.load(trained.path) == trained.recipe


def test_a_runs_name_stands_for_its_folder_but_not_before_a_folder_of_that_name(
    call, trained, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained.path, "runs/mine-1")
    assert call("recipes", "diff", "mine-1", trained.path).out == "the recipes are the same\n"
    Path("mine-1").mkdir()
    assert Recipe.load("mine-1").data.path == "mine-1"
