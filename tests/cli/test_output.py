"""Tables: aligned, complete in a pipe, and nothing in a name can act."""

from __future__ import annotations

import os
import subprocess
import sys

from imagette.cli.output import columns, table

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


def test_a_pipe_gets_whole_cells(capsys) -> None:
    table("", ("file", ">n"), [["long/" * 60, 1]])
    assert "long/" * 60 in capsys.readouterr().out


def test_a_narrow_terminal_loses_no_figure() -> None:
    ours, theirs = os.openpty()
    program = (
        "from imagette.cli.output import table; table('', ('class', *['>figure'] * 6), [['猫', *['98.76 %'] * 6]])"
    )
    environment = os.environ | {"COLUMNS": "40", "TERM": "xterm", "PYTHONUTF8": "1"}
    subprocess.run([sys.executable, "-c", program], stdout=theirs, env=environment, check=True)
    os.close(theirs)
    assert os.read(ours, 10_000).decode().count("98.76 %") == 6
    os.close(ours)


def test_headings_align(capsys) -> None:
    columns(("name", ">n"), [("a", 1), ("bcdef", 1000)])
    assert capsys.readouterr().out.splitlines() == ["name      n", "a         1", "bcdef  1000"]
