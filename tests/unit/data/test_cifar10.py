"""CIFAR-10's binary batches, good and damaged, in a folder or an archive; real ones if present."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import numpy
import pytest
from data_helpers import random_pictures, refusal, web_server

from minialex.data import cifar10

NAMES = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """The files in these tests hold four pictures each instead of 10,000."""
    monkeypatch.setattr(cifar10, "BATCH", 4)


def records(seed, n=4):
    """(the bytes of a batch, its pictures, its labels)."""
    pictures = random_pictures(n, 32, 3, seed)
    labels = (numpy.arange(n) + seed) % 10
    red, green, blue = pictures[..., 0], pictures[..., 1], pictures[..., 2]
    parts = [
        bytes([labels[i]]) + red[i].tobytes() + green[i].tobytes() + blue[i].tobytes()
        for i in range(n)
    ]
    return b"".join(parts), pictures, labels


def contents():
    files = {name: records(seed)[0] for seed, name in enumerate(NAMES)}
    return files | {"batches.meta.txt": "\n".join(cifar10.CLASS_NAMES[::-1]).encode() + b"\n\n"}


def write(folder, **changed):
    """Writes the small set.

    changed: other contents for data_batch_2 and so on; None leaves the file out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents().items():
        content = changed.get(Path(name).stem.replace(".", "_"), content)
        if content is not None:
            (folder / name).write_bytes(content)
    return folder


def assert_is_the_small_set(dataset):
    assert (dataset.name, dataset.num_classes, dataset.channels) == ("cifar10", 10, 3)
    batches = [records(seed) for seed in range(6)]
    for images, expected in ((dataset.train, batches[:5]), (dataset.test, batches[5:])):
        numpy.testing.assert_array_equal(
            images.images, numpy.concatenate([pictures for _, pictures, _ in expected])
        )
        numpy.testing.assert_array_equal(
            images.labels, numpy.concatenate([labels for *_, labels in expected])
        )


@pytest.mark.parametrize("subfolder", ["", "cifar-10-batches-bin"])
def test_the_batches_are_read_from_the_folder_or_its_subfolder(tmp_path, subfolder):
    write(tmp_path / subfolder)
    dataset = cifar10.load(tmp_path)
    assert_is_the_small_set(dataset)
    assert dataset.class_names == [
        "truck",
        "ship",
        "horse",
        "frog",
        "dog",
        "deer",
        "cat",
        "bird",
        "automobile",
        "airplane",
    ]


def test_the_padding_of_crops_is_passed_on(tmp_path):
    dataset = cifar10.load(write(tmp_path), padding=1)
    assert dataset.train.padding == dataset.test.padding == 1


def test_image_size_is_passed_on(tmp_path):
    dataset = cifar10.load(write(tmp_path), image_size=40)
    assert dataset.train.image_size == dataset.test.image_size == 40


def test_a_record_is_a_label_and_the_red_green_and_blue_planes(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "BATCH", 1)
    record = numpy.zeros(3073, numpy.uint8)
    record[[0, 1 + 2, 1 + 1024 + 32, 1 + 2048 + 1023]] = 9, 10, 20, 30
    record.tofile(tmp_path / "batch.bin")
    (image,), (label,) = cifar10.read_batch(tmp_path / "batch.bin")
    assert label == 9
    assert image[0, 2].tolist() == [10, 0, 0]
    assert image[1, 0].tolist() == [0, 20, 0]
    assert image[31, 31].tolist() == [0, 0, 30]
    assert image.sum() == 60


def test_without_a_file_of_names_the_classes_have_their_published_names(tmp_path):
    names = cifar10.load(write(tmp_path, batches_meta=None)).class_names
    assert names[0] == "airplane"
    assert names[9] == "truck"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"data_batch_2": None, "test_batch": None}, "no data_batch_2.bin, test_batch.bin in"),
        ({"data_batch_2": b""}, "got 0"),
        (
            {"data_batch_3": records(2)[0][:-1]},
            "expected 4 pictures of 3,073 bytes, 12292 bytes in all, got 12291",
        ),
        ({"data_batch_4": records(3, n=3)[0]}, "12292 bytes in all, got 9219"),
        ({"test_batch": (b"\x0a" + bytes(3072)) * 4}, "expected labels 0 to 9, got 10"),
        ({"batches_meta": b"cat\ndog\n"}, "expected 10 class names, got 2"),
    ],
)
def test_missing_and_damaged_files_are_refused(tmp_path, changed, said):
    message = refusal(cifar10.load, write(tmp_path, **changed))
    assert said in message
    assert str(tmp_path) in message


@pytest.mark.parametrize("subfolder", ["", "cifar-10-batches-py"])
def test_pickles_are_not_loaded(tmp_path, subfolder):
    (tmp_path / subfolder).mkdir(exist_ok=True)
    (tmp_path / subfolder / "data_batch_1").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    message = refusal(cifar10.load, tmp_path)
    assert "pickles are not loaded" in message
    assert "binary version" in message


def archive(extra=()):
    """A small version of the published archive; `extra` are more members: (TarInfo, bytes)."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in contents().items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member, content in extra:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """serve(content) loads CIFAR-10 with these bytes as the published archive."""

    def load(content):
        monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with web_server({"cifar.tar.gz": content}) as (url, _):
            monkeypatch.setattr(cifar10, "URL", f"{url}cifar.tar.gz")
            monkeypatch.setattr(cifar10, "MD5", hashlib.md5(content).hexdigest())
            return cifar10.load()

    return load


def test_without_a_folder_the_archive_is_downloaded_once(tmp_path, serve):
    assert_is_the_small_set(serve(archive()))
    assert_is_the_small_set(cifar10.load())  # the server is gone
    assert sorted(path.name for path in (tmp_path / "cache/cifar10").iterdir()) == [
        "batches.meta.txt",
        *NAMES,
    ]


def test_nothing_but_the_batches_is_unpacked(tmp_path, serve):
    link = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    outside = tarfile.TarInfo("../../outside.bin")
    assert_is_the_small_set(serve(archive([(outside, b"evil"), (link, b"")])))
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert sorted(path.name for path in (tmp_path / "cache/cifar10").iterdir()) == [
        "batches.meta.txt",
        *NAMES,
    ]


def test_a_truncated_archive_leaves_no_incomplete_file(tmp_path, serve):
    whole = archive()
    assert "cannot unpack" in refusal(serve, whole[: len(whole) // 2])
    for path in (tmp_path / "cache/cifar10").glob("*.bin"):
        assert path.read_bytes() == contents()[path.name]
    assert_is_the_small_set(serve(whole))


@pytest.mark.skipif(
    "MINIALEX_DATA" not in os.environ,
    reason="MINIALEX_DATA names no folder with cifar-10-batches-bin",
)
def test_the_real_cifar10(monkeypatch):
    monkeypatch.setattr(cifar10, "BATCH", 10_000)
    dataset = cifar10.load(os.environ["MINIALEX_DATA"])
    assert dataset.train.images.shape == (50000, 32, 32, 3)
    assert dataset.test.images.shape == (10000, 32, 32, 3)
    assert numpy.bincount(dataset.train.labels).tolist() == [5000] * 10
    assert dataset.class_names == cifar10.CLASS_NAMES
    # The published means; another encoding of the pictures may change them a little.
    numpy.testing.assert_allclose(
        dataset.train.images[::10].mean(axis=(0, 1, 2)), [125.3, 123.0, 113.9], atol=2
    )
