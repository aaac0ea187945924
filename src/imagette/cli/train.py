"""imagette train."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imagette.cli import arguments
from imagette.cli.result import announce
from imagette.cli.target import recipe as target_recipe

if TYPE_CHECKING:
    from imagette.recipe.strength import Strength


@click.command(
    "train",
    epilog=arguments.examples(
        "imagette train fashion-mnist",
        "imagette train fashion-mnist optim.lr=0.02 train.epochs=20",
        "imagette train fashion-mnist --strength balanced",
        "imagette train my-images/ --budget 2m",
        "imagette train my-images/ model.name=resnet",
    ),
)
@click.argument("target", metavar="TARGET")
@arguments.assignments
@arguments.strength
@arguments.budget
@click.option("--runs", default="runs", show_default=True, metavar="DIR", help="Where the run's folder is made.")
@arguments.quiet
def command(
    target: str, assignments: tuple[str, ...], strength: Strength | None, budget: float | None, runs: str, quiet: bool
) -> None:
    """Train a classifier and test it.

    TARGET is the name of a recipe, a recipe of your own (.toml), or your own images: a folder with a folder per
    class, a CSV of pixels or of paths and labels, or an .npz file.

    KEY=VALUE changes a value of the recipe; `imagette recipes show TARGET --why` lists them all.

    Ctrl-C saves and exits 75, `imagette resume` goes on; a second Ctrl-C exits at once.
    """
    recipe = target_recipe(target, assignments, strength, budget)
    import imagette

    announce(imagette.train(recipe, runs=runs, progress=not quiet))
