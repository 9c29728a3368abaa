"""From a signed table to an explained signal; numpy and the standard library only.

The explanation is exact: in an additive table, centred points are the SHAP values. Features
of one group tell one story, so their points are added and one sentence speaks for them. What
only some of the bags count among the first reasons is not told.
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
from modeles.table import ModelTable, row_contributions

Floats = npt.NDArray[np.float64]

MOST_REASONS = 4
MOST_AGAINST = 2
SMALLEST_POINTS = 0.05
"""Log-odds below which a group neither speaks for nor against: about one percent."""

STEADY = 0.75
"""Share of the bags that must count a reason among the first ones for it to be told."""

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

WITHHELD: Mapping[Language, str] = {
    "fr": (
        "Des raisons ne sont pas montrées : leur poids change trop selon les personnes sur "
        "lesquelles le modèle a appris."
    ),
    "en": (
        "Some reasons are not shown: their weight changes too much with the persons the model "
        "has learnt from."
    ),
}

UNCERTAIN: Mapping[Language, str] = {
    "fr": "Peu de situations semblables ont été observées : l'estimation est incertaine.",
    "en": "Few situations like this one were observed: the estimate is uncertain.",
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
    (points,), (total,) = table.explained(row)
    score = float(total)
    estimate, low, high = table.calibration.probability(score)
    groups = list(dict.fromkeys(feature.group for feature in features))
    member = np.array([[f.group == group for group in groups] for f in features], float)
    total = points @ member
    in_bags = np.array([row_contributions(bag.lines, values) for bag in table.bags]) @ member

    def told(sense: int, most: int) -> tuple[tuple[Reason, ...], int]:
        first, withheld = _steady(sense * total, sense * in_bags, most)
        return tuple(_tell(features, values, points, groups[g], as_of) for g in first), withheld

    reasons, withheld = told(1, MOST_REASONS)
    against, _ = told(-1, MOST_AGAINST)
    said = {reason.text for reason in (*reasons, *against)}
    absent = {
        feature.name: feature.sentence(float(value), as_of)
        for feature, value in zip(features, values, strict=True)
        if feature.measure == "since_last" and np.isnan(value)
    }
    unknown = {column: text for column, text in absent.items() if text not in said}
    kept = Signal(
        model=table.version,
        as_of=as_of,
        valid_until=valid_until,
        score=score,
        estimate=Estimate(
            _per_100(estimate),
            _per_100(low),
            _per_100(high),
            uncertain=table.calibration.uncertain(score),
        ),
        reasons=reasons,
        against=against,
        absent=tuple(unknown),
        other=other,
        withheld=withheld,
        missing=(),
    )
    return replace(kept, missing=(*unknown.values(), *_limits(kept, "fr")))


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
    limits = dict(zip(_limits(signal, "fr"), _limits(signal, language), strict=True))

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


def _limits(signal: Signal, language: Language) -> tuple[str, ...]:
    """Say what this signal leaves out, and what every signal does."""
    words = PHRASES[language]
    said = []
    if signal.other:
        said.append(NOT_COUNTED[language].format(words.count(signal.other, *words.events)))
    if signal.withheld:
        said.append(WITHHELD[language])
    if signal.estimate.uncertain:
        said.append(UNCERTAIN[language])
    return (*said, CANNOT_KNOW[language])


def _steady(points: Floats, in_bags: Floats, most: int) -> tuple[list[int], int]:
    """Choose the groups that weigh most, and count those withheld as unsteady.

    Parameters
    ----------
    points
        Of each group in the model, shape (groups,), positive where it speaks in this sense.
    in_bags
        The same in each bag, shape (bags, groups).
    most
        How many are told at most: a group that fewer than three bags in four count among so
        many first ones is withheld.
    """
    first = [g for g in np.argsort(-points, kind="stable")[:most] if points[g] >= SMALLEST_POINTS]
    rank = np.argsort(np.argsort(-in_bags, axis=1, kind="stable"), axis=1)
    counted = (rank < most) & (in_bags >= SMALLEST_POINTS)
    steady = [int(g) for g in first if counted[:, g].mean() >= STEADY]
    return steady, len(first) - len(steady)


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
