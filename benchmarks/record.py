"""What the benchmarks share: words, tables, and the files that their rows go to.

A file is named after the question and what answered it, and holds the day, commit, hardware and versions;
`python docs/generate.py` makes `docs/benchmarks.md` of them. What takes long keeps its rows in a journal until then.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from imagette.bench.row import commit
from imagette.core.files import atomic_write
from imagette.engine.device import describe, described

RESULTS = Path(__file__).parent / "results"
JOURNALS = RESULTS / "unfinished"  # which git ignores


def parser(description: str, cases: Iterable[str], rounds: int = 7) -> argparse.ArgumentParser:
    """Make the parser of a program that measures some cases in rounds."""
    words = argparse.ArgumentParser(description=description)
    words.add_argument("cases", nargs="*", choices=[*cases, []], help="default: all")
    words.add_argument("--rounds", type=int, default=rounds)
    return words


def table(columns: Mapping[str, str]) -> Callable[..., None]:
    """Print the headings of a table; give the function that prints a line, as soon as it is measured.

    Args:
        columns: by heading, how its cells are written: side, width, and format (``>10.3f``).
    """
    print(
        "".join(f"{heading:{re.sub('[+,]|[.].*', '', how)}}" for heading, how in columns.items())
    )  # as wide as the cells

    def line(*cells: Any) -> None:
        print("".join(f"{cell:{how}}" for cell, how in zip(cells, columns.values(), strict=True)), flush=True)

    return line


def milliseconds(seconds: Mapping[str, Sequence[float]], steps: int) -> dict[str, list[float]]:
    """Turn the seconds of rounds into the milliseconds of their steps."""
    return {name: [1000 * taken / steps for taken in rounds] for name, rounds in seconds.items()}


def save(question: str, results: list[dict[str, Any]], some: Sequence[str] = (), **facts: Any) -> Path:
    """Write rows, each with the ``plan`` that it was measured under; give the file.

    Args:
        question: what they answer.
        results: the rows.
        some: the names of the cases, where they are a part of all: their file is another one.
        facts: what else the file shall hold.
    """
    machine, plan = describe(), results[0]["plan"]
    chip = described(machine, plan["device"])
    hardware = f"{chip['name']} {chip.get('instructions', '')}".strip()  # a GPU's name says all
    precisions = sorted({row["plan"]["precision"] for row in results})
    parts = [question, *some, hardware, f"{plan['threads']}threads", f"torch{torch.__version__}", *precisions]
    return write(parts, {**facts, "machine": machine, "results": results})


class Journal(list[dict[str, Any]]):
    """Rows of a measurement that takes long, on the disk as they come: one that was stopped goes on after them.

    One process at a time measures the same.

    Args:
        parts: what names the file.
        about: what the rows depend on, besides code and machine: where any of it is another one, all are measured
            anew.
    """

    def __init__(self, *parts: str, **about: Any) -> None:
        self.file = JOURNALS / f"{slug(parts)}.jsonl"
        head = json.dumps({"code": code(), "machine": describe(), **about})
        lines = self.file.read_text().splitlines(keepends=True) if self.file.exists() else []
        whole = [line for line in lines if line.endswith("\n")]  # the last one may be torn
        kept = whole[1:] if whole[:1] == [f"{head}\n"] else []
        super().__init__(map(json.loads, kept))
        JOURNALS.mkdir(parents=True, exist_ok=True)
        atomic_write(self.file, "".join([f"{head}\n", *kept]))
        if self:
            print(f"going on after {len(self)} of them: benchmarks/results/unfinished/{self.file.name}", flush=True)

    def append(self, row: dict[str, Any]) -> None:
        """Add a row, here and on the disk."""
        super().append(row)
        with self.file.open("a") as file:
            file.write(f"{json.dumps(row)}\n")

    def close(self) -> None:
        """Delete the file: all is measured."""
        self.file.unlink(missing_ok=True)


def code() -> str:
    """Give a digest of what measures and of what is measured, whether committed or not."""
    root = RESULTS.parent.parent
    files = (file for kind in ("src/**/*.py", "src/**/*.toml", "benchmarks/*.py") for file in sorted(root.glob(kind)))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def slug(parts: Iterable[str]) -> str:
    """Make the name of a file."""
    return re.sub(r"[^a-z0-9.+]+", "-", "-".join(parts).lower())


def write(parts: Iterable[str], page: Mapping[str, Any]) -> Path:
    """Write a page of results, with its day and commit, into the file that ``parts`` name."""
    file = RESULTS / f"{slug(parts)}.json"
    RESULTS.mkdir(exist_ok=True)
    made = {"commit": commit(), "date": datetime.now(UTC).date().isoformat()}
    file.write_text(json.dumps({**made, **page}, indent=1, allow_nan=False) + "\n")
    print(f"written: benchmarks/results/{file.name}")
    return file
