import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from imagette.models import build
from imagette.models.blocks import chain
from imagette.recipe import models as specs

NETS = [
    (specs.LeNet(), (1, 28, 28)),
    (specs.CNN(), (1, 28, 28)),
    (specs.BatchNormCNN(), (1, 28, 28)),
    (specs.AlexNet(batch_norm=True), (3, 32, 32)),
]


def in_the_order_of_its_layers(net):
    return nn.Sequential(*copy.deepcopy(net))


@pytest.mark.parametrize(("spec", "shape"), NETS, ids=lambda value: getattr(value, "name", ""))
def test_a_pooling_that_goes_first_changes_neither_answers_nor_gradients(spec, shape):
    torch.manual_seed(0)
    net = build(spec, shape, 10).train()
    plain = in_the_order_of_its_layers(net)
    images, labels = torch.randn(8, *shape), torch.arange(8)
    answers = [module(images) for module in (net, plain)]
    assert torch.equal(*answers)
    for answer in answers:
        functional.cross_entropy(answer, labels).backward()
    for (name, ours), theirs in zip(net.named_parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-7), name


def test_only_training_activates_fewer_numbers():
    net = build(specs.CNN(), (1, 28, 28), 10)
    activated = []
    for layer in net:
        if isinstance(layer, nn.ReLU):
            layer.register_forward_hook(lambda *call: activated.append(call[-1].shape[-1]))
    for training in (True, False):
        net.train(training)(torch.zeros(1, 1, 28, 28))
    assert activated == [14, 7, 128, 28, 14, 128]


def test_a_pooling_stays_behind_what_may_fall():
    torch.manual_seed(0)
    images = torch.randn(2, 1, 8, 8)
    for layers in ([nn.GELU(), nn.MaxPool2d(2)], [nn.ReLU(), nn.AvgPool2d(2)], [nn.BatchNorm2d(1), nn.MaxPool2d(2)]):
        net = chain({str(number): layer for number, layer in enumerate(layers)}).train()
        assert torch.equal(net(images), nn.Sequential(*copy.deepcopy(layers))(images))
