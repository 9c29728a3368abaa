"""Logistic regression with a handful of columns, by Newton's method.

For the small fits made again and again, each beginning where the last one ended: choosing the
lines of a scorecard, and calibration.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from modeles.table import sigmoid

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STEPS = 25
_SETTLED = 1e-10
_RIDGE = 1e-6


def newton(
    design: Floats, label: Ints, start: Floats, *, ridge: float = _RIDGE, settled: float = _SETTLED
) -> Floats:
    """Return the coefficients that maximise the penalised likelihood, shape (columns,).

    Parameters
    ----------
    design
        Shape (rows, columns); a constant column is penalised like the others.
    label
        0 or 1, shape (rows,).
    start
        Where to begin, shape (columns,).
    ridge
        Half of it times the squared coefficients is taken off the log-likelihood.
    settled
        A step that moves no coefficient further is the last.
    """
    weights = start
    for _ in range(STEPS):
        p = sigmoid(design @ weights)
        gradient = design.T @ (label - p) - ridge * weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design
        step = np.linalg.solve(curvature + ridge * np.eye(design.shape[1]), gradient)
        weights = weights + step
        if np.abs(step).max() < settled:
            break
    return weights
