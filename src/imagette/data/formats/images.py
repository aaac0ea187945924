"""Many image files to one array: in threads, with progress, each file read by :mod:`imagette.data.formats.decode`."""

from __future__ import annotations

import os
import warnings
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Literal, TypeVar

import numpy as np

from imagette.core import machine
from imagette.core.console import track
from imagette.core.errors import InputError
from imagette.core.files import with_home
from imagette.core.shape import Shape
from imagette.data.formats.decode import EXTENSIONS, decode, fit, header, picture
from imagette.data.formats.files import printable, walk
from imagette.data.imageset import Images, ImageSet

CHUNK = 256
CHANNELS = {"gray": 1, "rgb": 3, "rgba": 4}  # that are asked for; native asks for none

T = TypeVar("T")


@dataclass(frozen=True)
class Wanted:
    """What a set of images shall be like once it is imported."""

    size: int = 0
    """Side in pixels; 0 keeps a common size, else takes the median side."""
    channels: Literal["native", "gray", "rgb", "rgba"] = "native"
    """Native is gray where every image is gray, else colour; rgba is colour with transparency, which the others lay on
    white."""
    skip_unreadable: bool = False
    allow_empty_classes: bool = False
    shape: Shape | None = None
    """What the training images have, for those that go with them; overrides size and channels."""
    classes: tuple[str, ...] | None = None
    """Likewise: labels mean the classes of the training images, by name."""

    def like(self, train: ImageSet) -> Wanted:
        """Ask for images that go with these training images."""
        return replace(self, shape=train.shape, classes=train.classes)


@dataclass(frozen=True)
class Decoded:
    """Image files as one array, and what befell them."""

    images: Images  # (N, C, H, W): of the files that could be read
    kept: list[int]
    failures: list[tuple[int, str]] = field(default_factory=list)
    conversions: dict[str, int] = field(default_factory=dict)


def read_images(
    paths: Sequence[Path], shape: Shape, skip_unreadable: bool = False
) -> tuple[Images, list[str], list[tuple[str, str]]]:
    """Read image files exactly as an import does.

    Args:
        paths: the files.
        shape: (channels, height, width) of the images that the model was trained on.
        skip_unreadable: leave out files that cannot be read, instead of stopping at the first.

    Returns:
        The images, (N, C, H, W) uint8; the paths they came from; (path, reason) of every file left out.

    Raises:
        InputError: for the first file that cannot be read.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> file = Path(tempfile.mkdtemp()) / "gray.png"
        >>> Image.new("L", (4, 4), 7).save(file)
        >>> images, ids, failures = read_images([file], (1, 4, 4))
        >>> images.shape, int(images[0, 0, 0, 0]), Path(ids[0]).name, failures
        ((1, 1, 4, 4), 7, 'gray.png', [])
    """
    decoded = decode_all(paths, Wanted(shape=shape, skip_unreadable=skip_unreadable))
    names = [printable(path) for path in paths]
    return decoded.images, [names[i] for i in decoded.kept], [(names[i], why) for i, why in decoded.failures]


def expand(patterns: Sequence[str]) -> list[Path]:
    """Find the image files that files, folders (with all inside) and globs stand for; each file once.

    Args:
        patterns: as a user writes them; the files of each come sorted.

    Raises:
        InputError: for a pattern that stands for no image file.

    Example:
        >>> expand(["no-such-*.png"])
        Traceback (most recent call last):
        imagette.core.errors.InputError: 'no-such-*.png' matches no image file
          hint: give image files, folders of them, or patterns such as 'drawings/*.png'
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = with_home(pattern)
        there = os.path.exists(path)  # noqa: PTH110  # unlike Path's, it takes any text for an answer
        files = [file for match in ([path] if there else _matches(path)) for file in _images_at(match)]
        if not files or not str(pattern):  # what is empty would stand for the working folder
            raise InputError(
                f"{printable(pattern)!r} matches no image file",
                hint="give image files, folders of them, or patterns such as 'drawings/*.png'",
            )
        found.update(dict.fromkeys(files))
    return list(found)


def _matches(pattern: Path) -> list[Path]:
    """Find what a glob stands for; hidden names only where it asks for them."""
    hidden = _is_hidden(pattern)
    try:  # Path.glob, because glob.glob would follow links in circles
        found = sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    except (ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{printable(str(pattern)[:80])!r} is no pattern: {reason}") from error
    return [match for match in found if hidden or not _is_hidden(match)]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") and part != ".." for part in path.parts)


def _images_at(path: Path) -> list[Path]:
    if path.is_dir():
        return [Path(file.path) for file in walk(path) if file.suffix in EXTENSIONS]
    return [path] if path.is_file() else []


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
        check_memory((len(paths), *shape))
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


def conform(imageset: ImageSet, shape: Shape) -> ImageSet:
    """Bring images to a shape, pixel for pixel as if they had been read from files.

    Args:
        imageset: the images.
        shape: (channels, height, width).

    Example:
        >>> one = ImageSet(np.full((1, 1, 2, 2), 9, np.uint8), np.array([0]), ("a",), np.array(["x"]))
        >>> wide = conform(one, (3, 4, 4))
        >>> wide.shape, dict(wide.provenance["conversions"])
        ((3, 4, 4), {'gray to colour': 1, 'resized': 1})
    """
    if imageset.shape == shape:
        return imageset
    images, done = fit_all(imageset.images, shape)
    conversions = Counter(imageset.provenance.get("conversions", {})) + Counter(done)
    return replace(imageset, images=images, provenance={**imageset.provenance, "conversions": dict(conversions)})


def fit_all(images: Images, shape: Shape) -> tuple[Images, dict[str, int]]:
    """Bring an array of images to a shape, pixel for pixel as if they had been read from files.

    Args:
        images: (N, C, H, W) uint8.
        shape: the wanted (C, H, W).

    Returns:
        The images, (N, C, H, W) uint8, and how often each conversion was made.
    """
    check_memory((len(images), *shape))
    fitted = np.empty((len(images), *shape), np.uint8)
    conversions: Counter[str] = Counter()
    with track("converting images", total=len(images), unit="images") as advance:
        for i, pixels in enumerate(images):
            fitted[i], done = fit(picture(pixels), shape)
            conversions.update(done)
            advance(1)
    return fitted, dict(conversions)


def check_memory(shape: tuple[int, ...]) -> None:
    """Refuse an array of bytes that would take most of the machine's memory.

    Raises:
        InputError: with the sizes.
    """
    size, what = int(np.prod(shape, dtype=object)), f"{shape[0]:,} images of {'×'.join(map(str, shape[1:]))}"
    machine.check_memory(size, what, hint="make them smaller, as with data.size=64, or use fewer")
