"""The commands about accounts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from api.commands.output import JsonOption, Output, command_line_actor, home_of
from revue import accounts
from revue.records import Role, UserRow

LoginArgument = Annotated[str, typer.Argument(help="The name one signs in with.")]

user_app = typer.Typer(help="Accounts.", no_args_is_help=True)


@user_app.command("add")
def user_add(
    context: typer.Context,
    login: LoginArgument,
    role: Annotated[str, typer.Option("--role", help=", ".join(Role))],
    team: Annotated[str | None, typer.Option("--team", help="For educator and team_lead.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Add an account and print its one-time password."""
    if role not in list(Role):
        raise typer.BadParameter(f"{role!r} is not one of {', '.join(Role)}.")
    home = home_of(context)
    with home.transaction() as session:
        password = accounts.create_user(
            session,
            login=login,
            role=Role(role),
            team=team,
            by=command_line_actor(),
            now=home.now(),
        )
    _tell_password(login, password, as_json=as_json)


@user_app.command("reset")
def user_reset(context: typer.Context, login: LoginArgument, as_json: JsonOption = False) -> None:
    """Give an account a new one-time password; its second factor and sessions are gone.

    Whoever signs also has a new signing key; the journal says so.
    """
    home = home_of(context)
    with home.transaction() as session:
        password = accounts.reset_user(
            session, login=login, by=command_line_actor(), now=home.now()
        )
    _tell_password(login, password, as_json=as_json)


@user_app.command("close")
def user_close(context: typer.Context, login: LoginArgument, as_json: JsonOption = False) -> None:
    """Close an account for good; what its owner did and signed stays."""
    home = home_of(context)
    with home.transaction() as session:
        accounts.close_user(session, login=login, by=command_line_actor(), now=home.now())
    Output(as_json=as_json).done(
        {"login": login, "closed": True},
        f"{login} signs in no more, and the login is not given again.",
    )


@user_app.command("list")
def user_list(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the accounts, without anything secret."""
    home = home_of(context)
    with home.transaction() as session:
        rows = accounts.users(session)
    width = max((len(row.login) for row in rows), default=0)
    Output(as_json=as_json).done(
        {"users": [asdict(row) for row in rows]},
        "\n".join(f"{row.login:<{width}}  {_line(row)}" for row in rows) or "No account yet.",
    )


def _line(row: UserRow) -> str:
    said = [row.role.value]
    if row.team:
        said.append(f"team {row.team}")
    if row.second_factor:
        said.append("second factor")
    if row.closed_at is not None:
        said.append(f"closed on {row.closed_at.date()}")
    return ", ".join(said)


def _tell_password(login: str, password: str, *, as_json: bool) -> None:
    Output(as_json=as_json).done(
        {"login": login, "password": password},
        f"{login} can sign in with {password}\nIt is shown once; pass it on by a safe way.",
    )
