"""The fully connected layer: 96% of AlexNet's weights, 8% of its work."""

from minialex import backend
from minialex.layers.init import Rng, initial_bias, initial_weight
from minialex.layers.layer import Layer, check_input, check_positive, check_shape


class Linear(Layer):
    """y = x Wᵀ + b;  dx = dy W,  dW = dyᵀ x,  db = Σ_n dy.

    x: (N, in_features); y: (N, out_features); weight: (out_features, in_features); bias: (out_features,).
    `weight_std` None draws He's initial weights (see init.py); `bias` is the initial bias.
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
        self.params["weight"] = initial_weight(
            (out_features, in_features), in_features, weight_std, rng
        )
        self.params["bias"] = initial_bias(out_features, bias)

    def forward(self, x, train: bool = False):
        check_input(self, x, self.in_features)
        self.cache, xp = x if train else None, backend.of(x)
        room = self.buffer("product", x, (self.out_features, len(x)))
        product = self.matmul(
            self.params["weight"], x.T, room
        )  # x Wᵀ lying on its side: BLAS takes a sixth less time for it
        return xp.ascontiguousarray(product.T) + self.params["bias"]

    def backward(self, dy):
        x, weight = self.cached(), self.params["weight"]
        self.grads["weight"] = self.matmul(dy.T, x, self.buffer("dweight", dy, weight.shape))
        self.grads["bias"] = dy.sum(axis=0)
        return (
            self.matmul(dy, weight, self.buffer("dx", dy, x.shape))
            if self.needs_input_gradient
            else None
        )

    def matmul(self, a, b, out):
        """a @ b, written into `out` and returned; the Workers divide this among threads."""
        return backend.of(a).matmul(a, b, out=out)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, self.in_features)
        return (self.out_features,)

    def macs(self, shape: tuple[int, ...]) -> int:
        return self.in_features * self.out_features

    def __repr__(self) -> str:
        return f"Linear({self.in_features}, {self.out_features})"
