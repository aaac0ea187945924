"""The digits that scikit-learn brings along: real, small, and there when nothing can be fetched.

Source: Alpaydin and Kaynak, Optical recognition of handwritten digits, UCI Machine Learning Repository, 1998.
"""

from __future__ import annotations

import numpy as np

from imagette.data.formats.idx import Arrays

EVERY = 5  # every fifth image of a class is a test image
BRIGHTEST = 16


def read() -> tuple[Arrays, Arrays]:
    """Give the 1,797 digits, divided: of each class, in scikit-learn's order, every fifth is a test image.

    The pixels 0 … 16 are scaled to 0 … 255 and rounded.

    Returns:
        Training and test: images (N, 1, 8, 8) uint8 and labels (N,) int64.

    Example:
        >>> (images, labels), (test, _) = read()
        >>> images.shape, test.shape
        ((1442, 1, 8, 8), (355, 1, 8, 8))
    """
    from sklearn.datasets import load_digits  # takes a second to import

    digits = load_digits()
    images = np.rint(digits.images * (255 / BRIGHTEST)).astype(np.uint8)[:, None]
    labels = digits.target.astype(np.int64)
    test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        test[np.flatnonzero(labels == label)[EVERY - 1 :: EVERY]] = True
    return (images[~test], labels[~test]), (images[test], labels[test])
