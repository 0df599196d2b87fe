"""The server's answers are the layers' own numbers, to the bit, however many ask at once."""

import json
import math
import threading

import numpy
import pytest
from data_helpers import random_pictures
from explore_client import CHANGED, GETS, PORT, POSTS, TOKEN, Client, an_explorer, numbers
from explored import QUESTION, STATE, as_file, small_dataset

from minialex.explore.moments import LATEST, Moments
from minialex.explore.pictures import MOST_SENT
from minialex.explore.state import read_question, read_state
from minialex.explore.unit import explain
from minialex.explore.view import Gradients, View

pytest.importorskip("flask", reason="the page needs Flask")

from minialex.explore.server import create_app


@pytest.mark.parametrize("state", [STATE, CHANGED], ids=["as it is", "changed"])
def test_a_look_gives_the_layers_own_numbers(state, page, finished):
    arrays, about = numbers(page.post("/api/look", {"state": state}))
    view = fresh_view(finished, state)
    assert about == {"title": "picture 2", "label": 2}
    assert arrays.keys() == {"pixels", "probabilities", *(f"layer/{name}" for name in view.outputs)}
    for name, output in view.outputs.items():
        assert output.dtype == numpy.float32
        assert_same(arrays[f"layer/{name}"], output[0])
    assert_same(arrays["pixels"], view.picture.astype("float32"))
    assert_same(arrays["probabilities"], view.probabilities)


def fresh_view(run, state):
    state = read_state(state)
    trained = Moments(str(run.path)).network(state.moment)
    pixels = small_dataset().test.images[2]
    return View(trained, pixels, state.covered, state.changes)


def assert_same(left, right):
    assert left.shape == right.shape
    assert left.tobytes() == right.tobytes()


@pytest.mark.parametrize("moment", ["step-00000000", "step-00000002", LATEST])
def test_each_moment_s_numbers_are_those_of_its_network(moment, page, finished):
    arrays, _ = numbers(page.post("/api/look", {"state": STATE | {"moment": moment}}))
    trained = Moments(str(finished.path)).network(moment)
    x = trained.standardize(small_dataset().test.images[2:3])
    for name, layer in trained.network.layers.items():
        x = layer.forward(x)
        assert_same(arrays[f"layer/{name}"], x[0])


@pytest.mark.parametrize("state", [STATE, CHANGED], ids=["as it is", "changed"])
@pytest.mark.parametrize("question", [QUESTION, {"class": 2, "quantity": "loss"}], ids=str)
def test_gradients_are_the_layers_own(question, state, page, finished):
    arrays, _ = numbers(page.post("/api/gradients", {"state": state, "question": question}))
    expected = Gradients(fresh_view(finished, state), read_question(question))
    assert arrays.keys() == {"picture", *(f"layer/{name}" for name in expected.of_outputs)}
    for name, dy in expected.of_outputs.items():
        assert_same(arrays[f"layer/{name}"], dy[0])
    assert_same(arrays["picture"], expected.of_picture[0])


@pytest.mark.parametrize("state", [STATE, CHANGED], ids=["as it is", "changed"])
def test_a_unit_of_every_layer_is_explained_with_its_own_numbers(state, page, finished):
    view = fresh_view(finished, state)
    for name, output in view.outputs.items():
        unit = [side // 2 for side in output.shape[1:]]
        body = {"state": state, "layer": name, "unit": unit}
        arrays, about = numbers(page.post("/api/unit", body))
        expected = explain(view, name, unit)
        assert about == json.loads(json.dumps(expected.about))
        assert (about["layer"], about["unit"]) == (name, unit)
        assert arrays.keys() == expected.arrays.keys()
        for key, array in expected.arrays.items():
            wanted = numpy.asarray(array, "float32")
            assert arrays[key].tobytes() == wanted.tobytes()
        assert arrays["value"].tobytes() == output[0][tuple(unit)].tobytes()


def test_a_proof_comes_as_numbers(page, finished):
    found = page.post("/api/proof", POSTS["/api/proof"]).get_json()
    view = fresh_view(finished, STATE)
    assert found["nudge"] == 0.001
    assert found["weight"] == view.layers["fc4"].params["weight"][1, 2]
    assert found["gradient"] == pytest.approx(view.outputs["drop3"][0, 2])
    assert found["difference"] == pytest.approx(found["gradient"], rel=1e-4, abs=1e-6)
    assert found["difference"] == (found["above"] - found["below"]) / 0.002


def test_a_sent_picture_is_looked_at(page):
    pixels = random_pictures(1, 12, seed=7)[0]
    sent = page.post("/api/pictures", as_file(pixels)).get_json()
    assert (sent["title"], sent["label"]) == ("your picture", None)
    arrays, about = numbers(page.post("/api/look", {"state": STATE | {"picture": sent["name"]}}))
    assert_same(arrays["pixels"], pixels.astype("float32"))
    assert about == {"title": "your picture", "label": None}


@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_is_no_number_is_null_in_json(finished):
    """Browsers read no NaN in JSON."""
    explorer = an_explorer(finished.path)
    explorer.moments.network(LATEST).network.params["conv1.weight"][0, 0, 0, 0] = math.nan
    page = Client(create_app(explorer, TOKEN, PORT))
    answer = page.post("/api/proof", POSTS["/api/proof"])
    assert answer.status_code == 200
    assert b"NaN" not in answer.data
    found = answer.get_json()
    assert found["gradient"] is found["above"] is found["below"] is found["difference"] is None
    assert math.isfinite(found["weight"])
    arrays, _ = numbers(page.post("/api/look", {"state": STATE}))
    assert numpy.isnan(arrays["probabilities"]).all()
    assert numpy.isnan(arrays["layer/conv1"][..., 0]).all()
    for path in GETS:
        assert page.get(path).status_code == 200
    for name, unit in [("pool1", [0, 0, 0]), ("norm1", [0, 0, 0]), ("fc3", [0])]:
        body = {"state": STATE, "layer": name, "unit": unit}
        numbers(page.post("/api/unit", body))


def test_many_who_ask_at_once_get_what_they_would_one_after_the_other(finished):
    """Ten threads, each with its own questions."""
    moments = ["step-00000000", "step-00000002", "step-00000003", LATEST]
    questions = []
    for number in range(10):
        asked = []
        for turn in range(4):
            state = (STATE, CHANGED)[turn % 2] | {"moment": moments[(number + turn) % 4]}
            state = state | {"picture": f"test/{number % 7}"}
            asked += [(path, POSTS[path] | {"state": state}) for path in POSTS]
        questions.append(asked)
    one = create_app(an_explorer(finished.path), TOKEN, PORT)
    expected = [[Client(one).post(*each).data for each in asked] for asked in questions]
    many, found = create_app(an_explorer(finished.path), TOKEN, PORT), [None] * 10

    def ask(number):
        client = Client(many)
        found[number] = [client.post(*each).data for each in questions[number]]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected
    assert len({answer for asked in expected for answer in asked}) > 100


def test_pictures_sent_at_once_are_all_there(finished):
    app = create_app(an_explorer(finished.path), TOKEN, PORT)
    pixels = random_pictures(30, 12, seed=11)
    names = [None] * len(pixels)

    def send(number):
        answer = Client(app).post("/api/pictures", as_file(pixels[number]))
        names[number] = answer.get_json()["name"]

    threads = [threading.Thread(target=send, args=(number,)) for number in range(len(pixels))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == len(pixels) < MOST_SENT
    page = Client(app)
    for name, expected in zip(names, pixels, strict=True):
        arrays, _ = numbers(page.post("/api/look", {"state": STATE | {"picture": name}}))
        assert_same(arrays["pixels"], expected.astype("float32"))
