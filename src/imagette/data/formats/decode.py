"""One image file to pixels: which formats are read, what is converted and how, what is refused.

Only the formats of ``FORMATS`` are tried, whatever a file's name says. From the header alone, before any pixel is
decoded, a file is refused that is larger than ``MAX_PIXELS`` or holds several frames (the pictures that a camera's
JPEG carries beside the main one are ignored). Then, in this order:

==================  ==================================================================================
found               becomes
==================  ==================================================================================
EXIF orientation    the picture is turned upright
16-bit gray         its upper 8 bits; colour of 16 bits likewise
1-bit               black 0, white 255
palette             gray where every entry in use is gray, else colour
CMYK                colour, by Pillow's formula, without a colour profile
transparency        laid on white (palette entries, gray and colour with alpha alike), unless two channels (gray) or
                    four (colour) are wanted: then it is the last of them, and an image that has none is opaque
gray or colour      what the other images are: gray = 0.299 R + 0.587 G + 0.114 B; colour = gray three times
another size        resized to the wanted one as a whole, neither cropped nor padded: Pillow's BILINEAR,
                    which averages over all source pixels when it makes an image smaller, clear ones without
                    their colour
==================  ==================================================================================

Refused: 32-bit integer and floating-point pixels, whose range nobody knows, and colour spaces such as Lab.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from imagette.core.errors import InputError
from imagette.core.shape import Shape
from imagette.data.formats.files import printable
from imagette.data.imageset import Images

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
SIXTEEN, DARK = "16 bits to 8", "16 bits, of which the upper 4 are unused"
EXTENSIONS = frozenset(
    f".{suffix}"
    for suffixes in ("png", "jpg jpeg jpe jfif", "bmp dib", "gif", "tif tiff", "webp", "ppm pgm pbm pnm")
    for suffix in suffixes.split()
)
MAX_PIXELS = 50_000_000  # 150 MB once it is decoded, on each core; and photographs of today have as many
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # Pillow's, by channels

_GRAY = {"1", "L", "LA", "La"}
_CLEAR = {"LA", "RGBA"}  # of MODES, those with transparency
_SIXTEEN = {"I;16", "I;16B", "I;16L", "I;16N"}
_COLOUR = {"P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}
_WHITE_IS_ZERO = (262, 0)  # the tag of a TIFF, and its value, that say so
_HINT = (
    f"formats that are read: {', '.join(FORMATS)}; such files are left out by data.skip_unreadable = true at import, "
    "by --skip-unreadable (skip_unreadable=True) in a prediction"
)


@dataclass(frozen=True)
class Header:
    """What a file says of its image: width and height when upright, and whether it is gray."""

    width: int
    height: int
    gray: bool


def header(path: Path) -> Header:
    """Read an image's size and colour without decoding it.

    Raises:
        InputError: when it is refused, with its path.
    """
    with _opened(path) as image:
        orientation = _orientation(image)
        if image.format == "TIFF" and orientation > 1:
            image.load()  # Pillow itself turns these, some versions sooner than others
            orientation = 1
        width, height = image.size if orientation < 5 else image.size[::-1]  # from 5 on it lies on its side
        return Header(width, height, _is_gray(image))


def decode(path: Path, shape: Shape | None = None) -> tuple[Images, list[str]]:
    """Decode an image file.

    Args:
        path: a regular file.
        shape: (channels, height, width) to convert it to; without it, the file's own, transparency laid on white.

    Returns:
        The pixels, (C, H, W) uint8, and the names of the conversions that were made.

    Raises:
        InputError: when it cannot be read or is refused, with its path.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "white.png"
        >>> Image.new("1", (3, 2), 1).save(file)
        >>> decode(file, (1, 2, 2))
        (array([[[255, 255],
                [255, 255]]], dtype=uint8), ['1 bit to gray', 'resized'])
    """
    with _opened(path) as opened:
        return _converted(opened, shape)


def from_picture(picture: Image.Image, shape: Shape, name: str = "the picture") -> Images:
    """Convert a picture that Pillow holds as its file would be.

    Args:
        picture: of any mode that is read.
        shape: (channels, height, width).
        name: that an error calls it by.

    Returns:
        The pixels, (C, H, W) uint8.

    Raises:
        InputError: when it is refused, or cannot be decoded, as a file that Pillow has opened and not yet read.

    Example:
        >>> from_picture(Image.new("RGB", (3, 2), "white"), (1, 2, 2)).tolist()
        [[[255, 255], [255, 255]]]
    """
    with _one_error(name):
        _refuse(picture)
        return _converted(picture, shape)[0]


def _converted(opened: Image.Image, shape: Shape | None) -> tuple[Images, list[str]]:
    upright, done = _upright(opened)
    image, converted = _eight_bits(upright)
    pixels, fitted = fit(image, shape or (1 if image.mode in _GRAY else 3, image.height, image.width))
    return pixels, done + converted + fitted


def fit(image: Image.Image, shape: Shape) -> tuple[Images, list[str]]:
    """Bring an image to a shape.

    Args:
        image: of a mode of ``MODES``.
        shape: (channels, height, width).

    Returns:
        The pixels, (C, H, W) uint8, and the names of the conversions that were made.
    """
    channels, height, width = shape
    mode, done = MODES[channels], []
    if image.mode in _CLEAR and mode not in _CLEAR:
        done.append("transparency laid on white")
        image = on_white(image)
    elif mode in _CLEAR and image.mode not in _CLEAR:
        done.append("full opacity added")
    if (image.mode in _GRAY) != (mode in _GRAY):
        done.append("colour to gray" if mode in _GRAY else "gray to colour")
    if image.mode != mode:
        image = image.convert(mode)
    if image.size != (width, height):
        done.append("resized")
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(image).reshape(height, width, channels)
    return pixels.transpose(2, 0, 1), done


def picture(pixels: Images) -> Image.Image:
    """Make a picture, of a mode of ``MODES``, of pixels (C, H, W) uint8.

    Example:
        >>> picture(np.zeros((2, 4, 6), np.uint8)).mode
        'LA'
    """
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def on_white(image: Image.Image) -> Image.Image:
    """Lay the transparency of an image of mode LA or RGBA on white, which leaves L or RGB; others stay as they are.

    Example:
        >>> on_white(Image.new("LA", (1, 1), (0, 51))).getpixel((0, 0))
        204
    """
    if image.mode not in _CLEAR:
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert(image.mode[:-1])


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a file, and refuse what its header already condemns."""
    with _one_error(printable(path)), path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
        _refuse(image)
        yield image


@contextlib.contextmanager
def _one_error(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into one error, with the image's name."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{name}: {error.message}", hint=_HINT) from error
    except MemoryError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"{name}: not an image, or of a format that is not read", hint=_HINT) from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{name}: {_too_large()}", hint=_HINT) from error
    except Exception as error:  # damaged files make decoders raise nearly anything
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputError(f"{name}: cannot be read as an image: {reason}", hint=_HINT) from error


def _refuse(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InputError(_too_large(f"{width:,} × {height:,} pixels"))
    if not width * height:
        raise InputError("holds no pixel")
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise InputError("holds several frames, and one image is one example; save the frame that counts by itself")
    if image.mode not in _COLOUR and not _is_gray(image):
        raise InputError(f"pixels of Pillow's mode {image.mode} are not read; save it as 8-bit gray or RGB")


def _too_large(found: str = "the image") -> str:
    return f"{found} exceeds the limit of {MAX_PIXELS:,} pixels; make it smaller first"


def _is_gray(image: Image.Image) -> bool:
    if image.mode == "P" and (entries := image.getpalette()):
        colours = np.reshape(entries, (-1, 3))
        used = np.flatnonzero(image.histogram()[: len(colours)])
        return bool((colours[used] == colours[used, :1]).all())
    # Pillow holds some 16-bit gray images in mode I, which for TIFF means 32 bits.
    return image.mode in _GRAY | _SIXTEEN or (image.mode == "I" and image.format in ("PNG", "PPM"))


def _orientation(image: Image.Image) -> int:
    """Read how the picture was turned when taken, 1 to 8, as far as that is known before it is decoded."""
    undecoded = getattr(image, "fp", None) is not None
    if image.format == "PNG" and undecoded and "exif" not in image.info and not _exif_behind(image):
        return 1  # Pillow would decode the pixels to look for it
    with contextlib.suppress(Exception):  # a damaged note beside the pixels does not make them unreadable
        turned = int(image.getexif().get(ExifTags.Base.Orientation, 1))
        return turned if turned in range(1, 9) else 1
    return 1


def _exif_behind(image: Image.Image) -> bool:
    """Tell whether a PNG holds EXIF behind its pixels, as ExifTool puts it; nothing but lengths and names is read."""
    assert isinstance(image, ImageFile.ImageFile)
    file = image.fp
    assert file is not None  # it is not decoded yet
    here = file.tell()
    file.seek(8)
    kind = b""
    while kind not in (b"eXIf", b"IEND") and len(start := file.read(8)) == 8:
        kind = start[4:]
        file.seek(int.from_bytes(start[:4]) + 4, os.SEEK_CUR)
    file.seek(here)
    return kind == b"eXIf"


def _upright(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """Decode an image and turn it upright."""
    turned = _orientation(image) > 1  # asked now, because Pillow itself turns a TIFF while it decodes
    image.load()
    with contextlib.suppress(Exception):
        if image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9):
            image, turned = ImageOps.exif_transpose(image), True
    return image, ["EXIF orientation applied"] if turned else []


def _eight_bits(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """Convert to a mode of ``MODES``, with transparency where the image has it."""
    if image.mode in ("L", "RGB") and not image.has_transparency_data:
        return image, []
    if image.mode.startswith("I"):
        deep = np.asarray(image)
        upper = (deep >> 8).astype(np.uint8)
        negative = getattr(image, "tag_v2", {}).get(_WHITE_IS_ZERO[0]) == _WHITE_IS_ZERO[1]  # Pillow mends 8 bits only
        dark = [DARK] if upper.max(initial=0) < 16 else []
        gray = Image.fromarray(255 - upper if negative else upper)
        if isinstance(clear := image.info.get("transparency"), int):  # the one of 65,536 grays that is transparent
            gray.putalpha(Image.fromarray(np.where(deep == clear, 0, 255).astype(np.uint8)))
        return gray, [SIXTEEN, *dark]
    mode = "L" if _is_gray(image) else "RGB"
    if image.has_transparency_data:
        straight = image.convert("LA") if image.mode == "La" else image
        return straight.convert("RGBA").convert(f"{mode}A"), []
    kind = {"1": "1 bit", "P": "palette"}.get(image.mode, image.mode)
    return image.convert(mode), [f"{kind} to {'gray' if mode == 'L' else 'colour'}"]
