"""The optimizers take the steps that their formulas promise, with decay only where it belongs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imagette import optim
from imagette.core.errors import InputError
from imagette.recipe.optimizers import SGD, Adam, AdamW, OptimSpec

SPECS: dict[str, OptimSpec] = {
    "sgd": SGD(lr=0.1, momentum=0.0, weight_decay=0.1, decay="all"),
    "momentum": SGD(lr=0.1, momentum=0.9, weight_decay=0.1, decay="all"),
    "nesterov": SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1, decay="all"),
    "adam": Adam(lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1, decay="all"),
    "adamw": AdamW(lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1, decay="all"),
}


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))


def by_hand(spec: OptimSpec, w: torch.Tensor, gradients: list[torch.Tensor]) -> torch.Tensor:
    """The formulas of the docstring, one tensor, in double precision."""
    w, v, m, s = w.double(), 0.0, 0.0, 0.0
    for t, gradient in enumerate(gradients, start=1):
        g, decay = gradient.double(), spec.weight_decay
        if isinstance(spec, SGD):
            g = g + decay * w
            v = spec.momentum * v + g
            w = w - spec.lr * (g + spec.momentum * v if spec.nesterov else v)
            continue
        if isinstance(spec, AdamW):
            w = w * (1 - spec.lr * decay)
        else:
            g = g + decay * w
        m = spec.betas[0] * m + (1 - spec.betas[0]) * g
        s = spec.betas[1] * s + (1 - spec.betas[1]) * g**2
        w = w - spec.lr * (m / (1 - spec.betas[0] ** t)) / ((s / (1 - spec.betas[1] ** t)).sqrt() + spec.eps)
    return w.float()


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_five_steps_are_those_of_the_formula(spec):
    layer = nn.Linear(5, 4)
    gradients = [torch.randn(4, 5, generator=torch.Generator().manual_seed(t)) for t in range(5)]
    expected = by_hand(spec, layer.weight.detach().clone(), gradients)
    optimizer = optim.build(layer, spec)
    for gradient in gradients:
        layer.weight.grad = gradient.clone()
        layer.bias.grad = torch.zeros(4)
        optimizer.step()
    torch.testing.assert_close(layer.weight.detach(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_what_has_no_fused_step_is_refused_not_quietly_slowed(spec):
    layer = nn.Linear(2, 2, device="meta")
    layer.weight.grad = torch.zeros(2, 2, device="meta")
    with pytest.raises(RuntimeError) as caught:
        optim.build(layer, spec).step()
    assert "fused" in str(caught.value)


def test_weights_decay_and_biases_and_scales_do_not():
    module = net()
    optimizer = optim.build(module, SGD(weight_decay=0.01, decay="weights"))
    decaying, others = optimizer.param_groups
    assert [p.ndim for p in decaying["params"]] == [4, 2]
    assert decaying["weight_decay"] == 0.01
    assert [p.ndim for p in others["params"]] == [1, 1, 1, 1]
    assert others["weight_decay"] == 0.0


def test_normalisation_has_a_higher_rate_and_decays_no_faster():
    spec, module = SGD(lr=0.01, momentum=0.0, weight_decay=0.5, decay="all", norm_factor=64.0), net()
    before = [parameter.detach().clone() for parameter in module.parameters()]
    optimizer = optim.build(module, spec)
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    for number, (parameter, old) in enumerate(zip(module.parameters(), before, strict=True)):
        rate = 0.64 if number in (2, 3) else 0.01  # the batch normalisation's scale and bias
        torch.testing.assert_close(parameter.detach(), old - rate - 0.01 * 0.5 * old)


def test_decay_all_makes_every_parameter_decay():
    (group,) = optim.build(net(), AdamW(weight_decay=0.01, decay="all")).param_groups
    assert len(group["params"]) == 6
    assert group["weight_decay"] == 0.01


def test_where_nothing_decays_one_kernel_updates_all():
    (group,) = optim.build(net(), Adam(weight_decay=0.0)).param_groups
    assert len(group["params"]) == 6


def test_frozen_and_shared_parameters_are_taken_not_at_all_and_once():
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    module[0].requires_grad_(False)
    module[2].weight = module[1].weight
    taken = [p for group in optim.build(module, Adam()).param_groups for p in group["params"]]
    assert len(taken) == 3
    assert not {id(p) for p in taken} & {id(p) for p in module[0].parameters()}


def test_a_module_with_nothing_to_train_is_refused():
    with pytest.raises(InputError) as caught:
        optim.build(nn.Sequential(nn.Flatten(), nn.ReLU()), Adam())
    assert "no trainable parameters" in str(caught.value)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_rate_set_in_the_groups_is_the_rate_of_the_step(spec):
    module = nn.Linear(3, 1)
    before = module.weight.detach().clone()
    optimizer = optim.build(module, spec)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    module(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert torch.equal(module.weight, before)
