"""Which files a folder holds: in one order on every machine, without loops, with names that are safe to print."""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from imagette.core.console import inert

RUN_FILES = ("recipe.toml", "status.json")  # of a training in the very folder that holds its images


class FoundFile(NamedTuple):
    """A file found in a folder, and what tells a changed one from it."""

    path: str  # a Path each would take longer to make than 60,000 files take to list
    size: int
    stamp: tuple[int, ...] = ()

    @property
    def suffix(self) -> str:
        """The end of its name, in lower case: ``.png``."""
        _, dot, end = self.path.rpartition(os.sep)[2].rpartition(".")
        return (dot + end).lower() if dot else ""


def walk(folder: str | Path, within: frozenset[tuple[int, int]] = frozenset()) -> Iterator[FoundFile]:
    """Yield the files of a folder and its folders, sorted by name.

    Hidden names are left out, as are pipes, devices and sockets. Links are followed, but not into a folder that one
    is already in. A link to nothing is yielded, so that whoever opens it can say so.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "again").symlink_to(folder)
        >>> (folder / "1.png").touch()
        >>> [file.path.removeprefix(str(folder)) for file in walk(folder)]
        ['/1.png']
    """
    within |= {identity(folder)}
    with os.scandir(folder) as entries:
        visible = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in visible:
        try:
            if entry.is_dir():
                if identity(entry.path) not in within:
                    yield from walk(entry.path, within)
            elif entry.is_file():
                found = entry.stat()
                yield FoundFile(entry.path, found.st_size, stamp(found))
            elif entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110, an entry has only a name
                yield FoundFile(entry.path, -1)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            yield FoundFile(entry.path, -1)  # a link to itself leads to nothing, too


def stamp(found: os.stat_result) -> tuple[int, ...]:
    """Give what tells a file from another one that came into its place, and a changed one from what it was.

    Size and time of the content alone do not: an archive's files may all have one time, ``cp -p`` keeps it, and a file
    that is moved keeps all but its place; the inode, and the time of its last change of any kind, go with the file.
    """
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def identity(folder: str | Path) -> tuple[int, int]:
    """Give what tells a folder from all others, however one comes to it."""
    found = os.stat(folder)  # noqa: PTH116
    return found.st_dev, found.st_ino


def folders(folder: Path) -> list[Path]:
    """List the folders in a folder, sorted by name, without hidden ones, links back to itself, and Imagette's runs."""
    return sorted(
        inner
        for inner in folder.iterdir()
        if inner.is_dir()
        and not inner.name.startswith((".", "__MACOSX"))
        and not inner.samefile(folder)
        and not _is_of_runs(inner)
    )


def _is_of_runs(folder: Path) -> bool:
    """Tell whether a folder is a run, or holds some."""
    with suppress(OSError), os.scandir(folder) as entries:
        around = chain([str(folder)], (entry.path for entry in entries if entry.is_dir()))
        return any(all(os.path.isfile(f"{path}/{name}") for name in RUN_FILES) for path in around)  # noqa: PTH113
    return False


def printable(name: str | Path) -> str:
    r"""Give a file's name in one normal form, with what could disturb a terminal or a text file escaped.

    Example:
        >>> printable("cat\n\x1b[31m\udcff")
        'cat\\n\\x1b[31m\\udcff'
    """
    if isinstance(name, str) and name.isascii() and name.isprintable():
        return name
    composed = unicodedata.normalize("NFC", str(name))
    return inert(composed)
