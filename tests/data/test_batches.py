"""Batches: each image once an epoch, in an order that a resume can find again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from imagette.data.augment import Augmentation
from imagette.data.batches import Batches, seed_of
from imagette.data.imageset import ImageSet
from imagette.recipe.schema import Augment


def numbered(n: int = 10) -> ImageSet:
    """Make images whose pixels and labels tell their number."""
    pixels = np.arange(n, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 2, 4), np.uint8)
    return ImageSet(pixels, np.arange(n), tuple(map(str, range(n))), np.arange(n).astype(str))


def plain(spec: Augment | None = None, classes: int = 10) -> Augmentation:
    return Augmentation(spec or Augment(), (3, 2, 4), [0.0] * 3, [1.0] * 3, "cpu", classes)


def seen(batches: Batches, epoch: int, start: int = 0) -> list[int]:
    return [int(label) for _, _, labels in batches.augmented(plain(), None, epoch, start) for label in labels]


def test_each_image_once_an_epoch_in_a_new_order() -> None:
    batches = Batches(numbered(), batch_size=3)
    assert sorted(seen(batches, 0)) == list(range(10))
    assert seen(batches, 0) != seen(batches, 1)


def test_the_order_is_a_function_of_seed_and_epoch_alone() -> None:
    used, fresh = Batches(numbered(), batch_size=3, seed=5), Batches(numbered(), batch_size=3, seed=5)
    for epoch in range(3):
        seen(used, epoch)
    torch.rand(100)
    assert seen(used, 7) == seen(fresh, 7)
    assert seen(Batches(numbered(), batch_size=3, seed=6), 7) != seen(fresh, 7)


def test_an_epoch_can_be_entered_in_the_middle() -> None:
    batches = Batches(numbered(), batch_size=3)
    assert seen(batches, 2, start=2) == seen(batches, 2)[6:]
    assert seen(batches, 2, start=4) == []


@pytest.mark.parametrize("start", [0, 1, 7, 8, 19])
def test_small_batches_that_are_augmented_together_are_those_that_come_alone(
    monkeypatch: pytest.MonkeyPatch, start: int
) -> None:
    augmentation = plain(Augment(flip="random", contrast=0.5, hue=0.1, mixup=1.0), classes=40)
    draws = augmentation.draws(40, seed=1, epoch=3)
    assert draws is not None

    def batches() -> list[tuple[Tensor, ...]]:
        return list(Batches(numbered(40), batch_size=2, seed=4).augmented(augmentation, draws, 3, start))

    together = batches()
    monkeypatch.setattr("imagette.data.batches.STRETCH", 0)
    assert len(together) == 20 - start
    for one, other in zip(together, batches(), strict=True):
        for a, b in zip(one, other, strict=True):
            torch.testing.assert_close(a, b)


def test_pixels_and_labels_come_in_the_epochs_order_in_both_layouts() -> None:
    images = numbered()
    for channels_last in (False, True):
        batches = Batches(images, batch_size=4, channels_last=channels_last)
        for index, batch in zip(batches.order(0).split(4), batches.augmented(plain(), None, 0), strict=True):
            pixels, _, labels = batch
            assert torch.equal(pixels, torch.from_numpy(images.images)[index].float())
            assert torch.equal(labels, torch.from_numpy(images.labels)[index])
            if channels_last:
                assert pixels.is_contiguous(memory_format=torch.channels_last)


def test_unshuffled_and_drop_last() -> None:
    batches = Batches(numbered(), batch_size=4, shuffle=False, drop_last=True)
    assert len(batches) == 2
    assert seen(batches, 3) == list(range(8))


def test_seeds_of_different_streams_differ() -> None:
    assert len({seed_of(a, b, c) for a in range(5) for b in range(5) for c in range(5)}) == 125


def test_what_stays_where_it_is_gives_the_same_batches() -> None:
    images = numbered()
    for channels_last in (False, True):
        staying = Batches(images, batch_size=4, channels_last=channels_last, resident=False)
        moved = Batches(images, batch_size=4, channels_last=channels_last)
        for one, other in zip(*(batches.augmented(plain(), None, 1) for batches in (staying, moved)), strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
            assert one[0].stride() == other[0].stride()
        assert staying.pixels.data_ptr() == images.images.ctypes.data
