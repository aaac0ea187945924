"""``imagette bench`` as it is called, and the row that it leaves."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from imagette.bench.nets import NETS
from imagette.bench.row import Row, shipped, table
from imagette.engine.plan import in_words

FAST = ("bench", "lenet", "speednet", "--rounds", "2")


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "imagette", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Measure two nets, once, in a process of its own."""
    file = tmp_path_factory.mktemp("bench") / "mine.json"
    return run(*FAST, "--json", "--save", file), file


def test_the_row_that_is_printed_is_the_row_that_is_saved(saved) -> None:
    child, file = saved
    assert child.returncode == 0, child.stderr
    page = json.loads(child.stdout)
    assert page["here"] == json.loads(file.read_text())
    assert page["shipped"] == [row.to_dict() for row in shipped()]


def test_the_row_holds_what_was_measured(saved) -> None:
    row = Row.load_file(saved[1])
    assert [result.net for result in row.results] == ["lenet", "speednet"]
    for result in row.results:
        assert (result.batch, len(result.rounds)) == (NETS[result.net].batch, 2)
        assert min(result.rounds) <= result.images_per_second <= max(result.rounds)
        assert 10 < result.images_per_second < 1e8
        assert result.plan["threads"] == int(os.environ["OMP_NUM_THREADS"])
        assert in_words(result.plan) in row.about()
    assert row.machine["packages"]["torch"] in row.about()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", row.date)


def test_lenet_takes_more_images_a_second_than_vgg() -> None:
    for row in shipped():
        speeds = {result.net: result.images_per_second for result in row.results}
        assert set(speeds) == set(NETS)
        assert speeds["lenet"] > 5 * speeds["vgg"]


def test_the_table_sets_this_machine_beside_each_shipped_one() -> None:
    [there, *_] = shipped()
    twice = [replace(r, images_per_second=2 * r.images_per_second, rounds=[1.0, 1.0]) for r in there.results]
    twice[0] = replace(twice[0], rounds=[0.75 * twice[0].images_per_second, 1.25 * twice[0].images_per_second])
    headings, lines = table(replace(there, results=twice), [there, replace(there, results=there.results[1:])])
    assert headings[-4:] == [">[1]", ">here/[1]", ">[2]", ">here/[2]"]
    assert {line[-3] for line in lines} == {"2.00x"}
    assert lines[0][-2:] == ["-", "-"]  # not timed there
    assert lines[0][:2] == ["lenet", "64"]
    assert lines[0][4] == "±25%"


def test_what_is_printed_is_the_table_and_what_stands_behind_it(tmp_path: Path) -> None:
    child, [there, *_] = run("bench", "lenet", "--rounds", "2", "--save", tmp_path / "mine.json"), shipped()
    assert child.returncode == 0, child.stderr
    lines = [line.split() for line in child.stdout.splitlines()]
    assert lines[0][:3] == ["net", "batch", "plan"]
    assert {"[1]", "here/[1]"} <= set(lines[0])
    assert lines[2][:2] == ["lenet", "64"]  # under a rule
    assert ["here", *Row.load_file(tmp_path / "mine.json").about().split()] in lines
    assert ["[1]", *there.about().split()] in lines
    assert lines[-1] == ["written", str(tmp_path / "mine.json")]


def test_a_busy_machine_is_told() -> None:
    row = replace(shipped()[0], processors=4, load=1.5)
    assert row.busy == "other programs were running: load 1.5 on 4 processors"
    assert row.busy in row.about()
    assert replace(row, load=0.3).busy == ""


def test_a_place_that_cannot_be_written_is_told_before_anything_is_timed(call, tmp_path) -> None:
    folder = call("bench", "--save", tmp_path)
    assert (folder.code, folder.out) == (2, "")
    assert "is a folder\n  hint: name a file: " in folder.err
    nowhere = call("bench", "--save", "/proc/mine.json")
    assert (nowhere.code, nowhere.out) == (3, "")
    assert "cannot be written" in nowhere.err
    assert "measuring" not in folder.err + nowhere.err


def test_the_commit_is_that_of_the_package_not_of_the_project_around_it(repository, tmp_path) -> None:
    if not (repository / ".git").exists():
        pytest.skip("not a checkout")
    question = [sys.executable, "-c", "from imagette.bench.row import commit; print(commit())"]
    place = os.environ | {"PYTHONPATH": str(repository / "src")}
    here = subprocess.run(question, capture_output=True, text=True, check=True, cwd=tmp_path, env=place).stdout.strip()
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True, check=True)
    assert here.removesuffix("-dirty") == head.stdout[:12]

    shutil.copytree(
        repository / "src" / "imagette", tmp_path / "imagette", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "mine.txt").touch()
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@y.z"]
    for words in (["init", "-q"], ["add", "mine.txt"], ["commit", "-qm", "mine"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    elsewhere = os.environ | {"PYTHONPATH": str(tmp_path)}
    installed = subprocess.run(question, capture_output=True, text=True, check=True, cwd=tmp_path, env=elsewhere)
    assert installed.stdout.strip() == ""
