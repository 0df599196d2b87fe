"""Which layers a rank has, and where it exchanges what."""

import numpy
import pytest

from minialex import models, optim
from minialex.distributed.group import ALONE, Group
from minialex.distributed.part import Part
from minialex.distributed.scheme import SCHEMES, Scheme
from minialex.errors import InputError
from minialex.layers import Conv2d, Flatten, Layer, Linear, ReLU
from minialex.network import Network


def ranks(rank, size):
    """A group that nobody can speak to."""
    group = Group()
    group.rank, group.size = rank, size
    return group


def towers(rank, pairs=1):
    pair = ranks(rank % 2, 2)
    return Scheme("towers", ranks(rank, 2 * pairs), ranks(rank // 2, pairs), pair, pair)


def weird(rank, size):
    everybody = ranks(rank, size)
    return Scheme("one-weird-trick", everybody, everybody, linear=everybody)


def exchanges(part):
    return [name for name in part.network.layers if name not in part.whole.layers]


@pytest.mark.parametrize("rank", [0, 1])
def test_a_tower_is_the_papers(rank):
    """Section 3.5 and figure 2: 48, 128, 192, 192 and 128 kernels and half of the neurons; the
    towers talk before conv3 and before each linear layer."""
    whole = models.build("alexnet", lrn_groups=2, rng=numpy.random.default_rng(0))
    part = Part(whole, towers(rank))
    shapes = {name: array.shape for name, array in part.network.params.items()}
    assert {name: shape for name, shape in shapes.items() if name.endswith("weight")} == {
        "conv1.weight": (48, 11, 11, 3),
        "conv2.weight": (128, 5, 5, 48),
        "conv3.weight": (192, 3, 3, 256),
        "conv4.weight": (192, 3, 3, 192),
        "conv5.weight": (128, 3, 3, 192),
        "fc6.weight": (2048, 9216),
        "fc7.weight": (2048, 4096),
        "fc8.weight": (500, 4096),
    }
    names = list(part.network.layers)
    assert names[names.index("exchange_conv3") + 1] == "conv3"
    assert exchanges(part) == [
        "exchange_conv3",
        "exchange_flatten",  # before fc6
        "exchange_dropout6",  # before fc7
        "exchange_dropout7",  # before fc8
        "logits",
    ]
    assert part.network.shapes()["pool1"] == (27, 27, 48)
    assert 2 * part.network.parameter_count() == whole.parameter_count() == 60_965_224


@pytest.mark.parametrize("size", [2, 3, 4])
def test_the_parts_of_all_ranks_are_the_whole_net(size):
    whole = models.build("alexnet-cifar", rng=numpy.random.default_rng(0))
    parts = [Part(whole, weird(rank, size)) for rank in range(size)]
    for name, array in whole.params.items():
        own = [part.network.params[name] for part in parts]
        if name.startswith("conv"):
            assert all(param is array for param in own)
        else:
            numpy.testing.assert_array_equal(numpy.concatenate(own), array)
            own[-1][-1] = 7.0
            assert (array[-1] == 7).all(), "a part is a view of the whole"


def test_one_weird_trick_joins_the_pictures_once_before_the_linear_layers():
    part = Part(models.build("alexnet-224", num_classes=20), weird(0, 4))
    assert exchanges(part) == ["join_fc6", "exchange_dropout7", "exchange_fc8", "logits"]
    assert part.joined.isdisjoint(["conv1", "conv5"])
    assert part.joined.issuperset(["fc6", "fc7", "fc8"])


@pytest.mark.parametrize("name", ["data", "one-weird-trick"])
def test_a_last_layer_with_fewer_units_than_ranks_is_everybodys(name):
    whole = models.build("alexnet-mini", num_classes=3)
    part = Part(whole, weird(0, 4) if name != "data" else Scheme())
    assert part.network.params["fc4.weight"].shape == whole.params["fc4.weight"].shape
    assert exchanges(part) == []
    assert "fc4" not in part.joined


class Scale(Layer):
    """A layer of one's own, with a parameter."""

    def __init__(self):
        super().__init__()
        self.params["scale"] = numpy.ones(1, numpy.float32)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([Conv2d(4, 4, 3, groups=2), Flatten(), Linear(36, 4)], "each rank sees all its channels"),
        ([Conv2d(4, 4, 3), Scale(), Flatten(), Linear(36, 4)], "Scale.* cannot be divided among 2"),
        ([Conv2d(4, 1, 3), ReLU(), Flatten(), Linear(9, 4)], "Conv2d.* cannot be divided among 2"),
    ],
)
def test_what_two_towers_cannot_compute_is_refused(layers, said):
    with pytest.raises(InputError, match=said):
        Part(Network(layers, (5, 5, 4)), towers(0))


def test_an_optimizer_that_needs_whole_weights_is_refused():
    whole = models.build("alexnet-cifar")
    with pytest.raises(InputError, match="Muon needs each weight as a whole, which --parallel tow"):
        Part(whole, towers(0)).optimizer(optim.Muon(whole))


@pytest.mark.parametrize("name", SCHEMES)
def test_one_process_has_everything_in_any_scheme(name):
    whole = models.build("lenet")
    assert Part(whole, Scheme.of(name, ALONE)).network is whole


def test_towers_come_in_pairs():
    with pytest.raises(InputError, match=r"an even number of processes, .* got 3"):
        Scheme.of("towers", ranks(0, 3))
