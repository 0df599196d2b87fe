"""python -m minialex: the commands, a line each."""

from collections.abc import Sequence

from minialex import __version__
from minialex.command import Parser, run, styled

#: What each command does, in the order in which one meets them.
COMMANDS = {
    "train": "trains a network on a data set, on the CPU or on a GPU",
    "evaluate": "how good a trained network is, and where it is wrong",
    "predict": "what a trained network takes pictures for",
    "visualize": "what it has learnt and looks at: filters, feature maps, saliency, …",
    "report": "a run on one HTML page",
    "weights": "exports trained weights for torch (.safetensors) and others (.onnx)",
    "summary": "a model layer by layer: shapes, parameters, multiply-adds, memory",
    "gradcheck": "proves every layer's backward pass by finite differences",
}

EXAMPLES = """\
  python -m minialex.train            trains on drawn figures, about a minute
  python -m minialex.train --help     every command has examples in its help
"""


def parser() -> Parser:
    """The command's options."""
    p = Parser("", "Lists the commands.", EXAMPLES)
    p.prog = "python -m minialex"
    p.add_argument(
        "--version",
        action="version",
        version=f"minialex {__version__}",
        help="shows the version and ends",
    )
    return p


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`."""
    p = parser()
    _, unknown = p.parse_known_args(arguments)
    if unknown and unknown[0] in COMMANDS:
        p.error(f"the command is python -m minialex.{unknown[0]}, with a dot")
    if unknown:
        p.error(f"unrecognized arguments: {' '.join(unknown)}")
    print(f"minialex {__version__}: AlexNet and everything it is trained with, by hand on NumPy\n")
    print("usage: python -m minialex.COMMAND [options]\n")
    width = max(map(len, COMMANDS))
    for name, line in COMMANDS.items():
        print(f"  {styled(name.ljust(width), 'bold')}  {line}")
    print("\npython -m minialex.COMMAND --help shows a command's options, with examples.")


if __name__ == "__main__":
    run(main)
