"""The fully connected layer: 96% of AlexNet's weights, 8% of its work."""

from minialex.backend import Array
from minialex.layers.checks import check_input, check_positive, check_shape
from minialex.layers.init import Rng, initial_bias, initial_weight
from minialex.layers.layer import Layer


class Linear(Layer):
    """y = x Wᵀ + b;  dx = dy W,  dW = dyᵀ x,  db = Σ_n dy.

    x: (N, in_features); y: (N, out_features); weight: (out_features, in_features);
    bias: (out_features,). `weight_std` None draws He's initial weights (see init.py); `bias` is the
    initial bias.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        weight_std: float | None = None,
        bias: float = 0.0,
        rng: Rng | None = None,
    ):
        super().__init__()
        check_positive(in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        shape = (out_features, in_features)
        self.params["weight"] = initial_weight(shape, in_features, weight_std, rng)
        self.params["bias"] = initial_bias(out_features, bias)

    def forward(self, x: Array, train: bool = False) -> Array:
        check_input(self, x, self.in_features)
        self.cache = x if train else None
        return x @ self.params["weight"].T + self.params["bias"]

    def backward(self, dy: Array) -> Array:
        self.grads["weight"] = dy.T @ self.cached()
        self.grads["bias"] = dy.sum(axis=0)
        return dy @ self.params["weight"]

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, self.in_features)
        return (self.out_features,)

    def macs(self, shape: tuple[int, ...]) -> int:
        return self.in_features * self.out_features

    def __repr__(self) -> str:
        return f"Linear({self.in_features}, {self.out_features})"
