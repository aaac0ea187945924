from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagette.core.errors import InputError
from imagette.metrics import wilson_interval


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_newcombes_published_examples(successes, n, low, high):
    # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3
    assert wilson_interval(successes, n, 0.95) == pytest.approx((low, high), abs=5e-5)


def test_one_image_by_hand():
    z2 = 1.959963984540054**2  # p = 1, n = 1: the formula becomes (1 / (1 + z²), 1)
    assert wilson_interval(1, 1, 0.95) == pytest.approx((1 / (1 + z2), 1.0))


@given(st.integers(1, 500), st.data(), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_the_interval_is_where_the_score_test_turns(n, data, confidence):
    from statistics import NormalDist

    successes = data.draw(st.integers(0, n))
    low, high = wilson_interval(successes, n, confidence)
    share, z = successes / n, NormalDist().inv_cdf((1 + confidence) / 2)
    assert 0 <= low <= share <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            assert abs(share - end) == pytest.approx(z * math.sqrt(end * (1 - end) / n), rel=1e-6, abs=1e-9)
    mirrored = wilson_interval(n - successes, n, confidence)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize(("successes", "n", "level"), [(2, 1, 0.95), (-1, 1, 0.95), (0, 0, 0.95), (1, 2, 1), (1, 2, 0)])
def test_counts_and_levels_out_of_range_are_refused(successes, n, level):
    with pytest.raises(InputError):
        wilson_interval(successes, n, level)
