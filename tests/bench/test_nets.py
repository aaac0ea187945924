"""The nets that are timed are those of the articles."""

from __future__ import annotations

import pytest

from imagette.bench.nets import ARTICLES, NETS, chosen, recipe_of
from imagette.core.errors import InputError
from imagette.recipe.schema import Recipe

SYSTEMS = {
    "lenet": "a4",
    "cnn": "a1-4",
    "batchnorm-cnn": "a2-1-corrected",
    "vgg": "a0-corrected",
    "alexnet": "a3-6-corrected",
}


@pytest.mark.parametrize("name", ARTICLES)
def test_each_net_is_that_of_an_article(name: str) -> None:
    ours, theirs = recipe_of(NETS[name]), Recipe.load(SYSTEMS[name])
    assert ours.model == theirs.model


def test_the_names_are_given_in_the_order_of_the_table() -> None:
    assert list(chosen()) == list(NETS)
    assert list(chosen(["speednet", "lenet", "lenet"])) == ["lenet", "speednet"]


def test_every_wrong_name_is_told() -> None:
    with pytest.raises(InputError, match="no net 'lennet', 'vgh'"):
        chosen(["lennet", "vgg", "vgh"])
