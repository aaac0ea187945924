"""The layer table: its sums, its numbers, and the modules that are awkward to look into."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imagette.core.errors import InputError
from imagette.models import build
from imagette.models.inspect import layer_table
from imagette.recipe import models as specs
from models.own import SmallNet

CUSTOM = specs.Custom(factory="models.own:SmallNet")
VARIANTS = [specs.LinearByHand(), specs.LeNet(), specs.VGG(), specs.AlexNet(batch_norm=True), specs.ResNet(), CUSTOM]


@pytest.mark.parametrize("spec", VARIANTS, ids=lambda spec: spec.name)
def test_the_parameters_sum_to_the_modules(spec):
    net = build(spec, (3, 32, 32), 7)
    assert sum(row.parameters for row in layer_table(net, (3, 32, 32))) == sum(p.numel() for p in net.parameters())


def test_multiply_adds_by_hand():
    rows = {row.name: row.multiply_adds for row in layer_table(build(specs.LeNet(), (1, 28, 28), 10), (1, 28, 28))}
    assert {name: count for name, count in rows.items() if count} == {
        "conv1": 6 * 24 * 24 * 25,
        "conv2": 16 * 8 * 8 * 6 * 25,
        "fc1": 256 * 120,
        "fc2": 120 * 84,
        "fc3": 84 * 10,
    }


def test_resnet_20_needs_the_known_arithmetic():
    rows = layer_table(build(specs.ResNet(depth=20), (3, 32, 32), 10), (3, 32, 32))
    stages = [32 * 32 * 9 * (3 * 16 + 6 * 16 * 16), 16 * 16 * 9 * (16 * 32 + 5 * 32 * 32)]
    stages += [8 * 8 * 9 * (32 * 64 + 5 * 64 * 64), 640]
    assert sum(row.multiply_adds for row in rows) == sum(stages)


def test_memory_is_what_a_layer_gives_in_float32():
    rows = layer_table(build(specs.CNN(), (1, 28, 28), 10), (1, 28, 28))
    assert [row.memory_bytes for row in rows[:3]] == [4 * 32 * 28 * 28, 4 * 32 * 28 * 28, 4 * 32 * 14 * 14]


def test_the_module_stays_as_it_was():
    net = SmallNet((1, 8, 8), 3).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    layer_table(net, (1, 8, 8))
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.modules())


class Awkward(nn.Module):
    """Control flow that depends on the data, a layer used twice, tied weights, bare products, and a spare layer."""

    def __init__(self):
        super().__init__()
        self.spare = nn.Linear(5, 5)
        self.relu = nn.ReLU()
        self.first = nn.Linear(16, 16, bias=False)
        self.tied = nn.Linear(16, 16, bias=False)
        self.tied.weight = self.first.weight
        self.matrix = nn.Parameter(torch.zeros(16, 3))

    def forward(self, images):
        x = images.flatten(1)
        while x.sum() >= 0:
            x = x - 1
        x = self.relu(self.first(self.relu(self.first(x))))
        return self.tied(x) @ self.matrix


def test_awkward_modules():
    net = Awkward()
    rows = {row.name: row for row in layer_table(net, (1, 4, 4))}
    assert list(rows) == ["first", "relu", "tied", "", "spare"]
    assert {name: row.parameters for name, row in rows.items()} == {
        "first": 256,
        "relu": 0,
        "tied": 0,
        "": 48,
        "spare": 30,
    }
    assert sum(row.parameters for row in rows.values()) == sum(p.numel() for p in net.parameters())
    assert {name: row.multiply_adds for name, row in rows.items() if row.multiply_adds} == {
        "first": 512,
        "tied": 256,
        "": 48,
    }
    assert rows["first"].output_shape == (16,)
    assert rows["spare"].output_shape == ()
    assert rows["first"].memory_bytes == 2 * 16 * 4


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.lstm = nn.LSTM(8, 6, batch_first=True)
        self.fc = nn.Linear(6, 3)

    def forward(self, images):
        x, _ = self.attention(images[:, 0], images[:, 0], images[:, 0])
        x, _ = self.lstm(x)
        return self.fc(x[:, -1])


def test_layers_that_give_several_things_show_the_first():
    net = Attending()
    rows = {row.name: row for row in layer_table(net, (1, 4, 8))}
    assert rows["attention"].output_shape == (4, 8)
    assert rows["lstm"].output_shape == (4, 6)
    assert sum(row.parameters for row in rows.values()) == sum(p.numel() for p in net.parameters())


def test_a_shape_that_the_module_cannot_take():
    with pytest.raises(InputError, match=r"Conv2d cannot take images \(1, 1, 8, 8\)"):
        layer_table(nn.Conv2d(3, 4, 3), (1, 8, 8))


class Sequence(nn.Module):
    """Reads an image row by row, and then attends to the rows."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(8, 16, batch_first=True)
        self.attention = nn.TransformerEncoderLayer(16, nhead=2, dim_feedforward=32, batch_first=True)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        return self.fc(self.attention(self.rnn(x.squeeze(1))[0]).mean(1))


def test_recurrent_layers_and_attention_are_counted_by_their_matrix_products():
    rows = layer_table(Sequence(), (1, 8, 8))
    lstm = 8 * 4 * 16 * (8 + 16)  # 8 steps, 4 gates of 16 from 8 inputs and 16 of its own
    attention = 8 * 16 * 3 * 16 + 2 * 8 * 8 * 16 + 8 * 16 * 16  # to q, k, v; q k and its product with v; out
    forward = 2 * 8 * 16 * 32
    assert sum(row.multiply_adds for row in rows) == lstm + attention + forward + 160
