"""The commands about the keys of a home."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from api.commands.output import JsonOption, Output, command_line_actor, home_of
from api.opening import open_to_rotate
from api.settings import keys_folder
from features.english import count

keys_app = typer.Typer(help="The keys, apart from all data.", no_args_is_help=True)


@keys_app.command("lend")
def keys_lend(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="New or empty, outside the home.")],
    as_json: JsonOption = False,
) -> None:
    """Write the key folder of a process that trains and audits, without pseudonyms or vault.

    Point REBOND_KEYS at it there; it can train, audit, show models and verify the journal.
    """
    from api.lending import lend  # noqa: PLC0415 - needed by one command

    lend(home_of(context), folder, by=command_line_actor())
    Output(as_json=as_json).done(
        {"keys": str(folder)},
        f"{folder} holds what training and auditing need: give it to their user, and set "
        f"REBOND_KEYS={folder} there.",
    )


@keys_app.command("rotate")
def keys_rotate(context: typer.Context, as_json: JsonOption = False) -> None:
    """Make a new master key and rename everybody; run it again if it was interrupted.

    Keys that were lent have to be lent anew, and models trained before cannot be audited again.
    """
    from api.rotation import rotate_keys  # noqa: PLC0415 - pandas only where needed

    home_folder: Path = context.obj
    home, output = open_to_rotate(home_folder, keys_folder(home_folder)), Output(as_json=as_json)
    with output.progress() as progress:
        done = rotate_keys(home, by=command_line_actor(), progress=progress)
    output.done(
        asdict(done),
        f"The keys are of epoch {done.epoch}; {count(done.persons, 'person goes', 'persons go')} "
        "by other pseudonyms. Lend keys anew to whoever trains; sign in and fill the queue as "
        "before.",
    )
