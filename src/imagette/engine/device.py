"""What the machine is and what it can do."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from importlib import metadata
from typing import Any

import torch

from imagette.core import machine
from imagette.core.errors import EnvironmentFault
from imagette.engine import allocator, denormals

PACKAGES = ("imagette", "torch", "numpy", "scikit-learn", "pillow", "pydantic", "safetensors", "matplotlib", "click")

_TURN = threading.RLock()


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


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with so many threads, and then with as many as before; 0 leaves them as they are.

    Example:
        >>> with threads(1):
        ...     torch.get_num_threads()
        1
    """
    before = torch.get_num_threads()
    if count in (0, before):  # nor gone back to: it may be that of someone who computes at the same time
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Train as torch is set at first, whatever the caller has set; it is as before in the end.

    That is: random numbers, of which a process has one generator for each device, and threads; gradients, autocast,
    precision, default type and device; and on a GPU, the choice of kernels. Trainings in several threads take turns.
    Only torch's helping threads, once they have started, go on to take for zero what is next to it.

    Example:
        >>> before = torch.get_rng_state()
        >>> with undisturbed():
        ...     _ = torch.manual_seed(0)
        >>> torch.equal(torch.get_rng_state(), before)
        True
    """
    with _TURN, ExitStack() as afterwards, _gpus_as_they_were(), as_torch_starts():
        afterwards.callback(torch.set_num_threads, torch.get_num_threads())
        yield


@contextmanager
def _gpus_as_they_were() -> Iterator[None]:
    """Give back random numbers, and on GPUs the current one; where CUDA starts meanwhile, as it would have started."""
    seed, running = torch.initial_seed(), torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    current = torch.cuda.current_device() if running else 0
    try:
        with torch.random.fork_rng(range(torch.cuda.device_count()) if running else ()):
            yield
    finally:
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.set_device(current)
            if not running:
                torch.cuda.manual_seed_all(seed)


@contextmanager
def as_torch_starts() -> Iterator[None]:
    """Compute with gradients, without autocast, in whole float32 and on the CPU by default, whatever has been set.

    The default type is that of the whole process.

    Example:
        >>> with torch.inference_mode(), as_torch_starts():
        ...     torch.is_grad_enabled()
        True
    """
    default, cudnn = torch.get_default_dtype(), torch.backends.cudnn
    deterministic, benchmark = cudnn.deterministic, cudnn.benchmark
    cpu = torch.device("cpu")
    home = nullcontext() if torch.get_default_device() == cpu else cpu  # the context slows every call of torch's
    try:
        torch.set_default_dtype(torch.float32)
        cudnn.benchmark = False  # which times kernels, and takes another one another time
        with without_autocast(), whole_float32(), torch.inference_mode(False), torch.enable_grad(), home:
            yield
    finally:
        torch.set_default_dtype(default)
        cudnn.deterministic, cudnn.benchmark = deterministic, benchmark


@contextmanager
def whole_float32() -> Iterator[None]:
    """Multiply matrices of float32 in float32, whatever the caller has set, unless backend by backend.

    Example:
        >>> torch.set_float32_matmul_precision("medium")
        >>> with whole_float32():
        ...     torch.get_float32_matmul_precision()
        'highest'
        >>> torch.get_float32_matmul_precision()
        'medium'
        >>> torch.set_float32_matmul_precision("highest")
    """
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:  # no one word tells what was set for each backend, nor could one put it back
        yield
        return
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def without_autocast() -> Iterator[None]:
    """Compute with the numbers that there are, whatever the caller has set.

    Example:
        >>> with torch.autocast("cpu", torch.bfloat16), without_autocast():
        ...     torch.is_autocast_enabled("cpu")
        False
    """
    cast = {kind: torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda")}
    try:
        for kind in cast:  # torch.autocast would do, but inside it a module's own autocast keeps its cast weights
            torch.set_autocast_enabled(kind, False)
        yield
    finally:
        for kind, enabled in cast.items():
            torch.set_autocast_enabled(kind, enabled)


def ready(threads: int) -> None:
    """Set this process up for training: its threads, zero for what is next to it, and memory kept between the steps.

    Example:
        >>> ready(torch.get_num_threads())
    """
    torch.set_num_threads(threads)
    allocator.keep_freed_memory()
    denormals.start_threads()


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
