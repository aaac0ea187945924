"""From a recipe to a run folder and back: figures agree everywhere, and an interrupted run loses nothing."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

import imagette
from imagette.core.errors import Diverged, EnvironmentFault, InputError, Interrupted
from imagette.data import catalog, store
from imagette.data import load as data
from imagette.engine import probe
from imagette.engine.events import EpochDone, Logged
from imagette.engine.loop import Training
from imagette.recipe.models import Custom
from imagette.runs import checkpoint, fit, session
from imagette.runs.folder import RunFolder, run_paths
from kill_resume import CLOCKS
from models.own import Viewed, with_fixed_statistics

QUICK = ("train.epochs=3", "train.threads=1", "model.name=linear", "optim.lr=0.01", "train.log_every=4")


def recipe(*overrides: str) -> imagette.Recipe:
    return imagette.Recipe.load("digits", [*QUICK, *overrides])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> imagette.Run:
    return imagette.train(recipe(), runs=tmp_path_factory.mktemp("runs"), progress=False)


def test_no_second_is_counted_twice(tmp_path: Path) -> None:
    began = time.perf_counter()
    seconds = imagette.train(recipe(), runs=tmp_path, progress=False).summary["seconds"]
    assert seconds["train"] > 0
    assert sum(seconds.values()) <= time.perf_counter() - began


def table(path: Path, name: str = "metrics.csv") -> list[dict[str, str]]:
    with (path / name).open() as file:
        return [{k: v for k, v in row.items() if k not in CLOCKS} for row in csv.DictReader(file)]


def validation_loss(run: imagette.Run) -> float:
    images = run.splits.validation
    assert images is not None
    logits = torch.from_numpy(run.predictor.logits(images.images)).double()
    return nn.functional.cross_entropy(logits, torch.from_numpy(images.labels)).item()


def stopped_after(events: int, spec: imagette.Recipe, runs: Path) -> Path:
    """Train until so many epochs are done, then let go of the training."""
    stream = imagette.stream(spec, runs=runs)
    for event in stream:
        events -= isinstance(event, EpochDone)
        if not events:
            break
    stream.close()  # type: ignore[attr-defined]
    return run_paths(runs)[-1]


def test_the_folder_holds_what_the_design_promises(finished: imagette.Run) -> None:
    assert {file.name for file in finished.path.iterdir() if not file.name.startswith(".")} == {
        "recipe.toml", "environment.json", "status.json", "metrics.csv", "steps.csv", "checkpoints",
        "model.safetensors", "model.json", "predictions.npz", "mistakes.csv", "summary.json",
    }  # fmt: skip
    assert finished.status["state"] == "finished"
    assert finished.environment["packages"]["torch"] == torch.__version__
    assert finished.environment["plan"]["reasons"]["device"]
    assert len(finished.history) == 3
    assert set(finished.summary["seconds"]) == {"load", "prepare", "train", "evaluate"}


def test_test_and_predict_agree_with_the_summary_to_the_last_digit(finished: imagette.Run) -> None:
    opened = imagette.load(finished.path)
    assert opened.test() == finished.summary["test"]
    test = data.load(finished.recipe.data).test
    records = opened.predict(test)
    right = [r["label"] == test.classes[label] for r, label in zip(records, test.labels, strict=True)]
    assert sum(right) / len(right) == finished.summary["test"]["accuracy"]
    saved = np.load(finished.path / "predictions.npz")
    np.testing.assert_array_equal(opened.predictor.logits(test.images), saved["logits"])
    assert saved["ids"].tolist() == test.ids.tolist()


@pytest.mark.parametrize(
    ("key", "value", "off", "in_an_epoch"),
    [
        ("evaluate.shift", 1, 0, False),  # an epoch is validated without the views
        ("evaluate.mirror", True, False, False),
        ("traps.test_without_eval", True, False, True),
    ],
)
def test_how_a_model_is_measured_travels_with_the_run(
    key: str, value: object, off: object, in_an_epoch: bool, tmp_path: Path
) -> None:
    net = recipe("model.name=cnn", "model.widths=[4]", "model.dropout=0.5", "train.epochs=1")
    run = imagette.load(imagette.train(net.replace(**{key: value}), runs=tmp_path, progress=False).path)
    assert run.test() == run.summary["test"]
    images = run.splits.test.images
    found = np.load(run.path / "predictions.npz")["logits"]
    np.testing.assert_array_equal(run.predictor.logits(images), found)
    plain = imagette.runs.run.Run(run.path, recipe=run.recipe.replace(**{key: off}))
    assert not np.allclose(plain.predictor.logits(images), found)
    like_the_epoch, unlike = (run, plain) if in_an_epoch else (plain, run)
    [epoch] = run.history
    assert epoch["val_loss"] == pytest.approx(validation_loss(like_the_epoch))
    assert epoch["val_loss"] != pytest.approx(validation_loss(unlike), rel=1e-4)
    training = Training(run.recipe, run.splits.train, run.splits.validation)
    training.module.load_state_dict(load_file(run.path / "model.safetensors"))
    np.testing.assert_allclose(training.predictor().logits(images), found, rtol=1e-4, atol=1e-5)


def test_a_shift_as_large_as_the_images_leaves_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"evaluate.shift = 8"):
        imagette.train(recipe("evaluate.shift=8"), runs=tmp_path / "none", progress=False)
    assert not run_paths(tmp_path / "none")


def test_the_callers_random_numbers_and_threads_stay_as_they_were(tmp_path: Path) -> None:
    threads, before = torch.get_num_threads(), torch.get_rng_state()
    run = imagette.train(recipe("train.epochs=1", f"train.threads={threads + 1}"), runs=tmp_path, progress=False)
    imagette.extend(run.path, 1, progress=False)
    imagette.within_budget("digits", 20, ["model.name=linear"])
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("setting", ["autocast", "inference", "no_grad", "float64"])
def test_what_the_caller_has_set_in_torch_changes_no_training(
    setting: str, finished: imagette.Run, tmp_path: Path
) -> None:
    settings = {
        "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
        "inference": torch.inference_mode,
        "no_grad": torch.no_grad,
        "float64": nullcontext,
    }
    torch.set_default_dtype(torch.float64 if setting == "float64" else torch.float32)
    try:
        with settings[setting]():
            again = imagette.train(recipe(), runs=tmp_path, progress=False)
            assert torch.get_default_dtype() == (torch.float64 if setting == "float64" else torch.float32)
            assert torch.is_autocast_enabled("cpu") == (setting == "autocast")
    finally:
        torch.set_default_dtype(torch.float32)
    weights = [load_file(run.path / "model.safetensors") for run in (finished, again)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_a_run_that_is_opened_and_predicts_leaves_the_random_numbers(finished: imagette.Run) -> None:
    state = torch.get_rng_state()
    imagette.load(finished.path).predict(finished.splits.test)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_row_of_the_confusion_matrix_is_a_line_of_the_summary(finished: imagette.Run) -> None:
    lines = (finished.path / "summary.json").read_text().splitlines()
    row = finished.summary["test"]["confusion"][3]
    assert f"[ {', '.join(map(str, row))} ]" in [line.strip().rstrip(",") for line in lines]


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    run = imagette.train(recipe("train.epochs=1"), runs="~/runs", progress=False)
    assert run.path.parent == tmp_path / "runs"
    assert imagette.load(f"~/runs/{run.path.name}").path == run.path


def test_streams_side_by_side_give_the_signals_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    streams = [imagette.stream(recipe("train.epochs=1"), runs=tmp_path) for _ in range(2)]
    assert all(next(one) for one in streams)
    assert signal.getsignal(signal.SIGTERM) != before
    for one in streams:
        list(one)
    assert signal.getsignal(signal.SIGTERM) == before


def test_images_that_were_moved_are_said_with_the_value_to_mend(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", images=rng.integers(0, 256, (60, 8, 8), np.uint8), labels=np.arange(60) % 2)
    own = imagette.Recipe.load(str(tmp_path / "own.npz"), [*QUICK, "train.epochs=1"])
    run = imagette.train(own, runs=tmp_path, progress=False)
    (tmp_path / "own.npz").rename(tmp_path / "moved.npz")
    with pytest.raises(InputError, match=r"own\.npz") as caught:
        imagette.load(run.path).test()
    assert "change data.path in" in str(caught.value.hint)
    with pytest.raises(InputError, match=r"own\.npz") as caught:
        imagette.extend(run.path, 1, progress=False)
    assert "change data.path in" in str(caught.value.hint)
    page = run.path / "recipe.toml"
    page.write_text(page.read_text().replace("own.npz", "moved.npz"))
    assert imagette.load(run.path).test() == run.summary["test"]
    assert imagette.extend(run.path, 1, progress=False).summary["epochs"] == 2


def test_a_linked_file_is_read_under_the_name_of_its_link(tmp_path: Path) -> None:
    """As data sets lie that a version control keeps elsewhere, under names that tell nothing."""
    rng, (kept, seen) = np.random.default_rng(0), (tmp_path / "kept", tmp_path / "seen")
    kept.mkdir()
    seen.mkdir()
    for name, n, blob in (("train.csv", 40, "3f2a"), ("test.csv", 10, "9b1c")):
        pixels = rng.integers(0, 256, (n, 16))
        rows = [",".join(map(str, [i % 2, *row])) for i, row in enumerate(pixels)]
        (kept / blob).write_text("\n".join([",".join(["label", *(f"pixel{i}" for i in range(1, 17))]), *rows]))
        (seen / name).symlink_to(kept / blob)
    linked = imagette.Recipe.load(str(seen / "train.csv"), [*QUICK, "train.epochs=1"])
    run = imagette.train(linked, runs=tmp_path / "runs", progress=False)
    assert (run.path.name, run.summary["test"]["n"]) == ("train-1", 10)


def test_the_mistakes_are_all_listed_surest_first(finished: imagette.Run) -> None:
    with (finished.path / "mistakes.csv").open() as file:
        rows = list(csv.DictReader(file))
    figures = finished.summary["test"]
    assert len(rows) == figures["n"] - round(figures["accuracy"] * figures["n"])
    assert all(row["label"] != row["predicted"] for row in rows)
    surest = [float(row["probability"]) for row in rows]
    assert surest == sorted(surest, reverse=True)


def test_every_mistake_is_what_the_predictions_say_of_its_image(finished: imagette.Run) -> None:
    saved, test = np.load(finished.path / "predictions.npz"), finished.splits.test
    exponentials = np.exp(saved["logits"].astype(np.float64))
    probabilities = exponentials / exponentials.sum(1, keepdims=True)
    names, shares = {}, {}
    for name, label, row in zip(test.ids, test.labels, probabilities, strict=True):
        if row.argmax() != label:
            names[name] = test.classes[label], test.classes[row.argmax()]
            shares[name] = pytest.approx((row.max(), row[label]), rel=1e-4)
    with (finished.path / "mistakes.csv").open() as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert {name: (row["label"], row["predicted"]) for name, row in rows.items()} == names
    found = {name: (float(row["probability"]), float(row["label_probability"])) for name, row in rows.items()}
    assert found == shares
    assert saved["labels"].tolist() == test.labels.tolist()
    assert tuple(saved["classes"]) == test.classes


def test_the_runs_own_recipe_trains_to_the_same_weights(finished: imagette.Run, tmp_path: Path) -> None:
    again = imagette.train(str(finished.path / "recipe.toml"), runs=tmp_path, progress=False)
    ours, theirs = (load_file(run.path / "model.safetensors") for run in (finished, again))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    assert table(again.path) == table(finished.path)


def test_let_go_and_resumed_it_ends_as_if_undisturbed(finished: imagette.Run, tmp_path: Path) -> None:
    path = stopped_after(2, recipe(), tmp_path)
    assert imagette.load(path).status["state"] == "interrupted"
    resumed = imagette.resume(path, progress=False)
    assert table(path) == table(finished.path)
    assert table(path, "steps.csv") == table(finished.path, "steps.csv")
    assert resumed.summary["test"] == finished.summary["test"]


@pytest.mark.parametrize(("seconds", "batch"), [(1e-6, 1), (60.0, 0)])
def test_within_an_epoch_a_checkpoint_is_made_as_soon_as_it_is_due(seconds: float, batch: int, tmp_path: Path) -> None:
    spec = recipe("train.log_every=1", f"train.checkpoint_seconds={seconds}")
    stream = imagette.stream(spec, runs=tmp_path)
    next(event for event in stream if isinstance(event, Logged))
    saved = checkpoint.load_latest(tmp_path / "digits-1" / "checkpoints")
    stream.close()  # type: ignore[attr-defined]
    assert saved is not None
    assert saved.facts["progress"]["batch"] == batch


def test_to_stop_listening_at_the_last_event_leaves_a_finished_run(tmp_path: Path) -> None:
    stream = imagette.stream(recipe("train.epochs=1"), runs=tmp_path)
    run = next(event.run for event in stream if isinstance(event, session.Tested))
    stream.close()  # type: ignore[attr-defined]
    assert run.status["state"] == "finished"


def test_a_resume_to_another_number_of_epochs_shows_it(tmp_path: Path) -> None:
    path = stopped_after(1, recipe("train.epochs=2", "schedule.name=constant"), tmp_path)
    run = imagette.resume(path, epochs=4, progress=False)
    assert (run.status["epoch"], run.status["epochs"]) == (4, 4)


def test_an_interrupted_run_is_finished_with_what_it_has_learned(tmp_path: Path) -> None:
    path = stopped_after(2, recipe("train.epochs=50", "schedule.name=cosine"), tmp_path)
    run = imagette.resume(path, finish=True, progress=False)
    assert run.status["state"] == "finished"
    assert (run.summary["epochs"], run.recipe.train.epochs, len(run.history)) == (2, 50, 2)
    assert run.test() == run.summary["test"]
    assert run.summary["test"]["accuracy"] > 0.5


def test_an_epoch_that_was_cut_short_is_ended_before_an_extension_begins(tmp_path: Path) -> None:
    stream = imagette.stream(recipe("train.epochs=4", "train.log_every=1", "schedule.name=cosine"), runs=tmp_path)

    def stopping(event: object) -> None:
        if isinstance(event, Logged) and event.step == 50:  # of 21 an epoch
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        list(map(stopping, stream))
    done = imagette.resume(run_paths(tmp_path)[-1], finish=True, progress=False)
    longer = imagette.extend(done.path, 2, factor=0.5, progress=False)
    assert longer.recipe.schedule.restarts == (3,)
    assert [row["epoch"] for row in longer.history] == [1, 2, 3, 4, 5]


def test_without_a_checkpoint_a_changed_recipe_is_planned_anew(tmp_path: Path) -> None:
    path = stopped_after(1, recipe("schedule.name=onecycle"), tmp_path / "a")
    shutil.rmtree(path / "checkpoints")
    RunFolder(path).set_status(state="failed")
    RunFolder(path).write_recipe(RunFolder(path).recipe().replace(**{"train.batch_size": 256}))
    resumed = imagette.resume(path, progress=False)
    assert resumed.environment["plan"]["steps_per_epoch"] == 6
    anew = imagette.train(recipe("schedule.name=onecycle", "train.batch_size=256"), runs=tmp_path, progress=False)
    assert table(resumed.path) == table(anew.path)


def test_a_process_may_go_to_another_folder_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    stream = imagette.stream(recipe("train.epochs=2", "train.checkpoint_seconds=0.001"), runs="runs")
    assert str(next(stream).path) == "runs/digits-1"
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = list(stream)[-1].run
    assert (run.status["state"], len(run.history)) == ("finished", 2)
    assert [file.name for file in (tmp_path / "runs").iterdir()] == ["digits-1"]
    assert not [file for file in (tmp_path / "runs" / "digits-1").iterdir() if file.suffix == ".owner"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_stream_may_end_in_another_thread(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    stream = imagette.stream(recipe("train.epochs=1"), runs=tmp_path)
    next(stream)
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(lambda: list(stream)).result()
    assert isinstance(rest[-1], session.Tested)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_the_process_was_told_to_ignore_does_not_stop_a_training(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does in the background
    try:
        events = []
        for event in imagette.stream(recipe("train.epochs=1"), runs=tmp_path):
            events.append(event)
            signal.raise_signal(signal.SIGINT)
        assert isinstance(events[-1], session.Tested)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_to_finish_now_is_taken_back_by_a_stop_before_the_test(tmp_path: Path) -> None:
    path = stopped_after(1, recipe("train.epochs=3"), tmp_path)
    finishing = fit._resumed(RunFolder(path), None, True, None)
    next(finishing)
    finishing.close()  # type: ignore[attr-defined]
    run = imagette.resume(path, progress=False)
    assert (run.summary["epochs"], run.summary["stopped_early"]) == (3, False)


def test_other_epochs_that_are_refused_change_nothing(tmp_path: Path) -> None:
    images = tmp_path / "own.npz"
    np.savez(images, images=np.random.default_rng(0).integers(0, 256, (200, 8, 8), np.uint8), labels=np.arange(200) % 4)
    spec = imagette.Recipe.load(str(images), [*QUICK, "train.epochs=3", "schedule.name=constant"])
    path = stopped_after(1, spec, tmp_path / "runs")
    images.rename(tmp_path / "elsewhere.npz")
    with pytest.raises(InputError, match=r"own\.npz"):
        imagette.resume(path, epochs=2, progress=False)
    (tmp_path / "elsewhere.npz").rename(images)
    assert imagette.resume(path, progress=False).summary["epochs"] == 3


def test_a_run_that_another_process_has_finished_meanwhile_is_not_tested_again(tmp_path: Path) -> None:
    path = stopped_after(1, recipe("train.epochs=2"), tmp_path)
    waiting = fit._resumed(RunFolder(path), None, False, None)
    imagette.resume(path, progress=False)
    written = (path / "summary.json").stat().st_mtime_ns
    (event,) = waiting
    assert event.summary["epochs"] == 2
    assert (path / "summary.json").stat().st_mtime_ns == written


def test_a_training_that_stopped_early_goes_on_if_more_epochs_are_asked_for(tmp_path: Path) -> None:
    still = ("train.epochs=20", "train.early_stop=1", "optim.lr=1e-12", "schedule.name=constant")
    path = stopped_after(2, recipe(*still), tmp_path)  # the second is no better than the first
    assert imagette.resume(path, epochs=3, progress=False).summary["epochs"] == 3


def test_a_run_without_an_epoch_cannot_be_finished(tmp_path: Path) -> None:
    path = stopped_after(0, recipe(), tmp_path)
    with pytest.raises(InputError, match="has not finished its first epoch"):
        imagette.resume(path, finish=True, progress=False)
    with pytest.raises(InputError, match="leave one of them out"):
        imagette.resume(path, epochs=9, finish=True, progress=False)


def test_a_path_object_is_as_good_as_text(tmp_path: Path) -> None:
    page = tmp_path / "mine.toml"
    page.write_text('base = "digits"\n[train]\nepochs = 1\nthreads = 1\n[model]\nname = "linear"\n')
    assert imagette.train(page, runs=tmp_path / "runs", progress=False).summary["epochs"] == 1


def test_a_finished_run_takes_no_other_number_of_epochs(finished: imagette.Run) -> None:
    with pytest.raises(InputError, match=r"(?s)is finished.*imagette extend"):
        imagette.resume(finished.path, epochs=9, progress=False)


def test_images_are_trained_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 30, 8, 8), np.uint8)
    for name, images in zip(("cat", "dog"), pixels, strict=True):
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / name / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        run = imagette.train(imagette.Recipe.load(".", QUICK[:3]), progress=False)
        assert run.path.parent.name == "runs"
        assert run.path.name.endswith(f"-{number}")
        assert run.classes == ("cat", "dog")
        assert run.test() == run.summary["test"]


@pytest.mark.parametrize("what", [None, 3, [Image.new("L", (8, 8)), "a.png"], torch.zeros(1, 1, 8, 8)])
def test_what_cannot_be_predicted_is_said(finished: imagette.Run, what: object) -> None:
    with pytest.raises(InputError, match=r"(?s)cannot predict.*give paths, pictures of Pillow's, an array"):
        finished.predict(what)  # type: ignore[arg-type]


def test_a_picture_of_pillows_is_predicted_as_its_file_is(finished: imagette.Run, tmp_path: Path) -> None:
    pixels = finished.splits.test.images[:3, 0]
    pictures = [Image.fromarray(image).resize((30, 20)).convert("RGB") for image in pixels]
    for number, picture in enumerate(pictures):
        picture.save(tmp_path / f"{number}.png")
    expected = [row["probabilities"] for row in finished.predict(tmp_path)]
    assert [row["probabilities"] for row in finished.predict(pictures)] == expected
    assert finished.predict(pictures[1])[0]["probabilities"] == pytest.approx(expected[1], rel=1e-5)
    with Image.open(tmp_path / "1.png") as opened:
        twice = [finished.predict(opened) for _ in range(2)]
    assert twice[0] == twice[1] == finished.predict(opened)
    with pytest.raises(InputError, match="picture 1: pixels of Pillow's mode F are not read"):
        finished.predict([pictures[0], pictures[1].convert("F")])
    whole = (tmp_path / "2.png").read_bytes()
    (tmp_path / "2.png").write_bytes(whole[: len(whole) // 2])
    with Image.open(tmp_path / "2.png") as damaged, pytest.raises(InputError, match="picture 0: cannot be"):
        finished.predict(damaged)


def test_arrays_may_lack_channels_or_have_them_last(finished: imagette.Run) -> None:
    images = finished.splits.test.images[:5]  # (5, 1, 8, 8)
    expected = finished.predict(images)
    for same in (images[:, 0], images.transpose(0, 2, 3, 1)):
        assert finished.predict(same) == expected
    for alone in (images[0], images[0, 0], images[0].transpose(1, 2, 0)):
        [found] = finished.predict(alone)
        assert found["probabilities"] == pytest.approx(expected[0]["probabilities"], rel=1e-5)
    for shape in ((5, 1, 8), (5, 64)):
        with pytest.raises(InputError, match=re.escape(f"images of shape {shape}")):
            finished.predict(images.reshape(-1)[: math.prod(shape)].reshape(shape))


def test_a_finished_run_is_left_as_it_is(finished: imagette.Run, capfd: pytest.CaptureFixture[str]) -> None:
    before = (finished.path / "summary.json").stat().st_mtime_ns
    assert imagette.resume(finished.path).path == finished.path
    assert (finished.path / "summary.json").stat().st_mtime_ns == before
    assert "imagette extend" in capfd.readouterr().err


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "onecycle", "plateau"])
def test_an_extended_run_equals_its_own_recipe_trained_from_nothing(schedule: str, tmp_path: Path) -> None:
    short = recipe("train.epochs=2", f"schedule.name={schedule}")
    run = imagette.train(short, runs=tmp_path, progress=False)
    longer = imagette.extend(run.path, 2, progress=False)
    assert longer.path != run.path
    assert longer.recipe.train.epochs == 4
    assert longer.environment["extends"] == str(run.path.resolve())
    whole = imagette.train(longer.recipe, runs=tmp_path / "whole", progress=False)
    ours, theirs = (load_file(r.path / "model.safetensors") for r in (longer, whole))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    assert table(longer.path) == table(whole.path)


@pytest.mark.parametrize(("schedule", "factor"), [("constant", 0.5), ("cosine", None)])
def test_lookahead_grows_anew_over_an_extension(schedule: str, factor: float | None, tmp_path: Path) -> None:
    short = recipe("train.epochs=2", f"schedule.name={schedule}", "train.lookahead=3")
    run = imagette.train(short, runs=tmp_path, progress=False)
    longer = imagette.extend(run.path, 2, factor=factor, progress=False)
    whole = imagette.train(longer.recipe, runs=tmp_path / "whole", progress=False)
    assert table(longer.path) == table(whole.path)
    ours, theirs = (load_file(r.path / "model.safetensors") for r in (longer, whole))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_lookahead_was_made_for_its_epochs(tmp_path: Path) -> None:
    spec = recipe("train.epochs=2", "schedule.name=constant", "train.lookahead=3")
    with pytest.raises(InputError, match=r"the lookahead of .* was made for 2"):
        imagette.resume(stopped_after(1, spec, tmp_path), epochs=3, progress=False)
    run = imagette.train(spec, runs=tmp_path, progress=False)
    with pytest.raises(InputError, match="lookahead of this run has come to its end"):
        imagette.extend(run.path, 1, progress=False)


def test_a_second_extension_keeps_to_the_factor_of_the_first(tmp_path: Path) -> None:
    run = imagette.train(recipe("train.epochs=1", "schedule.name=cosine"), runs=tmp_path, progress=False)
    longer = imagette.extend(run.path, 1, factor=0.5, progress=False)
    with pytest.raises(InputError, match=r"(?s)factor of 0.1.*0.5 before"):
        imagette.extend(longer.path, 1, factor=0.1)
    assert imagette.extend(longer.path, 1, progress=False).recipe.schedule.restart_factor == 0.5


def test_a_run_that_stopped_early_is_extended_by_all_its_epochs(tmp_path: Path) -> None:
    stopped = recipe("train.epochs=20", "train.early_stop=2", "optim.lr=1e-12", "schedule.name=constant")
    run = imagette.train(stopped, runs=tmp_path, progress=False)
    assert run.summary["stopped_early"]
    waits = imagette.extend(run.path, 5, progress=False)
    assert waits.summary["epochs"] == run.summary["epochs"] + 2  # patience counts from the extension on


def test_a_run_that_did_not_stop_early_keeps_its_patience(tmp_path: Path) -> None:
    still = ("train.early_stop=3", "optim.lr=1e-12", "schedule.name=constant", "train.keep=last")
    run = imagette.train(recipe("train.epochs=2", *still), runs=tmp_path, progress=False)
    assert not run.summary["stopped_early"]
    longer = imagette.extend(run.path, 8, progress=False)
    whole = imagette.train(longer.recipe, runs=tmp_path / "whole", progress=False)
    assert longer.summary["epochs"] == whole.summary["epochs"] < 10
    assert table(longer.path) == table(whole.path)


def test_a_constant_rate_gets_a_second_phase_if_a_factor_is_given(tmp_path: Path) -> None:
    run = imagette.train(recipe("train.epochs=2", "schedule.name=constant"), runs=tmp_path, progress=False)
    second = imagette.extend(run.path, 2, factor=0.1, progress=False)
    assert [row["lr"] for row in second.history] == pytest.approx([0.01, 0.01, 0.001, 0.001])
    whole = imagette.train(second.recipe, runs=tmp_path / "whole", progress=False)
    assert table(whole.path) == table(second.path)


def test_annealing_is_given_all_its_epochs(tmp_path: Path) -> None:
    still = ("train.early_stop=3", "optim.lr=1e-12", "schedule.name=constant", "train.keep=last")
    run = imagette.train(recipe("train.epochs=2", *still), runs=tmp_path, progress=False)
    assert imagette.extend(run.path, 3, anneal=True, progress=False).summary["epochs"] == 5


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_an_annealed_extension_lets_the_rate_fall_to_zero(schedule: str, tmp_path: Path) -> None:
    run = imagette.train(recipe("train.epochs=2", f"schedule.name={schedule}"), runs=tmp_path, progress=False)
    settled = imagette.extend(run.path, 2, anneal=True, progress=False)
    steps = [float(row["lr"]) for row in table(settled.path, "steps.csv")]
    assert steps[-1] == pytest.approx(0.01 / (2 * settled.environment["plan"]["steps_per_epoch"]))
    whole = imagette.train(settled.recipe, runs=tmp_path / "whole", progress=False)
    assert table(whole.path) == table(settled.path)
    with pytest.raises(InputError, match=r"(?s)annealed.*last 2 epochs.*extend the run that it was annealed from"):
        imagette.extend(settled.path, 1, progress=False)


def test_an_annealing_was_made_for_its_epochs(tmp_path: Path) -> None:
    spec = recipe("train.epochs=3", "schedule.name=constant", "schedule.anneal=1")
    with pytest.raises(InputError, match=r"the annealing of .* was made for 3"):
        imagette.resume(stopped_after(1, spec, tmp_path), epochs=4, progress=False)


def test_a_schedule_that_falls_by_itself_takes_no_annealing(finished: imagette.Run) -> None:
    with pytest.raises(InputError, match=r"(?s)'onecycle' falls by itself.*leave --anneal"):
        imagette.extend(finished.path, 1, anneal=True, progress=False)


def test_a_plateau_takes_no_factor(tmp_path: Path) -> None:
    run = imagette.train(recipe("train.epochs=1", "schedule.name=plateau"), runs=tmp_path, progress=False)
    with pytest.raises(InputError, match=r"(?s)does not start anew.*--anneal"):
        imagette.extend(run.path, 1, factor=0.5)


def test_an_extension_that_was_stopped_before_its_first_checkpoint_does_not_begin_anew(
    finished: imagette.Run, tmp_path: Path
) -> None:
    run = imagette.extend(finished.path, 1, factor=0.1, runs=tmp_path, progress=False)
    shutil.rmtree(run.path / "checkpoints")
    RunFolder(run.path).set_status(state="interrupted")
    with pytest.raises(InputError, match=r"extends .*digits-1, and was stopped before it had a checkpoint"):
        imagette.resume(run.path, progress=False)


def test_an_extension_from_within_the_run_lies_beside_it(
    finished: imagette.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished.path, tmp_path / "digits-1")
    monkeypatch.chdir(tmp_path / "digits-1")
    run = imagette.extend(".", 1, factor=0.1, progress=False)
    assert (run.path.parent.resolve(), run.path.name) == (tmp_path, "digits-2")


def test_only_a_finished_run_is_extended(tmp_path: Path) -> None:
    path = stopped_after(1, recipe(), tmp_path)
    with pytest.raises(InputError, match=r"(?s)not finished.*imagette resume"):
        imagette.extend(path, 1)
    with pytest.raises(InputError, match="whole number from 1"):
        imagette.extend(path, 0)


def test_an_extension_goes_on_by_the_recipe_that_was_trained(finished: imagette.Run, tmp_path: Path) -> None:
    path = tmp_path / "edited"
    shutil.copytree(finished.path, path)
    text = (path / "recipe.toml").read_text()
    (path / "recipe.toml").write_text(text.replace("lr = 0.01", "lr = 0.02"))
    with pytest.raises(InputError, match=r"optim\.lr: 0\.01 in the checkpoint, 0\.02 in recipe\.toml"):
        imagette.extend(path, 1, progress=False)
    assert run_paths(tmp_path) == [path]


def test_a_resume_with_another_recipe_names_every_difference(tmp_path: Path) -> None:
    path = stopped_after(1, recipe(), tmp_path)
    text = (path / "recipe.toml").read_text()
    (path / "recipe.toml").write_text(text.replace("lr = 0.01", "lr = 0.02").replace("epochs = 3", "epochs = 4"))
    with pytest.raises(InputError) as caught:
        imagette.resume(path, progress=False)
    assert "optim.lr: 0.01 in the checkpoint, 0.02 in recipe.toml" in str(caught.value)
    assert "train.epochs: 3 in the checkpoint, 4 in recipe.toml" in str(caught.value)


def test_a_resume_may_change_what_no_weight_depends_on(finished: imagette.Run, tmp_path: Path) -> None:
    path = stopped_after(1, recipe(), tmp_path)
    text = (path / "recipe.toml").read_text().replace("checkpoint_seconds = 60.0", "checkpoint_seconds = 5.0")
    (path / "recipe.toml").write_text(re.sub(r"(\[evaluate\]\nbatch_size =) 500", r"\1 7", text))
    run = imagette.resume(path, progress=False)
    assert run.predictor.batch_size == run.recipe.evaluate.batch_size == 7
    assert run.summary["test"]["accuracy"] == finished.summary["test"]["accuracy"]


def test_without_eval_a_resume_keeps_the_size_of_the_batches_that_answers_depend_on(tmp_path: Path) -> None:
    path = stopped_after(1, recipe("traps.test_without_eval=true"), tmp_path)
    text = (path / "recipe.toml").read_text()
    (path / "recipe.toml").write_text(re.sub(r"(\[evaluate\]\nbatch_size =) 500", r"\1 7", text))
    with pytest.raises(InputError, match=r"evaluate\.batch_size: 500 in the checkpoint, 7 in recipe\.toml"):
        imagette.resume(path, progress=False)


def test_an_unfinished_run_says_what_it_lacks_before_it_asks_for_images(tmp_path: Path) -> None:
    path = stopped_after(1, imagette.Recipe.load(str(own_images(tmp_path)), QUICK), tmp_path / "my runs")
    (tmp_path / "own.npz").unlink()
    with pytest.raises(InputError, match=r"model\.json is missing") as caught:
        imagette.load(path).test()
    assert f"imagette resume '{path}'" in str(caught.value.hint)


def own_images(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 8, 8), np.uint8)
    np.savez(
        folder / "own.npz", x_train=images[:40], y_train=np.arange(40) % 2, x_test=images[40:], y_test=np.arange(20) % 2
    )
    return folder / "own.npz"


def test_a_resume_with_other_images_is_refused(tmp_path: Path) -> None:
    file = own_images(tmp_path)
    spec = imagette.Recipe.load(str(file), ["train.epochs=2", "train.threads=1", "model.name=linear"])
    path = stopped_after(1, spec, tmp_path / "runs")
    with np.load(file) as arrays:
        changed = dict(arrays)
    changed["x_train"][0, 0, 0] ^= 1
    np.savez(file, **changed)
    with pytest.raises(InputError, match=r"(?s)the data of .* have changed"):
        imagette.resume(path, progress=False)


def test_images_of_your_own_are_found_again_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_images(tmp_path)
    monkeypatch.chdir(tmp_path)
    run = imagette.train(
        imagette.Recipe.load("own.npz", ["train.epochs=1", "model.name=linear"]), runs="runs", progress=False
    )
    path, figures = run.path.resolve(), run.summary["test"]
    monkeypatch.chdir("/")
    assert imagette.load(path).test() == figures


def test_a_run_stays_with_the_division_that_it_was_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path / "cache"))
    entry = catalog.entry("fashion-mnist")
    for seed, division in enumerate(("kaggle", "publisher")):  # the latter, which any prefers, comes to be kept later
        pixels = np.random.default_rng(seed).integers(0, 256, (60, 1, 28, 28), np.uint8)
        arrays, about = (pixels, np.arange(60) % 10), {"division": division, "note": ""}
        store.save(entry, division, tuple(store.make_set(entry, part, arrays, about) for part in ("train", "test")))
        if division == "kaggle":
            spec = imagette.Recipe.load("fashion-mnist", ["train.epochs=1", "model.name=linear", "train.threads=1"])
            run = imagette.train(spec, runs=tmp_path, progress=False)
    assert imagette.Recipe.load(run.path / "recipe.toml").data.division == "kaggle"
    assert imagette.load(run.path).test() == run.summary["test"]


def test_a_default_recipe_takes_another_model() -> None:
    for name in ("fashion-mnist", "cifar10", "mnist-best"):
        assert imagette.Recipe.load(name).replace(**{"model.name": "custom"}).model.name == "custom"


def test_a_net_that_cannot_take_one_image_is_refused_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.BatchNorm1d(10))
    images = len(data.load(recipe().data).train)
    with pytest.raises(InputError, match=r"(?s)last batch of an epoch has one.*drop_last = true"):
        imagette.train(recipe(f"train.batch_size={images - 1}"), model=net, runs=tmp_path, progress=False)
    with pytest.raises(InputError, match=r"(?s)train\.batch_size = 1, and .*take 2 or more"):
        imagette.train(recipe("train.batch_size=1"), model=net, runs=tmp_path, progress=False)
    (tmp_path / "lone_net.py").write_text(
        "from torch import nn\n"
        "def net(shape, classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes), nn.BatchNorm1d(classes))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # so that the plan has a choice to time
    timed = ["train.batch_size=1", "train.epochs=100", "model.name=custom", "model.factory=lone_net:net"]
    with pytest.raises(InputError, match=r"(?s)train\.batch_size = 1, and .*take 2 or more"):
        imagette.train(imagette.Recipe.load("digits", timed), runs=tmp_path, progress=False)
    assert not run_paths(tmp_path)


@pytest.mark.parametrize("optimizer", ["sgd", "muon", "adam"])
def test_a_part_of_your_module_may_begin_late(optimizer: str, tmp_path: Path) -> None:
    class Late(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.head = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)
            self.loss = nn.CrossEntropyLoss()  # a part that nobody calls is no loss of its own
            self.calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += self.training
            x = self.first(x.flatten(1)).relu()
            return self.head(self.second(x).relu() if self.calls > 5 else x)

    run = imagette.train(recipe(f"optim.name={optimizer}"), model=Late(), runs=tmp_path, progress=False)
    assert run.summary["test"]["accuracy"] > 0.3


def test_your_own_module_is_trained_saved_and_opened_with_it(tmp_path: Path) -> None:
    def net() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))

    anothers = recipe("model.name=custom", "model.factory=package:module")
    run = imagette.train(anothers, model=net(), runs=tmp_path, progress=False)
    assert run.recipe.model == Custom(factory="")
    shared = net()
    opened = imagette.load(run.path, model=shared)
    _ = opened.predictor
    nn.init.zeros_(shared[1].weight)  # what becomes of the caller's module is nothing to the run
    assert opened.test() == run.summary["test"]
    with pytest.raises(InputError):
        imagette.load(run.path).test()


def test_a_module_that_flattens_with_view_is_trained_in_torchs_order(tmp_path: Path) -> None:
    def spec(*more: str) -> imagette.Recipe:
        factory = "model.name=custom", "model.factory=models.own:Viewed"
        return imagette.Recipe.load("digits", ["train.epochs=100", "train.device=cpu", *factory, *more])

    long = data.load(spec().data)
    assert probe.decided(spec(), long.train).layout == "contiguous"
    few = spec("train.epochs=4")
    given = few.replace(**{"model.name": "linear"})
    for run in (
        imagette.train(few, runs=tmp_path, progress=False),
        imagette.train(given, model=Viewed((1, 8, 8), 10), runs=tmp_path, progress=False),
    ):
        plan = run.environment["plan"]
        assert plan["layout"] == "contiguous"
        assert "whole pixels" in plan["reasons"]["layout"]
        assert run.summary["test"]["accuracy"] > 0.3
    assert imagette.load(tmp_path / "digits-1").test() == imagette.load(tmp_path / "digits-1").summary["test"]
    with pytest.raises(
        InputError, match=r"(?s)'channels_last', but .*view.*leave train\.layout out; or .*flatten\(1\)"
    ):
        imagette.train(spec("train.layout=channels_last"), runs=tmp_path, progress=False)
    assert len(run_paths(tmp_path)) == 2


def test_what_a_factory_freezes_stays_frozen(tmp_path: Path) -> None:
    own = ("model.name=custom", "model.factory=models.own:with_fixed_statistics")
    run = imagette.train(recipe(*own), runs=tmp_path, progress=False)
    assert not run.predictor.module[1].running_mean.any()
    module = with_fixed_statistics((1, 8, 8), 10)
    imagette.train(recipe(), model=module, runs=tmp_path, progress=False)
    assert [part.training for part in module.modules()] == [True, True, False, True]
    imagette.extend(tmp_path / "digits-2", 1, model=module, progress=False)
    assert not module[1].running_mean.any()


def test_a_module_that_keeps_a_tensor_of_its_last_step_is_tested(tmp_path: Path) -> None:
    class Keeping(nn.Sequential):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.answers = super().forward(images)
            return self.answers

    net = Keeping(nn.Flatten(), nn.Linear(64, 10))
    run = imagette.train(recipe("data.validation=0", "train.keep=last"), model=net, runs=tmp_path, progress=False)
    assert run.summary["test"]["accuracy"] > 0.8


def test_a_module_that_keeps_what_it_computes_in_training_alone_is_tested(tmp_path: Path) -> None:
    class Hoarding(nn.Sequential):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            answers: torch.Tensor = super().forward(images)
            if self.training:
                self.last, self.seen = answers, {"answers": [answers.sum()]}
            return answers

    net = Hoarding(nn.Flatten(), nn.Linear(64, 10))
    run = imagette.train(recipe("train.keep=last"), model=net, runs=tmp_path, progress=False)
    assert run.summary["test"]["accuracy"] > 0.8
    longer = imagette.extend(run.path, 1, model=net, progress=False)  # which has kept something by now
    assert longer.summary["test"]["accuracy"] > 0.8


def test_a_module_that_writes_over_its_last_answers_is_counted_right(tmp_path: Path) -> None:
    class Reusing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.answers = nn.Linear(64, 10), torch.zeros(2048, 10)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            answers: torch.Tensor = self.fc(images.flatten(1))
            held = self.answers[: len(answers)]
            held.copy_(answers.detach())
            return _Held.apply(answers, held)  # type: ignore[no-any-return,no-untyped-call]

    class _Held(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, answers: torch.Tensor, held: torch.Tensor) -> torch.Tensor:
            return held.detach()

        @staticmethod
        def backward(ctx: object, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
            return gradients[0], None

    spec = recipe("train.log_every=1000", "train.precision=float32", "train.epochs=4")
    run = imagette.train(spec, model=Reusing(), runs=tmp_path, progress=False)
    assert run.history[-1]["train_accuracy"] > 0.6


def test_a_module_with_an_autocast_of_its_own_learns(tmp_path: Path) -> None:
    class Casting(nn.Sequential):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return super().forward(images)  # type: ignore[no-any-return]

    for number, around in enumerate((nullcontext(), torch.autocast("cpu", dtype=torch.bfloat16))):
        net = Casting(nn.Flatten(), nn.Linear(64, 10))
        with around:
            run = imagette.train(
                recipe("train.precision=float32", "train.epochs=6"),
                model=net,
                runs=tmp_path / str(number),
                progress=False,
            )
        assert run.summary["test"]["accuracy"] > 0.8


def test_weights_that_do_not_fit_the_recipe_are_said(finished: imagette.Run, tmp_path: Path) -> None:
    path = tmp_path / "copy"
    shutil.copytree(finished.path, path)
    text = (path / "recipe.toml").read_text()
    (path / "recipe.toml").write_text(text.replace('name = "linear"', 'name = "single-conv"'))
    with pytest.raises(InputError, match="does not fit the recipe's model"):
        _ = imagette.load(path).predictor


def test_a_damaged_model_is_said(finished: imagette.Run, tmp_path: Path) -> None:
    path = tmp_path / "copy"
    shutil.copytree(finished.path, path)
    os.truncate(path / "model.safetensors", 100)
    with pytest.raises(InputError, match="damaged"):
        _ = imagette.load(path).predictor


def test_a_diverged_run_says_so_and_keeps_a_finite_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(Diverged):
        imagette.train(recipe("model.name=cnn", "optim.name=sgd", "optim.lr=1e18"), runs=tmp_path, progress=False)
    folder = RunFolder(run_paths(tmp_path)[-1])
    assert folder.status()["state"] == "diverged"
    assert "lower" not in folder.status()["message"]
    for file in folder.checkpoints.glob("*.safetensors"):
        assert all(bool(value.isfinite().all()) for value in load_file(file).values())


def test_nothing_is_made_when_the_data_cannot_be_had(tmp_path: Path) -> None:
    missing = imagette.Recipe.load("digits").replace(**{"data.path": str(tmp_path / "nowhere")})
    with pytest.raises(InputError):
        imagette.train(missing, runs=tmp_path / "runs", progress=False)
    assert run_paths(tmp_path / "runs") == []


def test_a_root_that_is_a_file_is_refused_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(EnvironmentFault):
        imagette.train(recipe(), runs=tmp_path / "runs", progress=False)


def test_events_can_be_followed(tmp_path: Path) -> None:
    events = list(imagette.stream(recipe("train.epochs=1"), runs=tmp_path))
    kinds = [type(event).__name__ for event in events]
    assert (kinds[0], kinds[-3:]) == ("Started", ["EpochDone", "Finished", "Tested"])
    losses = [event.loss for event in events if isinstance(event, Logged)]
    assert [float(row["loss"]) for row in table(run_paths(tmp_path)[-1], "steps.csv")] == losses


def test_a_prediction_takes_any_view_and_leaves_the_threads_of_its_caller(finished: imagette.Run) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 1, 8, 8), np.uint8)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        opened = imagette.load(finished.path)  # trained with one
        turned = opened.predict(pixels[..., ::-1])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert turned == opened.predict(pixels[..., ::-1].copy())


def test_predicting_an_array_and_a_wrong_shape(finished: imagette.Run) -> None:
    pixels = np.zeros((2, 1, 8, 8), np.uint8)
    first = finished.predict(pixels)[0]
    assert sum(first["probabilities"].values()) == pytest.approx(1)
    assert first["probability"] == max(first["probabilities"].values())
    json.dumps(first)
    with pytest.raises(InputError, match="the model takes"):
        finished.predict(pixels[:, :, :7])


def test_a_stream_that_was_left_half_way_is_named_as_what_holds_the_run(tmp_path: Path) -> None:
    events = imagette.stream(recipe(), runs=tmp_path)
    next(events)
    with pytest.raises(InputError, match=r"(?s)in use by this process.*events\.close\(\)"):
        imagette.resume(tmp_path / "digits-1", progress=False)
    events.close()  # type: ignore[attr-defined]
    assert imagette.resume(tmp_path / "digits-1", progress=False).status["state"] == "finished"


def test_a_run_ends_sooner_or_later_if_its_schedule_allows(tmp_path: Path) -> None:
    plain = recipe("train.epochs=5", "schedule.name=constant")
    for epochs in (3, 7):
        path = stopped_after(2, plain, tmp_path)
        run = imagette.resume(path, epochs=epochs, progress=False)
        whole = imagette.train(plain.replace(**{"train.epochs": epochs}), runs=tmp_path / "whole", progress=False)
        assert run.summary["epochs"] == epochs
        assert table(run.path) == table(whole.path)
        assert run.recipe == whole.recipe


def test_epochs_that_are_done_or_that_a_schedule_was_made_for_cannot_be_taken_back(tmp_path: Path) -> None:
    path = stopped_after(2, recipe("train.epochs=5", "schedule.name=constant"), tmp_path)
    with pytest.raises(InputError, match=r"has begun epoch [23]"):
        imagette.resume(path, epochs=1, progress=False)
    text = (path / "recipe.toml").read_text()
    (path / "recipe.toml").write_text(text.replace("epochs = 5", "epochs = 1"))
    with pytest.raises(InputError, match=r"1 epochs, but .* has begun epoch [23]"):
        imagette.resume(path, progress=False)
    (path / "recipe.toml").write_text(text)
    assert imagette.resume(path, epochs=3, progress=False).summary["epochs"] == 3
    bound = stopped_after(2, recipe("train.epochs=5", "schedule.name=cosine"), tmp_path)
    before = (bound / "recipe.toml").read_bytes()
    with pytest.raises(InputError, match="was made for 5"):
        imagette.resume(bound, epochs=4, progress=False)
    assert (bound / "recipe.toml").read_bytes() == before
    warm = stopped_after(2, recipe("train.epochs=9", "schedule.name=constant", "schedule.warmup=4"), tmp_path)
    before = (warm / "recipe.toml").read_bytes()
    with pytest.raises(InputError, match=r"warmup = 4 epochs, but the schedule's first phase has only 3"):
        imagette.resume(warm, epochs=3, progress=False)
    assert (warm / "recipe.toml").read_bytes() == before


def test_a_restart_that_was_never_reached_is_no_restart(tmp_path: Path) -> None:
    run = imagette.train(recipe("schedule.name=cosine", "schedule.restarts=[50]"), runs=tmp_path, progress=False)
    longer = imagette.extend(run.path, 1, factor=0.3, progress=False)
    assert (longer.recipe.schedule.restarts, longer.recipe.schedule.restart_factor) == ((3,), 0.3)


def test_names_that_no_file_can_hold_are_refused_before_any_work(tmp_path: Path) -> None:
    strange = Path(os.fsdecode(os.fsencode(tmp_path) + b"/fold\xe9"))
    for name in ("a", "b"):
        (strange / name).mkdir(parents=True)
    with pytest.raises(InputError, match=r"fold\\udce9: the name is not UTF-8"):
        imagette.train(imagette.Recipe.load("images", [f"data.path={strange}"]), runs=tmp_path / "runs", progress=False)
    with pytest.raises(InputError, match="is not UTF-8"):
        imagette.train(recipe(), runs=strange, progress=False)
    assert not run_paths(tmp_path / "runs")


def test_one_trains_in_a_folder_whose_name_no_file_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = Path(os.fsdecode(os.fsencode(tmp_path) + b"/J\xf6rg"))
    strange.mkdir()
    monkeypatch.chdir(strange)
    run = imagette.train(recipe("train.epochs=1"), runs=tmp_path / "runs", progress=False)
    assert run.environment["folder"] == f"{tmp_path}/J\\udcf6rg"
