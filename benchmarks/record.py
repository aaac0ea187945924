"""What the benchmarks share: words, tables, and the files that their rows go to.

A file is named after the question and what answered it, and holds the day, commit, hardware and versions;
`python docs/generate.py` makes `docs/benchmarks.md` of them.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from imagette.bench.row import commit
from imagette.engine.device import describe

RESULTS = Path(__file__).parent / "results"


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
    processor = f"{machine['cpu']['name']} {machine['cpu']['instructions']}"
    hardware = machine["gpus"][0]["name"] if plan["device"].startswith("cuda") else processor
    precisions = sorted({row["plan"]["precision"] for row in results})
    parts = [question, *some, hardware, f"{plan['threads']}threads", f"torch{torch.__version__}", *precisions]
    return write(parts, {**facts, "machine": machine, "results": results})


def write(parts: Iterable[str], page: Mapping[str, Any]) -> Path:
    """Write a page of results, with its day and commit, into the file that ``parts`` name."""
    file = RESULTS / (re.sub(r"[^a-z0-9.+]+", "-", "-".join(parts).lower()) + ".json")
    RESULTS.mkdir(exist_ok=True)
    made = {"commit": commit(), "date": datetime.now(UTC).date().isoformat()}
    file.write_text(json.dumps({**made, **page}, indent=1, allow_nan=False) + "\n")
    print(f"written: benchmarks/results/{file.name}")
    return file
