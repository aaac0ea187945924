"""Proxy filtering: a narrow net chooses the hardest images, the wide one learns from those and from no others."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from imagette import models
from imagette.core.errors import Diverged, InputError
from imagette.data.imageset import ImageSet
from imagette.engine import probe
from imagette.engine.events import EpochDone
from imagette.engine.loop import Training
from imagette.engine.plan import Plan
from imagette.engine.proxy import LEARNS_EVERY, Proxy, kept
from imagette.recipe.models import narrower
from imagette.recipe.schema import Recipe


def recipe(*overrides: str) -> Recipe:
    small = ("train.epochs=2", "train.batch_size=50", "train.threads=1", "train.precision=float32")
    return Recipe.load(str(Path(__file__).parent / "plain.toml"), [*small, *overrides])


def weights_after(training: Training) -> dict[str, Tensor]:
    assert list(training.events())
    return {name: value for name, value in training.state()[0].items() if not name.startswith("proxy")}


def proxy(*overrides: str, module: nn.Module | None = None) -> Proxy:
    """Make a proxy of two classes that takes an image's two numbers for its logits."""
    spec = recipe("optim.name=sgd", "optim.momentum=0", *overrides)
    module = module or nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False))
    nn.init.eye_(module[-1].weight)
    return Proxy(module, spec, Plan.make(spec, 100))


# The logits; the loss of label 0 is log(1 + exp(second - first)): it grows from -3 to 3 as the difference does.
DIFFERENCES = torch.tensor([1.0, -3.0, 3.0, 0.0, 2.0, -1.0])
IMAGES = torch.stack([torch.zeros(6), DIFFERENCES], dim=1)[:, None, None, :]
LABELS = torch.zeros(6, dtype=torch.int64)


def test_the_images_of_the_highest_loss_are_kept_in_the_order_of_the_batch() -> None:
    images, targets, labels = proxy("train.keep_hardest=0.5").hardest((IMAGES, LABELS, LABELS), 0.1, 1)
    assert images[:, 0, 0, 1].tolist() == [1.0, 3.0, 2.0]
    assert len(targets) == len(labels) == 3


def test_the_label_decides_what_is_hard_and_targets_and_labels_go_with_their_images() -> None:
    labels = torch.tensor([1, 1, 1, 0, 0, 0])
    images, targets, kept_labels = proxy("train.keep_hardest=0.3").hardest((IMAGES, labels, labels), 0.1, 1)
    assert images[:, 0, 0, 1].tolist() == [-3.0, 2.0]  # losses log(1 + e^3), log(1 + e^2)
    assert targets.tolist() == kept_labels.tolist() == [1, 0]


def test_mixed_labels_are_weighed_by_their_shares() -> None:
    targets = torch.tensor([[0.0, 1.0]] * 2 + [[0.5, 0.5]] * 3 + [[1.0, 0.0]])
    # -log softmax: 0.31, 3.05; 3.05 - 3/2 = 1.55, 0.69, 2.13 - 2/2 = 1.13; 0.31
    images, mixed, _ = proxy("train.keep_hardest=0.5").hardest((IMAGES, targets, LABELS), 0.1, 1)
    assert images[:, 0, 0, 1].tolist() == [-3.0, 3.0, 2.0]
    assert mixed.tolist() == [[0.0, 1.0], [0.5, 0.5], [0.5, 0.5]]


def test_of_equal_losses_the_first_are_taken() -> None:
    same = IMAGES[:1].repeat(6, 1, 1, 1)
    _, _, labels = proxy("train.keep_hardest=0.5").hardest((same, LABELS, torch.arange(6)), 0.1, 1)
    assert labels.tolist() == [0, 1, 2]


def test_on_every_fourth_step_it_learns_from_what_it_chose() -> None:
    choosing = proxy("train.keep_hardest=0.5")
    weight = choosing.module[-1].weight
    images = IMAGES[[0, 2, 4]].flatten(1)  # the hard ones
    error = (images.softmax(1) - torch.tensor([1.0, 0.0])).T @ images / 3  # the gradient, by hand
    for step in range(LEARNS_EVERY):
        choosing.hardest((IMAGES, LABELS, LABELS), 0.1, step)
        torch.testing.assert_close(weight.detach(), torch.eye(2) - 0.1 * error)
    choosing.hardest((IMAGES, LABELS, LABELS), 0.1, LEARNS_EVERY)
    assert not torch.allclose(weight, torch.eye(2) - 0.1 * error)


def test_channels_last_images_stay_so() -> None:
    images = torch.rand(6, 2, 3, 3).to(memory_format=torch.channels_last)
    net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    chosen, _, _ = proxy("train.keep_hardest=0.5", module=net).hardest((images, LABELS, LABELS), 0.1, 0)
    assert chosen.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("share", [0.05, 0.07, 0.3, 0.5, 0.99])
def test_a_share_is_rounded_up_and_never_to_nothing(share: float) -> None:
    assert [kept(share, n) for n in (1, 2, 100)] == [1, math.ceil(2 * share), round(100 * share)]


def watched(module: nn.Module) -> list[tuple[int, bool]]:
    """Write down how many images a module sees at each call, and whether to learn from them."""
    seen: list[tuple[int, bool]] = []
    module.register_forward_pre_hook(lambda _, inputs: seen.append((len(inputs[0]), torch.is_grad_enabled())))
    return seen


def test_the_net_sees_its_share_of_every_batch_and_the_proxy_all_of_it(digits: tuple[ImageSet, ImageSet]) -> None:
    spec = recipe("train.keep_hardest=0.3", "train.batch_size=64", "train.epochs=1", "train.keep=last")
    training = Training(spec, digits[0], None)
    assert training.proxy is not None
    net, narrow = watched(training.module), watched(training.proxy.module)
    done = next(event for event in training.events() if isinstance(event, EpochDone))
    assert net == [(20, True)] * 6 + [(5, True)]  # 400 = 6 · 64 + 16
    looked = [count for count, learns in narrow if not learns]
    assert looked == [64] * 6 + [16]
    assert [count for count, learns in narrow if learns] == [20, 20]  # steps 0 and 4
    assert (done.train_accuracy * 125) == pytest.approx(round(done.train_accuracy * 125))


def test_training_figures_are_means_over_the_images_learned_from(digits: tuple[ImageSet, ImageSet]) -> None:
    """At a vanishing rate all batches see the same weights: an easy image would lower the loss."""
    still = ("train.epochs=1", "optim.lr=1e-20", "train.batch_size=400", "train.keep=last", "train.shuffle=false")
    training = Training(recipe(*still, "train.keep_hardest=0.4"), digits[0], None)
    assert training.proxy is not None
    images, targets, labels = next(training.batches.augmented(training.augmentation, None, 0))
    chosen, _, named = training.proxy.hardest((images, targets, labels), 0.0, 1)
    with torch.no_grad():
        logits = training.module(chosen)
    expected = nn.functional.cross_entropy(logits, named).item(), (logits.argmax(1) == named).float().mean().item()
    done = next(event for event in training.events() if isinstance(event, EpochDone))
    assert (done.train_loss, done.train_accuracy) == pytest.approx(expected, rel=1e-4)


def test_images_per_second_count_whole_batches(digits: tuple[ImageSet, ImageSet]) -> None:
    training = Training(recipe("train.keep_hardest=0.2", "train.log_every=1", "train.epochs=1"), *digits)
    done = next(event for event in training.events() if isinstance(event, EpochDone))
    assert done.images_per_second == pytest.approx(400 / done.seconds)


EVERYTHING = ("model.dropout=0.3", "train.ema=0.9", "train.lookahead=5", "augment.rotation=10", "augment.mixup=0.2")


def test_a_proxy_that_keeps_all_changes_no_bit(digits: tuple[ImageSet, ImageSet]) -> None:
    """49.95 images are 50: the proxy works, and leaves random numbers, order and weights of the net alone."""
    without = Training(recipe(*EVERYTHING, "train.keep_hardest=1"), *digits)
    all_kept = Training(recipe(*EVERYTHING, "train.keep_hardest=0.999"), *digits)
    assert without.proxy is None
    assert all_kept.proxy is not None
    expected, found = weights_after(without), weights_after(all_kept)
    assert expected.keys() == found.keys()
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


def test_the_proxys_first_weights_follow_from_the_seed_and_are_not_the_nets(digits: tuple[ImageSet, ImageSet]) -> None:
    one, again, other = (
        Training(recipe("train.keep_hardest=0.5", f"train.seed={seed}"), *digits).proxy for seed in (0, 0, 1)
    )
    first = [next(found.module.parameters()) for found in (one, again, other) if found]
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


def test_a_computed_stem_is_computed_for_the_proxy_too_and_stays(digits: tuple[ImageSet, ImageSet]) -> None:
    spec = recipe("model.name=speednet", "model.widths=[8]", "train.keep_hardest=0.5")
    training = Training(spec, *digits)
    assert training.proxy is not None
    stem = training.proxy.module.stem
    torch.testing.assert_close(stem.weight, training.module.stem.weight)
    assert list(training.events())
    assert not stem.bias.any()
    assert training.module.stem.bias.any()


@pytest.mark.parametrize("name", ["cnn", "vgg", "speednet", "resnet", "preact-resnet", "wide-resnet"])
def test_a_narrower_net_is_a_fraction_of_the_wide_one(name: str) -> None:
    spec = Recipe.load("digits", [f"model.name={name}"]).model
    narrow = narrower(spec)
    assert narrow is not None
    assert narrow.name == name
    sizes = [sum(p.numel() for p in models.build(net, (1, 8, 8), 10).parameters()) for net in (spec, narrow)]
    assert sizes[1] < sizes[0] / 8
    assert getattr(narrow, "dropout", 0) == 0


@pytest.mark.parametrize("model", [["lenet"], ["linear"], ["alexnet"], ["custom"]])
def test_a_model_that_cannot_be_narrower_is_refused(model: list[str]) -> None:
    name, *more = model
    said = rf"(?s)keep_hardest = 0.5 .*'{name}' cannot be made narrower; set it to 1, or .*: cnn, .* or wide-resnet"
    with pytest.raises(InputError, match=said):
        recipe(f"model.name={name}", *more, "train.keep_hardest=0.5")


def test_a_module_of_your_own_has_no_narrower_one(digits: tuple[ImageSet, ImageSet]) -> None:
    own = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    with pytest.raises(InputError, match=r"(?s)keep_hardest = 0.5 .* of your own narrower.*set it to 1"):
        Training(recipe("train.keep_hardest=0.5"), *digits, module=own)


@pytest.mark.parametrize("share", ["0", "-0.5", "1.5"])
def test_a_share_is_more_than_nothing_and_at_most_all(share: str) -> None:
    with pytest.raises(InputError, match="keep_hardest"):
        recipe(f"train.keep_hardest={share}")


def test_a_proxy_that_diverges_is_named(digits: tuple[ImageSet, ImageSet]) -> None:
    training = Training(recipe("train.keep_hardest=0.5"), *digits)
    assert training.proxy is not None
    with torch.no_grad():
        next(training.proxy.module.parameters()).fill_(float("nan"))
    with pytest.raises(Diverged, match=r"the loss is nan in the proxy of train.keep_hardest at step 0"):
        list(training.events())


def test_half_of_each_batch_teaches_the_digits(digits: tuple[ImageSet, ImageSet]) -> None:
    net = ("model.widths=[16,32]", "train.epochs=30", "optim.lr=0.005", "schedule.name=onecycle", "train.keep=last")
    training = Training(recipe(*net, "train.keep_hardest=0.5"), *digits)
    assert list(training.events())
    held_out = digits[1]
    assert (training.predictor().predict(held_out.images).labels == held_out.labels).mean() > 0.7


def test_the_step_that_is_timed_is_the_one_that_is_taken() -> None:
    spec, seen = recipe("train.keep_hardest=0.5"), set[tuple[int, int]]()

    def look(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if isinstance(layer, nn.Conv2d) and len(inputs[0]) > 1:  # one image finds out the shapes
            seen.add((layer.out_channels, len(inputs[0])))

    with register_module_forward_pre_hook(look):
        probe.step_seconds(spec, Plan.make(spec, 1000), (1, 8, 8), 10)
    assert seen == {(8, 25), (2, 25), (2, 50)}
