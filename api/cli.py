"""The command line: one command an act, one clear sentence when it is refused.

Standard output is for results (with ``--json``: one JSON object and nothing else), standard
error for progress and refusals. Exit status: 0 done, 1 refused or failed with nothing
changed, 2 wrong usage, 3 audit failed, 4 audit cannot assess.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.exc import SQLAlchemyError

from api.audit_text import audit_text, next_steps, person_advice
from api.authority import ask_signer
from api.commands.backup import backup, restore
from api.commands.directory import services_app
from api.commands.dpia import dpia_app, model_document
from api.commands.journal import journal_app
from api.commands.keys import keys_app
from api.commands.output import JsonOption, Output, command_line_actor, home_of
from api.commands.purge import purge
from api.commands.rights import rights_app
from api.commands.user import user_app
from api.home import create_home, system_clock
from api.opening import open_home, upgrade_home
from api.settings import SIMULATED_UNTIL, Settings, home_folder, keys_folder
from features.catalogue import first_wordings
from features.errors import RebondError
from revue import accounts, committee, wordings
from revue.records import ModelState, Wording

WrongUsage: type[Exception] = typer.BadParameter.__mro__[1]
"""What Typer raises for wrong usage; the class has no public name of its own."""

INTERRUPTED = 130
"""What Typer returns after Ctrl-C."""

AUDIT_STATUS = {"pass": 0, "fail": 3, "cannot_assess": 4}

app = typer.Typer(
    name="rebond",
    help="Early warning for social work: a small, explained queue where educators decide.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
model_app = typer.Typer(help="Model tables.", no_args_is_help=True)
wording_app = typer.Typer(help="How features are said, apart from the model.", no_args_is_help=True)
app.add_typer(user_app, name="user")
app.add_typer(model_app, name="model")
app.add_typer(wording_app, name="wording")
app.add_typer(journal_app, name="journal")
app.add_typer(services_app, name="services")
app.add_typer(rights_app, name="rights")
app.add_typer(keys_app, name="keys")
app.add_typer(dpia_app, name="dpia")
model_app.command("document")(model_document)


class EngineName(StrEnum):
    """What can read the events for a training."""

    DUCKDB = "duckdb"
    SPARK = "spark"


ByOption = Annotated[str, typer.Option("--by", help="Login of the committee member.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, in a sentence.")]


@app.callback()
def _main(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option("--home", help="Default: REBOND_HOME, else ./var.")
    ] = None,
) -> None:
    context.obj = home_folder(home)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Where Spark is installed, pandera loads its pandas at every start, which warns.
    warnings.filterwarnings("ignore", "PySpark does not yet", FutureWarning)
    try:
        status = app(args=given, standalone_mode=False)
    except RebondError as error:
        _refuse(str(error), as_json="--json" in given, status=1)
    except WrongUsage as error:
        said = getattr(error, "format_message", error.__str__)()
        _refuse(said, as_json="--json" in given, status=2)
    except (SQLAlchemyError, sqlite3.Error, ValueError) as error:
        # A locked or damaged database, a word that is no text: the place, and what was said.
        said = (str(error).splitlines() or [""])[0]
        _refuse(f"{type(error).__name__}: {said}", as_json="--json" in given, status=1)
    except OSError as error:
        # A full disk, a closed port, a folder without rights: the system's own words serve.
        _refuse(
            f"{error.strerror or error}: {error.filename or ''}".rstrip(": ") + ".",
            as_json="--json" in given,
            status=1,
        )
    if status == INTERRUPTED:
        _refuse("stopped before the end.", as_json="--json" in given, status=1)
    sys.exit(status if isinstance(status, int) else 0)


def _refuse(sentence: str, *, as_json: bool, status: int) -> None:
    if as_json:
        print(json.dumps({"error": sentence}, ensure_ascii=False))
    if sentence:  # a bare `rebond` has shown its help already
        print(f"rebond: {sentence}", file=sys.stderr)
    sys.exit(status)


@app.command()
def init(
    context: typer.Context,
    production: Annotated[bool, typer.Option("--production")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a home: settings, databases, keys."""
    folder: Path = context.obj
    home = create_home(folder, keys_folder(folder), Settings(production=production))
    Output(as_json=as_json).done(
        {"home": str(home.folder)},
        f"A {'production ' if production else ''}home is ready at {home.folder}; "
        f"its keys are in {home.keys_folder}: keep them apart from every backup.",
    )


@app.command()
def upgrade(context: typer.Context, as_json: JsonOption = False) -> None:
    """Bring a home that an older version made to this one."""
    folder: Path = context.obj
    done = upgrade_home(folder, keys_folder(folder), by=command_line_actor())
    Output(as_json=as_json).done(
        {"upgraded": done},
        f"{folder} is now of this version." if done else f"{folder} was of this version already.",
    )


@app.command()
def simulate(
    folder: Path,
    persons: Annotated[int, typer.Option(min=50)] = 2000,
    months: Annotated[int, typer.Option(min=12, max=120)] = 30,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    gap: Annotated[float, typer.Option(min=0.0, max=0.9)] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Write an import folder of invented histories."""
    from features.simulation import simulate as write  # noqa: PLC0415 - needed by one command

    output = Output(as_json=as_json)
    with output.progress() as progress:
        summary = write(
            folder,
            persons=persons,
            months=months,
            seed=seed,
            gap=gap,
            until=SIMULATED_UNTIL,
            progress=progress,
        )
    output.done(
        asdict(summary),
        f"{summary.persons} invented persons and {summary.events} events are in {folder}"
        + ("." if summary.gap is None else f" (realised gap {summary.gap:.2f})."),
    )


@app.command("import")
def import_(
    context: typer.Context,
    folder: Path,
    source: Annotated[str, typer.Option("--from", help="canonical, meds or oulad")] = "canonical",
    protocol: Annotated[Path | None, typer.Option("--protocol")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check, minimise, pseudonymise and store one import folder."""
    from api.imports import Source, import_folder  # noqa: PLC0415 - pandas only where needed

    if source not in list(Source):
        raise typer.BadParameter(f"{source!r} is not one of {', '.join(Source)}.")
    home, output = home_of(context), Output(as_json=as_json)
    with output.progress() as progress:
        summary = import_folder(
            home,
            folder,
            source=Source(source),
            protocol=protocol,
            by=command_line_actor(),
            progress=progress,
        )
    lines = [
        f"{summary.persons} persons and {summary.events} events "
        f"({summary.new_events} of them new) up to {summary.extracted_on}."
    ]
    if summary.quarantined:
        lines.append(f"{summary.quarantined} rows set aside, with reasons: {summary.quarantine}")
    if summary.ignored:
        parts = ", ".join(
            f"{'a few' if n is None else n} {name}" for name, n in summary.ignored_by.items()
        )
        lines.append(f"Rows ignored by design: {parts}.")
    if summary.not_informed:
        lines.append(f"{summary.not_informed} persons are not yet informed and are not scored.")
    if summary.absent:
        lines.append(
            f"Persons of earlier imports who are not in this extract: {summary.absent}. "
            "Their stays remain open as last told: if they left, give them a left_on."
        )
    lines.append(f"What a steward should look at: {summary.quality}")
    output.done(asdict(summary), "\n".join(lines))


@app.command()
def train(
    context: typer.Context,
    engine: Annotated[
        EngineName,
        typer.Option("--engine", help="What reads events; figures are the same."),
    ] = EngineName.DUCKDB,
    master: Annotated[
        str | None, typer.Option("--master", help="Address of the Spark cluster.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit every family on the past, measure on later dates, choose, register."""
    from api.studies import train_models  # noqa: PLC0415 - needs the train extra
    from features.engine import StoreEngine  # noqa: PLC0415 - pandas only where needed
    from features.spark import SparkEngine  # noqa: PLC0415 - pandas only where needed

    if (master is not None) != (engine is EngineName.SPARK):
        raise typer.BadParameter("--engine spark and --master URL go together.")
    home, output = home_of(context), Output(as_json=as_json)
    with output.progress() as progress:
        result = train_models(
            home,
            by=command_line_actor(),
            progress=progress,
            engine=(lambda store: SparkEngine(store, master)) if master else StoreEngine,
        )
    width = max(len(candidate.family) for candidate in result.candidates)
    rows = [
        f"{result.rows} rows of {result.persons} persons, {result.features} features, "
        f"base rate {result.base_rate:.1%}; measured on {result.test_dates} later review dates "
        f"from {result.test_from}.",
        f"Families and settings were selected on {result.selected_on} earlier origins."
        if result.selected_on
        else "History is too short for earlier origins: the choice looked at the test itself.",
        "",
        f"{'':{width}}{'version':>8}{'AUC':>7}{'AP':>7}{'P@cap':>7}{'R@cap':>7}{'worst':>7}",
    ]
    for candidate in result.candidates:
        plain = candidate.as_dict()
        numbers = "".join(
            f"{plain[k]:7.3f}" if plain[k] is not None else f"{'':>7}"
            for k in (
                "auc",
                "average_precision",
                "precision_at_capacity",
                "recall_at_capacity",
                "worst_recall",
            )
        )
        rows.append(
            f"{candidate.family:{width}}{candidate.version or '':>8}{numbers}  "
            f"{candidate.why_not or candidate.setting}"
        )
    rows.append("")
    if result.other:
        rows.append(
            f"{result.other} facts looked at in the test are of kinds unknown when it began: they "
            "are in no feature."
        )
    rows.append(
        f"Chosen: version {result.chosen}. Next: rebond audit {result.chosen}"
        if result.chosen
        else "None is chosen: no model beats every naive rule, so none may be promoted."
    )
    output.done(
        {
            "rows": result.rows,
            "persons": result.persons,
            "features": result.features,
            "base_rate": result.base_rate,
            "test_from": result.test_from,
            "test_dates": result.test_dates,
            "selected_on": result.selected_on,
            "other": result.other,
            "chosen": result.chosen,
            "candidates": [candidate.as_dict() for candidate in result.candidates],
        },
        "\n".join(rows),
    )


@model_app.command("show")
def model_show(context: typer.Context, version: str, as_json: JsonOption = False) -> None:
    """Read one signed table from top to bottom."""
    from api.gate import load_table  # noqa: PLC0415 - numpy only where needed
    from api.measured import read_measured  # noqa: PLC0415 - numpy only where needed
    from api.model_text import show_text  # noqa: PLC0415 - numpy only where needed

    home = home_of(context)
    table, measured = load_table(home, version), read_measured(home, version)
    plain = asdict(table)
    del plain["bags"]
    plain |= {"hash": table.hash, "measures": measured and measured.own}
    for feature, told in zip(table.features, plain["features"], strict=True):
        told["whole_points"] = table.whole_points(feature)
    Output(as_json=as_json).done(plain, show_text(table, measured))


@model_app.command("diff")
def model_diff(
    context: typer.Context,
    before: Annotated[str, typer.Argument(metavar="A")],
    after: Annotated[str, typer.Argument(metavar="B")],
    as_json: JsonOption = False,
) -> None:
    """Say what changed from one model to another, in words and points."""
    from api.gate import load_table  # noqa: PLC0415 - numpy only where needed
    from api.model_text import diff_text  # noqa: PLC0415 - numpy only where needed
    from modeles.comparison import compare  # noqa: PLC0415 - numpy only where needed

    home = home_of(context)
    found = compare(load_table(home, before), load_table(home, after))
    plain = asdict(found)
    plain |= {"from": plain.pop("before"), "to": plain.pop("after")}
    for change, told in zip(found.features, plain["features"], strict=True):
        told["change"] = change.change
    Output(as_json=as_json).done(plain, diff_text(found))


@model_app.command("schema")
def model_schema(as_json: JsonOption = False) -> None:
    """Print the published JSON Schema of a model table."""
    from modeles.table import schema  # noqa: PLC0415 - numpy only where needed

    plain = schema()
    Output(as_json=as_json).done(plain, json.dumps(plain, indent=1, ensure_ascii=False))


@app.command()
def audit(
    context: typer.Context,
    version: Annotated[
        str | None, typer.Argument(help="Default: what the newest training chose.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="CSV or Parquet: anybody's, audited without a home."),
    ] = None,
    attributes: Annotated[
        str | None, typer.Option("--attributes", help="Columns to audit, as A,B; a file needs it.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Outcome, 0 or 1. Default: label_value.")
    ] = None,
    selected: Annotated[
        str | None, typer.Option("--selected", help="Who was on the list, 0 or 1.")
    ] = None,
    score: Annotated[
        str | None,
        typer.Option(
            "--score",
            help="Ranks, with --k; or beside --selected. Default without both: score, which says "
            "who was selected if it holds only 0 and 1.",
        ),
    ] = None,
    k: Annotated[int | None, typer.Option("--k", min=1, help="Places on the list.")] = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            help="Whose row it is. Default: entity_id beside label_value, else each row is one.",
        ),
    ] = None,
    team: Annotated[
        str | None, typer.Option("--team", help="Team, to leave out one at a time.")
    ] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Review date.")] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            min=0.001,
            max=0.999,
            help="Largest accepted gap in recall, as a share; default 0.10.",
        ),
    ] = None,
    report_folder: Annotated[
        Path | None,
        typer.Option("--report", help="Where the report is written. Default: audit-NAME here."),
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of an audit instead.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Audit a model, or anybody's predictions from a file.

    Status 0: pass, 3: fail, 4: cannot assess. A file may use the columns of Aequitas
    (label_value, score, entity_id) and then needs --attributes alone.
    """
    output = Output(as_json=as_json)
    if schema:
        from audits.report.schema import schema as audit_schema  # noqa: PLC0415 - only where needed

        plain = audit_schema()
        output.done(plain, json.dumps(plain, indent=1, ensure_ascii=False))
        return
    columns: dict[str, Any] = {
        "label": label,
        "selected": selected,
        "score": score,
        "k": k,
        "person": person,
        "team": team,
        "as_of": as_of,
    }
    if predictions is None:
        of_a_file = (*columns.values(), attributes, tolerance, report_folder)
        if any(option is not None for option in of_a_file):
            raise typer.BadParameter(
                "columns, --tolerance and --report go with --predictions FILE; add it or leave "
                "them out."
            )
        from api.studies import audit_model  # noqa: PLC0415 - needs the train extra

        with output.progress() as progress:
            outcome = audit_model(
                home_of(context), version, by=command_line_actor(), progress=progress
            )
        result, report, subject = outcome.result, outcome.report, f"Model {outcome.version}"
        advice = next_steps(outcome.version, result.verdict, ended=outcome.approvals_ended)
    else:
        from api.vendor_audit import (  # noqa: PLC0415 - needs the train extra
            audit_file,
            columns_to_choose,
        )

        if version is not None:
            raise typer.BadParameter("give a version or --predictions, not both.")
        if selected is not None and k is not None:
            raise typer.BadParameter("--selected is the list already; leave out --k.")
        if score is not None and selected is None and k is None:
            raise typer.BadParameter("--score ranks: add --k N, the places, or --selected COL.")
        audited = [name.strip() for name in (attributes or "").split(",") if name.strip()]
        if not audited:
            raise typer.BadParameter(
                "--predictions also needs --attributes A,B, for the groups are never guessed: "
                f"{columns_to_choose(predictions, besides=[*columns.values()])}"
            )
        result, report = audit_file(
            predictions,
            attributes=audited,
            **columns,
            tolerance=0.10 if tolerance is None else tolerance,
            folder=report_folder or Path(f"audit-{predictions.stem}"),
            written_on=system_clock().date(),
        )
        subject = predictions.name
        advice = person_advice(result) if person is None else []
    plain = {**result.as_dict(), "report": {kind: str(path) for kind, path in report.items()}}
    output.done(plain, "\n".join([audit_text(result, report, subject=subject), *advice]))
    raise typer.Exit(AUDIT_STATUS[result.verdict])


@app.command()
def approve(
    context: typer.Context,
    version: str,
    by: ByOption,
    reason: ReasonOption,
    waive_unassessed: Annotated[
        bool, typer.Option("--waive-unassessed", help="Accept what the audit could not assess.")
    ] = False,
    waive_days: Annotated[
        int | None,
        typer.Option(
            "--waive-days", min=1, help="For so many days; waiver_days of the settings at most."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a model as one committee member; two are needed.

    In production it asks for that member's password, as every vote does. A waiver ends, with
    waiver_days of the settings at the latest; then both vote again.
    """
    from api import gate  # noqa: PLC0415 - numpy only where needed

    if waive_days is not None and not waive_unassessed:
        raise typer.BadParameter("--waive-days goes with --waive-unassessed; give both.")
    home = home_of(context)
    gate.check_promotable(home, version)
    signer = ask_signer(home, by)
    with home.transaction() as session:
        actor = accounts.actor_for(session, by)
        state = gate.approve(
            home,
            session,
            actor,
            version=version,
            reason=reason,
            waive=waive_unassessed,
            waive_days=waive_days,
            signer=signer,
        )
    _tell_state(version, state, as_json=as_json)


@app.command()
def reject(
    context: typer.Context,
    version: str,
    by: ByOption,
    reason: ReasonOption,
    as_json: JsonOption = False,
) -> None:
    """Reject a model as one committee member."""
    _vote(context, committee.reject, version, by, reason, as_json=as_json)


@app.command()
def suspend(
    context: typer.Context,
    version: str,
    by: ByOption,
    reason: ReasonOption,
    as_json: JsonOption = False,
) -> None:
    """Stop an approved model: every signal of it is frozen at once."""
    _vote(context, committee.suspend, version, by, reason, as_json=as_json)


@app.command()
def resume(
    context: typer.Context,
    version: str,
    by: ByOption,
    reason: ReasonOption,
    as_json: JsonOption = False,
) -> None:
    """Let a suspended model go on."""
    _vote(context, committee.resume, version, by, reason, as_json=as_json)


def _vote(
    context: typer.Context,
    act: Callable[..., ModelState],
    version: str,
    by: str,
    reason: str,
    *,
    as_json: bool,
) -> None:
    home = home_of(context)
    signer = ask_signer(home, by)
    with home.transaction() as session:
        actor = accounts.actor_for(session, by)
        state = act(
            session,
            actor,
            version=version,
            reason=reason,
            signer=signer,
            today=home.today(),
            now=home.now(),
        )
    _tell_state(version, state, as_json=as_json)


def _tell_state(version: str, state: ModelState, *, as_json: bool) -> None:
    Output(as_json=as_json).done({"state": state}, f"Model {version}: {state}.")


@wording_app.command("list")
def wording_list(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show how each feature group is said now, and every version since the protocol's own."""
    home = home_of(context)
    first = first_wordings(home.store.protocol())
    with home.transaction() as session:
        mended = wordings.current(session, home.keys.verify)
        versions = wordings.history(session)
    current = {group: mended.get(group, text) for group, text in first.items()}
    lines = [f"{group}: {text}" for group, text in current.items()]
    if versions:
        lines += ["", "Versions since the protocol's own, newest first:"]
        lines += [_wording_text(wording) for wording in versions]
    output = Output(as_json=as_json)
    output.done(
        {"current": current, "versions": [asdict(wording) for wording in versions]},
        "\n".join(lines),
    )


@wording_app.command("propose")
def wording_propose(
    context: typer.Context,
    group: str,
    text: Annotated[str, typer.Argument(help="In French; singular|plural where they differ.")],
    by: ByOption,
    reason: ReasonOption,
    as_json: JsonOption = False,
) -> None:
    """Propose other words for a feature group as one committee member; two are needed."""
    home = home_of(context)
    ask_signer(home, by)
    with home.transaction() as session:
        proposed = wordings.propose(
            session,
            accounts.actor_for(session, by),
            group=group,
            text=text,
            reason=reason,
            first=first_wordings(home.store.protocol()),
            now=home.now(),
        )
    Output(as_json=as_json).done(asdict(proposed), _wording_text(proposed))


@wording_app.command("confirm")
def wording_confirm(
    context: typer.Context, version: int, by: ByOption, as_json: JsonOption = False
) -> None:
    """Confirm another member's wording: every page reads it from now on."""
    home = home_of(context)
    ask_signer(home, by)
    with home.transaction() as session:
        actor = accounts.actor_for(session, by)
        confirmed = wordings.confirm(session, actor, version=version, now=home.now())
    Output(as_json=as_json).done(asdict(confirmed), _wording_text(confirmed))


def _wording_text(wording: Wording) -> str:
    state = (
        f"confirmed by {wording.confirmed_by}"
        if wording.confirmed_by
        else "waits for another member"
    )
    return (
        f"Wording {wording.version} of {wording.group}: {wording.text}; proposed by "
        f"{wording.proposed_by} ({wording.reason}), {state}."
    )


@app.command()
def score(
    context: typer.Context,
    as_of: Annotated[str | None, typer.Option("--as-of", help="YYYY-MM-DD")] = None,
    as_json: JsonOption = False,
) -> None:
    """Score one review date with the approved model and fill the queue."""
    from api.situations import score_situations  # noqa: PLC0415 - pandas only where needed

    try:
        day = date.fromisoformat(as_of) if as_of else None
    except ValueError as error:
        raise typer.BadParameter(f"--as-of {as_of!r} is not a date like 2026-03-01.") from error
    home, output = home_of(context), Output(as_json=as_json)
    with output.progress() as progress:
        summary = score_situations(home, day, by=command_line_actor(), progress=progress)
    lines = [
        f"{summary.scored} situations looked at as of {summary.as_of} with model {summary.model}: "
        f"{summary.queued} are in the queue ({summary.controls} of them drawn at random), "
        f"{summary.unserved} found no place, {summary.not_informed} persons were not informed."
    ]
    if summary.other_codes:
        lines.append(
            f"The model was not fitted on {', '.join(summary.other_codes)}: these facts are in no "
            "score. Train again once there is enough history of them."
        )
    if summary.without_account:
        lines.append(
            f"{summary.without_account} of them wait for educators who have no account yet: add "
            "theirs with `rebond user add LOGIN --role educator --team TEAM`."
        )
    output.done(asdict(summary), "\n".join(lines))


@app.command()
def digest(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for one file a login.")] = None,
    send: Annotated[
        bool, typer.Option("--send", help="By the mail server of the settings.")
    ] = False,
    everybody: Annotated[
        bool, typer.Option("--all", help="Also to those for whom nothing waits.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell educators and team leads how much waits, and nothing about anybody.

    Files need no network; --send opens one connection, to the mail server of the settings.
    """
    from api.digest import make_digest  # noqa: PLC0415 - needed by one command

    if out is None and not send:
        raise typer.BadParameter("say where to: --out FOLDER, --send, or both.")
    made = make_digest(
        home_of(context), out=out, send=send, everybody=everybody, by=command_line_actor()
    )
    lines = [f"{made.messages} messages; {made.nothing_waiting} people have nothing waiting."]
    if made.folder is not None:
        lines.append(f"They are in {made.folder}: delete them once they are passed on.")
    if send:
        lines.append("The mail server took them all.")
    Output(as_json=as_json).done(asdict(made), "\n".join(lines))


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8300,
    as_json: JsonOption = False,
) -> None:
    """Serve the pages and the JSON API."""
    from api.service import listen, serve_home  # noqa: PLC0415 - the web server only where needed

    home = home_of(context)
    with listen(host, port) as listening:
        url = f"http://{host}:{port}"
        Output(as_json=as_json).done({"url": url}, f"Serving on {url}; stop with Ctrl-C.")
        sys.stdout.flush()
        serve_home(home, listening)


app.command()(backup)
app.command()(restore)
app.command()(purge)


@app.command()
def bench(
    name: Annotated[str | None, typer.Argument(help="Default: all of them.")] = None,
    scale: Annotated[
        float, typer.Option("--scale", min=0.001, max=10.0, help="1 is the quoted size.")
    ] = 1.0,
    peers: Annotated[
        Path | None, typer.Option("--peers", help="Interpreter that has the peers.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of real data: oulad/ in it is used.")
    ] = None,
    power: Annotated[
        bool, typer.Option("--power", help="Of audit: how often it is right, not how fast.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure the project's speed, each benchmark beside its peer in the same run."""
    from api.benchmarks.runs import Effort, run_benchmarks  # noqa: PLC0415 - only where needed

    output = Output(as_json=as_json)
    with output.progress() as progress:
        effort = Effort(scale, peers, data, power=power, progress=progress)
        found = run_benchmarks(name, effort)
    lines = []
    for one, figures in found.items():
        peer = "" if figures["peer"] is None else f", peer {figures['peer']:.2f} s"
        ratio = "" if figures["ratio"] is None else f", {figures['ratio']:.1f} times faster"
        lines.append(f"{one}: {figures['ours']:.2f} s{peer}{ratio}")
        lines += [
            f"    {key}: {value:.3g}" if isinstance(value, float) else f"    {key}: {value}"
            for key, value in figures.items()
            if key not in ("ours", "peer", "ratio")
        ]
    output.done(found, "\n".join(lines))


@app.command()
def demo(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8300,
    persons: Annotated[int, typer.Option("--persons", min=50)] = 2000,
    no_serve: Annotated[bool, typer.Option("--no-serve")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show all of it on invented histories, from import to a served queue."""
    from api.demo import prepare_demo  # noqa: PLC0415 - needs the train extra
    from api.service import listen, serve_home  # noqa: PLC0415 - the web server only where needed

    folder: Path = context.obj
    output = Output(as_json=as_json)
    listening = None if no_serve else listen("127.0.0.1", port)
    with output.progress() as progress:
        shown = prepare_demo(folder, keys_folder(folder), persons, progress=progress)
    url = f"http://127.0.0.1:{port}/queue"
    width = max(len(account.login) for account in shown.accounts)
    lines = [
        f"{shown.queued} situations wait in the queue, from {persons} invented histories.",
        "",
        *(f"  {a.login:<{width}}  {a.password}   {a.label}" for a in shown.accounts),
        "",
        f"Address: {url}" if not no_serve else f"To serve it: rebond --home {folder} serve",
    ]
    output.done(
        {
            "home": str(folder),
            "url": url,
            "accounts": [
                {"login": a.login, "role": a.role, "team": a.team, "password": a.password}
                for a in shown.accounts
            ],
            "queued": shown.queued,
        },
        "\n".join(lines),
    )
    if listening is not None:
        sys.stdout.flush()
        serve_home(open_home(folder, keys_folder(folder)), listening)


if __name__ == "__main__":
    main()
