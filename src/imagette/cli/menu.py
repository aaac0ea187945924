"""Groups of commands: a wrong name is answered with the nearest right one, and files load when they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click

from imagette.core.registry import unknown

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Menu(click.Group):
    """A group that shows its help when nothing is asked of it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words; none at all ask for help."""
        return super().parse_args(ctx, args or ["--help"])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names.

        Raises:
            InputError: when there is none, with the nearest name.
        """
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            raise unknown(f"{ctx.command_path} command", name, self.list_commands(ctx))
        return super().resolve_command(ctx, args)


class LazyMenu(Menu):
    """A menu whose commands live in files of their own, each imported when its command is used.

    Args:
        table: each command's name and the line that the help shows for it; ``imagette.cli.NAME`` holds ``command``.
    """

    def __init__(self, *args: object, table: Mapping[str, str], **settings: object) -> None:
        super().__init__(*args, **settings)  # type: ignore[arg-type]
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self.table:
            return None
        command: click.Command = import_module(f"imagette.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))
