"""The run folder: the contract on the disk between training and every reader."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imagette.core.errors import InputError
from imagette.core.files import atomic_write, check_name, with_home, write_fault
from imagette.core.locks import exclusive, is_held
from imagette.core.registry import suggestion
from imagette.recipe import load as recipes
from imagette.recipe.schema import Recipe
from imagette.recipe.show import to_toml
from imagette.runs import pages

NUMBERS = re.compile(r"\[\n[-+.,\deE\s]*\]")  # of a list, as a row of a confusion matrix: they stand on one line
FORMAT = 1  # of the folder; a newer one is refused, never guessed at
GLANCE = 0.3  # seconds: whoever only asks whether a run is held holds it for less


class RunFolder:
    """The paths of one run, and its small JSON pages.

    Args:
        path: a folder that holds a run.

    Raises:
        InputError: when there is no run, or one that a newer version wrote.
    """

    def __init__(self, path: Path | str) -> None:
        self._given = _existing(Path(path))
        self._from = None if self._given.is_absolute() else (Path.cwd(), _here())
        found = self.status()["format"]
        if found > FORMAT:
            raise InputError(
                f"{self.path}: a run folder of format {found}; this version reads up to {FORMAT}",
                hint="install a newer imagette: pip install --upgrade imagette",
            )

    @classmethod
    def create(cls, root: Path, recipe: Recipe, environment: Mapping[str, Any]) -> RunFolder:
        """Make the next numbered folder of a recipe's name; an old one is never overwritten.

        Raises:
            EnvironmentFault: when it cannot be written.
        """
        path = _numbered(root, recipe.name)
        atomic_write(path / "recipe.toml", to_toml(recipe))
        atomic_write(path / "environment.json", _json(environment))
        _write_status(path, {"state": "created", "epoch": 0, "epochs": recipe.train.epochs, "step": 0, "message": ""})
        return cls(path)

    @property
    def path(self) -> Path:
        """The folder, as it was given; whole, once the process works in another folder than it did then."""
        if self._from is None or self._from[1] == _here():  # which may have been renamed meanwhile
            return self._given
        return self._from[0] / self._given

    @property
    def checkpoints(self) -> Path:
        """Where the states for a resume lie."""
        return self.path / "checkpoints"

    def recipe(self) -> Recipe:
        """Read the run's recipe.

        Raises:
            InputError: with all its faults.
        """
        file = self.path / "recipe.toml"
        try:
            return recipes.parse(file.read_text(encoding="utf-8"), str(file))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"{file}: cannot be read: {error}", hint="restore it from a copy, or train anew"
            ) from error

    def write_recipe(self, recipe: Recipe) -> None:
        """Put another recipe in the place of the run's own, whole or not at all."""
        atomic_write(self.path / "recipe.toml", to_toml(recipe))

    def read(self, name: str) -> dict[str, Any]:
        """Read one JSON page.

        Raises:
            InputError: when it is missing or damaged.
            EnvironmentFault: when it cannot be read.
        """
        file = self.path / name
        if name != "status.json" and not file.exists() and (status := self.status())["state"] == "diverged":
            raise InputError(
                f"{self.path} has no {name}: {status.get('message', '')}",
                hint="train anew, with a lower optim.lr or with optim.clip_norm = 1.0",
            )
        return pages.read(file)

    def write(self, name: str, page: Mapping[str, Any]) -> None:
        """Write one JSON page, whole or not at all."""
        atomic_write(self.path / name, _json(page))

    def status(self) -> dict[str, Any]:
        """Read how the run stands."""
        return self.read("status.json")

    def set_status(self, **changes: Any) -> None:
        """Write how the run stands."""
        _write_status(self.path, self.status() | changes)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run: one process at a time trains in a folder.

        Raises:
            InputError: naming the process that holds it.
        """
        with exclusive(self._lock, f"run {self.path}", timeout=GLANCE):
            yield

    def is_held(self) -> bool:
        """Tell whether a process trains in the folder."""
        return is_held(self._lock)

    @property
    def _lock(self) -> Path:
        return self.path.absolute() / ".lock"


def _here() -> tuple[int, int]:
    """Identify the folder that the process works in, whatever it is called."""
    found = os.stat(os.curdir)  # noqa: PTH116
    return found.st_dev, found.st_ino


def check_writable(root: Path) -> None:
    """Refuse a folder that cannot be written before any work is done.

    Raises:
        EnvironmentFault: when nothing can be made in it.
        InputError: when its name is not UTF-8.
    """
    check_name(root.absolute())
    # A link that leads nowhere is there, too: nothing can be made in it.
    there = next(at for at in (root.absolute(), *root.absolute().parents) if at.exists() or at.is_symlink())
    try:
        with tempfile.NamedTemporaryFile(dir=there, prefix=".probe-"):
            pass
    except OSError as error:
        raise write_fault(root, error) from error


def run_paths(root: Path | str) -> list[Path]:
    """List the run folders under a root, oldest number first."""
    return sorted((file.parent for file in with_home(root).glob("*/status.json")), key=_by_number)


def _by_number(path: Path) -> tuple[str, int]:
    name, _, number = path.name.rpartition("-")
    return (name, int(number)) if number.isascii() and number.isdigit() else (path.name, 0)


def _existing(path: Path) -> Path:
    for candidate in (path, Path("runs") / path, with_home(path)):
        if (candidate / "status.json").is_file():
            return candidate if candidate.name not in ("", "..") else candidate.resolve()
    root = path.parent if path.parent.is_dir() and path.parent != Path() else Path("runs")
    names = [found.name for found in run_paths(root)]
    hint = suggestion(path.name, names) if names else "train one first: imagette train digits"
    raise InputError(f"no run at {str(path)!r}", hint=hint)


def _numbered(root: Path, name: str) -> Path:
    taken = [number for base, number in map(_by_number, root.glob(f"{name}-*")) if base == name]
    number = max(taken, default=0) + 1
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_fault(root, error) from error
    while True:
        path = root / f"{name}-{number}"
        try:
            path.mkdir()
        except FileExistsError:
            number += 1  # another process took it between the look and the leap
        except OSError as error:
            raise write_fault(path, error) from error
        else:
            return path


def _write_status(path: Path, status: Mapping[str, Any]) -> None:
    facts = {"format": FORMAT, **status, "pid": os.getpid(), "host": os.uname().nodename}
    facts["updated"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    atomic_write(path / "status.json", _json(facts))


def _json(page: Mapping[str, Any]) -> str:
    text = json.dumps(page, indent=2, ensure_ascii=False, allow_nan=False)
    return NUMBERS.sub(lambda found: " ".join(found[0].split()), text) + "\n"
