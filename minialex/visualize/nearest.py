"""The nearest pictures in the space of the last hidden layer, as in figure 4 of the paper."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy
from tqdm import tqdm

from minialex import backend, fast, figures
from minialex.batch_memory import room_for_answers
from minialex.data.augment import Standardize, centre_views
from minialex.data.prefetch import prefetch
from minialex.errors import InputError
from minialex.inference import TrainedNetwork
from minialex.layers import AvgPool2d, Conv2d, Linear, MaxPool2d
from minialex.network import Network
from minialex.trained_dataset import Images, name_of
from minialex.visualize.subjects import Subjects

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: How many neighbours are shown, as in the paper.
NEIGHBOURS = 6


def draw(
    trained: TrainedNetwork,
    chosen: Subjects,
    images: Images,
    class_names: list[str] | None = None,
    batch_size: int | None = None,
) -> bytes:
    """The PNG.

    images        where to look for the neighbours
    class_names   of their labels; None if they are not labelled
    batch_size    pictures at a time (default: as in training)

    InputError as `hidden` says.
    """
    space, network = hidden(trained.network)
    workers = trained.engine.workers.count if isinstance(trained.engine, fast.Engine) else 1
    engine = fast.prepare(network, workers)
    batch_size = batch_size or trained.options["batch_size"]
    bar = tqdm(total=len(images), desc="looking", unit="img", leave=False, disable=None)
    with bar, room_for_answers(engine, min(batch_size, len(images))):
        batches = prefetch(in_batches(images, batch_size, trained.standardize))
        x, itself = trained.standardize(chosen.pictures), themselves(chosen, images)
        numbers, distances = nearest(
            lambda x: backend.to_host(engine.forward(x)), x, batches, NEIGHBOURS, itself, bar
        )
    return neighbours(chosen, images, numbers, distances, class_names, space)


def hidden(network: Network) -> tuple[str, Network]:
    """The network up to the last linear layer, which makes the logits, and a name for its output.

    In AlexNet it ends with FC7 and its activation. The name is that of the last layer in it with
    weights or windows. InputError if there is none.
    """
    layers = list(network.layers.items())
    last = max((i for i, (_, layer) in enumerate(layers) if isinstance(layer, Linear)), default=0)
    names = [
        name
        for name, layer in layers[:last]
        if isinstance(layer, Conv2d | Linear | MaxPool2d | AvgPool2d)
    ]
    if not names:
        raise InputError("the network has no hidden layer, in whose space pictures could be near")
    return names[-1], Network(layers[:last], network.input_shape)


def in_batches(
    images: Images, batch_size: int, standardize: Standardize
) -> Iterator[tuple[numpy.ndarray, numpy.ndarray]]:
    """All `images` that can be read, in batches: their numbers (n,) and x (n, S, S, C).

    The pictures are seen at centre views and standardised.
    """
    for numbers in numpy.split(
        numpy.arange(len(images)), range(batch_size, len(images), batch_size)
    ):
        pictures, good, _ = images.read_good(numbers, centre_views(len(numbers)))
        if len(pictures):
            yield numbers[good], standardize(pictures)


def themselves(chosen: Subjects, images: Images) -> list[int]:
    """The number of each chosen picture among `images`; −1 if it is not one of them."""
    if not chosen.paths or not hasattr(images, "paths"):
        return [-1] * len(chosen.names)
    numbers = {Path(str(path)).resolve(): i for i, path in enumerate(images.paths)}
    return [numbers.get(Path(str(path)).resolve(), -1) for path in chosen.paths]


def nearest(
    features_of: Callable[[numpy.ndarray], numpy.ndarray],
    x: numpy.ndarray,
    batches: Iterable[tuple[numpy.ndarray, numpy.ndarray]],
    count: int,
    itself: Sequence[int],
    bar: tqdm | None = None,
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Finds, for each picture of x (N, S, S, C), the `count` nearest ones in `batches`.

    features_of   pictures -> features (n, features), on the host
    batches       (numbers, pictures) each
    itself        for each picture of x, the number that is never its neighbour
    bar           counts the pictures in `batches`

    Returns the numbers and the Euclidean distances, (N, count), the nearest first. Where there are
    fewer, distances are infinite.
    """
    wanted = features_of(x).copy()
    numbers = numpy.full((len(x), count), -1)
    distances = numpy.full((len(x), count), numpy.inf)
    for their_numbers, pictures in batches:
        features = features_of(pictures)
        for i, own in enumerate(wanted):
            distance = numpy.sqrt(((features - own) ** 2).sum(axis=1))
            distance[their_numbers == itself[i]] = numpy.inf
            best = numpy.concatenate([distances[i], distance])
            order = numpy.argsort(best, kind="stable")[:count]
            numbers[i], distances[i] = (
                numpy.concatenate([numbers[i], their_numbers])[order],
                best[order],
            )
        if bar is not None:
            bar.update(len(pictures))
    return numbers, distances


@figures.drawing
def neighbours(
    chosen: Subjects,
    images: Images,
    numbers: numpy.ndarray,
    distances: numpy.ndarray,
    class_names: list[str] | None,
    space: str,
) -> "Figure":
    """A row for each chosen picture: itself, then its neighbours, with distances and classes.

    numbers, distances: of the neighbours, (N, count). class_names: None if the classes are unknown.
    space: the name of the space.
    """
    title = (
        f"Pictures and those nearest to them in the space of {space} (Euclidean distances below)"
    )
    figure, cells = figures.grid(
        len(numbers), 1 + NEIGHBOURS, title, size=1.5, below=0.5, apart=0.3
    )
    for row, picture, name, label, near, far in zip(
        cells, chosen.pictures, chosen.names, chosen.labels, numbers, distances, strict=True
    ):
        figures.show(row[0], picture)
        known = class_names and label is not None
        lines = [name, class_names[label]] if known else [name]
        figures.write_below(row[0], [(figures.shortened(line, 19), None) for line in lines])
        near = near[numpy.isfinite(far)]
        for axes, number, other, distance in zip(
            row[1:], near, images.read(near, centre_views(len(near))), far, strict=False
        ):
            figures.show(axes, other)
            caption = (figures.shortened(name_of(images, number), 19), None)
            if class_names:
                colour = (
                    None
                    if not known
                    else figures.RIGHT
                    if images.labels[number] == label
                    else figures.WRONG
                )
                caption = (figures.shortened(class_names[images.labels[number]], 19), colour)
            figures.write_below(axes, [caption, (f"{distance:#.3g}", None)])
    return figure
