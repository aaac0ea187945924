"""The public names are frozen: adding one is a decision, losing one breaks somebody's program."""

from importlib import metadata

import pytest

import imagette

NAMES = {
    "Diverged",
    "EnvironmentFault",
    "ImageClassifier",
    "ImageSet",
    "ImagetteError",
    "InputError",
    "Interrupted",
    "Recipe",
    "Run",
    "extend",
    "load",
    "resume",
    "stream",
    "train",
    "within_budget",
}


def test_the_names_are_these() -> None:
    assert set(imagette.__all__) == NAMES
    assert set(dir(imagette)) >= NAMES
    for name in NAMES:
        assert getattr(imagette, name).__doc__, name


def test_the_version_is_that_of_the_package() -> None:
    assert imagette.__version__ == metadata.version("imagette")


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="trian"):
        _ = imagette.trian  # type: ignore[attr-defined]
