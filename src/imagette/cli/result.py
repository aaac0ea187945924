"""What a training prints at its end: the figure, the place, and what to try next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imagette.cli.output import percent
from imagette.core.console import inert, quoted

if TYPE_CHECKING:
    from imagette.runs.run import Run


def accuracy_text(figures: dict[str, Any]) -> str:
    """Write an accuracy with its interval and the number of images behind it."""
    low, high = percent(figures["accuracy_low"]), percent(figures["accuracy_high"])
    level = f"{100 * figures['confidence']:g} %"
    return f"{percent(figures['accuracy'])} ({level} interval {low} to {high}, {figures['n']:,} images)"


def announce(run: Run) -> None:
    """Write the run's page; print the result of a training and the next commands."""
    from imagette.report import page

    folder = quoted(run.path)
    commands = {
        f"imagette test {folder}": "the figures of every class, and what is mistaken for what",
        f"imagette predict {folder} IMAGES...": "classify your own images",
    }
    if not getattr(run.recipe.schedule, "anneal", 0):  # an annealed rate has come to its end
        epochs = max(1, run.recipe.train.epochs // 2)
        commands[f"imagette extend {folder} --epochs {epochs}"] = "train on, in a new run"
    lines = [f"test accuracy  {accuracy_text(run.summary['test'])}", f"run            {inert(run.path)}"]
    if file := page.try_to_save(run):
        lines.append(f"page           {inert(file)}")
    for line in lines:  # only now: nobody may read on after the first
        click.echo(line)
    click.echo("\ntry next:")
    for command, gives in commands.items():
        click.echo(f"  {command:{len(folder) + 29}}  {gives}")
