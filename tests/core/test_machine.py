"""A container's share of memory and cores is what counts in it."""

from pathlib import Path

from imagette.core import machine


def test_a_container_has_the_memory_that_it_was_given(tmp_path: Path) -> None:
    whole = machine.memory(())
    given, unlimited = tmp_path / "memory.max", tmp_path / "memory.limit_in_bytes"
    given.write_text("104857600\n")
    unlimited.write_text("9223372036854771712\n")  # how cgroup v1 says that there is no limit
    assert machine.memory((given, unlimited)) == 104_857_600
    assert machine.memory((unlimited, tmp_path / "none")) == whole
    given.write_text("max\n")
    assert machine.memory((given,)) == whole


def test_a_container_has_the_cores_that_it_was_given(tmp_path: Path) -> None:
    whole = machine.cores(tmp_path)
    for quota, cores in (("50000 100000", 1), ("100000 100000", 1), ("9000000 100000", whole), ("max 100000", whole)):
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
        assert machine.cores(tmp_path) == cores
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    for given, cores in ((-1, whole), (30_000, 1)):
        (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{given}\n")
        assert machine.cores(tmp_path) == cores
