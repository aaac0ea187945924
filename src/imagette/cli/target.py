"""From the words of a command to the recipe that they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagette.core.console import counted, say
from imagette.core.errors import InputError

if TYPE_CHECKING:
    from imagette.recipe.schema import Recipe
    from imagette.recipe.strength import Strength


def recipe(target: str, assignments: tuple[str, ...], strength: Strength | None, budget: float | None) -> Recipe:
    """Load the recipe, or choose it for a budget.

    Args:
        target: a recipe's name, a ``.toml`` file, or a path to images.
        assignments: such as ``optim.lr=0.02``.
        strength: None where nothing was said.
        budget: seconds, or None.

    Raises:
        InputError: for faults of the recipe, or when strength and budget are both given.
    """
    from imagette.recipe.schema import Recipe

    if budget is not None and strength:
        raise InputError("--budget chooses the strength, and --strength was given too", hint="leave one of them out")
    loaded = Recipe.load(target, assignments, strength)  # a fault shows before torch is loaded
    if budget is None:
        return loaded
    from imagette.runs.budget import within_budget

    chosen = within_budget(target, budget, assignments)
    limit = chosen.data.limit
    images = f" on {limit:,} images" if limit != loaded.data.limit else ""
    say(f"within the budget: {chosen.name} for {counted(chosen.train.epochs, 'epoch')}{images}")
    return chosen
