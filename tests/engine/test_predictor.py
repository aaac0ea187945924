"""The predictor: the one way from pixels to probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from imagette.core.errors import InputError
from imagette.data.imageset import ImageSet
from imagette.engine.predictor import Predictor, Preprocessing


def colours(n: int = 50) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (n, 3, 6, 5), np.uint8)
    return ImageSet(pixels, np.arange(n) % 2, ("a", "b"), np.arange(n).astype(str))


def test_standardised_training_images_have_mean_zero_and_deviation_one_in_each_channel() -> None:
    images = colours()
    found = Preprocessing.fit(images, "standardize")
    mean, std = (np.array(values)[:, None, None] for values in (found.mean, found.std))
    numbers = (images.images - mean) / std
    np.testing.assert_allclose(numbers.mean((0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(numbers.std((0, 2, 3)), 1, rtol=1e-12)


def test_a_channel_without_contrast_is_not_divided_by_zero() -> None:
    flat = ImageSet(np.full((4, 1, 2, 2), 7, np.uint8), np.arange(4) % 2, ("a", "b"), np.arange(4).astype(str))
    found = Preprocessing.fit(flat, "standardize")
    assert (found.mean, found.std) == ((7.0,), (255.0,))


def test_a_channel_that_was_constant_in_training_does_not_drown_the_others_when_it_changes() -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 4, 6, 5), np.uint8)
    images[:, 3] = 255  # opaque
    opaque = ImageSet(images, np.arange(9) % 2, ("a", "b"), np.arange(9).astype(str))
    images = images.copy()
    images[:, 3] = 0  # clear
    numbers = sees(Preprocessing.fit(opaque, "standardize")).logits(images)
    assert np.abs(numbers).max() < 2


@pytest.mark.parametrize(("normalize", "brightest"), [("unit", 1.0), ("none", 255.0)])
def test_fixed_scales(normalize: str, brightest: float) -> None:
    found = Preprocessing.fit(colours(), normalize)
    assert (255 - found.mean[0]) / found.std[0] == brightest


def sees(preprocessing: Preprocessing, **options: int) -> Predictor:
    """Make a predictor whose logits are the numbers that its model is given."""
    return Predictor(nn.Flatten(), tuple(map(str, range(90))), preprocessing, **options)


def test_the_model_is_given_the_normalised_pixels() -> None:
    images = colours()
    found = Preprocessing.fit(images, "standardize")
    mean, std = (np.array(values)[:, None, None] for values in (found.mean, found.std))
    expected = ((images.images - mean) / std).reshape(50, -1)
    np.testing.assert_allclose(sees(found).logits(images.images), expected, rtol=1e-5, atol=1e-6)


def test_a_last_smaller_batch_and_one_image_are_answered_alike() -> None:
    images = colours()
    found = Preprocessing.fit(images, "unit")
    whole = sees(found).logits(images.images)
    np.testing.assert_array_equal(sees(found, batch_size=7).logits(images.images), whole)
    np.testing.assert_array_equal(sees(found).logits(images.images[:1]), whole[:1])


def test_dropout_is_off_and_the_models_mode_is_given_back() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Dropout(0.9))
    predictor = Predictor(module.train(), ("a", "b"), Preprocessing((3, 6, 5), (0.0,) * 3, (1.0,) * 3))
    pixels = colours().images
    np.testing.assert_array_equal(predictor.logits(pixels), pixels.reshape(50, -1))
    assert module.training


def test_probabilities_sum_to_one_and_the_label_is_the_most_probable() -> None:
    prediction = sees(Preprocessing.fit(colours(), "unit")).predict(colours().images)
    np.testing.assert_allclose(prediction.probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(prediction.labels, prediction.probabilities.argmax(1))


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 1, 6, 5), np.uint8), np.zeros((2, 3, 6, 5), np.float32), np.zeros((3, 6, 5), np.uint8)]
)
def test_other_shapes_and_types_are_refused_with_both_shapes(wrong: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"the model takes \(N, 3, 6, 5\) uint8"):
        sees(Preprocessing.fit(colours(), "unit")).logits(wrong)


def test_it_predicts_in_float32_inside_an_autocast_region_of_the_caller() -> None:
    torch.manual_seed(0)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(90, 2))
    predictor = Predictor(linear, ("a", "b"), Preprocessing.fit(colours(), "unit"))
    expected = predictor.logits(colours().images)
    with torch.autocast("cpu", torch.bfloat16):
        found = predictor.logits(colours().images)
        assert torch.is_autocast_enabled("cpu")
    np.testing.assert_array_equal(found, expected)


def with_dropout_and_batch_norm() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(90), nn.Dropout(0.5), nn.Linear(90, 2))


def test_a_forgotten_eval_makes_the_answer_depend_on_the_batch() -> None:
    images = colours().images
    forgetful = Predictor(
        with_dropout_and_batch_norm(), ("a", "b"), Preprocessing((3, 6, 5), (0.0,) * 3, (1.0,) * 3), without_eval=True
    )
    whole = forgetful.logits(images)
    assert not np.allclose(forgetful.logits(images[:10]), whole[:10])
    np.testing.assert_array_equal(forgetful.logits(images), whole)  # a figure that is measured again is the same


def test_a_forgotten_eval_leaves_the_model_and_the_random_numbers_as_they_were() -> None:
    module = with_dropout_and_batch_norm()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Predictor(module, ("a", "b"), Preprocessing((3, 6, 5), (0.0,) * 3, (1.0,) * 3), without_eval=True).logits(
        colours().images
    )
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_the_mirror_image_has_a_say_of_its_own() -> None:
    images = colours().images
    module = nn.Sequential(nn.Flatten(), nn.Linear(90, 2))
    scale = Preprocessing((3, 6, 5), (0.0,) * 3, (255.0,) * 3)
    plain, mirrored = (Predictor(module, ("a", "b"), scale, mirror=mirror) for mirror in (False, True))
    both = (plain.logits(images) + plain.logits(np.ascontiguousarray(images[..., ::-1]))) / 2
    np.testing.assert_allclose(mirrored.logits(images), both, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("channels_last", [False, True])
def test_the_shifted_images_have_half_of_the_say(mirror: bool, channels_last: bool) -> None:
    images = colours().images
    module = nn.Sequential(nn.Flatten(), nn.Linear(90, 2))
    scale = Preprocessing((3, 6, 5), (0.0,) * 3, (255.0,) * 3)

    def logits(pixels: np.ndarray, **options: int) -> np.ndarray:
        pixels = np.ascontiguousarray(pixels)
        return Predictor(module, ("a", "b"), scale, mirror=mirror, channels_last=channels_last, **options).logits(
            pixels
        )

    padded = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    moved = logits(padded[:, :, :6, :5]) + logits(padded[:, :, 4:, 4:])
    expected = logits(images) / 2 + moved / 4
    np.testing.assert_allclose(logits(images, shift=2), expected, rtol=1e-5, atol=1e-6)


def test_a_shift_as_large_as_the_image_is_refused() -> None:
    with pytest.raises(InputError, match=r"evaluate.shift = 5 is not smaller than the images, which have 6x5 pixels"):
        Predictor(nn.Flatten(), ("a", "b"), Preprocessing((3, 6, 5), (0.0,) * 3, (1.0,) * 3), shift=5)


class Halving(nn.Module):
    """Writes over the images that it is given."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.in_place = in_place
        self.weight = nn.Parameter(torch.linspace(-1, 1, 2 * 16).view(2, 16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.mul_(0.5) if self.in_place else x * 0.5).flatten(1) @ self.weight.T


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("channels_last", [False, True])
def test_a_model_that_writes_over_its_images_spoils_no_other_view(mirror: bool, channels_last: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 1, 4, 4), np.uint8)
    scale = Preprocessing((1, 4, 4), (100.0,), (50.0,))
    logits = [
        Predictor(Halving(in_place), ("a", "b"), scale, channels_last=channels_last, mirror=mirror, shift=1).logits(
            images
        )
        for in_place in (True, False)
    ]
    np.testing.assert_allclose(*logits, rtol=1e-6)
