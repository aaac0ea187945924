"""The house stands: imports go downward only, and rooms stay small."""

import subprocess
import sys
from pathlib import Path


def test_the_import_contracts_hold(repository: Path) -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    checked = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_rooms_stay_small(repository: Path) -> None:
    lengths = {file: len(file.read_text().splitlines()) for file in (repository / "src").rglob("*.py")}
    assert {str(file): length for file, length in lengths.items() if length > 320} == {}
