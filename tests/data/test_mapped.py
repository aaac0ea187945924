"""Large files are mapped and checked; whatever the place where images lie, they are the same images."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from imagette.core.errors import EnvironmentFault, InputError
from imagette.data import mapped
from imagette.data.load import load
from imagette.data.splits import duplicates
from imagette.recipe.schema import Data

LARGE = mapped.LARGE


def colours(file: Path, n: int = 6000) -> Path:
    """Write an uncompressed file of n colour images, each another, larger than what is merely read."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 32, 32, 3), np.uint8)
    np.savez(file, images=images, labels=np.arange(n) % 3)
    return file


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_mapped_array_is_the_one_that_was_saved(tmp_path, order):
    array = np.asarray(np.random.default_rng(0).integers(0, 9, (LARGE // 16, 4), np.int64), order=order)
    np.savez(tmp_path / "a.npz", numbers=array, few=np.arange(3))
    found = mapped.read_npz(tmp_path / "a.npz")
    assert list(found) == ["numbers", "few"]
    assert mapped.is_mapped(found["numbers"])
    assert not mapped.is_mapped(found["few"])
    assert np.array_equal(found["numbers"], array)


def test_a_compressed_file_is_read(tmp_path):
    array = np.zeros((LARGE + 1,), np.uint8)
    np.savez_compressed(tmp_path / "a.npz", zeros=array)
    found = mapped.read_npz(tmp_path / "a.npz")
    assert not mapped.is_mapped(found["zeros"])
    assert np.array_equal(found["zeros"], array)


@pytest.mark.parametrize("size", [100, LARGE])
def test_a_damaged_header_is_damage(tmp_path, size):
    np.savez(tmp_path / "a.npz", images=np.zeros((size, 1), np.uint8))
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole.replace(b"), }", b"(, }", 1))
    with pytest.raises((ValueError, *mapped.ZIP_DAMAGE)):
        mapped.read_npz(tmp_path / "a.npz")


def test_a_byte_that_changed_in_a_mapped_file_is_found(tmp_path):
    file = colours(tmp_path / "a.npz")
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        byte = opened.read(1)
        opened.seek(-1, 1)
        opened.write(bytes([byte[0] ^ 1]))
    with pytest.raises(zipfile.BadZipFile):
        mapped.read_npz(file)
    with pytest.raises(InputError, match=r"a\.npz: cannot be read as npz: Bad CRC-32"):
        load(Data(path=str(file)))


def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path):
    file = tmp_path / "a.npz"
    with zipfile.ZipFile(file, "w") as archive, archive.open("images.npy", "w") as entry:
        np.lib.format.write_array_header_1_0(
            entry, {"descr": "|u1", "fortran_order": False, "shape": (2 * LARGE, 28, 28)}
        )
        entry.write(bytes(LARGE))
    with pytest.raises(
        ValueError, match=r"images\.npy: its header promises 26,306,674,688 bytes, and 16,777,216 follow"
    ):
        mapped.read_npz(file)


def test_images_are_the_same_wherever_they_lie(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path / "cache"))
    file = colours(tmp_path / "a.npz")
    on_disk, in_memory = (load(Data(path=str(file), keep_in=place, limit=5000)) for place in ("mapped", "host"))
    for part in ("train", "validation", "test"):
        one, other = getattr(on_disk, part), getattr(in_memory, part)
        assert (mapped.is_mapped(one.images), mapped.is_mapped(other.images)) == (True, False)
        assert one.fingerprint == other.fingerprint
        assert np.array_equal(one.images, other.images)
        assert one.ids.tolist() == other.ids.tolist()
        assert one.provenance == other.provenance
    assert list((tmp_path / "cache").iterdir()) == []  # its file has no name, and goes with the process


def test_the_split_off_images_are_those_that_their_ids_name(tmp_path):
    file = colours(tmp_path / "a.npz")
    with np.load(file) as arrays:
        images, labels = arrays["images"].transpose(0, 3, 1, 2), arrays["labels"]
    splits = load(Data(path=str(file)))
    parts = [splits.train, splits.validation, splits.test]
    places = [np.array([int(name.rpartition("/")[2]) for name in part.ids]) for part in parts]
    for part, rows in zip(parts, places, strict=True):
        assert np.array_equal(part.images, images[rows])
        assert np.array_equal(part.labels, labels[rows])
    assert sorted(np.concatenate(places).tolist()) == list(range(len(images)))


def test_copies_are_found_in_every_block(tmp_path, monkeypatch):
    splits = load(Data(path=str(colours(tmp_path / "a.npz"))))
    monkeypatch.setattr(mapped, "BLOCK", 100 * 32 * 32 * 3)
    assert duplicates([splits.train], splits.train.take([0, 99, 100, len(splits.train) - 1])) == 4
    assert duplicates([splits.train], splits.test) == 0


def test_a_cache_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(EnvironmentFault, match="cache: cannot be written"):
        load(Data(path=str(colours(tmp_path / "a.npz")), keep_in="mapped"))


PEAK = """
import re, sys
from imagette.data.load import load
from imagette.recipe.schema import Data
from imagette.engine.loop import Training
def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
load(Data(name="digits"))  # what is imported late
before = peak()
splits = load(Data(path=sys.argv[1], keep_in=sys.argv[2]))
[part.fingerprint for part in (splits.train, splits.validation, splits.test)]
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize(("place", "copies"), [("host", 1.0), ("mapped", 0.0)])
def test_loading_takes_one_copy_in_memory_and_none_of_what_is_mapped(tmp_path, monkeypatch, place, copies):
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path / "cache"))
    file = colours(tmp_path / "a.npz", 80_000)
    done = subprocess.run([sys.executable, "-c", PEAK, str(file), place], capture_output=True, text=True, check=True)
    constant = 6 * mapped.BLOCK  # two blocks in three arrays at a time
    assert int(done.stdout) < copies * 80_000 * 3 * 32 * 32 + constant
