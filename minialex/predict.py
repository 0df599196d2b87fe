"""python -m minialex.predict: what a trained network takes pictures for."""

import glob
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy
from tqdm import tqdm

from minialex import backend
from minialex.command import Parser, number, run
from minialex.data.augment import centre_views
from minialex.data.folder_images import FolderImages
from minialex.data.listing import EXTENSIONS
from minialex.data.prefetch import prefetch
from minialex.data.torchvision_images import TorchvisionImages
from minialex.errors import InputError
from minialex.inference import Trained, add_trained_options, trained_of
from minialex.weights import WEIGHTS_HELP, add_model_option

EXAMPLES = """\
  python -m minialex.predict star.png --weights runs/shapes-alexnet-cifar
  python -m minialex.predict PICTURES 'more/*.jpg' --weights runs/long --top 1
      the best answer for each picture in PICTURES and below it, and for others
  python -m minialex.predict dog.jpg --weights torchvision
      with the weights for ImageNet that torchvision publishes (244 MB)
  cat dog.jpg | python -m minialex.predict - --weights alexnet.pth --json
"""


def parser() -> Parser:
    """The command's options."""
    about = "Says what a trained network takes pictures for. They may have any size."
    p = Parser("predict", about, EXAMPLES, usage="PICTURE... --weights WEIGHTS [options]")
    pictures = "a file, a folder of them, a pattern such as '*.jpg', or - for standard input"
    p.add_argument("pictures", nargs="+", metavar="PICTURE", help=pictures)
    p.add_argument("--weights", required=True, metavar="WEIGHTS", help=WEIGHTS_HELP)
    add_model_option(p)
    p.add_argument(
        "--top",
        type=number(int, 1),
        default=5,
        metavar="K",
        help="how many classes to show (default: 5)",
    )
    p.add_argument("--json", action="store_true", help="a line of JSON for each picture")
    add_trained_options(p)
    return p


def main(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit code is 1 if some pictures could not be read, 2 if none could."""
    given = parser().parse_args(arguments)
    files = [file for named in given.pictures for file in files_of(named)]
    trained = trained_of(given)
    width = name_width(files, trained.class_names)
    failed = 0
    # Where the answers go to a terminal, they are the progress.
    with tqdm(
        total=len(files), unit=" images", leave=False, disable=True if sys.stdout.isatty() else None
    ) as bar:
        for file, probabilities, problem in predictions(
            trained, files, given.batch_size or trained.options["batch_size"]
        ):
            if problem:
                tqdm.write(f"error: {problem}", file=sys.stderr)
                failed += 1
            elif given.json:
                print(
                    json_answers(str(file), probabilities, trained.class_names, given.top),
                    flush=True,
                )
            else:
                print(
                    answers(str(file), probabilities, trained.class_names, given.top, width),
                    flush=True,
                )
            bar.update()
    return 2 if failed == len(files) else min(failed, 1)


class StandardInput(io.BytesIO):
    """The bytes of a picture that came through a pipe; messages call it by the name it was given by, "-"."""

    def __str__(self) -> str:
        return "-"


def files_of(named: str | Path) -> list[Path | StandardInput]:
    """The pictures that a word of the command line means.

    "-" is what comes through standard input. A folder means all pictures in it and below it, sorted, but for hidden ones. A
    pattern (* and ? for parts of a name, ** for folders at any depth) means the pictures that match it, and those in folders
    that do. InputError if a folder or a pattern means none; a single file may be missing, that shows when it is read.
    """
    path, named = Path(named), str(named)
    if named == "-":
        return [StandardInput(sys.stdin.buffer.read())]
    if path.is_dir():
        files = below(path)
    elif path.exists() or not glob.has_magic(named):
        return [path]
    else:
        matches = [Path(match) for match in sorted(glob.glob(named, recursive=True))]
        found = (
            below(match) if match.is_dir() else [match]
            for match in matches
            if match.is_dir() or is_picture(match)
        )
        files = list(dict.fromkeys(file for files in found for file in files))
    if not files:
        raise InputError(f"no picture ({' '.join(EXTENSIONS)}) in {named}")
    return files


def below(folder: Path) -> list[Path]:
    """All pictures in the folder and below it, sorted; hidden ones are left out, linked folders are not."""
    files = (folder / name for name in glob.glob("**/*", root_dir=folder, recursive=True))
    return sorted(file for file in files if is_picture(file) and file.is_file())


def is_picture(path: Path) -> bool:
    """Whether the file's name ends as pictures' names do."""
    return path.suffix.lower() in EXTENSIONS


def predictions(
    trained: Trained, files: Sequence, batch_size: int
) -> Iterator[tuple[Path | StandardInput, numpy.ndarray | None, str | None]]:
    """For each file, in order within what could and what could not be read of a batch: (file, the probability of each class,
    None), or (file, None, what is wrong)."""
    images = trained.images(files)
    batches = numpy.split(numpy.arange(len(files)), range(batch_size, len(files), batch_size))
    for indices, pictures, problems in prefetch(read(images, batch) for batch in batches):
        for i, problem in problems:
            yield files[i], None, problem
        if len(indices):
            logits = backend.to_host(trained.workers.forward(trained.standardize(pictures)))
            for i, probabilities in zip(indices, softmax(logits), strict=True):
                yield files[i], probabilities, None


def read(
    images: FolderImages | TorchvisionImages, batch: numpy.ndarray
) -> tuple[Sequence[int], numpy.ndarray, list[tuple[int, str]]]:
    """Those of `batch` that can be read, their pictures uint8 (n, S, S, C), and each of the others with what is wrong."""
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
            problems.append((i, " ".join(str(error).split())))
    return indices, numpy.array(pictures), problems


def softmax(logits: numpy.ndarray) -> numpy.ndarray:
    """The probability of each class, p = exp(logit) / Σ exp(logit): (N, classes) -> (N, classes)."""
    exponentials = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def name_width(files: Sequence, class_names: Sequence[str]) -> int:
    """The columns for the pictures' names: what the longest takes that fits 80 beside the longest class name."""
    room = 80 - len("  100.00%  ") - max(map(len, class_names))
    return max((len(str(file)) for file in files if len(str(file)) <= room), default=0)


def best(probabilities: numpy.ndarray, top: int) -> numpy.ndarray:
    """The numbers of the `top` most probable classes, the best first. Of equally probable ones the lower comes first."""
    return numpy.argsort(-probabilities, kind="stable")[:top]


def answers(
    name: str, probabilities: numpy.ndarray, class_names: Sequence[str], top: int, width: int
) -> str:
    """The `top` most probable classes, a line each, beside the picture's name; a name wider than `width` stands above them."""
    lines = [
        f"{'':{width}}  {probabilities[i]:7.2%}  {class_names[i]}" for i in best(probabilities, top)
    ]
    if len(name) > width:
        return "\n".join([name, *lines])
    return "\n".join([name.ljust(width) + lines[0][width:], *lines[1:]])


def json_answers(
    name: str, probabilities: numpy.ndarray, class_names: Sequence[str], top: int
) -> str:
    """{"picture": …, "predictions": [{"class": …, "probability": …}, …]}, the `top` most probable classes, the best first."""
    found = [
        {"class": class_names[i], "probability": float(probabilities[i])}
        for i in best(probabilities, top)
    ]
    return json.dumps({"picture": name, "predictions": found})


if __name__ == "__main__":
    run(main)
