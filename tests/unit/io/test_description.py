"""Networks as plain data: every layer and model comes back as it was, damage is refused."""

import json

import numpy
import pytest
from own_layer import Leaky

from minialex import Layer, Network, layers, models, optim, schedules
from minialex.errors import InputError
from minialex.io.description import built, describe, described, rebuild, same_network, spelled

#: Each shipped layer with arguments that are not its defaults, and an input's shape without N.
LAYERS = [
    (layers.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (9, 7, 4)),
    (layers.MaxPool2d(3, stride=1, padding=1), (9, 7, 4)),
    (layers.CeilMaxPool2d(3, stride=1, padding=1), (9, 7, 4)),
    (layers.AvgPool2d(3, stride=1), (9, 7, 4)),
    (layers.LocalResponseNorm(3, alpha=0.5, beta=0.6, k=1.0), (9, 7, 4)),
    (layers.ReLU(), (9, 7, 4)),
    (layers.Tanh(), (9, 7, 4)),
    (layers.Sigmoid(), (9, 7, 4)),
    (layers.Dropout(0.3), (9, 7, 4)),
    (layers.Flatten(), (9, 7, 4)),
    (layers.Linear(5, 3), (5,)),
    (Leaky(0.3), (9, 7, 4)),
]


def through_json(network, **options):
    """The network rebuilt from its description, as a file would hold that."""
    return rebuild(json.loads(json.dumps(describe(network))), **options)


def copied(network, other):
    """`other` with the weights of `network`."""
    for array, weights in zip(other.params.values(), network.params.values(), strict=True):
        array[...] = weights
    return other


def test_every_shipped_layer_is_listed_here():
    assert {type(layer).__name__ for layer, _ in LAYERS} == (
        set(layers.__all__) - {"Layer", "SoftmaxCrossEntropy"} | {"Leaky"}
    )


@pytest.mark.parametrize("layer, shape", LAYERS, ids=lambda value: type(value).__name__)
def test_a_rebuilt_layer_computes_the_same(layer, shape, rng):
    """A forgotten argument would give the default: another stride, alpha or slope."""
    network = Network([("it", layer)], shape)
    twin = copied(network, through_json(network, own_layers=[Leaky]))
    assert list(twin.layers) == ["it"]
    assert type(twin.layers["it"]) is type(layer)
    assert getattr(twin.layers["it"], "p", None) == getattr(layer, "p", None)
    x = rng.standard_normal((2, *shape), dtype=numpy.float32)
    numpy.testing.assert_array_equal(twin.forward(x), network.forward(x))


SMALL = [name for name in models.MODELS if name in models.SMALL]


@pytest.mark.parametrize("name", SMALL)
def test_a_rebuilt_model_computes_the_same(name, rng):
    network = models.build(name, num_classes=7, in_channels=3, image_size=32, rng=rng)
    twin = through_json(network)
    assert repr(twin) == repr(network)
    assert twin.parameter_count() == network.parameter_count()
    x = rng.standard_normal((2, 32, 32, 3), dtype=numpy.float32)
    numpy.testing.assert_array_equal(copied(network, twin).forward(x), network.forward(x))


@pytest.mark.parametrize("name", [name for name in models.MODELS if name not in SMALL])
def test_a_rebuilt_large_model_has_the_same_layers(name, monkeypatch):
    """60 million random weights take seconds to draw, so they are zeros here."""
    zeros = lambda shape, *_: numpy.zeros(shape, numpy.float32)  # noqa: E731
    for module in (layers.conv, layers.linear):
        monkeypatch.setattr(module, "initial_weight", zeros)
    network = models.build(name)
    twin = through_json(network)
    assert repr(twin) == repr(network)
    assert twin.input_shape == network.input_shape
    assert {name: array.shape for name, array in twin.params.items()} == {
        name: array.shape for name, array in network.params.items()
    }


def test_numbers_of_numpy_are_kept_as_numbers():
    """numpy.float32 is no number to JSON; leaving it out would give the default slope."""
    twin = through_json(Network([Leaky(numpy.float32(0.25))], (4,)), own_layers=[Leaky])
    assert twin.layers["leaky_1"].slope == 0.25
    conv = layers.Conv2d(numpy.int64(3), numpy.int32(2), 3)
    assert "Conv2d(3, 2, 3)" in repr(through_json(Network([conv], (5, 5, 3))))


class Forgetful(Layer):
    def __init__(self, slope=0.1):
        super().__init__()
        self.other_name = slope

    def forward(self, x, train=False):
        return x


class Table(Layer):
    def __init__(self, table):
        super().__init__()
        self.table = table

    def forward(self, x, train=False):
        return x


class Scales(Layer):
    def __init__(self, *scales):
        super().__init__()
        self.scales = scales

    def forward(self, x, train=False):
        return x


@pytest.mark.parametrize(
    "layer, said",
    [
        (
            Scales(0.5),
            "Scales cannot be saved with *scales: give each argument of its __init__ a name",
        ),
        (Forgetful(0.5), "Forgetful cannot be saved without its slope: keep it as self.slope"),
        (
            Table(numpy.eye(2)),
            "Table cannot be saved with its table: expected numbers, text or lists of them, "
            "got ndarray",
        ),
    ],
)
def test_a_layer_that_could_not_be_built_again_is_refused_when_it_is_saved(layer, said):
    """Saved without the argument, it would come back with the default, and other answers."""
    with pytest.raises(ValueError) as caught:
        describe(Network([layer], (4,)))
    assert str(caught.value) == said


def test_layers_of_your_own_must_be_passed_and_all_of_them_are_named():
    network = Network([Leaky(), Leaky(), type("Other", (Leaky,), {})()], (4,))
    with pytest.raises(InputError) as caught:
        through_json(network)
    message = str(caught.value)
    assert "the network has layers that are not minialex's, Leaky, Other: name the file" in message
    assert "--own-layers" in message
    assert "load(…, layers=[Leaky, Other])" in message


def test_the_same_network_is_recognised_whatever_its_module_was_called():
    left, right = (describe(Network([Leaky(0.7), layers.ReLU()], (4,))) for _ in range(2))
    right["layers"][0][1] = "__main__:Leaky"
    assert same_network(left, json.loads(json.dumps(right)))
    for change in (
        lambda d: d["layers"][0][2].update(slope=0.6),
        lambda d: d["layers"][0].__setitem__(0, "other"),
        lambda d: d["layers"].pop(),
        lambda d: d.update(input_shape=[5]),
    ):
        other = json.loads(json.dumps(right))
        change(other)
        assert not same_network(left, other)
    assert not same_network(left, None)


def test_what_trains_a_network_is_built_again():
    network = Network([layers.Linear(3, 2)], (3,))
    adam = optim.Adam(network, lr=0.3, beta1=0.5, weight_decay=0.1)
    adam = built(described(adam), optim.Optimizer, network)
    assert (adam.network, adam.lr, adam.beta1, adam.weight_decay) == (network, 0.3, 0.5, 0.1)
    cosine = schedules.Cosine(0.1, 10, warmup=0.2)
    again = built(described(cosine), schedules.Constant)
    assert [again(k) for k in (1, 3, 9)] == [cosine(k) for k in (1, 3, 9)]
    loss = layers.SoftmaxCrossEntropy
    assert built(described(loss(0.1)), loss).smoothing == 0.1
    assert described(type("Own", (optim.Adam,), {})(network)) is None


@pytest.mark.parametrize(
    "description",
    [
        ["Adam", {"speed": 3}],
        ["Adam", {"lr": "fast"}],
        ["Adam", {"weight_decay": "strong"}],
        ["Adam", {"beta1": None}],
        ["Adam", {"epsilon": float("inf")}],
        ["Adam", {"lr": True}],
        ["Adam", [0.1]],
        ["Constant", {"lr": 1}],
        ["os.system", {}],
        [["Adam"], {}],
        3,
    ],
)
def test_a_damaged_description_of_an_optimiser_is_refused(description):
    with pytest.raises(InputError, match="is damaged"):
        built(description, optim.Optimizer, Network([layers.Linear(3, 2)], (3,)))


def test_settings_are_spelled_as_a_script_writes_them():
    assert spelled(["Constant", {"lr": 0.1}]) == "Constant(lr=0.1)"
    assert spelled(["crop", "mirror"]) == "crop, mirror"
    assert (spelled([]), spelled(3)) == ("none", "3")


def test_your_own_layer_is_found_whatever_its_module_was_called():
    """A script that is run calls itself __main__; imported, it has another name."""
    description = describe(Network([Leaky(0.7)], (4,)))
    description["layers"][0][1] = "__main__:main.<locals>.Leaky"
    assert rebuild(description, [Leaky]).layers["leaky_1"].slope == 0.7


def test_your_own_relu_is_not_taken_for_minialexs():
    own = type("ReLU", (Leaky,), {})
    description = describe(Network([own(0.7), layers.ReLU()], (4,)))
    with pytest.raises(InputError, match="not minialex's"):
        rebuild(description)
    twin = rebuild(description, [own])
    assert [type(layer) for layer in twin.layers.values()] == [own, layers.ReLU]


def test_no_file_makes_python_import_anything(tmp_path, monkeypatch):
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="layers that are not minialex's, Layer"):
        rebuild({"input_shape": [4], "layers": [["x", "trap:Layer", {}]]})


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.pop("layers"),
        lambda about: about.pop("input_shape"),
        lambda about: about.update(input_shape=None),
        lambda about: about.update(input_shape=[8, 8, 2]),  # conv1 has 3 input channels
        lambda about: about.update(layers=7),
        lambda about: about["layers"][0].pop(),
        lambda about: about["layers"][0].__setitem__(1, None),
        lambda about: about["layers"][0].__setitem__(1, ["Conv2d"]),
        lambda about: about["layers"][0].__setitem__(1, "Conv3d"),
        lambda about: about["layers"][0].__setitem__(1, "Layer"),
        lambda about: about["layers"][0].__setitem__(1, "SoftmaxCrossEntropy"),
        lambda about: about["layers"][0][2].update(kernel_size=-3),
        lambda about: about["layers"][0][2].update(kernel_size="3"),
        lambda about: about["layers"][0][2].update(size=3),
        lambda about: about["layers"][0][2].pop("in_channels"),
        lambda about: about["layers"].append(about["layers"][0]),
    ],
)
def test_a_damaged_description_is_refused_in_one_line(change):
    about = describe(models.build("lenet", in_channels=3, image_size=32))
    change(about)
    with pytest.raises(InputError) as caught:
        rebuild(about)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("about", [None, 3, "x", [], {}])
def test_what_is_no_description_is_refused(about):
    with pytest.raises(InputError, match="the description of the network is damaged"):
        rebuild(about)
