"""A module as boxes in the order in which data flow, and edges between them; equal neighbours stand once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from imagette.models.labels import Label


@dataclass(frozen=True)
class Box:
    """One layer of a module, or one call between layers such as an addition.

    Args:
        name: the layer's place in the module, such as ``stage1.0.conv1``; empty for a call.
        label: type, main setting and kind.
        shape: of what it gives for one image.
        parameters: numbers that it learns and that no box before it counts.
        layers: the names of all layers that the box stands for; for a call, of the part of the module that makes it.
    """

    name: str
    label: Label
    shape: tuple[int, ...]
    parameters: int
    layers: tuple[str, ...]


class Edge(NamedTuple):
    """What one box gives, taken by another; ``via`` names the small changes of form on the way."""

    source: int
    target: int
    via: str = ""


@dataclass(frozen=True)
class Block:
    """Boxes ``first`` to ``last`` that are one part of the module, such as a residual block.

    Args:
        kind: the part's class.
        names: the places in the module where it stands: several where equal blocks follow each other.
        first: its first box.
        last: its last box.
    """

    kind: str
    names: tuple[str, ...]
    first: int
    last: int


@dataclass(frozen=True)
class Graph:
    """A module as boxes and edges.

    Args:
        boxes: in an order in which every box comes after all that it takes.
        edges: who takes what from whom.
        blocks: runs of boxes that belong together; they do not overlap.
        parameters: of the whole module.
        unused: layers with parameters that no image passes.
        untraced: why the edges are not known, and ``edges`` is empty; empty when they are.
    """

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    blocks: tuple[Block, ...]
    parameters: int
    unused: tuple[str, ...]
    untraced: str = ""


def shortened(graph: Graph) -> Graph:
    """Put one block in the place of equal blocks that follow each other, which makes deep nets readable.

    Example:
        >>> from torch import nn
        >>> from imagette.models.resnet import BasicBlock
        >>> from imagette.models.trace import network_graph
        >>> graph = network_graph(nn.Sequential(*(BasicBlock(4, 4) for _ in range(5))), (4, 8, 8))
        >>> len(graph.boxes), len(shortened(graph).boxes), shortened(graph).blocks[0].names
        (36, 8, ('0', '1', '2', '3', '4'))
    """
    kept: list[Block] = []
    new = {index: index for index in range(len(graph.boxes))}  # of each box, the one that stands for it
    for block in graph.blocks:
        before = kept[-1] if kept else None
        repeats = before and new[block.first - 1] == before.last and _form(graph, block) == _form(graph, before)
        if before and repeats:
            kept[-1] = replace(before, names=before.names + block.names)
            new |= {block.first + i: before.first + i for i in range(block.last - block.first + 1)}
        else:
            kept.append(block)
    return _merged(graph, kept, new)


def _merged(graph: Graph, blocks: Sequence[Block], new: dict[int, int]) -> Graph:
    layers: dict[int, tuple[str, ...]] = {}
    for index, box in enumerate(graph.boxes):
        layers[new[index]] = layers.get(new[index], ()) + box.layers
    place = {index: place for place, index in enumerate(layers)}
    edges = [(new[edge.source], new[edge.target], edge.via) for edge in graph.edges]
    return replace(
        graph,
        boxes=tuple(replace(graph.boxes[index], layers=names) for index, names in layers.items()),
        # An edge from a block's end to its twin's start would lead back, to where one leads in already.
        edges=tuple(dict.fromkeys(Edge(place[s], place[t], via) for s, t, via in edges if s < t)),
        blocks=tuple(replace(block, first=place[block.first], last=place[block.last]) for block in blocks),
    )


def _form(graph: Graph, block: Block) -> object:
    """Give what equal blocks share; a block that takes from afar, or is taken from inside, is like no other."""
    inside = range(block.first, block.last + 1)
    touching = [edge for edge in graph.edges if edge.source in inside or edge.target in inside]
    if any(e.source < block.first - 1 or (e.target > block.last and e.source != block.last) for e in touching):
        return block
    boxes = [replace(graph.boxes[i], name="", layers=()) for i in inside]
    entering = [(e.source - block.first, e.target - block.first, e.via) for e in touching if e.target in inside]
    return block.kind, boxes, sorted(entering)
