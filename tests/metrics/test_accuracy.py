from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from imagette.core.errors import Diverged, InputError
from imagette.metrics import accuracy, top_k

LOGITS = hnp.arrays(np.float32, st.tuples(st.integers(1, 8), st.integers(2, 7)), elements=st.integers(-2, 2))


def test_accuracy_counts_the_right_ones():
    assert accuracy([2, 0, 1], [2, 1, 1]) == 2 / 3
    assert accuracy([0], [0]) == 1.0
    assert accuracy([0, 0], [1, 1]) == 0.0


def test_accuracy_of_small_integer_types_does_not_wrap():
    assert accuracy(np.array([255], np.uint8), np.array([-1], np.int64)) == 0.0


def test_top_k_by_hand():
    logits = [[0.1, 0.4, 0.3, 0.2], [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]]
    assert [top_k(logits, [3, 3, 3], k) for k in (1, 2, 3, 4)] == [1 / 3, 1 / 3, 2 / 3, 1.0]


def test_of_equal_logits_the_first_class_is_ahead():
    assert top_k([[1.0, 1.0, 1.0]], [0], 1) == 1.0
    assert top_k([[1.0, 1.0, 1.0]], [1], 1) == 0.0
    assert top_k([[1.0, 1.0, 1.0]], [1], 2) == 1.0


@given(LOGITS, st.data())
def test_top_k_grows_from_the_accuracy_to_one(logits, data):
    n, classes = logits.shape
    labels = data.draw(hnp.arrays(np.int64, n, elements=st.integers(0, classes - 1)))
    curve = [top_k(logits, labels, k) for k in range(1, classes + 1)]
    assert curve[0] == accuracy(logits.argmax(axis=1), labels)
    assert curve == sorted(curve)
    assert curve[-1] == 1.0


def test_top_k_agrees_with_sklearn_where_nothing_ties():
    from sklearn.metrics import top_k_accuracy_score

    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(500, 12)), random.integers(0, 12, 500)
    assert top_k(logits, labels, 5) == pytest.approx(top_k_accuracy_score(labels, logits, k=5, labels=range(12)))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: accuracy([], []), "at least one image"),
        (lambda: accuracy([0, 1], [0]), "1 labels but 2 predictions"),
        (lambda: accuracy([0.0], [0]), "whole"),
        (lambda: accuracy([[0]], [0]), "(1, 1)"),
        (lambda: top_k([[0.0, 1.0]], [0], 3), "k is 1 to 2"),
        (lambda: top_k([[0.0, 1.0]], [0], 0), "k is 0"),
        (lambda: top_k([[0.0, 1.0]], [2], 1), "labels[0] is 2"),
        (lambda: top_k([[0.0, 1.0]], [-1], 1), "numbered 0 to 1"),
        (lambda: top_k([[0.0, 1.0]], [0, 1], 1), "2 labels but 1 rows"),
        (lambda: top_k([0.0, 1.0], [0], 1), "(2,)"),
        (lambda: top_k([[0.0]], [0], 1), "two or more"),
    ],
)
def test_what_cannot_be_measured_is_said(call, says):
    with pytest.raises(InputError) as error:
        call()
    assert says in str(error.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_name_their_image(bad):
    with pytest.raises(Diverged, match=r"1 of 3 images .* image 1: ") as error:
        top_k([[0.0, 1.0], [0.0, bad], [1.0, 0.0]], [0, 0, 0], 1)
    assert error.value.exit_code == 4
    assert "learning rate" in str(error.value)
