"""What a resume or an extension may change of a run's recipe, and what it may not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from imagette.core.console import quoted
from imagette.core.errors import InputError
from imagette.optim import schedules
from imagette.recipe.optimizers import Endless
from imagette.recipe.schema import Recipe
from imagette.recipe.show import differences
from imagette.runs.folder import RunFolder

# What a resume may change: no weight depends on it. (The size of evaluation batches moves last digits of a validation,
# and so may decide between epochs that tie.) That moved images are the same is seen from their fingerprints.
FREE = (
    "name",
    "about",
    "data.path",
    "data.test_path",
    "data.keep_in",
    "train.checkpoint_seconds",
    "evaluate.batch_size",
    "evaluate.mirror",
    "evaluate.shift",
    "evaluate.confidence",
    "evaluate.bins",
    "traps.grayscale_of_gray",
)


def with_epochs(folder: RunFolder, epochs: int) -> Recipe:
    """Give the recipe by which an unfinished run ends after another number of epochs.

    Raises:
        InputError: when its schedule was made for the old number or cannot be had for the new one.
    """
    recipe, environment = folder.recipe(), folder.read("environment.json")
    if bound := _bound_to_length(recipe):
        raise InputError(
            f"{epochs} epochs, but the {bound} of {folder.path} was made for {recipe.train.epochs}",
            hint="let it come to its end: imagette resume without --epochs; then imagette extend",
        )
    changed = recipe.replace(**{"train.epochs": epochs})
    schedules.build(changed.schedule, changed.optim.lr, environment["plan"]["steps_per_epoch"], epochs)  # or refuses
    return changed


def check_begun(epochs: int, begun: int, path: Path) -> None:
    """Refuse to end a run before where it stands.

    Raises:
        InputError: when more epochs have begun.

    Example:
        >>> check_begun(3, 2, Path("runs/a"))
    """
    least = max(begun, 1)
    if epochs < least:
        raise InputError(f"{epochs} epochs, but {path} has begun epoch {begun}", hint=f"give at least {least}")


def check_finishable(done: int, path: Path) -> None:
    """Refuse to finish a run that has learned nothing worth a test.

    Raises:
        InputError: when its first epoch is not done.

    Example:
        >>> check_finishable(1, Path("runs/a"))
    """
    if not done:
        raise InputError(f"{path} has not finished its first epoch", hint=f"go on with: imagette resume {quoted(path)}")


def longer(recipe: Recipe, done: int, epochs: int, factor: float | None, anneal: bool) -> Recipe:
    """Make the recipe of an extension.

    Args:
        recipe: the finished run's.
        done: epochs that it had; one that was begun, which resume --finish may leave, is ended first.
        epochs: how many are added.
        factor: what the rate is multiplied by where the schedule starts anew, or None.
        anneal: let the rate fall to zero over the added epochs.

    Raises:
        InputError: for a factor or an annealing that the schedule has no place for, and for a run that was annealed.

    Example:
        >>> recipe = Recipe.load("digits", ["schedule.name=constant"])
        >>> longer(recipe, 20, 5, 0.1, anneal=False).schedule.restarts
        (20,)
        >>> longer(recipe, 20, 5, None, anneal=True).schedule.anneal
        5.0
    """
    changes: dict[str, Any] = {"train.epochs": done + epochs}
    schedule = recipe.schedule
    if isinstance(schedule, Endless) and schedule.anneal:
        raise InputError(
            f"the rate of this run has been annealed: it fell to zero over its last {schedule.anneal:g} epochs",
            hint="extend the run that it was annealed from, or train its recipe.toml with a larger train.epochs",
        )
    if schedule.name == "plateau" and factor is not None:
        raise InputError(
            f"a factor of {factor:g}, but the schedule 'plateau' does not start anew",
            hint="leave it out; --anneal lets its rate fall to zero",
        )
    if anneal and not isinstance(schedule, Endless):
        raise InputError(
            f"the schedule {schedule.name!r} falls by itself over the added epochs",
            hint="leave --anneal (anneal=True) out",
        )
    if factor is None and _bound_to_length(recipe) == "lookahead":
        raise InputError(
            f"the lookahead of this run has come to its end, but the schedule {schedule.name!r} goes on",
            hint="--factor 0.1 starts both anew (but plateau: train the run's recipe.toml with a larger train.epochs)",
        )
    if not isinstance(schedule, Endless) or factor is not None:
        restarts = tuple(epoch for epoch in schedule.restarts if epoch < done)
        if restarts and factor not in (None, schedule.restart_factor):
            raise InputError(
                f"a factor of {factor:g}, but this run has started anew with {schedule.restart_factor:g} before",
                hint="one factor serves every restart of a recipe: leave it out",
            )
        changes["schedule.restarts"] = (*restarts, done)
        chosen = 0.1 if factor is None else factor
        changes["schedule.restart_factor"] = schedule.restart_factor if restarts else chosen
    if anneal:
        changes["schedule.anneal"] = epochs
    return recipe.replace(**changes)


def _bound_to_length(recipe: Recipe) -> str:
    """Name what in a recipe was made for its number of epochs; empty where nothing was."""
    schedule = recipe.schedule
    if not isinstance(schedule, Endless):
        return f"schedule {schedule.name!r}"
    if schedule.anneal:
        return "annealing"
    return "lookahead" if recipe.train.lookahead else ""


def check_unchanged(recipe: Recipe, saved: Mapping[str, Any], path: Path) -> None:
    """Refuse a recipe by which the checkpoint was not made.

    Raises:
        InputError: naming every value that differs.
    """
    free = {*FREE} if _bound_to_length(recipe) else {*FREE, "train.epochs"}
    if recipe.traps.test_without_eval:  # an image's answer depends on its batch
        free.remove("evaluate.batch_size")
    try:
        before = Recipe.model_validate(saved)
    except ValidationError as error:
        raise InputError(
            f"{path}: the checkpoint was made by a version whose recipes are other ones: {error.error_count()} of its "
            "values do not exist here, or mean something else",
            hint="go on with that version, or train recipe.toml as a new run",
        ) from error
    changed = [
        f"{key}: {was} in the checkpoint, {now} in recipe.toml"
        for key, was, now in differences(before, recipe)
        if key not in free
    ]
    if changed:
        raise InputError(
            f"{path}: the checkpoint was made by another recipe:\n  " + "\n  ".join(changed),
            hint="put these values back, or train the changed recipe as a new run: imagette train recipe.toml",
        )
