"""One page about a finished run, ``report.html``: it holds its pictures and loads nothing from anywhere."""

from __future__ import annotations

import base64
import csv
import io
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from imagette.core.console import say
from imagette.core.errors import InputError
from imagette.core.files import atomic_write
from imagette.data.formats.decode import on_white, picture
from imagette.data.mapped import ZIP_DAMAGE, read_npz
from imagette.engine.plan import in_words
from imagette.report import plots
from imagette.runs.run import Run

NAME = "report.html"
MISTAKES = 60  # shown on the page


def save(run: Run) -> Path:
    """Draw a run's plots and write its page; give the page's file.

    Raises:
        InputError: when the run has no figures yet, or its images have changed.
        EnvironmentFault: when it cannot be written.
    """
    pictures = {file.stem: _png(file.read_bytes()) for file in plots.save(run)}
    mistakes, wrong = _mistakes(run)
    # Autoescape makes markup in a class or file name inert.
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        (resources.files("imagette.report") / "page.html").read_text(encoding="utf-8")
    )
    page = template.render(
        name=run.path.name,
        about=run.recipe.about,
        test=run.summary["test"],
        test_use=run.summary["test_use"],
        facts=_facts(run),
        plots=pictures,
        mistakes=mistakes,
        shown=len(mistakes),
        wrong=wrong,
        percent=lambda share: "–" if share is None else f"{share:.2%}",
    )
    atomic_write(run.path / NAME, page)
    return run.path / NAME


def try_to_save(run: Run) -> Path | None:
    """Write the page of a training that is done and well, whatever becomes of its page; else say why not."""
    try:
        return save(run)
    except Exception as error:
        say(f"the page of {run.path} could not be written: {error}")
        return None


def _facts(run: Run) -> list[tuple[str, str]]:
    summary, environment = run.summary, run.environment
    data, seconds, plan = summary["data"], summary["seconds"], environment["plan"]
    division = f", {data['division']} division" if data["division"] else ""
    validation = summary["validation"]
    return [
        ("data", f"{data['name']}{division}"),
        ("images", f"{data['train']:,} training, {data['validation']:,} validation, {data['test']:,} test"),
        ("model", f"{summary['model']['name']}, {summary['model']['parameters']:,} parameters"),
        (
            "epochs",
            f"{summary['epochs']}, kept the {summary['kept']} "
            f"(epoch {summary['best_epoch'] if summary['kept'] == 'best' else summary['epochs']})",
        ),
        *_views(summary["views"]),
        ("validation accuracy", "–" if validation is None else f"{validation['accuracy']:.2%}"),
        ("test negative log-likelihood", f"{summary['test']['nll']:.4f}"),
        ("test calibration error", f"{summary['test']['calibration_error']:.4f}"),
        ("seconds", ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())),
        ("hardware", f"{run.device}; {plan['device']}, {in_words(plan)}"),
        ("versions", f"imagette {environment['packages']['imagette']}, torch {environment['packages']['torch']}"),
        ("command", environment["command"]),
    ]


def _views(number: int) -> list[tuple[str, str]]:
    said = f"{number} of every image, averaged; in the curves an epoch's validation has 1"
    return [("views", said)] if number > 1 else []


def _mistakes(run: Run) -> tuple[list[dict[str, Any]], int]:
    file = run.path / "mistakes.csv"
    try:
        with file.open(encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}", hint="restore it from a copy") from error
    test = run.splits.test
    places = {name: place for place, name in enumerate(_ids(run))}  # a file may have another name by now
    if strange := [row["id"] for row in rows[:MISTAKES] if row["id"] not in places]:
        raise InputError(f"{file}: {strange[0]} is none of the test images", hint="restore it from a copy")
    shown = [
        {**row, "probability": float(row["probability"]), "picture": _picture(test.images[places[row["id"]]])}
        for row in rows[:MISTAKES]
    ]
    return shown, len(rows)


def _ids(run: Run) -> list[str]:
    """List the test images as they were called when they were predicted."""
    file = run.path / "predictions.npz"
    try:
        return [str(name) for name in read_npz(file)["ids"]]
    except (*ZIP_DAMAGE, KeyError, ValueError) as error:
        raise InputError(f"{file}: cannot be read: {error}", hint="restore it from a copy") from error


def _picture(pixels: np.ndarray) -> str:
    """Write pixels (C, H, W) uint8, laid on white, as an address that holds the picture itself."""
    buffer = io.BytesIO()
    on_white(picture(pixels)).save(buffer, "PNG")
    return _png(buffer.getvalue())


def _png(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
