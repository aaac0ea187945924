"""The house stands: imports go downward only, and what must start at once does not wait for torch."""

import subprocess
import sys
from pathlib import Path

HEAVY = {"torch", "numpy", "sklearn", "matplotlib", "PIL"}
START = """
import sys
import imagette, imagette.recipe.load, imagette.recipe.show
imagette.recipe.load.resolve("digits", ["optim.lr=0.02"])
print(*{name.partition(".")[0] for name in sys.modules})
"""


def test_the_import_contracts_hold(repository: Path) -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    checked = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "3 kept, 0 broken" in checked.stdout


def test_a_recipe_is_read_without_torch() -> None:
    loaded = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)


def test_rooms_stay_small(repository: Path) -> None:
    lengths = {file: len(file.read_text().splitlines()) for file in (repository / "src").rglob("*.py")}
    assert {str(file): length for file, length in lengths.items() if length > 320} == {}
