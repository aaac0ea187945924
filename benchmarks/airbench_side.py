"""The other side of `airbench.py`: a process that runs a file of airbench's, a training whenever it is told to.

    python benchmarks/airbench_side.py FILE        # in a folder where the file finds its images

It answers on its standard output, a JSON object a line: first what it is, then accuracy and seconds of each training
that a line on its standard input asked for, as the file itself measures and prints them. Nothing of Imagette is loaded
here. The file loops over ``turns()``; apart from that it is as its authors wrote it.
"""

from __future__ import annotations

import importlib.util
import io
import runpy
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib import metadata
from importlib.machinery import ModuleSpec
from types import ModuleType

from worker import answers


class Table(io.TextIOBase):
    """Reads the table that the file prints: the last line under each heading."""

    def __init__(self) -> None:
        self._headings: list[str] = []
        self.row: dict[str, str] = {}

    def write(self, text: str) -> int:
        sys.stderr.write(text)
        for line in text.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if "tta_val_acc" in cells:
                self._headings = cells
            elif len(cells) == len(self._headings):
                self.row = dict(zip(self._headings, cells, strict=True))
        return len(text)

    def result(self) -> dict[str, float]:
        """Give what the line of a finished training says, and forget it."""
        row, self.row = self.row, {}
        seconds = row.get("time_seconds") or row["total_time_seconds"]
        figures = {"accuracy": row["tta_val_acc"], "without_tta": row["val_acc"], "seconds": seconds}
        return {name: float(figure) for name, figure in figures.items()}


def stand_in_for_torchvision() -> str:
    """Where torchvision is not installed, give what airbench takes from it once its images are there; tell which."""
    if importlib.util.find_spec("torchvision"):
        return metadata.version("torchvision")
    import torch

    class Normalize:
        def __init__(self, mean: torch.Tensor, std: torch.Tensor) -> None:
            self._mean, self._std = mean, std

        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            mean, std = (each.to(images).view(-1, 1, 1) for each in (self._mean, self._std))
            return images.sub(mean).div_(std)

    package, transforms = ModuleType("torchvision"), ModuleType("torchvision.transforms")
    package.transforms, transforms.Normalize = transforms, Normalize
    for module in (package, transforms):
        module.__spec__ = ModuleSpec(module.__name__, None)  # torch's compiler asks whether there is one
        sys.modules[module.__name__] = module
    return "stand-in"


def main(script: str) -> None:
    """Run the file, and answer."""
    answer, table, torchvision = answers(), Table(), stand_in_for_torchvision()

    def turns() -> Iterator[int]:
        yield 0  # not counted: airbench96 compiles in its first training, and has no other warm-up
        table.result()
        answer({"versions": {"torchvision": torchvision}})
        for number, _ in enumerate(sys.stdin, 1):
            yield number
            answer(table.result())

    with redirect_stdout(table):
        runpy.run_path(script, {"turns": turns}, "__main__")


if __name__ == "__main__":
    main(sys.argv[1])
