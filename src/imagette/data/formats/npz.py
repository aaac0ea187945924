"""Arrays in an ``.npz`` file, never pickled ones.

The names are those of Keras (``x_train``, ``y_train``, ``x_test``, ``y_test``; also ``x_val``, ``y_val``), those of
MedMNIST (``train_images``, ``train_labels``, ``val_…``, ``test_…``), or ``images`` and ``labels``. ``classes`` may
name the classes; labels may be their names or their numbers.

Images are whole numbers from 0 to 255 of shape (N, H, W), (N, n²), (N, H, W, C) or (N, C, H, W), C being 1 to 4: gray,
gray with transparency, colour, colour with transparency.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imagette.core import machine
from imagette.core.errors import InputError
from imagette.data.formats.files import printable
from imagette.data.formats.labels import from_names, from_numbers
from imagette.data.formats.pixels import pixel_shape
from imagette.data.formats.wanted import Wanted
from imagette.data.imageset import CHANNELS, Images, ImageSet, Labels
from imagette.data.mapped import ZIP_DAMAGE, mappable, read_npz
from imagette.data.splits import Parts

LAYOUTS: tuple[Mapping[str, tuple[str, str]], ...] = (
    {"train": ("x_train", "y_train"), "validation": ("x_val", "y_val"), "test": ("x_test", "y_test")},
    {
        "train": ("train_images", "train_labels"),
        "validation": ("val_images", "val_labels"),
        "test": ("test_images", "test_labels"),
    },
    {"train": ("images", "labels")},
)
Arrays = Mapping[str, npt.NDArray[np.generic]]


def read(path: Path, wanted: Wanted) -> Parts:
    """Import an ``.npz`` file.

    Args:
        path: the file.
        wanted: what the images shall be like.

    Raises:
        InputError: when the arrays are pickled, have other names, or shapes or values that are no images.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "two.npz"
        >>> np.savez(file, images=np.zeros((2, 4, 4), np.uint8), labels=["cat", "dog"])
        >>> read(file, Wanted()).train
        ImageSet(2 images of 1×4×4, 2 classes)
    """
    arrays = _load(path)
    layout = _layout(arrays, "train")
    if layout is None and wanted.classes and (alone := _layout(arrays, "test")):
        return Parts(_part(path, arrays, *alone["test"], wanted))
    if layout is None:
        raise InputError(
            f"{printable(path)}: holds {', '.join(map(printable, sorted(arrays))) or 'nothing'}",
            hint=f"name the arrays {' or '.join(' and '.join(known['train']) for known in LAYOUTS)}",
        )
    train = _part(path, arrays, *layout["train"], wanted)
    rest = {
        part: _part(path, arrays, *keys, wanted.like(train))
        for part, keys in layout.items()
        if part != "train" and set(keys) <= arrays.keys()
    }
    lone = [keys[0] for part, keys in layout.items() if part not in ("train", *rest) and keys[0] in arrays]
    if lone:
        train = train.note(f"{printable(path)}: not used, having no labels: {', '.join(lone)}")
    return Parts(train, **rest)


def has_labels(path: Path) -> bool:
    """Tell whether a file brings labelled images.

    Raises:
        InputError: when it cannot be read, or its arrays of those names hold something else.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "two.npz"
        >>> np.savez(file, images=np.zeros((2, 4, 4), np.uint8))
        >>> has_labels(file)
        False
    """
    arrays = _load(path)
    keys = next((layout[part] for part in ("train", "test") if (layout := _layout(arrays, part))), None)
    if keys:  # of whatever classes: whether they are those of the training images is another matter
        _part(path, arrays, *keys, Wanted(allow_empty_classes=True))
    return keys is not None


def _layout(arrays: Arrays, part: str) -> Mapping[str, tuple[str, str]] | None:
    """Find the names by which the arrays hold a part of the images."""
    return next((known for known in LAYOUTS if part in known and set(known[part]) <= arrays.keys()), None)


def _load(path: Path) -> Arrays:
    name = printable(path)
    try:
        with zipfile.ZipFile(path) as archive:
            stays = {entry.filename for entry in mappable(archive)}
            unpacked = sum(entry.file_size for entry in archive.infolist() if entry.filename not in stays)
            machine.check_memory(
                unpacked, "its arrays", hint="numpy.savez, without compression, leaves them in the file"
            )
        return read_npz(path)
    except InputError as error:
        raise InputError(f"{name}: {error.message}", hint=error.hint) from error
    except ValueError as error:
        if "pickle" in str(error):
            raise InputError(
                f"{name}: holds pickled objects, and loading those would execute code",
                hint="save plain arrays: whole numbers for images, whole numbers or strings for labels",
            ) from error
        raise InputError(f"{name}: cannot be read: {error}") from error
    except (*ZIP_DAMAGE, MemoryError) as error:
        raise InputError(f"{name}: cannot be read as npz: {error}", hint="numpy.savez writes such files") from error


def _part(path: Path, arrays: Arrays, images_key: str, labels_key: str, wanted: Wanted) -> ImageSet:
    images = _images(arrays[images_key], f"{printable(path)}: {images_key}")
    if not len(images):
        raise InputError(f"{printable(path)}: {images_key} holds no images", hint="leave the array out, or fill it")
    ids = np.array([f"{images_key}/{i}" for i in range(len(images))], dtype=np.str_)
    own = _classes(arrays["classes"], path) if "classes" in arrays else None
    labels, classes = _labels(arrays[labels_key], len(images), f"{printable(path)}: {labels_key}", own, wanted)
    about = {"source": "npz", "path": printable(path), "conversions": {}}
    return ImageSet(images, labels, classes, ids, about)


def _images(array: npt.NDArray[np.generic], where: str) -> Images:
    """Bring an array to (N, C, H, W) uint8, or say why it may mean several things."""
    shape = array.shape
    checked = array.dtype == np.uint8  # by its type: a mapped array need not be gone over
    if not checked and (array.dtype.kind not in "iu" or (array.size and (array.min() < 0 or array.max() > 255))):
        raise InputError(
            f"{where} holds {array.dtype} from {array.min()} to {array.max()}"
            if array.dtype.kind in "iufb" and array.size
            else f"{where} holds {array.dtype}",
            hint="save whole numbers from 0 to 255, as with (x * 255).round().astype('uint8') for 0 to 1",
        )
    pixels = array.astype(np.uint8, copy=False)
    if pixels.ndim == 2 and (square := pixel_shape(shape[1])):
        return pixels.reshape(-1, *square)
    if pixels.ndim == 3:
        return pixels[:, None]
    if pixels.ndim == 4:
        first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
        if first != last:
            return pixels if first else pixels.transpose(0, 3, 1, 2)
    raise InputError(
        f"{where} has shape {shape}",
        hint="(N, H, W), (N, H, W, C) or (N, C, H, W), with C = 1 to 4 in one of its two places only, "
        "so that it must be the channels",
    )


def _classes(array: npt.NDArray[np.generic], path: Path) -> tuple[str, ...]:
    if array.ndim != 1 or array.dtype.kind != "U":
        raise InputError(f"{printable(path)}: classes is {array.dtype} of shape {array.shape}", hint="a list of names")
    return tuple(printable(str(name)) for name in array)


def _labels(
    array: npt.NDArray[np.generic], count: int, where: str, own: tuple[str, ...] | None, wanted: Wanted
) -> tuple[Labels, tuple[str, ...]]:
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.shape != (count,):
        raise InputError(f"{where} has shape {array.shape}", hint=f"one label for each of {count:,} images")
    places = np.array([f"{where}[{i}]" for i in range(count)], dtype=np.str_)
    if flat.dtype.kind == "U":
        names = [printable(str(name)) for name in flat]
        chosen = wanted.classes or own or tuple(sorted(set(names)))
        return from_names(names, places.tolist(), chosen), chosen
    if flat.dtype.kind not in "iu":
        raise InputError(f"{where} holds {flat.dtype}", hint="save whole numbers, or names as strings")
    return from_numbers(flat.astype(np.int64), places, wanted.classes, wanted.allow_empty_classes, own)
