"""The web service as a process."""

from __future__ import annotations

import uvicorn

from api.home import Home
from api.web.app import create_app


def serve_home(home: Home, host: str, port: int) -> None:
    """Serve one home until stopped; no access log, for it would hold ids of situations."""
    uvicorn.run(
        create_app(home),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
    )
