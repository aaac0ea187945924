from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import log_loss

from imagette.core.errors import Diverged, InputError
from imagette.metrics import calibration_error, negative_log_likelihood


def test_nll_by_hand():
    logits = np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    assert negative_log_likelihood(logits, [1, 2]) == pytest.approx((math.log(4) - math.log(0.8)) / 2)


def test_nll_of_knowing_nothing_is_log_k():
    assert negative_log_likelihood(np.zeros((7, 10)), [3] * 7) == pytest.approx(math.log(10))


def test_nll_neither_overflows_nor_clips():
    assert negative_log_likelihood([[1e5, 0.0]], [1]) == 1e5
    assert negative_log_likelihood([[1e5, 0.0]], [0]) == 0.0


def test_nll_of_float32_logits_is_measured_in_float64():
    logits = np.random.default_rng(0).normal(size=(5000, 10)).astype(np.float32)
    labels = np.zeros(5000, np.int64)
    exact = math.fsum(math.log(math.fsum(math.exp(float(z)) for z in row)) - float(row[0]) for row in logits)
    assert negative_log_likelihood(logits, labels) == pytest.approx(exact / 5000, rel=1e-12)


def test_nll_agrees_with_sklearn():
    random = np.random.default_rng(1)
    logits, labels = random.normal(size=(300, 6)), random.integers(0, 6, 300)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert negative_log_likelihood(logits, labels) == pytest.approx(log_loss(labels, probabilities, labels=range(6)))


def two_classes(*confidences):
    """Logits of images that are class 0 with these probabilities."""
    return np.log([[p, 1 - p] for p in confidences])


def test_ece_is_the_gap_between_confidence_and_accuracy():
    assert calibration_error(two_classes(*[0.8] * 10), [0] * 6 + [1] * 4) == pytest.approx(0.2)
    assert calibration_error(two_classes(*[0.8] * 10), [0] * 8 + [1] * 2) == pytest.approx(0.0, abs=1e-12)


def test_ece_nets_within_a_bin_only():
    logits, labels = two_classes(0.9, 0.7), [0, 1]  # gaps +0.1 and -0.7
    assert calibration_error(logits, labels, bins=10) == pytest.approx((0.1 + 0.7) / 2)
    assert calibration_error(logits, labels, bins=2) == pytest.approx((0.7 - 0.1) / 2)
    assert calibration_error(logits, labels, bins=1) == pytest.approx((0.7 - 0.1) / 2)


def test_a_bin_holds_its_upper_edge():
    logits, labels = np.array([[0.0, 0.0], [math.log(3), 0.0]]), [0, 1]  # 0.5 right, 0.75 wrong
    assert calibration_error(logits, labels, bins=2) == pytest.approx((0.5 + 0.75) / 2)


def test_ece_of_the_sure_and_right_and_of_the_sure_and_wrong():
    sure = [[1000.0, 0.0]]
    assert calibration_error(sure, [0]) == 0.0
    assert calibration_error(sure, [1]) == 1.0


LOGITS = hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(2, 5)), elements=st.floats(-9, 9, width=32))


@given(LOGITS, st.data())
def test_a_constant_added_to_all_logits_changes_nothing(logits, data):
    labels = data.draw(hnp.arrays(np.int64, len(logits), elements=st.integers(0, logits.shape[1] - 1)))
    moved = logits.astype(np.float64) + 64  # exact in float64
    assert negative_log_likelihood(moved, labels) == pytest.approx(negative_log_likelihood(logits, labels), abs=1e-9)
    assert 0 <= calibration_error(logits, labels) <= 1


@pytest.mark.parametrize("figure", [negative_log_likelihood, calibration_error])
def test_faults_are_said(figure):
    with pytest.raises(Diverged, match="not finite"):
        figure([[np.nan, 0.0]], [0])
    with pytest.raises(InputError, match="2 labels"):
        figure([[1.0, 0.0]], [0, 1])


def test_no_bins_are_refused():
    with pytest.raises(InputError, match="0 bins"):
        calibration_error([[1.0, 0.0]], [0], bins=0)
