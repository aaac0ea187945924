"""Folders of images: classes by name, hostile files harmless, nothing lost silently."""

import os

import numpy as np
import pytest
from PIL import Image

from imagette.core.errors import InputError
from imagette.data.formats import folder
from imagette.data.formats.wanted import Wanted
from imagette.data.unlabelled import read_images


def picture(path, value=0, mode="L", size=(4, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)
    return path


def read(root, **wanted):
    return folder.read(root, Wanted(**wanted))


@pytest.fixture
def divided(tmp_path):
    """Give train/ with cat, dog, owl and test/ with dog, owl: labels by position would go wrong."""
    for part, names in {"train": ("cat", "dog", "owl"), "test": ("dog", "owl")}.items():
        for number, name in enumerate(names):
            for i in range(3):
                picture(tmp_path / part / name / f"{i}.png", 10 * number + i)
    return tmp_path


def test_labels_go_by_name_where_test_lacks_a_class(divided):
    parts = read(divided)
    assert parts.train.classes == parts.test.classes == ("cat", "dog", "owl")
    assert parts.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert parts.test.labels.tolist() == [1, 1, 1, 2, 2, 2]
    assert parts.test.ids[0] == "test/dog/0.png"
    assert parts.validation is None


def test_a_test_class_that_training_lacks_is_refused(divided):
    picture(divided / "test" / "dogs" / "9.png")
    with pytest.raises(InputError) as caught:
        read(divided)
    assert "'dogs'" in caught.value.message
    assert "did you mean 'dog'" in caught.value.hint


@pytest.mark.parametrize("name", ["val", "valid", "Validation"])
def test_a_validation_folder(divided, name):
    picture(divided / name / "owl" / "v.png", 99)
    parts = read(divided)
    assert parts.validation.labels.tolist() == [2]
    assert parts.validation.images[0, 0, 0, 0] == 99


def test_two_folders_of_one_part_are_refused(divided):
    picture(divided / "val" / "owl" / "v.png")
    picture(divided / "valid" / "owl" / "v.png")
    with pytest.raises(InputError, match="both val and valid"):
        read(divided)


def test_a_test_folder_without_classes_is_not_used_and_that_is_said(tmp_path):
    picture(tmp_path / "train" / "cat" / "1.png")
    picture(tmp_path / "test" / "1.png")
    parts = read(tmp_path)
    assert parts.test is None
    assert "holds no class folders" in parts.train.provenance["notes"][0]


def test_a_class_called_train_is_told_apart_from_training_images(tmp_path):
    for name in ("bus", "car", "train"):
        picture(tmp_path / name / "1.png")
    with pytest.raises(InputError, match="taken for the training images, and holds no class folders") as caught:
        read(tmp_path)
    assert "beside bus, car, give it another name" in (caught.value.hint or "")


def test_names_in_any_script_are_kept(tmp_path):
    names = ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0915\u094d\u200d\u0937", "New\u00a0York"]
    for name in names:
        picture(tmp_path / name / "1.png")
    assert set(read(tmp_path).train.classes) == set(names)


def test_folders_that_a_folder_called_train_puts_aside_are_named(tmp_path):
    for name in ("bus", "train/steam", "train/diesel"):
        picture(tmp_path / name / "1.png")
    (tmp_path / "notes").mkdir()
    train = read(tmp_path).train
    assert train.classes == ("diesel", "steam")
    (note,) = train.provenance["notes"]
    assert note.endswith("the images in bus")


@pytest.mark.parametrize("name", ["test", "Val"])
def test_test_or_validation_images_without_a_folder_called_train_are_refused(divided, name):
    (divided / "train").rename(divided / "cats")
    (divided / "test").rename(divided / name)
    with pytest.raises(InputError, match=rf"holds a folder '{name}'.* none called 'train'"):
        read(divided)


def test_classes_one_folder_further_down_are_pointed_out(divided):
    (divided / "test").rename(divided.parent / "elsewhere")
    (divided / "train").rename(divided / "animals")
    with pytest.raises(InputError) as caught:
        read(divided)
    assert "one class folder, 'animals', with 3 folders in it" in caught.value.message
    assert caught.value.hint.endswith(f"give {divided / 'animals'}")


def test_a_folder_of_runs_is_no_class(divided):
    run = divided / "train" / "runs" / "digits-1"
    picture(run / "plots" / "curves.png")
    for name in ("recipe.toml", "status.json"):
        (run / name).touch()
    assert read(divided).train.classes == ("cat", "dog", "owl")


def test_a_run_among_the_class_folders_is_no_class(divided):
    run = divided / "train" / "photos-1"
    picture(run / "plots" / "curves.png")
    for name in ("recipe.toml", "status.json"):
        (run / name).touch()
    assert read(divided / "train").train.classes == ("cat", "dog", "owl")


def test_one_folder_of_class_folders_with_folders_inside(tmp_path):
    picture(tmp_path / "b" / "deep" / "er" / "1.png", 1)
    picture(tmp_path / "a" / "2.PNG", 2)
    train = read(tmp_path).train
    assert train.classes == ("a", "b")
    assert train.ids.tolist() == ["a/2.PNG", "b/deep/er/1.png"]
    assert train.images[:, 0, 0, 0].tolist() == [2, 1]


def test_hidden_and_other_files_are_left_out_and_counted(tmp_path):
    picture(tmp_path / "cat" / "1.png")
    for name in (".hidden.png", ".cache/2.png", "notes.txt", "more.TXT", "3.heic", "README"):
        (tmp_path / "cat" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "cat" / name).write_bytes(b"")
    (tmp_path / ".git").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    picture(tmp_path / "stray.png")
    train = read(tmp_path).train
    assert train.classes == ("cat",)
    assert len(train) == 1
    assert train.provenance["left_out"] == {".txt": 2, ".heic": 1, "no suffix": 1, "outside a class folder": 1}
    assert "left out 5 files" in train.provenance["notes"][0]


def test_links_are_followed_and_loops_are_not(tmp_path):
    store = tmp_path / "store"
    picture(store / "1.png", 1)
    root = tmp_path / "root"
    (root / "cat").mkdir(parents=True)
    (root / "cat" / "linked").symlink_to(store)
    (root / "cat" / "up").symlink_to(root)
    (root / "cat" / "self").symlink_to(root / "cat")
    (root / "self").symlink_to(root)
    (root / "dog").symlink_to(store)
    train = read(root).train
    assert sorted(set(train.classes)) == ["cat", "dog"]
    assert "cat/linked/1.png" in train.ids
    assert "dog/1.png" in train.ids
    assert len(train) < 10


def test_a_link_to_the_whole_does_not_pour_all_classes_into_one(divided):
    (divided / "train" / "cat" / "all").symlink_to(divided / "train")
    (divided / "train" / "dog" / "root").symlink_to(divided)
    assert read(divided).train.counts() == {"cat": 3, "dog": 3, "owl": 3}


def test_pipes_are_not_opened_and_links_to_nothing_are_unreadable(tmp_path):
    picture(tmp_path / "cat" / "1.png")
    os.mkfifo(tmp_path / "cat" / "2.png")
    assert len(read(tmp_path).train) == 1
    (tmp_path / "cat" / "3.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(InputError, match=r"cat/3\.png.*No such file"):
        read(tmp_path)
    (tmp_path / "cat" / "3.png").unlink()
    (tmp_path / "cat" / "3.png").symlink_to("3.png")
    with pytest.raises(InputError, match=r"cat/3\.png.*symbolic links"):
        read(tmp_path)


def test_hostile_names_become_harmless_and_stay_apart(tmp_path):
    names = ["line\nbreak", "\x1b[31mred", "<script>", "a b", "'; --", "猫", os.fsdecode(b"\xff\xfe")]
    for i, name in enumerate(names):
        picture(tmp_path / name / f"{name}.png", i)
    train = read(tmp_path).train
    assert len(train.classes) == len(names)
    assert all(text.isprintable() for text in [*train.classes, *train.ids.tolist()])
    assert {"<script>", "猫", "line\\nbreak"} < set(train.classes)
    "".join([*train.classes, *train.ids.tolist()]).encode()
    by_value = {
        int(image[0, 0, 0]): train.classes[label] for image, label in zip(train.images, train.labels, strict=True)
    }
    assert by_value[0] == "line\\nbreak"
    assert by_value[5] == "猫"


def test_one_name_in_two_unicode_spellings_is_one_class(tmp_path):
    picture(tmp_path / "train" / "caf\u00e9" / "1.png")
    picture(tmp_path / "train" / "bar" / "1.png")
    picture(tmp_path / "test" / "cafe\u0301" / "1.png")
    assert read(tmp_path).test.labels.tolist() == [1]


def test_an_unreadable_image_is_named_and_can_be_skipped_with_a_count(tmp_path):
    for name in ("cat", "dog"):
        for i in range(3):
            picture(tmp_path / name / f"{i}.png", i)
    (tmp_path / "cat" / "1.png").write_bytes(b"broken")
    with pytest.raises(InputError) as caught:
        read(tmp_path)
    assert str(tmp_path / "cat" / "1.png") in caught.value.message
    assert "data.skip_unreadable" in caught.value.hint
    train = read(tmp_path, skip_unreadable=True).train
    assert train.counts() == {"cat": 2, "dog": 3}
    assert train.ids.tolist() == ["cat/0.png", "cat/2.png", "dog/0.png", "dog/1.png", "dog/2.png"]
    assert "skipped 1 unreadable files" in train.provenance["notes"][0]


@pytest.mark.parametrize("make", [lambda root: None, lambda root: picture(root / "1.png")])
def test_a_folder_without_class_folders_is_refused(tmp_path, make):
    make(tmp_path)
    with pytest.raises(InputError, match="no class folders"):
        read(tmp_path)


def test_class_folders_without_any_image_are_refused(tmp_path):
    (tmp_path / "cat").mkdir()
    with pytest.raises(InputError, match="holds no images: its class folders cat"):
        read(tmp_path)


def test_test_images_take_the_training_images_shape(tmp_path):
    picture(tmp_path / "train" / "cat" / "1.png", 1, size=(8, 6))
    picture(tmp_path / "test" / "cat" / "1.png", (9, 9, 9), mode="RGB", size=(16, 12))
    parts = read(tmp_path)
    assert parts.test.shape == parts.train.shape == (1, 6, 8)
    assert parts.test.images.ravel().tolist() == [9] * 48
    assert parts.test.provenance["conversions"] == {"colour to gray": 1, "resized": 1}


def test_prediction_reads_the_very_pixels_that_the_import_read(tmp_path):
    rng = np.random.default_rng(0)
    for i, (size, mode) in enumerate([((20, 30), "RGB"), ((31, 17), "RGBA"), ((16, 16), "L"), ((40, 40), "P")] * 2):
        pixels = rng.integers(0, 256, (size[1], size[0], 4), np.uint8)
        path = tmp_path / f"class {i % 2}" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).convert(mode).save(path)
    train = read(tmp_path, size=16).train
    again, _, _ = read_images([tmp_path / name for name in train.ids], train.shape)
    assert np.array_equal(again, train.images)


@pytest.mark.parametrize("names", [("seg_train", "seg_test", "seg_pred"), ("training_set", "test_set")])
@pytest.mark.parametrize("again", [False, True])
def test_parts_by_other_names_are_not_taken_for_classes(tmp_path, names, again):
    for name in names:
        for kind in ("cat", "dog"):
            picture(tmp_path / name / (name if again else ".") / kind / "1.png")
    with pytest.raises(InputError, match=r"look like parts of a division.*\n.*train and test"):
        read(tmp_path)


def test_classes_may_be_called_like_parts(tmp_path):
    for name in ("bullet_train", "test_tube", "train_car"):
        picture(tmp_path / name / "1.png")
    picture(tmp_path / "bullet_train" / "old" / "1.png")
    assert read(tmp_path).train.classes == ("bullet_train", "test_tube", "train_car")


def test_sixteen_bits_of_which_few_are_used_are_said(tmp_path):
    for name, brightest in (("a", 255), ("b", 4000)):
        values = np.linspace(0, brightest, 16).astype(np.uint16).reshape(4, 4)
        (tmp_path / name).mkdir()
        Image.fromarray(values).save(tmp_path / name / "1.png")
    assert "2 16-bit images hold no value above 4,095" in str(read(tmp_path).train.provenance["notes"])
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(tmp_path / "a" / "2.png")
    assert "notes" not in read(tmp_path).train.provenance
