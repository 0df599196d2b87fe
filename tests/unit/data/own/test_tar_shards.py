"""Tar shards: pictures and labels are read where they lie, and odd archives are named."""

import io
import json
import os
import tarfile
from pathlib import Path

import numpy
import pytest
from data_helpers import photograph, refusal
from kept_files import changed
from PIL import Image

from minialex.data.augment import centre_views
from minialex.data.folder_images import FolderImages
from minialex.data.own import folder, listing, tar_shards
from minialex.data.own.stored import Container


def picture(seed, kind="png"):
    """An encoded picture of random pixels, 6×6."""
    pixels = numpy.random.default_rng(seed).integers(0, 256, (6, 6, 3), numpy.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def write(path, members, format=tarfile.PAX_FORMAT):
    """Writes {name: bytes or TarInfo} to an archive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=format) as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def sample(number, label, kind="png"):
    """A picture with its label in a .cls file."""
    key = f"{number:06}"
    return {f"{key}.{kind}": picture(number), f"{key}.cls": str(label).encode()}


def samples(numbers):
    """One sample for each number, of the classes 0, 1 and 2."""
    return {name: content for n in numbers for name, content in sample(n, n % 3).items()}


def assert_reads(dataset, labels):
    """All pictures of the data set have the pixels of picture(n) and the label n % 3."""
    seen = []
    for images in (dataset.train, dataset.test):
        pixels = images.read(range(len(images)), centre_views(len(images)))
        for source, x, label in zip(images.paths, pixels, images.labels, strict=True):
            number = int(source.name.rpartition("/")[2].partition(".")[0])
            expected = numpy.asarray(Image.open(io.BytesIO(picture(number))))
            numpy.testing.assert_array_equal(x, expected)
            assert dataset.class_names[label] == str(labels[number])
            seen.append(number)
    assert sorted(seen) == sorted(labels)


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_pictures_are_read_where_they_lie(format, tmp_path):
    write(tmp_path / "pets-train-000000.tar", samples(range(5)), format)
    write(tmp_path / "pets-train-000001.tar", samples(range(5, 9)), format)
    write(tmp_path / "pets-val-000000.tar", samples(range(9, 12)), format)
    dataset = folder.load(tmp_path, image_size=6)
    assert (len(dataset.train), len(dataset.test)) == (9, 3)
    assert dataset.class_names == ["0", "1", "2"]
    assert_reads(dataset, {n: n % 3 for n in range(12)})
    assert dataset.notes == [
        "9 training pictures of 3 classes in 2 .tar files, 3 test pictures in pets-val-000000.tar"
    ]


def test_long_names_and_folders_in_the_archive(tmp_path):
    members = {f"{'a' * 150}/{'b' * 120}/{name}": c for name, c in samples(range(20)).items()}
    dataset = folder.load(write(tmp_path / "shard.tar", members), image_size=6)
    assert_reads(dataset, {n: n % 3 for n in range(20)})
    assert "20 pictures of 3 classes in shard.tar, 3 held out" in dataset.notes[0]


def test_labels_may_be_in_json(tmp_path):
    members = {}
    for n in range(8):
        members[f"{n}.json"] = json.dumps({"Label": ["cat", "dog"][n % 2], "x": 1}).encode()
        members[f"{n}.JPG"] = picture(n)
    dataset = folder.load(write(tmp_path / "shard.tar", members), image_size=6)
    assert_reads(dataset, {n: ["cat", "dog"][n % 2] for n in range(8)})


@pytest.mark.parametrize("above", ["", "train/"])
def test_a_list_may_have_the_names_of_the_classes(above, tmp_path):
    write(tmp_path / above / "0.tar", samples(range(12)))
    (tmp_path / "classnames.txt").write_text("tench\ngreat white shark\nadder\n")
    dataset = folder.load(tmp_path, image_size=6)
    names = ["tench", "great white shark", "adder"]
    assert dataset.class_names == names
    assert_reads(dataset, {n: names[n % 3] for n in range(12)})
    (tmp_path / "classnames.txt").write_text("tench\nadder\n")  # not of these classes
    assert folder.load(tmp_path).class_names == ["0", "1", "2"]


def test_the_folder_may_say_the_split(tmp_path):
    write(tmp_path / "train/0.tar", samples(range(6)))
    write(tmp_path / "val/0.tar", samples(range(6, 9)))
    write(tmp_path / "test/0.tar", samples(range(9, 12)))
    dataset = folder.load(tmp_path, image_size=6)
    assert (len(dataset.train), len(dataset.test)) == (6, 3)
    assert dataset.notes[1:] == [
        "1 .tar file not used, first 0.tar: the test pictures are those of val"
    ]
    assert {Path(source.file).parent.name for source in dataset.test.paths} == {"val"}


def test_a_tar_beside_class_folders_is_not_taken_for_a_shard(tmp_path):
    write(tmp_path / "pets.tar", samples(range(6)))
    for name in ("cat", "dog"):
        for n in range(3):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f"{n}.png").write_bytes(picture(n))
    dataset = folder.load(tmp_path)
    assert dataset.class_names == ["cat", "dog"]
    assert dataset.notes[1] == "1 file left out: 1 .tar"


def test_what_is_no_labelled_picture_is_told(tmp_path):
    link = tarfile.TarInfo("link.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    twice = tarfile.TarInfo("twice.png")
    twice.type, twice.linkname = tarfile.LNKTYPE, "000001.png"
    device = tarfile.TarInfo("device.png")
    device.type = tarfile.CHRTYPE
    members = samples(range(9)) | {
        "link.png": link,
        "twice.png": twice,
        "device.png": device,
        "000001.txt": b"a caption",
        "000001.seg.png": picture(50),
        "lonely.png": picture(51),
        "empty.png": picture(52),
        "empty.cls": b" \n",
        "../../outside.txt": b"",
        ".hidden.png": picture(53),
    }
    dataset = folder.load(write(tmp_path / "shard.tar", members), image_size=6)
    assert_reads(dataset, {n: n % 3 for n in range(9)})
    assert dataset.notes[1:] == [
        "6 files left out: 3 no plain files, 2 .txt, 1 .png",
        "2 pictures without a label left out",
    ]
    assert not (tmp_path.parent.parent / "outside.txt").exists()


def test_the_index_is_read_once_until_the_archive_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(listing, "SETTLED", 0)
    path = write(tmp_path / "shard.tar", samples(range(9)))
    first = folder.load(path, image_size=6)
    with monkeypatch.context() as patch:
        patch.setattr(tarfile, "open", None)
        again = folder.load(path, image_size=6)
    assert again.train.paths == first.train.paths
    assert again.notes == first.notes
    write(path, samples(range(12)))
    os.utime(path, ns=(1, 1))
    assert_reads(folder.load(path, image_size=6), {n: n % 3 for n in range(12)})


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: b"",
        lambda text: text[: len(text) // 2],
        lambda text: b"[]",
        lambda text: text.replace(b"000003.png", b"\xff"),
        lambda text: text.replace(b"000003.png", b"000004.png"),
        changed(lambda kept: kept.update(content=[])),
        changed(lambda kept: kept["content"][0].append([1, 2, 3, 4])),
        changed(lambda kept: kept["content"][0].append(["a", 99999999, 3, "0"])),
        changed(lambda kept: kept["content"][0].append(["a", -1, 3, "0"])),
        changed(lambda kept: kept["content"][0].append(["a", 1.0, 3, "0"])),
        changed(lambda kept: kept["content"].__setitem__(1, {".txt": []})),
    ],
)
def test_a_damaged_index_only_costs_time(damage, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(listing, "SETTLED", 0)
    path = write(tmp_path / "shard.tar", samples(range(9)))
    folder.load(path, image_size=6)
    (cache,) = (tmp_path / "cache/listings").iterdir()
    whole = cache.read_bytes()
    cache.write_bytes(damage(whole))
    assert cache.read_bytes() != whole
    assert_reads(folder.load(path, image_size=6), {n: n % 3 for n in range(9)})


def with_size(path, number, size):
    """Rewrites the size in the number-th header of the archive, with a right checksum."""
    content = bytearray(path.read_bytes())
    with tarfile.open(path) as archive:
        start = archive.getmembers()[number].offset
    header = content[start : start + 512]
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    content[start : start + 512] = header
    path.write_bytes(content)


def test_archives_that_are_cut_off_or_damaged_are_named(tmp_path):
    path = write(tmp_path / "shard.tar", samples(range(9)))
    whole = path.read_bytes()
    with tarfile.open(path) as archive:
        starts = [(member.offset, member.offset_data) for member in archive]
    for end in (0, 100, starts[4][0] + 100, starts[4][1], starts[4][1] + 20, starts[16][1] + 3):
        path.write_bytes(whole[:end])
        assert str(path) in refusal(folder.load, path)
    assert f"{path} is cut off in 000008.png" in refusal(folder.load, path)
    for start, _ in starts[1:]:  # a header with a wrong checksum
        path.write_bytes(whole[:start] + b"x" * 8 + whole[start + 8 :])
        assert f"no header of a file at byte {start:,}" in refusal(folder.load, path)
    for size in (b"77777777777\0", b"\x80" + b"\0" * 3 + b"\x7f" * 8, b"\xff" * 12):
        path.write_bytes(whole)
        with_size(path, 4, size)
        assert str(path) in refusal(folder.load, path)
    for content in (b"no archive " * 200, b"\x1f\x8b\x08" + bytes(2000)):
        path.write_bytes(content)
        assert f"{path}: not a whole .tar file" in refusal(folder.load, path)


def test_archives_without_labels_are_refused(tmp_path):
    path = write(tmp_path / "shard.tar", {"a.png": picture(0)})
    assert "no picture with a label in shard.tar, expected KEY.jpg and KEY.cls" in refusal(
        folder.load, path
    )
    write(path, {"a.png": picture(0), "a.cls": b"\xff"})
    assert f"{path}: a.png: its label cannot be read" in refusal(folder.load, path)
    write(path, {"a.png": picture(0), "a.json": b"[" * 100_000})
    assert f"{path}: a.png: its label cannot be read" in refusal(folder.load, path)


def test_messages_name_the_archive_and_the_picture(tmp_path):
    members = samples(range(9))
    members["000004.png"] = b"no picture"
    path = write(tmp_path / "train.tar", members)
    dataset = folder.load(path, image_size=6, val_share=0.3)
    (images, i) = next(
        (images, i)
        for images in (dataset.train, dataset.test)
        for i, source in enumerate(images.paths)
        if source.name == "000004.png"
    )
    assert str(images.paths[i]) == f"{path}: 000004.png"
    said = refusal(images.read, [i], centre_views(1))
    assert said.startswith(f"{path}: 000004.png: not a readable picture")
    _, good, problems = images.read_good(range(len(images)), centre_views(len(images)))
    assert list(problems) == [f"{path}: 000004.png"]
    assert good.sum() == len(images) - 1
    path.unlink()
    assert "No such file" in refusal(images.read, [0], centre_views(1))


def test_of_an_archive_that_is_written_anew_while_it_is_in_use_nothing_is_read(tmp_path):
    """Others lie where its pictures were, and have other labels."""
    path = write(tmp_path / "train.tar", samples(range(9)))
    images = folder.load(path, image_size=6, val_share=0.3).train
    write(path, samples(range(1, 10)))
    os.utime(path, ns=(1, 1))  # clocks of file systems are coarse
    _, good, problems = images.read_good(range(len(images)), centre_views(len(images)))
    assert not good.any()
    assert all("has changed since its pictures were listed" in p for p in problems.values())


def test_a_fingerprint_is_that_of_the_archive(tmp_path):
    path = write(tmp_path / "train.tar", samples(range(9)))
    (offset, *_) = [s.offset for s in folder.load(path).train.paths]
    images = FolderImages([tar_shards.TarPicture(Container.at(path), "a.png", offset, 99)], [0], 6)
    before = images.fingerprint([0])
    assert images.fingerprint([0]) == before
    os.utime(path, ns=(1, 1))
    assert images.fingerprint([0]) != before


def test_large_jpegs_in_an_archive_are_decoded_like_files(tmp_path):
    file = io.BytesIO()
    Image.fromarray(photograph(700, 500)).save(file, "JPEG")
    (tmp_path / "a.jpg").write_bytes(file.getvalue())
    path = write(tmp_path / "a.tar", {"x.cls": b"0", "x.jpg": file.getvalue()})
    with tarfile.open(path) as archive:
        member = archive.getmember("x.jpg")
    stored = tar_shards.TarPicture(Container.at(path), "x.jpg", member.offset_data, member.size)
    views = centre_views(2)
    x = FolderImages([stored, str(tmp_path / "a.jpg")], [0, 0], 64).read([0, 1], views)
    numpy.testing.assert_array_equal(x[0], x[1])
