"""From log-odds to a natural frequency, on people the fit has not seen.

Platt's map with one knot: the straight line may bend among the highest scores, where the
list is made and where a single line was seen to promise too little. The band is not about
the line: it is the frequency found among situations with about the same score, with
households resampled, so it says how much "about 15" may be off.

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

KNOT = 0.8
"""Share of the rows below the knot."""

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)
"""Situations "with about the same score": tenths, finer where the list is made."""

SMALLEST_GROUP = 50
REPLICATES = 400
_NEWTON_STEPS = 15
_RIDGE = 1e-6


def calibrate(scores: Floats, label: Ints, household: Ints, seed: int) -> Calibration:
    """Fit the map and its household-resampled 95% band.

    Parameters
    ----------
    scores
        Log-odds from what has not seen the row's household, shape (rows,).
    label, household
        0 or 1, and whose, shape (rows,).
    """
    knot = float(np.quantile(scores, KNOT))
    slope, bend, intercept = _fit(scores, np.maximum(scores - knot, 0.0), label)
    if slope <= 0 or slope + bend <= 0:
        # A map that falls somewhere would turn the order of the list round.
        slope, _, intercept = _fit(scores, np.zeros_like(scores), label)
        bend = 0.0
    return Calibration(
        slope, intercept, knot, bend, _band(scores, label, household, np.random.default_rng(seed))
    )


def _fit(scores: Floats, above: Floats, label: Ints) -> tuple[float, float, float]:
    """Fit slope, bend and intercept by Newton's method."""
    design = np.column_stack([scores, above, np.ones_like(scores)])
    rate = float(np.clip(label.mean(), 1e-6, 1 - 1e-6))
    weights = np.array([1.0, 0.0, np.log(rate / (1 - rate)) - scores.mean()])
    for _ in range(_NEWTON_STEPS):
        p = sigmoid(design @ weights)
        gradient = design.T @ (label - p) - _RIDGE * weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design + _RIDGE * np.eye(3)
        weights = weights + np.linalg.solve(curvature, gradient)
    return float(weights[0]), float(weights[1]), float(weights[2])


def _band(
    scores: Floats, label: Ints, household: Ints, rng: np.random.Generator
) -> tuple[tuple[float, float, float], ...]:
    """Return (score, low, high) for groups of rows with about the same score."""
    ordered = np.sort(scores)
    cuts = sorted({round(share * len(scores)) for share in SHARES})
    cuts = [c for c in cuts if c == 0 or len(scores) - c >= SMALLEST_GROUP] + [len(scores)]
    edges = np.unique([ordered[c] for c in cuts[1:-1]])
    group = np.searchsorted(edges, scores, side="right")
    groups = len(edges) + 1
    whose = np.unique(household, return_inverse=True)[1]
    households = int(whose.max()) + 1
    cells = whose * groups + group
    total = np.bincount(cells, minlength=households * groups).reshape(households, groups)
    positive = np.bincount(cells, label, minlength=households * groups).reshape(total.shape)
    drawn = rng.multinomial(households, np.full(households, 1 / households), REPLICATES)
    # Half a case either way: a group without a case is rare, not impossible.
    frequency = (drawn @ positive + 0.5) / (drawn @ total + 1.0)
    low, high = np.quantile(frequency, [0.025, 0.975], axis=0)
    middle = np.bincount(group, scores, minlength=groups) / np.bincount(group, minlength=groups)
    return tuple(
        (float(s), float(lo), float(hi)) for s, lo, hi in zip(middle, low, high, strict=True)
    )
