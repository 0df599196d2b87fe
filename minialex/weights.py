"""python -m minialex.weights export: trained weights for other programs."""

from collections.abc import Sequence
from pathlib import Path

from minialex.command import Parser, run
from minialex.io.export import export
from minialex.weight_options import WEIGHTS_HELP, add_weight_options, own_layers

EXAMPLES = """\
  python -m minialex.weights export runs/long long.safetensors
      for torch: torchvision's names and layout
  python -m minialex.weights export runs/long long.onnx
      for ONNX Runtime and the like (python -m pip install -e '.[onnx]')
  python -m minialex.weights export runs/long long.onnx --uint8
      the same, for pixels from 0 to 255 as pictures have them
  python -m minialex.weights export runs/long long
      a folder for Hugging Face: weights, classes, a model card
  python -m minialex.weights export torchvision alexnet.onnx
"""


def parser() -> Parser:
    """The command's options."""
    about = "Writes trained weights to a file for other programs. minialex itself can use the\n"
    about += "file, too, like the run that it came from."
    p = Parser("weights", about, EXAMPLES, usage="export WEIGHTS OUT [options]")
    p.add_argument("action", choices=["export"], help="the one thing that this command does")
    p.add_argument("weights", metavar="WEIGHTS", help=WEIGHTS_HELP)
    out = "the new file, which ends in .safetensors or .onnx, or folder"
    p.add_argument("out", type=Path, metavar="OUT", help=out)
    uint8 = "an .onnx file takes uint8 pictures (N, H, W, C) and standardises them itself"
    p.add_argument("--uint8", action="store_true", help=uint8)
    add_weight_options(p)
    return p


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`."""
    given = parser().parse_args(arguments)
    own = own_layers(given.own_layers)
    print(export(given.weights, given.out, given.model, own, given.uint8))


if __name__ == "__main__":
    run(main)
