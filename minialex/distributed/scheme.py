"""Who does what: the three ways to spread AlexNet over ranks.

data              each rank has the whole net and a share of every batch
towers            ranks are paired; each of a pair has half of every layer, as the paper's two GPUs
one-weird-trick   convolutions as in `data`; of the linear layers each rank has a share of the
                  units, for all pictures of the batch (Krizhevsky 2014)
"""

from dataclasses import dataclass

from minialex.distributed.group import ALONE, Group
from minialex.errors import InputError
from minialex.layers import Layer, Linear

SCHEMES = ("data", "towers", "one-weird-trick")


@dataclass(frozen=True)
class Scheme:
    """The groups of ranks in which this one works.

    name         one of SCHEMES
    ranks        all of them
    pictures     among which each batch is dealt
    conv, linear among which the filters or units of such a layer are dealt: alone, this rank has
                 all of them
    """

    name: str = "data"
    ranks: Group = ALONE
    pictures: Group = ALONE
    conv: Group = ALONE
    linear: Group = ALONE

    @classmethod
    def of(cls, name: str, ranks: Group) -> "Scheme":
        """The scheme of that name; a single rank does everything in any of them."""
        if ranks.size == 1:
            return cls(name)
        if name == "towers":
            if ranks.size % 2:
                wanted = "an even number of processes, two towers for each share of the pictures"
                raise InputError(f"--parallel towers needs {wanted}, got {ranks.size}")
            pair, same_tower = ranks.split(ranks.rank // 2), ranks.split(ranks.rank % 2)
            return cls(name, ranks, same_tower, conv=pair, linear=pair)
        return cls(name, ranks, ranks, linear=ranks if name == "one-weird-trick" else ALONE)

    @property
    def joins(self) -> bool:
        """Whether linear layers see the pictures of all ranks."""
        return self.linear.size > 1 and self.conv.size == 1

    def parts(self, layer: Layer) -> Group:
        """Among which ranks the filters or units of a layer are dealt."""
        return self.linear if isinstance(layer, Linear) else self.conv


ONE_PROCESS = Scheme()
