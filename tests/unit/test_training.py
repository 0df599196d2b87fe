"""Trainer, load and predict, as a script uses them."""

import numpy
import own_layer
import pytest
import trained_runs
from command_runs import call
from data_helpers import refusal, save_random_picture
from own_layer import Leaky
from PIL import Image

import minialex
from minialex import Network, Trainer, batch_memory, evaluate, load, optim, predict, schedules
from minialex.data import from_arrays
from minialex.errors import InputError
from minialex.fast import footprint
from minialex.files import PNG_MARK
from minialex.layers import Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Tanh

OWN_LAYER = own_layer.__file__
SIDE = 8


def halves(n=40, channels=1, seed=0):
    """Pictures (n, 8, 8, channels) in 0..1 whose upper (0) or lower (1) half is brighter."""
    rng = numpy.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    labels[:2] = 0, 1
    x = rng.random((n, SIDE, SIDE, channels))
    x[labels == 0, : SIDE // 2] += 1
    x[labels == 1, SIDE // 2 :] += 1
    return x / 2, labels


def dataset(channels=1):
    x, labels = halves(40, channels)
    return from_arrays(x, labels, *halves(20, channels, seed=1), ["up", "down"])


def network(channels=1, own=None):
    rng = numpy.random.default_rng(3)
    return Network(
        [
            Conv2d(channels, 4, 3, padding=1, rng=rng),
            own or ReLU(),
            MaxPool2d(2, stride=2),
            Flatten(),
            Dropout(0.2, rng),
            Linear(64, 2, rng=rng),
        ],
        (SIDE, SIDE, channels),
    )


def trainer(channels=1, own=None, **options):
    net = network(channels, own)
    options = dict(batch_size=16, workers=1) | options
    return Trainer(net, dataset(channels), optim.Adam(net, lr=0.01), **options)


@pytest.fixture(scope="module", params=[1, 3])
def trained(request):
    result = trainer(request.param)
    result.fit(epochs=2)
    return result


def losses(trainer):
    return [(line["train_loss"], line["test_loss"]) for line in trainer.history]


def test_it_learns_and_says_so(capsys):
    it = trainer()
    before = it.evaluate()
    history = it.fit(epochs=4)
    after = it.evaluate()
    assert after["accuracy"] == history[-1]["test_accuracy"] > 0.9
    assert after["loss"] == history[-1]["test_loss"] < before["loss"]
    assert [line["epoch"] for line in history] == [1, 2, 3, 4]
    assert capsys.readouterr().out.count("test accuracy") == 4


@pytest.mark.parametrize("engine", ["plain", "fast"])
def test_it_predicts_where_the_weights_are(xp, engine):
    net = network()
    pictures, _ = halves(5)
    here = Trainer(net, dataset(), engine=engine).predict(pictures)
    there = Trainer(net.to(xp), dataset(), engine=engine).predict(pictures)
    assert isinstance(there, numpy.ndarray)
    numpy.testing.assert_allclose(there, here, atol=1e-5)


@pytest.mark.parametrize("augment", [(), ["crop", "mirror"]])
def test_both_engines_give_the_same_losses(augment):
    plain, fast = (trainer(engine=engine, augment=augment) for engine in ("plain", "fast"))
    assert isinstance(plain.engine, Network)
    assert isinstance(fast.engine, minialex.fast.Engine)
    numpy.testing.assert_allclose(losses_of(plain), losses_of(fast), rtol=1e-4)
    numpy.testing.assert_allclose(
        plain.predict(halves(5)[0]), fast.predict(halves(5)[0]), atol=1e-4
    )


def losses_of(it, epochs=3):
    it.fit(epochs=epochs)
    return losses(it)


@pytest.mark.parametrize("engine", ["plain", "fast"])
def test_fit_continues_across_calls(engine):
    """Other pictures, dropout masks or learning rates would give other losses."""
    runs = []
    for parts in ([3], [1, 2], [1, 1, 1]):
        net = network()
        schedule = schedules.Cosine(0.01, epochs=3)
        it = Trainer(
            net, dataset(), optim.Adam(net), schedule, batch_size=16, workers=1, engine=engine
        )
        for epochs in parts:
            it.fit(epochs)
        runs.append(losses(it))
    assert len(runs[0]) == 3
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize("engine", ["plain", "fast"])
@pytest.mark.parametrize("steps", [0, 2])
def test_a_resumed_trainer_continues_as_if_nothing_had_happened(engine, steps, tmp_path):
    """Bit for bit, after a whole epoch or in the middle of one; the schedule has listened."""

    def new():
        net = network()
        schedule = schedules.Plateau(0.01, patience=1)
        options = dict(batch_size=8, augment=["crop"], seed=4, workers=1, engine=engine)
        return Trainer(net, dataset(), optim.Adam(net, weight_decay=0.01), schedule, **options)

    whole, stopped, resumed = new(), new(), new()
    whole.fit(3)
    stopped.fit(1)
    for taken, _ in enumerate(stopped.train_epoch() if steps else (), 1):
        if taken == steps:
            break
    stopped.save(tmp_path / "checkpoint.npz")
    stopped.fit(1)  # changes nothing that was saved
    resumed.fit(1)  # what it has learnt is forgotten
    resumed.resume(tmp_path if steps else tmp_path / "checkpoint.npz")
    resumed.fit(2)
    assert losses(resumed) == losses(whole)
    for name, array in whole.network.params.items():
        numpy.testing.assert_array_equal(resumed.network.params[name], array)


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda net: dict(data=from_arrays(*halves(), *halves(), ["a", "b"])), "classes"),
        (
            lambda net: dict(data=from_arrays(*halves(41), *halves(20), ["up", "down"])),
            "pictures",
        ),
        (lambda net: dict(optimizer=optim.SGD(net)), r"with optimizer Adam\(.*, here it is SGD"),
        (lambda net: dict(optimizer=optim.Adam(net, lr=0.5)), r"lr=0.001.*, here it is .*lr=0.5"),
        (lambda net: dict(batch_size=8), "with batch_size 16, here it is 8"),
        (lambda net: dict(seed=1), "with seed 0, here it is 1"),
        (lambda net: dict(augment=["crop"]), "with augment none, here it is crop"),
        (lambda net: dict(test_views="mirror"), "with test_views centre, here it is mirror"),
        (
            lambda net: dict(schedule=schedules.Cosine(0.1, 3)),
            "with the schedule Constant, here it is Cosine",
        ),
    ],
)
def test_another_trainer_s_file_is_refused_and_nothing_changes(make, said, tmp_path):
    net = network()
    Trainer(net, dataset(), optim.Adam(net), batch_size=16, workers=1).save(tmp_path / "net.npz")
    net = network()
    options = dict(data=dataset(), optimizer=optim.Adam(net), batch_size=16) | make(net)
    other = Trainer(net, options.pop("data"), workers=1, **options)
    before = {name: array.copy() for name, array in net.params.items()}
    with pytest.raises(InputError, match=said):
        other.resume(tmp_path / "net.npz")
    assert (other.history, other.progress["steps"]) == ([], 0)
    for name, array in net.params.items():
        numpy.testing.assert_array_equal(array, before[name])


def test_a_damaged_random_generator_is_refused_before_anything_changes(tmp_path):
    trainer(seed=0).save(tmp_path / "net.npz")
    trained_runs.change(
        tmp_path / "net.npz", about=lambda about: about["generators"]["dropout_1"].pop("state")
    )
    it = trainer()
    it.network.params["linear_1.bias"][...] = 7
    with pytest.raises(InputError, match="the random generator of dropout_1 is damaged"):
        it.resume(tmp_path / "net.npz")
    assert (it.network.params["linear_1.bias"] == 7).all()


@pytest.mark.parametrize("own", [Tanh(), Leaky(0.3)])
def test_another_network_of_the_same_size_is_refused(own, tmp_path):
    """Its weights would fit, and mean something else."""
    trainer(own=Leaky(0.2)).save(tmp_path / "net.npz")
    with pytest.raises(InputError, match="it was trained with another network"):
        trainer(own=own).resume(tmp_path / "net.npz")
    trainer(own=Leaky(0.2)).resume(tmp_path / "net.npz")


class Anything(Leaky):
    def __init__(self, *anything):
        super().__init__()


def test_a_network_that_cannot_be_saved_says_so_at_once_and_trains(tmp_path, capsys):
    it = trainer(own=Anything(3))
    assert "note: Anything cannot be saved with *anything" in capsys.readouterr().err
    it.fit(1)
    assert it.predict(halves(2)[0]).shape == (2, 2)
    with pytest.raises(ValueError, match="Anything cannot be saved"):
        it.save(tmp_path / "net.npz")


def test_a_file_is_saved_into_a_new_folder_but_not_over_a_folder(tmp_path):
    it = trainer()
    it.save(tmp_path / "new" / "net.npz")
    assert load(tmp_path / "new" / "net.npz").class_names == ["up", "down"]
    with pytest.raises(ValueError, match="is a folder, expected the name of a file"):
        it.save(tmp_path / "new")


def test_an_epoch_that_was_interrupted_is_finished_by_the_next_fit():
    whole, stopped = trainer(), trainer()
    for _ in stopped.train_epoch():
        break  # as Ctrl-C in a notebook does, after the first of three steps
    assert losses_of(stopped, 2) == losses_of(whole, 2)


def test_the_seed_chooses_the_order_and_the_views():
    runs = [losses_of(trainer(augment=["crop"], seed=seed), 1) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_each_epoch_has_every_picture_once_in_an_order_of_its_own(monkeypatch):
    it, seen = trainer(batch_size=40), []
    monkeypatch.setattr(
        it, "step", lambda x, _: seen.append(x.pictures.mean(axis=(1, 2, 3))) or len(x)
    )
    for _ in range(2):
        for _ in it.train_epoch():
            pass
        it.progress.update(epochs=1, steps=0, seen=0)
    first, second = seen
    assert (first != second).any()
    numpy.testing.assert_array_equal(numpy.sort(first), numpy.sort(second))


def test_a_schedule_sets_the_learning_rate_of_each_epoch():
    net = network()
    it = Trainer(net, dataset(), optim.SGD(net), schedules.Step(0.1, every=1), workers=1)
    it.fit(epochs=3)
    numpy.testing.assert_allclose([line["learning_rate"] for line in it.history], [0.1, 0.01, 1e-3])


def test_a_batch_that_cannot_fit_into_memory_is_refused(monkeypatch):
    it = trainer(batch_size=40)
    needed = footprint.step_bytes(it.engine, 40, optim.Adam)
    for available, said in (
        (
            needed - 1,
            r"a batch of 40 needs \d+ MB of memory, and \d+ are free: about \d\d should fit",
        ),
        (1000, "not even one picture fits"),
    ):
        monkeypatch.setattr(batch_memory, "available_memory", lambda there=available: there)
        with pytest.raises(InputError, match=said):
            trainer(batch_size=40)
    for enough in (needed, None):
        monkeypatch.setattr(batch_memory, "available_memory", lambda there=enough: there)
        trainer(batch_size=40)


def test_the_defaults_train_too():
    it = Trainer(network(), dataset())
    it.fit()
    assert len(it.history) == 1


def test_training_that_diverges_is_stopped():
    net = network()
    it = Trainer(net, dataset(), optim.SGD(net, lr=1e30), workers=1)
    with numpy.errstate(all="ignore"), pytest.raises(InputError, match="rate than 1e\\+30"):
        it.fit(epochs=3)


def test_so_is_training_with_a_schedule_of_one_s_own_that_has_no_rate():
    class Own(schedules.Constant):
        def __init__(self):
            self.state = {}

        def __call__(self, progress):
            return 1e30

    net = network()
    it = Trainer(net, dataset(), optim.SGD(net, lr=1), Own(), workers=1)
    with numpy.errstate(all="ignore"), pytest.raises(InputError, match="rate than 1e\\+30"):
        it.fit(epochs=3)


def test_weights_that_are_not_finite_never_replace_a_good_file(tmp_path):
    it, path = trainer(), tmp_path / "net.npz"
    it.save(path)
    before = path.read_bytes()
    it.network.params["linear_1.weight"][0, 5] = numpy.nan
    with pytest.raises(InputError, match="the largest weight is nan in epoch 1"):
        it.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "options, said",
    [
        (dict(engine="slow"), "engine is one of fast, plain, got 'slow'"),
        (dict(batch_size=0), "batch_size must be a whole number of at least 1, got 0"),
        (dict(batch_size=2.5), "batch_size must be a whole number of at least 1, got 2.5"),
        (dict(workers=-1), "workers must be at least 1, got -1"),
        (dict(augment=["crop", "flip"]), "lighting, got 'flip'"),
        (dict(augment="flip"), "lighting, got 'flip'"),
        (dict(augment=["lighting"]), "lighting and augment 'lighting' go together"),
    ],
)
def test_wrong_options_are_refused_before_training(options, said):
    with pytest.raises(ValueError) as caught:
        trainer(**options)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (lambda: (network(), dataset(), "adam"), r"expected an optimizer, .*, got 'adam'"),
        (lambda: (network(), dataset(), optim.Adam), "expected an optimizer"),
        (lambda: (network(), dataset(), None, 0.1), "expected a schedule, .*, got 0.1"),
        (lambda: (network(), halves()), r"expected a Dataset, data.from_arrays\(…\), got tuple"),
        (lambda: ([ReLU()], dataset()), "expected a Network, .*, got list"),
    ],
)
def test_arguments_of_another_kind_are_refused(arguments, said):
    with pytest.raises(TypeError, match=said):
        Trainer(*arguments())


def test_fewer_than_no_epochs_are_refused():
    with pytest.raises(ValueError, match="expected a number of epochs, got -1"):
        trainer().fit(-1)


def test_a_network_that_does_not_fit_the_data_set_is_refused():
    with pytest.raises(
        ValueError, match=r"the network takes pictures of 8×8×3, the data set has 8×8×1"
    ):
        Trainer(network(3), dataset(1))
    flat = Network([Flatten(), Linear(64, 5)], (8, 8, 1))
    with pytest.raises(ValueError, match=r"has 2 classes, the network's output has shape \(5,\)"):
        Trainer(flat, dataset())
    without_flatten = Network([Conv2d(1, 2, 3)], (8, 8, 1))
    with pytest.raises(ValueError, match=r"output has shape \(6, 6, 2\)"):
        Trainer(without_flatten, dataset())


def test_an_optimizer_of_another_network_is_refused():
    """It would change that network's weights, and this one would never learn."""
    with pytest.raises(ValueError, match="the optimizer is for another network"):
        Trainer(network(), dataset(), optim.Adam(network()))


def expected(trained, x):
    """The probabilities for pictures x in 0..1, from the formulas alone."""
    low, high = trained.dataset.pixel_range
    pixels = ((x - low) / (high - low) * 255).round().clip(0, 255)
    mean, std = (numpy.array(trained.progress[name]) for name in ("mean", "std"))
    logits = trained.network.forward(((pixels - mean) / std).astype(numpy.float32))
    powers = numpy.exp(logits.astype(float))
    return powers / powers.sum(axis=1, keepdims=True)


def test_predict_scales_arrays_as_in_training(trained):
    """Scaled by their own range, a bright and a dark picture would look the same."""
    x, _ = halves(70, trained.network.input_shape[2], seed=5)  # more than are computed at a time
    for pictures in (x, 0.5 * x, x.astype(numpy.float32), x.tolist()):
        numpy.testing.assert_allclose(
            trained.predict(pictures), expected(trained, numpy.asarray(pictures)), atol=1e-4
        )
    assert trained.predict(x).shape == (70, 2)


def test_predict_takes_one_picture_and_grey_ones_without_channels(trained):
    channels = trained.network.input_shape[2]
    x, _ = halves(3, channels, seed=6)
    answers = trained.predict(x)
    numpy.testing.assert_allclose(trained.predict(x[1]), answers[1:2], atol=1e-6)
    if channels == 1:
        numpy.testing.assert_allclose(trained.predict(x[..., 0]), answers, atol=1e-6)
        numpy.testing.assert_allclose(trained.predict(x[1, ..., 0]), answers[1:2], atol=1e-6)


def test_predict_takes_pillow_pictures_and_paths_of_any_size(trained, tmp_path):
    """A larger one is resized; nothing is cut off, as nothing was in training."""
    channels = trained.network.input_shape[2]
    x = numpy.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, channels), dtype=numpy.uint8)
    answers = trained.predict(x)
    small = [Image.fromarray(each.squeeze()) for each in x]
    large = Image.fromarray(numpy.kron(x[0, ..., 0], numpy.ones((3, 3), numpy.uint8)))
    resized = large.resize((SIDE, SIDE), Image.Resampling.BILINEAR).convert(small[0].mode)
    resized = numpy.asarray(resized).reshape(1, SIDE, SIDE, channels)
    path = tmp_path / "0.png"
    small[0].save(path)
    small[1].save(tmp_path / "1.png")
    for pictures, wanted in [
        (small[0], answers[:1]),
        (small, answers),
        (path, answers[:1]),
        (str(path), answers[:1]),
        ([path, str(tmp_path / "1.png")], answers),
        ((str(path), small[1]), answers),
        (sorted(tmp_path.glob("*.png")), answers),
        ((each for each in small), answers),
        (large, trained.predict(resized)),
    ]:
        numpy.testing.assert_allclose(trained.predict(pictures), wanted, atol=1e-6)
    assert trained.trained().classify(small) == [["up", "down"][i] for i in answers.argmax(axis=1)]


@pytest.mark.parametrize(
    "pictures, said",
    [
        (numpy.zeros((2, 9, 9, 1)), "expected pictures (N, 8, 8, 1), got (2, 9, 9, 1)"),
        (numpy.zeros((2, 8, 8, 3)), "expected pictures (N, 8, 8, 1), got (2, 8, 8, 3)"),
        (numpy.zeros((2, 1, 8, 8)), "expected pictures (N, 8, 8, 1), got (2, 1, 8, 8)"),
        (numpy.zeros(64), "expected pictures (N, 8, 8, 1), got (64,)"),
        (numpy.zeros((0, 8, 8, 1)), "expected at least one picture, got none"),
        ([], "expected at least one picture, got none"),
        (None, "expected pictures as numbers, got object"),
        (3, "expected pictures (N, 8, 8, 1), got ()"),
        (
            [numpy.zeros((8, 8)), numpy.zeros((9, 9))],
            "expected pictures of the same shape, got (8, 8) and (9, 9)",
        ),
        ([numpy.zeros((8, 8)), "a.png"], "expected pictures of the same shape, got (8, 8) and ()"),
        (numpy.full((8, 8), numpy.nan), "expected finite pixels"),
        ("missing.png", "missing.png"),
    ],
)
def test_predict_refuses_anything_else(pictures, said):
    with pytest.raises(ValueError) as caught:
        trainer().predict(pictures)
    assert said in str(caught.value)


def test_pixels_from_0_to_1_are_refused_by_a_net_that_learned_from_0_to_255():
    """They would all be taken for black."""
    x, labels = halves()
    pixels = (255 * x).astype(numpy.uint8)
    net = network()
    it = Trainer(net, from_arrays(pixels, labels, pixels, labels), workers=1)
    numpy.testing.assert_allclose(it.predict(pixels.astype(float)), it.predict(pixels), atol=1e-6)
    with pytest.raises(ValueError, match=r"expected pixels from 0 to 255, got .* to 0\.99"):
        it.predict(x)


def test_a_saved_network_gives_the_same_answers(trained, tmp_path):
    x, _ = halves(6, trained.network.input_shape[2], seed=7)
    trained.save(tmp_path / "net.npz")
    for path in (tmp_path / "net.npz", str(tmp_path / "net.npz")):
        loaded = load(path, workers=1)
        numpy.testing.assert_allclose(loaded.predict(x), trained.predict(x), atol=1e-6)
    assert loaded.class_names == ["up", "down"]
    assert loaded.evaluate(trained.dataset) == pytest.approx(trained.evaluate())


def test_a_loaded_network_is_not_tested_on_what_it_does_not_know(trained):
    other = from_arrays(*halves(8), *halves(8), ["down", "up"])
    with pytest.raises(ValueError, match="the data set has other classes: down, up"):
        trained.trained().evaluate(other)
    x, labels = numpy.zeros((2, 9, 9, 1)), ["up", "down"]
    other = from_arrays(x, labels, x, labels, ["up", "down"])
    with pytest.raises(ValueError, match=r"expected pictures of 8×8×\d, the data set has 9×9×1"):
        trained.trained().evaluate(other)


def test_names_as_labels_come_back_as_answers(tmp_path):
    x, labels = halves(60)
    names = numpy.array(["sky", "ground"])[labels]
    net = network()
    it = Trainer(net, from_arrays(x, names, x, names), optim.Adam(net, lr=0.01), workers=1)
    it.fit(epochs=15)
    it.save(tmp_path / "net.npz")
    answers = load(tmp_path / "net.npz").classify(x)
    assert numpy.mean(numpy.array(answers) == names) > 0.9


def test_curves_are_drawn_into_a_file(trained, tmp_path):
    trained.save_curves(tmp_path / "new" / "curves.png")
    assert PNG_MARK in (tmp_path / "new" / "curves.png").read_bytes()[:1000]
    said = refusal(trained.save_curves, tmp_path / "curves.jpg")
    assert "curves.jpg: expected a name that ends in .png" in said


def test_a_network_with_your_own_layer_is_saved_and_loaded(tmp_path):
    it = trainer(own=Leaky(0.3))
    it.fit()
    it.save(tmp_path / "net.npz")
    with pytest.raises(InputError, match=r"load\(…, layers=\[Leaky\]\)"):
        load(tmp_path / "net.npz")
    with pytest.raises(TypeError, match=r"layers are classes, as in layers=\[MyLayer\]"):
        load(tmp_path / "net.npz", layers=[Leaky()])
    x, _ = halves(4, seed=8)
    loaded = load(tmp_path / "net.npz", layers=Leaky)
    numpy.testing.assert_allclose(loaded.predict(x), it.predict(x), atol=1e-6)


def test_the_commands_take_it_with_the_file_of_the_layer(tmp_path, capsys, undrawn):
    it = trainer(3, own=Leaky(0.3))
    it.fit()
    weights = tmp_path / "net.npz"
    it.save(weights)
    for number, name in enumerate(["up", "down", "up"]):
        save_random_picture(tmp_path / "pictures" / "val" / name / f"{number}.png", (8, 8), number)
    capsys.readouterr()
    picture = tmp_path / "pictures" / "val" / "up" / "0.png"
    arguments = [predict.main, picture, "--weights", weights]
    code, _, err = call(*arguments, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "--own-layers" in err
    code, out, _ = call(*arguments, "--own-layers", OWN_LAYER, capsys=capsys)
    assert code == 0
    [probabilities] = it.predict(picture)
    assert f"{probabilities.max():.2%}" in out
    arguments = [evaluate.main, weights, "--own-layers", OWN_LAYER]
    code, out, _ = call(*arguments, "--data-dir", tmp_path / "pictures", capsys=capsys)
    assert code == 0
    files = sorted((tmp_path / "pictures").rglob("*.png"))
    right = sum(
        a == f.parent.name for a, f in zip(it.trained().classify(files), files, strict=True)
    )
    assert f"{right / 3:.2%}" in out
    code, _, err = call(*arguments, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "does not say what it was trained on" in err


@pytest.mark.parametrize(
    "text, said",
    [
        (None, "there is no file"),
        ("1 / 0", "cannot be run: ZeroDivisionError"),
        ("from minialex import Layer", "defines no layer, a class derived from minialex.Layer"),
    ],
)
def test_files_without_layers_are_refused(text, said, tmp_path, capsys):
    it = trainer(own=Leaky())
    it.save(tmp_path / "net.npz")
    file = tmp_path / "numpy.py"  # whose name must not take the library's place
    if text is not None:
        file.write_text(text)
    arguments = ["a.png", "--weights", tmp_path / "net.npz", "--own-layers", file]
    code, _, err = call(predict.main, *arguments, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert said in err
    import numpy as still

    assert still is numpy


def test_pictures_in_files_are_cut_as_the_test_pictures_of_a_folder_were(tmp_path):
    """In training, a folder's pictures lose their edges, which random crops need as room."""
    for split in ("train", "val"):
        for number in range(4):
            path = tmp_path / split / "ab"[number % 2] / f"{number}.png"
            save_random_picture(path, (24, 20), number)
    dataset = minialex.data.load("folder", tmp_path, image_size=SIDE)
    it = Trainer(network(3), dataset, workers=1)
    [(x, _)] = it.test_batches.epoch(0)
    numpy.testing.assert_allclose(
        it.trained().standardize(it.trained().prepared(dataset.test.paths)),
        x.standardized(),
        atol=1e-6,
    )
    it.save(tmp_path / "net.npz")
    assert load(tmp_path / "net.npz").evaluate(dataset) == pytest.approx(it.evaluate())
