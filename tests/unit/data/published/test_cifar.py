"""CIFAR-10 and CIFAR-100, binary or pickled, good and damaged, in a folder or an archive; real ones
if present."""

import dataclasses
import functools
import hashlib
import io
import os
import pickle
import tarfile
import tracemalloc
from pathlib import Path

import numpy
import pytest
from cifar_files import TRAIN, binary, pickle2, rows, small_cifar10, write_cifar10_pickles
from data_helpers import random_pictures, refusal, web_server
from pickle_attacks import attacks

from minialex.data.published import cifar, cifar_classes, cifar_kinds
from minialex.data.published.cifar_pickles import read_pickled_batch

NAMES = [*(f"{name}.bin" for name in TRAIN), "test_batch.bin"]
load = functools.partial(cifar.load, "cifar10")


def contents():
    files = {name: binary(*part) for name, part in zip(NAMES, small_cifar10(), strict=True)}
    return files | {"batches.meta.txt": "\n".join(cifar_classes.CIFAR10[::-1]).encode() + b"\n\n"}


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
    batches = small_cifar10()
    for images, expected in ((dataset.train, batches[:5]), (dataset.test, batches[5:])):
        numpy.testing.assert_array_equal(
            images.images, numpy.concatenate([pictures for pictures, _ in expected])
        )
        numpy.testing.assert_array_equal(
            images.labels, numpy.concatenate([labels for _, labels in expected])
        )


@pytest.mark.parametrize("subfolder", ["", "cifar-10-batches-bin"])
def test_the_batches_are_read_from_the_folder_or_its_subfolder(tmp_path, subfolder):
    write(tmp_path / subfolder)
    dataset = load(tmp_path)
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
    dataset = load(write(tmp_path), padding=1)
    assert dataset.train.padding == dataset.test.padding == 1


def test_image_size_is_passed_on(tmp_path):
    dataset = load(write(tmp_path), image_size=40)
    assert dataset.train.image_size == dataset.test.image_size == 40


def test_a_record_is_a_label_and_the_red_green_and_blue_planes(tmp_path):
    record = numpy.zeros(3073, numpy.uint8)
    record[[0, 1 + 2, 1 + 1024 + 32, 1 + 2048 + 1023]] = 9, 10, 20, 30
    record.tofile(write(tmp_path) / "test_batch.bin")
    dataset = load(tmp_path)
    (image,), (label,) = dataset.test.images, dataset.test.labels
    assert label == 9
    assert image[0, 2].tolist() == [10, 0, 0]
    assert image[1, 0].tolist() == [0, 20, 0]
    assert image[31, 31].tolist() == [0, 0, 30]
    assert image.sum() == 60


def test_without_a_file_of_names_the_classes_have_their_published_names(tmp_path):
    names = load(write(tmp_path, batches_meta=None)).class_names
    assert names[0] == "airplane"
    assert names[9] == "truck"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"data_batch_2": None, "test_batch": None}, "no data_batch_2.bin, test_batch.bin in"),
        ({"data_batch_2": b""}, "got 0 bytes"),
        (
            {"data_batch_3": binary(*small_cifar10()[2])[:-1]},
            "expected pictures of 3,073 bytes, got 12291 bytes, which are 4.00 pictures",
        ),
        (
            {"data_batch_4": binary(random_pictures(4, 32), [0] * 4, [1] * 4)},
            "these are CIFAR-100's records of 3,074 bytes, expected CIFAR-10's of 3,073",
        ),
        ({"test_batch": (b"\x0a" + bytes(3072)) * 4}, "expected labels 0 to 9, got 10"),
        ({"batches_meta": b"cat\ndog\n"}, "expected 10 class names, got 2"),
    ],
)
def test_missing_and_damaged_files_are_refused(tmp_path, changed, said):
    message = refusal(load, write(tmp_path, **changed))
    assert said in message
    assert str(tmp_path) in message


@pytest.mark.parametrize("subfolder", ["", "cifar-10-batches-py"])
def test_the_python_version_is_read(tmp_path, subfolder):
    write_cifar10_pickles(tmp_path / subfolder)
    dataset = load(tmp_path)
    assert_is_the_small_set(dataset)
    assert dataset.class_names == [f"class {i}" for i in range(10)]
    (tmp_path / subfolder / "batches.meta").unlink()
    assert load(tmp_path).class_names == list(cifar_classes.CIFAR10)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("keys", [str, str.encode])
def test_pickles_that_python_3_has_written_are_read(tmp_path, protocol, keys):
    """As somebody saves a selection of pictures. Protocol 4 was the default up to Python 3.13."""
    pictures, labels = random_pictures(3, 32), [4, 5, 6]
    batch = {keys("data"): rows(pictures), keys("labels"): labels}
    (tmp_path / "batch").write_bytes(pickle.dumps(batch, protocol))
    data, found = read_pickled_batch(tmp_path / "batch", "labels")
    numpy.testing.assert_array_equal(data, rows(pictures))
    assert found.tolist() == labels
    batch[keys("data")] = numpy.asfortranarray(rows(pictures))
    (tmp_path / "batch").write_bytes(pickle.dumps(batch, protocol))
    numpy.testing.assert_array_equal(read_pickled_batch(tmp_path / "batch", "labels")[0], data)


def test_the_pickles_of_the_tests_are_what_python_reads(tmp_path):
    folder = write_cifar10_pickles(tmp_path)
    found = pickle.loads((folder / "data_batch_2").read_bytes(), encoding="latin-1")
    numpy.testing.assert_array_equal(found["data"], rows(small_cifar10()[1][0]))
    assert found["labels"] == [1, 2, 3, 4]


@pytest.mark.parametrize("number", range(len(list(attacks("there")))))
def test_no_pickle_is_run(number, tmp_path):
    write_cifar10_pickles(tmp_path / "py")
    attack = list(attacks(tmp_path / "made"))[number]
    (tmp_path / "py" / "data_batch_1").write_bytes(attack)
    assert "data_batch_1: not a" in refusal(load, tmp_path / "py")
    assert not (tmp_path / "made").exists()


GOOD = {"data": rows(random_pictures(2, 32)), "labels": [1, 2]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle2(GOOD)[:-100], "not a whole pickle of CIFAR's Python version"),
        (b"<html>", "not a whole pickle of CIFAR's Python version"),
        (pickle2([1, 2]), "value of type list, expected dict"),
        (pickle2({"labels": [1]}), "expected data and labels, got labels"),
        (pickle2(GOOD | {"data": GOOD["data"][:, :-1]}), "pictures of 3,072 bytes, got 3,071"),
        (pickle2(GOOD | {"data": GOOD["data"][:1]}), "got uint8 (1, 3072) and (2,)"),
        (pickle2(GOOD | {"labels": [1, 10]}), "expected labels 0 to 9, got 10"),
        (pickle2(GOOD | {"labels": ["a", "b"]}), "not a batch of CIFAR"),
        (pickle2(GOOD | {"data": "some"}), "value of type str, expected Record"),
        (pickle.dumps(GOOD | {"data": GOOD["data"] / 255}, 2), "expected pictures uint8 (N, 3072)"),
        (
            pickle2({"data": GOOD["data"], "fine_labels": [1, 2], "coarse_labels": [0, 0]}),
            "these are CIFAR-100's pictures, without labels",
        ),
        # It claims more pictures than it has.
        (pickle2(GOOD).replace(b"(K\x02M\0\x0ct", b"(K\xc8M\0\x0ct"), "cannot reshape"),
    ],
)
def test_damaged_pickles_are_refused(tmp_path, content, said):
    write_cifar10_pickles(tmp_path)
    (tmp_path / "test_batch").write_bytes(content)
    message = refusal(load, tmp_path)
    assert said in message
    assert str(tmp_path / "test_batch") in message


def test_a_pickle_that_claims_much_takes_no_memory(tmp_path):
    path = tmp_path / "batch"
    path.write_bytes(b"\x80\x02}U\x04dataT" + b"\xff\xff\xff\x7f" + b"abc")
    tracemalloc.start()
    try:
        assert "not a whole pickle" in refusal(read_pickled_batch, path, "labels")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


FINE, COARSE = [0, 99, 4], [4, 17, 0]  # apple, worm and beaver: fruit, small mammals, aquatic


def write_cifar100(folder, pickled=False):
    """Writes a small CIFAR-100, whose test pictures are the training pictures, too."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = random_pictures(3, 32)
    for part in ("train", "test"):
        if pickled:
            batch = {"filenames": ["a.png"] * 3, "batch_label": part, "fine_labels": FINE}
            batch |= {"coarse_labels": COARSE, "data": rows(pictures)}
            (folder / part).write_bytes(pickle2(batch))
        else:
            (folder / f"{part}.bin").write_bytes(binary(pictures, COARSE, FINE))
    return pictures


@pytest.mark.parametrize(
    ("folder", "pickled"),
    [
        *((folder, False) for folder in ("", "cifar-100-binary")),
        *((folder, True) for folder in ("", "cifar-100-python")),
    ],
)
def test_cifar100_has_a_fine_and_a_coarse_label(tmp_path, folder, pickled):
    pictures = write_cifar100(tmp_path / folder, pickled)
    fine, coarse = (cifar.load(name, tmp_path) for name in ("cifar100", "cifar100-coarse"))
    for dataset, labels in ((fine, FINE), (coarse, COARSE)):
        for images in (dataset.train, dataset.test):
            numpy.testing.assert_array_equal(images.images, pictures)
            assert images.labels.tolist() == labels
    assert [fine.class_names[label] for label in FINE] == ["apple", "worm", "beaver"]
    assert (fine.num_classes, coarse.num_classes) == (100, 20)
    assert coarse.class_names[4] == "fruit_and_vegetables"
    assert (fine.name, coarse.name) == ("cifar100", "cifar100-coarse")


def test_cifar100_s_names_come_from_its_files(tmp_path):
    write_cifar100(tmp_path)
    for how, count in (("fine", 100), ("coarse", 20)):
        names = [f"{how} {i}" for i in range(count)]
        (tmp_path / f"{how}_label_names.txt").write_text("\n".join(names))
    assert cifar.load("cifar100", tmp_path).class_names[99] == "fine 99"
    assert cifar.load("cifar100-coarse", tmp_path).class_names[19] == "coarse 19"


def test_published_names_are_sorted_as_they_are_numbered():
    for names, count in ((cifar_classes.FINE, 100), (cifar_classes.COARSE, 20)):
        assert len(set(names)) == count
        assert sorted(names) == list(names)


@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_the_other_data_set_is_named(tmp_path, pickled, nested):
    kinds = cifar.KINDS
    ten, hundred = (
        tmp_path / name / (getattr(kinds[name], "pickled" if pickled else "binary").folder * nested)
        for name in ("cifar10", "cifar100")
    )
    write_cifar10_pickles(ten) if pickled else write(ten)
    write_cifar100(hundred, pickled)
    said = refusal(load, tmp_path / "cifar100")
    assert "holds CIFAR-100, with records of 3,074 bytes" in said and "--dataset cifar100" in said
    said = refusal(cifar.load, "cifar100", tmp_path / "cifar10")
    assert "holds CIFAR-10, with records of 3,073 bytes" in said and "--dataset cifar10" in said


def test_cifar10_s_records_are_not_cifar100_s(tmp_path):
    write_cifar100(tmp_path)
    (tmp_path / "test.bin").write_bytes(binary(*small_cifar10()[0]))
    said = refusal(cifar.load, "cifar100", tmp_path)
    assert "test.bin: these are CIFAR-10's records of 3,073 bytes" in said
    (tmp_path / "test.bin").write_bytes(binary(random_pictures(1, 32), [20], [99]))
    assert "expected labels 0 to 19, got 20" in refusal(cifar.load, "cifar100-coarse", tmp_path)
    assert cifar.load("cifar100", tmp_path).test.labels.tolist() == [99]


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

    def download(content):
        monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with web_server({"cifar.tar.gz": content}) as (url, _):
            kind = dataclasses.replace(cifar.KINDS["cifar10"], archive="cifar.tar.gz")
            kind = dataclasses.replace(kind, archive_hash=f"md5:{hashlib.md5(content).hexdigest()}")
            monkeypatch.setitem(cifar.KINDS, "cifar10", kind)
            monkeypatch.setattr(cifar_kinds, "SITE", url)
            return load()

    return download


def test_without_a_folder_the_archive_is_downloaded_once(tmp_path, serve):
    assert_is_the_small_set(serve(archive()))
    assert_is_the_small_set(load())  # the server is gone
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
def test_the_real_cifar10():
    dataset = load(os.environ["MINIALEX_DATA"])
    assert dataset.train.images.shape == (50000, 32, 32, 3)
    assert dataset.test.images.shape == (10000, 32, 32, 3)
    assert numpy.bincount(dataset.train.labels).tolist() == [5000] * 10
    assert dataset.class_names == list(cifar_classes.CIFAR10)
    # The published means; another encoding of the pictures may change them a little.
    numpy.testing.assert_allclose(
        dataset.train.images[::10].mean(axis=(0, 1, 2)), [125.3, 123.0, 113.9], atol=2
    )
