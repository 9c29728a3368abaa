"""The findings: each attribute and each crossing, with pictures, tables and plain sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from audits.records import (
    ENOUGH,
    AuditResult,
    CalibrationCurve,
    Finding,
    GroupEstimate,
    TeamsLeftOut,
)
from audits.report import document as doc
from audits.report import pictures
from audits.report.first_page import (
    answer_words,
    contradicts,
    gates_of,
    group_name,
    named,
    two_questions,
)
from audits.report.metrics import Metric, metrics
from audits.report.numbers import MARKS, NONE
from audits.report.pen import Pen

CROSS = " × "
"""Stands in the name of an intersection."""


def findings(pen: Pen, result: AuditResult) -> Iterator[doc.Section]:
    """Write the sections about the findings."""
    gates = gates_of(result)
    yield _overview(pen, result, gates)
    single = [gate for gate in gates if CROSS not in gate.attribute]
    crossed = [gate for gate in gates if CROSS in gate.attribute]
    if single:
        yield doc.Section(
            pen.say("Attribut par attribut", "Attribute by attribute"),
            (
                doc.Paragraph(
                    pen.say(
                        "La part repérée dit, parmi les situations où l'issue est survenue, "
                        "combien figuraient sur la liste, qui n'a qu'un nombre limité de places. "
                        "C'est elle qui compte d'abord, parce que figurer sur la liste doit ouvrir "
                        "une proposition d'aide.",
                        "The share found says how many of the situations where the outcome came "
                        "were on the list, which has only so many places. It comes first because "
                        "being on the list is meant to open an offer of help.",
                    )
                ),
                *(_attribute(pen, result, gate) for gate in single),
            ),
        )
    if crossed:
        yield doc.Section(
            pen.say("Croisements", "Intersections"),
            (
                doc.Paragraph(
                    pen.say(
                        "Un groupe peut être moins bien repéré au croisement de deux attributs "
                        "sans l'être dans aucun des deux. Les groupes y sont petits : le losange "
                        "montre la part rapprochée de celle de tous, d'autant plus qu'il y a peu "
                        "de personnes derrière. Elle se lit avec moins d'illusions que le point.",
                        "A group may be found less often where two attributes meet without being "
                        "so in either. Groups are small there: the diamond shows the share shrunk "
                        "towards that of everybody, the more the fewer persons stand behind it. "
                        "It misleads less than the dot.",
                    )
                ),
                *(_attribute(pen, result, gate) for gate in crossed),
            ),
        )
    if result.teams:
        yield _teams(pen, result.teams)


def _overview(pen: Pen, result: AuditResult, gates: list[Finding]) -> doc.Section:
    marks = [
        pictures.Mark(
            gate.attribute, pen.in_points(gate.gap), gate.gap, gate.gap_low, gate.gap_high
        )
        for gate in gates
    ]
    axis = pictures.share_axis(
        [*(gate.gap_high for gate in gates), 1.5 * result.tolerance],
        pen.say(" points", " points"),
        rule=result.tolerance,
    )
    said = [
        f"{gate.attribute}{pen.say(' : ', ': ')}"
        + (
            pen.say("non calculé", "not computed")
            if gate.gap is None
            else pen.say(
                f"{pen.in_points(gate.gap)}, de "
                f"{pen.to(pen.points(gate.gap_low), pen.points(gate.gap_high))}",
                f"{pen.in_points(gate.gap)}, from "
                f"{pen.to(pen.points(gate.gap_low), pen.points(gate.gap_high))}",
            )
        )
        for gate in gates
    ]
    rows = tuple(
        (
            gate.attribute,
            answer_words(pen, gate.verdict),
            pen.in_points(gate.gap),
            NONE
            if gate.gap is None
            else pen.to(pen.points(gate.gap_low), pen.points(gate.gap_high)),
            "–" if gate.p_value is None else pen.decimal(gate.p_value),
        )
        for gate in gates
    )
    return doc.Section(
        pen.say("La réponse pour chaque attribut", "The answer for each attribute"),
        (
            doc.Figure(
                pictures.dots(marks, axis),
                pen.say(
                    f"Plus grand écart de part repérée par attribut, pour une tolérance de "
                    f"{pen.in_points(result.tolerance)} : {' ; '.join(said)}.",
                    f"Largest gap in the share found by attribute, for a tolerance of "
                    f"{pen.in_points(result.tolerance)}: {'; '.join(said)}.",
                ),
                pen.say(
                    "Le point est le plus grand écart observé entre deux groupes, la barre ce que "
                    "le hasard laisse possible (95 %). Le trait noir est la tolérance : une barre "
                    "tout entière à sa gauche vaut un « oui », si tous les groupes ont pu être "
                    "comparés.",
                    "The dot is the largest gap seen between two groups, the bar what chance "
                    "leaves possible (95%). The black line is the tolerance: a bar wholly to its "
                    "left is a “yes”, if all groups could be compared.",
                ),
            ),
            doc.Table(
                pen.say("Réponse pour chaque attribut", "Answer for each attribute"),
                pen.say(
                    "L'ensemble reçoit un « non » si un attribut le reçoit, et reste sans réponse "
                    "si un attribut reste sans réponse. La probabilité est celle d'un écart au "
                    "moins aussi net si tous les groupes étaient repérés de la même façon, "
                    "corrigée du nombre d'attributs.",
                    "The whole is answered “no” if one attribute is, and stays without an answer "
                    "if one attribute does. The probability is that of a gap at least as marked "
                    "if all groups were found alike, corrected for the number of attributes.",
                ),
                (
                    doc.Column(pen.say("Attribut", "Attribute")),
                    doc.Column(pen.say("Réponse", "Answer")),
                    doc.Column(pen.say("Plus grand écart", "Largest gap"), number=True),
                    doc.Column(
                        pen.say("Compte tenu du hasard, en points", "Allowing for chance, points"),
                        number=True,
                    ),
                    doc.Column(pen.say("Probabilité", "Probability"), number=True),
                ),
                rows,
            ),
        ),
    )


def _attribute(pen: Pen, result: AuditResult, gate: Finding) -> doc.Section:
    others = [
        finding
        for finding in result.findings
        if finding.attribute == gate.attribute and finding is not gate
    ]
    curves = [curve for curve in result.calibration if curve.attribute == gate.attribute]
    return doc.Section(
        gate.attribute,
        (
            doc.Paragraph(_gap(pen, result, gate), lead=f"{answer_words(pen, gate.verdict)}."),
            _shares(pen, gate),
            _groups(pen, gate),
            *_differences(pen, result, gate),
            *_calibration(pen, curves),
            *(
                [
                    doc.Fold(
                        pen.say(
                            f"Autres mesures pour {pen.quoted(gate.attribute)}, sans effet sur la "
                            "réponse",
                            f"Other measures for {pen.quoted(gate.attribute)}, without effect on "
                            "the answer",
                        ),
                        tuple(_groups(pen, finding) for finding in others),
                    )
                ]
                if others
                else []
            ),
        ),
    )


def _gap(pen: Pen, result: AuditResult, gate: Finding) -> str:
    if gate.gap is None:
        return pen.say(
            "Moins de deux groupes comptent assez de personnes ayant connu l'issue : aucune "
            "comparaison n'est faite.",
            "Fewer than two groups have enough persons with the outcome: nothing is compared.",
        )
    between = pen.to(pen.points(gate.gap_low), pen.points(gate.gap_high))
    said = pen.say(
        f"Entre deux groupes comparés, la part repérée diffère au plus de "
        f"{pen.in_points(gate.gap)} ; compte tenu du hasard, cet écart va de {between} points, "
        f"pour une tolérance de {pen.points(result.tolerance)}.",
        f"Between two compared groups, the share found differs by at most "
        f"{pen.in_points(gate.gap)}; allowing for chance, this gap is {between} points, for a "
        f"tolerance of {pen.points(result.tolerance)}.",
    )
    return f"{said} {two_questions(pen)}" if contradicts(gate) else said


def _shares(pen: Pen, gate: Finding) -> doc.Figure:
    marks = [
        pictures.Mark(
            group_name(pen, group),
            _value(pen, group, pen.percent),
            group.estimate,
            group.low,
            group.high,
            group.shrunk,
            apart=not group.assessed,
        )
        for group in gate.groups
    ]
    axis = pictures.share_axis(
        [value for group in gate.groups for value in (group.high, group.estimate)],
        MARKS[pen.language][2],
    )
    shrunk = any(group.shrunk is not None for group in gate.groups)
    said = "; ".join(
        f"{mark.label} {mark.text}"
        + ("" if mark.low is None else f" ({pen.share_range(mark.low, mark.high)})")
        for mark in marks
    )
    diamond = pen.say(
        " Losange : part rapprochée de celle de tous.",
        " Diamond: share shrunk towards that of everybody.",
    )
    apart = pen.say(
        f" Point creux ou absent : moins de {ENOUGH} personnes ayant connu l'issue, groupe hors "
        "comparaison.",
        f" Hollow or no dot: fewer than {ENOUGH} persons with the outcome, the group is not "
        "compared.",
    )
    return doc.Figure(
        pictures.dots(marks, axis),
        pen.say(
            f"Part repérée par groupe, {gate.attribute} : {said}.",
            f"Share found by group, {gate.attribute}: {said}.",
        ),
        pen.say(
            "Part repérée dans chaque groupe : le point est la part observée, la barre ce que le "
            "hasard du tirage des personnes laisse possible (95 %).",
            "Share found in each group: the dot is the share observed, the bar what chance in the "
            "draw of persons leaves possible (95%).",
        )
        + (diamond if shrunk else "")
        + (apart if any(mark.apart for mark in marks) else ""),
    )


def _differences(pen: Pen, result: AuditResult, gate: Finding) -> Iterator[doc.Figure]:
    """Draw how far each compared group is from all others, where three or more are."""
    compared = [group for group in gate.groups if group.difference is not None]
    if len(compared) < 3:  # noqa: PLR2004 - of two groups each is the other's mirror
        return
    marks = [
        pictures.Mark(
            group_name(pen, group),
            f"{pen.signed_points(group.difference)} "
            f"({pen.to(pen.points(group.difference_low), pen.points(group.difference_high))})",
            group.difference,
            group.difference_low,
            group.difference_high,
        )
        for group in compared
    ]
    reach = max(
        abs(value)
        for group in compared
        for value in (group.difference_low, group.difference_high, result.tolerance)
        if value is not None
    )
    end = max(0.1, -(-reach // 0.1) * 0.1)
    axis = pictures.Axis(
        -end,
        end,
        tuple((v, pen.signed_points(v)) for v in (-end, -end / 2, 0.0, end / 2, end)),
        zero=0.0,
        band=(-result.tolerance, result.tolerance),
    )
    said = "; ".join(f"{mark.label} {mark.text}" for mark in marks)
    yield doc.Figure(
        pictures.dots(marks, axis),
        pen.say(
            f"Écart de chaque groupe à tous les autres, en points, {gate.attribute} : {said}.",
            f"Distance of each group from all others, in points, {gate.attribute}: {said}.",
        ),
        pen.say(
            "Écart de chaque groupe à tous les autres ensemble, en points ; les barres valent pour "
            "tous les groupes à la fois (95 %). La bande est aussi large que la tolérance de part "
            "et d'autre de zéro.",
            "Distance of each group from all others together, in points; the bars hold for all "
            "groups at once (95%). The band is as wide as the tolerance on either side of zero.",
        ),
    )


def _groups(pen: Pen, finding: Finding) -> doc.Table:
    metric = metrics(pen)[finding.metric]
    shrunk = any(group.shrunk is not None for group in finding.groups)
    gap = (
        pen.say(
            f"Plus grand écart : {pen.in_points(finding.gap)}, de "
            f"{pen.to(pen.points(finding.gap_low), pen.points(finding.gap_high))}.",
            f"Largest gap: {pen.in_points(finding.gap)}, from "
            f"{pen.to(pen.points(finding.gap_low), pen.points(finding.gap_high))}.",
        )
        if finding.gap is not None
        else pen.say(
            "Écart non calculé : moins de deux groupes comparables.",
            "No gap computed: fewer than two comparable groups.",
        )
    )
    columns = [
        doc.Column(pen.say("Groupe", "Group")),
        doc.Column(pen.say("Personnes", "Persons"), number=True),
        doc.Column(pen.say("dont avec l'issue", "of them with the outcome"), number=True),
        doc.Column(metric.name, number=True),
        doc.Column(pen.say("Intervalle à 95 %", "95% interval"), number=True),
        *([doc.Column(pen.say("Rapprochée", "Shrunk"), number=True)] if shrunk else []),
        doc.Column(pen.say("Écart aux autres, en points", "From the others, points"), number=True),
    ]
    return doc.Table(
        f"{metric.name}, {finding.attribute}",
        f"{metric.meaning[0].upper()}{metric.meaning[1:]}. {gap}",
        tuple(columns),
        tuple(_row(pen, metric, group, shrunk=shrunk) for group in finding.groups),
    )


def _row(pen: Pen, metric: Metric, group: GroupEstimate, *, shrunk: bool) -> tuple[str, ...]:
    value = _value(pen, group, metric.write)
    if group.numerator is not None and group.denominator is not None:
        value += f" ({pen.out_of(group.numerator, group.denominator)})"
    interval = NONE
    if group.low is not None and group.high is not None:
        interval = pen.to(metric.write(group.low), metric.write(group.high))
        if metric.write == pen.percent:
            interval = pen.share_range(group.low, group.high)
    difference = NONE
    if group.difference is not None:
        reach = pen.to(pen.points(group.difference_low), pen.points(group.difference_high))
        difference = f"{pen.signed_points(group.difference)} ({reach})"
    elif not group.assessed:
        difference = pen.say("non comparé", "not compared")
    return (
        group_name(pen, group),
        pen.number(group.n),
        pen.number(group.positives),
        value,
        interval,
        *([metric.write(group.shrunk)] if shrunk else []),
        difference,
    )


def _value(pen: Pen, group: GroupEstimate, write: Callable[[float | None], str]) -> str:
    return pen.shown(write(group.estimate), withheld=group.estimate is None and group.suppressed)


def _calibration(pen: Pen, curves: list[CalibrationCurve]) -> Iterator[doc.Block]:
    panels = [
        pictures.Panel(
            named(pen, curve.value),
            tuple(
                (b.expected, b.observed, b.low, b.high)
                for b in curve.bins
                if b.expected is not None and b.observed is not None
            ),
        )
        for curve in curves
    ]
    told = [panel for panel in panels if panel.dots]
    if not told:
        return
    most = max(value for panel in told for dot in panel.dots for value in dot if value is not None)
    most = min(1.0, max(0.1, -(-most // 0.1) * 0.1))
    said = "; ".join(
        f"{panel.label} : "
        + ", ".join(f"{pen.percent(d[0])} → {pen.percent(d[1])}" for d in panel.dots)
        for panel in told
    )
    untold = [panel.label for panel in panels if not panel.dots]
    caption = pen.say(
        "Ce qui était estimé (de gauche à droite) et ce qui est survenu (de bas en haut), avec son "
        "intervalle à 95 %. Sur la diagonale, l'estimation dit vrai ; au-dessus, l'issue survient "
        "plus souvent qu'estimé : le groupe est sous-estimé. Peu de personnes par point : des "
        "écarts isolés ne prouvent rien.",
        "What was estimated (left to right) and what came (bottom to top), with its 95% interval. "
        "On the diagonal the estimate holds; above it the outcome comes more often than was "
        "estimated: the group is underestimated. Few persons stand behind a dot: a single one off "
        "the line shows nothing.",
    )
    if untold:
        caption += pen.say(
            f" {pen.not_shown.capitalize()}, trop peu de personnes : {pen.listed(untold)}.",
            f" {pen.not_shown.capitalize()}, too few persons: {pen.listed(untold)}.",
        )
    yield doc.Figure(
        pictures.panels(
            told,
            most=most,
            share=pen.percent(most),
            across=pen.say("estimé", "estimated"),
            up=pen.say("survenu", "came"),
        ),
        pen.say(
            f"Calibration par groupe, part estimée → part survenue. {said}.",
            f"Calibration by group, estimated share → share that came. {said}.",
        ),
        caption,
    )


def _teams(pen: Pen, teams: tuple[TeamsLeftOut, ...]) -> doc.Section:
    return doc.Section(
        pen.say("Sans une équipe à la fois", "Leaving out one team at a time"),
        (
            doc.Paragraph(
                pen.say(
                    "Si une seule équipe fait l'écart, il disparaît sans elle. Chaque équipe a été "
                    "retirée à son tour et tout a été recalculé ; aucune n'est nommée. Une réponse "
                    "qui tient sans chacune d'elles ne dit pas encore que toutes les équipes se "
                    "ressemblent.",
                    "If one team alone makes the gap, it goes without that team. Each team was "
                    "left out in turn and everything computed again; none is named. An answer "
                    "that holds without each of them does not yet say that all teams are alike.",
                )
            ),
            doc.Table(
                pen.say("Sans une équipe à la fois", "Leaving out one team at a time"),
                pen.say(
                    "Étendue du plus grand écart de part repérée, et nombre de fois où la réponse "
                    "de l'attribut change. « – » : quelle que soit l'équipe "
                    "retirée, il ne restait pas deux groupes à comparer.",
                    "Range of the largest gap in the share found, and how often the attribute's "
                    "answer changes. “–”: whichever team was left out, no two groups were "
                    "left to compare.",
                ),
                (
                    doc.Column(pen.say("Attribut", "Attribute")),
                    doc.Column(pen.say("Équipes retirées", "Teams left out"), number=True),
                    doc.Column(pen.say("Plus grand écart, en points", "Largest gap, points"), True),
                    doc.Column(pen.say("Autre réponse", "Other answer"), number=True),
                ),
                tuple(
                    (
                        line.attribute,
                        pen.number(line.teams),
                        NONE
                        if line.gap_least is None or line.gap_most is None
                        else pen.to(pen.points(line.gap_least), pen.points(line.gap_most)),
                        pen.number(line.other_verdicts),
                    )
                    for line in teams
                ),
            ),
        ),
    )
