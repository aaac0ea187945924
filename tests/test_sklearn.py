from __future__ import annotations

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Event

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator
from torch import nn

from imagette.core import console
from imagette.core.errors import Diverged, InputError
from imagette.sklearn import ImageClassifier


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)  # (1797, 64) pixels 0 to 16, (1797,)


@pytest.fixture(scope="module")
def few(digits):
    return digits[0][:200], digits[1][:200]


@pytest.fixture(scope="module")
def colour():
    """Images (60, 6, 5, 3) uint8 whose class is the brightest channel."""
    random = np.random.default_rng(0)
    classes = random.integers(0, 3, 60)
    pixels = random.integers(0, 100, (60, 6, 5, 3), dtype=np.uint8)
    pixels[np.arange(60), :, :, classes] += 100
    return pixels, classes


def quick(**parameters):
    return ImageClassifier(**{"model": "linear", "epochs": 2, "random_state": 0} | parameters)


def test_scikit_learns_own_checks_pass():
    results = check_estimator(ImageClassifier(), on_fail=None, on_skip=None)
    assert {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"} == {}
    # It hands over arrays of other libraries than numpy, where SCIPY_ARRAY_API is set.
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {"check_array_api_input"}


def test_the_defaults_learn_real_digits(digits):
    X, held_out, y, truth = train_test_split(*digits, test_size=0.3, random_state=0, stratify=digits[1])
    classifier = ImageClassifier(random_state=0).fit(X, y)
    assert classifier.recipe_.model.name == "cnn"
    assert classifier.image_shape_ == (1, 8, 8)
    assert classifier.score(held_out, truth) > 0.97


@pytest.mark.parametrize("shape", [(-1, 8, 8), (-1, 8, 8, 1), (-1, 1, 8, 8)])
def test_gray_images_may_come_in_any_layout(few, shape):
    X, y = few
    table = quick().fit(X, y)
    images = quick().fit(X.reshape(shape), y)
    assert images.image_shape_ == (1, 8, 8)
    assert images.n_features_in_ == 64
    assert get_tags(images).input_tags.three_d_array
    np.testing.assert_array_equal(images.predict_proba(X.reshape(shape)), table.predict_proba(X))
    np.testing.assert_array_equal(images.predict(X), table.predict(X))


def test_colour_images_may_come_in_any_layout(colour):
    pixels, classes = colour
    last = quick(model="cnn", epochs=30).fit(pixels, classes)
    planes = pixels.transpose(0, 3, 1, 2)
    first = clone(last).fit(planes, classes)
    table = clone(last).set_params(image_shape=(3, 6, 5)).fit(planes.reshape(60, 90), classes)
    assert last.image_shape_ == first.image_shape_ == table.image_shape_ == (3, 6, 5)
    assert last.score(pixels, classes) > 0.9
    np.testing.assert_array_equal(first.predict_proba(planes), last.predict_proba(pixels))
    np.testing.assert_array_equal(table.predict_proba(planes.reshape(60, 90)), last.predict_proba(pixels))


@pytest.mark.parametrize("channels", [2, 4])
def test_transparency_may_come_in_any_layout(colour, channels):
    """The class is told by the last channel alone."""
    pixels = np.zeros((60, 6, 5, channels), np.uint8)
    pixels[..., -1] = np.where(colour[1] == 0, 200, 50)[:, None, None]
    last = quick(epochs=30).fit(pixels, colour[1] == 0)
    planes = pixels.transpose(0, 3, 1, 2)
    first = clone(last).fit(planes, colour[1] == 0)
    assert last.image_shape_ == first.image_shape_ == (channels, 6, 5)
    assert last.score(pixels, colour[1] == 0) == 1
    np.testing.assert_array_equal(first.predict_proba(planes), last.predict_proba(pixels))


@pytest.mark.parametrize(
    ("shape", "taken"),
    [
        ((3, 8, 4), (3, 8, 4)),
        ((1, 4, 4), (1, 4, 4)),
        ((4, 8, 3), (3, 4, 8)),
        ((3, 8, 1), (1, 3, 8)),
        ((2, 8, 4), (4, 2, 8)),
    ],
)
def test_where_both_axes_may_be_channels_gray_and_colour_go_first(shape, taken):
    pixels = np.random.default_rng(0).integers(0, 256, (4, *shape), dtype=np.uint8)
    classifier = quick().fit(pixels, [0, 1, 0, 1])
    assert classifier.image_shape_ == taken


def test_rows_that_are_no_square_are_a_line_of_pixels(few):
    X, y = few
    assert quick().fit(X[:, :48], y).image_shape_ == (1, 1, 48)
    assert quick(image_shape=(1, 6, 8)).fit(X[:, :48], y).image_shape_ == (1, 6, 8)


def test_the_automatic_model_is_linear_where_a_cnn_cannot_be(few):
    X, y = few
    assert ImageClassifier(epochs=1).fit(X[:, :9], y).recipe_.model.name == "linear"
    assert ImageClassifier(epochs=1).fit(X[:, :16], y).recipe_.model.name == "cnn"


def test_uint8_pixels_are_taken_as_they_are(few):
    X, y = few
    dark = X.astype(np.uint8)  # 0 to 16, and not stretched
    classifier = quick(overrides={"data.normalize": "unit"}).fit(dark, y)
    assert classifier.pixel_range_ == (0.0, 255.0)
    stretched = quick(overrides={"data.normalize": "unit"}).fit(X, y)
    assert stretched.pixel_range_ == (0.0, 16.0)
    assert np.abs(classifier.predict_proba(dark) - stretched.predict_proba(X)).max() > 0.01


def test_the_unit_of_other_pixels_does_not_matter(few):
    X, y = np.minimum(few[0], 15), few[1]  # 255 is 15 times 17: every level is met exactly
    expected = quick().fit(X, y).predict_proba(X)
    full = X * 17  # 0 to 255
    for same in (X / 15, X.astype(np.int64), X * 100 - 7, full, full.astype(np.uint8), X.astype(np.float32)):
        np.testing.assert_array_equal(quick().fit(same, y).predict_proba(same), expected)


def test_the_type_of_the_pixels_does_not_matter_when_predicting(few):
    X, y = few
    small = X.astype(np.uint8)
    for fitted in (quick().fit(X, y), quick().fit(small, y)):
        np.testing.assert_array_equal(fitted.predict_proba(small), fitted.predict_proba(X))


def test_pixels_outside_the_training_range_are_clipped(few):
    X, y = few
    classifier = quick().fit(X, y)
    wild = np.where(X == 16, 1000, np.where(X == 0, -1000, X))
    with pytest.warns(UserWarning, match="from -1000 to 1000"):
        clipped = classifier.predict_proba(wild)
    np.testing.assert_array_equal(clipped, classifier.predict_proba(X))


def test_images_without_contrast_can_be_trained():
    assert quick().fit(np.full((4, 9), 3.0), [0, 1, 0, 1]).predict_proba(np.full((1, 9), 3.0)).shape == (1, 2)


def test_class_names_come_back(few):
    X, y = few
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    classifier = quick(epochs=20).fit(X, names[y])
    assert classifier.classes_.tolist() == sorted(names)
    assert classifier.predictor_.classes == tuple(sorted(names))
    assert classifier.score(X, names[y]) > 0.9


def test_decision_function_has_the_sign_of_the_prediction(few):
    X, y = few
    two = quick().fit(X, y >= 5)
    assert two.decision_function(X).shape == (200,)
    np.testing.assert_array_equal(two.decision_function(X) > 0, two.predict(X))
    ten = quick().fit(X, y)
    np.testing.assert_array_equal(ten.decision_function(X).argmax(axis=1), ten.predict(X))


def test_the_seed_decides(few):
    X, y = few
    one = quick(random_state=3).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(quick(random_state=3).fit(X, y).predict_proba(X), one)
    assert not np.array_equal(quick(random_state=4).fit(X, y).predict_proba(X), one)
    shared = np.random.RandomState(0)
    first, second = (quick(random_state=shared).fit(X, y).predict_proba(X) for _ in range(2))
    assert not np.array_equal(first, second)


def test_the_callers_random_numbers_stay_as_they_were(few):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    quick().fit(*few)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_fits_in_threads_are_those_of_one_thread(few):
    X, y = few
    classifier = quick(model="cnn", epochs=2, random_state=0, overrides={"model.dropout": 0.3})
    alone = cross_val_score(classifier, X, y, cv=3)
    with joblib.parallel_config("threading", n_jobs=3):
        assert cross_val_score(classifier, X, y, cv=3).tolist() == alone.tolist()


def test_predictions_in_threads_are_those_of_one_thread(few):
    X, y = few
    classifier = quick(model="resnet", epochs=1).fit(X, y)
    alone = classifier.predict_proba(X[:1])
    with ThreadPoolExecutor(4) as threads:
        for answer in threads.map(lambda _: classifier.predict_proba(X[:1]), range(100)):
            np.testing.assert_array_equal(answer, alone)


def test_it_trains_with_the_threads_that_torch_has(few, request):
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    torch.set_num_threads(3)
    assert quick().fit(*few).recipe_.train.threads == 3
    assert torch.get_num_threads() == 3


def test_it_serves_in_a_grid_search_and_a_pipeline(few):
    X, y = few
    search = GridSearchCV(
        make_pipeline(FunctionTransformer(lambda X: X / 16), quick()),
        {"imageclassifier__epochs": np.array([1, 30])},
        cv=2,
        scoring=["accuracy", "neg_log_loss", "roc_auc_ovr"],
        refit="accuracy",
        error_score="raise",
    ).fit(X, y)
    assert search.best_params_ == {"imageclassifier__epochs": 30}
    assert search.best_score_ > 0.8


@pytest.mark.parametrize("copied", [lambda c, _: pickle.loads(pickle.dumps(c)), lambda c, file: _dumped(c, file)])
def test_a_pickled_classifier_predicts_the_same(few, tmp_path, copied):
    X, y = few
    classifier = quick(model="cnn", overrides={"evaluate.shift": 1}).fit(X, y)
    predictor = classifier.predictor_
    other = copied(classifier, tmp_path / "classifier.joblib")
    assert classifier.predictor_ is predictor
    np.testing.assert_array_equal(other.predict_proba(X), classifier.predict_proba(X))
    assert other.history_ == classifier.history_
    assert clone(other).get_params() == classifier.get_params()


def _dumped(classifier, file):
    joblib.dump(classifier, file)
    return joblib.load(file)


def test_read_only_images_give_no_warning(few):
    X, y = few[0].astype(np.uint8), few[1].copy()
    X.flags.writeable = y.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick().fit(X, y).predict(X)


def test_validation_chooses_the_epoch(few):
    X, y = few
    steady = {"schedule.name": "constant", "train.precision": "float32"}
    classifier = quick(epochs=12, lr=0.3, validation=0.25, overrides=steady).fit(X, y)
    curve = [row["val_accuracy"] for row in classifier.history_]
    assert [row["best"] for row in classifier.history_] == [v > max(curve[:i], default=-1) for i, v in enumerate(curve)]
    assert max(curve) > curve[-1]  # a run whose last epoch is not the best
    kept = classifier.score(X, y)
    assert kept > clone(classifier).set_params(overrides={**steady, "train.keep": "last"}).fit(X, y).score(X, y)


def test_without_validation_all_images_train_and_the_last_epoch_stays(few):
    classifier = quick().fit(*few)
    assert [row["val_accuracy"] for row in classifier.history_] == [None, None]
    assert classifier.recipe_.train.keep == "last"
    assert len(classifier.history_) == 2


def test_few_images_are_seen_more_often(few):
    X, y = few
    assert len(ImageClassifier("linear", batch_size=10).fit(X, y).history_) == 15  # 300 steps of 20 an epoch
    assert len(ImageClassifier("linear", batch_size=2).fit(X, y).history_) == 10
    assert len(ImageClassifier("linear", overrides={"train.epochs": 3}).fit(X, y).history_) == 3


def test_a_module_of_your_own_is_copied(few):
    X, y = few
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    before = module[1].weight.detach().clone()
    classifier = ImageClassifier(module, epochs=20, lr=0.03, random_state=0).fit(X, y)
    assert classifier.score(X, y) > 0.9
    assert torch.equal(module[1].weight, before)
    np.testing.assert_array_equal(clone(classifier).fit(X, y).predict_proba(X), classifier.predict_proba(X))


def test_overrides_have_the_last_word(few):
    recipe = quick(overrides={"train.epochs": 1, "augment.crop_padding": 1, "optim.name": "sgd"}).fit(*few).recipe_
    assert (recipe.train.epochs, recipe.augment.crop_padding, recipe.optim.name) == (1, 1, "sgd")


def test_what_is_not_given_goes_by_what_the_overrides_say(few):
    recipe = quick(lr=None, overrides={"model.name": "linear", "data.validation": 0.2}).fit(*few).recipe_
    assert (recipe.model.name, recipe.optim.lr, recipe.train.keep) == ("linear", 0.03, "best")


def test_how_exactly_the_caller_multiplies_does_not_matter(few):
    X, y = few
    whole = {"train.precision": "float32", "model.hidden": 512}
    wanted = quick(model="cnn", overrides=whole).fit(X, y)
    torch.set_float32_matmul_precision("medium")
    try:
        found = quick(model="cnn", overrides=whole).fit(X, y)
        assert torch.get_float32_matmul_precision() == "medium"
        np.testing.assert_array_equal(found.predict_proba(X), wanted.predict_proba(X))
    finally:
        torch.set_float32_matmul_precision("highest")


def test_predictions_that_overlap_leave_torch_its_threads(few, request):
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    torch.set_num_threads(2)
    predictor = quick().fit(*few).predictor_
    predictor.threads = 1
    both, first_is_done = Barrier(2), Event()

    def answer(is_first):
        def meet(*_):
            both.wait(10)
            assert is_first or first_is_done.wait(10)

        mine = predictor.on_cpu()
        mine.module.register_forward_hook(meet)
        mine.predict(np.zeros((1, 1, 8, 8), np.uint8))
        first_is_done.set()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(answer, (True, False)))
    assert torch.get_num_threads() == 2


def test_column_names_of_a_table_are_kept(few):
    X, y = few
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(1, 65)])
    classifier = quick().fit(frame, y)
    assert classifier.feature_names_in_[-1] == "pixel64"
    with pytest.raises(ValueError, match="feature names"):
        classifier.predict(frame[frame.columns[::-1]])


def test_progress_is_shown_when_asked_for(few, capsys, monkeypatch):
    monkeypatch.setattr(console, "PLAIN_SECONDS", 0.0)
    quick().fit(*few)
    assert capsys.readouterr().err == ""
    quick(verbose=True).fit(*few)
    assert "training: 2 of 2 epochs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"model": "lineer"}, "did you mean 'linear'?"),
        ({"epochs": 0}, "train.epochs"),
        ({"epochs": None, "batch_size": 0}, "train.batch_size"),
        ({"device": "gpu"}, "train.device"),
        ({"validation": 1.5}, "data.validation"),
        ({"validation": 0.001}, "takes none of 200 images"),
        ({"overrides": {"optim.rate": 1}}, "unknown key; Available: betas"),
        ({"overrides": {"model.name": ["linear"]}}, "model"),
        ({"overrides": {"data.limit": 20}}, "data.limit would change nothing"),
        ({"overrides": {"evaluate.bins": 3, "model.name": "linear"}}, "evaluate.bins would change nothing"),
        (
            {"model": nn.Flatten(), "overrides": {"model.name": "cnn", "model.hidden": 7}},
            "model.hidden, model.name would",
        ),
        ({"overrides": {"train": {"epochs": 3}}}, "give values by dotted keys"),
        ({"overrides": ["train.epochs=3"]}, "give values by dotted keys"),
        ({"image_shape": (8, 8)}, "three whole numbers"),
        ({"image_shape": (-1, -8, 8)}, "three whole numbers"),
        ({"image_shape": (1, 7, 7)}, "image_shape = (1, 7, 7)"),
        ({"model": nn.Linear(3, 3)}, "Linear"),
    ],
)
def test_wrong_parameters_are_said(few, parameters, says):
    with pytest.raises(InputError) as error:
        quick(**parameters).fit(*few)
    assert says in str(error.value)


@pytest.mark.parametrize("shape", [(4, 5, 5, 5), (4, 0, 5, 5), (4, 1, 5, 5, 1)])
def test_arrays_that_hold_no_images_are_refused(shape):
    with pytest.raises(InputError, match="C = 1 to 4"):
        quick().fit(np.zeros(shape), [0, 1, 0, 1])


def test_images_of_another_shape_are_refused(few):
    X, y = few
    classifier = quick().fit(X, y)
    with pytest.raises(InputError, match="fitted to"):
        classifier.predict(X.reshape(-1, 4, 16))
    with pytest.raises(ValueError, match="63 features"):
        classifier.predict(X[:, 1:])
    with pytest.raises(InputError, match="image_shape"):
        quick(image_shape=(1, 4, 16)).fit(X.reshape(-1, 8, 8), y)


def test_images_that_are_not_finite_are_refused_in_any_layout(few):
    X, y = few[0].copy(), few[1]
    X[3, 3] = np.nan
    for broken in (X, X.reshape(-1, 8, 8)):
        with pytest.raises(ValueError, match="NaN"):
            quick().fit(broken, y)


def test_one_class_is_refused(few):
    with pytest.raises(InputError, match="1 class"):
        quick().fit(few[0], np.zeros(200))


def test_a_fit_that_fails_leaves_no_half_fitted_classifier(few):
    X, y = few
    classifier = quick().fit(X, y)
    with pytest.raises(Diverged):
        classifier.set_params(lr=1e38, overrides={"optim.name": "sgd"}).fit(X, y % 2)
    with pytest.raises(NotFittedError):
        classifier.predict(X)


def test_images_of_another_range_are_warned_of(few):
    images, labels = few
    classifier = quick().fit(images.astype(np.uint8), labels)
    with pytest.warns(UserWarning, match=r"from 0 to 1; the classifier was fitted to values from 0 to 255"):
        classifier.predict(images / images.max())
    bright = quick().fit((images > 7).astype(np.uint8), labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bright.predict((images > 7).astype(np.uint8))
    scaled = quick().fit(images / images.max(), labels)
    with pytest.warns(UserWarning, match=r"fitted to values from 0 to 1, and"):
        scaled.predict(images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaled.predict(images / images.max() * 0.9)
