"""imagette runs list | show: from the folders' own pages, without torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from imagette.cli import arguments
from imagette.cli.menu import Menu
from imagette.cli.output import columns, percent
from imagette.cli.result import accuracy_text
from imagette.core.console import inert
from imagette.core.errors import ImagetteError
from imagette.runs.folder import RunFolder, run_paths
from imagette.runs.recorder import read_rows, typed

FIGURES = ("lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy")


@click.group("runs", cls=Menu)
def command() -> None:
    """List and show runs."""


@command.command("list")
@click.option("--runs", default="runs", show_default=True, metavar="DIR", help="The folder that holds them.")
def list_(runs: str) -> None:
    """List the runs of a folder and how they stand."""
    paths = run_paths(runs)
    if paths:
        columns(("run", "state", ">epoch", ">validation", ">test"), [_row(path) for path in paths])
    else:
        click.echo(f"no runs in {inert(runs)}; train one: imagette train digits")


@command.command("show")
@arguments.run
def show(run: str) -> None:
    """Show how a run went: its state, its figures, and every epoch."""
    folder = RunFolder(run)
    state, epoch, validation, test = _row(folder.path)[1:]
    facts = [("run", folder.path), ("state", state), ("epoch", epoch), ("recipe", folder.path / "recipe.toml")]
    if message := folder.status().get("message"):
        facts.append(("message", message))
    facts += [("validation accuracy", validation), ("test accuracy", test)]
    if (folder.path / "summary.json").is_file():
        summary = folder.read("summary.json")
        facts[-1] = ("test accuracy", accuracy_text(summary["test"]))
        facts.append(("model", f"{summary['model']['name']}, {summary['model']['parameters']:,} parameters"))
        facts.append(
            ("kept", f"the weights of epoch {summary['best_epoch']}" if summary["kept"] == "best" else "the last")
        )
        facts += [(f"seconds to {span}", f"{seconds:.1f}") for span, seconds in summary["seconds"].items()]
    columns(("fact", "value"), facts)
    rows = [typed(row) for row in read_rows(folder.path / "metrics.csv")]
    if rows:
        click.echo()
        columns((">epoch", *(f">{name}" for name in FIGURES), ""), [_epoch(row) for row in rows])


def _row(path: Path) -> tuple[object, ...]:
    """Summarise a run in a line; a damaged one keeps its place in the list."""
    try:
        folder = RunFolder(path)
        status = folder.status()
        summary = folder.read("summary.json") if (path / "summary.json").is_file() else {}
        figures = [summary.get(part) for part in ("validation", "test")]
        accuracies = [percent(part["accuracy"]) if part else "" for part in figures]
        return path.name, _state(folder, status), f"{status['epoch']} of {status['epochs']}", *accuracies
    except (ImagetteError, KeyError):
        return path.name, "damaged", "", "", ""


def _state(folder: RunFolder, status: dict[str, Any]) -> str:
    """Tell how a run stands; a process that was killed could not write it down, and its number may be another's."""
    if status["state"] != "running":
        return str(status["state"])
    if status["host"] != os.uname().nodename:
        return inert(f"running on {status['host']}")
    return "running" if folder.is_held() else "killed"


def _epoch(row: dict[str, Any]) -> tuple[object, ...]:
    figures = ["" if row[name] is None else f"{row[name]:.4g}" for name in FIGURES]
    return row["epoch"], *figures, "best so far" if row["best"] else ""
