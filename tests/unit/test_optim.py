"""SGD, Adam and Muon against their formulas written out, number by number."""

import numpy
import pytest
from naive import assert_same

from minialex import backend, optim
from minialex.layers import Conv2d, Flatten, Linear, ReLU
from minialex.network import Network
from minialex.optim import SGD, Adam, Muon, orthogonal

LEARNING_RATES = [0.1, 0.1, 0.01]  # of the three steps: it drops before the last
NAMES = ["fc.weight", "fc.bias"]


@pytest.mark.parametrize("kind", [SGD, Adam, Muon])
@pytest.mark.parametrize("lr", [-0.1, float("nan"), "0.1"])
def test_a_learning_rate_that_is_none_is_refused(kind, lr, network):
    with pytest.raises(ValueError, match="lr, the learning rate, must be at least 0, got"):
        kind(network, lr=lr)


@pytest.fixture
def network(rng, xp):
    return Network([("fc", Linear(3, 2, rng=rng)), ("relu", ReLU())], (3,)).to(xp).astype("float64")


def steps(optimizer, seed=1):
    """Three steps along random gradients. Gives back the parameters before the first, and each
    step's gradients."""
    network, rng = optimizer.network, numpy.random.default_rng(seed)
    before = {name: backend.to_host(array).copy() for name, array in network.params.items()}
    gradients = []
    for optimizer.lr in LEARNING_RATES:
        gradients.append(
            {name: rng.standard_normal(array.shape) for name, array in network.params.items()}
        )
        for name, layer in network.layers.items():
            xp = backend.of(next(iter(network.params.values())))
            layer.grads = {
                key: xp.asarray(gradients[-1][f"{name}.{key}"], p.dtype)
                for key, p in layer.params.items()
            }
        optimizer.step()
    return before, gradients


def assert_parameters(network, expected):
    for name, array in network.params.items():
        numpy.testing.assert_allclose(backend.to_host(array), expected[name], rtol=1e-12)


def test_sgd_takes_the_papers_steps(network):
    weights, gradients = steps(SGD(network, momentum=0.9, weight_decay=0.0005))
    for name in NAMES:
        v = 0
        for lr, g in zip(LEARNING_RATES, gradients, strict=True):
            v = 0.9 * v - 0.0005 * lr * weights[name] - lr * g[name]
            weights[name] = weights[name] + v
    assert_parameters(network, weights)


def test_sgd_with_torchs_rule_takes_torchs_steps(network):
    weights, gradients = steps(SGD(network, momentum=0.9, weight_decay=0.0005, rule="torch"))
    for name in NAMES:
        v = 0
        for lr, g in zip(LEARNING_RATES, gradients, strict=True):
            v = 0.9 * v + g[name] + 0.0005 * weights[name]
            weights[name] = weights[name] - lr * v
    assert_parameters(network, weights)


def test_the_defaults_of_sgd_are_the_papers(network):
    sgd = SGD(network)
    assert (sgd.lr, sgd.momentum, sgd.weight_decay, sgd.rule) == (0.01, 0.9, 0.0005, "paper")


@pytest.mark.parametrize(
    "learning_rates, paper, torch",
    [
        # g = 1 and momentum 1/2 throughout: v is −lr, then −3/2 lr
        ([0.1, 0.1], -0.1 - 0.15, -0.1 - 0.15),
        # lr drops to a tenth: the paper's v keeps half of the large step, torch's takes 3/2 of a
        # small one
        ([0.1, 0.01], -0.1 - (0.05 + 0.01), -0.1 - 0.015),
    ],
)
def test_the_two_rules_differ_only_after_lr_drops(learning_rates, paper, torch, xp):
    for rule, expected in (("paper", paper), ("torch", torch)):
        network = Network([("fc", Linear(1, 1))], (1,)).to(xp).astype("float64")
        network.params["fc.weight"][...] = 0
        sgd = SGD(network, momentum=0.5, weight_decay=0, rule=rule)
        network.layers["fc"].grads = {"weight": xp.ones((1, 1)), "bias": xp.ones(1)}
        for sgd.lr in learning_rates:
            sgd.step()
        assert float(network.params["fc.weight"][0, 0]) == pytest.approx(expected, rel=1e-12)


def test_a_rule_that_does_not_exist_is_refused(network):
    with pytest.raises(ValueError, match="'paper' or 'torch', got 'nesterov'"):
        SGD(network, rule="nesterov")


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_adam_takes_the_steps_of_its_paper(weight_decay, network):
    """Algorithm 1 of Kingma and Ba, line by line, with the decay added to the gradient."""
    weights, gradients = steps(
        Adam(network, beta1=0.8, beta2=0.95, epsilon=0.1, weight_decay=weight_decay)
    )
    for name in NAMES:
        theta, m, v = weights[name], 0, 0
        for t, (alpha, g) in enumerate(zip(LEARNING_RATES, gradients, strict=True), start=1):
            g = g[name] + weight_decay * theta
            m = 0.8 * m + (1 - 0.8) * g
            v = 0.95 * v + (1 - 0.95) * g**2
            m_hat = m / (1 - 0.8**t)
            v_hat = v / (1 - 0.95**t)
            theta = theta - alpha * m_hat / (numpy.sqrt(v_hat) + 0.1)
        weights[name] = theta
    assert_parameters(network, weights)


def test_the_defaults_of_adam_are_its_papers(network):
    adam = Adam(network)
    assert (adam.lr, adam.beta1, adam.beta2, adam.epsilon, adam.weight_decay) == (
        0.001,
        0.9,
        0.999,
        1e-8,
        0,
    )


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (1, 7)])
def test_orthogonal_makes_all_singular_values_about_1_and_keeps_their_directions(shape, rng, xp):
    u, _, vt = numpy.linalg.svd(rng.standard_normal(shape), full_matrices=False)
    sizes = numpy.geomspace(1, 0.01, min(shape))
    got = backend.to_host(orthogonal(xp.asarray(7 * (u * sizes) @ vt)))
    inner = u.T @ got @ vt.T
    numpy.testing.assert_allclose(inner - numpy.diag(inner.diagonal()), 0, atol=1e-12)
    assert 0.68 < inner.diagonal().min() <= inner.diagonal().max() < 1.21


def test_orthogonal_leaves_a_gradient_of_zeros(xp):
    assert_same(orthogonal(xp.zeros((3, 4))), xp.zeros((3, 4)))


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_muon_takes_orthogonal_steps_along_nesterovs_momentum(weight_decay, rng, xp):
    """The polynomial of Jordan's iteration, applied to singular values that an SVD finds. The
    weight (4, 2, 2, 3) is a 4×12 matrix and keeps the length √8, that of fc (5, 4) is tall and its
    step √(5/4) times as long, the biases are matrices of one row."""
    layers = [
        ("conv", Conv2d(3, 4, 2, rng=rng)),
        ("flatten", Flatten()),
        ("fc", Linear(4, 5, rng=rng)),
    ]
    network = Network(layers, (2, 2, 3)).to(xp).astype("float64")
    weights, gradients = steps(Muon(network, momentum=0.8, weight_decay=weight_decay))
    for name, w in weights.items():
        v, matrix = 0, (1, -1) if name.endswith("bias") else (len(w), -1)
        for lr, g in zip(LEARNING_RATES, gradients, strict=True):
            v = 0.8 * v + g[name]
            u, s, vt = numpy.linalg.svd((g[name] + 0.8 * v).reshape(matrix), full_matrices=False)
            s = s / numpy.sqrt((s**2).sum())
            for _ in range(5):
                s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
            factor = numpy.sqrt(max(1, u.shape[0] / vt.shape[1]))
            w = w - lr * (factor * ((u * s) @ vt).reshape(w.shape) + weight_decay * w)
            if name == "conv.weight":
                w = w * numpy.sqrt(8) / numpy.linalg.norm(w)
        numpy.testing.assert_allclose(
            backend.to_host(network.params[name]), w, rtol=1e-6, atol=1e-8
        )


OPTIMIZERS = [
    pytest.param(SGD, id="SGD"),
    pytest.param(
        lambda network, **options: SGD(network, rule="torch", **options), id="SGD, torch's rule"
    ),
    pytest.param(Adam, id="Adam"),
    pytest.param(Muon, id="Muon"),
]


@pytest.mark.parametrize("build", OPTIMIZERS)
def test_parameters_change_in_place_and_gradients_not_at_all(build, network):
    arrays = list(network.params.values())
    before = [array.copy() for array in arrays]
    _, gradients = steps(build(network))
    for array, old, now in zip(arrays, before, network.params.values(), strict=True):
        assert array is now
        assert not (array == old).any()
    for name, grad in network.grads.items():
        assert_same(grad, gradients[-1][name])


@pytest.mark.parametrize("build", OPTIMIZERS)
def test_a_parameter_that_is_a_transposed_view_is_updated_too(build, network):
    """As a weight is that was brought over from another layout with `.T`."""
    twin = Network([("fc", Linear(3, 2))], (3,))
    for name, array in network.layers["fc"].params.items():
        twin.layers["fc"].params[name] = (
            array.copy().T.copy().T
        )  # the same numbers, laid down column by column
    steps(build(network))
    steps(build(twin))
    assert_parameters(
        twin, {name: backend.to_host(array) for name, array in network.params.items()}
    )


@pytest.mark.parametrize("build", OPTIMIZERS)
def test_single_precision_stays_single(build, network):
    network.astype("float32")
    optimizer = build(network, lr=0.1)
    steps(optimizer)
    assert {str(a.dtype) for a in (*network.params.values(), *optimizer.state.values())} == {
        "float32"
    }


@pytest.mark.parametrize("build", OPTIMIZERS)
def test_an_optimizer_given_anothers_state_goes_on_as_that_one_would(build, network, rng, xp):
    first = build(network, weight_decay=0.01)
    steps(first, seed=1)
    twin = Network([("fc", Linear(3, 2, rng=rng)), ("relu", ReLU())], (3,)).to(xp).astype("float64")
    second = build(twin, weight_decay=0.01)
    assert second.state.keys() == first.state.keys()
    for mine, other in ((twin.params, network.params), (second.state, first.state)):
        for name in other:
            mine[name][...] = other[name]
    second.steps = first.steps
    assert first.steps == 3
    steps(first, seed=2)
    steps(second, seed=2)
    for name in NAMES:
        assert_same(twin.params[name], network.params[name])


def test_the_state_is_named_after_the_parameters(network):
    assert list(SGD(network).state) == ["velocity.fc.weight", "velocity.fc.bias"]
    assert sorted(Adam(network).state) == [
        "mean.fc.bias",
        "mean.fc.weight",
        "square.fc.bias",
        "square.fc.weight",
    ]


def test_an_optimizer_is_built_by_name(network):
    rates = dict(lr=0.2, weight_decay=0.3, momentum=0.4)
    sgd = optim.build("sgd", network, **rates)
    assert (type(sgd), sgd.lr, sgd.weight_decay, sgd.momentum) == (SGD, 0.2, 0.3, 0.4)
    adam = optim.build("adam", network, **rates)
    assert (type(adam), adam.lr, adam.weight_decay) == (Adam, 0.2, 0.3)
    muon = optim.build("muon", network, **rates)
    assert (type(muon), muon.lr, muon.weight_decay, muon.momentum) == (Muon, 0.2, 0.3, 0.4)
