"""How fast the audit is, beside fairlearn's own bootstrap on the same table.

Five attributes of two to six values and all their pairs, 175 groups, persons drawn anew in
every replicate: all counted metrics first, then AUC and calibration as well. Both are timed
from the table in memory to what may be shown, its contract included. fairlearn's MetricFrame
resamples rows, not persons, and has no permutation; it is run on all rows for the attributes
alone, without their pairs and for one replicate, and the number of replicates is scaled up.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
from fairlearn.metrics import (
    MetricFrame,
    false_negative_rate,
    false_positive_rate,
    selection_rate,
)
from sklearn.metrics import precision_score, recall_score

from audits.engine import audit_predictions

ROWS_A_PERSON = 20
VALUES = (2, 3, 4, 5, 6)
REPLICATES = 1000
SLICE = 1
"""Replicates that the peer is run for."""
WARMING = 2000
"""Rows of a first run, not timed, in which kernels are compiled."""

PEER_METRICS = {
    "recall": partial(recall_score, zero_division=np.nan),
    "false_negative_rate": false_negative_rate,
    "false_positive_rate": false_positive_rate,
    "precision": partial(precision_score, zero_division=np.nan),
    "selection_rate": selection_rate,
}


@dataclass(frozen=True)
class AuditRace:
    """Seconds, and what was audited.

    Attributes
    ----------
    ours, ours_with_scores
        Seconds for all counted metrics; with AUC and calibration as well.
    peer
        Seconds that MetricFrame would take for the attributes alone, without any pair, and as
        many replicates, from ``peer_replicates``.
    """

    ours: float
    ours_with_scores: float
    peer: float
    peer_replicates: int
    rows: int
    persons: int
    groups: int
    replicates: int

    @property
    def ratio(self) -> float:
        """How many times faster we are on counted metrics."""
        return self.peer / self.ours


def bench_audit(*, rows: int, seed: int = 0) -> AuditRace:
    """Audit one invented table of so many rows, both ways.

    Parameters
    ----------
    rows
        A person has twenty.
    seed
        Of the table and the draws.
    """
    table, attributes = _table(max(1, rows // ROWS_A_PERSON), seed)
    pairs = list(combinations(attributes, 2))
    counted = table.drop(columns=["score", "probability"])

    def audit(some: pd.DataFrame, replicates: int = REPLICATES) -> float:
        begun = time.perf_counter()
        audit_predictions(
            some, attributes=attributes, intersections=pairs, seed=seed, replicates=replicates
        )
        return time.perf_counter() - begun

    audit(table.head(WARMING), replicates=2)
    groupings = [*((name,) for name in attributes), *pairs]
    return AuditRace(
        ours=audit(counted),
        ours_with_scores=audit(table),
        peer=sum(_peer(table, name, seed) for name in attributes) * REPLICATES,
        peer_replicates=SLICE,
        rows=len(table),
        persons=int(table["person"].nunique()),
        groups=sum(len(table[[*names]].drop_duplicates()) for names in groupings),
        replicates=REPLICATES,
    )


def _peer(table: pd.DataFrame, name: str, seed: int) -> float:
    """Seconds of one replicate; that of the point estimate counts as one more."""
    begun = time.perf_counter()
    MetricFrame(
        metrics=PEER_METRICS,
        y_true=table["label"].astype("int64"),
        y_pred=table["selected"].astype("int64"),
        sensitive_features=table[name],
        n_boot=SLICE,
        ci_quantiles=[0.025, 0.975],
        random_state=seed,
    )
    return (time.perf_counter() - begun) / (SLICE + 1)


def _table(persons: int, seed: int) -> tuple[pd.DataFrame, list[str]]:
    """Invent persons whose rows resemble one another, a list at one place in twenty."""
    rng = np.random.default_rng(seed)
    rows = persons * ROWS_A_PERSON
    frailty = np.repeat(rng.beta(1, 9, persons), ROWS_A_PERSON)
    score = np.clip(frailty + 0.05 * rng.standard_normal(rows), 0, 1)
    dates = pd.date_range("2024-01-01", periods=ROWS_A_PERSON, freq="28D")
    names = [f"attribute_{size}" for size in VALUES]
    table = pd.DataFrame(
        {
            "person": np.repeat([f"p{index:07}" for index in range(persons)], ROWS_A_PERSON),
            "as_of": np.tile(dates, persons),
            "label": (rng.random(rows) < frailty).astype("int8"),
            "selected": score > np.quantile(score, 0.95),
            "score": score,
            "probability": score,
            **{
                name: np.repeat(
                    rng.choice([f"v{value}" for value in range(size)], persons), ROWS_A_PERSON
                )
                for name, size in zip(names, VALUES, strict=True)
            },
        }
    )
    return table, names
