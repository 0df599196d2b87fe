"""What the tests of the explorer's page share: what they look at, and what they expect."""

import io

import numpy
from explore_page import ROUNDING
from PIL import Image

from minialex.inference import load

#: A camera that shows a pattern, and may be used without asking.
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")

#: The test picture that is looked at where it does not matter which, and a unit that is.
PICTURE = 2

UNIT = dict(picture=f"test/{PICTURE}", layer="conv2", unit="6,7,9")


def in_64_bits(weights):
    found = load(weights, backend_name="numpy")
    found.network.astype(numpy.float64)
    return found


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def rounding_of(array):
    return ROUNDING * abs(array).max()


def logits(outputs):
    return outputs[list(outputs)[-1]]


def before(outputs, layer):
    """What the layer gets."""
    names = list(outputs)
    return outputs[names[names.index(layer) - 1]]
