"""The audit itself: findings for every attribute, and one of three answers.

The criterion is help, not punishment: among the situations where the outcome came, was
the same share on the list in every group (recall at capacity)? Only that gates. The other
metrics are reported beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import numpy as np
import numpy.typing as npt
import pandas as pd
from fairlearn.metrics import (
    MetricFrame,
    false_negative_rate,
    false_positive_rate,
    selection_rate,
)
from sklearn.metrics import precision_score, recall_score

from audits.predictions import UNKNOWN, checked
from audits.records import AuditResult, Finding, GroupEstimate, TieBreak, Verdict
from audits.statistics import (
    Comparison,
    Floats,
    Intervals,
    Sample,
    compare,
    equality,
    holm,
    intervals,
    persons_needed,
    resample,
)
from audits.suppression import K, withheld
from features.errors import RebondError

GATE = "recall"
SIGNIFICANCE = 0.05
ENOUGH = 30
"""Persons in the denominator (with the outcome, for recall) below whom nothing is said."""

METRICS = {
    "recall": partial(recall_score, zero_division=np.nan),
    "false_negative_rate": false_negative_rate,
    "false_positive_rate": false_positive_rate,
    "precision": partial(precision_score, zero_division=np.nan),
    "selection_rate": selection_rate,
}
"""Point estimates are fairlearn's."""

COUNTS = {
    "recall": ("found", "positive"),
    "false_positive_rate": ("needless", "negative"),
    "precision": ("found", "listed"),
    "selection_rate": ("listed", "known"),
}
"""Numerator and denominator, for the intervals; the false negative rate mirrors recall."""


class NothingToAudit(RebondError):
    """No attribute is configured, so that an audit would pass by looking at nothing."""


class InvalidTolerance(RebondError):
    """The tolerance is not a share above 0."""


@dataclass(frozen=True)
class _Attribute:
    """One attribute or intersection over all persons.

    ``units`` has one row per person and value (nearly always one per person): ``group``
    and the person's counts of rows. ``estimates`` has one row per value, one column per
    metric.
    """

    columns: tuple[str, ...]
    values: list[str]
    units: pd.DataFrame
    estimates: pd.DataFrame

    @property
    def name(self) -> str:
        return " × ".join(self.columns)

    def persons(self, counted: str | None = None) -> npt.NDArray[np.int64]:
        """Persons per group, all or those with at least one such row, shape (G,)."""
        units = self.units if counted is None else self.units[self.units[counted] > 0]
        return np.bincount(units["group"], minlength=len(self.values))

    @property
    def few(self) -> npt.NDArray[np.bool_]:
        """Groups with fewer than k persons with, or without, the outcome, shape (G,)."""
        positives = self.persons("positive")
        few: npt.NDArray[np.bool_] = np.minimum(positives, self.persons() - positives) < K
        return few


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
    """Audit a table of predictions.

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
    NothingToAudit, UnknownColumn, InvalidPredictions
        If the question or the table is not what was expected.
    """
    if not attributes:
        raise NothingToAudit(
            "No attribute to audit: name at least one in [audit] attributes of the protocol "
            "or with --attributes; an audit that compares no groups would always pass."
        )
    if not 0 < tolerance <= 1:
        raise InvalidTolerance(f"The tolerance is {tolerance}; expected above 0 and at most 1.")
    columns = list(dict.fromkeys([*attributes, *chain.from_iterable(intersections)]))
    clean = checked(table, columns)
    rows = _counts(clean)
    tables = [_attribute(clean, rows, (name,)) for name in dict.fromkeys(attributes)]
    tables += [_attribute(clean, rows, tuple(names)) for names in intersections]

    findings: list[Finding] = []
    for attribute, secret in zip(tables, _secrets(clean, tables, columns), strict=True):
        drawn = {
            metric: _finding(
                attribute,
                metric,
                secret,
                tolerance=tolerance,
                seed=seed,
                replicates=replicates,
            )
            for metric in COUNTS
        }
        missed = attribute.estimates["false_negative_rate"].to_numpy()
        mirrored = _complement(drawn[GATE], missed)
        findings += [drawn.get(metric, mirrored) for metric in METRICS]
    findings = _judged(findings, tolerance)

    answers = {finding.verdict for finding in findings}
    positive_persons = int(rows.loc[rows["positive"] > 0, "person"].nunique())
    return AuditResult(
        verdict=next(
            answer
            for answer in (Verdict.FAIL, Verdict.CANNOT_ASSESS, Verdict.PASS)
            if answer in answers
        ),
        tolerance=tolerance,
        persons=int(rows["person"].nunique()),
        positives=positive_persons if positive_persons >= K else None,
        rows=len(clean),
        review_dates=int(clean["as_of"].nunique()) if "as_of" in clean else None,
        labelled_share=float(clean["label"].notna().mean()),
        seed=seed,
        replicates=replicates,
        tie_break=tie_break,
        findings=tuple(findings),
    )


def _counts(clean: pd.DataFrame) -> pd.DataFrame:
    """Each row as the counts it adds; a row whose outcome is not known adds none."""
    known = clean["label"].notna()
    positive, negative = (clean["label"].eq(label).fillna(False).astype(bool) for label in (1, 0))
    listed = clean["selected"]
    return pd.DataFrame(
        {
            "person": pd.factorize(clean["person"])[0],
            "known": known,
            "positive": positive,
            "negative": negative,
            "listed": listed & known,
            "found": listed & positive,
            "needless": listed & negative,
        }
    ).astype("int64")


def _crossed(rows: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """One column, or several joined: "femme × oui"."""
    return rows[names[0]].str.cat([rows[name] for name in names[1:]], sep=" × ")


def _attribute(clean: pd.DataFrame, rows: pd.DataFrame, names: tuple[str, ...]) -> _Attribute:
    value = _crossed(clean, names)
    values = sorted(value.unique(), key=lambda name: (UNKNOWN in name.split(" × "), name))
    group = pd.Categorical(value, categories=values).codes.astype("int64")
    units = rows.assign(group=group).groupby(["person", "group"], as_index=False).sum()
    return _Attribute(names, values, units, _point_estimates(group, values, rows))


def _point_estimates(
    group: npt.NDArray[np.int64], values: list[str], rows: pd.DataFrame
) -> pd.DataFrame:
    """Every metric in every group, by fairlearn; NaN where the denominator is empty.

    MetricFrame is given the few distinct rows with their number as weight: the same
    estimates, whatever the length of the table.
    """
    cells = (
        rows[rows["known"] == 1].assign(group=group[rows["known"] == 1])
        .groupby(["group", "positive", "listed"], as_index=False)
        .size()
    )  # fmt: skip
    if cells.empty:
        return pd.DataFrame(np.nan, index=range(len(values)), columns=list(METRICS))
    frame = MetricFrame(
        metrics=METRICS,
        y_true=cells["positive"],
        y_pred=cells["listed"],
        sensitive_features=cells["group"],
        sample_params={name: {"sample_weight": cells["size"]} for name in METRICS},
    )
    return frame.by_group.astype("float64").reindex(range(len(values)))


def _secrets(
    clean: pd.DataFrame, tables: list[_Attribute], columns: list[str]
) -> list[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """Which group sizes and which numbers of positive persons are withheld, per table."""
    finest = clean[columns].drop_duplicates()
    made_of = np.vstack(
        [
            _crossed(finest, attribute.columns).to_numpy() == value
            for attribute in tables
            for value in attribute.values
        ]
    ).astype(np.float64)
    table = np.repeat(np.arange(len(tables)), [len(attribute.values) for attribute in tables])
    n = np.concatenate([attribute.persons() for attribute in tables])
    positives = np.concatenate([attribute.persons("positive") for attribute in tables])
    few = np.concatenate([attribute.few for attribute in tables])
    n_hidden = withheld(n, n < K, made_of, table)
    positives_hidden = withheld(positives, few, made_of, table)
    cuts = np.flatnonzero(np.diff(table)) + 1
    return list(zip(np.split(n_hidden, cuts), np.split(positives_hidden, cuts), strict=True))


def _finding(
    attribute: _Attribute,
    metric: str,
    secret: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]],
    *,
    tolerance: float,
    seed: int,
    replicates: int,
) -> Finding:
    """One metric over the groups of one attribute; the verdict is given later."""
    numerator, denominator = COUNTS[metric]
    counted = attribute.persons(denominator)
    present, assessed = counted > 0, counted >= ENOUGH
    units = attribute.units[attribute.units[denominator] > 0]
    sample = Sample.of(
        units["group"].to_numpy(),
        units[numerator].to_numpy(),
        units[denominator].to_numpy(),
        len(attribute.values),
    )
    # A finding has its own stream, so that auditing one more attribute changes no other.
    rng = np.random.default_rng([seed, *f"{attribute.name}/{metric}".encode()])
    drawn = np.empty((replicates, len(present), 5))
    drawn[:, present] = resample(sample.only(present), rng, replicates)
    own = intervals(sample.only(present), drawn[:, present])
    comparison, p_value = None, None
    if assessed.sum() > 1:
        compared = sample.only(assessed)
        comparison = compare(compared, drawn[:, assessed], tolerance=tolerance)
        p_value = equality(compared, rng, replicates) if metric == GATE else None

    n, positives = attribute.persons(), attribute.persons("positive")
    summed = attribute.units.groupby("group")[[numerator, denominator]].sum()
    secret_n, secret_positives = secret
    suppressed = secret_n | secret_positives | (counted < K)
    untold = attribute.few | (counted < K)
    estimate = np.where(present, attribute.estimates[metric], np.nan)
    _, low, high = _over_groups(own, present)
    difference, difference_low, difference_high = _over_groups(
        comparison.against_rest if comparison else None, assessed
    )

    def shown(column: Floats, g: int) -> float | None:
        if untold[g] or np.isnan(column[g]):
            return None
        return _blurred(float(column[g]), bool(suppressed[g]))

    def of_gap(value: float | None) -> float | None:
        return None if value is None else _blurred(value, bool((suppressed & assessed).any()))

    return Finding(
        attribute=attribute.name,
        metric=metric,
        groups=tuple(
            GroupEstimate(
                value=value,
                n=None if secret_n[g] else int(n[g]),
                positives=None if suppressed[g] else int(positives[g]),
                numerator=None if suppressed[g] else int(summed[numerator][g]),
                denominator=None if suppressed[g] else int(summed[denominator][g]),
                estimate=shown(estimate, g),
                low=shown(low, g),
                high=shown(high, g),
                difference=shown(difference, g),
                difference_low=shown(difference_low, g),
                difference_high=shown(difference_high, g),
                assessed=bool(assessed[g]),
                suppressed=bool(suppressed[g]),
            )
            for g, value in enumerate(attribute.values)
        ),
        gap=of_gap(comparison.gap if comparison else None),
        gap_low=of_gap(comparison.gap_low if comparison else None),
        gap_high=of_gap(comparison.gap_high if comparison else None),
        p_value=p_value,
        verdict=None,
        persons_needed=_needed(comparison, tolerance) if metric == GATE else None,
    )


def _blurred(value: float, secret: bool) -> float:
    """Round to a whole percent where the count behind must not be found from the fraction."""
    return round(value, 2) + 0.0 if secret else value


def _over_groups(some: Intervals | None, where: npt.NDArray[np.bool_]) -> Floats:
    """Spread intervals of some groups over all, NaN elsewhere, shape (3, G)."""
    spread = np.full((3, len(where)), np.nan)
    if some is not None:
        spread[:, where] = some.estimate, some.low, some.high
    return spread


def _needed(comparison: Comparison | None, tolerance: float) -> int:
    """Persons with the outcome that every group would have to hold for an answer."""
    needed = comparison.persons_needed if comparison else persons_needed(tolerance)
    return max(ENOUGH, needed)


def _complement(recall: Finding, missed: npt.NDArray[np.float64]) -> Finding:
    """Mirror the recall: the false negative rate.

    Drawing it anew would give intervals that contradict those of the recall by a hair.
    """

    def less(value: float | None) -> float | None:
        return None if value is None else round(1 - value, 12)

    def minus(value: float | None) -> float | None:
        return None if value is None else 0.0 - value

    return replace(
        recall,
        metric="false_negative_rate",
        groups=tuple(
            replace(
                group,
                estimate=None
                if group.estimate is None
                else _blurred(float(missed[g]), group.suppressed),
                numerator=None
                if group.numerator is None or group.denominator is None
                else group.denominator - group.numerator,
                low=less(group.high),
                high=less(group.low),
                difference=minus(group.difference),
                difference_low=minus(group.difference_high),
                difference_high=minus(group.difference_low),
            )
            for g, group in enumerate(recall.groups)
        ),
        p_value=None,
        persons_needed=None,
    )


def _judged(findings: list[Finding], tolerance: float) -> list[Finding]:
    """Give every recall finding its answer, p-values corrected for their number."""
    tested = [finding.p_value for finding in findings if finding.p_value is not None]
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
