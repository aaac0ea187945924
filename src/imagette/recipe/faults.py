"""What is wrong with a value of a recipe, in words: where, what was received, what is allowed, how to mend it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic_core import ErrorDetails

from imagette.core.registry import suggestion
from imagette.recipe.schema import Recipe

COMPONENTS = {key: Recipe.model_fields[key] for key in ("model", "optim", "schedule")}


def explained(detail: ErrorDetails, origins: Mapping[str, str]) -> str:
    """Say one fault: the key, what was received, what is allowed.

    Args:
        detail: pydantic's account of it.
        origins: where the recipe's values came from, by dotted key.

    Example:
        >>> from pydantic import ValidationError
        >>> try:
        ...     Recipe.model_validate({"data": {"name": "digits"}, "train": {"epochs": 0}})
        ... except ValidationError as error:
        ...     print(explained(error.errors()[0], {"train.epochs": "command line"}))
        train.epochs (command line): received 0; input should be greater than or equal to 1
    """
    section, *rest = [str(part) for part in detail["loc"]] or [""]
    if section in COMPONENTS:
        rest = rest[1:]  # pydantic names the chosen component first
    key = ".".join([section, *rest[:1]]) if section else ""
    origin = f" ({origins[key]})" if key in origins else ""
    received = detail.get("input")
    where = f"{key}{origin}: " if key else ""
    if section == "base":
        return f"{where}only a recipe file can have a base"
    match detail["type"]:
        case "extra_forbidden":
            if homes := [] if rest else homes_of(section):
                return f"{where}unknown key; did you mean {' or '.join(homes)}?"
            return f"{where}unknown key; {suggestion(rest[0] if rest else section, _keys(detail, section, rest))}"
        case "union_tag_invalid":
            tag, names = detail["ctx"]["tag"], str(detail["ctx"]["expected_tags"]).replace("'", "").split(", ")
            return f"{key}.name: unknown {key} {tag!r}; {suggestion(str(tag), names)}"
        case "union_tag_not_found":
            return f"{key}: name is missing"
        case "missing":
            return f"{where}is missing"
        case "model_type" | "model_attributes_type":
            example = f"{section}.name={received}" if section in COMPONENTS else f"{section}.key=value"
            return f"{where}received {received!r}; {section} is a section: write {example}"
        case "literal_error":
            names = [word or number for word, number in re.findall(r"'([^']*)'|(\d+)", detail["ctx"]["expected"])]
            return f"{where}received {received!r}; {suggestion(str(received), names)}"
        case "value_error":
            return f"{where}{detail['msg'].removeprefix('Value error, ')}"
        case _:
            return f"{where}received {received!r}; {detail['msg'][0].lower()}{detail['msg'][1:]}"


def homes_of(key: str) -> list[str]:
    """Name the keys, each with its section, that end in a word.

    Example:
        >>> homes_of("epochs"), homes_of("epoch")
        (['train.epochs'], [])
    """
    sections = {name: get_args(field.annotation) or (field.annotation,) for name, field in Recipe.model_fields.items()}
    return [
        f"{name}.{key}"
        for name, specs in sections.items()
        if any(key in getattr(spec, "model_fields", ()) for spec in specs)
    ]


def _keys(detail: ErrorDetails, section: str, rest: Sequence[str]) -> list[str]:
    """List the keys that exist where an unknown one was met."""
    if not rest:
        return [*Recipe.model_fields, "base"]
    annotation: Any = Recipe.model_fields[section].annotation
    if section not in COMPONENTS:
        return list(annotation.model_fields)
    chosen = str(detail["loc"][1])
    spec = next(member for member in annotation.__args__ if member.model_fields["name"].default == chosen)
    return list(spec.model_fields)
