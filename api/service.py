"""The web service as a process."""

from __future__ import annotations

import asyncio
import gc
import socket

import uvicorn
from anyio.to_thread import current_default_thread_limiter

from api.home import Home
from api.web.app import create_app
from features.errors import RebondError

WORKERS = 2
"""Requests worked on at once: Python runs one at a time, and another while it waits for the disk.

More would take turns, so that everybody's page takes as long as the last one's.
"""


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
        listening = socket.create_server((host, port))
    except OSError as error:
        raise PortTaken(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another --port."
        ) from error
    # Connections inherit it. Else the end of each answer waits 40 ms for the client's word
    # that its beginning came: asyncio sets it only on sockets that name their protocol.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def serve_home(home: Home, listening: socket.socket) -> None:
    """Serve one home until stopped; no access log, for it would hold ids of situations."""
    config = uvicorn.Config(
        create_app(home), access_log=False, log_level="warning", server_header=False
    )
    asyncio.run(_serve(uvicorn.Server(config), listening))


async def _serve(server: uvicorn.Server, listening: socket.socket) -> None:
    current_default_thread_limiter().total_tokens = WORKERS
    # What was loaded to serve stays: the collector need not stop a page to look through it.
    gc.collect()
    gc.freeze()
    await server.serve(sockets=[listening])
