"""What several commands take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import click

from imagette.core.files import with_home
from imagette.recipe.strength import Strength

assignments = click.argument("assignments", nargs=-1, metavar="[KEY=VALUE]...")
run = click.argument("run", metavar="RUN", type=click.Path())
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
strength = click.option(
    "--strength",
    type=click.Choice(get_args(Strength)),
    help="How much time goes into accuracy, where a recipe comes in several strengths.  [default: fast]",
)
quiet = click.option("--quiet", is_flag=True, help="Show no progress; only the result and errors.")


def examples(*commands: str) -> str:
    """Write examples for the end of a command's help."""
    return "\n".join(["\b", "Examples:", *(f"  {command}" for command in commands)])


class FilePath(click.Path):
    """A file to be written; a leading ``~`` is the home folder also after ``=``, where shells leave it."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Read the text."""
        return with_home(str(super().convert(value, param, ctx)))


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.4 on
    """A stretch of time, such as 90s, 2m or 1h30m; a bare number counts seconds. Gives seconds."""

    name = "time"
    _parts = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?:in)?)?(?:(\d+(?:\.\d+)?)s?)?")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the text."""
        if isinstance(value, float):
            return value
        found = self._parts.fullmatch(value.replace(" ", ""))
        seconds = (
            sum(float(part or 0) * unit for part, unit in zip(found.groups(), (3600, 60, 1), strict=True))
            if found
            else 0.0
        )
        if not seconds:
            self.fail(f"{value!r} is not a stretch of time; write it as 90s, 2m or 1h30m", param, ctx)
        return seconds


budget = click.option(
    "--budget",
    type=Duration(),
    metavar="TIME",
    help="Choose the strength and the epochs so that all is done in so much time, such as 90s, 2m or 1h30m; "
    "what a recipe counts in epochs keeps its share of them, what you set stays as it is.",
)
