"""The commands that make a backup and put one back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.commands.output import JsonOption, Output, command_line_actor, home_of
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

    Who was erased since stays erased. A home that is there is backed up beside itself first;
    what was stopped and closed in it stays so. Without one every model starts stopped.
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
            f"Carried forward from it: {count(len(done.stopped), 'model is', 'models are')} held "
            f"back, {count(len(done.accounts), 'account is', 'accounts are')} as of today or "
            "waiting for `rebond user reset`; the journal says which."
        )
    else:
        lines.append(
            "NO HOME WAS REPLACED, so nothing tells what was stopped or closed since the backup: "
            f"{count(len(done.stopped), 'model is', 'models are')} stopped until the committee "
            "resumes them, and accounts and passwords are those of that day: look them over "
            "before you serve."
        )
    lines.append("Check the journal with a checkpoint that was kept elsewhere.")
    output.done(
        {
            "persons": done.persons,
            "left_out": done.left_out,
            "before": None if done.before is None else str(done.before),
            "stopped": done.stopped,
            "accounts": done.accounts,
        },
        "\n".join(lines),
    )
