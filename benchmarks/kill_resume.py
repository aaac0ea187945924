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
import shutil
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

    kills: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def undisturbed_run(root: Path) -> Path:
    """Train to the end in a process of its own; give the run's folder."""
    _to_the_end("train", *RECIPE, "--runs", str(root), "--quiet")
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
    # The seconds from the run's first file to its last.
    life = (undisturbed / "status.json").stat().st_mtime - (undisturbed / "recipe.toml").stat().st_mtime
    train = ("train", str(undisturbed / "recipe.toml"), "--runs", str(root), "--quiet")
    while len(landed) < kills:
        command = ("resume", str(_newest(root)), "--quiet") if _begun(root) else train
        hit = _start_and_kill(command, MOMENTS[moment if not landed else "time"](root, rng, life))
        if hit:
            landed.append(command[0] if _begun(root) else "before there was a run")
        elif landed:
            break  # the resumed run was over before the moment came
        else:
            shutil.rmtree(_newest(root))  # so was the first: once more, with another draw
    if _begun(root):
        _to_the_end("resume", str(_newest(root)), "--quiet")
    else:
        _to_the_end(*train)
    return Outcome(tuple(landed), tuple(differences(undisturbed, _newest(root))))


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


Process = subprocess.Popen[bytes]
Condition = Callable[[Process], bool]
Wait = Callable[[Process], bool]


def _at_a_time(root: Path, rng: random.Random, life: float) -> Wait:
    """Any time while the process has the run in its hands."""

    def begun(process: Process) -> bool:
        return _begun(root) and _status(_newest(root))["pid"] == process.pid

    return _when(begun, rng.uniform(0.0, 1.1 * life))


def _at_the_start(root: Path, rng: random.Random, life: float) -> Wait:
    """From the moment the run's folder exists: recipe, environment, first checkpoint, first steps."""
    return _when(lambda process: any(root.glob("*")), rng.uniform(0.0, 0.1 * life))


def _in_an_epoch(root: Path, rng: random.Random, life: float) -> Wait:
    """Between two rows of the epochs' table."""
    rows = rng.randrange(1, 6)
    return _when(lambda process: _count(root, "metrics.csv") > rows, rng.uniform(0.0, life / 6))


def _in_a_checkpoint(root: Path, rng: random.Random, life: float) -> Wait:
    """While a checkpoint's temporary file lies in the folder."""
    after = rng.randrange(1, 6)

    def writing(process: Process) -> bool:
        return _count(root, "metrics.csv") > after and any(root.glob("*/checkpoints/.*.tmp"))

    return _when(writing, 0.0)


def _in_the_last_evaluation(root: Path, rng: random.Random, life: float) -> Wait:
    """After the last epoch's row, while the run is measured and its results are written."""
    return _when(lambda process: _count(root, "metrics.csv") > 6, rng.uniform(0.0, 0.2 * life))


MOMENTS: dict[str, Callable[[Path, random.Random, float], Wait]] = {
    "time": _at_a_time,
    "start": _at_the_start,
    "epoch": _in_an_epoch,
    "checkpoint": _in_a_checkpoint,
    "evaluation": _in_the_last_evaluation,
}


def _when(condition: Condition, then: float) -> Wait:
    """Wait until a condition holds, looking thousands of times a second, and so many seconds more."""

    def wait(process: Process) -> bool:
        while process.poll() is None:
            if condition(process):
                time.sleep(then)
                return process.poll() is None
            time.sleep(0.0002)
        return False

    return wait


def _start_and_kill(command: Sequence[str], wait: Wait) -> bool:
    """Start a command, kill it when the moment has come; tell whether that came before its own end."""
    with subprocess.Popen(_imagette(command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        if wait(process):
            os.kill(process.pid, signal.SIGKILL)
        _, said = process.communicate(timeout=PATIENCE)
    if process.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}\n{said.decode()}")
    return process.returncode != 0


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
    facts = json.loads(tensors.with_suffix(".json").read_text())["facts"]
    facts["progress"].pop("seconds")
    return facts


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main() -> int:
    """Disturb many runs; print k of n."""
    parser = argparse.ArgumentParser(description="Kill trainings, resume them, compare them to an undisturbed one.")
    parser.add_argument("-n", type=int, default=50, help="how many disturbed runs (50)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--moments", nargs="+", choices=MOMENTS, default=list(MOMENTS), help="all in turn")
    chosen = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="imagette-kill-") as folder:
        undisturbed = undisturbed_run(Path(folder, "undisturbed"))
        outcomes = []
        for number in range(chosen.n):
            moment = chosen.moments[number % len(chosen.moments)]
            root = Path(folder, str(number))
            root.mkdir()
            outcome = disturbed_run_equals(undisturbed, root, moment, chosen.seed + number, kills=1 + number % 3 // 2)
            outcomes.append(outcome)
            verdict = "identical" if outcome.equal else f"DIFFERS: {', '.join(outcome.differences)}"
            hits = ", ".join(outcome.kills)
            print(f"{number + 1:3} of {chosen.n}  {moment:<11} killed: {hits:<23} {verdict}", flush=True)
    equal = sum(outcome.equal for outcome in outcomes)
    kills = sum(len(outcome.kills) for outcome in outcomes)
    print(f"{equal} of {chosen.n} identical to the undisturbed run ({kills} kills)")
    return 0 if equal == chosen.n else 1


if __name__ == "__main__":
    sys.exit(main())
