"""Where a benchmark's rows go: a file named after the question and what answered it, with versions and commit."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import torch

from imagette.engine.device import describe

RESULTS = Path(__file__).parent / "results"


def save(question: str, results: list[dict[str, Any]], **facts: Any) -> Path:
    """Write rows, each with the ``plan`` that it was measured under; give the file."""
    machine, plan = describe(), results[0]["plan"]
    hardware = machine["gpus"][0]["name"] if plan["device"].startswith("cuda") else machine["cpu"]["name"]
    parts = [question, hardware, f"{plan['threads']}threads", f"torch{torch.__version__}", plan["precision"]]
    file = RESULTS / (re.sub(r"[^a-z0-9.+]+", "-", "-".join(parts).lower()) + ".json")
    RESULTS.mkdir(exist_ok=True)
    page = {"commit": commit(), **facts, "machine": machine, "results": results}
    file.write_text(json.dumps(page, indent=1) + "\n")
    print(f"written: benchmarks/results/{file.name}")
    return file


def commit() -> str:
    """Name the commit that was measured."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(command, cwd=RESULTS.parent, capture_output=True, text=True, check=False).stdout.strip()
