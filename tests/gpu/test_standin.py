"""The stand-in for CuPy catches mistakes that fail on a GPU, and counts what a GPU would do."""

import doctest
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from minialex import backend, standin
from minialex.layers import Layer, ReLU

pytestmark = pytest.mark.usefixtures("compiler")


@pytest.fixture
def x():
    return standin.asarray(numpy.arange(6, dtype=numpy.float32).reshape(2, 3))


HOST = numpy.ones((2, 3), numpy.float32)

MISTAKES = {
    "a host array in an operator": lambda x: x + HOST,
    "a host array before an operator": lambda x: HOST * x,
    "a host array added in place": lambda x: x.__iadd__(HOST),
    "a device array added to one on the host": lambda x: HOST.copy().__iadd__(x),
    "a list in an operator": lambda x: x.__add__([1, 2, 3]),
    "a host array in a product": lambda x: x @ HOST.T,
    "a host array assigned": lambda x: x.__setitem__(0, HOST[0]),
    "a host array as an index": lambda x: x[numpy.array([0, 1])],
    "a list as an index": lambda x: x[[0, 1]],
    "a host array in a function": lambda x: standin.maximum(x, HOST),
    "a host array in a reduction": lambda x: standin.sum(HOST),
    "a host array in concatenate": lambda x: standin.concatenate([x, HOST]),
    "a host array to write into": lambda x: standin.maximum(x, 0, out=HOST.copy()),
    "a list in a function": lambda x: standin.exp([1.0, 2.0]),
    "numpy.asarray": lambda x: numpy.asarray(x),
    "a stray ufunc of NumPy's": lambda x: numpy.exp(x),
    "a stray function of NumPy's": lambda x: numpy.concatenate([x, x]),
    "a stray reduction of NumPy's": lambda x: numpy.sum(x),
    "where= of a ufunc": lambda x: standin.multiply(x, x, where=x > 0),
    "where= of a reduction": lambda x: x.sum(where=x > 0),
    "initial= of a reduction": lambda x: x.max(initial=0),
    "out= of einsum": lambda x: standin.einsum("ij->j", x, out=x[0]),
    "writeable= of as_strided": lambda x: standin.lib.stride_tricks.as_strided(x, writeable=False),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_ends_in_a_type_error(mistake, x):
    with pytest.raises(TypeError):
        mistake(x)


@pytest.mark.parametrize(
    "name", ["errstate", "seterr", "nditer", "ndenumerate", "insert", "block", "nonsense"]
)
def test_names_that_cupy_lacks_do_not_exist(name):
    pytest.importorskip("cupy", exc_type=ImportError, reason="CuPy, to say which names it has")
    with pytest.raises(AttributeError, match=name):
        getattr(standin, name)


@pytest.mark.parametrize("name", ["linalg", "random"])
def test_modules_of_numpys_are_not_taken_for_cupys(name):
    """They would compute on the host."""
    with pytest.raises(AttributeError, match=f"no module '{name}'"):
        getattr(standin, name)


def test_an_index_that_occurs_twice_is_not_assigned_to(x):
    rows = standin.asarray([0, 1, 0])
    with pytest.raises(ValueError, match="occurs twice"):
        x[rows] = 1
    with pytest.raises(ValueError, match="occurs twice"):
        x[rows, 1] += 1
    x[standin.asarray([1, 0])] = 7
    assert x.tolist() == [[7, 7, 7], [7, 7, 7]]


def test_an_index_beyond_the_end_wraps_around(x):
    assert x[standin.asarray([2, -1])].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert x[0, standin.asarray([4])].tolist() == [1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uninitialised_memory_is_nan(dtype):
    assert all(math.isnan(number) for number in standin.empty(3, dtype).tolist())
    assert all(
        math.isnan(number) for number in standin.empty_like(standin.zeros(3, dtype)).tolist()
    )


def test_add_at_adds_up_what_an_index_twice_brings(x):
    rows, numbers = standin.asarray([0, 2, 0]), standin.asarray(HOST)[0] * 5
    total = standin.zeros(3, "float32")
    with standin.accounting() as account:
        standin.add.at(total, rows, numbers)
    assert total.tolist() == [10, 0, 5]
    assert account.log == [("add.at", 24, 12, 0)]
    standin.maximum.at(total, rows, 7)
    assert total.tolist() == [10, 0, 7]
    with pytest.raises(TypeError, match="got int64"):
        standin.add.at(standin.zeros(3, "int64"), rows, 1)
    with pytest.raises(TypeError, match="Unsupported type"):
        standin.add.at(total, rows, HOST[0])
    with pytest.raises(NotImplementedError, match=r"multiply\.at"):
        standin.multiply.at(total, rows, 2)


def test_uninitialised_integers_are_conspicuous():
    assert set(standin.empty((2, 2), "uint8").get().ravel()) == {0xAA}


def test_a_layer_that_reads_uninitialised_memory_gives_nan(x):
    class Sum(Layer):
        """Adds to memory that was never set to zero: on a CPU it often is zero, by luck."""

        def forward(self, x, train=False):
            y = backend.of(x).empty(x.shape, x.dtype)
            y += x
            return y

    assert numpy.isnan(backend.to_host(Sum().forward(x))).all()


@pytest.mark.parametrize(
    "function", [float, int, bool, str, lambda s: s.item(), lambda s: s.tolist(), backend.to_host]
)
def test_bringing_a_number_to_the_host_waits(function, x):
    with standin.accounting() as account:
        total = x.sum()
        assert isinstance(total, standin.ndarray)
        assert (total.shape, account.waits) == ((), 0)
        function(total)
    assert account.waits == 1
    assert account.downloaded == 4


def test_a_condition_on_a_device_number_waits(x):
    with standin.accounting() as account:
        if (x > 100).any():
            raise AssertionError
    assert account.waits == 1


@pytest.mark.parametrize(
    "function", [lambda x: x[x > 1], standin.unique, lambda x: standin.nonzero(x)]
)
def test_a_result_whose_size_the_numbers_decide_waits(function, x):
    with standin.accounting() as account:
        function(x)
    assert account.waits == 1


def test_a_kernel_reads_each_operand_once_and_writes_its_result(x):
    with standin.accounting() as account:
        y = x * 2 + x[0]  # 24 bytes and a number to 24; 24 and 12 to 24
    assert account.log == [("multiply", 24, 24, 0), ("add", 36, 24, 0)]
    with standin.accounting() as account:
        y += x
        standin.maximum(x, y, out=y)
    assert account.log == [("add", 48, 24, 0), ("maximum", 48, 24, 0)]
    with standin.accounting() as account:
        y[:, 1:] = x[:, 1:]
        y[0] = 0
        y[0] += 1  # adds in place; that Python then assigns the result to itself costs nothing
    assert account.log == [("copy", 16, 16, 0), ("fill", 0, 12, 0), ("add", 12, 12, 0)]
    with standin.accounting() as account:
        x.reshape(3, 2), x.T, x[0], x[None], x.view("int32")
    assert account.log == []


def test_products_count_their_multiplications_and_the_copies_before_them(x):
    with standin.accounting() as account:
        x.T @ x  # without a copy: cuBLAS takes transposes
    assert account.log == [("matmul", 48, 36, 2 * 3 * 3 * 2)]
    with standin.accounting() as account:
        x[:, :2].T @ x[:, 1:]  # neither is contiguous
    assert account.log == [("copy for matmul", 16, 16, 0)] * 2 + [("matmul", 32, 16, 2 * 2 * 2 * 2)]
    with standin.accounting() as account:
        standin.matmul(x, x.T, out=standin.zeros((2, 4), "float32")[:, ::2])
    assert account.kernels == {"zeros": 1, "matmul": 1, "copy from matmul": 1}


def test_uploads_are_counted(x):
    with standin.accounting() as account:
        standin.asarray(HOST)
        standin.asarray(x)
    assert (account.uploaded, account.log) == (24, [])


def test_results_are_numpys(x, rng):
    a, b = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 4, 3))
    da, db = standin.asarray(a), standin.asarray(b)
    for got, expected in [
        (da @ db, a @ b),
        (-da / 2 - 1, -a / 2 - 1),
        (2 - da**2, 2 - a**2),
        (da.sum(axis=(0, 2)), a.sum(axis=(0, 2))),
        (da.max(axis=1, keepdims=True), a.max(axis=1, keepdims=True)),
        (standin.sqrt(abs(da)), numpy.sqrt(abs(a))),
        (standin.where(da > 0, da, 0), numpy.where(a > 0, a, 0)),
        (da[da > 0], a[a > 0]),
        (da.transpose(2, 0, 1).reshape(4, -1), a.transpose(2, 0, 1).reshape(4, -1)),
    ]:
        numpy.testing.assert_array_equal(got.get(), expected)


def test_python_numbers_keep_single_precision_and_numpys_do_not(x):
    assert str((x * 0.1 + 1).dtype) == "float32"
    assert str((x * numpy.float64(0.1)).dtype) == "float64"  # as in CuPy


def test_it_is_a_backend(x):
    assert backend.of(x) is standin
    assert backend.to_device(HOST, standin).shape == (2, 3)
    assert isinstance(backend.to_host(x), numpy.ndarray)
    assert backend.of(ReLU().forward(x)) is standin


def test_a_kernel_runs_its_body_for_every_element_and_counts_what_it_reads(x):
    body = "const int shift = 3;\ny = factor * x[i + shift]; total += y"
    add = standin.ElementwiseKernel("raw T x, T factor", "T y, T total", body, "add")
    y, total = standin.empty(3, "float32"), standin.ones(3, "float32")
    with standin.accounting() as account:
        add(x, 2.0, y, total)
    assert (y.tolist(), total.tolist()) == ([6, 8, 10], [7, 9, 11])
    assert account.log == [("add", 24 + 12, 24, 0)]  # all of x, and total; y is only written
    strided = standin.zeros((3, 2), "float32").T
    unshifted = standin.ElementwiseKernel(
        "raw T x, T factor", "T y, T total", body.replace("3", "0"), "add"
    )
    unshifted(x.T, 1.0, strided[0], strided[1])  # raw arrays are read in C order
    assert strided.tolist() == [[0, 3, 1], [0, 3, 1]]


KERNEL_MISTAKES = {
    "a read beyond the end": ("raw T x, T y", "T z", "z = x[i + 1] + y", IndexError),
    "a read before the start": ("raw T x, T y", "T z", "z = x[i - 1] + y", IndexError),
    "a name that is not declared": ("raw T x, T y", "T z", "z = nonsense", SyntaxError),
    "a missing argument": ("raw T x, T y, int32 k", "T z", "z = k", TypeError),
    "whole numbers as T": ("raw uint8 x, uint8 y", "T z", "z = y", TypeError),
    "another dtype than declared": ("raw T x, int32 y", "T z", "z = y", TypeError),
}


@pytest.mark.parametrize(
    "inputs, outputs, body, error", KERNEL_MISTAKES.values(), ids=KERNEL_MISTAKES.keys()
)
def test_a_mistake_in_a_kernel_is_caught(inputs, outputs, body, error, x):
    with pytest.raises(error):
        standin.ElementwiseKernel(inputs, outputs, body)(x, x, standin.empty((2, 3), "float32"))


def test_a_kernel_refuses_host_arrays_and_mixed_precision(x):
    double = standin.ElementwiseKernel("T x", "T y", "y = 2 * x")
    with pytest.raises(TypeError, match="Unsupported type"):
        double(HOST, standin.empty((2, 3), "float32"))
    with pytest.raises(TypeError, match="float64 beside float32"):
        double(x, standin.empty((2, 3), "float64"))
    with pytest.raises(ValueError, match=r"shape \(6,\) beside one of \(2, 3\)"):
        double(x.reshape(6), standin.empty((2, 3), "float32"))
    whole = standin.asarray([1, 2])
    with pytest.raises(TypeError, match="T is int64"):
        double(whole, standin.empty_like(whole))


def test_a_kernel_that_reads_elsewhere_in_its_output_is_refused(x):
    shift = standin.ElementwiseKernel("raw T x", "T y", "y = x[0]")
    with pytest.raises(ValueError, match="race"):
        shift(x, x[:1])


def test_views_by_functions_cost_nothing(x):
    with standin.accounting() as account:
        standin.moveaxis(x, 0, 1), standin.squeeze(x)
    assert account.log == []


def test_the_example_in_the_documentation_is_true():
    text = (Path(__file__).parents[2] / "docs" / "gpu.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(>>> .*?)```", text, re.DOTALL)
    test = doctest.DocTestParser().get_doctest(example, {}, "docs/gpu.md", None, None)
    assert doctest.DocTestRunner().run(test) == (0, 8)


def test_whoever_imports_minialex_or_its_commands_gets_neither_the_standin_nor_cupy():
    program = "import sys, minialex, minialex.train; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    modules = done.stdout.split()
    assert "minialex.train" in modules, done.stderr
    assert not {"minialex.standin", "cupy"} & set(modules)


def test_without_cupy_the_standin_has_all_of_numpys_names():
    program = "import sys; sys.modules['cupy'] = None; from minialex import standin as s; s.nditer"
    subprocess.run([sys.executable, "-c", program], check=True)
