"""The whole sum behind one score, line by line, as it is frozen with a signal (S12, S13)."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from features.catalogue import Feature
from modeles.explanation import Contribution, Workings
from modeles.table import WITHOUT, ModelTable, TableFeature

Floats = npt.NDArray[np.float64]


def workings(
    table: ModelTable, features: Sequence[Feature], values: Floats, score: float, as_of: date
) -> Workings:
    """Write down everything that a score was made of.

    Parameters
    ----------
    table
        The model.
    features
        The catalogue that gives the sentences, in the table's order.
    values
        Shape (features,), the row of the matrix.
    score
        The model's log-odds for this row.
    as_of
        The review date.
    """
    _, low, high = table.calibration.probability(score)
    calibration = table.calibration
    return Workings(
        table_hash=table.hash,
        protocol_hash=table.hashes["protocol"],
        family=table.family,
        outcome=table.outcome,
        horizon_days=table.horizon_days,
        trained_until=table.trained_until,
        intercept=table.intercept,
        start=table.start,
        point=table.point,
        lines=tuple(
            _contribution(table, line, features[line.column], float(values[line.column]), as_of)
            for line in table.features
        ),
        slope=calibration.slope,
        shift=calibration.intercept,
        knot=calibration.knot,
        bend=calibration.bend,
        low=low,
        high=high,
    )


def _contribution(
    table: ModelTable, line: TableFeature, feature: Feature, value: float, as_of: date
) -> Contribution:
    absent = math.isnan(value)
    at = len(line.points) if absent else bisect_left(line.edges, value)
    whole = table.whole_points(line)
    edges: tuple[float | None, ...] = (None, None)
    if absent:
        worth: tuple[float, ...] = (line.missing,)
    elif line.shape == "line":
        edges, worth = line.edges, line.points
    else:
        edges = tuple(pairwise((None, *line.edges, None)))[at]
        worth = (line.points[at],)
    return Contribution(
        column=line.name,
        title=line.title,
        codes=feature.codes,
        measure=feature.measure,
        window_days=feature.window_days,
        text=feature.sentence(value, as_of),
        value=None if absent else value,
        place=WITHOUT if absent else line.places[at] if line.shape == "steps" else "",
        shape=line.shape,
        scale=line.scale,
        edges=edges,
        worth=worth,
        points=float(line.at(value, math.log1p(max(value, 0.0)))),
        whole=None if whole is None else whole[at],
    )
