"""Dropout by random bits: the share, the scale, the gradient and the seed are those of any dropout."""

from __future__ import annotations

import math

import pytest
import torch

from imagette.models.dropout import Dropout

SHAPE = (64, 24, 15, 15)


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9, 1 / 65536])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_share_and_scale(p: float, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    images = torch.ones(SHAPE).contiguous(memory_format=layout)
    answer = Dropout(p)(images)
    n = images.numel()
    zeros = int((answer == 0).sum())
    assert abs(zeros - p * n) < 5 * math.sqrt(n * p * (1 - p)) + 1
    kept = answer[answer != 0]
    assert torch.allclose(kept, torch.full_like(kept, 1 / (1 - p)), rtol=1e-4)
    assert answer.stride() == images.stride()


def test_neighbours_are_dropped_independently() -> None:
    torch.manual_seed(0)
    zero = Dropout(0.3)(torch.ones(400_000)) == 0
    for distance in (1, 2, 3, 4, 8):  # four numbers share a random word
        both = (zero[:-distance] & zero[distance:]).double().mean().item()
        assert both == pytest.approx(0.09, abs=0.003)


def test_the_gradient_passes_where_the_number_passed() -> None:
    torch.manual_seed(0)
    images = torch.rand(SHAPE, requires_grad=True)
    answer = Dropout(0.5)(images)
    answer.sum().backward()
    assert torch.equal(images.grad, (answer != 0).float() * 2)


def test_the_seed_decides_and_evaluation_drops_nothing() -> None:
    images, dropout = torch.rand(SHAPE), Dropout(0.5)
    answers = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        answers.append(dropout(images))
    assert torch.equal(answers[0], answers[1])
    assert not torch.equal(answers[0], answers[2])
    assert torch.equal(dropout.eval()(images), images)


def test_numbers_that_do_not_lie_side_by_side_and_half_precision() -> None:
    strided = torch.ones(40, 50)[:, ::2]
    assert set(Dropout(0.5)(strided).unique().tolist()) == {0.0, 2.0}
    assert Dropout(0.5)(torch.ones(8, 8, dtype=torch.bfloat16)).dtype == torch.bfloat16
