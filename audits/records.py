"""What an audit says, as plain records.

Standard library only: human review reads a verdict in a process that has none of the
libraries an audit is made with.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """The three answers of an audit. Nothing is ever waved through for want of data."""

    PASS = "pass"  # noqa: S105 - an answer, not a password
    FAIL = "fail"
    CANNOT_ASSESS = "cannot_assess"


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
    suppressed
        Whether counts are withheld. In a group of fewer than k persons with or without the
        outcome, so are the estimates. Where only the counts of such a group could be
        computed back, the estimates stay, rounded to a whole percent (and the gap too).
    """

    value: str
    n: int | None
    positives: int | None
    estimate: float | None
    low: float | None
    high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    assessed: bool
    suppressed: bool


@dataclass(frozen=True)
class Finding:
    """One metric over the groups of one attribute (or of an intersection, "a × b").

    Parameters
    ----------
    gap, gap_low, gap_high
        Largest difference between two compared groups, in [0, 1], with an interval that
        holds for all pairs at once. None with fewer than two groups to compare.
    p_value
        Of "all compared groups have the same recall", corrected for the number of
        attributes (Holm). None where the metric does not gate.
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

    def as_dict(self) -> dict[str, Any]:
        """Give plain dictionaries, lists, numbers and strings, ready for JSON."""
        plain = asdict(self)
        plain["findings"] = [
            {**finding, "groups": list(finding["groups"])} for finding in plain["findings"]
        ]
        return plain
