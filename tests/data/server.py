"""A scripted HTTP server on loopback, and a small data set of the catalog's kind for it to serve."""

import gzip
import hashlib
import json
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from imagette.data.entry import Bundle, Entry, File

NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
IMAGES = NAMES[0]
TRAIN, TEST = 400, 100


def idx(array: np.ndarray) -> bytes:
    """Write an IDX file of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def small_arrays() -> list[np.ndarray]:
    """Make train images, train labels, test images, test labels; noise, so that gzip cannot shrink them."""
    draw = np.random.default_rng(7)
    images = [draw.integers(0, 256, (n, 28, 28), np.uint8) for n in (TRAIN, TEST)]
    labels = [(np.arange(n) % 10).astype(np.uint8) for n in (TRAIN, TEST)]
    return [images[0], labels[0], images[1], labels[1]]


def small_files() -> dict[str, bytes]:
    """Make the four files as a publisher would serve them."""
    return {name: gzip.compress(idx(array), mtime=0) for name, array in zip(NAMES, small_arrays(), strict=True)}


def md5(data: bytes) -> str:
    return "md5:" + hashlib.md5(data).hexdigest()


def bundle(*publishers: str, division: str = "publisher") -> Bundle:
    """Describe those files, published at these addresses."""
    files = tuple(
        File(name, len(data), md5(data), md5(gzip.decompress(data)), len(gzip.decompress(data)))
        for name, data in small_files().items()
    )
    return Bundle("idx", files, folders=("Small/raw",), publishers=publishers, division=division)


def entry(*bundles: Bundle) -> Entry:
    """Make a catalog entry of these bundles."""
    return Entry(
        name="small",
        title="Small",
        classes=tuple("abcdefghij"),
        shape=(1, 28, 28),
        train=TRAIN,
        test=TEST,
        polarity="noise",
        mirror_keeps_class=True,
        licence="none",
        citation="none",
        homepage="none",
        bundles=bundles,
    )


Action = Callable[["Handler", bytes], None]


class Handler(BaseHTTPRequestHandler):
    """Answers as the script says; a path's last action is repeated."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        name = self.path.removeprefix("/")
        self.server.requests.append((name, self.headers.get("Range", "")))
        self.server.headers.append(self.headers)
        actions = self.server.script.get(name) or [send if name in self.server.files else status(404)]
        action = actions.pop(0) if len(actions) > 1 else actions[0]
        self.close_connection = True
        action(self, self.server.files.get(name, b""))

    def log_message(self, *_: object) -> None:
        pass

    def head(self, code: int, **headers: object) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def range(self, body: bytes) -> bytes:
        """Answer 200, or 206 where a range was asked for; give the bytes to send."""
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if start and start >= len(body):
            self.head(416, Content_Range=f"bytes */{len(body)}", Content_Length=0)
            return b""
        rest = body[start:]
        if asked:
            self.head(206, Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}", Content_Length=len(rest))
        else:
            self.head(200, Content_Length=len(rest))
        return rest


class Server(ThreadingHTTPServer):
    """Files, the script of how they are served, and the requests that came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.script: dict[str, list[Action]] = {}
        self.requests: list[tuple[str, str]] = []
        self.headers: list[Message] = []
        self.ended = threading.Event()

    def handle_error(self, *_: object) -> None:
        pass  # a client that hangs up is part of the script

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def count(self, name: str) -> int:
        return sum(asked == name for asked, _ in self.requests)


@contextmanager
def serving(files: dict[str, bytes] | None = None, folder: str = "") -> Iterator[Server]:
    """Run a server; it ends with the block."""
    server = Server()
    server.files = {folder + name: data for name, data in (files or {}).items()}
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()


def send(handler: Handler, body: bytes) -> None:
    """Serve the file, or the range that was asked for."""
    handler.wfile.write(handler.range(body))


def send_all(handler: Handler, body: bytes) -> None:
    """Serve the whole file, whatever range was asked for."""
    handler.head(200, Content_Length=len(body))
    handler.wfile.write(body)


def send_all_in_lower_case(handler: Handler, body: bytes) -> None:
    """The same, with headers spelt as some proxies do."""
    handler.head(200, content_length=len(body))
    handler.wfile.write(body)


def status(code: int) -> Action:
    return lambda handler, _: handler.head(code, Content_Length=0)


def page(handler: Handler, _: bytes) -> None:
    """Answer as a captive portal does."""
    text = b"<!doctype html><title>Please log in</title>"
    handler.head(200, Content_Type="text/html", Content_Length=len(text))
    handler.wfile.write(text)


def instead(other: bytes) -> Action:
    """Serve other bytes than the file's."""
    return lambda handler, _: send(handler, other)


def cut(count: int) -> Action:
    """Promise everything, send so many bytes, hang up."""
    return lambda handler, body: handler.wfile.write(handler.range(body)[:count])


def cut_without_ranges(count: int) -> Action:
    """The same, always from the beginning."""

    def action(handler: Handler, body: bytes) -> None:
        handler.head(200, Content_Length=len(body))
        handler.wfile.write(body[:count])

    return action


def cut_unannounced(count: int) -> Action:
    """Promise nothing about the length, send so many bytes, hang up."""

    def action(handler: Handler, body: bytes) -> None:
        handler.head(200, Connection="close")
        handler.wfile.write(body[:count])

    return action


def stall(count: int) -> Action:
    """Send so many bytes, then stay silent until the server ends."""

    def action(handler: Handler, body: bytes) -> None:
        handler.wfile.write(handler.range(body)[:count])
        handler.wfile.flush()
        handler.server.ended.wait()

    return action


def drip(handler: Handler, body: bytes) -> None:
    """Send a byte now and then: never silent, never done."""
    for byte in handler.range(body):
        if handler.server.ended.wait(0.05):
            return
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()


def slow(handler: Handler, body: bytes) -> None:
    """Send the file in small pieces, for about two seconds."""
    rest = handler.range(body)
    for start in range(0, len(rest), 4096):
        handler.wfile.write(rest[start : start + 4096])
        handler.wfile.flush()
        time.sleep(0.03)


def endless(handler: Handler, _: bytes) -> None:
    """Send gzip's first bytes and then zeros for ever."""
    handler.head(200)
    handler.wfile.write(b"\x1f\x8b")
    while not handler.server.ended.is_set():
        handler.wfile.write(bytes(1 << 16))


def redirect(address: str) -> Action:
    return lambda handler, _: handler.head(302, Location=address, Content_Length=0)


if __name__ == "__main__":  # fetch the small data set from the addresses given, as a process of its own
    from imagette.data import fetch

    train, test = fetch.obtain(entry(bundle(*sys.argv[1:])))
    print(json.dumps([train.fingerprint, test.fingerprint]))
