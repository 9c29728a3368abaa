"""The model itself: what the list is worth, what it was compared with, and all its points."""

from __future__ import annotations

import math
from collections.abc import Iterator

from audits.report import document as doc
from audits.report import pictures
from audits.report.context import AuditContext, Candidate, ListMeasures, ModelBin, ModelFeature
from audits.report.pen import Pen

MOST_DRAWN = 12
"""Features in the picture; the table below it holds all."""

_TINY = 1e-9

_SHOWN = 2
"""Decimals of a point."""


def worth(pen: Pen, context: AuditContext) -> Iterator[doc.Section]:
    """Write what the list is worth with the places there are, and the comparison."""
    blocks = [*_capacity(pen, context.capacity), *_candidates(pen, context.candidates)]
    if blocks:
        yield doc.Section(
            pen.say("La liste sous sa capacité réelle", "The list under its real capacity"),
            tuple(blocks),
        )


def whole_model(pen: Pen, context: AuditContext) -> Iterator[doc.Section]:
    """Write the model, whole."""
    if not context.features:
        return
    whole = all(b.whole is not None for f in context.features for b in f.bins)
    counting = [feature for feature in context.features if not _silent(feature)]
    silent = [feature for feature in context.features if _silent(feature)]
    ordered = sorted(counting, key=_span, reverse=True)
    unit = (
        pen.say(
            "Chaque ligne qui s'applique donne des points entiers ; leur total range les "
            "situations, et chacun peut le refaire au crayon.",
            "Every line that applies gives whole points; their total puts the situations in "
            "order, and anybody can add it up with a pencil.",
        )
        if whole
        else pen.say(
            "Chaque ligne qui s'applique donne des points (des logarithmes de cotes) ; leur somme "
            "range les situations. Des points positifs rapprochent une situation de la liste, des "
            "points négatifs l'en éloignent.",
            "Every line that applies gives points (log-odds); their sum puts the situations in "
            "order. Points above zero bring a situation nearer to the list, points below zero "
            "take it further away.",
        )
    )
    yield doc.Section(
        pen.say("Le modèle en entier", "The model, whole"),
        (
            doc.Paragraph(
                pen.say(
                    "Le modèle est cette table, et rien d'autre. ",
                    "The model is this table, and nothing else. ",
                )
                + unit
                + pen.say(
                    " Les points disent ce qui va ensemble dans les données, non ce qui en est la "
                    "cause.",
                    " Points say what goes together in the data, not what causes what.",
                )
            ),
            *([_spread(pen, ordered, whole=whole)] if ordered else []),
            doc.Table(
                pen.say("Le modèle en entier", "The model, whole"),
                pen.say(
                    "Chaque fait, ses valeurs et leurs points, ce qui pèse le plus d'abord.",
                    "Every fact, its values and their points, what weighs most first.",
                ),
                (
                    doc.Column(pen.say("Fait", "Fact")),
                    doc.Column(pen.say("Valeurs et points", "Values and points")),
                ),
                tuple((f.title[pen.language], _bins(pen, f, whole=whole)) for f in ordered),
            ),
            *(
                [
                    doc.Fold(
                        pen.say(
                            "Faits mesurés auxquels le modèle ne donne aucun point",
                            "Facts that are measured and to which the model gives no points",
                        ),
                        (
                            doc.Paragraph(
                                " · ".join(feature.title[pen.language] for feature in silent),
                                quiet=True,
                            ),
                        ),
                    )
                ]
                if silent
                else []
            ),
        ),
    )


def _capacity(pen: Pen, measures: ListMeasures | None) -> Iterator[doc.Block]:
    if measures is None:
        return
    yield doc.Paragraph(
        pen.say(
            "Mesuré sur la liste que les équipes auraient eue, date par date, avec les places "
            "qu'elles ont, à des dates postérieures à l'apprentissage.",
            "Measured on the list the teams would have had, date by date, with the places they "
            "have, at dates later than the training.",
        )
    )
    yield doc.Table(
        pen.say("Mesures sous la capacité réelle", "Measures under the real capacity"),
        pen.say("Moyennes des dates de revue.", "Means over the review dates."),
        (
            doc.Column(pen.say("Mesure", "Measure")),
            doc.Column(pen.say("Valeur", "Value"), number=True),
            doc.Column(pen.say("Ce que cela veut dire", "What it means")),
        ),
        (
            (
                pen.say("Dates de revue mesurées", "Review dates measured"),
                pen.number(measures.review_dates),
                "",
            ),
            (
                pen.say("Places par date", "Places per date"),
                pen.number(measures.per_review),
                pen.say(
                    f"dont {pen.percent(measures.control_share)} tirées au hasard",
                    f"{pen.percent(measures.control_share)} of them drawn at random",
                ),
            ),
            (
                pen.say("Utilité de la liste", "Usefulness of the list"),
                _of_100(pen, measures.precision),
                pen.say(
                    "sur 100 situations listées, celles où l'issue est survenue",
                    "of 100 listed situations, those where the outcome came",
                ),
            ),
            (
                pen.say("Part repérée", "Share found"),
                _of_100(pen, measures.recall),
                pen.say(
                    "sur 100 situations où l'issue est survenue, celles qui étaient listées",
                    "of 100 situations where the outcome came, those that were listed",
                ),
            ),
            (
                pen.say("Part repérée, pire date", "Share found, worst date"),
                _of_100(pen, measures.worst_recall),
                pen.say(
                    "parmi les dates qui ont assez de situations pour en parler",
                    "among the dates with enough situations to speak about",
                ),
            ),
            (
                pen.say("Suites connues", "Outcomes known"),
                pen.number(measures.labelled),
                pen.say(
                    f"sur {pen.number(measures.listed)} situations listées",
                    f"of {pen.number(measures.listed)} listed situations",
                ),
            ),
        ),
    )


def _candidates(pen: Pen, candidates: tuple[Candidate, ...]) -> Iterator[doc.Block]:
    if not candidates:
        return
    yield doc.Table(
        pen.say("Les candidats comparés", "The candidates compared"),
        pen.say(
            "Les modèles, les règles simples qu'ils doivent dépasser et la boîte noire qui ne sert "
            "que de repère, mesurés aux mêmes dates. Paires bien rangées : de deux situations, "
            "l'une avec l'issue et l'autre sans, combien sont dans le bon ordre.",
            "The models, the simple rules they have to beat and the black box that only serves as "
            "a yardstick, measured at the same dates. Pairs in order: of two situations, one with "
            "the outcome and one without, how many are in the right order.",
        ),
        (
            doc.Column(pen.say("Candidat", "Candidate")),
            doc.Column(pen.say("Peut être proposé", "May be proposed")),
            doc.Column(pen.say("Paires bien rangées", "Pairs in order"), number=True),
            doc.Column(pen.say("Utilité de la liste", "Usefulness"), number=True),
            doc.Column(pen.say("Part repérée", "Share found"), number=True),
        ),
        tuple(
            (
                line.name[pen.language]
                + (pen.say(" (audité ici)", " (audited here)") if line.chosen else ""),
                pen.say("oui", "yes") if line.promotable else pen.say("non", "no"),
                pen.percent(line.auc),
                pen.percent(line.precision_at_capacity),
                pen.percent(line.recall_at_capacity),
            )
            for line in candidates
        ),
    )


def _spread(pen: Pen, ordered: list[ModelFeature], *, whole: bool) -> doc.Figure:
    drawn = ordered[:MOST_DRAWN]
    rows = [
        pictures.Spread(
            feature.title[pen.language],
            pen.to(*(_points(pen, value, whole=whole) for value in _ends(feature))),
            tuple(_value(one) for one in feature.bins),
        )
        for feature in drawn
    ]
    low = min(0.0, *(v for row in rows for v in row.values))
    high = max(0.0, *(v for row in rows for v in row.values))
    step = max(1.0, math.ceil((high - low) / 6)) if whole else 0.5 if high - low > 1 else 0.1
    first, last = math.floor(low / step + _TINY), math.ceil(high / step - _TINY)
    every = max(1, round((last - first) / 6))
    ticks = tuple(
        (n * step, _points(pen, n * step, whole=whole))
        for n in range(first, last + 1)
        if n % every == 0
    )
    said = "; ".join(f"{row.label} {row.text}" for row in rows)
    return doc.Figure(
        pictures.spreads(rows, pictures.Axis(first * step, last * step, ticks, zero=0.0)),
        pen.say(f"Étendue des points par fait : {said}.", f"Reach of the points by fact: {said}."),
        pen.say(
            "Ce qui pèse le plus : de combien de points chaque fait peut éloigner de la liste (à "
            "gauche de zéro) ou en rapprocher (à droite). Les fentes sont ses valeurs."
            if not whole
            else "Ce qui pèse le plus : combien de points chaque question peut donner.",
            "What weighs most: by how many points each fact can take away from the list (left of "
            "zero) or bring nearer to it (right). The slits are its values."
            if not whole
            else "What weighs most: how many points each question can give.",
        ),
    )


def _bins(pen: Pen, feature: ModelFeature, *, whole: bool) -> str:
    # A line breaks between two values, never within one.
    return "\u00a0· ".join(
        f"{one.where[pen.language]}{pen.say(' : ', ': ')}"
        f"{_points(pen, _value(one), whole=whole)}".replace(" ", "\u00a0")
        for one in feature.bins
    )


def _silent(feature: ModelFeature) -> bool:
    return not any(round(_value(one), _SHOWN) for one in feature.bins)


def _value(one: ModelBin) -> float:
    return one.points if one.whole is None else float(one.whole)


def _points(pen: Pen, value: float, *, whole: bool) -> str:
    return pen.number(round(value)) if whole else pen.signed(value, _SHOWN)


def _ends(feature: ModelFeature) -> tuple[float, float]:
    values = [_value(one) for one in feature.bins]
    return min(values), max(values)


def _span(feature: ModelFeature) -> float:
    low, high = _ends(feature)
    return high - low


def _of_100(pen: Pen, share: float | None) -> str:
    if share is None:
        return pen.say("non mesurable", "not measurable")
    return pen.say(f"{round(100 * share)} sur 100", f"{round(100 * share)} of 100")
