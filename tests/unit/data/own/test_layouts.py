"""The layouts of folders of pictures: each is recognised, and told, and no picture is lost."""

from pathlib import Path

import numpy
import pytest
from data_helpers import refusal, save_random_picture
from scipy.io import savemat

from minialex.data import imagenet_classes
from minialex.data.own import folder

NAMES = imagenet_classes.names()


def make(root, *names):
    """Writes a picture for each name; a name such as "cat/*8.png" means eight of them."""
    for name in names:
        before, star, rest = name.partition("*")
        count, dot, extension = rest.partition(".")
        for i in range(int(count) if star else 1):
            path = root / (f"{before}{i}{dot}{extension}" if star else name)
            save_random_picture(path, (4, 4), seed=i)
    return root


def shown(images, dataset, root):
    """{file, relative to root: class name}"""
    return {
        Path(path).relative_to(root).as_posix(): dataset.class_names[label]
        for path, label in zip(images.paths, images.labels, strict=True)
    }


@pytest.mark.parametrize("name", ["val", "valid", "validation", "test", "Validation", "TEST"])
def test_the_test_pictures_may_lie_in_any_of_these(name, tmp_path):
    make(tmp_path, "train/cat/a.png", "train/dog/b.png", f"{name}/dog/c.png")
    dataset = folder.load(tmp_path)
    assert shown(dataset.test, dataset, tmp_path) == {f"{name}/dog/c.png": "dog"}
    assert dataset.notes == [
        f"2 training pictures of 2 classes in train/, 1 test picture in {name}/"
    ]
    assert dataset.val_share is None


def test_with_both_val_and_test_training_uses_val(tmp_path):
    make(tmp_path, "Train/cat/a.png", "Train/dog/b.png", "val/dog/c.png", "test/dog/d.png")
    dataset = folder.load(tmp_path)
    assert [Path(path).name for path in dataset.test.paths] == ["c.png"]
    assert dataset.notes[1:] == ["test/ is not used: the test pictures are those in val/"]


def test_other_folders_with_pictures_are_told(tmp_path):
    make(tmp_path, "train/cat/a.png", "train/dog/b.png", "val/dog/c.png")
    make(tmp_path, "extra/x/y/*3.png", "validation/dog/d.png", "figures/plot.png", ".thumbs/a.png")
    (tmp_path / "notes").mkdir()
    dataset = folder.load(tmp_path)
    assert [Path(path).name for path in dataset.test.paths] == ["c.png"]
    assert dataset.notes[1:] == [
        "extra/ (3 pictures) is not used",
        "figures/ (1 picture) is not used",
        "validation/ (1 picture) is not used",
    ]


def test_a_test_folder_without_classes_is_not_used(tmp_path):
    make(tmp_path, "train/cat/*4.png", "train/dog/*4.png", "test/*3.png")
    dataset = folder.load(tmp_path, val_share=0.25)
    assert (len(dataset.train), len(dataset.test)) == (6, 2)
    assert dataset.notes[1] == "test/ is not used: its pictures are in no class folders"


@pytest.mark.parametrize("above", ["", "train/"])
def test_without_test_pictures_a_tenth_of_each_class_is_held_out(above, tmp_path):
    make(tmp_path / "pets", *[f"{above}{name}/*20.png" for name in ("ant", "cat", "dog")])
    dataset = folder.load(tmp_path / "pets")
    assert numpy.bincount(dataset.train.labels).tolist() == [18, 18, 18]
    assert numpy.bincount(dataset.test.labels).tolist() == [2, 2, 2]
    everything = shown(dataset.train, dataset, tmp_path) | shown(dataset.test, dataset, tmp_path)
    assert len(everything) == 60
    assert all(Path(path).parent.name == name for path, name in everything.items())
    assert dataset.notes == [
        f"60 pictures of 3 classes in {above or 'pets/'}, 6 held out for testing (--val-share 0.1)"
    ]
    assert dataset.val_share == 0.1


def test_what_is_held_out_depends_on_the_names_of_the_files_the_share_and_the_seed(tmp_path):
    make(tmp_path / "some", "cat/*20.png", "dog/x/*20.png")
    # The same files elsewhere, made in another order.
    make(tmp_path / "other", "dog/x/*20.png", *[f"cat/{i}.png" for i in reversed(range(20))])
    held_out = [
        set(shown(found.test, found, root))
        for root in (tmp_path / "some", tmp_path / "other")
        for found in [folder.load(root, val_share=0.3)]
    ]
    assert held_out[0] == held_out[1]
    assert len(held_out[0]) == 12
    other = folder.load(tmp_path / "some", val_share=0.3, seed=1)
    assert set(shown(other.test, other, tmp_path / "some")) != held_out[0]


def test_a_share_takes_the_place_of_the_test_pictures(tmp_path):
    make(tmp_path, "train/cat/*10.png", "train/dog/*10.png", "val/dog/*3.png")
    dataset = folder.load(tmp_path, val_share=0.2)
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    assert {Path(path).parts[-3] for path in dataset.test.paths} == {"train"}
    assert dataset.notes[0] == (
        "20 pictures of 2 classes in train/, 4 held out for testing (--val-share 0.2); those in "
        "val/ are not used"
    )


def test_classes_may_be_called_like_splits(tmp_path):
    make(tmp_path / "a", "train/*5.png", "car/*5.png", "plane/*5.png")
    assert folder.load(tmp_path / "a").class_names == ["car", "plane", "train"]
    make(tmp_path / "b", "valid/*5.png", "invalid/deep/*5.png")
    assert folder.load(tmp_path / "b").class_names == ["invalid", "valid"]


def test_pictures_of_one_class_are_refused(tmp_path):
    make(tmp_path, "images/cat/*5.png", "images/dog/*5.png")
    assert refusal(folder.load, tmp_path) == (
        f"{tmp_path} has pictures of one class only, images: if the classes are cat, dog, …, "
        f"name {tmp_path}/images"
    )
    make(tmp_path / "wrapped", "pets/train/cat/*5.png", "pets/val/dog/*5.png")
    assert refusal(folder.load, tmp_path / "wrapped").endswith(
        f"of one class only, pets: name {tmp_path}/wrapped/pets, where val and train are"
    )
    make(tmp_path / "one", "cat/*3.png")
    assert refusal(folder.load, tmp_path / "one").endswith("has pictures of one class only, cat")


def test_pictures_beside_the_class_folders_are_told(tmp_path):
    make(tmp_path, "cat/*5.png", "dog/*5.png", "stray.png")
    (tmp_path / "cat" / "x.HEIC").touch()
    (tmp_path / "dog" / "y.heic").touch()
    (tmp_path / "dog" / "Makefile").touch()
    assert folder.load(tmp_path).notes[1:] == [
        "3 files left out: 2 .heic, 1 without extension",
        f"1 picture in no class folder left out, first {tmp_path.name}/stray.png",
    ]


def test_classes_that_are_numbers_are_in_their_order(tmp_path):
    make(tmp_path, *[f"{k}/{i}.png" for k in (10, 2, 1, 0) for i in range(2)])
    dataset = folder.load(tmp_path)
    assert dataset.class_names == ["0", "1", "2", "10"]
    everything = shown(dataset.train, dataset, tmp_path)
    assert all(Path(path).parent.name == name for path, name in everything.items())


def numbers_of(root, class_names):
    """{folder: class number} for a network with these classes."""
    _, (paths, labels) = folder.labelled_files(root, class_names)
    return {Path(path).parent.name: label for path, label in zip(paths, labels, strict=True)}


def test_numbers_mean_the_classes_with_these_numbers(tmp_path):
    make(tmp_path / "twelve", *[f"{k}/a.png" for k in range(12)])
    names = [f"class {k}" for k in range(12)]
    assert numbers_of(tmp_path / "twelve", names) == {str(k): k for k in range(12)}
    animals = [*"abcdefghijkl"]
    assert numbers_of(tmp_path / "twelve", animals) == {str(k): k for k in range(12)}
    make(tmp_path / "some", "000/a.png", "010/a.png", "999/a.png")
    assert numbers_of(tmp_path / "some", NAMES) == {"000": 0, "010": 10, "999": 999}
    digits = sorted(map(str, range(12)))  # a network whose classes are in the alphabet's order
    assert numbers_of(tmp_path / "twelve", digits) == {
        str(k): digits.index(str(k)) for k in range(12)
    }


def test_numbers_of_which_it_is_not_certain_what_they_mean_are_refused(tmp_path):
    make(tmp_path / "devkit", *[f"{k}/a.png" for k in (1, 2, 10)])
    for names in (NAMES, ["class 0", "class 1", "class 2"], ["cat", "dog", "eel"]):
        said = refusal(folder.labelled_files, tmp_path / "devkit", names)
        assert "has classes named by numbers from 1 on, which do not say which" in said
    make(tmp_path / "large", *[f"{k}/a.png" for k in (0, 2, 10)])
    assert "has a class 10, expected numbers from 0 to 2" in refusal(
        folder.labelled_files, tmp_path / "large", ["cat", "dog", "eel"]
    )


def test_other_names_are_not_matched_by_the_alphabet(tmp_path):
    make(tmp_path, "hund/a.png", "katze/b.png")
    assert "none of the network's: expected names such as 'cat'" in refusal(
        folder.labelled_files, tmp_path, ["cat", "dog"]
    )


# ImageNet and its relatives. In the devkit, kit fox is class 1 and tench is class 449, say.
DEVKIT = {1: "n02119789", 2: "n02100735", 449: "n01440764"}
WORDS = {"n02119789": "kit fox", "n02100735": "English setter", "n01440764": "tench"}
VAL = {1: "n01440764", 2: "n02119789", 3: "n02100735", 12: "n01440764"}
TRUTH = {f"ILSVRC2012_val_{number:08}.JPEG": WORDS[VAL[number]] for number in VAL}


def imagenet(root, train="train", val="val"):
    """Writes a training picture of each class, and the flat folder of validation pictures."""
    make(root, *[f"{train}/{each}/{each}_1.JPEG" for each in DEVKIT.values()])
    make(root, *[f"{val}/{name}" for name in TRUTH])
    return root


def write_kaggle(path):
    rows = [f"ILSVRC2012_val_{n:08},{each} 1 2 3 4 {each} 5 6 7 8" for n, each in VAL.items()]
    path.write_text("\n".join(["ImageId,PredictionString", *rows, ""]))


def ground_truth(folder):
    numbers = {each: number for number, each in DEVKIT.items()}
    lines = [str(numbers[VAL.get(n, "n02119789")]) for n in range(1, 13)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text("\n".join(lines) + "\n")
    return folder


def write_meta(path):
    """The devkit's meta.mat: a struct array synsets, the classes' parents last."""
    kind = [
        ("ILSVRC2012_ID", object),
        ("WNID", object),
        ("words", object),
        ("num_children", object),
    ]
    rows = [(k, each, WORDS[each], 0) for k, each in DEVKIT.items()]
    synsets = numpy.array([*rows, (1001, "n00001740", "entity", 3)], kind)
    savemat(path, {"synsets": synsets.reshape(-1, 1)})


def assert_imagenet(data_dir, val="val"):
    dataset = folder.load(data_dir)
    assert dataset.class_names == ["tench", "English setter", "kit fox"]  # the order of the ids
    found = {
        Path(p).name: dataset.class_names[k]
        for p, k in zip(dataset.test.paths, dataset.test.labels, strict=True)
    }
    assert found == TRUTH
    assert dataset.train.labels.tolist() == [0, 1, 2]
    _, (paths, labels) = folder.labelled_files(data_dir, NAMES)
    assert {Path(p).name: NAMES[k] for p, k in zip(paths, labels, strict=True)} == TRUTH


def test_imagenet_as_kaggle_has_it(tmp_path):
    imagenet(tmp_path / "ILSVRC/Data/CLS-LOC")
    make(tmp_path / "ILSVRC/Data/CLS-LOC", "test/ILSVRC2012_test_00000001.JPEG")
    write_kaggle(tmp_path / "LOC_val_solution.csv")
    for data_dir in (tmp_path, tmp_path / "ILSVRC", tmp_path / "ILSVRC/Data/CLS-LOC"):
        assert_imagenet(data_dir)
    assert folder.load(tmp_path).notes[1:] == [
        "test/ is not used: the test pictures are those in val/"
    ]


@pytest.mark.parametrize("place", [".", "val", "data", "ILSVRC2012_devkit_t12/data"])
def test_the_devkits_numbers_are_not_in_the_order_of_the_ids(tmp_path, place):
    imagenet(tmp_path)
    write_meta(ground_truth(tmp_path / place) / "meta.mat")
    assert_imagenet(tmp_path)


def test_the_devkits_numbers_may_be_said_by_a_list(tmp_path):
    imagenet(tmp_path)
    lines = [f"{each} {k} {WORDS[each].replace(' ', '_')}" for k, each in DEVKIT.items()]
    (ground_truth(tmp_path) / "map_clsloc.txt").write_text("\n".join(lines))
    assert_imagenet(tmp_path)


def test_ids_line_by_line_and_caffes_list_are_labels_too(tmp_path):
    imagenet(tmp_path / "a")
    ids = [VAL.get(number, "n02119789") for number in range(1, 13)]
    (tmp_path / "a/imagenet_2012_validation_synset_labels.txt").write_text("\n".join(ids))
    assert_imagenet(tmp_path / "a")
    imagenet(tmp_path / "b")
    rows = [f"{name} {NAMES.index(label)}" for name, label in TRUTH.items()]
    (tmp_path / "b/val.txt").write_text("\n".join(rows))
    assert_imagenet(tmp_path / "b")


def test_the_flat_folder_alone_is_for_testing(tmp_path):
    make(tmp_path, *TRUTH)
    write_kaggle(tmp_path / "LOC_val_solution.csv")
    none, (paths, labels) = folder.labelled_files(tmp_path, NAMES)
    assert none is None
    assert {Path(p).name: NAMES[k] for p, k in zip(paths, labels, strict=True)} == TRUTH


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("LOC_val_solution.csv", b"a,b\n", "expected the columns ImageId,PredictionString"),
        ("LOC_val_solution.csv", b"\xff\xfe", "cannot be read"),
        ("LOC_val_solution.csv", b"ImageId,PredictionString\nx\n", "in each row"),
        ("LOC_val_solution.csv", b"ImageId,PredictionString\n", "names none of the 4 pictures"),
        ("ILSVRC2012_validation_ground_truth.txt", b"1\n" * 12, "but not meta.mat or map_clsloc"),
        (
            "imagenet_2012_validation_synset_labels.txt",
            b"n01440764\n" * 3,
            "has 3 labels, none for",
        ),
        ("imagenet_2012_validation_synset_labels.txt", b"cat\n" * 12, "line 1 is not one of"),
        ("val.txt", b"ILSVRC2012_val_00000001.JPEG 1000\n", "expected lines such as"),
    ],
)
def test_damaged_labels_are_named(tmp_path, name, content, said):
    imagenet(tmp_path)
    (tmp_path / name).write_bytes(content)
    message = refusal(folder.load, tmp_path)
    assert said in message
    assert str(tmp_path / name) in message or "ground_truth" in message


@pytest.mark.parametrize("content", [b"", b"no matrix" * 40])
def test_a_damaged_meta_mat_is_named(tmp_path, content):
    imagenet(tmp_path)
    (ground_truth(tmp_path) / "meta.mat").write_bytes(content)
    assert f"{tmp_path / 'meta.mat'}: not the devkit's meta.mat" in refusal(folder.load, tmp_path)


def test_flat_validation_pictures_without_labels_are_refused(tmp_path):
    imagenet(tmp_path)
    said = refusal(folder.load, tmp_path)
    assert said.startswith(f"4 pictures in {tmp_path}/val, but no class folders, and no file with")
    assert "LOC_val_solution.csv" in said


def test_tiny_imagenet(tmp_path):
    ids = ("n02124075", "n01443537", "n99999999")
    make(tmp_path, *[f"train/{each}/images/*2.JPEG" for each in ids])
    for each in ids:
        (tmp_path / f"train/{each}/{each}_boxes.txt").touch()
    make(tmp_path, "val/images/*4.JPEG", "test/images/*3.JPEG")
    rows = [f"{k}.JPEG\t{ids[k]}\t0\t32\t44\t62\n" for k in range(3)]
    (tmp_path / "val/val_annotations.txt").write_text("".join(rows))
    (tmp_path / "words.txt").write_text("n00001740\tentity\nn99999999\tgold dust, powder\n")
    dataset = folder.load(tmp_path)
    assert dataset.class_names == ["goldfish", "Egyptian cat", "gold dust"]
    assert dataset.test.labels.tolist() == [1, 0, 2]
    assert dataset.train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert dataset.notes == [
        "6 training pictures of 3 classes in train/, 3 test pictures in val/",
        "3 files left out: 3 .txt",
        "1 picture in val/ left out: val_annotations.txt does not name them",
        "test/ is not used: the test pictures are those in val/",
    ]
    (tmp_path / "words.txt").unlink()
    assert folder.load(tmp_path).class_names == sorted(ids)


@pytest.mark.parametrize(
    ("rows", "said"),
    [(b"0.JPEG n02124075\n", "a tab and a WordNet id"), (b"\xff\t", "cannot be read")],
)
def test_damaged_annotations_are_named(tmp_path, rows, said):
    make(tmp_path, "train/n02124075/a.png", "train/n01443537/b.png", "val/images/0.JPEG")
    (tmp_path / "val/val_annotations.txt").write_bytes(rows)
    message = refusal(folder.load, tmp_path)
    assert said in message and "val_annotations.txt" in message


def test_imagenette_has_readable_names(tmp_path):
    ids = ("n03888257", "n01440764")
    make(tmp_path, *[f"{split}/{each}/a.JPEG" for split in ("train", "val") for each in ids])
    (tmp_path / "noisy_imagenette.csv").touch()
    assert folder.load(tmp_path).class_names == ["tench", "parachute"]
    _, (_, labels) = folder.labelled_files(tmp_path, ["parachute", "snail", "tench"])
    assert labels.tolist() == [2, 0]
    _, (_, labels) = folder.labelled_files(tmp_path, ["n03888257", "n01440764_tench"])
    assert labels.tolist() == [1, 0]
    synonyms = [f"{name.upper()}, and more" for name in NAMES]
    _, (_, labels) = folder.labelled_files(tmp_path, synonyms)
    assert labels.tolist() == [0, 701]


def test_the_results_of_training_are_no_pictures(tmp_path):
    """`cd PICTURES; minialex train .` writes curves into PICTURES/runs."""
    before = folder.load(make(tmp_path, "cat/*4.png", "dog/*4.png"))
    make(tmp_path, "runs/first/curves.png")
    (tmp_path / "runs" / "first" / "checkpoint.npz").write_bytes(b"weights")
    after = folder.load(tmp_path)
    assert (after.class_names, after.notes) == (before.class_names, before.notes)
    assert len(after.train) == len(before.train)
