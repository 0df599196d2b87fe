"""Parquet files with embedded pictures: their columns, names of classes, and damaged ones."""

import io
import json
import os
import sys
from pathlib import Path

import numpy
import pyarrow
import pytest
from data_helpers import refusal
from PIL import Image
from pyarrow import parquet

from minialex.data.augment import centre_views
from minialex.data.folder_images import FolderImages
from minialex.data.own import folder, parquet_cells, parquet_files

NAMES = ["dog", "ant", "cat"]


def encoded(seed):
    """A PNG of random pixels, 6×6."""
    pixels = numpy.random.default_rng(seed).integers(0, 256, (6, 6, 3), numpy.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def features(image="image", label="label", names=NAMES):
    """The metadata that Hugging Face's library writes beside the schema."""
    about = {image: {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}}
    return {b"huggingface": json.dumps({"info": {"features": about}}).encode()}


def write(path, numbers, metadata=None, image="image", label="label", groups=None, **columns):
    """A file as datasets.Dataset.to_parquet writes it, with pictures of these numbers, of which
    the label is the remainder by 3."""
    cells = [{"bytes": encoded(n), "path": f"{n:04}.png"} for n in numbers]
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    content = {image: pyarrow.array(cells, kind), label: [n % 3 for n in numbers]} | columns
    table = pyarrow.table(content)
    table = table.replace_schema_metadata(features(image, label) if metadata is None else metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path, row_group_size=groups)
    return path


def assert_reads(dataset, names):
    """All pictures have the pixels of encoded(n), n by their name, and the label names[n % 3]."""
    count = 0
    for images in (dataset.train, dataset.test):
        pixels = images.read(range(len(images)), centre_views(len(images)))
        for source, x, label in zip(images.paths, pixels, images.labels, strict=True):
            number = int(Path(source.name).stem)
            expected = numpy.asarray(Image.open(io.BytesIO(encoded(number))))
            numpy.testing.assert_array_equal(x, expected)
            assert dataset.class_names[label] == names[number % 3]
            count += 1
    return count


@pytest.mark.parametrize("place", ["", "data/", "plain_text/"])
@pytest.mark.parametrize("test", ["test", "validation"])
def test_the_files_of_a_data_set(place, test, tmp_path):
    for k in range(2):
        name = f"{place}train-{k:05}-of-00002.parquet"
        write(tmp_path / name, range(6 * k, 6 * k + 6), groups=4)
    write(tmp_path / f"{place}{test}-00000-of-00001-a09b74b3ef9c3b56.parquet", range(12, 15))
    (tmp_path / "README.md").touch()
    dataset = folder.load(tmp_path, image_size=6)
    assert dataset.class_names == NAMES  # in the order of their numbers, not of the alphabet
    assert (len(dataset.train), len(dataset.test)) == (12, 3)
    assert assert_reads(dataset, NAMES) == 15
    assert dataset.notes == [
        "12 training pictures of 3 classes in 2 .parquet files, 3 test pictures in "
        f"{test}-00000-of-00001-a09b74b3ef9c3b56.parquet",
        "1 MB of pictures in 3 .parquet files are kept in memory",
    ]


def test_converted_files_have_the_split_as_their_folder(tmp_path):
    write(tmp_path / "default/train/0000.parquet", range(6))
    write(tmp_path / "default/test/0000.parquet", range(6, 9))
    dataset = folder.load(tmp_path, image_size=6)
    assert (len(dataset.train), len(dataset.test)) == (6, 3)
    assert assert_reads(dataset, NAMES) == 9
    write(tmp_path / "other/train/0000.parquet", range(6))
    assert refusal(folder.load, tmp_path) == (
        f"{tmp_path} has parquet files in the folders default, other: name one of them"
    )


def test_a_single_file_holds_out_a_share(tmp_path):
    path = write(tmp_path / "cifar.parquet", range(30))
    dataset = folder.load(path, image_size=6, val_share=0.2)
    assert (len(dataset.train), len(dataset.test)) == (24, 6)
    assert assert_reads(dataset, NAMES) == 30


def test_pictures_that_do_not_fit_in_memory_are_read_by_groups(tmp_path, monkeypatch):
    path = write(tmp_path / "a.parquet", range(31), groups=7)
    monkeypatch.setattr(parquet_files, "memory_for_pictures", lambda: 1000)
    dataset = folder.load(path, image_size=6)
    assert assert_reads(dataset, NAMES) == 31
    order = numpy.random.default_rng(0).permutation(len(dataset.train))
    shuffled = dataset.train.read(order, centre_views(len(order)))
    in_order = dataset.train.read(range(len(order)), centre_views(len(order)))
    numpy.testing.assert_array_equal(shuffled, in_order[order])
    cells = dataset.train.paths[0].cells
    assert len(cells.groups) == 1  # not all that was read
    assert (
        "are more than a quarter of the memory and read when they are needed" in (dataset.notes[1])
    )


def written_anew(path):
    write(path, range(1, 32), groups=7)
    os.utime(path, ns=(1, 1))  # clocks of file systems are coarse


@pytest.mark.parametrize("held", [0, 1_000_000])
@pytest.mark.parametrize("change", [os.unlink, written_anew])
def test_a_file_that_changes_while_it_is_in_use(change, held, tmp_path, monkeypatch):
    """What is in memory is still there; the rest cannot be read: other pictures have come there."""
    path = write(tmp_path / "a.parquet", range(31), groups=7)
    monkeypatch.setattr(parquet_files, "memory_for_pictures", lambda: held)
    images = folder.load(path, image_size=6).train
    change(path)
    _, good, problems = images.read_good(range(len(images)), centre_views(len(images)))
    assert good.sum() == (len(images) if held else 0)
    assert all("not a readable picture" in said for said in problems.values())


def test_the_size_of_all_pictures_is_known_before_they_are_read(tmp_path):
    path = write(tmp_path / "a.parquet", range(30), groups=7)
    cells = parquet_files.pictures_in(path)[0].cells
    pictures = sum(len(encoded(n)) for n in range(30))
    assert pictures <= cells.bytes <= 2 * pictures
    assert parquet_cells.memory_for_pictures() > 1 << 28


@pytest.mark.parametrize(("image", "label"), [("img", "fine_label"), ("picture", "breed")])
def test_columns_may_have_other_names(image, label, tmp_path):
    path = write(tmp_path / "a.parquet", range(30), image=image, label=label)
    assert assert_reads(folder.load(path, image_size=6), NAMES) == 30


def test_of_two_labels_the_finer_one_counts(tmp_path):
    about = {
        "img": {"_type": "Image"},
        "coarse_label": {"names": ["animal"], "_type": "ClassLabel"},
        "fine_label": {"names": NAMES, "_type": "ClassLabel"},
    }
    metadata = {b"huggingface": json.dumps({"info": {"features": about}}).encode()}
    path = write(
        tmp_path / "a.parquet", range(30), metadata, "img", "fine_label", coarse_label=[0] * 30
    )
    assert assert_reads(folder.load(path, image_size=6), NAMES) == 30


@pytest.mark.parametrize(
    "metadata", [{}, {b"huggingface": b"["}, {b"huggingface": b'{"info": 3}'}, {b"pandas": b"{}"}]
)
def test_without_metadata_classes_are_called_by_their_numbers(metadata, tmp_path):
    path = write(tmp_path / "a.parquet", range(30), metadata)
    assert assert_reads(folder.load(path, image_size=6), "012") == 30


@pytest.mark.parametrize(
    ("names", "known"),
    [
        ({"2": "cat", "0": "dog", "1": "ant"}, NAMES),
        (["crane", "ant", "crane"], ["crane (0)", "ant", "crane (2)"]),
        ({"a": "dog"}, "012"),
        ([0, 1, 2], "012"),
        (7, "012"),
        ([], "012"),
    ],
)
def test_odd_names_of_classes(names, known, tmp_path):
    path = write(tmp_path / "a.parquet", range(30), features(names=names))
    assert assert_reads(folder.load(path, image_size=6), known) == 30


def test_pictures_may_be_plain_bytes_and_labels_words(tmp_path):
    content = {"jpg": [encoded(n) for n in range(9)], "class": [NAMES[n % 3] for n in range(9)]}
    parquet.write_table(pyarrow.table(content), tmp_path / "a.parquet")
    dataset = folder.load(tmp_path / "a.parquet", image_size=6)
    assert dataset.class_names == sorted(NAMES)
    assert {str(source) for source in dataset.test.paths} < {
        f"{tmp_path}/a.parquet: row {n}" for n in range(9)
    }


def test_rows_without_a_picture_or_a_label_are_told(tmp_path):
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    cells = [{"bytes": encoded(n), "path": f"{n}.png"} for n in range(12)]
    cells[3], cells[7] = None, {"bytes": None, "path": "7.png"}
    labels = [n % 3 for n in range(12)]
    labels[1], labels[2] = -1, None
    table = pyarrow.table({"image": pyarrow.array(cells, kind), "label": labels})
    path = tmp_path / "a.parquet"
    parquet.write_table(table.replace_schema_metadata(features()), path, row_group_size=5)
    dataset = folder.load(path, image_size=6)
    assert dataset.notes[2] == "4 rows without a picture or a label left out"
    assert assert_reads(dataset, NAMES) == 8


def test_a_network_whose_classes_have_no_names_takes_them_in_the_files_order(tmp_path):
    path = write(tmp_path / "a.parquet", range(2, 6))
    for names in (["class 0", "class 1", "class 2"], NAMES):
        _, (_, labels) = folder.labelled_files(path, names)
        assert labels.tolist() == [2, 0, 1, 2]
    _, (_, labels) = folder.labelled_files(path, ["ant", "bee", "cat", "dog"])
    assert labels.tolist() == [2, 3, 0, 2]


def test_labels_without_a_name_are_refused(tmp_path):
    path = write(tmp_path / "a.parquet", range(6), features(names=["dog", "ant"]))
    assert refusal(folder.load, path) == f"{path}: expected labels from 0 to 1, got 2 in row 2"


def test_files_with_other_classes_are_refused(tmp_path):
    write(tmp_path / "train-0.parquet", range(6))
    write(tmp_path / "train-1.parquet", range(6), features(names=["ant", "dog", "cat"]))
    said = refusal(folder.load, tmp_path)
    assert said == f"{tmp_path}/train-1.parquet has other classes than train-0.parquet"


def test_splits_that_are_not_used_are_told(tmp_path):
    for split in ("train", "validation", "test", "unsupervised"):
        write(tmp_path / f"{split}-00000-of-00001.parquet", range(6))
    notes = folder.load(tmp_path, image_size=6).notes
    assert notes[1] == (
        "1 .parquet file not used, first unsupervised-00000-of-00001.parquet: the name says no "
        "split"
    )
    assert notes[2].endswith("the test pictures are those of val")


def test_other_tables_are_refused(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": ["a"], "label": [0]}), path)
    expected = "expected a column of pictures (struct<bytes, path>), got text, label"
    assert refusal(folder.load, path) == f"{path}: {expected}"
    parquet.write_table(pyarrow.table({"image": [encoded(0)], "text": ["a"]}), path)
    assert refusal(folder.load, path) == f"{path}: expected a column of labels, got image, text"
    write(path, [])
    assert "no picture with a label" in refusal(folder.load, path)


def test_damaged_files_are_named(tmp_path):
    path = write(tmp_path / "a.parquet", range(30))
    whole = path.read_bytes()
    for content in (b"", whole[:-1], whole[:1000], b"PAR1" * 100, whole[:4] + whole[400:]):
        path.write_bytes(content)
        assert f"{path}: not a readable parquet file" in refusal(folder.load, path)


def test_without_pyarrow_a_line_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "a.parquet", range(6))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert refusal(folder.load, path) == (
        f"{path} is read by pyarrow: python -m pip install -e '.[formats]'"
    )


def test_a_damaged_picture_is_named_and_the_fingerprint_is_that_of_the_file(tmp_path):
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    cells = [{"bytes": b"no picture", "path": "a.png"}, {"bytes": None, "path": None}]
    table = pyarrow.table({"image": pyarrow.array(cells, kind), "label": [0, 1]})
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path)
    pictures = parquet_files.pictures_in(path)
    images = FolderImages(pictures, [0, 1], 6)
    assert f"{path}: a.png: not a readable picture" in refusal(images.read, [0], centre_views(1))
    assert f"{path}: row 1: not a readable picture" in refusal(images.read, [1], centre_views(1))
    before = images.fingerprint([0])
    os.utime(path, ns=(1, 1))
    assert images.fingerprint([0]) != before
