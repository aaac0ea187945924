"""Proxy filtering: a narrow net chooses from each batch the images that are worth a step of the wide one."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction

from torch import Tensor, nn
from torch.nn import functional

from imagette import optim
from imagette.data.imageset import ImageSet
from imagette.engine import nets
from imagette.engine.plan import Plan
from imagette.engine.predictor import Preprocessing
from imagette.engine.state import Weights, optimizer_slots, part, restore_optimizer
from imagette.engine.step import Step
from imagette.recipe.models import narrower
from imagette.recipe.schema import Recipe

LEARNS_EVERY = 4  # steps, as in the source: to look costs far less than to learn

Batch = tuple[Tensor, Tensor, Tensor]  # images (B, C, H, W), targets (B,) or (B, K), labels (B,)
Choice = Callable[[Batch, float, int], Batch]  # of a batch, at a rate and a step: what is learned from


class Proxy:
    """A narrow net that gives the hardest images of each batch, and on every fourth step learns from those itself.

    It is told nothing by the wide net: what it chooses follows from its own first weights and the batches alone. It
    has the optimizer and the rate of the wide net, no dropout, so that a loss tells of the image only, and looks at a
    batch as in training, by the statistics of that batch. A stem's bias stays as it is.

    Args:
        module: the narrow net, on the plan's device.
        recipe: its optimizer, label smoothing and ``train.keep_hardest`` are taken.
        plan: precision and compilation.

    Source: K. Jordan, cifar10-airbench (2024), ``airbench96_faster``: half of each batch, from the first step to the
    last; its proxy, too, learns from what it has chosen, on every fourth step, and without its stem.
    """

    def __init__(self, module: nn.Module, recipe: Recipe, plan: Plan) -> None:
        nets.training_mode(module, stem=False)
        self.module, self.share, self.label_smoothing = module, recipe.train.keep_hardest, recipe.train.label_smoothing
        self.optimizer = optim.build(module, recipe.optim)
        self.step = Step(module, self.optimizer, plan, self.label_smoothing, recipe.optim.clip_norm)

    def hardest(self, batch: Batch, rate: float, step: int) -> Batch:
        """Give the images of the highest loss, in the order of the batch.

        Args:
            batch: images, augmented, with targets and labels.
            rate: learning rate of this step.
            step: number of the step, from 0.

        Returns:
            So many of them as ``kept`` says: batches of one size give choices of one size.

        Raises:
            FloatingPointError: when the loss of the proxy, or its gradient, is not finite.
        """
        images, targets, labels = batch
        losses = functional.cross_entropy(
            self.step.logits(images).float(), targets, reduction="none", label_smoothing=self.label_smoothing
        )
        # Stable, so that of equal losses always the same are taken.
        index = losses.argsort(descending=True, stable=True)[: kept(self.share, len(labels))].sort().values
        images = images[index]  # unlike index_select, this keeps the memory format
        targets, labels = targets.index_select(0, index), labels.index_select(0, index)
        if step % LEARNS_EVERY == 0:
            with _named():
                self.step(images, targets, rate, step // LEARNS_EVERY)
        return images, targets, labels

    def check(self) -> None:
        """Look at the numbers, and wait for the device that computes them.

        Raises:
            FloatingPointError: when a gradient of any step so far is not finite.
        """
        with _named():
            self.step.check()

    def state(self) -> dict[str, Weights]:
        """Give what a resume needs, by the names that a checkpoint knows it by."""
        return {"proxy": self.module.state_dict(), "proxy_optimizer": optimizer_slots(self.optimizer)}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go back to a saved state."""
        self.module.load_state_dict(part(tensors, "proxy"))
        restore_optimizer(self.optimizer, part(tensors, "proxy_optimizer"))


def everything(batch: Batch, rate: float, step: int) -> Batch:
    """Give the whole batch: the choice where there is no proxy."""
    return batch


@functools.cache
def kept(share: float, images: int) -> int:
    """Count the images that a share of a batch comes to, rounded up.

    The share is taken as it is written: in binary fractions, 0.07 of 100 would be more than 7, and so 8.

    Example:
        >>> kept(0.5, 25), kept(0.07, 100), kept(1.0, 0)
        (13, 7, 0)
    """
    return math.ceil(Fraction(str(share)) * images)


def of(recipe: Recipe, plan: Plan, seed: int, images: ImageSet, preprocessing: Preprocessing) -> Proxy | None:
    """Make the proxy of a recipe, or None where all images are learned from.

    Args:
        recipe: its model is narrowed.
        plan: device, precision and layout.
        seed: decides the first weights.
        images: the training images, from which a computed stem is taken.
        preprocessing: how they are normalised in training.
    """
    spec = narrower(recipe.model)
    if recipe.train.keep_hardest == 1 or spec is None:  # a recipe that asks for what cannot be is refused before
        return None
    return Proxy(nets.placed(nets.seeded(spec, seed, images, preprocessing), plan), recipe, plan)


@contextmanager
def _named() -> Iterator[None]:
    """Say of an error that it is the proxy's."""
    try:
        yield
    except FloatingPointError as error:
        raise FloatingPointError(f"{error} in the proxy of train.keep_hardest") from error
