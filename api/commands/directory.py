"""The commands about the directory of local services."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from api.commands.output import JsonOption, Output, command_line_actor, home_of
from features.english import count

services_app = typer.Typer(help="Local services, listed beside offers.", no_args_is_help=True)


@services_app.command("import")
def services_import(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="data·inclusion services: CSV, JSON or Parquet.")],
    structures: Annotated[
        Path | None, typer.Option("--structures", help="Their structures, for the names.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a data·inclusion extract and list its services from now on, in place of the last.

    Unknown columns are left out and named; above 1% of faulty rows the file is refused.
    """
    from api.services import import_services  # noqa: PLC0415 - needed by one command

    home, output = home_of(context), Output(as_json=as_json)
    with output.progress() as progress:
        summary = import_services(
            home, file, structures, by=command_line_actor(), progress=progress
        )
    lines = [
        f"{count(summary.services, 'service is', 'services are')} listed under "
        f"{count(summary.themes, 'thématique', 'thématiques')} of the offers; "
        f"{summary.ignored} for none of them left out."
    ]
    if summary.faulty:
        lines += [f"{summary.faulty} rows are faulty and were left out, such as", *summary.faults]
    if summary.unknown_columns:
        lines.append(f"Columns that nobody read: {', '.join(summary.unknown_columns)}.")
    output.done(asdict(summary), "\n".join(lines))
