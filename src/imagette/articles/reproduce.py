"""Train the articles' systems, as published and corrected, and measure them beside the published figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from imagette.articles import curves, table
from imagette.articles.published import chosen, folder
from imagette.articles.table import Measured, Row
from imagette.core.console import say
from imagette.core.errors import Diverged, ImagetteError, InputError, Interrupted
from imagette.core.files import with_home
from imagette.data import catalog
from imagette.data.fetch import ANY
from imagette.recipe.schema import Recipe
from imagette.recipe.show import differences
from imagette.runs import fit
from imagette.runs.folder import RunFolder, check_writable, run_paths
from imagette.runs.run import Run

QUICK_IMAGES, QUICK_EPOCHS = 10_000, 5
IN_NAME_ONLY = ("name", "about", "train.checkpoint_seconds")
MEASURING_ONLY = ("evaluate.", "traps.test_without_eval", "traps.grayscale_of_gray")


def reproduce(
    ids: Iterable[str] = (),
    *,
    corrected: bool = False,
    quick: bool = False,
    epochs: int | None = None,
    data: Mapping[str, str] | None = None,
    runs: str | Path | None = None,
    progress: bool = True,
) -> list[Row]:
    """Train systems of the articles and compare them with what was published.

    What an earlier call has trained in ``runs`` is not trained again, and what it left unfinished goes on where it
    was. The table is written to ``articles.md``, ``.csv`` and ``.json`` in that folder, with a picture of the curves
    for each article, whenever a system is done.

    Args:
        ids: of systems (``a3-6``), of corrected ones (``a3-6-corrected``) or of articles (``a3``); none takes all.
        corrected: train each also with its trap mended.
        quick: 10,000 training images and at most 5 epochs: the order of the systems, not their figures.
        epochs: at most so many, where the published number would take too long; the table says so.
        data: paths to images of your own in place of a data set, by its name in the catalog.
        runs: the folder that holds the runs: by default ``runs/articles``, or ``runs/articles-quick``.
        progress: show a bar on a terminal, plain lines elsewhere.

    Returns:
        One row a system.

    Raises:
        InputError: for an id, a data set or a path that does not exist.
        ImagetteError: when all others are done, for the trainings that failed: of the kind that the first one had.
        Interrupted: when a signal asked to stop; the same call goes on.

    Example:
        >>> reproduce(["a5"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        imagette.core.errors.InputError: no system 'a5'
          hint: ...
    """
    systems, root = chosen(ids, corrected), Path(runs or folder(quick))
    _check_places(data or {})
    check_writable(root)
    rows: list[Row] = []
    failures: dict[str, ImagetteError] = {}
    for number, (system, names) in enumerate(systems.items(), start=1):
        row = Row(system)
        rows.append(row)
        for name in names:
            recipe = _adapted(Recipe.load(name), quick, epochs, data or {})
            say(f"{number}/{len(systems)}  {name}: {recipe.about}")
            try:
                measured = _measured(recipe, root, progress)
            except Interrupted as error:
                raise Interrupted(error.message, hint="the same command goes on where it was") from error
            except ImagetteError as error:
                say(f"{name}: {error.message}")
                failures[name] = error
            else:
                row.add(measured, Recipe.load(name).train.epochs, is_corrected=name == system.corrected)
        curves.save(table.save(rows, root), root)
    if failures:
        lines = [f"\n  - {name}: {error.message.splitlines()[0].rstrip(':')}" for name, error in failures.items()]
        raise type(next(iter(failures.values())))(
            f"{len(failures)} of the trainings could not be done:{''.join(lines)}",
            hint=f"the others are in {root / 'articles.md'}; when the cause is mended, give the same command again",
        )
    return rows


def _check_places(data: Mapping[str, str]) -> None:
    for name, path in data.items():
        catalog.entry(name)  # refuses a name that does not exist
        if not with_home(path).exists():
            raise InputError(
                f"data for {name}: no file or folder {path!r}",
                hint="images of your own; the publishers' files are found by IMAGETTE_DATA",
            )


def _adapted(recipe: Recipe, quick: bool, epochs: int | None, data: Mapping[str, str]) -> Recipe:
    """Fit a published recipe to the time and the data at hand."""
    full = recipe.train.epochs
    changes: dict[str, Any] = {}
    if quick:
        changes["data.limit"] = QUICK_IMAGES
        epochs = min(epochs or QUICK_EPOCHS, QUICK_EPOCHS, math.ceil(full / 10))
    if epochs and epochs < full:
        changes["train.epochs"] = epochs
        restarts = (at * epochs // full for at in recipe.schedule.restarts)  # a second phase keeps its share
        changes["schedule.restarts"] = tuple(at for at in restarts if at)
        changes["schedule.warmup"] = recipe.schedule.warmup * epochs / full  # else it might not end
    if recipe.data.name in data:
        changes["data.path"] = str(with_home(data[recipe.data.name]).resolve())
    return recipe.replace(**changes) if changes else recipe


def _measured(recipe: Recipe, root: Path, progress: bool) -> Measured:
    """Give a recipe's figures, from the least work that yields them."""
    runs = list(_runs(root))
    for run in runs:
        if _differ_only(recipe, run.recipe, IN_NAME_ONLY):
            if run.status["state"] == "diverged":  # it would again, at the same step
                raise Diverged(run.status["message"])
            return Measured.of(run if _finished(run) else fit.resume(run.path, progress=progress))
    for run in runs:
        # Without validation images, how a net is measured changes nothing of how it is trained.
        alike = not recipe.data.validation and _differ_only(recipe, run.recipe, IN_NAME_ONLY + MEASURING_ONLY)
        if alike and _finished(run):
            same_images = recipe.replace(**{"data.division": run.recipe.data.division})
            return Measured.of(run, Run(run.path, recipe=same_images).test())
    return Measured.of(_second_phase(recipe, runs, progress) or fit.train(recipe, runs=root, progress=progress))


def _second_phase(recipe: Recipe, runs: list[Run], progress: bool) -> Run | None:
    """Go on from a finished run whose recipe is this one's first phase."""
    schedule = recipe.schedule
    if len(schedule.restarts) != 1:
        return None
    first = recipe.replace(
        **{"train.epochs": schedule.restarts[0], "schedule.restarts": (), "schedule.restart_factor": 1.0}
    )
    more = recipe.train.epochs - first.train.epochs
    for run in runs:
        if _finished(run) and _differ_only(first, run.recipe, IN_NAME_ONLY):
            return fit.extend(run.path, more, factor=schedule.restart_factor, progress=progress)
    return None


def _runs(root: Path) -> Iterator[Run]:
    """Open the runs of a folder, but for those that cannot be read."""
    for path in run_paths(root):
        try:
            RunFolder(path).recipe()
        except ImagetteError as error:
            say(f"left aside: {error}")
        else:
            yield Run(path)


def _finished(run: Run) -> bool:
    return bool(run.status["state"] == "finished")


def _differ_only(asked: Recipe, ran: Recipe, keys: tuple[str, ...]) -> bool:
    any_division = ("data.division",) if asked.data.division == ANY else ()  # a run names the one that it had
    return all(key.startswith(keys + any_division) for key, _, _ in differences(asked, ran))
