"""The recipes of the articles: each trains, and a corrected one differs from the published one in its trap alone."""

from __future__ import annotations

from pathlib import Path

import pytest

import imagette
from imagette.articles.published import SYSTEMS, chosen
from imagette.core.errors import InputError
from imagette.recipe.load import shipped
from imagette.recipe.show import differences

RECIPES = [name for system in SYSTEMS for name in (system.id, system.corrected) if name]
NAMES = {"name", "about"}
MENDED = {
    "a0": {"traps.test_without_eval", "traps.grayscale_of_gray"},
    "a1-1": {"model.delta"},
    "a2-1": {"data.normalize"},
    "a2-2": {"data.normalize"},
    **{f"a3-{stage}": {"traps.softmax_before_loss"} for stage in range(1, 9)},
    "a3-9": {"traps.softmax_before_loss", "augment.brightness", "augment.contrast", "augment.hue"},
    "a3-9-mismatched": {"traps.softmax_before_loss", "traps.evaluate_normalize"},
    "a4": {"train.shuffle"},
}


def test_every_recipe_of_an_article_belongs_to_a_system() -> None:
    articles = {name for name, file in shipped().items() if file.parent.name == "articles"}
    assert articles == set(RECIPES)


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.id)
def test_a_corrected_recipe_mends_the_trap_and_nothing_else(system) -> None:
    assert bool(system.corrected) == bool(system.trap) == (system.id in MENDED)
    if system.corrected:
        changed = differences(imagette.Recipe.load(system.id), imagette.Recipe.load(system.corrected))
        assert {key for key, _, _ in changed} == NAMES | MENDED[system.id]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_and_is_tested(name: str, large_digits: dict[str, str], tmp_path: Path) -> None:
    recipe = imagette.Recipe.load(name, ["train.epochs=1", "schedule.warmup=0", "data.limit=300", "data.split_seed=1"])
    recipe = recipe.replace(**{"data.path": large_digits[recipe.data.name]})
    run = imagette.train(recipe, runs=tmp_path, progress=False)
    assert len(run.history) == 1
    assert run.test() == run.summary["test"]
    wanted = [record["label"] for record in run.predict(run.splits.test)]
    rows = (run.path / "mistakes.csv").read_text().splitlines()[1:]
    right = sum(a == run.classes[b] for a, b in zip(wanted, run.splits.test.labels, strict=True))
    assert right == len(wanted) - len(rows)


def test_an_article_stands_for_its_systems_in_order() -> None:
    assert [system.id for system in chosen(["a1", "a0"])] == ["a0", "a1-1", "a1-2", "a1-3", "a1-4"]
    assert list(chosen()) == list(SYSTEMS)
    assert [name for names in chosen(corrected=True).values() for name in names] == RECIPES
    assert list(chosen(["a3-9-corrected", "a1-4"]).values()) == [["a1-4"], ["a3-9-corrected"]]


def test_all_wrong_ids_are_named() -> None:
    with pytest.raises(InputError, match=r"(?s)'a7', 'b'.*Available: a0, a0-corrected, a1, a1-1"):
        chosen(["a7", "a1", "b"])
