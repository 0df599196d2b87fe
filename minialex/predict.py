"""python -m minialex.predict: what a trained network takes pictures for."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy

from minialex import backend
from minialex.command import Parser, number, run
from minialex.data.augment import centre_views
from minialex.data.batches import prefetch
from minialex.data.folder import EXTENSIONS, FolderImages
from minialex.errors import InputError
from minialex.trained import Trained, add_trained_options

EXAMPLES = """\
  python -m minialex.predict star.png --weights runs/shapes-alexnet-cifar
  python -m minialex.predict PICTURES more/*.jpg --weights runs/long --top 1
      the best answer for each picture in PICTURES and below it, and for others
"""


def parser() -> Parser:
    """The command's options."""
    about = "Says what a trained network takes pictures for. They may have any size."
    p = Parser("predict", about, EXAMPLES, usage="PICTURE... --weights RUN [options]")
    p.add_argument("pictures", type=Path, nargs="+", metavar="PICTURE", help="a file, or a folder of them")
    p.add_argument("--weights", type=Path, required=True, metavar="RUN", help="a run's folder, or the checkpoint.npz in it")
    p.add_argument("--top", type=number(int, 1), default=5, metavar="K", help="how many classes to show (default: 5)")
    add_trained_options(p)
    return p


def main(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit code is 1 if some pictures could not be read, 2 if none could."""
    given = parser().parse_args(arguments)
    paths = [path for named in given.pictures for path in files_of(named)]
    trained = Trained(given.weights, given.backend, given.workers)
    images, batch_size = trained.images(paths), given.batch_size or trained.options["batch_size"]
    batches = numpy.split(numpy.arange(len(paths)), range(batch_size, len(paths), batch_size))
    width = name_width(paths, trained.class_names)
    failed = 0
    for indices, pictures, problems in prefetch(read(images, batch) for batch in batches):
        for problem in problems:
            print(f"error: {problem}", file=sys.stderr)
        failed += len(problems)
        if len(indices):
            logits = backend.to_host(trained.workers.forward(trained.standardize(pictures)))
            for i, probabilities in zip(indices, softmax(logits), strict=True):
                print(answers(str(paths[i]), probabilities, trained.class_names, given.top, width), flush=True)
    return 2 if failed == len(paths) else min(failed, 1)


def files_of(path: Path) -> list[Path]:
    """The file `path`, or all pictures in the folder `path` and below it, sorted; hidden ones are left out.

    InputError if there is none in the folder.
    """
    if not path.is_dir():
        return [path]
    below = (file.relative_to(path) for file in path.rglob("*") if file.suffix.lower() in EXTENSIONS and file.is_file())
    files = sorted(path / file for file in below if not any(part.startswith(".") for part in file.parts))
    if not files:
        raise InputError(f"no picture ({' '.join(EXTENSIONS)}) in {path}")
    return files


def read(images: FolderImages, batch: numpy.ndarray) -> tuple[Sequence[int], numpy.ndarray, list[str]]:
    """Those of `batch` that can be read, their pictures uint8 (n, S, S, C), and for each of the others what is wrong."""
    try:
        return batch, images.read(batch, centre_views(len(batch))), []
    except InputError:
        pass  # at least one is no picture: find out which
    indices, pictures, problems = [], [], []
    for i in batch:
        try:
            pictures.extend(images.read([i], centre_views(1)))
            indices.append(i)
        except InputError as error:
            problems.append(" ".join(str(error).split()))
    return indices, numpy.array(pictures), problems


def softmax(logits: numpy.ndarray) -> numpy.ndarray:
    """The probability of each class, p = exp(logit) / Σ exp(logit): (N, classes) -> (N, classes)."""
    exponentials = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def name_width(paths: Sequence[Path], class_names: Sequence[str]) -> int:
    """The columns for the pictures' names: what the longest takes that fits 80 beside the longest class name."""
    room = 80 - len("  100.00%  ") - max(map(len, class_names))
    return max((len(str(path)) for path in paths if len(str(path)) <= room), default=0)


def answers(name: str, probabilities: numpy.ndarray, class_names: Sequence[str], top: int, width: int) -> str:
    """The `top` most probable classes, a line each, beside the picture's name; a name wider than `width` stands above them.

    Of equally probable classes the lower class number comes first.
    """
    best = numpy.argsort(-probabilities, kind="stable")[:top]
    lines = [f"{'':{width}}  {probabilities[i]:7.2%}  {class_names[i]}" for i in best]
    if len(name) > width:
        return "\n".join([name, *lines])
    return "\n".join([name.ljust(width) + lines[0][width:], *lines[1:]])


if __name__ == "__main__":
    run(main)
