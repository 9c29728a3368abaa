"""The audit of the audit: how often it is right where the truth is known.

Tables are drawn from stated recalls, audited like any other, and the answers counted. What
is promised (method, section 4): under equality few failures, however small the groups; a true
gap is failed; equality of large groups passes; intervals that hold together do so about as
often as they say, also where one person brings many rows that resemble one another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from audits.engine import assess
from audits.findings import GATE
from audits.records import Finding, Verdict

Floats = npt.NDArray[np.float64]

BASE_RATE = 0.25
"""Share of situations with the outcome in invented tables."""
ELSEWHERE = 0.1
"""Share that is listed of those without it."""


@dataclass(frozen=True)
class Truth:
    """What an invented table is drawn from.

    Attributes
    ----------
    positives
        Per group, persons with the outcome.
    recalls
        Per group, the probability that a situation with the outcome is listed.
    rows
        Rows a person.
    correlation
        Between the rows of one person, in [0, 1): how much being listed once says about the
        next time (a beta distribution of each person's own probability).
    """

    positives: tuple[int, ...]
    recalls: tuple[float, ...]
    rows: int = 1
    correlation: float = 0.0

    def table(self, rng: np.random.Generator) -> pd.DataFrame:
        """Draw persons, outcomes and a list."""
        parts = [
            self._group(f"g{index}", count, recall, rng)
            for index, (count, recall) in enumerate(zip(self.positives, self.recalls, strict=True))
        ]
        return pd.concat(parts, ignore_index=True)

    def _group(
        self, name: str, positives: int, recall: float, rng: np.random.Generator
    ) -> pd.DataFrame:
        persons = round(positives / BASE_RATE)
        outcome = np.arange(persons) < positives
        chance = np.where(outcome, recall, ELSEWHERE)
        if self.correlation > 0:
            # Beta with a + b = 1/rho - 1: the intra-class correlation of its Bernoulli draws.
            size = 1 / self.correlation - 1
            chance = rng.beta(chance * size, (1 - chance) * size)
        rows = persons * self.rows
        return pd.DataFrame(
            {
                "person": np.repeat([f"{name}-{index}" for index in range(persons)], self.rows),
                "groupe": name,
                "label": np.repeat(outcome, self.rows).astype(int),
                "selected": rng.random(rows) < np.repeat(chance, self.rows),
            }
        )

    @property
    def differences(self) -> Floats:
        """Each group's recall minus that of all others together, shape (G,)."""
        weight, recall = np.array(self.positives, dtype=np.float64), np.array(self.recalls)
        others = (weight @ recall - weight * recall) / (weight.sum() - weight)
        differences: Floats = recall - others
        return differences


EQUAL_SMALL = Truth((400, 200, 100, 50, 20, 10), (0.5,) * 6)
GAP = Truth((200, 200), (0.5, 0.35))
EQUAL_LARGE = Truth((2000, 2000), (0.5, 0.5))
CLUSTERED = Truth((200, 120, 80), (0.5, 0.45, 0.55), rows=12, correlation=0.5)


@dataclass(frozen=True)
class Rate:
    """How often something happened in how many audits, and what was promised of it."""

    name: str
    times: int
    audits: int
    promised: tuple[float, float]

    @property
    def share(self) -> float:
        """Share of the audits, in [0, 1]."""
        return self.times / self.audits

    @property
    def kept(self) -> bool:
        """Whether the promise was kept in these audits."""
        least, most = self.promised
        return least <= self.share <= most


def answers(truth: Truth, audits: int, *, seed: int, replicates: int) -> list[Finding]:
    """Audit so many tables drawn from one truth; the recall findings."""
    rng = np.random.default_rng([seed, *str(truth).encode()])
    return [
        next(
            one
            for one in assess(
                truth.table(rng), attributes=["groupe"], seed=seed + audit, replicates=replicates
            ).result.findings
            if one.metric == GATE
        )
        for audit in range(audits)
    ]


def covered(finding: Finding, truth: Truth) -> bool:
    """Tell whether all simultaneous intervals of a finding hold the truth."""
    return all(
        group.difference_low <= true <= group.difference_high
        for group, true in zip(finding.groups, truth.differences, strict=True)
        if group.difference_low is not None and group.difference_high is not None
    )


def power(
    audits: int, *, seed: int = 0, replicates: int = 1000, progress: Callable[[str], None]
) -> tuple[Rate, ...]:
    """Count false failures, detections, passes and coverage.

    Parameters
    ----------
    audits
        Tables drawn from each truth.
    seed, replicates
        Of the tables, and of each audit.
    progress
        Told which truth is being audited.
    """

    def verdicts(truth: Truth) -> Counter[Verdict | None]:
        progress(f"auditing {audits} tables drawn from {truth}")
        found = answers(truth, audits, seed=seed, replicates=replicates)
        return Counter(one.verdict for one in found)

    small, gap, large = verdicts(EQUAL_SMALL), verdicts(GAP), verdicts(EQUAL_LARGE)
    progress(f"auditing {audits} tables drawn from {CLUSTERED}")
    clustered = answers(CLUSTERED, audits, seed=seed, replicates=replicates)
    holds = sum(covered(one, CLUSTERED) for one in clustered)
    return (
        Rate("false_failure", small[Verdict.FAIL], audits, (0.0, 0.05)),
        Rate("false_pass", gap[Verdict.PASS], audits, (0.0, 0.05)),
        Rate("detection", gap[Verdict.FAIL], audits, (0.80, 1.0)),
        Rate("pass", large[Verdict.PASS], audits, (0.80, 1.0)),
        Rate("coverage", holds, audits, (0.93, 0.97)),
    )


def rates(some: Sequence[Rate]) -> dict[str, object]:
    """Give the rates as a benchmark prints them."""
    return {
        one.name: {"share": one.share, "audits": one.audits, "promised": list(one.promised)}
        for one in some
    }
