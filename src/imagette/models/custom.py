"""Modules of the user's own: made by a function that can be imported, and checked before they are trained."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from imagette.core.errors import InputError
from imagette.core.registry import suggestion
from imagette.models.blocks import Shape
from imagette.models.dry import dry_run, said
from imagette.recipe import models as specs

CONVENTION = "it is called as callable(shape=(C, H, W), classes=K) and returns a torch.nn.Module"


def custom(spec: specs.Custom, shape: Shape, classes: int) -> nn.Module:
    """Build the user's own module and check that it maps images to logits.

    Modules are looked for in the working folder first, then where Python looks.

    Raises:
        InputError: when the factory cannot be imported or called, or its module does not do what is asked.

    Example:
        >>> custom(specs.Custom(factory="imagette.models.linear:LineerByHand"), (1, 8, 8), 10)
        Traceback (most recent call last):
        imagette.core.errors.InputError: model.factory: imagette.models.linear has no callable 'LineerByHand'
          hint: did you mean 'LinearByHand'? Available: LinearByHand, linear, linear_by_hand
    """
    if not spec.factory:
        raise InputError(
            "model.factory is empty: the model 'custom' is not known here",
            hint="set model.factory=package.module:callable, or give the module: imagette.train(recipe, model=module)",
        )
    module_name, _, path = spec.factory.partition(":")
    factory = _attribute(_import(module_name), path)
    try:
        module = factory(shape=shape, classes=classes)
    except Exception as error:
        raise InputError(f"model.factory: {spec.factory} raised {said(error)}", hint=CONVENTION) from error
    return verify(module, shape, classes)


def verify(module: object, shape: Shape, classes: int) -> nn.Module:
    """Check with two black images that a module can be trained: float images in, logits out, also in training mode.

    Args:
        module: what should be a ``torch.nn.Module``; its weights and its mode stay as they are.
        shape: (C, H, W) of the images.
        classes: K.

    Raises:
        InputError: naming what came out and what was expected.

    Example:
        >>> verify(nn.Flatten(), (1, 2, 2), 10)
        Traceback (most recent call last):
        imagette.core.errors.InputError: Flatten gives (2, 4) for images (2, 1, 2, 2); expected logits (2, 10)
          hint: the last layer gives one number for each of the 10 classes, and no softmax
    """
    if not isinstance(module, nn.Module):
        raise InputError(f"the model is of type {type(module).__name__}, not a torch.nn.Module", hint=CONVENTION)
    name = type(module).__name__
    for parameter in module.parameters():
        if parameter.is_floating_point() and parameter.dtype != torch.float32:
            raise InputError(
                f"{name} has parameters of type {parameter.dtype}; what is trained is torch.float32",
                hint="module.float(); where the hardware has it, train.precision lowers the arithmetic",
            )
    for training in (False, True):
        _check_logits(f"{name} in training" if training else name, dry_run(module, 2, shape, training), shape, classes)
    if strange := [key for key, value in module.state_dict().items() if not isinstance(value, Tensor)]:
        raise InputError(
            f"the state of {name} holds more than tensors: {', '.join(strange)}",
            hint="a checkpoint keeps tensors only: do without get_extra_state, or register a buffer",
        )
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise InputError(f"{name} has no parameter that can be trained")
    return module


def _check_logits(name: str, output: object, shape: Shape, classes: int) -> None:
    expected = (2, classes)
    if not isinstance(output, Tensor):
        raise InputError(f"{name} gives a {type(output).__name__}; expected a tensor of logits {expected}")
    if tuple(output.shape) != expected:
        raise InputError(
            f"{name} gives {tuple(output.shape)} for images {(2, *shape)}; expected logits {expected}",
            hint=f"the last layer gives one number for each of the {classes} classes, and no softmax",
        )
    if not output.is_floating_point():
        raise InputError(f"{name} gives numbers of type {output.dtype}; expected floating-point logits {expected}")


def _import(name: str) -> ModuleType:
    if (here := os.getcwd()) not in sys.path:  # noqa: PTH109
        sys.path.insert(0, here)
    importlib.invalidate_caches()  # the file may be younger than this process
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise InputError(
            f"model.factory: {name} cannot be imported: {said(error)}",
            hint=f"run from the folder that holds it (now {here}), or install its package",
        ) from error


def _attribute(module: ModuleType, path: str) -> Any:
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name, None)
    if not callable(found):
        raise InputError(
            f"model.factory: {module.__name__} has no callable {path!r}", hint=suggestion(path, _public(module))
        )
    return found


def _public(module: ModuleType) -> list[str]:
    """List the callables that a module defines itself."""
    return [
        name
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]
