"""The commands that make a backup and put one back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli_output import JsonOption, Output, command_line_actor, home_of
from api.settings import keys_folder
from features.english import count


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A new file.")],
    as_json: JsonOption = False,
) -> None:
    """Write everything into one file: each person sealed with their own key, and no key in it."""
    from api.backup import back_up  # noqa: PLC0415 - pandas only where needed

    output = Output(as_json=as_json)
    with output.progress() as progress:
        progress("sealing each person with their own key")
        made = back_up(home_of(context), file, by=command_line_actor())
    output.done(
        {"file": str(made.file), "persons": made.persons},
        f"{made.file} holds {count(made.persons, 'person', 'persons')}, each sealed with their own "
        "key. Without the key folder it opens for nobody: keep the two apart.",
    )


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `rebond backup` wrote.")],
    as_json: JsonOption = False,
) -> None:
    """Put a home back from a backup, whole or not at all; stop the service first.

    Who was erased since stays erased. A home that is there is backed up beside itself first.
    """
    from api.backup import restore as put_back  # noqa: PLC0415 - pandas only where needed

    folder: Path = context.obj
    output = Output(as_json=as_json)
    with output.progress() as progress:
        progress("putting back")
        done = put_back(folder, keys_folder(folder), file, by=command_line_actor())
    lines = [f"{count(done.persons, 'person is', 'persons are')} put back."]
    if done.left_out:
        lines.append(f"{done.left_out} are left out: their keys were destroyed.")
    if done.before is not None:
        lines.append(
            f"What was there before is in {done.before}: delete it once you need it no more."
        )
    lines.append(
        "Votes, stops, accounts and passwords are those of the day of the backup: look them over "
        "before you serve, and check the journal with a checkpoint that was kept elsewhere."
    )
    output.done(
        {
            "persons": done.persons,
            "left_out": done.left_out,
            "before": None if done.before is None else str(done.before),
        },
        "\n".join(lines),
    )
