"""MNIST's family: each one's files and oddities, and where they are found; real ones if there."""

import dataclasses
import functools
import gzip
import hashlib
import io
import zipfile

import numpy
import pytest
from data_helpers import random_pictures, refusal, web_server
from mnist_files import SIZES, contents, idx, write

from minialex.data.augment import centre_views
from minialex.data.published import mnist
from minialex.data.statistics import standardize_from

load = functools.partial(mnist.load, "fashion-mnist")


def assert_is_the_small_set(dataset):
    assert (dataset.name, dataset.num_classes, dataset.channels) == ("fashion-mnist", 10, 1)
    for seed, (images, n) in enumerate(
        zip((dataset.train, dataset.test), SIZES.values(), strict=True)
    ):
        numpy.testing.assert_array_equal(images.images, random_pictures(n, 28, 1, seed))
        numpy.testing.assert_array_equal(images.labels, (numpy.arange(n) + seed) % 10)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("subfolder", ["", "fashion-mnist", "FashionMNIST/raw"])
def test_the_files_are_read_compressed_or_not_from_the_folder_or_its_subfolder(
    tmp_path, packed, subfolder
):
    write(tmp_path / subfolder, packed)
    assert_is_the_small_set(load(tmp_path))


def test_the_padding_of_crops_is_passed_on(tmp_path):
    dataset = load(write(tmp_path), padding=1)
    assert dataset.train.padding == dataset.test.padding == 1


def test_image_size_is_passed_on(tmp_path):
    dataset = load(write(tmp_path), image_size=40)
    assert dataset.train.read([0], centre_views(1)).shape == (1, 40, 40, 1)
    assert dataset.test.image_size == 40


def test_missing_files_are_named(tmp_path):
    write(tmp_path, train_labels=None, t10k_images=None)
    said = refusal(load, tmp_path)
    assert "train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz" in said
    assert "train-images" not in said
    assert str(tmp_path) in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"train_labels": idx(numpy.zeros(11))}, "expected 12 labels"),
        ({"t10k_labels": idx(numpy.zeros(6))}, "expected 5 labels"),
        ({"train_labels": idx(numpy.full(12, 10))}, "expected labels 0 to 9, got 10"),
        (
            {"train_labels": idx(numpy.zeros((12, 1)))},
            "expected labels (N,), got an array of shape (12, 1)",
        ),
        ({"train_images": idx(numpy.zeros((12, 28, 27)))}, "expected square pictures"),
        ({"train_images": idx(numpy.zeros((12, 784)))}, "expected square pictures"),
        (
            {"train_images": idx(numpy.zeros((0, 28, 28))), "train_labels": idx(numpy.zeros(0))},
            "got an array of shape (0, 28, 28)",
        ),
        (
            {"t10k_images": idx(numpy.zeros((5, 20, 20)))},
            "expected pictures of shape (28, 28), like the training pictures, got (20, 20)",
        ),
    ],
)
def test_files_that_do_not_match_are_refused(tmp_path, changed, said):
    message = refusal(load, write(tmp_path, **changed))
    assert said in message
    (name, *_) = changed
    assert name.replace("_", "-") in message


def test_without_a_folder_the_files_are_downloaded_once(tmp_path, monkeypatch):
    files = {f"{name}.gz": gzip.compress(content) for name, content in contents().items()}
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(mnist, "DEBIAN", tmp_path / "absent")
    hashes = tuple(f"md5:{hashlib.md5(content).hexdigest()}" for content in files.values())
    with web_server(files) as (url, asked):
        served = dataclasses.replace(mnist.FAMILY["fashion-mnist"], url=url, hashes=hashes)
        monkeypatch.setitem(mnist.FAMILY, "fashion-mnist", served)
        assert_is_the_small_set(load())
        assert_is_the_small_set(load())
    assert sorted(asked) == sorted(f"/{name}" for name in files)


@pytest.mark.skipif(
    not mnist.DEBIAN.is_dir(),
    reason=f"no {mnist.DEBIAN} (apt install dataset-fashion-mnist)",
)
def test_the_real_fashion_mnist():
    dataset = load()
    assert dataset.train.images.shape == (60000, 28, 28, 1)
    assert dataset.test.images.shape == (10000, 28, 28, 1)
    assert numpy.bincount(dataset.train.labels).tolist() == [6000] * 10
    assert [dataset.class_names[label] for label in dataset.train.labels[:3]] == [
        "Ankle boot",
        "T-shirt/top",
        "T-shirt/top",
    ]
    standardize = standardize_from(dataset.train)
    # These values are published in many places.
    numpy.testing.assert_allclose(standardize.mean / 255, 0.2860, atol=5e-5)
    numpy.testing.assert_allclose(standardize.std / 255, 0.3530, atol=5e-5)


STANDARD = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
]


def written(split):
    return [
        f"emnist-{split}-{part}-{kind}-ubyte"
        for part in ("train", "test")
        for kind in ("images-idx3", "labels-idx1")
    ]


def a_picture(row, column):
    """A black picture with one white pixel."""
    picture = numpy.zeros((28, 28), numpy.uint8)
    picture[row, column] = 255
    return picture


@pytest.fixture
def save(tmp_path):
    """save(names, pictures, labels, kind=0x08): writes four IDX files, and returns their folder.

    Each is written plain, and both parts are the same.
    """

    def write(names, pictures, labels, kind=0x08):
        arrays = [idx(numpy.array(pictures)), idx(numpy.array(labels), kind)] * 2
        for name, content in zip(names, arrays, strict=True):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
        return tmp_path

    return write


@pytest.mark.parametrize("name", ["mnist", "kmnist", "fashion-mnist"])
@pytest.mark.parametrize("spell", [str, lambda name: name.replace("-idx", ".idx")])
def test_both_spellings_are_read(save, name, spell):
    folder = save(map(spell, STANDARD), [a_picture(3, 5), a_picture(7, 9)], [9, 0])
    dataset = mnist.load(name, folder)
    assert dataset.name == name
    assert dataset.train.labels.tolist() == dataset.test.labels.tolist() == [9, 0]
    assert dataset.train.images[1, 7, 9] == dataset.test.images[0, 3, 5] == 255
    assert dataset.train.images.sum() == 2 * 255


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        *(("mnist", "MNIST/raw"), ("mnist", "mnist"), ("kmnist", "KMNIST/raw")),
        *(("fashion-mnist", "FashionMNIST/raw"), ("kmnist", "kmnist")),
    ],
)
def test_each_is_read_from_its_own_folder_beside_the_others(save, name, folder):
    """As torchvision leaves them: all of them below one folder."""
    others = {"MNIST/raw": 1, "KMNIST/raw": 2, "FashionMNIST/raw": 3, folder: 7}
    for place, label in others.items():
        root = save([f"{place}/{each}" for each in STANDARD], [a_picture(0, 0)], [label])
    assert mnist.load(name, root).train.labels.tolist() == [7]


@pytest.mark.parametrize("folder", ["", "EMNIST/raw/", "gzip/", "emnist-letters/"])
def test_emnist_s_letters_are_transposed_back_and_counted_from_0(save, folder):
    pictures = [a_picture(3, 5), a_picture(0, 27), a_picture(1, 1)]
    root = save([folder + name for name in written("letters")], pictures, [1, 26, 2])
    dataset = mnist.load("emnist-letters", root)
    assert [dataset.class_names[label] for label in dataset.train.labels] == ["A", "Z", "B"]
    for images in (dataset.train, dataset.test):
        assert images.images[0, 5, 3] == images.images[1, 27, 0] == images.images[2, 1, 1] == 255
        assert images.images.sum() == 3 * 255


def test_emnist_s_balanced_classes_have_their_published_names(save):
    labels = [0, 9, 10, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46]
    root = save(written("balanced"), [a_picture(3, 5)] * len(labels), labels)
    dataset = mnist.load("emnist-balanced", root)
    names = [dataset.class_names[label] for label in dataset.test.labels]
    # emnist-balanced-mapping.txt: 36 is chr(97), 38 is chr(100), 43 is chr(110), 46 is chr(116)
    assert "".join(names) == "09AZabdefghnqrt"
    assert dataset.num_classes == 47
    assert dataset.train.images[0, 5, 3] == 255


QMNIST = [
    "qmnist-train-images-idx3-ubyte",
    "qmnist-train-labels-idx2-int",
    "qmnist-test-images-idx3-ubyte",
    "qmnist-test-labels-idx2-int",
]


@pytest.mark.parametrize("folder", ["", "QMNIST/raw/"])
def test_qmnist_s_class_is_the_first_of_eight_numbers(save, folder):
    rows = [[7, 1, 2600, 7, 55, 12345, 0, 0], [2, 4, 3, 2, 55, 70000, 0, 0]]
    names = [folder + name for name in QMNIST]
    dataset = mnist.load("qmnist", save(names, [a_picture(3, 5)] * 2, rows, 0x0C))
    assert dataset.train.labels.tolist() == dataset.test.labels.tolist() == [7, 2]
    assert dataset.train.images[0, 3, 5] == 255
    assert dataset.class_names == list("0123456789")


def test_kmnist_is_read_as_npz(tmp_path):
    pictures, labels = numpy.array([a_picture(3, 5), a_picture(1, 2)]), numpy.array([9, 3], "u1")
    for part in ("train", "test"):
        numpy.savez_compressed(tmp_path / f"kmnist-{part}-imgs.npz", pictures)
        numpy.savez_compressed(tmp_path / f"kmnist-{part}-labels.npz", labels)
    dataset = mnist.load("kmnist", tmp_path)
    assert [dataset.class_names[label] for label in dataset.train.labels] == ["wo", "tsu"]
    assert dataset.test.images[1, 1, 2] == 255
    numpy.savez(tmp_path / "kmnist-test-labels.npz", some=labels)
    assert "expected one array, arr_0, got some" in refusal(mnist.load, "kmnist", tmp_path)


@pytest.mark.parametrize(
    ("name", "names", "labels", "kind", "said"),
    [
        ("emnist-letters", written("letters"), [0], 0x08, "expected labels 1 to 26, got 0"),
        ("emnist-letters", written("letters"), [27], 0x08, "expected labels 1 to 26, got 27"),
        ("emnist-balanced", written("balanced"), [47], 0x08, "expected labels 0 to 46, got 47"),
        ("qmnist", QMNIST, [3], 0x0C, "expected labels (N, 8), got an array of shape (1,)"),
        ("qmnist", QMNIST, [[-1] * 8], 0x0C, "expected labels 0 to 9, got -1"),
        ("mnist", STANDARD, [[3] * 8], 0x0C, "expected labels (N,), got an array of shape (1, 8)"),
    ],
)
def test_labels_of_another_kind_are_refused(save, name, names, labels, kind, said):
    assert said in refusal(mnist.load, name, save(names, [a_picture(0, 0)], labels, kind))


def test_integers_are_no_pictures(save, tmp_path):
    save(STANDARD, [a_picture(0, 0)], [0])
    (tmp_path / STANDARD[0]).write_bytes(idx(a_picture(0, 0)[None], 0x0C))
    assert "expected pictures of bytes, got >i4" in refusal(mnist.load, "mnist", tmp_path)


@pytest.mark.parametrize("other", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist"])
def test_the_files_of_another_one_are_named(save, name, other):
    """They are called the same."""
    labels = mnist.BEGINNINGS[other] + [3]
    folder = save(STANDARD, [a_picture(0, 0)] * len(labels), labels)
    if name == other:
        assert mnist.load(name, folder).test.labels.tolist() == labels
    else:
        title = mnist.FAMILY[other].title
        assert f"these are {title}'s: --dataset {other}" in refusal(mnist.load, name, folder)


def test_qmnist_begins_like_mnist(save):
    """Its first 10,000 test pictures are MNIST's."""
    rows = [[label, *range(7)] for label in mnist.BEGINNINGS["mnist"]]
    root = save(QMNIST, [a_picture(0, 0)] * len(rows), rows, 0x0C)
    assert mnist.load("qmnist", root).test.labels[:4].tolist() == [7, 2, 1, 0]


def test_emnist_is_downloaded_once_for_both_of_its_data_sets(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for label, split in enumerate(("letters", "balanced", "digits"), 4):
            arrays = [a_picture(3, 5)[None], numpy.array([label])] * 2
            for name, array in zip(written(split), arrays, strict=True):
                archive.writestr(f"gzip/{name}.gz", gzip.compress(idx(array)))
        archive.writestr("../gzip/outside.txt", "evil")
    content = packed.getvalue()
    with web_server({"gzip.zip": content}) as (url, asked):
        for name in ("emnist-letters", "emnist-balanced"):
            served = dataclasses.replace(
                mnist.FAMILY[name],
                url=f"{url}gzip.zip",
                archive_hash=f"sha256:{hashlib.sha256(content).hexdigest()}",
            )
            monkeypatch.setitem(mnist.FAMILY, name, served)
        assert mnist.load("emnist-letters").train.labels.tolist() == [3]
        assert mnist.load("emnist-balanced").train.labels.tolist() == [5]
    assert asked == ["/gzip.zip"]
    kept = sorted(path.name for path in (tmp_path / "emnist").iterdir())
    assert kept == sorted(f"{name}.gz" for name in written("letters") + written("balanced"))
