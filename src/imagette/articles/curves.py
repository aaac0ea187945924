"""One picture an article: the curves of its systems, as published and corrected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from imagette.articles.table import Row
from imagette.report.pictures import DPI, write
from imagette.report.plots import STYLE

PANELS = {"train_loss": "training loss", "train_accuracy": "training accuracy", "val_accuracy": "validation accuracy"}
FEW = 10  # epochs: so few are marked one by one
UNLIKE = 5  # times: longer than the shortest, the longest training would hide it; a logarithmic axis shows both


def save(rows: Iterable[Row], folder: Path) -> list[Path]:
    """Draw ``a0.png`` to ``a4.png``, for the articles that have a measured system.

    Raises:
        EnvironmentFault: when they cannot be written.
    """
    files = []
    with mpl.rc_context(STYLE):
        for article, group in groupby(rows, key=lambda row: row.system.article):
            measured = [row for row in group if row.as_published or row.corrected]
            if measured:
                files.append(write(folder / f"{article}.png", draw(article, measured), dpi=DPI))
    return files


def draw(article: str, rows: Sequence[Row]) -> Figure:
    """Draw loss and accuracies by epoch; as published as a line, corrected dashed.

    Args:
        article: its id, for the title.
        rows: its systems, with at least one measured side each.
    """
    lines = [
        (f"{row.system.id}{ending}", f"C{number}", style, side.history)
        for number, row in enumerate(rows)
        for side, style, ending in ((row.as_published, "-", ""), (row.corrected, "--", ", corrected"))
        if side
    ]
    panels = [column for column in PANELS if any(history[column][0] is not None for *_, history in lines)]
    lengths = [len(history["train_loss"]) for *_, history in lines]
    figure = Figure(figsize=(4.6 * len(panels), 4.2), layout="constrained")
    for axes, column in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for label, colour, style, history in lines:
            values = [float("nan") if value is None else value for value in history[column]]
            marker = "." if len(values) < FEW else ""
            axes.plot(range(1, len(values) + 1), values, style, marker=marker, color=colour, label=label, linewidth=1.2)
        axes.set(xlabel="epoch", title=PANELS[column])
        if max(lengths) > UNLIKE * min(lengths):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
        axes.grid(alpha=0.2)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(f"article {article.upper()}")
    return figure
