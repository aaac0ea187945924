"""Checkpoints: safetensors with a JSON manifest that holds their digest; two are kept, nothing is unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from imagette.core.console import say
from imagette.core.errors import EnvironmentFault, InputError
from imagette.core.files import atomic_write

FORMAT = 2
KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """A saved state: tensors by name, and the facts of its manifest."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    @property
    def epochs_begun(self) -> int:
        """How many epochs are done or under way."""
        progress = self.facts["progress"]
        return int(progress["epoch"]) + bool(progress["batch"])


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors as safetensors, whole or not at all; give the file's SHA-256.

    Raises:
        EnvironmentFault: when the disk is full, naming the bytes needed; the old file is untouched.
    """
    # Copies, because safetensors refuses tensors that share memory, such as tied weights.
    rows = {
        key: value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for key, value in tensors.items()
    }
    data = safetensors.torch.save(rows)
    try:
        atomic_write(path, data)
    except EnvironmentFault as error:
        raise EnvironmentFault(f"{error.message} ({len(data):,} bytes needed)", hint=error.hint) from error
    return hashlib.sha256(data).hexdigest()


def load_tensors(path: Path, sha256: str | None = None) -> dict[str, Tensor]:
    """Read safetensors, checked against a digest.

    Raises:
        InputError: when the file is missing, damaged, or something else than safetensors (a pickle is never executed).
        EnvironmentFault: when it cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing") from error
    except OSError as error:
        raise EnvironmentFault(f"{path}: cannot be read: {error.strerror}") from error
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        raise InputError(f"{path}: damaged: its SHA-256 is {found[:16]}…, the manifest says {sha256[:16]}…")
    try:
        return safetensors.torch.load(data)
    except SafetensorError as error:
        kind = "a pickle, which is refused and never executed" if _pickled(data) else str(error)
        raise InputError(f"{path}: not a safetensors file: {kind}") from error


def save(folder: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], step: int) -> None:
    """Save a state: first the tensors, then the manifest that makes them valid; then drop all but the newest two.

    Raises:
        EnvironmentFault: when it cannot be written; the checkpoints before it are untouched.
    """
    name = f"step-{step:09d}"
    sha256 = save_tensors(folder / f"{name}.safetensors", tensors)
    facts = {"step": step, "sha256": sha256, **facts}
    manifest = {"format": FORMAT, "digest": _digest(facts), "facts": facts}
    atomic_write(folder / f"{name}.json", json.dumps(manifest, indent=1))
    _prune(folder, step)


def load_latest(folder: Path) -> Checkpoint | None:
    """Load the newest valid state, by step; say so when a damaged one is passed over. None where there is none.

    Raises:
        InputError: when there are checkpoints but none is valid, or one is of a newer format.
    """
    faults = []
    for manifest in _manifests(folder):
        facts = _facts(manifest)
        if facts is None:
            faults.append(f"{manifest}: damaged")
            continue
        try:
            checkpoint = Checkpoint(load_tensors(manifest.with_suffix(".safetensors"), facts["sha256"]), facts)
        except InputError as error:
            faults.append(error.message)
            continue
        for fault in faults:
            say(f"{fault}; going back to the checkpoint before it, step {facts['step']}")
        return checkpoint
    if faults:
        raise InputError("no checkpoint is valid:\n  " + "\n  ".join(faults), hint="train anew; the folder is kept")
    return None


def _manifests(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("step-*.json"), reverse=True)


def _facts(manifest: Path) -> dict[str, Any] | None:
    """Read a manifest's facts; None where it is damaged.

    Raises:
        InputError: when another version wrote it: it is neither passed over nor cleaned away.
        EnvironmentFault: when it cannot be read.
    """
    try:
        page = json.loads(manifest.read_text())
        if page["format"] == FORMAT:
            return dict(page["facts"]) if page["digest"] == _digest(page["facts"]) else None
    except OSError as error:
        raise EnvironmentFault(f"{manifest}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    raise InputError(
        f"{manifest}: a checkpoint of format {page['format']}; this version reads format {FORMAT}",
        hint="go on with the version of imagette that wrote it",
    )


def _digest(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _prune(folder: Path, step: int) -> None:
    # What claims a later step was passed over as damaged when this training went back behind it.
    names = [file.stem for file in _manifests(folder) if file.stem <= f"step-{step:09d}"]
    kept = set(names[:KEPT])
    # Older ones, and what a killed save left behind; what else lies here is somebody's own.
    for pattern in ("step-*.safetensors", "step-*.json", ".step-*.tmp"):
        for file in folder.glob(pattern):
            if file.stem not in kept:
                file.unlink(missing_ok=True)


def _pickled(data: bytes) -> bool:
    return data[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
