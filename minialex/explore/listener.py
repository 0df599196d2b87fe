"""Listens for connections on this machine, and bounds what each of them can hold up.

waitress reads requests and hands those that are complete to the application. Here a request is
bounded in time and in bytes, and a body that the application would refuse is not read at all. Who
connects and is silent, or sends or takes a byte now and then, is sent away, and at once where room
is needed for others.
"""

import contextlib
import logging
import select
import socket
import time
from dataclasses import dataclass
from itertools import islice
from typing import Any

from flask import Flask
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented
from waitress.server import TcpWSGIServer

from minialex.explore.access import Access

#: The longest headers, in bytes, and the most digits of the length of a body.
MOST_HEADERS, MOST_DIGITS = 65_536, 15

#: How many requests are answered at the same time.
THREADS = 8

#: Up to how many bytes of a request or an answer are kept in memory, not in a file: all.
IN_MEMORY = 2**40


@dataclass(frozen=True)
class Limits:
    """What a connection may take.

    silence       for how many seconds it may send, or take, nothing
    whole         within how many seconds a request has come, or an answer been taken
    connections   how many may be silent at once: those that are silent longest are closed
    """

    silence: float = 10.0
    whole: float = 60.0
    connections: int = 50


class Request(HTTPRequestParser):
    """A request, as far as it has come.

    Where its body is longer than `access` allows, the application gets it without, to refuse it,
    and the connection is closed.
    """

    completed: bool

    def __init__(self, settings: Any, access: Access):
        super().__init__(settings)
        self.access = access

    def parse_header(self, header: bytes) -> None:
        """Reads the first line and the headers. A body must say how long it is."""
        try:
            super().parse_header(header)
        except ValueError as error:  # of a URL, or a length of thousands of digits
            raise ParsingError("Start line or Content-Length is invalid") from error
        if self.chunked or "TRANSFER_ENCODING" in self.headers:
            raise TransferEncodingNotImplemented("expected a body with a Content-Length")
        if self.content_length >= 10**MOST_DIGITS:
            raise ParsingError("Content-Length is invalid")

    def received(self, data: bytes) -> int:
        """Takes what has come; returns how many bytes of it belong to this request."""
        consumed = super().received(data)
        if self.headers_finished and not self.completed and self.body_bytes_received == 0:
            authorization = self.headers.get("AUTHORIZATION", "")
            if self.content_length > self.access.longest_body(self.path, authorization):
                self.headers["CONNECTION"] = "close"
                self.completed = True
        if self.completed:
            self.expect_continue = False  # else waitress would ask for the body
        return consumed


class Connection(HTTPChannel):
    """A connection, which ends when it takes too long."""

    def __init__(self, server: "Listener", *arguments: Any, **options: Any):
        super().__init__(server, *arguments, **options)
        self.since = self.last_activity  #: when the request or the answer under way began

    def parser_class(self, settings: Any) -> Request:
        """A new request."""
        return Request(settings, self.server.access)

    def received(self, data: bytes) -> bool:
        """Takes what has come."""
        if self.request is None:
            self.since = self.last_activity
        return super().received(data)

    def write_soon(self, data: bytes) -> int:
        """Takes a part of the answer, to be sent."""
        if not self.total_outbufs_len:
            self.since = self.last_activity = time.time()
        return super().write_soon(data)

    def is_late(self, now: float, limits: Limits) -> bool:
        """Whether the other side takes too long; what is being computed takes as long as it
        takes."""
        if self.requests and not self.total_outbufs_len:
            return False
        return now - self.last_activity > limits.silence or now - self.since > limits.whole

    def is_silent(self) -> bool:
        """Whether nothing has come that is not answered, but perhaps the start of a request."""
        if self.requests or self.total_outbufs_len:
            return False
        return not select.select([self.socket], [], [], 0)[0]

    def end(self) -> None:
        """Closes it, soon. The loop closes what can be written to, and a socket that is shut can,
        even if the other side takes nothing."""
        self.will_close = True
        with contextlib.suppress(OSError):  # the other side has ended it
            self.socket.shutdown(socket.SHUT_RDWR)


class Listener(TcpWSGIServer):
    """Serves an application on 127.0.0.1, to those who have access. OSError if the port is taken.

    run() serves until Ctrl-C.
    """

    channel_class = Connection

    def __init__(self, app: Flask, access: Access, limits: Limits = Limits()):
        # waitress tells of each short wait, and of each connection that ends early
        logging.getLogger("waitress").setLevel(logging.CRITICAL)
        self.access, self.limits = access, limits
        super().__init__(
            app,
            host="127.0.0.1",
            port=access.port,
            threads=THREADS,
            connection_limit=2 * limits.connections,  # if none of them can be closed
            cleanup_interval=1,
            max_request_header_size=MOST_HEADERS,
            max_request_body_size=10**MOST_DIGITS,
            inbuf_overflow=IN_MEMORY,
            outbuf_overflow=IN_MEMORY,
            log_socket_errors=False,
            ident=None,
        )

    def maintenance(self, now: float) -> None:
        """Closes the connections that take too long; called each second."""
        for connection in list(self.active_channels.values()):
            if connection.is_late(now, self.limits):
                connection.end()

    def readable(self) -> bool:
        """Whether new connections are taken; the loop asks in each of its turns.

        If there are too many, those are closed that have been silent longest.
        """
        connections = [one for one in list(self.active_channels.values()) if not one.will_close]
        excess = len(connections) - self.limits.connections
        if excess > 0:
            oldest_first = sorted(connections, key=lambda one: one.last_activity)
            for silent in islice(filter(Connection.is_silent, oldest_first), excess):
                silent.end()
        return super().readable()
