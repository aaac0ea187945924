"""Every schedule against torch's own scheduler, step by step, and what torch does not have."""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Callable

import pytest
import torch
from torch.optim import lr_scheduler

from imagette.core.errors import InputError
from imagette.optim.schedules import build
from imagette.recipe.optimizers import (
    Constant,
    Cosine,
    LinearDecay,
    MultiStep,
    OneCycle,
    Plateau,
    ScheduleSpec,
    Step,
)

LR, STEPS, EPOCHS = 0.1, 7, 12
TOTAL = STEPS * EPOCHS

ALL: dict[str, ScheduleSpec] = {
    "constant": Constant(),
    "step": Step(every=3, gamma=0.5),
    "multistep": MultiStep(milestones=(2, 5, 30), gamma=0.1),
    "cosine": Cosine(final=0.02),
    "onecycle": OneCycle(peak_at=0.3, start=0.04, final=4e-6),
    "linear": LinearDecay(final=0.02),
}


def rates(spec: ScheduleSpec, epochs: int = EPOCHS, lr: float = LR, steps: int = STEPS) -> list[float]:
    schedule = build(spec, lr, steps, epochs)
    return [schedule.rate(step) for step in range(steps * epochs)]


def torch_rates(
    make: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler], n: int = TOTAL, each: int = 1
) -> list[float]:
    """The rates of n steps when torch's scheduler is stepped once every ``each`` of them."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=LR)
    scheduler = make(optimizer)
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the optimizer itself never steps here
        for step in range(n):
            seen.append(float(optimizer.param_groups[0]["lr"]))
            if (step + 1) % each == 0 and step + 1 < n:
                scheduler.step()
    return seen


@pytest.mark.parametrize(
    ("spec", "make", "each"),
    [
        (Constant(), lambda o: lr_scheduler.ConstantLR(o, 1.0), 1),
        (ALL["step"], lambda o: lr_scheduler.StepLR(o, 3, 0.5), STEPS),
        (ALL["multistep"], lambda o: lr_scheduler.MultiStepLR(o, [2, 5, 30], 0.1), STEPS),
        (ALL["cosine"], lambda o: lr_scheduler.CosineAnnealingLR(o, TOTAL, eta_min=LR * 0.02), 1),
        (ALL["linear"], lambda o: lr_scheduler.LinearLR(o, 1.0, 0.02, TOTAL), 1),
        (
            ALL["onecycle"],
            lambda o: lr_scheduler.OneCycleLR(
                o, LR, TOTAL, pct_start=0.3, div_factor=1 / 0.04, final_div_factor=0.04 / 4e-6, cycle_momentum=False
            ),
            1,
        ),
        (
            Cosine(warmup=2, final=0.1),
            lambda o: lr_scheduler.SequentialLR(
                o,
                [
                    lr_scheduler.LinearLR(o, 1 / (2 * STEPS + 1), 1.0, 2 * STEPS),
                    lr_scheduler.CosineAnnealingLR(o, TOTAL - 2 * STEPS, eta_min=LR * 0.1),
                ],
                [2 * STEPS],
            ),
            1,
        ),
    ],
    ids=["constant", "step", "multistep", "cosine", "linear", "onecycle", "warm-up then cosine"],
)
def test_each_step_has_the_rate_of_torchs_scheduler(spec, make, each):
    assert rates(spec) == pytest.approx(torch_rates(make, each=each), rel=1e-9)


@pytest.mark.parametrize("peak_at", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("total", [3, 10, 57])
def test_one_cycle_of_any_shape_and_length_is_torchs(peak_at, total):
    expected = torch_rates(
        lambda o: lr_scheduler.OneCycleLR(
            o, LR, total, pct_start=peak_at, div_factor=1 / 0.04, final_div_factor=1e4, cycle_momentum=False
        ),
        n=total,
    )
    spec = OneCycle(peak_at=peak_at, start=0.04, final=0.04e-4)
    assert rates(spec, epochs=1, steps=total) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("total", [1, 2, 10])
def test_one_cycle_whose_peak_is_the_first_step_begins_there(total):
    seen = rates(OneCycle(peak_at=1 / total if total > 1 else 0.5), epochs=1, steps=total)
    assert seen[0] == pytest.approx(LR)
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("spec", ALL.values(), ids=ALL)
def test_restarts_run_the_schedule_anew_on_each_phase(spec):
    whole = rates(spec.model_copy(update={"restarts": (5, 9), "restart_factor": 0.1}))
    phases = [rates(spec, epochs=n, lr=LR * 0.1**j) for j, n in enumerate((5, 4, 3))]
    assert whole == pytest.approx(list(itertools.chain(*phases)), rel=1e-12)


@pytest.mark.parametrize("spec", ALL.values(), ids=ALL)
def test_a_restart_beyond_the_end_is_never_reached(spec):
    assert rates(spec.model_copy(update={"restarts": (EPOCHS, 50)})) == rates(spec)


@pytest.mark.parametrize("name", ["constant", "step", "multistep", "cosine", "linear"])
def test_warm_up_climbs_evenly_to_the_rate_in_the_first_phase_only(name):
    spec = ALL[name].model_copy(update={"warmup": 1.5, "restarts": (6,)})
    seen = rates(spec)
    w = round(1.5 * STEPS)
    assert seen[:w] == pytest.approx([LR * (t + 1) / (w + 1) for t in range(w)])
    assert seen[w] == pytest.approx(LR)
    assert seen[6 * STEPS] == pytest.approx(LR)


def test_warm_up_shorter_than_a_step_changes_nothing():
    assert rates(Cosine(warmup=0.01)) == rates(Cosine())


@pytest.mark.parametrize("spec", [Cosine(warmup=0.99), LinearDecay(warmup=0.99)])
def test_warm_up_may_fill_all_but_the_last_step(spec):
    assert rates(spec, epochs=1)[-1] == pytest.approx(LR)


@pytest.mark.parametrize(("spec", "first"), [(Cosine(warmup=12), 12), (Constant(warmup=5, restarts=(5,)), 5)])
def test_warm_up_as_long_as_its_phase_is_refused(spec, first):
    with pytest.raises(InputError) as caught:
        build(spec, LR, STEPS, EPOCHS)
    assert f"schedule.warmup = {first} epochs, but the schedule's first phase has only {first}" in str(caught.value)


@pytest.mark.parametrize("spec", ALL.values(), ids=ALL)
def test_a_schedule_of_the_clock_has_no_memory(spec):
    schedule = build(spec, LR, STEPS, EPOCHS)
    before = [schedule.rate(step) for step in (40, 3, 40)]
    assert before[0] == before[2]
    assert schedule.epoch_end({"val_accuracy": 0.1}) is None
    assert json.loads(json.dumps(schedule.state())) == {}
    schedule.restore({})
    assert schedule.rate(40) == before[0]


@pytest.mark.parametrize("spec", ALL.values(), ids=ALL)
def test_after_the_last_step_a_falling_rate_stays_at_its_end(spec):
    schedule = build(spec, LR, STEPS, EPOCHS)
    assert schedule.rate(TOTAL + 5) <= schedule.rate(TOTAL - 1)


@pytest.mark.parametrize(
    "spec", [ALL["constant"], ALL["step"], ALL["multistep"]], ids=["constant", "step", "multistep"]
)
def test_annealing_takes_the_last_epochs_in_a_line_to_zero(spec):
    whole, seen = rates(spec), rates(spec.model_copy(update={"anneal": 2.0, "restarts": (30,)}))
    last = 2 * STEPS
    assert seen[:-last] == whole[:-last]
    line = torch_rates(lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, last), n=last)
    assert seen[-last:] == pytest.approx([rate * share / LR for rate, share in zip(whole[-last:], line, strict=True)])


def test_a_plateau_is_annealed_from_the_rate_that_it_came_to():
    schedule = build(Plateau(monitor="val_loss", patience=0, anneal=1), LR, STEPS, EPOCHS)
    said = [schedule.epoch_end({"val_loss": 1.0}) for _ in range(2)]
    assert said[1] is not None
    again = build(Plateau(monitor="val_loss", patience=0, anneal=1), LR, STEPS, EPOCHS)
    again.restore(json.loads(json.dumps(schedule.state())))
    for each in (schedule, again):
        assert each.rate(TOTAL - STEPS) == pytest.approx(LR / 2)
        assert each.rate(TOTAL - 1) == pytest.approx(LR / 2 / STEPS)


@pytest.mark.parametrize(
    ("spec", "last"), [(Constant(anneal=13), 12), (Plateau(anneal=12.5), 12), (Step(anneal=4, restarts=(9,)), 3)]
)
def test_annealing_more_than_the_last_phase_is_refused(spec, last):
    with pytest.raises(InputError) as caught:
        build(spec, LR, STEPS, EPOCHS)
    assert f"schedule.anneal = {spec.anneal:g} epochs, but the schedule's last phase has only {last}" in str(
        caught.value
    )


FIGURES = [0.5, 0.6, 0.6, 0.6005, 0.59, 0.7, 0.7, 0.7001, 0.70015, 0.69, 0.6, 0.6, 0.6, 0.8, 0.8, 0.1, 0.1, 0.1, 0.1]
SETTINGS = [
    dict(zip(("mode", "factor", "patience", "threshold", "cooldown", "min_lr", "eps"), values, strict=True))
    | {"threshold_mode": threshold_mode}
    for values in itertools.product(
        ("min", "max"), (0.1, 0.5), (0, 2), (1e-4, 1e-3, 0.1), (0, 2), (0.0, 0.02), (1e-8, 0.03)
    )
    for threshold_mode in ("rel", "abs")
]


def test_plateau_is_torchs_with_every_setting():
    reductions = 0
    for settings in SETTINGS:
        schedule = build(Plateau(monitor="val_loss", **settings), LR, STEPS, EPOCHS)
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=LR)
        torchs = lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
        for figure in FIGURES:
            before = schedule.rate(0)
            said = schedule.epoch_end({"val_loss": figure, "val_accuracy": math.nan})
            torchs.step(figure)
            assert schedule.rate(0) == optimizer.param_groups[0]["lr"], settings
            assert (said is not None) == (schedule.rate(0) != before)
            reductions += said is not None
    assert reductions > len(SETTINGS)  # the figures do exercise the settings


@pytest.mark.parametrize(
    ("monitor", "figures", "falls"),
    [
        ("val_accuracy", (0.5, 0.6, 0.7), False),
        ("val_accuracy", (0.5, 0.4, 0.3), True),
        ("train_loss", (0.5, 0.4, 0.3), False),
        ("train_loss", (0.5, 0.6, 0.7), True),
    ],
)
def test_plateau_knows_by_itself_whether_more_is_better(monitor, figures, falls):
    schedule = build(Plateau(monitor=monitor, patience=1), LR, STEPS, EPOCHS)
    for figure in figures:
        schedule.epoch_end({monitor: figure})
    assert (schedule.rate(0) < LR) is falls


def test_plateau_says_what_it_did_and_why():
    schedule = build(Plateau(monitor="val_loss", patience=2, factor=0.5), 0.001, STEPS, EPOCHS)
    said = [schedule.epoch_end({"val_loss": 1.0}) for _ in range(4)]
    assert said == [None, None, None, "learning rate 0.001 → 0.0005: val_loss has not improved for 3 epochs"]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_figure_that_is_not_a_number_never_counts_as_improvement(mode):
    schedule = build(Plateau(monitor="val_loss", mode=mode, patience=1), LR, STEPS, EPOCHS)
    for _ in range(2):
        schedule.epoch_end({"val_loss": math.nan})
    assert schedule.rate(0) == LR / 2
    schedule.epoch_end({"val_loss": 0.5})
    assert schedule.state()["best"] == 0.5


@pytest.mark.parametrize("cut", range(len(FIGURES)))
def test_plateau_goes_on_identically_from_a_state_that_went_through_json(cut):
    spec = Plateau(monitor="val_accuracy", patience=1, cooldown=2, factor=0.3, min_lr=0.001)
    undisturbed = build(spec, LR, STEPS, EPOCHS)
    first = build(spec, LR, STEPS, EPOCHS)
    for figure in FIGURES[:cut]:
        undisturbed.epoch_end({"val_accuracy": figure})
        first.epoch_end({"val_accuracy": figure})
    second = build(spec, LR, STEPS, EPOCHS)
    second.restore(json.loads(json.dumps(first.state(), allow_nan=False)))
    for figure in FIGURES[cut:]:
        said = undisturbed.epoch_end({"val_accuracy": figure})
        assert second.epoch_end({"val_accuracy": figure}) == said
        assert second.rate(0) == undisturbed.rate(0)
    assert second.state() == undisturbed.state()


def test_a_threshold_that_nothing_can_meet_is_refused():
    with pytest.raises(ValueError) as caught:
        Plateau(threshold=1.0)
    assert "can never be met" in str(caught.value)
    assert Plateau(threshold=1.0, threshold_mode="abs").threshold == 1.0
