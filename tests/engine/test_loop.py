"""The training loop: it learns, it can be stopped and continued bit for bit, and it stops when numbers fail."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from imagette.core.errors import Diverged, InputError
from imagette.data.imageset import ImageSet
from imagette.engine.events import EpochDone, Finished, Logged, Paused
from imagette.engine.loop import Training
from imagette.engine.plan import Plan
from imagette.recipe.schema import Recipe

EVERYTHING = (
    "model.dropout=0.3",
    "train.ema=0.9",
    "train.lookahead=5",
    "train.label_smoothing=0.1",
    "optim.clip_norm=1.0",
    "optim.weight_decay=0.01",
    "schedule.name=plateau",
    "schedule.patience=0",
    "schedule.threshold=0.5",
    "augment.crop_padding=1",
    "augment.rotation=10",
    "augment.erase=0.5",
    "augment.mixup=0.2",
)


def recipe(*overrides: str) -> Recipe:
    small = ("train.epochs=3", "train.batch_size=50", "train.threads=1")
    return Recipe.load(str(Path(__file__).parent / "plain.toml"), [*small, *overrides])


def trained(training: Training) -> list[object]:
    return list(training.events())


def same(a: Training, b: Training) -> bool:
    left, right = a.state(), b.state()
    facts = [copy.deepcopy(facts) for _, facts in (left, right)]
    for fact in facts:
        fact["progress"].pop("seconds")
    return facts[0] == facts[1] and all(torch.equal(value, right[0][name]) for name, value in left[0].items())


def test_it_learns_the_digits(digits: tuple[ImageSet, ImageSet]) -> None:
    training = Training(recipe("train.epochs=8", "optim.lr=0.01"), *digits)
    events = trained(training)
    assert isinstance(events[-1], Finished)
    held_out = digits[1]
    assert (training.predictor().predict(held_out.images).labels == held_out.labels).mean() > 0.75


def test_one_step_is_the_textbooks_step(digits: tuple[ImageSet, ImageSet]) -> None:
    """The first SGD step equals p - lr · gradient, computed here with plain torch."""
    one = recipe(
        "train.epochs=1", "train.batch_size=400", "train.shuffle=false", "optim.name=sgd", "optim.lr=0.1",
        "optim.momentum=0", "train.keep=last", "train.precision=float32",
    )  # fmt: skip
    training = Training(one, digits[0], None)
    plain = copy.deepcopy(training.module)
    mean, std = training.preprocessing.mean[0], training.preprocessing.std[0]
    images = (torch.from_numpy(digits[0].images).float() - mean) / std
    functional.cross_entropy(plain(images), torch.from_numpy(digits[0].labels)).backward()
    trained(training)
    for found, parameter in zip(training.module.parameters(), plain.parameters(), strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(found, parameter - 0.1 * parameter.grad, rtol=1e-4, atol=1e-6)


def interrupted(training: Training, step: int) -> Iterator[object]:
    for event in training.events():
        if isinstance(event, Logged) and event.step == step:
            training.stop = True
        yield event


@pytest.mark.parametrize("step", [1, 4, 8, 11, 16, 23])
def test_restored_in_a_new_training_it_goes_on_bit_for_bit(digits: tuple[ImageSet, ImageSet], step: int) -> None:
    spec = recipe(*EVERYTHING, "train.log_every=1")
    whole = Training(spec, *digits)
    events = trained(whole)

    first = Training(spec, *digits)
    before = list(interrupted(first, step))
    assert isinstance(before[-1], Paused)
    tensors, facts = first.state()
    second = Training(spec, *digits)
    torch.rand(7)  # a live generator's position must not matter
    second.restore({name: value.clone() for name, value in tensors.items()}, json.loads(json.dumps(facts)))
    after = trained(second)

    assert same(whole, second)
    clockless = [_without_clocks(event) for event in [*before[:-1], *after]]
    assert clockless == [_without_clocks(event) for event in events]
    weights = second.weights()
    assert all(torch.equal(value, weights[name]) for name, value in whole.weights().items())


def _without_clocks(event: object) -> object:
    if isinstance(event, Logged):
        return replace(event, images_per_second=0.0)
    return replace(event, seconds=0.0, images_per_second=0.0) if isinstance(event, EpochDone) else event


@pytest.mark.parametrize("optimizer", [["sgd"], ["adam"], ["adamw"], ["muon"], ["muon", "optim.fixed_norm=true"]])
def test_optimizer_state_survives_in_the_layout_of_its_weights(
    digits: tuple[ImageSet, ImageSet], optimizer: list[str]
) -> None:
    name, *more = optimizer
    spec = recipe(f"optim.name={name}", *more, "train.log_every=1", "train.layout=channels_last")
    whole, first, second = (Training(spec, *digits) for _ in range(3))
    trained(whole)
    list(interrupted(first, 12))
    second.restore(*first.state())
    trained(second)
    assert same(whole, second)


@pytest.mark.parametrize(("optimizer", "step"), [("adamw", 1), ("adamw", 4), ("muon", 14), ("sgd", 16)])
def test_a_proxy_is_resumed_with_the_net_that_it_chooses_for(
    digits: tuple[ImageSet, ImageSet], optimizer: str, step: int
) -> None:
    """Before and after the steps on which it learns, in the middle of an epoch and at its end."""
    spec = recipe(*EVERYTHING, "train.keep_hardest=0.5", f"optim.name={optimizer}", "train.log_every=1")
    whole, first, second = (Training(spec, *digits) for _ in range(3))
    assert first.proxy
    trained(whole)
    list(interrupted(first, step))
    tensors, facts = first.state()
    saved = {name: value.clone() for name, value in tensors.items()}
    first.stop = False
    trained(first)  # what was saved is not what goes on here
    second.restore(saved, json.loads(json.dumps(facts)))
    trained(second)
    assert same(whole, second)
    assert any(name.startswith("proxy_optimizer") for name in saved)


def test_the_schedule_moves_the_rates_of_all_groups_alike(digits: tuple[ImageSet, ImageSet]) -> None:
    rates = "optim.lr=0.1", "optim.head_lr=0.05", "optim.other_lr=0.02"
    spec = recipe("optim.name=muon", *rates, "schedule.name=linear", "train.log_every=1")
    training = Training(spec, *digits)
    for event in training.events():
        if isinstance(event, Logged):
            turned, head, others = (group["lr"] for group in training.optimizer.param_groups)
            assert turned == event.lr
            assert (head, others) == pytest.approx((event.lr / 2, event.lr / 5))


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_stem_is_frozen_after_its_epochs_also_in_a_resumed_training(
    digits: tuple[ImageSet, ImageSet], optimizer: str
) -> None:
    stem = ("model.name=speednet", "model.widths=[8]", "model.freeze_stem=1", f"optim.name={optimizer}")
    spec = recipe(*stem, "train.log_every=1", "optim.clip_norm=1")
    whole, first, second = (Training(spec, *digits) for _ in range(3))
    biases = [whole.module.stem.bias.clone() for event in whole.events() if isinstance(event, (Logged, EpochDone))]
    assert not torch.equal(biases[0], biases[7])
    assert all(torch.equal(bias, biases[7]) for bias in biases[7:])
    list(interrupted(first, 12))
    second.restore(*first.state())
    trained(second)
    assert same(whole, second)


def test_only_a_net_with_a_computed_stem_freezes_it() -> None:
    with pytest.raises(InputError, match=r"model\.freeze_stem"):
        recipe("model.freeze_stem=2")
    assert Recipe.load("fashion-mnist", ["model.name=lenet"]).model.name == "lenet"  # its stem goes with it


def test_another_seed_gives_other_weights(digits: tuple[ImageSet, ImageSet]) -> None:
    a, b = (Training(recipe("train.epochs=1", f"train.seed={seed}"), *digits) for seed in (0, 1))
    trained(a)
    trained(b)
    assert not same(a, b)


def test_the_average_is_the_textbooks_average(digits: tuple[ImageSet, ImageSet]) -> None:
    spec = recipe("train.epochs=1", "train.ema=0.5", "train.log_every=1", "train.keep=last")
    training = Training(spec, *digits)
    name = next(iter(training.module.state_dict()))
    expected = training.module.state_dict()[name].double().clone()
    for event in training.events():
        if isinstance(event, Logged):
            decay = min(0.5, event.step / (event.step + 9))  # after t earlier steps: (1 + t) / (10 + t)
            expected = decay * expected + (1 - decay) * training.module.state_dict()[name].double()
    torch.testing.assert_close(training.weights()[name].double(), expected, rtol=1e-5, atol=1e-7)


def test_the_best_epochs_weights_are_kept_not_the_last(digits: tuple[ImageSet, ImageSet]) -> None:
    """A rate that grows tenfold spoils the last epochs: the kept weights are those of the best one."""
    spec = recipe("train.epochs=4", "schedule.name=multistep", "schedule.milestones=[2]", "schedule.gamma=300")
    training = Training(spec, *digits)
    epochs = [event for event in training.events() if isinstance(event, EpochDone)]
    figures = [event.val_accuracy for event in epochs]
    assert figures[-1] < max(figures)
    labels = training.predictor().predict(digits[1].images).labels
    assert (labels == digits[1].labels).mean() == max(figures)
    assert training.progress.best_epoch == figures.index(max(figures)) + 1
    assert [event.best for event in epochs][training.progress.best_epoch - 1]


def test_early_stopping_waits_so_many_epochs_for_a_better_one(digits: tuple[ImageSet, ImageSet]) -> None:
    spec = recipe("train.epochs=30", "train.early_stop=2", "optim.lr=1e-12")
    training = Training(spec, *digits)
    finished = trained(training)[-1]
    assert finished == Finished(
        epochs=training.progress.best_epoch + 2, best_epoch=training.progress.best_epoch, early=True
    )


@pytest.mark.parametrize("setting", ["optim.lr=1e30", "optim.lr=1e18"])
def test_a_loss_that_is_not_finite_stops_before_the_step(digits: tuple[ImageSet, ImageSet], setting: str) -> None:
    training = Training(recipe(setting, "optim.name=sgd", "train.precision=float32"), *digits)
    with pytest.raises(Diverged, match=r"(?s)step \d+ \(epoch 1, batch \d+; images .*lower optim.lr"):
        trained(training)
    assert all(bool(parameter.isfinite().all()) for parameter in training.module.parameters())


class Dazzled(nn.Linear):
    """It cannot look at an image that is bright all over."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        answers: torch.Tensor = super().forward(images.flatten(1))
        return answers * (float("nan") if bool((images.flatten(1).amin(1) > 0).any()) else 1)


def test_the_batch_that_a_loss_is_not_finite_of_is_named(digits: tuple[ImageSet, ImageSet]) -> None:
    train, validation = digits
    pixels = train.images.copy()
    pixels[17] = 255
    training = Training(recipe("train.batch_size=2"), replace(train, images=pixels), validation, module=Dazzled(64, 10))
    with pytest.raises(Diverged, match=rf"; images (\S+, )?{train.ids[17]}, "):
        trained(training)


class RootOfZero(nn.Module):
    """A finite loss with a gradient that is not: the root's slope at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :10] + self.weight.abs().sqrt()


def test_a_gradient_that_is_not_finite_stops_before_the_step(digits: tuple[ImageSet, ImageSet]) -> None:
    training = Training(recipe(), *digits, module=RootOfZero())
    with pytest.raises(Diverged, match="the gradient is not finite at step 0"):
        trained(training)
    assert torch.equal(training.module.state_dict()["weight"], torch.zeros(10))


class Fickle(nn.Sequential):
    """It learns, but where it is lost, it is measured as not a number."""

    lost = False

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        answers: torch.Tensor = super().forward(images)
        return answers * float("nan") if self.lost and not self.training else answers


def test_a_validation_figure_that_is_not_a_number_is_never_best(digits: tuple[ImageSet, ImageSet]) -> None:
    module = Fickle(nn.Flatten(), nn.Linear(64, 10))
    training, best = Training(recipe("train.monitor=val_loss"), *digits, module=module), []
    module.lost = True
    for event in training.events():
        if isinstance(event, EpochDone):
            best.append(event.best)
            module.lost = event.epoch != 1
    assert best == [False, True, False]
    assert training.progress.best_epoch == 2


def test_of_epochs_with_the_same_accuracy_the_surest_is_kept(digits: tuple[ImageSet, ImageSet]) -> None:
    few = [part.take(np.flatnonzero(part.labels < 2)) for part in digits]  # zeros and ones: told apart at once
    training = Training(recipe("train.epochs=12", "optim.lr=0.02"), few[0], few[1])
    epochs = [event for event in trained(training) if isinstance(event, EpochDone)]
    perfect = [event for event in epochs if event.val_accuracy == 1]
    assert len(perfect) > 1
    assert training.progress.best_epoch == min(perfect, key=lambda event: event.val_loss).epoch > perfect[0].epoch


def test_a_state_with_a_weight_that_is_not_finite_is_not_saved(digits: tuple[ImageSet, ImageSet]) -> None:
    training = Training(recipe(), *digits)
    with torch.no_grad():
        next(training.module.parameters()).fill_(float("inf"))
    with pytest.raises(Diverged, match="no longer finite"):
        training.state()


def test_training_figures_are_means_over_images_whatever_the_batches(digits: tuple[ImageSet, ImageSet]) -> None:
    """At a vanishing rate all batches see the same weights: the epoch's loss is that of the whole set."""
    spec = recipe(
        "train.epochs=1", "optim.lr=1e-20", "train.batch_size=150", "train.keep=last", "train.precision=float32"
    )
    training = Training(spec, digits[0], None)
    done = next(event for event in training.events() if isinstance(event, EpochDone))
    logits = torch.from_numpy(training.predictor().logits(digits[0].images)).double()
    labels = torch.from_numpy(digits[0].labels)
    assert done.train_loss == pytest.approx(functional.cross_entropy(logits, labels).item(), rel=1e-5)
    assert done.train_accuracy == (logits.argmax(1) == labels).double().mean().item()
    assert done.val_loss is None


def test_your_own_module_is_trained(digits: tuple[ImageSet, ImageSet]) -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    before = module[1].weight.detach().clone()
    training = Training(recipe("train.epochs=1"), *digits, module=module)
    trained(training)
    assert training.module is module
    assert not torch.equal(before, module[1].weight)


def test_what_your_own_module_brings_along_is_left_as_it_is(digits: tuple[ImageSet, ImageSet]) -> None:
    class Masked(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Flatten(), nn.BatchNorm1d(64).eval(), nn.Linear(64, 10))
            self.register_buffer("mask", torch.full((3, 3), -torch.inf).triu(1))

        def loss(self, answers: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:  # as Lightning modules have one
            return functional.cross_entropy(answers, labels)

    spec, modules = recipe("train.epochs=1", "train.ema=0.9"), []
    for tried in (False, True):
        torch.manual_seed(0)
        module = Masked()
        if tried:
            (1000 * module(torch.rand(4, 1, 8, 8)).sum()).backward()
        training = Training(spec, *digits, module=module)
        trained(training)
        training.state()  # a checkpoint takes the mask
        assert torch.equal(training.weights()["mask"], torch.full((3, 3), -torch.inf).triu(1))
        assert module[1].running_mean.tolist() == [0.0] * 64  # what is in evaluation mode stays there
        modules.append(module)
    assert torch.equal(modules[0][2].weight, modules[1][2].weight)  # gradients of a try are not learned from


def test_a_model_with_its_own_loss_takes_no_blurred_labels(digits: tuple[ImageSet, ImageSet]) -> None:
    with pytest.raises(InputError, match=r"augment.mixup, train.label_smoothing blur the labels"):
        Training(recipe("model.name=linear-by-hand", "augment.mixup=0.2", "train.label_smoothing=0.1"), *digits)
    trained(Training(recipe("model.name=linear-by-hand", "train.epochs=1"), *digits))


def test_a_module_that_gives_no_logits_is_refused_before_training(digits: tuple[ImageSet, ImageSet]) -> None:
    with pytest.raises(InputError):
        Training(recipe(), *digits, module=nn.Flatten())


def test_drop_last_with_a_batch_larger_than_the_set_is_refused(digits: tuple[ImageSet, ImageSet]) -> None:
    with pytest.raises(InputError, match="drop_last leaves nothing"):
        Training(recipe("train.drop_last=true", "train.batch_size=401"), *digits)


def test_bfloat16_trains_where_it_is_asked_for(digits: tuple[ImageSet, ImageSet]) -> None:
    training = Training(recipe("train.precision=bfloat16", "train.epochs=4", "optim.lr=0.01"), *digits)
    last = [event for event in trained(training) if isinstance(event, EpochDone)][-1]
    assert last.val_accuracy is not None
    assert last.val_accuracy > 0.5
    assert next(training.module.parameters()).dtype == torch.float32


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="torch compiles with C++")
def test_a_compiled_training_learns_what_the_other_does(digits: tuple[ImageSet, ImageSet]) -> None:
    def losses(compiled: str) -> list[float]:
        spec = recipe("train.precision=float32", "train.epochs=2", f"train.compile={compiled}")
        return [event.train_loss for event in trained(Training(spec, *digits)) if isinstance(event, EpochDone)]

    from torch import _dynamo as dynamo  # here: it takes seconds to import

    dynamo.reset()
    assert losses("on") == pytest.approx(losses("off"), rel=1e-3)
    assert dynamo.utils.counters["stats"]["unique_graphs"] > 0


def test_a_compiled_plan_is_obeyed_without_changing_names(digits: tuple[ImageSet, ImageSet]) -> None:
    spec = recipe("train.epochs=1")
    plan = replace(Plan.make(spec, 400), compile=True)
    names = set(Training(spec, *digits).module.state_dict())
    assert set(Training(spec, *digits, plan=plan).weights()) == names


class Sliced(nn.Module):
    """Its weight is a part of a larger tensor: the rows do not follow one another in memory."""

    def __init__(self, dense: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        weight = (torch.randn(10, 100) / 10)[:, :64]
        self.weight = nn.Parameter(weight.contiguous() if dense else weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x.flatten(1), self.weight)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_weight_that_is_part_of_a_larger_tensor_is_trained_as_any_other(
    optimizer: str, digits: tuple[ImageSet, ImageSet]
) -> None:
    settings = recipe(f"optim.name={optimizer}", "train.epochs=2", "train.keep=last")
    nets = [Training(settings, *digits, module=Sliced(dense)) for dense in (False, True)]
    for training in nets:
        trained(training)
    torch.testing.assert_close(nets[0].weights(), nets[1].weights())
    assert (nets[0].weights()["weight"] - Sliced(dense=True).weight).abs().max() > 1e-3
