"""Models of the user's own: found, checked, and refused with a message that says what is wrong."""

from __future__ import annotations

import os
import sys

import pytest
import torch
from torch import nn

import imagette
from imagette.core.errors import InputError
from imagette.models import build, verify
from imagette.recipe import models as specs
from imagette.recipe.schema import Recipe

SHAPE = (1, 8, 8)


def own(name):
    return specs.Custom(factory=f"models.own:{name}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "of type dict, not a torch.nn.Module"),
        ("clumsy", "models.own:clumsy raised ZeroDivisionError: width is zero"),
        ("positional", "positional raised TypeError"),
        ("one_class_short", r"gives \(2, 9\) for images \(2, 1, 8, 8\); expected logits \(2, 10\)"),
        ("wrong_channels", r"Conv2d cannot take images \(2, 1, 8, 8\): RuntimeError"),
        ("Pair", r"gives a tuple; expected a tensor of logits \(2, 10\)"),
        ("Auxiliary", r"Auxiliary in training gives a tuple; expected a tensor of logits \(2, 10\)"),
        ("Answer", r"type torch.int64; expected floating-point logits"),
        ("frozen", "no parameter that can be trained"),
        ("SmalNet", "did you mean 'SmallNet'"),
        ("not_callable", "no callable 'not_callable'"),
    ],
)
def test_a_factory_that_does_not_do_what_is_asked(name, message):
    with pytest.raises(InputError, match=message):
        build(own(name), SHAPE, 10)


def test_no_factory():
    with pytest.raises(InputError, match=r"model\.factory is empty"):
        build(specs.Custom(), SHAPE, 10)


def test_a_module_that_is_not_there():
    with pytest.raises(InputError, match="nowhere_at_all cannot be imported: ModuleNotFoundError"):
        build(specs.Custom(factory="nowhere_at_all:net"), SHAPE, 10)


def test_a_file_in_the_working_folder_is_found_and_its_faults_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_broken_nets.py").write_text("import torch\nnet = torch.nn.Lineer\n")
    with pytest.raises(InputError, match=r"my_broken_nets cannot be imported: AttributeError: .*Lineer"):
        build(specs.Custom(factory="my_broken_nets:net"), SHAPE, 10)
    (tmp_path / "my_fresh_nets.py").write_text("from models.own import SmallNet as Net\n")
    assert build(specs.Custom(factory="my_fresh_nets:Net"), SHAPE, 10)(torch.zeros(1, *SHAPE)).shape == (1, 10)


def test_a_file_that_was_edited_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my_edited_nets.py"
    for number, width in enumerate((3, 50)):
        file.write_text(
            "from torch import nn\n"
            "def net(shape, classes):\n"
            f"    return nn.Sequential(nn.Flatten(), nn.Linear(64, {width}), nn.Linear({width}, classes))\n"
        )
        os.utime(file, (number, number))
        assert build(specs.Custom(factory="my_edited_nets:net"), SHAPE, 10)[1].out_features == width


def test_a_file_in_the_place_of_a_module(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_filed_nets.py").write_text("from models.own import SmallNet as Net\n")
    with pytest.raises(InputError) as error:
        build(specs.Custom(factory="my_filed_nets.py:Net"), SHAPE, 10)
    assert "name the module, not its file: my_filed_nets" in str(error.value.hint)


@pytest.mark.parametrize("name", ["Shuffled", "ShuffledByNumpy", "Grown"])
def test_a_factory_whose_modules_differ_in_what_is_not_saved(name, tmp_path):
    recipe = Recipe.load("digits", ["train.epochs=1", "model.name=custom", f"model.factory=models.own:{name}"])
    with pytest.raises(InputError, match=rf"models.own:{name}"):
        imagette.train(recipe, runs=tmp_path, progress=False)
    assert not [*tmp_path.iterdir()]


def test_what_is_not_saved_but_always_the_same_is_fine(tmp_path):
    asked = ["train.epochs=1", "model.name=custom", "model.factory=models.own:ShuffledWithASeed"]
    run = imagette.train(Recipe.load("digits", asked), runs=tmp_path, progress=False)
    assert imagette.load(run.path).test() == run.summary["test"]


def test_a_state_that_cannot_be_written_back():
    net = build(own("SmallNet"), SHAPE, 10)
    net.register_buffer("ones", torch.ones(1).expand(64))
    with pytest.raises(InputError, match="SmallNet cannot be written back"):
        verify(net, SHAPE, 10)


def test_lazy_layers_take_their_size_from_the_check():
    assert build(own("lazy"), (3, 5, 7), 4)[1].weight.shape == (4, 105)


def test_the_check_leaves_weights_statistics_and_modes_as_they_were():
    torch.manual_seed(0)
    net = build(own("SmallNet"), SHAPE, 10).train()
    net.bn.eval()  # as one who trains on with frozen statistics does
    before = {name: value.clone() for name, value in net.state_dict().items()}
    drawn = torch.get_rng_state()
    assert verify(net, SHAPE, 10) is net
    assert net.training
    assert net.conv.training
    assert not net.bn.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), drawn)


def test_a_module_in_double_precision_is_refused():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).double()
    with pytest.raises(InputError, match=r"(?s)parameters of type torch\.float64.*module\.float\(\)"):
        verify(net, SHAPE, 10)


def test_a_state_that_no_checkpoint_can_keep_is_refused():
    class Remembering(nn.Linear):
        def get_extra_state(self):
            return {"calls": 3}

    with pytest.raises(InputError, match=r"more than tensors: 1\._extra_state"):
        verify(nn.Sequential(nn.Flatten(), Remembering(64, 10)), SHAPE, 10)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("model.factory=net", r"model\.factory .*received 'net'"),
        ("model.factory=my-nets:net", r"model\.factory .*received"),
    ],
)
def test_a_factory_is_written_as_module_and_callable(assignment, message):
    with pytest.raises(InputError, match=message):
        Recipe.load("digits", ["model.name=custom", assignment])


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["model.name=resnet", "model.depth=21"], "received 21: take 20 or 26"),
        (["model.name=resnet", "model.depth=2"], "greater than or equal to 8"),
        (["model.name=cnn", "model.widths=[8,8,8,8,8]"], "at most 4"),
        (["model.name=cnn", "model.hidden=1_000_000"], "less than or equal to 65536"),
        (["model.name=alexnet", "model.dropout=[0.5]"], "at least 5"),
        (["model.name=vgg", "model.dropout=1.0"], "less than 1"),
        (["model.name=linear-by-hand", "model.delta=tanh"], "received 'tanh'.* softmax"),
    ],
)
def test_a_models_own_values_have_ranges(assignments, message):
    with pytest.raises(InputError, match=message):
        Recipe.load("digits", assignments)


class Detached(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(x.flatten(1)).detach()


class Scaled(Detached):
    def forward(self, x):
        self.fc.bias.mul_(0.5)
        return self.fc(x.flatten(1))


class Embedded(Detached):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(256, 10, sparse=True)

    def forward(self, x):
        return self.table((x.flatten(1) * 255).long()).mean(1) + self.fc(x.flatten(1))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Detached, "no gradient comes back"),
        (Scaled, "Scaled cannot be trained: RuntimeError: a leaf Variable that requires grad"),
        (Embedded, r"table\.weight of Embedded has sparse gradients"),
    ],
)
def test_a_module_that_cannot_be_trained_is_refused_before_the_training(module, message):
    with pytest.raises(InputError, match=message):
        verify(module(), SHAPE, 10)


@pytest.mark.parametrize("text", ["import sys\nsys.exit(3)\n", "def net(shape, classes):\n    raise SystemExit(3)\n"])
def test_a_file_that_ends_the_program_ends_with_a_message(text, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_leaving_nets.py").write_text(text)
    monkeypatch.delitem(sys.modules, "my_leaving_nets", raising=False)
    with pytest.raises(InputError, match="SystemExit: 3"):
        build(specs.Custom(factory="my_leaving_nets:net"), SHAPE, 10)


class Learning(nn.Linear):
    """It keeps an average of what it has seen, in a buffer of the given kind."""

    def __init__(self, persistent):
        super().__init__(64, 10)
        self.register_buffer("seen", torch.zeros(64), persistent=persistent)

    def forward(self, x):
        x = x.flatten(1)
        self.seen = 0.9 * self.seen + 0.1 * x.detach().mean(0)
        return super().forward(x - self.seen)


class Positioned(nn.Linear):
    """It makes a table when it first needs it, as nets with positions do."""

    def __init__(self):
        super().__init__(64, 10)
        self.register_buffer("table", torch.zeros(0), persistent=False)

    def forward(self, x):
        if not len(self.table):
            self.table = torch.arange(64.0)
        return super().forward(x.flatten(1) + self.table)


def test_a_buffer_that_learns_and_is_not_kept_is_refused():
    with pytest.raises(InputError, match=r"seen of Learning changes in training, and no checkpoint keeps it"):
        verify(Learning(persistent=False), SHAPE, 10)
    for module in (Learning(persistent=True), Positioned()):
        assert verify(module, SHAPE, 10) is module
