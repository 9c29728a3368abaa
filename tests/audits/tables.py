"""Predictions tables for the tests, made with a known truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def people(
    positives: Sequence[int],
    recalls: Sequence[float],
    *,
    rng: np.random.Generator,
    base_rate: float = 0.25,
) -> pd.DataFrame:
    """One row a person: each group has so many with the outcome, found at its recall."""
    parts = []
    for index, (count, recall) in enumerate(zip(positives, recalls, strict=True)):
        n = round(count / base_rate)
        label = (np.arange(n) < count).astype(int)
        selected = rng.random(n) < np.where(label == 1, recall, 0.1)
        parts.append(pd.DataFrame({"groupe": f"g{index}", "label": label, "selected": selected}))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(person=[f"p{row}" for row in range(len(table))])


def histories(persons: int, dates: int, *, rng: np.random.Generator) -> pd.DataFrame:
    """Several dates a person, two attributes with missing values, some unknown outcomes."""
    rows = persons * dates
    frailty = np.repeat(rng.beta(1, 6, persons), dates)
    label = (rng.random(rows) < frailty).astype(float)
    label[rng.random(rows) < 0.05] = np.nan
    genre = rng.choice(["femme", "homme", None], persons, p=[0.5, 0.47, 0.03])
    return pd.DataFrame(
        {
            "person": np.repeat([f"p{index}" for index in range(persons)], dates),
            "as_of": np.tile(pd.date_range("2025-01-06", periods=dates, freq="28D"), persons),
            "label": label,
            "selected": rng.random(rows) < np.where(label == 1, 0.4, 0.1),
            "genre": np.repeat(genre, dates),
            "interprete": np.repeat(rng.choice(["oui", "non"], persons, p=[0.2, 0.8]), dates),
        }
    )
