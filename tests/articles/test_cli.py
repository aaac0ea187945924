"""``imagette reproduce`` as it is called."""

from __future__ import annotations

import pytest

from imagette.cli.main import main


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
