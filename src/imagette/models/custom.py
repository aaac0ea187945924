"""Modules of the user's own: made by a function that can be imported, and checked before they are trained."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from imagette.core.errors import InputError
from imagette.core.registry import suggestion
from imagette.core.shape import Shape
from imagette.models.copies import copied
from imagette.models.dry import dry_run, noise, said
from imagette.recipe import models as specs

_written: dict[str, int] = {}  # when the files of modules were changed: one edited since is read again
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
            hint="set model.factory=package.module:callable, or give the module itself: "
            "imagette.train(…, model=module), imagette.load(…, model=module), ImageClassifier(module)",
        )
    module_name, _, path = spec.factory.partition(":")
    factory = _attribute(_import(module_name), path)
    try:
        module = factory(shape=shape, classes=classes)
    except (Exception, SystemExit) as error:
        raise InputError(f"model.factory: {spec.factory} raised {said(error)}", hint=CONVENTION) from error
    return verify(module, shape, classes)


def verify(module: object, shape: Shape, classes: int) -> nn.Module:
    """Check with two images that a module can be trained: float images in, logits out, and a gradient back.

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
    try:
        module.load_state_dict({key: value.clone() for key, value in module.state_dict().items()})
    except RuntimeError as error:
        raise InputError(f"the state of {name} cannot be written back from a checkpoint: {said(error)}") from error
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise InputError(f"{name} has no parameter that can be trained")
    _check_gradients(name, module, shape)
    _refuse_lost_buffers(name, module, shape)
    return module


def _check_gradients(name: str, module: nn.Module, shape: Shape) -> None:
    twin = copied(module).train()
    try:
        with torch.enable_grad(), torch.random.fork_rng([]):
            torch.manual_seed(0)
            logits = twin(noise(twin, 2, shape))
            if logits.requires_grad:
                logits.float().sum().backward()
    except Exception as error:
        raise InputError(f"{name} cannot be trained: {said(error)}") from error
    if not logits.requires_grad:
        raise InputError(
            f"no parameter of {name} has a part in its logits: no gradient comes back from them",
            hint="do without detach(), .data, .item() and torch.no_grad() between the parameters and the logits",
        )
    if sparse := [key for key, value in twin.named_parameters() if value.grad is not None and value.grad.is_sparse]:
        raise InputError(
            f"{', '.join(sparse)} of {name} has sparse gradients, which the optimizers here do not take",
            hint="leave out sparse=True",
        )


def _refuse_lost_buffers(name: str, module: nn.Module, shape: Shape) -> None:
    """Refuse buffers that learn, and that no checkpoint keeps; what is made once, as a table of positions, may be."""
    lost = {key for key, _ in module.named_buffers()} - module.state_dict().keys()
    if not lost:
        return
    twin = copied(module).train()
    images = noise(twin, 2, shape)
    with torch.no_grad(), torch.random.fork_rng([]):
        twin(images)
        once = {key: value.clone() for key, value in twin.named_buffers()}
        twin(images)
    if learning := [key for key, value in twin.named_buffers() if key in lost and not torch.equal(value, once[key])]:
        raise InputError(
            f"{', '.join(learning)} of {name} changes in training, and no checkpoint keeps it",
            hint="register_buffer(…, persistent=True), so that a training goes on as if it had never stopped",
        )


def refuse_unsaved_state(module: nn.Module, spec: specs.Custom, shape: Shape, classes: int) -> None:
    """Refuse a factory whose modules differ in more than what a checkpoint keeps of them, as in an order drawn by lot.

    A module that is made anew from its saved weights, to be tested or served, would be another one.

    Args:
        module: that the factory made.
        spec: names the factory.
        shape: (C, H, W) of an image.
        classes: K.

    Raises:
        InputError: when a second module with the weights of the first one gives other answers.
    """
    twin = custom(spec, shape, classes)
    try:
        twin.load_state_dict(module.state_dict())
    except RuntimeError as error:
        raise InputError(f"model.factory: {spec.factory} makes another model each time: {said(error)}") from error
    once, again, rebuilt = (dry_run(net, 2, shape).double() for net in (module, module, twin))
    if torch.equal(once, again) and not torch.allclose(once, rebuilt, rtol=1e-3, atol=1e-5, equal_nan=True):
        raise InputError(
            f"model.factory: two modules of {spec.factory} with the same weights give answers that differ by up to "
            f"{(once - rebuilt).abs().max():.2g}; they hold something that a checkpoint does not keep",
            hint="what is drawn by lot belongs into a buffer: self.register_buffer(name, tensor); or draw with a seed",
        )


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
        module = importlib.import_module(name)
        if _written.setdefault(name, written := _time_of(module)) != written:
            _written[name] = written
            module = importlib.reload(module)
    except (Exception, SystemExit) as error:
        hint = f"run from the folder that holds it (now {here}), or install its package"
        hint = f"name the module, not its file: {name.removesuffix('.py')}" if name.endswith(".py") else hint
        raise InputError(f"model.factory: {name} cannot be imported: {said(error)}", hint=hint) from error
    return module


def _time_of(module: ModuleType) -> int:
    """Tell when the file of a module was changed; 0 for one that cannot be read again, as a running script."""
    file = Path(getattr(module.__spec__, "origin", None) or "")
    return file.stat().st_mtime_ns if file.is_file() else 0


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
