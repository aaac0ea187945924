"""Progress goes to standard error: a bar on a terminal, plain lines elsewhere."""

import os
import subprocess
import sys

import pytest

from imagette.core import console
from processes import on_a_terminal

PROGRAM = """
from imagette.core.console import say, track
with track("reading images", total=40, unit="images") as advance:
    for _ in range(4):
        advance(10)
say("all [bold]read[/bold]")
"""


def test_plain_lines_come_now_and_then_and_carry_the_count(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "PLAIN_SECONDS", 0.0)
    with console.track("reading", total=2000, unit="rows") as advance:
        advance(1500)
    captured = capsys.readouterr()
    assert captured.err == "reading: 1,500 of 2,000 rows\n"
    assert captured.out == ""


def test_quick_work_prints_nothing_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with console.track("reading", total=2) as advance:
        advance(2)
    assert capsys.readouterr().err == ""


def test_a_message_is_not_markup_and_is_never_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    message = "see labels.csv:100: [red]runs/" + "x" * 300
    console.say(message)
    assert capsys.readouterr().err == message + "\n"


def test_a_message_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("HTTP 404 \x1b[31mRED\x07\nand on")
    assert capsys.readouterr().err == "HTTP 404 \\x1b[31mRED\\x07\nand on\n"


@pytest.mark.parametrize("place", ["a full disk", "a pipe without a reader"])
def test_work_goes_on_where_nobody_reads(place: str) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with open("/dev/full" if place == "a full disk" else writes, "w") as errors:  # noqa: PTH123
        command = [sys.executable, "-c", f"{PROGRAM}\nprint('done')"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True, check=False)
    assert done.stdout == "done\n"


def test_a_terminal_sees_a_bar() -> None:
    shown, output = on_a_terminal(PROGRAM)
    assert "40/40" in shown
    assert "all [bold]read[/bold]" in shown
    assert output == ""
