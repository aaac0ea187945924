"""What several commands take."""

from __future__ import annotations

import click

assignments = click.argument("assignments", nargs=-1, metavar="[KEY=VALUE]...")
run = click.argument("run", metavar="RUN", type=click.Path())
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
quiet = click.option("--quiet", is_flag=True, help="Show no progress; only the result and errors.")


def examples(*commands: str) -> str:
    """Write examples for the end of a command's help."""
    return "\n".join(["\b", "Examples:", *(f"  {command}" for command in commands)])
