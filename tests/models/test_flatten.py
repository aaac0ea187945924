"""Flattening gives torch's numbers, and the gradient of whole pixels by whole pixels."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imagette import models
from imagette.models.flatten import Flatten
from imagette.recipe.models import VGG, AlexNet, LeNet

ORDERS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize("order", ORDERS)
def test_the_gradient_is_torchs_own_and_lies_in_memory_as_the_maps(order) -> None:
    maps = torch.randn(3, 4, 5, 6).contiguous(memory_format=order).requires_grad_()
    gradients = []
    for flatten in (nn.Flatten(), Flatten()):
        squared = maps.square()
        flat = flatten(squared)
        squared.register_hook(gradients.append)
        (flat * torch.arange(120.0)).sum().backward()
    assert torch.equal(*gradients)
    assert gradients[1].is_contiguous(memory_format=order)


@pytest.mark.parametrize("spec", [LeNet(), VGG(), AlexNet()], ids=lambda spec: spec.name)
def test_the_articles_nets_keep_one_order_from_end_to_end(spec) -> None:
    net = models.build(spec, (3, 32, 32), 10).to(memory_format=torch.channels_last)
    before = net[list(dict(net.named_children())).index("flatten") - 1]
    orders = []
    before.register_full_backward_hook(lambda _layer, _inner, outer: orders.append(outer[0]))
    net(torch.randn(2, 3, 32, 32).contiguous(memory_format=torch.channels_last)).sum().backward()
    assert [order.is_contiguous(memory_format=torch.channels_last) for order in orders] == [True]
