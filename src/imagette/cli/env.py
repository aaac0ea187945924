"""imagette env."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from imagette.cli import arguments
from imagette.cli.output import columns


@click.command("env")
@arguments.as_json
def command(as_json: bool) -> None:
    """Show versions, hardware and what the device can do.

    Put it into a bug report.
    """
    from imagette.engine.device import describe

    facts = describe()
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        columns(("fact", "value"), _flat(facts))


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted names and single values."""
    for key, value in facts.items():
        if isinstance(value, list):
            value = {str(i): item for i, item in enumerate(value)} or "none"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
