"""One's own account for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Response

from api.web import account
from api.web.access import GuardedRoute, Visit, keep_session, signed_in
from api.web.answers import (
    AccountAnswer,
    ConfirmAsked,
    LoginAnswer,
    PasswordAsked,
    SecondFactorAnswer,
    SecondFactorAsked,
    TakeOffAsked,
)
from api.web.refusals import ALWAYS, refusals
from revue.records import WebSession

router = APIRouter(
    prefix="/api/v1/account", route_class=GuardedRoute, responses=ALWAYS, tags=["session"]
)


@router.get("")
def read_account(visit: Annotated[Visit, signed_in]) -> AccountAnswer:
    """Read one's own account."""
    return AccountAnswer.model_validate(
        {**asdict(visit.actor), "second_factor": visit.second_factor}
    )


@router.post("/password", responses=refusals(429))
def change_password(
    response: Response, asked: PasswordAsked, visit: Annotated[Visit, signed_in]
) -> LoginAnswer:
    """Change one's own password; every other session ends, and this one has a new token."""
    opened = account.change_password(visit, asked.password, asked.new_password)
    return _renewed(response, visit, opened)


@router.post("/second-factor", responses=refusals(429))
def start_second_factor(
    asked: SecondFactorAsked, visit: Annotated[Visit, signed_in]
) -> SecondFactorAnswer:
    """Make a secret to put into a telephone; it counts once a code of it was sent."""
    return SecondFactorAnswer.model_validate(account.start_second_factor(visit, asked.password))


@router.post("/second-factor/confirm")
def confirm_second_factor(
    response: Response, asked: ConfirmAsked, visit: Annotated[Visit, signed_in]
) -> LoginAnswer:
    """Let the second factor count; every other session ends, and this one has a new token."""
    return _renewed(response, visit, account.confirm_second_factor(visit, asked.code))


@router.post("/second-factor/remove", responses=refusals(429))
def take_off_second_factor(
    response: Response, asked: TakeOffAsked, visit: Annotated[Visit, signed_in]
) -> LoginAnswer:
    """Take the second factor off; every other session ends, and this one has a new token."""
    opened = account.take_off_second_factor(visit, asked.password, asked.code)
    return _renewed(response, visit, opened)


def _renewed(response: Response, visit: Visit, opened: WebSession) -> LoginAnswer:
    keep_session(response, opened, visit.home.settings)
    return LoginAnswer.of(opened)
