"""Devices, and their memory as CuPy manages it."""

import threading

from minialex.standin import machine

chosen = threading.local()  # the current device of each thread, by its number


class Device:
    """A device: the current one of this thread, or that of the number."""

    def __init__(self, number: int | None = None):
        self.id = getattr(chosen, "number", 0) if number is None else number
        if not 0 <= self.id < machine.device_count:
            raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    def __enter__(self) -> "Device":
        self.outer = Device()
        self.use()
        return self

    def __exit__(self, *error: object) -> None:
        self.outer.use()

    def use(self) -> None:
        """Makes it the current one of this thread."""
        chosen.number = self.id

    @property
    def pci_bus_id(self) -> str:
        return f"0000:{self.id:02x}:00.0"

    @property
    def mem_info(self) -> tuple[int, int]:
        """Bytes that are free, and all."""
        return machine.free_memory, 80_000_000_000


class OutOfMemoryError(MemoryError):
    """CuPy's exception of this name."""


class MemoryPool:
    """The memory that CuPy keeps for reuse: none here."""

    def malloc(self, size: int) -> None:
        raise NotImplementedError

    def total_bytes(self) -> int:
        return 0

    def free_all_blocks(self) -> None:
        pass
