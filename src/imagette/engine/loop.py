"""The training loop: a generator of events over a state that can be saved and restored between any two steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from imagette import models, optim
from imagette.core.errors import Diverged, InputError
from imagette.data.augment import Augmentation
from imagette.data.batches import Batches, seed_of
from imagette.data.imageset import ImageSet
from imagette.engine import device as devices
from imagette.engine import nets, proxy, settings
from imagette.engine import state as states
from imagette.engine.averages import followers
from imagette.engine.events import EpochDone, Event, Finished, Logged, Paused
from imagette.engine.plan import Plan
from imagette.engine.predictor import Predictor, Preprocessing
from imagette.engine.state import Progress, Weights
from imagette.engine.step import Step
from imagette.engine.tally import Tally, right
from imagette.optim import schedules
from imagette.recipe.schema import Recipe

FIRST_WEIGHTS, AUGMENTATION, DROPOUT, PROXY = 1, 2, 3, 4  # streams of random numbers; 0 is the order of the images


class Training:
    """One training in memory: build it, iterate its events, take its predictor.

    Data order and augmentation are functions of (seed, epoch, index), dropout of (seed, step): never of a
    generator's live position. A restored training therefore goes on bit for bit as if it had never stopped.

    Loss and accuracy of the training count the images learned from: with ``train.keep_hardest``, the hard ones, so
    that they look worse than those of a training on all. Images per second count whole batches.

    Args:
        recipe: what to do.
        train: the images to learn from.
        validation: the images by which the best epoch is chosen, or None.
        plan: how to do it here; made from the recipe when None.
        module: your own model in place of the recipe's.

    Raises:
        InputError: when model, recipe and images do not fit each other.

    Example:
        >>> import numpy as np
        >>> pixels = np.random.default_rng(0).integers(0, 256, (20, 1, 8, 8), np.uint8)
        >>> images = ImageSet(pixels, np.arange(20) % 2, ("a", "b"), np.arange(20).astype(str))
        >>> recipe = Recipe.load("digits", ["train.epochs=1", "train.keep=last", "model.name=linear"])
        >>> training = Training(recipe, images, None)
        >>> [type(event).__name__ for event in training.events()]
        ['Logged', 'EpochDone', 'Finished']
        >>> training.predictor().predict(pixels).labels.shape
        (20,)
    """

    def __init__(
        self,
        recipe: Recipe,
        train: ImageSet,
        validation: ImageSet | None,
        plan: Plan | None = None,
        module: nn.Module | None = None,
    ) -> None:
        self.recipe, self.images, self.validation = recipe, train, validation
        self.custom = module is not None or recipe.model.name == "custom"  # a module of the user's own
        plan = plan or Plan.make(recipe, len(train), train.images)
        if recipe.train.drop_last and len(train) < recipe.train.batch_size:
            raise InputError(
                f"train.drop_last leaves nothing of {len(train)} images in batches of {recipe.train.batch_size}",
                hint="lower train.batch_size",
            )
        settings.ready(plan.threads)
        self.device, trap = devices.activated(plan.device), recipe.traps.evaluate_normalize
        self.preprocessing = Preprocessing.fit(train, recipe.data.normalize)
        self.measured = self.preprocessing if trap == "as-trained" else Preprocessing.fit(train, trap)
        self.module, self.frozen, self.plan = self._built(module, plan)
        self.infinite = states.not_finite(dict(self.module.named_buffers()))  # a mask of attention, say
        spec = recipe.train
        self.optimizer = optim.build(self.module, recipe.optim)
        self.schedule = schedules.build(recipe.schedule, recipe.optim.lr, self.plan.steps_per_epoch, spec.epochs)
        self.followers = followers(self.module, recipe, self.plan.steps_per_epoch)
        self.step = Step(
            self.module, self.optimizer, self.plan, spec.label_smoothing, recipe.optim.clip_norm, self.followers
        )
        self.proxy = proxy.of(recipe, self.plan, seed_of(spec.seed, PROXY), train, self.preprocessing)
        self.choose: proxy.Choice = self.proxy.hardest if self.proxy else proxy.everything
        resident = self.plan.data == "device" or (self.plan.data == "host" and self.device.type == "cpu")
        self.batches = Batches(
            train,
            spec.batch_size,
            spec.seed,
            shuffle=spec.shuffle,
            drop_last=spec.drop_last,
            device=self.device,
            channels_last=self.plan.channels_last,
            resident=resident,
        )
        whole, rest = divmod(self.batches.used, spec.batch_size)
        kept = [proxy.kept(spec.keep_hardest, images) for images in (spec.batch_size, rest)]
        self.learned = whole * kept[0] + kept[1]  # images of an epoch that are learned from
        mean, std = self.preprocessing.mean, self.preprocessing.std
        self.augmentation = Augmentation(recipe.augment, train.shape, mean, std, self.device, len(train.classes))
        self._predictor(self.module)  # what it refuses is said before the first step
        self.progress = Progress()
        self.best_weights: Weights | None = None
        self.stop = False  # set it, from a signal handler say, and training pauses before its next step

    def _built(self, module: nn.Module | None, plan: Plan) -> tuple[nn.Module, list[nn.Module], Plan]:
        """Give the net in its place, the parts of it that stay as they are, and the plan that suits it."""
        recipe, images = self.recipe, self.images
        if module is None:
            seed = seed_of(recipe.train.seed, FIRST_WEIGHTS)
            module = nets.seeded(recipe.model, seed, images, self.preprocessing)
        else:
            module = nets.adopted(module, recipe, images)
        frozen = nets.frozen(module)
        plan = nets.suited(module, plan, recipe, images.shape) if self.custom else plan
        if recipe.traps.softmax_before_loss:
            module = models.ending_in_softmax(module)
        nets.refuse_lone_image(module, recipe, images)
        if nets.own_loss(module):
            nets.refuse_soft_labels(recipe)
        return nets.placed(module, plan), frozen, plan

    def events(self) -> Iterator[Event]:
        """Train from where the state stands to the end, and tell what happens.

        Raises:
            Diverged: when loss or gradient is no longer finite; weights, not running statistics, are those of before.
        """
        while self.progress.epoch < self.recipe.train.epochs and not self.progress.early:
            yield from self._steps()
            if self.stop:
                yield Paused(self.progress.epoch + 1, self.progress.step)
                return
            yield self._close_epoch()
        yield Finished(self.progress.epoch, self.progress.best_epoch, self.progress.early)

    def _steps(self) -> Iterator[Logged]:
        """Take the remaining steps of the current epoch: the hot loop."""
        progress, spec, on_gpu = self.progress, self.recipe.train, self.device.type == "cuda"
        draws = self.augmentation.draws(len(self.images), seed_of(spec.seed, AUGMENTATION), progress.epoch)
        batches = self.batches.augmented(self.augmentation, draws, progress.epoch, progress.batch)
        dropout_seed = seed_of(spec.seed, DROPOUT)
        # torch.manual_seed would also note its caller's stack for devices that were never started: 0.1 ms a step.
        seeds: list[Callable[[int], object]] = [torch.cuda.manual_seed] if on_gpu else []
        if self.custom or not seeds:  # a module of the user's own may draw on the CPU wherever it computes
            seeds.append(torch.default_generator.manual_seed)
        freeze_stem = getattr(self.recipe.model, "freeze_stem", 0)
        nets.training_mode(self.module, stem=not 0 < freeze_stem <= progress.epoch, frozen=self.frozen)
        # CUDA graphs write over their last logits, and so may a module of the user's own.
        tally = Tally(progress.loss_sum, progress.correct, copy=self.custom or (self.plan.compile and on_gpu))
        started, timed = time.perf_counter(), 0
        for batch in batches:
            if self.stop:
                break
            rate = self.schedule.rate(progress.step)
            try:
                images, targets, labels = self.choose(batch, rate, progress.step)
                for seed in seeds:
                    seed(dropout_seed + progress.step)
                loss, logits = self.step(images, targets, rate, progress.step)
            except FloatingPointError as error:
                raise self._diverged(error, of_batch=True) from error
            tally.add(loss, logits, labels)
            progress.step += 1
            progress.batch += 1
            timed += len(batch[-1])
            if progress.step % self.plan.log_every == 0:
                elapsed = time.perf_counter() - started
                progress.trained(elapsed)
                progress.loss_sum, progress.correct = tally.counted()
                accuracy = right(logits, labels) / len(labels)
                yield Logged(progress.epoch + 1, progress.step, rate, loss.item(), accuracy, timed / elapsed)
                started, timed = time.perf_counter(), 0
        self._check()  # this waits for a GPU, whose time counts
        progress.loss_sum, progress.correct = tally.counted()
        progress.trained(time.perf_counter() - started)

    def _check(self) -> None:
        try:
            self.step.check()
            if self.proxy:
                self.proxy.check()
        except FloatingPointError as error:
            raise self._diverged(error) from error

    def _diverged(self, error: FloatingPointError, of_batch: bool = False) -> Diverged:
        progress, spec = self.progress, self.recipe.train
        place = f"step {progress.step} (epoch {progress.epoch + 1}, batch {progress.batch}"
        if not of_batch or self.step.check_every > 1:
            place = f"or shortly before {place})"
        else:
            first = self.batches.order(progress.epoch)[progress.batch * spec.batch_size :][:3]
            place = f"at {place}; images {', '.join(map(str, self.images.ids[first.numpy()]))}, …)"
        return Diverged(
            f"{error} {place}", hint=f"lower optim.lr (now {self.recipe.optim.lr:g}), or set optim.clip_norm = 1.0"
        )

    def _close_epoch(self) -> EpochDone:
        """Validate, reduce the rate if its schedule says so, keep the best weights, start a new count."""
        progress, spec = self.progress, self.recipe.train
        rate = self.schedule.rate(progress.step - 1)
        figures = {
            "train_loss": progress.loss_sum / self.learned,
            "train_accuracy": progress.correct / self.learned,
        }
        started = time.perf_counter()
        if self.validation is not None:
            figures |= self._validate(self.validation)
        progress.seconds["evaluate"] += time.perf_counter() - started
        progress.epoch += 1
        progress.batch = 0
        best = spec.monitor in figures and progress.improved(figures, spec.monitor)
        if best and spec.keep == "best":
            self.best_weights = states.cpu_copy(self.evaluated)
        progress.early = 0 < spec.early_stop <= progress.epoch - progress.patient_from
        announcement = self.schedule.epoch_end(figures)
        progress.loss_sum, progress.correct = 0.0, 0
        seconds, progress.seconds["epoch"] = progress.seconds["epoch"], 0.0
        return EpochDone(
            progress.epoch,
            progress.step,
            rate,
            figures["train_loss"],
            figures["train_accuracy"],
            figures.get("val_loss"),
            figures.get("val_accuracy"),
            best,
            seconds,
            self.batches.used / max(seconds, 1e-9),
            announcement,
        )

    def _validate(self, images: ImageSet) -> dict[str, float]:
        logits = torch.from_numpy(self._predictor(self.evaluated, views=False).logits(images.images))
        labels = torch.from_numpy(images.labels)
        return {
            "val_loss": functional.cross_entropy(logits.double(), labels).item(),
            "val_accuracy": right(logits, labels) / len(labels),
        }

    @property
    def evaluated(self) -> nn.Module:
        """The module that is measured: the moving average where there is one."""
        return self.followers["average"].module if "average" in self.followers else self.module

    def weights(self) -> Weights:
        """Give the weights that the run ends with: the best by the recipe's monitor, or the last."""
        return self.best_weights or states.cpu_copy(self.evaluated)

    def predictor(self) -> Predictor:
        """Give the predictor of the weights that the run ends with, its module in evaluation mode."""
        if self.best_weights:
            self.evaluated.load_state_dict(self.best_weights)
        return self._predictor(self.evaluated.eval())

    def _predictor(self, module: nn.Module, views: bool = True) -> Predictor:
        return Predictor(
            module,
            self.images.classes,
            self.measured,
            batch_size=self.recipe.evaluate.batch_size,
            channels_last=self.plan.channels_last,
            mirror=views and self.recipe.evaluate.mirror,
            shift=self.recipe.evaluate.shift if views else 0,
            without_eval=self.recipe.traps.test_without_eval,
        )

    def state(self) -> tuple[Weights, dict[str, Any]]:
        """Give everything that a resume needs: tensors by name, and JSON-able facts.

        Raises:
            Diverged: when a weight or a gradient was not finite: such a state is not worth keeping.
        """
        self._check()
        parts = {"model": self.module.state_dict(), "optimizer": states.optimizer_slots(self.optimizer)}
        parts |= {name: follower.module.state_dict() for name, follower in self.followers.items()}
        parts |= self.proxy.state() if self.proxy else {}
        if lost := states.not_finite(states.joined(parts), self.infinite):
            raise Diverged(
                f"{lost[0]} is no longer finite after step {self.progress.step}",
                hint=f"lower optim.lr (now {self.recipe.optim.lr:g}); the checkpoint before this one is untouched",
            )
        parts["best"] = self.best_weights or {}
        return states.joined(parts), {"progress": asdict(self.progress), "schedule": self.schedule.state()}

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Go back to a saved state.

        Raises:
            InputError: when the state is that of another model.
        """
        try:
            self.module.load_state_dict(states.part(tensors, "model"))
            for name, follower in self.followers.items():
                follower.module.load_state_dict(states.part(tensors, name))
            states.restore_optimizer(self.optimizer, states.part(tensors, "optimizer"))
            if self.proxy:
                self.proxy.restore(tensors)
        except (RuntimeError, IndexError) as error:
            raise InputError(
                f"the checkpoint does not fit the model: {error}", hint="give the module it began with"
            ) from error
        self.best_weights = {name: value.clone() for name, value in states.part(tensors, "best").items()} or None
        self.progress = Progress(**facts["progress"])
        self.schedule.restore(facts["schedule"])
