"""Is a resumed run the undisturbed run, bit for bit?

Trains once undisturbed. Then, time after time, starts the same training as a real process, kills it with SIGKILL at a
random moment, resumes it (and kills some of the resumed ones, too), and compares what is left: the final weights, the
last checkpoint with the optimizer's state, the predictions, and the tables without their clock columns.

    python benchmarks/kill_resume.py            # 50 times
    python benchmarks/kill_resume.py -n 5 --seed 3
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Shuffled, augmented, with dropout, a plateau that reduces often, a moving average, and a checkpoint every few steps.
RECIPE = (
    "digits",
    "data.limit=640",
    "augment.rotation=10",
    "augment.crop_padding=1",
    "augment.erase=0.25",
    "model.widths=[8, 16]",
    "model.hidden=32",
    "model.dropout=0.3",
    "optim.lr=0.003",
    "schedule.name=plateau",
    "schedule.patience=0",
    "train.epochs=6",
    "train.batch_size=16",
    "train.ema=0.9",
    "train.seed=7",
    "train.threads=1",
    "train.checkpoint_seconds=0.05",
)
CLOCKS = {"seconds", "images_per_second"}
PATIENCE = 300.0  # seconds for a process that does not end


@dataclass(frozen=True)
class Outcome:
    """What became of one disturbed run: where the kills fell, and what differs from the undisturbed one."""

    moment: str
    kills: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def undisturbed_run(root: Path, recipe: Sequence[str] = RECIPE) -> Path:
    """Train to the end in a process of its own; give the run's folder."""
    _to_the_end("train", *recipe, "--runs", str(root), "--quiet")
    return _newest(root)


def disturbed_run_equals(undisturbed: Path, root: Path, moment: str, seed: int = 0, kills: int = 1) -> Outcome:
    """Train as an undisturbed run did, but killed at a moment and resumed; compare.

    Args:
        undisturbed: the finished run to compare with.
        root: an empty folder for the disturbed one.
        moment: a key of ``MOMENTS``.
        seed: decides when exactly.
        kills: how often; all but the first hit a resume.
    """
    rng = random.Random(f"{moment} {seed}")
    landed: list[str] = []
    train = ("train", str(undisturbed / "recipe.toml"), "--runs", str(root), "--quiet")
    while len(landed) < kills:
        begun = _begun(root)
        command = ("resume", str(_newest(root)), "--quiet") if begun else train
        hit = _start_and_kill(command, MOMENTS[moment if not landed else "time"](root, rng))
        if hit is None and _begun(root) and _status(_newest(root))["state"] == "finished":
            break  # it was over before the moment came
        if hit is not None:
            landed.append(hit if _begun(root) else "before there was a run")
    if _begun(root):
        _to_the_end("resume", str(_newest(root)), "--quiet")
    else:
        _to_the_end(*train)
    return Outcome(moment, tuple(landed), tuple(differences(undisturbed, _newest(root))))


def differences(a: Path, b: Path) -> list[str]:
    """Name what differs between two finished runs, clocks apart."""
    found = [name for name in ("model.safetensors", "predictions.npz") if _sha256(a / name) != _sha256(b / name)]
    found += [name for name in ("metrics.csv", "steps.csv") if _rows(a / name) != _rows(b / name)]
    last_a, last_b = (max((run / "checkpoints").glob("*.safetensors")) for run in (a, b))
    if last_a.name != last_b.name or _sha256(last_a) != _sha256(last_b):
        found.append("the last checkpoint's tensors")
    if _state(last_a) != _state(last_b):
        found.append("the last checkpoint's facts")
    figures_a, figures_b = (json.loads((run / "summary.json").read_text()) for run in (a, b))
    found += [f"summary.json: {key}" for key in ("test", "validation") if figures_a[key] != figures_b[key]]
    return found


Wait = Callable[[subprocess.Popen[bytes]], bool]


def _at_a_time(root: Path, rng: random.Random) -> Wait:
    """Any time from the process's first breath to beyond its end."""
    return _after(rng.uniform(0.0, 8.0))


def _at_the_start(root: Path, rng: random.Random) -> Wait:
    """From the moment the run's folder exists: recipe, environment, data, first steps."""
    return _when(lambda: any(root.glob("*")), rng.uniform(0.0, 0.3))


def _in_an_epoch(root: Path, rng: random.Random) -> Wait:
    """Between two rows of the epochs' table."""
    rows = rng.randrange(1, 6)
    return _when(lambda: _count(root, "metrics.csv") > rows, rng.uniform(0.0, 0.2))


def _in_a_checkpoint(root: Path, rng: random.Random) -> Wait:
    """While a checkpoint's temporary file lies in the folder."""
    after = rng.randrange(1, 5)

    def writing() -> bool:
        return _count(root, "metrics.csv") > after and any(root.glob("*/checkpoints/.*.tmp"))

    return _when(writing, 0.0)


def _in_the_last_evaluation(root: Path, rng: random.Random) -> Wait:
    """After the last epoch's row, while the run is measured and its results are written."""
    return _when(lambda: _count(root, "metrics.csv") > 6, rng.uniform(0.0, 0.15))


MOMENTS: dict[str, Callable[[Path, random.Random], Wait]] = {
    "time": _at_a_time,
    "start": _at_the_start,
    "epoch": _in_an_epoch,
    "checkpoint": _in_a_checkpoint,
    "evaluation": _in_the_last_evaluation,
}


def _after(seconds: float) -> Wait:
    def wait(process: subprocess.Popen[bytes]) -> bool:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    return wait


def _when(condition: Callable[[], bool], then: float) -> Wait:
    """Wait until a condition holds, looking thousands of times a second, and so much longer."""

    def wait(process: subprocess.Popen[bytes]) -> bool:
        while process.poll() is None:
            if condition():
                return _after(then)(process)
            time.sleep(0.0002)
        return False

    return wait


def _start_and_kill(command: Sequence[str], wait: Wait) -> str | None:
    """Start a command, kill it when the moment has come; say where it was hit, None when it ended by itself."""
    with subprocess.Popen(_imagette(command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        come = wait(process)
        if come:
            os.kill(process.pid, signal.SIGKILL)
        _, said = process.communicate(timeout=PATIENCE)
    if process.returncode == -signal.SIGKILL:
        return command[0]
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}\n{said.decode()}")
    return None


def _to_the_end(*command: str) -> None:
    ended = subprocess.run(_imagette(command), capture_output=True, timeout=PATIENCE, check=False)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {ended.returncode}\n{ended.stderr.decode()}")


def _imagette(command: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "imagette", *command]


def _newest(root: Path) -> Path:
    return max((file.parent for file in root.glob("*/status.json")), key=lambda path: path.stat().st_mtime)


def _begun(root: Path) -> bool:
    return any(root.glob("*/status.json"))


def _status(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "status.json").read_text()))


def _count(root: Path, table: str) -> int:
    return max((file.read_bytes().count(b"\n") for file in root.glob(f"*/{table}")), default=0)


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return [{key: text for key, text in row.items() if key not in CLOCKS} for row in csv.DictReader(lines)]


def _state(tensors: Path) -> Any:
    facts = json.loads(tensors.with_suffix(".json").read_text())
    facts["progress"].pop("seconds")
    return facts


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main() -> int:
    """Disturb many runs; print k of n."""
    parser = argparse.ArgumentParser(description="Kill trainings, resume them, compare them to an undisturbed one.")
    parser.add_argument("-n", type=int, default=50, help="how many disturbed runs (50)")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="imagette-kill-") as folder:
        undisturbed = undisturbed_run(Path(folder, "undisturbed"))
        outcomes = []
        for number in range(chosen.n):
            moment = list(MOMENTS)[number % len(MOMENTS)]
            root = Path(folder, str(number))
            root.mkdir()
            outcome = disturbed_run_equals(undisturbed, root, moment, chosen.seed + number, kills=1 + number % 3 // 2)
            outcomes.append(outcome)
            verdict = "identical" if outcome.equal else f"DIFFERS: {', '.join(outcome.differences)}"
            hits = ", ".join(outcome.kills) or "ended before the moment"
            print(f"{number + 1:3} of {chosen.n}  {moment:<11} killed: {hits:<28} {verdict}", flush=True)
    equal = sum(outcome.equal for outcome in outcomes)
    kills = sum(len(outcome.kills) for outcome in outcomes)
    print(f"{equal} of {chosen.n} identical to the undisturbed run ({kills} kills)")
    return 0 if equal == chosen.n else 1


if __name__ == "__main__":
    sys.exit(main())
