"""What git says of a folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

PATIENCE = 5  # seconds


def ask(folder: Path, *question: str) -> str:
    """Give git's answer in a folder; empty where there is no git, no checkout, or nothing to say.

    Args:
        folder: where it is asked.
        question: git's subcommand and what goes with it.

    Example:
        >>> ask(Path("/"), "status")
        ''
    """
    try:
        asked = subprocess.run(
            ["git", *question], cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""
