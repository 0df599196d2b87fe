"""What a page sends is read as it was meant, or refused in a sentence; whatever it is."""

import json

import numpy
import pytest
from explored import QUESTION, STATE, damaged

from minialex.errors import InputError
from minialex.explore.state import (
    NO_CHANGES,
    Changes,
    Question,
    State,
    read_index,
    read_question,
    read_state,
)

FULL = {
    "picture": "sent/0f3a",
    "moment": "step-00000312",
    "covered": [3, 0, 20],
    "changes": {
        "silenced": [["conv1", 7], ["conv1", 0], ["fc6", 4095]],
        "bypassed": ["norm1", "norm2"],
        "unpadded": ["conv2"],
        "dropping": ["drop6"],
        "seed": 12,
    },
}

#: What has the wrong type wherever something is expected.
WRONG = {
    "a boolean": True,
    "a fraction": 1.5,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "a negative number": -1,
    "a number too large": 2**53,
    "a number far too large": 10**300,
    "a text that is too long": "x" * 201,
    "bytes": b"conv1",
}


def nested(depth):
    """A list in a list in a list …"""
    result = []
    for _ in range(depth):
        result = [result]
    return result


def placed(value, *where):
    """FULL with `value` at this place."""
    state = json.loads(json.dumps(FULL))
    inner = state
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    return state


def test_a_state_is_read_with_all_that_it_says():
    assert read_state(FULL) == State(
        "sent/0f3a",
        "step-00000312",
        (3, 0, 20),
        Changes(
            silenced=frozenset({("conv1", 0), ("conv1", 7), ("fc6", 4095)}),
            bypassed=frozenset({"norm1", "norm2"}),
            unpadded=frozenset({"conv2"}),
            dropping=frozenset({"drop6"}),
            seed=12,
        ),
    )


def test_what_is_left_out_is_not_changed():
    plain = State("test/0", "latest", None, NO_CHANGES)
    assert read_state({"picture": "test/0", "moment": "latest"}) == plain
    assert read_state({"picture": "test/0", "moment": "latest", "changes": {}}) == plain
    assert read_state(STATE | {"picture": "test/0"}) == plain
    assert read_state(STATE | {"picture": "test/0", "scale": [3]}) == plain


def test_the_order_in_which_changes_were_made_does_not_matter():
    """So that a view that was computed already is found again."""
    other = placed([["fc6", 4095], ["conv1", 0], ["conv1", 7], ["conv1", 0]], "changes", "silenced")
    assert {read_state(FULL): "found"}[read_state(other)] == "found"
    assert read_state(FULL) != read_state(placed(13, "changes", "seed"))


def test_questions_and_places_are_read():
    assert read_question({"class": 7}) == Question(7, "loss")
    assert read_question({"class": 0, "quantity": "logit"}) == Question(0, "logit")
    assert read_question({"class": 0, "quantity": "loss"}) == Question(0, "loss")
    assert read_index([0, 3, 2**53 - 1], "unit") == (0, 3, 2**53 - 1)
    assert read_index([], "unit") == ()


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize(
    "where",
    [
        ("picture",),
        ("moment",),
        ("covered",),
        ("covered", 1),
        ("changes",),
        *(("changes", name) for name in FULL["changes"]),
        *(("changes", name, 0) for name in ("silenced", "bypassed", "unpadded", "dropping")),
        ("changes", "silenced", 1, 0),
        ("changes", "silenced", 1, 1),
    ],
    ids=str,
)
def test_a_wrong_type_is_refused_wherever_it_stands(where, wrong):
    name = where[1] if where[0] == "changes" and len(where) > 1 else where[0]
    with pytest.raises(InputError, match=f"{name}: expected"):
        read_state(placed(wrong, *where))


@pytest.mark.parametrize(
    "state, said",
    [
        (None, "state: expected an object, got None"),
        ([], "state: expected an object"),
        ("test/0", "state: expected an object"),
        ({}, "picture: expected a text"),
        ({"picture": "test/0"}, "moment: expected a text"),
        ({"picture": None, "moment": "latest"}, "picture: expected a text"),
        (placed(None, "changes"), "changes: expected an object"),
        (placed([], "changes"), "changes: expected an object"),
        (placed([1, 2], "covered"), "covered: expected row, column and side, got 2 numbers"),
        (placed([1, 2, 3, 4], "covered"), "covered: expected row, column and side, got 4"),
        (placed([[1], 2, 3], "covered"), "covered: expected a whole number from 0"),
        (placed({"row": 1}, "covered"), "covered: expected a list"),
        (placed([["conv1"]], "changes", "silenced"), "silenced: expected a layer and a number"),
        (placed([["conv1", 1, 2]], "changes", "silenced"), "silenced: expected a layer"),
        (placed([[1, "conv1"]], "changes", "silenced"), "silenced: expected a text"),
        (placed("conv1", "changes", "bypassed"), "bypassed: expected a list"),
        (placed([["norm1"]], "changes", "bypassed"), "bypassed: expected a text"),
        (placed(["a"] * 10_001, "changes", "dropping"), "dropping: expected a list of at most"),
        (placed("3", "changes", "seed"), "seed: expected a whole number from 0, got '3'"),
        (placed(None, "changes", "seed"), "seed: expected a whole number from 0"),
    ],
    ids=range(20),
)
def test_what_is_wrong_with_a_state_is_said(state, said):
    with pytest.raises(InputError, match=said):
        read_state(state)


@pytest.mark.parametrize(
    "question, said",
    [
        (None, "question: expected an object"),
        ([0], "question: expected an object"),
        ({}, "class: expected a whole number from 0, got None"),
        ({"class": True}, "class: expected a whole number from 0, got True"),
        ({"class": -1}, "class: expected a whole number from 0, got -1"),
        ({"class": 1.0}, "class: expected a whole number from 0"),
        ({"class": float("nan")}, "class: expected a whole number from 0"),
        ({"class": "0"}, "class: expected a whole number from 0"),
        ({"class": 0, "quantity": "accuracy"}, "quantity: expected one of loss, logit"),
        ({"class": 0, "quantity": None}, "quantity: expected a text"),
        ({"class": 0, "quantity": ["loss"]}, "quantity: expected a text"),
    ],
    ids=range(11),
)
def test_what_is_wrong_with_a_question_is_said(question, said):
    with pytest.raises(InputError, match=said):
        read_question(question)


@pytest.mark.parametrize(
    "index", [None, 0, "00", {"0": 1}, [None], [-1], [1.0], [True], ["1"], [[1]], [0] * 10_001]
)
def test_what_is_no_place_is_refused(index):
    with pytest.raises(InputError, match="unit: expected a"):
        read_index(index, "unit")


@pytest.mark.parametrize(
    "read",
    [read_state, read_question, lambda given: read_index(given, "unit")],
    ids=["state", "question", "place"],
)
@pytest.mark.parametrize(
    "given",
    [nested(50), nested(100_000), [nested(100_000)], {"picture": nested(100_000)}],
    ids=["50 lists", "100,000 lists", "in a list", "in an object"],
)
def test_lists_within_lists_are_refused_however_deep(given, read):
    with pytest.raises(InputError, match="expected"):
        read(given)


@pytest.mark.parametrize("digits", [100, 4_000, 10_000])
def test_a_number_is_refused_however_long(digits):
    """Python writes no number of more than 4,300 digits."""
    number = 10**digits
    for read, given in [
        (read_state, placed(number, "picture")),
        (read_state, placed(number, "changes", "seed")),
        (read_question, {"class": number}),
        (lambda given: read_index(given, "unit"), [number]),
    ]:
        with pytest.raises(InputError, match="expected"):
            read(given)


def test_a_message_does_not_repeat_a_long_text():
    with pytest.raises(InputError) as caught:
        read_state({"picture": "long " * 10_000, "moment": "latest"})
    assert len(str(caught.value)) < 200


def test_nothing_but_an_input_error_comes_of_anything():
    rng = numpy.random.default_rng(0)
    refused = 0
    for _ in range(600):
        for read, whole in [(read_state, FULL), (read_state, STATE), (read_question, QUESTION)]:
            given = damaged(whole, rng)
            for _ in range(rng.integers(3)):
                given = damaged(given, rng)
            try:
                found = read(given)
            except InputError as error:
                assert "\n" not in str(error)
                refused += 1
            else:
                assert type(found) is (State if read is read_state else Question)
                hash(found)
    assert 600 < refused < 1800
