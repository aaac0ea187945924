"""From a recipe's data section to training, validation and test images: the one entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imagette.core import machine
from imagette.core.console import say
from imagette.core.errors import InputError
from imagette.core.files import with_home
from imagette.core.shape import Shape
from imagette.data.formats import csv, folder, npz
from imagette.data.formats.files import printable
from imagette.data.formats.fitting import conform
from imagette.data.formats.wanted import CHANNELS, Wanted
from imagette.data.imageset import ImageSet, Indices, Labels
from imagette.data.mapped import gather, is_mapped
from imagette.data.splits import Parts, Splits, duplicates, stratified
from imagette.recipe.schema import Data

NAMED = 10  # classes that a note names, at most
READERS: dict[str, Callable[[Path, Wanted], Parts]] = {".npz": npz.read, ".csv": csv.read, ".csv.gz": csv.read}


def load(spec: Data) -> Splits:
    """Get the images that a recipe names, and divide them.

    1. Training images come from the catalog or from ``spec.path``. Test images: from ``spec.test_path``; else what
       the source itself brings; else, for a file with ``train`` in its name, the one beside it with ``test`` there;
       else a share ``spec.test`` is split off.
    2. ``spec.limit`` takes a part of the training images.
    3. Validation images: what the source brings; else a share ``spec.validation`` of the training images; none where
       that is 0.

    All shares hold every class alike and depend on ``spec.split_seed``. Classes of the three sets are matched by name.

    Args:
        spec: the data section of a recipe.

    Raises:
        InputError: for anything that cannot be used, with its place.
        EnvironmentFault: when a data set of the catalog cannot be had.

    Example:
        >>> splits = load(Data(name="digits", validation=0.1))
        >>> splits.train.shape, len(splits.train) + len(splits.validation) + len(splits.test)
        ((1, 8, 8), 1797)
    """
    parts = _catalog(spec) if spec.name else _own(spec)
    shape = _shape(parts.train, spec)
    train = _Cut.whole(conform(parts.train, shape))
    validation = _Cut.whole(conform(parts.validation, shape)) if parts.validation else None
    test = _Cut.whole(conform(parts.test, shape)) if parts.test else None
    del parts  # what was converted is not needed any more
    _check_classes(train.images, spec)
    if test is None:
        train, test = _carve(train, "test", spec.test, spec)
    train = _limited(train, spec)
    if not spec.validation:
        validation = None
    elif validation is None:
        train, validation = _carve(train, "validation", spec.validation, spec)
    cuts = [cut for cut in (train, validation, test) if cut]
    size = sum(len(cut.rows) * cut.images.images[:1].nbytes for cut in cuts)
    mapped = spec.keep_in == "mapped" or (spec.keep_in == "auto" and not machine.fits(size))
    ours, theirs = train.take(mapped), validation.take(mapped) if validation else None
    if theirs and spec.path:  # what a publisher's division holds is known
        theirs = _copies_said("validation", theirs, [ours])
    known = [images for images in (ours, theirs) if images]
    return _announced(Splits(ours, theirs, _copies_said("test", test.take(mapped), known)))


@dataclass(frozen=True)
class _Cut:
    """Some rows of what a source brought. Cuts are made of cuts, and pixels are copied once, from the source."""

    images: ImageSet
    rows: Indices

    @classmethod
    def whole(cls, images: ImageSet) -> _Cut:
        return cls(images, np.arange(len(images)))

    def part(self, rows: Indices, **about: Any) -> _Cut:
        return _Cut(_about(self.images, **about), self.rows[rows])

    @property
    def labels(self) -> Labels:
        return self.images.labels[self.rows]

    def take(self, mapped: bool) -> ImageSet:
        """Give the images in memory, or in a file that is mapped."""
        whole, images = self.images, self.images.images
        if len(self.rows) == len(whole) and is_mapped(images) == mapped:
            return whole
        return replace(whole, images=gather(images, self.rows, mapped), labels=self.labels, ids=whole.ids[self.rows])


def _catalog(spec: Data) -> Parts:
    from imagette.data.fetch import fetch

    train, test = fetch(spec.name, spec.division)
    return _with_test_path(Parts(train, None, test), spec)


def _own(spec: Data) -> Parts:
    path = with_home(spec.path)
    parts = _read(path, _wanted(spec))
    division = parts.train.provenance.get("division", spec.division)
    if spec.division not in ("any", division):
        raise InputError(
            f"{printable(path)} holds the {division!r} division, and data.division = {spec.division!r}",
            hint="data.division = 'any'",
        )
    if not spec.test_path and parts.test is None and (beside := _test_beside(path)):
        try:
            test = _test_of(beside, parts, spec)
        except InputError as error:
            hint = f"it lies beside {printable(path.name)}, and so holds the test images: mend it, or rename it"
            raise InputError(error.message, hint="; ".join(filter(None, (error.hint, hint)))) from error
        return replace(parts, test=test.note(f"test images: {printable(beside)}, found beside {printable(path.name)}"))
    return _with_test_path(parts, spec)


def _wanted(spec: Data) -> Wanted:
    return Wanted(spec.size, spec.channels, spec.skip_unreadable, spec.allow_empty_classes)


def _with_test_path(parts: Parts, spec: Data) -> Parts:
    if not spec.test_path:
        return parts
    return replace(parts, test=_test_of(with_home(spec.test_path), parts, spec))


def _test_of(path: Path, parts: Parts, spec: Data) -> ImageSet:
    """Read test images as what the training images become, so that their pixels are resized once."""
    found = _read(path, replace(_wanted(spec).like(parts.train), shape=_shape(parts.train, spec)))
    return found.test or found.train


def _read(path: Path, wanted: Wanted) -> Parts:
    if path.is_dir():
        return folder.read(path, wanted)
    if not path.exists():
        raise InputError(f"no file or folder {printable(path)}")
    for suffix, reader in READERS.items():
        if path.name.lower().endswith(suffix):
            return reader(path, wanted)
    raise InputError(
        f"{printable(path)}: unknown kind of data", hint=f"a folder of images, or a file {', '.join(READERS)}"
    )


def _test_beside(path: Path) -> Path | None:
    """Find the labelled test file that goes with a training file."""
    name = path.name.lower()
    head, train, tail = name.rpartition("train")
    if not train or path.is_dir():
        return None
    wanted = f"{head}test{tail}"
    beside = next((file for file in path.parent.iterdir() if file.name.lower() == wanted and file.is_file()), None)
    if beside is None:
        return None
    try:
        if npz.has_labels(beside) if wanted.endswith(".npz") else csv.has_labels(beside):
            return beside
        why = "it has no labelled images to test on"
    except InputError as error:  # of a file that nobody has named
        why = error.message
    say(f"{printable(beside)} is not used: {why}")
    return None


def _shape(train: ImageSet, spec: Data) -> Shape:
    """Tell what images become: whole sets of arrays know no other size than their own."""
    c, h, w = train.shape
    return CHANNELS.get(spec.channels, c), spec.size or h, spec.size or w


def _check_classes(train: ImageSet, spec: Data) -> None:
    counts = train.counts()
    present = [name for name, count in counts.items() if count]
    if len(present) < 2:
        raise InputError(
            f"the training images are of {len(present)} class" + (f", {present[0]!r}" if present else "es"),
            hint="a classifier needs at least two: a folder for each, or a label column",
        )
    empty = [repr(name) for name, count in counts.items() if not count]
    if empty and not spec.allow_empty_classes:
        what = f"class {empty[0]} has" if len(empty) == 1 else f"classes {', '.join(empty)} have"
        raise InputError(
            f"{what} no training images",
            hint="add some, remove what names it, or accept it with data.allow_empty_classes = true",
        )
    if spec.limit and spec.limit < len(present):
        raise InputError(f"data.limit = {spec.limit} is less than one image for each of {len(present)} classes")


def _carve(train: _Cut, part: str, share: float, spec: Data) -> tuple[_Cut, _Cut]:
    """Split a share off the training images."""
    kept, taken = stratified(train.labels, share, spec.split_seed)
    if not len(taken):
        raise InputError(
            f"data.{part} = {share:g} of {len(train.rows):,} training images takes none",
            hint=f"a larger share, more images{', or 0 for no validation' if part == 'validation' else ''}",
        )
    origin = {f"{part}_share": share, "split_seed": spec.split_seed}
    return train.part(kept, **origin), train.part(taken, **origin)


def _limited(train: _Cut, spec: Data) -> _Cut:
    if not 0 < spec.limit < len(train.rows):
        return train
    kept, _ = stratified(train.labels, 1 - spec.limit / len(train.rows), spec.split_seed)
    return train.part(kept, limit=spec.limit)


def _copies_said(part: str, images: ImageSet, known: Sequence[ImageSet]) -> ImageSet:
    """Say of images that measure a training how many of them it has seen."""
    copies = duplicates(known, images)
    images = _about(images, copies_of_training_images=copies)
    said = f"{copies:,} of {len(images):,} {part} images are exact copies of training images"
    return images.note(said) if copies else images


def _announced(splits: Splits) -> Splits:
    """Tell the user what an import found."""
    notes: dict[str, None] = {}
    for part in (splits.train, splits.validation, splits.test):
        notes.update(dict.fromkeys(part.provenance.get("notes", []) if part else []))
    absent = np.setdiff1d(splits.train.labels, splits.test.labels)
    if len(absent):
        names = ", ".join(splits.train.classes[i] for i in absent[:NAMED])
        rest = f" and {len(absent) - NAMED:,} more" if len(absent) > NAMED else ""
        notes[f"no test images of: {names}{rest}"] = None
    for note in notes:
        say(note)
    return splits


def _about(imageset: ImageSet, **entries: Any) -> ImageSet:
    return replace(imageset, provenance={**imageset.provenance, **entries})
