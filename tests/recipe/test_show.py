"""A recipe can be read: every value, where it came from, why it is there, and what another one has instead."""

import types
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from imagette.recipe.load import parse, resolve
from imagette.recipe.schema import Recipe
from imagette.recipe.show import differences, reasons, rows, to_toml


def sections(annotation: Any) -> list[type[BaseModel]]:
    """Find the record classes that an annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if isinstance(annotation, types.UnionType) or get_origin(annotation) is not None:
        return [found for part in get_args(annotation) for found in sections(part)]
    return []


SECTIONS = [section for field in Recipe.model_fields.values() for section in sections(field.annotation)]


def test_the_sections_are_found() -> None:
    assert {"Data", "Train", "LeNet", "ResNet", "AdamW", "Plateau"} <= {section.__name__ for section in SECTIONS}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_value_has_a_reason(section: type[BaseModel]) -> None:
    lines = reasons(section)
    assert [key for key in section.model_fields if not lines.get(key)] == []
    assert section.__doc__


def test_every_section_of_the_page_says_what_it_is_for() -> None:
    plain = {"name", "about"}
    assert plain <= set(reasons(Recipe))
    assert all(sections(field.annotation) for key, field in Recipe.model_fields.items() if key not in plain)


def test_rows_show_each_value_as_it_would_be_written_with_its_origin() -> None:
    shown = {key: (value, origin) for key, value, origin in rows(resolve("digits", ["optim.lr=0.02"]))}
    assert shown["optim.lr"] == ("0.02", "command line")
    assert shown["data.name"] == ('"digits"', "digits.toml")
    assert shown["model.widths"] == ("[32, 64]", "default")
    assert shown["train.shuffle"] == ("true", "default")
    assert list(shown) == [key for key, _ in Recipe.load("digits").items()]


def test_what_is_shown_can_be_given_back_on_the_command_line() -> None:
    resolved = resolve("cifar10")
    given = [f"{key}={value}" for key, value, _ in rows(resolved)]
    assert resolve("digits", given).recipe == resolved.recipe


def test_differences_name_what_only_one_has() -> None:
    recipe = Recipe.load("digits")
    other = recipe.replace(**{"model.name": "lenet", "train.seed": 9})
    found = {key: (a, b) for key, a, b in differences(recipe, other)}
    assert found["train.seed"] == ("0", "9")
    assert found["model.name"] == ('"cnn"', '"lenet"')
    assert found["model.hidden"] == ("128", "-")
    assert found["model.padding"] == ("-", "0")
    assert "optim.lr" not in found
    assert list(differences(recipe, recipe)) == []


def test_the_written_page_is_complete_so_that_a_later_default_cannot_change_it() -> None:
    recipe = Recipe.load("digits")
    text = to_toml(recipe)
    for key in dict(recipe.items()):
        assert f"{key.rpartition('.')[2]} = " in text
    assert parse(text.replace("epochs = ", "epochs = 1"), "page") != recipe
