"""A picture of a network: a box a layer, in the order in which data flow, with shapes, parameters and shortcuts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, Polygon
from matplotlib.textpath import text_to_path
from torch import nn

from imagette.core.errors import InputError
from imagette.core.shape import Shape
from imagette.models.graph import Block, Box, Graph, shortened
from imagette.models.labels import Kind
from imagette.models.trace import network_graph
from imagette.report.layout import BOX, Cell, Frame, Layout, Line
from imagette.report.pictures import DPI, check_suffix, write

FORMATS = (".png", ".svg")
MOST = 1000  # boxes; the picture of more would be too tall to look at
INK, SOFT, LINE = "#222222", "#666666", "#555555"
LARGE, SIZE, SMALL = 11, 8, 7.5  # points
LONGEST = 18  # letters of a line in a box
LONGEST_NOTE = 130
COLOURS: dict[Kind, str] = {
    "input": "#ffffff",
    "convolution": "#cfe2f3",
    "linear": "#fde0c5",
    "normalisation": "#e3dcf1",
    "activation": "#f9d4d4",
    "pooling": "#d5ead1",
    "dropout": "#e8e8e8",
    "shape": "#f6f6f6",
    "join": "#fff2b3",
    "other": "#d3ecec",
}


class Written(NamedTuple):
    """A line of text, and how it looks."""

    text: str
    weight: str = "normal"
    style: Literal["normal", "italic"] = "normal"


def save(module: nn.Module, shape: Shape, path: Path, title: str = "") -> Path:
    """Draw a module's layers, and how data flow through them, into a PNG or SVG file; give the file.

    Args:
        module: maps images (N, C, H, W) to anything; it stays as it was.
        shape: (C, H, W) of an image.
        path: of the picture, which ends in ``.png`` or ``.svg``.
        title: what the module is called; by default, its class.

    Raises:
        InputError: for another suffix, for images that the module cannot take, and for a module too large to draw.
        EnvironmentFault: when the file cannot be written.

    Example:
        >>> import tempfile
        >>> net = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(3456, 10))
        >>> save(net, (1, 28, 28), Path(tempfile.mkdtemp()) / "net.png").name
        'net.png'
    """
    check_suffix(path, FORMATS)
    # Text stays text: it can be searched and copied. Without a date the same network gives the same file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "imagette", "text.usetex": False}):
        picture = figure(network_graph(module, shape), title or type(module).__name__)
        return write(path, picture, dpi=DPI, metadata={"Date": None} if path.suffix.lower() == ".svg" else {})


def figure(graph: Graph, title: str) -> Figure:
    """Draw a network's graph; equal blocks that follow each other are drawn once.

    Args:
        graph: from ``network_graph``.
        title: what the network is called.

    Raises:
        InputError: when it is too large to draw.

    Example:
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        >>> [text.get_text() for text in figure(network_graph(net, (1, 8, 8)), "linear").axes[0].texts][0]
        'linear: images 1×8×8, 650 parameters'
    """
    graph = shortened(graph)
    if len(graph.boxes) > MOST:
        raise InputError(f"a network of {len(graph.boxes):,} layers is too large for a picture; at most {MOST:,}")
    layout = Layout(graph, _cell(graph))
    heading = f"{title}: images {_shape(graph.boxes[0].shape)}, {graph.parameters:,} parameters"
    notes = list(_notes(graph))
    texts = [_width(Written(heading, "bold"), LARGE), *(_width(Written(note), SMALL) for note in notes)]
    width, height = max(layout.width, max(texts) + 0.4), layout.height + 0.25 + 0.19 * len(notes)
    picture = Figure(figsize=(width, height))
    axes = picture.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))  # inches, from the top
    axes.set_axis_off()
    _text(axes, 0.15, 0.25, heading, size=LARGE, weight="bold", ha="left")
    for number, note in enumerate(notes):
        _text(axes, 0.15, layout.height + 0.3 + 0.19 * number, note, size=SMALL, color=SOFT, ha="left")
    _draw(axes, layout)
    return picture


def _draw(axes: Axes, layout: Layout) -> None:
    for frame in layout.frames():
        _draw_frame(axes, frame, layout.graph)
    for line in layout.lines():
        _draw_line(axes, line, dotted=bool(layout.graph.untraced))
    for index, box in enumerate(layout.graph.boxes):
        _draw_box(axes, layout, index, box)


def _notes(graph: Graph) -> Iterator[str]:
    yield "In a box: the layer, its setting and, in italics, its parameters. Below: its name. After it: what it gives."
    if any(len(block.names) > 1 for block in graph.blocks):
        yield "×n: a block that stands there n times, each with parameters of its own."
    if graph.unused:
        yield _cut(f"Not used by any image: {', '.join(graph.unused)}.", LONGEST_NOTE)
    if graph.untraced:
        yield "Which layer takes what from which is not known: they stand in the order in which they run."
        yield _cut(f"The flow of data could not be followed ({graph.untraced}).", LONGEST_NOTE)


def _cell(graph: Graph) -> Cell:
    """Make boxes wide enough for what stands in the widest, and spaces for the longest shape."""
    widest = max(_width(line, SIZE) for box in graph.boxes for line in _lines(box))
    longest = max(_width(Written(line), SMALL) for box in graph.boxes for line in _folded(box.shape).split("\n"))
    return Cell(widest + 0.13, longest + 0.28)


def _lines(box: Box) -> list[Written]:
    """Give the lines in a box, and how each looks."""
    lines = [Written(_cut(box.label.title, LONGEST), weight="bold")]
    if box.label.setting:
        lines.append(Written(_cut(box.label.setting, LONGEST)))
    if box.parameters:
        lines.append(Written(f"{box.parameters:,}", style="italic"))
    return lines


def _draw_box(axes: Axes, layout: Layout, index: int, box: Box) -> None:
    left, row, width = layout.left[index], layout.row_of[index], layout.cell.box
    fill = COLOURS[box.label.kind]
    axes.add_patch(_rounded(left, row.box_top, width, BOX, facecolor=fill, edgecolor=LINE, zorder=3))
    lines = _lines(box)
    for number, line in enumerate(lines):
        y = row.middle + 0.16 * (number - (len(lines) - 1) / 2)
        _text(axes, left + width / 2, y, line.text, size=SIZE, weight=line.weight, style=line.style)
    block = next((b for b in layout.graph.blocks if b.first <= index <= b.last), None)
    name = box.name.removeprefix(f"{block.names[0]}.") if block else box.name
    _text(axes, left + width / 2, row.box_top + BOX + 0.1, _fit(name, width + 0.2), size=SMALL, color=SOFT)
    shape = _folded(box.shape)
    _text(axes, layout.after(index), row.middle - 0.04, shape, size=SMALL, va="bottom", linespacing=1.05)


def _draw_frame(axes: Axes, frame: Frame, graph: Graph) -> None:
    width, height = frame.right - frame.left, frame.bottom - frame.top
    axes.add_patch(_rounded(frame.left, frame.top, width, height, facecolor="#fafafa", edgecolor="#b0b0b0", zorder=0))
    titles = _titles(frame.block, graph) if frame.begins else [f"{frame.block.kind}, continued"]
    title = next((title for title in titles if _width(Written(title), SMALL) < width - 0.2), "")
    _text(axes, frame.left + 0.1, frame.top + 0.13, title, size=SMALL, color=SOFT, ha="left")


def _titles(block: Block, graph: Graph) -> list[str]:
    """Name a block, at length and in short."""
    parameters = sum(box.parameters for box in graph.boxes[block.first : block.last + 1])
    first, last, times = block.names[0], block.names[-1], len(block.names)
    if times == 1:
        return [f"{block.kind} · {first} · {parameters:,} parameters", block.kind]
    return [f"{block.kind} ×{times} · {first} to {last} · {parameters:,} parameters each", f"{block.kind} ×{times}"]


def _draw_line(axes: Axes, line: Line, dotted: bool) -> None:
    xs, ys = zip(*line.points, strict=True)
    axes.plot(xs, ys, color=LINE, linewidth=1, linestyle=":" if dotted else "-", zorder=1)
    if line.arrow:
        x, y = line.points[-1]
        down = line.points[-2][0] == x
        wings = (
            [(x - 0.035, y - 0.08), (x + 0.035, y - 0.08)] if down else [(x - 0.08, y - 0.035), (x - 0.08, y + 0.035)]
        )
        axes.add_patch(Polygon([(x, y), *wings], color=LINE, zorder=2))
    if xs[0] == xs[1]:  # it parts from another line
        axes.plot(xs[0], ys[0], marker="o", markersize=3.5, color=LINE, zorder=2)
    if line.words:
        _text(axes, *line.place, line.words, size=SMALL, bbox={"facecolor": "#fafafa", "pad": 1, "lw": 0})


def _rounded(left: float, top: float, width: float, height: float, **look: Any) -> FancyBboxPatch:
    return FancyBboxPatch((left, top), width, height, boxstyle="round,pad=0,rounding_size=0.06", linewidth=0.8, **look)


def _text(axes: Axes, x: float, y: float, text: str, **look: Any) -> None:
    """Write a name as it is: a dollar sign in it begins no formula."""
    axes.text(x, y, text, **{"ha": "center", "va": "center", "color": INK, "parse_math": False, "zorder": 4, **look})


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _folded(shape: tuple[int, ...]) -> str:
    """Write a shape in two lines, channels above height and width, so that boxes come closer."""
    return _shape(shape) if len(shape) < 3 else f"{shape[0]}×\n{_shape(shape[1:])}"


def _width(line: Written, size: float) -> float:
    """Measure a line in inches; on whole pixels letters come out a little wider than their outlines."""
    font = FontProperties(size=size, weight=line.weight, style=line.style)
    return 1.04 * float(text_to_path.get_text_width_height_descent(line.text, font, False)[0]) / 72


def _fit(text: str, width: float) -> str:
    """Leave the beginning out of a small text that is too wide: the end of a layer's name tells more."""
    shorter = text
    while shorter and _width(Written(shorter), SMALL) > width:
        shorter = f"…{shorter.lstrip('…')[1:]}" if len(shorter) > 2 else ""
    return shorter


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
