"""Numbers next to zero count as zero while a step is taken, in all threads; afterwards, in the caller's, no more."""

from __future__ import annotations

import subprocess
import sys

import torch
from torch import nn

from imagette.engine.denormals import Flushed
from imagette.engine.plan import Plan
from imagette.engine.step import Step
from imagette.recipe.schema import Recipe

TINY = torch.finfo(torch.float32).tiny  # the least that is computed fast
THREADS = """
import torch
from imagette.engine import denormals, settings
{start}
numbers = torch.full((1 << 20,), 1e-38)
with denormals.Flushed():
    numbers.mul_(0.5)  # each thread takes its part
print(int(torch.count_nonzero(numbers)))
"""


def left(start: str) -> int:
    """Count what is not zero of a million numbers next to zero, in a process of its own."""
    program = [sys.executable, "-c", THREADS.format(start=start)]
    return int(subprocess.run(program, capture_output=True, text=True, check=True).stdout)


def test_all_threads_of_a_training_take_them_for_zero() -> None:
    assert left("settings.ready(2)") == 0
    assert left("torch.set_num_threads(2); torch.zeros(1 << 20).add_(1)") > 0


def test_the_average_of_a_gradient_that_has_ended_ends_too() -> None:
    module = nn.Linear(4, 3)
    optimizer = torch.optim.Adam([{"params": module.parameters(), "scale": 1.0}], fused=True)
    step = Step(module, optimizer, Plan.make(Recipe.load("digits", ["train.precision=float32"]), 100))
    images, labels = torch.ones(2, 4), torch.tensor([0, 1])
    for number in range(1000):
        if number == 1:
            images[:, 0] = 0  # the weights of this pixel get no gradient any more
        step(images, labels, 1e-3, number)
    average = optimizer.state[module.weight]["exp_avg"]
    assert not average[:, 0].any()
    assert average[:, 1:].all()
    assert float(torch.tensor(TINY) / 2) > 0


def test_who_takes_them_for_zero_anyway_still_does() -> None:
    try:
        torch.set_flush_denormal(True)
        with Flushed():
            pass
        assert float(torch.tensor(TINY) / 2) == 0
    finally:
        torch.set_flush_denormal(False)
