"""A CSV is read whole or refused with its line; pixels and labels are exactly those of the file."""

import gzip

import numpy as np
import pytest
from PIL import Image

from imagette.core.errors import InputError
from imagette.data.formats import csv, text
from imagette.data.formats.pixels import has_labels, read_pixels
from imagette.data.formats.wanted import Wanted
from imagette.data.load import load
from imagette.recipe.schema import Data

HEADER = "label," + ",".join(f"pixel{i}" for i in range(1, 17))
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (30, 16))
LABELS = np.arange(30) % 3
ROWS = [",".join(map(str, [label, *pixels])) for label, pixels in zip(LABELS, PIXELS, strict=True)]


def written(path, lines, end="\n"):
    content = (end.join(lines) + end).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def fault(path) -> str:
    with pytest.raises(InputError) as caught:
        csv.read(path, Wanted())
    assert str(path) in caught.value.message or path.name in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_are_images(tmp_path, name, end):
    images, labels, ids = read_pixels(written(tmp_path / name, [HEADER, *ROWS], end))
    assert np.array_equal(images, PIXELS.reshape(30, 1, 4, 4))
    assert np.array_equal(labels, LABELS)
    assert ids[[0, 29]].tolist() == [f"{name}:2", f"{name}:31"]


def test_without_a_last_newline_with_blank_lines_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\ufeff" + "\n".join(["", HEADER, ROWS[0], "", ROWS[1]]))
    images, labels, ids = read_pixels(path)
    assert np.array_equal(images.reshape(2, 16), PIXELS[:2])
    assert labels.tolist() == [0, 1]
    assert ids.tolist() == ["a.csv:3", "a.csv:5"]


def test_rows_over_many_blocks_stay_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", 100)
    images, labels, ids = read_pixels(written(tmp_path / "a.csv", [HEADER, *ROWS]))
    assert np.array_equal(images.reshape(30, 16), PIXELS)
    assert np.array_equal(labels, LABELS)
    assert ids[-1] == "a.csv:31"


def test_a_label_in_the_last_column(tmp_path):
    rows = [",".join(map(str, [*pixels, label])) for label, pixels in zip(LABELS, PIXELS, strict=True)]
    header = ",".join([*(f'"{i}"' for i in range(16)), "Class"])
    images, labels, _ = read_pixels(written(tmp_path / "a.csv", [header, *rows]))
    assert np.array_equal(images.reshape(30, 16), PIXELS)
    assert np.array_equal(labels, LABELS)


def test_no_header_and_a_label_first(tmp_path):
    images, labels, _ = read_pixels(written(tmp_path / "a.csv", ROWS))
    assert np.array_equal(images.reshape(30, 16), PIXELS)
    assert np.array_equal(labels, LABELS)


@pytest.mark.parametrize("header", [[], [HEADER.removeprefix("label,")]])
def test_no_labels(tmp_path, header):
    path = written(tmp_path / "a.csv", header + [row.partition(",")[2] for row in ROWS])
    images, labels, _ = read_pixels(path)
    assert np.array_equal(images.reshape(30, 16), PIXELS)
    assert labels is None
    assert not has_labels(path)
    assert "no labels" in fault(path)


def test_colour_comes_plane_by_plane(tmp_path):
    row = ",".join(["7", *["10"] * 4, *["20"] * 4, *["30"] * 4])
    images, _, _ = read_pixels(written(tmp_path / "a.csv", ["label" + ",p" * 12, row]))
    assert images[0].tolist() == [[[value] * 2] * 2 for value in (10, 20, 30)]


def test_a_width_that_may_mean_two_things_wants_a_header(tmp_path):
    assert "may or may not hold a label" in fault(written(tmp_path / "a.csv", [",".join("0" * 49)]))  # 7² = 3 · 4² + 1


@pytest.mark.parametrize(
    ("cell", "column", "value"),
    [
        (5, "column 6 (pixel5): pixel", "x"),
        (16, "column 17 (pixel16): pixel", "256"),
        (1, "column 2 (pixel1): pixel", "-1"),
        (1, "column 2 (pixel1): pixel", ""),
        (1, "column 2 (pixel1): pixel", "nan"),
        (1, "column 2 (pixel1): pixel", "1.5"),
        (1, "column 2 (pixel1): pixel", "99999999999999999999"),
        (1, "column 2 (pixel1): pixel", "\x1b[31m"),
        (0, "column 1 (label): label", "shoe"),
        (0, "column 1 (label): label", "1.5"),
        (0, "column 1 (label): label", ""),
    ],
)
def test_a_bad_value_is_named_with_line_and_column(tmp_path, cell, column, value):
    cells = ROWS[6].split(",")
    cells[cell] = value
    path = written(tmp_path / "a.csv", [HEADER, *ROWS[:6], ",".join(cells), *ROWS[7:]])
    message = fault(path)
    assert f"{path}:8: {column}" in message
    assert message.isprintable()


@pytest.mark.parametrize("row", ["1,2,3", ROWS[3] + ",0", "x"])
def test_a_row_of_another_width_is_named(tmp_path, row):
    assert ".csv:5: " in fault(written(tmp_path / "a.csv", [HEADER, *ROWS[:3], row, *ROWS[3:]]))


def test_a_whole_block_of_another_width_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", len("\n".join([HEADER, *ROWS, ""])))
    assert ".csv:32: 3 columns" in fault(written(tmp_path / "a.csv", [HEADER, *ROWS, *["1,2,3"] * 60]))


def test_the_first_row_sets_the_width_without_a_header(tmp_path):
    assert ".csv:2: 17 columns where the first line has 10" in fault(
        written(tmp_path / "a.csv", ["1,2,3,4,5,6,7,8,9,0", *ROWS])
    )


@pytest.mark.parametrize(("label", "allowed"), [("3", "0 to 2"), ("77", "0 to 2"), ("-1", "0 to 2")])
def test_a_label_out_of_range_is_named_with_its_line(tmp_path, label, allowed):
    row = label + "," + ROWS[0].partition(",")[2]
    (tmp_path / "classes.txt").write_text("cat\ndog\nowl\n")
    message = fault(written(tmp_path / "a.csv", [HEADER, *ROWS, row]))
    assert message == f"a.csv:32: label {label} is out of range: labels go from {allowed}"


def test_a_gap_in_the_numbers_is_a_damaged_row_unless_it_is_allowed(tmp_path):
    row = "5," + ROWS[0].partition(",")[2]
    path = written(tmp_path / "a.csv", [HEADER, *ROWS, row])
    assert "a.csv:32: label 5 is out of range: labels go from 0 to 2" in fault(path)
    train = csv.read(path, Wanted(allow_empty_classes=True)).train
    assert train.counts() == {"0": 11 - 1, "1": 10, "2": 10, "3": 0, "4": 0, "5": 1}


@pytest.mark.parametrize("numbers", [(3, 7), (2, 4)])
def test_numbers_that_begin_late_are_refused(tmp_path, numbers):
    path = written(tmp_path / "a.csv", ["label,a,b,c,d", *(f"{n},1,2,3,4" for n in numbers)])
    assert f"a.csv:2: label {numbers[0]} is out of range: labels are numbered from 0 or 1 on" in fault(path)


def test_numbers_from_one_keep_their_names(tmp_path):
    rows = [f"{int(row[0]) + 1}{row[1:]}" for row in ROWS]
    train = csv.read(written(tmp_path / "a.csv", [HEADER, *rows]), Wanted()).train
    assert train.classes == ("1", "2", "3")
    assert np.array_equal(train.labels, LABELS)
    test = csv.read(written(tmp_path / "b.csv", [HEADER, rows[2], rows[1]]), Wanted().like(train)).train
    assert test.labels.tolist() == [2, 1]


def test_class_names_from_beside_the_file(tmp_path):
    (tmp_path / "classes.txt").write_text("猫\ndog\n\nowl\n", encoding="utf-8")
    train = csv.read(written(tmp_path / "a.csv", [HEADER, *ROWS]), Wanted()).train
    assert train.classes == ("猫", "dog", "owl")


def test_a_first_line_of_counted_numbers_is_refused(tmp_path):
    path = written(tmp_path / "a.csv", ["0,1,2,3,4", "1,9,9,9,9", "0,8,8,8,8"])
    assert "a.csv:1: the numbers 0, 1, … to 4 may be a header or an image" in fault(path)


def test_a_damaged_first_row_is_no_header(tmp_path):
    path = written(tmp_path / "a.csv", ["1,," + ",".join(["7"] * 14), ROWS[0].partition(",")[2]])
    with pytest.raises(InputError, match=r"a.csv:1: column 2: pixel '' is not a whole number"):
        read_pixels(path)


def test_a_number_of_thousands_of_digits_is_a_damaged_cell(tmp_path):
    rows = [*ROWS[:3], ",".join(["1", *["7"] * 15, "9" * 5000])]
    with pytest.raises(InputError, match=r"a.csv:5: column 17.*: pixel '9{40}…' is not a whole number from 0 to 255"):
        read_pixels(written(tmp_path / "a.csv", [HEADER, *rows]))


@pytest.mark.parametrize(("lines", "message"), [([], "no rows"), ([HEADER], "no rows"), (["a,b"], "no square image")])
def test_a_file_without_images_is_refused(tmp_path, lines, message):
    assert message in fault(written(tmp_path / "a.csv", lines))


def test_a_first_line_of_one_endless_cell_is_refused(tmp_path):
    assert "field larger" in fault(written(tmp_path / "a.csv", ["x" * 200_000, "1,2"]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"path;label\n1.png;cat\n", "its separator is the semicolon"),
        (b"label\tpixel1\n1\t2\n", "its separator is the tab"),
        ("path,label\n1.png,füchse\n".encode("latin-1"), "a.csv:2: is not UTF-8"),
        ("label,pixel1\n1,2\n".encode("utf-16"), "a.csv:1: is not UTF-8"),
        (b"path,label\r1.png,cat\r", "end as on an old Mac"),
    ],
)
def test_what_other_programs_write_is_told(tmp_path, content, message):
    (tmp_path / "1.png").touch()
    (tmp_path / "a.csv").write_bytes(content)
    assert message in fault(tmp_path / "a.csv")


def test_a_cut_off_and_a_damaged_gzip_file_are_told_apart(tmp_path):
    path = written(tmp_path / "a.csv.gz", [HEADER, *ROWS])
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert "cut off" in fault(path)
    path.write_bytes(whole[:60] + bytes([whole[60] ^ 255]) + whole[61:])
    assert "damaged" in fault(path)


def test_a_gzip_bomb_of_one_line_stops_early(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER}\n".encode() + b"0," * (1 << 25), 1))
    assert "line 2 is longer than 16,777,216 bytes" in fault(path)


def test_a_gzip_bomb_of_many_lines_stops_at_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "MAX_BYTES", 1 << 20)
    path = written(tmp_path / "a.csv.gz", [HEADER, *["0," * 16 + "0"] * 40_000])
    assert path.stat().st_size < 20_000
    assert "unpacks to more than 1,048,576 bytes" in fault(path)


def test_kaggles_fashion_mnist_is_known_by_its_content(tmp_path, shared_data, monkeypatch):
    if shared_data is None:
        path = written(tmp_path / "anything.csv", [HEADER, *ROWS])
        images, numbers, _ = read_pixels(path)
        monkeypatch.setattr(csv, "KNOWN", {csv.content_digest(images, numbers): "fashion-mnist"})
    else:
        path = tmp_path / "anything.csv.gz"
        path.symlink_to(shared_data / "fashion-mnist_test.csv.gz")
    train = csv.read(path, Wanted()).train
    assert (train.classes[0], train.classes[9]) == ("T-shirt/top", "Ankle boot")
    assert train.provenance["division"] == "kaggle"
    assert "recognised" in train.provenance["notes"][0]


@pytest.mark.parametrize("part", ["train", "test"])
def test_both_files_of_kaggles_fashion_mnist_are_known(part, tmp_path, shared_data):
    if shared_data is None:
        pytest.skip("no real data")
    (tmp_path / "a.csv.gz").symlink_to(shared_data / f"fashion-mnist_{part}.csv.gz")
    images, labels, _ = read_pixels(tmp_path / "a.csv.gz")
    assert csv.KNOWN[csv.content_digest(images, labels)] == "fashion-mnist"


def test_the_digest_of_the_content_tells_any_change():
    images, labels = np.arange(48, dtype=np.uint8).reshape(3, 1, 4, 4), np.arange(3)
    changed = images.copy()
    changed[1, 0, 2, 2] += 1
    order = [0, 2, 1]
    pairs = [(pixels, numbers) for pixels in (images, changed, images[order]) for numbers in (labels, labels[order])]
    assert len({csv.content_digest(*pair) for pair in pairs}) == len(pairs)


def test_what_is_recognised_does_not_rename_the_classes_of_numbered_training_images(tmp_path, monkeypatch):
    path = written(tmp_path / "a.csv", [HEADER, *ROWS])
    images, numbers, _ = read_pixels(path)
    monkeypatch.setattr(csv, "KNOWN", {csv.content_digest(images, numbers): "fashion-mnist"})
    test = csv.read(path, Wanted(classes=("0", "1", "2"))).train
    assert test.counts() == {"0": 10, "1": 10, "2": 10}


def test_one_changed_pixel_and_it_is_no_longer_known(tmp_path):
    rows = [",".join(["0"] * 785)] * 3
    train = csv.read(written(tmp_path / "fashion-mnist_train.csv", rows), Wanted(allow_empty_classes=True)).train
    assert train.classes == ("0",)
    assert "division" not in train.provenance


@pytest.fixture
def pictures(tmp_path):
    """Give a folder with four images of two classes."""
    for i in range(4):
        Image.new("L", (4, 4), i).save(tmp_path / f"{i}.png")
    return tmp_path


@pytest.mark.parametrize("header", ["path,label", "id,Filename,extra,Class"])
def test_paths_and_labels(pictures, header):
    column = header.split(",").index("path" if "path" in header else "Filename")
    names = ["dog", "cat", '"owl, great"', "cat"]
    width = len(header.split(","))
    rows = [",".join(["-"] * column + [f"{i}.png"] + ["-"] * (width - column - 2) + [names[i]]) for i in range(4)]
    train = csv.read(written(pictures / "a.csv", [header, *rows]), Wanted()).train
    assert train.classes == ("cat", "dog", "owl, great")
    assert train.labels.tolist() == [1, 0, 2, 0]
    assert train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert train.ids.tolist() == ["0.png", "1.png", "2.png", "3.png"]


def test_a_column_that_is_not_used_is_said(pictures):
    rows = ["image_path,label,fold", "1.png,cat,train", "2.png,dog,test"]
    train = csv.read(written(pictures / "a.csv", rows), Wanted()).train
    assert train.provenance["notes"] == [f"{pictures / 'a.csv'}: not used: column fold"]


def test_a_comma_in_a_label_stands_in_quotes(pictures):
    (pictures / "list.csv").write_text("path,label\n0.png,cat, big\n1.png,cat, small\n")
    assert "list.csv:2: 3 columns where the header has 2" in fault(pictures / "list.csv")
    (pictures / "list.csv").write_text('path,label\n0.png, "cat, big"\n1.png, "cat, small"\n')
    assert csv.read(pictures / "list.csv", Wanted()).train.classes == ("cat, big", "cat, small")


def test_a_quoted_cell_may_go_over_several_lines(pictures):
    rows = ["path,label,caption", '0.png,cat,"two', 'lines"', "1.png,dog,one"]
    train = csv.read(written(pictures / "a.csv", rows), Wanted()).train
    assert train.labels.tolist() == [0, 1]
    assert ".csv:5: " in fault(written(pictures / "b.csv", [*rows[:4], "gone.png,cat,-"]))


def test_a_quote_that_is_left_open_is_named(pictures):
    rows = ["path,label,caption", '0.png,cat,"open', *["1.png,dog,one"] * 20_000]
    message = fault(written(pictures / "a.csv", rows))
    assert "field larger than field limit" in message
    assert "a.csv:" in message


@pytest.mark.parametrize("row", ["gone.png,cat", ",cat", "0.png,", "0.png"])
def test_a_bad_row_of_paths_is_named_with_its_line(pictures, row):
    assert ".csv:3: " in fault(written(pictures / "a.csv", ["path,label", "0.png,dog", row]))


def test_missing_files_can_be_skipped(pictures):
    path = written(pictures / "a.csv", ["path,label", "0.png,dog", "gone.png,cat", "2.png,cat"])
    train = csv.read(path, Wanted(skip_unreadable=True)).train
    assert train.ids.tolist() == ["0.png", "2.png"]
    assert train.labels.tolist() == [1, 0]
    assert train.provenance["unreadable"][0][0] == "gone.png"


def test_paths_without_labels_are_refused(pictures):
    assert "no column is called label or class" in fault(written(pictures / "a.csv", ["path,size", "0.png,4"]))


def test_a_test_file_beside_the_training_file_is_used_and_said(tmp_path, capsys):
    train = written(tmp_path / "my_train.csv.gz", [HEADER, *ROWS])
    written(tmp_path / "my_test.csv.gz", [HEADER, *ROWS[:6]])
    splits = load(Data(path=str(train)))
    assert (len(splits.test), len(splits.train) + len(splits.validation)) == (6, 30)
    said = capsys.readouterr().err
    assert "my_test.csv.gz, found beside my_train.csv.gz" in said
    assert "6 of 6 test images are exact copies" in said


def test_a_test_file_without_labels_is_left_aside(tmp_path, capsys):
    train = written(tmp_path / "train.csv", [HEADER, *ROWS])
    written(tmp_path / "test.csv", [row.partition(",")[2] for row in [HEADER, *ROWS]])
    splits = load(Data(path=str(train), test=0.2))
    assert (len(splits.test), len(splits.train) + len(splits.validation)) == (6, 24)
    assert "test.csv is not used: it has no labelled images" in capsys.readouterr().err


@pytest.mark.parametrize(("header", "there"), [("path,label", True), ("path,size", False), (HEADER, True)])
def test_whether_a_file_has_labels_is_in_its_header(tmp_path, header, there):
    assert csv.has_labels(written(tmp_path / "a.csv", [header])) is there


def test_a_label_in_the_middle_is_refused(tmp_path):
    assert "the label is column 2" in fault(written(tmp_path / "a.csv", ["p1,label,p2,p3,p4", "1,2,3,4,5"]))


def test_an_empty_file_of_class_names_is_refused(tmp_path):
    (tmp_path / "classes.txt").touch()
    with pytest.raises(InputError, match="names no class"):
        csv.read(written(tmp_path / "a.csv", [HEADER, *ROWS]), Wanted())


def numbered(tmp_path, n):
    for i in range(n):
        Image.new("L", (4, 4), i).save(tmp_path / f"{i}.png")


def test_an_image_in_two_rows_has_one_class_and_counts_once(tmp_path):
    numbered(tmp_path, 3)
    path = written(tmp_path / "a.csv", ["file,label", "0.png,a", "1.png,b", "0.png,a", "2.png,a"])
    train = csv.read(path, Wanted()).train
    assert train.ids.tolist() == ["0.png", "1.png", "2.png"]
    assert "1 rows name an image again" in str(train.provenance["notes"])
    written(path, ["file,label", "0.png,a", "1.png,b", "0.png,b"])
    assert "a.csv:4: 0.png is 'b' here, and 'a' in line 2" in fault(path)


def test_a_column_called_split_divides_the_images(tmp_path):
    numbered(tmp_path, 4)
    rows = ["0.png,a,train", "1.png,b,Train", "2.png,b,test", "3.png,a,valid"]
    parts = csv.read(written(tmp_path / "a.csv", ["path,label,split", *rows]), Wanted())
    assert [part.ids.tolist() for part in (parts.train, parts.validation, parts.test)] == [
        ["0.png", "1.png"], ["3.png"], ["2.png"],
    ]  # fmt: skip
    assert parts.test.labels.tolist() == [1]
    assert "notes" not in parts.train.provenance
    splits = load(Data(path=str(tmp_path / "a.csv")))
    assert splits.test.ids.tolist() == ["2.png"]
    rows = ["0.png,a,1", "1.png,b,2", "2.png,b,1", "3.png,a,7"]  # a column of something else
    other = csv.read(written(tmp_path / "b.csv", ["path,label,set", *rows]), Wanted())
    assert len(other.train) == 4
    assert "not used: column set" in str(other.train.provenance["notes"])


@pytest.mark.parametrize("cell", ["tset", ""])
def test_a_part_that_is_none_is_refused(tmp_path, cell):
    numbered(tmp_path, 3)
    path = written(tmp_path / "a.csv", ["path,label,split", "0.png,a,train", f"1.png,b,{cell}", "2.png,b,test"])
    assert f"a.csv:3: split {cell!r} is no part" in fault(path)


def test_pixels_in_a_column_of_paths_are_no_path(tmp_path):
    path = written(tmp_path / "a.csv", ["image,label", f"{' '.join(map(str, range(2000)))},a"])
    assert "a.csv:2: no image file '0 1 2" in fault(path)
    assert len(fault(path)) < 300


def test_a_label_that_stands_last_without_a_header_is_no_pixel(tmp_path):
    rows = [",".join(map(str, [*pixels, label])) for label, pixels in zip(LABELS, PIXELS, strict=True)]
    assert "the label may be the last column, which holds 0 to 2" in fault(written(tmp_path / "a.csv", rows))
    dark = [",".join(map(str, [*(pixels > 128).astype(int), 0])) for pixels in PIXELS]  # any may be the label
    assert (
        len(csv.read(written(tmp_path / "b.csv", [f"{i % 3},{row[2:]}" for i, row in enumerate(dark)]), Wanted()).train)
        == 30
    )


def test_paths_without_a_header_are_told_of_it(tmp_path):
    path = written(tmp_path / "a.csv", ["a/0.png,0", "a/1.png,1"])
    with pytest.raises(InputError, match=r"(?s)a\.csv:1.*begins with the line: path,label"):
        csv.read(path, Wanted())
