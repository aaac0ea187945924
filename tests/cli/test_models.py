"""imagette models: the list, and the table of layers with its sums."""

from __future__ import annotations

import pytest
from PIL import Image

from imagette.recipe.models import MODELS
from models.own import SmallNet

NAMES = {spec.model_fields["name"].default for spec in MODELS}


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


def test_a_model_of_your_own_can_be_shown(call) -> None:
    out = call("models", "show", "custom", "model.factory=models.own:SmallNet").out
    expected = sum(p.numel() for p in SmallNet((1, 28, 28), 10).parameters())
    assert f"parameters     {expected:,} " in out
    answer = call("models", "show", "custom")
    assert (answer.code, "model.factory" in answer.err, "hint: " in answer.err) == (2, True, True)


@pytest.mark.parametrize("shape", ["1x28", "0x8x8", "1x-1x8", "axbxc", f"1x{'9' * 5000}x8"])
def test_a_shape_that_is_none_is_said(call, shape: str) -> None:
    answer = call("models", "show", "lenet", "--shape", shape)
    assert (answer.code, "is not channels x height x width" in answer.err) == (2, True)


def test_assignments_reach_the_model(call) -> None:
    small, large = (call("models", "show", "cnn", f"model.hidden={n}").out for n in (8, 16))
    assert small != large
    assert " 8 " in small


def test_show_draws_a_png(call, tmp_path) -> None:
    file = tmp_path / "net.png"
    answer = call("models", "show", "lenet", "--graph", file)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[-1] == f"graph          {file}"
    assert answer.out.startswith(call("models", "show", "lenet").out)
    with Image.open(file) as picture:
        assert picture.format == "PNG"
        assert picture.width > picture.height > 200


def test_show_draws_an_svg_of_the_model_that_was_asked_for(call, tmp_path) -> None:
    file = tmp_path / "net.svg"
    assert call("models", "show", "cnn", "model.hidden=77", "--shape", "3x32x32", "--graph", file).code == 0
    text = file.read_text()
    assert "<svg" in text
    for part in ("cnn: images 3×32×32", ">conv1<", ">77<", ">fc2<"):
        assert part in text


@pytest.mark.parametrize("name", ["net.jpg", "net"])
def test_a_graph_with_another_suffix_is_2(call, tmp_path, name) -> None:
    answer = call("models", "show", "lenet", "--graph", tmp_path / name)
    assert (answer.code, answer.out) == (2, "")
    assert f"{name}: not a picture's name" in answer.err
    assert "hint: let it end in .png or .svg" in answer.err
    assert not list(tmp_path.iterdir())


def test_a_graph_in_a_folder_that_cannot_be_written_is_3(call) -> None:
    answer = call("models", "show", "lenet", "--graph", "/proc/net.png")
    assert (answer.code, answer.out) == (3, "")
    assert "/proc/net.png: cannot be written" in answer.err
    assert "hint: " in answer.err


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (5 << 20, "5 MiB"), (3 << 42, "12 TiB")],
)
def test_amounts_of_memory(count, text) -> None:
    from imagette.cli.models import _bytes

    assert _bytes(count) == text
