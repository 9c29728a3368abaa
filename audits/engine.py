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
from math import ceil

import numpy as np
import numpy.typing as npt
import pandas as pd

from audits.counts import COUNTED, Floats, Grouping, Ints, Population
from audits.predictions import checked
from audits.ranking import Curve, Influences, ascending, auc, calibration, calibration_curve
from audits.records import (
    AuditResult,
    CalibrationBin,
    CalibrationCurve,
    Finding,
    GroupEstimate,
    TeamsLeftOut,
    TieBreak,
    Verdict,
)
from audits.replicates import Additive, group_sums, permute, resample
from audits.secrecy import publish
from audits.statistics import (
    Comparison,
    Replicated,
    compare,
    equality,
    holm,
    intervals,
    linear,
    means_to_rest,
    persons_needed,
    ratios,
    ratios_to_rest,
    shrunk,
)
from features.errors import RebondError

Bools = npt.NDArray[np.bool_]

GATE = "recall"
MIRROR = "false_negative_rate"
SIGNIFICANCE = 0.05
ENOUGH = 30
"""Persons in the denominator (with the outcome, for recall) below whom nothing is said."""
DRAWN = tuple(metric for metric in COUNTED if metric != MIRROR)
"""The false negative rate mirrors the recall: drawn anew it would contradict it by a hair."""
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
    scores = _Scores.of(clean, population, groupings, len(singles))
    drawn, added = resample(
        groupings,
        DRAWN,
        [additive for additive, _ in scores.additive()],
        persons=population.persons,
        seed=seed,
        replicates=replicates,
    )
    p_values = _p_values(groupings, seed=seed, replicates=replicates)
    replicated = scores.replicated(added)

    findings: list[Finding] = []
    for g, grouping in enumerate(groupings):
        observed = group_sums(grouping, DRAWN)
        found = {
            metric: _counted(grouping, metric, observed[metric], drawn[g][metric], tolerance)
            for metric in DRAWN
        }
        gate = replace(found[GATE], p_value=p_values[g])
        found |= {GATE: gate, MIRROR: _complement(gate)}
        findings += [found[metric] for metric in COUNTED]
        findings += [
            _scored(grouping, metric, some, tolerance)
            for metric, some in replicated.findings[g].items()
        ]
    findings = _judged(findings, tolerance)
    result = AuditResult(
        verdict=_overall(findings),
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
        teams=_without_each_team(clean, population, findings, tolerance, seed),
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


def _p_values(groupings: Sequence[Grouping], *, seed: int, replicates: int) -> list[float | None]:
    """Test every grouping that has two groups to compare; not yet corrected for their number.

    Of many tests each needs more shuffles, or none could be significant once corrected.
    """
    enough = [_enough(grouping, GATE) for grouping in groupings]
    tested = [g for g, some in enumerate(enough) if some.sum() > 1]
    dealt = permute(
        [groupings[g] for g in tested],
        GATE,
        [enough[g] for g in tested],
        seed=seed,
        replicates=max(replicates, ceil(2 * len(tested) / SIGNIFICANCE)),
    )
    p_values: list[float | None] = [None] * len(groupings)
    for g, some in zip(tested, dealt, strict=True):
        p_values[g] = equality(group_sums(groupings[g], [GATE])[GATE][enough[g]], some)
    return p_values


def _enough(grouping: Grouping, metric: str) -> Bools:
    enough: Bools = grouping.persons(COUNTED[metric][1]) >= ENOUGH
    return enough


def _counted(
    grouping: Grouping, metric: str, observed: Floats, drawn: Floats, tolerance: float
) -> Finding:
    """One ratio of counts over the groups of one attribute; the verdict is given later."""
    enough = _enough(grouping, metric)
    groups = ratios(observed, drawn)
    comparison = None
    if enough.sum() > 1:
        seen, again = observed[enough], drawn[:, enough]
        comparison = compare(
            ratios(seen, again), ratios_to_rest(seen, again), seen[:, 0], tolerance=tolerance
        )
    numerator, denominator = (grouping.rows(cells) for cells in COUNTED[metric])
    return _finding(
        grouping,
        metric,
        groups,
        comparison,
        enough,
        numerator=numerator,
        denominator=denominator,
        tolerance=tolerance,
    )


def _scored(grouping: Grouping, metric: str, some: _Sampled, tolerance: float) -> Finding:
    """One measure of scores over the groups of one attribute; it never gates."""
    enough = (some.persons >= ENOUGH) & (some.replicated.variance > 0)
    comparison = None
    if enough.sum() > 1:
        compared = Replicated(
            some.replicated.estimate[enough],
            some.replicated.variance[enough],
            some.replicated.drawn[:, enough],
            some.replicated.drawn_variance[:, enough],
        )
        weight = some.persons[enough].astype(np.float64)
        comparison = compare(compared, means_to_rest(compared, weight), weight, tolerance=tolerance)
    least = -1 if metric == "calibration" else 0
    return _finding(grouping, metric, some.replicated, comparison, enough, least=least)


def _finding(
    grouping: Grouping,
    metric: str,
    groups: Replicated,
    comparison: Comparison | None,
    enough: Bools,
    *,
    numerator: Ints | None = None,
    denominator: Ints | None = None,
    least: float = 0,
    tolerance: float | None = None,
) -> Finding:
    """Put the numbers of one metric together."""
    own = intervals(groups, least)
    apart = np.full((3, len(enough)), np.nan)
    if comparison is not None:
        rest = comparison.against_rest
        apart[:, enough] = rest.estimate, rest.low, rest.high
    drawn_in = (
        shrunk(groups.estimate, groups.variance)
        if len(grouping.columns) > 1 and denominator is not None
        else np.full(len(enough), np.nan)
    )
    n, positives = grouping.persons(), grouping.persons(("found", "missed"))
    needed = None
    if metric == GATE and tolerance is not None:
        needed = comparison.persons_needed if comparison else persons_needed(tolerance)
        needed = max(ENOUGH, needed)
    return Finding(
        attribute=grouping.name,
        metric=metric,
        groups=tuple(
            GroupEstimate(
                value=value,
                n=int(n[g]),
                positives=int(positives[g]),
                numerator=None if numerator is None else int(numerator[g]),
                denominator=None if denominator is None else int(denominator[g]),
                estimate=_known(groups.estimate[g]),
                low=_known(own.low[g]),
                high=_known(own.high[g]),
                difference=_known(apart[0, g]),
                difference_low=_known(apart[1, g]),
                difference_high=_known(apart[2, g]),
                assessed=bool(enough[g]),
                suppressed=False,
                shrunk=_known(drawn_in[g]),
            )
            for g, value in enumerate(grouping.values)
        ),
        gap=comparison.gap if comparison else None,
        gap_low=comparison.gap_low if comparison else None,
        gap_high=comparison.gap_high if comparison else None,
        p_value=None,
        verdict=None,
        persons_needed=needed,
    )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _complement(recall: Finding) -> Finding:
    """Mirror the recall: the false negative rate."""

    def less(value: float | None) -> float | None:
        return None if value is None else 1 - value

    def minus(value: float | None) -> float | None:
        return None if value is None else 0.0 - value

    def mirrored(group: GroupEstimate) -> GroupEstimate:
        rows, found = group.denominator, group.numerator
        missed = None if rows is None or found is None else rows - found
        return replace(
            group,
            numerator=missed,
            # As fairlearn has it, to the last bit: a ratio of counts, not 1 minus another.
            estimate=missed / rows if rows and missed is not None else None,
            low=less(group.high),
            high=less(group.low),
            difference=minus(group.difference),
            difference_low=minus(group.difference_high),
            difference_high=minus(group.difference_low),
            shrunk=less(group.shrunk),
        )

    return replace(
        recall,
        metric=MIRROR,
        groups=tuple(mirrored(group) for group in recall.groups),
        p_value=None,
        persons_needed=None,
    )


def _judged(findings: Sequence[Finding], tolerance: float) -> list[Finding]:
    """Give every recall finding its answer, p-values corrected for their number."""
    tested = [one.p_value for one in findings if one.metric == GATE and one.p_value is not None]
    corrected = iter(holm(tested))
    judged = []
    for finding in findings:
        if finding.metric != GATE:
            judged.append(finding)
            continue
        p_value = None if finding.p_value is None else next(corrected)
        answer = _answer(replace(finding, p_value=p_value), tolerance)
        needed = finding.persons_needed if answer is Verdict.CANNOT_ASSESS else None
        judged.append(replace(finding, p_value=p_value, verdict=answer, persons_needed=needed))
    return judged


def _answer(finding: Finding, tolerance: float) -> Verdict:
    """Fail on evidence, pass on evidence, else say that the data cannot tell.

    A group too small to be compared keeps its attribute from passing: what was not looked
    at is not fair by default.
    """
    if finding.gap is None or finding.gap_high is None or finding.p_value is None:
        return Verdict.CANNOT_ASSESS
    if finding.p_value < SIGNIFICANCE and finding.gap > tolerance:
        return Verdict.FAIL
    if finding.gap_high <= tolerance and all(group.assessed for group in finding.groups):
        return Verdict.PASS
    return Verdict.CANNOT_ASSESS


def _overall(findings: Sequence[Finding]) -> Verdict:
    answers = {finding.verdict for finding in findings}
    return next(
        answer
        for answer in (Verdict.FAIL, Verdict.CANNOT_ASSESS, Verdict.PASS)
        if answer in answers
    )


def _without_each_team(
    clean: pd.DataFrame,
    population: Population,
    findings: Sequence[Finding],
    tolerance: float,
    seed: int,
) -> tuple[TeamsLeftOut, ...]:
    """Judge every attribute again with one team left out, each in turn."""
    if "team" not in clean or clean["team"].nunique() < 2:  # noqa: PLR2004 - one is everybody
        return ()
    gates = {one.attribute: one for one in findings if one.metric == GATE}
    again: dict[str, list[Finding]] = {name: [] for name in population.values}
    teams = sorted(clean["team"].unique())
    for team in teams:
        rest = population.without((clean["team"] == team).to_numpy())
        groupings = [Grouping.of(rest, (name,)) for name in population.values]
        drawn, _ = resample(
            groupings,
            [GATE],
            [],
            persons=rest.persons,
            seed=seed,
            replicates=TEAM_REPLICATES,
        )
        p_values = _p_values(groupings, seed=seed, replicates=TEAM_REPLICATES)
        found = [
            replace(
                _counted(one, GATE, group_sums(one, [GATE])[GATE], drawn[g][GATE], tolerance),
                p_value=p_values[g],
            )
            for g, one in enumerate(groupings)
        ]
        for finding in _judged(found, tolerance):
            again[finding.attribute].append(finding)
    told = []
    for name, some in again.items():
        if name not in gates:
            continue
        gaps = [one.gap for one in some if one.gap is not None]
        told.append(
            TeamsLeftOut(
                attribute=name,
                teams=len(teams),
                gap_least=min(gaps, default=None),
                gap_most=max(gaps, default=None),
                other_verdicts=sum(one.verdict is not gates[name].verdict for one in some),
            )
        )
    return tuple(told)


@dataclass(frozen=True)
class _Sampled:
    """A measure of scores in every group, replicated; persons behind each, shape (G,)."""

    replicated: Replicated
    persons: Ints


@dataclass(frozen=True)
class _FromScores:
    """What scores tell: per grouping its measures by name, and the calibration curves."""

    findings: list[dict[str, _Sampled]]
    curves: tuple[CalibrationCurve, ...]


@dataclass(frozen=True)
class _Scores:
    """Measures of scores by grouping; empty where the table has no scores."""

    groupings: Sequence[Grouping]
    measures: list[dict[str, Influences]]
    curves: list[Curve]
    """Of the first groupings, the single attributes."""

    @classmethod
    def of(
        cls,
        clean: pd.DataFrame,
        population: Population,
        groupings: Sequence[Grouping],
        singles: int,
    ) -> _Scores:
        """Measure what the columns of the table allow."""
        measures: list[dict[str, Influences]] = [{} for _ in groupings]
        curves: list[Curve] = []
        kind = population.kind
        if "score" in clean and clean["score"].notna().any():
            score = clean["score"].to_numpy(dtype=np.float64)
            order = ascending(kind, score)
            for grouping, found in zip(groupings, measures, strict=True):
                found["auc"] = auc(grouping, kind, score, order)
        if "probability" in clean and clean["probability"].notna().any():
            probability = clean["probability"].to_numpy(dtype=np.float64)
            order = ascending(kind, probability)
            for grouping, found in zip(groupings, measures, strict=True):
                found["calibration"] = calibration(grouping, kind, probability, order)
            curves = [
                calibration_curve(one, kind, probability, order) for one in groupings[:singles]
            ]
        return cls(groupings, measures, curves)

    def additive(self) -> list[tuple[Additive, Influences]]:
        """Return the influences to be drawn, in the order that :meth:`replicated` takes."""
        measured = [
            (Additive(grouping, one.members), one)
            for grouping, found in zip(self.groupings, self.measures, strict=True)
            for one in found.values()
        ]
        curved = [
            (Additive(grouping, curve.observed.members), curve.observed)
            for grouping, curve in zip(self.groupings, self.curves, strict=False)
        ]
        return measured + curved

    def replicated(self, added: Sequence[Floats]) -> _FromScores:
        """Put estimates and their replicates together."""
        sums = iter(added)
        findings = [
            {
                name: _Sampled(_replicated(one, grouping, next(sums), 0), one.persons[:, 0])
                for name, one in found.items()
            }
            for grouping, found in zip(self.groupings, self.measures, strict=True)
        ]
        curves = [
            told
            for grouping, curve in zip(self.groupings, self.curves, strict=False)
            for told in _curves(grouping, curve, next(sums))
        ]
        return _FromScores(findings, tuple(curves))


def _replicated(some: Influences, grouping: Grouping, drawn: Floats, column: int) -> Replicated:
    return linear(
        some.estimate[:, column],
        some.persons[:, column].astype(np.float64),
        some.squares(grouping)[:, column],
        drawn[:, :, column],
    )


def _curves(grouping: Grouping, curve: Curve, drawn: Floats) -> list[CalibrationCurve]:
    """One curve a group."""
    shares = [
        intervals(_replicated(curve.observed, grouping, drawn, column))
        for column in range(drawn.shape[2])
    ]
    return [
        CalibrationCurve(
            attribute=grouping.name,
            value=value,
            bins=tuple(
                CalibrationBin(
                    expected=_known(curve.expected[g, column]),
                    observed=_known(share.estimate[g]),
                    low=_known(share.low[g]),
                    high=_known(share.high[g]),
                    persons=int(curve.observed.persons[g, column]),
                )
                for column, share in enumerate(shares)
            ),
        )
        for g, value in enumerate(grouping.values)
    ]
