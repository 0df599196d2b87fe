"""How good a network is on pictures it was not trained on."""

import numpy
from tqdm import tqdm

from minialex import backend
from minialex.data.batches import Batches
from minialex.parallel.workers import Workers


def evaluate(workers: Workers, batches: Batches, should_stop=lambda: False) -> dict[str, float] | None:
    """Loss, accuracy (top-1) and top-5 over all of `batches`; None if should_stop() turned true on the way.

    Top-5 counts a picture as right if its label is among the five largest logits (among all, where classes are fewer).
    """
    seen, loss, correct, top5 = 0, 0.0, 0, 0
    with tqdm(total=len(batches.images), desc="testing", unit="img", leave=False, disable=None) as bar:
        for x, labels in batches.epoch(0):
            logits = workers.forward(x)
            loss += float(workers.loss.forward(logits, labels)) * len(labels)
            place = places(backend.to_host(logits), labels)
            correct += int((place < 1).sum())
            top5 += int((place < 5).sum())
            seen += len(labels)
            bar.update(len(labels))
            if should_stop():
                return None
    return {"loss": loss / seen, "accuracy": correct / seen, "top5": top5 / seen}


def places(logits: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
    """How many classes come before the right one, (N,): 0 for a right answer. logits (N, classes), labels (N,), on the host.

    Of equal logits the lower class number comes first, as with argmax; a logit that is not a number comes last.
    """
    logits = numpy.where(numpy.isnan(logits), -numpy.inf, logits)
    own, classes = logits[numpy.arange(len(labels)), labels][:, None], numpy.arange(logits.shape[1])
    before = (logits > own) | ((logits == own) & (classes < labels[:, None]))
    return before.sum(axis=1)
