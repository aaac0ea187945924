"""What a layer, or a call between layers, is called in a picture: its type, its main setting, its kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from torch import fx, nn

Kind = Literal[
    "input",
    "convolution",
    "linear",
    "normalisation",
    "activation",
    "pooling",
    "dropout",
    "shape",
    "join",
    "other",
]

FILES: dict[str, Kind] = {
    "conv": "convolution",
    "linear": "linear",
    "batchnorm": "normalisation",
    "instancenorm": "normalisation",
    "normalization": "normalisation",
    "activation": "activation",
    "pooling": "pooling",
    "dropout": "dropout",
    "flatten": "shape",
    "padding": "shape",
    "pixelshuffle": "shape",
    "upsampling": "shape",
}
"""The kind of torch's own layers, by the file of torch.nn.modules that holds them."""

CALLS: dict[str, tuple[str, Kind]] = {
    "add": ("Add", "join"),
    "iadd": ("Add", "join"),
    "sub": ("Subtract", "join"),
    "mul": ("Multiply", "join"),
    "imul": ("Multiply", "join"),
    "cat": ("Concat", "join"),
    "concat": ("Concat", "join"),
    "stack": ("Stack", "join"),
    "matmul": ("Matmul", "linear"),
    "mean": ("Mean", "pooling"),
    "amax": ("Max", "pooling"),
    "getitem": ("Slice", "shape"),
    **{
        name: (name.capitalize(), "shape")
        for name in ("chunk", "contiguous", "expand", "interpolate", "pad", "permute", "repeat", "reshape", "split")
    },
    **{name: (name.capitalize(), "shape") for name in ("squeeze", "transpose", "unsqueeze", "view")},
}
"""What is not a layer of torch.nn under another name."""

LAYERS: dict[str, type[nn.Module]] = {
    name.lower(): layer
    for name, layer in vars(nn).items()
    if isinstance(layer, type) and issubclass(layer, nn.Module) and not name.startswith("Lazy")
}

PLACES = {"kernel_size": 1, "stride": 2, "output_size": 1, "p": 1, "num_groups": 1}
"""Where a function of torch.nn.functional takes what its layer calls by this name."""


class Label(NamedTuple):
    """What stands in a layer's box.

    Example:
        >>> Label("Conv", "5×5, 6", "convolution").title
        'Conv'
    """

    title: str
    setting: str
    kind: Kind


def of_layer(layer: nn.Module) -> Label:
    """Name a layer.

    Example:
        >>> of_layer(nn.Conv2d(1, 6, 5)), of_layer(nn.MaxPool2d(3, stride=2)).setting
        (Label(title='Conv', setting='5×5, 6', kind='convolution'), '3×3, /2')
    """
    return _of_class(type(layer), lambda name: getattr(layer, name, None))


def of_call(node: fx.Node) -> Label:
    """Name a call of a function or of a tensor's method; ``relu`` is called as the layer ``nn.ReLU`` is.

    Example:
        >>> class Net(nn.Module):
        ...     def forward(self, images):
        ...         return nn.functional.max_pool2d(images, 2) + 1
        >>> [of_call(node)[:2] for node in fx.symbolic_trace(Net()).graph.nodes if node.op == "call_function"]
        [('MaxPool', '2×2'), ('Add', '')]
    """
    target = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    name = target.strip("_")
    if name in CALLS:
        return Label(CALLS[name][0], "", CALLS[name][1])
    if layer := LAYERS.get(name.replace("_", "")):
        return _of_class(layer, lambda setting: _argument(node, setting))
    return Label(name, "", "other")


def _argument(node: fx.Node, name: str) -> Any:
    place = PLACES.get(name, len(node.args))
    value = node.kwargs.get(name, node.args[place] if place < len(node.args) else None)
    return None if isinstance(value, fx.Node) else value  # computed, not set: a functional convolution's weight


def _of_class(layer: type[nn.Module], ask: Callable[[str], Any]) -> Label:
    """Name a class of layers; ``ask`` gives a setting by its name, or None."""
    own = next((base for base in layer.__mro__ if base.__module__.startswith("torch.nn.modules.")), nn.Module)
    kind = FILES.get(own.__module__.rpartition(".")[2], "other")
    if own in (nn.Identity, nn.MultiheadAttention):  # they live beside Linear and beside ReLU
        kind = "other"
    title = re.sub(r"\dd$", "", layer.__name__.removeprefix("Lazy")).removeprefix("Adaptive")
    return Label(title, _setting(own, kind, ask), kind)


def _setting(own: type[nn.Module], kind: Kind, ask: Callable[[str], Any]) -> str:
    dimensions = int(own.__name__[-2]) if re.search(r"\dd$", own.__name__) else 1
    if kind == "convolution" and (kernel := ask("kernel_size")):
        return f"{_sides(kernel, dimensions)}, {ask('out_channels')}{_stride(ask('stride'), 1, dimensions)}"
    if own.__name__.startswith("Adaptive"):
        return f"to {_sides(ask('output_size'), dimensions)}"
    if own.__name__.startswith(("MaxPool", "AvgPool")):
        kernel = ask("kernel_size")
        return _sides(kernel, dimensions) + _stride(ask("stride"), kernel, dimensions)
    value = {"linear": ask("out_features"), "dropout": ask("p")}.get(kind)
    return "" if value is None else f"{value:g}"


def _sides(value: int | Sequence[int], dimensions: int) -> str:
    """Write a side or several, as in ``5×5``."""
    return "×".join(map(str, [value] * dimensions if isinstance(value, int) else value))


def _stride(stride: int | Sequence[int] | None, usual: int | Sequence[int], dimensions: int) -> str:
    """Write a stride that is not the usual one, as in ``, /2``."""
    if not stride or _sides(stride, dimensions) == _sides(usual, dimensions):
        return ""
    return f", /{stride if isinstance(stride, int) else _sides(stride[:1] if len({*stride}) == 1 else stride, 1)}"
