"""Whole runs on the array module under test equal runs on the CPU; training never waits for it."""

import itertools
import json
import math

import numpy
import pytest
from command_runs import call
from data_helpers import picture_folder
from trained_runs import last_epoch, on_folder, trained

from minialex import (
    backend,
    data,
    evaluate,
    fast,
    loss_lines,
    models,
    optim,
    options,
    predict,
    schedules,
    standin,
    train,
)
from minialex.io.run_folder import RunFolder
from minialex.layers import SoftmaxCrossEntropy
from minialex.layers.loss import right_answers
from minialex.training import Trainer


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """An image folder of 40 training and 20 test pictures, 16×16, in two classes."""
    return picture_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def use(monkeypatch):
    """use(xp) makes xp what the commands compute with."""
    return lambda xp: monkeypatch.setattr(backend, "get", lambda name="auto", *_: xp)


def arrays(folder):
    """The checkpoint's arrays by name."""
    with numpy.load(folder / "checkpoint.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files if name != "about"}


def metrics(folder):
    """Every line of the run's metrics.jsonl without the times."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if "second" not in name} for line in lines]


def assert_ends_alike(folder, other):
    """Two runs of ten float32 steps differ by little, compared with how far the weights moved.

    Single weights may differ by more: Adam takes full steps even if a gradient is only rounding.
    """
    got, expected = arrays(folder), arrays(other)
    assert got.keys() == expected.keys()
    about = json.loads((other / "config.json").read_text())
    rng = numpy.random.default_rng((about["seed"], train.WEIGHTS))
    start = models.of_run(about, 2, 16, 3, rng).params
    for name in start:
        moved = abs(expected[f"weight/{name}"] - start[name]).mean()
        apart = abs(got[f"weight/{name}"] - expected[f"weight/{name}"]).mean()
        assert moved > 0 and apart < 0.02 * moved, (
            f"{name} moved by {moved:.2g} on average, the two are {apart:.2g} apart"
        )
    losses = [
        [last_epoch(run)[name] for name in ("train_loss", "test_loss")] for run in (folder, other)
    ]
    numpy.testing.assert_allclose(*losses, rtol=1e-3)


@pytest.mark.parametrize("kind", optim.OPTIMIZERS)
@pytest.mark.parametrize("model", ["alexnet-cifar", "alexnet-mini"])
def test_twenty_steps_have_the_losses_of_the_cpu(model, kind, device):
    """Same seed, masks and pictures: in float64 one wrong gradient shows within a few steps."""
    rates = dict(lr=0.003, weight_decay=0.001, momentum=0.9)
    losses = []
    for module in (device, numpy):
        network = (
            models.build(model, image_size=16, rng=numpy.random.default_rng(0))
            .astype("float64")
            .to(module)
        )
        engine = fast.prepare(network)
        optimizer, loss = optim.build(kind, network, **rates), SoftmaxCrossEntropy()
        rng = numpy.random.default_rng(1)
        losses.append([])
        for _ in range(20):
            x, labels = rng.standard_normal((6, 16, 16, 3)), rng.integers(0, 10, 6)
            losses[-1].append(float(engine.step(x, labels, loss)[0]))
            engine.update(optimizer)
    numpy.testing.assert_allclose(*losses, rtol=1e-8)
    assert len(set(losses[0])) == 20


@pytest.mark.parametrize(
    "kind, schedule",
    # each schedule once: it gives the optimiser a number on the host
    list(zip(itertools.cycle(optim.OPTIMIZERS), schedules.SCHEDULES, strict=False)),
)
def test_a_run_ends_with_the_weights_of_the_cpu(kind, schedule, pictures, device, use, tmp_path):
    # In one run of three a unit lies so close to 0 that rounding decides whether it is above: not
    # with this seed.
    chosen = [*on_folder(pictures), "--optimizer", kind, "--schedule", schedule, "--seed", 1]
    runs = {}
    for name, module in {"device": device, "cpu": numpy}.items():
        use(module)
        runs[name] = trained(tmp_path / name, *chosen, "--augment", "crop,mirror", "--workers", 1)
    assert_ends_alike(*runs.values())


def test_a_checkpoint_resumes_on_another_device(pictures, device, use, tmp_path):
    use(numpy)
    whole = trained(tmp_path / "whole", *on_folder(pictures), "--workers", 1)
    for name, first, second in (("device first", device, numpy), ("device second", numpy, device)):
        use(first)
        folder = trained(tmp_path / name, *on_folder(pictures), "--workers", 1, "--max-steps", 4)
        use(second)
        assert train.main(["--resume", str(folder)]) == 0
        assert_ends_alike(folder, whole)


def test_a_stopped_run_resumes_bit_identical(pictures, device, use, tmp_path):
    """Losses are fetched every few steps; stopping must not lose those not yet fetched."""
    use(device)
    chosen = [*on_folder(pictures), "--log-every", 3]
    whole = trained(tmp_path / "whole", *chosen)
    folder = trained(tmp_path / "stopped", *chosen, "--max-steps", 4)
    assert train.main(["--resume", str(folder)]) == 0
    assert all(
        array.tobytes() == arrays(whole)[name].tobytes() for name, array in arrays(folder).items()
    )
    assert metrics(folder) == metrics(whole)


@pytest.mark.usefixtures("undrawn")
def test_evaluate_and_predict_print_the_same_as_on_the_cpu(pictures, device, use, tmp_path, capsys):
    use(numpy)
    folder = trained(tmp_path / "run", *on_folder(pictures))
    capsys.readouterr()
    said = []
    for module in (device, numpy):
        use(module)
        lines = call(evaluate.main, folder, "--test-views", "ten-crop", capsys=capsys)[
            1
        ].splitlines()
        said.append([line for line in lines if "images/s" not in line])
        said[-1] += [
            call(
                predict.main,
                *sorted(pictures.glob("val/*/*"))[:3],
                "--weights",
                folder,
                capsys=capsys,
            )[1]
        ]
    assert said[0] == said[1]


@pytest.mark.parametrize("kind", optim.OPTIMIZERS)
def test_a_training_step_never_waits_for_the_device(
    kind, compiler, use, pictures, tmp_path, monkeypatch
):
    """Only when the loss is logged, after step 4 of 5, and at the end of the epoch; here no second
    passes after which losses.jsonl gets a line."""
    monkeypatch.setattr(loss_lines, "EVERY", math.inf)
    use(standin)
    chosen, *_ = options.read(
        [*map(str, on_folder(pictures)), "--optimizer", kind, "--log-every", "4"]
    )
    dataset = data.load(
        *(chosen[name] for name in ("dataset", "data_dir", "image_size", "seed", "crop_padding"))
    )
    trainer = train.trainer_of(chosen, dataset, standin)
    training = train.TrainingRun(trainer, RunFolder.create(tmp_path / "run", "run"))
    waits = []

    def step(*arguments, step=trainer.training_step):
        waits.append(account.waits)
        return step(*arguments)

    trainer.training_step = step
    with standin.accounting() as account:
        training.train_epoch()
    assert waits == [0, 0, 0, 0, 8]  # the losses and correct answers of four steps
    assert account.waits == 10


def test_a_network_in_double_precision_trains_on_pictures_in_single(device, capsys):
    """Pictures come as float32 whatever the weights are."""

    def trained_on(xp):
        rng = numpy.random.default_rng(0)
        network = models.build("alexnet-cifar", image_size=16, rng=rng).astype("float64").to(xp)
        x, labels = rng.integers(0, 256, (40, 16, 16, 3), numpy.uint8), numpy.arange(40) % 10
        dataset = data.from_arrays(x, labels, x, labels)
        trainer = Trainer(network, dataset, batch_size=8, augment=["crop"], workers=1)
        history = trainer.fit(2)
        return [(line["train_loss"], line["test_loss"]) for line in history]

    numpy.testing.assert_allclose(trained_on(device), trained_on(numpy), rtol=1e-6)


def test_a_loss_that_is_nan_ends_the_run_when_it_is_fetched(
    compiler, use, pictures, tmp_path, capsys
):
    use(standin)
    code, _, err = call(
        train.main, *on_folder(pictures), "--lr", 1e30, "--out", tmp_path / "run", capsys=capsys
    )
    assert code == 2
    assert "loss is nan" in err or "loss is inf" in err
    assert json.loads((tmp_path / "run" / "config.json").read_text())["lr"] == 1e30


def test_correct_answers_are_counted_on_the_device_of_the_logits(xp):
    logits = xp.asarray(numpy.array([[1, 2, 3], [3, 2, 1], [1, 3, 2]], "float32"))
    right = right_answers(logits, numpy.array([2, 1, 1]))
    assert isinstance(right, xp.ndarray | numpy.generic)
    assert int(right) == 2
