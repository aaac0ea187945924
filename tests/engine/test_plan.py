"""The plan: what a recipe leaves open is decided with a reason; what it says is obeyed."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pytest
import torch
from torch import nn

from imagette.core.errors import EnvironmentFault
from imagette.data.load import load
from imagette.data.mapped import is_mapped
from imagette.engine import device, probe
from imagette.engine.loop import Training
from imagette.engine.plan import Plan
from imagette.recipe.schema import Recipe
from models import own


def digits(*overrides: str) -> Recipe:
    return Recipe.load("digits", overrides)


def test_steps_count_the_last_smaller_batch_unless_it_is_dropped() -> None:
    assert Plan.make(digits("train.batch_size=64"), 130).steps_per_epoch == 3
    assert Plan.make(digits("train.batch_size=64", "train.drop_last=true"), 130).steps_per_epoch == 2


def test_every_decision_has_a_reason_and_what_the_recipe_says_is_obeyed() -> None:
    plan = Plan.make(digits("train.layout=contiguous", "train.threads=1", "train.precision=bfloat16"), 100)
    assert (plan.layout, plan.threads, plan.dtype) == ("contiguous", 1, torch.bfloat16)
    assert plan.reasons["layout"] == "the recipe says so"
    assert plan.reasons["device"] != "the recipe says so"


def test_bfloat16_is_taken_only_where_the_hardware_computes_it() -> None:
    if not (flags := Path("/proc/cpuinfo")).is_file():
        pytest.skip("nothing else tells what the processor can do")
    native = {"avx512_bf16", "amx_bf16"} & set(flags.read_text().split())
    plan = Plan.make(digits("train.device=cpu", "train.precision=auto"), 100)
    assert plan.precision == ("bfloat16" if native else "float32")


def test_a_recorded_plan_comes_back_from_json() -> None:
    plan = Plan.make(digits(), 100)
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_a_device_that_is_not_there_is_said() -> None:
    absent = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(EnvironmentFault, match=f"'{absent}' is not on this machine"):
        Plan.make(digits(f"train.device={absent}"), 100)


def test_the_description_is_json_and_names_versions_and_hardware() -> None:
    found = json.loads(json.dumps(device.describe()))
    assert found["packages"]["torch"] == torch.__version__
    assert found["cpu"]["cores"] >= 1
    if (flags := Path("/proc/cpuinfo")).is_file():  # processors of one name may have AMX, which is three times as fast
        assert (found["cpu"]["instructions"] == "AMX") == ("amx_bf16" in flags.read_text())


LONG = ("train.epochs=100", "model.name=linear")


def test_a_slow_choice_gives_way_to_a_faster_one() -> None:
    plan = replace(Plan.make(digits(*LONG), 1000), threads=2, precision="float32")
    for milliseconds, threads in (((50, 5), 1), ((5, 5), 2), ((6, 5), 2)):
        times = cycle(milliseconds)
        chosen = probe.chosen(digits(*LONG), plan, (1, 8, 8), 10, 1000, lambda *_, times=times: next(times) / 1000)
        assert chosen.threads == threads
        assert f"{milliseconds[0]:.1f} ms with 2, {milliseconds[1]:.1f} ms with 1" in chosen.reasons["threads"]


def test_bfloat16_is_kept_where_it_is_clearly_faster_than_float32() -> None:
    recipe = digits(*LONG, "train.threads=1")
    plan = replace(Plan.make(recipe, 1000), precision="bfloat16")
    for milliseconds, precision in (
        ({"bfloat16": 5, "float32": 9}, "bfloat16"),
        ({"bfloat16": 9, "float32": 9}, "float32"),
    ):
        chosen = probe.chosen(
            recipe, plan, (1, 8, 8), 10, 1000, lambda _, way, *__, ms=milliseconds: ms[way.precision] / 1000
        )
        assert chosen.precision == precision


@pytest.mark.parametrize("layout", ["channels_last", "blocked"])
def test_the_order_of_the_numbers_is_the_fastest_in_the_arithmetic_that_is_taken(layout: str) -> None:
    recipe = digits(*LONG, "train.threads=1")
    plan = replace(Plan.make(recipe, 1000), precision="bfloat16")
    seconds = {"bfloat16": {"channels_last": 8, "blocked": 9}, "float32": {"channels_last": 5, "blocked": 9}}
    seconds["float32"][layout] = 3
    chosen = probe.chosen(recipe, plan, (1, 8, 8), 10, 1000, lambda _, way, *__: seconds[way.precision][way.layout])
    assert (chosen.precision, chosen.layout) == ("float32", layout)


def test_no_batch_is_timed_that_has_more_images_than_there_are() -> None:
    recipe = digits("train.epochs=100000", "train.batch_size=20000", "model.name=linear")
    plan, sizes = replace(Plan.make(recipe, 30), threads=2, precision="float32"), set()

    def timer(asked: Recipe, *_: object) -> float:
        sizes.add(asked.train.batch_size)
        return 1.0

    probe.chosen(recipe, plan, (1, 8, 8), 10, 30, timer)
    assert sizes == {30}


def test_one_slow_moment_of_the_machine_decides_nothing() -> None:
    plan = replace(Plan.make(digits(*LONG), 1000), threads=2, precision="float32")
    times = iter([60, 5, 5, 5, 5, 5, 5, 5])
    assert probe.chosen(digits(*LONG), plan, (1, 8, 8), 10, 1000, lambda *_: next(times) / 1000).threads == 2


def test_what_the_recipe_says_is_not_questioned_and_short_trainings_are_not_timed() -> None:
    said = "train.threads=2", "train.precision=float32", "train.layout=channels_last"
    for recipe in (digits(*LONG, *said), digits("train.epochs=1")):
        plan = replace(Plan.make(recipe, 1000), threads=2)
        assert probe.chosen(recipe, plan, (1, 8, 8), 10, 1000, lambda *_: pytest.fail("timed a step")) == plan


def test_beside_another_program_a_short_training_takes_one_thread_and_nothing_else_is_timed() -> None:
    recipe = digits("train.epochs=6", "model.name=linear")  # 96 steps
    plan = replace(Plan.make(recipe, 1000), threads=2, precision="bfloat16")
    ways = []

    def timer(_: Recipe, way: Plan, *__: object) -> float:
        ways.append(way)
        return {1: 0.002, 2: 0.2}[way.threads]

    assert probe.chosen(recipe, plan, (1, 8, 8), 10, 1000, timer) == replace(
        plan, threads=1, reasons={**plan.reasons, "threads": "a step takes 200.0 ms with 2, 2.0 ms with 1"}
    )
    assert ways == [plan, replace(plan, threads=1)]
    large = recipe.replace(**{"train.batch_size": 50_000})
    assert probe.chosen(large, plan, (1, 8, 8), 10, 50_000, timer) == plan


def test_copies_of_your_own_module_are_timed() -> None:
    recipe, images = digits("train.epochs=100"), load(digits().data).train
    module = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10))
    before = copy.deepcopy(module.state_dict())
    reasons = probe.decided(recipe.replace(**{"model.name": "custom", "train.threads": 0}), images, module).reasons
    timed = "layout" if device.cores() == 1 else "threads"
    assert "a step takes" in reasons[timed]
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_slow_factory_is_asked_once_however_much_is_timed() -> None:
    recipe = digits("model.name=custom", "model.factory=models.own:counted", "train.epochs=100", "train.threads=1")
    plan = replace(Plan.make(recipe, 1000), threads=2, precision="float32")
    own.counted.times = 0
    probe.chosen(recipe.replace(**{"train.threads": 0}), plan, (1, 8, 8), 10, 1000)
    assert own.counted.times == 1


@pytest.mark.parametrize("model", ["linear-by-hand", "cnn"])
def test_timing_leaves_the_random_numbers_alone(model: str) -> None:
    recipe = digits(f"model.name={model}", "train.threads=1")
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    assert probe.step_seconds(recipe, Plan.make(recipe, 1000), (1, 8, 8), 10) > 0
    assert torch.equal(torch.rand(2), expected)


def test_the_plan_says_where_the_images_lie(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path))
    weights = {}
    for place in ("host", "mapped"):
        recipe = digits("train.device=cpu", "train.epochs=1", "model.name=cnn", f"data.keep_in={place}")
        splits = load(recipe.data)
        training = Training(recipe, splits.train, splits.validation)
        assert (training.plan.data, training.plan.reasons["data"]) == (place, "the recipe says so")
        assert is_mapped(splits.train.images) == (place == "mapped")
        assert list(training.events())
        weights[place] = training.weights()
    assert all(torch.equal(value, weights["mapped"][name]) for name, value in weights["host"].items())
    left_open = Plan.make(digits("train.device=cpu"), 100, splits.train.images)
    assert (left_open.data, "stay on the disk" in left_open.reasons["data"]) == ("mapped", True)
