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

FORMAT = 1
KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """A saved state: tensors by name, and the facts of its manifest."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors as safetensors, whole or not at all; give the file's SHA-256.

    Raises:
        EnvironmentFault: when the disk is full, naming the bytes needed; the old file is untouched.
    """
    # Copies, because safetensors refuses tensors that share memory, such as tied weights.
    rows = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
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
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
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
    manifest = {"format": FORMAT, "step": step, "sha256": sha256, **facts}
    atomic_write(folder / f"{name}.json", json.dumps(manifest, indent=1))
    _prune(folder, step)


def load_latest(folder: Path) -> Checkpoint | None:
    """Load the newest valid state, by step; say so when a damaged one is passed over. None where there is none.

    Raises:
        InputError: when there are checkpoints but none is valid, or one is of a newer format.
    """
    faults = []
    for manifest in _manifests(folder):
        try:
            facts = _facts(manifest)
            checkpoint = Checkpoint(load_tensors(manifest.with_suffix(".safetensors"), facts["sha256"]), facts)
        except _DamagedManifest as error:
            faults.append(str(error))
        except InputError as error:
            faults.append(error.message)
        else:
            for fault in faults:
                say(f"{fault}; going back to the checkpoint before it, step {facts['step']}")
            return checkpoint
    if faults:
        raise InputError("no checkpoint is valid:\n  " + "\n  ".join(faults), hint="train anew; the folder is kept")
    return None


class _DamagedManifest(Exception):
    pass


def _manifests(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("step-*.json"), reverse=True)


def _facts(manifest: Path) -> dict[str, Any]:
    try:
        facts = json.loads(manifest.read_text())
        newer = facts["format"] > FORMAT
        facts["sha256"], facts["step"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _DamagedManifest(f"{manifest}: damaged manifest") from error
    if newer:
        raise InputError(
            f"{manifest}: a checkpoint of format {facts['format']}; this version reads up to {FORMAT}",
            hint="install a newer imagette: pip install --upgrade imagette",
        )
    return dict(facts)


def _prune(folder: Path, step: int) -> None:
    # What claims a later step was passed over as damaged when this training went back behind it.
    names = [file.stem for file in _manifests(folder) if file.stem <= f"step-{step:09d}"]
    kept = set(names[:KEPT])
    for file in folder.iterdir():
        if file.stem not in kept:  # older ones, and what a killed save left behind
            file.unlink(missing_ok=True)


def _pickled(data: bytes) -> bool:
    return data[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
