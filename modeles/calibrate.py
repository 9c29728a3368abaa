"""From log-odds to a natural frequency: Platt's map on people the fit has not seen.

The band comes from refitting the map on resampled persons; scores are first gathered in
groups, so that a replicate is two small sums and a few Newton steps.

References
----------
Platt (1999), Probabilistic outputs for support vector machines.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from modeles.table import Calibration, sigmoid

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

GROUPS = 60
REPLICATES = 200
_NEWTON_STEPS = 12
_RIDGE = 1e-6


def calibrate(scores: Floats, label: Ints, person: Ints, seed: int) -> Calibration:
    """Fit Platt's map and its person-resampled 95% band.

    Parameters
    ----------
    scores
        Log-odds from what has not seen the row's household, shape (rows,).
    label, person
        0 or 1, and who, shape (rows,).
    """
    _, who = np.unique(person, return_inverse=True)
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, GROUPS + 1)[1:-1]))
    group = np.searchsorted(edges, scores, side="left")
    size = int(group.max()) + 1
    middle = np.bincount(group, scores, minlength=size) / np.maximum(
        np.bincount(group, minlength=size), 1
    )
    persons = int(who.max()) + 1
    cells = who * size + group
    total = np.bincount(cells, minlength=persons * size).reshape(persons, size).astype(float)
    positive = np.bincount(cells, label.astype(float), minlength=persons * size).reshape(
        persons, size
    )
    slope, intercept = _platt(middle, positive.sum(0), total.sum(0))
    rng = np.random.default_rng(seed)
    at = np.unique(np.quantile(scores, np.linspace(0.0, 1.0, 21)))
    band = np.empty((REPLICATES, len(at)))
    for r in range(REPLICATES):
        weight = np.bincount(rng.integers(0, persons, persons), minlength=persons).astype(float)
        a, b = _platt(middle, weight @ positive, weight @ total)
        band[r] = sigmoid(a * at + b)
    low, high = np.quantile(band, [0.025, 0.975], axis=0)
    return Calibration(
        slope,
        intercept,
        tuple((float(s), float(lo), float(hi)) for s, lo, hi in zip(at, low, high, strict=True)),
    )


def _platt(scores: Floats, positive: Floats, total: Floats) -> tuple[float, float]:
    """Fit two parameters by Newton's method on grouped counts."""
    design = np.column_stack([scores, np.ones_like(scores)])
    rate = positive.sum() / total.sum()
    weights = np.array([1.0, float(np.log(rate / (1 - rate))) if 0 < rate < 1 else 0.0])
    weights[1] -= float(np.average(scores, weights=total))
    for _ in range(_NEWTON_STEPS):
        p = sigmoid(design @ weights)
        gradient = design.T @ (positive - total * p) - _RIDGE * weights
        curvature = (design * (total * p * (1 - p))[:, None]).T @ design + _RIDGE * np.eye(2)
        weights = weights + np.linalg.solve(curvature, gradient)
    return float(weights[0]), float(weights[1])
