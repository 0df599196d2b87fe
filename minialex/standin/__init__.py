"""A stand-in for CuPy on machines without a GPU: it behaves like CuPy where NumPy does not.

The package is an array module like numpy and cupy: `standin.ndarray` holds a NumPy array as if it
were in a GPU's memory, and computes with NumPy. What goes wrong on a GPU only goes wrong here:

>>> import numpy
>>> from minialex import standin
>>> x = standin.asarray(numpy.ones(3, "float32"))
>>> x + numpy.ones(3)
Traceback (most recent call last):
    ...
TypeError: Unsupported type <class 'numpy.ndarray'>: move it to the device with \
minialex.backend.to_device
>>> with standin.accounting() as account:
...     total = float((2 * x).sum())
>>> total, account.waits, account.downloaded, dict(account.kernels)
(6.0, 1, 4, {'multiply': 1, 'sum': 1})

It

- refuses what CuPy refuses: host arrays and lists as operands, numpy.asarray(x), `where=`, and
  names and keyword arguments that the installed CuPy lacks;
- refuses NumPy's functions of a device array, some of which CuPy takes over;
- does what CuPy does differently: reductions return 0-d arrays, index arrays wrap around, `empty`
  is full of NaN;
- refuses what CuPy leaves undefined or does silently: assignment through an index that occurs
  twice, and a host array as an index, which would be uploaded each time;
- finds races between streams, and refuses whatever would wait while a graph is recorded;
- counts what a GPU would have to do: kernels and their bytes, waits, uploads and downloads.

It does not imitate how fast a GPU is, how its sums round, how much memory it has, on which of
several devices an array lies, modules such as cupy.random and cupy.linalg, and kernels other than
ElementwiseKernel, which needs g++. Without CuPy beside it (no GPU needed) it cannot know which
names and arguments CuPy lacks.

accounting    `with accounting() as account` counts what happens within it
machine       what can be set, such as the number of devices
"""

import sys
import types

from minialex.fast.gpu.cublas import LIBRARIES
from minialex.standin import cuda, machine
from minialex.standin import operators as _operators  # noqa: F401  (they go into ndarray)
from minialex.standin.account import Account, Launch
from minialex.standin.arrays import ndarray
from minialex.standin.cublas import Cublas
from minialex.standin.cuda.device import MemoryPool, OutOfMemoryError
from minialex.standin.functions import (
    array,
    as_strided,
    asarray,
    asnumpy,
    empty,
    empty_like,
    matmul,
    may_share_memory,
)
from minialex.standin.functions import other as __getattr__  # noqa: F401  (any other name)
from minialex.standin.kernels import ElementwiseKernel
from minialex.standin.machine import accounting

__all__ = [
    "Account",
    "ElementwiseKernel",
    "Launch",
    "MemoryPool",
    "OutOfMemoryError",
    "accounting",
    "array",
    "asarray",
    "asnumpy",
    "cuda",
    "empty",
    "empty_like",
    "get_default_memory_pool",
    "lib",
    "machine",
    "matmul",
    "may_share_memory",
    "ndarray",
]

get_default_memory_pool = MemoryPool
lib = types.SimpleNamespace(stride_tricks=types.SimpleNamespace(as_strided=as_strided))
LIBRARIES[sys.modules[__name__]] = Cublas()
