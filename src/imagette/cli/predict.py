"""imagette predict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from imagette.cli import arguments
from imagette.cli.output import percent, table
from imagette.core.tables import csv_text


@click.command(
    "predict",
    epilog=arguments.examples(
        "imagette predict runs/digits-1 photo.png",
        "imagette predict runs/digits-1 'scans/*.png' --top 3",
        "imagette predict runs/fashion-mnist-1 fashion-mnist_test.csv --format csv",
    ),
)
@arguments.run
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="How the answers are written to standard output.",
)
@click.option(
    "--top", type=click.IntRange(min=1), default=1, show_default=True, metavar="K", help="How many classes to name."
)
@click.option("--skip-unreadable", is_flag=True, help="Leave out images that cannot be read, and say which.")
@click.option("--invert", is_flag=True, help="Turn light and dark around: a pen on paper, for a run of MNIST's digits.")
def command(run: str, files: tuple[str, ...], form: str, top: int, skip_unreadable: bool, invert: bool) -> None:
    """Classify images with a trained run.

    FILES are images, folders of images, patterns, or a CSV of pixels.
    """
    import imagette

    predicted = imagette.load(run).predict(list(files), skip_unreadable=skip_unreadable, invert=invert)
    answers = [_first(answer, top) for answer in predicted]
    {"table": _as_table, "json": _as_json, "csv": _as_csv}[form](answers)


def _first(answer: Mapping[str, Any], top: int) -> tuple[str, list[tuple[str, float]]]:
    """Take an image's most probable classes, the best first."""
    ranked = sorted(answer["probabilities"].items(), key=lambda pair: -pair[1])
    return answer["id"], ranked[:top]


Answers = Sequence[tuple[str, list[tuple[str, float]]]]


def _as_table(answers: Answers) -> None:
    headings = ["image", *(heading for _ in answers[0][1] for heading in ("class", ">probability"))]
    rows = [(name, *(cell for label, p in best for cell in (label, percent(p)))) for name, best in answers]
    table("", headings, rows)


def _as_json(answers: Answers) -> None:
    records = [
        {
            "id": name,
            "label": best[0][0],
            "probability": best[0][1],
            "top": [{"label": label, "probability": p} for label, p in best],
        }
        for name, best in answers
    ]
    click.echo(json.dumps(records, indent=2))


def _as_csv(answers: Answers) -> None:
    ranks = ["", *(f"_{rank}" for rank in range(2, len(answers[0][1]) + 1))]
    headings = ["id", *(f"{column}{rank}" for rank in ranks for column in ("label", "probability"))]
    rows = ([name, *(cell for pair in best for cell in pair)] for name, best in answers)
    click.echo(csv_text([headings, *rows]), nl=False)
