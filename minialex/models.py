"""The zoo: AlexNet as the paper has it, as others build it, small for small pictures, and LeNet
beside it.

Every model is a function that returns a Network; `build` calls one by name. Each takes

num_classes   how many logits
in_channels   1 for grey pictures, 3 for colour
image_size    side of the square input in pixels
rng           generator of the initial weights; dropout masks get generators of their own, spawned
              from it

and the AlexNets with hidden linear layers also

lrn           local response normalisation after the first two convolutions
pool_first    pool before normalising, as CaffeNet does, instead of after, as the paper does
lrn_groups    alexnet's only: 2 normalises within each half of the channels, as the original program
"""

import inspect

import numpy

from minialex.errors import InputError
from minialex.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Tanh,
)
from minialex.model_parts import (
    Rng,
    convolutions,
    flat_size,
    norm_and_pool,
    with_classifier,
    without_hidden_layers,
)
from minialex.network import Network

#: What a network is called that is not in the zoo.
OWN = "a network of its own"


def alexnet(
    num_classes=1000,
    in_channels=3,
    image_size=227,
    rng=None,
    lrn=True,
    pool_first=False,
    lrn_groups=1,
    paper_init=False,
) -> Network:
    """The paper's net (Krizhevsky et al. 2012, section 3.5): LRN and two groups. 60,965,224
    parameters.

    With `paper_init` weights start from N(0, 0.01²) and some biases from 1, as in section 5. That
    was for pixels of 0 to 255; with it hardly anything of standardised pixels reaches fc8, so He's
    weights are the default (benchmarks/initial_weights.py measures both). fc7 and fc8 then start
    from N(0, 0.005²): while training, dropout here doubles what it lets through, the paper's did
    not, and so their sums start as the paper's.
    """
    rng = rng or numpy.random.default_rng()
    std, one = (0.01, 1.0) if paper_init else (None, 0.0)
    start, after_dropout = dict(weight_std=std, rng=rng), dict(weight_std=std and std / 2, rng=rng)
    features = [
        ("conv1", Conv2d(in_channels, 96, 11, stride=4, **start)),
        ("relu1", ReLU()),
        *norm_and_pool(1, lrn, pool_first, groups=lrn_groups),
        ("conv2", Conv2d(96, 256, 5, padding=2, groups=2, bias=one, **start)),
        ("relu2", ReLU()),
        *norm_and_pool(2, lrn, pool_first, groups=lrn_groups),
        ("conv3", Conv2d(256, 384, 3, padding=1, **start)),
        ("relu3", ReLU()),
        ("conv4", Conv2d(384, 384, 3, padding=1, groups=2, bias=one, **start)),
        ("relu4", ReLU()),
        ("conv5", Conv2d(384, 256, 3, padding=1, groups=2, bias=one, **start)),
        ("relu5", ReLU()),
        ("pool5", MaxPool2d(3, stride=2)),
    ]
    input_shape = (image_size, image_size, in_channels)
    return Network(
        [
            *features,
            ("flatten", Flatten()),
            ("fc6", Linear(flat_size(features, input_shape), 4096, bias=one, **start)),
            ("relu6", ReLU()),
            ("dropout6", Dropout(0.5, rng.spawn(1)[0])),
            ("fc7", Linear(4096, 4096, bias=one, **after_dropout)),
            ("relu7", ReLU()),
            ("dropout7", Dropout(0.5, rng.spawn(1)[0])),
            ("fc8", Linear(4096, num_classes, weight_std=0.005 if paper_init else 0.01, rng=rng)),
        ],
        input_shape,
    )


def alexnet_227(
    num_classes=1000, in_channels=3, image_size=227, rng=None, lrn=False, pool_first=False
) -> Network:
    """The net as it is mostly drawn today (system S0): no groups, no LRN, 227 pixels. 62,378,344
    parameters."""
    rng = rng or numpy.random.default_rng()
    features = convolutions((96, 256, 384, 384, 256), in_channels, rng, lrn, pool_first)
    return with_classifier(features, (image_size, image_size, in_channels), num_classes, rng)


def alexnet_d2l(
    num_classes=10, in_channels=1, image_size=224, rng=None, lrn=False, pool_first=False
) -> Network:
    """The net of Dive into Deep Learning (system S1): 224 pixels with padding 1, one channel, ten
    classes."""
    rng = rng or numpy.random.default_rng()
    features = convolutions((96, 256, 384, 384, 256), in_channels, rng, lrn, pool_first, padding=1)
    return with_classifier(features, (image_size, image_size, in_channels), num_classes, rng)


def alexnet_224(
    num_classes=1000, in_channels=3, image_size=224, rng=None, lrn=False, pool_first=False
) -> Network:
    """The 224-pixel variant (system S4): padding 2, dropout before FC6 and FC7 instead of after."""
    rng = rng or numpy.random.default_rng()
    features = convolutions((96, 256, 384, 384, 256), in_channels, rng, lrn, pool_first, padding=2)
    return with_classifier(
        features, (image_size, image_size, in_channels), num_classes, rng, dropout_first=True
    )


def alexnet_owt(
    num_classes=1000, in_channels=3, image_size=224, rng=None, lrn=False, pool_first=False
) -> Network:
    """torchvision's net, from Krizhevsky's "One weird trick" (2014): narrower convolutions.
    61,100,840 parameters."""
    rng = rng or numpy.random.default_rng()
    features = convolutions((64, 192, 384, 256, 256), in_channels, rng, lrn, pool_first, padding=2)
    return with_classifier(
        features, (image_size, image_size, in_channels), num_classes, rng, dropout_first=True
    )


def alexnet_cifar(
    num_classes=10, in_channels=3, image_size=32, rng=None, lrn=False, pool_first=False
) -> Network:
    """AlexNet for small pictures (system S0's adaptation): the same eight layers, conv1 5×5 without
    stride, all narrower.

    Pools are padded so that pictures of 32 and of 28 pixels both end as 4×4 maps.
    """
    rng = rng or numpy.random.default_rng()
    features = [
        ("conv1", Conv2d(in_channels, 48, 5, padding=2, rng=rng)),
        ("relu1", ReLU()),
        *norm_and_pool(1, lrn, pool_first, padding=1),
        ("conv2", Conv2d(48, 96, 3, padding=1, rng=rng)),
        ("relu2", ReLU()),
        *norm_and_pool(2, lrn, pool_first, padding=1),
        ("conv3", Conv2d(96, 128, 3, padding=1, rng=rng)),
        ("relu3", ReLU()),
        ("conv4", Conv2d(128, 128, 3, padding=1, rng=rng)),
        ("relu4", ReLU()),
        ("conv5", Conv2d(128, 96, 3, padding=1, rng=rng)),
        ("relu5", ReLU()),
        ("pool5", MaxPool2d(3, stride=2, padding=1)),
    ]
    return with_classifier(
        features, (image_size, image_size, in_channels), num_classes, rng, hidden=512
    )


def alexnet_mini(num_classes=10, in_channels=3, image_size=32, rng=None) -> Network:
    """What is left of AlexNet to learn CIFAR-10 in a minute: conv1 with a stride, an overlapping
    pool, 3×3 convolutions.

    No hidden linear layer and no dropout: in so short a time nothing is learnt by heart. Later
    pools take means, which teaches all their pixels at once. 176,426 parameters.
    """
    first, stages = dict(kernel_size=5, stride=2, padding=2), [(48,), (96, 128)]
    return without_hidden_layers(first, stages, num_classes, in_channels, image_size, rng)


def alexnet_midi(num_classes=10, in_channels=3, image_size=32, rng=None) -> Network:
    """The same for when there are minutes: twice as many convolutions, the first at every pixel,
    and a pool after one or two of them. 583,178 parameters."""
    stages = [(32,), (64, 64), (128, 128), (256,)]
    return without_hidden_layers({}, stages, num_classes, in_channels, image_size, rng)


def alexnet_maxi(num_classes=10, in_channels=3, image_size=32, rng=None) -> Network:
    """`alexnet_midi` a quarter wider, for when there is a quarter of an hour. 907,530
    parameters."""
    stages = [(40,), (80, 80), (160, 160), (320,)]
    return without_hidden_layers({}, stages, num_classes, in_channels, image_size, rng)


def alexnet_mega(num_classes=10, in_channels=3, image_size=32, rng=None) -> Network:
    """`alexnet_midi` twice as wide, for when there is the better part of an hour. 2,309,130
    parameters."""
    stages = [(64,), (128, 128), (256, 256), (512,)]
    return without_hidden_layers({}, stages, num_classes, in_channels, image_size, rng)


def lenet(num_classes=10, in_channels=1, image_size=28, rng=None) -> Network:
    """LeNet-5 (LeCun et al. 1998), the net before AlexNet: tanh, mean pooling. 28 pixels are padded
    to its 32."""
    rng = rng or numpy.random.default_rng()
    features = [
        ("conv1", Conv2d(in_channels, 6, 5, padding=2 if image_size == 28 else 0, rng=rng)),
        ("tanh1", Tanh()),
        ("pool1", AvgPool2d(2, stride=2)),
        ("conv2", Conv2d(6, 16, 5, rng=rng)),
        ("tanh2", Tanh()),
        ("pool2", AvgPool2d(2, stride=2)),
    ]
    input_shape = (image_size, image_size, in_channels)
    return Network(
        [
            *features,
            ("flatten", Flatten()),
            ("fc3", Linear(flat_size(features, input_shape), 120, rng=rng)),
            ("tanh3", Tanh()),
            ("fc4", Linear(120, 84, rng=rng)),
            ("tanh4", Tanh()),
            ("fc5", Linear(84, num_classes, rng=rng)),
        ],
        input_shape,
    )


MODELS = {
    "alexnet": alexnet,
    "alexnet-227": alexnet_227,
    "alexnet-d2l": alexnet_d2l,
    "alexnet-224": alexnet_224,
    "alexnet-owt": alexnet_owt,
    "alexnet-cifar": alexnet_cifar,
    "alexnet-mini": alexnet_mini,
    "alexnet-midi": alexnet_midi,
    "alexnet-maxi": alexnet_maxi,
    "alexnet-mega": alexnet_mega,
    "lenet": lenet,
}

#: The models made for CIFAR-10 that have neither hidden linear layers nor local response
#: normalisation.
QUICK = ("alexnet-mini", "alexnet-midi", "alexnet-maxi", "alexnet-mega")

#: The models that take pictures as small as they come; the others need them enlarged to their own
#: size.
SMALL = ("alexnet-cifar", *QUICK, "lenet")

#: The models that have no option for local response normalisation.
WITHOUT_LRN = (*QUICK, "lenet")


#: What --lrn means to the functions above.
LRN = {
    "off": dict(lrn=False),
    "before-pool": dict(lrn=True, pool_first=False),
    "after-pool": dict(lrn=True, pool_first=True),
    "in-towers": dict(lrn=True, pool_first=False, lrn_groups=2),
}


def build(name: str, **options) -> Network:
    """The model called `name` with the options above; those not given keep the model's own
    defaults.

    InputError if there is no such model, it has no such option, or its layers do not fit pictures
    of that size.
    """
    if name not in MODELS:
        raise InputError(f"model {name!r} is not one of {', '.join(MODELS)}")
    known = inspect.signature(MODELS[name]).parameters
    for option in options:
        if option not in known:
            raise InputError(f"model {name} has no option {option!r}, only {', '.join(known)}")
    for option in ("num_classes", "in_channels", "image_size"):
        if options.get(option, 1) < 1:
            raise InputError(f"{option} must be at least 1, got {options[option]}")
    try:
        return MODELS[name](**options)
    except ValueError as error:
        side = options.get("image_size", image_size(name))
        raise InputError(f"model {name} cannot take pictures of {side}×{side}: {error}") from None


def of_run(
    options: dict, num_classes: int, image_size: int, channels: int, rng: Rng | None = None
) -> Network:
    """The network that a run's `options` describe, untrained, for pictures (image_size, image_size,
    channels)."""
    sizes = dict(num_classes=num_classes, in_channels=channels, image_size=image_size)
    start = dict(paper_init=True) if options.get("init") == "paper" else {}
    return build(options["model"], rng=rng, **sizes, **start, **LRN.get(options["lrn"], {}))


def image_size(name: str) -> int:
    """The side in pixels of the square pictures that the model called `name` is made for."""
    return inspect.signature(MODELS[name]).parameters["image_size"].default
