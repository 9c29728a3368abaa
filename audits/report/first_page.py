"""The first page: the answer, the three numbers that matter, what could not be answered."""

from __future__ import annotations

from collections.abc import Iterator

from audits.records import ENOUGH, AuditResult, Finding, GroupEstimate, Verdict
from audits.report import document as doc
from audits.report.context import AuditContext
from audits.report.numbers import around
from audits.report.pen import Pen

PERSONS = (("personne", "personnes"), ("person", "persons"))


def first_page(pen: Pen, result: AuditResult, context: AuditContext) -> tuple[doc.Block, ...]:
    """Write what fits on one sheet and is enough to know the answer."""
    return (
        _verdict(pen, result, context),
        _numbers(pen, result, context),
        *_unanswered(pen, result),
    )


def gates_of(result: AuditResult) -> list[Finding]:
    """Return the findings that decide."""
    return [finding for finding in result.findings if finding.verdict is not None]


def answer_words(pen: Pen, verdict: Verdict | None) -> str:
    """Say one attribute's answer in a few words."""
    match verdict:
        case Verdict.PASS:
            return pen.say("Écart dans la tolérance", "Gap within the tolerance")
        case Verdict.FAIL:
            return pen.say("Écart supérieur à la tolérance", "Gap above the tolerance")
        case _:
            return pen.say("On ne peut pas conclure", "No conclusion possible")


def group_name(pen: Pen, group: GroupEstimate) -> str:
    """Name a group as the data do, but for those of whom nothing is known."""
    return named(pen, group.value)


def named(pen: Pen, value: str) -> str:
    """Name a group; ``inconnu`` is our own word and is told in the reader's language."""
    if pen.language == "fr":
        return value
    return " × ".join("unknown" if part == "inconnu" else part for part in value.split(" × "))


def _verdict(pen: Pen, result: AuditResult, context: AuditContext) -> doc.Verdict:
    of_a_model = context.kind == "model"
    match result.verdict:
        case Verdict.FAIL:
            answer = pen.say(
                "Non : certains groupes sont nettement moins bien repérés que d'autres.",
                "No: some groups are found markedly less often than others.",
            )
            meaning = [
                pen.say(
                    "Parmi les situations où l'issue est survenue, la liste en a retenu nettement "
                    "moins dans certains groupes que dans d'autres. L'écart observé dépasse la "
                    "tolérance fixée d'avance, et le hasard ne suffit pas à expliquer que les "
                    "groupes diffèrent.",
                    "Among the situations where the outcome came, the list held markedly fewer in "
                    "some groups than in others. The gap seen is larger than the tolerance that "
                    "was set beforehand, and chance is not enough to explain that the groups "
                    "differ.",
                ),
            ]
            if any(contradicts(gate) for gate in gates_of(result)):
                meaning.append(two_questions(pen))
            if of_a_model:
                meaning.append(
                    pen.say(
                        "Ce modèle ne peut pas être approuvé.", "This model cannot be approved."
                    )
                )
        case Verdict.PASS:
            answer = pen.say(
                "Oui : aucun groupe n'est repéré moins bien que la tolérance ne l'admet.",
                "Yes: no group is found less often than the tolerance allows.",
            )
            meaning = [
                pen.say(
                    "Parmi les situations où l'issue est survenue, la liste en a retenu une part "
                    "comparable dans chaque groupe. Même en tenant compte du hasard, l'écart reste "
                    "dans la tolérance fixée d'avance.",
                    "Among the situations where the outcome came, the list held a comparable share "
                    "in every group. Even allowing for chance, the gap stays within the tolerance "
                    "that was set beforehand.",
                )
            ]
        case _:
            answer = pen.say(
                "On ne peut pas conclure : les données ne suffisent pas.",
                "No conclusion is possible: there are not enough data.",
            )
            meaning = [
                pen.say(
                    "Rien ne prouve que tous les groupes sont repérés de la même façon, et rien ne "
                    "prouve le contraire. C'est la réponse habituelle pour un service de petite "
                    "taille.",
                    "Nothing shows that all groups are found alike, and nothing shows the "
                    "contrary. This is the usual answer for a small service.",
                ),
            ]
            if of_a_model:
                meaning.append(
                    pen.say(
                        "Sans réponse, l'approbation demande une dérogation motivée des deux "
                        "membres du comité qui approuvent. Elle prend fin à la date qu'ils "
                        "signent ; ensuite, deux membres votent de nouveau.",
                        "Without an answer, approval takes a reasoned waiver by both committee "
                        "members who approve. It ends on the date written in it; then two members "
                        "vote again.",
                    )
                )
    return doc.Verdict(
        question=pen.say(
            "La liste repère-t-elle aussi bien tous les groupes ?",
            "Does the list find all groups equally well?",
        ),
        answer=answer,
        meaning=tuple(meaning),
    )


def contradicts(gate: Finding) -> bool:
    """Say whether an attribute fails though its interval, as shown, reaches 0."""
    return gate.verdict is Verdict.FAIL and not gate.gap_low


def two_questions(pen: Pen) -> str:
    """Explain how the test can tell where the interval of the widest pair cannot."""
    return pen.say(
        "Le test compare chaque groupe à tous les autres ensemble ; l'intervalle, lui, porte sur "
        "les deux groupes les plus éloignés. Le test peut donc conclure là où cet intervalle "
        "atteint encore zéro.",
        "The test compares each group with all others together; the interval is about the two "
        "groups furthest apart. So the test can tell where that interval still reaches zero.",
    )


def _numbers(pen: Pen, result: AuditResult, context: AuditContext) -> doc.Numbers:
    known = [gate for gate in gates_of(result) if gate.gap is not None]
    widest = max(known, key=lambda gate: gate.gap or 0.0, default=None)
    seen = ""
    if result.review_dates:
        dates = pen.count(
            result.review_dates, ("date", "dates de revue"), ("review date", "review dates")
        )
        seen = pen.say(f", à {dates}", f", at {dates}")
    by = pen.say(" par le protocole", " by the protocol") if context.protocol else ""
    return doc.Numbers(
        (
            doc.BigNumber(
                pen.say(
                    "Plus grand écart observé entre deux groupes",
                    "Largest gap seen between two groups",
                ),
                pen.in_points(widest.gap) if widest else pen.say("non calculé", "not computed"),
                pen.say(
                    f"{pen.quoted(widest.attribute)}. Compte tenu du hasard : de "
                    f"{pen.to(pen.points(widest.gap_low), pen.points(widest.gap_high))} points.",
                    f"{pen.quoted(widest.attribute)}. Allowing for chance: "
                    f"{pen.to(pen.points(widest.gap_low), pen.points(widest.gap_high))} points.",
                )
                if widest
                else pen.say(
                    "Aucun attribut n'a deux groupes assez nombreux.",
                    "No attribute has two groups that are large enough.",
                ),
            ),
            doc.BigNumber(
                pen.say("Écart toléré", "Tolerated gap"),
                pen.in_points(result.tolerance),
                pen.say(
                    f"Fixé d'avance{by}. Seul l'écart de part repérée décide.",
                    f"Set beforehand{by}. Only the gap in the share found decides.",
                ),
            ),
            doc.BigNumber(
                pen.say("Personnes ayant connu l'issue", "Persons with the outcome"),
                pen.number(result.positives),
                pen.say(
                    f"Sur {pen.count(result.persons, *PERSONS)}{seen}. Suite connue pour "
                    f"{pen.percent(result.labelled_share)} des lignes.",
                    f"Of {pen.count(result.persons, *PERSONS)}{seen}. What followed is known for "
                    f"{pen.percent(result.labelled_share)} of the rows.",
                ),
            ),
        )
    )


def _unanswered(pen: Pen, result: AuditResult) -> Iterator[doc.Block]:
    """Say what could not be assessed, why, and how many persons it would take."""
    open_questions = [
        gate
        for gate in gates_of(result)
        if gate.verdict is Verdict.CANNOT_ASSESS or not all(g.assessed for g in gate.groups)
    ]
    title = pen.say("Ce qui n'a pas pu être évalué", "What could not be assessed")
    if not open_questions:
        everything = pen.say(
            "Tous les groupes prévus ont pu être comparés.",
            "All the groups that were to be compared could be.",
        )
        yield doc.Section(title, (doc.Paragraph(everything),))
        return
    items = tuple(
        doc.Paragraph(
            f"{_why(pen, gate)}{_needed(pen, gate)}",
            lead=pen.say(f"{gate.attribute} :", f"{gate.attribute}:"),
        )
        for gate in open_questions
    )
    yield doc.Section(title, (doc.Bullets(items),))


def _why(pen: Pen, gate: Finding) -> str:
    apart = [group_name(pen, group) for group in gate.groups if not group.assessed]
    if len(gate.groups) == 1:
        return pen.say(
            "un seul groupe, il n'y a rien à comparer.",
            "one group only, there is nothing to compare.",
        )
    small = pen.say(
        f"moins de {ENOUGH} personnes ayant connu l'issue dans {pen.listed(apart)}.",
        f"fewer than {ENOUGH} persons with the outcome in {pen.listed(apart)}.",
    )
    undecided = pen.say(
        "les données n'excluent ni un écart dans la tolérance, ni un écart au-delà.",
        "the data rule out neither a gap within the tolerance nor one beyond it.",
    )
    return small if apart else undecided


def _needed(pen: Pen, gate: Finding) -> str:
    if gate.persons_needed is None:
        return ""
    needed = pen.number(around(gate.persons_needed))
    return pen.say(
        f" Pour répondre, il faudrait environ {needed} personnes ayant connu l'issue dans chaque "
        "groupe.",
        f" An answer would take about {needed} persons with the outcome in every group.",
    )
