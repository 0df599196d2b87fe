"""Pictures that update in place where training runs in a notebook."""

from minialex import charts


class LiveCurves:
    """Training curves below the cell; outside of a notebook it shows nothing."""

    def __init__(self):
        self.handle = None

    def show(self, history: list[dict]) -> None:
        """Shows the curves of `history`, in the place of those shown before."""
        if not in_notebook():
            return
        from IPython.display import Image, display

        picture = Image(charts.curves({"training": history}))
        if self.handle is None:
            self.handle = display(picture, display_id=True)
        else:
            self.handle.update(picture)


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this code."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return type(get_ipython()).__name__ == "ZMQInteractiveShell"
