"""What all pictures share: their fonts, the names of their files, and how they are written."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from matplotlib import font_manager
from matplotlib.figure import Figure

from imagette.core.errors import InputError
from imagette.core.files import atomic_path

DPI = 120  # of the pictures of runs and networks
WIDE_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Microsoft YaHei", "PingFang SC", "SimHei")


def check_suffix(path: Path, suffixes: Sequence[str] = (".png",)) -> None:
    """Refuse a file's name that is no picture's.

    Args:
        path: the file.
        suffixes: with which its name may end.

    Raises:
        InputError: for another suffix.

    Example:
        >>> check_suffix(Path("curves.PNG"))
    """
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path}: not a picture's name", hint=f"let it end in {' or '.join(suffixes)}")


def write(path: Path, figure: Figure, **how: Any) -> Path:
    """Write a picture in the format that its name tells, whole or not at all; give the file.

    Args:
        path: the file.
        figure: what was drawn.
        how: what else ``Figure.savefig`` takes, such as ``dpi``.

    Raises:
        EnvironmentFault: when it cannot be written.

    Example:
        >>> import tempfile
        >>> write(Path(tempfile.mkdtemp()) / "empty.png", Figure(figsize=(1, 1))).name
        'empty.png'
    """
    with atomic_path(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a box in its place says enough
        figure.savefig(temporary, format=path.suffix[1:].lower(), **how)
    return path


@cache
def fonts() -> list[str]:
    """List the fonts in which a picture's letters are looked for: those of Chinese and Japanese where they are there.

    Example:
        >>> fonts()[0]
        'DejaVu Sans'
    """
    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(font for font in WIDE_FONTS if font in installed)]
