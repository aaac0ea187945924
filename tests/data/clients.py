"""Stand-ins for the clients of package registries, and the archives that they give."""

import io
import tarfile
from pathlib import Path

import pytest

from imagette.core.errors import EnvironmentFault
from imagette.data import fetch
from imagette.data.entry import Entry


def archive(
    path: Path, files: dict[str, bytes], *others: tarfile.TarInfo, mode: str = "w:gz", prefix: str = "package/"
) -> None:
    """Write a tar archive, with members of other kinds where a test wants them."""
    with tarfile.open(path, mode) as opened:
        for other in others:
            opened.addfile(other)
        for name, data in files.items():
            member = tarfile.TarInfo(prefix + name)
            member.size = len(data)
            opened.addfile(member, io.BytesIO(data))


def program(tmp_path: Path, monkeypatch, name: str, script: str) -> None:
    """Put a stand-in for the user's client on the path."""
    path = tmp_path / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    return made


def reason(entry: Entry, division: str = "any") -> str:
    with pytest.raises(EnvironmentFault) as caught:
        fetch.obtain(entry, division)
    return str(caught.value)
