"""What a GPU kernel is here: a few lines of C, compiled for each layer.

A kernel's body is what CuPy's ElementwiseKernel takes: C that computes output element number `i`.
An input named `raw` may be read at any place, in C order; T is the dtype of the arrays. Sizes are
constants in the code, compiled for each layer: dividing by a number that the compiler knows is
several times as fast.
"""

import functools
from collections.abc import Callable
from types import ModuleType

from minialex import backend


class Kernel:
    """An operation that computes each element of its outputs on its own.

    inputs, outputs: "T x, raw T y", as CuPy's ElementwiseKernel takes them; body: its C code.
    """

    def __init__(self, name: str, inputs: str, outputs: str, body: str):
        self.name, self.inputs, self.outputs, self.body = name, inputs, outputs, body

    def __call__(self, *arguments, **sizes: int) -> None:
        """Runs the kernel: the inputs, arrays or numbers, then the arrays to write into; `sizes`
        are the body's constants.

        ValueError for arrays of 2³¹ elements or more: most bodies count in 32 bits, which is
        faster.
        """
        for x in arguments:
            if getattr(x, "size", 0) >= 1 << 31:
                expected = "arrays of fewer than 2³¹ elements"
                raise ValueError(f"{self.name} takes {expected}, got {x.shape}")
        compiled(self, backend.of(arguments[-1]), tuple(sizes.items()))(*arguments)


@functools.cache
def compiled(kernel: Kernel, xp: ModuleType, sizes: tuple[tuple[str, int], ...]) -> Callable:
    """The kernel for these sizes as a function of the array module xp."""
    constants = "".join(f"const int {name} = {value};\n" for name, value in sizes)
    return xp.ElementwiseKernel(
        kernel.inputs, kernel.outputs, constants + kernel.body, f"minialex_{kernel.name}"
    )
