"""Exercise: convolution, after lessons 02 and 03. About an hour and a half.

Fill the gaps from top to bottom, and after each one run

    python -m minialex.gradcheck lessons/exercises/conv.py

Loops over pictures, rows and columns are fine: what counts is that every
number is right.
"""

import numpy

from minialex.layers import Layer


class Conv2d(Layer):
    """Slides O filters (lesson 02: kernels) over a picture: how well does each fit each window?

        y[n, i, j, o] = bias[o] +
            Σ  padded[n, i·stride + kh, j·stride + kw, c] · weight[o, kh, kw, c]
         kh,kw,c

    padded is x with `padding` rows or columns of zeros on each of its four sides.

        x        (N, H, W, C)
        weight   (O, KH, KW, C), here KH = KW = kernel_size
        bias     (O,)
        y        (N, OH, OW, O),  OH = ⌊(H + 2·padding − KH) / stride⌋ + 1,
                                  OW the same from W and KW

    For example, with one filter that subtracts the pixel below on the right:

    >>> layer = Conv2d(1, 1, kernel_size=2)
    >>> layer.params["weight"] = numpy.array([[1.0, 0], [0, -1]]).reshape(1, 2, 2, 1)
    >>> layer.params["bias"] = numpy.array([10.0])
    >>> x = numpy.array([[1.0, 2, 4], [0, 3, 5]]).reshape(1, 2, 3, 1)
    >>> layer.output_shape((2, 3, 1))
    (1, 2, 1)
    >>> layer.forward(x, train=True).tolist()
    [[[[8.0], [7.0]]]]
    >>> layer.backward(numpy.array([100.0, 1]).reshape(1, 1, 2, 1))[0, :, :, 0].tolist()
    [[100.0, 1.0, 0.0], [0.0, -100.0, -1.0]]
    >>> layer.grads["weight"][0, :, :, 0].tolist(), layer.grads["bias"].tolist()
    ([[102.0, 204.0], [3.0, 305.0]], [101.0])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        rng: numpy.random.Generator | None = None,
    ):
        super().__init__()
        self.out_channels, self.kernel_size = out_channels, kernel_size
        self.stride, self.padding, self.groups = stride, padding, groups
        shape = (out_channels, kernel_size, kernel_size, in_channels // groups)
        rng = rng or numpy.random.default_rng()
        weight = rng.standard_normal(shape) * numpy.sqrt(2 / numpy.prod(shape[1:]))
        self.params["weight"] = weight.astype("float32")
        self.params["bias"] = numpy.zeros(out_channels, "float32")

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(OH, OW, O) for one picture of shape (H, W, C)."""
        # Your code here: shape is (H, W, C).
        raise NotImplementedError("output_shape")

    def forward(self, x: numpy.ndarray, train: bool = False) -> numpy.ndarray:
        """y for x. Keep in self.cache what backward will need."""
        if self.groups > 1:
            raise NotImplementedError("groups")  # for the very end, if you like; see below
        # Your code here. numpy.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))) puts a
        # border of 1 around pictures. Give new arrays the dtype of x.
        raise NotImplementedError("forward")

    def backward(self, dy: numpy.ndarray) -> numpy.ndarray:
        """dx for dy; puts the gradients into self.grads["weight"] and ["bias"].

        dy says how the loss changes with each number of y. Take a single product
        pixel · weight in the formula, and ask two questions: by how much does y change
        with this pixel? And by how much with this weight? Then: which numbers of y
        does a pixel contribute to, and which does a weight? The gradients that come
        back from all of them add up.
        """
        # Your code here: dbias is the shortest, then dweight, then dx, which
        # must have the shape of x, without the border.
        raise NotImplementedError("backward")


# The very end, if you like: groups (lessons 08 and 15). With groups=2, the channels of x and the
# filters are each divided into two halves, and the filters of the first half see only the
# first half of the channels, those of the second only the second; so weight is
# (O, KH, KW, C / groups). Remove the lines about groups from forward, and run the check again.
