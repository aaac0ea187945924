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
from imagette.core.locks import exclusive
from imagette.data import catalog
from imagette.data.fetch import ANY
from imagette.recipe.schema import Recipe
from imagette.recipe.show import differences
from imagette.report import page
from imagette.runs import checkpoint, fit
from imagette.runs.folder import check_writable, run_paths
from imagette.runs.run import Run

QUICK_IMAGES, QUICK_EPOCHS = 10_000, 10
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
    was; what another process is training there is left to it. The table is written to ``articles.md``, ``.csv`` and
    ``.json`` in that folder, with a picture of the curves for each article, whenever a system is done; each run has
    its page.

    Args:
        ids: of systems (``a3-6``), of corrected ones (``a3-6-corrected``) or of articles (``a3``); none takes all.
        corrected: train each also with its trap mended.
        quick: 10,000 training images and at most 10 epochs: a first look, lower than what whole trainings reach.
        epochs: at most so many, where the published number would take too long; the table says so.
        data: paths to images of your own in place of a data set, by its name in the catalog.
        runs: the folder that holds the runs: by default ``runs/articles``, or ``runs/articles-quick``.
        progress: show a bar on a terminal, plain lines elsewhere.

    Returns:
        One row a system, with what earlier calls have measured of it.

    Raises:
        InputError: for an id, a data set or a path that does not exist, or a table that is damaged.
        ImagetteError: when all others are done, for the trainings that failed: of the kind that the first one had.
        Interrupted: when a signal asked to stop; the same call goes on.

    Example:
        >>> reproduce(["a5"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        imagette.core.errors.InputError: no system 'a5'
          hint: ...
    """
    systems, root = chosen(ids, corrected), with_home(runs or folder(quick))
    _check_places(data or {})
    check_writable(root)
    table.known(root)  # a damaged one shows before any training
    rows: list[Row] = []
    failures: dict[str, ImagetteError] = {}
    for number, (system, names) in enumerate(systems.items(), start=1):
        row = Row(system, published_epochs=Recipe.load(names[0]).train.epochs)
        rows.append(row)
        for name in names:
            recipe = _adapted(Recipe.load(name), quick, epochs, data or {})
            say(f"{number}/{len(systems)}  {name}: {recipe.about}")
            try:
                with exclusive(root / f".{name}.lock", f"{name} in {root}", timeout=0):
                    measured = _measured(recipe, root, progress)
            except Interrupted as error:
                raise Interrupted(error.message, hint="the same command goes on where it was") from error
            except ImagetteError as error:
                say(f"{name}: {error}")
                failures[name] = error
            else:
                row.add(measured, is_corrected=name == system.corrected)
        merged = table.save(rows, root)
        curves.save(merged, root)
    if failures:
        lines = [f"\n  - {name}: {error.message.splitlines()[0].rstrip(':')}" for name, error in failures.items()]
        raise type(next(iter(failures.values())))(
            f"{len(failures)} of the trainings could not be done:{''.join(lines)}",
            hint=f"the table is {root / 'articles.md'}; when the cause is mended, give the same command again",
        )
    return [row for row in merged if row.system in systems]


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
        changes["data.path"] = str(with_home(data[recipe.data.name]).absolute())
    return recipe.replace(**changes) if changes else recipe


def _measured(recipe: Recipe, root: Path, progress: bool) -> Measured:
    """Give a recipe's figures, from the least work that yields them."""
    runs = list(_runs(root))
    for run in runs:
        if _differ_only(recipe, run.recipe, IN_NAME_ONLY) and not _lost(run):
            if run.status["state"] == "diverged":  # it would again, at the same step
                raise Diverged(run.status["message"])
            return _read(run if _finished(run) else fit.resume(run.path, progress=progress))
    for run in runs:
        # Without validation images, how a net is measured changes nothing of how it is trained.
        alike = not recipe.data.validation and _differ_only(recipe, run.recipe, IN_NAME_ONLY + MEASURING_ONLY)
        if alike:
            _refuse_if_held(run)
        if alike and _finished(run):
            same_images = recipe.replace(**{"data.division": run.recipe.data.division})
            return _read(run, Run(run.path, recipe=same_images).test())
    return _read(_second_phase(recipe, runs, progress) or fit.train(recipe, runs=root, progress=progress))


def _read(run: Run, test: dict[str, Any] | None = None) -> Measured:
    """Read a finished run, and see to it that it has its page."""
    if run.recipe.data.path:  # files of a user may be others by now, under the same name
        _ = run.splits  # which refuses them
    if not (run.path / page.NAME).is_file():
        page.try_to_save(run)
    return Measured.of(run, test)


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
        if not _differ_only(first, run.recipe, IN_NAME_ONLY):
            continue
        _refuse_if_held(run)
        # One that was ended before, with --finish, is none.
        whole = _finished(run) and run.summary["epochs"] == first.train.epochs
        if whole and checkpoint.load_latest(run.folder.checkpoints):
            return fit.extend(run.path, more, factor=schedule.restart_factor, progress=progress)
    return None


def _refuse_if_held(run: Run) -> None:
    if run.folder.is_held():
        raise InputError(
            f"another process is training {run.path}, which serves here too", hint="wait for it to end, or stop it"
        )


def _runs(root: Path) -> Iterator[Run]:
    """Open the runs of a folder, but for those that cannot be read."""
    for path in run_paths(root):
        try:
            run = Run(path)
            _ = run.recipe
        except ImagetteError as error:
            say(f"left aside: {error}")
        else:
            yield run


def _lost(run: Run) -> bool:
    """Tell a second phase that was stopped before its first checkpoint: it cannot go on, only begin again."""
    return (
        not _finished(run) and "extends" in run.environment and checkpoint.load_latest(run.folder.checkpoints) is None
    )


def _finished(run: Run) -> bool:
    return bool(run.status["state"] == "finished")


def _differ_only(asked: Recipe, ran: Recipe, keys: tuple[str, ...]) -> bool:
    any_division = ("data.division",) if asked.data.division == ANY else ()  # a run names the one that it had
    return all(key.startswith(keys + any_division) for key, _, _ in differences(asked, ran))
