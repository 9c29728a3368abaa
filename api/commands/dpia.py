"""The commands of the impact assessment and the registers: exported, signed, generated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from api.authority import ask_signer
from api.commands.output import JsonOption, Output, home_of
from features.english import count

dpia_app = typer.Typer(help="Impact assessment and register of processing.", no_args_is_help=True)


@dpia_app.command("export")
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A new file, for CNIL's PIA software.")],
    as_json: JsonOption = False,
) -> None:
    """Write the impact assessment of what is in use, and list what people have to add."""
    from api.assessment import export as assessment  # noqa: PLC0415 - numpy only where needed
    from api.in_use import in_use  # noqa: PLC0415 - numpy only where needed

    made = assessment.compose(in_use(home_of(context)))
    assessment.write(made, file)
    places = assessment.open_places(made)
    Output(as_json=as_json).done(
        {"file": str(file), "open": places},
        "\n".join([f"{file} can be imported by CNIL's PIA software.", *_waiting(places)]),
    )


@dpia_app.command("schema")
def schema(as_json: JsonOption = False) -> None:
    """Print the published JSON Schema of the assessment."""
    from api.assessment.pia import schema as pia_schema  # noqa: PLC0415 - only where needed

    plain = pia_schema()
    Output(as_json=as_json).done(plain, json.dumps(plain, indent=1, ensure_ascii=False))


@dpia_app.command("sign")
def sign(
    context: typer.Context,
    by: Annotated[str, typer.Option("--by", help="Login of a member or the officer.")],
    as_json: JsonOption = False,
) -> None:
    """Sign the assessment of what is in use: purpose, tables, protocol, durations.

    In production it asks for that person's password, which unlocks their signing key.
    """
    from api.gate import sign_assessment  # noqa: PLC0415 - numpy only where needed

    home = home_of(context)
    signed = sign_assessment(home, by, ask_signer(home, by))
    Output(as_json=as_json).done(
        {"by": signed.by, "at": signed.at, "until": signed.until, "over": list(signed.over)},
        f"{signed.by} signed the impact assessment over {', '.join(signed.over)}; it holds until "
        f"{signed.until}, or until one of them changes.",
    )


@dpia_app.command("register")
def register(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A new page; the same as JSON beside it.")],
    as_json: JsonOption = False,
) -> None:
    """Write the register of processing (GDPR 30) of what is in use."""
    from api.assessment.export import write_new  # noqa: PLC0415 - only where needed
    from api.in_use import in_use  # noqa: PLC0415 - numpy only where needed
    from api.registers import processing  # noqa: PLC0415 - only where needed

    beside = file.with_suffix(".json")
    if beside == file:
        raise typer.BadParameter(f"{file.name} is for the page: give a name like register.html.")
    use = in_use(home_of(context))
    made = processing.register_of(use)
    write_new(beside, json.dumps(made.as_dict(), ensure_ascii=False, indent=1) + "\n")
    write_new(file, processing.register_page(made, use))
    places = [*made.open, *made.only_people]
    Output(as_json=as_json).done(
        {"file": str(file), "json": str(beside), "open": places},
        "\n".join([f"{file} and {beside} hold the register.", *_waiting(places)]),
    )


def model_document(
    context: typer.Context,
    version: str,
    file: Annotated[Path, typer.Argument(help="A new page.")],
    as_json: JsonOption = False,
) -> None:
    """Write one model's technical documentation, in the order of annex IV of the AI Act."""
    from api.assessment.export import write_new  # noqa: PLC0415 - only where needed
    from api.in_use import in_use  # noqa: PLC0415 - numpy only where needed
    from api.registers.annex import annex_page  # noqa: PLC0415 - only where needed

    write_new(file, annex_page(in_use(home_of(context), version)))
    Output(as_json=as_json).done({"file": str(file)}, f"{file} holds the documentation.")


def _waiting(places: list[str]) -> list[str]:
    return [f"{count(len(places), 'place waits', 'places wait')} for people:", *places]
