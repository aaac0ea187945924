"""What a finished training leaves for its readers: the model, the predictions, the mistakes, the figures."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
from torch import Tensor

from imagette.core.files import atomic_path
from imagette.data import ground
from imagette.data.imageset import ImageSet
from imagette.engine.loop import Training
from imagette.engine.predictor import Prediction
from imagette.runs.checkpoint import save_tensors
from imagette.runs.folder import FORMAT, RunFolder
from imagette.runs.run import Run, fingerprints


def write_model(folder: RunFolder, training: Training) -> None:
    """Write ``model.safetensors`` and ``model.json``: weights, class names, preprocessing, architecture."""
    weights: dict[str, Tensor] = training.weights()
    sha256 = save_tensors(folder.path / "model.safetensors", weights)
    page = {
        "format": FORMAT,
        "sha256": sha256,
        "model": training.recipe.model.model_dump(mode="json"),
        "classes": list(training.images.classes),
        "preprocessing": training.measured.to_dict(),
        "ground": ground.brightness(training.images.images),
        "parameters": sum(p.numel() for p in training.module.parameters()),
        "channels_last": training.plan.channels_last,
        "threads": training.plan.threads,
    }
    folder.write("model.json", page)


def write_figures(run: Run, training: Training) -> dict[str, Any]:
    """Measure the saved model on validation and, once, on test images; write predictions, mistakes and summary."""
    splits = run.splits
    prediction = run.predictor.predict(splits.test.images)
    _write_predictions(run, splits.test, prediction)
    _write_mistakes(run, splits.test, prediction)
    validation = splits.validation
    return {
        "format": FORMAT,
        "recipe": run.recipe.name,
        "model": {"name": run.recipe.model.name, "parameters": run.folder.read("model.json")["parameters"]},
        "data": {
            "name": run.recipe.data.name or run.recipe.data.path,
            "division": splits.train.provenance.get("division"),
            "fingerprints": fingerprints(splits),
            "train": len(splits.train),
            "validation": 0 if validation is None else len(validation),
            "test": len(splits.test),
        },
        "epochs": training.progress.epoch,
        "best_epoch": training.progress.best_epoch,
        "kept": "last" if training.best_weights is None else "best",
        "stopped_early": training.progress.early,
        "views": run.recipe.evaluate.views,
        "validation": None if validation is None else run.measure(validation, run.predictor.logits(validation.images)),
        "test": run.measure(splits.test, prediction.logits),
        "test_use": _test_use(run),
    }


def _test_use(run: Run) -> str:
    use = "evaluated after training; nothing in this run was chosen by it"
    parent = run.environment.get("extends")
    return f"{use}; the run that it extends, {parent}, had been tested before" if parent else use


def _write_predictions(run: Run, test: ImageSet, prediction: Prediction) -> None:
    with atomic_path(run.path / "predictions.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, ids=test.ids, labels=test.labels, logits=prediction.logits, classes=test.classes)


def _write_mistakes(run: Run, test: ImageSet, prediction: Prediction) -> None:
    wrong = np.flatnonzero(prediction.labels != test.labels)
    surest_first = wrong[np.argsort(-prediction.probabilities[wrong, prediction.labels[wrong]], kind="stable")]
    with atomic_path(run.path / "mistakes.csv") as temporary, temporary.open("w", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["id", "label", "predicted", "probability", "label_probability"])
        for i in surest_first:
            row, label, predicted = prediction.probabilities[i], test.labels[i], prediction.labels[i]
            table.writerow([test.ids[i], test.classes[label], test.classes[predicted], row[predicted], row[label]])
