"""The audit itself: findings for every attribute, and one of three answers.

The criterion is help, not punishment: among the situations where the outcome came, was
the same share on the list in every group (recall at capacity)? Only that gates. The other
metrics are reported beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import pandas as pd

from audits.counts import COUNTED, Grouping, Population
from audits.findings import (
    DRAWN,
    GATE,
    MIRROR,
    complement,
    counted,
    judged,
    overall,
    scored,
    tested,
)
from audits.predictions import checked
from audits.records import AuditResult, Finding, TeamsLeftOut, TieBreak
from audits.replicates import group_sums, resample
from audits.scores import Scores
from audits.secrecy import publish
from features.errors import RebondError

MOST_GROUPS = 1000
"""Groups of one attribute or intersection; more would be a name, not a group."""
TEAM_REPLICATES = 200
"""Replicates where one team is left out: a look at how much hangs on it, not a verdict."""


class NothingToAudit(RebondError):
    """No attribute is configured, so that an audit would pass by looking at nothing."""


class IndistinctGroups(RebondError):
    """Groups cannot be told apart by name, or are too many to be groups at all."""


class InvalidTolerance(RebondError):
    """The tolerance is not a share above 0."""


def audit_predictions(
    table: pd.DataFrame,
    *,
    attributes: Sequence[str],
    intersections: Sequence[Sequence[str]] = (),
    tolerance: float = 0.10,
    seed: int = 0,
    replicates: int = 1000,
    tie_break: TieBreak | None = None,
) -> AuditResult:
    """Audit a table of predictions; what comes back may be shown.

    Parameters
    ----------
    table
        One row per person and review date, see :mod:`audits.predictions`.
    attributes
        Audited columns, at least one.
    intersections
        Groups of audited columns to be crossed.
    tolerance
        Largest accepted gap in recall, in (0, 1].
    seed, replicates
        Of the resampling: same input and seed, same result to the last bit.
    tie_break
        How the list was drawn, where it was drawn from scores; reported as it is.

    Raises
    ------
    NothingToAudit, UnknownColumn, IndistinctGroups, InvalidPredictions
        If the question or the table is not what was expected.
    """
    assessed = assess(
        table,
        attributes=attributes,
        intersections=intersections,
        tolerance=tolerance,
        seed=seed,
        replicates=replicates,
    )
    result = replace(assessed.result, tie_break=tie_break)
    return publish(result, assessed.population, assessed.groupings)


@dataclass(frozen=True)
class Assessed:
    """An audit before statistical secrecy: for computing with, never for showing."""

    result: AuditResult
    population: Population
    groupings: tuple[Grouping, ...]


def assess(
    table: pd.DataFrame,
    *,
    attributes: Sequence[str],
    intersections: Sequence[Sequence[str]] = (),
    tolerance: float = 0.10,
    seed: int = 0,
    replicates: int = 1000,
) -> Assessed:
    """Audit a table of predictions, nothing withheld; parameters of :func:`audit_predictions`."""
    if not attributes:
        raise NothingToAudit(
            "No attribute to audit: name at least one in [audit] attributes of the protocol "
            "or with --attributes; an audit that compares no groups would always pass."
        )
    if not 0 < tolerance <= 1:
        raise InvalidTolerance(f"The tolerance is {tolerance}; expected above 0 and at most 1.")
    columns = list(dict.fromkeys([*attributes, *chain.from_iterable(intersections)]))
    clean = checked(table, columns)
    population = Population.of(clean, columns)
    singles = dict.fromkeys((name,) for name in attributes)
    crossed = dict.fromkeys(tuple(dict.fromkeys(names)) for names in intersections)
    groupings = [Grouping.of(population, names) for names in singles | crossed]
    _distinguishable(groupings)
    scores = Scores.of(clean, population, groupings, len(singles))
    drawn, added = resample(
        groupings,
        DRAWN,
        scores.additive(),
        persons=population.persons,
        seed=seed,
        replicates=replicates,
    )
    p_values = tested(groupings, seed=seed, replicates=replicates)
    replicated = scores.replicated(added)

    findings: list[Finding] = []
    for g, grouping in enumerate(groupings):
        observed = group_sums(grouping, DRAWN)
        found = {
            metric: counted(grouping, metric, observed[metric], drawn[g][metric], tolerance)
            for metric in DRAWN
        }
        gate = replace(found[GATE], p_value=p_values[g])
        found |= {GATE: gate, MIRROR: complement(gate)}
        findings += [found[metric] for metric in COUNTED]
        findings += [
            scored(grouping, metric, some, tolerance)
            for metric, some in replicated.findings[g].items()
        ]
    findings = judged(findings, tolerance)
    result = AuditResult(
        verdict=overall(findings),
        tolerance=tolerance,
        persons=population.persons,
        positives=len(np.unique(population.person[population.kind < 2])),  # noqa: PLR2004
        rows=len(clean),
        review_dates=int(clean["as_of"].nunique()) if "as_of" in clean else None,
        labelled_share=float(clean["label"].notna().mean()),
        seed=seed,
        replicates=replicates,
        tie_break=None,
        findings=tuple(findings),
        calibration=replicated.curves,
        teams=_without_each_team(
            clean, population, groupings, findings, seed=seed, tolerance=tolerance
        ),
    )
    return Assessed(result, population, tuple(groupings))


def _distinguishable(groupings: Sequence[Grouping]) -> None:
    """Refuse tables with one name, and those that are no groups but nearly a name a person."""
    for names, what in [
        ([one.name for one in groupings], "attributes and intersections"),
        *((one.values, f"groups of {one.name!r}") for one in groupings),
    ]:
        name, times = Counter(names).most_common(1)[0]
        if times > 1:
            raise IndistinctGroups(
                f"Two {what} would both be called {name!r}; rename one, without ' × '."
            )
    for one in groupings:
        if len(one.values) > MOST_GROUPS:
            raise IndistinctGroups(
                f"{one.name!r} has {len(one.values)} groups; expected at most {MOST_GROUPS}: "
                "gather its values into fewer."
            )


def _without_each_team(
    clean: pd.DataFrame,
    population: Population,
    groupings: Sequence[Grouping],
    findings: Sequence[Finding],
    *,
    seed: int,
    tolerance: float,
) -> tuple[TeamsLeftOut, ...]:
    """Ask the whole question again with one team left out, each in turn."""
    if "team" not in clean or clean["team"].nunique() < 2:  # noqa: PLR2004 - one is everybody
        return ()
    gates = [one for one in findings if one.metric == GATE]
    teams = sorted(clean["team"].unique())
    again = [
        _gates(
            population.without((clean["team"] == team).to_numpy()),
            [one.columns for one in groupings],
            seed=seed,
            tolerance=tolerance,
        )
        for team in teams
    ]
    told = []
    for gate, some in zip(gates, zip(*again, strict=True), strict=True):
        gaps = [one.gap for one in some if one.gap is not None]
        told.append(
            TeamsLeftOut(
                attribute=gate.attribute,
                teams=len(teams),
                gap_least=min(gaps, default=None),
                gap_most=max(gaps, default=None),
                other_verdicts=sum(one.verdict is not gate.verdict for one in some),
            )
        )
    return tuple(told)


def _gates(
    population: Population, groupings: Sequence[Sequence[str]], *, seed: int, tolerance: float
) -> list[Finding]:
    """Judge the recall of some people alone."""
    some = [Grouping.of(population, columns) for columns in groupings]
    kept = {"seed": seed, "replicates": TEAM_REPLICATES}
    drawn, _ = resample(some, [GATE], [], persons=population.persons, **kept)
    p_values = tested(some, **kept)
    return judged(
        [
            replace(
                counted(one, GATE, group_sums(one, [GATE])[GATE], sums[GATE], tolerance),
                p_value=p_value,
            )
            for one, sums, p_value in zip(some, drawn, p_values, strict=True)
        ],
        tolerance,
    )
