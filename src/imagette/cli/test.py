"""imagette test."""

from __future__ import annotations

import json
from typing import Any

import click

from imagette.cli import arguments
from imagette.cli.output import percent, table
from imagette.cli.result import accuracy_text


@click.command("test")
@arguments.run
@arguments.as_json
def command(run: str, as_json: bool) -> None:
    """Measure a run again on its test images.

    Nothing is read from the run's own figures: the model classifies every test image anew. Shows the accuracy, the
    table of classes with intervals, and the pairs of classes that are mistaken for each other most.
    """
    import imagette

    trained = imagette.load(run)
    figures = trained.test()
    if as_json:
        click.echo(json.dumps(figures, indent=2))
        return
    click.echo(f"accuracy           {accuracy_text(figures)}")
    if "top5" in figures:
        click.echo(f"among the first 5  {percent(figures['top5'])}")
    click.echo(f"log loss           {figures['nll']:.4f} nats an image")
    click.echo(f"calibration error  {percent(figures['calibration_error'])}")
    _show_classes(figures)
    if pairs := figures["most_confused"]:
        table("Most often mistaken for each other", ("class", "class", ">times"), pairs)


def _show_classes(figures: dict[str, Any]) -> None:
    interval = f">{100 * figures['confidence']:g} % interval of the recall"
    headings = ("class", ">images", ">precision", ">recall", ">F1", interval)
    rows = [
        (
            row["name"],
            row["support"],
            *(percent(row[key]) for key in ("precision", "recall", "f1")),
            f"{percent(row['recall_low'])} to {percent(row['recall_high'])}",
        )
        for row in figures["per_class"]
    ]
    table("By class", headings, rows)
