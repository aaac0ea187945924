"""What is installed is whole: every file of the package lies in its wheel, and works from there."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_works(repository: Path, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=repository, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    listed = subprocess.run(["git", "ls-files", "src"], cwd=repository, check=True, capture_output=True, text=True)
    with zipfile.ZipFile(wheel) as archive:
        assert {name.removeprefix("src/") for name in listed.stdout.splitlines()} <= set(archive.namelist())
        archive.extractall(tmp_path / "site")
    imagette = [sys.executable, "-c", "import imagette.cli.main as m; print(m.__file__); raise SystemExit(m.main())"]
    there = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    train = ["train", "digits", "train.epochs=1", "model.name=linear", "--quiet"]
    done = subprocess.run([*imagette, *train], cwd=tmp_path, env=there, check=True, capture_output=True, text=True)
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert (tmp_path / "runs" / "digits-1" / "report.html").is_file()


@pytest.mark.slow
def test_without_a_network_the_demo_takes_the_digits_and_says_so(repository: Path, tmp_path: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if name not in ("IMAGETTE_DATA", "IMAGETTE_MIRROR")}
    bare |= {"IMAGETTE_OFFLINE": "1", "IMAGETTE_CACHE": str(tmp_path / "cache")}
    bare["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{bare['PATH']}"
    demo = ["bash", str(repository / "scripts" / "demo.sh")]
    done = subprocess.run(demo, cwd=tmp_path, env=bare, check=True, capture_output=True, text=True)
    assert "the demo takes the embedded digits instead" in done.stdout
    assert (tmp_path / "runs" / "digits-1" / "report.html").is_file()
