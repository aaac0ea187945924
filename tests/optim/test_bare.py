"""An optimizer takes the same steps bare as torch's own, and torch's compiler stays where it is."""

from __future__ import annotations

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from imagette import optim
from imagette.optim.bare import bare_step
from imagette.recipe.optimizers import SGD, Adam, AdamW

PROGRAM = """
import os, sys
import imagette
few = ["train.epochs=1", "model.name=" + sys.argv[2]]
imagette.train(imagette.Recipe.load(sys.argv[1], few), runs=os.path.dirname(sys.argv[1]), progress=False)
slow = "torch._dynamo", "sympy", "sklearn.metrics", "scipy.stats", "matplotlib"
print([name for name in slow if name in sys.modules])
"""


@pytest.mark.parametrize("spec", [SGD(momentum=0.9, nesterov=True), Adam(weight_decay=0.1), AdamW(weight_decay=0.1)])
def test_bare_steps_are_torchs_own(spec) -> None:
    ends = []
    for bare in (False, True):
        torch.manual_seed(0)
        module = nn.Linear(5, 3)
        optimizer = optim.build(module, spec)
        step = bare_step(optimizer) if bare else optimizer.step
        for _ in range(4):
            module(torch.rand(7, 5)).square().sum().backward()
            step()
            optimizer.zero_grad()
        ends.append(module.weight.detach())
    assert torch.equal(*ends)


@pytest.mark.parametrize("spec", [Adam(), AdamW(weight_decay=0.1)])  # two groups: weights decay, biases do not
def test_adams_steps_are_torchs_own_over_missing_gradients_and_a_state_that_is_put_back(spec) -> None:
    ends = []
    for bare in (False, True):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3))
        optimizer = optim.build(module, spec)
        step = bare_step(optimizer) if bare else optimizer.step
        for number in range(8):
            module(torch.rand(7, 5)).square().sum().backward()
            if number in (3, 4):
                module[0].weight.grad = None
            if number == 6:  # a whole group
                module[0].bias.grad = module[1].bias.grad = None
            step()
            optimizer.zero_grad()
            if number == 2:
                kept = copy.deepcopy(optimizer.state_dict())
            if number == 5:
                optimizer.load_state_dict(kept)
        steps = [slot["step"].item() for slot in optimizer.state_dict()["state"].values()]
        ends.append((steps, [parameter.tolist() for parameter in module.parameters()]))
    assert ends[0] == ends[1]
    assert sorted(ends[0][0]) == [4, 4, 5, 5]


@pytest.mark.parametrize("model", ["linear", "speednet"])
def test_a_training_loads_nothing_that_is_slow_and_not_needed(model, tmp_path) -> None:
    random = np.random.default_rng(0)
    images = tmp_path / "images.npz"
    np.savez(images, images=random.integers(0, 256, (60, 8, 8), np.uint8), labels=np.arange(60) % 3)
    child = subprocess.run([sys.executable, "-c", PROGRAM, images, model], capture_output=True, text=True, check=True)
    assert child.stdout.splitlines()[-1] == "[]"
