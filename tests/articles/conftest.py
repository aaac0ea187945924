"""Real digits, drawn larger, in place of the articles' data sets: a bare machine has no others."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from imagette.data import digits


def enlarged(images: np.ndarray, side: int) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(image[0]).resize((side, side))) for image in images])


@pytest.fixture(scope="session")
def large_digits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give ``data`` for ``reproduce``: 600 digits as 28×28 gray and as 32×32 colour images."""
    folder = tmp_path_factory.mktemp("digits")
    (train, labels), (test, test_labels) = digits.read()

    def save(name: str, side: int, channels: int) -> str:
        pictures = [np.repeat(enlarged(part, side)[..., None], channels, 3) for part in (train[:600], test[:100])]
        np.savez(folder / name, x_train=pictures[0], y_train=labels[:600], x_test=pictures[1], y_test=test_labels[:100])
        return str(folder / name)

    gray = save("gray.npz", 28, 1)
    return {"mnist": gray, "fashion-mnist": gray, "cifar10": save("colour.npz", 32, 3)}
