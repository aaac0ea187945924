from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from imagette import metrics
from imagette.core.errors import Diverged, InputError


@pytest.fixture(scope="module")
def evaluation():
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 1000)
    logits = random.normal(size=(1000, 10)).astype(np.float32)
    logits[np.arange(1000), labels] += 2
    return logits, labels, [f"class {k}" for k in range(10)]


def test_every_figure_is_the_one_of_its_own_function(evaluation):
    logits, labels, classes = evaluation
    figures = metrics.summarize(logits, labels, classes, confidence=0.9, bins=5)
    predicted = logits.argmax(axis=1)
    right = int((predicted == labels).sum())
    assert figures["n"] == 1000
    assert figures["accuracy"] == right / 1000
    assert (figures["accuracy_low"], figures["accuracy_high"]) == metrics.wilson_interval(right, 1000, 0.9)
    assert figures["top5"] == metrics.top_k(logits, labels, 5)
    assert figures["nll"] == metrics.negative_log_likelihood(logits, labels)
    assert figures["calibration_error"] == metrics.calibration_error(logits, labels, 5)
    assert [row["recall_low"] for row in figures["per_class"]] == [
        row.recall_low for row in metrics.per_class(labels, predicted, classes, 0.9)
    ]
    matrix = metrics.confusion(labels, predicted, 10)
    assert figures["confusion"] == matrix.tolist()
    assert [tuple(pair) for pair in figures["most_confused"]] == metrics.most_confused(matrix, classes)


def test_json_gives_it_back_unchanged(evaluation):
    figures = metrics.summarize(*evaluation)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_two_classes_of_which_one_is_empty_and_one_image():
    figures = metrics.summarize([[3.0, 1.0]], [0], ["cat", "dog"])
    assert (figures["n"], figures["accuracy"]) == (1, 1.0)
    assert "top5" not in figures
    assert figures["per_class"][1]["recall"] is None
    assert figures["most_confused"] == []
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_the_order_of_the_images_does_not_matter(evaluation):
    logits, labels, classes = evaluation
    order = np.random.default_rng(1).permutation(len(labels))
    one, other = metrics.summarize(logits, labels, classes), metrics.summarize(logits[order], labels[order], classes)
    assert one["confusion"] == other["confusion"]
    assert one["per_class"] == other["per_class"]
    assert one["nll"] == pytest.approx(other["nll"], rel=1e-12)


def test_ties_go_to_the_first_class():
    figures = metrics.summarize(np.zeros((2, 3)), [0, 2], ["a", "b", "c"])
    assert figures["confusion"] == [[1, 0, 0], [0, 0, 0], [1, 0, 0]]


def test_nan_logits_and_missing_names_are_refused():
    with pytest.raises(Diverged, match="2 of 2 images"):
        metrics.summarize(np.full((2, 3), np.nan), [0, 1], ["a", "b", "c"])
    with pytest.raises(InputError, match="3 columns of logits but 2 classes"):
        metrics.summarize(np.zeros((2, 3)), [0, 1], ["a", "b"])


def test_importing_the_metrics_is_light():
    heavy = "{'torch', 'scipy', 'sklearn'} & sys.modules.keys()"
    code = f"import sys, imagette.metrics; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_of_very_many_classes_the_matrix_is_left_out():
    labels = np.arange(1001)
    figures = metrics.summarize(np.eye(1001), labels, list(map(str, labels)))
    assert (figures["confusion"], figures["accuracy"], figures["most_confused"]) == (None, 1.0, [])
