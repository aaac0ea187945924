"""The base of every part of a recipe: frozen, closed, and each value documented with its reason."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A frozen record in which an unknown key, a wrong type or an infinite number is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _plain_values(cls, values: Any) -> Any:
        return {key: _plain(value) for key, value in values.items()} if isinstance(values, dict) else values


def _plain(value: Any) -> Any:
    """TOML and JSON know only arrays, and a frozen record holds tuples; numpy's numbers become Python's."""
    match value:
        case list():
            return tuple(value)
        case bool() | int() | float():
            return value
        case Integral():
            return int(value)
        case Real():
            return float(value)
        case _ if getattr(value, "shape", None) == () and value.dtype == bool:  # numpy's, which is no number
            return bool(value)
    return value
