"""The command that deletes what is overdue, and says what went and what stays."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from api.commands.output import JsonOption, Output, command_line_actor, home_of


def purge(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Delete nothing, say what would go.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete everything whose time is over; killed half way, the next purge finishes it."""
    from api.purge import Purged  # noqa: PLC0415 - pandas only where needed
    from api.purge import purge as do_purge  # noqa: PLC0415

    home, output = home_of(context), Output(as_json=as_json)
    with output.progress() as progress:
        done: Purged = do_purge(home, by=command_line_actor(), progress=progress, dry=dry_run)
    gone = {name: number for name, number in done.deleted.items() if number}
    width = max(map(len, (*gone, *done.kept)), default=0)
    lines = ["Would be deleted:" if dry_run else "Deleted:"]
    lines += [f"  {name:<{width}} {number:>8}" for name, number in gone.items()] or ["  nothing"]
    lines += ["", "Kept:"]
    lines += [
        f"  {name:<{width}} {kept.number:>8}  "
        + (f"until {kept.until}" if kept.until else "as long as it is in use")
        + f"  ({kept.source})"
        for name, kept in done.kept.items()
    ]
    output.done(asdict(done) | {"dry_run": dry_run}, "\n".join(lines))
