"""The base of every part of a recipe: frozen, closed, and each value documented with its reason."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen record in which an unknown key or a wrong type is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True
    )
