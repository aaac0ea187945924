"""Where the boxes and lines of a network's picture lie: row after row, as text is written, in inches from the top."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from imagette.models.graph import Block, Edge, Graph

WIDTH = 11.5  # of a row at most
LEFT = 0.35  # room for the line that comes from the row before
HEAD = 0.55  # room for the picture's title
BOX = 0.56  # height of a box
NAME = 0.2  # under a box
FRAME = 0.22  # between a block's frame and its boxes
TITLE = 0.24  # of a block, in its frame
TRACK = 0.2  # between two lines that pass above boxes
FORK = 0.13  # from a box back to where a line parts from the one that leads to the box
LANE = 0.12  # between two lines at the right end that pass rows
CHANNEL = 0.26  # between two rows

Point = tuple[float, float]
Bundle = tuple[int, str]  # lines that share a way: whose they are, and the words on them
Key = TypeVar("Key")


class Cell(NamedTuple):
    """Width of a box and of the space to the next one."""

    box: float
    gap: float


@dataclass
class Row:
    """Boxes beside each other."""

    boxes: list[int]
    top: float = 0.0  # of its frames
    box_top: float = 0.0
    bottom: float = 0.0  # of its frames

    @property
    def middle(self) -> float:
        """Where the arrows between the boxes run."""
        return self.box_top + BOX / 2


class Line(NamedTuple):
    """A line through points, with words on it at a place."""

    points: tuple[Point, ...]
    arrow: bool
    words: str = ""
    place: Point = (0.0, 0.0)


class Frame(NamedTuple):
    """The part of a block that lies in one row."""

    block: Block
    left: float
    top: float
    right: float
    bottom: float
    begins: bool


class Layout:
    """The places of everything in a network's picture.

    Args:
        graph: what is to be drawn.
        cell: how wide a box is, and how wide the space to the next one.

    Example:
        >>> import torch
        >>> from imagette.models.trace import network_graph
        >>> net = torch.nn.Sequential(*(torch.nn.ReLU() for _ in range(12)))
        >>> [row.boxes for row in Layout(network_graph(net, (1, 8, 8)), Cell(0.8, 0.6)).rows]
        [[0, 1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]]
    """

    def __init__(self, graph: Graph, cell: Cell) -> None:
        self.graph, self.cell = graph, cell
        self.rows = [Row(boxes) for boxes in self._fold()]
        self.row_of = {box: row for row in self.rows for box in row.boxes}
        self.left = {box: x for row in self.rows for box, x in self._columns(row.boxes).items()}
        self.neighbours = {edge.source for edge in graph.edges if edge.target == edge.source + 1}
        self.arcs = [edge for edge in graph.edges if edge.target != edge.source + 1]
        self._landing = self._landings()
        self._lane = _levels(self._spans_of_lanes())
        self._track = {row.boxes[0]: _levels(self._spans_of_tracks(row)) for row in self.rows}
        self._stack()
        self.right = max(self.end(row.boxes[-1]) + cell.gap for row in self.rows)
        self.width = self.right + LANE * (2 + max(self._lane.values(), default=-1))
        self.height = self.rows[-1].bottom

    def end(self, box: int) -> float:
        """Give the right end of a box, or of the frame around it."""
        return self.left[box] + self.cell.box + (FRAME if box in self._ends(self.row_of[box].boxes) else 0)

    def after(self, box: int) -> float:
        """Give the middle of the space after a box, beside the line that may part there."""
        parting = any(edge.source == box for edge in self.arcs) * (-1 if box in self.neighbours else 1)
        return self.end(box) + (self.cell.gap + parting * FORK) / 2

    def start(self, box: int) -> float:
        """Give the left end of a box, or of the frame around it."""
        return self.left[box] - (FRAME if box in self._starts(self.row_of[box].boxes) else 0)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames around the blocks, one a row."""
        for block in self.graph.blocks:
            for row in self.rows:
                if inside := [box for box in row.boxes if block.first <= box <= block.last]:
                    yield Frame(
                        block, self.start(inside[0]), row.top, self.end(inside[-1]), row.bottom, block.first in inside
                    )

    def lines(self) -> Iterator[Line]:
        """Yield the lines of all edges; where edges are not known, a line without an arrow between neighbours."""
        known = not self.graph.untraced
        for box in range(len(self.graph.boxes) - 1):
            if box in self.neighbours or not known:
                yield Line(tuple(self._step(box)), known)
            elif any(edge.source == box for edge in self.arcs):
                row = self.row_of[box]
                yield Line(((self.left[box] + self.cell.box, row.middle), (self._fork(box)[0], row.middle)), False)
        for edge in self.arcs:
            points = self._arc(edge)
            middle = ((points[1][0] + points[2][0]) / 2, points[1][1])
            yield Line(tuple(points), True, edge.via, middle)
        last = len(self.graph.boxes) - 1
        x, y = self.left[last] + self.cell.box, self.row_of[last].middle
        yield Line(((x, y), (self.end(last) + self.cell.gap, y)), known)

    def _fold(self) -> list[list[int]]:
        """Fill rows; a block that does not fit into what is left of a row begins a new one."""
        count, pitch = len(self.graph.boxes), self.cell.box + self.cell.gap
        fitting = max(1, int((WIDTH - LEFT - 2 * FRAME) / pitch))
        if not self.graph.blocks:
            even = math.ceil(count / math.ceil(count / fitting))
            return [list(range(i, min(i + even, count))) for i in range(0, count, even)]
        rows: list[list[int]] = [[]]
        for piece in self._pieces(fitting):
            if rows[-1] and self._extent(rows[-1] + piece) > WIDTH:
                rows.append([])
            rows[-1] += piece
        return rows

    def _pieces(self, fitting: int) -> Iterator[list[int]]:
        """Yield what may not be parted: single boxes, and blocks, or equal parts of those that are too wide."""
        block_at = {block.first: block for block in self.graph.blocks}
        box = 0
        while box < len(self.graph.boxes):
            block = block_at.get(box)
            last = block.last if block else box
            size = last - box + 1
            even = math.ceil(size / math.ceil(size / fitting))
            for first in range(box, last + 1, even):
                yield list(range(first, min(first + even, last + 1)))
            box = last + 1

    def _extent(self, boxes: Sequence[int]) -> float:
        columns = self._columns(boxes)
        return columns[boxes[-1]] + self.cell.box + self.cell.gap + (FRAME if boxes[-1] in self._ends(boxes) else 0)

    def _columns(self, boxes: Sequence[int]) -> dict[int, float]:
        """Give the left sides of a row's boxes."""
        x, columns = LEFT, {}
        starts, ends = self._starts(boxes), self._ends(boxes)
        for box in boxes:
            columns[box] = x = x + (FRAME if box in starts else 0)
            x += self.cell.box + self.cell.gap + (FRAME if box in ends else 0)
        return columns

    def _starts(self, boxes: Sequence[int]) -> set[int]:
        """Give the boxes of a row at which a frame begins."""
        blocks = self.graph.blocks
        return {max(b.first, boxes[0]) for b in blocks if b.first <= boxes[-1] and b.last >= boxes[0]}

    def _ends(self, boxes: Sequence[int]) -> set[int]:
        """Give the boxes of a row at which a frame ends."""
        blocks = self.graph.blocks
        return {min(b.last, boxes[-1]) for b in blocks if b.first <= boxes[-1] and b.last >= boxes[0]}

    def _fork(self, source: int) -> tuple[float, Row]:
        """Give where lines part from what a box gives: just before the next box, if that takes it too."""
        if source in self.neighbours:
            return self.left[source + 1] - FORK, self.row_of[source + 1]
        return self.left[source] + self.cell.box + FORK, self.row_of[source]

    def _landings(self) -> dict[Edge, float]:
        """Spread the ends of lines from above over the top of their box: those from afar, which run higher, last."""
        landing: dict[int, list[Edge]] = defaultdict(list)
        for edge in sorted(self.arcs, key=lambda edge: -edge.source):
            landing[edge.target].append(edge)
        return {
            edge: self.left[target] + self.cell.box * place / (len(edges) + 1)
            for target, edges in landing.items()
            for place, edge in enumerate(edges, start=1)
        }

    def _passes_rows(self, edge: Edge) -> bool:
        return self._fork(edge.source)[1] is not self.row_of[edge.target]

    def _spans_of_lanes(self) -> dict[Bundle, tuple[float, float]]:
        """Give the rows that lines at the right end pass."""
        rows: dict[Bundle, list[float]] = defaultdict(list)
        for edge in filter(self._passes_rows, self.arcs):
            ends = self._fork(edge.source)[1], self.row_of[edge.target]
            rows[edge.source, edge.via] += [row.boxes[0] for row in ends]
        return {bundle: (min(ends), max(ends)) for bundle, ends in rows.items()}

    def _spans_of_tracks(self, row: Row) -> dict[Bundle, tuple[float, float]]:
        """Give the stretches of lines above a row's boxes."""
        stretches: dict[Bundle, list[float]] = defaultdict(list)
        for edge in self.arcs:
            x, begins = self._fork(edge.source)
            if stretch := [x] * (begins is row) + [self._landing[edge]] * (self.row_of[edge.target] is row):
                stretches[edge.source, edge.via] += stretch + [WIDTH] * self._passes_rows(edge)
        return {bundle: (min(ends), max(ends)) for bundle, ends in stretches.items()}

    def _stack(self) -> None:
        """Put the rows under each other."""
        y = HEAD
        for row in self.rows:
            framed = bool(self._starts(row.boxes))
            row.top = y
            tracks = 1 + max(self._track[row.boxes[0]].values(), default=-1)
            row.box_top = y + TITLE * framed + TRACK * tracks + 0.1
            row.bottom = row.box_top + BOX + NAME + 0.06 * framed
            y = row.bottom + CHANNEL

    def _step(self, box: int) -> Iterator[Point]:
        """Lead from a box to the next one, where it must be back to the left end of the next row."""
        row, below = self.row_of[box], self.row_of[box + 1]
        yield self.left[box] + self.cell.box, row.middle
        if row is not below:
            turn, channel = self.end(box) + self.cell.gap, below.top - CHANNEL / 2
            yield from ((turn, row.middle), (turn, channel), (0.15, channel), (0.15, below.middle))
        yield self.left[box + 1], below.middle

    def _arc(self, edge: Edge) -> list[Point]:
        x, row = self._fork(edge.source)
        end, landing = self.row_of[edge.target], self._landing[edge]
        height = self._height(edge, row)
        if row is end:
            return [(x, row.middle), (x, height), (landing, height), (landing, row.box_top)]
        lane, lower = self.right + LANE * (self._lane[edge.source, edge.via] + 0.5), self._height(edge, end)
        down = [(lane, height), (lane, lower), (landing, lower), (landing, end.box_top)]
        return [(x, row.middle), (x, height), *down]

    def _height(self, edge: Edge, row: Row) -> float:
        return row.box_top - TRACK * (self._track[row.boxes[0]][edge.source, edge.via] + 0.75)


def _levels(spans: Mapping[Key, tuple[float, float]]) -> dict[Key, int]:
    """Give spans that touch each other different levels; short spans, which others can pass, get the lowest.

    Example:
        >>> _levels({"far": (0, 9), "near": (1, 3), "later": (4, 5)})
        {'later': 0, 'near': 0, 'far': 1}
    """
    taken: list[list[tuple[float, float]]] = []
    levels: dict[Key, int] = {}
    for key in sorted(spans, key=lambda key: (spans[key][1] - spans[key][0], spans[key])):
        start, end = spans[key]
        free = (i for i, others in enumerate(taken) if all(b < start or a > end for a, b in others))
        levels[key] = next(free, len(taken))
        if levels[key] == len(taken):
            taken.append([])
        taken[levels[key]].append((start, end))
    return levels
