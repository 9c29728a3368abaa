"""The tables that cross rooms, as pandera contracts.

The import contracts say what a readable row is; each check carries the plain-language
reason that the quarantine shows. The store's contracts say what every other room may rely
on: pseudonyms in place of identifiers, naive Europe/Paris times, no free text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pa

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


FRAME_CHECKS = {
    "is before entered_on": "left_on",
    "is empty, which deletes, but event_id does not say what": "code",
    "is given a second time": "attribute",
}
"""The column that a check over several columns is about, by the reason it gives."""


def _frame_check(reason: str, keep: Callable[[pd.DataFrame], pd.Series]) -> pa.Check:
    """Check whole rows; ``reason`` is a key of :data:`FRAME_CHECKS`."""
    return pa.Check(keep, name=FRAME_CHECKS[reason], error=reason)


def _not_before_1900() -> pa.Check:
    return pa.Check(lambda s: s >= EARLIEST, name="before 1900", error="is before 1900")


def _known_person(persons: frozenset[str]) -> pa.Check:
    return pa.Check(
        lambda s: s.isin(persons), name="unknown person", error="is not a person of persons"
    )


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
        Validated lazily; each failed check's ``error`` is the reason shown to a person.
    """
    last = end - pd.Timedelta(days=1)
    known = [] if persons is None else [_known_person(persons)]
    columns: dict[str, pa.Column] = {"person_id": pa.Column(str, known)}
    checks: list[pa.Check] = []
    if file is PERSONS_FILE:
        columns |= {
            "entered_on": pa.Column("datetime64[us]", _not_before_1900()),
            "left_on": pa.Column("datetime64[us]", _not_before_1900(), nullable=True),
            "team": pa.Column(str),
            "informed_on": pa.Column("datetime64[us]", _not_before_1900(), nullable=True),
        }
        checks.append(
            _frame_check(
                "is before entered_on",
                lambda t: t["left_on"].isna() | (t["left_on"] >= t["entered_on"]),
            )
        )
    elif file is EVENTS_FILE:
        columns |= {
            "occurred_at": pa.Column("datetime64[us]", _not_before_1900()),
            "recorded_at": pa.Column(
                "datetime64[us]",
                [
                    _not_before_1900(),
                    pa.Check(lambda s: s < end, error=f"is after extracted_on ({last:%Y-%m-%d})"),
                ],
            ),
        }
        checks.append(
            _frame_check(
                "is empty, which deletes, but event_id does not say what",
                lambda t: (t["code"] != "") | t["event_id"].notna(),
            )
        )
    elif file is SENSITIVE_FILE:
        columns |= {"attribute": pa.Column(str)}
        checks.append(
            _frame_check(
                "is given a second time",
                lambda t: ~t.duplicated(["person_id", "attribute"]),
            )
        )
    return pa.DataFrameSchema(columns, checks=checks, strict=False)


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
