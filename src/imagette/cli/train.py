"""imagette train."""

from __future__ import annotations

import click

from imagette.cli import arguments
from imagette.cli.result import announce


@click.command(
    "train",
    epilog=arguments.examples(
        "imagette train fashion-mnist",
        "imagette train fashion-mnist optim.lr=0.02 train.epochs=20",
        "imagette train my-images/ model.name=resnet",
    ),
)
@click.argument("target", metavar="TARGET")
@arguments.assignments
@click.option("--runs", default="runs", show_default=True, metavar="DIR", help="Where the run's folder is made.")
@arguments.quiet
def command(target: str, assignments: tuple[str, ...], runs: str, quiet: bool) -> None:
    """Train a classifier and test it.

    TARGET is the name of a recipe, a recipe of your own (.toml), or your own images: a folder with a folder per
    class, a CSV of pixels or of paths and labels, or an .npz file.

    KEY=VALUE changes a value of the recipe; `imagette recipes show TARGET --why` lists them all.

    Ctrl-C saves and exits 75, `imagette resume` goes on; a second Ctrl-C exits at once.
    """
    from imagette.recipe.schema import Recipe

    recipe = Recipe.load(target, assignments)  # a fault of the recipe shows before torch is loaded
    import imagette

    announce(imagette.train(recipe, runs=runs, progress=not quiet))
