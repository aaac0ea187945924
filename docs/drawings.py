"""The pictures of docs/benchmarks.md, one function a question: figures with every round in them, not only medians."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from imagette.report.pictures import write
from imagette.report.plots import INK, STYLE, TRAIN, VALIDATION
from results import Page, plan_text

OURS, OTHERS, FAINT = TRAIN, VALIDATION, "#bbbbbb"
US = "imagette"
SIDES = ("ours", "airbench")  # as the rows call them
CLOCKS = {"training": "o", "with_data": "s", "process": "D"}  # the shortest first, with its mark
WIDTH, LINE = 8.0, 0.42  # inches: of a picture, and of one of its lines


def save(draw: Callable[[Sequence[Page]], Figure], pages: Sequence[Page], file: Path) -> Path:
    """Draw a question's picture into a PNG."""
    with mpl.rc_context(STYLE):
        return write(file, draw(pages))


def bound(pages: Sequence[Page]) -> Figure:
    """Draw what the engine adds, every round a dot."""
    figure, panels = _panels(pages, [len(page.rows) for page in pages])
    for axes, page in zip(panels, pages, strict=True):
        _strips(axes, {row["case"]: row["added_by_round"] for row in page.rows}, "{:+.1%}")
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.xaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 5, 10]))  # whole percent
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        limit = max(abs(value) for row in page.rows for value in row["added_by_round"])
        axes.set(xlim=(-1.15 * limit, 1.15 * limit))
    panels[-1].set_xlabel("time that the engine adds to the bare arithmetic (dots: rounds, bar: median)")
    return figure


def articles_race(pages: Sequence[Page]) -> Figure:
    """Draw how many times faster a step is, every round a dot."""
    figure, panels = _panels(pages, [len(page.rows) for page in pages])
    for axes, page in zip(panels, pages, strict=True):
        _strips(axes, {row["case"]: race_rounds(row) for row in page.rows}, "{:.2f}x")
        _times_axis(axes)
    panels[-1].set_xlabel("times faster than the article's own way (dots: rounds, bar: median)")
    return figure


def race_rounds(row: Mapping[str, Any]) -> list[float]:
    """Give the ratio of each round of the race."""
    return [theirs / ours for theirs, ours in zip(row["rounds"]["articles"], row["rounds"]["ours"], strict=True)]


def peers(pages: Sequence[Page]) -> Figure:
    """Draw images a second, tool by tool, the fastest on top."""
    rows = [(page, row) for page in pages for row in page.rows]
    figure, panels = _panels([page for page, _ in rows], [len(peer_figures(row)[0]) for _, row in rows])
    for axes, (page, row) in zip(panels, rows, strict=True):
        speeds, _ = peer_figures(row)
        tools = sorted(speeds, key=lambda tool: speeds[tool])
        colours = [OURS if tool == US else FAINT for tool in tools]
        bars = axes.barh(tools, [speeds[tool] for tool in tools], color=colours, height=0.65)
        axes.bar_label(bars, fmt="{:,.0f}", padding=4, fontsize=9)
        where = f"{page.hardware}, {plan_text(row['plan'], 'en')}"
        axes.set_title(f"{row['case']}, batch {row['batch']}: {where}", fontsize=10, loc="left")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.margins(x=0.12, y=0.03)
    panels[-1].set_xlabel("images a second in training (median of the rounds)")
    return figure


def peer_figures(row: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    """Give images a second of each tool, and how many times as fast ours is as each of the others."""
    return row["images_per_second"], {tool: ratio for tool, ratio in row["ours_to_theirs"].items() if tool != US}


def speedrun(pages: Sequence[Page]) -> Figure:
    """Draw seconds to an accuracy: three clocks of ours, and the article's own way."""
    figure, panels = _clocks(pages, [[f"{row['case']}: {row['target']:.2%}" for row in page.rows] for page in pages])
    for axes, page in zip(panels, pages, strict=True):
        for at, row in enumerate(reversed(page.rows)):
            ours, theirs = statistics.median(row["seconds"]["training"]), row["articles_way"]["seconds"]
            axes.plot([ours, theirs], [at, at], color=FAINT, linewidth=1.2, zorder=1)
            label = "the article's own way, extrapolated" if at == 0 else None
            axes.plot(theirs, at, "D", color=OTHERS, markersize=7, label=label)
            axes.annotate(f"{row['ratio']:,.0f}x", (theirs, at), (9, 0), textcoords="offset points", va="center")
        axes.set(xscale="log")
        axes.margins(x=0.12)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return figure


def records(pages: Sequence[Page]) -> Figure:
    """Draw seconds to an accuracy of one's choice: three clocks."""
    names = [[f"{row['case']}: {row['target']:.2%}" for row in page.rows] for page in pages]
    figure, panels = _clocks(pages, names)
    for axes in panels:
        axes.set(xlim=(0, None))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _clocks(pages: Sequence[Page], names: Sequence[Sequence[str]]) -> tuple[Figure, list[Axes]]:
    """Draw the three clocks of each row, seed by seed and their median; the first row on top."""
    figure, panels = _panels(pages, [len(page.rows) for page in pages])
    for axes, page, lines in zip(panels, pages, names, strict=True):
        for at, row in enumerate(reversed(page.rows)):
            for clock, mark in CLOCKS.items():
                seconds = row["seconds"][clock]
                axes.plot(seconds, [at] * len(seconds), ".", color=OURS, alpha=0.25, markersize=5)
                label = f"ours, {clock.replace('_', ' ')}" if at == 0 else None
                axes.plot(statistics.median(seconds), at, mark, color=OURS, markersize=7, fillstyle="none", label=label)
        axes.set_yticks(range(len(lines)), list(reversed(lines)))
        axes.set(ylim=(-0.6, len(lines) - 0.4))
        axes.grid(axis="x", alpha=0.2)
    panels[-1].set_xlabel("seconds until the accuracy is reached (small dots: seeds)")
    return figure, panels


def airbench(pages: Sequence[Page]) -> Figure:
    """Draw accuracy over seconds, every training a dot: above and to the left is better."""
    rows = [(page, row) for page in pages for row in page.rows]
    figure, panels = _panels([page for page, _ in rows], [6] * len(rows))
    for axes, (page, row) in zip(panels, rows, strict=True):
        for side, colour in zip(SIDES, (OURS, OTHERS), strict=True):
            seconds, accuracies = row["seconds"][side], row["accuracies"][side]
            axes.plot(seconds, accuracies, ".", color=colour, alpha=0.35, markersize=6)
            middle = statistics.mean(seconds), statistics.mean(accuracies)
            axes.plot(*middle, "D", color=colour, markersize=7, markeredgecolor="white", label=side)
        axes.set_title(f"{row['case']} %: {page.label('en')}", fontsize=10, loc="left")
        axes.set(xlim=(0, None), ylabel="accuracy")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
        axes.grid(alpha=0.2)
    panels[-1].set_xlabel("seconds of a training (dots: trainings, diamond: mean)")
    panels[0].legend(frameon=False)
    return figure


def cost(pages: Sequence[Page]) -> Figure:
    """Draw seconds, with the fitted line, and peak memory as one thing grows: two panels each."""
    rows = [(page, row) for page in pages for row in page.rows]
    figure = Figure(figsize=(WIDTH, 2.5 * len(rows)), layout=ConstrainedLayoutEngine(h_pad=0.1))
    for (left, right), (page, row) in zip(figure.subplots(len(rows), 2, squeeze=False), rows, strict=True):
        x, seconds, peaks = cost_points(row)
        ends = [min(x), max(x)]
        for axes, values, fit, scale, what in (
            (left, seconds, row["lines"]["seconds"], 1, "seconds"),
            (right, peaks, row["lines"]["peak_bytes"], 2**20, "peak memory, MiB"),
        ):
            line = [(fit["intercept"] + fit["slope"] * end) / scale for end in ends]
            axes.plot(ends, line, "--", color=FAINT, label="line")
            axes.plot(x, values, "o", color=OURS, label="measured")
            axes.set(xlabel=row["grows"], ylabel=what, ylim=(0, 1.15 * max(values)))
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
            axes.grid(alpha=0.2)
        left.set_title(page.label("en"), fontsize=10, loc="left")
    figure.axes[0].legend(frameon=False)
    return figure


def cost_points(row: Mapping[str, Any]) -> tuple[list[int], list[float], list[float]]:
    """Give what grows, the seconds of the whole, and the peak memory in MiB above the start, point by point."""
    points = row["points"]
    seconds = [point["seconds"]["all"] for point in points]
    return [point["x"] for point in points], seconds, [point["peak_bytes"] / 2**20 for point in points]


def start(pages: Sequence[Page]) -> Figure:
    """Draw the seconds of whole processes, from the fastest round to the slowest."""
    figure, panels = _panels(pages, [len(page.facts["seconds"]) for page in pages])
    for axes, page in zip(panels, pages, strict=True):
        times = page.facts["seconds"]
        for at, (name, found) in enumerate(reversed(times.items())):
            colour = INK if name.startswith("python") else OURS
            axes.plot([found["min"], found["max"]], [at, at], color=colour, alpha=0.35, linewidth=3, zorder=1)
            axes.plot(found["median"], at, "o", color=colour, markersize=7)
            _at_right(axes, at, f"{found['median']:.3f} s", colour)
        axes.set_yticks(range(len(times)), list(reversed(times)))
        axes.set(xlim=(0, None), ylim=(-0.6, len(times) - 0.4))
        axes.grid(axis="x", alpha=0.2)
    panels[-1].set_xlabel("seconds from start to end (dot: median, line: fastest to slowest round)")
    return figure


def _panels(pages: Sequence[Page], lines: Sequence[int]) -> tuple[Figure, list[Axes]]:
    """Make one panel a page, as high as it has lines."""
    heights = [LINE * max(n, 2) + 0.6 for n in lines]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.6), layout=ConstrainedLayoutEngine(h_pad=0.1))
    panels = figure.subplots(len(pages), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, page in zip(panels, pages, strict=True):
        axes.set_title(page.label("en"), fontsize=10, loc="left")
    return figure, list(panels)


def _strips(axes: Axes, rounds: Mapping[str, Sequence[float]], how: str) -> None:
    """Draw the rounds of each case as dots, their median as a bar with its figure at the right."""
    for at, values in enumerate(reversed(rounds.values())):
        middle = statistics.median(values)
        axes.plot(values, [at] * len(values), "o", color=OURS, alpha=0.4, markersize=6, markeredgewidth=0)
        axes.plot([middle, middle], [at - 0.28, at + 0.28], color=OTHERS, linewidth=2.5)
        _at_right(axes, at, how.format(middle).replace("-", "−"), OTHERS)
    axes.set_yticks(range(len(rounds)), list(reversed(rounds)))
    axes.set(ylim=(-0.6, len(rounds) - 0.4))
    axes.grid(axis="x", alpha=0.2)


def _at_right(axes: Axes, at: float, text: str, colour: str) -> None:
    """Write a figure at the end of a line, beside the axes: over the dots it could not be read."""
    axes.annotate(text, (1.01, at), xycoords=("axes fraction", "data"), va="center", color=colour)


def _times_axis(axes: Axes) -> None:
    """Scale an axis of ratios: twice as fast is as far from one as half as fast."""
    axes.axvline(1, color=INK, linewidth=0.8)
    axes.set_xscale("log")
    least, most = axes.get_xlim()
    axes.set_xlim(min(least, 0.9), max(most, 1.2))
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if axes.get_xlim()[0] <= tick <= most]
    axes.set_xticks(ticks, [f"{tick:g}x" for tick in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())
