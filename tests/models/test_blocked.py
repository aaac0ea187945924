"""Training on oneDNN's own tensors: faster, and the same but for rounding."""

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy

from imagette.core.errors import EnvironmentFault, InputError
from imagette.data.load import load
from imagette.engine import device, probe
from imagette.engine.loop import Training
from imagette.engine.plan import Plan
from imagette.models import build
from imagette.models.blocks import Chain
from imagette.recipe import models as specs
from imagette.recipe.schema import Recipe

CPU = torch.device("cpu")
ROUNDING = 1e-5  # of the length of what is compared
NETS = [
    (specs.LeNet(), (1, 28, 28)),
    (specs.CNN(), (1, 28, 28)),
    (specs.BatchNormCNN(), (1, 28, 28)),
    (specs.VGG(widths=(8, 20), dropout=0), (1, 28, 28)),
    (specs.AlexNet(batch_norm=True), (3, 32, 32)),
    (specs.SpeedNet(widths=(24, 40)), (1, 28, 28)),
    (specs.SpeedNet(widths=(24, 16), depth=3, residual=True, activation="gelu", freeze_scale=True), (3, 32, 32)),
    (specs.ResNet(depth=8), (3, 32, 32)),
    (specs.WideResNet(depth=10, factor=1), (4, 17, 17)),
]

pytestmark = pytest.mark.skipif(not device.computes_blocked(CPU, "float32"), reason="torch is built without oneDNN")
precisions = [
    torch.float32,
    pytest.param(
        torch.bfloat16,
        marks=pytest.mark.skipif(not device.native_bfloat16(CPU), reason="the processor lacks bfloat16"),
    ),
]


def blocked(net):
    twin = copy.deepcopy(net)
    for part in twin.modules():
        if isinstance(part, Chain):
            part.blocked = True
    return twin


def taught(net, images, precision):
    """Give what a step leaves: answers, gradients and statistics, by name."""
    with torch.autocast("cpu", dtype=precision, enabled=precision != torch.float32):
        answers = net(images)
    cross_entropy(answers.float(), torch.arange(len(images)) % 10).backward()
    gradients = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
    return {"answers": answers.detach()} | gradients | dict(net.named_buffers())


def far(one, other):
    return (one.double() - other.double()).norm()


@pytest.mark.parametrize("precision", precisions, ids=str)
@pytest.mark.parametrize(("spec", "shape"), NETS, ids=lambda value: getattr(value, "name", ""))
def test_a_step_is_as_near_to_the_exact_one_as_in_torchs_order(spec, shape, precision):
    torch.manual_seed(0)
    net = build(spec, shape, 10).to(memory_format=torch.channels_last).train()
    images = torch.randn(16, *shape).contiguous(memory_format=torch.channels_last)
    exact = taught(copy.deepcopy(net).double(), images.double(), torch.float32)
    plain, other = (taught(way(net), images, precision) for way in (copy.deepcopy, blocked))
    assert exact.keys() == plain.keys() == other.keys()
    assert all(value.layout == torch.strided for value in other.values())
    allowed = {
        name: 3 * far(plain[name], value) + ROUNDING * (value.double().norm() + 1) for name, value in exact.items()
    }
    assert [name for name, value in exact.items() if far(other[name], value) > allowed[name]] == []


def test_evaluation_goes_the_plain_way():
    net = build(specs.BatchNormCNN(), (1, 28, 28), 10).eval()
    images = torch.randn(4, 1, 28, 28)
    assert torch.equal(blocked(net)(images), net(images))


def test_a_run_learns_the_same_but_for_rounding():
    recipe = Recipe.load("digits", ["train.device=cpu", "train.precision=float32", "train.epochs=2", "model.name=cnn"])
    splits, weights = load(recipe.data), {}
    for layout in ("channels_last", "blocked"):
        training = Training(recipe.replace(**{"train.layout": layout}), splits.train, splits.validation)
        assert {part.blocked for part in training.module.modules() if isinstance(part, Chain)} == {layout == "blocked"}
        assert list(training.events())
        weights[layout] = training.weights()
    plain, other = weights.values()
    assert all(far(value, other[name]) < 1e-3 * (value.norm() + 1) for name, value in plain.items())


def test_a_plan_takes_it_where_a_step_is_faster_so():
    recipe = Recipe.load("digits", ["train.device=cpu", "train.threads=1", "train.precision=float32", "model.name=cnn"])
    plan = Plan.make(recipe, 100_000)
    assert (plan.layout, plan.channels_last) == ("channels_last", True)
    for milliseconds, layout in (
        ({"channels_last": 9, "blocked": 8}, "blocked"),
        ({"channels_last": 8, "blocked": 8}, "channels_last"),
    ):

        def timer(*asked, ms=milliseconds):
            return ms[asked[1].layout] / 1000

        chosen = probe.chosen(recipe, plan, (1, 8, 8), 10, 100_000, timer)
        assert (chosen.layout, chosen.channels_last) == (layout, True)
        assert "9.0 ms" in chosen.reasons["layout"] or "8.0 ms" in chosen.reasons["layout"]


def test_where_it_cannot_be_had_the_recipe_is_refused():
    with pytest.raises(InputError, match="'blocked' cannot be compiled"):
        Plan.make(Recipe.load("digits", ["train.layout=blocked", "train.compile=on", "train.device=cpu"]), 100)
    assert not device.computes_blocked(torch.device("cuda"), "float32")


@pytest.mark.skipif(device.native_bfloat16(CPU), reason="this processor computes bfloat16")
def test_where_a_precision_is_not_native_it_cannot_be_had():
    with pytest.raises(EnvironmentFault, match="cpu does not compute bfloat16 in"):
        Plan.make(Recipe.load("digits", ["train.layout=blocked", "train.precision=bfloat16", "train.device=cpu"]), 100)


def test_where_there_is_time_for_one_turn_only_it_has_to_be_clearly_faster():
    alone = ["train.device=cpu", "train.threads=1", "train.precision=float32", "model.name=cnn"]
    recipe = Recipe.load("digits", ["train.batch_size=100", "train.epochs=60", *alone])
    for blocked, layout in ((9, "channels_last"), (8, "blocked")):

        def timer(*asked, blocked=blocked):
            return {"channels_last": 10, "blocked": blocked}[asked[1].layout] / 1000

        assert probe.chosen(recipe, Plan.make(recipe, 1000), (1, 8, 8), 10, 1000, timer).layout == layout
