"""PyTorch's side of the speed benchmark: a network's twin, and its steps in each PyTorch mode."""

from collections import OrderedDict

import numpy

from minialex import backend
from minialex.errors import InputError
from minialex.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)
from minialex.network import Network

#: PyTorch's default; with (N, H, W, C) in memory; compiled for this net and batch size.
MODES = ("eager", "channels_last", "compile")


def import_torch():
    """The module torch. InputError that says what to install if it is missing."""
    try:
        import torch
    except ImportError:
        raise InputError(
            "the benchmark needs PyTorch, which is not installed: "
            "python -m pip install -e '.[bench]'"
        ) from None
    return torch


class Peer:
    """The PyTorch twin of `network` working on one batch, in one of MODES.

    It has the same interface as measure.Minialex. x: float32 (N, H, W, C); labels: int64 (N,). The
    weights are copied. PyTorch gets what makes it fast: its input has the memory layout of the
    mode, ReLU works in place as in torchvision, gradients are dropped instead of zeroed, and SGD is
    fused where PyTorch has that (from 2.4 on), several times faster than the default on a CPU.
    """

    def __init__(
        self,
        mode: str,
        network: Network,
        x: numpy.ndarray,
        labels: numpy.ndarray,
        threads: int,
        lr: float,
        device="cpu",
    ):
        self.torch = torch = import_torch()
        torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32 = False  # float32 on both sides
        torch.backends.cudnn.benchmark = True  # picks the fastest convolutions
        torch.compiler.reset()  # or a net compiled before, of another size, makes this one general
        layout = torch.channels_last if mode == "channels_last" else torch.contiguous_format
        self.x = (
            torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=layout).to(device)
        )  # (N, C, H, W)
        self.labels = torch.from_numpy(labels).to(device)
        self.module = twin(network).to(device, memory_format=layout)
        self.forward = (
            torch.compile(self.module, dynamic=False) if mode == "compile" else self.module
        )
        rule = dict(lr=lr, momentum=0.9, weight_decay=5e-4)
        try:
            self.optimizer = torch.optim.SGD(self.module.parameters(), **rule, fused=True)
        except RuntimeError:
            self.optimizer = torch.optim.SGD(self.module.parameters(), **rule)

    def infer(self):
        """The logits (N, classes), with dropout off."""
        if self.module.training:  # the call takes time itself
            self.module.eval()
        with self.torch.inference_mode():
            return self.forward(self.x)

    def train_step(self):
        """Forward, loss, backward and update, with dropout on; the loss before the update."""
        if not self.module.training:
            self.module.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.torch.nn.functional.cross_entropy(self.forward(self.x), self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def twin(network: Network):
    """A torch.nn.Sequential with the same layers, names and weights, for inputs (N, C, H, W).

    It shares no memory with `network`. InputError that names the layer if its PyTorch counterpart
    is not known here.
    """
    torch = import_torch()
    layers = network.layers.items()
    module = torch.nn.Sequential(
        OrderedDict((name, counterpart(name, layer)) for name, layer in layers)
    )
    weights = {
        name: torch.from_numpy(array)
        for name, array in torch_layout(network, network.params).items()
    }
    module.load_state_dict(weights)
    return module


def counterpart(name: str, layer: Layer):
    """The torch.nn module that computes what `layer` does, with weights of its own."""
    nn = import_torch().nn
    match layer:
        case Conv2d():
            sizes = (
                layer.in_channels,
                layer.out_channels,
                layer.kernel_size,
                layer.stride,
                layer.padding,
            )
            return nn.Conv2d(*sizes, groups=layer.groups)
        case Linear():
            return nn.Linear(layer.in_features, layer.out_features)
        case MaxPool2d():
            return nn.MaxPool2d(layer.kernel_size, layer.stride, layer.padding)
        case AvgPool2d():
            return nn.AvgPool2d(layer.kernel_size, layer.stride)
        # torch divides alpha by the window's size, the paper does not
        case LocalResponseNorm() if layer.groups == 1:
            return nn.LocalResponseNorm(layer.size, layer.alpha * layer.size, layer.beta, layer.k)
        case Dropout():
            return nn.Dropout(layer.p)
        case ReLU():
            return nn.ReLU(inplace=True)
        case Tanh():
            return nn.Tanh()
        case Sigmoid():
            return nn.Sigmoid()
        case Flatten():
            return nn.Flatten()
    raise InputError(f"benchmarks/peers.py does not know PyTorch's counterpart of {name}, {layer}")


def torch_layout(network: Network, arrays: dict) -> dict[str, numpy.ndarray]:
    """`arrays`, the network's params or grads, in the layout of the twin's parameters.

    Convolutions: (O, KH, KW, C / groups) -> (O, C / groups, KH, KW). The first linear layer after
    Flatten has its columns in the order H, W, C here and C, H, W there.
    """
    result, picture = {}, None
    inputs = [network.input_shape, *network.shapes().values()]
    for (name, layer), shape in zip(network.layers.items(), inputs, strict=False):
        if isinstance(layer, Flatten) and len(shape) == 3:
            picture = shape
        for key in layer.params:
            array = backend.to_host(arrays[f"{name}.{key}"])
            if array.ndim == 4:
                array = array.transpose(0, 3, 1, 2)
            elif array.ndim == 2 and picture:
                array = array.reshape(-1, *picture).transpose(0, 3, 1, 2).reshape(array.shape)
            result[f"{name}.{key}"] = numpy.ascontiguousarray(array)
        if isinstance(layer, Linear):
            picture = None
    return result


def check_agreement(
    ours: numpy.ndarray, theirs: numpy.ndarray, what: str, tolerance: float = 1e-4
) -> float:
    """The largest difference between two sets of logits, relative to the largest of `ours`.

    InputError with `what` (the name of `theirs`) and the difference if it is NaN or exceeds
    `tolerance`.
    """
    difference = float(numpy.abs(ours - theirs).max() / (numpy.abs(ours).max() or 1))
    if not difference <= tolerance:
        raise InputError(
            f"{what} does not compute the same net as minialex: logits differ by {difference:.2g} "
            f"of the largest, and at most {tolerance:g} is rounding. Nothing was timed"
        )
    return difference
