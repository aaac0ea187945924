"""What every test shares: one thread, no network, a cache of its own, and the real data where they are."""

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

# Before torch is imported: two busy processes on two cores slow OpenMP loops many times over.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("IMAGETTE_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
for setting in ("IMAGETTE_DATA", "IMAGETTE_MIRROR"):
    os.environ.pop(setting, None)  # a test that wants one sets it
if "PYTEST_XDIST_WORKER" not in os.environ:
    # Set by the first process, whatever the user's own cache is; its workers inherit it.
    os.environ["IMAGETTE_CACHE"] = tempfile.mkdtemp(prefix="imagette-tests-")
    atexit.register(shutil.rmtree, os.environ["IMAGETTE_CACHE"], ignore_errors=True)

# A shell tells what it runs in the background to ignore it, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """Give the checkout's root."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path | None:
    """Give the folder of real data (MNIST as IDX, Fashion-MNIST as CSV, CIFAR-10 as JPEG), or None without one."""
    named = os.environ.get("IMAGETTE_TEST_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    return folder if folder.is_dir() else None
