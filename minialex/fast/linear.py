"""The fully connected layer with its products divided among the threads."""

from minialex import backend
from minialex.backend import Array
from minialex.fast.layer import FastLayer
from minialex.layers import Linear
from minialex.layers.checks import check_input


class FastLinear(FastLayer, Linear):
    """Each thread multiplies with a share of the weights, so that each weight is fetched once."""

    returns_new = True

    def forward(self, x: Array, train: bool = False) -> Array:
        check_input(self, x, self.in_features)
        self.cache, xp = x if train else None, backend.of(x)
        product = self.memory.own(self, "product", x, (self.out_features, len(x)))
        # W xᵀ instead of x Wᵀ: BLAS takes a sixth less time for it
        self.workers.matmul(self.params["weight"], x.T, product)
        return xp.ascontiguousarray(product.T) + self.params["bias"]

    def backward(self, dy: Array) -> Array:
        x, weight = self.cached(), self.params["weight"]
        dweight = self.memory.own(self, "dweight", dy, weight.shape)
        self.grads["weight"] = self.workers.matmul(dy.T, x, dweight)
        self.grads["bias"] = dy.sum(axis=0)
        return self.workers.matmul(dy, weight, self.memory.own(self, "dx", dy, x.shape))
