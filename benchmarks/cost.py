"""What does a run cost as it grows: in images, their size, the batch, the model? Time and peak memory, each a line.

    python benchmarks/cost.py                  # all axes; about 4 GB of temporary files
    python benchmarks/cost.py images --most 300000
    python benchmarks/cost.py images --keep-in mapped

Each point is a process of its own that loads an ``.npz`` of random images, splits it and trains one epoch on one
thread, as ``imagette train`` does up to its run folder. Peak memory is the kernel's (``VmHWM``), that of the process
before its data subtracted. It counts the pages of mapped files, which the kernel takes back when others need them;
what is the process's own at the end (``RssAnon``) does not. A straight line is fitted to the points of each axis by
least squares: over images, pixels, steps (the batch: fewer images a batch are more steps an epoch), or parameters,
over which time need not be straight.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import record

POINTS: dict[str, list[int]] = {
    "images": [10_000, 30_000, 100_000, 300_000, 1_000_000],
    "side": [16, 24, 32, 48, 64],
    "batch": [64, 128, 256, 512, 1024, 2048],
    "model": [4, 8, 16, 32],
}
GROWS = {"images": "images", "side": "pixels an image", "batch": "steps an epoch", "model": "parameters"}
DEFAULT = {"images": 20_000, "side": 28, "batch": 500, "model": 0}
BLOCK = 10_000


def write_images(file: Path, images: int, side: int) -> None:
    """Write random images block by block, so that writing takes no more memory than reading."""
    rng = np.random.default_rng(0)
    pixels = np.lib.format.open_memmap(file.with_suffix(".npy"), "w+", np.uint8, (images, side, side))
    for start in range(0, images, BLOCK):
        pixels[start : start + BLOCK] = rng.integers(0, 256, (min(BLOCK, images - start), side, side), np.uint8)
    np.savez(file, images=pixels, labels=rng.integers(0, 10, images))
    file.with_suffix(".npy").unlink()


def status(key: str) -> int:
    """Read a size from the kernel's page about this process, in bytes."""
    found = re.search(rf"{key}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def point(file: str, batch: int, width: int, keep_in: str) -> dict[str, Any]:
    """Load, split and train one epoch here; give seconds and peak memory."""
    from imagette.data.load import load
    from imagette.engine.loop import Training
    from imagette.recipe.schema import Recipe
    from imagette.runs.run import fingerprints

    model = ["model.name=cnn", f"model.widths=[{width},{width}]"] if width else ["model.name=linear"]
    settings = [f"train.batch_size={batch}", f"data.keep_in={keep_in}", "train.epochs=1", "train.threads=1"]
    recipe = Recipe.load(file, [*settings, "train.device=cpu", *model])
    for _ in Training(*_small(recipe)).events():  # what is imported and allocated at the first use, whatever the size
        pass
    before, own, started = status("VmHWM"), status("RssAnon"), time.perf_counter()
    splits = load(recipe.data)
    fingerprints(splits)
    loaded = time.perf_counter()
    training = Training(recipe, splits.train, splits.validation)
    for _ in training.events():
        pass
    done = time.perf_counter()
    return {
        "seconds": {"load": loaded - started, "train": done - loaded, "all": done - started},
        "peak_bytes": status("VmHWM") - before,
        "own_bytes": status("RssAnon") - own,  # at the end, without the pages of mapped files
        "baseline_bytes": before,
        "pixel_bytes": sum(part.images.nbytes for part in (splits.train, splits.validation, splits.test) if part),
        "parameters": sum(parameter.numel() for parameter in training.module.parameters()),
        "plan": training.plan.to_dict(),
    }


def _small(recipe: Any) -> tuple[Any, Any, None]:
    from imagette.data.load import load

    digits = recipe.replace(**{"data.path": "", "data.name": "digits", "train.keep": "last", "data.validation": 0.0})
    return digits, load(digits.data).train, None


def apart(arguments: list[str]) -> dict[str, Any]:
    """Measure a point in a fresh process."""
    command = [sys.executable, __file__, "--point", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def line(x: list[float], y: list[float]) -> dict[str, float]:
    """Fit y = slope · x + intercept by least squares; the largest deviation is a share of the largest y."""
    slope, intercept = np.polyfit(x, y, 1)
    off = np.abs(np.array(y) - (slope * np.array(x) + intercept)).max() / max(y)
    return {"slope": float(slope), "intercept": float(intercept), "largest_deviation": float(off)}


def measure(axis: str, values: list[int], keep_in: str, folder: Path) -> dict[str, Any]:
    """Measure an axis, point by point."""
    rows = []
    print(f"\n{GROWS[axis]:>18}{'load, s':>10}{'train, s':>10}{'pixels, MB':>12}{'peak, MB':>10}{'own, MB':>9}")
    for value in values:
        at = DEFAULT | {axis: value}
        file = folder / "images.npz"
        write_images(file, at["images"], at["side"])
        row = apart([str(file), str(at["batch"]), str(at["model"]), keep_in])
        file.unlink()
        row["x"] = {"side": value**2, "model": row["parameters"], "batch": row["plan"]["steps_per_epoch"]}.get(
            axis, value
        )
        rows.append(row)
        seconds = row["seconds"]
        print(
            f"{row['x']:>18,}{seconds['load']:>10.2f}{seconds['train']:>10.2f}"
            f"{row['pixel_bytes'] / 1e6:>12,.0f}{row['peak_bytes'] / 1e6:>10,.0f}"
            f"{row['own_bytes'] / 1e6:>9,.0f}",
            flush=True,
        )
    x = [float(row["x"]) for row in rows]
    lines = {
        "seconds": line(x, [row["seconds"]["all"] for row in rows]),
        "peak_bytes": line(x, [float(row["peak_bytes"]) for row in rows]),
    }
    for name, unit, scale in (("seconds", "s", 1.0), ("peak_bytes", "MB", 1e6)):
        fit = lines[name]
        intercept, slope = fit["intercept"] / scale, 1e6 * fit["slope"] / scale
        print(
            f"  {name.partition('_')[0]}: {intercept:.2f} {unit} + {slope:.4g} {unit} "
            f"per million {GROWS[axis]}; no point is off by more than {fit['largest_deviation']:.1%} of the largest"
        )
    return {"axis": axis, "grows": GROWS[axis], "plan": rows[-1]["plan"], "lines": lines, "points": rows}


def main() -> None:
    """Measure, print lines, write the rows."""
    if sys.argv[1:2] == ["--point"]:
        file, batch, width, keep_in = sys.argv[2:]
        print(json.dumps(point(file, int(batch), int(width), keep_in)))
        return
    parser = argparse.ArgumentParser(description="Measure how time and memory grow.")
    parser.add_argument("axes", nargs="*", choices=[*POINTS, []], help="default: all")
    parser.add_argument("--most", type=int, default=1_000_000, help="images of the largest point")
    parser.add_argument("--keep-in", choices=["auto", "host", "mapped"], default="auto")
    asked = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for axis in asked.axes or POINTS:
            values = [value for value in POINTS[axis] if axis != "images" or value <= asked.most]
            results.append(measure(axis, values, asked.keep_in, Path(folder)))
    if not asked.axes and asked.most == parser.get_default("most") and asked.keep_in == "auto":
        record.save("cost", results, rounds=1, defaults=DEFAULT)


if __name__ == "__main__":
    main()
