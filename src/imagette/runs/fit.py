"""From a recipe to a saved run: the composition root."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from imagette.core.console import quoted, say
from imagette.core.errors import InputError
from imagette.core.files import check_name, with_home
from imagette.data import load as data
from imagette.data.catalog import CATALOG
from imagette.data.splits import Splits
from imagette.engine import probe, settings
from imagette.engine.loop import Training
from imagette.engine.plan import Plan
from imagette.recipe.schema import Recipe
from imagette.runs import changes, checkpoint
from imagette.runs.environment import recorded, warn_of_changes
from imagette.runs.folder import RunFolder, check_writable
from imagette.runs.progress import show
from imagette.runs.run import Run
from imagette.runs.session import RunEvent, Session, Tested

PathLike = str | os.PathLike[str]


def stream(recipe: Recipe | PathLike, *, model: nn.Module | None = None, runs: PathLike = "runs") -> Iterator[RunEvent]:
    """Train a recipe in a new run folder, event by event.

    Torch's random numbers, threads and device are then those of the training, which takes torch as it is set
    (gradients, autocast, types).

    Args:
        recipe: a recipe, or the name, TOML file or path to images that stands for one.
        model: your own module in place of the recipe's; it maps (N, C, H, W) float32 to logits (N, K).
        runs: the folder that holds the runs.

    Yields:
        ``Started``, then ``Logged`` and ``EpochDone`` as they come, ``Finished``, and ``Tested`` at the end.

    Raises:
        InputError: for a recipe or images that cannot be used.
        EnvironmentFault: when data cannot be had or the folder cannot be written.
        Diverged: when the loss or a gradient is no longer finite.
        Interrupted: when a signal asked to stop; the state is saved.

    Example:
        >>> import tempfile
        >>> digits = Recipe.load("digits", ["train.epochs=1", "model.name=linear"])
        >>> [type(event).__name__ for event in stream(digits, runs=tempfile.mkdtemp())][-1]
        'Tested'
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.load(recipe)
    if model is not None:
        recipe = recipe.replace(**{"model.name": "custom", "model.factory": ""})
    recipe = _absolute(recipe)
    root = with_home(runs)
    check_writable(root)
    clock = _Clock()
    splits = data.load(recipe.data)
    recipe = _pinned(recipe, splits)
    clock.split("load")
    plan = probe.decided(recipe, splits.train, model)
    training = Training(recipe, splits.train, splits.validation, plan, model)
    clock.split("prepare")
    folder = RunFolder.create(root, recipe, recorded(training.plan, splits))
    with folder.lock():
        yield from Session(Run(folder.path, model), splits, training, clock.seconds).events()


@settings.undisturbed()
def train(
    recipe: Recipe | PathLike, *, model: nn.Module | None = None, runs: PathLike = "runs", progress: bool = True
) -> Run:
    """Train a recipe to the end and test it once.

    Args:
        recipe: a recipe, or the name, TOML file or path to images that stands for one.
        model: your own module in place of the recipe's. It is trained itself, and ends with the last weights;
            those that the recipe keeps, the best or an average, are in ``run.predictor.module``.
        runs: the folder that holds the runs.
        progress: show a bar on a terminal, plain lines elsewhere.

    Raises:
        ImagetteError: as ``stream`` does.

    Example:
        >>> import tempfile
        >>> run = train("digits", runs=tempfile.mkdtemp(), progress=False)
        >>> run.summary["test"]["accuracy"] > 0.9
        True
    """
    return show(stream(recipe, model=model, runs=runs), visible=progress)


@settings.undisturbed()
def resume(
    path: PathLike,
    *,
    epochs: int | None = None,
    finish: bool = False,
    model: nn.Module | None = None,
    progress: bool = True,
) -> Run:
    """Go on with an interrupted run, bit for bit as if it had never stopped; a finished one is left as it is.

    Args:
        path: the run's folder, or its name under ``runs/``.
        epochs: end after so many in all, sooner or later than its recipe says; for a schedule that does not depend on
            the length (constant, step, multistep, plateau).
        finish: train no more; test what has been learned so far, whatever the schedule.
        model: your own module, where the run began with one.
        progress: show a bar on a terminal, plain lines elsewhere.

    Raises:
        InputError: when recipe or data have changed, no checkpoint is valid, another process trains in the folder,
            the epochs cannot be changed to so many, or none is done that could be finished with.
        ImagetteError: as ``stream`` does.
    """
    folder = RunFolder(Path(path))
    if finish and epochs is not None:
        raise InputError("epochs to train and a training to finish now", hint="leave one of them out")
    if _is_finished(folder, epochs):
        return Run(folder.path, model)
    return show(_resumed(folder, epochs, finish, model), visible=progress)


@settings.undisturbed()
def extend(
    path: PathLike,
    epochs: int,
    *,
    factor: float | None = None,
    anneal: bool = False,
    model: nn.Module | None = None,
    runs: PathLike | None = None,
    progress: bool = True,
) -> Run:
    """Train a finished run for more epochs, in a new run folder.

    Schedules that do not depend on the length (constant, step, multistep, plateau) go on as if the epochs had been
    asked for at first. Cosine, one-cycle and linear have come to their end: they start anew over the added epochs,
    from ``factor`` times the rate; so do constant, step and multistep if a factor is given. In each case the new run's
    recipe, trained from nothing by the same plan, gives the same weights (unless the old run stopped early or was
    finished before its time: then its schedule was made for more epochs than it had; or its patience would end while
    the rate is annealed, which begins a new count of ``train.early_stop``). An epoch in the middle of which the old run
    was finished is ended first.

    Args:
        path: the finished run's folder, or its name under ``runs/``.
        epochs: how many more.
        factor: what the rate is multiplied by where the schedule starts anew; by default 0.1 for a schedule that has
            come to its end. Plateau, which follows a figure, takes none.
        anneal: let the rate fall in a line to zero over the added epochs, which settles the weights; for a schedule
            that does not depend on the length.
        model: your own module, where the run began with one.
        runs: the folder that holds the new run; by default, that of the old one.
        progress: show a bar on a terminal, plain lines elsewhere.

    Raises:
        InputError: when the run is not finished or was annealed, its recipe or data have changed, or its schedule
            takes no ``factor`` or no annealing.
        ImagetteError: as ``stream`` does.
    """
    parent = RunFolder(Path(path))
    if epochs < 1:
        raise InputError(f"{epochs} more epochs", hint="give a whole number from 1")
    if parent.status()["state"] != "finished":
        raise InputError(f"{parent.path} is not finished", hint=f"first: imagette resume {quoted(parent.path)}")
    return show(_extended(parent, epochs, factor, anneal, model, runs), visible=progress)


def _pinned(recipe: Recipe, splits: Splits) -> Recipe:
    """Name the division that the images came in: where there are several, another may be had tomorrow."""
    several = recipe.data.name and len(CATALOG[recipe.data.name].divisions) > 1
    return recipe.replace(**{"data.division": splits.train.provenance["division"]}) if several else recipe


def _is_finished(folder: RunFolder, epochs: int | None) -> bool:
    """Tell of a run whether it is finished; refuse to give it other epochs then."""
    if folder.status()["state"] != "finished":
        return False
    longer = f"imagette extend {quoted(folder.path)} --epochs 10"
    if epochs is not None:
        raise InputError(f"{folder.path} is finished", hint=f"for more: {longer}")
    say(f"{folder.path} is finished; for more epochs: {longer}")
    return True


def _resumed(folder: RunFolder, epochs: int | None, finish: bool, model: nn.Module | None) -> Iterator[RunEvent]:
    with folder.lock():
        if _is_finished(folder, epochs):  # by now, by the process that held the folder
            yield Tested(Run(folder.path, model), folder.read("summary.json"))
            return
        for leftover in folder.path.glob(".*.tmp"):  # of a killed write
            leftover.unlink()
        saved = checkpoint.load_latest(folder.checkpoints)
        recipe = folder.recipe() if epochs is None else changes.with_epochs(folder, epochs)
        environment = folder.read("environment.json")
        if saved is not None:
            changes.check_unchanged(recipe, saved.facts["recipe"], folder.path)
            changes.check_begun(recipe.train.epochs, saved.epochs_begun, folder.path)
        elif parent := environment.get("extends"):
            raise InputError(
                f"{folder.path} extends {parent}, and was stopped before it had a checkpoint of its own",
                hint=f"extend {parent} again",
            )
        clock, run = _Clock(), Run(folder.path, model, recipe)
        splits = run.splits
        clock.split("load")
        warn_of_changes(environment)
        plan = _plan_of(environment, recipe, splits)
        if saved is None and not _follows(plan, recipe, splits):
            plan = probe.decided(recipe, splits.train, model)
        training = Training(recipe, splits.train, splits.validation, plan, model)
        if saved is not None:
            training.restore(saved.tensors, saved.facts)
        if finish:
            changes.check_finishable(training.progress.epoch, folder.path)
        if epochs is not None and training.progress.early:
            training.progress.go_on()
        clock.split("prepare")
        session = Session(run, splits, training, clock.seconds)
        if epochs is not None:  # which nothing stands against
            folder.write_recipe(recipe)
        if saved is None:  # all of it is trained here and now
            folder.write("environment.json", recorded(training.plan, splits))
        yield from session.events(test_now=finish)


def _extended(
    parent: RunFolder,
    epochs: int,
    factor: float | None,
    anneal: bool,
    model: nn.Module | None,
    runs: PathLike | None,
) -> Iterator[RunEvent]:
    root = with_home(runs or parent.path.parent)
    check_writable(root)
    saved = checkpoint.load_latest(parent.checkpoints)
    if saved is None:
        raise InputError(f"{parent.path} has no checkpoint to go on from")
    changes.check_unchanged(parent.recipe(), saved.facts["recipe"], parent.path)
    recipe = changes.longer(parent.recipe(), saved.epochs_begun, epochs, factor, anneal)
    clock = _Clock()
    splits = Run(parent.path).splits
    clock.split("load")
    environment = parent.read("environment.json")
    warn_of_changes(environment)
    plan = _plan_of(environment, recipe, splits)
    training = Training(recipe, splits.train, splits.validation, plan, model)
    training.restore(saved.tensors, saved.facts)
    if training.progress.early or anneal:  # the rate that falls is given its time
        training.progress.go_on()
    clock.split("prepare")
    extends = {"extends": str(parent.path.resolve())}
    folder = RunFolder.create(root, recipe, recorded(plan, splits) | extends)
    for name in ("metrics.csv", "steps.csv"):
        if (parent.path / name).is_file():
            shutil.copyfile(parent.path / name, folder.path / name)
    with folder.lock():
        yield from Session(Run(folder.path, model), splits, training, clock.seconds).events()


def _plan_of(environment: Mapping[str, Any], recipe: Recipe, splits: Splits) -> Plan:
    """Give the recorded plan, but for where the images lie: a GPU may have less memory free than it had."""
    here = Plan.make(recipe, len(splits.train), splits.train.images)
    return replace(Plan.from_dict(environment["plan"]), data=here.data)


def _follows(plan: Plan, recipe: Recipe, splits: Splits) -> bool:
    """Tell whether a plan is one of this recipe, which may have been changed since."""
    here = Plan.make(recipe, len(splits.train), splits.train.images)
    choices = "device", "precision", "layout", "compile", "threads"
    said = [key for key in choices if getattr(recipe.train, key) not in ("auto", 0)]
    return all(getattr(plan, key) == getattr(here, key) for key in ("steps_per_epoch", "log_every", *said))


def _absolute(recipe: Recipe) -> Recipe:
    """Make paths absolute, so that the run's own recipe can be trained from anywhere.

    Links stay: what lies beside one, and the ending of its name, tell what the data are.
    """
    paths = {f"data.{key}": getattr(recipe.data, key) for key in ("path", "test_path")}
    absolute = {key: str(with_home(value).absolute()) for key, value in paths.items() if value}
    for value in absolute.values():
        check_name(value)
    return recipe.replace(**absolute) if absolute else recipe


class _Clock:
    """Splits the time before training into named spans."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def split(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name], self._last = now - self._last, now
