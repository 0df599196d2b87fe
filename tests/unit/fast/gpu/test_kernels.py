"""The GPU kernels: run on the CPU they give the NumPy layers' numbers, and NVIDIA's compiler takes
them.

Through minialex.standin every test of the layers and optimisers runs them; here are the cases that
decide whether a kernel is right.
"""

import itertools

import numpy
import pytest
from naive import assert_close, assert_same, to

from minialex import standin
from minialex.fast import fuse
from minialex.fast.conv import FastConv2d
from minialex.fast.gpu import kernels, update_kernels
from minialex.fast.gpu.kernel import Kernel
from minialex.fast.kept_weight import KeptWeight
from minialex.fast.memory import Memory
from minialex.fast.workers import Workers
from minialex.layers import Conv2d, Dropout, LocalResponseNorm, MaxPool2d


def fast(plain):
    """The fast twin, whose convolutions take im2col."""
    layer = fuse.fast_class(plain).of(plain, Memory(), Workers())
    if isinstance(layer, FastConv2d):
        layer.algorithm, layer.kept = "im2col", KeptWeight()
    return layer


def passes(build, x, dy_of, xp):
    """y, dx and the gradients of one forward and backward pass on the array module xp."""
    layer = fast(to(build().astype(str(x.dtype)), xp))
    y = layer.forward(xp.asarray(x), train=True)
    dx = layer.backward(xp.asarray(dy_of(y)))
    return {"y": y, "dx": dx, **layer.grads}


def assert_equal_to_numpy(build, x, device, kernels_used, exact=()):
    """The layer gives the same on the device, by these kernels, as on NumPy; the arrays named in
    `exact` to the last bit."""
    dy_of = lambda y: numpy.random.default_rng(1).standard_normal(y.shape).astype(x.dtype)  # noqa: E731
    with standin.accounting() as account:
        got = passes(build, x, dy_of, device)
    if device is standin:
        assert {f"minialex_{name}" for name in kernels_used} <= account.kernels.keys()
    expected = passes(build, x, dy_of, numpy)
    assert got.keys() == expected.keys()
    for name in expected:
        (assert_same if name in exact else assert_close)(got[name], expected[name])


POOLS = [(3, 2, 0), (3, 2, 1), (2, 2, 0), (2, 3, 1), (5, 1, 2), (1, 1, 0), (4, 3, 2)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [(7, 6), (5, 9)])
@pytest.mark.parametrize("kernel, stride, padding", POOLS)
def test_max_pool(kernel, stride, padding, size, dtype, rng, device):
    x = rng.standard_normal((3, *size, 4)).astype(dtype)
    build = lambda: MaxPool2d(kernel, stride, padding)  # noqa: E731
    assert_equal_to_numpy(build, x, device, ("max_pool_forward", "max_pool_backward"), exact=["y"])


@pytest.mark.parametrize("kernel, stride, padding", POOLS)
def test_max_pool_of_equals_lets_the_first_win(kernel, stride, padding, rng, device):
    """Few different numbers, so that nearly every window has several largest; whole ones, so that
    sums are exact."""
    x = rng.integers(-1, 2, (2, 8, 7, 3)).astype("float32")
    build = lambda: MaxPool2d(kernel, stride, padding)  # noqa: E731
    assert_equal_to_numpy(build, x, device, ("max_pool_forward", "max_pool_backward"), exact=["y"])


def test_max_pool_lets_nan_through_and_nobody_wins(rng, device):
    x = rng.standard_normal((1, 5, 5, 2)).astype("float32")
    x[0, 2, 2, 0] = numpy.nan
    dy_of = lambda y: numpy.ones(y.shape, "float32")  # noqa: E731
    expected = passes(lambda: MaxPool2d(3, 2), x, dy_of, numpy)
    got = passes(lambda: MaxPool2d(3, 2), x, dy_of, device)
    assert numpy.isnan(expected["y"]).sum() == 4
    for name in expected:
        assert_same(got[name], expected[name])


CONVS = itertools.product([1, 3, 4], [1, 2, 3], [0, 1, 2], [1, 2])


@pytest.mark.parametrize("kernel, stride, padding, groups", list(CONVS))
def test_columns(kernel, stride, padding, groups, rng, device):
    """Convolution with im2col: groups see only their channels, and the last rows may be in no
    window."""
    x = rng.standard_normal((2, 7, 6, 4))

    def build():
        weights = numpy.random.default_rng(2)
        return Conv2d(4, 6, kernel, stride, padding, groups, rng=weights)

    assert_equal_to_numpy(build, x, device, ("im2col", "col2im"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "channels, size, beta", [(8, 5, 0.75), (3, 5, 0.75), (1, 3, 0.75), (6, 1, 0.75), (7, 7, 0.6)]
)
def test_lrn(channels, size, beta, dtype, rng, device):
    """With windows as wide as the channels, or wider, and any power."""
    x = (10 * rng.standard_normal((2, 3, 4, channels))).astype(dtype)
    build = lambda: LocalResponseNorm(size, alpha=0.01, beta=beta)  # noqa: E731
    assert_equal_to_numpy(build, x, device, ("lrn_forward", "lrn_backward"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [0.0, 0.3, 0.999])
def test_dropout_drops_the_units_of_the_cpu(p, dtype, rng, device):
    """And scales the others by the same number."""
    x = rng.standard_normal((3, 70)).astype(dtype)
    build = lambda: Dropout(p, numpy.random.default_rng(3))  # noqa: E731
    assert_equal_to_numpy(build, x, device, ("store_key", "dropout"), exact=["y", "dx"])


def test_a_batch_in_parts_gives_the_same(rng, device, two_at_a_time):
    """The kernels read x and write dx at their place in larger arrays."""

    def build():
        return Conv2d(4, 6, 3, padding=1, groups=2, rng=numpy.random.default_rng(2))

    assert_equal_to_numpy(build, rng.standard_normal((5, 7, 6, 4)), device, ("im2col", "col2im"))


@pytest.mark.parametrize(
    "build",
    [lambda: MaxPool2d(3, 2), lambda: LocalResponseNorm(3, alpha=1), lambda: Conv2d(4, 2, 3)],
)
def test_arrays_whose_numbers_lie_apart_are_read_in_order(build, rng, device):
    layer, x = fast(to(build().astype("float64"), device)), rng.standard_normal((2, 7, 6, 8))
    apart = layer.forward(device.asarray(x)[:, :, :, ::2], train=True).copy()
    dy = rng.standard_normal((*apart.shape[:3], 2 * apart.shape[3]))
    dx_apart = layer.backward(device.asarray(dy)[:, :, :, ::2]).copy()
    together = layer.forward(device.asarray(x[:, :, :, ::2].copy()), train=True)
    assert_same(apart, together)
    assert_same(dx_apart, layer.backward(device.asarray(dy[:, :, :, ::2].copy())))


KERNELS = [
    thing
    for module in (kernels, update_kernels)
    for thing in vars(module).values()
    if isinstance(thing, Kernel)
]

#: What the kernels take as one number of the arrays' dtype, and the sizes that their bodies speak
#: of.
NUMBERS = (
    *("alpha", "beta", "k", "lr", "momentum", "weight_decay"),
    *(
        "beta1",
        "new1",
        "beta2",
        "new2",
        "correction",
        "epsilon",
        "value",
        "threshold",
        "scale",
        "first",
        "second",
        "norm",
    ),
)
SIZES = (
    *(
        "pictures",
        "height",
        "width",
        "channels",
        "in_height",
        "in_width",
        "out_height",
        "out_width",
        "groups",
    ),
    *("kernel", "stride", "padding", "reach", "side", "is_relief"),
)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("dtype", ["float", "double"])
def test_nvidias_compiler_takes_the_kernel(kernel, dtype):
    """A CUDA kernel around the body, with plain pointers where CuPy has its CArray, compiled for an
    A100 by NVRTC."""
    nvrtc = pytest.importorskip(
        "cupy_backends.cuda.libs.nvrtc", exc_type=ImportError, reason="CuPy with NVRTC"
    )
    names = {
        "T": dtype,
        "uint8": "unsigned char",
        "uint64": "unsigned long long",
        "float64": "double",
        "int32": "int",
        "float32": "float",
    }
    parameters, elements = [], []
    for text, const in ((kernel.inputs, "const "), (kernel.outputs, "")):
        for parameter in text.split(","):
            *raw, kind, name = parameter.split()
            if raw:
                parameters.append(f"const {names[kind]} *{name}")
            elif name in NUMBERS:
                parameters.append(f"const {names[kind]} {name}")
            else:
                parameters.append(f"{const}{names[kind]} *{name}_")
                elements.append(f"{const}{names[kind]} &{name} = {name}_[i];")
    source = f"""
        typedef {dtype} T;
        extern "C" __global__ void run(const ptrdiff_t size, {", ".join(parameters)}) {{
            const ptrdiff_t i = (ptrdiff_t)blockIdx.x * blockDim.x + threadIdx.x;
            if (i >= size) return;
            {" ".join(elements)}
            {" ".join(f"const int {name} = 2;" for name in SIZES if name not in kernel.inputs)}
            {kernel.body};
        }}
    """
    try:
        program = nvrtc.createProgram(source, "kernel.cu", (), ())
    except RuntimeError as error:
        pytest.skip(f"NVRTC is not installed: {error}")
    try:
        nvrtc.compileProgram(program, ("-arch=sm_80",))
    except nvrtc.NVRTCError:
        raise AssertionError(nvrtc.getProgramLog(program)) from None
    assert nvrtc.getPTX(program)


def test_arrays_too_large_for_32_bits_are_refused():
    class Large:
        size, shape = 1 << 31, (1 << 31,)

    with pytest.raises(ValueError, match="fewer than 2³¹ elements, got"):
        update_kernels.sgd(Large(), 0.1, 0.9, 0.0, Large(), Large())
