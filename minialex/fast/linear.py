"""The fully connected layer with its products divided among the threads."""

from minialex import backend
from minialex.backend import Array
from minialex.fast.layer import FastLayer
from minialex.fast.product import matmul
from minialex.fast.update import RowUpdate
from minialex.layers import Linear
from minialex.layers.checks import check_input

#: So much of a gradient is made and used up at a time: with less, the products copy x too often.
ROWS_BYTES = 4 << 20


class FastLinear(FastLayer, Linear):
    """Each thread multiplies with a share of the weights, so that each weight is fetched once.

    Where `by_rows` says how, backward updates the weight, too: each thread makes the gradient of a
    few rows and uses it up, so that it is never there as a whole, and `grads` lacks it.
    """

    by_rows: RowUpdate | None = None

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
        dx = self.workers.matmul(dy, weight, self.memory.own(self, "dx", dy, x.shape))
        dbias = self.memory.own(self, "dbias", weight, (self.out_features,))
        self.grads["bias"] = dy.sum(axis=0, out=dbias)
        if self.by_rows:
            self.grads.pop("weight", None)
            self.descend(dy, x, self.by_rows)
        else:
            dweight = self.memory.own(self, "dweight", weight, weight.shape)
            self.grads["weight"] = self.workers.matmul(dy.T, x, dweight)
        return dx

    def descend(self, dy: Array, x: Array, update: RowUpdate) -> None:
        """Calls update(rows, gradient) for all rows of the weight, on each thread for its share."""
        shares = self.workers.shares(self.out_features)
        count = max(1, min(ROWS_BYTES // x[:1].nbytes, max(s.stop - s.start for s in shares)))
        rooms = self.memory.scratch("rows", x, (len(shares), count, self.in_features))

        def work(room: Array, share: slice) -> None:
            for start in range(share.start, share.stop, count):
                rows = slice(start, min(start + count, share.stop))
                update(rows, matmul(dy[:, rows].T, x, room[: rows.stop - start]))

        self.workers.map(work, rooms, shares)
