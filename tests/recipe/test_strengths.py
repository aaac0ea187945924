"""A recipe in several strengths: the same images and question, with more time for accuracy."""

from __future__ import annotations

import pytest

from imagette.core.errors import InputError
from imagette.recipe.load import shipped, strengths
from imagette.recipe.schema import Recipe
from imagette.recipe.strength import Strength

SEVERAL = [name for name in shipped() if len(strengths(name)) > 1]


def test_the_data_sets_of_the_articles_and_own_images_come_in_three_strengths() -> None:
    assert {"digits", "mnist", "fashion-mnist", "cifar10", "images"} <= set(SEVERAL)
    assert all(strengths(name) == ["fast", "balanced", "best"] for name in SEVERAL)


@pytest.mark.parametrize("name", SEVERAL)
def test_a_stronger_recipe_asks_the_same_of_the_same_images(name: str) -> None:
    fast, *stronger = (Recipe.load(name, strength=strength) for strength in strengths(name))
    assert all(recipe.data == fast.data for recipe in stronger)
    names = [recipe.name for recipe in (fast, *stronger)]
    assert names == [name, f"{name}-balanced", f"{name}-best"]


def test_a_path_takes_the_strength_of_own_images(tmp_path) -> None:
    recipe = Recipe.load(str(tmp_path), strength="best")
    best = Recipe.load("images-best")
    assert recipe.data.path == str(tmp_path)
    assert (recipe.model, recipe.train) == (best.model, best.train)
    assert recipe.name == tmp_path.name


@pytest.mark.parametrize("strength", ["fast", "balanced", "best"])
def test_what_is_a_strength_itself_has_no_other(strength: Strength) -> None:
    with pytest.raises(InputError, match=f"'digits-best' does not come in strength '{strength}'") as error:
        Recipe.load("digits-best", strength=strength)
    assert error.value.hint == "it is 'digits' in strength 'best'"


def test_what_comes_in_one_strength_says_so() -> None:
    with pytest.raises(InputError, match="'a4' does not come in strength 'best'") as error:
        Recipe.load("a4", strength="best")
    assert error.value.hint == "it has: fast"


@pytest.mark.parametrize("strength", ["fast", "best"])
def test_a_file_is_what_it_is(tmp_path, monkeypatch, strength: Strength) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.toml").write_text('base = "digits"\n')
    with pytest.raises(InputError, match=f"'page.toml' does not come in strength '{strength}'") as error:
        Recipe.load("page.toml", strength=strength)
    assert "leave the strength out" in str(error.value.hint)
