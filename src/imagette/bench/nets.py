"""The nets that are timed: the five articles' at their batch sizes, and the net that is made to be fast."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from imagette.core.errors import InputError
from imagette.core.registry import suggestion
from imagette.core.shape import Shape
from imagette.recipe.schema import Recipe

GRAY, COLOUR = (1, 28, 28), (3, 32, 32)
CLASSES = 10


@dataclass(frozen=True)
class Net:
    """A model at its batch size.

    Args:
        title: what a person calls it, with the article that it is from.
        model: the ``[model]`` section of its recipe.
        shape: (C, H, W) of an image.
        batch: images a step.
        steps: of a round, where every machine and every tool must take as many; a second or so on a few cores.
    """

    title: str
    model: Mapping[str, Any]
    shape: Shape
    batch: int
    steps: int


NETS = {
    "lenet": Net("LeNet (A4)", {"name": "lenet"}, GRAY, 64, 400),
    "cnn": Net("two-conv CNN (A1)", {"name": "cnn"}, GRAY, 100, 80),
    "batchnorm-cnn": Net("CSV CNN (A2)", {"name": "batchnorm-cnn"}, GRAY, 256, 30),
    "vgg": Net("VGG-like (A0)", {"name": "vgg"}, GRAY, 100, 6),
    "alexnet": Net("AlexNet-like, BN (A3)", {"name": "alexnet", "batch_norm": True}, COLOUR, 128, 10),
    "speednet": Net("speed net", {"name": "speednet"}, GRAY, 256, 10),
}
ARTICLES = tuple(name for name in NETS if name != "speednet")


def chosen(names: Iterable[str] = ()) -> dict[str, Net]:
    """Give the nets of some names, each once, in the table's order; none takes all.

    Raises:
        InputError: naming every net that does not exist.

    Example:
        >>> list(chosen(["vgg", "lenet", "vgg"]))
        ['lenet', 'vgg']
        >>> chosen(["lennet"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        imagette.core.errors.InputError: no net 'lennet'
          hint: did you mean 'lenet'? Available: alexnet, ...
    """
    asked = list(names)
    if wrong := [name for name in dict.fromkeys(asked) if name not in NETS]:
        raise InputError(f"no net {', '.join(map(repr, wrong))}", hint=suggestion(wrong[0], NETS))
    return {name: net for name, net in NETS.items() if not asked or name in asked}


def recipe_of(net: Net, precision: str = "auto", threads: int = 0) -> Recipe:
    """Make the recipe of a net: shuffled, normalised, nothing else.

    Args:
        net: model and batch size.
        precision: as ``train.precision``.
        threads: as ``train.threads``; 0 leaves it to the plan.

    Raises:
        pydantic.ValidationError: for values that a recipe does not allow.

    Example:
        >>> recipe_of(NETS["lenet"]).train.batch_size
        64
    """
    return Recipe.model_validate(
        {
            "data": {"name": "digits", "validation": 0.0},  # not read: who trains brings images
            "model": dict(net.model),
            "train": {
                "epochs": 1_000_000,  # one after the other, as long as somebody asks for the next
                "batch_size": net.batch,
                "keep": "last",
                "precision": precision,
                "threads": threads,
            },
        }
    )
