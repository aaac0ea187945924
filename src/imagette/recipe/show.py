"""Recipes for reading: the whole page as TOML, each value's origin and reason, and what two recipes differ in."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import tomli_w
from pydantic import BaseModel

from imagette.recipe.load import Resolved
from imagette.recipe.schema import Recipe


def to_toml(recipe: Recipe) -> str:
    """Write the whole recipe, every default included, as a page that can be trained as it is.

    Example:
        >>> from imagette.recipe.load import parse
        >>> recipe = Recipe.load("digits")
        >>> parse(to_toml(recipe), "page") == recipe
        True
    """
    return tomli_w.dumps(recipe.model_dump(mode="json"))


def value_text(value: Any) -> str:
    """Write one value as TOML."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(value_text, value))}]"
    return tomli_w.dumps({"v": value}).removeprefix("v = ").strip()


def rows(resolved: Resolved) -> Iterator[tuple[str, str, str]]:
    """Yield (dotted key, value as TOML, origin) for every value."""
    for key, value in resolved.recipe.items():
        yield key, value_text(value), resolved.origins.get(key, "default")


def differences(a: Recipe, b: Recipe) -> Iterator[tuple[str, str, str]]:
    """Yield (dotted key, value in a, value in b) wherever two recipes differ; a missing value is ``-``.

    Example:
        >>> recipe = Recipe.load("digits")
        >>> list(differences(recipe, recipe.replace(**{"train.epochs": 3})))[0][0]
        'train.epochs'
    """
    left, right = dict(a.items()), dict(b.items())
    for key in [*left, *(k for k in right if k not in left)]:
        if left.get(key) != right.get(key):
            old, new = (value_text(side[key]) if key in side else "-" for side in (left, right))
            yield key, old, new


def reasons(section: type[BaseModel]) -> dict[str, str]:
    """Read the documentation line of each of a section's own and inherited values.

    Read when asked for, not at import: parsing the source would make every start slower.
    """
    lines: dict[str, str] = {}
    for cls in reversed(section.__mro__):
        if not (issubclass(cls, BaseModel) and cls.__module__.startswith("imagette")):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, doc in zip(body.body, body.body[1:], strict=False):
            match field, doc:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    lines[name] = " ".join(text.split())
    return lines
