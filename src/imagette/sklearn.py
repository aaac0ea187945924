"""Imagette's engine as a scikit-learn estimator: grids, cross-validation and pipelines over images in arrays."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from imagette.core.console import track
from imagette.core.errors import InputError
from imagette.core.shape import Shape
from imagette.data.imageset import ImageSet
from imagette.data.splits import stratified
from imagette.engine import settings
from imagette.engine.events import EpochDone
from imagette.engine.loop import Training
from imagette.engine.predictor import Prediction
from imagette.models.copies import copied
from imagette.recipe.schema import Data, Recipe

COLOURS, TRANSPARENT = (1, 3), (2, 4)  # channels of an image; those with transparency behind the colour
LEAST_EPOCHS, LEAST_STEPS = 10, 300  # what epochs=None trains at least
LEARNING_RATE, LEARNING_RATES = 0.003, {"linear": 0.03}  # what lr=None takes, by model
DATA_KEYS = ("data.normalize", "data.split_seed", "data.validation")
IDLE = ("evaluate.bins", "evaluate.confidence", "train.checkpoint_seconds")  # they are for runs in folders
OUTSIDE = 0.01  # share of values, or of their range, from which images count as of another range
SMALLEST_FOR_CNN = 4  # pixels a side: the cnn's two poolings leave one of them


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Train a small-image classifier on arrays, by scikit-learn's conventions.

    **Images** X are one of (N, H, W) gray, (N, H, W, C) or (N, C, H, W) with C = 1 to 4 (gray, gray with transparency,
    colour, colour with transparency; where both axes fit, 1 and 3 go before 2 and 4, then the last axis before the
    first), or a table (N, C·H·W) of pixels, a channel after the other, as scikit-learn and Kaggle have them.
    Training images of type uint8 are taken as they are. Others are mapped to 0-255 by the smallest and the largest
    value of the whole set and rounded: 256 levels remain, which loses nothing of pixels 0-255 or 0-16, little of
    photographs, and much of a table whose columns differ in scale (scale it before). Images to predict are mapped as
    the training images were, whatever their type, and clipped to their range.

    Args:
        model: ``"auto"`` (``cnn`` from 4×4 pixels on, ``linear`` under that), a model's name
            (``imagette models list``), or your own ``torch.nn.Module`` from float images (N, C, H, W) to logits (N, K),
            of which a copy is trained.
        image_shape: (C, H, W) of the rows of a table; None takes them for a gray square where their length is a square
            number, else for one gray line of pixels.
        epochs: how often every image is seen; None: 10 times, or more on few images, until 300 steps are made.
        lr: learning rate; None: 0.003, and 0.03 for the model ``linear``.
        batch_size: images a step.
        validation: share of the images, of every class alike, that is kept apart to choose the best epoch by; 0 trains
            on all and keeps the last.
        random_state: seed of first weights, order, augmentation, dropout and split; None gives another every time.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
        overrides: anything else of a recipe by its dotted key, such as ``{"augment.flip": "random"}``; it has the last
            word (``imagette recipes show images`` lists the keys).
        verbose: show the progress on standard error.

    Attributes:
        classes_: (K,) the values of y, sorted.
        image_shape_: (C, H, W).
        n_features_in_: C·H·W.
        pixel_range_: the values of X that became pixels 0 and 255.
        recipe_: the whole recipe that was trained.
        history_: a row for each epoch: rate, loss, accuracy, those on the validation images, seconds.
        predictor_: the trained model with its preprocessing.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X, y = load_digits(return_X_y=True)  # (1797, 64), pixels 0-16
        >>> classifier = ImageClassifier(model="linear", epochs=3, random_state=0).fit(X[:300], y[:300])
        >>> classifier.image_shape_, classifier.predict_proba(X[300:302]).shape
        ((1, 8, 8), (2, 10))
    """

    def __init__(
        self,
        model: str | nn.Module = "auto",
        *,
        image_shape: Shape | None = None,
        epochs: int | None = None,
        lr: float | None = None,
        batch_size: int = 64,
        validation: float = 0.0,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        overrides: Mapping[str, Any] | None = None,
        verbose: bool = False,
    ) -> None:
        self.model = model
        self.image_shape = image_shape
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.validation = validation
        self.random_state = random_state
        self.device = device
        self.overrides = overrides
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on images and their classes.

        Args:
            X: images, in one of the forms above.
            y: (N,) classes: numbers or strings.

        Raises:
            ValueError: for arrays that do not match or are not finite (``InputError`` is one), and for one class only.
            Diverged: when the loss or a gradient is no longer finite.
        """
        self.__dict__.pop("predictor_", None)  # a fit that fails must not leave the old model with new classes
        rows, shape = _rows(X)
        rows, y = validate_data(self, rows, y)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(
                f"y holds 1 class, {str(self.classes_[0])!r}", hint="a classifier needs two classes or more"
            )
        self.image_shape_ = _image_shape(rows.shape[1], shape, self.image_shape)
        self._brightest = float(rows.max())
        self.pixel_range_ = (0.0, 255.0) if rows.dtype == np.uint8 else (float(rows.min()), float(rows.max()))
        names, ids = tuple(map(str, self.classes_)), np.arange(len(rows)).astype(str)
        images = ImageSet(self._pixels(rows), labels.astype(np.int64), names, ids)
        self.recipe_ = self._recipe(len(images))
        with settings.undisturbed():
            self._train(*_split(images, self.recipe_))
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Give the most probable class of each image, (N,)."""
        labels = self._predict(X).labels
        return np.asarray(self.classes_[labels])

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Give the probability of each class, (N, K) in the order of ``classes_``."""
        return self._predict(X).probabilities

    def decision_function(self, X: ArrayLike) -> NDArray[np.float32]:
        """Give the logits (N, K); of two classes (N,), how far the second one's lies above the first one's."""
        logits = self._predict(X).logits
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def _predict(self, X: ArrayLike) -> Prediction:
        check_is_fitted(self, "predictor_")
        rows, shape = _rows(X)
        rows = validate_data(self, rows, reset=False)
        if shape not in (None, self.image_shape_):
            raise InputError(f"images of shape {shape}", hint=f"the classifier was fitted to {self.image_shape_}")
        self._warn_of_another_range(rows)
        return self.predictor_.predict(self._pixels(rows))

    def _warn_of_another_range(self, rows: NDArray[Any]) -> None:
        low, high = self.pixel_range_
        least, most = float(rows.min()), float(rows.max())
        outside = ((rows < low) | (rows > high)).mean() if least < low or most > high else 0
        if outside > OUTSIDE or low < most <= low + OUTSIDE * (high - low) < self._brightest:
            warnings.warn(
                f"the images hold values from {least:g} to {most:g}; the classifier was fitted to values "
                f"from {low:g} to {high:g}, and takes these for such",
                stacklevel=4,
            )

    def _pixels(self, rows: NDArray[Any]) -> NDArray[np.uint8]:
        """Map rows (N, C·H·W) to images (N, C, H, W)."""
        low, high = self.pixel_range_
        if rows.dtype != np.uint8 or (low, high) != (0, 255):
            levels = rows.astype(np.float64)
            levels -= low
            levels *= 255 / (high - low or 1)
            rows = levels.round(out=levels).clip(0, 255, out=levels).astype(np.uint8)
        # joblib hands read-only arrays to its workers; torch wants to own what it reads.
        return np.require(rows, requirements=["C", "W"]).reshape(-1, *self.image_shape_)

    def _recipe(self, n: int) -> Recipe:
        """Put the arguments into a recipe, which checks them all at once."""
        seed = int(check_random_state(self.random_state).randint(2**31))
        asked: dict[str, Any] = {} if self.epochs is None else {"train.epochs": self.epochs}
        asked |= _dotted(self.overrides or {})
        self._refuse_idle(asked)
        model = asked.get("model.name", self._model_name())
        own = {
            "data.validation": self.validation,
            "data.split_seed": seed,
            "model.name": model,
            "optim.lr": LEARNING_RATES.get(str(model), LEARNING_RATE) if self.lr is None else self.lr,
            "schedule.name": "onecycle",
            "train.batch_size": self.batch_size,
            "train.seed": seed,
            "train.keep": "best" if asked.get("data.validation", self.validation) else "last",
            "train.device": self.device,
            "train.threads": torch.get_num_threads(),
        }
        recipe = Recipe(name="ImageClassifier", data=Data(path="X")).replace(**own | asked)
        if "train.epochs" in asked:
            return recipe
        steps = math.ceil(n * (1 - recipe.data.validation) / recipe.train.batch_size)
        return recipe.replace(**{"train.epochs": max(LEAST_EPOCHS, math.ceil(LEAST_STEPS / steps))})

    def _refuse_idle(self, asked: Mapping[str, Any]) -> None:
        idle = {key for key in asked if key in IDLE or (key.startswith("data.") and key not in DATA_KEYS)}
        if isinstance(self.model, nn.Module):
            idle |= {key for key in asked if key.startswith("model.")}
        if idle:
            raise InputError(
                f"overrides: {', '.join(sorted(idle))} would change nothing here",
                hint=f"of data, {', '.join(DATA_KEYS)} can be set; of a module of your own, nothing",
            )

    def _model_name(self) -> str:
        if isinstance(self.model, nn.Module):
            return "custom"
        if self.model != "auto":
            return self.model
        return "cnn" if min(self.image_shape_[1:]) >= SMALLEST_FOR_CNN else "linear"

    def _train(self, train: ImageSet, validation: ImageSet | None) -> None:
        module = copied(self.model) if isinstance(self.model, nn.Module) else None
        training = Training(self.recipe_, train, validation, module=module)
        epochs = self.recipe_.train.epochs
        self.history_: list[dict[str, Any]] = []
        with track("training", epochs, "epochs") if self.verbose else nullcontext(lambda _: None) as advance:
            for event in training.events():
                if isinstance(event, EpochDone):
                    self.history_.append(asdict(event))
                    advance(1)
        self.predictor_ = training.predictor()

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())  # a copy: the classifier stays on its device
        if "predictor_" in state:
            state["predictor_"] = state["predictor_"].on_cpu()  # so that it can be read where there is no GPU
        return state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _rows(X: ArrayLike) -> tuple[Any, Shape | None]:
    """Lay images out as rows (N, C·H·W), and give their shape; leave a table as it is."""
    if (X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim) < 3:
        return X, None
    images = np.asarray(X)
    axis = _channel_axis(images.shape)
    if images.ndim == 3:
        images = images[:, None]
    elif axis:
        images = np.moveaxis(images, axis, 1)
    else:
        raise InputError(
            f"X has shape {np.shape(X)}",
            hint="give images (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 to 4, or a table (N, C·H·W)",
        )
    n, *shape = images.shape
    return images.reshape(n, math.prod(shape)), (shape[0], shape[1], shape[2])


def _channel_axis(shape: tuple[int, ...]) -> int | None:
    """Tell which axis of images of four axes the channels are; None where none can be."""
    if len(shape) != 4:
        return None
    return next((axis for kind in (COLOURS, TRANSPARENT) for axis in (3, 1) if shape[axis] in kind), None)


def _image_shape(pixels: int, shape: Shape | None, asked: Shape | None) -> Shape:
    """Decide the (C, H, W) of images of so many pixels."""
    if asked is not None:
        if len(asked) != 3 or not all(isinstance(side, Integral) and side > 0 for side in asked):
            raise InputError(f"image_shape = {asked}", hint="three whole numbers from 1: (C, H, W)")
        if math.prod(asked) != pixels or shape not in (None, tuple(asked)):
            raise InputError(
                f"image_shape = {asked}, but X holds images of shape {shape or (pixels,)}",
                hint="image_shape is (C, H, W), and C·H·W the length of a row",
            )
        return asked[0], asked[1], asked[2]
    side = math.isqrt(pixels)
    return shape or ((1, side, side) if side * side == pixels else (1, 1, pixels))


def _split(images: ImageSet, recipe: Recipe) -> tuple[ImageSet, ImageSet | None]:
    """Keep the validation images apart."""
    if not recipe.data.validation:
        return images, None
    kept, taken = stratified(images.labels, recipe.data.validation, recipe.data.split_seed)
    if not len(taken):
        raise InputError(
            f"validation = {recipe.data.validation} takes none of {len(images)} images",
            hint="raise it, or set it to 0",
        )
    return images.take(kept), images.take(taken)


def _dotted(overrides: Any) -> dict[str, Any]:
    if isinstance(overrides, Mapping) and not any(isinstance(value, Mapping) for value in overrides.values()):
        return dict(overrides)
    raise InputError(f"overrides = {overrides!r}", hint='give values by dotted keys: {"train.epochs": 3}')
