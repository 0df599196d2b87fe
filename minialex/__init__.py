"""minialex: AlexNet and everything it is trained with, written by hand on NumPy.

The names of a script that uses it:

Network     an ordered list of layers
Trainer     trains a Network on a Dataset
Dataset     pictures, labels and the names of the classes
load        a trained network from a file
Layer       what a layer of your own derives from
layers      Conv2d, ReLU, MaxPool2d, …, to be read
models      AlexNet in eight versions, and LeNet: models.build(name)
optim       SGD (the paper's rule), Adam, Muon
schedules   the learning rate over time
data        data.load("cifar10"), data.from_arrays(…) for your own
fast        the same layers, rebuilt for speed
distributed training on many processes
gradcheck   gradients proven by finite differences
backend     the array module: NumPy, or CuPy on a GPU
"""

__version__ = "0.2.0"

from minialex import backend, data, distributed, fast, gradcheck, layers, models, optim, schedules
from minialex.data.dataset import Dataset
from minialex.inference import load
from minialex.layers import Layer
from minialex.network import Network
from minialex.training import Trainer

__all__ = [
    "Dataset",
    "Layer",
    "Network",
    "Trainer",
    "backend",
    "data",
    "distributed",
    "fast",
    "gradcheck",
    "layers",
    "load",
    "models",
    "optim",
    "schedules",
]
