"""What happens when bytes come from a network: nothing wrong is ever accepted, and every reason is told."""

import gzip
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from data import server as web
from imagette.core.errors import EnvironmentFault
from imagette.data import audit, fetch, http
from imagette.data.checks import Unavailable
from imagette.data.entry import File

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
    """Give every test a cache of its own, loopback without a proxy, and little patience."""
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IMAGETTE_TIMEOUT", "0.5")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for name in ("IMAGETTE_DATA", "IMAGETTE_MIRROR", "IMAGETTE_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def good():
    """Run a publisher that serves everything as it should."""
    with web.serving(web.small_files()) as server:
        yield server


@pytest.fixture
def bad():
    """Run a publisher whose script a test writes."""
    with web.serving(web.small_files()) as server:
        yield server


def assert_right(pair) -> None:
    """Compare what was fetched with what was published."""
    arrays = web.small_arrays()
    for part, images, labels in zip(pair, arrays[::2], arrays[1::2], strict=True):
        assert np.array_equal(part.images[:, 0], images)
        assert np.array_equal(part.labels, labels)


def fetch_from(*servers):
    return fetch.obtain(web.entry(web.bundle(*(f"{server.address}/" for server in servers))))


def failure(*servers) -> str:
    with pytest.raises(EnvironmentFault) as caught:
        fetch_from(*servers)
    assert caught.value.exit_code == 3
    return str(caught.value)


def downloads(tmp_path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache/catalog/small/downloads").glob("*"))


def test_a_publisher_that_works_gives_the_published_images(good):
    pair = fetch_from(good)
    assert_right(pair)
    assert pair[0].provenance["source"] == f"publisher {good.address}/"
    assert pair[0].provenance["division"] == "publisher"
    assert pair[0].ids[-1] == f"train/{web.TRAIN - 1}"


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (web.status(403), "HTTP 403"),
        (web.status(404), "HTTP 404"),
        (web.status(503), "HTTP 503"),
        (web.page, "expected gzip, got HTML"),
        (web.instead(b"PK\x03\x04 a zip"), "expected gzip, got 50 4b 03 04"),
        (web.instead(web.small_files()[web.NAMES[2]]), "wrong checksum"),
        (web.cut_without_ranges(5000), "broke in mid-body"),
        (web.stall(0), "stalled: no byte in 0.5 s"),
        (web.drip, "stalled"),
        (web.endless, "sent more than"),
        (web.redirect("file:///etc/passwd"), "redirect to file:///etc/passwd refused"),
        (web.redirect("/" + web.IMAGES), "more than 5 redirects"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_a_publisher_that_fails_is_named_with_its_reason_and_the_next_is_tried(bad, good, action, reason, tmp_path):
    bad.script[web.IMAGES] = [action]
    message = failure(bad)
    assert f"publisher {bad.address}/: " in message
    assert reason in message
    assert "IMAGETTE_DATA" in message
    assert "IMAGETTE_MIRROR" in message
    assert "digits" in message
    assert web.IMAGES not in downloads(tmp_path)
    assert_right(fetch_from(bad, good))


def test_a_wrong_checksum_shows_both_digests_and_leaves_no_file(bad, tmp_path):
    wrong = web.small_files()[web.NAMES[2]]
    bad.script[web.IMAGES] = [web.instead(wrong)]
    message = failure(bad)
    files = {file.name: file for file in web.bundle().files}
    assert files[web.IMAGES].contents in message
    assert files[web.NAMES[2]].contents in message
    assert downloads(tmp_path) == []


def test_a_server_that_refuses_the_connection_is_named(good):
    with web.serving() as closed:
        pass
    message = failure(closed)
    assert "refused" in message
    assert closed.address in message
    assert_right(fetch_from(closed, good))


def test_every_source_is_named_when_all_fail(bad, monkeypatch, tmp_path):
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("IMAGETTE_DATA", str(tmp_path / "mine"))
    monkeypatch.setenv("IMAGETTE_MIRROR", f"{bad.address}/mirror/")
    bad.script[web.IMAGES] = [web.status(403)]
    message = failure(bad)
    assert f"local folder {tmp_path / 'mine'}: holds none of its files" in message
    assert f"mirror {bad.address}/mirror/small/: {web.IMAGES}: HTTP 404" in message
    assert f"publisher {bad.address}/: {web.IMAGES}: HTTP 403" in message


def test_a_mirror_is_asked_before_the_publishers(good, monkeypatch):
    with web.serving(web.small_files(), folder="class-room/small/") as mirror:
        monkeypatch.setenv("IMAGETTE_MIRROR", f"{mirror.address}/class-room")
        assert_right(fetch_from(good))
    assert good.requests == []


def test_a_mirror_may_compress_anew_but_not_change_the_contents(good, monkeypatch):
    anew = {name: gzip.compress(gzip.decompress(data), 1, mtime=1) for name, data in web.small_files().items()}
    with web.serving(anew, folder="small/") as mirror:
        monkeypatch.setenv("IMAGETTE_MIRROR", mirror.address)
        assert_right(fetch_from(good))
    assert good.requests == []
    unpacked = web.md5(gzip.decompress(anew[web.IMAGES]))
    assert f"{web.IMAGES}: {unpacked}, unpacked: ok" in audit.check(web.entry(web.bundle()))


@pytest.mark.parametrize("action", [web.send_all, web.send_all_in_lower_case])
def test_a_file_shorter_than_published_is_whole_when_its_length_is_told(bad, action, tmp_path):
    body = web.small_files()[web.IMAGES]
    bad.script[web.IMAGES] = [action]
    http.download(f"{bad.address}/{web.IMAGES}", tmp_path / "a.gz", File("a.gz", len(body) + 60), lambda _: None)
    assert (tmp_path / "a.gz").read_bytes() == body


def test_a_redirect_is_followed(bad, good):
    bad.script[web.IMAGES] = [web.redirect(f"{good.address}/{web.IMAGES}")]
    assert_right(fetch_from(bad))


def test_a_redirect_from_https_to_http_is_refused():
    assert http.follow("https://a.example/f", "https://b.example/f") == "https://b.example/f"
    with pytest.raises(Unavailable, match=r"redirect from https to http:.* refused"):
        http.follow("https://a.example/f", "http://b.example/f")


@pytest.mark.parametrize("address", ["http://[::1/f", "http://[zz]/f"])
def test_what_is_no_address_is_a_source_that_does_not_answer(address, bad, tmp_path):
    with pytest.raises(Unavailable, match=r"is no address|not an http or https address"):
        http.download(address, tmp_path / "f", web.bundle("").files[0], lambda _: None)
    bad.script[web.IMAGES] = [web.redirect(address)]
    assert "is no address" in failure(bad)


@pytest.mark.parametrize("action", [web.cut(100_000), web.stall(100_000)], ids=["cut", "stalled"])
def test_a_broken_download_goes_on_from_where_it_broke(bad, action):
    bad.script[web.IMAGES] = [action, action, web.send]
    assert_right(fetch_from(bad))
    assert [asked for name, asked in bad.requests if name == web.IMAGES] == ["", "bytes=100000-", "bytes=200000-"]


def test_a_connection_that_breaks_often_but_brings_something_is_not_given_up(bad):
    bad.script[web.IMAGES] = [*[web.cut(20_000)] * 12, web.send]
    assert_right(fetch_from(bad))
    assert bad.count(web.IMAGES) == 13


def test_a_name_and_a_password_go_to_mirror_and_proxy_and_into_no_record(bad, monkeypatch, tmp_path):
    with web.serving(web.small_files(), folder="small/") as mirror:
        host = mirror.address.removeprefix("http://")
        monkeypatch.setenv("IMAGETTE_MIRROR", f"http://me:s%40cret@{host}")
        pair = fetch_from(bad)
        assert_right(pair)
        assert pair[0].provenance["source"] == f"mirror {mirror.address}/small/"
        assert {sent["Authorization"] for sent in mirror.headers} == {"Basic bWU6c0BjcmV0"}
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    with web.serving() as proxy:
        proxy.files = {f"http://a.example/{name}": data for name, data in web.small_files().items()}
        monkeypatch.setenv("http_proxy", f"http://me:s%40cret@{proxy.address.removeprefix('http://')}")
        http.download(f"http://a.example/{web.IMAGES}", tmp_path / "f", web.bundle().files[0], lambda _: None)
        assert (tmp_path / "f").read_bytes() == web.small_files()[web.IMAGES]
        assert {sent["Proxy-Authorization"] for sent in proxy.headers} == {"Basic bWU6c0BjcmV0"}


def test_a_body_cut_without_a_length_is_not_accepted(bad):
    bad.script[web.IMAGES] = [web.cut_unannounced(100_000), web.send]
    assert_right(fetch_from(bad))
    assert bad.count(web.IMAGES) == 2


def test_a_server_without_ranges_starts_anew(bad):
    bad.script[web.IMAGES] = [web.cut(100_000), web.send_all]
    assert_right(fetch_from(bad))


def test_a_server_that_refuses_ranges_is_asked_for_the_whole(bad):
    bad.script[web.IMAGES] = [web.cut(100_000), web.status(403), web.send_all]
    assert_right(fetch_from(bad))
    assert [asked for name, asked in bad.requests if name == web.IMAGES] == ["", "bytes=100000-", ""]


def test_what_was_brought_is_kept_while_a_server_is_busy(bad):
    bad.script[web.IMAGES] = [web.cut(100_000), web.status(429)]
    assert "HTTP 429" in failure(bad)
    bad.script[web.IMAGES] = [web.send]
    assert_right(fetch_from(bad))
    assert bad.requests[-len(web.NAMES)] == (web.IMAGES, "bytes=100000-")


def test_nothing_left_to_send_is_no_answer_to_a_first_request(bad):
    bad.script[web.IMAGES] = [web.status(416)]
    assert "HTTP 416" in failure(bad)


def test_what_is_left_of_another_file_is_thrown_away(good, tmp_path):
    left = tmp_path / "cache/catalog/small/downloads" / f"{web.IMAGES}.part"
    left.parent.mkdir(parents=True)
    for length in (1000, 10_000_000):
        left.write_bytes(bytes(length))
        assert_right(fetch_from(good))
        (tmp_path / "cache/catalog/small/publisher.npz").unlink()
        (left.parent / web.IMAGES).unlink()


def test_an_unpacked_size_beyond_the_published_one_is_refused(bad):
    bad.script[web.IMAGES] = [web.instead(gzip.compress(bytes(50_000_000)))]
    assert "unpacks to more than" in failure(bad)


def test_without_a_network_what_was_fetched_is_there(good, monkeypatch):
    fetch_from(good)
    monkeypatch.setenv("IMAGETTE_OFFLINE", "1")
    asked = len(good.requests)
    assert_right(fetch_from(good))
    assert len(good.requests) == asked


def test_without_a_writable_cache_it_is_fetched_and_nothing_is_left(good, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path / "file/cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert_right(fetch_from(good))
    assert "small will not be kept: " in capsys.readouterr().err
    assert list((tmp_path / "temporary").iterdir()) == []
    (tmp_path / "temporary").rmdir()
    assert "cannot be written" in failure(good)


def test_a_cache_that_cannot_be_written_still_gives_its_earlier_downloads(good, tmp_path, monkeypatch):
    fetch_from(good)
    asked = len(good.requests)
    folder = tmp_path / "cache/catalog/small"
    (folder / "publisher.npz").unlink()
    (folder / "lock").unlink(missing_ok=True)
    (folder / "lock").mkdir()
    assert_right(fetch_from(good))
    assert len(good.requests) == asked


def test_offline_asks_nobody(good, monkeypatch):
    monkeypatch.setenv("IMAGETTE_OFFLINE", "1")
    assert "IMAGETTE_OFFLINE is set" in failure(good)
    assert good.requests == []


@pytest.mark.parametrize("seconds", ["soon", "0", "1e12"])
def test_a_silly_time_out_is_refused(good, monkeypatch, seconds):
    monkeypatch.setenv("IMAGETTE_TIMEOUT", seconds)
    with pytest.raises(Exception, match=f"IMAGETTE_TIMEOUT='{seconds}' is not a number of seconds up to") as caught:
        fetch_from(good)
    assert caught.value.exit_code == 2


def start(*addresses: str) -> subprocess.Popen:
    """Start a process that fetches the small data set."""
    command = [sys.executable, str(HERE / "server.py"), *addresses]
    env = os.environ | {"IMAGETTE_TIMEOUT": "20"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def test_a_killed_download_goes_on_in_the_next_run(bad, tmp_path):
    bad.script[web.IMAGES] = [web.slow]
    part = tmp_path / "cache/catalog/small/downloads" / f"{web.IMAGES}.part"
    process = start(f"{bad.address}/")
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > 50_000):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = part.stat().st_size
    bad.script[web.IMAGES] = [web.send]
    assert_right(fetch_from(bad))
    assert (web.IMAGES, f"bytes={left}-") in bad.requests


def test_four_processes_at_once_fetch_once(bad):
    bad.script[web.IMAGES] = [web.slow]
    processes = [start(f"{bad.address}/") for _ in range(4)]
    answers = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], answers
    assert len({out for out, _ in answers}) == 1
    assert all(bad.count(name) == 1 for name in web.NAMES)
    assert sum("is being fetched" in err for _, err in answers) == 3
    assert sum("test images from" in err for _, err in answers) == 1


def test_what_a_killed_import_left_is_swept_away(good, tmp_path):
    folder = tmp_path / "cache/catalog/small"
    folder.mkdir(parents=True)
    (folder / ".publisher.npz.abc.tmp").write_bytes(b"half")
    fetch_from(good)
    assert not list(folder.glob(".*.tmp"))
