"""Catalog data sets as ImageSets: from the cache, or from the first source that gives the published bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from imagette.core.console import say
from imagette.core.errors import EnvironmentFault, InputError
from imagette.core.locks import in_turn
from imagette.core.registry import unknown
from imagette.data import digits, sources, store
from imagette.data.catalog import entry as catalog_entry
from imagette.data.entry import Entry, File
from imagette.data.formats.idx import Arrays
from imagette.data.imageset import ImageSet

Pair = tuple[ImageSet, ImageSet]
ANY = "any"


def fetch(name: str, division: str = ANY) -> Pair:
    """Give a catalog data set's training and test images.

    What was fetched once is kept, and found again without a network. Several processes at once fetch once.

    Args:
        name: a key of ``CATALOG``.
        division: whose division into training and test images; ``any`` takes the first to be had.

    Returns:
        Training and test images; ``provenance["division"]`` says whose division they are.

    Raises:
        InputError: when there is no such data set, or not in this division.
        EnvironmentFault: when no source gives it (every source is named with its reason), or the disk is full.

    Example:
        >>> train, test = fetch("digits")
        >>> len(train), len(test), train.shape
        (1442, 355, (1, 8, 8))
    """
    return obtain(catalog_entry(name), division)


def obtain(entry: Entry, division: str = ANY) -> Pair:
    """Do what ``fetch`` does for an entry of any catalog."""
    divisions = _divisions(entry, division)
    if not entry.bundles:
        return _pair(entry, *digits.read(), _provenance(entry, divisions[0], "scikit-learn", ()))
    kept = _kept(entry, divisions)
    if kept:
        return kept
    downloads = store.downloads(entry)
    with ExitStack() as held:
        try:
            held.enter_context(_alone(entry))
        except EnvironmentFault as fault:  # a cache that cannot be written costs time, and stops nothing
            say(f"{entry.name} will not be kept: {fault.message}")
            with suppress(OSError):  # without a place for them either, only what must be downloaded is not to be had
                downloads = Path(held.enter_context(TemporaryDirectory(prefix="imagette-")))
        # While this one waited, another may have fetched it.
        return _kept(entry, divisions) or _import(entry, division, downloads)


def is_cached(name: str) -> bool:
    """Tell whether a catalog data set is there without a network.

    Example:
        >>> is_cached("digits")
        True
    """
    entry = catalog_entry(name)
    return not entry.bundles or any(store.is_there(entry, each) for each in _divisions(entry, ANY))


def _divisions(entry: Entry, division: str) -> tuple[str, ...]:
    if division == ANY:
        return entry.divisions
    if division not in entry.divisions:
        if len(entry.divisions) == 1:
            raise InputError(f"{entry.name} comes in one division", hint="leave data.division out")
        raise unknown(f"division of {entry.name}", division, [ANY, *entry.divisions])
    return (division,)


def _kept(entry: Entry, divisions: tuple[str, ...]) -> Pair | None:
    return next((pair for each in divisions if (pair := store.load(entry, each))), None)


@contextmanager
def _alone(entry: Entry) -> Iterator[None]:
    """Let one process at a time fetch; the others are told that they wait."""
    with in_turn(store.folder(entry) / "lock", f"{entry.name} is being fetched: its cache"):
        for abandoned in store.folder(entry).glob(".*.tmp"):  # by a process that was killed while it wrote
            abandoned.unlink()
        yield


def _import(entry: Entry, division: str, downloads: Path) -> Pair:
    found = sources.find(entry, division, store.downloads(entry), downloads)
    provenance = _provenance(entry, found.bundle.division, found.source, found.bundle.files)
    pair = _pair(entry, found.train, found.test, provenance)
    try:
        store.save(entry, found.bundle.division, pair)
    except EnvironmentFault as fault:
        say(f"{entry.name} is not kept: {fault.message}")
    say(f"{entry.name}: {len(pair[0]):,} training and {len(pair[1]):,} test images from {found.source}")
    if found.bundle.division != entry.divisions[0]:
        say(f"{entry.name}: divided as {found.bundle.division} divides it, not as {entry.divisions[0]}; runs record it")
    return pair


def _pair(entry: Entry, train: Arrays, test: Arrays, provenance: dict[str, Any]) -> Pair:
    return store.make_set(entry, "train", train, provenance), store.make_set(entry, "test", test, provenance)


def _provenance(entry: Entry, division: str, source: str, files: Sequence[File]) -> dict[str, Any]:
    return {
        "name": entry.name,
        "division": division,
        "source": source,
        "files": {file.name: file.checksum or file.contents for file in files},
        "licence": entry.licence,
        "citation": entry.citation,
        "note": entry.note,
    }
