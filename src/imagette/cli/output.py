"""Tables and figures on standard output, in which no name can act as markup or move the cursor."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Literal

import click

from imagette.core.console import inert


def columns(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print aligned columns, without rich, which would make quick commands slow.

    Args:
        headings: one a column; ``>`` in front aligns it to the right.
        rows: the cells.

    Example:
        >>> columns(("name", ">images"), [("digits", 1797)])
        name    images
        digits    1797
    """
    lines = [[inert(cell) for cell in row] for row in ([h.removeprefix(">") for h in headings], *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(line, widths, headings, strict=True)
        aligned = (text.rjust(width) if h.startswith(">") else text.ljust(width) for text, width, h in cells)
        click.echo("  ".join(aligned).rstrip())


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table with its rule; on a terminal names wrap where they must, figures never, and in a pipe nothing does.

    On a terminal that is too narrow for it, each row is a paragraph, a line a cell.

    Args:
        title: above the table, if it is not empty.
        headings: one a column; ``>`` in front aligns it to the right.
        rows: the cells.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    lines = [[inert(cell) for cell in row] for row in rows]
    for number, heading in enumerate(headings):
        figure, name = heading.startswith(">"), heading.removeprefix(">")
        whole = max(map(cell_len, [name, *(line[number] for line in lines if figure)]))
        justify: Literal["left", "right"] = "right" if figure else "left"
        grid.add_column(Text(name), justify=justify, no_wrap=figure, overflow="fold", min_width=whole)
    for line in lines:
        grid.add_row(*map(Text, line))
    if title:
        click.echo(f"\n{inert(title)}\n")
    wide = Console(highlight=False, width=10_000)
    narrow = Console(highlight=False)
    if not sys.stdout.isatty():
        wide.print(grid)
    elif wide.measure(grid).minimum <= narrow.width:
        narrow.print(grid)
    else:
        _paragraphs([heading.removeprefix(">") for heading in headings], lines)


def _paragraphs(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    width = max(map(len, headings))
    for line in lines:
        for heading, cell in zip(headings, line, strict=True):
            click.echo(f"{heading:{width}}  {cell}")
        click.echo()


def percent(share: float | None) -> str:
    """Write a share as a percentage; None, which is a share of nothing, as a dash.

    Example:
        >>> percent(0.9178), percent(None)
        ('91.78 %', '-')
    """
    return "-" if share is None else f"{100 * share:.2f} %"


def shape_text(shape: Sequence[int]) -> str:
    """Write a shape as in ``1x28x28``."""
    return "x".join(map(str, shape))
