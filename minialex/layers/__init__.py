"""Every layer, each in a file of its own with its forward and its backward pass."""

from minialex.layers.activations import Sigmoid, Tanh
from minialex.layers.ceil_pool import CeilMaxPool2d
from minialex.layers.conv import Conv2d
from minialex.layers.dropout import Dropout
from minialex.layers.flatten import Flatten
from minialex.layers.layer import Layer
from minialex.layers.linear import Linear
from minialex.layers.loss import SoftmaxCrossEntropy
from minialex.layers.lrn import LocalResponseNorm
from minialex.layers.pool import AvgPool2d, MaxPool2d
from minialex.layers.relu import ReLU

__all__ = [
    "AvgPool2d",
    "CeilMaxPool2d",
    "Conv2d",
    "Dropout",
    "Flatten",
    "Layer",
    "Linear",
    "LocalResponseNorm",
    "MaxPool2d",
    "ReLU",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "Tanh",
]
