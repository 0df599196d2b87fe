"""The update in slices, on threads, and by kernels on a GPU: the numbers of the optimiser's own
step."""

import numpy
import pytest
from naive import assert_same

from minialex import backend, optim
from minialex.fast import update as updating
from minialex.fast.workers import Workers
from minialex.layers import Linear
from minialex.network import Network

LEARNING_RATES = [0.1, 0.1, 0.01]  # of the three steps: it drops before the last
OPTIMIZERS = {
    "SGD": optim.SGD,
    "SGD, torch's rule": lambda network, **options: optim.SGD(network, rule="torch", **options),
    "Adam": optim.Adam,
    "Muon": optim.Muon,
}


def trained(build, xp, step, dtype="float64"):
    """The parameters and the optimiser's state after three steps, on the host."""
    network = Network([("fc", Linear(7, 5, rng=numpy.random.default_rng(0)))], (7,))
    layer = network.to(xp).astype(dtype).layers["fc"]
    optimizer, rng = build(network, weight_decay=0.01), numpy.random.default_rng(1)
    for optimizer.lr in LEARNING_RATES:
        layer.grads = {
            name: xp.asarray(rng.standard_normal(array.shape), dtype)
            for name, array in layer.params.items()
        }
        step(optimizer)
    assert optimizer.steps == 3
    arrays = {**network.params, **optimizer.state}
    return {name: backend.to_host(array).copy() for name, array in arrays.items()}


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("size", [8, 1000])
@pytest.mark.parametrize("build", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_slices_and_threads_change_no_bit(build, size, workers, monkeypatch):
    """7 · 5 weights, in slices of 8 numbers and in one."""
    monkeypatch.setattr(updating, "SLICE", size)
    threads = Workers(workers)
    expected = trained(build, numpy, lambda optimizer: optimizer.step())
    got = trained(build, numpy, lambda optimizer: updating.Update(optimizer, threads)())
    for name, array in expected.items():
        assert_same(got[name], array)


@pytest.mark.parametrize("dtype, bound", [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("build", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_a_devices_kernels_take_the_same_steps(build, dtype, bound, device):
    expected = trained(build, numpy, lambda optimizer: optimizer.step(), dtype)
    for step in (lambda optimizer: optimizer.step(), lambda o: updating.Update(o, Workers())()):
        got = trained(build, device, step, dtype)
        for name, array in expected.items():
            assert got[name].dtype == dtype
            assert numpy.abs(got[name] - array).max() <= bound * numpy.abs(array).max(), name


def test_a_parameter_that_is_a_transposed_view_is_updated_too():
    """As a weight is that came from another layout by `.T`."""
    rng, threads = numpy.random.default_rng(0), Workers(2)
    plain, turned = (Network([("fc", Linear(3, 2))], (3,)) for _ in range(2))
    for name, array in plain.layers["fc"].params.items():
        turned.layers["fc"].params[name] = array.copy().T.copy().T
    grads = {name: rng.standard_normal(a.shape) for name, a in plain.layers["fc"].params.items()}
    for network in (plain, turned):
        network.layers["fc"].grads = grads
        updating.Update(optim.SGD(network), threads)()
    for name, array in plain.params.items():
        assert_same(turned.params[name], array)
