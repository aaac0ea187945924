"""The graph of a network: nothing of the layer table is missing, and edges run as data do."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imagette.core.errors import InputError
from imagette.models import build
from imagette.models.graph import Edge, shortened
from imagette.models.inspect import layer_table
from imagette.models.labels import of_layer
from imagette.models.resnet import BasicBlock
from imagette.models.trace import network_graph
from imagette.recipe import models as specs
from models.flows import Block, Branching, Functional, Leaking, Untraceable
from models.own import SmallNet

COLOUR = (3, 32, 32)
SPECS = [
    specs.Linear(),
    specs.LinearByHand(),
    specs.SingleConv(),
    specs.CNN(dropout=0.5),
    specs.LeNet(),
    specs.BatchNormCNN(),
    specs.VGG(),
    specs.AlexNet(batch_norm=True),
    specs.ResNet(),
    specs.SpeedNet(),
    specs.SpeedNet(depth=3, residual=True, activation="gelu", logit_scale=0.1),
    specs.PreActResNet(depth=14),
    specs.WideResNet(depth=10, factor=2, dropout=0.3),
]


def titles(graph):
    return [box.label.title for box in graph.boxes]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
@pytest.mark.parametrize("form", [lambda graph: graph, shortened], ids=["whole", "shortened"])
def test_every_layer_of_the_table_has_a_box(spec, form):
    net = build(spec, COLOUR, 7)
    graph = form(network_graph(net, COLOUR))
    assert not graph.untraced
    assert {row.name for row in layer_table(net, COLOUR)} <= {name for box in graph.boxes for name in box.layers}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_boxes_say_what_the_table_says(spec):
    net = build(spec, COLOUR, 7)
    boxes = {box.name: box for box in network_graph(net, COLOUR).boxes if box.label.title != "Image"}
    for row in layer_table(net, COLOUR):
        assert (boxes[row.name].shape, boxes[row.name].parameters) == (row.output_shape, row.parameters)


def test_a_chain_is_a_chain():
    graph = network_graph(build(specs.LeNet(), (1, 28, 28), 10), (1, 28, 28))
    assert graph.edges == tuple(Edge(i, i + 1) for i in range(len(graph.boxes) - 1))
    assert [tuple(box.label) for box in graph.boxes[:4]] == [
        ("Image", "", "input"),
        ("Conv", "5×5, 6", "convolution"),
        ("Sigmoid", "", "activation"),
        ("MaxPool", "2×2", "pooling"),
    ]


@pytest.mark.parametrize(
    ("layer", "label"),
    [
        (nn.Conv2d(3, 8, (3, 5), stride=2), ("Conv", "3×5, 8, /2", "convolution")),
        (nn.ConvTranspose2d(3, 8, 2, stride=(2, 1)), ("ConvTranspose", "2×2, 8, /2×1", "convolution")),
        (nn.MaxPool2d(3, stride=1), ("MaxPool", "3×3, /1", "pooling")),
        (nn.AvgPool2d((2, 3)), ("AvgPool", "2×3", "pooling")),
        (nn.AdaptiveAvgPool2d(1), ("AvgPool", "to 1×1", "pooling")),
        (nn.Dropout2d(0.25), ("Dropout", "0.25", "dropout")),
        (nn.GroupNorm(2, 4), ("GroupNorm", "", "normalisation")),
        (nn.LazyLinear(7), ("Linear", "7", "linear")),
        (nn.Identity(), ("Identity", "", "other")),
        (nn.MultiheadAttention(4, 2), ("MultiheadAttention", "", "other")),
        (SmallNet((1, 8, 8), 3), ("SmallNet", "", "other")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_labels(layer, label):
    assert of_layer(layer) == label


def test_the_shortcuts_of_a_residual_net_are_edges():
    graph = network_graph(build(specs.ResNet(depth=20), COLOUR, 10), COLOUR)
    assert len(graph.blocks) == 9
    for block in graph.blocks:
        assert block.kind == "BasicBlock"
        add = next(i for i in range(block.first, block.last) if graph.boxes[i].label.title == "Add")
        [shortcut, change] = sorted(edge for edge in graph.edges if edge.target == add)
        assert shortcut.source == block.first - 1
        assert change.source == add - 1
        assert shortcut.via == ("slice, pad" if block.names[0] in ("stage2.0", "stage3.0") else "")


@pytest.mark.parametrize(("depth", "times"), [(20, [3, 1, 2, 1, 2]), (56, [9, 1, 8, 1, 8])])
def test_equal_blocks_stand_once(depth, times):
    net = build(specs.ResNet(depth=depth), COLOUR, 10)
    graph = shortened(network_graph(net, COLOUR))
    assert [len(block.names) for block in graph.blocks] == times
    assert len(graph.boxes) == 1 + 3 + 5 * 7 + 3
    assert len(graph.edges) == len(graph.boxes) - 1 + 5
    assert all(edge.source < edge.target for edge in graph.edges)
    drawn = sum(
        sum(box.parameters for box in graph.boxes[block.first : block.last + 1]) * len(block.names)
        for block in graph.blocks
    )
    alone = {i for i in range(len(graph.boxes)) if not any(b.first <= i <= b.last for b in graph.blocks)}
    assert drawn + sum(graph.boxes[i].parameters for i in alone) == sum(p.numel() for p in net.parameters())


def test_blocks_that_differ_are_not_merged():
    wider = nn.Sequential(BasicBlock(4, 4), BasicBlock(4, 8), BasicBlock(8, 8))
    assert [block.names for block in shortened(network_graph(wider, (4, 8, 8))).blocks] == [("0",), ("1",), ("2",)]
    parted = nn.Sequential(BasicBlock(4, 4), nn.ReLU(), BasicBlock(4, 4))
    assert len(shortened(network_graph(parted, (4, 8, 8))).blocks) == 2
    assert len(shortened(network_graph(Leaking(), COLOUR)).blocks) == 2


def test_equal_blocks_of_own_classes_are_merged():
    graph = shortened(network_graph(nn.Sequential(*(Block() for _ in range(4))), COLOUR))
    assert [block.names for block in graph.blocks] == [("0", "1", "2", "3")]


def test_branches_and_joins():
    graph = network_graph(Branching(), COLOUR)
    assert titles(graph) == ["Image", *["Conv", "Conv", "ReLU", "Conv", "Concat"] * 2, "Mean", "Linear"]
    into = {edge.source for edge in graph.edges if edge.target == 5}
    assert into == {0, 1, 4}
    assert [block.names for block in graph.blocks] == [("first",), ("second",)]


def test_functions_are_boxes_too():
    net = Functional()
    graph = network_graph(net, (1, 8, 8))
    assert [(box.label.title, box.label.setting, box.shape) for box in graph.boxes] == [
        ("Image", "", (1, 8, 8)),
        ("Conv", "3×3, 4", (4, 6, 6)),
        ("ReLU", "", (4, 6, 6)),
        ("MaxPool", "2×2", (4, 3, 3)),
        ("View", "", (36,)),
        ("Linear", "5", (5,)),
        ("Dropout", "0.25", (5,)),
        ("Multiply", "", (5,)),
    ]
    assert graph.edges == tuple(Edge(i, i + 1) for i in range(7))
    assert [box.parameters for box in graph.boxes] == [0, 40, 0, 0, 0, 185, 0, 5]


def test_the_module_stays_as_it_was():
    net = Functional().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    network_graph(net, (1, 8, 8))
    assert net.training
    assert net.features is None  # it would hold what torch.fx put in the place of a tensor
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.modules())


def test_shared_parameters_count_once():
    layer = nn.Linear(4, 4)
    graph = network_graph(nn.Sequential(nn.Flatten(), layer, nn.ReLU(), layer), (1, 2, 2))
    assert [box.parameters for box in graph.boxes] == [0, 0, 20, 0, 0]
    assert graph.parameters == 20


def test_what_cannot_be_traced_is_the_table():
    net = Untraceable()
    graph = network_graph(net, (1, 8, 8))
    assert "control flow" in graph.untraced
    assert graph.edges == ()
    assert [(box.name, box.shape, box.parameters) for box in graph.boxes] == [("", (1, 8, 8), 0), ("fc", (5,), 325)]
    assert graph.unused == ("spare",)
    assert graph.parameters == sum(p.numel() for p in net.parameters())


def test_an_unused_layer_is_named():
    net = SmallNet((1, 8, 8), 3)
    net.spare = nn.Linear(2, 2)
    graph = network_graph(net, (1, 8, 8))
    assert graph.unused == ("spare",)
    assert "spare" not in {box.name for box in graph.boxes}


def test_images_that_the_module_cannot_take():
    with pytest.raises(InputError, match=r"Conv2d cannot take images \(1, 1, 8, 8\)"):
        network_graph(nn.Conv2d(3, 4, 3), (1, 8, 8))
