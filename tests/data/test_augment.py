"""The contract that every augmentation keeps; a new key of the recipe without a case here fails."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from data.photographs import CLASSES, augmentation, augmented, digits, pieces
from imagette.core.errors import InputError
from imagette.data.augment import Augmentation, Normalize
from imagette.recipe.schema import Augment

CASES: dict[str, dict[str, object]] = {
    "flip": {"flip": "random"},
    "flip-alternating": {"flip": "alternating"},
    "crop_padding": {"crop_padding": 3},
    "crop_fill": {"crop_padding": 3, "crop_fill": "reflect"},
    "flip and crop": {"flip": "random", "crop_padding": 3},
    "rotation": {"rotation": 20.0},
    "translate": {"translate": 0.1},
    "scale": {"scale": 0.2},
    "shear": {"shear": 15.0},
    "brightness": {"brightness": 0.4},
    "contrast": {"contrast": 0.4},
    "saturation": {"saturation": 0.4},
    "hue": {"hue": 0.2},
    "grayscale": {"grayscale": 0.5},
    "erase": {"erase": 0.9},
    "cutout": {"cutout": 8},
    "mixup": {"mixup": 0.5},
    "cutmix": {"cutmix": 1.0},
    "everything": {
        "flip": "alternating", "crop_padding": 2, "rotation": 5.0, "brightness": 0.1, "contrast": 0.1,
        "saturation": 0.1, "hue": 0.05, "grayscale": 0.1, "erase": 0.2, "cutout": 5, "mixup": 0.2,
    },
}  # fmt: skip
NEED_COLOR = {"saturation", "hue", "grayscale", "everything"}
MIXES = {"mixup", "cutmix", "everything"}
COMBINATIONS = [
    pytest.param(name, color, last, id=f"{name}-{'color' if color else 'gray'}-{'last' if last else 'first'}")
    for name in CASES
    for color in (False, True)
    for last in (False, True)
    if color or name not in NEED_COLOR
]


def batch(color: bool, channels_last: bool) -> Tensor:
    images = pieces() if color else digits()
    if channels_last:  # as a gather from rows of whole pixels gives it
        images = images.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format).permute(0, 3, 1, 2)
    return images


def run(augment: Augmentation, images: Tensor, rows: Tensor | None, epoch: int = 0) -> tuple[Tensor, Tensor]:
    labels = torch.arange(len(images)) % CLASSES
    return augment.mix(augment(images, rows, epoch), labels, rows)


def test_every_key_of_the_recipe_has_a_case():
    assert {key for keys in CASES.values() for key in keys} == set(Augment.model_fields)


@pytest.mark.parametrize(("name", "color", "channels_last"), COMBINATIONS)
def test_the_result_is_a_normalised_batch_of_the_same_layout(name, color, channels_last):
    images = batch(color, channels_last)
    before = images.clone()
    augment = augmentation(images, **CASES[name])
    result, labels = run(augment, images, augment.draws(len(images), 0, 0))
    assert result.dtype == torch.float32
    assert result.shape == images.shape
    assert result.stride() == images.stride()
    plain = augmented(images)
    assert torch.equal(images, before)
    assert not torch.allclose(result, plain)
    statistics = before.double().transpose(0, 1).flatten(1)
    low, high = ((value - statistics.mean(1)) / statistics.std(1) for value in (0.0, 255.0))
    assert (result.amin((0, 2, 3)) >= low - 1e-4).all()  # NaN would fail too
    assert (result.amax((0, 2, 3)) <= high + 1e-4).all()
    assert labels.shape == ((len(images), CLASSES) if name in MIXES else (len(images),))


@pytest.mark.parametrize(("name", "color", "channels_last"), COMBINATIONS)
def test_both_layouts_hold_the_same_numbers(name, color, channels_last):
    augment = augmentation(batch(color, False), **CASES[name])
    rows = augment.draws(200, 0, 0)
    first = run(augment, batch(color, not channels_last), rows)[0]
    last = run(augment, batch(color, channels_last), rows)[0]
    torch.testing.assert_close(first.contiguous(), last.contiguous(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "color", "channels_last"), COMBINATIONS)
def test_an_image_is_the_same_in_any_batch(name, color, channels_last):
    images = batch(color, channels_last)
    augment = augmentation(images, **CASES[name])
    rows = augment.draws(len(images), seed=3, epoch=5)
    whole = augment(images, rows, 5)
    torch.testing.assert_close(augment(images, rows, 5), whole, rtol=0, atol=0)
    for chosen in ([17], [199, 4, 17, 0]):
        part = augment(images[chosen], rows[chosen], 5)
        torch.testing.assert_close(part, whole[chosen], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_draws_are_a_function_of_seed_epoch_and_index(name):
    augment, again = (augmentation(pieces(), **CASES[name]) for _ in range(2))
    rows = augment.draws(300, seed=1, epoch=2)
    assert rows.dtype == torch.float32
    assert torch.equal(rows, again.draws(300, seed=1, epoch=2))
    assert torch.equal(rows[:120], again.draws(120, seed=1, epoch=2))
    assert not torch.equal(rows, augment.draws(300, seed=2, epoch=2))
    if name != "flip-alternating":  # its half is drawn once
        assert not torch.equal(rows, augment.draws(300, seed=1, epoch=3))


@pytest.mark.parametrize("name", CASES)
def test_another_epoch_shows_other_images(name):
    augment = augmentation(pieces(), **CASES[name])
    first, second = (run(augment, pieces(), augment.draws(200, 0, epoch), epoch)[0] for epoch in (0, 1))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("color", [False, True], ids=["gray", "color"])
@pytest.mark.parametrize("channels_last", [False, True], ids=["first", "last"])
def test_without_augmentation_a_batch_is_only_normalised(color, channels_last):
    images = batch(color, channels_last)
    augment = augmentation(images)
    assert augment.draws(200, 0, 0) is None
    result = augment(images, None, 0)
    statistics = images.double().transpose(0, 1).flatten(1)
    mean, std = statistics.mean(1)[:, None, None], statistics.std(1)[:, None, None]
    torch.testing.assert_close(result, ((images - mean) / std).float(), rtol=1e-5, atol=1e-5)
    assert result.stride() == images.stride()
    labels = torch.arange(200)
    assert augment.mix(result, labels, None) == (result, labels)


@pytest.mark.parametrize(
    "key", ["rotation", "translate", "scale", "shear", "brightness", "contrast", "saturation", "hue"]
)
def test_a_strength_near_nothing_changes_next_to_nothing(key):
    torch.testing.assert_close(augmented(pieces(), **{key: 1e-6}), augmented(pieces()), rtol=0, atol=2e-3)


@pytest.mark.parametrize("key", ["erase", "grayscale"])
def test_a_probability_near_nothing_changes_nothing(key):
    torch.testing.assert_close(augmented(pieces(), **{key: 1e-9}), augmented(pieces()), rtol=1e-5, atol=1e-5)


def test_an_operation_has_its_own_numbers_whatever_else_is_on():
    alone, beside = (
        augmentation(pieces(), hue=0.1),
        augmentation(pieces(), hue=0.1, flip="random", erase=0.5, mixup=0.2),
    )
    numbers = alone.draws(50, 0, 0)[:, 0]
    assert any(torch.equal(numbers, column) for column in beside.draws(50, 0, 0).unbind(1))


def test_images_that_are_a_view_of_others_come_out_right():
    wide = torch.cat((pieces(), pieces()), 3)
    augment = augmentation(pieces(), flip="random", crop_padding=2)
    rows = augment.draws(200, 0, 0)
    assert torch.equal(augment(wide[..., :32], rows, 0), augment(pieces(), rows, 0))
    normalize = Normalize([100.0] * 3, [0.5] * 3, "cpu")
    for view in (wide[..., :32], pieces().transpose(2, 3), pieces().transpose(0, 2)[:, :, :3].transpose(0, 2)):
        assert torch.equal(normalize(view), (view.float() - 100) * 2)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"saturation": 0.4}, "augment.saturation = 0.4 needs images of three channels, but these have 1"),
        ({"hue": 0.1}, "augment.hue = 0.1 needs images of three channels, but these have 1"),
        ({"grayscale": 0.1}, "augment.grayscale = 0.1 needs images of three channels, but these have 1"),
        ({"crop_padding": 24}, "augment.crop_padding = 24 is not smaller than the images, which have 24x24 pixels"),
        ({"crop_padding": 24, "crop_fill": "reflect"}, "augment.crop_padding = 24 is not smaller than the images"),
        ({"cutout": 24}, "augment.cutout = 24 is not smaller than the images, which have 24x24 pixels"),
    ],
)
def test_what_the_images_do_not_allow_is_refused_by_its_key(keys, message):
    with pytest.raises(InputError) as caught:
        augmentation(digits(), **keys)
    assert message in str(caught.value)


def test_the_largest_padding_works():
    for fill in ("zero", "reflect"):
        assert augmented(digits(), crop_padding=23, crop_fill=fill).isfinite().all()
