"""What the explorer answers, and that what it keeps is never an answer to something else."""

import os
import threading
import time

import numpy
import pytest
from data_helpers import random_pictures
from explored import CLASSES, STATE, as_file, small_dataset, small_network

from minialex.explore.explorer import KEPT_VIEWS, Explorer, about_layer
from minialex.explore.moments import LATEST, Moments
from minialex.explore.state import Question, State, read_state
from minialex.explore.view import Gradients, View
from minialex.io.export import export
from minialex.layers import Conv2d


@pytest.fixture
def explorer(run):
    return Explorer(Moments(str(run.path)), small_dataset())


def state(number=0, moment=LATEST):
    return State(f"test/{number}", moment)


def save_untrained(run):
    """The run's checkpoint gets the weights from before the training."""
    time = run.checkpoint.stat().st_mtime_ns + 1_000_000_000
    os.replace(run.kept_file(0), run.checkpoint)
    os.utime(run.checkpoint, ns=(time, time))


def logits(found):
    return found.arrays["layer/fc4"]


def own_logits(explorer, picture, moment=LATEST):
    """What the network at that moment makes of a picture, without the explorer."""
    trained = explorer.moments.network(moment)
    pixels = explorer.pictures.pixels(picture)
    return trained.network.forward(trained.standardize(pixels[None]))[0]


def test_a_page_learns_what_the_network_is(explorer):
    about = explorer.network()
    network = explorer.moments.network(LATEST).network
    assert about["parameters"] == network.parameter_count()
    assert (about["input"], about["classes"]) == ((12, 12, 3), CLASSES)
    assert (about["pictures"], about["first"], about["notes"]) == (7, "test/0", [])
    history = explorer.moments.network(LATEST).progress["history"]
    assert about["accuracy"] == history[0]["test_accuracy"]
    assert [moment["epoch"] for moment in about["moments"]] == [0, pytest.approx(2 / 3), 1]
    assert about["is_run"]
    layers = {layer["name"]: layer for layer in about["layers"]}
    assert list(layers) == list(network.layers)
    assert {name: layer["shape"] for name, layer in layers.items()} == network.shapes()
    assert layers["conv2"]["params"] == {"weight": (6, 3, 3, 2), "bias": (6,)}
    assert "col2im" in layers["conv1"]["backward"]
    assert layers["relu1"]["forward"].startswith("def forward(self, x")
    assert layers["norm1"]["file"] == "lrn.py"


@pytest.mark.parametrize(
    "name, can",
    [
        ("conv1", ["silence", "unpad"]),
        ("norm1", ["bypass"]),
        ("fc4", ["silence"]),
        ("drop3", ["drop"]),
        ("relu1", []),
        ("pool1", []),
        ("flatten", []),
    ],
)
def test_a_page_learns_what_can_be_changed_and_no_more(name, can, explorer):
    layer = next(layer for layer in explorer.network()["layers"] if layer["name"] == name)
    assert layer["can"] == can


def test_a_convolution_without_padding_cannot_be_unpadded():
    assert about_layer("conv1", Conv2d(3, 4, 3), (10, 10, 4))["can"] == ["silence"]


def test_without_a_data_set_a_page_learns_why_and_begins_with_a_blank(run):
    about = Explorer(Moments(str(run.path)), None, "there are no pictures").network()
    assert (about["pictures"], about["first"]) == (0, "blank")
    assert about["notes"] == ["there are no pictures"]


def test_what_every_layer_makes_of_a_picture(explorer):
    found = explorer.look(state(3))
    assert found.about == {"title": "picture 3", "label": 0}
    trained = explorer.moments.network(LATEST)
    view = View(trained, small_dataset().test.images[3])
    names = [f"layer/{name}" for name in view.outputs]
    assert list(found.arrays) == [*names, "pixels", "probabilities"]
    for name, output in view.outputs.items():
        numpy.testing.assert_array_equal(found.arrays[f"layer/{name}"], output[0])
    numpy.testing.assert_array_equal(found.arrays["pixels"], small_dataset().test.images[3])
    numpy.testing.assert_array_equal(found.arrays["probabilities"], view.probabilities)


def test_every_state_has_its_own_answer(explorer):
    """However often states are asked for, and in whatever order."""
    changes = [
        *({}, {"silenced": [["conv1", 1]]}, {"bypassed": ["norm1"]}, {"unpadded": ["conv2"]}),
        *({"dropping": ["drop3"]}, {"dropping": ["drop3"], "seed": 1}),
    ]
    states = [
        read_state(STATE | {"picture": f"test/{number}", "covered": covered, "changes": each})
        for number in (0, 5)
        for covered in (None, [2, 2, 6])
        for each in changes
    ]
    assert len(states) > KEPT_VIEWS
    fresh = Explorer(explorer.moments, small_dataset())
    expected = [logits(fresh.look(each)).copy() for each in states]
    assert len({each.tobytes() for each in expected}) == len(states)
    order = numpy.random.default_rng(0).integers(0, len(states), 80)
    for number in order:
        found = logits(explorer.look(states[number]))
        numpy.testing.assert_array_equal(found, expected[number])


@pytest.mark.parametrize("moment", ["step-00000000", "step-00000002", "step-00000003", LATEST])
def test_each_moment_has_its_own_answer(moment, explorer):
    for other in ("step-00000000", LATEST, moment):
        explorer.look(state(1, other))
    expected = own_logits(explorer, "test/1", moment)
    numpy.testing.assert_array_equal(logits(explorer.look(state(1, moment))), expected)


def test_a_network_that_goes_on_learning_is_looked_at_anew(explorer, run):
    before = logits(explorer.look(state())).copy()
    save_untrained(run)
    after = logits(explorer.look(state()))
    numpy.testing.assert_array_equal(after, own_logits(explorer, "test/0"))
    assert (before != after).any()


@pytest.mark.parametrize("looks", [0, KEPT_VIEWS])
def test_gradients_of_a_network_that_goes_on_learning_are_those_of_its_new_weights(
    looks, explorer, run
):
    """Also if so much has been looked at in between that the view they were of is gone."""
    question = Question(1, "logit")
    explorer.look_back(state(), question)
    for row in range(looks):
        explorer.look(State("test/0", "step-00000003", (row, 0, 2)))
    save_untrained(run)
    found = explorer.look_back(state(), question)
    view = View(explorer.moments.network(LATEST), small_dataset().test.images[0])
    expected = Gradients(view, question)
    numpy.testing.assert_array_equal(found.arrays["picture"], expected.of_picture[0])


def test_gradients_answer_the_question_that_is_asked(explorer):
    questions = [Question(k, quantity) for k in range(3) for quantity in ("loss", "logit")]
    view = View(explorer.moments.network(LATEST), small_dataset().test.images[2])
    for question in [*questions, *questions[::-1], questions[0], questions[3]]:
        found = explorer.look_back(state(2), question)
        expected = Gradients(view, question)
        numpy.testing.assert_array_equal(found.arrays["picture"], expected.of_picture[0])
        for name, dy in expected.of_outputs.items():
            numpy.testing.assert_array_equal(found.arrays[f"layer/{name}"], dy[0])


def test_a_proof_is_of_the_question_and_state_that_are_asked(explorer):
    changes = {"silenced": [["fc4", 0]]}
    changed = read_state(STATE | {"picture": "test/0", "changes": changes})
    asked = ("fc4", "bias", (0,), 0.001)
    assert explorer.prove(state(), Question(0, "logit"), *asked)["gradient"] == 1
    assert explorer.prove(state(), Question(1, "logit"), *asked)["gradient"] == 0
    assert explorer.prove(changed, Question(0, "logit"), *asked)["gradient"] == 0
    proof = explorer.prove(state(), Question(0, "logit"), *asked)
    assert proof["difference"] == pytest.approx(1)


def test_of_many_who_ask_at_once_one_is_answered_at_a_time(explorer, monkeypatch):
    read, inside, together = explorer.pictures.pixels, [], []

    def pixels(name):
        inside.append(name)
        time.sleep(0.002)  # time for others to come in, if they can
        together.append(len(inside))
        inside.remove(name)
        return read(name)

    monkeypatch.setattr(explorer.pictures, "pixels", pixels)
    threads = [threading.Thread(target=explorer.look, args=(state(number),)) for number in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == [1] * 7


def test_a_sent_picture_can_be_looked_at(explorer):
    pixels = random_pictures(1, 12, seed=3)[0]
    sent = explorer.send(as_file(pixels))
    assert (sent["title"], sent["label"]) == ("your picture", None)
    found = explorer.look(State(sent["name"], LATEST))
    numpy.testing.assert_array_equal(found.arrays["pixels"], pixels)
    numpy.testing.assert_array_equal(logits(found), own_logits(explorer, sent["name"]))


def write_losses(run, steps):
    numbers = dict(accuracy=0.5, learning_rate=0.01, images_per_second=800.0)
    for step in steps:
        run.write_loss(dict(step=step, epoch=step / 3, loss=1 / step, **numbers))


def test_how_far_the_run_has_come(explorer, run):
    training = explorer.training()
    assert training["losses"] == []
    assert [line["epoch"] for line in training["history"]] == [1]
    assert [moment["name"] for moment in training["moments"]][-1] == LATEST
    write_losses(run, range(1, 6))
    assert [line["step"] for line in explorer.training()["losses"]] == [1, 2, 3, 4, 5]
    save_untrained(run)
    later = explorer.training()
    assert later["version"] != training["version"]
    assert later["history"] == []
    assert [moment["epoch"] for moment in later["moments"]][-1] == 0


def test_a_folder_of_another_program_is_shown_without_a_training(run, tmp_path):
    export(run.path, tmp_path / "hub")
    about = Explorer(Moments(str(tmp_path / "hub")), small_dataset()).network()
    assert not about["is_run"]


def test_the_kernels_of_a_moment(explorer):
    found = explorer.kernels("step-00000000").arrays["kernels"]
    numpy.testing.assert_array_equal(found, small_network().params["conv1.weight"])
    assert (explorer.kernels(LATEST).arrays["kernels"] != found).any()
