"""Who may come through which door: session cookie, form token, permission, in one place.

Every route declares a :class:`Guard`; a route without one cannot be made, because
:class:`GuardedRoute` refuses it when the module is imported (S26). The guard resumes the
session, checks the token of every changing request and the permission of the role, in this
order, and hands the route a :class:`Visit`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute

from api.home import Home
from api.settings import Settings
from api.web.forms import form_of
from features.errors import RebondError
from revue.accounts import idle_end, resume_session, set_end
from revue.permissions import Permission, check_allowed
from revue.records import Actor, WebSession

SAFE_METHODS = frozenset({"GET", "HEAD"})
CSRF_HEADER = "X-CSRF-Token"
LOGIN_COOKIE = "rebond_login"
PENDING_COOKIE = "rebond_pending"
TEXTS = ("why", "reason", "words", "became", "contest_words", "answer", "text")
"""The fields in which people write sentences, none of which may be lost."""


class NotSignedIn(RebondError):
    """The request carries no open session."""


class CsrfMismatch(RebondError):
    """A changing request does not carry the token that its page was given."""


class RouteWithoutPermission(RebondError):
    """A route was written without saying who may use it."""


@dataclass(frozen=True)
class Visit:
    """One signed-in request: the home, who acts, and the token their forms carry."""

    home: Home
    actor: Actor
    csrf: str
    token: str
    second_factor: bool = False
    """Whether their account has one."""

    @property
    def reminded(self) -> bool:
        """Whether pages remind them to add a second factor."""
        settings = self.home.settings
        asked = settings.production and self.actor.role in settings.second_factor_roles
        return asked and not self.second_factor


async def sent_token(request: Request) -> str:
    """Return the form token of a request: the header, else the form field, else nothing."""
    header = request.headers.get(CSRF_HEADER)
    if header is not None or request.method in SAFE_METHODS:
        return header or ""
    form = await form_of(request)
    # A refused page gives back what was typed.
    request.state.typed = [form.get(name, "") for name in TEXTS]
    field = form.get("csrf", "")
    return field if isinstance(field, str) else ""


def check_token(sent: str, expected: str) -> None:
    """Compare two form tokens in constant time.

    Raises
    ------
    CsrfMismatch
        They differ, or there is none.
    """
    if not expected or not secrets.compare_digest(sent.encode(), expected.encode()):
        raise CsrfMismatch(
            "the request carries no form token of this session; load the page again and resend, "
            f"or send the token of the login answer as {CSRF_HEADER}."
        )


class Guard:
    """The one check before a route.

    Parameters
    ----------
    permission
        What the role must be allowed to do; None lets every signed-in person in.
    """

    def __init__(self, permission: Permission | None) -> None:
        self.permission = permission

    def __call__(self, request: Request, sent: Annotated[str, Depends(sent_token)]) -> Visit:
        """Resume the session and check token and permission."""
        home: Home = request.app.state.home
        web_session = self._resume(request, home)
        visit = Visit(
            home,
            web_session.actor,
            web_session.csrf,
            web_session.token,
            web_session.second_factor,
        )
        # Pages that answer with an error still show whose session this is.
        request.state.visit = visit
        if request.method not in SAFE_METHODS:
            check_token(sent, visit.csrf)
        if self.permission is not None:
            check_allowed(visit.actor, self.permission)
        return visit

    def _resume(self, request: Request, home: Home) -> WebSession:
        token = request.cookies.get(session_cookie(home.settings), "")
        with home.reading() as session:
            web_session = resume_session(session, token, home.now()) if token else None
        if web_session is None:
            raise NotSignedIn("this address needs an open session: sign in first.")
        end = idle_end(web_session, home.now(), home.settings.session_idle)
        if end is not None:
            with home.transaction() as session:
                set_end(session, token, end)
        return web_session


class Anybody(Guard):
    """The guard of the few routes without a session: login, health, the API's description."""

    def __init__(self) -> None:
        super().__init__(None)

    def __call__(self, request: Request) -> None:  # type: ignore[override]
        """Let the request pass."""


def may(permission: Permission) -> Dependency:
    """Declare the permission of a route: ``visit: Annotated[Visit, may(Permission.X)]``."""
    return Depends(Guard(permission))  # type: ignore[no-any-return]


signed_in = Depends(Guard(None))
anybody = Depends(Anybody())


class GuardedRoute(APIRoute):
    """A route that says who may use it, or does not come to be.

    Raises
    ------
    RouteWithoutPermission
        No guard among its dependencies.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        guards = [d.call for d in self.dependant.dependencies if isinstance(d.call, Guard)]
        if not guards:
            raise RouteWithoutPermission(
                f"the route {path} declares no permission; add may(…), signed_in or anybody."
            )
        self.guard = guards[0]


def session_cookie(settings: Settings) -> str:
    """Return the name of the session cookie; ``__Host-`` pins it to this host over TLS."""
    return "__Host-rebond" if settings.production else "rebond"


def keep_session(response: Response, web_session: WebSession, settings: Settings) -> None:
    """Set the session cookie: out of reach of scripts, never sent by other sites."""
    response.set_cookie(
        session_cookie(settings),
        web_session.token,
        max_age=settings.session_hours * 3600,
        httponly=True,
        samesite="strict",
        secure=settings.production,
    )


def drop_session(response: Response, settings: Settings) -> None:
    """Take the session cookie back."""
    response.delete_cookie(
        session_cookie(settings), httponly=True, samesite="strict", secure=settings.production
    )
