"""Real digits in memory: 400 to learn from, 200 to validate."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from imagette.data.imageset import ImageSet


@pytest.fixture(scope="module")
def digits() -> tuple[ImageSet, ImageSet]:
    bunch = load_digits()
    pixels = (bunch.images * 15.9375).astype(np.uint8)[:, None]
    images = ImageSet(pixels, bunch.target.astype(np.int64), tuple("0123456789"), np.arange(len(pixels)).astype(str))
    return images.take(np.arange(400)), images.take(np.arange(400, 600))
