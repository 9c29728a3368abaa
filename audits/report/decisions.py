"""The human side: what educators did with what the list put before them."""

from __future__ import annotations

from collections.abc import Iterator

from audits.report import document as doc
from audits.report import pictures
from audits.report.first_page import named
from audits.report.numbers import MARKS
from audits.report.pen import Pen
from audits.surroundings import HumanGroup, HumanSide, ShareLine

ALARMS = {
    "agrees_with_everything": (
        "Presque tous les signaux décidés ont été suivis (au moins 95 %) : on ne peut plus "
        "distinguer un accord d'une habitude. Le comité devrait en parler avec les équipes.",
        "Nearly all decided signals were followed (at least 95%): agreement and habit can no "
        "longer be told apart. The committee should talk about it with the teams.",
    ),
}
"""What the keys of :class:`audits.surroundings.HumanSide` say."""


def decisions(pen: Pen, human: HumanSide) -> doc.Section:
    """Write what educators did with what was put before them."""
    names = [
        (
            human.with_signal,
            pen.say("Avis « plutôt oui », avec signal", "View “rather yes”, with a signal"),
            pen.say("avant de l'avoir vu", "before it was seen"),
        ),
        (
            human.without_signal,
            pen.say("Avis « plutôt oui », tirage", "View “rather yes”, drawn"),
            pen.say("situations tirées au hasard", "situations drawn at random"),
        ),
        (
            human.followed,
            pen.say("Signaux suivis", "Signals followed"),
            pen.say("parmi les signaux décidés", "among the decided signals"),
        ),
        (
            human.yielded,
            pen.say("Avis « plutôt non », puis une proposition", "View “rather no”, then an offer"),
            pen.say("parmi les signaux décidés", "among the decided signals"),
        ),
        (
            human.missed,
            pen.say("Sans signal, mais à regarder", "Without a signal, yet worth a look"),
            pen.say(
                "d'après les tirages, chacun compté selon sa chance d'être tiré",
                "from the draws, each counted by its chance of being drawn",
            ),
        ),
        (
            human.self_opened,
            pen.say("Ouvertes par les équipes", "Opened by the teams"),
            pen.say(
                "et suivies d'une proposition ; ne dit rien des autres",
                "and followed by an offer; says nothing of others",
            ),
        ),
    ]
    blocks: list[doc.Block] = [
        doc.Paragraph(
            pen.say(
                "Un modèle qui passe sur le papier peut échouer à l'usage. Voici ce que les "
                "équipes ont fait de ce qui leur a été montré. Le tirage au hasard dit ce que la "
                "liste manque selon l'avis des éducateurs, non ce qui serait arrivé sans aide ; "
                "peu de tirages donnent de larges intervalles. Aucun chiffre ne porte sur une "
                "seule personne des équipes.",
                "A model that passes on paper may not hold in use. This is what the teams did with "
                "what was put before them. The random draw says what the list misses in the "
                "educators' view, not what would have come without help; few draws give wide "
                "intervals. No figure is about a single member of a team.",
            )
        ),
        doc.Facts(
            (
                (pen.say("Situations", "Situations"), pen.number(human.situations)),
                (pen.say("Personnes", "Persons"), pen.number(human.persons)),
                (pen.say("Éducateurs", "Educators"), pen.number(human.educators)),
            )
        ),
        *(
            doc.Paragraph(pen.say(*ALARMS[key]), lead=pen.say("À voir.", "To look at."))
            for key in human.alarms
        ),
    ]
    marks = [
        pictures.Mark(name, _share_text(pen, line), line.share, line.low, line.high)
        for line, name, _ in names
    ]
    said = "; ".join(
        f"{mark.label} {mark.text}"
        + ("" if mark.low is None else f" ({pen.share_range(mark.low, mark.high)})")
        for mark in marks
    )
    if any(mark.at is not None for mark in marks):
        blocks.append(
            doc.Figure(
                pictures.dots(
                    marks,
                    pictures.share_axis(
                        [line.high for line, _, _ in names], MARKS[pen.language][2]
                    ),
                ),
                pen.say(
                    f"Ce que les équipes en ont fait : {said}.", f"What the teams did: {said}."
                ),
                pen.say(
                    "Parts et intervalles à 95 %, qui tiennent compte de ce qu'un même éducateur "
                    "voit plusieurs personnes. Les avis des deux premières lignes ont été donnés "
                    "sans savoir s'il y avait un signal : plus elles s'écartent, plus la liste "
                    "choisit ce que les équipes auraient choisi.",
                    "Shares and 95% intervals, which allow for one educator seeing several "
                    "persons. The views of the first two rows were given without knowing whether "
                    "there was a signal: the further apart they are, the more the list chooses "
                    "what the teams would have chosen.",
                ),
            )
        )
    blocks.append(
        doc.Table(
            pen.say("Avis et décisions", "Views and decisions"),
            pen.say(
                "Les mêmes parts, comptées en personnes, chacune une fois.",
                "The same shares, counted in persons, each once.",
            ),
            (
                doc.Column(pen.say("Quoi", "What")),
                doc.Column(pen.say("À lire ainsi", "Read as")),
                doc.Column(pen.say("Comptées", "Counted"), number=True),
                doc.Column(pen.say("Part", "Share"), number=True),
                doc.Column(pen.say("Intervalle à 95 %", "95% interval"), number=True),
            ),
            tuple(
                (
                    name,
                    note,
                    _counted(pen, line),
                    _share_text(pen, line),
                    pen.share_range(line.low, line.high),
                )
                for line, name, note in names
            ),
        )
    )
    blocks += _human_groups(pen, human.groups)
    return doc.Section(
        pen.say("Ce que les équipes en ont fait", "What the teams did with it"), tuple(blocks)
    )


def _human_groups(pen: Pen, groups: tuple[HumanGroup, ...]) -> Iterator[doc.Table]:
    for attribute in dict.fromkeys(group.attribute for group in groups):
        yield doc.Table(
            pen.say(f"Étape par étape, {attribute}", f"Step by step, {attribute}"),
            pen.say(
                "D'abord la part de celles dont un signal a été montré, parmi les personnes "
                "accompagnées ; puis, parmi celles-ci, ce qui en a été fait ; enfin la part "
                "acceptée, parmi celles qui ont répondu à une proposition. Intervalles à 95 %.",
                "First the share of those of whom a signal was shown, among the persons "
                "accompanied; then, among these, what was done; last the share accepted, among "
                "those who answered an offer. 95% intervals.",
            ),
            (
                doc.Column(pen.say("Groupe", "Group")),
                doc.Column(pen.say("Personnes", "Persons"), number=True),
                doc.Column(pen.say("Montrées", "Shown"), number=True),
                doc.Column(pen.say("Signal suivi", "Followed"), number=True),
                doc.Column(pen.say("Signal écarté", "Dismissed"), number=True),
                doc.Column(pen.say("Proposition", "Offer"), number=True),
                doc.Column(pen.say("Acceptée", "Accepted"), number=True),
            ),
            tuple(
                (
                    named(pen, group.value),
                    pen.number(group.persons),
                    *(
                        _with_interval(pen, line)
                        for line in (
                            group.shown,
                            group.agreed,
                            group.dismissed,
                            group.offered,
                            group.accepted,
                        )
                    ),
                )
                for group in groups
                if group.attribute == attribute
            ),
        )


def _share_text(pen: Pen, line: ShareLine) -> str:
    return pen.shown(pen.percent(line.share), withheld=line.share is None)


def _counted(pen: Pen, line: ShareLine) -> str:
    if line.counted is None or line.of is None:
        return pen.not_shown
    return pen.out_of(line.counted, line.of)


def _with_interval(pen: Pen, line: ShareLine) -> str:
    if line.share is None or line.low is None or line.high is None:
        return _share_text(pen, line)
    share, low, high = (round(value, 2) for value in (line.share, line.low, line.high))
    return f"{pen.percent(share)} ({pen.to(pen.points(low), pen.points(high))})"
