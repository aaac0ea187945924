"""Muon takes the steps of its formula, for the parameters that it is meant for, and none after a bad gradient."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imagette import optim
from imagette.core.errors import InputError
from imagette.optim.muon import muon_groups, orthogonalized
from imagette.recipe.optimizers import Muon

SPECS = {
    "plain": Muon(lr=0.1, other_lr=0.03, head_lr=0.02, momentum=0.7, weight_decay=0.2),
    "all decay": Muon(
        lr=0.1, other_lr=0.03, head_lr=0.02, momentum=0.7, other_momentum=0.5, weight_decay=0.2, decay="all"
    ),
    "fixed norm": Muon(lr=0.1, other_lr=0.03, head_lr=0.05, momentum=0.7, fixed_norm=True, newton_schulz=5),
}


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.Flatten(), nn.Linear(24, 5), nn.ReLU(), nn.Linear(5, 3)
    )


def mapped(matrix: torch.Tensor, iterations: int) -> torch.Tensor:
    """Map the singular values alone, by the polynomial, in double precision."""
    u, s, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    s = s / s.square().sum().sqrt()
    for _ in range(iterations):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return u @ torch.diag(s) @ v


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (9, 9)])
@pytest.mark.parametrize("iterations", [1, 3, 5])
def test_only_the_singular_values_change_and_as_the_polynomial_says(shape: tuple[int, int], iterations: int) -> None:
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(1))
    found = orthogonalized(matrix, iterations)
    torch.testing.assert_close(found.double(), mapped(matrix, iterations), rtol=1e-4, atol=1e-5)


def test_five_iterations_make_a_matrix_orthogonal_whatever_its_size() -> None:
    matrix = 1e-4 * torch.randn(8, 72, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(orthogonalized(matrix, 5))
    assert 0.65 < values.min() <= values.max() < 1.25
    assert not orthogonalized(torch.zeros(3, 4), 5).any()


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_steps_are_those_of_the_formula(spec: Muon, layout: torch.memory_format) -> None:
    module = net().to(memory_format=layout)
    before = {name: parameter.detach().double() for name, parameter in module.named_parameters()}
    velocity = {name: torch.zeros_like(value) for name, value in before.items()}
    optimizer = optim.build(module, spec)
    generator = torch.Generator().manual_seed(1)
    for _ in range(4):
        for name, parameter in module.named_parameters():
            parameter.grad = torch.empty_like(parameter).copy_(torch.randn(parameter.shape, generator=generator))
            w, g, turned = before[name], parameter.grad.double(), name in ("0.weight", "3.weight")
            decay = spec.weight_decay if parameter.ndim > 1 or spec.decay == "all" else 0.0
            rate = spec.head_lr if name == "5.weight" else spec.other_lr
            if not turned:
                g = g + decay * spec.lr / rate * w
            momentum = spec.momentum if turned else spec.other_momentum
            v = velocity[name] = momentum * velocity[name] + g
            ahead = g + momentum * v
            if not turned:
                before[name] = w - rate * ahead
                continue
            kept = len(w) ** 0.5 / w.norm() if spec.fixed_norm else 1 - spec.lr * decay
            step = mapped(ahead.flatten(1), spec.newton_schulz).reshape(w.shape)
            before[name] = kept * w - spec.lr * step
        optimizer.step()
    for name, parameter in module.named_parameters():
        torch.testing.assert_close(parameter.detach().double(), before[name], rtol=1e-4, atol=1e-5)


def test_filters_and_hidden_matrices_are_turned_and_the_head_and_vectors_are_not() -> None:
    module = net()
    module[3].requires_grad_(False)
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    turned, head, vectors = muon_groups(module, Muon(weight_decay=0.1, lr=0.2, other_lr=0.1, head_lr=0.4))
    assert [[names[id(p)] for p in group["params"]] for group in (turned, head, vectors)] == [
        ["0.weight"],
        ["5.weight"],
        ["0.bias", "1.weight", "1.bias", "5.bias"],
    ]
    assert [group["weight_decay"] for group in (turned, head, vectors)] == pytest.approx([0.1, 0.05, 0.0])
    assert [group["scale"] for group in (turned, head, vectors)] == [1.0, 2.0, 0.5]


def test_a_model_with_nothing_to_turn_is_refused() -> None:
    with pytest.raises(InputError, match="no filters or hidden matrices in Linear") as caught:
        optim.build(nn.Linear(4, 2), Muon())
    assert "adamw" in str(caught.value.hint)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_bad_gradient_that_a_gpu_has_marked_moves_nothing(spec: Muon) -> None:
    module = net()
    optimizer = optim.build(module, spec)
    for value in (1.0, float("nan")):
        before = {name: parameter.clone() for name, parameter in module.named_parameters()}
        momenta = {p: optimizer.state[p]["momentum_buffer"].clone() for p in module.parameters() if optimizer.state[p]}
        for parameter in module.parameters():
            parameter.grad = torch.full_like(parameter, value)
        optimizer.found_inf = torch.tensor(float(value != 1.0))  # type: ignore[attr-defined]
        optimizer.step()
    assert all(torch.equal(parameter, before[name]) for name, parameter in module.named_parameters())
    assert momenta
    assert all(torch.equal(optimizer.state[p]["momentum_buffer"], momentum) for p, momentum in momenta.items())


def test_what_has_no_gradient_stays() -> None:
    module = net()
    optimizer = optim.build(module, Muon(fixed_norm=True))
    before = module[0].weight.clone()
    module[5](torch.ones(1, 5)).sum().backward()
    optimizer.step()
    assert torch.equal(module[0].weight, before)


def test_a_normalisation_of_whole_maps_is_neither_turned_nor_lets_its_scales_decay() -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.LayerNorm([4, 6, 6]), nn.Flatten(), nn.Linear(144, 10))
    turned, head, others = muon_groups(module, Muon(weight_decay=0.1))
    assert turned["params"] == [module[0].weight]
    assert head["params"] == [module[3].weight]
    assert others["params"] == [module[0].bias, *module[1].parameters(), module[3].bias]
    assert others["weight_decay"] == 0
