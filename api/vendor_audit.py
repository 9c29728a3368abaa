"""The same audit on anybody's predictions: a vendor's score, a spreadsheet. Needs no home."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audits.engine import audit_predictions
from audits.predictions import read_predictions
from audits.records import AuditResult

SEED = 20260101


def audit_file(
    file: Path,
    *,
    label: str,
    attributes: Sequence[str],
    selected: str | None,
    score: str | None,
    k: int | None,
    person: str | None,
    tolerance: float,
) -> AuditResult:
    """Audit one file of predictions.

    Parameters
    ----------
    file
        CSV or Parquet.
    label, attributes, selected, score, k, person
        Columns, as for :func:`audits.predictions.read_predictions`.
    tolerance
        Largest accepted gap in recall.
    """
    read = read_predictions(
        file,
        label=label,
        attributes=attributes,
        selected=selected,
        score=score,
        k=k,
        person=person,
        seed=SEED,
    )
    return audit_predictions(
        read.table,
        attributes=read.attributes,
        tolerance=tolerance,
        seed=SEED,
        tie_break=read.tie_break,
    )
