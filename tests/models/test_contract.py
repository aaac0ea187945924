"""What every model promises, whatever the shape: a new one is tested as soon as it is registered."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load, save
from torch.nn.functional import cross_entropy

from imagette.core.errors import InputError
from imagette.models import FAMILIES, build, least_size
from imagette.recipe import models as specs

VARIANTS = [
    *(specs.Custom(factory="models.own:SmallNet") if spec is specs.Custom else spec() for spec in specs.MODELS),
    specs.LinearByHand(delta="logits"),
    specs.CNN(widths=(4, 8, 8, 4), hidden=16, dropout=0.3),
    specs.LeNet(padding=2, activation="relu", pooling="average", dropout=0.5),
    specs.AlexNet(batch_norm=True, dropout=(0.3, 0.3, 0.1, 0.2, 0.2)),
    specs.ResNet(depth=8, width=3),
    specs.SpeedNet(
        widths=(24, 16), depth=3, residual=True, activation="gelu", identity=True, freeze_scale=True, logit_scale=0.1
    ),
    specs.PreActResNet(depth=8, width=3),
    specs.WideResNet(depth=10, factor=1, dropout=0.3),
]
SIZES = [(28, 28), (32, 32), (33, 47)]


def described(value):
    changed = value.model_dump(exclude_defaults=True, exclude={"factory"}) if hasattr(value, "name") else value
    return f"{value.name}{changed or ''}" if hasattr(value, "name") else str(value)


every_model = pytest.mark.parametrize("spec", VARIANTS, ids=described)


def made(spec, shape, classes=5, seed=0):
    torch.manual_seed(seed)
    return build(spec, shape, classes)


def some(n, shape):
    images = torch.rand(n, *shape, generator=torch.Generator().manual_seed(n))  # (n, C, H, W)
    return images, torch.arange(n) % 5  # (n,)


def prepared(net, images):
    if hasattr(net, "prepare"):
        net.prepare(images)
    return net


def loss_of(net, images, labels):
    return net.loss(images, labels) if hasattr(net, "loss") else cross_entropy(net(images), labels)


def test_every_spec_has_a_family():
    assert set(FAMILIES) == set(specs.MODELS)


@every_model
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", ["least", *SIZES], ids=str)
def test_maps_images_to_logits_and_learns(spec, channels, size):
    side = max(8, least_size(spec))
    shape = (channels, *((side, side) if size == "least" else size))
    net = made(spec, shape)
    images, labels = some(3, shape)
    for mode in (True, False):
        logits = net.train(mode)(images)
        assert logits.shape == (3, 5)
        assert logits.dtype == torch.float32
        assert logits.isfinite().all()
    loss = loss_of(net.train(), images, labels)
    assert loss.shape == ()
    loss.backward()
    trained = {name: parameter for name, parameter in net.named_parameters() if parameter.requires_grad}
    assert trained
    for name, parameter in trained.items():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("spec", [spec for spec in VARIANTS if not isinstance(spec, specs.Custom)], ids=described)
@pytest.mark.parametrize("wide", [False, True])
def test_the_least_size_trains_even_alone_in_a_batch(spec, wide):
    least = least_size(spec)
    shape = (1, least, 3 * least if wide else least)
    images, labels = some(1, shape)
    loss_of(prepared(made(spec, shape), images).train(), images, labels).backward()


needing_size = pytest.mark.parametrize("spec", [spec for spec in VARIANTS if least_size(spec) > 1], ids=described)


@needing_size
def test_below_the_least_size_is_refused(spec):
    least = least_size(spec)
    for height, wide in ((least - 1, 99), (99, least - 1)):
        with pytest.raises(InputError, match=rf"'{spec.name}' .*at least {least}x{least} .*received {height}x{wide}"):
            build(spec, (1, height, wide), 5)


@needing_size
def test_the_least_size_is_no_larger_than_it_must_be(spec):
    shape = (1, least_size(spec) - 1, least_size(spec) - 1)
    images, labels = some(1, shape)
    with pytest.raises((InputError, ValueError, RuntimeError)):
        loss_of(prepared(FAMILIES[type(spec)].build(spec, shape, 5), images).train(), images, labels)


@every_model
def test_evaluation_looks_at_each_image_alone(spec):
    shape = (1, 28, 28)
    net = made(spec, shape)
    images, _ = some(4, shape)
    net.train()(images)  # moves the statistics of batch normalisation
    net.eval()
    with torch.no_grad():
        together, alone = net(images), torch.cat([net(image[None]) for image in images])
        assert torch.equal(together, net(images))
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-5)


@every_model
def test_the_seed_decides_the_first_weights(spec):
    shape = (1, 28, 28)
    first, again, other = (save(made(spec, shape, seed=seed).state_dict()) for seed in (0, 0, 1))
    assert first == again
    assert first != other


@every_model
def test_weights_survive_a_file(spec):
    shape = (3, 28, 28)
    net, other = made(spec, shape, seed=0), made(spec, shape, seed=1)
    images, _ = some(2, shape)
    net.train()(images)
    other.load_state_dict(load(save(net.state_dict())))
    with torch.no_grad():
        assert torch.equal(net.eval()(images), other.eval()(images))


@every_model
def test_the_order_in_memory_changes_nothing(spec):
    shape = (3, 33, 47)
    images, labels = some(2, shape)
    gradients = []
    for layout in (torch.contiguous_format, torch.channels_last):
        net = made(spec, shape).to(memory_format=layout).eval()
        loss_of(net, images.to(memory_format=layout), labels).backward()
        gradients.append([parameter.grad for parameter in net.parameters() if parameter.requires_grad])
    for plain, last in zip(*gradients, strict=True):
        assert torch.allclose(plain, last, rtol=1e-3, atol=1e-4 * plain.abs().max().item())


@every_model
def test_two_classes_are_enough_and_one_is_not(spec):
    shape = (1, 28, 28)
    assert made(spec, shape, classes=2)(some(2, shape)[0]).shape == (2, 2)
    with pytest.raises(InputError, match="at least 2 classes; received 1"):
        build(spec, shape, 1)
