"""Derived numbers: what a recipe leaves open, decided from the device and the data, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from imagette.core.console import counted
from imagette.core.errors import EnvironmentFault, InputError
from imagette.data.mapped import is_mapped
from imagette.engine import device as devices
from imagette.recipe.schema import Recipe

LOGS_PER_EPOCH = 20
GPU_SHARE = 0.5  # of a GPU's free memory that the training images may take; the rest is for the training


@dataclass(frozen=True)
class Plan:
    """How a recipe is carried out here; a resumed run follows the plan that it began with.

    Example:
        >>> Plan.make(Recipe.load("digits", ["train.batch_size=100"]), n_train=950).steps_per_epoch
        10
    """

    device: str
    precision: str
    layout: str
    compile: bool
    threads: int
    steps_per_epoch: int
    log_every: int
    reasons: Mapping[str, str]
    data: str  # where the training images lie; beside the arithmetic when nothing is known of them

    @classmethod
    def make(cls, recipe: Recipe, n_train: int, pixels: npt.NDArray[np.uint8] | None = None) -> Plan:
        """Decide what the recipe leaves open.

        Args:
            recipe: to be carried out.
            n_train: number of training images.
            pixels: the training images as they were loaded, (N, C, H, W): they say where they lie already.

        Raises:
            EnvironmentFault: when the recipe names a device that is not there, or a layout that it does not have.
            InputError: when the recipe compiles a layout that cannot be compiled.
        """
        train = recipe.train
        device = devices.pick(train.device)
        whole = n_train // train.batch_size if train.drop_last else math.ceil(n_train / train.batch_size)
        steps = max(whole, 1)
        native = devices.native_bfloat16(device)
        decided = {
            "device": (str(device), "a GPU is there" if device.type == "cuda" else "no NVIDIA GPU is there"),
            "precision": (
                "bfloat16" if native else "float32",
                f"{device} computes bfloat16 {'natively' if native else 'only by emulation'}",
            ),
            "layout": ("channels_last", "pooling and convolution are faster on whole pixels"),
            "compile": ("off", "compiling takes longer than it saves on short runs"),
            "threads": (devices.cores(), "all cores of this process"),
            "log_every": (max(1, steps // LOGS_PER_EPOCH), f"about {LOGS_PER_EPOCH} rows an epoch"),
        }
        if pixels is not None:
            decided["data"] = _home(pixels, device)
        values: dict[str, Any] = {"data": "device"}
        reasons = {}
        for key, (choice, why) in decided.items():
            asked = recipe.data.keep_in if key == "data" else getattr(train, key)
            values[key], reasons[key] = (choice, why) if asked in ("auto", 0) else (asked, "the recipe says so")
        if values["layout"] == "blocked":
            _refuse_unblockable(device, values["precision"], values["compile"])
        values["compile"] = values["compile"] == "on"
        return cls(**values, steps_per_epoch=steps, reasons=reasons)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Plan:
        """Read back a recorded plan.

        Raises:
            InputError: when values are missing or unknown.
        """
        try:
            return cls(**facts)
        except TypeError as error:
            raise InputError(f"the recorded plan is damaged: {error}", hint="train anew") from error

    def to_dict(self) -> dict[str, Any]:
        """Write the plan for ``environment.json``."""
        return asdict(self)

    @property
    def channels_last(self) -> bool:
        """Whether batches and filters are laid out by whole pixels."""
        return self.layout != "contiguous"

    @property
    def dtype(self) -> torch.dtype:
        """Number type of the forward and backward pass."""
        return torch.bfloat16 if self.precision == "bfloat16" else torch.float32

    @property
    def memory_format(self) -> torch.memory_format:
        """Memory format of filters and batches."""
        return torch.channels_last if self.channels_last else torch.contiguous_format


def in_words(plan: Mapping[str, Any]) -> str:
    """Write of a recorded plan its precision, and its threads where a processor computes.

    Example:
        >>> in_words({"device": "cpu", "precision": "float32", "threads": 2})
        'float32, 2 threads'
    """
    threads = f", {counted(plan['threads'], 'thread')}" if plan["device"] == "cpu" else ""
    return f"{plan['precision']}{threads}"


def _refuse_unblockable(device: torch.device, precision: str, compiled: str) -> None:
    if compiled == "on":
        raise InputError("train.layout = 'blocked' cannot be compiled", hint="leave train.compile or train.layout out")
    if not devices.computes_blocked(device, precision):
        raise EnvironmentFault(
            f"train.layout = 'blocked' is an order of oneDNN's, which {device} does not compute {precision} in",
            hint="leave train.layout out: auto takes what is fastest here",
        )


def _home(pixels: npt.NDArray[np.uint8], device: torch.device) -> tuple[str, str]:
    """Say where the training images lie during the training: as near to the arithmetic as they fit."""
    size = f"{pixels.nbytes / 2**20:,.0f} MiB of training images"
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
        if pixels.nbytes <= GPU_SHARE * free:
            return "device", f"{size} fit in the GPU's memory, of which {free / 2**20:,.0f} MiB are free"
    if is_mapped(pixels):
        return "mapped", f"all images would take more than half of the memory; {size} stay on the disk"
    return "host", f"{size} fit in memory"
