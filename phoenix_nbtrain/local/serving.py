"""The local Phoenix on a port of this computer: what is settled before the application is asked."""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import create_server
from waitress.utilities import Error

from phoenix_nbtrain.local.app import is_this_computer
from phoenix_nbtrain.local.request_input import BODY_BYTES_MAX

CONNECTIONS = 1000
"""At a time; when there are as many, nobody else is answered until some are given up."""
IDLE_SECONDS = 30
"""After which a connection that neither sends nor takes anything is given up."""
THREADS = 8


class _MisdirectedError(Error):  # type: ignore[misc]  # waitress has no types
    code = 421
    reason = "Misdirected Request"


class _Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Refuses what two servers in a row may understand in two ways, and requests for others."""

    def parse_header(self, header_plus: bytes) -> None:
        lines = header_plus.split(b"\r\n")[1:]
        names = {line.partition(b":")[0].strip().lower() for line in lines}
        if {b"transfer-encoding", b"content-length"} <= names:
            raise ParsingError("The length of the body is stated in two ways")
        super().parse_header(header_plus)
        if "TRANSFER_ENCODING" in self.headers:  # waitress goes by it from HTTP/1.1 on only
            raise ParsingError("The body is sent in a way that its protocol version does not have")
        if self.proxy_netloc and not is_this_computer(self.proxy_netloc):
            self.error = _MisdirectedError("This Phoenix answers on this computer only")
            self.completed = True


class _Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    parser_class = _Parser


def server_on(listening: socket.socket, app: Callable[..., Any]) -> Any:
    """Return waitress's server of an application, on a socket that listens already.

    Connections that were opened and left do not keep others out: they are given up, and there is
    room for more of them than a client has by mistake.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = CONNECTIONS if files == resource.RLIM_INFINITY else min(CONNECTIONS, files // 2)
    server = create_server(
        app,
        sockets=[listening],
        threads=THREADS,
        # The application's own limit comes after waitress has put the body on the disk.
        max_request_body_size=BODY_BYTES_MAX,
        connection_limit=room,
        channel_timeout=IDLE_SECONDS,
        cleanup_interval=5,
        asyncore_use_poll=True,  # else it ends where there are more than 1,024 open files
    )
    server.channel_class = _Channel
    return server
