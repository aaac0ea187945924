"""benchmarks/speedrun.py as a user runs it: real processes, embedded images."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def speedrun(repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = repository / "benchmarks" / "speedrun.py"
    return subprocess.run([sys.executable, program, *words], capture_output=True, text=True, check=False)


def test_a_recipe_of_ones_own_is_timed_to_an_accuracy(repository: Path) -> None:
    done = speedrun(repository, "--target", "0.5", "--seeds", "2", "--recipe", "digits", "train.epochs=3")
    assert done.returncode == 0, done.stderr
    _, line = done.stdout.splitlines()
    name, target, mean, _, training, with_data, process, *article = line.split()
    assert (name, target, article) == ("digits", "50.00%", ["-", "-"])
    assert float(mean.rstrip("%")) > 50
    assert 0 < float(training) <= float(with_data) < float(process)


def test_seeds_that_share_a_process_are_those_of_processes_of_their_own(repository: Path) -> None:
    words = ("--child", "100", "101", "--recipe", "digits", "train.epochs=3", "train.threads=1")
    warm = [json.loads(line) for line in speedrun(repository, *words).stdout.splitlines()]
    (cold,) = [json.loads(line) for line in speedrun(repository, "--child", *words[2:]).stdout.splitlines()]
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
