"""python -m minialex.visualize: what a trained network has learnt and looks at, as pictures."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from minialex.command import Parser, program, run
from minialex.files import check_named, check_replaceable, write_output
from minialex.terminal import visible
from minialex.visualize import curves
from minialex.visualize.kinds import KINDS, Kind
from minialex.weight_options import default_out

EXAMPLES = """\
  python -m minialex.visualize filters --weights runs/shapes-alexnet-cifar
  python -m minialex.visualize saliency cat.jpg dog.jpg --weights runs/long
  python -m minialex.visualize occlusion --help
"""


def parser() -> Parser:
    """The command's options: those of each kind of picture."""
    about = "Draws what a trained network has learnt and what it looks at, as a PNG."
    about += "\n\nKIND is one of these; each has a --help of its own:\n"
    about += "\n".join(f"  {name:<10} {kind.line}" for name, kind in KINDS.items())
    p = Parser("visualize", about, EXAMPLES, usage="KIND [options]")
    settings = dict(metavar="KIND", dest="kind", required=True, help=argparse.SUPPRESS)
    kinds = p.add_subparsers(**settings, prog=p.prog, parser_class=KindParser)
    for name, kind in KINDS.items():
        of_kind = kinds.add_parser(name, kind=kind)
        kind.add_options(of_kind)
        of_kind.add_argument(
            "--out",
            type=Path,
            metavar="FILE",
            help=f"the PNG (default: {name}.png in the run's folder, else {name}-WEIGHTS.png here)",
        )
    return p


class KindParser(Parser):
    """The parser of one kind."""

    def __init__(self, prog: str, kind: Kind):
        super().__init__(prog.removeprefix(program()), kind.about, kind.examples, kind.usage)


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`."""
    given = parser().parse_args(arguments)
    kind = KINDS[given.kind]
    out = given.out or out_of(given)
    check_named(out, ".png")
    check_replaceable(out)  # before the work, not after
    write_output(out, kind.draw(given))
    print(visible(str(out)))


def out_of(given: argparse.Namespace) -> Path:
    """Where the PNG goes without --out."""
    if given.kind == "curves":
        return curves.default_out(given.runs)
    return default_out(given.weights, given.kind, ".png")


if __name__ == "__main__":
    run(main)
