"""Checking again, byte by byte, what is kept of a catalog data set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from imagette.core.errors import EnvironmentFault, InputError
from imagette.data import digits, sources, store
from imagette.data.checks import Unavailable, digest
from imagette.data.entry import Entry, File


def check(entry: Entry) -> list[str]:
    """Check the imported arrays by their fingerprints, and the downloads by the published digests.

    Returns:
        A line for each file: its name, its digest, ``ok``.

    Raises:
        InputError: when nothing is kept.
        EnvironmentFault: when a file is damaged; the message holds every line.

    Example:
        >>> from imagette.data.catalog import entry
        >>> check(entry("digits"))[0].split()[-1]
        'ok'
    """
    if not entry.bundles:
        parts = (store.make_set(entry, "digits", arrays, {}).fingerprint for arrays in digits.read())
        return [f"{entry.name}: comes with scikit-learn: {' '.join(parts)}: ok"]
    rows = [*_imports(entry), *_downloads(entry)]
    if not rows:
        raise InputError(f"{entry.name}: nothing of it is kept", hint=f"get it: imagette data get {entry.name}")
    lines = [f"{text}: {'ok' if good else 'DAMAGED'}" for text, good in rows]
    if not all(good for _, good in rows):
        raise EnvironmentFault(
            "\n  ".join([f"{entry.name}: damaged in {store.folder(entry)}:", *lines]),
            hint=f"delete what is damaged and get it anew: imagette data get {entry.name}",
        )
    return lines


def _imports(entry: Entry) -> Iterator[tuple[str, bool]]:
    for division in entry.divisions:
        if store.is_there(entry, division):
            fingerprints, good = store.audit(entry, division)
            yield f"{store.file(entry, division).name}: {fingerprints}", good


def _downloads(entry: Entry) -> Iterator[tuple[str, bool]]:
    for bundle in entry.bundles:
        for file in bundle.fetched:
            path = store.downloads(entry) / file.name
            if os.path.exists(path):  # noqa: PTH110
                try:
                    sources.acceptance(bundle, file)(path)
                except Unavailable as error:
                    yield f"{path.name}: {error}", False
                else:
                    yield f"{path.name}: {_digest(path, file)}", True


def _digest(path: Path, file: File) -> str:
    """Name the digest by which a file was accepted."""
    if not file.checksum:
        return "the digests of what is in it"
    found = digest(path.read_bytes(), file.checksum)
    return found if found == file.checksum else f"{file.contents}, unpacked"
