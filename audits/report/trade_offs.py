"""What equality would cost: the audit's own trials, as a picture and in figures."""

from __future__ import annotations

import math
from collections.abc import Iterator

from audits.report import document as doc
from audits.report import pictures
from audits.report.numbers import MARKS, NONE
from audits.report.pen import Pen
from audits.surroundings import TradeOff, TradeOffPoint

_SHAPE_NAMES = {"fr": ("ronds", "carrés"), "en": ("dots", "squares")}


def trade_offs(pen: Pen, tried: tuple[TradeOff, ...]) -> doc.Section:
    """Write what equal recall would cost, one picture an attribute."""
    blocks: list[doc.Block] = [
        doc.Paragraph(
            pen.say(
                "L'audit a essayé d'apprendre d'autres modèles en leur demandant de repérer "
                "également les groupes. Chaque point est un essai : plus à gauche, plus égal ; "
                "plus haut, plus de situations repérées en tout. Aucun n'est proposé à la place du "
                "modèle : les apprendre demande de lire l'attribut, ce que l'apprentissage n'a pas "
                "le droit de faire. L'image dit seulement si l'égalité aurait un prix.",
                "The audit tried to fit other models that were asked to find the groups equally. "
                "Each dot is a trial: further left, more equal; higher up, more situations found "
                "in all. None is offered in place of the model: fitting one takes reading the "
                "attribute, which the training may not do. The picture only says whether equality "
                "would have a price.",
            )
        )
    ]
    for trade_off in tried:
        blocks += _trade_off(pen, trade_off)
    return doc.Section(
        pen.say("Ce que coûterait l'égalité", "What equality would cost"), tuple(blocks)
    )


def _trade_off(pen: Pen, trade_off: TradeOff) -> Iterator[doc.Block]:
    methods = list(dict.fromkeys(p.method for p in trade_off.points if not (p.model or p.free)))
    gaps = [point.gap for point in trade_off.points]
    recalls = [point.recall for point in trade_off.points]
    sign = MARKS[pen.language][2]
    across = pictures.share_axis([*gaps, 0.05], "")
    # Twentieths: recall moves little where gaps move much.
    low, high = math.floor(20 * min(recalls)), math.ceil(20 * max(recalls))
    high = max(high, low + 1)
    up = pictures.Axis(
        low / 20, high / 20, tuple((n / 20, f"{5 * n}{sign}") for n in range(low, high + 1))
    )
    spots = [
        pictures.Spot(p.gap, p.recall, _spot(p, methods), _spot_label(pen, p))
        for p in sorted(trade_off.points, key=lambda p: (p.model, p.free))
    ]
    said = "; ".join(
        f"{_point_name(pen, p)} {pen.percent(p.recall)}, {pen.in_points(p.gap)}"
        for p in trade_off.points
    )
    shapes = ", ".join(
        f"{method} ({_SHAPE_NAMES[pen.language][i % 2]})" for i, method in enumerate(methods)
    )
    yield doc.Figure(
        pictures.scatter(
            spots,
            across,
            up,
            across_name=pen.say("plus grand écart, en points →", "largest gap, points →"),
            up_name=pen.say("↑ part repérée, tous groupes", "↑ share found, all groups"),
        ),
        pen.say(
            f"Part repérée et plus grand écart selon {trade_off.attribute} : {said}.",
            f"Share found and largest gap by {trade_off.attribute}: {said}.",
        ),
        pen.say(
            f"Attribut {pen.quoted(trade_off.attribute)}. Essais : {shapes}.",
            f"Attribute {pen.quoted(trade_off.attribute)}. Trials: {shapes}.",
        ),
    )
    yield doc.Fold(
        pen.say(
            f"Les essais pour {pen.quoted(trade_off.attribute)} en chiffres",
            f"The trials for {pen.quoted(trade_off.attribute)} in figures",
        ),
        (
            doc.Table(
                pen.say("Essais", "Trials"),
                pen.say(
                    "Chaque essai, dans l'ordre de sa contrainte.", "Each trial, by constraint."
                ),
                (
                    doc.Column(pen.say("Essai", "Trial")),
                    doc.Column(pen.say("Contrainte", "Constraint"), number=True),
                    doc.Column(pen.say("Part repérée", "Share found"), number=True),
                    doc.Column(pen.say("Plus grand écart, en points", "Largest gap, points"), True),
                ),
                tuple(
                    (
                        _point_name(pen, p),
                        NONE if p.model or p.free else pen.decimal(p.strength, 3),
                        pen.percent(p.recall),
                        pen.points(p.gap),
                    )
                    for p in trade_off.points
                ),
            ),
        ),
    )


def _spot(point: TradeOffPoint, methods: list[str]) -> str:
    if point.model or point.free:
        return "diamond" if point.model else "circle"
    return ("circle", "square")[methods.index(point.method) % 2]


def _spot_label(pen: Pen, point: TradeOffPoint) -> str:
    if point.model:
        return pen.say("le modèle audité", "the audited model")
    return pen.say("sans contrainte", "no constraint") if point.free else ""


def _point_name(pen: Pen, point: TradeOffPoint) -> str:
    return _spot_label(pen, point) or point.method
