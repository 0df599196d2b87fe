"""Tables of pictures and labels: their columns, splits, missing files and mistakes."""

import json
import shutil
from pathlib import Path

import pytest
from data_helpers import refusal, save_random_picture

from minialex import data
from minialex.data.own import folder

PICTURES = {f"{name}{i}.png": name for name in ("cat", "dog") for i in range(4)}


@pytest.fixture
def pets(tmp_path):
    """A folder with eight pictures in pets/, of which the names say what they are."""
    for seed, name in enumerate(PICTURES):
        save_random_picture(tmp_path / "pets" / name, (4, 4), seed=seed)
    return tmp_path


def write(path, *lines, encoding="utf-8"):
    path.write_bytes("\n".join([*lines, ""]).encode(encoding))
    return path


def found_in(dataset):
    """{file name: class name} of all pictures, whether for training or testing."""
    return {
        Path(path).name: dataset.class_names[label]
        for images in (dataset.train, dataset.test)
        for path, label in zip(images.paths, images.labels, strict=True)
    }


@pytest.mark.parametrize("comma", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("columns", "row"),
    [
        (("path", "label"), "pets/{0},{1}"),
        (("Label", "id", "File_Name"), "{1},7,pets/{0}"),
        (("filename", "width", "height", "class"), "pets/{0},4,4,{1}"),
        (("image", "category"), '"pets/{0}","{1}"'),
        (("file", "target"), "./pets/{0}, {1}"),
        (("image_path", "text", "class"), "pets\\{0},,{1}"),
    ],
)
def test_columns_are_found_by_their_names(columns, row, comma, pets):
    rows = [row.format(*item).replace(",", comma) for item in PICTURES.items()]
    table = write(pets / "labels.csv", comma.join(columns), *rows)
    dataset = folder.load(table)
    assert found_in(dataset) == PICTURES
    assert dataset.class_names == ["cat", "dog"]
    assert dataset.notes == [
        "8 pictures of 2 classes in labels.csv, 2 held out for testing (--val-share 0.1)"
    ]


@pytest.mark.parametrize("row", ["{},{}", "{}\t{}", "{} {}"])
def test_without_names_the_first_two_columns_count(row, pets):
    table = write(pets / "pets/list.txt", *[row.format(*item) for item in PICTURES.items()])
    assert found_in(folder.load(table)) == PICTURES


def test_a_byte_order_mark_and_other_line_ends_are_no_part_of_names(pets):
    rows = [f"pets/{name},{label}\r" for name, label in PICTURES.items()]
    table = write(pets / "labels.csv", "path,label\r", *rows, encoding="utf-8-sig")
    assert found_in(folder.load(table)) == PICTURES


def test_paths_may_be_absolute(pets, tmp_path_factory):
    rows = [f"{pets}/pets/{name},{label}" for name, label in PICTURES.items()]
    table = write(tmp_path_factory.mktemp("other") / "a.csv", "path,label", *rows)
    assert found_in(folder.load(table)) == PICTURES


def test_json_lines(pets):
    rows = [
        json.dumps({"id": 1, "file_name": f"pets/{n}", "label": k}) for n, k in PICTURES.items()
    ]
    assert found_in(folder.load(write(pets / "a.jsonl", *rows, ""))) == PICTURES
    numbers = {"cat": 10, "dog": 9}
    rows = [json.dumps({"image": f"pets/{n}", "class": numbers[k]}) for n, k in PICTURES.items()]
    dataset = folder.load(write(pets / "a.jsonl", *rows))
    assert dataset.class_names == ["9", "10"]
    assert found_in(dataset) == {n: str(numbers[k]) for n, k in PICTURES.items()}


@pytest.mark.parametrize("word", ["val", "VALID", "validation", "test"])
def test_a_column_may_say_the_split(word, pets):
    rows = [f"pets/{n},{k},{word if '3' in n else 'Train'}" for n, k in PICTURES.items()]
    table = write(pets / "labels.csv", "path,label,split", *rows)
    dataset = data.from_csv(table, image_size=4)
    assert {Path(path).name for path in dataset.test.paths} == {"cat3.png", "dog3.png"}
    assert dataset.notes[0].startswith("6 training pictures of 2 classes in labels.csv (train), 2 ")
    assert dataset.source["val_share"] is None
    chosen_by = folder.load(table, image_size=4, val_share=0.5).test
    assert not {Path(path).name for path in chosen_by.paths} & {"cat3.png", "dog3.png"}


def test_with_val_and_test_training_uses_val(pets):
    splits = ["train", "train", "val", "test"] * 2
    rows = [f"pets/{n},{k},{s}" for (n, k), s in zip(PICTURES.items(), splits, strict=True)]
    dataset = folder.load(write(pets / "labels.csv", "path,label,subset", *rows))
    assert {Path(path).name for path in dataset.test.paths} == {"cat2.png", "dog2.png"}
    assert dataset.notes[1] == (
        "the split test (2 pictures) is not used: the test pictures are those of val"
    )


def test_what_is_held_out_is_in_the_source_of_the_data_set(pets):
    rows = [f"pets/{n},{k}" for n, k in PICTURES.items()]
    table = write(pets / "labels.csv", "path,label", *rows)
    dataset = data.from_csv(table, val_share=0.5, seed=3)
    assert (len(dataset.train), len(dataset.test)) == (4, 4)
    again = data.load(**dataset.source)
    assert again.test.paths == dataset.test.paths
    assert dataset.source["val_share"] == 0.5


def test_hugging_faces_metadata_in_a_folder_of_pictures(pets):
    rows = [f"pets/{n},{k}" for n, k in PICTURES.items()]
    write(pets / "metadata.csv", "file_name,label", *rows)
    assert found_in(folder.load(pets)) == PICTURES
    # In the folders of the splits.
    (pets / "metadata.csv").unlink()
    for split, digits in (("train", "012"), ("test", "3")):
        (pets / split).mkdir()
        rows = [(n, k) for n, k in PICTURES.items() if n[3] in digits]
        for name, _ in rows:
            shutil.copy(pets / "pets" / name, pets / split)
        lines = [json.dumps({"file_name": n, "label": k, "more": {"x": [1]}}) for n, k in rows]
        write(pets / split / "metadata.jsonl", *lines)
    dataset = folder.load(pets)
    assert {Path(path).name for path in dataset.test.paths} == {"cat3.png", "dog3.png"}
    assert len(dataset.train) == 6
    # Above them, where the paths say the split.
    for split in ("train", "test"):
        (pets / split / "metadata.jsonl").unlink()
    rows = [f"{'test' if '3' in n else 'train'}/{n},{k}" for n, k in PICTURES.items()]
    write(pets / "metadata.csv", "file_name,label", *rows)
    dataset = folder.load(pets)
    assert {Path(path).name for path in dataset.test.paths} == {"cat3.png", "dog3.png"}


def test_metadata_without_labels_are_not_about_classes(pets):
    for name in PICTURES:
        (pets / "pets" / name[:3]).mkdir(exist_ok=True)
        (pets / "pets" / name).rename(pets / "pets" / name[:3] / name)
    write(pets / "pets/metadata.csv", "file_name,text", "cat/cat0.png,a cat")
    dataset = folder.load(pets / "pets")
    assert found_in(dataset) == PICTURES
    assert dataset.notes[1] == "1 file left out: 1 .csv"
    (pets / "pets/metadata.csv").rename(pets / "pets/metadata.jsonl")
    assert "line 1: not JSON" in refusal(folder.load, pets / "pets")


def test_missing_files_and_rows_without_a_label_are_told(pets):
    rows = [f"pets/{n},{k}" for n, k in PICTURES.items()]
    rows[2:2] = ["pets/gone.png,cat", "pets/none.png,", "lost/gone.png,cat", ""]
    table = write(pets / "labels.csv", "path,label", *rows)
    dataset = folder.load(table)
    assert found_in(dataset) == PICTURES
    assert dataset.notes[1:] == [
        "1 row of labels.csv without a label left out",
        f"2 of 10 pictures that labels.csv names are missing, first {pets}/pets/gone.png, line 4: "
        "left out",
    ]
    table.rename(pets / "pets" / "labels.csv")
    said = refusal(folder.load, pets / "pets" / "labels.csv")
    assert f"10 of 10 pictures that labels.csv names are missing, first {pets}/pets/pets/" in said


def test_a_picture_that_stands_twice_counts_once(pets):
    rows = [f"pets/{n},{k}" for n, k in PICTURES.items()]
    table = write(pets / "labels.csv", "path,label", *rows, "pets/../pets/cat0.png,cat")
    dataset = folder.load(table)
    assert len(dataset.train) + len(dataset.test) == 8
    write(table, "path,label", *rows, "pets/cat0.png,dog")
    assert refusal(folder.load, table) == (
        f"{table}, line 10: pets/cat0.png is 'dog', but 'cat' in line 2"
    )


@pytest.mark.parametrize(
    ("name", "lines", "said"),
    [
        ("a.csv", [], "is empty"),
        ("a.csv", ["id,breed", "pets/cat0.png,cat"], "expected the columns path or file_name"),
        ("a.csv", ["id,breed", "1,cat"], "got id, breed"),
        ("a.csv", ["path,label"], "names no picture with a label"),
        ("a.csv", ["path,label,split", "pets/cat0.png,cat,7"], "line 2: expected the split train"),
        ("a.csv", ["path,label", "pets/cat0.png,c\0t"], None),
        ("a.csv", ["path,label", "pets/cat0.png," + "x" * 200_000], "not a table of pictures"),
        ("a.jsonl", ["{"], "line 1: not JSON"),
        ("a.jsonl", ["[1]"], "line 1: expected the columns"),
        ("a.jsonl", ['{"path": "pets/cat0.png"}'], "line 1: expected the columns"),
        (
            "a.jsonl",
            ["", '{"path": "pets/cat0.png", "label": [1]}'],
            "line 2: expected a name or a",
        ),
        ("a.jsonl", ['{"path": "p", "label": ' + "[" * 100_000], "not "),
        ("a.doc", ["path,label"], "expected a folder, or a file with or about pictures (.csv"),
        ("a.zip", ["path,label"], "unpack it"),
    ],
)
def test_tables_that_are_something_else_are_named(name, lines, said, pets):
    message = refusal(folder.load, write(pets / name, *lines))
    assert str(pets / name) in message
    assert (said or "") in message


def test_a_table_of_another_encoding_is_named(pets):
    table = write(pets / "a.csv", "path,label", "pets/größe.png,cat", encoding="latin-1")
    assert f"{table}: not a table of pictures" in refusal(folder.load, table)


def test_splits_of_some_rows_only_are_refused(pets):
    rows = [f"pets/{n},{k},{'train' if '1' in n else ''}" for n, k in PICTURES.items()]
    said = refusal(folder.load, write(pets / "a.csv", "path,label,split", *rows))
    assert (
        said == f"6 pictures of a.csv are in no split, but others are, first {pets}/pets/cat0.png"
    )
