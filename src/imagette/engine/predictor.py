"""One way from uint8 pixels to probabilities: behind validation, test, prediction, and whatever ships the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from imagette.core.errors import InputError
from imagette.core.shape import Shape
from imagette.data.augment import Normalize
from imagette.data.batches import tensor
from imagette.data.imageset import ImageSet
from imagette.data.mapped import blocks
from imagette.engine import settings
from imagette.models import modes
from imagette.models.copies import copied

BLOCK = 4096  # images whose pixels are counted at a time


@dataclass(frozen=True)
class Preprocessing:
    """What turns pixels 0-255 into the model's numbers: (pixel - mean) / std, by channel.

    A channel of one value only, as the transparency of opaque images, is divided by 255: an image to predict that has
    another value there differs by 1 at most.

    Example:
        >>> Preprocessing(shape=(1, 28, 28), mean=(0.0,), std=(255.0,)).std
        (255.0,)
    """

    shape: Shape
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def fit(cls, images: ImageSet, normalize: str) -> Preprocessing:
        """Take the statistics of the training images, or the fixed ones of ``unit`` and ``none``."""
        channels = images.shape[0]
        if normalize != "standardize":
            scale = 255.0 if normalize == "unit" else 1.0
            return cls(images.shape, (0.0,) * channels, (scale,) * channels)
        # A histogram of 256 values gives the exact moments; block by block it needs little memory.
        counts = np.zeros((channels, 256))
        for block in blocks(images.images):
            for first in range(0, len(block), BLOCK):
                for channel, row in enumerate(counts):
                    row += np.bincount(block[first : first + BLOCK, channel].reshape(-1), minlength=256)
        values, total = np.arange(256), counts[0].sum()
        mean = (counts * values).sum(1) / total
        std = np.sqrt((counts * (values - mean[:, None]) ** 2).sum(1) / total)
        return cls(images.shape, tuple(mean.tolist()), tuple(np.where(std, std, 255.0).tolist()))

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Preprocessing:
        """Read back from ``model.json``."""
        return cls(tuple(facts["shape"]), tuple(facts["mean"]), tuple(facts["std"]))

    def to_dict(self) -> dict[str, Any]:
        """Write for ``model.json``."""
        return asdict(self)


@dataclass(frozen=True)
class Prediction:
    """What the model says of N images.

    Attributes:
        logits: (N, K) float32.
        probabilities: (N, K) float32, rows sum to 1.
        labels: (N,) int64, the most probable class.
    """

    logits: np.ndarray
    probabilities: np.ndarray
    labels: np.ndarray


class Predictor:
    """A trained model with its class names and preprocessing: uint8 pixels in, probabilities out.

    It computes in float32 whatever the training's precision was, so that every reader gets the same answer, but for the
    last digits: processors add in another order, and recent NVIDIA GPUs round what a convolution multiplies (TF32).

    Args:
        module: maps (N, C, H, W) float32 to logits (N, K).
        classes: K names.
        preprocessing: what the model was trained with.
        batch_size: images a forward pass.
        channels_last: memory format of the batches.
        mirror: average the logits of an image and of its mirror image.
        shift: give the image half of the say, and a quarter each to it moved by so many pixels up and left, and down
            and right, with reflected edges; each with its mirror image, if ``mirror``.
        without_eval: compute in training mode, the trap of article A0: what an image gets then depends on the batch
            that it comes in. Dropout is the same at every call, and the module stays as it is.
        threads: that compute on a CPU; 0 takes as many as torch is set to.

    Raises:
        InputError: when the images are too small for the shift.

    Source: the six views of ``mirror`` with ``shift`` are those of K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a
    Single GPU" (2024).

    Example:
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        >>> predictor = Predictor(model, ("no", "yes"), Preprocessing((1, 2, 2), (0.0,), (255.0,)))
        >>> predictor.predict(np.zeros((3, 1, 2, 2), np.uint8)).probabilities.shape
        (3, 2)
    """

    def __init__(
        self,
        module: nn.Module,
        classes: tuple[str, ...],
        preprocessing: Preprocessing,
        *,
        batch_size: int = 500,
        channels_last: bool = True,
        mirror: bool = False,
        shift: int = 0,
        without_eval: bool = False,
        threads: int = 0,
    ) -> None:
        self.threads = threads
        self.module, self.classes, self.preprocessing = module, classes, preprocessing
        if shift >= min(preprocessing.shape[1:]):
            raise InputError(
                f"evaluate.shift = {shift} is not smaller than the images, "
                f"which have {preprocessing.shape[1]}x{preprocessing.shape[2]} pixels",
                hint="1 is usual, 0 shifts nothing",
            )
        self.mirror, self.shift, self.without_eval = mirror, shift, without_eval
        self.batch_size = batch_size
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.device = next((p.device for p in module.parameters()), torch.device("cpu"))
        self._normalize = Normalize(preprocessing.mean, preprocessing.std, self.device)  # the training's own

    def on_cpu(self) -> Predictor:
        """Give one that answers alike, with a copy of the module on the CPU."""
        return Predictor(
            copied(self.module).cpu(),
            self.classes,
            self.preprocessing,
            batch_size=self.batch_size,
            channels_last=self.memory_format == torch.channels_last,
            mirror=self.mirror,
            shift=self.shift,
            without_eval=self.without_eval,
            threads=self.threads,
        )

    def check(self, images: np.ndarray) -> None:
        """Refuse images that are not of the model's shape and uint8.

        Raises:
            InputError: naming both.
        """
        if images.ndim != 4 or images.dtype != np.uint8 or images.shape[1:] != self.preprocessing.shape:
            raise InputError(
                f"images of shape {images.shape} and type {images.dtype}; "
                f"the model takes (N, {', '.join(map(str, self.preprocessing.shape))}) uint8",
                hint="predict from files, which are converted, or convert the array",
            )

    @torch.inference_mode()
    def logits(self, images: np.ndarray) -> np.ndarray:
        """Compute the logits (N, K) float32 of images (N, C, H, W) uint8.

        Raises:
            InputError: as ``check`` does.
        """
        self.check(images)
        starts = range(0, max(len(images), 1), self.batch_size)
        with (
            settings.threads(self.threads),
            settings.without_autocast(),
            settings.whole_float32(),
            self._mode() as module,
        ):
            parts = (tensor(images[start : start + self.batch_size]) for start in starts)
            return torch.cat([self._forward(module, part) for part in parts]).numpy()

    @contextmanager
    def _mode(self) -> Iterator[nn.Module]:
        if self.without_eval:
            with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
                torch.manual_seed(0)
                yield copied(self.module).train()  # batch norm would note the batches that it meets
            return
        with modes.kept(self.module):
            yield self.module.eval()

    def _forward(self, module: nn.Module, images: Tensor) -> Tensor:
        pixels = images.to(self.device).contiguous(memory_format=self.memory_format)
        if self.memory_format == torch.contiguous_format:  # the strides of one channel alone may say either
            pixels = pixels.view(pixels.shape)
        logits = sum(share * module(view) for share, view in self._views(self._normalize(pixels)))
        return cast("Tensor", logits).float().cpu()

    def _views(self, numbers: Tensor) -> Iterator[tuple[float, Tensor]]:
        """Yield what a model sees of its images, each view with its share of the answer, and memory of its own."""
        for share, view in self._moved(numbers):
            if not self.mirror:
                yield share, view
                continue
            mirrored = view.flip(3)  # now: a model may write over what it is given
            yield share / 2, view
            yield share / 2, mirrored

    def _moved(self, numbers: Tensor) -> Iterator[tuple[float, Tensor]]:
        if not self.shift:
            yield 1.0, numbers
            return
        padded = functional.pad(numbers, (self.shift,) * 4, mode="reflect")
        height, width = numbers.shape[2:]
        yield 0.5, numbers
        for part in (padded[:, :, :height, :width], padded[:, :, -height:, -width:]):
            yield 0.25, part.clone(memory_format=self.memory_format)

    def predict(self, images: np.ndarray) -> Prediction:
        """Predict images (N, C, H, W) uint8.

        Raises:
            InputError: when the images are not of the model's shape and uint8.
        """
        logits = self.logits(images)
        probabilities = torch.from_numpy(logits).softmax(1).numpy()
        return Prediction(logits, probabilities, logits.argmax(1))
