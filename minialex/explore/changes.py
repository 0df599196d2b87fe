"""The layers of a network with something changed, over the same weights."""

import numpy

from minialex.backend import Array
from minialex.errors import InputError
from minialex.explore.state import Changes
from minialex.layers import Conv2d, Dropout, Layer, Linear, LocalResponseNorm
from minialex.network import Network
from minialex.twin import is_shipped, twin


class Through(Layer):
    """y = x;  dx = dy. In the place of a layer that is left out."""

    def forward(self, x: Array, train: bool = False) -> Array:
        return x.copy()

    def backward(self, dy: Array) -> Array:
        return dy.copy()


class Masked(Layer):
    """y = m · (what another layer makes of x), each m 0 or 1;  dx = its backward(m · dy).

    mask: bool, as large as the other layer's output without N, or 1 along an axis.
    """

    def __init__(self, layer: Layer, mask: numpy.ndarray):
        super().__init__()
        self.layer, self.mask = layer, mask
        self.params, self.grads = layer.params, layer.grads

    def forward(self, x: Array, train: bool = False) -> Array:
        return self.masked(self.layer.forward(x, train))

    def backward(self, dy: Array) -> Array:
        return self.layer.backward(self.masked(dy))

    def masked(self, a: Array) -> Array:
        """a where the mask is 1, else 0, also where a is NaN."""
        return numpy.where(self.mask, a, a.dtype.type(0))


class Dropping(Dropout):
    """Dropout that drops the same units out each time, in training and in test.

    seed: whole numbers that decide which.
    """

    def __init__(self, p: float, seed: tuple[int, ...]):
        super().__init__(p)
        self.seed = seed

    def forward(self, x: Array, train: bool = False) -> Array:
        self.rng = numpy.random.default_rng(self.seed)
        return super().forward(x, train=True)


def changed(network: Network, changes: Changes) -> dict[str, Layer]:
    """The network's layers by name, changed. Their gradients and caches are their own.

    Without changes dropout does nothing, in training as in test. InputError if a change names a
    layer or a kernel that is not there, or a layer of another kind.
    """
    check(network, changes)
    layers, shape = {}, network.input_shape
    for number, (name, original) in enumerate(network.layers.items()):
        layer = twin(original)
        if isinstance(layer, Dropout) and is_shipped(layer):
            seed = (changes.seed, number)
            layer = Dropping(layer.p, seed) if name in changes.dropping else Through()
        elif name in changes.bypassed:
            layer = Through()
        output = original.output_shape(shape)
        mask = numpy.ones((*[1] * (len(output) - 1), output[-1]), bool)
        mask[..., [unit for of, unit in changes.silenced if of == name]] = False
        if name in changes.unpadded:
            mask = mask & inside(original, shape)[..., None]
        layers[name] = layer if mask.all() else Masked(layer, mask)
        shape = output
    return layers


def check(network: Network, changes: Changes) -> None:
    """InputError unless the changes fit the network."""
    shapes = network.shapes()
    wanted = {
        "silenced": (Conv2d | Linear, [name for name, _ in changes.silenced]),
        "bypassed": (LocalResponseNorm, changes.bypassed),
        "unpadded": (Conv2d, changes.unpadded),
        "dropping": (Dropout, changes.dropping),
    }
    for change, (kind, names) in wanted.items():
        for name in names:
            layer = network.layers.get(name)
            if layer is None:
                raise InputError(f"{change}: there is no layer {name!r}")
            if not (isinstance(layer, kind) and is_shipped(layer)):
                raise InputError(f"{change}: {name} is {layer}, which cannot be {change}")
    for name, unit in changes.silenced:
        if unit >= shapes[name][-1]:
            has = f"{name} has {shapes[name][-1]} kernels or units, from 0"
            raise InputError(f"silenced: {has}, got number {unit}")


def inside(layer: Conv2d, shape: tuple[int, ...]) -> numpy.ndarray:
    """Which windows of a convolution lie wholly on its input of `shape` (H, W, C), and not partly
    on the padding: bool (OH, OW)."""
    fits = []
    for size, count in zip(shape[:2], layer.output_shape(shape)[:2], strict=True):
        first = numpy.arange(count) * layer.stride - layer.padding
        fits.append((first >= 0) & (first + layer.kernel_size <= size))
    return fits[0][:, None] & fits[1]


def with_weight(layer: Layer, key: str, array: numpy.ndarray) -> Layer:
    """The layer with `array` as its parameter called `key`, and all else as before."""
    if isinstance(layer, Masked):
        return Masked(with_weight(layer.layer, key, array), layer.mask)
    other = twin(layer)
    other.params = layer.params | {key: array}
    return other
