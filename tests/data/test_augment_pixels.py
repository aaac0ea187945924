"""Colour, blanking and mixing do to the pixels what they promise, as often as they promise."""

from __future__ import annotations

import math

import pytest
import torch
from matplotlib.colors import rgb_to_hsv
from torch import Tensor

from data.photographs import CLASSES, augmentation, augmented, digits, pieces, seen
from imagette.data.augment.color import Hue

LUMA = torch.tensor([0.299, 0.587, 0.114])[:, None, None]


def muted() -> Tensor:
    """Pieces of a photograph away from black and white, so that nothing is clipped."""
    return (pieces() // 3 + 80).contiguous()


def luminance(images: Tensor) -> Tensor:
    """Give the luminance, (N, H, W)."""
    return (images * LUMA).sum(1)


def test_brightness_multiplies_by_one_factor_an_image():
    ratios = seen(muted(), brightness=0.3) / muted()
    factors = ratios.mean((1, 2, 3))
    torch.testing.assert_close(ratios, factors.view(-1, 1, 1, 1).expand_as(ratios), rtol=1e-4, atol=0)
    assert 0.7 <= factors.min() < 0.76
    assert 1.24 < factors.max() <= 1.3


def test_brightness_beyond_one_never_turns_negative_and_white_stays_white():
    result = seen(pieces(), brightness=3.0)
    assert result.min() == 0
    assert result.max() == 255


@pytest.mark.parametrize("key", ["contrast", "saturation"])
def test_a_strength_beyond_one_never_turns_an_image_into_its_negative(key):
    changed = seen(muted(), **{key: 3.0})
    kept = luminance(muted())[:, None] if key == "saturation" else luminance(muted()).mean((1, 2)).view(-1, 1, 1, 1)
    assert ((changed - kept) * (muted() - kept)).flatten(1).sum(1).min() >= -1


@pytest.mark.parametrize("images", [muted(), digits() // 3 + 80], ids=["color", "gray"])
def test_contrast_stretches_about_the_mean_gray(images):
    weights = LUMA if images.shape[1] == 3 else torch.ones(1, 1, 1)
    result = seen(images, contrast=0.3)
    mean = (images * weights).sum(1).mean((1, 2))[:, None, None, None]
    torch.testing.assert_close((result * weights).sum(1).mean((1, 2)), mean.flatten(), rtol=1e-4, atol=1e-2)
    factors = (result - mean).flatten(1).norm(dim=1) / (images - mean).flatten(1).norm(dim=1)
    assert 0.7 <= factors.min() < 0.76
    assert 1.24 < factors.max() <= 1.3001
    torch.testing.assert_close(result, mean + factors.view(-1, 1, 1, 1) * (images - mean), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("key", ["brightness", "contrast"])
def test_light_changes_as_without_transparency_which_stays(key, colours):
    images = muted()[:, :colours].contiguous()
    clear = torch.randint(0, 256, images[:, :1].shape, dtype=torch.uint8)
    result = seen(torch.cat((images, clear), 1), **{key: 0.5})
    assert torch.equal(result[:, -1:], clear.float())
    assert torch.equal(result[:, :-1], seen(images, **{key: 0.5}))


def test_saturation_keeps_the_luminance_of_every_pixel():
    result = seen(muted(), saturation=0.3)
    torch.testing.assert_close(luminance(result), luminance(muted()), rtol=1e-4, atol=1e-2)
    color = (muted() - luminance(muted())[:, None]).flatten(1).norm(dim=1)
    factors = (result - luminance(result)[:, None]).flatten(1).norm(dim=1) / color
    assert 0.7 <= factors.min() < 0.76
    assert 1.24 < factors.max() <= 1.3001


def test_grayscale_takes_the_colour_of_so_many_images_and_leaves_the_others():
    images = pieces().repeat(5, 1, 1, 1)
    result = seen(images, grayscale=0.3)
    gray = (result == result[:, :1]).flatten(1).all(1)
    assert abs(gray.float().mean() - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 1000)
    torch.testing.assert_close(result[gray][:, 0], luminance(images)[gray], rtol=1e-5, atol=1e-3)
    assert torch.equal(result[~gray], images[~gray].float())


def hsv(images: Tensor) -> Tensor:
    """Give hue, saturation, value, (N, 3, H, W), by another hand."""
    return torch.from_numpy(rgb_to_hsv(images.permute(0, 2, 3, 1).numpy() / 255)).permute(0, 3, 1, 2)


def test_hue_turns_all_of_an_image_alike_and_keeps_saturation_and_value():
    before, after = hsv(pieces().float()), hsv(seen(pieces(), hue=0.2))
    torch.testing.assert_close(after[:, 1:], before[:, 1:], rtol=0, atol=1e-4)
    colored = (before[:, 1] > 0.2) & (before[:, 2] > 0.2)
    turns = []
    for image in range(len(before)):
        if colored[image].sum() < 10:
            continue
        turn = (after[image, 0] - before[image, 0] + 0.5).remainder(1)[colored[image]] - 0.5
        assert turn.max() - turn.min() < 1e-3
        turns.append(float(turn.mean()))
    assert len(turns) > 100
    assert -0.2 <= min(turns) < -0.16
    assert 0.16 < max(turns) <= 0.2


def test_hue_leaves_gray_pixels_and_a_full_turn_is_none():
    gray = digits().expand(-1, 3, -1, -1).contiguous()
    torch.testing.assert_close(seen(gray, hue=0.5), gray.float(), rtol=0, atol=1e-3)
    for turn in (-6.0, 0.0, 6.0):
        result = Hue(0.5, "cpu")(pieces().float(), torch.full((200, 1), turn))
        torch.testing.assert_close(result, pieces().float(), rtol=0, atol=1e-3)


def test_a_third_of_a_turn_makes_red_green_and_green_blue():
    red = torch.tensor([200.0, 30.0, 30.0]).view(1, 3, 1, 1)
    turned = Hue(0.5, "cpu")(red.clone(), torch.tensor([[2.0]]))
    torch.testing.assert_close(turned.flatten(), torch.tensor([30.0, 200.0, 30.0]))
    torch.testing.assert_close(
        Hue(0.5, "cpu")(turned, torch.tensor([[2.0]])).flatten(), torch.tensor([30.0, 30.0, 200.0])
    )


def boxes(hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Give height and width (N,) of what is hidden (N, H, W) bool, which must be a full rectangle."""
    height, width = hidden.any(2).sum(1), hidden.any(1).sum(1)
    assert torch.equal(hidden.sum((1, 2)), height * width)
    return height, width


def blank(images: Tensor, result: Tensor) -> Tensor:
    """Tell what was set to the mean, (N, H, W) bool; the rest must be as it was."""
    plain = augmented(images)
    hidden = (result == 0).all(1) & (plain != 0).all(1)
    assert torch.equal(torch.where(hidden[:, None], 0, plain), result)
    return hidden


def test_erasing_blanks_rectangles_of_the_published_sizes_as_often_as_asked():
    images = (pieces() | 1).repeat(5, 1, 1, 1)
    height, width = boxes(blank(images, augmented(images, erase=0.5)))
    erased = height > 0
    assert abs(erased.float().mean() - 0.5) < 4 * 0.5 / math.sqrt(1000)
    area = (height * width)[erased] / 32**2
    assert 0.015 < area.min() < 0.04
    assert 0.3 < area.max() < 0.35
    ratio = (height / width)[erased & (height * width > 60)]
    assert 0.25 < ratio.min() < 0.4
    assert 2.5 < ratio.max() < 4
    assert abs((ratio > 1).float().mean() - 0.5) < 0.1


def test_erasing_reaches_every_place():
    images = (pieces() | 1).repeat(5, 1, 1, 1)
    often = blank(images, augmented(images, erase=1.0)).float().mean(0)
    assert (often > 0).float().mean() > 0.99
    assert (often - often.flip(0)).abs().max() < 0.12
    assert (often - often.flip(1)).abs().max() < 0.12


def test_cutout_blanks_a_square_about_any_pixel():
    images = (pieces() | 1).repeat(5, 1, 1, 1)
    hidden = blank(images, augmented(images, cutout=8))
    height, width = boxes(hidden)
    assert height.min() == 4  # centred on the last row, half of it lies outside
    assert height.max() == width.max() == 8
    assert ((height == 8) & (width == 8)).float().mean() > 0.5
    assert hidden.float().mean(0).min() > 0


LABELS = torch.arange(200) % CLASSES


def mix(**keys: float) -> tuple[Tensor, Tensor, Tensor]:
    """Give the plain batch, the mixed one and its labels."""
    augment = augmentation(pieces(), **keys)
    rows = augment.draws(200, 0, 0)
    plain = augment(pieces(), rows, 0)
    return plain, *augment.mix(plain, LABELS, rows)


def test_mixup_blends_images_and_labels_alike():
    plain, mixed, labels = mix(mixup=0.5)
    share = labels[torch.arange(200), LABELS]
    weights = share.view(-1, 1, 1, 1)
    torch.testing.assert_close(mixed, weights * plain + (1 - weights) * plain.roll(-1, 0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(labels[torch.arange(200), LABELS.roll(-1)], 1 - share)
    torch.testing.assert_close(labels.sum(1), torch.ones(200))
    assert torch.equal(plain, augmented(pieces()))  # the batch that was given stays


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_the_share_follows_the_law_of_beta(alpha):
    shares = augmentation(pieces(), mixup=alpha).draws(20_000, 0, 0)[:, 0]
    assert shares.mean() == pytest.approx(0.5, abs=0.01)
    assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.03)


def test_cutmix_pastes_a_rectangle_and_counts_what_it_covers():
    plain, mixed, labels = mix(cutmix=1.0)
    pasted = (mixed == plain.roll(-1, 0)).all(1) & (plain != plain.roll(-1, 0)).any(1)
    assert torch.equal(torch.where(pasted[:, None], plain.roll(-1, 0), plain), mixed)
    covered = pasted.float().mean((1, 2))
    same = (plain == plain.roll(-1, 0)).all(1).float().mean((1, 2))  # pixels that a paste does not change
    share = labels[torch.arange(200), LABELS]
    assert ((1 - share - covered) <= same + 1e-5).all()
    assert ((1 - share - covered) >= -1e-5).all()
    torch.testing.assert_close(labels.sum(1), torch.ones(200))
    assert covered.max() > 0.5
    assert covered.min() < 0.05


def test_a_mix_of_one_class_is_that_class():
    augment = augmentation(pieces(), mixup=1.0)
    rows = augment.draws(200, 0, 0)
    _, labels = augment.mix(augment(pieces(), rows, 0), torch.full((200,), 7), rows)
    torch.testing.assert_close(labels[:, 7], torch.ones(200))
