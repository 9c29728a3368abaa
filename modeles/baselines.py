"""Naive rules that a model must beat before it may be promoted.

Each is something a service could do tomorrow with a sorted list and no model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.catalogue import Feature
from features.point_in_time import Matrix

Floats = npt.NDArray[np.float64]


def naive_rules(features: Sequence[Feature], train: Matrix, test: Matrix) -> dict[str, Floats]:
    """Score the test rows by every naive rule that the protocol's features allow.

    Returns
    -------
    dict
        Rule name to scores of shape (test rows,): first come, the team's past frequency,
        for each group with ``since_last`` the longest time without one, and for each group
        with ``sign = +1`` its count.
    """
    cohort = test.cohort
    rules: dict[str, Floats] = {
        "first_come": (cohort["as_of"] - cohort["entered_on"]).dt.days.to_numpy(float),
        "team_base_rate": _team_base_rate(train.cohort, cohort),
    }
    for column, feature in enumerate(features):
        if feature.measure == "since_last":
            days = test.values[:, column]
            # Nothing recorded at all is the longest time there is.
            longest = np.nanmax(days, initial=0.0) + 1
            rules[f"longest_without:{feature.group}"] = np.where(np.isnan(days), longest, days)
    for group in dict.fromkeys(f.group for f in features if f.sign > 0):
        counts = [i for i, f in enumerate(features) if f.group == group and f.measure == "count"]
        if counts:
            middle = counts[len(counts) // 2]
            rules[f"count:{group}"] = test.values[:, middle]
    return rules


def _team_base_rate(train: pd.DataFrame, test: pd.DataFrame) -> Floats:
    rates = train.groupby("team")["label"].mean()
    result: Floats = test["team"].map(rates).fillna(train["label"].mean()).to_numpy(float)
    return result
