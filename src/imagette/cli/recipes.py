"""imagette recipes list | show | diff. Everything here works without torch and without rich."""

from __future__ import annotations

from itertools import groupby

import click

from imagette.cli import arguments
from imagette.cli.menu import Menu
from imagette.cli.output import columns
from imagette.core.console import inert
from imagette.recipe import load, show
from imagette.recipe.schema import Recipe


@click.group("recipes", cls=Menu)
def command() -> None:
    """List, show and compare recipes.

    A recipe is a page of TOML that decides all of a training. Wherever a recipe is asked for, its name, a .toml file,
    a run's folder or a path to your own images will do.
    """


@command.command("list")
def list_() -> None:
    """List the recipes that come with imagette."""
    recipes = [(name, Recipe.load(name)) for name in load.shipped()]
    columns(("recipe", "about"), [(name, recipe.about) for name, recipe in recipes])


@command.command(
    "show",
    epilog=arguments.examples(
        "imagette recipes show digits --why",
        "imagette recipes show fashion-mnist optim.lr=0.02 > mine.toml; imagette train mine.toml",
    ),
)
@click.argument("name", metavar="RECIPE")
@arguments.assignments
@click.option("--why", is_flag=True, help="Above each value, the reason for it.")
def show_(name: str, assignments: tuple[str, ...], why: bool) -> None:
    """Show every value of a recipe and where it comes from.

    What is printed is a whole recipe itself: save it, change it, train it.
    """
    resolved = load.resolve(name, assignments)
    for section, rows in groupby(show.rows(resolved), key=lambda row: row[0].rpartition(".")[0]):
        if section:
            click.echo(f"\n[{section}]")
        reasons = show.reasons(type(getattr(resolved.recipe, section) if section else resolved.recipe)) if why else {}
        page = [(key.rpartition(".")[2], value, origin) for key, value, origin in rows]
        width = max(len(f"{key} = {value}") for key, value, _ in page)
        for key, value, origin in page:
            if key in reasons:
                click.echo(f"# {reasons[key]}")
            click.echo(f"{f'{key} = {value}'.ljust(width)}  # {inert(origin)}")


@command.command("diff")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
def diff(a: str, b: str) -> None:
    """Show what two recipes differ in.

    Also two runs: imagette recipes diff runs/digits-1 runs/digits-2
    """
    rows = list(show.differences(*(Recipe.load(side) for side in (a, b))))
    if rows:
        columns(("key", a, b), rows)
    else:
        click.echo("the recipes are the same")
