"""The net of foreign_nets as MatConvNet saves it, written by SciPy."""

from pathlib import Path

import foreign_nets
import numpy
from foreign_nets import LRN, SIDE


def cell(things):
    """A cell array, (1, N)."""
    made = numpy.empty((1, len(things)), object)
    for i, thing in enumerate(things):
        made[0, i] = thing
    return made


def kernels(array):
    """(O, C, H, W) -> (H, W, C, O), in doubles' shape as MATLAB has it: without 1s at the end."""
    array = array.transpose(2, 3, 1, 0)
    return array[..., 0] if array.shape[-1] == 1 else array


def layers(arrays, old=False):
    """The net's layers, as import-caffe.py of MatConvNet writes them; old: as until 2015."""

    def convolution(name, weight, bias, stride, pad):
        numbers = [kernels(weight), bias[None]]
        named = dict(filters=numbers[0], biases=numbers[1]) if old else dict(weights=cell(numbers))
        about = dict(stride=[[float(stride)] * 2], pad=[[float(pad)] * 4])
        return dict(name=name, type="conv", **named, **about)

    linear = arrays["fc3_w"].reshape(4, 8, 3, 3)
    rates = [[float(LRN["size"]), LRN["bias"], LRN["alpha"] / LRN["size"], LRN["beta"]]]
    pool = dict(type="pool", method="max", pool=[[3.0, 3.0]], stride=[[2.0, 2.0]])
    return [
        convolution("conv1", arrays["conv1_w"], arrays["conv1_b"], 2, 0),
        dict(name="relu1", type="relu"),
        dict(name="norm1", type="normalize" if old else "lrn", param=rates),
        dict(pool, name="pool1", pad=[[0.0, 1.0, 0.0, 1.0]]),
        convolution("conv2", arrays["conv2_w"], arrays["conv2_b"], 1, 1),
        dict(name="relu2", type="relu", leak=0.0),
        dict(pool, name="pool2", pad=[[0.0, 0.0, 0.0, 0.0]]),
        convolution("fc3", linear, arrays["fc3_b"], 1, 0),
        dict(name="prob", type="softmax"),
    ]


def saved(path: Path, rng, old=False, change=lambda layers, normalization: None, **classes):
    """Writes the file, after change() has modified the layers and how pictures are prepared;
    returns its path and the arrays."""
    from scipy import io

    arrays = foreign_nets.arrays(rng)
    made = layers(arrays, old)
    normalization = dict(
        imageSize=[[float(SIDE), float(SIDE), 3.0]],
        averageImage=rng.uniform(90, 130, (SIDE, SIDE, 3)).astype(numpy.float32),
        border=[[4.0, 6.0]],
        keepAspect=0.0,
    )
    change(made, normalization)
    about = dict(normalization=normalization, **classes)
    about = about if old else dict(meta=about)
    io.savemat(path, dict(layers=cell(made), **about), do_compression=True)
    return path, arrays
