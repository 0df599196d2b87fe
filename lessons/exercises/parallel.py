"""Exercise: what many ranks add up, and the ring, after lesson 16. About half an hour.

Fill the gaps from top to bottom, and after each one run

    python -m minialex.gradcheck lessons/exercises/parallel.py
"""

import numpy


class DataParallel:
    """Each of K ranks has the whole net and a share of the batch: how they become one again.

    For example, two ranks, with three pictures and one:

    >>> ranks = DataParallel()
    >>> gradients = [numpy.array([2.0, 0.0]), numpy.array([6.0, 4.0])]
    >>> ranks.mean(gradients, [3, 1]).tolist()
    [3.0, 1.0]
    >>> [ranks.part(rank=1, turn=turn, ranks=3) for turn in range(4)]
    [1, 0, 2, 1]
    """

    def mean(self, gradients: list[numpy.ndarray], counts: list[int]) -> numpy.ndarray:
        """The gradient of the mean loss over the pictures of all ranks.

        gradients: for each rank that of the mean loss over its own pictures, all of one shape;
        counts: how many pictures each rank has. A rank may have none: then its gradient is NaN.
        """
        # Your code here.
        raise NotImplementedError("mean")

    def part(self, rank: int, turn: int, ranks: int) -> int:
        """Which part of its array a rank sends in a round of the ring.

        All arrays are cut into as many parts as there are ranks, numbered from 0 like these. In
        each of 2 · (ranks − 1) rounds, turn = 0, 1, 2, …, every rank sends a part to the rank after
        it, and receives one from the rank before it. In round 0 it sends the part of its own
        number; in each later round the part that it received in the round before.
        """
        # Your code here.
        raise NotImplementedError("part")
