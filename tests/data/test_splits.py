"""Every class gives alike, nothing is lost or taken twice, and the seed decides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagette.data.imageset import ImageSet
from imagette.data.splits import duplicates, stratified


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.integers(0, 5), min_size=1, max_size=200),
    fraction=st.floats(0, 1),
    seed=st.integers(0, 2**40),
)
def test_every_class_gives_its_share(labels, fraction, seed):
    kept, taken = stratified(labels, fraction, seed)
    assert sorted([*kept, *taken]) == list(range(len(labels)))
    assert kept.tolist() == sorted(kept)
    assert taken.tolist() == sorted(taken)
    counts = {name: labels.count(name) for name in set(labels)}
    given_up = {name: sum(labels[i] == name for i in taken) for name in counts}
    assert len(taken) == min(round(fraction * len(labels)), len(labels) - len(counts))
    assert all(given_up[name] < count for name, count in counts.items())
    if min(counts.values()) * (1 - fraction) >= 2:  # no class runs out
        # The share asked for is of all images, rounded; that moves a class's share by less than one image more.
        assert all(abs(given_up[name] - fraction * count) < 2 for name, count in counts.items())


def test_the_total_is_exact_where_classes_do_not_divide():
    labels = np.repeat(np.arange(7), [10, 11, 12, 13, 14, 15, 16])
    kept, taken = stratified(labels, 0.25, seed=3)
    assert (len(kept), len(taken)) == (68, 23)


def test_where_not_all_classes_can_give_the_lot_decides():
    labels = np.repeat(np.arange(26), 7)
    given = [np.unique(labels[stratified(labels, 0.1, seed)[1]]).tolist() for seed in range(20)]
    assert {len(classes) for classes in given} == {18}
    assert {each for classes in given for each in classes} == set(range(26))


def test_equal_classes_give_equally():
    labels = np.tile(np.arange(10), 100)
    _, taken = stratified(labels, 0.1, seed=0)
    assert np.bincount(labels[taken]).tolist() == [10] * 10


def test_the_seed_decides():
    labels = np.tile(np.arange(4), 50)
    first, again, other = (stratified(labels, 0.3, seed)[1] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_taken_images_are_spread_over_the_class():
    labels = np.zeros(1000, np.int64)
    _, taken = stratified(labels, 0.2, seed=5)
    assert 400 < taken.mean() < 600


def test_a_class_of_one_image_keeps_it():
    kept, taken = stratified([0] * 9 + [1], 0.9, seed=0)
    assert 9 in kept
    assert 9 not in taken


def some(images: np.ndarray) -> ImageSet:
    count = len(images)
    return ImageSet(images, np.zeros(count, np.int64), ("a",), np.array([str(i) for i in range(count)]))


@pytest.mark.parametrize("shape", [(1, 6, 6), (3, 6, 6), (1, 1, 2)])
def test_duplicates_are_exact_copies(shape):
    train = np.random.default_rng(0).integers(0, 256, (20, *shape), np.uint8)
    test = train[[3, 3, 7]].copy()
    test[2, 0, 0, 0] ^= 1
    assert duplicates([some(train)], some(test)) == 2
