"""Downloads that are resumed, bounded and never trusted before their digest is right."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import make_headers

from imagette.core import console
from imagette.core.files import write_fault
from imagette.data import places
from imagette.data.checks import Mismatch, Unavailable, limit
from imagette.data.entry import File
from imagette.data.formats.gz import GZIP

CHUNK = 1 << 16
REDIRECTS = 5
PROGRESS = 0.01  # of the file, that a try has to bring to be followed by another
SLOWEST = 1024  # bytes in one time-out: a server that gives less is stalled
PACKED = (".gz", ".tgz")
OK, PARTIAL, UNSATISFIABLE = 200, 206, 416
BUSY = (408, 429)  # try again later


class _Broken(Unavailable):
    """The connection broke in mid-body: worth another try from where it broke."""


def download(url: str, target: Path, file: File, accept: Callable[[Path], object]) -> None:
    """Bring one file to ``target``; it is there only when it is whole and accepted.

    What an earlier, broken download left beside it (``….part``) is continued. A broken connection is tried again
    as long as every try brings a hundredth of the file. Bytes that are not accepted are removed; where older ones were
    among them, all are asked for once more.

    Args:
        url: http or https; a redirect from https to http is refused.
        target: where the file is wanted.
        file: its name and size, for the bar and the byte limit.
        accept: raises Mismatch when the file is not the published one.

    Raises:
        Unavailable: why this source does not give it.
        EnvironmentFault: when it cannot be written.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for last_try in (False, True):
            try:
                resumed = _transfer(url, part, file)
            except Unavailable as error:
                raise Unavailable(f"{file.name}: {error}") from error
            try:
                accept(part)
            except Mismatch:
                part.unlink(missing_ok=True)
                if last_try or not resumed:
                    raise
            else:
                part.replace(target)
                return
    except OSError as error:
        raise write_fault(target, error) from error


def _transfer(url: str, part: Path, file: File) -> bool:
    """Append to the partial file until the body is whole; tell whether it began with older bytes."""
    began = _size(part)
    with console.track(f"downloading {file.name}", total=file.size, unit="bytes") as advance:
        advance(began)
        while True:
            before = _size(part)
            try:
                _request(url, part, file, advance)
                break
            except _Broken:
                if _size(part) - before < max(1, PROGRESS * file.size):
                    raise
    return began > 0


def _request(url: str, part: Path, file: File, advance: Callable[[int], None], whole: bool = False) -> None:
    start = 0 if whole else _size(part)
    response = _open(url, start)
    try:
        if response.status == UNSATISFIABLE and start:  # nothing is left to send: the digest decides
            return
        if start and 400 <= response.status < 500 and response.status not in BUSY:  # it may mind the range only
            _request(url, part, file, advance, whole=True)
            return
        if response.status not in (OK, PARTIAL):
            raise Unavailable(f"HTTP {response.status} {response.reason or ''}".rstrip())
        resumed = response.status == PARTIAL and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if response.status == PARTIAL and not resumed:
            part.unlink(missing_ok=True)
            raise Unavailable("sent another part of the file than was asked for")
        _receive(response, part, file, advance, start if resumed else 0)
    finally:
        response.close()


def _receive(
    response: urllib3.BaseHTTPResponse, part: Path, file: File, advance: Callable[[int], None], start: int
) -> None:
    """Write the body behind the first ``start`` bytes, and watch its kind, its length and its pace."""
    got, mark, mark_time = start, start, time.monotonic()
    with part.open("r+b" if start else "wb") as opened:
        opened.seek(start)
        while chunk := _chunk(response):
            if got == 0:
                _recognise(chunk, file, response)
            opened.write(chunk)
            opened.flush()
            got += len(chunk)
            advance(len(chunk))
            if got > limit(file):
                opened.truncate(0)
                raise Unavailable(f"sent more than {limit(file):,} bytes; the published file has {file.size:,}")
            if time.monotonic() - mark_time > places.timeout():
                if got - mark < SLOWEST:
                    raise Unavailable(f"stalled: {got - mark} bytes in {places.timeout():g} s")
                mark, mark_time = got, time.monotonic()
    bounded = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
    if got < file.size and not bounded:
        raise _Broken(f"the body ends after {got:,} of {file.size:,} bytes")


def _chunk(response: urllib3.BaseHTTPResponse) -> bytes:
    try:
        return response.read1(CHUNK, decode_content=False)
    except ReadTimeoutError as error:
        raise _Broken(f"stalled: no byte in {places.timeout():g} s") from error
    except HTTPError as error:
        raise _Broken(f"the connection broke in mid-body: {_reason(error)}") from error


def _recognise(chunk: bytes, file: File, response: urllib3.BaseHTTPResponse) -> None:
    """Refuse at the first bytes what is not even of the right kind."""
    if not file.name.endswith(PACKED) or chunk[: len(GZIP)] == GZIP[: len(chunk)]:
        return
    page = chunk.lstrip()[:1] == b"<" or "html" in response.headers.get("Content-Type", "")
    raise Unavailable(f"expected gzip, got {'HTML' if page else chunk[:8].hex(' ')}")


def _open(url: str, start: int) -> urllib3.BaseHTTPResponse:
    """Send the request and follow redirects, never down from https to http."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "imagette"}
    if start:
        headers["Range"] = f"bytes={start}-"
    for _ in range(REDIRECTS + 1):
        try:
            response = _pool(url).request(
                "GET",
                url,
                headers=headers | make_headers(basic_auth=_password(url)),
                preload_content=False,
                redirect=False,
                timeout=places.timeout(),
            )
        except HTTPError as error:
            raise Unavailable(_reason(error)) from error
        location = response.get_redirect_location()
        if not location:
            return response
        response.close()
        url = follow(url, location)
    raise Unavailable(f"more than {REDIRECTS} redirects")


def follow(url: str, location: str) -> str:
    """Give the address that a redirect leads to.

    Raises:
        Unavailable: when it leaves https for http, or http altogether.

    Example:
        >>> follow("https://a.example/x/y.gz", "../z.gz")
        'https://a.example/z.gz'
    """
    there = _address(url, location).geturl()
    if urlsplit(there).scheme not in ("http", "https"):
        raise Unavailable(f"redirect to {there} refused: neither http nor https")
    if urlsplit(url).scheme == "https" and urlsplit(there).scheme == "http":
        raise Unavailable(f"redirect from https to {there} refused")
    return there


def _pool(url: str) -> urllib3.PoolManager:
    """Make the connection, through the proxy that the user's environment names."""
    address = _address(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise Unavailable(f"{url} is not an http or https address")
    proxy = urllib.request.getproxies().get(address.scheme)
    if proxy and not urllib.request.proxy_bypass(address.hostname):
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        return urllib3.ProxyManager(proxy, retries=False, proxy_headers=make_headers(proxy_basic_auth=_password(proxy)))
    return urllib3.PoolManager(retries=False)


def _password(url: str) -> str | None:
    """Give the ``name:password`` of an address, which urllib3 does not send by itself."""
    given, at, _ = _address(url).netloc.rpartition("@")
    return unquote(given) if at else None


def without_password(url: str) -> str:
    """Give an address as it may be shown and recorded.

    Example:
        >>> without_password("https://me:secret@mirror.example/mnist/")
        'https://mirror.example/mnist/'
    """
    return re.sub("//[^/]*@", "//", url, count=1)


def _address(url: str, location: str = "") -> SplitResult:
    """Take an address apart, or the one to which a location leads from there."""
    try:
        return urlsplit(urljoin(url, location))
    except ValueError as error:
        raise Unavailable(f"{location or url} is no address: {error}") from error


def _reason(error: Exception) -> str:
    """Say in a line what went wrong on the way."""
    cause = error.__cause__ or error
    return str(cause).rpartition("object at")[2].partition(">: ")[2] or str(cause) or type(cause).__name__


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
