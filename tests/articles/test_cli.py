"""``imagette reproduce`` as it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

import imagette
from imagette.articles.reproduce import reproduce
from imagette.cli.main import main
from imagette.runs.folder import run_paths


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a9"], "no system 'a9'"),
        (["a1", "--data", "mnist"], "is not NAME=PATH"),
        (["a1", "--data", "minst=here"], "did you mean 'mnist'?"),
        (["a1", "--epochs", "0"], "--epochs"),
        (["a1", "--data", "cifar10=nowhere"], "no file or folder 'nowhere'"),
    ],
)
def test_bad_input_is_told_at_once(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_first_look_is_short_and_stands_apart(
    large_digits: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    only = {"fashion-mnist": large_digits["fashion-mnist"]}
    words = ["a4-corrected", "a1-1", "--corrected", "--quick", "--data", f"fashion-mnist={only['fashion-mnist']}"]
    assert main(["reproduce", *words]) == 3  # there are no images for a1-1
    assert "2 of the trainings" in (said := capsys.readouterr().err)
    assert "- a1-1: MNIST could not be had" in said
    assert "- a1-1-corrected: MNIST could not be had" in said
    assert "hint: put its files in a folder and name it with IMAGETTE_DATA" in said
    (path,) = run_paths("runs/articles-quick")
    run = imagette.load(path)
    assert (run.path.name, run.recipe.data.limit) == ("a4-corrected-1", 10_000)
    assert len(run.history) == 3  # a tenth of 25
    (row,) = reproduce(["a4-corrected"], quick=True, data=only, progress=False)
    assert row.corrected is not None
    validation = row.corrected.figures["validation"]
    assert (validation["accuracy"], validation["n"]) == (run.summary["validation"]["accuracy"], 120)
    assert [*run_paths("runs/articles-quick")] == [path]
    assert not Path("runs/articles").exists()
