"""Events to rows: ``metrics.csv``, one an epoch, and ``steps.csv``, one a logged step."""

from __future__ import annotations

import csv
import os
from dataclasses import asdict, fields
from itertools import takewhile
from pathlib import Path
from typing import Any

from imagette.core.errors import InputError
from imagette.core.files import atomic_write, write_fault
from imagette.core.tables import csv_text
from imagette.engine.events import EpochDone, Event, Logged

EPOCH_COLUMNS = tuple(f.name for f in fields(EpochDone) if f.name != "announcement")
STEP_COLUMNS = tuple(f.name for f in fields(Logged))
_FILES: dict[type, tuple[str, tuple[str, ...]]] = {
    EpochDone: ("metrics.csv", EPOCH_COLUMNS),
    Logged: ("steps.csv", STEP_COLUMNS),
}


class Recorder:
    """Writes a run's tables; on a resume it first takes back the rows that the checkpoint does not know of.

    Args:
        folder: the run's folder.
        epoch: epochs that are done where the training goes on; rows of later ones are dropped.
        step: steps that are done there, likewise. (An epoch's last step can be done before the epoch is.)
    """

    def __init__(self, folder: Path, epoch: int = 0, step: int = 0) -> None:
        self.folder = folder
        done = {"metrics.csv": ("epoch", epoch), "steps.csv": ("step", step)}
        for name, columns in _FILES.values():
            counter, last = done[name]
            rows = [row for row in read_rows(folder / name, cut=True) if int(row[counter]) <= last]
            atomic_write(folder / name, csv_text([columns, *([row[c] for c in columns] for row in rows)]))

    def record(self, event: Event) -> None:
        """Append the event's row, if it has one.

        Raises:
            EnvironmentFault: when the disk is full; checkpoints are not affected.
        """
        if type(event) not in _FILES:
            return
        name, columns = _FILES[type(event)]
        values = asdict(event)
        try:
            with (self.folder / name).open("a", encoding="utf-8") as file:
                file.write(csv_text([[values[column] for column in columns]]))
        except OSError as error:
            raise write_fault(self.folder / name, error) from error

    def sync(self) -> None:
        """Make the rows durable: a checkpoint, which follows, must not know more than the tables.

        Raises:
            EnvironmentFault: when the disk refuses.
        """
        for name, _ in _FILES.values():
            try:
                with (self.folder / name).open("rb") as file:
                    os.fsync(file.fileno())
            except OSError as error:
                raise write_fault(self.folder / name, error) from error


def read_rows(file: Path, cut: bool = False) -> list[dict[str, str]]:
    """Read a table's whole rows; a torn last one is left out, a missing file has none.

    Args:
        file: the table.
        cut: end before the first damaged row: a power cut may spoil all that no checkpoint has made durable.

    Raises:
        InputError: when its columns are others, or, without ``cut``, another row than the last is damaged.
    """
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    columns = next(columns for name, columns in _FILES.values() if name == file.name)
    if lines and lines[0].strip().split(",") != list(columns):
        raise InputError(
            f"{file}: damaged: its first line should be {','.join(columns)}", hint="restore it from a copy"
        )
    rows = list(csv.DictReader(line for line in lines if line.endswith("\n")))
    whole = list(takewhile(_is_whole, rows))
    if len(whole) < len(rows) - 1 and not cut:
        raise InputError(f"{file}: damaged: row {len(whole) + 1} after its first line", hint="restore it from a copy")
    return whole


def _is_whole(row: dict[str, str]) -> bool:
    return None not in row and None not in row.values() and row["epoch"].isdecimal() and row["step"].isdecimal()


def typed(row: dict[str, str]) -> dict[str, Any]:
    """Give a row's values their types: whole numbers, decimals, truth values, None for what is empty.

    Raises:
        InputError: when a value is not of its type.
    """
    try:
        return {name: _value(name, text) for name, text in row.items()}
    except ValueError as error:
        raise InputError(f"a damaged row of a run's table: {error}", hint="restore the table from a copy") from error


def _value(name: str, text: str) -> Any:
    if text == "":
        return None
    if name in ("epoch", "step"):
        return int(text)
    return text == "True" if name == "best" else float(text)
