"""CuPy's kernels in C++, compiled for the CPU. They need g++."""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from minialex.standin import cpp
from minialex.standin.arrays import arrays_in, device_only, ndarray, unwrapped
from minialex.standin.work import launch, work


class ElementwiseKernel:
    """CuPy's ElementwiseKernel on the CPU: the same body in a loop, compiled as C++ by g++."""

    def __init__(self, in_params: str, out_params: str, operation: str, name: str = "kernel"):
        self.inputs, self.outputs = (
            [cpp.Parameter.parse(text) for text in texts.split(",")]
            for texts in (in_params, out_params)
        )
        self.operation, self.name = operation, name
        self.constants = cpp.constants(operation)
        self.reads = [cpp.reads(operation, parameter.name) for parameter in self.parameters]
        self.functions: dict[
            tuple, Callable[..., int]
        ] = {}  # for each choice of dtype and of arrays or numbers as arguments

    @property
    def parameters(self) -> list[cpp.Parameter]:
        return [*self.inputs, *self.outputs]

    def __call__(self, *arguments: Any) -> None:
        device_only(*arguments)
        dtype = self.checked_dtype(arguments)
        are_arrays = [isinstance(x, ndarray) for x in arguments]
        case = (dtype, *are_arrays)
        if case not in self.functions:
            source = cpp.source(self.inputs, self.outputs, are_arrays, dtype, self.operation)
            self.functions[case] = cpp.compiled(source)
        size = arguments[len(self.inputs)].size
        passed: list[Any] = [ctypes.c_ssize_t(size), *map(ctypes.c_int, self.constants.values())]
        copies: list[tuple[numpy.ndarray, numpy.ndarray]] = []
        for parameter, x in zip(self.parameters, arguments, strict=True):
            if not isinstance(x, ndarray):
                passed.append(cpp.NUMBERS[parameter.dtype_for(dtype)](x))
                continue
            whole = numpy.ascontiguousarray(x.memory)
            copies += [(x.memory, whole)] if whole is not x.memory else []
            passed += [ctypes.c_void_p(whole.ctypes.data), ctypes.c_ssize_t(whole.size)]

        def run() -> None:
            for memory, whole in copies:
                whole[...] = memory
            if self.functions[case](*passed):
                raise IndexError(f"{self.name} reads beyond an array's end")
            for memory, whole in copies:
                memory[...] = whole

        outputs = arguments[len(self.inputs) :]
        work(unwrapped(list(outputs)), run)
        read = [x for x, reads in zip(arguments, self.reads, strict=True) if reads]
        launch(self.name, arrays_in(unwrapped(read)), unwrapped(outputs))

    def checked_dtype(self, arguments: Sequence[Any]) -> str:
        """The dtype that T stands for; an error for arguments that CuPy or a GPU would not take."""
        if len(arguments) != len(self.parameters):
            wanted = len(self.parameters)
            raise TypeError(f"{self.name}: {len(arguments)} arguments, expected {wanted}")
        outputs = arguments[len(self.inputs) :]
        generic = None
        for parameter, x in zip(self.parameters, arguments, strict=True):
            if not isinstance(x, ndarray):
                continue
            if parameter.dtype != "T" and x.dtype != parameter.dtype:
                raise TypeError(f"{self.name}: {x.dtype}, expected {parameter.dtype}")
            if parameter.dtype == "T" and x.dtype != (generic := generic or x.dtype):
                raise TypeError(f"{self.name}: {x.dtype} beside {generic}")
            if not parameter.raw and x.shape != outputs[0].shape:
                shapes = f"an array of shape {x.shape} beside one of {outputs[0].shape}"
                raise ValueError(f"{self.name}: {shapes}")
            if parameter.raw and any(numpy.shares_memory(x.memory, y.memory) for y in outputs):
                raise ValueError(
                    f"{self.name} reads anywhere in an array that it writes into: a race on a GPU"
                )
        takes_any = any(parameter.dtype == "T" for parameter in self.parameters)
        if takes_any and generic not in ("float32", "float64"):
            raise TypeError(f"{self.name}: T is {generic}, expected float32 or float64")
        return str(generic)
