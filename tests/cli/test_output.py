"""Tables: aligned, complete in a pipe, and nothing in a name can act."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from rich.cells import cell_len

from imagette.cli.output import columns, table
from imagette.core.console import inert

NAMES = ["[bold red]x[/]", "a\x1b[2Jb", "two\nlines", "猫", ":smile:", "$x$"]


def test_names_are_inert_in_tables(capsys) -> None:
    table("[link=http://example.org]title[/link]", ("name",), [[name] for name in NAMES])
    out = capsys.readouterr().out
    for text in ("[link=http://example.org]title[/link]", "[bold red]x[/]", r"a\x1b[2Jb", r"two\nlines", ":smile:"):
        assert text in out
    assert "\x1b" not in out


def test_names_are_inert_in_columns(capsys) -> None:
    columns(("name",), [[name] for name in NAMES])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 1 + len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_inert_in_headings(capsys, name: str) -> None:
    columns(("key", name), [["a", "b"]])
    heading, _ = capsys.readouterr().out.splitlines()
    assert heading == f"key  {inert(name)}"


def test_a_pipe_gets_whole_cells(capsys) -> None:
    table("", ("file", ">n"), [["long/" * 60, 1]])
    assert "long/" * 60 in capsys.readouterr().out


@pytest.mark.parametrize("width", [40, 60, 66, 72, 80])
def test_a_narrow_terminal_loses_no_figure(width: int) -> None:
    ours, theirs = os.openpty()
    rows = [[name, *["98.76 %"] * 4, "95.00 % to 100.00 %"] for name in ("猫", "T-shirt/top")]
    program = (
        "from imagette.cli.output import table\n"
        f"table('', ('class', *['>figure'] * 4, '>95 % interval of the recall'), {rows})"
    )
    environment = os.environ | {"COLUMNS": str(width), "TERM": "xterm", "PYTHONUTF8": "1"}
    subprocess.run([sys.executable, "-c", program], stdout=theirs, env=environment, check=True)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert shown.count("98.76 %") == 8
    assert shown.count("95.00 % to 100.00 %") == 2
    assert shown.count("figure") in (4, 8)  # above the columns, or beside each cell
    assert max(map(cell_len, shown.splitlines())) <= max(width, 48)  # the longest heading beside its cell
    assert "class" in shown
    assert "猫" in shown


def test_headings_align(capsys) -> None:
    columns(("name", ">n"), [("a", 1), ("bcdef", 1000)])
    assert capsys.readouterr().out.splitlines() == ["name      n", "a         1", "bcdef  1000"]
