"""How torch is set while Imagette computes, and set back afterwards: threads, precision, random numbers, memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext

import torch

from imagette.engine import allocator, denormals

_TURN = threading.RLock()


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
