"""All figures of one evaluation, as ``summary.json`` holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from imagette.core.errors import InputError
from imagette.metrics.accuracy import accuracy, top_k
from imagette.metrics.calibration import calibration_error, negative_log_likelihood
from imagette.metrics.checks import checked_logits
from imagette.metrics.confusion import confusion, most_confused
from imagette.metrics.intervals import wilson_interval
from imagette.metrics.per_class import per_class

MOST = 1000  # classes whose confusion matrix is a part of the figures


def summarize(
    logits: ArrayLike, labels: ArrayLike, classes: Sequence[str], confidence: float = 0.95, bins: int = 15
) -> dict[str, Any]:
    """Measure everything at once; of equal logits the first class is the predicted one.

    Args:
        logits: (N, K) float.
        labels: (N,) integers, the true classes.
        classes: the K names.
        confidence: level of every interval, between 0 and 1.
        bins: bins of the calibration error.

    Returns:
        ``n``, ``accuracy``, ``accuracy_low``, ``accuracy_high``, ``confidence``, ``top5`` (with more than five
        classes), ``nll`` (in nats), ``calibration_error``, ``per_class`` (a list of rows), ``confusion`` (rows are the
        true classes; None with more than 1,000, whose millions of cells would be written out) and ``most_confused``
        (``[class, class, count]``): only what JSON can hold, unchanged by writing and reading it.

    Raises:
        InputError: for arrays or names that do not match.
        Diverged: for logits that are not finite.

    Example:
        >>> figures = summarize([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]], [0, 1, 1], ["cat", "dog"])
        >>> figures["n"], figures["confusion"], figures["most_confused"]
        (3, [[1, 0], [1, 1]], [['cat', 'dog', 1]])
    """
    scores, true = checked_logits(logits, labels)
    if scores.shape[1] != len(classes):
        raise InputError(f"{scores.shape[1]} columns of logits but {len(classes)} classes", hint="one column a class")
    predicted = scores.argmax(axis=1)
    matrix = confusion(true, predicted, len(classes))
    low, high = wilson_interval(int(np.trace(matrix)), len(true), confidence)
    top5 = {"top5": top_k(scores, true, 5)} if len(classes) > 5 else {}
    return {
        "n": len(true),
        "accuracy": accuracy(predicted, true),
        "accuracy_low": low,
        "accuracy_high": high,
        "confidence": confidence,
        **top5,
        "nll": negative_log_likelihood(scores, true),
        "calibration_error": calibration_error(scores, true, bins),
        "per_class": [asdict(row) for row in per_class(true, predicted, classes, confidence)],
        "confusion": matrix.tolist() if len(classes) <= MOST else None,
        "most_confused": [list(pair) for pair in most_confused(matrix, classes)],
    }
