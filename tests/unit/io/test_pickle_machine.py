"""The machine that reads pickles without executing them: plain data, and pickles it refuses."""

import contextlib
import io
import pickle
import struct
import tracemalloc

import pytest
from pickle_attacks import attacks
from torch_files import call, named, pickled, whole

from minialex.io import pickle_machine
from minialex.io.pickle_machine import Record, Unknown, unpickle

#: What a damaged or refused pickle may raise; torch_file turns these into one-line errors.
ERRORS = (ValueError, LookupError, TypeError, EOFError)

SHARED = ["twice"]
PLAIN = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        255,
        256,
        65535,
        65536,
        -(2**31),
        2**31,
        2**70,
        -(2**2100),
        0.0,
        -1.5e300,
        float("inf"),
    ),
    *(
        "",
        "a",
        "ä\n\\'",
        "long" * 100,
        (),
        (1,),
        (1, 2),
        (1, 2, 3),
        (1, 2, 3, 4),
        [],
        [1],
        [1, 2],
        {},
        {"a": 1},
    ),
    {"nested": {"list": [1, (2, [3, {"deep": None}])], 4: 0.25}, "shared": SHARED, "again": SHARED},
]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_data_is_read_as_python_reads_it(value, protocol):
    file = io.BytesIO(b"before" + pickle.dumps(value, protocol) + b"behind")
    file.seek(6)
    found = unpickle(file, {})
    assert (found, type(found)) == (value, type(value))
    assert file.read() == b"behind"


def test_known_functions_are_called_and_persistent_ids_are_resolved():
    pickled_call = call(named("some.module", "add"), 2, 3)
    known = {"some.module.add": lambda a, b: a + b}
    assert unpickle(io.BytesIO(whole({"sum": pickled_call})), known) == {"sum": 5}
    outside = b"\x80\x02" + pickled(("storage", 7)) + b"Q."
    assert unpickle(io.BytesIO(outside), {}, lambda said: [said]) == [("storage", 7)]


def test_the_attacks_are_real(tmp_path):
    """Otherwise the next test would prove nothing."""
    path = tmp_path / "made"
    worked = 0
    for attack in attacks(path):
        try:
            pickle.loads(attack)
            __import__("time").sleep(0.05)  # a Popen runs in parallel
        except Exception:
            pass
        worked += path.exists()
        path.unlink(missing_ok=True)
    assert worked >= 13


@pytest.mark.parametrize("number", range(len(list(attacks("there")))))
def test_no_attack_runs(number, tmp_path):
    attack = list(attacks(tmp_path / "made"))[number]
    functions, unknown = {"collections.OrderedDict": dict}, set()
    try:
        found = unpickle(io.BytesIO(attack), functions, lambda said: said, unknown)
    except ERRORS as error:
        assert "\n" not in str(error)
    else:
        assert type(found) in (dict, Record, Unknown)
        assert unknown
    assert list(tmp_path.iterdir()) == []


class Anything:
    """An object of a class that the machine does not know."""

    def __init__(self):
        self.size, self.parts = 3, [1, {"deep": (2,)}]


class Listing(list):
    pass


class Mapping(dict):
    pass


@pytest.mark.parametrize("protocol", range(6))
def test_what_a_pickle_says_of_unknown_objects_is_kept(protocol):
    unknown = set()
    mapping, name = Mapping(b=2), f"{__name__}.Anything"
    value = {
        "a": Anything(),
        "list": Listing([1, 2]),
        "dict": mapping,
        "set": {7},
        "again": mapping,
    }
    found = unpickle(io.BytesIO(pickle.dumps(value, protocol)), {}, None, unknown)
    assert found["a"].state == {"size": 3, "parts": [1, {"deep": (2,)}]}
    assert name in unknown
    assert found["dict"] is found["again"]
    if protocol > 1:
        assert found["a"].name == name
        assert (found["list"].items, found["dict"].entries) == ([1, 2], {"b": 2})
    for each in (found["a"], found["list"], found["dict"], found["set"]):
        assert type(each) is Record


def test_an_unknown_function_is_not_called():
    found = unpickle(io.BytesIO(whole(call(named("os", "system"), "ls"))), {})
    assert (found.name, found.arguments) == ("os.system", ("ls",))
    assert unpickle(io.BytesIO(b"cos\nsystem\n."), {}) == Unknown("os.system")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            pickled("os.system") + pickled(()) + b"R.",
            "it calls a value of type str, expected a function",
        ),
        (
            named("a", "value") + pickled(()) + b"R.",
            "it calls a value of type int, expected a function",
        ),
        (named("a", "function") + pickled({}) + b"R.", "value of type dict, expected tuple"),
        (
            named("a", "function") + pickled({"__defaults__": 1}) + b"b.",
            "value of type function, expected dict",
        ),
        (pickled(()) + b"K\x01a.", "value of type tuple, expected list"),
        (b"](K\x01K\x02u.", "value of type list, expected dict"),
        (b"}(K\x01u.", "zip"),
        (b"K\x01Q.", "instruction BINPERSID"),
        (b"\x82\x01.", "instruction EXT1"),
        (
            named("a", "function") + pickled(()) + b"\x81.",
            "type function, expected Unknown",
        ),
    ],
)
def test_invalid_instructions_are_refused(code, said):
    with pytest.raises(ValueError, match=said):
        unpickle(io.BytesIO(code), {"a.value": 3, "a.function": lambda *arguments: arguments})


def test_a_pickle_truncated_anywhere_is_refused():
    whole_pickle = pickle.dumps({"a": [1, 2.5, ("b", 2**80)], "c": None}, 2)
    for length in range(len(whole_pickle)):
        with pytest.raises(ERRORS):
            unpickle(io.BytesIO(whole_pickle[:length]), {})


def test_any_changed_byte_raises_nothing_unexpected():
    whole_pickle = pickle.dumps({"a": [1, 2.5, ("b", 2**80)], "c": {4: None}}, 4)
    for i in range(len(whole_pickle)):
        for value in range(256):
            changed = whole_pickle[:i] + bytes([value]) + whole_pickle[i + 1 :]
            with contextlib.suppress(ERRORS):
                unpickle(io.BytesIO(changed), {})


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x8d" + struct.pack("<Q", 2**40) + b"a",  # a string that claims to be a terabyte long
        b"\x8e" + struct.pack("<Q", 2**40) + b"a",  # bytes
        b"\x8b" + struct.pack("<i", 2**31 - 1) + b"a",  # a number
        b"\x95" + struct.pack("<Q", 2**62) + b"N",  # a frame
        b"Nr" + struct.pack("<I", 2**32 - 1) + b"0.",  # kept as number 4,294,967,295
    ],
)
def test_false_claims_take_no_memory(bomb, tmp_path):
    (tmp_path / "bomb").write_bytes(bomb)
    with open(tmp_path / "bomb", "rb") as file:
        tracemalloc.start()
        try:
            with pytest.raises(ERRORS):
                unpickle(file, {})
            assert tracemalloc.get_traced_memory()[1] < 2 * pickle_machine.LONGEST + 1_000_000
        finally:
            tracemalloc.stop()


def test_keys_that_are_no_strings_or_numbers_are_left_out():
    """The second is (((1, 1), (1, 1)), …), nested 200 deep: hashing it would take forever."""
    assert unpickle(io.BytesIO(pickle.dumps({(1, 2): 3, "a": 4}, 2)), {}) == {"a": 4}
    assert unpickle(io.BytesIO(b"}K\x01" + b"q\x00h\x00\x86" * 200 + b"Ns."), {}) == {}


def test_a_pickle_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(pickle_machine, "LONGEST", 1000)
    assert unpickle(io.BytesIO(b"](" + b"N" * 900 + b"e."), {}) == [None] * 900
    with pytest.raises(ValueError, match="longer than 1,000 bytes"):
        unpickle(io.BytesIO(b"](" + b"N" * 1100 + b"e."), {})
    with pytest.raises(ValueError, match="longer than 1,000 bytes"):
        unpickle(io.BytesIO(b"](" + b"N" * 5000 + b"e."), {})


def test_the_caller_may_allow_a_longer_or_a_shorter_pickle(monkeypatch):
    monkeypatch.setattr(pickle_machine, "LONGEST", 1000)
    pickled_list = b"](" + b"N" * 1100 + b"e."
    assert unpickle(io.BytesIO(pickled_list), {}, longest=2000) == [None] * 1100
    with pytest.raises(ValueError, match="longer than 100 bytes"):
        unpickle(io.BytesIO(pickled_list), {}, longest=100)


def test_very_many_instructions_are_refused(monkeypatch):
    monkeypatch.setattr(pickle_machine, "MOST", 1000)
    with pytest.raises(ValueError, match="more than 1,000 instructions"):
        unpickle(io.BytesIO(b"\x80\x02" + b"]" * 2000 + b"."), {})
