"""Steps replayed as a CUDA graph give what the steps themselves give, and start six times."""

import numpy
import pytest
from naive import assert_same

from minialex import backend, fast, models, optim, standin
from minialex.fast import TrainingStep
from minialex.fast.gpu.replay import BEFORE, MOST, TIMES, Replayed
from minialex.layers import Flatten, Layer, MaxPool2d, SoftmaxCrossEntropy
from minialex.network import Network

#: The third step is recorded, those after it are replayed.
STEPS = BEFORE + 5


def engine_on(xp, replays=True, dtype="float64"):
    network = models.build("alexnet-cifar", image_size=16, rng=numpy.random.default_rng(0))
    engine = fast.prepare(network.astype(dtype).to(xp))
    engine.steady = replays
    return engine


def batches(count, pictures=6, seed=1):
    rng = numpy.random.default_rng(seed)
    return [
        (rng.standard_normal((pictures, 16, 16, 3)), rng.integers(0, 10, pictures))
        for _ in range(count)
    ]


def trained(engine, kind="sgd", given=None, rates=(0.003,) * STEPS):
    """The loss and the right answers of each step, as numbers, and the parameters at the end."""
    optimizer = optim.build(kind, engine.network, 0.1, 0.9, 0.001)
    take_step, results = TrainingStep(engine, SoftmaxCrossEntropy(), optimizer), []
    for (x, labels), optimizer.lr in zip(given or batches(len(rates)), rates, strict=True):
        results.append(take_step(x, labels))
    said = [[float(number) for number in result] for result in results]
    return said, {name: backend.to_host(a).copy() for name, a in engine.params.items()}


def assert_alike(one, other):
    numpy.testing.assert_allclose(one[0], other[0], rtol=1e-9)
    for name, array in one[1].items():
        numpy.testing.assert_allclose(array, other[1][name], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", optim.OPTIMIZERS)
def test_replayed_steps_are_the_steps_of_the_cpu(kind, device):
    """With masks and a learning rate that change from step to step."""
    rates = numpy.linspace(0.005, 0.001, STEPS).tolist()
    replayed = trained(engine_on(device), kind, rates=rates)
    assert_alike(replayed, trained(engine_on(numpy), kind, rates=rates))
    assert len({loss for loss, _ in replayed[0]}) == STEPS


@pytest.mark.parametrize("kind", optim.OPTIMIZERS)
def test_a_replayed_step_starts_a_handful_of_things(kind, compiler):
    """What changes: the pictures' and labels' way in is a copy each; two masks' keys, the learning
    rate; then the graph, and the two results."""
    network = engine_on(standin).network
    take_step = TrainingStep(
        fast.prepare(network), SoftmaxCrossEntropy(), optim.build(kind, network, 0.003, 0.9, 0)
    )
    for x, labels in batches(BEFORE + 1):
        take_step(x, labels)
    x, labels = batches(1)[0]
    with standin.accounting() as account:
        take_step(x, labels)
    assert account.starts == 6
    assert account.waits == 0
    assert len(account.log) > 100


def test_batches_of_other_sizes_and_tests_between_change_nothing(device):
    """The last batch of an epoch is smaller, a test's may be larger, and both use the same
    memory."""
    given = []
    for seed in range(6):
        given += [*batches(2, 6, seed), *batches(1, 3, 10 + seed)]
    test = batches(1, 20)[0][0]
    logits = {}

    def mixed(xp):
        engine, said = engine_on(xp), []
        take_step = TrainingStep(engine, SoftmaxCrossEntropy(), optim.SGD(engine.network, 0.003))
        for step, (x, labels) in enumerate(given):
            said.append([float(n) for n in take_step(x, labels)])
            if step % 2:
                logits[xp, step] = backend.to_host(engine.forward(test)).copy()
        return said, {name: backend.to_host(a).copy() for name, a in engine.params.items()}

    assert_alike(mixed(device), mixed(numpy))
    for (xp, step), array in logits.items():
        numpy.testing.assert_allclose(array, logits[numpy, step], rtol=1e-7, err_msg=str(xp))


def test_logits_are_replayed_and_the_callers_own(device):
    engine, expected = engine_on(device), engine_on(numpy)
    kept = []
    for x, _ in batches(STEPS):
        kept.append((engine.forward(device.asarray(x)), expected.forward(x)))
    for got, wanted in kept:
        numpy.testing.assert_allclose(backend.to_host(got), wanted, rtol=1e-9)


def test_replayed_logits_start_three_things(compiler):
    engine = engine_on(standin)
    for x, _ in batches(BEFORE + 1):
        engine.forward(x)
    x = standin.asarray(x)
    with standin.accounting() as account:
        engine.forward(x)
    assert account.starts == 3  # the batch's way in, the graph, and the logits' way out


def test_the_batch_is_left_alone(device):
    engine, given = engine_on(device), batches(STEPS)
    on_device = [(device.asarray(x), device.asarray(labels)) for x, labels in given]
    trained(engine, given=on_device)
    for (x, labels), (before, labels_before) in zip(on_device, given, strict=True):
        assert_same(x, before)
        assert_same(labels, labels_before)


def test_weights_that_were_replaced_are_the_ones_that_learn(device):
    """A network moved, converted or filled with other arrays between two steps."""

    def halved(xp):
        engine, said = engine_on(xp), []
        take_step = TrainingStep(engine, SoftmaxCrossEntropy(), optim.SGD(engine.network, 0.003))
        for step, (x, labels) in enumerate(batches(2 * STEPS)):
            if step == STEPS:
                for layer in engine.network.layers.values():
                    layer.params.update({name: array / 2 for name, array in layer.params.items()})
            said.append([float(n) for n in take_step(x, labels)])
            said[-1].append(float(engine.forward(x).sum()))
        return said, {name: backend.to_host(a).copy() for name, a in engine.params.items()}

    assert_alike(halved(device), halved(numpy))


def test_settings_that_were_changed_are_heeded(device):
    def changed(xp):
        engine, said = engine_on(xp), []
        optimizer, loss = optim.SGD(engine.network, 0.003), SoftmaxCrossEntropy()
        take_step = TrainingStep(engine, loss, optimizer)
        for step, (x, labels) in enumerate(batches(3 * STEPS)):
            if step == STEPS:
                optimizer.momentum, optimizer.weight_decay = 0.5, 0.1
            if step == 2 * STEPS:
                loss.smoothing, engine.network.layers["dropout6"].p = 0.3, 0.1
            said.append([float(n) for n in take_step(x, labels)])
        return said, {name: backend.to_host(a).copy() for name, a in engine.params.items()}

    assert_alike(changed(device), changed(numpy))


def test_a_setting_that_changes_in_each_step_is_not_recorded_for_ever(compiler):
    engine = engine_on(standin)
    optimizer = optim.SGD(engine.network, 0.003)
    take_step = TrainingStep(engine, SoftmaxCrossEntropy(), optimizer)
    for step, (x, labels) in enumerate(batches(BEFORE + 8)):
        optimizer.momentum = 0.9 - step / 100
        take_step(x, labels)
    assert set(take_step.replayed.times.values()) == {TIMES}


def test_equal_numbers_are_no_change(compiler):
    engine = engine_on(standin)
    optimizer = optim.SGD(engine.network, 0.003)
    take_step = TrainingStep(engine, SoftmaxCrossEntropy(), optimizer)
    for x, labels in batches(STEPS):
        optimizer.momentum = float("0.9")
        take_step(x, labels)
    assert set(take_step.replayed.times.values()) == {1}


@pytest.mark.parametrize("threads", [2, 3])
def test_what_several_threads_start_is_not_recorded(threads, device):
    """The stream that records is one thread's."""
    engine = fast.prepare(engine_on(device).network, threads)
    assert_alike(trained(engine), trained(engine_on(numpy)))


def test_pictures_of_another_precision_than_the_weights(device):
    def mixed(xp):
        engine, given = engine_on(xp, dtype="float32"), batches(STEPS)
        said, _ = trained(engine, given=given)
        return said, backend.to_host(engine.forward(given[0][0]))

    (said, logits), (expected, logits_expected) = mixed(device), mixed(numpy)
    numpy.testing.assert_allclose(said[:3], expected[:3], rtol=1e-4)
    numpy.testing.assert_allclose(logits, logits_expected, rtol=0.05, atol=0.05)


def test_a_network_without_parameters(device):
    x = numpy.random.default_rng(0).standard_normal((3, 4, 4, 2))
    engine = fast.prepare(Network([MaxPool2d(2, 2), Flatten()], (4, 4, 2)))
    for _ in range(STEPS):
        got = engine.forward(device.asarray(x))
        assert_same(got, engine.forward(x))


class Noisy(Layer):
    """Draws numbers on the host in each forward: the same work with other numbers."""

    def __init__(self):
        super().__init__()
        self.rng = numpy.random.default_rng(5)

    def forward(self, x, train=False):
        return x * float(self.rng.random()) if train else x

    def backward(self, dy):
        return dy.copy()


def test_layers_of_somebodys_own_are_not_replayed(device):
    def with_noise(xp):
        layers = engine_on(numpy).network.layers
        noisy = [*list(layers.items())[:-1], ("noise", Noisy()), ("fc8", layers["fc8"])]
        return trained(fast.prepare(Network(noisy, (16, 16, 3)).to(xp)))

    assert_alike(with_noise(device), with_noise(numpy))


class OwnLoss(SoftmaxCrossEntropy):
    """Counts how often it is asked."""

    asked = 0

    def forward(self, logits, labels):
        self.asked += 1
        return super().forward(logits, labels) * self.asked


def test_neither_is_a_loss_of_somebodys_own(compiler):
    engine, loss = engine_on(standin), OwnLoss()
    take_step = TrainingStep(engine, loss, optim.SGD(engine.network, 0.001))
    for x, labels in batches(STEPS):
        take_step(x, labels)
    assert loss.asked == STEPS


def test_where_recording_fails_a_line_says_so_and_training_goes_on(compiler, monkeypatch, capsys):
    def refuse(stream):
        raise RuntimeError("cudaErrorNotSupported: operation not\nsupported")

    monkeypatch.setattr(standin.cuda.Stream, "begin_capture", refuse)
    got = trained(engine_on(standin))
    note = "note: this step cannot be replayed as a CUDA graph: cudaErrorNotSupported: operation"
    assert capsys.readouterr().err == f"{note} not supported\n"
    assert_alike(got, trained(engine_on(numpy)))


def test_a_wait_within_a_step_ends_the_recording_and_not_the_training(compiler, capsys):
    waits = []

    def work(x):
        waits.append(float(x.sum()) if len(waits) > 2 else 0.0)
        return (2 * x,)

    replayed, x = Replayed(work, lambda: [x], list), standin.asarray([1.0, 2.0])
    answers = [replayed(x)[0].tolist() for _ in range(6)]
    assert answers == [[2, 4]] * 6
    assert "the host waits for the device" in capsys.readouterr().err
    assert standin.machine.recording is None


def test_only_so_many_shapes_are_kept(compiler):
    x = standin.zeros(20)
    replayed = Replayed(lambda x: (x + 1,), lambda: [x], list)
    for size in range(1, MOST + 5):
        for _ in range(BEFORE + 2):
            assert replayed(x[:size])[0].tolist() == [1] * size
    assert len(replayed.recordings) == MOST


def test_recording_does_nothing_to_the_arrays(compiler):
    """The call that is recorded is run once, not twice."""
    total = standin.zeros(2)

    def work(x):
        total.__iadd__(x)
        return (total * 1,)

    replayed, seen = Replayed(work, lambda: [total], list), []
    for k in range(6):
        seen.append(replayed(standin.asarray([1.0, k]))[0].tolist())
    assert seen == [[1, 0], [2, 1], [3, 3], [4, 6], [5, 10], [6, 15]]


def test_labels_out_of_range_are_refused_before_anything_changes(device):
    engine = engine_on(device)
    optimizer = optim.SGD(engine.network)
    take_step = TrainingStep(engine, SoftmaxCrossEntropy(), optimizer)
    given = batches(STEPS)
    for x, labels in given:
        take_step(x, labels)
    before = {name: backend.to_host(a).copy() for name, a in engine.params.items()}
    with pytest.raises(ValueError, match=r"labels from 0 to 9 for 10 classes, got .* to 10"):
        take_step(x, labels * 0 + 10)
    assert optimizer.steps == STEPS
    for name, array in before.items():
        assert_same(engine.params[name], array)
