"""A training that writes its run folder while it goes on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagette.core.console import quoted
from imagette.core.errors import Diverged, Interrupted
from imagette.data.splits import Splits
from imagette.engine.events import EpochDone, Event, Paused
from imagette.engine.loop import Training
from imagette.engine.plan import Plan
from imagette.runs import checkpoint
from imagette.runs.recorder import Recorder
from imagette.runs.results import write_figures, write_model
from imagette.runs.run import Run
from imagette.runs.signals import stop_on_signals


@dataclass(frozen=True)
class Started:
    """A run begins, or goes on from ``step``."""

    path: Path
    plan: Plan
    epochs: int
    steps_per_epoch: int
    step: int


@dataclass(frozen=True)
class Tested:
    """The run is finished, and its figures are written."""

    run: Run
    summary: dict[str, Any]


RunEvent = Started | Event | Tested


class Session:
    """A training with its folder: records each event, saves checkpoints, writes the results.

    Args:
        run: the run's folder, held by this process.
        splits: its images.
        training: the state to go on from.
        seconds: what loading and preparing took, for the record.
    """

    def __init__(self, run: Run, splits: Splits, training: Training, seconds: dict[str, float]) -> None:
        run.splits = splits  # at hand: not to be loaded again for the figures and the page
        self.run, self.training, self.seconds = run, training, seconds
        self.recorder = Recorder(run.path, training.progress.epoch, training.progress.step)
        self.saved_at = 0.0

    def events(self, test_now: bool = False) -> Iterator[RunEvent]:
        """Train to the end and tell what happens.

        Args:
            test_now: train no more.

        Raises:
            Interrupted: when a signal asked for it; the state is saved.
            Diverged: when the loss or a gradient is not finite.
            EnvironmentFault: when the folder cannot be written.
        """
        training = self.training
        started = Started(
            self.run.path,
            training.plan,
            training.recipe.train.epochs,
            training.plan.steps_per_epoch,
            training.progress.step,
        )
        with stop_on_signals(self._ask_to_stop):
            try:
                self._checkpoint()  # also shows, before the first step, that the folder can be written
                yield started
                yield from () if test_now else self._train()
                tested = self._finish()
            except BaseException as error:
                self._note_end(error)
                raise
        yield tested

    def _ask_to_stop(self) -> None:
        self.training.stop = True

    def _train(self) -> Iterator[Event]:
        for event in self.training.events():
            self.recorder.folder = self.run.path  # as it is written from the folder that the process works in by now
            self.recorder.record(event)
            due = time.monotonic() - self.saved_at >= self.training.recipe.train.checkpoint_seconds
            if due or isinstance(event, EpochDone | Paused):
                self._checkpoint()
            yield event
            if isinstance(event, Paused):
                raise Interrupted(
                    f"stopped at step {event.step}, epoch {event.epoch}; the state is saved",
                    hint=f"go on with: imagette resume {quoted(self.run.path)} "
                    "(--finish: test what has been learned so far)",
                )

    def _checkpoint(self) -> None:
        progress, recipe = self.training.progress, self.training.recipe
        tensors, facts = self.training.state()
        facts["recipe"] = recipe.model_dump(mode="json")
        self.recorder.sync()
        checkpoint.save(self.run.folder.checkpoints, tensors, facts, progress.step)
        self.run.folder.set_status(
            state="running", epoch=progress.epoch, epochs=recipe.train.epochs, step=progress.step, message=""
        )
        self.saved_at = time.monotonic()

    def _finish(self) -> Tested:
        started = time.perf_counter()
        self._give_way()
        write_model(self.run.folder, self.training)
        self._give_way()
        summary = write_figures(self.run, self.training)
        spans = self.training.progress.seconds
        evaluated = spans["evaluate"] + time.perf_counter() - started
        summary["seconds"] = {**self.seconds, "train": spans["train"], "evaluate": evaluated}
        self.run.folder.write("summary.json", summary)
        self.run.folder.set_status(state="finished")
        return Tested(self.run, summary)

    def _give_way(self) -> None:
        """Stop between two pieces of work at the end if asked to: the trained state is saved already."""
        if self.training.stop:
            raise Interrupted(
                "stopped before the test; the trained state is saved",
                hint=f"go on with: imagette resume {quoted(self.run.path)}",
            )

    def _note_end(self, error: BaseException) -> None:
        state = "failed"
        if isinstance(error, Interrupted | KeyboardInterrupt | GeneratorExit):
            state = "interrupted"
        elif isinstance(error, Diverged):
            state = "diverged"
        with contextlib.suppress(Exception):  # the first error is the one to tell: a full disk, say
            self.run.folder.set_status(state=state, message=getattr(error, "message", repr(error)))
