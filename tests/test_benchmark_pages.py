"""docs/benchmarks.md is made of the files of results: all of them, the newest of each, with what speaks against us."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import cost
import questions
import record

PLAN = {"device": "cpu", "precision": "float32", "threads": 2}
GPU_PLAN = {"device": "cuda", "precision": "bfloat16", "threads": 8}
MACHINE = {
    "python": "3.12.1",
    "packages": {"torch": "2.9.9", "imagette": "0.1.0"},
    "cpu": {"name": "Some CPU", "instructions": "AVX2"},
    "gpus": [{"name": "Some GPU"}],
}
CLOCKS = {"training": [10.0, 12.0, 11.0], "with_data": [11.0, 13.0, 12.0], "process": [15.0, 17.0, 16.0]}


def bound_row(added: list[float], plan: dict[str, Any] = PLAN) -> dict[str, Any]:
    times = {"bare": 10.0, "engine": 11.0}
    row = {"case": "LeNet (A4)", "batch": 64, "plan": plan, "milliseconds_per_step": times}
    return {**row, "added": sorted(added)[len(added) // 2], "added_by_round": added}


def race_row(case: str, ours: float) -> dict[str, Any]:
    row = {"case": case, "batch": 64, "plan": PLAN, "milliseconds_per_step": {"articles": 20.0, "ours": ours}}
    return {**row, "ratio": 20 / ours, "rounds": {"articles": [20.0, 22.0], "ours": [ours, ours]}}


def speedrun_row(case: str, target: float, p: float) -> dict[str, Any]:
    found = {"case": case, "target": target, "recipe": "fast", "seeds": [1, 2, 3], "accuracies": [0.92, 0.93, 0.94]}
    way = {"seconds": 5000.0, "epochs_measured": 2, "epochs": 30}
    return {**found, "seconds": CLOCKS, "articles_way": way, "ratio": 454.5, "p_value": p, "plan": PLAN}


def airbench_row(case: str, ours: list[float], ratio: list[float]) -> dict[str, Any]:
    accuracies = {"ours": ours, "airbench": [0.939, 0.941]}
    seconds = {"ours": [3.0, 4.0], "airbench": [2.0, 3.0]}
    intervals = {"ours": [0.9, 0.95], "airbench": [0.93, 0.95]}
    found = {"case": case, "recipe": "cifar10", "n": 2, "plan": GPU_PLAN, "ratio": ratio, "mean_interval": intervals}
    return {**found, "accuracies": accuracies, "seconds": seconds}


def record_row(recipe: str, target: float) -> dict[str, Any]:
    found = {**speedrun_row(recipe, target, 0.2), "recipe": recipe, "articles_way": None, "ratio": None}
    data = "0123456789abcdef, JPEG" if recipe == "best" else "0123456789abcdef"
    return {**found, "data": data, "warm": recipe == "best"}


def cost_row(grows: str, deviation: float) -> dict[str, Any]:
    points = [{"x": x, "seconds": {"all": x / 1000 + 1}, "peak_bytes": 2**20 * (300 + x)} for x in (1000, 60000)]
    seconds = {"slope": 0.001, "intercept": 1.0, "largest_deviation": deviation}
    memory = {"slope": 2.0**20, "intercept": 300.0 * 2**20, "largest_deviation": 0.008}
    return {"grows": grows, "points": points, "lines": {"seconds": seconds, "peak_bytes": memory}, "plan": PLAN}


SPEEDS = {"imagette": 1000.0, "lightning": 500.0, "keras-jax": 2000.0}
RATIOS = {"imagette": 1.0, "lightning": 2.0, "keras-jax": 0.5}
ANSWERS: dict[str, Any] = {
    "bound": {"results": [bound_row([-0.02, 0.01, 0.09])]},
    "articles-race": {"results": [race_row("a4", 5.0), race_row("a0", 25.0)]},
    "peers": {
        "results": [
            {"case": "LeNet (A4)", "batch": 64, "plan": PLAN, "images_per_second": SPEEDS, "ours_to_theirs": RATIOS}
        ],
        "versions": {"keras": "3.15.1"},
    },
    "speedrun": {"results": [speedrun_row("a0", 0.92, 0.001), speedrun_row("a1", 0.99, 0.7)]},
    "records": {"results": [record_row("fast", 0.93), record_row("best", 0.95)]},
    "airbench": {
        "results": [airbench_row("94", [0.92, 0.93], [0.5, 0.4, 0.6]), airbench_row("96", [0.96, 0.98], [2, 1, 3])]
    },
    "cost": {"results": [cost_row("images", 0.03), cost_row("parameters", 0.4)]},
    "start": {
        "seconds": {
            name: {"median": at, "min": at / 2, "max": 4 * at, "processor_median": at}
            for name, at in (("python alone", 0.01), ("imagette --help", 0.07))
        }
    },
}


def write(folder: Path, name: str, **facts: Any) -> None:
    page = {"commit": "abcdef012345", "date": "2026-01-02", "rounds": 7, "machine": MACHINE, **facts}
    (folder / f"{name}.json").write_text(json.dumps(page))


@pytest.fixture
def answered(tmp_path: Path) -> Path:
    """Give a folder of results that answers every question."""
    for name, facts in ANSWERS.items():
        write(tmp_path, f"{name}-some-cpu", **facts)
    return tmp_path


def english(folder: Path) -> str:
    return questions.texts(folder)["benchmarks.md"]


def test_a_question_without_an_answer_is_left_out(tmp_path: Path) -> None:
    assert english(tmp_path).count("\n## ") == 1  # the machines of the package
    assert questions.draw(tmp_path, tmp_path) == []


def test_every_question_has_a_table_and_a_picture_in_both_languages(answered: Path, tmp_path: Path) -> None:
    texts = questions.texts(answered)
    pictures = {file.name for file in questions.draw(tmp_path / "pictures", answered)}
    assert set(ANSWERS) == set(questions.QUESTIONS) - {"machines"}
    for text in texts.values():
        assert text.count("\n## ") == len(questions.QUESTIONS)
        assert set(re.findall(r"\(pictures/(.*?)\)", text)) == pictures
        assert not re.search(r"[{}]", text)
    assert len({len(re.findall(r"^\|", text, re.M)) for text in texts.values()}) == 1  # as many lines of tables
    for name in pictures:
        with Image.open(tmp_path / "pictures" / name) as picture:
            assert picture.width >= 800
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 10


@pytest.mark.parametrize(
    "said",
    [
        "| LeNet (A4) | 64 | 10.00 | 11.00 | +1.0 % | −2.0 % … +9.0 % |",
        "The most that is added here is +1.0 %: LeNet (A4).",
        "| a0 | 64 | 20.0 | 25.0 | 0.80x | 0.80 … 0.88 |",
        "Slower than the article's own way: a0.",
        "| keras-jax | 2,000 | 0.50x |\n| imagette | 1,000 | - |\n| lightning | 500 | 2.00x |",
        "LeNet (A4): slower than keras-jax.",
        "| a0 | `fast` | 92.00% | 3 | 93.00% (92.00% … 94.00%) | 0.001 | 11.0 | 12.0 | 16.0 | 5,000 | 454x |",
        "a1: not shown to reach 99.00%: mean 93.00%, p = 0.7.",
        "a0: only 3 seeds",
        "a part of its epochs only: a0 2/30, a1 2/30.",
        "| 94 % | `cifar10` | 2 | 92.50% (90.00% … 95.00%) | 3.50 | 0.50x (0.40 … 0.60) |",
        "| 94 % | airbench | 2 | 94.00% (93.00% … 95.00%) | 2.50 | - |",
        "94 %: less accurate than airbench, by 1.50 points.",
        "94 %: slower than airbench, which is 2.0 times as fast.",
        "96 %: only 2 trainings of each side",
        "| `best` | 95.00% | 3 | 93.00% (92.00% … 94.00%) | 0.2 | 11.0 | 12.0 | 16.0 |",
        "`best`: not shown to reach 95.00%: mean 93.00%, p = 0.2.",
        "`best`: on images that were compressed as JPEG",
        "| images | 1,000 … 60,000 | 2.0 … 61.0 | 3.0% | 1,300 … 60,300 | 300 MiB +1,048,576 bytes each | 0.8% |",
        "parameters: not a straight line; a point lies 40% off it.",
        "The slowest of them is `imagette --help`: 0.07 s, of which Python's own start is 0.010 s.",
        "the machine was busy at times",
        "keras 3.15.1; n = 7 rounds; commit abcdef012345; raw rows: [peers-some-cpu.json]",
        "**Some CPU (AVX2), float32, 2 threads**",
    ],
)
def test_the_page_says(answered: Path, said: str) -> None:
    assert said in english(answered)


def test_what_is_good_is_not_called_bad(answered: Path) -> None:
    text = english(answered)
    for unsaid in ("cannot be true", "a0: not shown", "96 %: less", "96 %: slower", "images: not a straight line"):
        assert unsaid not in text


def test_a_median_below_zero_is_called_noise(tmp_path: Path) -> None:
    write(tmp_path, "bound-x", results=[bound_row([-0.3, -0.04, 0.2])])
    assert "noise, up to 4.0 % in a median here and −30.0 % to +20.0 % in a round" in english(tmp_path)


def test_the_newest_file_of_each_hardware_and_plan_is_shown(tmp_path: Path) -> None:
    write(tmp_path, "bound-z-old", results=[bound_row([0.5])], date="2026-01-01")
    write(tmp_path, "bound-a-new", results=[bound_row([0.25])], date="2026-03-01")
    write(tmp_path, "bound-gpu", results=[bound_row([0.125], GPU_PLAN)])
    text = english(tmp_path)
    assert "+25.0 %" in text
    assert "+50.0 %" not in text
    assert re.findall(r"^\*\*(Some .*)\*\*$", text, re.M) == [
        "Some CPU (AVX2), float32, 2 threads",
        "Some GPU, bfloat16",
    ]


def test_processors_of_one_name_and_parts_of_the_cases_stand_apart(tmp_path: Path) -> None:
    other = {**MACHINE, "cpu": {"name": "Some CPU", "instructions": "AVX512"}}
    write(tmp_path, "bound-a", results=[bound_row([0.5])])
    write(tmp_path, "bound-b", results=[bound_row([0.25])], machine=other)
    write(tmp_path, "records-a", results=[record_row("fast", 0.93)])
    write(tmp_path, "records-b", results=[{**record_row("best", 0.95), "case": "b"}])
    text = english(tmp_path)
    assert all(said in text for said in ("+50.0 %", "+25.0 %", "| `fast` |", "| `best` |"))


def test_seeds_that_shared_a_process_are_told(tmp_path: Path) -> None:
    write(tmp_path, "records-a", results=[record_row("fast", 0.93), record_row("best", 0.95)])
    told = [line for line in english(tmp_path).splitlines() if "all seeds in one process" in line]
    assert len(told) == 1
    assert "`best`" in told[0]


def test_a_test_that_says_nothing_proves_nothing(tmp_path: Path) -> None:
    write(tmp_path, "records-a", results=[record_row("fast", 0.93) | {"p_value": float("nan")}])
    assert "`fast`: not shown to reach 93.00%" in english(tmp_path)


def test_what_is_saved_of_a_part_leaves_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    files = {record.save("bound", [bound_row([0.07])], some) for some in ((), ["lenet"], ["cnn"])}
    assert len(files) == len(list(tmp_path.iterdir())) == 3
    with pytest.raises(ValueError, match="not JSON compliant"):
        record.save("bound", [bound_row([float("nan")])])


def test_the_readmes_show_what_the_engine_adds(repository: Path) -> None:
    for tongue, name in (("en", "README.md"), ("zh", "README.zh-CN.md")):
        assert questions.readme(tongue) in (repository / name).read_text(encoding="utf-8")


def test_what_a_benchmark_program_saves_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    file = record.save("bound", [bound_row([0.07])], rounds=1)
    page, text = json.loads(file.read_text()), english(tmp_path)
    assert list(page)[:2] == ["commit", "date"]
    processor = page["machine"]["cpu"]
    assert f"**{processor['name']} ({processor['instructions']}), float32, 2 threads**" in text
    assert f"torch {page['machine']['packages']['torch']}" in text
    assert f"n = 1 rounds; commit {page['commit']}" in text or "commit not recorded" in text


def test_what_the_cost_program_measures_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    record.save("cost", [cost.measure("images", [1000, 3000], "auto", tmp_path)])
    [line] = re.findall(r"\| images \| 1,000 … 3,000 .*", english(tmp_path))
    assert re.search(r"MiB \+[1-9][\d,]* bytes each", line)
    assert questions.draw(tmp_path / "pictures", tmp_path)


def test_the_cells_of_a_table_stand_under_their_headings(capsys: pytest.CaptureFixture[str]) -> None:
    line = record.table({"case": "<8", "bare, ms": ">10.3f", "added": ">+9.1%"})
    line("vgg", 1.5, 0.021)
    assert capsys.readouterr().out == "case      bare, ms    added\nvgg          1.500    +2.1%\n"
