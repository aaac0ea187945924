"""How much time goes into accuracy: the strengths in which a recipe can come."""

from __future__ import annotations

from typing import Literal

Strength = Literal["fast", "balanced", "best"]
