"""Signing in and out, the language of pages, where each role starts, health, and the API's text.

Signing in takes two steps where there is a second factor: the session opens after its code.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, NoReturn
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from api.home import Home
from api.web.access import (
    LOGIN_COOKIE,
    PENDING_COOKIE,
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
    session_cookie,
    signed_in,
)
from api.web.faults import CodeRefused, SignInFailed, SignInLocked, fault_of
from api.web.forms import Fields, MissingChoice, local_path, secret
from api.web.languages import keep_language
from api.web.rendering import places_of, render
from features.errors import RebondError
from features.phrases import PHRASES
from revue.accounts import close_session, open_session, try_sign_in
from revue.records import CodeAsked, SignedIn, SignInRefused, WebSession
from revue.second_factor import PENDING, pending, read_pending, try_code

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)


def sign_in(
    home: Home, login: str, password: str, code: str | None = None, *, before: str
) -> WebSession | CodeAsked:
    """Check a password, and the code of a second factor if it is there, and open a session.

    Parameters
    ----------
    home, login, password, code
        Who wants to come in where, as typed.
    before
        The token that the browser came with: whatever session it names ends here, so that
        nobody goes on in one that somebody else chose.

    Returns
    -------
    WebSession or CodeAsked
        The latter where the account has a second factor and no code was given.

    Raises
    ------
    SignInFailed, CodeRefused, SignInLocked
        The failure itself is kept, so that the next ones are counted.
    """
    with home.transaction() as session:
        now = home.now()
        result = try_sign_in(session, login=login, password=password, now=now)
        refusal: type[SignInFailed | CodeRefused] = SignInFailed
        if isinstance(result, CodeAsked) and code is not None:
            result = try_code(session, home.keys, login=login, code=code, now=now)
            refusal = CodeRefused
        if isinstance(result, SignedIn):
            return _open(home, session, result, before)
    return result if isinstance(result, CodeAsked) else _refused(result, refusal)


def _open(home: Home, session: Session, signed: SignedIn, before: str) -> WebSession:
    close_session(session, before)
    hours, idle = home.settings.session_hours, home.settings.session_idle
    return open_session(session, signed.actor, home.now(), hours, idle)


def _refused(result: SignInRefused, refusal: type[SignInFailed | CodeRefused]) -> NoReturn:
    if result.locked_until is not None:
        raise SignInLocked("too many failures for this login; try again later.")
    raise refusal("what was typed does not belong to this login now; check it.")


@router.get("/login", dependencies=[anybody])
def login_page(request: Request, next: str = "/") -> Response:
    """Show the sign-in form."""
    return _form(request, "login.html", local_path(next), typed={"login": ""})


@router.post("/login", dependencies=[anybody])
def login(request: Request, fields: Fields) -> Response:
    """Sign in and go on to where the person wanted to go, or to the second step."""
    home: Home = request.app.state.home
    typed = {name: str(fields.get(name, "")) for name in ("login", "next")}
    target, name = local_path(typed["next"]), typed["login"].strip()
    try:
        _check_form(request, fields)
        opened = sign_in(home, name, secret(fields, "password"), before=_before(request))
    except (CsrfMismatch, SignInFailed, SignInLocked) as error:
        return _form(request, "login.html", target, error, typed={"login": typed["login"]})
    if isinstance(opened, WebSession):
        return _come_in(home, opened, target)
    with home.reading() as session:
        word = pending(session, home.keys, opened.login, home.now())
    response = RedirectResponse(f"/login/code?next={quote(target)}", 303)
    _keep_at_login(response, home, PENDING_COOKIE, word, PENDING)
    return response


@router.get("/login/code", dependencies=[anybody])
def code_page(request: Request, next: str = "/") -> Response:
    """Ask for the code of the second factor, soon after the password was right."""
    target = local_path(next)
    home: Home = request.app.state.home
    with home.reading() as session:
        login = _pending_login(request, home, session)
    if login is None:
        return RedirectResponse(f"/login?next={quote(target)}", 303)
    return _form(request, "login_code.html", target)


@router.post("/login/code", dependencies=[anybody])
def code(request: Request, fields: Fields) -> Response:
    """Open the session once the code is right."""
    home: Home = request.app.state.home
    target = local_path(str(fields.get("next", "/")))
    try:
        _check_form(request, fields)
        with home.transaction() as session:
            login = _pending_login(request, home, session)
            if login is None:
                return RedirectResponse(f"/login?next={quote(target)}", 303)
            typed = secret(fields, "code")
            result = try_code(session, home.keys, login=login, code=typed, now=home.now())
            if isinstance(result, SignedIn):
                opened = _open(home, session, result, _before(request))
        if isinstance(result, SignInRefused):
            _refused(result, CodeRefused)
    except (CsrfMismatch, CodeRefused, SignInLocked) as error:
        return _form(request, "login_code.html", target, error)
    return _come_in(home, opened, target)


def _pending_login(request: Request, home: Home, session: Session) -> str | None:
    word = request.cookies.get(PENDING_COOKIE, "")
    return read_pending(session, home.keys, word, home.now())


def _come_in(home: Home, opened: WebSession, target: str) -> Response:
    response = RedirectResponse(target, 303)
    keep_session(response, opened, home.settings)
    for cookie in (LOGIN_COOKIE, PENDING_COOKIE):
        response.delete_cookie(cookie, path="/login", httponly=True, samesite="strict")
    return response


def _before(request: Request) -> str:
    home: Home = request.app.state.home
    return request.cookies.get(session_cookie(home.settings), "")


def _check_form(request: Request, fields: FormData) -> None:
    # Double submit: before there is a session, the form must carry the cookie's token.
    check_token(str(fields.get("csrf", "")), request.cookies.get(LOGIN_COOKIE, ""))


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


def _form(
    request: Request,
    template: str,
    target: str,
    error: RebondError | None = None,
    **context: object,
) -> Response:
    home: Home = request.app.state.home
    token = secrets.token_urlsafe(32)
    fault = fault_of(error) if error else None
    status = fault.status if fault else 200
    response = render(request, template, status, csrf=token, next=target, fault=fault, **context)
    _keep_at_login(response, home, LOGIN_COOKIE, token)
    return response


def _keep_at_login(
    response: Response, home: Home, name: str, value: str, age: timedelta | None = None
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=None if age is None else int(age.total_seconds()),
        path="/login",
        httponly=True,
        samesite="strict",
        secure=home.settings.production,
    )
