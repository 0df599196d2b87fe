"""The zoo against what is published: shapes, parameter counts, initial weights, gradients."""

import numpy
import pytest
from naive import assert_same

from minialex import models
from minialex.errors import InputError
from minialex.gradcheck import check_network
from minialex.layers import Dropout, Linear, LocalResponseNorm, SoftmaxCrossEntropy
from minialex.network import Network

ALEXNETS = [name for name in models.MODELS if name not in models.WITHOUT_LRN]

#: conv1 + … + conv5 + fc6 + fc7 + fc8, by hand: each kernel · kernel · channels that a filter sees
#: · filters + filters.
PARAMETERS = {
    # 34,944 + 307,456 + 885,120 + 663,936 + 442,624 + 37,752,832 + 16,781,312 + 4,097,000
    "alexnet": 60_965_224,
    # 34,944 + 614,656 + 885,120 + 1,327,488 + 884,992 + 37,752,832 + 16,781,312 + 4,097,000
    "alexnet-227": 62_378_344,
    # 11,712 + 614,656 + 885,120 + 1,327,488 + 884,992 + 26,218,496 + 16,781,312 + 40,970
    "alexnet-d2l": 46_764_746,
    # as alexnet-227: padding has no parameters
    "alexnet-224": 62_378_344,
    # 23,296 + 307,392 + 663,936 + 884,992 + 590,080 + 37,752,832 + 16,781,312 + 4,097,000
    "alexnet-owt": 61_100_840,
    # 3,648 + 41,568 + 110,720 + 147,584 + 110,688 + 786,944 + 262,656 + 5,130
    "alexnet-cifar": 1_468_938,
    # 3,648 + 41,568 + 110,720 + 20,490
    "alexnet-mini": 176_426,
    # 896 + 18,496 + 36,928 + 73,856 + 147,584 + 295,168 + 10,250
    "alexnet-midi": 583_178,
    # 1,120 + 28,880 + 57,680 + 115,360 + 230,560 + 461,120 + 12,810
    "alexnet-maxi": 907_530,
    # 1,792 + 73,856 + 147,584 + 295,168 + 590,080 + 1,180,160 + 20,490
    "alexnet-mega": 2_309_130,
    # 156 + 2,416 + 48,120 + 10,164 + 850
    "lenet": 61_706,
}

#: The multiply-adds of conv1 + … + conv5 + the linear layers, by hand: output pixels · filters ·
#: kernel · kernel · channels.
MACS = {
    # 105,415,200 + 223,948,800 + 149,520,384 + 112,140,288 + 74,760,192 + 58,621,952
    "alexnet": 724_406_816,
    # 105,415,200 + 447,897,600 + 149,520,384 + 224,280,576 + 149,520,384 + 58,621,952
    "alexnet-227": 1_135_256_096,
    # 33,872,256 + 415,334,400 + 127,401,984 + 191,102,976 + 127,401,984 + 43,032,576
    "alexnet-d2l": 938_146_176,
    "alexnet-224": 1_135_256_096,
    # 70,276,800 + 223,948,800 + 112,140,288 + 149,520,384 + 99,680,256 + 58,621,952
    "alexnet-owt": 714_188_480,
    # 3,686,400 + 10,616,832 + 7,077,888 + 9,437,184 + 7,077,888 + 1,053,696
    "alexnet-cifar": 38_949_888,
    # 921,600 + 2,654,208 + 7,077,888 + 20,480
    "alexnet-mini": 10_674_176,
    # 884,736 + 4,718,592 + 9,437,184 + 4,718,592 + 9,437,184 + 4,718,592 + 10,240
    "alexnet-midi": 33_925_120,
    # 1,105,920 + 7,372,800 + 14,745,600 + 7,372,800 + 14,745,600 + 7,372,800 + 12,800
    "alexnet-maxi": 52_728_320,
    # 1,769,472 + 18,874,368 + 37,748,736 + 18,874,368 + 37,748,736 + 18,874,368 + 20,480
    "alexnet-mega": 133_910_528,
    # 117,600 + 240,000 + 58,920
    "lenet": 416_520,
}

AT_55 = {
    "conv1": (55, 55, 96),
    "pool1": (27, 27, 96),
    "conv2": (27, 27, 256),
    "pool2": (13, 13, 256),
    "conv3": (13, 13, 384),
    "conv4": (13, 13, 384),
    "conv5": (13, 13, 256),
    "pool5": (6, 6, 256),
    "flatten": (9216,),
    "fc6": (4096,),
    "fc7": (4096,),
    "fc8": (1000,),
}
#: Every layer's output, but for those that change no shape.
SHAPES = {
    "alexnet": {"input": (227, 227, 3), **AT_55},
    "alexnet-227": {"input": (227, 227, 3), **AT_55},
    "alexnet-224": {"input": (224, 224, 3), **AT_55},
    "alexnet-owt": {
        "input": (224, 224, 3),
        **AT_55,
        "conv1": (55, 55, 64),
        "pool1": (27, 27, 64),
        "conv2": (27, 27, 192),
        "pool2": (13, 13, 192),
        "conv4": (13, 13, 256),
    },
    "alexnet-d2l": {
        "input": (224, 224, 1),
        "conv1": (54, 54, 96),
        "pool1": (26, 26, 96),
        "conv2": (26, 26, 256),
        "pool2": (12, 12, 256),
        "conv3": (12, 12, 384),
        "conv4": (12, 12, 384),
        "conv5": (12, 12, 256),
        "pool5": (5, 5, 256),
        "flatten": (6400,),
        "fc6": (4096,),
        "fc7": (4096,),
        "fc8": (10,),
    },
    "alexnet-cifar": {
        "input": (32, 32, 3),
        "conv1": (32, 32, 48),
        "pool1": (16, 16, 48),
        "conv2": (16, 16, 96),
        "pool2": (8, 8, 96),
        "conv3": (8, 8, 128),
        "conv4": (8, 8, 128),
        "conv5": (8, 8, 96),
        "pool5": (4, 4, 96),
        "flatten": (1536,),
        "fc6": (512,),
        "fc7": (512,),
        "fc8": (10,),
    },
    "alexnet-mini": {
        "input": (32, 32, 3),
        "conv1": (16, 16, 48),
        "pool1": (8, 8, 48),
        "conv2": (8, 8, 96),
        "conv3": (8, 8, 128),
        "pool3": (4, 4, 128),
        "flatten": (2048,),
        "fc4": (10,),
    },
    "alexnet-midi": {
        "input": (32, 32, 3),
        "conv1": (32, 32, 32),
        "pool1": (16, 16, 32),
        "conv2": (16, 16, 64),
        "conv3": (16, 16, 64),
        "pool3": (8, 8, 64),
        "conv4": (8, 8, 128),
        "conv5": (8, 8, 128),
        "pool5": (4, 4, 128),
        "conv6": (4, 4, 256),
        "pool6": (2, 2, 256),
        "flatten": (1024,),
        "fc7": (10,),
    },
    "alexnet-maxi": {
        "input": (32, 32, 3),
        "conv1": (32, 32, 40),
        "pool1": (16, 16, 40),
        "conv2": (16, 16, 80),
        "conv3": (16, 16, 80),
        "pool3": (8, 8, 80),
        "conv4": (8, 8, 160),
        "conv5": (8, 8, 160),
        "pool5": (4, 4, 160),
        "conv6": (4, 4, 320),
        "pool6": (2, 2, 320),
        "flatten": (1280,),
        "fc7": (10,),
    },
    "alexnet-mega": {
        "input": (32, 32, 3),
        "conv1": (32, 32, 64),
        "pool1": (16, 16, 64),
        "conv2": (16, 16, 128),
        "conv3": (16, 16, 128),
        "pool3": (8, 8, 128),
        "conv4": (8, 8, 256),
        "conv5": (8, 8, 256),
        "pool5": (4, 4, 256),
        "conv6": (4, 4, 512),
        "pool6": (2, 2, 512),
        "flatten": (2048,),
        "fc7": (10,),
    },
    "lenet": {
        "input": (28, 28, 1),
        "conv1": (28, 28, 6),
        "pool1": (14, 14, 6),
        "conv2": (10, 10, 16),
        "pool2": (5, 5, 16),
        "flatten": (400,),
        "fc3": (120,),
        "fc4": (84,),
        "fc5": (10,),
    },
}

#: (kernel size, stride, padding) of every layer with a window; shapes would not show all of them.
WINDOWS_227 = {
    "conv1": (11, 4, 0),
    "pool1": (3, 2, 0),
    "conv2": (5, 1, 2),
    "pool2": (3, 2, 0),
    "conv3": (3, 1, 1),
    "conv4": (3, 1, 1),
    "conv5": (3, 1, 1),
    "pool5": (3, 2, 0),
}
#: Those of alexnet-midi, -maxi and -mega, which differ in their widths alone.
WINDOWS_OF_SIX = {
    "conv1": (3, 1, 1),
    "pool1": (3, 2, 1),
    "conv2": (3, 1, 1),
    "conv3": (3, 1, 1),
    "pool3": (2, 2, 0),
    "conv4": (3, 1, 1),
    "conv5": (3, 1, 1),
    "pool5": (2, 2, 0),
    "conv6": (3, 1, 1),
    "pool6": (2, 2, 0),
}
WINDOWS = {
    "alexnet": WINDOWS_227,
    "alexnet-227": WINDOWS_227,
    "alexnet-d2l": {**WINDOWS_227, "conv1": (11, 4, 1)},
    "alexnet-224": {**WINDOWS_227, "conv1": (11, 4, 2)},
    "alexnet-owt": {**WINDOWS_227, "conv1": (11, 4, 2)},
    "alexnet-cifar": {
        "conv1": (5, 1, 2),
        "pool1": (3, 2, 1),
        "conv2": (3, 1, 1),
        "pool2": (3, 2, 1),
        "conv3": (3, 1, 1),
        "conv4": (3, 1, 1),
        "conv5": (3, 1, 1),
        "pool5": (3, 2, 1),
    },
    "alexnet-mini": {
        "conv1": (5, 2, 2),
        "pool1": (3, 2, 1),
        "conv2": (3, 1, 1),
        "conv3": (3, 1, 1),
        "pool3": (2, 2, 0),
    },
    "alexnet-midi": WINDOWS_OF_SIX,
    "alexnet-maxi": WINDOWS_OF_SIX,
    "alexnet-mega": WINDOWS_OF_SIX,
    "lenet": {"conv1": (5, 1, 2), "pool1": (2, 2, 0), "conv2": (5, 1, 0), "pool2": (2, 2, 0)},
}

#: What comes between the ReLU of the first two convolutions and the next convolution.
POOL, NORM_POOL, POOL_NORM = ["pool"], ["norm", "pool"], ["pool", "norm"]

AFTER_HIDDEN = ["fc6", "relu6", "dropout6", "fc7", "relu7", "dropout7", "fc8"]
BEFORE_HIDDEN = ["dropout6", "fc6", "relu6", "dropout7", "fc7", "relu7", "fc8"]


def small(name, **options):
    """The net for small pictures, so that it is built quickly."""
    image_size = {"alexnet-cifar": 9, "lenet": 28, **dict.fromkeys(models.QUICK, 16)}.get(name, 67)
    return models.build(
        name,
        **{
            "image_size": image_size,
            "num_classes": 5,
            "rng": numpy.random.default_rng(0),
            **options,
        },
    )


def alexnet_layers(between, classifier):
    """The names of an AlexNet's layers in order."""
    names = [kind + number for number in "12" for kind in ("conv", "relu", *between)]
    names += [kind + number for number in "345" for kind in ("conv", "relu")]
    return [*names, "pool5", "flatten", *classifier]


@pytest.fixture(scope="module", params=models.MODELS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def network(name):
    """The net with its defaults; half a second each for the large ones."""
    return models.build(name, rng=numpy.random.default_rng(0))


def test_there_are_as_many_parameters_as_counted_by_hand(name, network):
    assert network.parameter_count() == PARAMETERS[name]


def test_there_are_as_many_multiply_adds_as_counted_by_hand(name, network):
    assert sum(network.macs().values()) == MACS[name]


def test_every_layer_has_the_published_shape(name, network):
    all_shapes = {"input": network.input_shape, **network.shapes()}
    assert {layer: shape for layer, shape in all_shapes.items() if layer in SHAPES[name]} == SHAPES[
        name
    ]


def test_every_window_is_the_published_one(name, network):
    layers = {key: layer for key, layer in network.layers.items() if hasattr(layer, "kernel_size")}
    windows = {
        key: (layer.kernel_size, layer.stride, getattr(layer, "padding", 0))
        for key, layer in layers.items()
    }
    assert windows == WINDOWS[name]


def test_half_of_the_hidden_units_drop_out_and_lrn_has_the_papers_constants(name, network):
    for layer in network.layers.values():
        if isinstance(layer, Dropout):
            assert layer.p == 0.5
        if isinstance(layer, LocalResponseNorm):
            assert (layer.size, layer.alpha, layer.beta, layer.k) == (5, 1e-4, 0.75, 2)


def test_the_layers_come_in_the_published_order(name, network):
    if name == "lenet":
        order = [
            "conv1",
            "tanh1",
            "pool1",
            "conv2",
            "tanh2",
            "pool2",
            "flatten",
            "fc3",
            "tanh3",
            "fc4",
            "tanh4",
            "fc5",
        ]
    elif name in models.QUICK:
        convolutions = [layer for layer in SHAPES[name] if layer.startswith("conv")]
        order = [
            layer for conv in convolutions for layer in (conv, f"relu{conv[4:]}", f"pool{conv[4:]}")
        ]
        order = [layer for layer in order if not layer.startswith("pool") or layer in SHAPES[name]]
        order += ["flatten", f"fc{len(convolutions) + 1}"]
    else:
        classifier = BEFORE_HIDDEN if name in ("alexnet-224", "alexnet-owt") else AFTER_HIDDEN
        order = alexnet_layers(NORM_POOL if name == "alexnet" else POOL, classifier)
    assert list(network.layers) == order


def test_the_pictures_it_is_made_for_are_those_of_its_input(name, network):
    assert models.image_size(name) == network.input_shape[0] == network.input_shape[1]


def assert_deviation(array, std, name):
    sample = array.reshape(-1)[:20_000]
    assert abs(sample.std() / std - 1) < 5 / (2 * sample.size) ** 0.5, (
        name
    )  # five standard deviations of a deviation


def test_weights_start_as_hes_with_biases_of_0_and_alexnets_last_layer_small(name, network):
    for key, array in network.params.items():
        fan_in = array[0].size
        if key.endswith("bias"):
            assert (array == 0).all(), key
        else:
            last = key == list(network.params)[-2] and name != "lenet"
            assert_deviation(array, 0.01 if last else (2 / fan_in) ** 0.5, key)


def test_alexnet_can_start_as_in_the_paper():
    ones = ["conv2.bias", "conv4.bias", "conv5.bias", "fc6.bias", "fc7.bias"]
    for key, array in small("alexnet", paper_init=True).params.items():
        if key.endswith("bias"):
            assert (array == (key in ones)).all(), key
        else:
            assert_deviation(array, 0.005 if key in ("fc7.weight", "fc8.weight") else 0.01, key)


def test_the_same_seed_gives_the_same_weights_and_the_same_dropout(name):
    first, second = (small(name, rng=numpy.random.default_rng(1)) for _ in range(2))
    for key, array in first.params.items():
        assert_same(second.params[key], array)
    draws = [
        [tuple(layer.rng.random(5)) for layer in net.layers.values() if isinstance(layer, Dropout)]
        for net in (first, second)
    ]
    assert draws[0] == draws[1]
    assert len(set(draws[0])) == len(draws[0])  # no two layers drop the same units


@pytest.mark.parametrize("name", models.SMALL)
def test_another_seed_gives_other_weights(name):
    first, second = (small(name, rng=numpy.random.default_rng(seed)).params for seed in (1, 2))
    for key in first:
        assert key.endswith("bias") or not (first[key] == second[key]).any()


def test_the_initial_weights_do_not_depend_on_the_dropout_drawn_meanwhile():
    """Drawing masks leaves the generator alone that the next net's weights come from."""
    weights, untouched = (numpy.random.default_rng(1) for _ in range(2))
    small("alexnet-cifar", rng=weights).forward(numpy.ones((2, 9, 9, 3), numpy.float32), train=True)
    small("alexnet-cifar", rng=untouched)
    assert_same(
        small("alexnet-cifar", rng=weights).params["fc8.weight"],
        small("alexnet-cifar", rng=untouched).params["fc8.weight"],
    )


@pytest.mark.parametrize("name", ALEXNETS)
def test_normalisation_can_be_had_before_the_pool_after_it_or_not_at_all(name):
    for options, between in [
        (dict(lrn=True), NORM_POOL),
        (dict(lrn=True, pool_first=True), POOL_NORM),
        (dict(lrn=False), POOL),
    ]:
        layers = list(small(name, **options).layers)
        assert layers[: layers.index("flatten")] == alexnet_layers(between, [])[:-1]


@pytest.mark.parametrize("size", [28, 32])
def test_the_small_nets_take_both_sizes_of_small_pictures(size):
    assert models.build("lenet", image_size=size).shapes()["flatten"] == (5 * 5 * 16,)
    assert models.build("alexnet-cifar", image_size=size).shapes()["pool5"] == (4, 4, 96)
    for name in models.QUICK:
        assert list(models.build(name, image_size=size).shapes().values())[-1] == (10,)


def test_classes_and_channels_are_what_was_asked_for(name):
    network = small(name, num_classes=7, in_channels=2)
    assert list(network.shapes().values())[-1] == (7,)
    assert network.input_shape[2] == network.params["conv1.weight"].shape[3] == 2


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("alexnet-2012", {}, "'alexnet-2012' is not one of alexnet, alexnet-227, .*lenet"),
        ("lenet", dict(lrn=True), "lenet .*lrn"),
        ("alexnet", dict(width=2), "alexnet .*width"),
        (
            "alexnet",
            dict(image_size=40),
            "alexnet .*40.*pool5.*window of 3 does not fit into 1 pixel",
        ),
        (
            "alexnet-224",
            dict(image_size=6),
            "alexnet-224 .*conv1.*window of 11 does not fit into 6 pixels",
        ),
        ("lenet", dict(image_size=11), "lenet .*11.*conv2.*window of 5 does not fit into 3 pixels"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(name, options, message):
    with pytest.raises(InputError, match=message) as caught:
        models.build(name, **options)
    assert "\n" not in str(caught.value)


def narrowed(network, rng):
    """The net with 16 instead of 4096 hidden units, He's weights, LRN with an α that matters."""
    layers, width = [], None
    for name, layer in network.layers.items():
        if isinstance(layer, LocalResponseNorm):
            layer.alpha = 0.1
        if isinstance(layer, Linear):
            outputs = min(layer.out_features, 16)
            layer = Linear(width or layer.in_features, outputs, rng=rng)
            width = outputs
        elif "weight" in layer.params:
            weight = layer.params["weight"]
            weight *= (2 / weight[0].size) ** 0.5 / weight.std()
        layers.append((name, layer))
    return Network(layers, network.input_shape)


def test_the_whole_net_has_the_gradients_of_finite_differences(name, xp):
    rng = numpy.random.default_rng(
        8
    )  # chosen: no unit comes so near to a kink that the differences step over it
    network = small(name) if name in models.SMALL else narrowed(small(name), rng)
    network.to(xp).astype("float64")
    x = rng.standard_normal((2, *network.input_shape))
    report = check_network(network, SoftmaxCrossEntropy(), xp.asarray(x), numpy.array([3, 1]), rng)
    assert report.passed, report
