"""A container's share of memory and cores is what counts in it."""

from pathlib import Path

from imagette.core import machine


def test_a_container_has_the_memory_that_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    whole = machine.memory(tmp_path / "none", tmp_path / "none")
    given, unlimited = tmp_path / "memory.max", tmp_path / "memory" / "memory.limit_in_bytes"
    unlimited.parent.mkdir()
    unlimited.write_text("9223372036854771712\n")  # how cgroup v1 says that there is no limit
    assert machine.memory(tmp_path) == whole
    given.write_text("104857600\n")
    assert machine.memory(tmp_path) == 104_857_600
    given.write_text("max\n")
    assert machine.memory(tmp_path) == whole


def test_what_a_group_is_given_holds_for_the_groups_within_it(tmp_path: Path) -> None:
    """As where systemd or SLURM starts a job: its limit is not the machine's."""
    own, inner = tmp_path / "own", tmp_path / "user.slice" / "job.scope" / "step"
    inner.mkdir(parents=True)
    own.write_text("0::/user.slice/job.scope/step\n")
    (inner.parent / "memory.max").write_text("104857600\n")
    (inner.parent / "cpu.max").write_text("50000 100000\n")
    assert machine.memory(tmp_path, own) == 104_857_600
    assert machine.cores(tmp_path, own) == 1
    first = tmp_path / "memory" / "slurm" / "job"
    first.mkdir(parents=True)
    own.write_text("4:memory:/slurm/job\n3:cpu,cpuacct:/elsewhere\n")  # of version 1
    (first.parent / "memory.limit_in_bytes").write_text("52428800\n")
    assert machine.memory(tmp_path, own) == 52_428_800


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
