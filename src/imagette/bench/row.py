"""A machine's row: what was timed, under which plan, on which hardware and versions; and the rows that are shipped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imagette.core import git
from imagette.core.console import counted
from imagette.core.files import atomic_write
from imagette.engine.device import described
from imagette.engine.plan import in_words

MACHINES = Path(__file__).with_name("machines")
BUSY = 0.25  # of the processors, in use by others before anything was timed


@dataclass(frozen=True)
class Result:
    """What one net gave.

    Args:
        net: its name.
        batch: images a step.
        plan: how it was trained, as ``Plan.to_dict`` writes it.
        images_per_second: the median of the rounds.
        rounds: images a second, round by round.
    """

    net: str
    batch: int
    plan: dict[str, Any]
    images_per_second: float
    rounds: list[float]

    @property
    def spread(self) -> float:
        """Half the way from the slowest round to the fastest, as a share of the median."""
        return (max(self.rounds) - min(self.rounds)) / 2 / self.images_per_second


@dataclass(frozen=True)
class Row:
    """What one machine gave.

    Args:
        date: the day, as in 2026-01-31.
        commit: of the package, where it was run from a checkout; else its version says enough.
        rounds: how many were timed.
        processors: of the machine, whether the plan uses them or not.
        load: processes that wanted a processor before anything was timed, on average over a minute.
        machine: hardware and versions, as ``imagette env --json`` writes them.
        results: one a net.
    """

    date: str
    commit: str
    rounds: int
    processors: int
    load: float
    machine: dict[str, Any]
    results: list[Result]

    @classmethod
    def load_file(cls, file: Path) -> Row:
        """Read what ``save`` wrote."""
        page = json.loads(file.read_text(encoding="utf-8"))
        return cls(**page | {"results": [Result(**result) for result in page["results"]]})

    def save(self, file: Path) -> None:
        """Write the row as JSON, whole or not at all.

        Raises:
            EnvironmentFault: when it cannot be written.
        """
        atomic_write(file, json.dumps(self.to_dict(), indent=1) + "\n")

    def to_dict(self) -> dict[str, Any]:
        """Write the row with JSON's types."""
        return asdict(self)

    def result(self, net: str) -> Result | None:
        """Give what a net gave, or None where it was not timed."""
        return next((result for result in self.results if result.net == net), None)

    @property
    def busy(self) -> str:
        """A warning where other programs were running; else empty."""
        if self.load <= BUSY * self.processors:
            return ""
        return f"other programs were running: load {self.load:.1f} on {counted(self.processors, 'processor')}"

    def about(self) -> str:
        """Say in a line what was measured: hardware, plans, versions, how often, when and which commit."""
        packages, device = self.machine["packages"], self.results[0].plan["device"]
        processors = f", {counted(self.processors, 'processor')}" if device == "cpu" else ""
        facts = [
            f"{described(self.machine, device)['name']}{processors}",
            " or ".join(dict.fromkeys(in_words(result.plan) for result in self.results)),
            f"torch {packages['torch']}",
            f"imagette {packages['imagette']}{f' ({self.commit})' if self.commit else ''}",
            f"Python {self.machine['python']}",
            f"median of {counted(self.rounds, 'round')}, {self.date}",
        ]
        return "; ".join([*facts, *filter(None, [self.busy])])


def shipped() -> list[Row]:
    """Give the rows that come with the package, in the order of their files' names.

    Example:
        >>> all(row.results for row in shipped())
        True
    """
    return [Row.load_file(file) for file in sorted(MACHINES.glob("*.json"))]


def table(here: Row, others: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Put a machine beside others: a line a net, two columns for each of the others.

    Args:
        here: this machine.
        others: the machines to compare it with.

    Returns:
        The headings, with ``>`` in front where a column is aligned to the right, and the cells of each line. The spread
        is half the way from the slowest round to the fastest; a ratio above 1 says that this machine is the faster one.

    Example:
        >>> row = shipped()[0]
        >>> headings, lines = table(row, [row])
        >>> headings, lines[0][-1]
        (['net', '>batch', 'plan', '>images/s', '>spread', '>[1]', '>here/[1]'], '1.00x')
    """
    headings = ["net", ">batch", "plan", ">images/s", ">spread"]
    for number, _ in enumerate(others, start=1):
        headings += [f">[{number}]", f">here/[{number}]"]
    return headings, [_line(result, others) for result in here.results]


def _line(here: Result, others: Sequence[Row]) -> list[str]:
    cells = [
        here.net,
        str(here.batch),
        in_words(here.plan),
        f"{here.images_per_second:,.0f}",
        f"±{here.spread:.0%}",
    ]
    for other in others:
        there = other.result(here.net)
        speed = there.images_per_second if there else None
        cells += [f"{speed:,.0f}", f"{here.images_per_second / speed:.2f}x"] if speed else ["-", "-"]
    return cells


def commit() -> str:
    """Name the commit of the package's own checkout; empty where it is installed without one."""
    here = Path(__file__)
    # A checkout that only holds the environment is another project's.
    ours = git.ask(here.parent, "ls-files", "--error-unmatch", here.name)
    return git.ask(here.parent, "describe", "--always", "--dirty", "--abbrev=12") if ours else ""
