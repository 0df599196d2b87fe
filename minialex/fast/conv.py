"""Convolution with a choice of algorithm, a few pictures at a time."""

from minialex import backend
from minialex.backend import Array
from minialex.fast import choose
from minialex.fast.im2col import col2im, im2col
from minialex.fast.kept_weight import KeptWeight
from minialex.fast.layer import FastLayer
from minialex.fast.product import matmul
from minialex.fast.winograd import Winograd
from minialex.layers import Conv2d
from minialex.layers.checks import check_input
from minialex.layers.im2col import output_size


class FastConv2d(FastLayer, Conv2d):
    """im2col or Winograd convolution, forward and backward each whichever choose.py says is faster.

    im2col's columns are built for a few pictures at a time and never kept: for a batch of 128,
    conv2's would take 0.9 GB. Winograd's transformed weight is kept from batch to batch while
    nothing trains, in `kept`, which the twins of one layer share. `algorithm` overrules the choice
    where it can be computed.
    """

    algorithm: str | None = None
    kept: KeptWeight

    def forward(self, x: Array, train: bool = False) -> Array:
        check_input(self, x, None, None, self.in_channels)
        shape = (len(x), *self.output_shape(x.shape[1:]))
        y = self.room_for_y(x, shape, train and self.y_needed)
        keep = not train and not backend.on_gpu(x)
        if self.chosen(y, kept=keep) == "winograd":
            kept = self.kept if keep else None
            Winograd(self, self.memory, y.shape[:3], kept).forward(x, y)
        else:
            self.im2col_forward(x, y)
        self.cache = x if train else None
        if train:
            self.kept.forget()
        return y

    def backward(self, dy: Array) -> Array | None:
        """dx, or None if nobody needs it."""
        x, weight = self.cached(), self.params["weight"]
        dx = self.memory.passed(dy, x.shape) if self.needs_dx else None
        dproduct = dy.reshape(-1, self.out_channels)
        self.grads["weight"] = self.memory.own(self, "dweight", weight, weight.shape)
        self.grads["bias"] = self.memory.own(self, "dbias", weight, (self.out_channels,))
        # this product adds up faster than sum(axis=0)
        ones = self.memory.ones(dy, len(dproduct))
        matmul(ones[None], dproduct, self.grads["bias"][None], keep=self.adds)
        if self.chosen(dy, overlapping=dx is not None) == "winograd":
            Winograd(self, self.memory, dy.shape[:3]).backward(x, dy, dx, self.adds)
        else:
            self.im2col_backward(x, dy, dx)
        return dx

    def chosen(self, y: Array, overlapping: bool = False, kept: bool = False) -> str:
        """The algorithm for an output like y (see choose.algorithm)."""
        if self.algorithm and (self.algorithm == "im2col" or choose.winograd_applies(self)):
            return self.algorithm
        return choose.algorithm(self, y.shape[:3], backend.on_gpu(y), overlapping, kept)

    def im2col_forward(self, x: Array, y: Array) -> None:
        """Writes the convolution of x into y."""
        weight, bias = self.grouped_weight(), self.params["bias"]
        for images in self.chunks(x):
            product = self.grouped(y[images])
            matmul(self.columns_of(x[images]), weight.transpose(0, 2, 1), product)
            y[images] += bias

    def im2col_backward(self, x: Array, dy: Array, dx: Array | None) -> None:
        """Writes the gradient of the weight into `grads` and that of x into dx, if it is wanted."""
        weight = self.grouped_weight()
        dweight = self.grads["weight"].reshape(weight.shape)
        for images in self.chunks(x):
            columns, dproduct = self.columns_of(x[images]), self.grouped(dy[images])
            matmul(
                dproduct.transpose(0, 2, 1), columns, dweight, keep=self.adds or images.start > 0
            )
            if dx is not None:
                dcolumns = matmul(dproduct, weight, columns)  # X is done: its memory serves dX
                window = (self.kernel_size, self.stride, self.padding)
                col2im(dcolumns, *window, dx[images], self.memory)

    def chunks(self, x: Array) -> list[slice]:
        """Slices of as many pictures as their columns fit into the workspace."""
        height, width, _ = self.output_shape(x.shape[1:])
        picture_bytes = height * width * self.kernel_size**2 * self.in_channels * x.itemsize
        room = self.memory.workspace_bytes(x)
        if not backend.on_gpu(x):
            room = max(room, choose.COLUMNS_TO_WEIGHT * self.params["weight"].nbytes)
        return self.memory.slices(len(x), picture_bytes, room)

    def columns_of(self, x: Array) -> Array:
        """The windows of the pictures x (n, H, W, C) as the rows of a matrix for each group,
        (G, n·OH·OW, KH·KW·C/G), in scratch memory."""
        window = (self.kernel_size, self.stride, self.padding)
        height, width = (output_size(side, *window) for side in x.shape[1:3])
        numbers = self.kernel_size**2 * self.in_channels // self.groups
        shape = (self.groups, len(x) * height * width, numbers)
        out = self.memory.scratch("columns", x, shape)
        return im2col(x, *window, self.groups, out, self.memory)

    def grouped(self, y: Array) -> Array:
        """The contiguous y (n, OH, OW, O) as a matrix for each group: a view (G, n·OH·OW, O/G)."""
        return y.reshape(-1, self.groups, self.out_channels // self.groups).transpose(1, 0, 2)
