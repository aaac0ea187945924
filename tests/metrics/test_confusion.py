from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagette.core.errors import InputError
from imagette.metrics import confusion, most_confused


def test_rows_are_true_and_columns_predicted():
    matrix = confusion([0, 0, 0, 1, 2], [0, 1, 1, 1, 0], 3)
    assert matrix.dtype == np.int64
    assert matrix.tolist() == [[1, 2, 0], [0, 1, 0], [1, 0, 0]]


def test_classes_that_do_not_occur_keep_their_place():
    assert confusion([3], [1], 5).shape == (5, 5)
    assert confusion([3], [1], 5)[3, 1] == 1


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_it_counts_every_image_once(pairs):
    labels, predicted = zip(*pairs, strict=True)
    matrix = confusion(labels, predicted, 5)
    assert matrix.sum() == len(pairs)
    for true in range(5):
        for guess in range(5):
            assert matrix[true, guess] == pairs.count((true, guess))


def test_pairs_are_summed_over_both_directions():
    matrix = [[9, 3, 1, 0], [4, 9, 0, 0], [1, 6, 9, 0], [0, 0, 0, 9]]
    classes = ["shirt", "top", "coat", "bag"]
    assert most_confused(matrix, classes, 10) == [("shirt", "top", 7), ("top", "coat", 6), ("shirt", "coat", 2)]
    assert most_confused(matrix, classes, 1) == [("shirt", "top", 7)]


def test_equal_counts_keep_the_order_of_the_classes():
    assert most_confused([[0, 1, 1], [0, 0, 1], [0, 0, 0]], ["a", "b", "c"]) == [
        ("a", "b", 1),
        ("a", "c", 1),
        ("b", "c", 1),
    ]


def test_nothing_confused_gives_no_pair():
    assert most_confused(np.diag([3, 4]), ["a", "b"]) == []


def test_faults_are_said():
    with pytest.raises(InputError, match="3 classes"):
        most_confused(np.eye(2, dtype=int), ["a", "b", "c"])
    with pytest.raises(InputError, match=r"labels\[1\] is 2"):
        confusion([0, 2], [0, 1], 2)


def test_unsigned_counts_are_ordered_as_others():
    matrix = np.array([[5, 2, 0], [1, 5, 0], [0, 1, 5]], np.uint16)
    assert most_confused(matrix, ["a", "b", "c"], n=1) == [("a", "b", 3)]


def test_shares_in_place_of_counts_are_refused():
    with pytest.raises(InputError, match="type float64"):
        most_confused([[0.9, 0.1], [0.2, 0.8]], ["a", "b"])
