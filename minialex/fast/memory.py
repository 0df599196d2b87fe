"""Who owns which memory, and for how long.

Mapping fresh memory costs up to a fifth of a training step, so the fast layers ask for the same
arrays again and again. Each of an engine's workers has one `Memory`, which hands out four kinds:

own        a layer's own: until its next forward
kept       the same, with a row for each picture: what backward needs
passed     what only the next layer needs, y or dx, in two blocks that take turns: until the next
           layer but one is done
scratch    temporaries, shared by all of the worker's layers: until forward or backward returns

The pictures pass a stage (stage.py) a few at a time. What is kept then are the rows of those under
way, in an array for all of them.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from minialex import backend
from minialex.backend import Array

#: CPU: work on this many bytes of one array at a time, which stay in or near a core's cache. With
#: less, the threads spend their time on calling NumPy, one at a time (benchmarks/LOG.md).
CACHE_BYTES = 2 << 20

#: CPU: a temporary this large is worth more than it costs: many times the cache, little beside a
#: network.
TEMPORARY_BYTES = 24 << 20

#: GPU: im2col's columns take at most this much at a time (--gpu-workspace); more fills it no
#: better.
GPU_WORKSPACE = 1 << 30


class Memory:
    """One worker's arrays. All are handed out uninitialised, in the module and dtype of `like`."""

    def __init__(self, gpu_workspace: int = GPU_WORKSPACE):
        self.gpu_workspace = gpu_workspace
        self.arrays: dict = {}
        self.under_way: tuple[slice, int] | None = None  #: which pictures, of how many
        self.destination: tuple | None = None  #: whose, and what, the next array is

    @contextmanager
    def at(self, images: slice, count: int) -> Iterator[None]:
        """A block in which the pictures `images` of `count` are under way."""
        self.under_way = images, count
        try:
            yield
        finally:
            self.under_way = self.destination = None

    def own(self, layer, name: str, like: Array, shape: tuple[int, ...], dtype=None) -> Array:
        """An array that belongs to `layer`, valid until the layer's next forward."""
        return self.reused((layer, name), like, shape, dtype)

    def give(self, layer, name: str, array: Array) -> None:
        """Makes the contiguous `array` what `own` returns for this layer and name."""
        self.arrays[layer, name] = array.reshape(-1)

    def scratch(self, name: str, like: Array, shape: tuple[int, ...], dtype=None) -> Array:
        """A temporary, valid until the forward or backward that asked for it returns."""
        return self.reused(name, like, shape, dtype)

    def kept(self, layer, name: str, like: Array, shape: tuple[int, ...], dtype=None) -> Array:
        """The rows for the pictures under way, as many as `shape` says, of an array that belongs to
        `layer`; without a stage, all of it."""
        images, count = self.under_way or (slice(None), shape[0])
        return self.own(layer, name, like, (count, *shape[1:]), dtype)[images]

    def passed(self, x: Array, shape: tuple[int, ...]) -> Array:
        """Room for what a layer makes of x: whichever of the two blocks x does not lie in; or where
        `lead_to` says."""
        if self.destination:
            (owner, name), self.destination = self.destination, None
            return self.kept(owner, name, x, shape)
        first = self.arrays.get("passed")
        same_module = first is not None and backend.of(first) is backend.of(x)
        taken = same_module and backend.of(x).may_share_memory(x, first)
        return self.reused("passed next" if taken else "passed", x, shape)

    def lead_to(self, owner, name: str) -> None:
        """Makes the array that is passed next one that is kept for `owner`."""
        self.destination = owner, name

    def arrived(self, array: Array | None) -> Array | None:
        """`array`, which is copied to where `lead_to` said if it was made somewhere else."""
        if self.destination and array is not None:
            self.passed(array, array.shape)[...] = array
        self.destination = None
        return array

    def ones(self, like: Array, count: int) -> Array:
        """As many ones as wanted, to be read only."""
        xp, kept = backend.of(like), self.arrays.get("ones")
        if (
            kept is None
            or kept.size < count
            or kept.dtype != like.dtype
            or backend.of(kept) is not xp
        ):
            kept = self.arrays["ones"] = xp.ones(count, like.dtype)
        return kept[:count]

    def reused(self, key, like: Array, shape: tuple[int, ...], dtype=None) -> Array:
        """An array of `shape` in the memory kept under `key`, which grows where it is too small."""
        xp, dtype, size = backend.of(like), dtype or like.dtype, math.prod(shape)
        kept = self.arrays.get(key)
        unfit = kept is None or kept.size < size or kept.dtype != dtype
        if unfit or backend.of(kept) is not xp:
            kept = self.arrays[key] = xp.empty(size, dtype)
        return kept[:size].reshape(shape)

    def workspace_bytes(self, x: Array) -> int:
        """How many bytes of one array to work on at a time: a core's cache, or what fills a GPU."""
        return self.gpu_workspace if backend.on_gpu(x) else CACHE_BYTES

    def temporary_bytes(self, x: Array) -> int:
        """How large a temporary may be."""
        return self.gpu_workspace // 2 if backend.on_gpu(x) else TEMPORARY_BYTES

    def cache_slices(self, x: Array) -> list[slice]:
        """Slices of x's first axis, to walk through it a few pictures at a time.

        On the CPU the temporaries of one slice stay in the core's cache, which makes elementwise
        layers two to four times as fast. A GPU takes everything at once.
        """
        budget = x.nbytes if backend.on_gpu(x) else CACHE_BYTES
        return self.slices(len(x), x.nbytes // max(1, len(x)), budget)

    @staticmethod
    def slices(count: int, bytes_each: int, budget: int) -> list[slice]:
        """Cuts 0..count into slices of as many items as fit into `budget` bytes, at least one."""
        step = max(1, budget // max(1, bytes_each))
        return [slice(start, min(start + step, count)) for start in range(0, count, step)]
