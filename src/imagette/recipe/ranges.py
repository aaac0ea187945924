"""The ranges of numbers that several sections of a recipe share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(ge=0, le=1)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
ShareBetween = Annotated[float, Field(gt=0, lt=1)]
"""Neither none nor all."""
Factor = Annotated[float, Field(gt=0, le=1000)]
Size = Annotated[int, Field(ge=1, lt=2**31)]
"""As the counts of C libraries hold."""
