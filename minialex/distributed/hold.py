"""Time to save for ranks whose mpirun has been told to stop."""

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from minialex.distributed.group import Group

#: What Open MPI calls the processes that start ranks: mpirun itself, and its helper elsewhere.
LAUNCHERS = ("mpirun", "prterun", "prted")

#: Seconds to finish a step and to save, if all ranks are on one machine; and if they are not, where
#: nobody sees whether another rank has died.
PATIENCE, PATIENCE_FAR = 120.0, 8.0


class Hold:
    """Within it, a SIGTERM that this process gets from mpirun stops mpirun itself for a while.

    Ctrl-C, SIGTERM and SIGHUP make Open MPI's mpirun send SIGTERM to its ranks and, whatever its
    settings, SIGKILL a quarter of a second later: less than a large net's step takes. A process
    that is stopped (SIGSTOP) cannot kill. `end` lets it continue, when all is saved. It continues
    earlier if a rank on this machine is dead, because then the SIGTERM means something else.

    A thread does that, as Python's own handlers wait for the end of a product of matrices.

    host: the ranks on this machine; far: whether there are others.
    """

    def __init__(self, host: Group, far: bool):
        self.parent, self.far = os.getppid(), far
        self.siblings = [int(pid) for pid in host.numbers(os.getpid())[:, 0]]
        self.held = False
        self.ended = threading.Event()

    def __enter__(self) -> "Hold":
        name = Path(f"/proc/{self.parent}/comm")
        if name.exists() and name.read_text().strip() in LAUNCHERS:
            self.signals, told = os.pipe()
            os.set_blocking(told, False)
            self.before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
            threading.Thread(target=self.watch, name="hold", daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.ended.set()
        if hasattr(self, "before"):
            signal.set_wakeup_fd(self.before)

    def watch(self) -> None:
        """Waits for the signal; then holds mpirun until `end`, or until it must not any longer."""
        while os.read(self.signals, 1)[0] != signal.SIGTERM:
            pass
        if self.ended.is_set() or self.bereaved():
            return
        os.kill(self.parent, signal.SIGSTOP)
        self.held = True
        self.speak_for_itself()
        latest = time.monotonic() + (PATIENCE_FAR if self.far else PATIENCE)
        while not self.ended.wait(0.1):
            if self.bereaved() or time.monotonic() > latest:
                os.kill(self.parent, signal.SIGCONT)
                return

    def bereaved(self) -> bool:
        """Whether a rank on this machine is dead."""
        return not all(map(is_alive, self.siblings))

    def speak_for_itself(self) -> None:
        """Makes this process print to where mpirun prints, which passes nothing on from now."""
        if sys.stdout is sys.__stdout__:
            with contextlib.suppress(OSError):  # a socket cannot be opened again
                place = f"/proc/{self.parent}/fd/1"
                sys.stdout = open(place, "a", encoding="utf-8")  # noqa: SIM115

    def end(self, ranks: Group, code: int) -> None:
        """Ends this process, once all ranks are here, if mpirun is held anywhere. MPI's own end
        would wait for mpirun."""
        if not ranks.any(self.held):
            return
        sys.stdout.flush()
        os.kill(self.parent, signal.SIGCONT)
        os._exit(code)


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it is not one that only waits to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
