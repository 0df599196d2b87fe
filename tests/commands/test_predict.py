"""The predict command, run as by a user: probabilities, any number of files, unreadable ones."""

import io
import json
import re
import sys

import numpy
import pytest
import trained_runs
from command_runs import call, start
from data_helpers import picture_folder
from mnist_files import write as write_fashion_mnist
from PIL import Image
from torch_files import tensors, zipped

from minialex import data, models, predict, prediction, weights
from minialex.data.augment import centre_views
from minialex.io import torch_layout


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return picture_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def folder(pictures, tmp_path_factory):
    """A run of ten steps."""
    return trained_runs.trained(
        tmp_path_factory.mktemp("runs") / "run", *trained_runs.on_folder(pictures)
    )


@pytest.fixture(scope="module")
def grey_run(tmp_path_factory):
    """A run of two steps on a small Fashion-MNIST enlarged from 28 to 40 pixels, and its data.

    (folder of the run, folder of the data)
    """
    root = tmp_path_factory.mktemp("grey")
    options = [
        "--dataset",
        "fashion-mnist",
        "--data-dir",
        write_fashion_mnist(root / "data"),
        "--image-size",
        40,
    ]
    run = trained_runs.trained(
        root / "run", *options, "--model", "lenet", "--batch-size", 6, "--epochs", 1, "--lr", 0.01
    )
    return run, root / "data"


@pytest.fixture
def use(folder, capsys):
    """Calls the command: (exit code, stdout, stderr)."""
    return lambda *arguments, weights=folder: call(
        predict.main, *arguments, "--weights", weights, capsys=capsys
    )


def predictions(out):
    """[(picture's name, [(class, probability), …]), …] in the order printed."""
    found = []
    for line in out.splitlines():
        name, answer = re.fullmatch(r"(\S*)(?: +(\d+\.\d\d%  .+))?", line).groups()
        if name:
            found.append((name, []))
        if answer:
            probability, class_name = answer.split("%  ")
            found[-1][1].append((class_name, float(probability) / 100))
    return found


def assert_says(found, class_names, expected):
    """The classes are sorted by their expected probabilities, and these are printed, to 0.01%."""
    assert len(found) == len(expected)
    for (_, answers), row in zip(found, expected, strict=True):
        ranked = sorted(range(len(row)), key=lambda label: -row[label])[: len(answers)]
        assert [name for name, _ in answers] == [class_names[label] for label in ranked]
        assert [p for _, p in answers] == pytest.approx([row[label] for label in ranked], abs=6e-5)


def test_the_probabilities_are_the_softmax_of_the_network_s_logits(folder, pictures, use):
    test = data.load("folder", pictures, 16).test
    code, out, err = use(*test.paths)
    assert (code, err) == (0, "")
    found = predictions(out)
    assert [name for name, _ in found] == test.paths
    expected = trained_runs.probabilities(
        folder, test.read(range(20), centre_views(20)), num_classes=2
    )
    assert_says(found, ["even", "odd"], expected)


def test_photographs_are_cut_as_the_run_s_test_pictures(folder, use, tmp_path):
    rng = numpy.random.default_rng(0)
    names = ("train/even/a.png", "train/odd/b.png", "val/even/c.png", "val/odd/d.jpg")
    for i, name in enumerate(names):
        (tmp_path / name).parent.mkdir(parents=True)
        small = Image.fromarray(rng.integers(0, 256, (6, 6 + i, 3), numpy.uint8))
        small.resize((90 + 20 * i, 90)).save(tmp_path / name)
    test = data.load("folder", tmp_path, 16).test
    _, out, _ = use(tmp_path / "val")
    expected = trained_runs.probabilities(
        folder, test.read(range(2), centre_views(2)), num_classes=2
    )
    assert_says(predictions(out), ["even", "odd"], expected)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_grey_network_sees_pictures_of_its_data_set_whole_and_grey(mode, grey_run, use, tmp_path):
    run, where = grey_run
    dataset = data.load("fashion-mnist", where, 40)
    for i, picture in enumerate(dataset.test.images):
        Image.fromarray(picture[..., 0]).convert(mode).save(tmp_path / f"{i}.png")
    code, out, err = use(tmp_path, "--top", 10, weights=run)
    assert (code, err) == (0, "")
    expected = trained_runs.probabilities(run, dataset.test.read(range(5), centre_views(5)))
    assert_says(predictions(out), dataset.class_names, expected)


def test_colours_become_grey_for_a_grey_network(grey_run, use, tmp_path):
    rng = numpy.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (40, 40, 3), numpy.uint8))
    picture.save(tmp_path / "colour.png")
    _, out, _ = use(tmp_path, weights=grey_run[0])
    grey = numpy.asarray(picture.convert("L"))[None, ..., None]
    assert_says(
        predictions(out),
        list(data.published.mnist.FAMILY["fashion-mnist"].class_names),
        trained_runs.probabilities(grey_run[0], grey),
    )


@pytest.mark.parametrize(
    "options", [["--workers", 1], ["--workers", 3], ["--batch-size", 1], ["--batch-size", 7]]
)
def test_threads_and_batch_size_change_no_answer(options, pictures, use):
    _, out, _ = use(pictures / "val", "--workers", 2)
    code, again, _ = use(pictures / "val", *options)
    assert code == 0
    assert again == out


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_unreadable_files_are_named_and_the_others_predicted(batch_size, pictures, use, tmp_path):
    good = sorted((pictures / "val" / "even").iterdir())[:4]
    broken, absent = tmp_path / "broken.png", tmp_path / "absent.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    _, expected, _ = use(*good)
    code, out, err = use(
        *good[:1], broken, *good[1:3], absent, *good[3:], "--batch-size", batch_size
    )
    assert (code, out) == (1, expected)
    first, second = err.splitlines()
    assert f"error: {broken}" in first
    assert f"error: {absent}" in second


def test_if_nothing_can_be_read_the_exit_code_is_2(use, tmp_path):
    for name in ("a.png", "b.jpg"):
        (tmp_path / name).write_text("no picture")
    code, out, err = use(tmp_path, "--batch-size", 1)
    assert (code, out, err.count("\n")) == (2, "", 2)


def test_a_folder_means_all_pictures_in_it_and_below(pictures, use, tmp_path, monkeypatch):
    picture = next((pictures / "val" / "even").iterdir()).read_bytes()
    monkeypatch.chdir(tmp_path)
    shown = ["a.PNG", "b/c.png", "b/d/e.png", "f.png"]
    for name in [*shown, "notes.txt", ".hidden.png", ".cache/g.png", "b/.cache/h.png"]:
        (tmp_path / "some" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "some" / name).write_bytes(picture)
    code, out, err = use("some", "some/notes.txt")
    assert (code, err) == (0, "")
    assert [name for name, _ in predictions(out)] == [
        f"some/{name}" for name in [*shown, "notes.txt"]
    ]


@pytest.mark.parametrize(
    ("options", "count"), [([], 5), (["--top", 1], 1), (["--top", 3], 3), (["--top", 1000], 10)]
)
def test_top_says_how_many_classes(options, count, grey_run, pictures, use):
    code, out, _ = use(next((pictures / "val" / "even").iterdir()), *options, weights=grey_run[0])
    ((_, answers),) = predictions(out)
    assert (code, len(answers)) == (0, count)
    assert sum(p for _, p in answers) == pytest.approx(1, abs=0.001) or count < 10


def test_the_columns_stay_within_80(pictures, use, tmp_path, monkeypatch):
    picture = next((pictures / "val" / "even").iterdir()).read_bytes()
    monkeypatch.chdir(tmp_path)
    names = [
        "a.png",
        "bbbbbb.png",
        f"{'c' * 61}.png",
        f"{'d' * 62}.png",
    ]  # of 80, answers take 11 and "even" 4
    for name in names:
        (tmp_path / name).write_bytes(picture)
    _, out, _ = use(*names)
    lines = out.splitlines()
    assert len(lines) == 9  # two answers each, and the longest name
    assert [name for name, _ in predictions(out)] == names
    assert {len(line) for line in lines if line.endswith("even")} == {80}
    assert lines[names.index(names[3]) * 2] == names[3]
    assert max(map(len, lines)) <= 80


def some_pictures(root, picture):
    """Pictures and other files at several depths below `root`, with the bytes of `picture`."""
    seen = ("a.png", "b.PNG", "in/c.png", "in/deep/d.jpg", "[x].png", "x.png")
    for name in (*seen, "notes.txt", ".hidden.png", "in/.cache/e.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(picture)


def test_linked_folders_are_followed(pictures, use, tmp_path):
    (tmp_path / "linked").symlink_to(pictures / "val" / "even")
    code, out, _ = use(tmp_path, "--top", 1)
    assert (code, len(predictions(out))) == (0, 10)


@pytest.mark.parametrize(
    ("pattern", "shown"),
    [
        ("*.png", ["[x].png", "a.png", "x.png"]),
        ("*", ["[x].png", "a.png", "b.PNG", "in/c.png", "in/deep/d.jpg", "x.png"]),
        ("**/*.png", ["[x].png", "a.png", "in/c.png", "x.png"]),
        ("**", ["[x].png", "a.png", "b.PNG", "in/c.png", "in/deep/d.jpg", "x.png"]),
        ("i?", ["in/c.png", "in/deep/d.jpg"]),
        ("[ab].*", ["a.png", "b.PNG"]),
        ("[x].png", ["[x].png"]),
    ],
)
def test_a_pattern_means_the_pictures_that_match(
    pattern, shown, pictures, use, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    some_pictures(tmp_path, next((pictures / "val" / "even").iterdir()).read_bytes())
    code, out, err = use(pattern, "--top", 1)
    assert (code, err) == (0, "")
    assert sorted(name for name, _ in predictions(out)) == shown


def test_standard_input_is_a_picture(pictures, use, monkeypatch):
    path = next((pictures / "val" / "even").iterdir())
    _, expected, _ = use(path, "--top", 1)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    code, out, err = use("-", "--top", 1)
    assert (code, err) == (0, "")
    assert out.split() == ["-", *expected.split()[1:]]


def test_unreadable_standard_input_is_named(pictures, use, monkeypatch):
    for content in (b"", b"no picture"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        code, out, err = use("-", next((pictures / "val" / "even").iterdir()))
        assert (code, len(predictions(out))) == (1, 1)
        assert err.startswith("error: -: not a readable picture")


def test_of_empty_standard_input_it_is_said_that_nothing_came(use, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    code, _, err = use("-")
    assert (code, err.count("\n")) == (2, 1)
    assert "nothing came through standard input" in err


def test_a_picture_through_a_pipe(folder, pictures):
    """As in a shell, in a process of its own."""
    path = next((pictures / "val" / "even").iterdir())
    with open(path, "rb") as file:
        process = start(
            "minialex.predict",
            "-",
            "--weights",
            folder,
            "--backend",
            "numpy",
            "--json",
            stdin=file,
            stdout=-1,
        )
        out, _ = process.communicate()
    assert process.returncode == 0
    assert json.loads(out)["picture"] == "-"


def test_json_is_a_line_for_each_picture(pictures, use, tmp_path):
    good = sorted((pictures / "val" / "even").iterdir())[:3]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    _, text, _ = use(*good)
    code, out, err = use(*good[:2], tmp_path / "broken.png", *good[2:], "--json")
    assert (code, err.count("\n")) == (1, 1)
    found = [json.loads(line) for line in out.splitlines()]
    assert [entry["picture"] for entry in found] == [str(path) for path in good]
    for entry, (_, answers) in zip(found, predictions(text), strict=True):
        assert entry.keys() == {"picture", "predictions"}
        assert [answer["class"] for answer in entry["predictions"]] == [name for name, _ in answers]
        assert [answer["probability"] for answer in entry["predictions"]] == pytest.approx(
            [p for _, p in answers], abs=6e-5
        )
        assert sum(answer["probability"] for answer in entry["predictions"]) == pytest.approx(1)
    _, out, _ = use(good[0], "--json", "--top", 1)
    assert len(json.loads(out)["predictions"]) == 1


def test_unusual_file_names_are_valid_json(pictures, use, tmp_path):
    picture = next((pictures / "val" / "even").iterdir())
    path = tmp_path / 'ä "quoted"\n.png'
    path.write_bytes(picture.read_bytes())
    code, out, _ = use(path, "--json")
    assert (code, out.count("\n")) == (0, 1)
    assert json.loads(out)["picture"] == str(path)


@pytest.fixture
def torch_weights(tmp_path):
    """torch's file of a LeNet for colour pictures of 28×28, and the network."""
    network = models.build("lenet", in_channels=3, rng=numpy.random.default_rng(0))
    return zipped(tmp_path / "lenet.pth", *tensors(torch_layout.to_torch(network))), network


def test_unusual_names_of_files_and_classes_stay_in_their_line(pictures, use, tmp_path):
    picture = next((pictures / "val" / "even").iterdir())
    (tmp_path / "x\n0 y\t\u202egnp.png").write_bytes(picture.read_bytes())
    (tmp_path / "x\x1b[2J.png").write_bytes(b"no picture")
    code, out, err = use(tmp_path, "--top", 1)
    assert (code, out.count("\n"), err.count("\n")) == (1, 2, 1)
    assert out.splitlines()[0] == rf"{tmp_path}/x\n0 y\t\u202egnp.png"
    assert err.startswith(rf"error: {tmp_path}/x\x1b[2J.png: not")
    one = predict.answers("a", numpy.array([0.25, 0.75]), ["even", "o\nd\u202ed"], 1, width=4)
    assert one == r"a      75.00%  o\nd\u202ed"


def test_weights_from_elsewhere_see_pictures_as_torchvision_prepares_them(
    torch_weights, use, tmp_path
):
    path, network = torch_weights
    pixels = numpy.random.default_rng(0).integers(
        0, 256, (28, 33, 3), numpy.uint8
    )  # the centre of a run's begins at column 3
    Image.fromarray(pixels).save(tmp_path / "a.png")
    code, out, err = use(tmp_path / "a.png", "--top", 10, weights=path)
    assert code == 0
    assumed = (
        "assumed lenet, pictures of 28×28 uncropped, with ImageNet's mean and standard deviation"
    )
    untrained = "are they trained? all biases are 0"
    assert err == f"note: {path} does not say what it is for: {assumed}; {untrained}\n"
    cut = pixels[:, 2:30] / 255  # torchvision's ToTensor and Normalize
    logits = network.forward(
        ((cut - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225])[None].astype(numpy.float32)
    )
    assert_says(
        predictions(out), [f"class {i}" for i in range(10)], prediction.softmax(logits).tolist()
    )
    weights.export(path, tmp_path / "a.safetensors")
    assert use(tmp_path / "a.png", "--top", 10, weights=tmp_path / "a.safetensors") == (0, out, "")


def test_pictures_are_turned_as_in_training_or_as_asked(torch_weights, folder, use, tmp_path):
    """torchvision ignores the note that a phone held upright leaves, minialex does not."""
    picture = Image.fromarray(
        numpy.random.default_rng(0).integers(0, 256, (28, 28, 3), numpy.uint8)
    )
    note = Image.Exif()
    note[0x0112] = 6
    picture.save(tmp_path / "noted.png", exif=note)
    picture.save(tmp_path / "stored.png")
    picture.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "turned.png")

    def answers(name, weights, *options):
        code, out, _ = use(tmp_path / f"{name}.png", *options, weights=weights)
        assert code == 0
        return out.splitlines()[0].split(None, 1)[1:] + out.splitlines()[1:]

    theirs, ours = torch_weights[0], folder
    assert answers("noted", theirs) == answers("stored", theirs) != answers("turned", theirs)
    assert answers("noted", theirs, "--exif", "turn") == answers("turned", theirs)
    assert answers("noted", ours) == answers("turned", ours) != answers("stored", ours)
    assert answers("noted", ours, "--exif", "ignore") == answers("stored", ours)


def test_exported_weights_predict_the_same_as_the_run(folder, pictures, use, tmp_path):
    weights.export(folder, tmp_path / "a.safetensors")
    assert use(pictures / "val", weights=tmp_path / "a.safetensors") == use(pictures / "val")


def test_the_model_can_be_given(torch_weights, use, pictures):
    path, _ = torch_weights
    assert use(pictures / "val", "--model", "lenet", weights=path)[0] == 0
    code, _, err = use(pictures / "val", "--model", "alexnet-mini", weights=path)
    assert (code, err.count("\n")) == (2, 1)
    assert "lenet.pth does not fit alexnet-mini" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["empty"], "no picture (.jpg"),
        (["nothing*"], "in nothing*"),
        (["**/*.gif"], "in **/*.gif"),
        (["empt?"], "in empt?"),
        (["picture.png", "--model", "vgg"], "--model: invalid choice: 'vgg'"),
        (["picture.png", "--top", "0"], "--top: expected a whole number of at least 1"),
        ([], "the following arguments are required: PICTURE"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(arguments, said, use, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "picture.png")
    code, out, err = use(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert said in err


def test_weights_are_required(capsys):
    code, _, err = call(predict.main, "picture.png", capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "the following arguments are required: --weights" in err


def test_help_shows_examples(capsys):
    code, out, _ = call(predict.main, "--help", capsys=capsys)
    assert code == 0
    assert "examples:" in out
    assert max(map(len, out.splitlines())) <= 80
