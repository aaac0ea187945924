"""The table of what was published and what was measured: rows, and the files that hold them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from imagette.articles.published import SYSTEMS, System
from imagette.core import tables
from imagette.core.errors import InputError
from imagette.core.files import atomic_write
from imagette.core.locks import in_turn
from imagette.data.catalog import CATALOG
from imagette.engine.plan import in_words
from imagette.runs.run import Run

FILE = "articles.json"
HEADINGS = ("id", "data", "published", "as published", "corrected", "epochs", "s/epoch", "what the trap costs")


@dataclass(frozen=True)
class Measured:
    """What a run gave.

    Args:
        run: its folder's name.
        data: the data set, with its division where there are several, and how many images it trained on.
        fingerprints: of the images' contents, by part.
        figures: ``accuracy``, ``accuracy_low``, ``accuracy_high`` and ``n``, by the images they were measured on.
        worst: the classes of the test images, worst first, with the share that was right.
        confused: the most confused pairs of the test images, ``(one, other, count)``.
        history: the epochs' losses and accuracies, by column.
        epochs: how many it trained.
        seconds: the mean seconds of an epoch's training.
        hardware: processor or GPU, precision and threads.
        torch: the version.
    """

    run: str
    data: str
    fingerprints: dict[str, str]
    figures: dict[str, dict[str, Any]]
    worst: list[tuple[str, float]]
    confused: list[tuple[str, str, int]]
    history: dict[str, list[float | None]]
    epochs: int
    seconds: float
    hardware: str
    torch: str

    @classmethod
    def of(cls, run: Run, test: dict[str, Any] | None = None) -> Measured:
        """Read a finished run.

        Args:
            run: the run.
            test: its figures on the test images where they are not those of its summary.

        Raises:
            InputError: when a page or a table of the run is missing or damaged.
        """
        summary, environment, history = run.summary, run.environment, run.history
        if [row["epoch"] for row in history] != [*range(1, summary["epochs"] + 1)]:
            raise InputError(
                f"{run.path / 'metrics.csv'}: missing, or without all of its {summary['epochs']} epochs",
                hint="restore it from a copy, or remove the run's folder: it is then trained anew",
            )
        measured = history[summary["best_epoch"] - 1 if summary["kept"] == "best" else -1]
        plan, test = environment["plan"], test or summary["test"]
        recalls = [(row["name"], row["recall"]) for row in test["per_class"] if row["recall"] is not None]
        figures = {
            "test": _short(test),
            **({"validation": _short(summary["validation"])} if summary["validation"] else {}),
            "train": {"accuracy": measured["train_accuracy"], "n": summary["data"]["train"]},
        }
        columns = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        return cls(
            run=run.path.name,
            data=_data_text(summary["data"]),
            fingerprints=environment["data"]["fingerprints"],
            figures=figures,
            worst=sorted(recalls, key=lambda pair: pair[1]),
            confused=[tuple(pair) for pair in test["most_confused"][:3]],
            history={column: [row[column] for row in history] for column in columns},
            epochs=summary["epochs"],
            seconds=sum(row["seconds"] for row in history) / len(history),
            hardware=f"{run.device}, {in_words(plan)}",
            torch=environment["packages"]["torch"],
        )

    def text(self, part: str) -> str:
        """Write an accuracy with its interval."""
        figures = self.figures.get(part)
        if figures is None:
            return "-"
        interval = (
            f" ({100 * figures['accuracy_low']:.2f} to {100 * figures['accuracy_high']:.2f})"
            if "accuracy_low" in figures
            else ""
        )
        return f"{part} {100 * figures['accuracy']:.2f}{interval}"


@dataclass
class Row:
    """One system: published, measured as published, and measured with its trap mended."""

    system: System
    published_epochs: int
    as_published: Measured | None = None
    corrected: Measured | None = None

    def add(self, measured: Measured, *, is_corrected: bool) -> None:
        """Take in what one of the two recipes gave."""
        if is_corrected:
            self.corrected = measured
        else:
            self.as_published = measured

    @property
    def part(self) -> str:
        """The images on which published and measured figures are compared."""
        return next(iter(self.system.published), "test")

    def cost(self) -> str:
        """Say in one sentence what the trap costs, as measured."""
        trap = self.system.trap
        if not trap:
            return "no trap"
        if not (self.as_published and self.corrected):
            return f"{trap}: not measured"
        if len(epochs := self._both("epochs")) > 1:
            return f"{trap}: not comparable after {' and '.join(epochs)} epochs"
        if len(self._both("fingerprints")) > 1:
            return f"{trap}: not comparable on different images"
        with_it, without = (side.figures["test"] for side in (self.as_published, self.corrected))
        points = 100 * (without["accuracy"] - with_it["accuracy"])
        if max(with_it["accuracy_low"], without["accuracy_low"]) < min(
            with_it["accuracy_high"], without["accuracy_high"]
        ):
            return f"{trap}: no clear cost, {points:+.2f} points on the test images, the intervals overlap"
        verb = "costs" if points > 0 else "gains"
        return f"{trap} {verb} {abs(points):.2f} points on the test images"

    def cells(self) -> tuple[str, ...]:
        """Write the row's cells, one for each of ``HEADINGS``."""
        published = ", ".join(f"{part} {100 * value:g}" for part, value in self.system.published.items()) or "-"
        return (
            self.system.id,
            " / ".join(self._both("data")) or "-",
            published,
            self.as_published.text(self.part) if self.as_published else "not run",
            ("not run" if self.system.corrected else "-") if self.corrected is None else self.corrected.text(self.part),
            f"{' / '.join(self._both('epochs')) or 0} of {self.published_epochs}",
            " / ".join(self._both("seconds", ".1f")) or "-",
            self.cost(),
        )

    def _both(self, fact: str, how: str = "") -> list[str]:
        """Write what is known of the two trainings, as published first; once, where they agree."""
        sides = [side for side in (self.as_published, self.corrected) if side]
        return list(dict.fromkeys(f"{getattr(side, fact):{how}}" for side in sides))


def markdown(rows: Iterable[Row], headings: Sequence[str] = HEADINGS) -> str:
    """Write rows as a table of Markdown, as wide as ``headings``; accuracies are percentages.

    Example:
        >>> from imagette.articles.published import chosen
        >>> print(markdown([Row(next(iter(chosen(["a1-2"]))), 100)], ("id", "data", "published")))
        | id | data | published |
        | --- | --- | --- |
        | a1-2 | - | test 92.1 |
        <BLANKLINE>
    """
    return tables.markdown(headings, [row.cells()[: len(headings)] for row in rows])


def save(rows: Sequence[Row], folder: Path) -> list[Row]:
    """Write ``articles.md``, ``articles.csv`` and ``articles.json``; what they say of other systems stays.

    Args:
        rows: what was measured now.
        folder: where the files lie.

    Returns:
        All rows that the files now hold.

    Raises:
        InputError: when those that are there are damaged.
        EnvironmentFault: when they cannot be written.
    """
    with in_turn(folder / ".lock", f"the table in {folder}"):
        return _merged(rows, folder)


def _merged(rows: Sequence[Row], folder: Path) -> list[Row]:
    all_rows = known(folder)
    for row in rows:
        before = all_rows.get(row.system.id, row)
        all_rows[row.system.id] = replace(
            row, as_published=row.as_published or before.as_published, corrected=row.corrected or before.corrected
        )
    rows = [all_rows[system.id] for system in SYSTEMS if system.id in all_rows]
    atomic_write(folder / "articles.csv", tables.csv_text([HEADINGS, *(row.cells() for row in rows)]))
    atomic_write(folder / "articles.md", markdown(rows))
    atomic_write(folder / FILE, json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return rows


def known(folder: Path) -> dict[str, Row]:
    """Read the rows that lie in a folder, by system; a folder without a table has none.

    Raises:
        InputError: when the table is damaged.
    """
    file = folder / FILE
    if not file.exists():
        return {}
    try:
        return {row.system.id: row for row in load(file)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{file}: not a table that reproduce wrote: {error}",
            hint="move it away: the same command makes it anew from the runs beside it",
        ) from error


def load(file: Path) -> list[Row]:
    """Read rows that ``save`` wrote as JSON."""
    facts = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(facts, list):
        raise TypeError("not a list of rows")
    return [_row(row) for row in facts]


def _row(facts: dict[str, Any]) -> Row:
    sides = {side: _side(facts[side]) for side in ("as_published", "corrected")}
    return Row(System(**facts["system"]), facts["published_epochs"], **sides)


def _side(facts: dict[str, Any] | None) -> Measured | None:
    """JSON knows only lists."""
    if facts is None:
        return None
    return Measured(**facts | {key: [tuple(pair) for pair in facts[key]] for key in ("worst", "confused")})


def _data_text(data: dict[str, Any]) -> str:
    """Name the images: a catalog's set with its division where it has several, a user's own by its file or folder."""
    name, division = Path(data["name"]).name, data["division"]
    if name in CATALOG and not division:
        name += " (own files)"
    elif name in CATALOG and len(CATALOG[name].divisions) > 1:
        name += f" ({division})"
    return f"{name}, {data['train']:,} training images"


def _short(figures: dict[str, Any]) -> dict[str, Any]:
    return {key: figures[key] for key in ("accuracy", "accuracy_low", "accuracy_high", "n")}
