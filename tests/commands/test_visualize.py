"""The visualize command, run as by a user: each kind of picture, its options, and wrong input."""

import shutil

import numpy
import pytest
import trained_runs
from command_runs import call
from data_helpers import picture_folder
from PIL import Image
from pngs import opened

from minialex import backend, data, figures
from minialex.data.augment import centre_views
from minialex.files import PNG_MARK
from minialex.inference import load
from minialex.visualize import __main__ as visualize
from minialex.visualize import features as features_module
from minialex.visualize import nearest as nearest_module
from minialex.visualize import occlusion as occlusion_module
from minialex.visualize import saliency as saliency_module

KINDS = tuple(visualize.KINDS)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return picture_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def finished(pictures, tmp_path_factory):
    return trained_runs.trained(
        tmp_path_factory.mktemp("runs") / "run", *trained_runs.on_folder(pictures)
    )


@pytest.fixture
def folder(finished, tmp_path, monkeypatch):
    """A copy of the run, the folder "run" where the test runs."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def use(folder, capsys):
    """Calls the command: (exit code, stdout, stderr)."""
    return lambda *arguments: call(visualize.main, *arguments, capsys=capsys)


def of_run(kind):
    """The arguments that draw this kind of picture of the run."""
    quickly = ["--step", 4] if kind == "occlusion" else []
    return [kind, "run"] if kind == "curves" else [kind, "--weights", "run", *quickly]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_goes_to_the_run_s_folder_and_may_be_drawn_again(kind, use, folder):
    for _ in range(2):
        code, out, err = use(*of_run(kind))
        assert (code, out, err) == (0, f"run/{kind}.png\n", "")
        opened((folder / f"{kind}.png").read_bytes())


@pytest.mark.parametrize("kind", KINDS)
def test_out_names_another_file_and_replaces_only_minialex_s_own(kind, use, folder, tmp_path):
    code, out, _ = use(*of_run(kind), "--out", "new/drawn.png")
    assert (code, out) == (0, "new/drawn.png\n")
    assert not (folder / f"{kind}.png").exists() or kind == "curves"
    (tmp_path / "new" / "drawn.png").write_text("my own")
    code, out, err = use(*of_run(kind), "--out", "new/drawn.png")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "not made by minialex" in err
    assert (tmp_path / "new" / "drawn.png").read_text() == "my own"


def test_out_is_called_as_what_it_will_be(use):
    code, out, err = use("filters", "--weights", "run", "--out", "new/drawn.jpg")
    said = "error: new/drawn.jpg: expected a name that ends in .png, got .jpg\n"
    assert (code, out, err) == (2, "", said)


def test_a_file_in_the_way_is_an_error_before_the_work(use, monkeypatch, tmp_path):
    (tmp_path / "run" / "saliency.png").write_text("my own")
    monkeypatch.setattr(saliency_module, "draw", lambda *given: pytest.fail("worked in vain"))
    assert use("saliency", "--weights", "run")[0] == 2


def test_a_comparison_of_runs_has_its_own_file(use, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "other")
    before = (folder / "curves.png").read_bytes()
    code, out, _ = use("curves", "run", "other/checkpoint.npz")
    assert (code, out) == (0, "run/comparison.png\n")
    assert (folder / "curves.png").read_bytes() == before


@pytest.fixture
def drawn(monkeypatch):
    """The arguments of the drawing functions of saliency, occlusion and nearest."""
    seen = []
    for module, name in ((figures, "overlays"), (nearest_module, "neighbours")):
        monkeypatch.setattr(module, name, lambda *given: seen.append(given) or PNG_MARK)
    return seen


def test_pictures_in_files_are_shown_as_the_network_sees_them(use, folder, pictures, drawn):
    paths = sorted((pictures / "val").rglob("*.png"))[:3]
    code, _, err = use("saliency", *paths, "--weights", "run")
    assert (code, err) == (0, "")
    shown, maps, captions, *_ = drawn[0]
    trained = load(folder, backend_name="numpy")
    expected = trained.images(paths).read(range(3), centre_views(3))
    numpy.testing.assert_array_equal(shown, expected)
    said = numpy.array(trained_runs.probabilities(folder, expected, num_classes=2))
    assert [caption[0][0] for caption in captions] == [path.name for path in paths]
    names = ["even", "odd"]
    assert [caption[1][0] for caption in captions] == [
        f"{names[row.argmax()]}: {row.max():.1%}" for row in said
    ]
    slopes = saliency_module.saliency(
        trained.network, trained.standardize(expected), said.argmax(axis=1)
    )
    numpy.testing.assert_allclose(maps, slopes, rtol=1e-5)


def test_the_class_can_be_chosen(use, folder, pictures, drawn):
    path = sorted((pictures / "val").rglob("*.png"))[0]
    for name in ("even", "odd"):
        assert (
            use("occlusion", path, "--weights", "run", "--class", name, "--square", 4, "--step", 4)[
                0
            ]
            == 0
        )
    (_, even, even_captions, *_), (_, odd, odd_captions, *_) = drawn
    numpy.testing.assert_allclose(even[0] + odd[0], 1, rtol=1e-5)
    assert even_captions[0][1][0].startswith("even")
    assert odd_captions[0][1][0].startswith("odd")


def test_occlusion_covers_a_quarter_of_the_picture_s_side_unless_told_otherwise(
    use, drawn, monkeypatch
):
    sizes = []
    monkeypatch.setattr(
        occlusion_module,
        "occlusion",
        lambda *given: sizes.append(given[3:5]) or numpy.zeros((16, 16)),
    )
    use("occlusion", "--weights", "run")
    use("occlusion", "--weights", "run", "--square", 5, "--step", 2)
    assert set(sizes[:6]) == {(4, 1)}
    assert set(sizes[6:]) == {(5, 2)}


def test_without_pictures_the_seed_chooses_test_pictures(use, pictures, drawn):
    for seed in ([], ["--seed", 0], ["--seed", 1]):
        use("saliency", "--weights", "run", *seed)
    first, again, other = ([caption[0][0] for caption in given[2]] for given in drawn)
    assert first == again != other
    tests = {path.name for path in (pictures / "val").rglob("*.png")}
    assert set(first) | set(other) <= tests
    assert len(set(first)) == 6


def test_the_true_class_of_test_pictures_shows_in_the_colour(use, drawn, pictures):
    use("saliency", "--weights", "run")
    for caption in drawn[0][2]:
        (label,) = (path.parent.name for path in (pictures / "val").rglob(caption[0][0]))
        right = caption[1][0].startswith(label)
        assert caption[1][1] == (figures.RIGHT if right else figures.WRONG)


def test_the_nearest_are_searched_among_the_training_pictures(use, pictures, drawn):
    use("nearest", pictures / "train" / "even" / "0.png", "--weights", "run")
    _, images, numbers, distances, names, space = drawn[0]
    train = data.load("folder", pictures, 16).train
    assert images.paths == train.paths
    assert names == ["even", "odd"]
    assert space == "fc7"
    assert numbers.shape == distances.shape == (1, 6)
    itself = train.paths.index(str(pictures / "train" / "even" / "0.png"))
    assert itself not in numbers[0]
    assert (numpy.diff(distances[0]) >= 0).all() and distances[0, 0] > 0


def test_or_among_the_pictures_of_any_folder(use, pictures, drawn, tmp_path):
    copied = shutil.copytree(pictures / "val", tmp_path / "photos")
    query = pictures / "val" / "odd" / "1.png"
    code, _, err = use("nearest", query, "--weights", "run", "--among", copied)
    assert (code, err) == (0, "")
    _, images, numbers, distances, names, _ = drawn[0]
    assert names is None
    assert images.paths[numbers[0, 0]] == copied / "odd" / "1.png"  # the planted duplicate
    assert distances[0, 0] == pytest.approx(0, abs=1e-4)


def test_features_of_chosen_layers(use, monkeypatch):
    seen = []
    monkeypatch.setattr(features_module, "features", lambda *given: seen.append(given) or PNG_MARK)
    assert use("features", "--weights", "run", "--layers", "conv2,flatten,fc8")[0] == 0
    outputs = seen[0][2]
    assert {name: output.shape for name, output in outputs.items()} == {
        "conv2": (8, 8, 96),
        "flatten": (384,),
        "fc8": (2,),
    }


@pytest.mark.parametrize("options", [["--workers", 1], ["--workers", 3], ["--batch-size", 3]])
def test_threads_and_batch_size_change_nothing(options, use, drawn):
    for kind in ("occlusion", "nearest"):
        assert use(*of_run(kind), *options)[0] == use(*of_run(kind))[0] == 0
    (_, some, *_), (_, others, *_), some_near, other_near = drawn
    numpy.testing.assert_allclose(some, others, atol=1e-5)
    numpy.testing.assert_array_equal(some_near[2], other_near[2])


@pytest.mark.parametrize("kind", ["filters", "features", "saliency", "occlusion", "nearest"])
def test_each_kind_draws_a_network_on_a_device(kind, use, device, folder, monkeypatch):
    monkeypatch.setattr(backend, "get", lambda name="auto": device)
    code, out, err = use(*of_run(kind))
    assert (code, out, err) == (0, f"run/{kind}.png\n", "")
    opened((folder / f"{kind}.png").read_bytes())


@pytest.mark.parametrize("kind", KINDS)
def test_help_shows_examples_in_80_columns(kind, use):
    code, out, _ = use(kind, "--help")
    assert code == 0
    assert out.startswith(f"usage: python -m minialex.visualize {kind} ")
    assert f"examples:\n  python -m minialex.visualize {kind}" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: KIND"),
        (["dreams"], "invalid choice: 'dreams'"),
        (["filters"], "the following arguments are required: --weights"),
        (["curves"], "the following arguments are required: RUN"),
        (["curves", "nowhere"], "there is no checkpoint nowhere/checkpoint.npz"),
        (["filters", "--weights", "nowhere"], "nowhere"),
        (["saliency", "--weights", "run", "--class", "cat"], "class 'cat' is not one of even, odd"),
        (
            ["occlusion", "--weights", "run", "--square", 17],
            "a square of 17 pixels in steps of 1: the pictures are only 16 pixels wide",
        ),
        (
            ["features", "--weights", "run", "--layers", "relu1,relu9"],
            "alexnet-cifar has no layer relu9, only conv1, relu1",
        ),
        (["features", "a.png", "b.png", "--weights", "run"], "unrecognized arguments: b.png"),
        (["features", "two", "--weights", "run"], "expected one picture, got two with 2"),
        (["nearest", "--weights", "run", "--among", "a.png"], "--among a.png: expected a folder"),
        (["saliency", "a.png", "--weights", "run"], "a.png: not a readable picture"),
        (
            ["saliency", "many", "--weights", "run"],
            "expected at most 60 pictures for one sheet, got 61",
        ),
        (
            ["saliency", "--weights", "run", "--data-dir", "nowhere"],
            "there is no folder nowhere",
        ),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(arguments, said, use, tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    for name, count in (("two", 2), ("many", 61)):
        (tmp_path / name).mkdir()
        for i in range(count):
            Image.new("RGB", (4, 4)).save(tmp_path / name / f"{i}.png")
    code, out, err = use(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert said in err
