"""python -m minialex.explore: opens a page that shows a trained network from the inside."""

import os
import secrets
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from minialex.command import Parser, number, run
from minialex.data.dataset import Dataset
from minialex.errors import InputError
from minialex.explore.access import Access
from minialex.explore.explorer import Explorer
from minialex.explore.moments import LATEST, Moments
from minialex.inference import TrainedNetwork
from minialex.trained_dataset import dataset_of
from minialex.weight_options import WEIGHTS_HELP, add_weight_options, own_layers

EXAMPLES = """\
  python -m minialex.explore runs/shapes-alexnet-cifar
  python -m minialex.explore runs/long --no-browser --port 8000
      prints the address, to be opened by hand
  python -m minialex.explore torchvision --data-dir PICTURES
      with torchvision's weights, and the labelled pictures in a folder
"""

#: The port that is tried first, and how many after it.
PORT, TRIES = 2012, 50


def parser() -> Parser:
    """The command's options."""
    about = "Opens a page on which you can point at any unit of a trained network and see\n"
    about += "where its number comes from, follow gradients back, and change the network.\n"
    about += "Only this machine can connect."
    p = Parser("explore", about, EXAMPLES, usage="WEIGHTS [options]")
    p.add_argument("weights", metavar="WEIGHTS", help=WEIGHTS_HELP)
    add_weight_options(p)
    p.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="where its test pictures are (default: as in training)",
    )
    ports = f"default: {PORT}, or the next that is free"
    p.add_argument("--port", type=number(int, 1, below=65536), metavar="N", help=ports)
    p.add_argument("--no-browser", action="store_true", help="opens no browser")
    return p


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`, until Ctrl-C."""
    given = parser().parse_args(arguments)
    try:
        import flask  # noqa: F401
        import waitress.server  # noqa: F401
    except ImportError as error:
        install = "python -m pip install -e '.[explore]'"
        raise InputError(f"the page needs Flask and waitress: {install}") from error
    from minialex.explore.listener import Listener
    from minialex.explore.server import create_app

    moments = Moments(given.weights, given.model, own_layers(given.own_layers))
    explorer = Explorer(moments, *pictures_of(moments.network(LATEST), given.data_dir))
    token = secrets.token_urlsafe(24)
    port = given.port or PORT
    while True:
        try:
            server = Listener(create_app(explorer, token, port), Access(token, port))
            break
        except OSError as error:
            if given.port or port >= PORT + TRIES:
                raise InputError(f"port {port} cannot be used: {error.strerror}") from None
            port += 1
    address = f"http://127.0.0.1:{port}/?token={token}"
    print(f"{moments.network(LATEST).model} from {given.weights} is at\n\n    {address}\n")
    print("Ctrl-C ends this.", flush=True)
    if not given.no_browser and has_browser():
        webbrowser.open(address)
    try:
        server.run()
    finally:
        server.close()


def pictures_of(
    trained: TrainedNetwork, data_dir: Path | None
) -> tuple[Dataset | None, str | None]:
    """The data set whose test pictures are shown; or None, and why there is none. What --data-dir
    names must be there: else InputError."""
    try:
        return dataset_of(trained, data_dir), None
    except InputError as error:
        if data_dir:
            raise
        print(f"note: {error}", file=sys.stderr)
        return None, str(error)


def has_browser() -> bool:
    """Whether a browser can show a page here: one in a terminal cannot."""
    return sys.platform != "linux" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )


if __name__ == "__main__":
    run(main)
