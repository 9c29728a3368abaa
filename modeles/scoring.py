"""From a signed table to an explained signal; numpy and the standard library only.

The explanation is exact: in an additive table, centred points are the SHAP values. Features
of one group tell one story, so their points are added and one sentence speaks for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt

from features.catalogue import Feature
from modeles.explanation import Estimate, Reason, Signal
from modeles.table import ModelTable

Floats = npt.NDArray[np.float64]

MOST_REASONS = 4
MOST_AGAINST = 2
SMALLEST_POINTS = 0.05
"""Log-odds below which a group neither speaks for nor against: about one percent."""

CANNOT_KNOW = (
    "Le modèle ne connaît que les faits enregistrés ; il ignore les échanges informels, "
    "ce que la personne souhaite et ce que d'autres services font avec elle."
)


def explain(
    table: ModelTable,
    features: Sequence[Feature],
    values: Floats,
    as_of: date,
    valid_until: date,
) -> Signal:
    """Explain one situation's score.

    Parameters
    ----------
    table
        The model.
    features
        The catalogue that gives the sentences, in the table's order.
    values
        Shape (features,), the row of the matrix.
    as_of, valid_until
        The review date, and the last day on which the signal may be shown.

    Returns
    -------
    Signal
        Estimate as a natural frequency, at most four reasons, what speaks against, what
        the model did not have.
    """
    row = values[np.newaxis, :]
    score = float(table.scores(row)[0])
    points = table.contributions(row)[0]
    estimate, low, high = table.calibration.probability(score)
    told = sorted(
        (_tell(features, values, points, group, as_of) for group in _groups(features)),
        key=lambda reason: -reason.points,
    )
    reasons = tuple(r for r in told if r.points >= SMALLEST_POINTS)[:MOST_REASONS]
    against = tuple(r for r in reversed(told) if r.points <= -SMALLEST_POINTS)[:MOST_AGAINST]
    said = {reason.text for reason in (*reasons, *against)}
    absent = [
        feature.sentence(float(value), as_of)
        for feature, value in zip(features, values, strict=True)
        if feature.measure == "since_last" and np.isnan(value)
    ]
    unknown = [sentence for sentence in absent if sentence not in said]
    return Signal(
        model=table.version,
        as_of=as_of,
        valid_until=valid_until,
        score=score,
        estimate=Estimate(_per_100(estimate), _per_100(low), _per_100(high)),
        reasons=reasons,
        against=against,
        missing=(*unknown, CANNOT_KNOW),
    )


def _groups(features: Sequence[Feature]) -> list[str]:
    return list(dict.fromkeys(feature.group for feature in features))


def _tell(
    features: Sequence[Feature], values: Floats, points: Floats, group: str, as_of: date
) -> Reason:
    """Add up a group's points and let the feature that weighs most in that sense speak."""
    members = [i for i, feature in enumerate(features) if feature.group == group]
    total = float(points[members].sum())
    loudest = max(members, key=lambda i: points[i] if total >= 0 else -points[i])
    return Reason(group, features[loudest].sentence(float(values[loudest]), as_of), total)


def _per_100(probability: float) -> int:
    return round(100 * probability)
