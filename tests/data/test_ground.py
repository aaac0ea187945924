"""Digits on a light ground for a run that learned light ones on dark, and the other way around: it is said."""

from __future__ import annotations

import numpy as np
import pytest

from imagette.data import ground


@pytest.mark.parametrize(
    ("gray", "learned", "said"),
    [
        (0, 1.0, "lie on a dark ground, and the run has learned from images on a light one"),
        (255, 0.0, "lie on a light ground, and the run has learned from images on a dark one"),
        (128, 0.0, ""),
        (128, 1.0, ""),
        (255, 1.0, ""),
    ],
)
def test_a_ground_far_from_the_one_that_was_learned_is_said_whichever_is_light(
    gray: int, learned: float, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    ground.warn_of(np.full((3, 1, 8, 8), gray, np.uint8), learned)
    told = capfd.readouterr().err
    assert said in told
    assert bool(told) == bool(said)
