"""Who owns which memory, and for how long.

Mapping fresh memory costs up to a fifth of a training step, so the fast layers ask for the same
arrays again and again. Each of an engine's workers has one `Memory`, which hands out three kinds:

own        a layer's own, what it returns and keeps for backward: until its next forward
scratch    temporaries, shared by all of the worker's layers: until forward or backward returns
gradient   dx, in two blocks that take turns: until the next layer but one has gone backward
"""

import math

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

    def own(self, layer, name: str, like: Array, shape: tuple[int, ...], dtype=None) -> Array:
        """An array that belongs to `layer`, valid until the layer's next forward."""
        return self.reused((layer, name), like, shape, dtype)

    def give(self, layer, name: str, array: Array) -> None:
        """Makes the contiguous `array` what `own` returns for this layer and name."""
        self.arrays[layer, name] = array.reshape(-1)

    def scratch(self, name: str, like: Array, shape: tuple[int, ...], dtype=None) -> Array:
        """A temporary, valid until the forward or backward that asked for it returns."""
        return self.reused(name, like, shape, dtype)

    def gradient(self, dy: Array, shape: tuple[int, ...]) -> Array:
        """Room for a dx: whichever of the two blocks dy does not lie in."""
        first = self.arrays.get("dx")
        same_module = first is not None and backend.of(first) is backend.of(dy)
        taken = same_module and backend.of(dy).may_share_memory(dy, first)
        return self.reused("other dx" if taken else "dx", dy, shape)

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
