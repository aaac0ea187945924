"""What follows the weights: lookahead's slow weights, phase by phase, beside the moving average."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from imagette.engine.averages import Lookahead, MovingAverage, followers
from imagette.recipe.schema import Recipe


def walked(every: int, ends: list[int], steps: int) -> tuple[list[float], list[float]]:
    """Add 1 to a weight at every step; give it after each step, as found and by the formula."""
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    lookahead, found, expected = Lookahead(net, every, ends), [], []
    slow = fast = 0.0
    for t in range(1, steps + 1):
        with torch.no_grad():
            net.weight += 1
        lookahead.update(t - 1)
        found.append(net.weight.item())
        fast += 1
        start, end = max([0, *(e for e in ends if e < t)]), min(e for e in ends if e >= t)
        if t % every == 0:
            decay = 0.95**every * ((t - start) / (end - start)) ** 3
            slow = decay * slow + (1 - decay) * fast
        if t % every == 0 or t == end:
            fast = slow
        expected.append(fast)
    return found, expected


def test_every_few_steps_the_weights_go_back_and_at_the_end_to_the_slow_ones() -> None:
    found, expected = walked(every=5, ends=[23], steps=23)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert found[21] > found[19] == found[22]


def test_a_phase_of_the_schedule_begins_timidly_again() -> None:
    found, expected = walked(every=4, ends=[10, 26], steps=26)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_statistics_and_tied_weights_are_taken_along_once_and_counts_are_left() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.BatchNorm1d(3))
    net[1].weight = net[0].weight
    lookahead = Lookahead(net, every=1, ends=[1])
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with torch.no_grad():
        net[0].weight += 1
    net(torch.rand(8, 3))
    after = {name: value.clone() for name, value in net.state_dict().items()}
    lookahead.update(0)
    for name in ("0.weight", "2.running_mean"):
        torch.testing.assert_close(net.state_dict()[name], 0.95 * before[name] + 0.05 * after[name])
    assert net[2].num_batches_tracked == lookahead.module[2].num_batches_tracked == 1


def test_a_buffer_that_a_forward_pass_replaces_is_followed() -> None:
    class Norm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))
            self.register_buffer("mean", torch.zeros(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.mean = 0.5 * self.mean + 0.5 * x.mean()
            return self.weight * (x - self.mean)

    net = Norm()
    average = MovingAverage(net, decay=0.5)
    net(torch.full((4, 1), 8.0))
    average.update(100)
    assert (net.mean.item(), average.module.mean.item()) == (4.0, 2.0)


def test_the_average_follows_what_lookahead_makes_of_the_weights() -> None:
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    found = followers(net, Recipe.load("digits", ["train.lookahead=1", "train.ema=0.9", "train.epochs=1"]), 1)
    net.weight.data += 1
    for follower in found.values():
        follower.update(0)
    average = found["average"]
    assert isinstance(average, MovingAverage)
    torch.testing.assert_close(average.module.weight.item(), 0.9 * net.weight.item())
    torch.testing.assert_close(net.weight.item(), 0.05)


def test_the_phases_are_those_of_the_schedule() -> None:
    recipe = Recipe.load("digits", ["train.lookahead=5", "train.epochs=7", "schedule.restarts=[3,9]"])
    lookahead = followers(nn.Linear(1, 1), recipe, 10)["lookahead"]
    assert isinstance(lookahead, Lookahead)
    assert lookahead.bounds == (0, 30, 70)


@pytest.mark.parametrize("ends", [[4], [4, 9], [3, 7]])
def test_a_phase_that_is_shorter_than_the_steps_between_two_looks_is_not_lost(ends: list[int]) -> None:
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    lookahead = Lookahead(net, every=50, ends=ends)
    for step in range(ends[-1]):
        with torch.no_grad():
            net.weight += 1
        lookahead.update(step)
    lengths = [end - start for start, end in pairwise([0, *ends])]
    assert net.weight.item() == pytest.approx(sum(steps * (1 - 0.95**steps) for steps in lengths))
