"""Imagette: train, understand and ship classifiers for small images.

The names below are loaded when first used, so that ``import imagette`` is instant.

Example:
    >>> import imagette
    >>> imagette.Recipe.load("digits").data.name
    'digits'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagette.core.errors import Diverged, EnvironmentFault, ImagetteError, InputError, Interrupted
    from imagette.data.imageset import ImageSet
    from imagette.recipe.schema import Recipe
    from imagette.runs.budget import within_budget
    from imagette.runs.fit import extend, resume, stream, train
    from imagette.runs.run import Run, load
    from imagette.sklearn import ImageClassifier

_HOMES = {
    "Diverged": "core.errors",
    "EnvironmentFault": "core.errors",
    "ImageClassifier": "sklearn",
    "ImageSet": "data.imageset",
    "ImagetteError": "core.errors",
    "InputError": "core.errors",
    "Interrupted": "core.errors",
    "Recipe": "recipe.schema",
    "Run": "runs.run",
    "extend": "runs.fit",
    "load": "runs.run",
    "resume": "runs.fit",
    "stream": "runs.fit",
    "train": "runs.fit",
    "within_budget": "runs.budget",
}

__all__ = [
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
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("imagette")
    if name not in _HOMES:
        raise AttributeError(f"module 'imagette' has no attribute {name!r}")
    return getattr(importlib.import_module(f"imagette.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
