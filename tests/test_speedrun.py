"""benchmarks/speedrun.py as a user runs it: real processes, embedded images."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import record


def speedrun(repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = repository / "benchmarks" / "speedrun.py"
    return subprocess.run([sys.executable, program, *words], capture_output=True, text=True, check=False)


def test_a_recipe_of_ones_own_is_timed_to_an_accuracy(repository: Path) -> None:
    (record.JOURNALS / "speedrun-digits-0.5.jsonl").unlink(missing_ok=True)
    done = speedrun(repository, "--target", "0.5", "--seeds", "2", "--recipe", "digits", "train.epochs=3")
    assert done.returncode == 0, done.stderr
    _, line = done.stdout.splitlines()
    name, target, mean, _, training, with_data, process, *article = line.split()
    assert (name, target, article) == ("digits", "50.00%", ["-", "-"])
    assert float(mean.rstrip("%")) > 50
    assert 0 < float(training) <= float(with_data) < float(process)


def test_a_killed_measurement_goes_on_after_the_seeds_that_it_has(repository: Path) -> None:
    words = ["--target", "0.25", "--seeds", "3", "--recipe", "digits", "train.epochs=1"]
    journal = record.JOURNALS / "speedrun-digits-0.25.jsonl"
    journal.unlink(missing_ok=True)
    program = repository / "benchmarks" / "speedrun.py"
    command = [sys.executable, program, *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        while process.poll() is None and not (journal.exists() and journal.read_text().count("\n") > 1):
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    head, first, *_ = journal.read_text().splitlines()
    noted = json.loads(first)
    noted["run"]["accuracy"] = 30.0  # so that the mean tells whether this row was taken
    journal.write_text(f"{head}\n{json.dumps(noted)}\n" + '{"run": {"accu')  # the last one torn, as a power cut does
    done = speedrun(repository, *words)
    assert done.returncode == 0, done.stderr
    _, going_on, line = done.stdout.splitlines()
    assert going_on.startswith("going on after 1 of them: ")
    assert 1000 < float(line.split()[2].rstrip("%")) < 1067
    assert not journal.exists()


def test_rows_of_other_code_or_of_another_recipe_are_measured_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "JOURNALS", tmp_path)
    record.Journal("speedrun", "a4", recipe="a4").append({"run": 1})
    assert list(record.Journal("speedrun", "a4", recipe="a4")) == [{"run": 1}]
    assert not record.Journal("speedrun", "a4", recipe="a4 train.epochs=2")
    record.Journal("speedrun", "a4", recipe="a4").append({"run": 1})
    monkeypatch.setattr(record, "code", lambda: "changed")
    assert not record.Journal("speedrun", "a4", recipe="a4")


def test_seeds_that_share_a_process_are_those_of_processes_of_their_own(repository: Path) -> None:
    words = ("101", "--recipe", "digits", "train.epochs=3", "train.threads=1")
    warm = [json.loads(line) for line in speedrun(repository, "--warm", "--child", "100", *words).stdout.splitlines()]
    (cold,) = [json.loads(line) for line in speedrun(repository, "--child", *words).stdout.splitlines()]
    assert len(warm) == 2
    assert warm[1]["accuracy"] == cold["accuracy"]
    assert 0 < warm[1]["training"] <= warm[1]["with_data"]


def test_seeds_share_a_process_for_a_recipe_only(repository: Path) -> None:
    done = speedrun(repository, "a4", "--warm")
    assert done.returncode == 2
    assert "--warm goes with --recipe" in done.stderr


def test_a_recipe_without_a_target_is_refused(repository: Path) -> None:
    for words in (["--recipe", "digits"], ["--target", "0.9"], ["a4", "--recipe", "digits", "--target", "0.9"]):
        done = speedrun(repository, *words)
        assert done.returncode == 2
        assert "--recipe and --target go together" in done.stderr
