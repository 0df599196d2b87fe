"""What the device was asked to do, counted."""

import collections
import dataclasses
from typing import NamedTuple


class Launch(NamedTuple):
    """One kernel: the bytes that it reads and writes, each operand once, and a product's FLOPs."""

    name: str
    read: int
    written: int
    flops: int


@dataclasses.dataclass
class Account:
    """What the device was asked to do.

    log: the kernels; starts: how often the host started something, a kernel or a recorded graph of
    many; waits: how often the host had to wait for the device; uploaded, downloaded: bytes copied
    between host and device.
    """

    log: list[Launch] = dataclasses.field(default_factory=list)
    starts: int = 0
    waits: int = 0
    uploaded: int = 0
    downloaded: int = 0

    @property
    def kernels(self) -> "collections.Counter[str]":
        """How often each kernel was launched."""
        return collections.Counter(launch.name for launch in self.log)
