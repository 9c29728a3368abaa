"""From a signed table to an explained signal; numpy and the standard library only.

The explanation is exact: in an additive table, centred points are the SHAP values. Features
of one group tell one story, so their points are added and one sentence speaks for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

from features.catalogue import Feature
from features.phrases import PHRASES, Language
from modeles.explanation import Estimate, Reason, Signal
from modeles.table import ModelTable

Floats = npt.NDArray[np.float64]

MOST_REASONS = 4
MOST_AGAINST = 2
SMALLEST_POINTS = 0.05
"""Log-odds below which a group neither speaks for nor against: about one percent."""

CANNOT_KNOW: Mapping[Language, str] = {
    "fr": (
        "Le modèle ne connaît que les faits enregistrés ; il ignore les échanges informels, "
        "ce que la personne souhaite et ce que d'autres services font avec elle."
    ),
    "en": (
        "The model knows recorded events only; it does not know of informal exchanges, of what "
        "the person wishes, or of what other services do with them."
    ),
}

NOT_COUNTED: Mapping[Language, str] = {
    "fr": "Le modèle laisse de côté {} d'un type qu'il ne connaissait pas.",
    "en": "The model leaves out {} of a kind that it did not know.",
}


def explain(
    table: ModelTable,
    features: Sequence[Feature],
    values: Floats,
    as_of: date,
    valid_until: date,
    *,
    other: int = 0,
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
    other
        How many facts of kinds that the model was not fitted on the row leaves out.

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
    absent = {
        feature.name: feature.sentence(float(value), as_of)
        for feature, value in zip(features, values, strict=True)
        if feature.measure == "since_last" and np.isnan(value)
    }
    unknown = {column: text for column, text in absent.items() if text not in said}
    return Signal(
        model=table.version,
        as_of=as_of,
        valid_until=valid_until,
        score=score,
        estimate=Estimate(_per_100(estimate), _per_100(low), _per_100(high)),
        reasons=reasons,
        against=against,
        missing=(*unknown.values(), *_limits(other, "fr")),
        absent=tuple(unknown),
        other=other,
    )


def reword(signal: Signal, features: Sequence[Feature], language: Language = "fr") -> Signal:
    """Tell a signal again in the words of some features; everything else stays as frozen.

    Parameters
    ----------
    signal
        As it was kept, in French.
    features
        Those whose sentences are told again; a reason whose column is not among them, or
        that was kept without one, keeps its frozen sentence.
    language
        Of what is told again, the limits of the model included. A limit that was frozen in
        other words than today's, or without its count, stays as it is.
    """
    known = {feature.name: feature for feature in features}
    limits = dict(zip(_limits(signal.other, "fr"), _limits(signal.other, language), strict=True))

    def told(frozen: str, column: str, value: float | None) -> str:
        if column not in known:
            return limits.get(frozen, frozen)
        return known[column].sentence(np.nan if value is None else value, signal.as_of, language)

    def retold(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
        return tuple(replace(r, text=told(r.text, r.column, r.value)) for r in reasons)

    return replace(
        signal,
        reasons=retold(signal.reasons),
        against=retold(signal.against),
        missing=tuple(
            told(frozen, column, None)
            for frozen, column in zip_longest(signal.missing, signal.absent, fillvalue="")
        ),
    )


def _limits(other: int, language: Language) -> tuple[str, ...]:
    """Say what every signal leaves out: events of unknown kinds, and all that has no record."""
    words = PHRASES[language]
    left_out = (NOT_COUNTED[language].format(words.count(other, *words.events)),) if other else ()
    return (*left_out, CANNOT_KNOW[language])


def _groups(features: Sequence[Feature]) -> list[str]:
    return list(dict.fromkeys(feature.group for feature in features))


def _tell(
    features: Sequence[Feature], values: Floats, points: Floats, group: str, as_of: date
) -> Reason:
    """Add up a group's points and let the feature that weighs most in that sense speak."""
    members = [i for i, feature in enumerate(features) if feature.group == group]
    total = float(points[members].sum())
    loudest = max(members, key=lambda i: points[i] if total >= 0 else -points[i])
    speaker, value = features[loudest], float(values[loudest])
    return Reason(
        group,
        speaker.sentence(value, as_of),
        total,
        speaker.name,
        None if np.isnan(value) else value,
    )


def _per_100(probability: float) -> int:
    return round(100 * probability)
