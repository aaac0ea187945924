from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import classification_report

from imagette.core.errors import InputError
from imagette.metrics import per_class, wilson_interval


def test_by_hand():
    # true cat: 3 (2 found), true dog: 2 (1 found), true owl: 1 (found); called cat 3, dog 1, owl 2
    labels, predicted = [0, 0, 0, 1, 1, 2], [0, 0, 2, 0, 1, 2]
    cat, dog, owl = per_class(labels, predicted, ["cat", "dog", "owl"])
    assert (cat.name, cat.support, cat.precision, cat.recall, cat.f1) == ("cat", 3, 2 / 3, 2 / 3, pytest.approx(2 / 3))
    assert (dog.support, dog.precision, dog.recall, dog.f1) == (2, 1.0, 0.5, pytest.approx(2 / 3))
    assert (owl.support, owl.precision, owl.recall, owl.f1) == (1, 0.5, 1.0, pytest.approx(2 / 3))
    assert (dog.recall_low, dog.recall_high) == wilson_interval(1, 2, 0.95)


def test_narrow_integers_do_not_wrap():
    labels = np.repeat(np.arange(20), 3)
    for kind in (np.uint8, np.int8, np.uint64):
        rows = per_class(labels.astype(kind), labels, list("abcdefghijklmnopqrst"))
        assert all(row.recall == row.precision == 1 for row in rows)


def test_a_class_without_images_has_no_recall():
    called, unseen = per_class([0, 0], [0, 1], ["a", "called", "unseen"])[1:]
    assert (called.support, called.recall, called.recall_low, called.recall_high) == (0, None, None, None)
    assert (called.precision, called.f1) == (0.0, 0.0)
    assert (unseen.support, unseen.precision, unseen.recall, unseen.f1) == (0, None, None, None)


def test_a_class_that_is_never_called_has_no_precision():
    row = per_class([0, 1], [0, 0], ["a", "b"])[1]
    assert (row.precision, row.recall, row.f1) == (None, 0.0, 0.0)


@pytest.mark.parametrize(("predicted", "figure"), [([0, 1, 0, 1], 1.0), ([1, 0, 1, 0], 0.0)])
def test_all_right_and_all_wrong(predicted, figure):
    for row in per_class([0, 1, 0, 1], predicted, ["a", "b"]):
        assert (row.precision, row.recall, row.f1) == (figure, figure, figure)


def test_it_agrees_with_sklearns_report():
    random = np.random.default_rng(0)
    labels, predicted = random.integers(0, 10, 2000), random.integers(0, 10, 2000)
    report = classification_report(labels, predicted, output_dict=True)
    for k, row in enumerate(per_class(labels, predicted, [f"class {k}" for k in range(10)])):
        theirs = report[str(k)]
        assert (row.precision, row.recall, row.f1, row.support) == pytest.approx(
            (theirs["precision"], theirs["recall"], theirs["f1-score"], theirs["support"])
        )


def test_a_higher_level_widens_the_interval():
    narrow, wide = (per_class([0, 0, 1], [0, 1, 1], ["a", "b"], level)[0] for level in (0.8, 0.99))
    assert wide.recall_low < narrow.recall_low < narrow.recall_high < wide.recall_high


def test_a_prediction_out_of_range_is_refused():
    with pytest.raises(InputError, match=r"predicted\[1\] is 2"):
        per_class([0, 1], [0, 2], ["a", "b"])
