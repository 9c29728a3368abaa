"""How large a request may be: one that is larger is refused in our own words.

The framework has a limit too, but answers what is announced as too large by itself.
"""

from __future__ import annotations

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.web.faults import TOO_LARGE, answer

_DRAINED = 16
"""Up to how many times the limit is read and thrown away, so that the answer arrives.

A connection that is closed on bytes nobody read may lose the answer on its way.
"""


class BodyLimit:
    """Middleware that refuses a request larger than ``most`` bytes, announced or not."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting its bytes as they are read."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and float(announced) > self.most:
            await _drain(receive, _DRAINED * self.most)
            await answer(request, TOO_LARGE, "TooLarge")(scope, receive, send)
            return
        size = 0

        async def receive_some() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.most:
                raise HTTPException(TOO_LARGE.status)
            return message

        await self.app(scope, receive_some, send)


async def _drain(receive: Receive, most: int) -> None:
    read, more = 0, True
    while more and read <= most:
        message = await receive()
        read += len(message.get("body", b""))
        more = message.get("more_body", False)
