"""One optimizer step, compiled where the plan says so."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional

from imagette.engine import nets
from imagette.engine.averages import Follower
from imagette.engine.denormals import Flushed
from imagette.engine.plan import Plan
from imagette.optim.bare import bare_step

RECOMPILE_LIMIT = 64  # with and without a stem, of whole batches and of the last one, of every net of a process


class Step:
    """Forward, loss, backward, clip, update: one call a batch.

    Args:
        module: the model, already on the device and in the plan's memory format.
        optimizer: over the module's parameters.
        plan: precision and compilation.
        label_smoothing: share of the label spread over all classes.
        clip_norm: largest length of the gradient; 0 does not clip.
        followers: copies of the weights to keep up, by name, in this order.
    """

    def __init__(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        plan: Plan,
        label_smoothing: float = 0.0,
        clip_norm: float = 0.0,
        followers: Mapping[str, Follower] | None = None,
    ) -> None:
        self.optimizer, self.followers, self.clip_norm = optimizer, [*(followers or {}).values()], clip_norm
        self._update = bare_step(optimizer)
        module.zero_grad()  # of whatever its owner did with it
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        device = torch.device(plan.device)
        self._non_finite, self._one = torch.zeros((), device=device), torch.ones((), device=device)
        # On a CPU nothing runs ahead, so that looking at a number costs nothing. A GPU is asked at the log's pace;
        # until then its fused optimizer leaves the weights alone from the first bad gradient on.
        self.check_every = 1
        if device.type != "cpu":
            self.check_every = plan.log_every
            optimizer.found_inf = self._non_finite  # type: ignore[attr-defined]
        forward: Callable[[Tensor], Tensor] = _compiled(module) if plan.compile else module
        self._logits, self._forward = forward, _own_loss(module) or _cross_entropy(forward, label_smoothing)
        self._small = Flushed() if device.type == "cpu" else nullcontext()
        self._precision = (
            nullcontext() if plan.dtype == torch.float32 else torch.autocast(device.type, dtype=plan.dtype)
        )

    def __call__(self, images: Tensor, labels: Tensor, rate: float, step: int) -> tuple[Tensor, Tensor]:
        """Take one step.

        Args:
            images: (B, C, H, W) float32, normalised.
            labels: (B,) int64, or (B, K) float32 where labels are mixed.
            rate: learning rate of this step, which each group takes times its own ``scale``.
            step: number of the step, from 0.

        Returns:
            The loss () and the logits (B, K), both detached.

        Raises:
            FloatingPointError: when the loss or the gradient is not finite; the weights are then untouched.
        """
        with self._small:
            return self._take(images, labels, rate, step)

    def _take(self, images: Tensor, labels: Tensor, rate: float, step: int) -> tuple[Tensor, Tensor]:
        with self._precision:
            loss, logits = self._forward(images, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        # What torch's GradScaler uses, with scale 1: one pass over all gradients, no copy, no waiting.
        torch._amp_foreach_non_finite_check_and_unscale_(gradients, self._non_finite, self._one)
        if (step + 1) % self.check_every == 0:
            self.check(loss)
        if self.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        self._update()
        torch.clear_autocast_cache()  # of weights as they were: inside another autocast it would be kept
        for parameter in self.parameters:  # what the optimizer's zero_grad does, without its profiler
            parameter.grad = None
        for follower in self.followers:
            follower.update(step)
        return loss.detach(), logits.detach()

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """Give the logits (B, K) of images (B, C, H, W), as training sees them, without learning from them."""
        with self._precision:
            return self._logits(images)

    def check(self, loss: Tensor | None = None) -> None:
        """Look at the numbers, and wait for the device that computes them.

        Raises:
            FloatingPointError: when this loss, or a gradient of any step so far, is not finite.
        """
        if loss is not None and not math.isfinite(value := loss.item()):
            raise FloatingPointError(f"the loss is {value}")
        if self._non_finite.item():
            raise FloatingPointError("the gradient is not finite")


def _compiled(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """Fuse a model's arithmetic; a GPU records it as CUDA graphs, since launching small kernels outlasts them."""
    from torch._dynamo import config  # here: it takes seconds to import

    # Shapes and modes of all nets of a process count together; beyond the limit, steps are slow without a word.
    config.cache_size_limit = max(config.cache_size_limit, RECOMPILE_LIMIT)
    return torch.compile(module, dynamic=False, mode="reduce-overhead")


def _cross_entropy(
    forward: Callable[[Tensor], Tensor], label_smoothing: float
) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    def loss(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = forward(images)
        return functional.cross_entropy(logits.float(), labels, label_smoothing=label_smoothing), logits

    return loss


def _own_loss(module: nn.Module) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None:
    """Use the loss of a model that brings its own gradient."""
    own = nets.own_loss(module)
    if own is None:
        return None

    def loss(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            logits = module(images)
        return own(images, labels), logits

    return loss
