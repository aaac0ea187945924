"""Real trainings as real processes, killed and asked to stop: nothing is lost, and they end as if undisturbed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import kill_resume

ENDLESS = ("digits", "train.epochs=100000", "train.threads=1", "model.name=linear", "train.log_every=1")

SLOW = """
import signal, sys, time
from torch import nn

class Slow(nn.Sequential):
    def __init__(self, shape, classes):
        super().__init__(nn.Flatten(), nn.Linear(64, classes))

    def forward(self, images):
        if signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, signal.default_int_handler):  # it has begun
            print("in a step", file=sys.stderr, flush=True)
            time.sleep(60)
        return super().forward(images)
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kill_resume.undisturbed_run(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("moment", sorted(kill_resume.MOMENTS))
def test_killed_and_resumed_it_is_the_undisturbed_run_bit_for_bit(
    undisturbed: Path, tmp_path: Path, moment: str
) -> None:
    outcome = kill_resume.disturbed_run_equals(undisturbed, tmp_path, moment)
    assert outcome.differences == ()
    assert outcome.kills in [("train",), *([("before there was a run",)] if moment == "start" else [])]


def test_a_killed_extension_that_goes_on_is_the_undisturbed_one_bit_for_bit(undisturbed: Path, tmp_path: Path) -> None:
    extend = [sys.executable, "-m", "imagette", "extend", str(undisturbed), "--epochs", "12", "--quiet", "--runs"]
    subprocess.run([*extend, str(tmp_path / "whole")], check=True, timeout=120)
    (whole,) = (tmp_path / "whole").iterdir()
    before = len((undisturbed / "metrics.csv").read_text().splitlines())
    with subprocess.Popen([*extend, str(tmp_path / "killed")]) as process:
        deadline = time.monotonic() + 120
        while not any(
            len((run / "metrics.csv").read_text().splitlines()) > before + 1 and any((run / "checkpoints").iterdir())
            for run in (tmp_path / "killed").glob("*")
            if (run / "metrics.csv").exists()
        ):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.kill()
    (killed,) = (tmp_path / "killed").iterdir()
    assert json.loads((killed / "status.json").read_text())["state"] != "finished"
    subprocess.run([sys.executable, "-m", "imagette", "resume", str(killed), "--quiet"], check=True, timeout=120)
    assert kill_resume.differences(whole, killed) == []


@contextmanager
def training(runs: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Start an endless training; go on when its first epoch is on the disk."""
    command = [sys.executable, "-m", "imagette", "train", *ENDLESS, *more, "--runs", str(runs), "--quiet"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 120
            while not any(file.stat().st_size > 200 for file in runs.glob("*/metrics.csv")):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield process
        finally:
            process.kill()


def test_asked_to_stop_it_saves_exits_75_and_says_how_to_go_on(tmp_path: Path) -> None:
    """SIGTERM as from a service manager; the same handler serves Ctrl-C and SIGUSR1."""
    with training(tmp_path) as process:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 75
    assert f"imagette resume {tmp_path / 'digits-1'}" in said
    assert "Traceback" not in said
    status = json.loads((tmp_path / "digits-1" / "status.json").read_text())
    assert status["state"] == "interrupted"
    newest = max((tmp_path / "digits-1" / "checkpoints").glob("*.json"))
    assert json.loads(newest.read_text())["facts"]["progress"]["step"] == status["step"]


def test_a_second_process_in_the_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with training(tmp_path) as process:
        command = [sys.executable, "-m", "imagette", "resume", str(tmp_path / "digits-1")]
        second = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert second.returncode == 2
        assert f"process {process.pid}" in second.stderr
        assert process.poll() is None
        process.send_signal(signal.SIGUSR1)
        assert process.wait(60) == 75


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    """In a step that takes a minute; the first one waits for its end."""
    (tmp_path / "slow.py").write_text(SLOW)
    own = ("model.name=custom", "model.factory=slow:Slow", "train.epochs=1", "train.threads=1", "--quiet")
    command = [sys.executable, "-m", "imagette", "train", "digits", *own]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            for awaited in ("in a step", "SIGINT: stopping when nothing is lost"):
                while not (line := process.stderr.readline()).startswith(awaited):
                    assert line
                process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130
        finally:
            process.kill()
    assert json.loads((tmp_path / "runs/digits-1/status.json").read_text())["state"] == "interrupted"


def test_a_full_disk_ends_with_3_and_the_checkpoint_before_is_whole(tmp_path: Path) -> None:
    """A limit on file size makes every later checkpoint fail as a full disk does."""
    with training(tmp_path) as process:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    kept = sorted((tmp_path / "digits-1" / "checkpoints").iterdir())
    before = {file.name: file.read_bytes() for file in kept}
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "import torch, imagette.cli.main as cli\n"
        "before = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))\n"
        "code = cli.main(['resume', sys.argv[1], '--quiet'])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, before); sys.exit(code)"  # what measures coverage writes, too
    )
    command = [sys.executable, "-c", code, str(tmp_path / "digits-1")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 3, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "cannot be written" in ended.stderr
    after = {file.name: file.read_bytes() for file in kept if file.exists()}
    assert after == before


def test_a_read_only_folder_is_refused_before_the_first_step(tmp_path: Path) -> None:
    from processes import mounted

    (tmp_path / "runs").mkdir()
    with mounted(tmp_path / "runs", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs") as read_only:
        if not read_only:
            (tmp_path / "runs").chmod(0o500)  # enough where the tests are not run by root
            if os.geteuid() == 0:
                pytest.skip("this root can neither mount nor be refused by a mode")
        command = [sys.executable, "-m", "imagette", "train", *ENDLESS, "--runs", str(tmp_path / "runs")]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 3
    assert "cannot be written" in ended.stderr
