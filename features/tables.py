"""The tables that cross rooms, as pandera contracts.

The import contracts say what a readable row is; each check carries the plain-language
reason that the quarantine shows. The store's contracts say what every other room may rely
on: pseudonyms in place of identifiers, naive Europe/Paris times, no free text.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pa

from features.codes import CODE, LONGEST_CODE
from features.contract import row_check

EARLIEST = pd.Timestamp("1900-01-01")
"""Nothing older is believed (contract, section 1)."""


@dataclass(frozen=True)
class FileContract:
    """One file of an import folder: which columns it may have, and how they are read.

    ``columns`` maps each column to its type: ``text``, ``date``, ``time`` or ``number``.
    """

    name: str
    columns: dict[str, str]
    required: frozenset[str]
    open_columns: bool = False
    """Free columns are allowed (the vault's contacts only)."""


PERSONS_FILE = FileContract(
    "persons",
    {
        "person_id": "text",
        "entered_on": "date",
        "left_on": "date",
        "team": "text",
        "referent": "text",
        "informed_on": "date",
        "household_id": "text",
    },
    frozenset({"person_id", "entered_on", "left_on", "team", "referent", "informed_on"}),
)
EVENTS_FILE = FileContract(
    "events",
    {
        "person_id": "text",
        "occurred_at": "time",
        "recorded_at": "time",
        "code": "text",
        "numeric_value": "number",
        "event_id": "text",
    },
    frozenset({"person_id", "occurred_at", "code"}),
)
SENSITIVE_FILE = FileContract(
    "sensitive",
    {"person_id": "text", "attribute": "text", "value": "text"},
    frozenset({"person_id", "attribute", "value"}),
)
IDENTITIES_FILE = FileContract(
    "identities",
    {"person_id": "text", "display_name": "text"},
    frozenset({"person_id", "display_name"}),
    open_columns=True,
)


REASONS = {
    "not_nullable": (None, "is empty"),
    "multiple_fields_uniqueness": ("attribute", "is given a second time"),
}
"""The column and the plain reason for pandera's own checks; other checks give theirs."""


def _not_before_1900() -> pa.Check:
    return pa.Check.ge(EARLIEST, error="is before 1900")


def _known_person(persons: frozenset[str]) -> pa.Check:
    return pa.Check.isin(persons, error="is not a person of persons")


def import_schema(
    file: FileContract, *, persons: frozenset[str] | None, end: pd.Timestamp
) -> pa.DataFrameSchema:
    """Return the contract of one import file's typed rows.

    Parameters
    ----------
    file
        Which file.
    persons
        The readable ``person_id`` values; None while reading ``persons`` itself.
    end
        The first moment that is not known: ``extracted_on`` + 1 day.

    Returns
    -------
    DataFrameSchema
        Judged by :func:`features.contract.judge`; each failed check's ``error`` is the reason
        shown to a person, but for :data:`REASONS`.
    """
    last = end - pd.Timedelta(days=1)
    known = [] if persons is None else [_known_person(persons)]
    columns: dict[str, pa.Column] = {"person_id": pa.Column(str, known)}
    checks: list[pa.Check] = []
    unique: list[str] | None = None
    if file is PERSONS_FILE:
        columns |= {
            "entered_on": pa.Column("datetime64[us]", _not_before_1900()),
            "left_on": pa.Column("datetime64[us]", _not_before_1900(), nullable=True),
            "team": pa.Column(str),
            "informed_on": pa.Column("datetime64[us]", _not_before_1900(), nullable=True),
        }
        checks.append(
            row_check(
                lambda t: t["left_on"].isna() | (t["left_on"] >= t["entered_on"]),
                sql="left_on IS NULL OR left_on >= entered_on",
                column="left_on",
                error="is before entered_on",
            )
        )
    elif file is EVENTS_FILE:
        columns |= {
            "occurred_at": pa.Column("datetime64[us]", _not_before_1900()),
            "recorded_at": pa.Column(
                "datetime64[us]",
                [
                    _not_before_1900(),
                    pa.Check.lt(end, error=f"is after extracted_on ({last:%Y-%m-%d})"),
                ],
            ),
        }
        checks.append(
            row_check(
                lambda t: (t["code"] != "") | t["event_id"].notna(),
                sql="code <> '' OR event_id IS NOT NULL",
                column="code",
                error="is empty, which deletes, but event_id does not say what",
            )
        )
        checks.append(
            row_check(
                lambda t: (
                    t["code"].isna()
                    | (
                        t["code"].str.fullmatch(f"({CODE})?")
                        & (t["code"].str.len() <= LONGEST_CODE)
                    )
                ),
                sql=f"code IS NULL OR regexp_full_match(code, '({CODE})?') "
                f"AND length(code) <= {LONGEST_CODE}",
                column="code",
                error="is no code (parts of letters, digits, _ - . joined by //)",
            )
        )
    elif file is SENSITIVE_FILE:
        columns |= {"attribute": pa.Column(str)}
        unique = ["person_id", "attribute"]
    return pa.DataFrameSchema(
        columns, checks=checks, strict=False, unique=unique, report_duplicates="exclude_first"
    )


STAYS = pa.DataFrameSchema(
    {
        "person": pa.Column(str),
        "entered_on": pa.Column("datetime64[us]"),
        "left_on": pa.Column("datetime64[us]", nullable=True),
        "team": pa.Column(str),
        "referent": pa.Column(str, nullable=True),
        "informed_on": pa.Column("datetime64[us]", nullable=True),
        "household": pa.Column(str),
    },
    strict=True,
    ordered=True,
)
"""Stays in the store; ``household`` is the person's own pseudonym where none was given."""

EVENTS = pa.DataFrameSchema(
    {
        "person": pa.Column(str),
        "occurred_at": pa.Column("datetime64[us]"),
        "recorded_at": pa.Column("datetime64[us]"),
        "code": pa.Column(str),
        "numeric_value": pa.Column(float, nullable=True),
        "event_id": pa.Column(str, nullable=True),
    },
    strict=True,
    ordered=True,
)
"""Events in the store: pseudonyms, naive Europe/Paris times."""

COHORT = pa.DataFrameSchema(
    {
        "person": pa.Column(str),
        "as_of": pa.Column("datetime64[us]"),
        "household": pa.Column(str),
        "team": pa.Column(str),
        "referent": pa.Column(str, nullable=True),
        "entered_on": pa.Column("datetime64[us]"),
        "informed": pa.Column(bool),
        "label": pa.Column(float, pa.Check.isin([0.0, 1.0]), nullable=True),
    },
    strict=True,
    ordered=True,
    unique=["person", "as_of"],
)
"""One row per person and review date; ``label`` is 0, 1 or missing."""
