"""A file is whole or it is the old one, whatever happens; a lock has one owner and outlives no process."""

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from imagette.core.errors import EnvironmentFault, InputError
from imagette.core.files import atomic_path, atomic_write
from imagette.core.locks import exclusive
from processes import child, kill, mounted

HALF_WRITTEN = """
import sys, time
from pathlib import Path
from imagette.core.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("half of the new")
    print("half", flush=True)
    time.sleep(60)
"""

HOLDER = """
import os, sys, time
from pathlib import Path
from imagette.core.locks import exclusive
with exclusive(Path(sys.argv[1]), "the run"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_kill_in_the_middle_of_a_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "weights"
    target.write_text("old and whole")
    with child(HALF_WRITTEN, target) as writer:
        kill(writer)
    assert target.read_text() == "old and whole"
    atomic_write(target, "new and whole")
    assert target.read_text() == "new and whole"


def test_an_exception_in_the_block_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "weights"
    target.write_text("old")

    def fail_half_way() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail_half_way()
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["weights"]


def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    with mounted(folder, "-t", "tmpfs", "-o", "size=64k", "tmpfs") as is_small:
        target = folder / "weights"
        atomic_write(target, "old")
        if not is_small:  # without the right to mount, a file-size limit fails the same call
            limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, limits[1]))
        try:
            with pytest.raises(EnvironmentFault, match=r"weights: cannot be written: ") as caught:
                atomic_write(target, bytes(1_000_000))
        finally:
            if not is_small:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert "what was there before is untouched" in str(caught.value)
        assert target.read_text() == "old"
        assert [file.name for file in folder.iterdir()] == ["weights"]
        atomic_write(target, "fits again")


def test_a_file_size_limit_is_an_environment_fault(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(EnvironmentFault, match="File too large"):
            atomic_write(tmp_path / "big", bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def take(lock: Path) -> None:
    with exclusive(lock, "the run", timeout=0):
        pass


@pytest.mark.parametrize("attempt", [take, lambda path: atomic_write(path, "x")], ids=["lock", "write"])
def test_a_folder_that_cannot_be_written_is_an_environment_fault(
    tmp_path: Path, attempt: Callable[[Path], None]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with mounted(tmp_path / "readonly", "-o", "bind,ro", str(source)) as is_readonly:
        folder = tmp_path / "readonly"
        if not is_readonly:
            folder = source / "file"
            folder.write_text("a file where a folder should be")
        with pytest.raises(EnvironmentFault, match="cannot be written"):
            attempt(folder / "new")


def test_folders_on_the_way_are_made_and_others_may_read(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a" / "b" / "file", "text")
    assert (tmp_path / "a" / "b" / "file").stat().st_mode & 0o777 == 0o644


def test_the_second_to_ask_is_told_the_owner_and_gets_the_lock_when_the_owner_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with child(HOLDER, lock) as holder:
        with pytest.raises(InputError, match=f"the run is in use by process {holder.pid} on "):
            take(lock)
        kill(holder)
    take(lock)


def test_a_lock_holds_where_its_owner_cannot_be_written_down(tmp_path: Path) -> None:
    (tmp_path / "lock.owner").mkdir()  # in the way, as a full disk would be
    with exclusive(tmp_path / "lock", "the run"), pytest.raises(InputError, match="in use by another process"):
        take(tmp_path / "lock")


def test_a_lock_is_free_after_its_block_even_when_that_failed(tmp_path: Path) -> None:
    def fail() -> None:
        with exclusive(tmp_path / "lock", "the run"):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    take(tmp_path / "lock")


@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o002, 0o664)])
def test_a_file_is_for_whom_the_user_makes_files(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        atomic_write(tmp_path / "a.txt", "mine")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == mode
