"""A finished or unfinished run, read from its folder: figures, predictor, predictions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image

from imagette import metrics, models
from imagette.core.errors import InputError
from imagette.data import ground, unlabelled
from imagette.data import load as data
from imagette.data.imageset import ImageSet
from imagette.data.splits import Splits
from imagette.engine import device as devices
from imagette.engine import settings
from imagette.engine.predictor import Prediction, Predictor, Preprocessing
from imagette.models.copies import copied
from imagette.recipe.schema import Recipe
from imagette.runs.checkpoint import load_tensors
from imagette.runs.folder import RunFolder
from imagette.runs.recorder import read_rows, typed

One = str | os.PathLike[str] | Image
What = ImageSet | np.ndarray | One | Sequence[One]


class Run:
    """A run on the disk.

    Args:
        path: its folder, or its name under ``runs/``.
        module: your own model, where the recipe's is ``custom`` without a factory.
        recipe: in place of the run's own, by which images, model and measuring are decided.

    Raises:
        InputError: when there is no run, or one that a newer version wrote.
    """

    def __init__(
        self, path: str | os.PathLike[str], module: torch.nn.Module | None = None, recipe: Recipe | None = None
    ) -> None:
        self.folder = RunFolder(Path(path))
        self._module = module
        self._recipe = recipe

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.status['state']})"

    def _repr_html_(self) -> str:
        """Show a notebook the figures of the finished run."""
        if self.status["state"] != "finished":
            return f"<code>{escape(repr(self))}</code>"
        test = self.summary["test"]
        interval = f"{test['accuracy_low']:.2%} to {test['accuracy_high']:.2%}"
        rows = {
            "run": self.path,
            "test accuracy": f"{test['accuracy']:.2%} ({interval}, {test['confidence']:.0%} confidence)",
            "epochs": self.summary["epochs"],
            "training": f"{self.summary['seconds']['train']:.1f} s",
        }
        lines = (f"<tr><th>{escape(key)}</th><td>{escape(str(value))}</td></tr>" for key, value in rows.items())
        return f"<table>{''.join(lines)}</table>"

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.folder.path

    @cached_property
    def recipe(self) -> Recipe:
        """What was asked for."""
        return self._recipe or self.folder.recipe()

    @property
    def status(self) -> dict[str, Any]:
        """How the run stands."""
        return self.folder.status()

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, hardware, command and plan of the training."""
        return self.folder.read("environment.json")

    @property
    def device(self) -> str:
        """What the maker calls the processor or GPU that it was trained on."""
        return str(devices.described(self.environment, self.environment["plan"]["device"])["name"])

    @property
    def summary(self) -> dict[str, Any]:
        """The figures of the finished run."""
        return self.folder.read("summary.json")

    @property
    def history(self) -> list[dict[str, Any]]:
        """The rows of ``metrics.csv``, one an epoch; ``pandas.DataFrame(run.history)`` makes a table of them."""
        return [typed(row) for row in read_rows(self.path / "metrics.csv")]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The rows of ``steps.csv``, one a logged step."""
        return [typed(row) for row in read_rows(self.path / "steps.csv")]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.predictor.classes

    @cached_property
    def predictor(self) -> Predictor:
        """The trained model with its names and preprocessing, on the device that it was trained on, or on the CPU.

        Raises:
            InputError: when the run has no model yet, or its files are damaged.
        """
        facts = self.folder.read("model.json")
        classes = tuple(facts["classes"])
        preprocessing = Preprocessing.from_dict(facts["preprocessing"])
        weights = load_tensors(self.path / "model.safetensors", facts["sha256"])
        if self._module is None:
            with torch.random.fork_rng([]), settings.as_torch_starts():  # its first weights are replaced
                module = models.build(self.recipe.model, preprocessing.shape, len(classes))
        else:
            module = copied(self._module).cpu()  # the caller's may go on to other weights
        if self.recipe.traps.softmax_before_loss:
            module = models.ending_in_softmax(module)
        try:
            module.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError(f"{self.path}/model.safetensors does not fit the recipe's model: {error}") from error
        channels_last = facts["channels_last"]
        layout = torch.channels_last if channels_last else torch.contiguous_format
        device = devices.present(self.environment["plan"]["device"])
        # At rest in evaluation mode, so that threads which predict at the same time change nothing of each other's.
        module = module.to(device, memory_format=layout).eval()  # type: ignore[call-overload]
        threads = min(facts["threads"], devices.cores())  # as recorded, for the last bits of a figure depend on it
        spec = self.recipe.evaluate
        return Predictor(
            module,
            classes,
            preprocessing,
            batch_size=spec.batch_size,
            channels_last=channels_last,
            mirror=spec.mirror,
            shift=spec.shift,
            without_eval=self.recipe.traps.test_without_eval,
            threads=threads,
        )

    @cached_property
    def splits(self) -> Splits:
        """The images that the run was trained, validated and tested on.

        Raises:
            InputError: when they are no longer those that the run recorded.
        """
        for key in ("path", "test_path"):
            if (path := getattr(self.recipe.data, key)) and not Path(path).exists():
                raise InputError(
                    f"the images of {self.path} are no longer at {path}",
                    hint=f"put them back, or change data.{key} in {self.path / 'recipe.toml'}",
                )
        splits = data.load(self.recipe.data)
        check_fingerprints(fingerprints(splits), self.environment["data"]["fingerprints"], self.path)
        return splits

    def test(self) -> dict[str, Any]:
        """Compute the figures on the test images again from the saved model; they equal ``summary["test"]``.

        Raises:
            InputError: when the run has no model yet, or the images have changed.
        """
        predictor = self.predictor  # first: to have the images may take minutes
        test = self.splits.test
        return self.measure(test, predictor.logits(test.images))

    def measure(self, images: ImageSet, logits: np.ndarray) -> dict[str, Any]:
        """Compute all figures of logits (N, K) for labelled images."""
        spec = self.recipe.evaluate
        return metrics.summarize(logits, images.labels, images.classes, spec.confidence, spec.bins)

    def predict(self, what: What, *, skip_unreadable: bool = False, invert: bool = False) -> list[dict[str, Any]]:
        """Predict images.

        Args:
            what: paths, folders and globs of image files, or a pixel CSV; one picture of Pillow's, or several; an
                array uint8 of one image or several, (N, C, H, W) or (N, H, W, C), gray also without C; or an
                ``ImageSet``.
            skip_unreadable: of files: leave out those that cannot be read, and say which.
            invert: turn light and dark around first, as for digits on paper where the run learned from MNIST's.

        Returns:
            One record an image: ``id``, ``label``, ``probability``, and ``probabilities`` by class name.

        Raises:
            InputError: for another kind of object; when something cannot be read or has not the model's shape.
        """
        images, ids = self._images(what, skip_unreadable)
        self.predictor.check(images)
        if invert:
            images = ground.inverted(images)
        ground.warn_of(images, self.folder.read("model.json")["ground"])
        prediction = self.predictor.predict(images)
        return self._records(ids, prediction)

    def _records(self, ids: Sequence[str], prediction: Prediction) -> list[dict[str, Any]]:
        names = self.predictor.classes
        return [
            {
                "id": str(name),
                "label": names[label],
                "probability": float(row[label]),
                "probabilities": dict(zip(names, map(float, row), strict=True)),
            }
            for name, label, row in zip(ids, prediction.labels, prediction.probabilities, strict=True)
        ]

    def _images(self, what: What, skip_unreadable: bool) -> tuple[np.ndarray, Sequence[str]]:
        if isinstance(what, ImageSet):
            return what.images, what.ids.tolist()
        shape = self.predictor.preprocessing.shape
        if isinstance(what, np.ndarray):
            pixels = unlabelled.from_array(what, shape)
            return pixels, [str(i) for i in range(len(pixels) if pixels.ndim else 0)]
        try:
            several = [what] if isinstance(what, str | os.PathLike | Image) else list(what)
            pictures = [one for one in several if isinstance(one, Image)]
            if pictures and len(pictures) == len(several):
                return unlabelled.from_pictures(pictures, shape), [str(i) for i in range(len(pictures))]
            paths = [os.fsdecode(path) for path in several]  # type: ignore[arg-type]  # a picture among paths raises
        except TypeError as error:
            raise InputError(
                f"cannot predict an object of type {type(what).__name__}",
                hint="give paths, pictures of Pillow's, an array (N, C, H, W) uint8, or an ImageSet",
            ) from error
        return unlabelled.read(paths, shape, skip_unreadable)


def fingerprints(splits: Splits) -> dict[str, str]:
    """Give the fingerprint of each part of the data."""
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    return {name: part.fingerprint for name, part in parts.items() if part is not None}


def check_fingerprints(found: dict[str, str], recorded: dict[str, str], path: Path) -> None:
    """Refuse data that are not those of the run.

    Raises:
        InputError: naming the parts that differ.
    """
    changed = [name for name in recorded if found.get(name) != recorded[name]]
    if changed:
        parts = "; ".join(f"{name}: {found.get(name)} now, {recorded[name]} then" for name in changed)
        raise InputError(
            f"the data of {path} have changed ({parts})",
            hint="restore the files that it was trained on, or train anew",
        )


def load(path: str | os.PathLike[str], *, model: torch.nn.Module | None = None) -> Run:
    """Open a run.

    Args:
        path: its folder, or its name under ``runs/``.
        model: your own module, where the run was trained with one that was given from Python.

    Raises:
        InputError: when there is no run at that path, with the nearest names.
    """
    return Run(path, model)
