"""The benchmark against other libraries: the same net on both sides, and a process that obeys."""

from __future__ import annotations

import os

import pytest
import torch

import peers
from imagette import models
from imagette.bench.nets import NETS, recipe_of
from peer_sides import torch_net


@pytest.mark.parametrize("case", peers.CASES)
def test_the_peers_net_computes_what_ours_does(case):
    ours = models.build(recipe_of(NETS[case]).model, NETS[case].shape, 10)
    theirs = torch_net(case)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    images = torch.rand(5, *NETS[case].shape)
    assert torch.allclose(ours(images), theirs(images), atol=1e-6)


@pytest.mark.slow
def test_sides_train_in_turns_in_processes_of_their_own():
    result = peers.measure("lenet", ["imagette", "torch-best"], 1, sorted(os.sched_getaffinity(0))[:1])
    assert result["parameters"] == 44_426
    assert result["plan"]["threads"] == 1
    assert {side: len(seconds) for side, seconds in result["seconds_by_round"].items()} == {
        "imagette": 1,
        "torch-best": 1,
    }
