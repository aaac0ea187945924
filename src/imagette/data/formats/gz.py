"""Gzip with a limit: a small file cannot fill the memory."""

from __future__ import annotations

import gzip
import io
import zlib

from imagette.core.errors import InputError

GZIP = b"\x1f\x8b"
CHUNK = 1 << 20


def gunzip(data: bytes, limit: int, where: str) -> bytes:
    """Unpack a gzip file of at most so many bytes.

    Args:
        data: the packed bytes.
        limit: largest number of unpacked bytes.
        where: the file's name, for the message.

    Raises:
        InputError: when it is cut off, damaged, or unpacks to more.

    Example:
        >>> gunzip(gzip.compress(b"abc"), 3, "a.gz")
        b'abc'
    """
    unpacked = bytearray()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            while chunk := stream.read(min(CHUNK, limit + 1 - len(unpacked))):
                unpacked += chunk
                if len(unpacked) > limit:
                    raise InputError(f"{where}: unpacks to more than {limit:,} bytes", hint="it is not what it claims")
    except (EOFError, OSError, zlib.error) as error:
        reason = "cut off" if isinstance(error, EOFError) else "damaged"
        raise InputError(
            f"{where}: the gzip file is {reason} ({len(data):,} bytes, of which {len(unpacked):,} could be unpacked)",
            hint="get it again",
        ) from error
    return bytes(unpacked)
