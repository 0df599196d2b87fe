"""A batch of pictures as bytes, which are standardised where they are needed."""

import numpy

from minialex.data.augment import Standardize, Views, apply_cutout


class PictureBatch:
    """Pictures, uint8 (n, H, W, C), and what makes the network's input of them: a quarter of its
    memory.

    The fast engine takes it as it takes an array, and standardises a few pictures at a time.

    pictures      as Images.read returns them
    standardize   what their pixels go through
    views         what is left to do of each one's view: colour changes and cutout
    """

    def __init__(self, pictures: numpy.ndarray, standardize: Standardize, views: Views):
        self.pictures, self.standardize, self.views = pictures, standardize, views

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, part: slice) -> "PictureBatch":
        return PictureBatch(self.pictures[part], self.standardize, self.views[part])

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, H, W, C)."""
        return self.pictures.shape

    def standardized(self, out: numpy.ndarray | None = None) -> numpy.ndarray:
        """The input, float32 (n, H, W, C), in `out` if that is given."""
        x = self.standardize(self.pictures, self.views, out)
        apply_cutout(x, self.views)
        return x
