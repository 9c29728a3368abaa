"""The label card: what the outcome is, and how late those who audit learn of it.

An outcome that is recorded late is missing from the truth that an audit compares with, for as
long as nobody has written it down; a group whose outcomes are recorded later than those of the
others is audited on a poorer truth. What was never recorded is in no figure of this page.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

import numpy as np
import pandas as pd

from audits.findings import GATE
from audits.records import AuditResult
from audits.suppression import K
from audits.surroundings import GroupDelay, LabelCard
from features.block import DAY, NEVER, Block, midnight
from features.protocol import Outcome

LATE_DAYS = 7


def record_delays(block: Block, codes: Sequence[str], since: date, until: date) -> pd.DataFrame:
    """Measure how long after it happened each outcome was first recorded.

    Parameters
    ----------
    block
        All events of some persons.
    codes
        The outcome's.
    since, until
        From 00:00 of the one day, before 00:00 of the other.

    Returns
    -------
    pandas.DataFrame
        ``person`` and ``days``, one row per person and moment. A row that was corrected counts
        from its first record, one that was deleted or moved to another moment not at all.
    """
    rows = np.flatnonzero(
        block.matching(codes)
        & (block.occurred >= midnight(since))
        & (block.occurred < midnight(until))
    )
    told = pd.DataFrame(
        {
            "person": block.person[rows],
            "occurred": block.occurred[rows],
            "recorded": block.recorded[rows],
            "holds": block.superseded[rows] == NEVER,
        }
    )
    moments = told.groupby(["person", "occurred"], as_index=False).agg(
        recorded=("recorded", "min"), holds=("holds", "any")
    )
    moments = moments[moments["holds"].astype(bool)]
    return pd.DataFrame(
        {
            "person": block.persons[moments["person"].to_numpy(np.int64)],
            "days": (moments["recorded"] - moments["occurred"]).to_numpy(float) / DAY,
        }
    )


def label_card(
    outcome: Outcome, delays: pd.DataFrame, attributes: pd.DataFrame, result: AuditResult
) -> LabelCard:
    """Describe the outcome, and how late it was recorded in each group.

    Parameters
    ----------
    outcome
        Of the protocol.
    delays
        From :func:`record_delays`, of all or some persons.
    attributes
        One column per attribute, nothing missing, indexed by the audited persons.
    result
        The audit: a number of persons that it withholds in a group is withheld here too.
    """
    own = delays[delays["person"].isin(attributes.index)]
    dated = bool((own["days"] > 0).any())
    median, late = _delay(own) if dated else (None, None)
    return LabelCard(
        outcome=outcome.label,
        kind=outcome.kind,
        codes=outcome.codes,
        competing_codes=outcome.competing_codes,
        horizon_days=outcome.horizon_days,
        unknown_share=1 - result.labelled_share,
        median_days=median,
        late_share=late,
        groups=tuple(
            group
            for name in attributes.columns
            for group in _groups(own, attributes[name], _withheld(result, str(name)))
        )
        if dated
        else (),
    )


def _groups(
    delays: pd.DataFrame, values: pd.Series[str], withheld: Collection[str]
) -> list[GroupDelay]:
    value = delays["person"].map(values)
    found = []
    for group in sorted(values.unique()):
        inside, outside = delays[value == group], delays[value != group]
        persons = inside["person"].nunique()
        # Beside everybody's figures, those of all but a few would tell of these few.
        few = persons < K or 0 < outside["person"].nunique() < K
        median, late = (None, None) if few else _delay(inside)
        shown = None if few or group in withheld else persons
        found.append(GroupDelay(str(values.name), group, shown, median, late))
    return found


def _delay(delays: pd.DataFrame) -> tuple[float | None, float | None]:
    """Return the median in days and the share of late ones; None where few persons tell it."""
    if delays["person"].nunique() < K:
        return None, None
    late = delays["days"] > LATE_DAYS
    sides = (delays.loc[side, "person"].nunique() for side in (late, ~late))
    share = round(float(late.mean()), 2) if min(sides) >= K else None
    return round(float(delays["days"].median()), 1), share


def _withheld(result: AuditResult, attribute: str) -> frozenset[str]:
    """Return the groups of which the audit withholds how many persons have the outcome."""
    return frozenset(
        group.value
        for finding in result.findings
        if finding.attribute == attribute and finding.metric == GATE
        for group in finding.groups
        if group.n is None or group.positives is None
    )
