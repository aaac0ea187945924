"""Print, as constraints, the lowest versions that pyproject.toml allows; of torch the one that constraints.txt pins.

An older torch would bring gigabytes of CUDA.
"""

import tomllib
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parent.parent
project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
allowed = chain(project["dependencies"], (each for each in project["optional-dependencies"]["dev"] if ">=" in each))
print(*(each.replace(">=", "==") for each in allowed if not each.startswith("torch")), sep="\n")
print(*(line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("torch==")))
