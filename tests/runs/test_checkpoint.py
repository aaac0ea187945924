"""Checkpoints: what a reader gets back after damage, a full disk, or a file that is something else."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest
import torch

from imagette.core.errors import InputError
from imagette.runs import checkpoint


def state(value: float) -> dict[str, torch.Tensor]:
    return {"model.weight": torch.full((3, 4), value), "sums.correct": torch.tensor(7)}


def saved(folder: Path, *steps: int) -> None:
    for step in steps:
        checkpoint.save(folder, state(float(step)), {"note": f"after {step}"}, step)


def loaded(folder: Path) -> checkpoint.Checkpoint:
    found = checkpoint.load_latest(folder)
    assert found is not None
    return found


def test_the_newest_state_comes_back_bit_for_bit(tmp_path: Path) -> None:
    tensors = {"a": torch.randn(5, 3), "b": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)}
    checkpoint.save(tmp_path, tensors, {"epoch": 3}, 12)
    found = loaded(tmp_path)
    assert all(torch.equal(found.tensors[name], value) for name, value in tensors.items())
    assert found.facts["epoch"] == 3


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert checkpoint.load_latest(tmp_path) is None


def test_two_are_kept_and_leftovers_of_a_killed_save_are_cleaned(tmp_path: Path) -> None:
    (tmp_path / ".step-000000001.safetensors.abc.tmp").write_bytes(b"half")
    saved(tmp_path, 10, 20, 30)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        f"step-{step:09d}.{kind}" for step in (20, 30) for kind in ("json", "safetensors")
    ]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing", "manifest", "flipped fact"])
def test_damage_falls_back_to_the_one_before_and_says_so(
    tmp_path: Path, damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    saved(tmp_path, 10, 20)
    file = tmp_path / "step-000000020.safetensors"
    if damage == "truncated":
        os.truncate(file, file.stat().st_size - 5)
    elif damage == "flipped":
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
    elif damage == "missing":
        file.unlink()
    elif damage == "manifest":
        file.with_suffix(".json").write_text('{"format": 1, "st')
    else:
        manifest = file.with_suffix(".json")
        manifest.write_text(manifest.read_text().replace("after 20", "after 21"))
    assert loaded(tmp_path).facts["step"] == 10
    said = capfd.readouterr().err
    assert "step-000000020" in said
    assert "step 10" in said


def test_a_damaged_later_step_never_displaces_the_valid_ones_saved_after_it(tmp_path: Path) -> None:
    saved(tmp_path, 10, 20)
    (tmp_path / "step-000000020.safetensors").write_bytes(b"")
    saved(tmp_path, 12, 14)
    assert sorted(file.name for file in tmp_path.glob("*.json")) == ["step-000000012.json", "step-000000014.json"]


def test_all_damaged_is_an_error_that_names_each(tmp_path: Path) -> None:
    saved(tmp_path, 10, 20)
    for file in tmp_path.glob("*.safetensors"):
        file.write_bytes(b"")
    with pytest.raises(InputError, match=r"(?s)step-000000020.*step-000000010"):
        checkpoint.load_latest(tmp_path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, 10)
    saved(tmp_path, 20)
    manifest = tmp_path / "step-000000020.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 99}))
    with pytest.raises(InputError, match="format 99"):  # not passed over for the older one
        checkpoint.load_latest(tmp_path)


def test_what_else_lies_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    saved(tmp_path, 10, 20, 30)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / ".ipynb_checkpoints").is_dir()


class Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.target,))


@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_a_pickle_is_refused_and_never_executed(tmp_path: Path, writer: str) -> None:
    trace = tmp_path / "executed"
    file = tmp_path / "model.safetensors"
    if writer == "pickle":
        file.write_bytes(pickle.dumps(Bomb(trace)))
    else:
        torch.save(Bomb(trace), file)
    with pytest.raises(InputError, match="pickle, which is refused and never executed"):
        checkpoint.load_tensors(file)
    assert not trace.exists()


def test_a_header_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    with pytest.raises(InputError, match="not a safetensors file"):
        checkpoint.load_tensors(file)
