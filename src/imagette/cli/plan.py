"""imagette plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imagette.cli import arguments
from imagette.cli.output import columns
from imagette.cli.target import recipe as target_recipe
from imagette.core.console import counted

if TYPE_CHECKING:
    from imagette.recipe.strength import Strength


@click.command(
    "plan", epilog=arguments.examples("imagette plan fashion-mnist", "imagette plan a0 train.precision=float32")
)
@click.argument("target", metavar="TARGET")
@arguments.assignments
@arguments.strength
@arguments.budget
def command(target: str, assignments: tuple[str, ...], strength: Strength | None, budget: float | None) -> None:
    """Show how a recipe would be trained here, and how long it takes.

    Loads the images (those that are not here yet are fetched into the cache) and times a few training steps; trains
    nothing and makes no run. Each decision can be overridden in the recipe:
    train.device, train.precision, train.layout, train.compile, train.threads, data.keep_in.
    """
    recipe = target_recipe(target, assignments, strength, budget)
    from imagette.data import load as data
    from imagette.engine import probe
    from imagette.engine.estimate import estimate

    splits = data.load(recipe.data)
    plan = probe.decided(recipe, splits.train)
    values = plan.to_dict()
    columns(("decision", "choice", "why"), [(key, _text(values[key]), why) for key, why in plan.reasons.items()])
    costs = estimate(recipe, splits, plan)
    batch = min(recipe.train.batch_size, len(splits.train))
    click.echo(f"\none step    {1e3 * costs.step:.1f} ms, {batch / costs.step:,.0f} images/s")
    click.echo(f"one epoch   {costs.epoch:.1f} s, {plan.steps_per_epoch:,} steps and the validation")
    epochs = recipe.train.epochs
    click.echo(f"{counted(epochs, 'epoch'):11} {costs.total(epochs):.0f} s, from the images to the tested model")


def _text(value: object) -> str:
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)
