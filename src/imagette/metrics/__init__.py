"""Layer 2: figures of a classifier, as pure functions: numpy in, numbers that JSON can hold out."""

from imagette.metrics.accuracy import accuracy, top_k
from imagette.metrics.calibration import calibration_error, negative_log_likelihood
from imagette.metrics.confusion import confusion, most_confused
from imagette.metrics.intervals import wilson_interval
from imagette.metrics.per_class import per_class
from imagette.metrics.summary import summarize

__all__ = [
    "accuracy",
    "calibration_error",
    "confusion",
    "most_confused",
    "negative_log_likelihood",
    "per_class",
    "summarize",
    "top_k",
    "wilson_interval",
]
