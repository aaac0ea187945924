"""What a module is made of: a table of its layers with shapes, parameters, arithmetic and memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from imagette.core.shape import Shape
from imagette.models.dry import dry_run

FLOAT32_BYTES = 4


@dataclass(frozen=True)
class LayerRow:
    """One layer of a module, for one image.

    Args:
        name: its place in the module, such as ``stage1.0.conv1``; empty for the module itself.
        kind: its class.
        output_shape: shape of what it gives, without the batch; empty for a layer that was not used.
        parameters: numbers that it learns and that no other row counts.
        multiply_adds: of its matrix products and convolutions; what is cheap beside them is not counted.
        memory_bytes: of what it gives, in float32.

    Example:
        >>> LayerRow("fc", "Linear", (10,), 7850, 7840, 40).kind
        'Linear'
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    memory_bytes: int


def layer_table(module: nn.Module, shape: Shape) -> list[LayerRow]:
    """List the layers of a module in the order in which an image leaves them.

    A layer is a module without children, or one with parameters or arithmetic of its own: so the parameters sum to
    the module's, and the multiply-adds to the pass's. A layer that is used several times is one row. The module runs
    in evaluation mode and stays as it was.

    Args:
        module: maps images (N, C, H, W) to anything, by whatever control flow.
        shape: (C, H, W) of an image.

    Raises:
        InputError: when the module cannot take such images.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 6, 5), nn.Sigmoid(), nn.MaxPool2d(2))
        >>> for row in layer_table(net, (1, 28, 28)):
        ...     print(row.kind, row.output_shape, row.parameters, row.multiply_adds, row.memory_bytes)
        Conv2d (6, 24, 24) 156 86400 13824
        Sigmoid (6, 24, 24) 0 0 13824
        MaxPool2d (6, 12, 12) 0 0 3456
    """
    record = _watch(module, shape)
    parameters = _own_parameters(module)
    names = {part: name for name, part in module.named_modules()}
    unused = [part for part in names if part not in record.shapes and parameters[part]]
    return [
        LayerRow(
            name=names[part],
            kind=type(part).__name__,
            output_shape=record.shapes.get(part, ()),
            parameters=parameters[part],
            multiply_adds=record.operations[part] // 2,
            memory_bytes=FLOAT32_BYTES * record.numbers[part],
        )
        for part in [*record.shapes, *unused]
        if next(part.children(), None) is None or parameters[part] or record.operations[part]
    ]


class _Record(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """What a pass does in each module; a module's own arithmetic is without its children's.

    torch's FlopCounterMode counts with the same formulas, but imports the compiler first, which takes seconds.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.running: list[nn.Module] = []
        self.shapes: dict[nn.Module, tuple[int, ...]] = {}
        self.operations: Counter[nn.Module] = Counter()
        self.numbers: Counter[nn.Module] = Counter()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if (count := flop_registry.get(func.overloadpacket)) and self.running:
            self.operations[self.running[-1]] += count(*args, **(kwargs or {}), out_val=out)
        return out

    def enter(self, module: nn.Module, inputs: Any) -> None:
        self.running.append(module)

    def leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self.running.pop()
        tensors = [t for t in (output if isinstance(output, list | tuple) else [output]) if isinstance(t, Tensor)]
        self.shapes.setdefault(module, tuple(tensors[0].shape[1:]) if tensors else ())
        self.numbers[module] += sum(tensor.numel() for tensor in tensors)


def _watch(module: nn.Module, shape: Shape) -> _Record:
    record = _Record()
    with record, _unfused(), ExitStack() as stack:
        for part in module.modules():
            stack.enter_context(part.register_forward_pre_hook(record.enter))
            stack.enter_context(part.register_forward_hook(record.leave))
        dry_run(module, 1, shape)
    return record


@contextmanager
def _unfused() -> Iterator[None]:
    """Have recurrent layers and attention computed as the matrix products that they are made of, which are counted."""
    fast, mkldnn = torch.backends.mha.get_fastpath_enabled(), torch._C._get_mkldnn_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    torch._C._set_mkldnn_enabled(False)  # torch.backends.mkldnn.flags also warns of Intel's GPUs
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch._C._set_mkldnn_enabled(mkldnn)


def _own_parameters(module: nn.Module) -> dict[nn.Module, int]:
    """Count the parameters that each part holds itself; shared ones count where they are met first."""
    seen: set[nn.Parameter] = set()
    counts = {}
    for part in module.modules():
        own = set(part.parameters(recurse=False)) - seen
        counts[part] = sum(parameter.numel() for parameter in own)
        seen |= own
    return counts
