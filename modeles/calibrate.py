"""From log-odds to a natural frequency, on people the fit has not seen.

Platt's map with one knot: the straight line may bend among the highest scores, where the
list is made and where a single line was seen to promise too little. The band is not about
the line: it is the frequency found among situations with about the same score, with
households resampled, so it says how much "about 15" may be off. Beside it stands the
Venn-Abers range, which is no interval: where one more case would move the frequency far, too
little like it was seen.

References
----------
Platt (1999), Probabilistic outputs for support vector machines.
Vovk and Petej (2014), Venn-Abers predictors, UAI: the inductive form.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import isotonic_regression

from modeles.binning import SMALLEST_BIN
from modeles.newton import newton
from modeles.table import Calibration

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

KNOT = 0.8
"""Share of the rows below the knot."""

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)
"""Situations "with about the same score": tenths, finer where the list is made."""

PLACES = (*np.linspace(0.02, 0.98, 25).tolist(), 0.99, 0.995)
"""Quantiles of the score at which the Venn-Abers range is written down."""

PER_POINT = 100
"""Those scores are hundredths of a point."""

SMALLEST_GROUP = 50
REPLICATES = 400
_FLAT = 1e-9


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
        nothing, bend = np.zeros_like(scores), 0.0
        slope, _, intercept = _fit(scores, nothing, label)
        if slope <= 0:
            # Such scores tell nobody apart: everybody is given the frequency of all.
            slope, (_, _, intercept) = _FLAT, _fit(nothing, nothing, label)
    return Calibration(
        slope=slope,
        intercept=intercept,
        knot=knot,
        bend=bend,
        band=_band(scores, label, household, np.random.default_rng(seed)),
        venn_abers=venn_abers(scores, label, household),
    )


def venn_abers(
    scores: Floats, label: Ints, household: Ints
) -> tuple[tuple[float, float, float], ...]:
    """Return (score, low, high): what one more case of either outcome would make of it.

    At each score the isotonic frequency is fitted twice, with one more case that did not and
    one that did end in the outcome. Scores are quantiles of those seen, rounded so that none
    is anybody's, and end where enough households stand beyond.

    Parameters
    ----------
    scores, label, household
        As for :func:`calibrate`.
    """
    order = np.argsort(scores, kind="stable")
    # Equal scores are one case with its frequency: isotonic regression wants them pooled.
    values, first, count = np.unique(scores[order], return_index=True, return_counts=True)
    positive = np.add.reduceat(label[order].astype(float), first)

    def fitted(score: float, outcome: float) -> float:
        at = int(np.searchsorted(values, score))
        if at < len(values) and values[at] == score:
            weight, hits = count.astype(float), positive.copy()
            weight[at] += 1.0
            hits[at] += outcome
        else:
            weight, hits = np.insert(count, at, 1).astype(float), np.insert(positive, at, outcome)
        return float(isotonic_regression(hits / weight, sample_weight=weight)[at])

    whose = np.unique(household, return_inverse=True)[1]
    lowest, highest = np.full((2, whose.max() + 1), [[np.inf], [-np.inf]])
    np.minimum.at(lowest, whose, scores)
    np.maximum.at(highest, whose, scores)
    few = min(SMALLEST_BIN, len(highest))
    # Rounded inwards from what they stand on; with very few households they may meet.
    first = np.ceil(np.sort(lowest)[few - 1] * PER_POINT) / PER_POINT
    last = np.floor(np.sort(highest)[-few] * PER_POINT) / PER_POINT
    inside = np.round(np.quantile(scores, PLACES) * PER_POINT) / PER_POINT
    places = np.unique(np.clip([first, last, *inside], min(first, last), max(first, last)))
    return tuple((float(at), fitted(at, 0.0), fitted(at, 1.0)) for at in places)


def _fit(scores: Floats, above: Floats, label: Ints) -> tuple[float, float, float]:
    """Fit slope, bend and intercept."""
    rate = float(np.clip(label.mean(), 1e-6, 1 - 1e-6))
    # From a flat map: from a steep one, Newton's steps fly away where scores are wide.
    start = np.array([0.0, 0.0, np.log(rate / (1 - rate))])
    slope, bend, intercept = newton(
        np.column_stack([scores, above, np.ones_like(scores)]), label, start
    )
    return float(slope), float(bend), float(intercept)


def _band(
    scores: Floats, label: Ints, household: Ints, rng: np.random.Generator
) -> tuple[tuple[float, float, float], ...]:
    """Return (score, low, high) for groups of rows with about the same score."""
    ordered = np.sort(scores)
    cuts = sorted({round(share * len(scores)) for share in SHARES})
    cuts = [c for c in cuts if c == 0 or len(scores) - c >= SMALLEST_GROUP] + [len(scores)]
    edges = np.unique([ordered[c] for c in cuts[1:-1]])
    # Below the lowest score stands nobody, even if a tenth share it.
    edges = edges[edges > ordered[0]]
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
