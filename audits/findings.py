"""What is found in every group, metric by metric, and the answer to each attribute.

Numbers come in as sums and what resampling made of them; findings go out, nothing withheld.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import numpy.typing as npt

from audits.counts import COUNTED, Floats, Grouping, Ints
from audits.records import ENOUGH, SIGNIFICANCE, Finding, GroupEstimate, Verdict
from audits.replicates import group_sums, permute
from audits.statistics import (
    Comparison,
    Replicated,
    compare,
    equality,
    holm,
    intervals,
    means_to_rest,
    persons_needed,
    ratios,
    ratios_to_rest,
    shrunk,
)

Bools = npt.NDArray[np.bool_]

GATE = "recall"
MIRROR = "false_negative_rate"
DRAWN = tuple(metric for metric in COUNTED if metric != MIRROR)
"""The false negative rate mirrors the recall: drawn anew it would contradict it by a hair."""


@dataclass(frozen=True)
class Sampled:
    """A measure of scores in every group, replicated; persons behind each, shape (G,)."""

    replicated: Replicated
    persons: Ints


def counted(
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


def scored(grouping: Grouping, metric: str, some: Sampled, tolerance: float) -> Finding:
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
                estimate=known(groups.estimate[g]),
                low=known(own.low[g]),
                high=known(own.high[g]),
                difference=known(apart[0, g]),
                difference_low=known(apart[1, g]),
                difference_high=known(apart[2, g]),
                assessed=bool(enough[g]),
                suppressed=False,
                shrunk=known(drawn_in[g]),
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


def known(value: float) -> float | None:
    """Give a number, or None where there is none."""
    return float(value) if np.isfinite(value) else None


def _enough(grouping: Grouping, metric: str) -> Bools:
    enough: Bools = grouping.persons(COUNTED[metric][1]) >= ENOUGH
    return enough


def complement(recall: Finding) -> Finding:
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


def tested(groupings: Sequence[Grouping], *, seed: int, replicates: int) -> list[float | None]:
    """Test every grouping that has two groups to compare; not yet corrected for their number.

    Of many tests each needs more shuffles, or none could be significant once corrected.
    """
    enough = [_enough(grouping, GATE) for grouping in groupings]
    two = [g for g, some in enumerate(enough) if some.sum() > 1]
    dealt = permute(
        [groupings[g] for g in two],
        GATE,
        [enough[g] for g in two],
        seed=seed,
        replicates=max(replicates, ceil(2 * len(two) / SIGNIFICANCE)),
    )
    p_values: list[float | None] = [None] * len(groupings)
    for g, some in zip(two, dealt, strict=True):
        p_values[g] = equality(group_sums(groupings[g], [GATE])[GATE][enough[g]], some)
    return p_values


def judged(findings: Sequence[Finding], tolerance: float) -> list[Finding]:
    """Give every recall finding its answer, p-values corrected for their number."""
    alone = [one.p_value for one in findings if one.metric == GATE and one.p_value is not None]
    corrected = iter(holm(alone))
    answered = []
    for finding in findings:
        if finding.metric != GATE:
            answered.append(finding)
            continue
        p_value = None if finding.p_value is None else next(corrected)
        answer = _answer(replace(finding, p_value=p_value), tolerance)
        needed = finding.persons_needed if answer is Verdict.CANNOT_ASSESS else None
        answered.append(replace(finding, p_value=p_value, verdict=answer, persons_needed=needed))
    return answered


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


def overall(findings: Sequence[Finding]) -> Verdict:
    """Answer for all: fail if any fails, else cannot assess if any cannot, else pass."""
    answers = {finding.verdict for finding in findings}
    return next(
        answer
        for answer in (Verdict.FAIL, Verdict.CANNOT_ASSESS, Verdict.PASS)
        if answer in answers
    )
