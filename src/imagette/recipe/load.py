"""From TOML pages and command-line assignments to one validated recipe: defaults < base < file < overrides."""

from __future__ import annotations

import difflib
import os
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from functools import cache
from importlib import resources
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from imagette.core.console import counted
from imagette.core.errors import InputError
from imagette.core.registry import suggestion
from imagette.recipe.faults import COMPONENTS, explained
from imagette.recipe.schema import Recipe
from imagette.recipe.strength import Strength

Page = dict[str, Any]
Target = str | os.PathLike[str]
TEXTS = ("name", "about", "data.path", "data.test_path")  # that may be all digits
WORD_CATEGORIES = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl"}  # of Unicode
OWN_IMAGES = "images"  # the shipped recipe that serves any path to a user's own images


@dataclass(frozen=True)
class Resolved:
    """A recipe and where each of its values came from (dotted key to origin; what is absent is a default)."""

    recipe: Recipe
    origins: Mapping[str, str]


@cache
def shipped() -> Mapping[str, Path]:
    """Name every shipped recipe; the folder is read once.

    Example:
        >>> "digits" in shipped()
        True
    """
    folder = Path(str(resources.files("imagette") / "recipes"))
    own, articles = ({file.stem: file for file in place.glob("*.toml")} for place in (folder, folder / "articles"))
    return MappingProxyType(dict(sorted(own.items())) | dict(sorted(articles.items())))


def strengths(target: Target) -> list[Strength]:
    """Name the strengths in which a recipe comes, from fast to best; a ``.toml`` file and a run's are what they are.

    Example:
        >>> strengths("fashion-mnist"), strengths("a4")
        (['fast', 'balanced', 'best'], ['fast'])
    """
    target = _text(target)
    name = target if target in shipped() else OWN_IMAGES
    alone = target.endswith(".toml")
    return ["fast", *(s for s in ("balanced", "best") if not alone and f"{name}-{s}" in shipped())]


def resolve(target: Target, overrides: Sequence[str] = (), strength: Strength | None = None) -> Resolved:
    """Make the recipe that a name, a TOML file, a run or a path to images stands for.

    Args:
        target: a shipped recipe's name, a ``.toml`` file, a run's folder, or a path to your own images.
        overrides: dotted assignments such as ``"optim.lr=0.02"``; the value is TOML, or a bare word.
        strength: of a recipe that comes in several; None for what ``target`` names, which is the fast one of them.

    Raises:
        InputError: for a target that does not exist, and with all faults of the recipe at once.

    Example:
        >>> resolve("digits", ["optim.lr=0.02"]).origins["optim.lr"]
        'command line'
    """
    if isinstance(overrides, str):
        raise InputError(f"overrides is one text, {overrides!r}", hint=f"give a list: [{overrides!r}]")
    target = _text(target)
    file = _page_of(target)
    if strength:
        _check_strength(target, strength)
    name = OWN_IMAGES if file is None else target
    weaker = strength in (None, "fast")
    layers = _layers(file if file and weaker else shipped()[name if weaker else f"{name}-{strength}"])
    if file is None:
        layers.append(("path", _nest([("data.path", str(Path(target))), ("name", _run_name(target))])))
    layers.append(("command line", _nest(map(_assignment, overrides))))
    return _merge_and_validate(layers)


def _check_strength(target: str, strength: Strength) -> None:
    """Refuse a strength in which a recipe does not come, or any for one that is itself the strength of another."""
    found = strengths(target)
    stem, _, named = target.rpartition("-")
    hint = "" if strength in found else f"it has: {', '.join(found)}"
    if stem in shipped() and named in get_args(Strength):
        hint = f"it is {stem!r} in strength {named!r}"
    if target.endswith(".toml"):
        hint = "a file, or a run's recipe, is what it is: leave the strength out"
    if hint:
        raise InputError(f"{target!r} does not come in strength {strength!r}", hint=hint)


def assigned(overrides: Iterable[str]) -> frozenset[str]:
    """Name the dotted keys that assignments set, those within a section that is given whole too.

    Example:
        >>> sorted(assigned(["train={epochs=3}", "name=mine"]))
        ['name', 'train.epochs']
    """
    page = _nest(map(_assignment, overrides))
    keys = ([f"{key}.{inner}" for inner in value] if isinstance(value, dict) else [key] for key, value in page.items())
    return frozenset(chain.from_iterable(keys))


def replaced(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Make a recipe that differs from another in dotted keys."""
    page = recipe.model_dump()
    return _merge_and_validate([("recipe", page), ("replace", _nest(values.items()))]).recipe


def parse(text: str, source: str) -> Recipe:
    """Read a complete page of TOML, such as a run's own ``recipe.toml``.

    Raises:
        InputError: with all faults at once.
    """
    return _merge_and_validate([(source, _toml(text, source))]).recipe


def _text(target: Target) -> str:
    """Write a target as text; a run's folder, or its name under ``runs/``, stands for the recipe in it."""
    if not isinstance(target, str | os.PathLike):
        raise InputError(
            f"a recipe's name or path is text, not {type(target).__name__}", hint=suggestion("", shipped())
        )
    text = os.fspath(target)
    if text == OWN_IMAGES and os.path.exists(text):  # noqa: PTH110  # the recipe serves any folder, also one so called
        return os.path.join(os.curdir, text)  # noqa: PTH118
    root = "" if os.path.exists(text) else "runs"  # noqa: PTH110
    page = os.path.join(root, text, "recipe.toml")  # noqa: PTH118  # unlike Path's, it takes any text
    return page if text not in shipped() and os.path.isfile(page) else text  # noqa: PTH113


def _page_of(target: str) -> Path | None:
    """Find the TOML page of a target, or None when it is a path to images."""
    if target.endswith(".toml"):
        if not os.path.isfile(target):  # noqa: PTH113  # unlike Path's, it takes any text for an answer
            raise InputError(f"no recipe file at {target!r}", hint="imagette recipes list names the shipped ones")
        return Path(target)
    if target in shipped():
        return shipped()[target]
    if os.path.exists(target):  # noqa: PTH110
        return None
    listed = "imagette recipes list names the recipes"
    folder, name = os.path.split(target.rstrip(os.sep))
    beside = [*_entries(folder), *(() if folder else shipped())]
    names = {entry.lower(): os.path.join(folder, entry) for entry in beside}  # noqa: PTH118
    near = difflib.get_close_matches(name.lower(), names, n=1)
    guess = f"did you mean {names[near[0]]!r}? " if near else ""
    if folder or os.path.splitext(name)[1]:  # noqa: PTH122
        raise InputError(f"no file or folder {target!r}", hint=f"{guess}{listed}")
    raise InputError(f"unknown recipe or path {target!r}", hint=f"{guess}{listed}")


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder or os.curdir)  # noqa: PTH208
    except (OSError, ValueError):
        return []


def _run_name(path: str) -> str:
    stem = Path(os.path.abspath(path)).name.split(".")[0]  # noqa: PTH100  # unlike resolve, it follows no link
    # Whole letters: some systems write them in parts, and marks are parts of words in many scripts.
    letters = unicodedata.normalize("NFC", stem)
    kept = "".join(c if c in "_-" or unicodedata.category(c) in WORD_CATEGORIES else "-" for c in letters).strip("-_")
    return kept[:64] or "images"


def _layers(file: Path) -> list[tuple[str, Page]]:
    page = _read(file)
    base = page.pop("base", None)
    if base is None:
        return [(str(file.name), page)]
    if not isinstance(base, str):
        raise InputError(f"{file}: base = {base!r} is not a name", hint="base is a recipe's name or a .toml file")
    base_file = shipped().get(base) or (file.parent / base)
    if not base_file.is_file():
        raise InputError(f"{file}: no base recipe {base!r}", hint=suggestion(base, shipped()))
    base_page = _read(base_file)
    if "base" in base_page:
        raise InputError(
            f"{file}: its base {base!r} has a base of its own, {base_page['base']!r}",
            hint="one level only: copy what you need from it",
        )
    return [(f"base {base_file.name}", base_page), (str(file.name), page)]


def _read(file: Path) -> Page:
    try:
        return _toml(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error


def _toml(text: str, source: str) -> Page:
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))  # some editors begin a page with a mark
    except (ValueError, RecursionError) as error:  # TOML's own error is the former, as is that of endless digits
        raise InputError(f"{source}: not valid TOML: {error}") from error


def _assignment(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InputError(
            f"{text!r} is not an assignment", hint="write section.key=value without spaces, as in optim.lr=0.02"
        )
    try:
        page = tomllib.loads(f"value = {value}")
    except (ValueError, RecursionError):
        return key.strip(), value.strip()
    # Nothing in a recipe is a date: it is a folder's name, as a number may be.
    words = date | time | int | float if key.strip() in TEXTS else date | time
    word = len(page) > 1 or isinstance(page["value"], words)
    return key.strip(), value.strip() if word else page["value"]


def _nest(assignments: Iterable[tuple[str, Any]]) -> Page:
    page: Page = {}
    for key, value in assignments:
        section, dot, inner = key.partition(".")
        value = dict(value) if isinstance(value, BaseModel) else value  # a section, given as an object
        if dot:
            if isinstance(page.setdefault(section, {}), dict):  # what it is instead is told as a fault
                page[section][inner] = value
        elif isinstance(value, dict):
            page[section] = {**page[section], **value} if isinstance(page.get(section), dict) else {**value}
        else:
            page[section] = value
    return page


def _merge_and_validate(layers: Sequence[tuple[str, Page]]) -> Resolved:
    merged: Page = {}
    origins: dict[str, str] = {}
    for origin, page in layers:
        for key, value in page.items():
            if isinstance(value, dict):
                _merge_section(merged, origins, key, value, origin)
            else:
                merged[key], origins[key] = value, origin
    for key, component in COMPONENTS.items():
        if isinstance(section := merged.get(key), dict):
            section.setdefault("name", component.default.name)
    try:
        return Resolved(Recipe.model_validate(merged), origins)
    except ValidationError as error:
        faults = [explained(detail, origins) for detail in error.errors(include_url=False)]
        heading = f"the recipe has {counted(len(faults), 'fault')}:"
        raise InputError("\n  ".join([heading, *faults])) from None  # which says all there is


def _merge_section(merged: Page, origins: dict[str, str], key: str, values: Page, origin: str) -> None:
    section = merged.setdefault(key, {})
    if not isinstance(section, dict):
        section = merged[key] = {}
    named = section.get("name", COMPONENTS[key].default.name) if key in COMPONENTS else None
    renamed = named is not None and values.get("name", named) != named
    sources = key == "data" and bool({"name", "path"} & values.keys())
    for old in [*section] if renamed else [k for k in ("name", "path") if sources and k not in values]:
        section.pop(old, None)
        origins.pop(f"{key}.{old}", None)
    for inner, value in values.items():
        section[inner], origins[f"{key}.{inner}"] = value, origin
