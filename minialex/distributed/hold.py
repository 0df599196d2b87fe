"""Time to save for ranks whose mpirun has been told to stop."""

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from minialex.distributed.group import Group
from minialex.distributed.processes import is_alive

#: What Open MPI calls the processes that start ranks: mpirun itself, and its helper elsewhere.
LAUNCHERS = ("mpirun", "prterun", "prted")

#: Seconds to finish a step and to save, if all ranks are on one machine; and if they are not, where
#: nobody sees whether another rank dies in the meantime.
PATIENCE, PATIENCE_FAR = 120.0, 8.0

#: Seconds between two looks for questions from other machines, and those that answers may take:
#: mpirun kills after 0.25.
LOOK, ANSWERS = 0.03, 0.18

#: Kinds of messages.
QUESTION, ANSWER = 1, 2


class Hold:
    """Within it, a SIGTERM that this process gets from mpirun stops mpirun itself for a while.

    Ctrl-C, SIGTERM and SIGHUP make Open MPI's mpirun send SIGTERM to its ranks and, whatever its
    settings, SIGKILL a quarter of a second later: less than a large net's step takes. A process
    that is stopped (SIGSTOP) cannot kill. `end` lets it continue, when all is saved. It continues
    earlier if a rank on this machine is dead, because then the SIGTERM means something else. Ranks
    on other machines are asked, before, whether they are alive: mpirun, once it was stopped, would
    not say any more which rank is dead.

    A thread does that, as Python's own handlers wait for the end of a product of matrices.

    host: the ranks on this machine, of all `ranks`.
    """

    def __init__(self, host: Group, ranks: Group):
        self.parent, self.far, self.rank = os.getppid(), host.size < ranks.size, ranks.rank
        self.comm = ranks.comm.Dup() if self.far else None
        self.siblings = [int(pid) for pid in host.numbers(os.getpid())[:, 0]]
        self.held = False
        self.ended = threading.Event()

    def __enter__(self) -> "Hold":
        name = Path(f"/proc/{self.parent}/comm")
        if name.exists() and name.read_text().strip() in LAUNCHERS:
            self.signals, told = os.pipe()
            os.set_blocking(told, False)
            self.before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
            self.thread = threading.Thread(target=self.watch, name="hold", daemon=True)
            self.thread.start()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, *_: Any) -> None:
        self.ended.set()
        if error is not None and self.held:
            self.fail(error)
        if hasattr(self, "before"):
            signal.set_wakeup_fd(self.before)
            if self.far:  # MPI must not end while the thread uses it
                self.thread.join()

    def watch(self) -> None:
        """Waits for the signal; then holds mpirun until `end`, or until it must not any longer."""
        while not self.signalled():
            if self.ended.is_set():
                return
        if self.ended.is_set() or self.bereaved() or not self.others_answer():
            return
        os.kill(self.parent, signal.SIGSTOP)
        self.held = True
        self.speak_for_itself()
        latest = time.monotonic() + (PATIENCE_FAR if self.far else PATIENCE)
        while not self.ended.wait(LOOK):
            self.answer()
            if self.bereaved() or time.monotonic() > latest:
                os.kill(self.parent, signal.SIGCONT)
                return

    def signalled(self) -> bool:
        """Waits for a signal, for a moment if others may ask; returns whether it is SIGTERM."""
        self.answer()
        ready, _, _ = select.select([self.signals], [], [], LOOK if self.far else None)
        return bool(ready) and os.read(self.signals, 1)[0] == signal.SIGTERM

    def answer(self) -> None:
        """Tells ranks that have asked that this one is alive."""
        while self.comm and self.comm.iprobe(tag=QUESTION):
            self.comm.send(None, self.comm.recv(tag=QUESTION), ANSWER)

    def others_answer(self) -> bool:
        """Asks all ranks, if some are on other machines; returns whether they are alive."""
        if not self.comm:
            return True
        missing = self.comm.Get_size()
        for rank in range(missing):
            self.comm.send(self.comm.Get_rank(), rank, QUESTION)
        latest = time.monotonic() + ANSWERS
        while missing and time.monotonic() < latest:
            self.answer()
            while self.comm.iprobe(tag=ANSWER):
                self.comm.recv(tag=ANSWER)
                missing -= 1
            time.sleep(0.002)
        return not missing

    def bereaved(self) -> bool:
        """Whether a rank on this machine is dead."""
        return not all(map(is_alive, self.siblings))

    def speak_for_itself(self) -> None:
        """Makes this process print to where mpirun prints, which passes nothing on from now."""
        if sys.stdout is sys.__stdout__:
            with contextlib.suppress(OSError):  # a socket cannot be opened again
                place = f"/proc/{self.parent}/fd/1"
                sys.stdout = open(place, "a", encoding="utf-8", opener=at_once)  # noqa: SIM115

    def fail(self, error: BaseException) -> None:
        """Says where mpirun prints errors what went wrong, and lets mpirun end all."""
        where = ""
        if self.rank > 0:
            time.sleep(1)  # if rank 0 meets the same, it says so and ends all
            where = f"rank {self.rank} on {socket.gethostname()}: "
        line = " ".join(str(error).split()) or type(error).__name__
        place = f"/proc/{self.parent}/fd/2"
        with contextlib.suppress(OSError), open(place, "a", opener=at_once) as terminal:
            terminal.write(f"error: {where}{line}\n")
        os.kill(self.parent, signal.SIGCONT)

    def end(self, ranks: Group, code: int) -> None:
        """Ends this process, once all ranks are here, if mpirun is held anywhere. MPI's own end
        would wait for mpirun."""
        if not ranks.any(self.held):
            return
        sys.stdout.flush()
        os.kill(self.parent, signal.SIGCONT)
        os._exit(code)


def at_once(place: str, flags: int) -> int:
    """Opens a file for open(); of a pipe that nobody reads, an OSError instead of waiting."""
    found = os.open(place, flags | os.O_NONBLOCK)
    os.set_blocking(found, True)
    return found
