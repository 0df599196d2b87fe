"""Streams whose work can be recorded, and the CUDA graphs that come of it."""

from minialex.standin import machine
from minialex.standin.cuda import streams
from minialex.standin.recording import Recording


class Graph:
    """Recorded work."""

    def __init__(self, recorded: Recording):
        self.recorded = recorded

    def launch(self, stream: streams.Stream | None = None) -> None:
        """Does it again."""
        for kernel in self.recorded.kernels:
            kernel()
        machine.account.starts += 1
        machine.account.log += self.recorded.account.log


class Stream(streams.Stream):
    """A stream, whose work can be recorded."""

    def begin_capture(self) -> None:
        """What this thread asks for from now on is recorded."""
        if self.is_default:
            raise RuntimeError("cudaErrorStreamCaptureUnsupported: the default stream")
        machine.recording = Recording()
        self.outer_account, machine.account = machine.account, machine.recording.account

    def end_capture(self) -> Graph:
        """Ends the recording; what it did is undone."""
        finished, machine.recording = machine.recording, None
        machine.account = self.outer_account
        finished.undo()
        return Graph(finished)
