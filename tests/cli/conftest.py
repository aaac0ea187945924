"""The command line called in this process, and one trained run for all tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import imagette
from imagette.cli.main import main


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[..., Answer]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Give the function that runs ``imagette WORDS...`` and returns exit code, output and messages."""

    def run(*words: object) -> Answer:
        capsys.readouterr()
        return Answer(main([str(word) for word in words]), *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> imagette.Run:
    """Give a finished run of two epochs on the embedded digits."""
    recipe = imagette.Recipe.load("digits", ["train.epochs=2", "model.name=linear", "train.threads=1"])
    return imagette.train(recipe, runs=tmp_path_factory.mktemp("runs"), progress=False)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
