"""Between two steps, the process keeps its memory: no page of an activation is asked for twice."""

from __future__ import annotations

import subprocess
import sys

import pytest

from imagette.engine.allocator import has_glibc

FAULTS = """
import resource
import numpy as np
from imagette.engine import allocator
{call}
def step():
    held = [np.ones(16 << 20, np.uint8) for _ in range(8)]  # 128 MiB of activations, freed together
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(call: str) -> int:
    """Count the pages that a second, like step asks the system for, in a process of its own."""
    program = [sys.executable, "-c", FAULTS.format(call=call)]
    return int(subprocess.run(program, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not has_glibc(), reason="another C library keeps memory in its own way")
def test_a_second_step_asks_for_no_new_memory() -> None:
    assert page_faults("allocator.keep_freed_memory()") < 1_000 < page_faults("")
