"""A training before a person's eyes: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from imagette.core.console import PLAIN_SECONDS, counted, say, stderr
from imagette.engine import device
from imagette.engine.events import EpochDone, Logged
from imagette.runs.run import Run
from imagette.runs.session import RunEvent, Started, Tested

WIDE = 100  # columns of a terminal on which the bar has room for the rate beside it


def show(events: Iterator[RunEvent], visible: bool) -> Run:
    """Run a training to its end, showing how it goes; give the finished run."""
    run: Run | None = None
    view = (_Bar() if stderr().is_terminal else _Lines()) if visible else _Silence()
    with view:
        for event in events:
            match event:
                case Started():
                    view.start(event)
                case Logged():
                    view.step(event)
                case EpochDone():
                    view.epoch(event)
                case Tested():
                    run = event.run
    assert run is not None, "a training ends with Tested, or raises"
    return run


class _Silence:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def start(self, event: Started) -> None:
        pass

    def step(self, event: Logged) -> None:
        pass

    def epoch(self, event: EpochDone) -> None:
        pass


class _Lines(_Silence):
    """Plain lines: one an epoch, and between them one every few seconds."""

    def __init__(self) -> None:
        self.epochs = 0
        self.last = time.monotonic()

    def start(self, event: Started) -> None:
        self.epochs = event.epochs
        say(_opening(event))

    def step(self, event: Logged) -> None:
        if time.monotonic() - self.last >= PLAIN_SECONDS:
            self.last = time.monotonic()
            say(f"epoch {event.epoch}/{self.epochs}  step {event.step}  {_step_figures(event)}")

    def epoch(self, event: EpochDone) -> None:
        self.last = time.monotonic()
        say(f"epoch {event.epoch}/{self.epochs}  {_epoch_figures(event)}  {event.seconds:.1f} s")
        if event.announcement:
            say(event.announcement)


class _Bar(_Lines):
    """A bar over all steps, with a line an epoch above it."""

    def __init__(self) -> None:
        super().__init__()
        self.progress = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=stderr(),
            transient=True,
        )
        self.task = TaskID(0)

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def start(self, event: Started) -> None:
        super().start(event)
        self.progress.start()  # not sooner: loading may show a bar of its own
        total = event.epochs * event.steps_per_epoch
        epoch = min(event.step // event.steps_per_epoch + 1, event.epochs)  # killed between the last one and the test
        self.task = self.progress.add_task(
            "", total=total, completed=event.step, epoch=epoch, epochs=event.epochs, figures=""
        )

    def step(self, event: Logged) -> None:
        self.progress.update(
            self.task,
            completed=event.step,
            epoch=event.epoch,
            figures=_step_figures(event, wide=stderr().width >= WIDE),
        )


def _opening(event: Started) -> str:
    plan = event.plan
    going_on = f", from step {event.step}" if event.step else ""
    threads = f", {counted(plan.threads, 'thread')}" if plan.device == "cpu" else ""
    place = f"{plan.device} ({device.name(plan.device)}), {plan.precision}, {plan.layout}{threads}"
    return f"training in {event.path}{going_on}: {place}, {counted(event.epochs, 'epoch')}"


def _step_figures(event: Logged, wide: bool = True) -> str:
    rate = f"rate {event.lr:.2g}  " if wide else ""
    return f"loss {event.loss:.4f}  accuracy {event.accuracy:.1%}  {rate}{event.images_per_second:,.0f} images/s"


def _epoch_figures(event: EpochDone) -> str:
    text = f"loss {event.train_loss:.4f}  accuracy {event.train_accuracy:.2%}"
    if event.val_accuracy is not None:
        text += f"  val loss {event.val_loss:.4f}  val accuracy {event.val_accuracy:.2%}"
    text += f"  rate {event.lr:.2g}  {event.images_per_second:,.0f} images/s"
    return text + ("  *" if event.best else "")
