"""The gradients of a network in one array, added up over the ranks while backward is under way."""

from collections.abc import Collection

from minialex import backend
from minialex.backend import Array
from minialex.distributed.group import Group
from minialex.network import Network

#: A sum begins as soon as the gradients that are ready have this many bytes: with fewer, waiting
#: for messages takes longer than sending them.
BUCKET_BYTES = 1 << 20


class Gradients:
    """A place for each gradient, and its sum over the ranks.

    The last layer's come first in the one contiguous array, as backward reaches them first. It is
    cut into buckets of whole layers, and a bucket is summed over the ranks as soon as backward has
    finished it: in AlexNet the linear layers, 96% of the weights, are on their way before the
    convolutions, 92% of the work, have begun.

    network  whose gradients these are, of one dtype
    ranks    over which to sum; nothing is added up in a group of one
    apart    the names of layers whose gradients are not summed: each rank has others
    """

    def __init__(self, network: Network, ranks: Group, apart: Collection[str] = ()):
        self.network = network
        names = [name for name, layer in network.layers.items() if layer.params]
        params = [(n, k, p) for n in reversed(names) for k, p in network.layers[n].params.items()]
        like = params[0][2]
        self.flat = backend.of(like).zeros(sum(p.size for *_, p in params), like.dtype)
        self.sums = ranks.sums(self.flat) if ranks.size > 1 else None
        self.arrays: dict[str, Array] = {}
        self.buckets: dict[str, Array] = {}  #: to be summed, by the layer that completes each
        start = end = 0
        for i, (name, key, param) in enumerate(params):
            self.arrays[f"{name}.{key}"] = self.flat[end : end + param.size].reshape(param.shape)
            end += param.size
            following = params[i + 1][0] if i + 1 < len(params) else None
            if following == name:
                continue
            others = following is None or (following in apart) != (name in apart)
            if others or (end - start) * like.itemsize >= BUCKET_BYTES:
                if name not in apart:
                    self.buckets[name] = self.flat[start:end]
                start = end

    def finished(self, name: str) -> None:
        """Takes over the gradients of a layer; begins the sum of a bucket that is complete."""
        layer = self.network.layers[name]
        for key in layer.params:
            place, grad = self.arrays[f"{name}.{key}"], layer.grads[key]
            if not backend.of(place).may_share_memory(place, grad):
                place[...] = grad
            layer.grads[key] = place
        if self.sums and name in self.buckets:
            self.sums.begin(self.buckets[name])
        elif self.sums:
            self.sums.advance()

    def wait(self) -> None:
        """Returns when all sums are complete; on a GPU, what it is asked for from now on comes
        after them."""
        if self.sums:
            self.sums.wait()
