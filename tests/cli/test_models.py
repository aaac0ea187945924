"""imagette models: the list, and the table of layers with its sums."""

from __future__ import annotations

from typing import get_args

import pytest

from imagette.recipe.models import ModelSpec

NAMES = {spec.model_fields["name"].default for spec in get_args(get_args(ModelSpec)[0])}


def test_list_names_every_model(call) -> None:
    lines = call("models", "list").out.splitlines()
    assert {line.split()[0] for line in lines[1:]} == NAMES
    assert all(len(line.split()) > 3 for line in lines[1:])


def test_show_is_the_published_lenet(call) -> None:
    out = call("models", "show", "lenet").out
    numbers = {word for line in out.splitlines() for word in line.split()}
    assert {"156", "2,416", "30,840", "10,164", "850"} <= numbers  # article A4
    assert "parameters     44,426 (173.5 KiB)" in out
    assert "6x24x24" in numbers


@pytest.mark.parametrize("name", sorted(NAMES - {"custom"}))
def test_every_model_can_be_shown(call, name) -> None:
    answer = call("models", "show", name, "--shape", "3x32x32", "--classes", "7")
    assert answer.code == 0, answer.err
    assert f"{name} for 3x32x32 and 7 classes" in answer.out


def test_assignments_reach_the_model(call) -> None:
    small, large = (call("models", "show", "cnn", f"model.hidden={n}").out for n in (8, 16))
    assert small != large
    assert " 8 " in small


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (5 << 20, "5 MiB"), (3 << 42, "12288 GiB")],
)
def test_amounts_of_memory(count, text) -> None:
    from imagette.cli.models import _bytes

    assert _bytes(count) == text.replace("12288", "1.229e+04")
