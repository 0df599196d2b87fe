"""python -m minialex.evaluate: how good a trained network is on pictures it was not trained on."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy
from tqdm import tqdm

from minialex import backend, data
from minialex.command import Parser, run
from minialex.data.batches import Batches
from minialex.data.skipped import summary
from minialex.errors import InputError
from minialex.parallel.workers import Workers
from minialex.trained import Trained, add_trained_options

EXAMPLES = """\
  python -m minialex.evaluate runs/shapes-alexnet-cifar
      a run of minialex.train
  python -m minialex.evaluate runs/long --ten-crop
      over ten views of each picture, as the paper tests
  python -m minialex.evaluate runs/long --data-dir PICTURES
      its pictures lie elsewhere now, or are others of the same classes
"""


def evaluate(workers: Workers, batches: Batches, should_stop=lambda: False) -> dict[str, float] | None:
    """Loss, accuracy (top-1) and top-5 over all of `batches` that can be read; None if should_stop() turned true on the way.

    Top-5 counts a picture as right if its label is among the five largest logits (among all, where classes are fewer).
    Where the batches have several views of a picture, its probabilities are the means over them.
    """
    seen, loss, correct, top5 = 0, 0.0, 0, 0
    with tqdm(total=len(batches.images), desc="testing", unit="img", leave=False, disable=None) as bar:
        for x, labels in batches.epoch(0):
            if not len(labels):  # none of the batch could be read
                continue
            logits = over_views(workers.forward(x), len(labels))
            loss += float(workers.loss.forward(logits, labels)) * len(labels)
            place = places(backend.to_host(logits), labels)
            correct += int((place < 1).sum())
            top5 += int((place < 5).sum())
            seen += len(labels)
            bar.update(len(labels))
            if should_stop():
                return None
    return {"loss": loss / seen, "accuracy": correct / seen, "top5": top5 / seen}


def over_views(logits, pictures: int):
    """Logits of the mean probabilities of each picture's views: (pictures · views, classes) -> (pictures, classes)."""
    if len(logits) == pictures:
        return logits
    xp, views = backend.of(logits), logits.reshape(pictures, -1, logits.shape[-1])
    views = views - views.max(axis=2, keepdims=True)
    logs = views - xp.log(xp.exp(views).sum(axis=2, keepdims=True))
    largest = logs.max(axis=1)  # taken out, so that the mean below is not 0 and its logarithm finite
    return largest + xp.log(xp.exp(logs - largest[:, None]).mean(axis=1))


def places(logits: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
    """How many classes come before the right one, (N,): 0 for a right answer. logits (N, classes), labels (N,), on the host.

    Of equal logits the lower class number comes first, as with argmax; a logit that is not a number comes last.
    """
    logits = numpy.where(numpy.isnan(logits), -numpy.inf, logits)
    own, classes = logits[numpy.arange(len(labels)), labels][:, None], numpy.arange(logits.shape[1])
    before = (logits > own) | ((logits == own) & (classes < labels[:, None]))
    return before.sum(axis=1)


def parser() -> Parser:
    """The command's options."""
    about = "Tests a trained network on its data set's test pictures, as its training did\nafter each epoch."
    p = Parser("evaluate", about, EXAMPLES, usage="RUN [options]")
    p.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or the checkpoint.npz in it")
    p.add_argument("--data-dir", type=Path, metavar="DIR", help="the data set's files (default: as in training)")
    p.add_argument("--ten-crop", action="store_true", help="corners, centre and their mirror images, probabilities averaged")
    add_trained_options(p)
    return p


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`."""
    given = parser().parse_args(arguments)
    trained = Trained(given.run, given.backend, given.workers)
    options = trained.options
    data_dir, seed, crop_padding = given.data_dir or options["data_dir"], options["seed"], options["crop_padding"]
    dataset = data.load(options["dataset"], data_dir, trained.image_size, seed, crop_padding)
    if (dataset.class_names, dataset.channels) != (trained.class_names, trained.channels):
        raise InputError(f"{trained.path} was trained on other classes than the data set has now")
    batch_size = given.batch_size or options["batch_size"]
    batches = Batches(dataset.test, batch_size, trained.standardize, ten_crop=given.ten_crop)
    start = time.perf_counter()
    tested = evaluate(trained.workers, batches)
    pictures = len(dataset.test) - len(batches.skipped)
    print(report(trained, tested, pictures, time.perf_counter() - start, given.ten_crop))
    if batches.skipped:
        print(summary(batches.skipped))


def report(trained: Trained, tested: dict[str, float], pictures: int, seconds: float, ten_crop: bool) -> str:
    """What came out for so many pictures in that time, a line for each figure."""
    epochs, steps = trained.progress["epochs"], trained.progress["steps"]
    when = f"in epoch {epochs + 1}, after step {steps}" if steps else f"after epoch {epochs}"
    rows = {
        "model": f"{trained.options['model']}, {when}",
        "dataset": trained.options["dataset"],
        "pictures": f"{pictures:,}" + ", ten views of each" * ten_crop,
        "loss": f"{tested['loss']:.4f}",
        "top-1": f"{tested['accuracy']:.2%}",
        "top-5": f"{tested['top5']:.2%}",
        "images/s": f"{pictures / seconds:,.0f}",
    }
    return "\n".join(f"{name:<9}{text}" for name, text in rows.items())


if __name__ == "__main__":
    run(main)
