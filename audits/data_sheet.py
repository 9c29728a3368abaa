"""The data sheet: which rows a model learnt from, and which it was audited on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import pandas as pd

from audits.drift import base_rate
from audits.predictions import UNKNOWN
from audits.records import AuditResult
from audits.surroundings import DataSheet


def data_sheet(
    train: pd.DataFrame,
    audited: pd.DataFrame,
    result: AuditResult,
    *,
    extracted_on: date,
    features: int,
    set_aside: Collection[str],
) -> DataSheet:
    """Count the rows of both sides.

    Parameters
    ----------
    train, audited
        Rows (:data:`features.tables.COHORT`), at least one each.
    result
        The audit: of how many persons an attribute is not known is told as it tells it.
    extracted_on
        The last day of which anything is known.
    features
        How many the model looks at.
    set_aside
        Codes that occurred and are in no feature.
    """
    return DataSheet(
        extracted_on=extracted_on,
        train_from=train["as_of"].min().date(),
        train_until=train["as_of"].max().date(),
        train_persons=train["person"].nunique(),
        train_rows=len(train),
        train_base_rate=base_rate(train),
        test_from=audited["as_of"].min().date(),
        test_until=audited["as_of"].max().date(),
        test_persons=audited["person"].nunique(),
        test_rows=len(audited),
        test_base_rate=base_rate(audited),
        features=features,
        unknown=_unknown(result),
        set_aside=tuple(sorted(set_aside)),
    )


def _unknown(result: AuditResult) -> tuple[tuple[str, float], ...]:
    """Return the share of persons of each attribute whose value is not known."""
    shares = {}
    for finding in result.findings:
        if " × " in finding.attribute:
            continue
        counts = {group.value: group.n for group in finding.groups}
        unknown = counts.get(UNKNOWN, 0)
        if unknown is not None:
            shares[finding.attribute] = unknown / result.persons
    return tuple(shares.items())
