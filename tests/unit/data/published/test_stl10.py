"""STL-10's binary files: planes column by column, labels from 1; good and damaged."""

import numpy
import pytest
from data_helpers import random_pictures, refusal

from minialex.data.published import stl10


def binary(pictures):
    """Pictures as MATLAB writes them: each plane column by column."""
    planes = (p[..., c].tobytes(order="F") for p in pictures for c in range(3))
    return b"".join(planes)


def write(folder, **changed):
    """Writes a small STL-10; changed: other contents for test_X and so on, None for no file."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "train_X": binary(random_pictures(3, 96, 3, 0)),
        "train_y": bytes([1, 10, 5]),
        "test_X": binary(random_pictures(2, 96, 3, 1)),
        "test_y": bytes([3, 1]),
    }
    for name, content in (files | changed).items():
        if content is not None:
            (folder / f"{name}.bin").write_bytes(content)
    return folder


@pytest.mark.parametrize("folder", ["", "stl10_binary"])
def test_columns_become_rows_and_labels_begin_with_0(tmp_path, folder):
    write(tmp_path / folder)
    dataset = stl10.load(tmp_path)
    numpy.testing.assert_array_equal(dataset.train.images, random_pictures(3, 96, 3, 0))
    numpy.testing.assert_array_equal(dataset.test.images, random_pictures(2, 96, 3, 1))
    assert dataset.train.labels.tolist() == [0, 9, 4]
    assert [dataset.class_names[i] for i in dataset.test.labels] == ["car", "airplane"]
    assert (dataset.name, dataset.train.image_size) == ("stl10", 96)


def test_the_second_byte_is_the_pixel_below_the_first(tmp_path):
    pixels = numpy.zeros(3 * 96 * 96, numpy.uint8)
    pixels[[1, 96 * 96 + 2 * 96, 2 * 96 * 96 + 96 * 95 + 7]] = 10, 20, 30
    write(tmp_path, train_X=pixels.tobytes(), train_y=b"\1")
    (image,) = stl10.load(tmp_path).train.images
    assert image[1, 0].tolist() == [10, 0, 0]
    assert image[0, 2].tolist() == [0, 20, 0]
    assert image[7, 95].tolist() == [0, 0, 30]


def test_names_come_from_the_file_if_there_is_one(tmp_path):
    (write(tmp_path) / "class_names.txt").write_text("\n".join("abcdefghij"))
    assert stl10.load(tmp_path).class_names == list("abcdefghij")
    (tmp_path / "class_names.txt").write_text("a\nb")
    assert "expected 10 class names, got 2" in refusal(stl10.load, tmp_path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"test_y": None, "train_X": None}, "no train_X.bin, test_y.bin in"),
        ({"test_X": b""}, "expected pictures of 27,648 bytes, got 0 bytes"),
        ({"test_X": bytes(27_647)}, "got 27647 bytes, which are 1.00 pictures"),
        ({"test_X": bytes(27_648)}, "expected 1 labels"),
        ({"train_y": bytes([0, 1, 2])}, "train_y.bin: expected labels 1 to 10, got 0"),
        ({"train_y": bytes([1, 1, 11])}, "train_y.bin: expected labels 1 to 10, got 11"),
    ],
)
def test_missing_and_damaged_files_are_refused(tmp_path, changed, said):
    assert said in refusal(stl10.load, write(tmp_path, **changed))
