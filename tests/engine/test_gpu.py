"""On an NVIDIA GPU: the same loop learns, stops and goes on, and a run is tested where it was trained."""

from __future__ import annotations

import copy
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
import torch

import imagette
from imagette.core.errors import Diverged
from imagette.data.imageset import ImageSet
from imagette.engine.events import EpochDone
from imagette.engine.loop import Training
from imagette.recipe.schema import Recipe

GPU = "cuda"
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")

Digits = tuple[ImageSet, ImageSet]


@pytest.fixture(autouse=True)
def compiled_or_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what other tests have compiled, and fail where torch would give up compiling without a word."""
    from torch import _dynamo  # here: it takes seconds to import

    _dynamo.reset()
    monkeypatch.setattr(_dynamo.config, "fail_on_recompile_limit_hit", True)
    monkeypatch.setattr("torch._inductor.config.triton.cudagraph_or_error", True)


SPEEDNET = ("model.name=speednet", "model.widths=[16,32]", "model.freeze_stem=2")
WAYS = {
    "adam": (),
    "everything": (
        "model.dropout=0.1", "train.ema=0.9", "train.lookahead=5", "train.label_smoothing=0.1", "optim.clip_norm=1.0",
        "augment.crop_padding=1", "augment.rotation=5", "augment.erase=0.1", "augment.mixup=0.1",
    ),
    "speed net, muon": (*SPEEDNET, "optim.name=muon", "optim.lr=0.05", "augment.cutout=1"),
    "speed net, as cifar10-airbench94": (
        *SPEEDNET, "model.stride=1", "model.activation=gelu", "model.identity=true", "model.freeze_scale=true",
        "optim.name=muon", "optim.lr=0.1", "optim.fixed_norm=true", "augment.crop_padding=1",
        "augment.crop_fill=reflect", "train.drop_last=true", "train.compile=on", "evaluate.shift=1",
    ),
    "speed net, chosen images": (*SPEEDNET, "train.keep_hardest=0.5", "optim.name=adamw"),
    "images in the machine's memory": ("data.keep_in=host",),
    "compiled": ("train.compile=on",),
    "speed net, compiled": (*SPEEDNET, "train.compile=on", "train.ema=0.9"),
    "chosen images, compiled": (*SPEEDNET, "train.compile=on", "train.keep_hardest=0.5"),
    "float32": ("train.precision=float32",),
}  # fmt: skip


def recipe(*overrides: str) -> Recipe:
    few = ("train.epochs=20", "train.batch_size=50", "optim.lr=0.01", f"train.device={GPU}")
    return Recipe.load(str(Path(__file__).parent / "plain.toml"), [*few, *overrides])


def accuracy(training: Training, images: ImageSet) -> float:
    return float((training.predictor().predict(images.images).labels == images.labels).mean())


@pytest.mark.parametrize("name", ["auto", GPU, f"{GPU}:0"])
def test_a_gpu_is_used_under_each_of_its_names(digits: Digits, name: str) -> None:
    training = Training(recipe(f"train.device={name}", "train.epochs=1"), *digits)
    list(training.events())
    assert {parameter.device.type for parameter in training.module.parameters()} == {GPU}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_whatever_a_recipe_asks_for_is_learned(digits: Digits, way: tuple[str, ...]) -> None:
    training = Training(recipe(*way), *digits)
    list(training.events())
    assert accuracy(training, digits[1]) > 0.6  # 0.73 to 0.9 on a CPU, by way and seed


def test_a_compiled_step_learns_what_a_plain_one_learns(digits: Digits) -> None:
    few = ("train.epochs=2", "train.precision=float32", "train.batch_size=64", "optim.lr=0.001", "model.dropout=0")
    epochs = [
        [event for event in Training(recipe(*few, compiled), *digits).events() if isinstance(event, EpochDone)]
        for compiled in ("train.compile=off", "train.compile=on")
    ]
    for plain, compiled in zip(*epochs, strict=True):  # the last batch of an epoch is a shorter one
        assert compiled.train_loss == pytest.approx(plain.train_loss, rel=1e-2)
        assert compiled.val_loss == pytest.approx(plain.val_loss, rel=1e-2)


@pytest.mark.parametrize("way", ["everything", "speed net, muon", "speed net, chosen images"])
def test_a_restored_training_goes_on_bit_for_bit(digits: Digits, way: str) -> None:
    spec = recipe(*WAYS[way], "train.epochs=3")
    whole, first, second = (Training(spec, *digits) for _ in range(3))
    list(whole.events())
    list(takewhile(lambda event: not isinstance(event, EpochDone), first.events()))
    second.restore(*copy.deepcopy(first.state()))
    list(second.events())
    ours, theirs = second.state()[0], whole.state()[0]
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
def test_a_bad_gradient_leaves_finite_weights(digits: Digits, optimizer: str) -> None:
    """Nobody looks at the numbers until the epoch's end: the optimizer itself has to leave the weights alone."""
    asked = (*SPEEDNET, f"optim.name={optimizer}", "train.log_every=1000", "train.precision=float32")
    training = Training(recipe(*asked), *digits)
    stem = next(training.module.parameters())
    with torch.no_grad():
        stem[(0,) * stem.ndim] = float("nan")
    kept = [parameter.clone() for parameter in training.module.parameters()]
    with pytest.raises(Diverged, match="or shortly before"):
        list(training.events())
    after = [*training.module.parameters()]
    assert all(torch.equal(now, before) for now, before in zip(after[1:], kept[1:], strict=True))


def test_a_run_is_tested_where_it_was_trained_and_answers_alike_on_the_cpu(tmp_path: Path) -> None:
    run = imagette.train(recipe("train.epochs=3"), runs=tmp_path, progress=False)
    assert run.predictor.device.type == GPU
    assert run.test() == run.summary["test"]
    test = run.splits.test.images
    there = run.predictor.logits(test)
    opened = imagette.load(run.path)
    facts = opened.environment
    facts["plan"]["device"] = "cpu"  # as on a machine without a GPU
    opened.folder.write("environment.json", facts)
    assert opened.predictor.device.type == "cpu"
    assert np.allclose(opened.predictor.logits(test), there, atol=0.1)  # of 20; convolutions there take TF32
