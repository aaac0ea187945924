"""The quick commands start without what is slow to load (times are measured by benchmarks/start.py)."""

import json
import subprocess
import sys

PROGRAM = """
import json, sys
from imagette.cli.main import main
loaded = {}
quick = ("--help", "train --help", "bench --help")
for line in (*quick, "recipes show digits --why", "train digitz", "bench vgh", "runs list"):
    main(line.split())
    loaded[line] = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps(loaded))
"""


def test_quick_commands_load_nothing_heavy() -> None:
    child = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    loaded = {words: set(names) for words, names in json.loads(child.stdout.splitlines()[-1]).items()}
    for words in ("--help", "train --help", "bench --help"):
        assert loaded[words].isdisjoint({"torch", "numpy", "pydantic", "rich"}), words
    for words in loaded:
        assert loaded[words].isdisjoint({"torch", "numpy", "rich"}), words
