"""Signing in and out, the language of pages, where each role starts, health, and the API's text."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from api.home import Home
from api.web.access import (
    LOGIN_COOKIE,
    CsrfMismatch,
    Guard,
    GuardedRoute,
    NotSignedIn,
    Visit,
    anybody,
    check_token,
    drop_session,
    keep_session,
    sent_token,
    signed_in,
)
from api.web.faults import SignInFailed, SignInLocked, fault_of
from api.web.forms import Fields, MissingChoice, local_path
from api.web.languages import keep_language
from api.web.rendering import places_of, render
from features.errors import RebondError
from features.phrases import PHRASES
from revue.accounts import close_session, open_session, try_sign_in
from revue.records import SignedIn, WebSession

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)


def sign_in(home: Home, login: str, password: str) -> WebSession:
    """Check a password and open a session.

    Raises
    ------
    SignInFailed, SignInLocked
        The failure itself is kept, so that the next ones are counted.
    """
    with home.transaction() as session:
        result = try_sign_in(session, login=login, password=password, now=home.now())
        if isinstance(result, SignedIn):
            return open_session(session, result.actor, home.now(), home.settings.session_hours)
    if result.locked_until is not None:
        raise SignInLocked("too many failures for this login; try again later.")
    raise SignInFailed("login and password do not go together; check both.")


@router.get("/login", dependencies=[anybody])
def login_page(request: Request, next: str = "/") -> Response:
    """Show the sign-in form."""
    return _login_form(request, local_path(next))


@router.post("/login", dependencies=[anybody])
def login(request: Request, fields: Fields) -> Response:
    """Sign in and go on to where the person wanted to go."""
    home: Home = request.app.state.home
    typed = {name: str(fields.get(name, "")) for name in ("login", "password", "next", "csrf")}
    target = local_path(typed["next"])
    try:
        # Double submit: before there is a session, the form must carry the cookie's token.
        check_token(typed["csrf"], request.cookies.get(LOGIN_COOKIE, ""))
        web_session = sign_in(home, typed["login"].strip(), typed["password"])
    except (CsrfMismatch, SignInFailed, SignInLocked) as error:
        return _login_form(request, target, typed["login"], error)
    response = RedirectResponse(target, 303)
    keep_session(response, web_session, home.settings)
    response.delete_cookie(LOGIN_COOKIE, path="/login", httponly=True, samesite="strict")
    return response


@router.post("/logout")
def logout(visit: Annotated[Visit, signed_in]) -> Response:
    """Close the session."""
    with visit.home.transaction() as session:
        close_session(session, visit.token)
    response = RedirectResponse("/login", 303)
    drop_session(response, visit.home.settings)
    return response


@router.post("/language", dependencies=[anybody])
def choose_language(
    request: Request, fields: Fields, sent: Annotated[str, Depends(sent_token)]
) -> Response:
    """Read pages in another language from now on; nothing else changes."""
    with suppress(NotSignedIn):  # whoever has no session yet has none to protect
        Guard(None)(request, sent)
    home: Home = request.app.state.home
    asked = fields.get("language")
    for language in PHRASES:
        if language == asked:
            response = RedirectResponse(local_path(str(fields.get("next", "/"))), 303)
            keep_language(response, language, home.settings)
            return response
    raise MissingChoice("language", f"language is {asked!r}; expected one of {list(PHRASES)}.")


@router.get("/")
def start(request: Request, visit: Annotated[Visit, signed_in]) -> Response:
    """Go to the first page of the role."""
    places = places_of(visit.actor)
    return RedirectResponse(places[0].path, 303) if places else render(request, "home.html")


@router.get("/healthz", dependencies=[anybody])
def health() -> dict[str, str]:
    """Say that the service answers; no data."""
    return {"status": "ok"}


@router.get("/openapi.json", dependencies=[anybody])
def description(request: Request) -> dict[str, object]:
    """Describe the JSON API."""
    schema: dict[str, object] = request.app.openapi()
    return schema


def _login_form(
    request: Request, target: str, login: str = "", error: RebondError | None = None
) -> Response:
    home: Home = request.app.state.home
    token = secrets.token_urlsafe(32)
    fault = fault_of(error) if error else None
    response = render(
        request,
        "login.html",
        fault.status if fault else 200,
        csrf=token,
        next=target,
        typed={"login": login},
        fault=fault,
    )
    response.set_cookie(
        LOGIN_COOKIE,
        token,
        path="/login",
        httponly=True,
        samesite="strict",
        secure=home.settings.production,
    )
    return response
