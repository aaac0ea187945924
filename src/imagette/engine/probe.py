"""What a step takes here: a few steps on random images, timed before a long training begins."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn

from imagette import models, optim
from imagette.core.shape import Shape
from imagette.data.augment import Normalize
from imagette.data.imageset import ImageSet
from imagette.engine import device as devices
from imagette.engine import nets, settings
from imagette.engine.plan import Plan
from imagette.engine.proxy import Batch, Choice, Proxy, everything
from imagette.engine.step import Step
from imagette.models.copies import copied
from imagette.recipe.models import ModelSpec, narrower
from imagette.recipe.schema import Recipe

Timer = Callable[[Recipe, Plan, Shape, int], float]
OTHERS: tuple[tuple[str, Any], ...] = (  # tried in turn
    ("threads", 1),
    ("layout", "blocked"),
    ("precision", "float32"),
    ("layout", "blocked"),
)
STEPS = 3  # timed at a turn, after one to warm up
TURNS = 4  # at most, of two ways that are timed one after the other: what slows the machine slows both
SHARE = 0.02  # of the expected training, at most, goes into timing
# Steps from which on threads at least are tried: beside another program that computes on all cores, threads that wait
# for each other take a hundred times as long as one of them alone (measured: 216 and 1.8 ms a step). Large batches wait
# less, and timing them takes long.
FEWEST_STEPS, LARGEST_BATCH = 80, 1 << 20  # bytes of pixels
# A choice changes for a clear gain, since the time of a step is noisy. bfloat16 rounds, and has to be worth it.
MARGIN = {"threads": 1.3, "layout": 1.1, "precision": 0.9}
HASTY = {"threads": 1.3, "layout": 1.2, "precision": 0.9}  # the same where there is time for one or two turns only


def decided(recipe: Recipe, images: ImageSet, module: nn.Module | None = None) -> Plan:
    """Plan a recipe for its training images: as the hardware suggests, and then as timed steps say.

    Args:
        recipe: to be trained.
        images: the training images.
        module: your own model in place of the recipe's; copies of it are timed.

    Raises:
        InputError: for a module that these images cannot train.

    Example:
        >>> from imagette.data.load import load
        >>> recipe = Recipe.load("digits", ["train.threads=1"])
        >>> decided(recipe, load(recipe.data).train).threads
        1
    """
    plan = Plan.make(recipe, len(images), images.images)
    if module is not None:
        models.verify(module, images.shape, len(images.classes))
    return chosen(recipe, plan, images.shape, len(images.classes), len(images), module=module)


def chosen(
    recipe: Recipe,
    plan: Plan,
    shape: Shape,
    classes: int,
    images: int,
    timer: Timer | None = None,
    module: nn.Module | None = None,
) -> Plan:
    """Time a step as planned and as it might be done otherwise, in turns, and keep what is clearly faster.

    Tried are one thread where all cores were planned (together they are slower while another program runs), oneDNN's
    own order of the numbers between layers, and float32 where bfloat16 was, which loses on nets of few channels; then
    the order of the numbers anew. What the recipe itself says is not questioned, and a training that is too short to
    repay the timing is left as it is, but for the threads.

    Args:
        recipe: to be trained.
        plan: as the hardware suggests it.
        shape: (C, H, W) of an image.
        classes: K.
        images: to train on; a batch has no more of them.
        timer: gives the seconds of a step; by default ``step_seconds``.
        module: your own model in place of the recipe's.

    Returns:
        The plan, with the times in its reasons.

    Example:
        >>> recipe = Recipe.load("digits", ["train.threads=1"])
        >>> plan = Plan.make(recipe, 1000)
        >>> chosen(recipe, plan, (1, 8, 8), 10, 1000) == plan
        True
    """
    recipe = recipe.replace(**{"train.batch_size": min(recipe.train.batch_size, images)})
    if recipe.model.name == "custom":
        with torch.random.fork_rng([]):
            module = models.build(recipe.model, shape, classes) if module is None else module
        plan = nets.suited(module, plan, recipe, shape)
    timer = timer or partial(step_seconds, module=module)
    if recipe.train.batch_size == 1:  # a net may refuse a lone image, and the training says why
        return plan
    keys = {key for key, _ in OTHERS if _left_open(recipe, plan, key)}
    turn = (STEPS + 1) * 2 * max(len(keys) + ("precision" in keys), 1)
    steps = plan.steps_per_epoch * recipe.train.epochs
    turns = min(TURNS, int(SHARE * steps) // turn)
    small = recipe.train.batch_size * math.prod(shape) <= LARGEST_BATCH
    hurried = OTHERS[:1] if small and steps >= FEWEST_STEPS else ()
    others = OTHERS if turns else hurried
    turns = max(turns, 1)
    tried = set()
    for key, value in others:
        if not _left_open(recipe, plan, key) or (key, plan.precision) in tried:
            continue
        tried.add((key, plan.precision))
        other = replace(plan, **{key: value})
        times = [[timer(recipe, way, shape, classes) for way in (plan, other)] for _ in range(turns)]
        seconds, instead = map(min, zip(*times, strict=True))
        reason = f"a step takes {1e3 * seconds:.1f} ms with {getattr(plan, key)}, {1e3 * instead:.1f} ms with {value}"
        if seconds > (MARGIN if turns > 2 else HASTY)[key] * instead:
            plan = other
        elif seconds > instead:
            reason += ", too near to tell"
        plan = replace(plan, reasons={**plan.reasons, key: reason})
    return plan


def _left_open(recipe: Recipe, plan: Plan, key: str) -> bool:
    """Tell whether a plan can be changed in this, and the recipe does not say how it should be."""
    match key:
        case "threads":
            return plan.device == "cpu" and plan.threads > 1 and not recipe.train.threads
        case "layout":
            blockable = devices.computes_blocked(torch.device(plan.device), plan.precision) and not plan.compile
            return blockable and plan.layout == "channels_last" and recipe.train.layout == "auto"
        case _:
            graphs = plan.compile and plan.device != "cpu"  # which launch what a step that is timed launches one by one
            return plan.precision == "bfloat16" and recipe.train.precision == "auto" and not graphs


def step_seconds(recipe: Recipe, plan: Plan, shape: Shape, classes: int, module: nn.Module | None = None) -> float:
    """Time a training step under a plan, a proxy's choice included: the fastest of three, after one to warm up.

    Args:
        recipe: its model, optimizer and batch are taken; the images are random.
        plan: precision, layout and threads.
        shape: (C, H, W) of an image.
        classes: K.
        module: what a copy is timed of, in place of the recipe's model.

    Returns:
        Seconds.

    Example:
        >>> recipe = Recipe.load("digits", ["model.name=linear"])
        >>> step_seconds(recipe, Plan.make(recipe, 1000), (1, 8, 8), 10) < 1
        True
    """
    plan = replace(plan, compile=False)  # compiling would take longer than all that is timed
    device = devices.pick(plan.device)
    settings.ready(plan.threads)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):

        def built(spec: ModelSpec) -> nn.Module:
            return nets.placed(models.build(spec, shape, classes), plan).train()

        net = built(recipe.model) if module is None else nets.placed(copied(module), plan).train()
        step, choose = Step(net, optim.build(net, recipe.optim), plan), everything
        if recipe.train.keep_hardest < 1 and (narrow := narrower(recipe.model)):
            choose = Proxy(built(narrow), recipe, plan).hardest
        generator = torch.Generator().manual_seed(0)
        pixels = torch.randint(0, 256, (recipe.train.batch_size, *shape), dtype=torch.uint8, generator=generator)
        labels = torch.randint(0, classes, (recipe.train.batch_size,), generator=generator).to(device)
        normalize = Normalize([0.0] * shape[0], [255.0] * shape[0], device)
        images = normalize(pixels.to(device, memory_format=plan.memory_format))
        return min([_timed(step, choose, (images, labels, labels), number) for number in range(STEPS + 1)][1:])


def _timed(step: Step, choose: Choice, batch: Batch, number: int) -> float:
    started = time.perf_counter()
    with suppress(FloatingPointError):  # the training itself will tell, and say where
        images, targets, _ = choose(batch, 0.0, number)
        step(images, targets, 0.0, number)
    if batch[0].is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - started
