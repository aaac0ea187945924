"""The tables of a run: appended row by row, and taken back to a checkpoint's step on a resume."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagette.core.errors import InputError
from imagette.engine.events import EpochDone, Logged
from imagette.runs.recorder import Recorder, read_rows, typed


def logged(step: int) -> Logged:
    return Logged(1, step, 0.1, 1 / 3, 0.5, 100.0)


def epoch(number: int, validated: bool = True) -> EpochDone:
    figures = (0.3, 0.9) if validated else (None, None)
    return EpochDone(number, number * 10, 0.1, 0.4, 0.8, *figures, True, 1.5, 99.0, "the rate fell")


def test_rows_come_back_with_their_types_and_every_digit(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.record(epoch(1))
    recorder.record(epoch(2, validated=False))
    recorder.record(logged(3))
    first, second = (typed(row) for row in read_rows(tmp_path / "metrics.csv"))
    assert (first["epoch"], first["val_accuracy"], first["best"]) == (1, 0.9, True)
    assert second["val_loss"] is None
    assert typed(read_rows(tmp_path / "steps.csv")[0])["loss"] == 1 / 3


def test_a_resume_takes_back_rows_behind_the_checkpoint_and_a_torn_one(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    for step in (5, 10, 15):
        recorder.record(logged(step))
    whole = (tmp_path / "steps.csv").read_text()
    with (tmp_path / "steps.csv").open("a") as file:
        file.write("1,7,0.1,0.3")  # killed in mid-row
    Recorder(tmp_path, epoch=0, step=10).record(logged(15))
    assert (tmp_path / "steps.csv").read_text() == whole


def test_an_epoch_whose_last_step_is_saved_but_which_is_not_closed_is_written_once(tmp_path: Path) -> None:
    """Killed after the row of epoch 2, with a checkpoint from its last step, before the epoch was closed."""
    recorder = Recorder(tmp_path)
    recorder.record(epoch(1))
    recorder.record(epoch(2))
    Recorder(tmp_path, epoch=1, step=20).record(epoch(2))
    assert [row["epoch"] for row in read_rows(tmp_path / "metrics.csv")] == ["1", "2"]


def test_a_table_with_other_columns_or_values_is_damaged(tmp_path: Path) -> None:
    Recorder(tmp_path).record(epoch(1))
    file = tmp_path / "metrics.csv"
    text = file.read_text()
    file.write_text(text.replace("0.9", "?"))
    with pytest.raises(InputError, match="damaged"):
        typed(read_rows(file)[0])
    file.write_text(text.replace("epoch", "era"))
    with pytest.raises(InputError, match="damaged"):
        read_rows(file)


@pytest.mark.parametrize("number", ["x", "²", "-1", ""])
def test_a_row_without_its_numbers_is_left_out(tmp_path: Path, number: str) -> None:
    recorder = Recorder(tmp_path)
    recorder.record(epoch(1))
    recorder.record(epoch(2))
    file = tmp_path / "metrics.csv"
    head, first, second = file.read_text().splitlines()
    file.write_text("\n".join([head, first, number + second.removeprefix("2"), ""]))
    Recorder(tmp_path, epoch=1, step=20)
    assert [row["epoch"] for row in read_rows(file)] == ["1"]
    file.write_text("\n".join([head, number + second.removeprefix("2"), first, ""]))
    with pytest.raises(InputError, match="damaged: row 1"):
        read_rows(file)


def test_a_training_goes_on_before_what_a_power_cut_has_spoiled(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    for number in range(1, 5):
        recorder.record(epoch(number))
    file = tmp_path / "metrics.csv"
    head, *rows = file.read_text().splitlines()
    file.write_text("\n".join([head, *rows[:2], "\x01" * 9, rows[3], ""]))
    Recorder(tmp_path, epoch=2, step=20).record(epoch(3))
    assert file.read_text().splitlines() == [head, *rows[:3]]


def test_a_row_torn_within_its_last_number_is_not_taken_for_whole(tmp_path: Path) -> None:
    Recorder(tmp_path).record(logged(5))
    file = tmp_path / "steps.csv"
    file.write_text(file.read_text()[:-2])
    assert read_rows(file) == []
