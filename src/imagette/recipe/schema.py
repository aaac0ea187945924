"""The recipe: the one source of its values' types, ranges, defaults and reasons."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    field_validator,
    model_validator,
)

from imagette.recipe.models import CNN, LinearByHand, ModelSpec, narrower, with_widths
from imagette.recipe.optimizers import Adam, Constant, Monitor, OptimSpec, Plateau, ScheduleSpec
from imagette.recipe.ranges import PositiveShare, Share, ShareBelowOne, ShareBetween, Size
from imagette.recipe.section import Section
from imagette.recipe.strength import Strength
from imagette.recipe.traps import Traps


class Data(Section):
    """Which images, and what is done to them once, before training."""

    name: str = ""
    """A data set of the catalog (``imagette data list``); empty for your own, which ``path`` names."""
    path: str = ""
    """Your own images: a folder, a pixel CSV (``.csv`` or ``.csv.gz``), a CSV of paths and labels, which
    a column ``split`` may divide, or an ``.npz``."""
    test_path: str = ""
    """Test images in a file or folder of their own; empty: what ``path`` itself brings, or a share split off it."""
    division: Literal["any", "publisher", "kaggle"] = "any"
    """Fashion-MNIST exists in two train/test divisions of the same images; a run records which one it had."""
    size: NonNegativeInt = 0
    """Side in pixels that images are resized to at import; 0 keeps a common size, else takes the median side."""
    channels: Literal["native", "gray", "rgb", "rgba"] = "native"
    """Colour of the imported images; native keeps gray images gray. Transparency of files is laid on white, and kept as
    a fourth channel by rgba; arrays have the channels that they have, unless others are named here."""
    normalize: Literal["standardize", "unit", "none"] = "standardize"
    """Pixels to numbers: zero mean and unit standard deviation by the training images' own statistics; [0, 1]; or
    0-255."""
    validation: ShareBelowOne = 0.1
    """Share of the training images, of every class alike, by which the model is chosen; never the test images."""
    test: ShareBetween = 0.15
    """Share split off as the test set where the data bring none."""
    split_seed: NonNegativeInt = 0
    """Which images those shares take."""
    limit: NonNegativeInt = 0
    """Use only so many training images, of every class alike, for a quick try; 0 uses all."""
    keep_in: Literal["auto", "device", "host", "mapped"] = "auto"
    """Where the images lie while a run uses them: in the GPU's memory; in the machine's; or in a file, mapped, of which
    only what is used is in memory. Auto takes the first that they fit in. Changes the speed, not the figures."""
    skip_unreadable: bool = False
    """Leave out image files that cannot be read, and say how many, instead of stopping."""
    allow_empty_classes: bool = False
    """Accept a class without training images."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.name) == bool(self.path):
            raise ValueError("give either name (a data set of the catalog) or path (your own images)")
        return self


class Augment(Section):
    """What is done to a training batch, anew each epoch, on the device; test images stay as they are."""

    flip: Literal["none", "random", "alternating"] = "none"
    """Mirror left-right: a random half each epoch, or every image in turn; not for digits and letters."""
    crop_padding: NonNegativeInt = 0
    """Pad by so many pixels and crop at random: the net learns that position does not matter."""
    crop_fill: Literal["zero", "reflect"] = "zero"
    """What the padding holds; transparency goes on as at the image's edge."""
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Largest turn either way, in degrees."""
    translate: ShareBelowOne = 0.0
    """Largest shift either way, as a share of the side."""
    scale: ShareBelowOne = 0.0
    """Largest change of size: 0.1 draws from 0.9 to 1.1."""
    shear: Annotated[float, Field(ge=0, lt=90)] = 0.0
    """Largest slant either way, in degrees."""
    brightness: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Largest change: 0.2 multiplies by 0.8 to 1.2."""
    contrast: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Largest change of the distance from the image's mean gray."""
    saturation: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Largest change of the distance from the pixel's own gray; needs three channels."""
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Largest turn of the colour circle either way, 0.5 is all of it; needs three channels."""
    grayscale: Share = 0.0
    """Probability that a colour image becomes gray; needs three channels."""
    erase: Share = 0.0
    """Probability that a random rectangle is blanked (random erasing, Zhong et al., 2017)."""
    cutout: NonNegativeInt = 0
    """Side in pixels of a square that is blanked in every image (DeVries and Taylor, 2017)."""
    mixup: NonNegativeFloat = 0.0
    """Blend pairs of images and labels; alpha of the Beta distribution (Zhang et al., 2018)."""
    cutmix: NonNegativeFloat = 0.0
    """Paste a rectangle of one image into another; alpha of the Beta distribution (Yun et al., 2019)."""

    @model_validator(mode="after")
    def _one_mix(self) -> Self:
        if self.mixup and self.cutmix:
            raise ValueError("mixup and cutmix exclude each other: set one of them to 0")
        return self


class Train(Section):
    """How long, in what order, and on what."""

    epochs: Size = 10
    """How often every training image is seen."""
    batch_size: Size = 128
    """Images per step: smaller takes more, noisier steps; larger needs a larger rate."""
    seed: NonNegativeInt = 0
    """First weights, data order, augmentation and dropout follow from it."""
    shuffle: bool = True
    """A new order each epoch; without it, neighbouring images are always seen together."""
    drop_last: bool = False
    """Leave out an epoch's last, smaller batch."""
    label_smoothing: ShareBelowOne = 0.0
    """Share of the label spread over all classes, so that the net does not grow over-sure."""
    ema: ShareBelowOne = 0.0
    """Decay per step of a moving average of the weights, which is then what is evaluated and kept; 0: none."""
    lookahead: NonNegativeInt = 0
    """Every so many steps, return a part of the way to slow weights that follow, a larger part towards the end; 0:
    never. It averages out the noise of a high rate within few epochs; 5 is usual (Zhang et al., 2019)."""
    keep_hardest: PositiveShare = 1.0
    """Share of each batch to learn from: the images with the highest loss in a proxy, a quarter as wide, that trains
    alongside; 1: all. Steps grow cheaper; half is usual, for wide nets and many epochs, and short trainings lose by it.
    The rate is that of a batch of so many images (Jordan, 2024: airbench96_faster)."""
    keep: Literal["best", "last"] = "best"
    """Which epoch's weights the run ends with: the best by ``monitor``, and by its loss where it ties, or the last."""
    monitor: Monitor = "val_accuracy"
    """The figure by which an epoch is best, and by which training stops early."""
    early_stop: NonNegativeInt = 0
    """Stop after so many epochs without a better ``monitor``; 0: never."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:(0|[1-9][0-9]?))?)$")] = "auto"
    """Where to train; auto takes a GPU if there is one."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Numbers of the forward and backward pass; auto: bfloat16 where the hardware has it and a step is faster so."""
    layout: Literal["auto", "channels_last", "contiguous", "blocked"] = "auto"
    """Order of an image batch in memory. blocked: channels_last, and between the layers of a net oneDNN's own order, on
    a CPU and without compile; auto takes it where a step is faster so, else channels_last, or contiguous for a model of
    yours that takes no other. Results differ in the last bits between orders; where maps go through dropout, so does
    what is dropped."""
    compile: Literal["auto", "on", "off"] = "auto"
    """torch.compile, as CUDA graphs on a GPU: pays on long GPU runs, costs seconds at the start."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """CPU threads; 0 takes all cores, or one where that is faster. Results differ in the last bits between counts."""
    log_every: NonNegativeInt = 0
    """Steps between two rows of steps.csv; 0 takes about twenty an epoch."""
    checkpoint_seconds: PositiveFloat = 60.0
    """Time after which a checkpoint is due: at the next logged step. There is always one at the end of an epoch."""


class Evaluate(Section):
    """How figures are measured."""

    batch_size: Size = 500
    """Images per forward pass; changes the speed, not the figures (but with ``traps.test_without_eval``)."""
    mirror: bool = False
    """Average the answers to an image and to its mirror image (test-time augmentation): twice the time; not for digits
    and letters. An epoch is validated without, and without ``shift``: the figures of the finished run, and its
    predictions, have both."""
    shift: NonNegativeInt = 0
    """Average also over the image moved so many pixels up and left, and down and right: three times the time; 0: not.
    The net then counts less on where exactly its strides fall; 1 is usual."""
    confidence: Annotated[float, Field(gt=0, le=0.999999)] = 0.95
    """Level of every interval."""
    bins: Annotated[int, Field(ge=1, le=10_000)] = 15
    """Bins of the calibration error."""

    @property
    def views(self) -> int:
        """Count the forward passes behind an answer: ``mirror`` doubles them, ``shift`` makes three of each."""
        return (2 if self.mirror else 1) * (3 if self.shift else 1)


class Recipe(Section):
    """All that decides a training: the same recipe and plan on the same machine give the same weights, bit for bit.

    Example:
        >>> recipe = Recipe.load("digits").replace(**{"optim.lr": 0.02})
        >>> recipe.optim.lr
        0.02
    """

    name: Annotated[str, Field(pattern=r"^[^\W_][\w.-]{0,63}$")] = "run"
    """Names the run's folder."""
    about: str = ""
    """What this recipe is for, in a sentence."""
    data: Data
    augment: Augment = Augment()
    model: ModelSpec = CNN()
    optim: OptimSpec = Adam()
    schedule: ScheduleSpec = Constant()
    train: Train = Train()
    evaluate: Evaluate = Evaluate()
    traps: Traps = Traps()

    @field_validator("about")
    @classmethod
    def _can_be_written(cls, value: str) -> str:
        if value != value.encode("utf-8", "ignore").decode():
            raise ValueError(f"{value!a} is not text in UTF-8")
        return value

    @model_validator(mode="after")
    def _choosing_needs_validation(self) -> Self:
        if self.data.validation:
            return self
        watched = {"schedule.monitor": self.schedule.monitor} if isinstance(self.schedule, Plateau) else {}
        if self.train.keep == "best" or self.train.early_stop:
            watched["train.monitor"] = self.train.monitor
        for key, figure in watched.items():
            choosing = key == "train.monitor" and not self.train.early_stop
            if figure.startswith("val_"):
                instead = "keep the last weights with train.keep = 'last'" if choosing else f"{key} = 'train_loss'"
                raise ValueError(
                    f"{key} = {figure!r} needs validation images, but data.validation = 0; "
                    f"set data.validation = 0.1, or {instead}"
                )
        return self

    @model_validator(mode="after")
    def _proxy_needs_widths(self) -> Self:
        if self.train.keep_hardest < 1 and narrower(self.model) is None:
            *others, last = with_widths()
            if self.model.name in (*others, last):
                raise ValueError(
                    f"train.keep_hardest = {self.train.keep_hardest:g} chooses by a narrower net of the same model, "
                    f"but this {self.model.name!r} is as narrow as can be; set it to 1, or take larger widths"
                )
            raise ValueError(
                f"train.keep_hardest = {self.train.keep_hardest:g} chooses by a narrower net of the same model, but "
                f"{self.model.name!r} cannot be made narrower; set it to 1, or take a model with widths: "
                f"{', '.join(others)} or {last}"
            )
        return self

    @model_validator(mode="after")
    def _softmax_needs_a_loss_by_torch(self) -> Self:
        if self.traps.softmax_before_loss and isinstance(self.model, LinearByHand):
            raise ValueError("traps.softmax_before_loss: model 'linear-by-hand' brings a loss of its own; unset it")
        return self

    @model_validator(mode="after")
    def _compiling_needs_a_gradient_by_torch(self) -> Self:
        if self.train.compile == "on" and isinstance(self.model, LinearByHand):
            raise ValueError(
                "train.compile = 'on': model 'linear-by-hand' brings a gradient of its own, which is not compiled; "
                "leave it out"
            )
        return self

    @classmethod
    def load(
        cls,
        target: str | os.PathLike[str],
        overrides: Sequence[str] = (),
        strength: Strength | None = None,
    ) -> Recipe:
        """Load a recipe by name, from a TOML file or a run's folder, or for a path to your own images.

        Args:
            target: a shipped recipe's name, a ``.toml`` file, a run's folder, or a path to images.
            overrides: dotted assignments such as ``"optim.lr=0.02"``.
            strength: ``fast``, ``balanced`` or ``best``: how much time goes into accuracy, where a recipe comes in
                several; ``fashion-mnist`` in strength ``best`` is the recipe ``fashion-mnist-best``. None: as named.

        Raises:
            InputError: with every fault of the recipe at once.

        Example:
            >>> Recipe.load("digits", ["train.epochs=3"]).train.epochs
            3
        """
        from imagette.recipe.load import resolve

        return resolve(target, overrides, strength).recipe

    def replace(self, **values: Any) -> Recipe:
        """Make a recipe that differs in the given dotted keys.

        Naming another component (``model.name``) starts from that component's defaults.

        Raises:
            InputError: with every fault at once.

        Example:
            >>> Recipe.load("digits").replace(**{"model.name": "lenet"}).model.name
            'lenet'
        """
        from imagette.recipe.load import replaced

        return replaced(self, values)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield every dotted key with its value, in the order of the page.

        Example:
            >>> dict(Recipe.load("digits").items())["data.name"]
            'digits'
        """
        for key, value in self.model_dump().items():
            if isinstance(value, dict):
                yield from ((f"{key}.{inner}", v) for inner, v in value.items())
            else:
                yield key, value
