"""The fully connected layer: 96% of AlexNet's weights, 8% of its work."""

import numpy

from minialex import backend
from minialex.layers.init import initial_weight
from minialex.layers.layer import Layer, check_features


class Linear(Layer):
    """y = x W + b;  dx = dy Wᵀ,  dW = xᵀ dy,  db = Σ_n dy.

    x: (N, in_features); y: (N, out_features); weight: (in_features, out_features); bias: (out_features,).
    `weight_std` None draws He's initial weights (see init.py); `bias` is the initial bias.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        weight_std: float | None = None,
        bias: float = 0.0,
        rng: numpy.random.Generator | None = None,
    ):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.params["weight"] = initial_weight((in_features, out_features), in_features, weight_std, rng)
        self.params["bias"] = numpy.full(out_features, bias, numpy.float32)

    def forward(self, x, train: bool = False):
        check_features(self, x.shape, 2, self.in_features)
        self.cache = x if train else None
        return x @ self.params["weight"] + self.params["bias"]

    def backward(self, dy):
        xp, x, weight = backend.of(dy), self.cached(), self.params["weight"]
        self.grads["weight"] = xp.matmul(x.T, dy, out=self.buffer("dweight", dy, weight.shape))
        self.grads["bias"] = dy.sum(axis=0)
        return dy @ weight.T if self.needs_input_gradient else None

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_features(self, ("N", *shape), 2, self.in_features)
        return (self.out_features,)

    def macs(self, shape: tuple[int, ...]) -> int:
        return self.in_features * self.out_features

    def __repr__(self) -> str:
        return f"Linear({self.in_features}, {self.out_features})"
