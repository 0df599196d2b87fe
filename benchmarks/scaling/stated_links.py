"""The links of the clusters that the model looks at: stated here, not measured.

Latencies are assumed, of the size that such hardware usually has from program to program. Bandwidth
is the line's rate in one direction, times the share of it that long messages usually reach.
"""

from dataclasses import dataclass

from benchmarks.scaling.model import Link
from minialex.distributed.sums import PAUSE


@dataclass(frozen=True)
class Wire:
    """microseconds: of latency; gigabits: a second, in each direction; reached: the share of that
    which remains; most: how many ranks it can connect."""

    microseconds: float
    gigabits: float
    reached: float
    most: int = 1024

    def link(self, **ranks: float) -> Link:
        """With what the ranks themselves take: see Link."""
        return Link(self.microseconds / 1e6, 8e-9 / (self.gigabits * self.reached), **ranks)


#: Between hosts with a CPU each.
ETHERNET = {
    "1 Gbit/s": Wire(50, 1, 0.94),
    "10 Gbit/s": Wire(25, 10, 0.94),
    "100 Gbit/s": Wire(10, 100, 0.94),
}

#: Between GPUs: PCIe 4.0 ×16 and NVLink 4 within a host, InfiniBand with an adapter for each GPU.
GPU_LINKS = {
    "PCIe 4.0": Wire(10, 256, 0.80, most=8),
    "NVLink 4": Wire(5, 3600, 0.80, most=8),
    "InfiniBand 100": Wire(5, 100, 0.94),
    "InfiniBand 400": Wire(5, 400, 0.94),
}

#: Seconds in which a GPU adds a byte to another: it reads two and writes one, at 3 TB/s.
GPU_ADDITION = 3 / 3e12


def ethernet(measured: Link) -> dict[str, Link]:
    """Between ranks like those of the link that was measured, with a thread that looks at the sums
    every PAUSE seconds."""
    own = dict(addition=measured.addition, own=measured.own, part=measured.part, pause=PAUSE / 2)
    return {name: wire.link(**own) for name, wire in ETHERNET.items()}


def gpu_links() -> dict[str, Link]:
    """GPUs add up gradients beside their other work, and nothing takes any time of Python's."""
    return {name: wire.link(addition=GPU_ADDITION) for name, wire in GPU_LINKS.items()}
