"""Folders of images: a folder a class, with or without a division into training, validation and test.

Either ``root/train/cat/1.jpg`` and, if there are such, ``root/test/…`` and ``root/val/…`` (also ``training``,
``testing``, ``valid``, ``validation``), or ``root/cat/1.jpg``. A class is named as its folder; its images may lie in
folders inside it. Hidden files are left out; files whose names do not end as an image's does are left out and counted.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagette.core.errors import InputError
from imagette.data.formats.decode import DARK, EXTENSIONS, SIXTEEN
from imagette.data.formats.files import FoundFile, folders, identity, printable, walk
from imagette.data.formats.images import Decoded, decode_all
from imagette.data.formats.labels import from_names
from imagette.data.formats.wanted import Wanted
from imagette.data.imageset import ImageSet
from imagette.data.importcache import cached
from imagette.data.splits import Parts

NAMES = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


@dataclass
class Listing:
    """Image files with the names of their classes."""

    files: list[FoundFile] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # one a file
    places: list[str] = field(default_factory=list)  # one a file: how it is called in ids and messages
    classes: list[str] = field(default_factory=list)  # those without files too
    others: Counter[str] = field(default_factory=Counter)  # what was left out, by kind


def read(root: Path, wanted: Wanted) -> Parts:
    """Import a folder of images.

    Args:
        root: the folder.
        wanted: what the images shall be like.

    Raises:
        InputError: for a folder without classes or images, one with test or validation images alone, a file that
            cannot be read, or a class of the validation or test images that the training images lack.
    """
    layout = find_parts(root)
    unused = _unused(root, layout)
    if unused and not folders(layout["train"]):
        raise InputError(
            f"{printable(layout['train'])} is taken for the training images, and holds no class folders",
            hint=f"if it is a class itself, beside {unused}, give it another name",
        )
    train = _import(layout.pop("train"), root, wanted)
    unlabelled = [part for part, folder in layout.items() if not folders(folder)]
    rest = {
        part: _import(folder, root, wanted.like(train)) for part, folder in layout.items() if part not in unlabelled
    }
    for part in unlabelled:
        train = train.note(f"{printable(layout[part])} holds no class folders: it is not used")
    if unused:
        train = train.note(f"not used, since {printable(root)} is divided into parts: the images in {unused}")
    return Parts(train, **rest)


def find_parts(root: Path) -> dict[str, Path]:
    """Tell which folder holds the training, validation and test images.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("Train", "val", "notes"):
        ...     (root / name).mkdir()
        >>> {part: folder.name for part, folder in find_parts(root).items()}
        {'train': 'Train', 'validation': 'val'}
    """
    found: dict[str, Path] = {}
    for folder in folders(root):
        for part, names in NAMES.items():
            if folder.name.lower() in names and found.setdefault(part, folder) != folder:
                raise InputError(
                    f"{printable(root)} holds both {printable(found[part].name)} and {printable(folder.name)}",
                    hint=f"keep one folder of {part} images",
                )
    if found and "train" not in found:
        part, folder = next(iter(found.items()))
        raise InputError(
            f"{printable(root)} holds a folder {printable(folder.name)!r}, for {part} images, and none called 'train'",
            hint="put the class folders of the training images into a folder train; a class must have another name",
        )
    if not found and (alike := _called_like_parts(root)):
        raise InputError(
            f"{printable(root)} holds {', '.join(alike)}, which look like parts of a division, not like classes",
            hint="call the folders that hold the class folders train and test (and validation)",
        )
    return found or {"train": root}


def _called_like_parts(root: Path) -> list[str]:
    """Name the folders of folders that are called after two parts or more, as seg_train and seg_test are."""
    alike = {
        printable(folder.name): part
        for folder in folders(root)
        for part, names in NAMES.items()
        if not set(names).isdisjoint(re.split(r"[-_. ]+", folder.name.lower()))
        and folders(folder)
        and not any(Path(entry).suffix.lower() in EXTENSIONS for entry in os.listdir(folder))  # noqa: PTH208
    }
    return sorted(alike) if "train" in alike.values() and len({*alike.values()}) > 1 else []


def _unused(root: Path, layout: dict[str, Path]) -> str:
    """Name the folders with images that lie beside those of training, validation and test."""
    if root in layout.values():
        return ""
    beside = (folder for folder in folders(root) if folder not in layout.values())
    return ", ".join(
        printable(folder.name) for folder in beside if any(file.suffix in EXTENSIONS for file in walk(folder))
    )


def read_listing(listing: Listing, source: Path, wanted: Wanted, about: dict[str, Any]) -> ImageSet:
    """Import listed image files, or take them from the cache.

    Args:
        listing: the files.
        source: the folder or file that lists them.
        wanted: what the images shall be like.
        about: the first entries of the provenance.
    """
    classes = wanted.classes or tuple(listing.classes)
    labels = from_names(listing.names, listing.places, classes)

    def make() -> ImageSet:
        decoded = decode_all([Path(file.path) for file in listing.files], wanted)
        kept = decoded.kept
        ids = np.array([listing.places[i] for i in kept], dtype=np.str_)
        return ImageSet(decoded.images, labels[kept], classes, ids, about | _history(listing, decoded))

    files = [
        (name, place, file.size, file.stamp)
        for name, place, file in zip(listing.names, listing.places, listing.files, strict=True)
    ]
    return cached(source, [about, asdict(wanted), classes, listing.others, files], make)


def _import(folder: Path, root: Path, wanted: Wanted) -> ImageSet:
    listing = _list(folder, root)
    if not listing.classes:
        raise InputError(
            f"{printable(folder)} holds no class folders",
            hint="put the images of every class in a folder of its name: train/cat/1.jpg, or cat/1.jpg",
        )
    if not wanted.classes and len(listing.classes) == 1 and len(inner := folders(next(iter(folders(folder))))) > 1:
        raise InputError(
            f"{printable(folder)} holds one class folder, {listing.classes[0]!r}, with {len(inner)} folders in it",
            hint=f"if those are the classes, give {printable(inner[0].parent)}",
        )
    if not listing.files:
        raise InputError(
            f"{printable(folder)} holds no images: its class folders {', '.join(listing.classes)} are empty",
            hint=f"image files end with {' '.join(sorted(EXTENSIONS))}",
        )
    return read_listing(listing, folder, wanted, {"source": "folder", "path": printable(folder)})


def _list(folder: Path, root: Path) -> Listing:
    listing = Listing()
    around = frozenset(map(identity, (root, folder)))  # a link back to them would pour all classes into one
    for class_folder in folders(folder):
        name = printable(class_folder.name)
        listing.classes.append(name)
        for file in walk(class_folder, around):
            if file.suffix not in EXTENSIONS:
                listing.others[printable(file.suffix) or "no suffix"] += 1
                continue
            listing.files.append(file)
            listing.names.append(name)
            listing.places.append(printable(file.path.removeprefix(f"{root}{os.sep}")))
    stray = sum(not path.name.startswith(".") and path.is_file() for path in folder.iterdir())
    listing.others.update({"outside a class folder": stray} if stray else {})
    return listing


def _history(listing: Listing, decoded: Decoded) -> dict[str, Any]:
    """Say what an import did, and what of it the user should see."""
    history: dict[str, Any] = {"files": len(listing.files), "conversions": decoded.conversions}
    notes = []
    if listing.others:
        history["left_out"] = dict(listing.others)
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(listing.others.items()))
        notes.append(f"left out {sum(listing.others.values()):,} files that are not images of a class: {kinds}")
    if (dark := decoded.conversions.get(DARK, 0)) and dark == decoded.conversions[SIXTEEN]:
        notes.append(
            f"the {dark:,} 16-bit images hold no value above 4,095 and are nearly black: stretch them to 65,535"
        )
    if decoded.failures:
        history["unreadable"] = [[listing.places[i], reason] for i, reason in decoded.failures]
        notes.append(f"skipped {len(decoded.failures):,} unreadable files, the first: {decoded.failures[0][1]}")
    return history | ({"notes": notes} if notes else {})
