"""What an audit says, as plain records.

Standard library only: human review reads a verdict in a process that has none of the
libraries an audit is made with.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any

SIGNIFICANCE = 0.05
"""Level of the tests, corrected for their number."""
ENOUGH = 30
"""Persons in the denominator (with the outcome, for recall) below whom nothing is compared."""


class Verdict(StrEnum):
    """The three answers of an audit. Nothing is ever waved through for want of data."""

    PASS = "pass"  # noqa: S105 - an answer, not a password
    FAIL = "fail"
    CANNOT_ASSESS = "cannot_assess"


def plain(record: Any) -> dict[str, Any]:
    """Give a record as dictionaries, lists, numbers and strings, ready for JSON."""

    def listed(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: listed(inner) for name, inner in value.items()}
        if isinstance(value, tuple | list):
            return [listed(inner) for inner in value]
        return value.isoformat() if isinstance(value, date) else value

    found: dict[str, Any] = listed(asdict(record))
    return found


@dataclass(frozen=True)
class GroupEstimate:
    """One metric in one group.

    Parameters
    ----------
    value
        The group; "inconnu" gathers everybody whose attribute is missing.
    n, positives
        Persons in the group, and those with at least one recorded outcome. None where
        withheld for statistical secrecy.
    estimate, low, high
        The metric over the group's rows with a known outcome, in [0, 1], and its 95%
        interval with persons resampled. None where withheld or where nobody is in the
        denominator.
    difference, difference_low, difference_high
        Distance to all other compared groups together, in [-1, 1], with intervals that
        hold for all groups of the attribute at once. None where the group is not compared.
    assessed
        Whether the group has enough persons to take part in the comparison.
    numerator, denominator
        Rows behind the estimate; None where withheld, and for what is no ratio of counts.
    shrunk
        In an intersection: the estimate drawn towards that of everybody, the more the
        fewer persons stand behind it. None elsewhere.
    suppressed
        Whether counts are withheld. In a group of fewer than k persons with or without the
        outcome, so are the estimates. Where a cell is below k, estimates are made of counts
        rounded to multiples of three, of that group and of all from which it could be had.
        Where ``n`` or ``positives`` is withheld, they are in steps that stand for three rows.
    """

    value: str
    n: int | None
    positives: int | None
    numerator: int | None
    denominator: int | None
    estimate: float | None
    low: float | None
    high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    assessed: bool
    suppressed: bool
    shrunk: float | None = None


@dataclass(frozen=True)
class Finding:
    """One metric over the groups of one attribute (or of an intersection, "a × b").

    Parameters
    ----------
    metric
        One of the five counted ones (``recall``, ``false_negative_rate``,
        ``false_positive_rate``, ``precision``, ``selection_rate``); where there are scores
        also ``auc``, and where those are probabilities ``calibration``: how much more often
        the outcome came than was estimated, in [-1, 1].
    gap, gap_low, gap_high
        Largest difference between two compared groups, in [0, 1], with an interval that
        holds for all pairs at once. None with fewer than two groups to compare.
    p_value
        Of "all compared groups have the same recall", corrected for the number of
        attributes (Holm). None where the metric does not gate. Where counts are rounded,
        ``persons_needed`` has one digit.
    verdict
        None where the metric does not gate.
    persons_needed
        Where the verdict is ``cannot_assess``: about how many persons with the outcome
        each group would have to hold for an answer.
    """

    attribute: str
    metric: str
    groups: tuple[GroupEstimate, ...]
    gap: float | None
    gap_low: float | None
    gap_high: float | None
    p_value: float | None
    verdict: Verdict | None
    persons_needed: int | None


@dataclass(frozen=True)
class CalibrationBin:
    """Situations of one group with about the same estimate.

    ``expected`` is the mean estimate, ``observed`` the share where the outcome came, with
    its 95% interval, persons resampled; ``persons`` stand behind it. None where withheld.
    """

    expected: float | None
    observed: float | None
    low: float | None
    high: float | None
    persons: int | None


@dataclass(frozen=True)
class CalibrationCurve:
    """Calibration of one group, in bins of the estimate that all groups share."""

    attribute: str
    value: str
    bins: tuple[CalibrationBin, ...]


@dataclass(frozen=True)
class TeamsLeftOut:
    """How the largest gap in recall of one attribute moves when one team is left out.

    Parameters
    ----------
    teams
        Number of teams, each left out once.
    gap_least, gap_most
        Range of the largest gap, whole percents. None where nothing could be compared.
    other_verdicts
        How often leaving one out changed the attribute's own answer.
    """

    attribute: str
    teams: int
    gap_least: float | None
    gap_most: float | None
    other_verdicts: int


@dataclass(frozen=True)
class TieBreak:
    """How the last places of a list were given when scores were equal.

    ``tied`` rows had the score of the last place and shared ``places`` places, drawn by a
    hash under ``seed`` that anybody can replay. ``unscored`` rows had no score and were
    not selected.
    """

    k: int
    tied: int
    places: int
    unscored: int
    seed: int


@dataclass(frozen=True)
class AuditResult:
    """The whole audit.

    Parameters
    ----------
    verdict
        ``fail`` if any finding fails, else ``cannot_assess`` if any, else ``pass``.
    tolerance
        Largest accepted gap in recall at capacity.
    persons, positives, rows, review_dates
        Everybody in the table, those with at least one recorded outcome, person-dates,
        and dates (None where the table has none).
    labelled_share
        Share of rows whose outcome is known; the others are counted and not measured.
    """

    verdict: Verdict
    tolerance: float
    persons: int
    positives: int | None
    rows: int
    review_dates: int | None
    labelled_share: float
    seed: int
    replicates: int
    tie_break: TieBreak | None
    findings: tuple[Finding, ...]
    calibration: tuple[CalibrationCurve, ...] = ()
    teams: tuple[TeamsLeftOut, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Give plain dictionaries, lists, numbers and strings, ready for JSON."""
        return plain(self)
