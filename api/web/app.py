"""The web service: pages, their JSON twin and the few files they need, for one home."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from api.home import Home
from api.journal_watch import JournalWatch
from api.web import (
    account,
    account_programs,
    contacts,
    doors,
    faults,
    journal,
    learning,
    learning_programs,
    notice,
    oversight,
    programs,
    review,
    review_programs,
    rights,
    safeguards,
    situation,
    team,
)
from api.web.body import BodyLimit
from api.web.headers import SecurityHeaders
from api.web.rendering import ROOM

ROUTERS = (
    doors.router,
    account.router,
    review.router,
    situation.router,
    contacts.router,
    contacts.programs,
    team.router,
    rights.router,
    notice.router,
    learning.router,
    oversight.router,
    journal.router,
    safeguards.router,
    programs.router,
    review_programs.router,
    learning_programs.router,
    account_programs.router,
    rights.programs,
    notice.programs,
)
"""Every route of the service; each declares its permission or could not be made (S26)."""

MAX_BODY = 64 * 1024
"""Largest request, in bytes: the longest form is a few thousand characters."""


def create_app(home: Home) -> FastAPI:
    """Make the web service of a home.

    Parameters
    ----------
    home
        The deployment to serve; every request opens its own transaction on it.

    Returns
    -------
    FastAPI
        Without interactive documentation pages (they load from third parties) and with
        telemetry off (S29).
    """
    app = FastAPI(
        title="Rebond",
        version="1",
        description="A small, explained queue where educators decide, never a machine.",
        openapi_url=None,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.state.home = home
    app.state.journal = JournalWatch(home)
    app.add_middleware(BodyLimit, most=MAX_BODY)
    app.add_middleware(SecurityHeaders, production=home.settings.production)
    faults.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=ROOM / "static"))
    return app
