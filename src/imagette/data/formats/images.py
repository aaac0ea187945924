"""Many image files to one array: in threads, with progress, each file read by :mod:`imagette.data.formats.decode`."""

from __future__ import annotations

import warnings
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TypeVar

import numpy as np

from imagette.core import machine
from imagette.core.console import track
from imagette.core.errors import InputError
from imagette.core.shape import Shape
from imagette.data.formats.decode import decode, header
from imagette.data.formats.fitting import check_in_memory
from imagette.data.formats.wanted import CHANNELS, Wanted
from imagette.data.imageset import Images

CHUNK = 256  # files that a thread takes at a time: progress shows, and handing over costs little

T = TypeVar("T")


@dataclass(frozen=True)
class Decoded:
    """Image files as one array, and what befell them."""

    images: Images  # (N, C, H, W): of the files that could be read
    kept: list[int]
    failures: list[tuple[int, str]] = field(default_factory=list)
    conversions: dict[str, int] = field(default_factory=dict)


def decode_all(paths: Sequence[Path], wanted: Wanted) -> Decoded:
    """Decode image files to one array.

    Args:
        paths: the files.
        wanted: shape, or what decides it; and whether to skip what cannot be read.

    Raises:
        InputError: for the first file that cannot be read; when none can; when they would not fit in memory.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # of what decode() refuses, or forgives
        shape = wanted.shape or _common_shape(paths, wanted)
        check_in_memory((len(paths), *shape))
        images = np.empty((len(paths), *shape), np.uint8)
        kept: list[int] = []
        failures: list[tuple[int, str]] = []
        conversions: Counter[str] = Counter()
        with closing(_each(lambda path: decode(path, shape), paths, "importing images")) as results:
            for i, result in enumerate(results):
                if isinstance(result, InputError):
                    _unless_skipped(result, wanted)
                    failures.append((i, result.message))
                    continue
                images[len(kept)], done = result
                kept.append(i)
                conversions.update(done)
    if paths and not kept:
        raise InputError(f"none of {len(paths):,} image files can be read; the first: {failures[0][1]}")
    return Decoded(images[: len(kept)], kept, failures, dict(conversions))


def _common_shape(paths: Sequence[Path], wanted: Wanted) -> Shape:
    """Decide the shape from the headers."""
    channels = CHANNELS.get(wanted.channels)
    if wanted.size and channels:
        return channels, wanted.size, wanted.size
    sizes: list[tuple[int, int]] = []
    gray = True
    with closing(_each(header, paths, "looking at images")) as headers:
        for found in headers:
            if isinstance(found, InputError):
                _unless_skipped(found, wanted)
                continue
            sizes.append((found.height, found.width))
            gray = gray and found.gray
    return channels or (1 if gray else 3), *_common_size(sizes, wanted.size)


def _common_size(sizes: Sequence[tuple[int, int]], size: int) -> tuple[int, int]:
    if size:
        return size, size
    if len(set(sizes)) == 1:
        return sizes[0]
    side = int(np.median(sizes)) if sizes else 1
    return side, side


def _unless_skipped(error: InputError, wanted: Wanted) -> None:
    if not wanted.skip_unreadable:
        raise error


def _each(work: Callable[[Path], T], paths: Sequence[Path], description: str) -> Generator[T | InputError]:
    """Do some work on every file, in threads, in order; a bad file gives its error in place of a result.

    Threads and not processes: decoding large images runs beside Python, small ones are quick enough, and a process
    pool would start a user's script a second time.
    """

    def attempt(path: Path) -> T | InputError:
        try:
            return work(path)
        except InputError as error:
            return error

    def attempt_all(chunk: Sequence[Path]) -> list[T | InputError]:
        return [attempt(path) for path in chunk if not ended.is_set()]

    ended = Event()  # the results are not wanted any more: after a bad file, or Ctrl-C
    threads = machine.cores()
    remaining = iter(paths)
    chunks = iter(lambda: list(islice(remaining, min(CHUNK, -(-len(paths) // threads)))), [])
    with track(description, total=len(paths), unit="images") as advance, ThreadPoolExecutor(threads) as pool:
        # A few chunks ahead, so that no thread waits, and decoded images wait in memory for a moment only.
        waiting = deque[Future[list[T | InputError]]]()
        try:
            waiting.extend(pool.submit(attempt_all, chunk) for chunk in islice(chunks, 2 * threads))
            while waiting:
                results = waiting.popleft().result()
                waiting.extend(pool.submit(attempt_all, chunk) for chunk in islice(chunks, 1))
                yield from results
                advance(len(results))
        finally:
            ended.set()  # or the pool would wait for every image that its threads have before them
