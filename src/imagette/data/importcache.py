"""What was imported once is not imported again: arrays on the disk, found by all that they depend on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from imagette.core.console import say
from imagette.core.errors import EnvironmentFault, InputError
from imagette.core.files import atomic_path
from imagette.core.locks import in_turn
from imagette.data.imageset import ImageSet
from imagette.data.mapped import LARGE, ZIP_DAMAGE, read_npz
from imagette.data.places import cache_folder

VERSION = 2  # of the conversions: a change in the pixels that an import gives must raise it
KEPT = 3  # imports of one source, with other settings or before its files changed


def cached(source: Path, stamp: Any, make: Callable[[], ImageSet]) -> ImageSet:
    """Give an import from the cache, or make it and keep it there.

    A cache that cannot be written costs time, and stops nothing.

    Args:
        source: the file or folder that is imported.
        stamp: all that the result depends on, JSON-able: settings, and the files with their sizes and times.
        make: imports.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.csv"
        >>> one = ImageSet(np.zeros((1, 1, 2, 2), np.uint8), np.array([0]), ("a",), np.array(["x"]))
        >>> cached(file, "today", lambda: one).fingerprint == cached(file, "today", None).fingerprint
        True
    """
    origin = str(source.resolve())
    group = cache_folder() / "imports" / _digest(origin)
    file = group.with_name(f"{group.name}-{_digest([VERSION, PIL.__version__, origin, stamp])}.npz")
    if (found := _load(file)) is not None:
        return found
    with ExitStack() as held:
        try:
            held.enter_context(in_turn(group.with_suffix(".lock"), f"the import of {source}"))
        except EnvironmentFault as fault:
            say(f"the import will not be cached: {fault.message}")
            return make()
        if (found := _load(file)) is not None:  # made by another process while this one waited
            return found
        made = make()
        _save(file, made)
        _prune(group, file)
        return (_load(file) if made.images.nbytes >= LARGE else None) or made  # the mapped one takes no memory


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _save(file: Path, made: ImageSet) -> None:
    about = json.dumps({"classes": made.classes, "provenance": dict(made.provenance)})
    try:
        with atomic_path(file) as temporary, temporary.open("wb") as opened:
            np.savez(opened, images=made.images, labels=made.labels, ids=made.ids, about=np.array(about))
    except EnvironmentFault as fault:
        say(f"the import is not cached: {fault.message}")


def _load(file: Path) -> ImageSet | None:
    """Read a cached import; None when there is none, or none that is whole."""
    if not os.path.exists(file):  # noqa: PTH110  # unlike Path's, where one may not even ask it says no
        return None
    try:
        arrays = read_npz(file)
        about = json.loads(str(arrays["about"]))
        return ImageSet(
            arrays["images"], arrays["labels"], tuple(about["classes"]), np.array(arrays["ids"]), about["provenance"]
        )
    except (FileNotFoundError, PermissionError):
        return None
    except (*ZIP_DAMAGE, KeyError, ValueError, InputError):
        say(f"{file}: damaged; imported anew")
        return None


def _prune(group: Path, made: Path) -> None:
    """Delete all imports of a source but the one just made, whatever the clock says, and the newest of the others."""
    others = [file for file in group.parent.glob(f"{group.name}-*.npz") if file != made]
    others.sort(key=lambda file: file.stat().st_mtime_ns, reverse=True)
    abandoned = group.parent.glob(f".{group.name}-*.tmp")  # by a process that was killed while it wrote
    for old in (*others[KEPT - 1 :], *abandoned):
        old.unlink(missing_ok=True)
