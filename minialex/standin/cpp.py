"""The bodies of CuPy's ElementwiseKernel as C++ functions for the CPU: what kernels.py runs."""

import ctypes
import functools
import os
import pathlib
import re
import subprocess
import tempfile
import typing
from collections.abc import Callable, Sequence

#: The C++ type of each dtype, and for numbers the type by which ctypes passes them.
TYPES = {
    "float32": "float",
    "float64": "double",
    "uint8": "uint8_t",
    "int32": "int32_t",
    "uint64": "uint64_t",
}
NUMBERS = {
    "float32": ctypes.c_float,
    "float64": ctypes.c_double,
    "int32": ctypes.c_int32,
    "uint64": lambda number: ctypes.c_uint64(int(number)),
}


class Parameter(typing.NamedTuple):
    """A parameter of a kernel. Of a raw one the body may read any element, x[j]."""

    name: str
    dtype: str
    raw: bool

    @classmethod
    def parse(cls, text: str) -> "Parameter":
        """From "raw T x"."""
        *raw, dtype, name = text.split()
        return cls(name, dtype, bool(raw))

    def dtype_for(self, generic: str) -> str:
        """The dtype where T stands for `generic`."""
        return generic if self.dtype == "T" else self.dtype


#: The constants at the start of a body. They are passed as arguments, so that a body is compiled
#: once for all sizes.
CONSTANTS = re.compile(r"(?:const int \w+ = -?\d+;\n)*")


def constants(operation: str) -> dict[str, int]:
    """The constants by name."""
    pairs = re.findall(r"const int (\w+) = (-?\d+);", CONSTANTS.match(operation).group())
    return {name: int(value) for name, value in pairs}


def reads(operation: str, name: str) -> bool:
    """Whether the body uses what lies in the array `name` before it assigns to it."""
    parts = re.split(rf"\b{name} = ", operation, maxsplit=1)
    if len(parts) == 1:  # an input, or one changed by += and the like
        return True
    before, after = parts
    return re.search(rf"\b{name}\b", before + after.partition(";")[0]) is not None


def source(
    inputs: Sequence[Parameter],
    outputs: Sequence[Parameter],
    are_arrays: Sequence[bool],
    generic: str,
    operation: str,
) -> str:
    """The C++ of run(size, constants…, arguments…), which runs the body for every element.

    An array is passed as a pointer and its size, anything else as a number (`are_arrays` says
    which). T stands for `generic`. run() returns whether the body read outside an array.
    """
    declared, views, elements = [f"const int {name}" for name in constants(operation)], [], []
    for parameter, is_array in zip([*inputs, *outputs], are_arrays, strict=True):
        name, const = parameter.name, "const " if parameter in inputs else ""
        kind = TYPES[parameter.dtype_for(generic)]
        if not is_array:
            declared.append(f"const {kind} {name}")
            continue
        declared += [f"{const}{kind} *{name}_", f"const ptrdiff_t {name}_size"]
        if parameter.raw:
            views.append(f"const Raw<{kind}> {name} = {{{name}_, {name}_size}};")
        else:
            elements.append(f"{const}{kind} &{name} = {name}_[i];")
    return f"""
        #include <algorithm>
        #include <cmath>
        #include <cstddef>
        #include <cstdint>
        using namespace std;
        using T = {TYPES.get(generic, "void")};
        static bool beyond;
        template <typename E> struct Raw {{
            const E *memory;
            const ptrdiff_t size;
            E operator[](const ptrdiff_t j) const {{
                const bool inside = 0 <= j && j < size;
                beyond |= !inside;
                return inside ? memory[j] : E(0);
            }}
        }};
        extern "C" int run(const ptrdiff_t size, {", ".join(declared)}) {{
            beyond = false;
            {" ".join(views)}
            for (ptrdiff_t i = 0; i < size; ++i) {{
                {" ".join(elements)}
                {CONSTANTS.sub("", operation, count=1)};
            }}
            return beyond;
        }}
    """


@functools.cache
def compiled(text: str) -> Callable[..., int]:
    """The function `run` of the C++ text. SyntaxError with the compiler's messages."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows keeps it open
        library = pathlib.Path(folder, "kernel.so")
        command = ["g++", "-std=c++14", "-O1", "-Wall", "-Werror", "-Wno-unused", "-shared"]
        command += [] if os.name == "nt" else ["-fPIC"]
        made = subprocess.run(
            [*command, "-x", "c++", "-", "-o", library], input=text, capture_output=True, text=True
        )
        if made.returncode:
            raise SyntaxError(made.stderr)
        return ctypes.CDLL(library).run
