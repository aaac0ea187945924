"""What the machine is and what it can do."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import torch

from imagette.core import machine
from imagette.core.errors import EnvironmentFault

PACKAGES = ("imagette", "torch", "numpy", "scikit-learn", "pillow", "pydantic", "safetensors", "matplotlib", "click")


def pick(name: str) -> torch.device:
    """Turn a recipe's ``train.device`` into a device that is there.

    Raises:
        EnvironmentFault: for a device that this machine lacks.

    Example:
        >>> pick("cpu")
        device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    there = {
        "cuda": (device.index or 0) < torch.cuda.device_count(),
        "cpu": True,
    }
    if not there[device.type]:
        raise EnvironmentFault(
            f"device {name!r} is not on this machine",
            hint="train.device = 'auto' takes what is there; a run goes on only on the device that it began on",
        )
    return device


def activated(name: str) -> torch.device:
    """Turn a plan's device into one that is there, and make it torch's own, for which random numbers are seeded.

    Raises:
        EnvironmentFault: for a device that this machine lacks.

    Example:
        >>> activated("cpu")
        device(type='cpu')
    """
    device = pick(name)
    if device.type == "cuda":
        if device.index is not None:
            torch.cuda.set_device(device)
        torch.backends.cudnn.deterministic = True
    return device


def present(name: str) -> torch.device:
    """Give the device of a record where this machine has it, and else the CPU.

    Example:
        >>> present("cuda:99")
        device(type='cpu')
    """
    try:
        return pick(name)
    except EnvironmentFault:
        return torch.device("cpu")


def name(device: str) -> str:
    """Give what the maker calls a GPU, or this machine's processor.

    Args:
        device: as a plan names it: ``cpu``, ``cuda`` or ``cuda:1``.

    Example:
        >>> bool(name("cpu"))
        True
    """
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    return str(_cpu().get("cpu_name") or platform.processor() or platform.machine())


def native_bfloat16(device: torch.device) -> bool:
    """Tell whether the hardware itself computes in bfloat16; elsewhere it is many times slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        able = _cpu()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return False


def computes_blocked(device: torch.device, precision: str) -> bool:
    """Tell whether oneDNN trains here on tensors in its own order: on a CPU, in bfloat16 only where that is native."""
    native = precision == "float32" or native_bfloat16(device)
    return device.type == "cpu" and torch.backends.mkldnn.is_available() and native  # type: ignore[no-untyped-call]


def _cpu() -> dict[str, Any]:
    """Ask torch what the processor can do; older releases do not tell."""
    return dict(getattr(torch.cpu, "get_capabilities", dict)())


def cores() -> int:
    """Count the processor cores that this process may use, or fewer where OMP_NUM_THREADS says so."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(int(asked) if asked.isdecimal() else machine.cores(), machine.cores()))


def described(facts: Mapping[str, Any], device: str) -> Mapping[str, Any]:
    """Find a device, as a plan names it, in the description of its machine.

    Example:
        >>> described(describe(), "cpu")["name"] == name("cpu")
        True
    """
    kind, _, number = device.partition(":")
    found: Mapping[str, Any] = facts["cpu"] if kind == "cpu" else facts["gpus"][int(number or 0)]
    return found


def describe() -> dict[str, Any]:
    """Describe versions, hardware and what the devices can do, for a record or a bug report.

    Example:
        >>> describe()["packages"]["torch"].startswith("2.")
        True
    """
    gpus = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "cpu": {
            "name": name("cpu"),
            "cores": cores(),
            "instructions": "AMX" if _cpu().get("amx_bf16") else torch.backends.cpu.get_cpu_capability(),
            "native_bfloat16": native_bfloat16(torch.device("cpu")),
            "memory_gib": round(machine.memory() / 2**30, 1),
        },
        "gpus": [
            {
                "name": gpu.name,
                "memory_gib": round(gpu.total_memory / 2**30, 1),
                "capability": f"{gpu.major}.{gpu.minor}",
            }
            for gpu in gpus
        ],
        "cuda": torch.version.cuda,
    }
