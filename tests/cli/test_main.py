"""What holds for every command: help, wrong words, faults and their exit codes, streams that end early."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata

import click
import numpy as np
import pytest
import torch

from imagette.cli.faults import explain
from imagette.cli.main import COMMANDS, imagette
from imagette.core.errors import Diverged, EnvironmentFault, ImagetteError, InputError, Interrupted


def commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, (*words, name))


EVERY = dict(commands(imagette))


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_explains_itself(call, words, flag) -> None:
    answer = call(*words, flag)
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: {' '.join(['imagette', *words])} ")
    assert (EVERY[words].help or "").splitlines()[0] in answer.out
    assert answer.err == ""


def test_the_table_says_what_the_commands_say() -> None:
    for name, line in COMMANDS.items():
        assert (EVERY[(name,)].help or "").splitlines()[0] == line


@pytest.mark.parametrize("words", [(), ("recipes",), ("data",)])
def test_a_menu_without_a_choice_shows_itself(call, words) -> None:
    assert call(*words) == call(*words, "--help")


def test_the_version(call) -> None:
    assert call("--version").out == f"imagette {metadata.version('imagette')}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "unknown imagette command 'trian'\n  hint: did you mean 'train'? Available: bench, data, env,"),
        (["data", "lst"], "unknown imagette data command 'lst'\n  hint: did you mean 'list'?"),
        (["recipes", "shwo", "digits"], "did you mean 'show'?"),
        (["train"], "Missing argument 'TARGET'.\n  hint: imagette train --help"),
        (["train", "digits", "--rnus", "x"], "--rnus"),
        (["--wrong"], "--wrong"),
        (["extend", "x", "--epochs", "0"], "0 is not in the range x>=1"),
        (["extend", "x", "--epochs", "2", "--factor", "0"], "--factor"),
        (["extend", "x"], "'--epochs'"),
        (["predict", "x", "y.png", "--top", "0"], "--top"),
        (["predict", "x", "y.png", "--format", "xml"], "'xml' is not one of 'table', 'json', 'csv'"),
        (["predict", "x"], "FILES"),
        (["train", "digitz"], "did you mean 'digits'?"),
        (["train", "digits", "optim.lr"], "'optim.lr' is not an assignment"),
        (["train", "digits", "optim.lrr=1", "train.epochs=x"], "the recipe has 2 faults:\n  optim.lrr (command line)"),
        (["train", "none.toml"], "no recipe file at 'none.toml'"),
        (["recipes", "show", "digitz"], "did you mean 'digits'?"),
        (["recipes", "diff", "digits", "nope"], "unknown recipe or path 'nope'"),
        (["models", "show", "lennet"], "did you mean 'lenet'?"),
        (["models", "show", "lenet", "optim.lr=1"], "'optim.lr=1' is not a value of the model"),
        (["models", "show", "lenet", "--shape", "28x28"], "'28x28' is not channels x height x width"),
        (["models", "show", "lenet", "--shape", "1x8x8"], "needs images of at least"),
        (["models", "show", "lenet", "--classes", "1"], "--classes"),
        (["data", "get", "mnits"], "did you mean 'mnist'?"),
        (["data", "verify", "mnits"], "did you mean 'mnist'?"),
        (["data", "show", "mnits"], "did you mean 'mnist'?"),
        (["bench", "lennet", "vgh"], "no net 'lennet', 'vgh'\n  hint: did you mean 'lenet'?"),
        (["bench", "--rounds", "0"], "0 is not in the range x>=1"),
        (["runs", "show", "none"], "no run at 'none'"),
        (["resume", "none"], "no run at 'none'"),
        (["extend", "none", "--epochs", "1"], "no run at 'none'"),
        (["test", "none"], "no run at 'none'"),
        (["predict", "none", "x.png"], "no run at 'none'"),
    ],
)
def test_bad_input_is_one_message_and_2(call, nowhere, words, message) -> None:
    answer = call(*words)
    assert answer.code == 2
    assert answer.err.startswith("error: ")
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    assert list(nowhere.iterdir()) == []


@pytest.mark.parametrize("words", [["--debug", "train", "digitz"], ["train", "digitz", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(call, words) -> None:
    answer = call(*words)
    assert answer.code == 2
    assert "Traceback" in answer.err
    assert answer.err.rstrip().splitlines()[-2].startswith("error: unknown recipe")


def test_after_two_dashes_debug_is_a_word(call) -> None:
    answer = call("train", "--", "--debug")
    assert (answer.code, "unknown recipe or path '--debug'" in answer.err) == (2, True)
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("error", "code"),
    [(ImagetteError, 1), (InputError, 2), (EnvironmentFault, 3), (Diverged, 4), (Interrupted, 75)],
)
def test_our_errors_bring_their_code(error, code) -> None:
    assert explain(error("what", hint="how")) == ("what\n  hint: how", code)


def caught(function) -> BaseException:
    with pytest.raises(Exception) as info:
        function()
    return info.value


@pytest.mark.parametrize(
    "error",
    [
        caught(lambda: np.empty(1 << 55, np.uint8)),
        caught(lambda: torch.empty(1 << 60, dtype=torch.uint8)),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore."),
        MemoryError(),
    ],
)
def test_memory_is_the_machine_with_advice(error) -> None:
    message, code = explain(error)
    assert code == 3
    assert message.startswith("the memory is exhausted: ")
    assert "train.batch_size" in message
    assert len(message.splitlines()) == 2


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_disk_and_permission_are_the_machine(number) -> None:
    message, code = explain(OSError(number, os.strerror(number), "/some/file"))
    assert code == 3
    assert message.startswith(f"/some/file: {os.strerror(number)}")


@pytest.mark.parametrize("words", [["resume", "x" * 300], ["train", "digits", f"data.path={'x' * 300}"]])
def test_a_name_that_is_too_long_is_no_bug(call, words) -> None:
    answer = call(*words)
    assert (answer.code, "this is a bug" in answer.err) == (2, False), answer.err


def test_an_interrupt_outside_training_is_130() -> None:
    assert explain(KeyboardInterrupt())[1] == explain(click.Abort())[1] == 130


def test_ctrl_c_before_there_is_a_run_ends_with_130(tmp_path) -> None:
    (tmp_path / "slow.py").write_text(
        "import sys, time\n\ndef net(shape, classes):\n"
        "    print('building', file=sys.stderr, flush=True)\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-m", "imagette", "train", "digits", "model.name=custom", "model.factory=slow:net"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("building" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert not (tmp_path / "runs").exists() or not any((tmp_path / "runs").glob("*-1"))


def test_a_bug_says_that_it_is_one(call, monkeypatch) -> None:
    monkeypatch.setattr("imagette.engine.device.describe", lambda: {}["planted"])
    answer = call("env")
    assert answer.code == 1
    assert answer.err == (
        "error: KeyError: 'planted'\n"
        "  hint: this is a bug in imagette; run the command again with --debug and report what it shows\n"
    )
    assert "Traceback" in call("env", "--debug").err


def test_what_a_terminal_would_obey_is_written_as_letters(call, nowhere) -> None:
    answer = call("train", "bad\x1b[31m.toml\r\x07")
    assert answer.code == 2
    assert not set("\x1b\r\x07") & set(answer.err)


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = f'imagette() {{ "{sys.executable}" -m imagette "$@"; }}; set -o pipefail; {command}'
    settings = {**os.environ, **environment}
    return subprocess.run(["bash", "-c", program], capture_output=True, text=True, env=settings, check=False)


def test_a_reader_that_leaves_early_is_no_fault() -> None:
    child = shell("imagette recipes show digits | head -n 1; imagette recipes show digits --why | true")
    assert child.stdout.count("\n") == 1
    assert child.stderr == ""
    assert child.returncode == 141


def test_an_output_that_is_full_is_the_machine() -> None:
    child = shell("imagette recipes show digits > /dev/full")
    assert child.returncode == 3
    assert child.stderr.startswith("error: No space left on device\n  hint: ")
    assert len(child.stderr.splitlines()) == 2


def test_a_terminal_without_utf8(tmp_path) -> None:
    page = tmp_path / "page.toml"
    page.write_text('about = "数字"\n[data]\nname = "digits"\n', encoding="utf-8")
    child = shell(f"imagette recipes show {page}", PYTHONIOENCODING="latin-1")
    assert child.returncode == 0, child.stderr
    assert r'about = "\u6570\u5b57"' in child.stdout
