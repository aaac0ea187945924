"""Pictures of a finished run, in its ``plots`` folder: its network, its curves, and what is mistaken for what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imagette.core.console import say
from imagette.core.errors import EnvironmentFault
from imagette.report import network
from imagette.report.pictures import DPI, fonts, write
from imagette.report.preview import shortened
from imagette.runs.run import Run

INK, TRAIN, VALIDATION = "#333333", "#1f77b4", "#d95f02"
STYLE: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "font.size": 10,
    "text.usetex": False,  # whatever the user's own settings say: a class's name is no TeX
}
NAMED = 100  # classes that an axis of the confusion matrix has room for; of more, every second one or fewer
LONGEST_NAME = 30  # letters
NUMBERED_CELLS = 25  # classes up to which every cell of the confusion matrix shows its count


def save(run: Run) -> list[Path]:
    """Draw all pictures of a finished run; give their files.

    A network of your own that cannot be drawn is said, and left out.

    Raises:
        InputError: when the run has no figures yet.
        EnvironmentFault: when they cannot be written.
    """
    summary = run.summary
    with mpl.rc_context({**STYLE, "font.family": fonts()}):
        pictures = {"curves": curves(run)}
        if matrix := summary["test"]["confusion"]:  # None of very many classes
            pictures["confusion"] = confusion(np.array(matrix), run.classes)
        files = [write(run.path / "plots" / f"{name}.png", figure, dpi=DPI) for name, figure in pictures.items()]
    return [*_network(run), *files]


def _network(run: Run) -> list[Path]:
    predictor = run.predictor
    try:
        file = run.path / "plots" / "network.png"
        return [network.save(predictor.module, predictor.preprocessing.shape, file, run.recipe.model.name)]
    except EnvironmentFault:
        raise
    except Exception as error:  # whatever a user's module does when it is looked into: the run is good without
        say(f"the network could not be drawn: {error}")
        return []


def curves(run: Run) -> Figure:
    """Draw loss and accuracy by epoch, of training and validation."""
    figure, history = Figure(figsize=(10, 4), layout="constrained"), run.history
    for axes, what in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for part, colour in (("train", TRAIN), ("val", VALIDATION)):
            rows = [row for row in history if row[f"{part}_{what}"] is not None]
            if not rows:
                continue
            values = [row[f"{part}_{what}"] for row in rows]
            label = {"train": "training", "val": "validation"}[part]
            axes.plot([row["epoch"] for row in rows], values, marker=".", color=colour, label=label)
        axes.set(xlabel="epoch", title=what)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        if len(history) == 1:
            axes.set_xlim(0, 2)
        axes.grid(alpha=0.2)
    figure.axes[0].legend(frameon=False)
    figure.suptitle(f"{run.path.name}: test accuracy {run.summary['test']['accuracy']:.2%}", parse_math=False)
    return figure


def confusion(matrix: np.ndarray, classes: tuple[str, ...]) -> Figure:
    """Draw the confusion matrix (K, K), rows being the true classes, coloured by the share of the row."""
    k = len(classes)
    side = min(4 + 0.45 * k, 24)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes: Axes = figure.subplots()
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    picture = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="true", title=f"{matrix.trace():,} of {matrix.sum():,} test images right")
    some = range(0, k, -(-k // NAMED))
    names = [shortened(classes[i], LONGEST_NAME) for i in some]
    axes.set_xticks(some, names, rotation=60, ha="right", rotation_mode="anchor", parse_math=False)
    axes.set_yticks(some, names, parse_math=False)
    axes.spines[:].set_visible(False)
    figure.colorbar(picture, ax=axes, label="share of the true class", shrink=0.8)
    if k <= NUMBERED_CELLS:
        for i, j in np.argwhere(matrix > 0):
            colour = "white" if share[i, j] > 0.5 else INK
            axes.text(j, i, f"{matrix[i, j]}", ha="center", va="center", fontsize=8, color=colour)
    return figure
