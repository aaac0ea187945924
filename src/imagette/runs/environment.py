"""Where a run was trained: what is recorded of it, and in what another place differs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagette.core import git
from imagette.core.console import inert, say
from imagette.data.splits import Splits
from imagette.engine import device
from imagette.engine.plan import Plan
from imagette.runs.run import fingerprints


def recorded(plan: Plan, splits: Splits) -> dict[str, Any]:
    """Give what ``environment.json`` holds: versions, hardware, command, plan, and which images.

    Args:
        plan: of the training.
        splits: its images.
    """
    return device.describe() | {
        "command": inert(shlex.join(sys.argv)),
        "folder": inert(Path.cwd()),
        "git": git.ask(Path.cwd(), "describe", "--always", "--dirty", "--abbrev=40") or None,
        "plan": plan.to_dict(),
        "data": {"fingerprints": fingerprints(splits), "provenance": dict(splits.train.provenance)},
    }


def warn_of_changes(environment: Mapping[str, Any]) -> None:
    """Say in what this machine differs from the one of ``environment.json``, as far as results depend on it."""
    now = device.describe()
    differ = [
        f"{what} {then} then, {here} now"
        for what, then, here in (
            ("torch", environment["packages"]["torch"], now["packages"]["torch"]),
            ("numpy", environment["packages"]["numpy"], now["packages"]["numpy"]),
            ("processor", _processor(environment), _processor(now)),
            ("GPUs", environment["gpus"], now["gpus"]),
        )
        if then != here
    ]
    if differ:
        say(f"not bit-identical to an undisturbed run: {'; '.join(differ)}")


def _processor(environment: Mapping[str, Any]) -> str:
    """Name the processor with its instructions: those of one name may have different ones."""
    return f"{environment['cpu']['name']} ({environment['cpu']['instructions']})"
