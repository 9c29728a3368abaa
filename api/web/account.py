"""One's own account: the password, and a second factor."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import segno
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup

from api.authority import granted
from api.web.access import GuardedRoute, Visit, keep_session, signed_in
from api.web.faults import fault_of
from api.web.forms import Fields, PasswordsDiffer, secret
from api.web.rendering import render
from features.errors import RebondError
from revue import accounts, second_factor
from revue.records import WebSession
from revue.second_factor import Enrolment

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

PASSWORD, FACTOR = "password", "factor"
"""The two parts of the page; what is refused is told in the one it belongs to."""


def change_password(visit: Visit, password: str, new: str) -> WebSession:
    """Change one's own password; every session ends, and the one returned begins.

    Raises
    ------
    api.authority.WrongPassword, api.authority.PasswordLocked
    revue.accounts.WeakPassword, revue.signing.SigningKeyLost
    """
    home = visit.home
    with home.transaction() as session:
        result = accounts.try_change_password(
            session,
            visit.actor,
            password=password,
            new=new,
            now=home.now(),
            hours=home.settings.session_hours,
        )
    return granted(result)


def start_second_factor(visit: Visit, password: str) -> Enrolment:
    """Make a secret; nothing is asked for before a code has confirmed it.

    Raises
    ------
    api.authority.WrongPassword, api.authority.PasswordLocked
    revue.second_factor.SecondFactorOn
    """
    home = visit.home
    with home.transaction() as session:
        result = second_factor.try_start(
            session, home.keys, visit.actor, password=password, now=home.now()
        )
    return granted(result)


def confirm_second_factor(visit: Visit, code: str) -> WebSession:
    """Let the second factor count; every session ends, and the one returned begins.

    Raises
    ------
    revue.second_factor.NoSecondFactor, revue.second_factor.SecondFactorOn
    revue.second_factor.WrongCode
    """
    home = visit.home
    with home.transaction() as session:
        return second_factor.confirm(
            session,
            home.keys,
            visit.actor,
            code=code,
            now=home.now(),
            hours=home.settings.session_hours,
        )


def take_off_second_factor(visit: Visit, password: str, code: str) -> WebSession:
    """Take the second factor off; every session ends, and the one returned begins.

    Raises
    ------
    api.authority.WrongPassword, api.authority.PasswordLocked
    revue.second_factor.NoSecondFactor
    """
    home = visit.home
    with home.transaction() as session:
        result = second_factor.try_take_off(
            session,
            home.keys,
            visit.actor,
            password=password,
            code=code,
            now=home.now(),
            hours=home.settings.session_hours,
        )
    return granted(result)


@router.get("/account")
def account_page(request: Request, visit: Annotated[Visit, signed_in], done: str = "") -> Response:
    """Show one's own account."""
    return _account(request, visit, done=done)


@router.post("/account/password")
def password(request: Request, fields: Fields, visit: Annotated[Visit, signed_in]) -> Response:
    """Change one's own password."""
    new = secret(fields, "new")
    try:
        if new != secret(fields, "again"):
            raise PasswordsDiffer("again", "the new password was typed in two ways.")
        opened = change_password(visit, secret(fields, "password"), new)
    except RebondError as error:
        return _account(request, visit, PASSWORD, error)
    return _renewed(visit, opened, PASSWORD)


@router.post("/account/second-factor")
def start(request: Request, fields: Fields, visit: Annotated[Visit, signed_in]) -> Response:
    """Make a secret to put into a telephone."""
    try:
        start_second_factor(visit, secret(fields, "password"))
    except RebondError as error:
        return _account(request, visit, FACTOR, error)
    return RedirectResponse("/account#factor", 303)


@router.post("/account/second-factor/confirm")
def confirm(request: Request, fields: Fields, visit: Annotated[Visit, signed_in]) -> Response:
    """Show that the telephone has the secret."""
    try:
        opened = confirm_second_factor(visit, secret(fields, "code"))
    except RebondError as error:
        return _account(request, visit, FACTOR, error)
    return _renewed(visit, opened, FACTOR)


@router.post("/account/second-factor/remove")
def remove(request: Request, fields: Fields, visit: Annotated[Visit, signed_in]) -> Response:
    """Take the second factor off."""
    try:
        opened = take_off_second_factor(visit, secret(fields, "password"), secret(fields, "code"))
    except RebondError as error:
        return _account(request, visit, FACTOR, error)
    return _renewed(visit, opened, FACTOR)


def _renewed(visit: Visit, opened: WebSession, part: str) -> Response:
    response = RedirectResponse(f"/account?done={part}", 303)
    keep_session(response, opened, visit.home.settings)
    return response


def _account(
    request: Request,
    visit: Visit,
    part: str = "",
    error: RebondError | None = None,
    done: str = "",
) -> Response:
    home = visit.home
    with home.transaction() as session:
        begun = second_factor.begun(session, home.keys, visit.actor)
    fault = fault_of(error) if error else None
    if fault is not None and fault.field:  # two forms of the page ask for a password
        fault = replace(fault, field=f"{part}-{fault.field}")
    return render(
        request,
        "account.html",
        fault.status if fault else 200,
        begun=begun,
        picture=begun and _picture(begun.uri),
        fault=fault,
        done=done if done in {PASSWORD, FACTOR} else "",
        fewest=accounts.MIN_PASSWORD,
        most=accounts.MAX_PASSWORD,
    )


def _picture(uri: str) -> Markup:
    """Draw a QR code that a strict content policy lets through: neither style nor script."""
    drawn = segno.make(uri, error="m", micro=False)
    svg = drawn.svg_inline(omitsize=True, svgclass=None, lineclass=None, light="#fff")
    return Markup(svg)  # noqa: S704 - drawn here, out of squares
