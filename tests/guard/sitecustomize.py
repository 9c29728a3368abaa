"""Loaded by every Python process of a guarded run: whoever calls another host is written down."""

from __future__ import annotations

import os
import sys
from ipaddress import ip_address

_FILE = os.environ["GUARD_FILE"]
_CALLS = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1, "socket.getaddrinfo": 0,
          "socket.gethostbyname": 0, "socket.getnameinfo": 0}  # fmt: skip
"""What calls somebody, and which of its arguments says whom."""


def _is_near(host: object) -> bool:
    if not isinstance(host, str):
        return True  # a socket of this machine's file system, or one connected before
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event in _CALLS:
        told = arguments[_CALLS[event]]
        host = told[0] if isinstance(told, tuple) else told if event.endswith("o") else None
        if event == "socket.gethostbyname":
            host = told
        if not _is_near(host):
            with open(_FILE, "a", encoding="utf-8") as file:  # noqa: PTH123 - pathlib may not be loaded
                file.write(f"{event} {host}\n")


sys.addaudithook(_note)
