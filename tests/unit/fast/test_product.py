"""Matrix products into memory that is there, on every array module, however the matrices lie."""

import itertools

import numpy
import pytest

from minialex import backend, standin
from minialex.fast.gpu import cublas
from minialex.fast.product import matmul

#: How a matrix can lie in memory: from an array larger than itself, a view of the wanted shape.
LAYOUTS = {
    "row by row": lambda rows, columns: ((rows, columns), lambda x: x),
    "column by column": lambda rows, columns: ((columns, rows), lambda x: x.T),
    "rows of a wider matrix": lambda rows, columns: ((rows, columns + 3), lambda x: x[:, 2:-1]),
    "columns of a higher matrix": lambda rows, columns: (
        (columns, rows + 2),
        lambda x: x[:, 1:-1].T,
    ),
    "every second row": lambda rows, columns: ((2 * rows, columns), lambda x: x[::2]),
}
SHAPES = [(3, 5, 4), (1, 5, 4), (3, 1, 4), (3, 5, 1), (1, 1, 1)]


def lying(layout, rows, columns, rng, xp, dtype):
    """(the view on the device, a copy of its numbers on the host)."""
    shape, view = LAYOUTS[layout](rows, columns)
    x = view(xp.asarray(rng.standard_normal(shape).astype(dtype)))
    return x, backend.to_host(x).copy()


@pytest.mark.parametrize("dtype, bound", [("float64", 1e-14), ("float32", 1e-6)])
@pytest.mark.parametrize("m, k, n", SHAPES)
def test_every_layout_of_the_operands_and_the_result(m, k, n, dtype, bound, rng, xp):
    for layouts in itertools.product(LAYOUTS, repeat=3):
        (a, host_a), (b, host_b), (out, _) = (
            lying(layout, *shape, rng, xp, dtype)
            for layout, shape in zip(layouts, [(m, k), (k, n), (m, n)], strict=True)
        )
        assert matmul(a, b, out) is out
        expected = host_a @ host_b
        assert abs(backend.to_host(out) - expected).max() <= 10 * bound, layouts
        matmul(a, b, out, 0.5, -2)
        expected = 0.5 * expected - 2 * expected
        assert abs(backend.to_host(out) - expected).max() <= 40 * bound, layouts


def test_what_lies_around_the_result_stays(rng, xp):
    whole = xp.asarray(rng.standard_normal((4, 7)))
    before = backend.to_host(whole).copy()
    a, b = (xp.asarray(rng.standard_normal(shape)) for shape in ((4, 3), (3, 2)))
    matmul(a, b, whole[:, 2:4])
    after = backend.to_host(whole)
    numpy.testing.assert_array_equal(after[:, [0, 1, 4, 5, 6]], before[:, [0, 1, 4, 5, 6]])
    numpy.testing.assert_allclose(after[:, 2:4], backend.to_host(a) @ backend.to_host(b))


def test_uninitialised_memory_is_not_read(rng, xp):
    a, b = (xp.asarray(rng.standard_normal(shape)) for shape in ((4, 3), (3, 2)))
    out = xp.asarray(numpy.full((4, 2), numpy.nan))
    assert not numpy.isnan(backend.to_host(matmul(a, b, out))).any()


@pytest.mark.parametrize("groups", [1, 3])
def test_matrices_side_by_side(groups, rng, xp):
    """The groups of a convolution: their channels lie between each other's."""
    a = rng.standard_normal((groups, 6, 5))
    weight, y = rng.standard_normal((groups, 4, 5)), xp.asarray(numpy.zeros((6, groups * 4)))
    out = y.reshape(6, groups, 4).transpose(1, 0, 2)
    matmul(xp.asarray(a), xp.asarray(weight).transpose(0, 2, 1), out)
    expected = numpy.concatenate([a[g] @ weight[g].T for g in range(groups)], axis=1)
    numpy.testing.assert_allclose(backend.to_host(y), expected, rtol=1e-13)


def test_neither_operand_nor_result_is_copied(compiler):
    """CuPy copies matrices whose rows lie apart."""
    a, b = standin.empty((6, 2, 5), "float32"), standin.empty((2, 4, 5), "float32")
    out = standin.empty((6, 2, 4), "float32").transpose(1, 0, 2)
    with standin.accounting() as account:
        matmul(a.transpose(1, 0, 2), b.transpose(0, 2, 1), out)
    assert account.kernels == {"matmul": 1}


def test_without_cublas_the_array_module_multiplies(compiler, monkeypatch, rng):
    """On an AMD card, say."""
    monkeypatch.setattr(cublas, "of", lambda xp: None)
    a, b = rng.standard_normal((3, 4)), rng.standard_normal((4, 2))
    out = standin.empty((3, 2))
    with standin.accounting() as account:
        matmul(standin.asarray(a), standin.asarray(b), out)
        matmul(standin.asarray(a), standin.asarray(b), out, 2, 1)
    assert account.kernels["matmul"] == 2
    numpy.testing.assert_allclose(out.get(), 3 * a @ b)


def test_a_failure_of_cublas_is_an_error(compiler):
    with pytest.raises(RuntimeError, match="status 14"):
        cublas.check(14)
