"""Mirror, crop and affine maps move pixels exactly as they promise."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor
from torch.nn import functional

from data.photographs import digits, pieces, seen
from imagette.data.augment.affine import Affine
from imagette.data.augment.draws import Random, Stream
from imagette.recipe.schema import Augment


def mirrored(images: Tensor, result: Tensor) -> Tensor:
    """Tell which images came out as their mirror image (N,) bool; every one must be one or the other."""
    plain = (result == images).flatten(1).all(1)
    flipped = (result == images.flip(-1)).flatten(1).all(1)
    assert (plain | flipped).all()
    assert not (plain & flipped).any()
    return flipped


@pytest.fixture(scope="module")
def ramps() -> Tensor:
    """3000 images, (3000, 1, 6, 9) uint8, in which every pixel differs."""
    return torch.arange(1, 55, dtype=torch.uint8).view(1, 1, 6, 9).repeat(3000, 1, 1, 1)


def test_a_random_flip_mirrors_half_of_the_images_and_others_each_epoch(ramps):
    first, second = (mirrored(ramps, seen(ramps, epoch=epoch, flip="random")) for epoch in (0, 1))
    for flipped in (first, second):
        assert abs(flipped.float().mean() - 0.5) < 4 * 0.5 / math.sqrt(3000)
    assert abs((first == second).float().mean() - 0.5) < 4 * 0.5 / math.sqrt(3000)


def test_an_alternating_flip_mirrors_each_image_every_other_epoch(ramps):
    epochs = [mirrored(ramps, seen(ramps, epoch=epoch, flip="alternating")) for epoch in range(4)]
    assert abs(epochs[0].float().mean() - 0.5) < 4 * 0.5 / math.sqrt(3000)
    assert torch.equal(epochs[1], ~epochs[0])
    assert torch.equal(epochs[2], epochs[0])
    assert torch.equal(epochs[3], epochs[1])
    assert not torch.equal(mirrored(ramps, seen(ramps, seed=1, flip="alternating")), epochs[0])


@pytest.mark.parametrize("channels_last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("flip", ["none", "random", "alternating"])
@pytest.mark.parametrize("fill", ["zero", "reflect"])
def test_every_crop_of_the_padded_image_is_equally_likely(ramps, fill, flip, channels_last):
    p, (height, width) = 2, ramps.shape[2:]
    images = torch.cat((ramps, ramps + 60, ramps + 120), 1)
    if channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    result = seen(images, epoch=1, flip=flip, crop_padding=p, crop_fill=fill)
    padded = functional.pad(images[:1].float(), (p,) * 4, mode="reflect" if fill == "reflect" else "constant")
    sources = [padded, padded.flip(-1)] if flip != "none" else [padded]
    counts = []
    for source in sources:
        for y in range(2 * p + 1):
            for x in range(2 * p + 1):
                crop = source[:, :, y : y + height, x : x + width]
                counts.append(int((result == crop).flatten(1).all(1).sum()))
    assert sum(counts) == len(images)  # every image is one of the crops
    assert chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("images", [digits(), pieces()], ids=["gray", "color"])
def test_each_image_keeps_to_itself(images):
    result = seen(images, flip="random", crop_padding=1)
    padded = functional.pad(images.float(), (1,) * 4)
    crops = [
        source[:, :, y : y + images.shape[2], x : x + images.shape[3]]
        for source in (padded, padded.flip(-1))
        for y in range(3)
        for x in range(3)
    ]
    assert torch.stack([(result == crop).flatten(1).all(1) for crop in crops]).any(0).all()


POINT = (12.0, -5.0)  # x, y of the spot from the centre


@pytest.fixture(scope="module")
def spots() -> Tensor:
    """500 images that are not square, (500, 1, 60, 80) uint8, with a round spot off the centre."""
    y, x = torch.meshgrid(torch.arange(60) - 29.5, torch.arange(80) - 39.5, indexing="ij")
    spot = 200 * torch.exp(-((x - POINT[0]) ** 2 + (y - POINT[1]) ** 2) / 8)
    return spot.to(torch.uint8).expand(500, 1, 60, 80).contiguous()


def centers(images: Tensor) -> Tensor:
    """Give where the spot is, (N, 2) x and y from the centre."""
    y, x = torch.meshgrid(torch.arange(60) - 29.5, torch.arange(80) - 39.5, indexing="ij")
    weight = images[:, 0] / images[:, 0].sum((1, 2), keepdim=True)
    return torch.stack(((weight * x).sum((1, 2)), (weight * y).sum((1, 2))), 1)


def fills(values: Tensor, low: float, high: float, slack: float) -> bool:
    """Tell whether values keep within bounds and reach into both tenths at their ends."""
    tenth = (high - low) / 10
    within = low - slack <= values.min() and values.max() <= high + slack
    return bool(within and values.min() < low + tenth and values.max() > high - tenth)


def test_translation_moves_by_up_to_its_share_of_each_side(spots):
    moved = centers(seen(spots, translate=0.1)) - torch.tensor(POINT)
    assert fills(moved[:, 0], -8, 8, 0.1)
    assert fills(moved[:, 1], -6, 6, 0.1)
    assert abs(torch.corrcoef(moved.T)[0, 1]) < 0.2


def test_rotation_turns_about_the_centre_and_keeps_the_distance(spots):
    x, y = centers(seen(spots, rotation=30)).unbind(1)
    assert (torch.hypot(x, y) - math.hypot(*POINT)).abs().max() < 0.1
    turned = torch.rad2deg(torch.atan2(y, x)) - math.degrees(math.atan2(POINT[1], POINT[0]))
    assert fills(turned, -30, 30, 0.5)


def test_scale_changes_the_distance_from_the_centre(spots):
    x, y = centers(seen(spots, scale=0.3)).unbind(1)
    assert fills(torch.hypot(x, y) / math.hypot(*POINT), 0.7, 1.3, 0.02)
    assert (torch.rad2deg(torch.atan2(y, x)) - math.degrees(math.atan2(POINT[1], POINT[0]))).abs().max() < 1


def test_shear_slants_along_x_in_proportion_to_y(spots):
    x, y = centers(seen(spots, shear=40)).unbind(1)
    assert (y - POINT[1]).abs().max() < 0.1
    assert fills(torch.rad2deg(torch.atan((x - POINT[0]) / POINT[1])), -40, 40, 0.7)


def test_a_shift_by_whole_pixels_moves_without_blurring_and_fills_with_zero():
    images = digits()[:1].float() + 1
    shift = torch.tensor([[1.0, 0, -2 * 3 / 24, 0, 1.0, -2 * 2 / 24]])  # by 3 to the right and 2 down
    moved = Affine(Augment(translate=0.2), (1, 24, 24))(images, shift)
    torch.testing.assert_close(moved[..., 2:, 3:], images[..., :-2, :-3], rtol=0, atol=1e-3)
    assert moved[..., :2, :].abs().max() < 1e-3
    assert moved[..., :3].abs().max() < 1e-3


def test_the_maps_are_those_of_the_formula():
    spec, (height, width) = Augment(rotation=30, translate=0.2, scale=0.3, shear=20), (60, 80)
    maps = torch.from_numpy(Affine(spec, (1, height, width)).draw(Random(50, 0, 0))).double()
    numbers = 2 * torch.from_numpy(Random(50, 0, 0).uniform(Stream.AFFINE, 5).T.copy()).double() - 1
    half = torch.tensor([width / 2, height / 2]).double()
    for found, (turn, x, y, larger, slant) in zip(maps.view(-1, 2, 3), numbers, strict=True):
        a, phi = math.radians(30) * turn, math.radians(20) * slant
        rotation = torch.tensor([[a.cos(), -a.sin()], [a.sin(), a.cos()]]).double()
        shear = torch.tensor([[1, -phi.tan()], [0, 1]]).double()
        forward = (1 + 0.3 * larger) * rotation @ shear
        shift = torch.stack((0.2 * x * width, 0.2 * y * height))
        q = torch.tensor([17.0, -9.0]).double()
        expected = torch.linalg.solve(forward, q - shift) / half
        torch.testing.assert_close(found @ torch.cat((q / half, torch.ones(1))), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels_last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("keys", [{"crop_padding": 3, "flip": "random"}, {"translate": 0.3, "rotation": 30}])
def test_around_an_image_it_is_as_transparent_as_at_its_edge(keys, channels_last):
    """What a crop or an affine map brings in is black: opaque around opaque images and clear around clear ones."""
    images = torch.full((200, 4, 24, 24), 200, dtype=torch.uint8)
    images[:100, 3], images[100:, 3] = 255, 0
    if channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    result = seen(images, **keys)
    torch.testing.assert_close(result[:, 3], images[:, 3].float(), rtol=0, atol=1e-3)
    assert result[:, :3].min() == 0
    assert torch.equal(result[:, :3], seen(images[:, :3].contiguous(), **keys))
