"""The catalog, the user's own folder, and what is kept of a data set."""

import gzip
import hashlib
import os
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from data import server as web
from imagette.core.errors import EnvironmentFault, InputError
from imagette.data import archives, audit, fetch, packages, store
from imagette.data.catalog import CATALOG, entry
from imagette.data.checks import Mismatch
from imagette.data.sources import READERS


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
    """Give every test a cache and a data folder of its own, and no network."""
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IMAGETTE_DATA", str(tmp_path / "mine"))
    monkeypatch.setenv("IMAGETTE_OFFLINE", "1")
    monkeypatch.delenv("IMAGETTE_MIRROR", raising=False)


@pytest.fixture
def mine(tmp_path):
    """Put the four small files where torchvision would have put them."""
    folder = tmp_path / "mine/Small/raw"
    folder.mkdir(parents=True)
    for name, data in web.small_files().items():
        (folder / name).write_bytes(data)
    return folder


SMALL = web.entry(web.bundle())


@pytest.mark.parametrize("name", CATALOG)
def test_every_entry_is_complete_and_every_byte_of_it_pinned(name):
    data = entry(name)
    assert data.name == name
    assert len(set(data.classes)) == len(data.classes) > 1
    assert all([data.title, data.polarity, data.licence, data.citation, data.homepage, data.train, data.test])
    for bundle in data.bundles:
        assert bundle.reader in READERS
        pinned = bundle.archive is not None and bundle.archive.checksum
        for file in bundle.files:
            assert file.size > 0
            algorithm, _, digest = (file.checksum or file.contents or pinned).partition(":")
            assert len(digest) == 2 * hashlib.new(algorithm).digest_size
        assert bundle.client in ("", *packages.COMMANDS)


def test_an_unknown_division_is_answered_with_those_that_exist():
    with pytest.raises(InputError, match="mnist comes in one division"):
        fetch.fetch("mnist", "kaggle")


def test_digits_are_sklearns_and_their_division_never_changes(tmp_path):
    from sklearn.datasets import load_digits

    train, test = fetch.fetch("digits")
    raw = load_digits()
    assert len(train) + len(test) == len(raw.target)
    assert all(4 <= count / test.counts()[name] < 4.3 for name, count in train.counts().items())  # every fifth
    fives = np.rint(raw.images[raw.target == 5] * 255 / 16)
    assert np.array_equal(test.images[test.labels == 5][:, 0], fives[4::5])
    assert test.provenance["division"] == "imagette"
    assert not (tmp_path / "cache").exists()
    assert audit.check(entry("digits"))[0].endswith(f"{train.fingerprint} {test.fingerprint}: ok")


def test_the_real_mnist_of_a_data_folder_is_recognised(shared_data, monkeypatch):
    """Re-compressed copies have other MD5s than the publisher's files: their contents decide."""
    if shared_data is None:
        pytest.skip("no real data")
    monkeypatch.setenv("IMAGETTE_DATA", str(shared_data))
    train, test = fetch.fetch("mnist")
    assert train.images.shape == (60_000, 1, 28, 28)
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]  # the publisher's first images
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert fetch.is_cached("mnist")
    monkeypatch.delenv("IMAGETTE_DATA")
    again, _ = fetch.fetch("mnist")  # from what was kept
    assert again.fingerprint == train.fingerprint


@pytest.mark.parametrize("layout", ["torchvision", "named", "flat", "unpacked"])
def test_a_data_folder_is_recognised_however_it_is_laid_out(mine, tmp_path, layout):
    if layout == "flat":
        for path in mine.iterdir():
            path.rename(tmp_path / "mine" / path.name)
    if layout == "unpacked":
        for path in mine.iterdir():
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
    bundle = replace(web.bundle(), folders=("elsewhere", "small"))
    if layout == "named":
        mine.rename(tmp_path / "mine/small")
    train, _ = fetch.obtain(SMALL if layout != "named" else web.entry(bundle))
    assert np.array_equal(train.images[:, 0], web.small_arrays()[0])
    assert train.provenance["source"].startswith(f"local folder {tmp_path / 'mine'}")


def test_first_and_later_reads_are_the_same_and_may_be_written_to(mine):
    first = fetch.obtain(SMALL)
    later = fetch.obtain(SMALL)
    for a, b in zip(first, later, strict=True):
        assert a.fingerprint == b.fingerprint
        assert a.ids.tolist() == b.ids.tolist()
        assert a.provenance == b.provenance
        assert a.images.flags.writeable
        assert b.images.flags.writeable
        assert a.images.flags.c_contiguous


def failure() -> str:
    with pytest.raises(EnvironmentFault) as caught:
        fetch.obtain(SMALL)
    return str(caught.value)


def test_a_truncated_file_of_the_user_is_named_and_kept(mine):
    size = (mine / web.IMAGES).stat().st_size
    os.truncate(mine / web.IMAGES, 1000)
    message = failure()
    assert f"local folder {mine}: {web.IMAGES}: the gzip file is cut off (1,000 bytes" in message
    assert size > 1000
    assert (mine / web.IMAGES).exists()


def test_a_changed_file_of_the_user_is_refused(mine):
    data = bytearray(gzip.decompress((mine / web.IMAGES).read_bytes()))
    data[-1] ^= 1
    (mine / web.IMAGES).write_bytes(gzip.compress(data))
    assert "wrong checksum" in failure()


def test_an_oversized_file_of_the_user_is_not_read(mine):
    with (mine / web.IMAGES).open("wb") as file:
        file.truncate(1 << 28)  # sparse
    assert "more than" in failure()


def test_a_missing_file_of_the_user_is_named(mine):
    (mine / web.NAMES[3]).unlink()
    assert f"local folder {mine}: lacks {web.NAMES[3]}" in failure()


def test_a_data_folder_is_never_written_to(mine, tmp_path):
    before = sorted((tmp_path / "mine").rglob("*"))
    fetch.obtain(SMALL)
    assert sorted((tmp_path / "mine").rglob("*")) == before


def test_a_damaged_import_is_seen_and_made_again(mine, capsys):
    good, _ = fetch.obtain(SMALL)
    path = store.file(SMALL, "publisher")
    whole = path.read_bytes()
    places = [*range(0, len(whole), len(whole) // 40), len(whole) - 30, len(whole) // 2]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        again, _ = fetch.obtain(SMALL)
        assert again.fingerprint == good.fingerprint, place
    for length in (0, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        again, _ = fetch.obtain(SMALL)
        assert again.fingerprint == good.fingerprint
    assert "damaged" in capsys.readouterr().err


def test_divisions_are_kept_apart_and_recorded(mine, capsys):
    other = [array[::-1].copy() for array in web.small_arrays()]
    files = {f"other-{name}": gzip.compress(web.idx(array)) for name, array in zip(web.NAMES, other, strict=True)}
    for name, data in files.items():
        (mine / name).write_bytes(data)
    kaggle = replace(
        web.bundle(division="kaggle"),
        files=tuple(web.File(name, len(data), web.md5(data)) for name, data in files.items()),
    )
    both = web.entry(web.bundle(), kaggle)
    assert both.divisions == ("publisher", "kaggle")
    second, _ = fetch.obtain(both, "kaggle")
    assert second.provenance["division"] == "kaggle"
    assert "divided as kaggle divides it" in capsys.readouterr().err
    first, _ = fetch.obtain(both, "publisher")
    assert first.provenance["division"] == "publisher"
    assert first.fingerprint != second.fingerprint
    assert fetch.obtain(both)[0].fingerprint == first.fingerprint  # any: the usual one first


def test_verify_names_every_file_and_finds_what_changed(mine, monkeypatch):
    with pytest.raises(InputError, match="nothing of it is kept"):
        audit.check(SMALL)
    monkeypatch.delenv("IMAGETTE_OFFLINE")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("IMAGETTE_DATA")
    with web.serving(web.small_files()) as server:
        published = web.entry(web.bundle(f"{server.address}/"))
        train, _ = fetch.obtain(published)
    lines = audit.check(published)
    assert len(lines) == 5
    assert lines[0].startswith(f"publisher.npz: {train.fingerprint} ")
    assert lines[1] == f"{web.IMAGES}: {web.md5(web.small_files()[web.IMAGES])}: ok"
    os.truncate(store.downloads(published) / web.IMAGES, 5)
    with pytest.raises(EnvironmentFault, match=rf"{web.IMAGES}.*: DAMAGED") as caught:
        audit.check(published)
    assert "publisher.npz" in str(caught.value)


def test_verify_finds_an_import_whose_pixels_were_exchanged(mine):
    fetch.obtain(SMALL)
    path = store.file(SMALL, "publisher")
    with np.load(path) as arrays:
        changed = dict(arrays)
    changed["train_images"][0, 0, 0, 0] ^= 1
    np.savez(path, **changed)
    with pytest.raises(EnvironmentFault, match=r"publisher.npz.*DAMAGED"):
        audit.check(SMALL)


UNWRITABLE = pytest.mark.parametrize("cache", ["file/cache", "x" * 300])  # of one may not even ask whether it exists


@UNWRITABLE
def test_where_there_can_be_no_cache_nothing_is_kept(tmp_path, monkeypatch, cache):
    (tmp_path / "file").touch()
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path / cache))
    assert not fetch.is_cached("mnist")
    with pytest.raises(InputError, match="nothing of it is kept"):
        audit.check(entry("mnist"))


@UNWRITABLE
def test_a_cache_that_cannot_be_written_says_so_and_stops_nothing(mine, tmp_path, monkeypatch, capsys, cache):
    (tmp_path / "file").touch()
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path / cache))
    train, _ = fetch.obtain(SMALL)
    assert len(train) == web.TRAIN
    assert "small will not be kept: " in (said := capsys.readouterr().err)
    assert "cannot be written" in said


def test_a_folder_that_cannot_be_read_is_one_more_reason(mine, tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGETTE_DATA", str(tmp_path / ("x" * 300)))
    assert "File name too long" in failure()


def test_a_name_that_is_no_text_is_damage(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        archive.writestr("é.txt", "")
    whole = (tmp_path / "a.whl").read_bytes()
    (tmp_path / "a.whl").write_bytes(whole.replace("é".encode(), b"\xff\xff"))
    with pytest.raises(Mismatch, match=r"a\.whl: cut off or damaged"):
        archives.members(tmp_path / "a.whl", web.bundle().files)


def test_data_modules_start_without_torch(mine):
    program = "import imagette.data.fetch, sys; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
