"""The web service as a process."""

from __future__ import annotations

import socket

import uvicorn

from api.home import Home
from api.web.app import create_app
from features.errors import RebondError


class PortTaken(RebondError):
    """The service cannot listen where it was asked to."""


def listen(host: str, port: int) -> socket.socket:
    """Take the address before any work is done for it.

    Raises
    ------
    PortTaken
        Something else listens there, or the address is not this machine's.
    """
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise PortTaken(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another --port."
        ) from error


def serve_home(home: Home, listening: socket.socket) -> None:
    """Serve one home until stopped; no access log, for it would hold ids of situations."""
    config = uvicorn.Config(
        create_app(home), access_log=False, log_level="warning", server_header=False
    )
    uvicorn.Server(config).run(sockets=[listening])
