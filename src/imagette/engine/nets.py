"""The net of a training: its first weights follow from a seed, its computed stem from the training images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn

from imagette import models
from imagette.core.errors import InputError
from imagette.core.shape import Shape
from imagette.data.augment import Normalize
from imagette.data.batches import tensor
from imagette.data.imageset import ImageSet
from imagette.engine.plan import Plan
from imagette.engine.predictor import Preprocessing
from imagette.models.blocks import Chain
from imagette.models.copies import copied
from imagette.models.custom import refuse_unsaved_state
from imagette.models.dry import dry_run, said
from imagette.models.linear import LinearByHand
from imagette.models.speednet import WhiteningStem
from imagette.recipe.models import Custom, ModelSpec
from imagette.recipe.schema import Recipe

SOME_PIXELS = 1 << 26  # that a computed stem is shown: 2,000 images of 3×105×105
Loss = Callable[[Tensor, Tensor], Tensor]


def seeded(spec: ModelSpec, seed: int, images: ImageSet, preprocessing: Preprocessing) -> nn.Module:
    """Build the net of a recipe.

    Args:
        spec: the recipe's model section.
        seed: decides the first weights.
        images: the training images, from which a computed stem is taken.
        preprocessing: how they are normalised in training.

    Raises:
        InputError: when model and images do not fit each other.
    """
    torch.manual_seed(seed)
    module = models.build(spec, images.shape, len(images.classes))
    if isinstance(spec, Custom):
        refuse_unsaved_state(module, spec, images.shape, len(images.classes))

    def some_images(n: int) -> Tensor:
        """Give at most n training images, fewer where they are large, from all over the set, normalised."""
        n = max(1, min(n, SOME_PIXELS // math.prod(images.shape)))
        return Normalize(preprocessing.mean, preprocessing.std, "cpu")(tensor(images.images[:: -(-len(images) // n)]))

    models.prepare(module, some_images)
    return module


def adopted(module: nn.Module, recipe: Recipe, images: ImageSet) -> nn.Module:
    """Take a module of the user's own.

    Raises:
        InputError: when module, recipe and images do not fit each other.
    """
    models.verify(module, images.shape, len(images.classes))
    if recipe.train.keep_hardest < 1:
        raise InputError(
            f"train.keep_hardest = {recipe.train.keep_hardest:g} chooses by a narrower net of the same model, and "
            "nobody knows how to make a module of your own narrower",
            hint="set it to 1, or take a model of Imagette's",
        )
    return module


def refuse_lone_image(module: nn.Module, recipe: Recipe, images: ImageSet) -> None:
    """Refuse a net that cannot train on one image, where every batch has only one, or an epoch's last.

    Batch normalisation without pixels to average over is such a net.

    Raises:
        InputError: with what the net says.
    """
    size = recipe.train.batch_size
    if size > 1 and (recipe.train.drop_last or len(images) % size != 1):
        return
    try:
        dry_run(module, 1, images.shape, training=True)
    except InputError as error:
        if size == 1:
            raise InputError(f"train.batch_size = 1, and {error.message}", hint="take 2 or more") from error
        raise InputError(
            f"of {len(images):,} images, the last batch of an epoch has one, and {error.message}",
            hint="train.drop_last = true leaves it out",
        ) from error


def own_loss(module: nn.Module) -> Loss | None:
    """Give the loss of the model that brings a gradient of its own; None for any other, whatever it calls loss.

    Example:
        >>> own_loss(nn.Flatten()) is None
        True
    """
    return module.loss if isinstance(module, LinearByHand) else None


def frozen(module: nn.Module) -> list[nn.Module]:
    """List the parts of a module in training mode that its owner has put in evaluation mode, to stay as they are.

    Example:
        >>> frozen(nn.Sequential(nn.BatchNorm2d(2), nn.ReLU().eval()))
        [ReLU()]
    """
    return [part for part in module.modules() if not part.training] if module.training else []


def refuse_soft_labels(recipe: Recipe) -> None:
    """Refuse a recipe that blurs labels for a model that brings a loss of its own.

    Raises:
        InputError: naming the values.
    """
    asked = {
        "augment.mixup": recipe.augment.mixup,
        "augment.cutmix": recipe.augment.cutmix,
        "train.label_smoothing": recipe.train.label_smoothing,
    }
    if blurred := [key for key, value in asked.items() if value]:
        raise InputError(
            f"{', '.join(blurred)} blur the labels, but model {recipe.model.name!r} brings a loss of its own, "
            "which takes one class an image",
            hint="set them to 0, or take another model",
        )


def suited(module: nn.Module, plan: Plan, recipe: Recipe, shape: Shape) -> Plan:
    """Leave images in torch's own order for a user's module that takes no other, as one with ``x.view(len(x), -1)``.

    Args:
        module: the user's own, as it was built.
        plan: how it would be trained.
        recipe: what it says itself is not changed.
        shape: (C, H, W) of an image.

    Raises:
        InputError: when the recipe asks for the order that the module does not take.
    """
    if not plan.channels_last:
        return plan
    try:
        tried = copied(module).to(memory_format=plan.memory_format)  # type: ignore[call-overload]
        for training in (False, True):
            dry_run(tried, 2, shape, training, by_pixels=True)
    except (InputError, RuntimeError) as error:
        reason = f"the model takes no images that lie by whole pixels ({said(error)})"
        if recipe.train.layout == "auto":
            return replace(plan, layout="contiguous", reasons={**plan.reasons, "layout": reason})
        raise InputError(
            f"train.layout = {recipe.train.layout!r}, but {reason}",
            hint="leave train.layout out; or write x.flatten(1) where the model has x.view(len(x), -1)",
        ) from error
    return plan


def placed(module: nn.Module, plan: Plan) -> nn.Module:
    """Bring a net to the device of a plan, its filters in the plan's memory format, its chains on the plan's way.

    A parameter that is a part of another tensor gets memory of its own.
    """
    for part in module.modules():
        if isinstance(part, Chain):
            part.blocked = plan.layout == "blocked"
    module.to(torch.device(plan.device), memory_format=plan.memory_format)  # type: ignore[call-overload]
    for parameter in module.parameters():
        if not torch.ops.aten.is_non_overlapping_and_dense(parameter):
            parameter.data = parameter.data.contiguous()  # torch's fused optimizers walk memory, not indices
    return module


def training_mode(module: nn.Module, stem: bool = True, frozen: Iterable[nn.Module] = ()) -> None:
    """Put a net in training mode, for an epoch with or without its stem.

    Without it, no gradient has to go back to a stem that is computed and whose bias is all that it learns.

    Args:
        module: the net; one without such a stem is trained whole.
        stem: False freezes the bias of a whitening stem, for good.
        frozen: parts that stay in evaluation mode.

    Example:
        >>> from imagette.recipe.models import SpeedNet
        >>> net = models.build(SpeedNet(), (1, 28, 28), 10)
        >>> training_mode(net, stem=False)
        >>> net.training, net.stem.bias.requires_grad
        (True, False)
    """
    module.train()
    for part in module.modules():
        if isinstance(part, WhiteningStem) and not stem:
            part.requires_grad_(False)
    for part in frozen:
        part.eval()
