"""What a resume or an extension may change of a run's recipe, and what it may not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagette.core.errors import InputError
from imagette.recipe.schema import Recipe
from imagette.recipe.show import differences
from imagette.runs.folder import RunFolder

FREE = (
    "name",
    "about",
    "data.keep_in",
    "train.checkpoint_seconds",
    "evaluate.confidence",
    "evaluate.bins",
    "traps.grayscale_of_gray",
)  # what a resume may change: no weight depends on it
BOUND_TO_LENGTH = ("cosine", "onecycle", "linear")


def set_epochs(folder: RunFolder, epochs: int) -> None:
    """Let an unfinished run end after another number of epochs.

    Raises:
        InputError: when its schedule was made for the old number, or more epochs than that have begun.
    """
    recipe, environment = folder.recipe(), folder.read("environment.json")
    if bound := _bound_to_length(recipe):
        raise InputError(
            f"{epochs} epochs, but the {bound} of {folder.path} was made for {recipe.train.epochs}",
            hint="let it come to its end: imagette resume without --epochs; then imagette extend",
        )
    begun = -(-folder.status()["step"] // environment["plan"]["steps_per_epoch"])
    if epochs < max(begun, 1):
        raise InputError(f"{epochs} epochs, but {folder.path} has begun epoch {begun}", hint=f"give at least {begun}")
    folder.write_recipe(recipe.replace(**{"train.epochs": epochs}))


def longer(recipe: Recipe, done: int, epochs: int, factor: float | None) -> Recipe:
    """Make the recipe of an extension.

    Args:
        recipe: the finished run's.
        done: epochs that it had.
        epochs: how many are added.
        factor: what the rate is multiplied by where the schedule starts anew, or None.

    Raises:
        InputError: for a factor that the schedule has no place for.

    Example:
        >>> recipe = Recipe.load("digits", ["schedule.name=constant"])
        >>> longer(recipe, 20, 5, 0.1).schedule.restarts
        (20,)
    """
    changes: dict[str, Any] = {"train.epochs": done + epochs}
    schedule = recipe.schedule
    if schedule.name == "plateau" and factor is not None:
        raise InputError(
            f"a factor of {factor:g}, but the schedule 'plateau' does not start anew",
            hint="leave it out; to change the rate, train the run's recipe.toml with another schedule",
        )
    if factor is None and _bound_to_length(recipe) == "lookahead":
        raise InputError(
            f"the lookahead of this run has come to its end, but the schedule {schedule.name!r} goes on",
            hint="--factor 0.1 starts both anew (but plateau: train the run's recipe.toml with a larger train.epochs)",
        )
    if schedule.name in BOUND_TO_LENGTH or factor is not None:
        if schedule.restarts and factor not in (None, schedule.restart_factor):
            raise InputError(
                f"a factor of {factor:g}, but this run has started anew with {schedule.restart_factor:g} before",
                hint="one factor serves every restart of a recipe: leave it out",
            )
        changes["schedule.restarts"] = (*schedule.restarts, done)
        chosen = 0.1 if factor is None else factor
        changes["schedule.restart_factor"] = schedule.restart_factor if schedule.restarts else chosen
    return recipe.replace(**changes)


def _bound_to_length(recipe: Recipe) -> str:
    """Name what in a recipe was made for its number of epochs; empty where nothing was."""
    if recipe.schedule.name in BOUND_TO_LENGTH:
        return f"schedule {recipe.schedule.name!r}"
    return "lookahead" if recipe.train.lookahead else ""


def check_unchanged(recipe: Recipe, saved: Mapping[str, Any], path: Path) -> None:
    """Refuse a recipe by which the checkpoint was not made.

    Raises:
        InputError: naming every value that differs.
    """
    free = FREE if _bound_to_length(recipe) else (*FREE, "train.epochs")
    changed = [
        f"{key}: {was} in the checkpoint, {now} in recipe.toml"
        for key, was, now in differences(Recipe.model_validate(saved), recipe)
        if not key.startswith(free)
    ]
    if changed:
        raise InputError(
            f"{path}: the checkpoint was made by another recipe:\n  " + "\n  ".join(changed),
            hint="put these values back, or train the changed recipe as a new run: imagette train recipe.toml",
        )
