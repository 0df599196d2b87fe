"""python -m minialex.predict: what a trained network takes pictures for."""

import json
import sys
from collections.abc import Sequence

import numpy
from tqdm import tqdm

from minialex.command import Parser, number, run
from minialex.prediction import files_of, predictions, top_k
from minialex.terminal import visible
from minialex.weight_options import (
    WEIGHTS_HELP,
    add_trained_options,
    add_weight_options,
    trained_of,
)

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
    about = "Shows what a trained network takes pictures for. They may have any size."
    p = Parser("predict", about, EXAMPLES, usage="PICTURE... --weights WEIGHTS [options]")
    pictures = "a file, a folder of them, a pattern such as '*.jpg', or - for standard input"
    p.add_argument("pictures", nargs="+", metavar="PICTURE", help=pictures)
    p.add_argument("--weights", required=True, metavar="WEIGHTS", help=WEIGHTS_HELP)
    add_weight_options(p)
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
    """Runs the command with `arguments`.

    The exit code is 1 if some pictures cannot be read, and 2 if none can.
    """
    given = parser().parse_args(arguments)
    files = [file for named in given.pictures for file in files_of(named)]
    trained = trained_of(given)
    batch_size = given.batch_size or trained.options["batch_size"]
    names = trained.class_names
    width = name_width(files, names)
    failed = 0
    # On a terminal the answers themselves show the progress.
    hidden = True if sys.stdout.isatty() else None
    with tqdm(total=len(files), unit=" images", leave=False, disable=hidden) as bar:
        for file, probabilities, problem in predictions(trained, files, batch_size):
            if problem:
                tqdm.write(f"error: {problem}", file=sys.stderr)
                failed += 1
            elif given.json:
                print(json_answers(str(file), probabilities, names, given.top), flush=True)
            else:
                print(answers(str(file), probabilities, names, given.top, width), flush=True)
            bar.update()
    return 2 if failed == len(files) else min(failed, 1)


def name_width(files: Sequence, class_names: Sequence[str]) -> int:
    """The width of the column of file names: the longest that fits 80 columns with the answers."""
    room = 80 - len("  100.00%  ") - max(len(visible(name)) for name in class_names)
    lengths = (len(visible(str(file))) for file in files)
    return max((length for length in lengths if length <= room), default=0)


def answers(
    name: str, probabilities: numpy.ndarray, class_names: Sequence[str], top: int, width: int
) -> str:
    """The `top` most probable classes, a line each, beside the picture's name.

    width: of the column of names. A name that is wider stands above the lines.
    """
    name = visible(name)
    lines = [
        f"{'':{width}}  {probabilities[i]:7.2%}  {visible(class_names[i])}"
        for i in top_k(probabilities, top)
    ]
    if len(name) > width:
        return "\n".join([name, *lines])
    return "\n".join([name.ljust(width) + lines[0][width:], *lines[1:]])


def json_answers(
    name: str, probabilities: numpy.ndarray, class_names: Sequence[str], top: int
) -> str:
    """The `top` most probable classes, the best first, as a line of JSON.

    {"picture": name, "predictions": [{"class": …, "probability": …}, …]}
    """
    found = [
        {"class": class_names[i], "probability": float(probabilities[i])}
        for i in top_k(probabilities, top)
    ]
    return json.dumps({"picture": name, "predictions": found}, allow_nan=False)


if __name__ == "__main__":
    run(main)
