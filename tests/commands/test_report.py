"""The page needs no other file, has everything about the run, and no class name can break it."""

import base64
import html.parser
import io
import json
import shlex
import shutil

import numpy
import pytest
import trained_runs
from command_runs import call
from data_helpers import picture_folder
from PIL import Image

from minialex import __version__, charts, data, options, report
from minialex.data.dataset import Dataset
from minialex.evaluation import Answers
from minialex.report_page import page, sheet, table, themed, thumbnail

#: Class names that end tags, attributes and URLs where they are not escaped.
NAMES = ["<script>alert(1)<", "\"onerror='x' & more"]


class Page(html.parser.HTMLParser):
    """What a browser would find on the page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text, self.attributes = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.text.append((self.open[-1] if self.open else None, text))

    def all(self, tag):
        return [attributes for name, attributes in self.attributes if name == tag]

    def texts(self, tag):
        return [text for name, text in self.text if name == tag]

    def words(self):
        return " ".join(text for _, text in self.text)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run on two classes with names that have to be escaped."""
    root = tmp_path_factory.mktemp("root")
    pictures = picture_folder(root / "my pictures")
    for split in ("train", "val"):
        for before, after in zip(("even", "odd"), NAMES, strict=True):
            (pictures / split / before).rename(pictures / split / after)
    return trained_runs.trained(root / "run", *trained_runs.on_folder(pictures))


@pytest.fixture
def folder(finished, tmp_path, monkeypatch):
    """A copy of the run, the folder "a run & more" where the test runs."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(finished, tmp_path / "a run & more")


@pytest.fixture
def use(folder, capsys):
    return lambda *arguments: call(report.main, *arguments, capsys=capsys)


@pytest.fixture(scope="module")
def written(finished):
    """The page about the run, written once."""
    report.main([str(finished)])
    return (finished / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def found(written):
    return Page(written)


def test_the_page_loads_nothing_else(written, found):
    for tag, attributes in found.attributes:
        for name in ("src", "href", "srcset", "data", "action"):
            assert attributes.get(name, "data:").startswith("data:"), tag
        assert not any(name.startswith("on") for name in attributes)
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(found.tags)
    assert "http:" not in written and "https:" not in written
    style = "".join(found.texts("style"))
    assert "url(" not in style and "@import" not in style


def test_every_picture_opens_and_has_a_description(found):
    images = found.all("img")
    for image in images:
        kind, content = image["src"].removeprefix("data:image/").split(";base64,")
        with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
            picture.load()
            assert picture.format.lower() == kind
            assert (str(picture.width), str(picture.height)) == (image["width"], image["height"])
        assert len(image["alt"]) > 10
    kinds = [image.get("class") for image in images]
    assert kinds.count("light") == kinds.count("dark") == 4  # loss, accuracy, confusion, filters
    assert kinds.count("pixels") == len(kinds) - 8 > 0


def test_it_is_light_or_dark_and_fits_phones_and_has_headings_in_order(found):
    assert found.all("html") == [{"lang": "en"}]
    metas = {meta.get("name"): meta.get("content") for meta in found.all("meta")}
    assert metas["viewport"] == "width=device-width, initial-scale=1"
    assert metas["generator"] == "minialex"
    assert "prefers-color-scheme: dark" in "".join(found.texts("style"))
    assert [tag for tag in found.tags if tag in ("h1", "h2", "h3")] == ["h1", *["h2"] * 7]
    for box in (
        attributes
        for tag, attributes in found.attributes
        if "scroll" in (attributes.get("class") or "")
    ):
        assert box["tabindex"] == "0" and box["aria-label"]


def test_it_has_the_figures_of_the_run_s_last_epoch(finished, found):
    metrics = trained_runs.last_epoch(finished)
    shown = dict(zip(found.texts("dt"), found.texts("dd"), strict=True))
    assert shown["accuracy (top-1)"] == f"{metrics['test_accuracy']:.2%}"
    assert shown["test loss"] == f"{metrics['test_loss']:.4f}"
    assert (shown["test pictures"], shown["top-5 accuracy"]) == ("20", "100.00%")
    assert found.texts("h1") == ["run"]
    assert (
        f"alexnet-cifar, after epoch 2, on folder. Made by minialex {__version__}."
        in found.texts("p")
    )


def test_every_option_is_on_it_and_the_command_trains_with_the_same(finished, found):
    config = json.loads((finished / "config.json").read_text())
    cells = [text for name, text in found.text if name in ("th", "td")]
    for name, value in config.items():
        at = cells.index(name.replace("_", " "), cells.index("option"))
        assert cells[at + 1] == ("not set" if value is None else str(value))
    (command,) = found.texts("code")
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "minialex.train"]
    assert "--out" not in words  # there is a run already
    chosen, *_ = options.read(words[3:])
    assert {**chosen, "out": config["out"]} == config


def test_every_layer_and_every_class_is_on_it(found):
    cells = [text for name, text in found.text if name in ("th", "td")]
    assert {"conv1", "pool5", "fc8", "48 kernels 5×5×3, pad 2", *NAMES} <= set(cells)


def test_the_command_prints_the_path_and_replaces_only_its_own_pages(use, folder, tmp_path):
    for _ in range(2):
        assert use(folder) == (0, f"{folder}/report.html\n", "")
    assert Page((folder / "report.html").read_text("utf-8")).texts("h1") == ["a run & more"]
    assert use("a run & more", "--out", "new/page.html") == (0, "new/page.html\n", "")
    (tmp_path / "new" / "page.html").write_text("<p>my own")
    code, out, err = use("a run & more", "--out", "new/page.html")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "not made by minialex" in err


def test_the_page_is_called_html(use, folder):
    said = "error: page.pdf: expected a name that ends in .html, got .pdf\n"
    assert use(folder, "--out", "page.pdf") == (2, "", said)


def test_a_run_without_a_finished_epoch_has_a_page(tmp_path, capsys):
    pictures = picture_folder(tmp_path / "pictures")
    folder = trained_runs.trained(
        tmp_path / "run", *trained_runs.on_folder(pictures), "--max-steps", 1
    )
    capsys.readouterr()
    assert call(report.main, folder, capsys=capsys)[0] == 0
    found = Page((folder / "report.html").read_text("utf-8"))
    assert "No epoch is finished yet." in found.texts("p")
    assert "in epoch 1, after step 1" in found.words()
    assert "training time" not in found.texts("dt")


def test_weights_from_elsewhere_have_a_page_without_curves_and_options(
    use, folder, finished, tmp_path
):
    elsewhere = trained_runs.weights_without_metadata(tmp_path / "found.safetensors")
    code, out, _ = use(elsewhere, "--data-dir", finished.parent / "my pictures")
    assert (code, out) == (0, "report-found.safetensors.html\n")
    found = Page((tmp_path / "report-found.safetensors.html").read_text("utf-8"))
    assert found.texts("h1") == ["found.safetensors"]
    assert found.texts("h2") == [
        "Class by class",
        "Worst answers",
        "Best answers",
        "Filters",
        "Network",
    ]
    assert "alexnet-cifar, found.safetensors, on labelled pictures" in found.words()


def test_a_checkpoint_is_enough(use, folder):
    use(folder, "--out", "whole.html")
    (folder / "metrics.jsonl").unlink()
    assert use(folder, "--out", "alone.html")[0] == 0
    assert (folder.parent / "alone.html").read_text() == (folder.parent / "whole.html").read_text()


def hand_made(labels, answered, confidence):
    labels, answered, numbers = (
        numpy.array(labels),
        numpy.array(answered),
        numpy.arange(len(labels)),
    )
    return Answers(
        numbers,
        labels,
        answered,
        numpy.array(confidence),
        numpy.zeros(len(labels)),
        1 * (labels != answered),
    )


def dataset_of(count, classes):
    images = data.dataset.ArrayImages(
        numpy.zeros((count, 4, 4, 3), numpy.uint8), numpy.zeros(count)
    )
    return Dataset("hand-made", images, images, [f"class {k}" for k in range(classes)])


def test_the_worst_are_the_surest_wrong_answers_and_the_best_the_surest_right_one_of_each_class():
    answers = hand_made([0, 0, 1, 1, 2, 0], [0, 0, 1, 0, 0, 2], [0.9, 0.95, 0.7, 0.6, 0.8, 0.99])
    dataset = dataset_of(6, 4)
    worst = Page("".join(report.wrong_answers(dataset, answers)))
    assert [text for tag, text in worst.text if tag == "span"] == [
        "picture 5",
        "picture 4",
        "picture 3",
    ]
    assert worst.texts("strong") == ["class 2", "class 0", "class 0"]
    assert "is: class 0" in worst.words() and "99.00%" in worst.words()
    best = Page("".join(report.right_answers(dataset, answers)))
    assert [text for tag, text in best.text if tag == "span"] == ["picture 1", "picture 2"]
    assert "Of 3 wrong answers" in worst.words()


def test_the_pictures_match_the_answers_even_if_some_were_left_out():
    answers = hand_made([0, 0], [1, 0], [0.9, 0.8])
    answers.numbers[:] = 3, 5
    assert "picture 3" in "".join(report.wrong_answers(dataset_of(6, 2), answers))
    assert "picture 5" in "".join(report.right_answers(dataset_of(6, 2), answers))


def test_if_everything_or_nothing_is_right_it_says_so():
    everything, nothing = (
        hand_made([0, 1], [0, 1], [1.0, 1.0]),
        hand_made([0, 1], [1, 0], [1.0, 1.0]),
    )
    dataset = dataset_of(2, 2)
    assert report.wrong_answers(dataset, everything) == ["<p>There are no wrong answers.</p>"]
    assert report.right_answers(dataset, nothing) == ["<p>There are no right answers.</p>"]


@pytest.mark.parametrize(("taken", "label"), [(0, 1), (1, 0), (1, 1), (0, 0)])
def test_class_names_are_escaped_whether_right_or_wrong(taken, label):
    dataset = dataset_of(1, 2)
    dataset.class_names = NAMES
    part = report.right_answers if taken == label else report.wrong_answers
    found = Page("".join(part(dataset, hand_made([label], [taken], [1.0]))))
    assert not {"script", "more"} & set(found.tags)
    assert NAMES[taken] in found.words() and NAMES[label] in found.words()
    assert NAMES[taken] in found.all("img")[0]["alt"]


def test_no_more_than_24_are_shown():
    answers = hand_made(range(60), [0] * 30 + list(range(30, 60)), [0.5] * 60)
    for part in (report.wrong_answers, report.right_answers):
        assert (
            len(Page("".join(part(dataset_of(60, 60), answers))).all("img")) == report.SHOWN == 24
        )


def test_classes_go_from_worst_to_best_without_those_that_have_no_pictures():
    answers = hand_made([0, 0, 2, 2, 3], [0, 0, 2, 0, 0], [1.0] * 5)
    found = Page(report.class_table(dataset_of(5, 4), answers))
    rows = found.texts("th")[4:]
    assert rows == ["class 3", "class 2", "class 0"]
    assert found.texts("td") == [
        "0.00%",
        "1",
        "class 0 (1)",
        "50.00%",
        "2",
        "class 0 (1)",
        "100.00%",
        "2",
    ]


@pytest.mark.parametrize(
    ("seconds", "said"), [(59, "59 s"), (119, "119 s"), (150, "2.5 min"), (9000, "2.5 h")]
)
def test_durations_have_a_suitable_unit(seconds, said):
    assert report.duration(seconds) == said


@pytest.mark.parametrize(
    ("side", "channels", "kind"),
    [(32, 3, "png"), (32, 1, "png"), (65, 3, "jpeg"), (224, 1, "jpeg")],
)
def test_small_pictures_keep_every_pixel_and_photographs_are_jpegs(side, channels, kind, rng):
    picture = rng.integers(0, 256, (side, side, channels), numpy.uint8)
    (image,) = Page(thumbnail(picture, "<a picture>")).all("img")
    assert image["alt"] == "<a picture>"
    content = base64.b64decode(image["src"].removeprefix(f"data:image/{kind};base64,"))
    with Image.open(io.BytesIO(content)) as opened:
        assert opened.size == (side, side)
        if kind == "png":
            numpy.testing.assert_array_equal(numpy.asarray(opened).reshape(picture.shape), picture)


def test_text_is_escaped_everywhere_but_templates_are_not_filled_in_twice():
    nasty = "</title></td><b>\" ' & $title $body"
    picture = thumbnail(numpy.zeros((1, 1, 3), numpy.uint8), nasty)
    found = Page(
        page(
            nasty, [table(nasty, (nasty, "b"), [(nasty, nasty)], (1,)), sheet([(picture, "")])]
        ).decode()
    )
    assert found.texts("title") == [nasty]
    assert found.texts("td") == [nasty]
    assert found.texts("th") == [nasty, "b", nasty]
    assert found.all("img")[0]["alt"] == nasty
    assert "b" not in found.tags


def test_each_figure_is_there_for_light_and_for_dark_pages():
    history = [{"epoch": 1, "train_loss": 2.0, "test_loss": 1.0}]
    light, dark = Page(themed("two curves", charts.curves, {"run": history}, ("loss",))).all("img")
    for image, bright in ((light, True), (dark, False)):
        with Image.open(io.BytesIO(base64.b64decode(image["src"].partition(",")[2]))) as picture:
            assert (picture.convert("L").getpixel((0, 0)) > 128) == bright
    assert (light["class"], dark["class"]) == ("light", "dark")


def test_a_path_with_characters_that_a_terminal_obeys_is_printed_in_a_line(use, folder):
    odd = folder / "a\nb\x1b[31m.npz"
    shutil.copy(folder / "checkpoint.npz", odd)
    assert use(odd) == (0, f"{folder}/report-a\\nb\\x1b[31m.html\n", "")
