"""minialex, or python -m minialex: runs a command, or lists them all."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from minialex import __version__
from minialex.command import Parser, did_you_mean, program, run
from minialex.terminal import styled

#: What each command does, in the order in which a new user needs them.
COMMANDS = {
    "train": "trains a network on a data set, on the CPU or a GPU",
    "evaluate": "measures a trained network's accuracy and shows its mistakes",
    "predict": "classifies pictures with a trained network",
    "visualize": "draws filters, feature maps, saliency maps, …",
    "explore": "shows any unit of a trained network on a page, with its numbers",
    "report": "puts a training run on one HTML page",
    "weights": "exports trained weights for torch (.safetensors) and others (.onnx)",
    "summary": "lists a model's layers: shapes, parameters, multiply-adds, memory",
    "lessons": "lists the lessons, or steps through one",
    "gradcheck": "checks every layer's backward pass by finite differences",
    "doctor": "says what works on this machine, and what to install",
}


def parser() -> Parser:
    """The options of `minialex` itself."""
    example = f"{program()}train"
    examples = f"""\
  {example:<32}  trains on drawn shapes for about a minute
  {example + " --help":<32}  every command has examples in its help
"""
    p = Parser("", f"Runs a command:\n\n{listing()}", examples, "COMMAND [options]")
    p.prog = program().rstrip(" .")
    p.add_argument(
        "--version",
        action="version",
        version=f"minialex {__version__}",
        help="show the version and exit",
    )
    return p


def listing() -> str:
    """A line for each command."""
    width = max(map(len, COMMANDS))
    return "\n".join(
        f"  {styled(name.ljust(width), 'bold')}  {line}" for name, line in COMMANDS.items()
    )


def main(arguments: Sequence[str]) -> int | None:
    """Runs the command that arguments[0] names with the rest; without arguments, lists them all."""
    if arguments and not arguments[0].startswith("-"):
        name, *rest = arguments
        if name not in COMMANDS:
            parser().error(f"there is no command {name!r}{did_you_mean(name, COMMANDS)}")
        return module_of(name).main(rest)
    parser().parse_args(arguments)
    print(f"minialex {__version__}: AlexNet and everything it is trained with, by hand on NumPy\n")
    print(f"usage: {program()}COMMAND [options]\n")
    print(listing())
    print(f"\n{program()}COMMAND --help shows a command's options, with examples.")
    return None


def module_of(command: str) -> ModuleType:
    """The module with the command's main(): minialex.COMMAND, or in a package its __main__."""
    is_package = Path(__file__).with_name(command).joinpath("__main__.py").exists()
    return importlib.import_module(f"minialex.{command}{'.__main__' if is_package else ''}")


def entry() -> None:
    """The console script `minialex`."""
    run(main)


if __name__ == "__main__":
    run(main)
