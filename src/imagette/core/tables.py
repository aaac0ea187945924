"""Tables as text: CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    r"""Write rows as CSV.

    Example:
        >>> csv_text([("id", "label"), ("a,b.png", 3)])
        'id,label\n"a,b.png",3\n'
    """
    page = io.StringIO()
    csv.writer(page, lineterminator="\n").writerows(rows)
    return page.getvalue()


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write rows as a table of Markdown.

    Example:
        >>> print(markdown(("id", "published"), [("a1-2", "92.1")]), end="")
        | id | published |
        | --- | --- |
        | a1-2 | 92.1 |
    """
    return "".join(f"| {' | '.join(row)} |\n" for row in (headings, ["---"] * len(headings), *rows))
