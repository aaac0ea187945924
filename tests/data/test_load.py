"""One entry for all data: training, validation and test, and an import that is made once."""

import json
import os
import re
import subprocess
import sys
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from imagette.core.errors import InputError
from imagette.data import unlabelled
from imagette.data.imageset import ImageSet
from imagette.data.importcache import cached
from imagette.data.load import load
from imagette.data.places import cache_folder
from imagette.recipe.schema import Data


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Give every test a cache of its own."""
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def pictures(tmp_path):
    """Give class folders: 20 cats, 40 dogs, 60 owls, all different."""
    rng = np.random.default_rng(0)
    for name, count in {"cat": 20, "dog": 40, "owl": 60}.items():
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (6, 6), np.uint8)).save(tmp_path / "pictures" / name / f"{i:02}.png")
    return tmp_path / "pictures"


def data(path, **values) -> Data:
    return Data(path=str(path), **values)


def fault(spec: Data) -> str:
    with pytest.raises(InputError) as caught:
        load(spec)
    return str(caught.value)


def test_three_sets_that_share_nothing(pictures):
    splits = load(data(pictures, test=0.2, validation=0.25))
    sets = [set(part.ids.tolist()) for part in (splits.train, splits.validation, splits.test)]
    assert [part.counts() for part in (splits.train, splits.validation, splits.test)] == [
        {"cat": 12, "dog": 24, "owl": 36},
        {"cat": 4, "dog": 8, "owl": 12},
        {"cat": 4, "dog": 8, "owl": 12},
    ]
    assert len(set.union(*sets)) == 120
    for part in (splits.train, splits.validation, splits.test):
        for name, label in zip(part.ids, part.labels, strict=True):
            assert name.startswith(part.classes[label])
        json.dumps(dict(part.provenance))


def test_the_split_seed_decides_and_nothing_else(pictures):
    one, again, other = (load(data(pictures, split_seed=seed)) for seed in (0, 0, 1))
    assert one.test.fingerprint == again.test.fingerprint
    assert one.validation.fingerprint == again.validation.fingerprint
    assert one.test.fingerprint != other.test.fingerprint


def test_no_validation_when_none_is_wanted(pictures):
    splits = load(data(pictures, validation=0, test=0.5))
    assert splits.validation is None
    assert (len(splits.train), len(splits.test)) == (60, 60)


def test_limit_takes_every_class_alike_and_leaves_the_test_images(pictures):
    whole, few = load(data(pictures, validation=0)), load(data(pictures, validation=0, limit=12))
    assert few.train.counts() == {"cat": 2, "dog": 4, "owl": 6}
    assert few.test.fingerprint == whole.test.fingerprint
    assert "less than one image for each" in fault(data(pictures, limit=2))


def test_a_validation_folder_is_used_instead_of_a_share(pictures):
    root = pictures.parent / "divided"
    root.mkdir()
    pictures.rename(root / "train")
    (root / "val" / "owl").mkdir(parents=True)
    Image.new("L", (6, 6), 7).save(root / "val" / "owl" / "1.png")
    splits = load(data(root, validation=0.5))
    assert splits.validation.ids.tolist() == ["val/owl/1.png"]
    assert load(data(root, validation=0)).validation is None


def test_test_images_from_a_path_of_their_own_by_name(pictures, capsys):
    test = pictures.parent / "elsewhere"
    (test / "owl").mkdir(parents=True)
    Image.new("RGB", (12, 12), (7, 7, 7)).save(test / "owl" / "1.png")
    splits = load(data(pictures, test_path=str(test)))
    assert splits.test.labels.tolist() == [2]
    assert splits.test.shape == splits.train.shape == (1, 6, 6)
    assert len(splits.train) + len(splits.validation) == 120
    assert "no test images of: cat, dog" in capsys.readouterr().err


def test_numbers_that_a_test_file_names_itself_go_by_those_names(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 4, 4), np.uint8)
    labels = np.arange(20) % 2
    np.savez(tmp_path / "a.npz", images=pixels[:20], labels=labels, classes=["cat", "dog"])
    np.savez(tmp_path / "b.npz", images=pixels[20:], labels=np.zeros(10, int), classes=["dog", "cat"])
    for part, names, rows in (("a", "cat\ndog\n", labels), ("b", "dog\ncat\n", [0] * 10)):
        (tmp_path / part).mkdir()
        (tmp_path / part / "classes.txt").write_text(names)
        lines = [",".join(map(str, (label, *range(i, i + 16)))) for i, label in enumerate(rows)]
        (tmp_path / part / "x.csv").write_text("\n".join(["label," + ",".join(f"pixel{i}" for i in range(16)), *lines]))
    for train, test in (("a.npz", "b.npz"), ("a/x.csv", "b/x.csv"), ("a.npz", "b/x.csv")):
        splits = load(data(tmp_path / train, test_path=str(tmp_path / test)))
        assert splits.test.counts() == {"cat": 0, "dog": 10}
    np.savez(tmp_path / "c.npz", images=pixels[20:], labels=np.zeros(10, int), classes=["dogs", "cat"])
    assert "class 'dogs' is not among the classes" in fault(data(tmp_path / "a.npz", test_path=str(tmp_path / "c.npz")))


def test_names_that_are_numerals_go_by_their_place_in_the_file(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 4, 4), np.uint8)
    labels = np.arange(20) % 3
    np.savez(tmp_path / "dice.npz", images=pixels, labels=labels, classes=["2", "1", "0"])
    np.savez(tmp_path / "bare.npz", images=pixels, labels=labels)
    assert load(data(tmp_path / "dice.npz", test_path=str(tmp_path / "dice.npz"))).test.counts() == {
        "2": 7,
        "1": 7,
        "0": 6,
    }
    splits = load(data(tmp_path / "bare.npz", test_path=str(tmp_path / "dice.npz")))
    assert splits.test.counts() == {"0": 6, "1": 7, "2": 7}


def test_numbers_without_names_are_refused_where_the_classes_have_names(pictures, tmp_path):
    np.savez(tmp_path / "t.npz", images=np.zeros((4, 6, 6), np.uint8), labels=np.arange(4) % 3)
    assert re.search(
        r"y?labels\[0\]: label 0 is a number, and the training images' classes have names: cat, dog, owl",
        fault(data(pictures, test_path=str(tmp_path / "t.npz"))),
    )


def test_an_npz_of_test_images_alone_is_used_beside_the_training_file(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 4, 4), np.uint8)
    np.savez(tmp_path / "z_train.npz", x_train=pixels, y_train=np.arange(20) % 2)
    np.savez(tmp_path / "z_test.npz", x_test=pixels[:7], y_test=np.ones(7, int))
    assert load(data(tmp_path / "z_train.npz")).test.counts() == {"0": 0, "1": 7}


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"images": np.zeros((5, 4, 4), np.uint8)}, "it has no labelled images"),
        ({"weights": np.zeros(3)}, "it has no labelled images"),
        ({"x_test": np.full((5, 4, 4), 0.5), "y_test": np.arange(5)}, "x_test holds float64 from 0.5 to 0.5"),
        ({"images": np.zeros((5, 4, 4), np.uint8), "labels": np.arange(3)}, r"labels has shape \(3,\)"),
        (b"damaged", "cannot be read as npz"),
    ],
)
def test_an_npz_beside_that_holds_no_labelled_images_is_passed_over(tmp_path, capsys, arrays, why):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 4, 4), np.uint8)
    np.savez(tmp_path / "train.npz", images=pixels, labels=np.arange(40) % 2)
    if isinstance(arrays, bytes):
        (tmp_path / "test.npz").write_bytes(arrays)
    else:
        np.savez(tmp_path / "test.npz", **arrays)
    splits = load(data(tmp_path / "train.npz", test=0.25))
    assert (len(splits.train) + len(splits.validation), len(splits.test)) == (30, 10)
    assert re.search(rf"test\.npz is not used: .*{why}", capsys.readouterr().err)
    with pytest.raises(InputError):  # of a file that was named
        load(data(tmp_path / "train.npz", test_path=str(tmp_path / "test.npz")))


def test_a_labelled_npz_beside_with_other_classes_stops_a_training(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 4, 4), np.uint8)
    np.savez(tmp_path / "train.npz", images=pixels, labels=np.arange(40) % 2)
    np.savez(tmp_path / "test.npz", images=pixels[:2], labels=[0, 7])
    said = fault(data(tmp_path / "train.npz"))
    assert "label 7 is out of range" in said
    assert "it lies beside train.npz, and so holds the test images: mend it, or rename it" in said


def test_test_images_are_resized_once_as_for_a_prediction(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 28, 28), np.uint8)
    np.savez(tmp_path / "a.npz", x_train=pixels, y_train=np.arange(8) % 2)
    (tmp_path / "test" / "0").mkdir(parents=True)
    photograph = np.random.default_rng(1).integers(0, 256, (128, 128), np.uint8)
    Image.fromarray(photograph).save(tmp_path / "test" / "0" / "1.png")
    splits = load(data(tmp_path / "a.npz", test_path=str(tmp_path / "test"), size=64))
    once, _ = unlabelled.read([str(tmp_path / "test")], (1, 64, 64))
    assert np.array_equal(splits.test.images, once)


def test_copies_of_training_images_in_the_test_set_are_counted_and_said(pictures, capsys):
    splits = load(data(pictures, test_path=str(pictures)))
    assert splits.test.provenance["copies_of_training_images"] == 120
    assert "120 of 120 test images are exact copies of training images" in capsys.readouterr().err


def test_copies_of_training_images_in_the_validation_set_are_said_of_your_own(tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 4, 4), np.uint8)
    few = {"x_val": pixels[:2], "y_val": [0, 1], "x_test": 255 - pixels[:2], "y_test": [0, 1]}
    np.savez(tmp_path / "a.npz", x_train=pixels, y_train=np.arange(20) % 2, **few)
    splits = load(data(tmp_path / "a.npz"))
    assert splits.validation.provenance["copies_of_training_images"] == 2
    assert "2 of 2 validation images are exact copies of training images" in capsys.readouterr().err


def test_a_test_file_beside_is_found_in_any_case_and_left_if_it_is_of_another_kind(tmp_path, capsys):
    rows = [f"{i % 2},{i},2,3,{i}" for i in range(40)]
    for name in ("Train.csv", "Test.csv"):
        (tmp_path / name).write_text("\n".join(["label,a,b,c,d", *rows]))
    splits = load(data(tmp_path / "Train.csv"))
    assert splits.test.ids[0] == "Test.csv:2"
    (tmp_path / "Test.csv").write_text("\n".join(["id,a,b,c,d", *rows]))
    assert load(data(tmp_path / "Train.csv")).test.ids[0].startswith("Train.csv")
    assert "Test.csv is not used: " in capsys.readouterr().err


def test_a_copy_is_counted_once_where_training_and_validation_both_hold_it(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 4, 4), np.uint8)
    few = {"x_val": pixels[:2], "y_val": [0, 1], "x_test": pixels[:2], "y_test": [0, 1]}
    np.savez(tmp_path / "a.npz", x_train=pixels, y_train=np.arange(20) % 2, **few)
    assert load(data(tmp_path / "a.npz")).test.provenance["copies_of_training_images"] == 2


def test_a_long_list_of_classes_is_cut(tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 4, 4), np.uint8)
    np.savez(tmp_path / "a.npz", x_train=pixels, y_train=np.arange(60) // 2, x_test=pixels[:1], y_test=[0])
    load(data(tmp_path / "a.npz"))
    assert "no test images of: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 19 more\n" in capsys.readouterr().err


def test_a_limit_is_exact_where_rare_classes_cannot_give(tmp_path):
    labels = [0, 1, *[2] * 100]
    pixels = np.random.default_rng(0).integers(0, 256, (102, 4, 4), np.uint8)
    np.savez(tmp_path / "a.npz", x_train=pixels, y_train=labels, x_test=pixels[:3], y_test=[0, 1, 2])
    splits = load(data(tmp_path / "a.npz", limit=3, validation=0))
    assert splits.train.counts() == {"0": 1, "1": 1, "2": 1}


def test_a_single_class_is_refused(pictures):
    for name in ("cat", "dog"):
        for file in (pictures / name).iterdir():
            file.unlink()
        (pictures / name).rmdir()
    assert "of 1 class, 'owl'" in fault(data(pictures))


def test_an_empty_class_is_named_and_can_be_allowed(pictures):
    (pictures / "yak").mkdir()
    assert "class 'yak' has no training images" in fault(data(pictures))
    splits = load(data(pictures, allow_empty_classes=True))
    assert splits.train.classes == ("cat", "dog", "owl", "yak")


@pytest.mark.parametrize(
    ("values", "key"), [({"validation": 0.001}, "data.validation"), ({"test": 0.001}, "data.test")]
)
def test_a_share_that_takes_no_image_is_refused(pictures, values, key):
    assert f"{key} = 0.001" in fault(data(pictures, **values))


@pytest.mark.parametrize("name", ["gone", "a.zip"])
def test_a_path_that_is_no_data_is_refused(tmp_path, name):
    (tmp_path / "a.zip").write_bytes(b"PK")
    assert name in fault(data(tmp_path / name))


def test_size_and_channels_reach_every_kind_of_data(pictures, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", images=rng.integers(0, 256, (20, 6, 6), np.uint8), labels=np.arange(20) % 2)
    for spec in (
        data(pictures, size=9, channels="rgb"),
        data(tmp_path / "a.npz", size=9, channels="rgb"),
        Data(name="digits", size=9, channels="rgb"),
    ):
        splits = load(spec)
        assert splits.train.shape == splits.test.shape == splits.validation.shape == (3, 9, 9)


def test_transparency_reaches_every_kind_of_data(pictures, tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (20, 6, 6, 4), np.uint8)
    for i in range(20):
        Image.fromarray(pixels[i]).save(pictures / "cat" / f"{i:02}.png")
    rows = [f"pictures/{name}/{i:02}.png,{name}" for name in ("cat", "dog") for i in range(20)]
    (tmp_path / "paths.csv").write_text("\n".join(["path,label", *rows]))
    np.savez(tmp_path / "a.npz", images=pixels, labels=np.arange(20) % 2)
    given = {image.tobytes() for image in pixels.transpose(0, 3, 1, 2)}
    for path, unknown in ((pictures, 100), (tmp_path / "paths.csv", 20), (tmp_path / "a.npz", 0)):
        splits = load(data(path, channels="rgba"))
        parts = (splits.train, splits.validation, splits.test)
        assert all(part.shape == (4, 6, 6) for part in parts)
        found = [image for part in parts for image in part.images]
        opaque = [image for image in found if image.tobytes() not in given]
        assert len(found) - len(opaque) == 20
        assert len(opaque) == unknown
        assert all((image[3] == 255).all() for image in opaque)
        assert load(data(path, channels="rgb")).train.shape == (3, 6, 6)
    assert load(data(pictures)).train.shape == (3, 6, 6)
    assert load(data(tmp_path / "a.npz")).train.shape == (4, 6, 6)  # an array has the channels that it has
    (tmp_path / "a.csv").write_text("\n".join(",".join(map(str, [i % 2, *[i] * 16])) for i in range(20)))
    assert load(data(tmp_path / "a.csv")).train.shape == (1, 4, 4)


def test_a_catalog_set_keeps_its_own_test_images():
    splits = load(Data(name="digits", limit=100))
    assert len(splits.train) + len(splits.validation) == 100
    assert load(Data(name="digits")).test.fingerprint == splits.test.fingerprint


def exchange_in_the_cache(images) -> None:
    """Put other images in the place of the one import that is kept."""
    (kept,) = (cache_folder() / "imports").glob("*.npz")
    with np.load(kept) as arrays:
        np.savez(kept, **(dict(arrays) | {"images": np.full_like(arrays["images"], images)}))


def test_the_second_load_reads_no_image(pictures):
    load(data(pictures))
    exchange_in_the_cache(7)
    assert np.unique(load(data(pictures)).train.images).tolist() == [7]


def test_files_that_change_places_or_contents_under_one_size_and_time_are_imported_anew(tmp_path):
    for name, value in {"cat": 10, "dog": 240}.items():
        (tmp_path / "swapped" / name).mkdir(parents=True)
        for i in range(10):
            file = tmp_path / "swapped" / name / f"{i}.bmp"
            Image.new("L", (6, 6), value).save(file)
            os.utime(file, (0, 0))

    def brightness_of_cats() -> float:
        train = load(data(tmp_path / "swapped")).train
        return float(train.images[train.labels == 0].mean())

    assert brightness_of_cats() == 10
    for old, new in (("cat", "x"), ("dog", "cat"), ("x", "dog")):
        (tmp_path / "swapped" / old).rename(tmp_path / "swapped" / new)
    assert brightness_of_cats() == 240
    for file in (tmp_path / "swapped" / "cat").iterdir():
        Image.new("L", (6, 6), 99).save(file)
        os.utime(file, (0, 0))
    assert brightness_of_cats() == 99


def test_a_cache_that_cannot_be_locked_is_still_read(pictures):
    load(data(pictures))
    exchange_in_the_cache(7)
    for lock in (cache_folder() / "imports").glob("*.lock"):
        lock.unlink()
    for kept in (cache_folder() / "imports").glob("*.npz"):
        (kept.parent / f"{kept.stem.split('-')[0]}.lock").mkdir()
    assert np.unique(load(data(pictures)).train.images).tolist() == [7]


def test_whoever_waits_for_an_import_is_told_so(pictures, capsys):
    load(data(pictures))
    (lock,) = (cache_folder() / "imports").glob("*.lock")
    (kept,) = (cache_folder() / "imports").glob("*.npz")
    kept.unlink()
    program = "import sys; from imagette.core.locks import exclusive; from pathlib import Path\n"
    program += "with exclusive(Path(sys.argv[1]), 'it'): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        threading.Timer(0.5, other.stdin.close).start()
        load(data(pictures))
    assert re.search(r"the import of .*pictures is in use by .*; waiting for it", capsys.readouterr().err)


def test_a_changed_added_or_removed_file_is_imported_anew(pictures):
    prints = [load(data(pictures)).train.fingerprint]
    Image.new("L", (6, 6), 1).save(pictures / "cat" / "00.png")
    prints.append(load(data(pictures)).train.fingerprint)
    Image.new("L", (6, 6), 2).save(pictures / "cat" / "new.png")
    prints.append(load(data(pictures)).train.fingerprint)
    (pictures / "dog" / "07.png").unlink()
    prints.append(load(data(pictures)).train.fingerprint)
    prints.append(load(data(pictures, size=5)).train.fingerprint)
    assert len(set(prints)) == 5
    assert len(list((cache_folder() / "imports").glob("*.npz"))) == 3  # older ones of the same source are removed


def test_a_damaged_cache_is_replaced(pictures, capsys):
    first = load(data(pictures))
    (kept,) = (cache_folder() / "imports").glob("*.npz")
    whole, arrays = kept.read_bytes(), dict(np.load(kept))
    entry = whole.rindex(b"PK\x01\x02")  # of the last array: its flags are at 8, its compression at 10
    encrypted = whole[: entry + 8] + b"\x01" + whole[entry + 9 :]
    packed = whole[: entry + 10] + b"\x63" + whole[entry + 11 :]
    for damage in (whole[: len(whole) // 2], b"", whole[:2000] + b"?" + whole[2001:], encrypted, packed):
        kept.write_bytes(damage)
        assert load(data(pictures)).train.fingerprint == first.train.fingerprint
        assert "imported anew" in capsys.readouterr().err
        for name, array in arrays.items():
            np.testing.assert_array_equal(np.load(kept)[name], array)


def test_the_newest_import_is_kept_whatever_the_clock_says(pictures):
    for size in (2, 3, 4):
        load(data(pictures, size=size))
    for kept in (cache_folder() / "imports").glob("*.npz"):
        os.utime(kept, (2**32, 2**32))  # before the clock was set back
    before = {file.name for file in (cache_folder() / "imports").glob("*.npz")}
    load(data(pictures, size=5))
    after = {file.name for file in (cache_folder() / "imports").glob("*.npz")}
    assert len(after) == 3
    assert len(after - before) == 1


def test_what_a_killed_import_left_is_swept_away(pictures):
    load(data(pictures))
    (kept,) = (cache_folder() / "imports").glob("*.npz")
    half = kept.with_name(f".{kept.name}.abc.tmp")
    half.write_bytes(b"half")
    load(data(pictures, size=3))
    assert not half.exists()


def test_two_imports_at_once_are_one(pictures):
    """The second waits for the first, and then reads what that one kept."""
    images, calls = load(data(pictures)).train, []

    def made() -> ImageSet:
        calls.append(1)
        time.sleep(0.2)  # the others come meanwhile
        return images

    with ThreadPoolExecutor(3) as pool:
        got = list(pool.map(lambda _: cached(pictures, "today", made), range(3)))
    assert len(calls) == 1
    assert {part.fingerprint for part in got} == {images.fingerprint}


def test_a_cache_that_cannot_be_written_stops_nothing(pictures, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("IMAGETTE_CACHE", str(tmp_path / "file" / "cache"))
    assert len(load(data(pictures)).test) == 18
    said = capsys.readouterr().err
    assert "will not be cached" in said
    assert "damaged" not in said


def test_notes_are_said_again_from_the_cache(pictures, capsys):
    (pictures / "cat" / "notes.txt").touch()
    for _ in range(2):
        load(data(pictures))
        assert "left out 1 files" in capsys.readouterr().err


def test_the_wrong_division_is_refused(tmp_path, monkeypatch):
    from imagette.data.formats import csv
    from imagette.data.formats.pixels import read_pixels

    rows = [",".join(map(str, [i % 10, *[i] * 16])) for i in range(40)]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    images, numbers, _ = read_pixels(tmp_path / "a.csv")
    monkeypatch.setattr(csv, "KNOWN", {csv.content_digest(images, numbers): "fashion-mnist"})
    assert "'kaggle' division" in fault(data(tmp_path / "a.csv", division="publisher"))
    assert load(data(tmp_path / "a.csv", division="kaggle", test=0.25)).train.classes[8] == "Bag"


def test_real_photographs(shared_data, tmp_path):
    """Of CIFAR-10 as JPEG where that lies beside the checkout, else of noise: as class folders, to be split."""
    if shared_data is None:
        rng = np.random.default_rng(0)
        for i in range(20):
            path = tmp_path / f"class {i % 2}" / f"{i}.jpg"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(path, quality=75)
    else:
        with tarfile.open(shared_data / "cifar10-jpeg.tar.xz") as archive:
            chosen = (member for member in archive if re.search(r"/000\d\.jpg$", member.name))
            for member in islice(chosen, 20):
                member.name = "/".join(member.name.split("/")[-2:])
                archive.extract(member, tmp_path, filter="data")
    splits = load(data(tmp_path, test=0.5, validation=0))
    assert (len(splits.train), len(splits.test), len(splits.train.classes)) == (10, 10, 2)
    assert splits.train.shape == (3, 32, 32)
    assert splits.train.images.std() > 30
