"""imagette plan."""

from __future__ import annotations

import click

from imagette.cli import arguments
from imagette.cli.output import columns


@click.command(
    "plan", epilog=arguments.examples("imagette plan fashion-mnist", "imagette plan a0 train.precision=float32")
)
@click.argument("target", metavar="TARGET")
@arguments.assignments
def command(target: str, assignments: tuple[str, ...]) -> None:
    """Show how a recipe would be trained here, and how long it takes.

    Loads the images and times a few training steps; writes nothing. Each decision can be overridden in the recipe:
    train.device, train.precision, train.layout, train.compile, train.threads, data.keep_in.
    """
    from imagette.recipe.schema import Recipe

    recipe = Recipe.load(target, assignments)
    from imagette.data import load as data
    from imagette.engine import probe
    from imagette.engine.plan import Plan

    train = data.load(recipe.data).train
    images = train.shape, len(train.classes)
    plan = probe.chosen(recipe, Plan.make(recipe, len(train), train.images), *images)
    values, step = plan.to_dict(), probe.step_seconds(recipe, plan, *images)
    columns(("decision", "choice", "why"), [(key, _text(values[key]), why) for key, why in plan.reasons.items()])
    epoch = step * plan.steps_per_epoch
    click.echo(f"\none step    {1e3 * step:.1f} ms, {recipe.train.batch_size / step:,.0f} images/s")
    click.echo(f"one epoch   {epoch:.1f} s, {plan.steps_per_epoch:,} steps")
    click.echo(
        f"{recipe.train.epochs} epochs  {epoch * recipe.train.epochs:.0f} s, besides augmentation and evaluation"
    )


def _text(value: object) -> str:
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)
