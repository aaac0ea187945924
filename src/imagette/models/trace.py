"""From a module to its graph: what its layers take and give, found by following an image through it."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, fx, nn

from imagette.core.shape import Shape
from imagette.models import labels
from imagette.models.blocks import Chain
from imagette.models.copies import copied
from imagette.models.dry import dry_run, said
from imagette.models.graph import Block, Box, Edge, Graph
from imagette.models.inspect import layer_table
from imagette.models.labels import Label

LARGEST_BLOCK = 16  # boxes; a larger part of a module is drawn as the parts that it is made of


def network_graph(module: nn.Module, shape: Shape) -> Graph:
    """Follow an image through a module, layer by layer.

    The data flow is that of torch.fx. Where it cannot follow a module's own control flow, the boxes are the rows of
    ``layer_table``, without edges. The module stays as it was.

    Args:
        module: maps images (N, C, H, W) to anything.
        shape: (C, H, W) of an image.

    Raises:
        InputError: when the module cannot take such images.

    Example:
        >>> graph = network_graph(nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU()), (1, 28, 28))
        >>> [(box.label.title, box.label.setting, box.shape) for box in graph.boxes]
        [('Image', '', (1, 28, 28)), ('Conv', '5×5, 6', (6, 24, 24)), ('ReLU', '', (6, 24, 24))]
        >>> [(edge.source, edge.target) for edge in graph.edges]
        [(0, 1), (1, 2)]
    """
    try:
        return _traced(module, shape)
    except Exception as error:  # a user's module may raise anything when it is given what is not yet a tensor
        return _listed(module, shape, said(error.__cause__ if isinstance(error.__cause__, Exception) else error))


def _traced(module: nn.Module, shape: Shape) -> Graph:
    # A copy, since a forward pass may keep what it computes: here that would not be tensors.
    twin = copied(module).eval()
    single = next(twin.children(), None) is None  # torch.fx looks into the outermost module, whatever it is
    root = nn.Sequential(twin) if single else twin
    tracer = _Tracer()
    follower = _Follower(root, tracer.trace(root))
    dry_run(_Pass(follower), 1, shape)
    boxes = [replace(box, name="", layers=("",)) if single and box.name else box for box in follower.boxes]
    owners = {id(p): name.rpartition(".")[0] for name, p in root.named_parameters()}
    return Graph(
        boxes=tuple(boxes),
        edges=tuple(dict.fromkeys(follower.edges)),
        blocks=tuple(_blocks(root, follower.parts)),
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        unused=tuple(dict.fromkeys(name for key, name in owners.items() if key not in follower.seen)),
    )


def _listed(module: nn.Module, shape: Shape, why: str) -> Graph:
    rows = layer_table(module, shape)
    parts = dict(module.named_modules())
    image = Box("", Label("Image", "", "input"), shape, 0, ())
    boxes = [
        Box(row.name, labels.of_layer(parts[row.name]), row.output_shape, row.parameters, (row.name,))
        for row in rows
        if row.output_shape
    ]
    parameters = sum(row.parameters for row in rows)
    unused = tuple(row.name for row in rows if not row.output_shape)
    return Graph((image, *boxes), (), (), parameters, unused, why)


def _blocks(root: nn.Module, parts: Sequence[tuple[str, ...]]) -> Iterator[Block]:
    """Find the runs of boxes that belong to one part; ``parts`` names those that each box is in, outermost first."""
    sizes = Counter(name for names in parts for name in names)

    def belongs(names: tuple[str, ...]) -> str:
        fitting = (name for name in names if 1 < sizes[name] <= LARGEST_BLOCK)
        return next((name for name in fitting if type(root.get_submodule(name)) not in (nn.Sequential, Chain)), "")

    first = 0
    names = [*map(belongs, parts), ""]
    for index in range(1, len(names)):
        if names[index] != names[first]:
            if names[first]:
                kind = type(root.get_submodule(names[first])).__name__
                yield Block(kind, (names[first],), first, index - 1)
            first = index


class _Tracer(fx.Tracer):
    """Notes for each step which parts of the module it is in."""

    def __init__(self) -> None:
        super().__init__()
        self.within: list[str] = []

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return next(m.children(), None) is None or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        self.within.append(self.path_of_module(m))
        try:
            return super().call_module(m, forward, args, kwargs)
        finally:
            self.within.pop()

    def create_node(self, kind: str, target: Any, *rest: Any, **named: Any) -> fx.Node:
        node = super().create_node(kind, target, *rest, **named)
        node.meta["parts"] = tuple(name for name in self.within if name != target)
        return node


class _Pass(nn.Module):
    def __init__(self, follower: _Follower) -> None:
        super().__init__()
        self.module = follower.module
        self.follower = follower

    def forward(self, images: Tensor) -> Any:
        return self.follower.run(images)


class _Follower(fx.Interpreter):
    """Carries out the steps of a traced module, and makes a box of each that gives a tensor.

    What gives none, such as a size, is left out. What changes only the form of something that was computed earlier,
    as on a shortcut, becomes a word on the edge.
    """

    def __init__(self, module: nn.Module, graph: fx.Graph) -> None:
        super().__init__(module, graph=graph)
        self.boxes: list[Box] = []
        self.edges: list[Edge] = []
        self.parts: list[tuple[str, ...]] = []
        self.seen: set[int] = set()
        self.sources: dict[fx.Node, list[tuple[int, str]]] = {}  # the boxes behind a step, and what lies between
        self.own: dict[fx.Node, nn.Parameter] = {}  # what a step that is no layer takes by itself

    def run_node(self, n: fx.Node) -> Any:
        out = super().run_node(n)
        tensors = [t for t in (out if isinstance(out, list | tuple) else [out]) if isinstance(t, Tensor)]
        if isinstance(out, nn.Parameter):
            self.own[n] = out
        elif tensors and n.op not in ("get_attr", "output"):
            self._follow(n, tuple(tensors[0].shape[1:]))
        return out

    def _follow(self, node: fx.Node, shape: tuple[int, ...]) -> None:
        sources = [source for before in node.all_input_nodes for source in self.sources.get(before, [])]
        if node.target is operator.getitem and not isinstance(self.env[node.all_input_nodes[0]], Tensor):
            self.sources[node] = sources
            return
        label = self._label(node)
        if label.kind == "shape" and node.op != "call_module" and len(sources) == 1:
            [(source, via)] = sources
            if source != len(self.boxes) - 1:
                self.sources[node] = [(source, f"{via}, {label.title.lower()}".removeprefix(", "))]
                return
        layers, parameters = self._holds(node)
        self.edges += [Edge(source, len(self.boxes), via) for source, via in sources]
        self.sources[node] = [(len(self.boxes), "")]
        self.parts.append(node.meta["parts"])
        self.boxes.append(Box(str(node.target) if node.op == "call_module" else "", label, shape, parameters, layers))

    def _label(self, node: fx.Node) -> Label:
        if node.op == "placeholder":
            return Label("Image", "", "input")
        if node.op == "call_module":
            return labels.of_layer(self.module.get_submodule(str(node.target)))
        return labels.of_call(node)

    def _holds(self, node: fx.Node) -> tuple[tuple[str, ...], int]:
        """Name the layers behind a step, and count the parameters that no step before it had."""
        if node.op == "placeholder":
            return (), 0
        if node.op == "call_module":
            layer = self.module.get_submodule(str(node.target))
            names = [f"{node.target}.{name}".rstrip(".") for name, _ in layer.named_modules()]
            return tuple(names), self._count(list(layer.parameters()))
        parameters = [self.own[before] for before in node.all_input_nodes if before in self.own]
        return ("", *node.meta["parts"])[-1:], self._count(parameters)

    def _count(self, parameters: list[nn.Parameter]) -> int:
        new = {id(parameter): parameter.numel() for parameter in parameters if id(parameter) not in self.seen}
        self.seen |= new.keys()
        return sum(new.values())
