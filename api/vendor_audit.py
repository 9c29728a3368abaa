"""The same audit on anybody's predictions: a vendor's score, a spreadsheet. Needs no home."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from audits.engine import audit_predictions
from audits.prediction_files import candidates, read_predictions
from audits.records import AuditResult
from audits.report.context import AuditContext
from audits.report.writing import write_report
from features.errors import RebondError

SEED = 20260101


def audit_file(
    file: Path,
    *,
    attributes: Sequence[str],
    label: str | None,
    selected: str | None,
    score: str | None,
    k: int | None,
    person: str | None,
    team: str | None,
    as_of: str | None,
    tolerance: float,
    folder: Path,
    written_on: date,
) -> tuple[AuditResult, dict[str, Path]]:
    """Audit one file of predictions and write the report.

    Parameters
    ----------
    file
        CSV or Parquet.
    attributes, label, selected, score, k, person, team, as_of
        Columns, as for :func:`audits.prediction_files.read_predictions`.
    tolerance
        Largest accepted gap in recall.
    folder
        Where the report is written; made if absent.
    written_on
        The day that the report bears.

    Returns
    -------
    tuple
        What was found, and the paths of the report by kind.
    """
    read = read_predictions(
        file,
        attributes=attributes,
        label=label,
        selected=selected,
        score=score,
        k=k,
        person=person,
        team=team,
        as_of=as_of,
        seed=SEED,
    )
    result = audit_predictions(
        read.table,
        attributes=read.attributes,
        tolerance=tolerance,
        seed=SEED,
        tie_break=read.tie_break,
    )
    with file.open("rb") as content:
        data_hash = hashlib.file_digest(content, "sha256").hexdigest()
    context = AuditContext(subject=file.name, data_hash=data_hash)
    return result, write_report(result, context, folder, written_on=written_on)


def columns_to_choose(file: Path, *, besides: Sequence[object] = ()) -> str:
    """Say which columns of a file could be attributes, or why they cannot be told.

    ``besides`` names columns that are something else already.
    """
    try:
        found = [name for name in candidates(file) if name not in besides]
    except RebondError as unreadable:
        return str(unreadable)
    named = f"could be: {', '.join(found)}" if found else "has no column with only a few values"
    return f"{file.name} {named}."
