"""The commands by which a person's rights are done without the web service.

What comes in is noted before it is done: its month runs, whatever stands in the way of doing it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from api.commands.output import JsonOption, Output, command_line_actor, home_of
from api.home import Home
from features.errors import RebondError
from features.keys import write_private
from revue.records import Actor, Right

rights_app = typer.Typer(help="The rights of a person accompanied.", no_args_is_help=True)

PersonArgument = Annotated[
    str, typer.Argument(help="person_id of the service's software, or the pseudonym; kept nowhere.")
]
ReceivedOption = Annotated[
    str | None, typer.Option("--received", help="Day it came in, YYYY-MM-DD; default: today.")
]


class FolderExists(RebondError):
    """A person's file is never mixed with another's."""


class NotedNotDone(RebondError):
    """What a person asks for is noted, and what answers it was refused."""


@rights_app.command("access")
def access(
    context: typer.Context,
    person: PersonArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder; default: ./access-REQUEST.")
    ] = None,
    received: ReceivedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write everything that is held about a person, and the letter that explains it."""
    from api import rights  # noqa: PLC0415 - pandas only where needed

    home, by = home_of(context), command_line_actor()
    if out is not None:  # a place that cannot be made is refused before anything is noted
        _check_empty(out)
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _noted(home, person, Right.ACCESS, received, by) as request:
        folder = out or Path(f"access-{request}")
        _check_empty(folder)
        made = rights.access(home, request, by=by, said=person)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        for name, content in made.files.items():
            write_private(folder / name, content)
        rights.close(home, request, by=by)
    Output(as_json=as_json).done(
        {
            "done": True,
            "request": request,
            "folder": str(folder),
            "files": sorted(made.files),
            "signals": made.signals,
        },
        f"{' and '.join(sorted(made.files))} are in {folder}: hand them to the person alone, then "
        "delete them.",
    )


@rights_app.command("object")
def object_(
    context: typer.Context,
    person: PersonArgument,
    received: ReceivedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the person's histories and signals out, and keep them out at every import."""
    _apply(
        context,
        person,
        Right.OBJECT,
        received,
        "The person's histories and signals are gone, and no import brings them back.",
        as_json=as_json,
    )


@rights_app.command("erase")
def erase(
    context: typer.Context,
    person: PersonArgument,
    received: ReceivedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove everything about the person and destroy their key, so that no backup opens it."""
    _apply(
        context,
        person,
        Right.ERASE,
        received,
        "Everything about the person is gone, and their key is destroyed.",
        as_json=as_json,
    )


@rights_app.command("restrict")
def restrict(
    context: typer.Context,
    person: PersonArgument,
    lift: Annotated[bool, typer.Option("--lift", help="Put back what was sealed aside.")] = False,
    received: ReceivedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seal everything about the person aside, so that nobody reads it, until it is lifted."""
    from api import rights  # noqa: PLC0415 - pandas only where needed

    if lift:
        back = rights.lift(home_of(context), person, by=command_line_actor())
        told = (
            "The restriction is lifted; what was sealed aside is back."
            if back
            else "The restriction is lifted; nothing lay aside: import the newest extract."
        )
        Output(as_json=as_json).done({"done": True, "standing": "open", "put_back": back}, told)
        return
    _apply(
        context,
        person,
        Right.RESTRICT,
        received,
        "Everything about the person is sealed aside; --lift puts it back.",
        as_json=as_json,
    )


@rights_app.command("rectify")
def rectify(
    context: typer.Context,
    person: PersonArgument,
    received: ReceivedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Withdraw the person's open signals; the request waits for the corrected extract."""
    from api import rights  # noqa: PLC0415 - pandas only where needed

    home, by = home_of(context), command_line_actor()
    with _noted(home, person, Right.RECTIFY, received, by) as request:
        withdrawn = rights.rectify(home, request, by=by)
    Output(as_json=as_json).done(
        {"done": True, "request": request, "withdrawn": withdrawn, "waits_for": "import"},
        f"{withdrawn} open signals are withdrawn. Correct the data in the service's software, "
        "import the extract, then close the request on the page of rights.",
    )


def _apply(
    context: typer.Context,
    person: str,
    asked: Right,
    received: str | None,
    told: str,
    *,
    as_json: bool,
) -> None:
    from api import rights  # noqa: PLC0415 - pandas only where needed

    home, by = home_of(context), command_line_actor()
    with _noted(home, person, asked, received, by) as request:
        standing = rights.apply(home, request, by=by, said=person)
    Output(as_json=as_json).done({"done": True, "request": request, "standing": standing}, told)


def _check_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise FolderExists(f"{folder} already holds something: give a folder of its own.")


@contextmanager
def _noted(home: Home, person: str, asked: Right, received: str | None, by: Actor) -> Iterator[str]:
    """Note what comes in, or take up what waits; give its id to what answers it."""
    from api import rights  # noqa: PLC0415 - pandas only where needed

    try:
        received_on = date.fromisoformat(received) if received else None
    except ValueError as error:
        raise typer.BadParameter(
            f"--received {received!r} is not a day like 2026-03-01."
        ) from error
    request = rights.take_up(home, person, asked, received_on, by=by)
    try:
        yield request.id
    except (RebondError, SQLAlchemyError, OSError) as error:
        if not rights.waits(home, request.id):  # an erasure that was done took it along
            raise
        raise NotedNotDone(
            f"{str(error).splitlines()[0]} The request is noted as {request.id} and has to be "
            f"answered by {request.due_on}: the same command, run again, finishes it."
        ) from error
