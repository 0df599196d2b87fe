"""Networks with weights of other programs' formats, and what those programs do with pictures."""

import json
from typing import Any

from minialex.errors import InputError
from minialex.io.description import describe
from minialex.io.identify import MEAN, RESIZE, STD, class_names
from minialex.io.onnx_reader import OnnxFile
from minialex.network import Network

#: Caffe's means of ImageNet's training pictures: red, green, blue, from 0 to 255.
CAFFE_MEAN = (122.67891434, 116.66876762, 104.00698793)

#: What ONNX files are made by that come from Caffe's.
FROM_CAFFE = ("onnx-caffe2", "onnx-caffe")


def progress_of(network: Network, mean: Any, std: Any) -> dict[str, Any]:
    """The `progress` of weights that come with their network.

    mean, std: of pixels from 0 to 255, a number for each channel. Pictures of photographs' size are
    cut from 256 pixels, as usual.
    """
    height, width, channels = network.input_shape
    (classes,) = list(network.shapes().values())[-1]
    if height != width or channels not in (1, 3):
        shape = f"{height}×{width} with {channels} channels"
        raise InputError(f"it takes pictures of {shape}, expected squares, grey or in colour")
    return {
        "options": {"model": None, "lrn": None, "batch_size": 64},
        "network": describe(network),
        "source": None,
        "classes": class_names(classes),
        "pictures": [height, height, channels],
        "mean": list(mean)[:channels],
        "std": list(std)[:channels],
        "resize": RESIZE if 200 <= height <= RESIZE else height,
        "epochs": None,
        "steps": None,
    }


def from_onnx(file: OnnxFile) -> tuple[Network, dict[str, Any], str]:
    """The network, its `progress`, and what is assumed of pictures."""
    if file.producer in FROM_CAFFE:
        network = file.network(bgr=True)
        said = "as Caffe prepares them: blue, green, red, from 0 to 255, minus ImageNet's mean"
        return network, progress_of(network, CAFFE_MEAN, (1, 1, 1)), said
    network = file.network()
    grey = network.input_shape[-1] == 1
    mean, std = ((0,), (1,)) if grey else (MEAN, STD)
    said = "with pixel values in 0..1" if grey else "with ImageNet's mean and standard deviation"
    scaled = ([255 * value for value in values] for values in (mean, std))
    return network, progress_of(network, *scaled), said


def own_metadata(file: OnnxFile) -> str | None:
    """What minialex says in a file that it has exported, as JSON; None if another has made it."""
    if "format" not in file.metadata:
        return None
    try:
        return json.dumps({name: json.loads(text) for name, text in file.metadata.items()})
    except (ValueError, RecursionError):
        return "damaged"
