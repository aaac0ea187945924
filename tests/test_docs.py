"""The pages do not lie: every command in them parses, those of ``console`` and ``python`` blocks really run.

``bash`` blocks hold what takes long or needs a network: they are parsed. ``console`` blocks run in the page's order,
in a folder that has what the page speaks of: ``my-digit.png`` and the images of cats and dogs in ``my-images``.
"""

import re
import shlex
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from imagette.cli import main as cli

PAGES = (
    "README.md",
    "README.zh-CN.md",
    "CONTRIBUTING.md",
    "docs/articles.md",
    "docs/articles.zh-CN.md",
    "docs/benchmarks.md",
    "docs/benchmarks.zh-CN.md",
)
REPOSITORY = Path(__file__).resolve().parents[1]


def blocks(page: str, *languages: str) -> list[str]:
    """Find the fenced blocks in some languages."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    return [body for language, body in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S) if language in languages]


def commands(page: str, *languages: str) -> list[list[str]]:
    """Find the command lines in such blocks, as words, without prompts and comments."""
    lines = "".join(blocks(page, *languages)).splitlines()
    return [words for line in lines if (words := shlex.split(line.removeprefix("$ "), comments=True))]


@pytest.fixture
def only_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands be found and parsed as ever, and then not carried out."""
    monkeypatch.setattr(click.Command, "invoke", lambda command, context: None)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the folder that the pages speak of, and go there."""
    rng = np.random.default_rng(0)
    for name, brightness in (("cat", 60), ("dog", 190)):
        (tmp_path / "my-images" / name).mkdir(parents=True)
        for number in range(40):
            pixels = rng.normal(brightness, 30, (28, 28, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "my-images" / name / f"{number}.png")
    Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(tmp_path / "my-digit.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_every_command_on_the_page_parses(page: str, only_parsed: None) -> None:
    given = commands(page, "bash", "console")
    assert given
    for words in given:
        if words[0] == "imagette":
            assert cli.main(words[1:]) == 0, words
        elif words[0] == "make":
            assert re.search(rf"^{words[1]}:", (REPOSITORY / "Makefile").read_text(), re.M), words
        else:
            file = next(word for word in words if "/" in word and not word.startswith(".venv"))
            assert (REPOSITORY / file).is_file(), words


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_and_page_that_is_linked_is_there(page: str) -> None:
    file = REPOSITORY / page
    links = re.findall(r"\]\(([^)#:]+)\)", file.read_text(encoding="utf-8"))
    assert [link for link in links if not (file.parent / link).exists()] == []


@pytest.mark.parametrize(
    "wrong", ["trian digits", "train", "extend runs/x --epoch 3 --epochs", "runs shwo runs/x", "predict runs/x"]
)
def test_a_command_that_does_not_exist_would_be_noticed(wrong: str, only_parsed: None) -> None:
    assert cli.main(wrong.split()) == 2


def test_what_the_page_shows_really_runs(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands("README.md", "console"):
        assert words[0] == "imagette"
        code = cli.main(words[1:])
        captured = capsys.readouterr()
        assert code == 0, (words, captured.err)
        assert captured.out, words
    runs = {folder.name for folder in (desk / "runs").iterdir()}
    assert {"digits-1", "digits-2", "my-images-1", "my-images-2"} <= runs


def test_the_python_on_the_page_really_runs(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for body in blocks("README.md", "python"):
        exec(compile(body, "README.md", "exec"), {})
    path, accuracy, label, page = capsys.readouterr().out.split()
    assert Path(path).is_dir()
    assert Path(page) == Path(path) / "report.html"
    assert Path(page).is_file()
    assert float(accuracy) > 0.5
    assert label in set("0123456789")


def test_the_run_folder_is_as_the_page_draws_it(desk: Path) -> None:
    assert cli.main(["train", "digits", "train.epochs=1", "--quiet"]) == 0
    *_, drawing = blocks("README.md", "text")
    names = [name for line in drawing.splitlines()[1:] for name in line.strip().partition("   ")[0].split()]
    assert len(names) >= 11
    assert [name for name in names if not (desk / "runs" / "digits-1" / name).exists()] == []


def test_both_languages_give_the_same_commands() -> None:
    languages = ("bash", "console", "python")
    assert [commands("README.md", language) for language in languages[:2]] == [
        commands("README.zh-CN.md", language) for language in languages[:2]
    ]
    assert blocks("README.md", "python") == blocks("README.zh-CN.md", "python")
