"""The plain layers, which learners are compared with, are right; each mistake is what it says."""

from types import SimpleNamespace

import naive
import numpy
import pytest
from naive import BOUNDS
from solutions import NAMES, QUICK, solved

from minialex import optim
from minialex.data.lighting import ALPHA, Lighting
from minialex.gradcheck import check_layer, check_loss, check_network
from minialex.grader import (
    adam,
    conv,
    dropout,
    grading,
    init,
    lighting,
    lrn,
    momentum,
    pool,
    softmax,
)
from minialex.grader.compare import same
from minialex.grader.exercise import Mistake
from minialex.grader.learner import LearnersFile
from minialex.grader.likely import results_with
from minialex.grader.optimizer import OptimizerTrial
from minialex.layers import Conv2d, Flatten, Linear, SoftmaxCrossEntropy
from minialex.network import Network


class TestThePlainLayers:
    """They are right themselves."""

    def layer(self, exercise, case):
        trial = exercise.trial(exercise.plain, case)
        trial.forward()
        return trial

    @pytest.mark.parametrize("exercise", [conv.EXERCISE, pool.EXERCISE, lrn.EXERCISE])
    def test_equal_the_loops_and_pass_the_gradient_check(self, exercise, rng):
        for case in exercise.cases(rng):
            trial = self.layer(exercise, case)
            loops = {"conv": self.conv, "pool": self.pool, "lrn": self.lrn}[exercise.name]
            naive.assert_close(trial.y, loops(case))
            if case.differentiable:
                assert check_layer(trial.layer, case.x.copy(), rng).passed

    def conv(self, case):
        return naive.conv(case.x, case.params["weight"], case.params["bias"], **case.options)

    def pool(self, case):
        return naive.max_pool(case.x, *case.arguments, **case.options)

    def lrn(self, case):
        return naive.lrn(case.x, **case.options)

    def test_the_loss_equals_the_loops_and_passes_the_gradient_check(self, rng):
        case, *_, hardest = softmax.cases(rng)
        assert softmax.SoftmaxCrossEntropy().forward(case.logits, case.labels) == pytest.approx(
            naive.softmax_cross_entropy(case.logits, case.labels), rel=BOUNDS["float64"]
        )
        for case in softmax.cases(rng):
            assert check_loss(softmax.SoftmaxCrossEntropy(), case.logits, case.labels).passed
        assert (
            softmax.SoftmaxCrossEntropy().forward(hardest.logits, hardest.labels) > 300
        )  # 1000 / 3

    def test_the_optimiser_takes_the_same_steps_as_the_shipped_one(self, rng):
        for case in momentum.cases(rng):
            trials = [OptimizerTrial(kind, case) for kind in (momentum.SGD, optim.SGD)]
            ours, shipped = (trial.step() for trial in trials)
            for name in ours:
                naive.assert_close(ours[name], shipped[name])

    def test_adam(self, rng):
        for case in adam.cases(rng):
            trials = [OptimizerTrial(kind, case) for kind in (adam.Adam, optim.Adam)]
            ours, shipped = (trial.step() for trial in trials)
            for name in ours:
                naive.assert_close(ours[name], shipped[name])

    def test_dropout_drops_a_share_of_p_and_keeps_the_mean(self):
        layer = dropout.Dropout(0.3, numpy.random.default_rng(0))
        y = layer.forward(numpy.ones((100, 100)), train=True)
        assert (y == 0).mean() == pytest.approx(0.3, abs=0.02)
        assert y.mean() == pytest.approx(1, abs=0.03)
        assert numpy.array_equal(layer.backward(numpy.ones((100, 100))), y)

    @pytest.mark.parametrize(
        "layer, x",
        [(Conv2d(4, 6, 3), numpy.ones((1, 9, 8, 4))), (Linear(5, 8), numpy.ones((1, 5)))],
    )
    def test_fans_are_the_sums_of_ones_forward_and_back(self, layer, x):
        weight = layer.params["weight"]
        weight[...] = 1
        y = layer.forward(x, train=True)
        fans = y.max(), layer.backward(numpy.ones_like(y)).max()
        assert init.InitialWeights().fans(weight.shape) == fans

    def test_initial_weights_have_the_range_and_the_variance(self, rng):
        weights, shape = init.InitialWeights(), (100, 5, 4, 10)
        xavier, he = weights.xavier(shape, rng), weights.he(shape, rng)
        assert abs(xavier).max() == pytest.approx((6 / (5 * 4 * (10 + 100))) ** 0.5, rel=1e-3)
        assert xavier.mean() == pytest.approx(0, abs=1e-9)
        assert he.std() == pytest.approx((2 / (5 * 4 * 10)) ** 0.5, rel=1e-3)
        shipped = Conv2d(10, 100, 5, rng=rng).params["weight"]
        assert weights.he(shipped.shape, rng).std() == pytest.approx(shipped.std(), rel=0.03)

    def test_light_changes_as_in_the_shipped_augmentation(self, rng):
        plain, pixels = lighting.Lighting(), rng.random((50, 3)) ** [1, 2, 3]
        shipped = Lighting.of_covariance(255**2 * numpy.cov(pixels.T, bias=True))
        values, vectors = plain.principal(pixels)
        naive.assert_close(values, shipped.eigenvalues)
        naive.assert_close(lighting.turned(vectors), lighting.turned(shipped.eigenvectors))
        alphas = ALPHA * numpy.random.default_rng(0).standard_normal((4, 3))
        shifts = plain.shifts(alphas, shipped.eigenvalues, shipped.eigenvectors)
        naive.assert_close(255 * shifts, shipped.shifts(4, numpy.random.default_rng(0)))
        images = rng.random((4, 2, 3, 3))
        for n, lit in enumerate(plain.light(images, shifts)):
            naive.assert_close(lit, images[n] + shifts[n])


def test_a_network_of_solutions_passes_the_gradient_check(tmp_path, rng):
    """The exercises are layers like any other."""
    layers = {}
    for name in ("conv", "lrn", "pool", "dropout"):
        path = tmp_path / f"{name}.py"
        path.write_text(solved(QUICK[name]), encoding="utf-8")
        layers |= LearnersFile(path).classes()
    network = Network(
        [
            ("conv", layers["Conv2d"](2, 6, 3, padding=1, rng=rng)),
            ("lrn", layers["LocalResponseNorm"](alpha=0.5)),
            ("pool", layers["MaxPool2d"](3, 2)),
            ("dropout", layers["Dropout"](0.5, rng)),
            ("flatten", Flatten()),
            ("fc", Linear(2 * 3 * 6, 4, rng=rng)),
        ],
        (5, 7, 2),
    ).astype("float64")
    x, labels = rng.standard_normal((3, 5, 7, 2)), numpy.array([0, 3, 1])
    report = check_network(network, SoftmaxCrossEntropy(), x, labels, rng)
    assert report.passed, report
    assert network.shapes()["pool"] == (2, 3, 6)


@pytest.mark.parametrize("name", NAMES)
def test_a_mistake_shows_in_its_own_stage_and_not_before(name, rng):
    """Otherwise it would be named for something it cannot have caused."""
    exercise = grading.BY_FILE[name]
    stages, cases = list(exercise.stages), exercise.cases(rng)
    right = {
        stage: list(results_with(Mistake("none", ""), exercise, cases, stage)) for stage in stages
    }
    for stage in stages:
        for mistake in exercise.stages[stage].mistakes:
            if not mistake.methods:
                continue  # a trap, told by its trace
            before = [
                earlier for earlier in stages[: stages.index(stage)] if earlier != "output_shape"
            ]
            for each in [*before, *([stage] if stage != "output_shape" else [])]:
                results = zip(
                    results_with(mistake, exercise, cases, each), right[each], strict=True
                )
                agree = [
                    same(its.get(n), ours[n], exercise.tolerance)
                    for its, ours in results
                    for n in ours
                ]
                assert all(agree) == (each != stage), (mistake.name, each)


def test_the_momentum_exercise_takes_a_network(rng):
    """The shipped optimiser takes the same stand-in for a network as the grader uses."""
    network = SimpleNamespace(params={"weight": numpy.ones(2)}, grads={"weight": numpy.ones(2)})
    optim.SGD(network, lr=0.5, momentum=0.5, weight_decay=0.0).step()
    assert network.params["weight"].tolist() == [0.5, 0.5]
