"""What surrounds the findings: data, labels, proxies, stability, drift, and the rest in order.

Each part is written only where there is something to tell, with one sentence on how to read
it and what it cannot say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from audits.report import document as doc
from audits.report import pictures
from audits.report.context import AuditContext
from audits.report.decisions import decisions
from audits.report.first_page import named
from audits.report.numbers import MARKS, NONE
from audits.report.pen import Pen
from audits.report.trade_offs import trade_offs
from audits.surroundings import (
    DataSheet,
    Drift,
    LabelCard,
    MissingProxy,
    Proxy,
    Stability,
    Surroundings,
)

DAYS = (("jour", "jours"), ("day", "days"))

Titles = Mapping[str, str]
"""What facts are called in the reader's language, by column."""

MOST_FEATURES = 3
"""Features named beside one proxy."""

MOST_SHIFTS = 12
"""Features listed in the table of drift, the most moved first."""

LITTLE, MUCH = 0.1, 0.25
"""Population stability indices that are said to be little, and much."""


def around(pen: Pen, told: Surroundings, context: AuditContext) -> Iterator[doc.Section]:
    """Write the sections about what surrounds the findings."""
    titles = {fact.name: fact.title[pen.language] for fact in context.facts}
    data = [*_data(pen, told.data_sheet), *_label(pen, told.label_card)]
    if data:
        yield doc.Section(
            pen.say("Les données et l'issue", "The data and the outcome"), tuple(data)
        )
    proxies = [*_proxies(pen, told.proxies, titles), *_missing(pen, told.missing, titles)]
    if proxies:
        yield doc.Section(
            pen.say("Ce qui peut désigner un groupe", "What may tell a group"), tuple(proxies)
        )
    steady = [*_stability(pen, told.stability), *_drift(pen, told.drift, titles)]
    if steady:
        yield doc.Section(
            pen.say("Ce qui tient et ce qui bouge", "What holds and what moves"), tuple(steady)
        )
    if told.trade_offs:
        yield trade_offs(pen, told.trade_offs)
    if told.human is not None:
        yield decisions(pen, told.human)


def _data(pen: Pen, sheet: DataSheet | None) -> Iterator[doc.Section]:
    if sheet is None:
        return
    period = pen.say("du {} au {}", "{} to {}")
    yield doc.Section(
        pen.say("Fiche des données", "Data sheet"),
        (
            doc.Paragraph(
                pen.say(
                    "Ce dont le modèle a appris, et ce sur quoi il a été mesuré : des dates "
                    "postérieures, et chaque personne estimée par un ajustement qui n'avait pas "
                    "vu son foyer. La fiche dit ce qui a été enregistré, non ce qui s'est passé.",
                    "What the model learnt from, and what it was measured on: later dates, and "
                    "every person estimated by a fit that had not seen their household. The sheet "
                    "says what was recorded, not what happened.",
                )
            ),
            doc.Table(
                pen.say("Apprentissage et mesure", "Training and measurement"),
                pen.say(
                    f"Rien n'est connu après le {pen.day(sheet.extracted_on)}, jour de l'extrait. "
                    "L'audit compte moins de lignes que la mesure : à une date où son signal est "
                    "ouvert ou récent, une personne ne pouvait pas figurer sur la liste.",
                    f"Nothing is known after {pen.day(sheet.extracted_on)}, day of the extract. "
                    "The audit counts fewer rows than were measured: at a date when somebody's "
                    "signal is open or recent, they could not be on the list.",
                ),
                (
                    doc.Column(""),
                    doc.Column(pen.say("Dates de revue", "Review dates")),
                    doc.Column(pen.say("Personnes", "Persons"), number=True),
                    doc.Column(pen.say("Lignes", "Rows"), number=True),
                    doc.Column(pen.say("Avec l'issue", "With the outcome"), number=True),
                ),
                (
                    (
                        pen.say("Apprentissage", "Training"),
                        period.format(pen.day(sheet.train_from), pen.day(sheet.train_until)),
                        pen.number(sheet.train_persons),
                        pen.number(sheet.train_rows),
                        pen.percent(sheet.train_base_rate),
                    ),
                    (
                        pen.say("Mesure", "Measurement"),
                        period.format(pen.day(sheet.test_from), pen.day(sheet.test_until)),
                        pen.number(sheet.test_persons),
                        pen.number(sheet.test_rows),
                        pen.percent(sheet.test_base_rate),
                    ),
                ),
            ),
            doc.Facts(
                (
                    (
                        pen.say("Faits mesurés par ligne", "Facts measured per row"),
                        pen.number(sheet.features),
                    ),
                    *(
                        (
                            pen.say(
                                f"{pen.quoted(attribute)} n'est pas connu",
                                f"{pen.quoted(attribute)} is not known",
                            ),
                            pen.say(
                                f"pour {pen.percent(share)} des personnes auditées",
                                f"for {pen.percent(share)} of the audited persons",
                            ),
                        )
                        for attribute, share in sheet.unknown
                    ),
                    *(
                        [
                            (
                                pen.say("Codes laissés de côté", "Codes set aside"),
                                pen.say(
                                    f"{', '.join(sheet.set_aside)} (absents de l'apprentissage)",
                                    f"{', '.join(sheet.set_aside)} (absent from the training)",
                                ),
                            )
                        ]
                        if sheet.set_aside
                        else []
                    ),
                )
            ),
        ),
    )


def _label(pen: Pen, card: LabelCard | None) -> Iterator[doc.Section]:
    if card is None:
        return
    codes = ", ".join(card.codes)
    horizon = pen.count(card.horizon_days, *DAYS)
    blocks: list[doc.Block] = [
        doc.Paragraph(
            pen.say(
                "L'issue est ce que quelqu'un a enregistré, au jour où il l'a enregistré. Un "
                "groupe pour lequel on l'enregistre moins, ou plus tard, est audité sur une vérité "
                "plus pauvre ; l'audit ne peut pas le rattraper.",
                "The outcome is what somebody recorded, on the day they recorded it. A group for "
                "which it is recorded less often, or later, is audited on a poorer truth; the "
                "audit cannot make up for it.",
            )
        ),
        doc.Facts(
            (
                (pen.say("Issue", "Outcome"), card.outcome),
                (
                    pen.say("Elle compte", "It counts"),
                    pen.say(
                        f"si {codes} n'apparaît pas pendant {horizon}"
                        if card.kind == "silence"
                        else f"si {codes} apparaît dans les {horizon} qui suivent",
                        f"if {codes} does not occur for {horizon}"
                        if card.kind == "silence"
                        else f"if {codes} occurs within the {horizon} that follow",
                    ),
                ),
                *(
                    [
                        (
                            pen.say("Elle devient inconnue", "It becomes unknown"),
                            pen.say(
                                f"si {', '.join(card.competing_codes)} survient avant",
                                f"if {', '.join(card.competing_codes)} comes first",
                            ),
                        )
                    ]
                    if card.competing_codes
                    else []
                ),
                (
                    pen.say("Lignes sans suite connue", "Rows without a known outcome"),
                    pen.percent(card.unknown_share),
                ),
                (
                    pen.say("Délai médian d'enregistrement", "Median delay of recording"),
                    _days(pen, card.median_days),
                ),
                (
                    pen.say("Enregistrées plus de 7 jours après", "Recorded over 7 days later"),
                    pen.percent(card.late_share)
                    if card.late_share is not None
                    else pen.say("les données ne le disent pas", "the data do not say"),
                ),
            )
        ),
    ]
    if card.groups:
        blocks.append(
            doc.Table(
                pen.say("Délai par groupe", "Delay by group"),
                pen.say(
                    "Combien de temps après l'issue elle a été enregistrée, par groupe. Toutes les "
                    "issues de la période mesurée y sont, aussi celles que l'audit ne compte pas, "
                    "de personnes dont un signal était déjà ouvert ou récent.",
                    "How long after the outcome it was recorded, by group. All outcomes of the "
                    "measured period are here, also those that the audit does not count, of "
                    "persons who had an open or recent signal already.",
                ),
                (
                    doc.Column(pen.say("Groupe", "Group")),
                    doc.Column(pen.say("Personnes avec l'issue", "Persons with it"), number=True),
                    doc.Column(pen.say("Délai médian", "Median delay"), number=True),
                    doc.Column(pen.say("Plus de 7 jours", "Over 7 days"), number=True),
                ),
                tuple(
                    (
                        _group(pen, line.attribute, line.value),
                        pen.number(line.persons),
                        _days(pen, line.median_days, withheld=card.median_days is not None),
                        pen.shown(
                            pen.percent(line.late_share),
                            withheld=line.late_share is None and card.late_share is not None,
                        ),
                    )
                    for line in card.groups
                ),
            )
        )
    yield doc.Section(pen.say("Fiche de l'issue", "Label card"), tuple(blocks))


def _proxies(pen: Pen, proxies: tuple[Proxy, ...], titles: Titles) -> Iterator[doc.Section]:
    if not proxies:
        return
    marks = [
        pictures.Mark(
            _group(pen, proxy.attribute, proxy.value),
            _auc(pen, proxy.auc),
            proxy.auc,
            proxy.low,
            proxy.high,
            proxy.score,
        )
        for proxy in proxies
    ]
    sign = MARKS[pen.language][2]
    low = min([0.5, *(v for p in proxies for v in (p.low, p.score) if v is not None)])
    first = 0.5 if low >= 0.5 else max(0.0, (low // 0.1) * 0.1)  # noqa: PLR2004 - chance
    # From the right end, so that the last tick is 100%.
    step = 1 if first >= 0.5 else 2  # noqa: PLR2004 - six ticks at most
    ticks = tuple((t / 10, f"{10 * t}{sign}") for t in range(10, round(10 * first) - 1, -step))
    said = "; ".join(
        f"{mark.label} {mark.text}"
        + ("" if mark.low is None else f" ({pen.share_range(mark.low, mark.high)})")
        for mark in marks
    )
    yield doc.Section(
        pen.say("Ce que les faits laissent deviner", "What the facts let one guess"),
        (
            doc.Paragraph(
                pen.say(
                    "Le modèle ne voit aucun attribut sensible. Peut-il le deviner par le reste ? "
                    "De deux personnes, l'une du groupe et l'autre non, les faits désignent la "
                    "bonne dans tant de paires sur cent ; 50 % : ils n'en savent rien. Deviner "
                    "n'est pas traiter autrement : c'est la part repérée qui le dit.",
                    "The model sees no sensitive attribute. Can it be guessed from the rest? Of "
                    "two persons, one in the group and one not, the facts tell the right one in "
                    "so many pairs of a hundred; 50%: they know nothing of it. To guess is not to "
                    "treat differently: that is what the share found says.",
                )
            ),
            doc.Figure(
                pictures.dots(marks, pictures.Axis(first, 1.0, ticks, zero=0.5)),
                pen.say(
                    f"Paires bien devinées par groupe : {said}.",
                    f"Pairs guessed right, by group: {said}.",
                ),
                pen.say(
                    "Point et barre : tous les faits ensemble, sur des personnes tenues à l'écart "
                    "de l'ajustement, avec l'intervalle à 95 %. Trait vertical : le hasard. "
                    "Losange : l'estimation du modèle seule ; à droite du trait elle est plus "
                    "haute dans le groupe, à gauche plus basse.",
                    "Dot and bar: all facts together, on persons kept out of the fit, with the 95% "
                    "interval. Upright line: chance. Diamond: the model's estimate alone; right "
                    "of the line it is higher in the group, left of it lower.",
                ),
            ),
            doc.Table(
                pen.say("Faits qui désignent un groupe", "Facts that tell a group"),
                pen.say(
                    "Les faits qui, seuls, désignent le mieux chaque groupe.",
                    "The facts that, alone, tell each group best.",
                ),
                (
                    doc.Column(pen.say("Groupe", "Group")),
                    doc.Column(pen.say("Ensemble", "Together"), number=True),
                    doc.Column(pen.say("Estimation seule", "Estimate alone"), number=True),
                    doc.Column(pen.say("Faits les plus parlants", "Most telling facts")),
                ),
                tuple(
                    (
                        _group(pen, proxy.attribute, proxy.value),
                        _auc(pen, proxy.auc),
                        _auc(pen, proxy.score),
                        " · ".join(
                            f"{titles.get(told.column, told.title)} {pen.percent(told.auc)}"
                            for told in proxy.features[:MOST_FEATURES]
                        )
                        or NONE,
                    )
                    for proxy in proxies
                ),
            ),
        ),
    )


def _missing(pen: Pen, missing: tuple[MissingProxy, ...], titles: Titles) -> Iterator[doc.Section]:
    if not missing:
        return
    yield doc.Section(
        pen.say("Ce qui manque plus souvent", "What is missing more often"),
        (
            doc.Paragraph(
                pen.say(
                    "Une valeur qui manque peut aussi désigner un groupe. Ne figurent ici que les "
                    "faits qui manquent nettement plus souvent dans un groupe qu'ailleurs ; "
                    "pourquoi ils manquent, l'audit ne le sait pas.",
                    "A value that is missing may tell a group too. Listed are only the facts that "
                    "are missing markedly more often in one group than elsewhere; why they are "
                    "missing, the audit does not know.",
                )
            ),
            doc.Table(
                pen.say("Valeurs manquantes par groupe", "Missing values by group"),
                pen.say(
                    "Part des personnes sans valeur, dans le groupe et ailleurs.",
                    "Share of persons without a value, in the group and elsewhere.",
                ),
                (
                    doc.Column(pen.say("Fait", "Fact")),
                    doc.Column(pen.say("Groupe", "Group")),
                    doc.Column(pen.say("Dans le groupe", "In the group"), number=True),
                    doc.Column(pen.say("Ailleurs", "Elsewhere"), number=True),
                    doc.Column(
                        pen.say("Différence, en points (95 %)", "Difference, points (95%)"),
                        number=True,
                    ),
                ),
                tuple(
                    (
                        titles.get(line.column, line.title),
                        _group(pen, line.attribute, line.value),
                        pen.percent(line.share),
                        pen.percent(line.elsewhere),
                        pen.to(pen.points(line.low), pen.points(line.high)),
                    )
                    for line in missing
                ),
            ),
        ),
    )


def _stability(pen: Pen, stability: Stability | None) -> Iterator[doc.Section]:
    if stability is None:
        return
    mean, least = _per_100(stability.shared), _per_100(stability.shared_least)
    facts = [
        (
            pen.say("Places en commun, en moyenne", "Places in common, on average"),
            pen.say(f"{mean} sur 100", f"{mean} of 100"),
        ),
        (
            pen.say("Places en commun, au moins", "Places in common, at least"),
            pen.say(f"{least} sur 100", f"{least} of 100"),
        ),
    ]
    if stability.listed_again is not None:
        again = _per_100(stability.listed_again)
        facts.append(
            (
                pen.say(
                    "Places aux mêmes, deux dates de suite", "Places to the same, two dates running"
                ),
                pen.say(
                    f"{again} sur 100, s'il n'y avait pas de pause entre deux signaux",
                    f"{again} of 100, were there no rest between two signals",
                ),
            )
        )
    bags = pen.number(stability.bags)
    yield doc.Section(
        pen.say("Stabilité de la liste", "Stability of the list"),
        (
            doc.Paragraph(
                pen.say(
                    f"Le modèle a été appris {bags} fois, chaque fois sans une partie des "
                    "personnes. Ce qui ne reste pas dépend de qui se trouvait dans les données. "
                    "Une liste stable n'est pas pour autant une liste juste.",
                    f"The model was fitted {bags} times, each time without one part of the "
                    "persons. What does not stay depends on who happened to be in the data. A "
                    "stable list is not thereby a fair one.",
                )
            ),
            doc.Facts(tuple(facts)),
        ),
    )


def _drift(pen: Pen, drift: Drift | None, titles: Titles) -> Iterator[doc.Section]:
    if drift is None:
        return
    shown = drift.features[:MOST_SHIFTS]
    rest = len(drift.features) - len(shown)
    caption = pen.say(
        f"Indice de déplacement : moins de {pen.decimal(LITTLE, 1)}, peu ; plus de "
        f"{pen.decimal(MUCH, 2)}, beaucoup. Par hasard : ce qu'il atteint une fois sur vingt avec "
        "autant de personnes quand rien ne bouge.",
        f"Index of displacement: below {pen.decimal(LITTLE, 1)}, little; above "
        f"{pen.decimal(MUCH, 2)}, much. By chance: what it reaches one time in twenty with as "
        "many persons when nothing moves.",
    )
    if rest:
        others = pen.count(rest, ("autre fait", "autres faits"), ("other fact", "other facts"))
        caption += pen.say(
            f" {others} ont bougé moins que ceux-ci.", f" {others} moved less than these."
        )
    yield doc.Section(
        pen.say("Dérive depuis l'apprentissage", "Drift since the training"),
        (
            doc.Paragraph(
                pen.say(
                    "Si ce que l'on enregistre a changé depuis l'apprentissage, les points du "
                    "modèle valent pour un monde passé. L'indice dit que quelque chose a bougé, "
                    "jamais pourquoi.",
                    "If what is recorded has changed since the training, the model's points are "
                    "about a past world. The index says that something moved, never why.",
                )
            ),
            doc.Facts(
                (
                    (
                        pen.say("Estimation", "Estimate"),
                        f"{pen.decimal(drift.score_psi, 2)} ({_moved(pen, drift.score_psi)})",
                    ),
                    (
                        pen.say("Faits qui ont beaucoup bougé", "Facts that moved much"),
                        pen.say(
                            f"{pen.number(drift.moved)} sur {pen.number(len(drift.features))}",
                            f"{pen.number(drift.moved)} of {pen.number(len(drift.features))}",
                        ),
                    ),
                    (
                        pen.say("Part avec l'issue", "Share with the outcome"),
                        pen.say(
                            f"{pen.percent(drift.base_rate_before)} à l'apprentissage, "
                            f"{pen.percent(drift.base_rate_since)} depuis",
                            f"{pen.percent(drift.base_rate_before)} in the training, "
                            f"{pen.percent(drift.base_rate_since)} since",
                        ),
                    ),
                )
            ),
            *(
                [
                    doc.Table(
                        pen.say("Faits qui ont bougé", "Facts that moved"),
                        caption,
                        (
                            doc.Column(pen.say("Fait", "Fact")),
                            doc.Column(pen.say("Indice", "Index"), number=True),
                            doc.Column(pen.say("Par hasard", "By chance"), number=True),
                            doc.Column(pen.say("A bougé", "Moved")),
                        ),
                        tuple(
                            (
                                titles.get(line.column, line.title),
                                pen.decimal(line.psi, 2),
                                pen.decimal(line.chance, 2),
                                _moved(pen, line.psi, line.chance),
                            )
                            for line in shown
                        ),
                    )
                ]
                if shown
                else []
            ),
        ),
    )


def _group(pen: Pen, attribute: str, value: str) -> str:
    return pen.say(f"{attribute} : ", f"{attribute}: ") + named(pen, value)


def _auc(pen: Pen, auc: float | None) -> str:
    return pen.say("trop peu de personnes", "too few persons") if auc is None else pen.percent(auc)


def _days(pen: Pen, days: float | None, *, withheld: bool = False) -> str:
    if days is None:
        return pen.shown(
            pen.say("les données ne le disent pas", "the data do not say"), withheld=withheld
        )
    digits = 0 if days == round(days) else 1
    text = pen.decimal(days, digits)
    plural = abs(days) >= 2 if pen.language == "fr" else days != 1  # noqa: PLR2004 - grammar
    return f"{text} {DAYS[0 if pen.language == 'fr' else 1][plural]}"


def _moved(pen: Pen, psi: float, chance: float = 0.0) -> str:
    if psi < max(LITTLE, chance):
        return pen.say("peu", "little")
    return pen.say("beaucoup", "much") if psi > MUCH else pen.say("un peu", "somewhat")


def _per_100(share: float) -> int:
    return round(100 * share)
