"""The fully connected layer with its products divided among the threads."""

from minialex import backend
from minialex.backend import Array
from minialex.fast.layer import FastLayer
from minialex.fast.product import matmul
from minialex.layers import Linear
from minialex.layers.checks import check_input


class FastLinear(FastLayer, Linear):
    """Each thread multiplies with a share of the weights, so that each weight is fetched once."""

    def forward(self, x: Array, train: bool = False) -> Array:
        check_input(self, x, self.in_features)
        self.cache = x if train else None
        weight, bias = self.params["weight"], self.params["bias"]
        y = self.memory.own(self, "y", x, (len(x), self.out_features))
        if backend.on_gpu(x):
            matmul(x, weight.T, y)
            y += bias
            return y
        # W xᵀ instead of x Wᵀ: BLAS takes a sixth less time for it
        product = self.memory.own(self, "product", x, (self.out_features, len(x)))
        self.workers.matmul(weight, x.T, product)
        y[...] = product.T
        y += bias
        return y

    def backward(self, dy: Array) -> Array:
        x, weight = self.cached(), self.params["weight"]
        dweight = self.memory.own(self, "dweight", weight, weight.shape)
        self.grads["weight"] = self.workers.matmul(dy.T, x, dweight)
        dbias = self.memory.own(self, "dbias", weight, (self.out_features,))
        self.grads["bias"] = dy.sum(axis=0, out=dbias)
        return self.workers.matmul(dy, weight, self.memory.own(self, "dx", dy, x.shape))
