"""The explorer's listener, whose clock a test turns and whose loop it runs; and its clients."""

import contextlib
import socket
import time
import types

import waitress.channel
import waitress.server
from explore_client import TOKEN

from minialex.explore import listener
from minialex.explore.access import Access

#: Seconds after which a test that waits has failed.
LONG = 60


class Peer:
    """A program that has connected. `taken` is what it has been sent so far, until it `ended`."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.taken, self.ended = b"", False

    def send(self, content):
        """Sends bytes, as many as there is room for; returns how many."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            return self.socket.send(content)
        return 0

    def take(self, most=1_000_000):
        """Takes what has come."""
        try:
            part = self.socket.recv(most)
        except BlockingIOError:
            return
        except ConnectionError:
            part = b""
        self.taken += part
        self.ended = not part

    def answer(self):
        """The status, the headers and the body that have come; None if they are not whole."""
        head, end, body = self.taken.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        if not end or len(body) < int(headers["Content-Length"]):
            return None
        return int(first.split()[1]), headers, body


class Listening:
    """A listener on a free port, with the application make_app(port) and the given limits."""

    def __init__(self, make_app, monkeypatch, **limits):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.now = 1e9
        clock = types.SimpleNamespace(time=lambda: self.now)
        for module in (waitress.channel, waitress.server, listener):
            monkeypatch.setattr(module, "time", clock)
        access, limits = Access(TOKEN, self.port), listener.Limits(**limits)
        self.server = listener.Listener(make_app(self.port), access, limits)
        self.peers = []

    def close(self):
        """Ends all connections."""
        self.server.task_dispatcher.shutdown()
        waitress.server.wasyncore.close_all(self.server._map)
        for peer in self.peers:
            peer.socket.close()

    def connect(self, content=b""):
        """A peer that has connected and sent something."""
        self.peers.append(Peer(self.port))
        self.peers[-1].send(content)
        return self.peers[-1]

    @property
    def connections(self):
        """The server's ends of the connections, oldest first."""
        return list(self.server.active_channels.values())

    def turn(self, seconds=0.01):
        """Lets the server do what there is to do, and waits a moment for something."""
        waitress.server.wasyncore.loop(seconds, map=self.server._map, count=1)

    def until(self, condition):
        """Turns until condition() is true, and returns it."""
        end = time.monotonic() + LONG
        while not (met := condition()):
            assert time.monotonic() < end
            self.turn()
        return met

    def answer(self, peer):
        """The answer to what the peer has sent."""

        def whole():
            peer.take()
            return peer.answer()

        return self.until(whole)

    def ends(self, peer):
        """Waits until the peer's connection is closed."""

        def ended():
            peer.take()
            return peer.ended

        self.until(ended)

    def later(self, seconds):
        """Some time passes, and the server notices."""
        self.now += seconds
        self.turn()
        self.turn()
