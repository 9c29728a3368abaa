"""What an educator reads first: dated facts about a situation, before any signal.

Plain records, standard library only: the review room freezes them beside a situation and
shows them in a process without a data library. :func:`describe` turns the events known at
a date into sentences that state a date, a number and, where it applies, the service's own
part; it never judges and it never looks at a model. Sentences are frozen in French;
:func:`retold` says the same facts again in another language.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Literal

from features import english, french
from features.codes import label, lane, matches
from features.languages import Language, Told

FactKind = Literal["lien", "besoin", "appui", "service"]

RECIPROCAL_CONTACT = (
    "rdv//honore",
    "contact//appel_entrant",
    "contact//visite",
    "contact//passage_spontane",
)
"""Codes in which both sides were there: what "dernier échange" counts."""


AGENCY_REQUEST = "droits//demande"
AGENCY_ANSWER = ("droits//ouverture", "droits//refus", "droits//piece_demandee")
"""Codes in which the agency answered a request, be it by asking for a document."""

PACE_DAYS = 28
"""Four weeks of exchanges, told beside the four before once a stay has both."""

LATE_DAYS = 7
"""A fact entered later than a week after it occurred is said to be late."""

UNEXPLORED = {
    "logement": Told("le logement", "housing"),
    "ressources": Told("les ressources", "resources"),
    "emploi": Told("l'emploi", "employment"),
}
"""Families whose silence is said as such."""


@dataclass(frozen=True)
class KnownEvent:
    """One event as it was known: when it occurred, when the service learnt of it, what it was."""

    occurred_on: date
    recorded_on: date
    code: str
    label: str
    lane: str


@dataclass(frozen=True)
class Fact:
    """One dated sentence and its side: the link, a need, a strength, the service's part."""

    text: str
    kind: FactKind


@dataclass(frozen=True)
class Facts:
    """Everything shown before the own view, frozen as it was known at ``as_of``."""

    as_of: date
    entered_on: date
    events: tuple[KnownEvent, ...]
    facts: tuple[Fact, ...]
    missing: tuple[str, ...]

    def to_json(self) -> str:
        """Write the record as JSON, dates in ISO form."""
        return json.dumps(asdict(self), default=date.isoformat, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Facts:
        """Read what :meth:`to_json` wrote."""
        plain = json.loads(text)
        return cls(
            as_of=date.fromisoformat(plain["as_of"]),
            entered_on=date.fromisoformat(plain["entered_on"]),
            events=tuple(
                KnownEvent(
                    occurred_on=date.fromisoformat(event.pop("occurred_on")),
                    recorded_on=date.fromisoformat(event.pop("recorded_on")),
                    **event,
                )
                for event in plain["events"]
            ),
            facts=tuple(Fact(**fact) for fact in plain["facts"]),
            missing=tuple(plain["missing"]),
        )


_SINCE = Told("depuis le {start}", "since {start}")


@dataclass(frozen=True)
class _Topic:
    """Events counted together over the last ``days``, and the ``singular|plural`` they go by.

    ``since`` tells from when on, where there are several of them.
    """

    kind: FactKind
    days: int
    codes: tuple[str, ...]
    noun: Told
    since: Told = _SINCE


TOPICS = (
    _Topic("besoin", 90, ("ressources//aide_demandee",), Told("aide financière demandée|aides financières demandées", "financial aid request|financial aid requests"), since=Told("depuis le {start}, la dernière le {last}", "since {start}, the last on {last}")),
    _Topic("besoin", 180, ("ressources//impaye_declare",), Told("impayé déclaré|impayés déclarés", "unpaid bill declared|unpaid bills declared")),
    _Topic("besoin", 180, ("logement//changement",), Told("changement d'hébergement enregistré|changements d'hébergement enregistrés", "change of accommodation recorded|changes of accommodation recorded")),
    _Topic("besoin", 180, ("droits//refus", "droits//suspension_organisme"), Told("droit refusé ou suspendu par l'organisme|droits refusés ou suspendus par l'organisme", "entitlement turned down or suspended by the agency|entitlements turned down or suspended by the agency")),
    _Topic("besoin", 180, ("numerique//difficulte_declaree",), Told("difficulté numérique déclarée|difficultés numériques déclarées", "difficulty with online services declared|difficulties with online services declared")),
    _Topic("appui", 180, ("droits//ouverture",), Told("droit ouvert|droits ouverts", "entitlement granted|entitlements granted")),
    _Topic("appui", 180, ("projet//objectif_atteint",), Told("objectif atteint|objectifs atteints", "goal reached|goals reached")),
    _Topic("appui", 180, ("projet//signe", "projet//bilan"), Told("étape de projet enregistrée|étapes de projet enregistrées", "project step recorded|project steps recorded")),
    _Topic("appui", 180, ("activite//collective",), Told("activité collective suivie|activités collectives suivies", "group activity attended|group activities attended")),
    _Topic("appui", 180, ("emploi//debut_contrat", "formation//entree"), Told("début de contrat ou de formation enregistré|débuts de contrat ou de formation enregistrés", "start of a contract or of training recorded|starts of a contract or of training recorded")),
    _Topic("service", 90, ("rdv//annule_service",), Told("rendez-vous annulé par le service|rendez-vous annulés par le service", "appointment cancelled by the service|appointments cancelled by the service")),
    _Topic("service", 90, ("rdv//reporte_service",), Told("rendez-vous reporté par le service|rendez-vous reportés par le service", "appointment postponed by the service|appointments postponed by the service")),
    _Topic("service", 90, ("service//aucun_creneau",), Told("fois sans créneau proposé par le service|fois sans créneau proposé par le service", "time without a slot offered by the service|times without a slot offered by the service")),
    _Topic("service", 180, ("service//changement_referent",), Told("changement de référent, à l'initiative du service,|changements de référent, à l'initiative du service,", "change of key worker, at the service's initiative,|changes of key worker, at the service's initiative,")),
)  # fmt: skip
"""What is counted, side by side; one line a topic."""


@dataclass(frozen=True)
class _Pen:
    """Writes in one language: dates in full, numbers that agree with their nouns."""

    language: Language

    def write(self, fr: str, en: str, **parts: date | int | str) -> str:
        """Fill the holes of a text."""
        day = english.day if self.language == "en" else french.day
        written = {name: day(p) if isinstance(p, date) else p for name, p in parts.items()}
        return Told(fr, en).to(self.language).format(**written)

    def count(self, number: int, fr: str, en: str, **parts: date | int | str) -> str:
        """Write a number with its noun, given as ``singular|plural``."""
        agree = english.count if self.language == "en" else french.count
        one, many = self.write(fr, en, **parts).split("|")
        return agree(number, one, many)

    def days(self, number: int) -> str:
        """Write a number of days."""
        return self.count(number, "jour|jours", "day|days")

    def within(self, year: int, when: date) -> str:
        """Write a day beside another one, without the year if it is the same."""
        return self.write("{day}", "{day}", day=when).removesuffix(f" {year}")


@dataclass(frozen=True)
class _Stay:
    """The events of the present stay, in order, seen from the review date."""

    as_of: date
    entered_on: date
    events: tuple[KnownEvent, ...]

    def back(self, days: int) -> date:
        """Return the first of the last days; none before the stay."""
        return max(self.as_of - timedelta(days=days), self.entered_on)

    def since(self, start: date, *codes: str) -> list[KnownEvent]:
        """Return what occurred from a day on, of some codes."""
        return [e for e in self.events if e.occurred_on >= start and matches(e.code, codes)]


def known_event(
    occurred_on: date, recorded_on: date, code: str, language: Language = "fr"
) -> KnownEvent:
    """Build a :class:`KnownEvent` with the label and lane of its code."""
    return KnownEvent(occurred_on, recorded_on, code, label(code, language), lane(code, language))


def describe(
    as_of: date, entered_on: date, events: Sequence[KnownEvent], language: Language = "fr"
) -> Facts:
    """State what is known of a situation at a date, and what is not.

    Parameters
    ----------
    as_of
        The review date; ``events`` hold nothing that occurred or was recorded from it on.
    entered_on
        First day of the present stay.
    events
        The events known at ``as_of``, in any order, those of earlier stays among them.
    language
        What the sentences are written in; events keep their labels.

    Returns
    -------
    Facts
        Events sorted by date; the link, needs, strengths and the service's part as
        sentences, which count the present stay only.
    """
    pen = _Pen(language)
    ordered = tuple(sorted(events, key=lambda e: (e.occurred_on, e.recorded_on, e.code)))
    present = tuple(e for e in ordered if e.occurred_on >= entered_on)
    stay = _Stay(as_of, entered_on, present)
    told = (*_link(stay, pen), *_waiting(stay, pen), *_counted(stay, pen))
    return Facts(as_of, entered_on, ordered, told, tuple(_missing(stay, pen)))


def retold(facts: Facts, language: Language) -> Facts:
    """Say frozen facts again in a language, out of the events frozen with them.

    French is what was frozen, to the letter, whatever became of our sentences since.
    """
    if language == "fr":
        return facts
    events = [known_event(e.occurred_on, e.recorded_on, e.code, language) for e in facts.events]
    return describe(facts.as_of, facts.entered_on, events, language)


def _link(stay: _Stay, pen: _Pen) -> Iterator[Fact]:
    """Tell of exchanges and appointments."""
    exchanges = [e.occurred_on for e in stay.since(stay.entered_on, *RECIPROCAL_CONTACT)]
    if exchanges:
        yield Fact(
            pen.write(
                "Dernier échange enregistré le {last}, il y a {days} ; "
                "les échanges informels n'y figurent pas.",
                "Last exchange recorded on {last}, {days} ago; informal ones are not included.",
                last=exchanges[-1],
                days=pen.days((stay.as_of - exchanges[-1]).days),
            ),
            "lien",
        )
    weeks, before = (stay.as_of - timedelta(days=days) for days in (PACE_DAYS, 2 * PACE_DAYS))
    recent = sum(day >= weeks for day in exchanges)
    earlier = sum(before <= day < weeks for day in exchanges)
    if before >= stay.entered_on and recent + earlier:
        yield Fact(
            pen.write(
                "{recent} depuis le {weeks}, contre {earlier} les quatre semaines précédentes.",
                "{recent} since {weeks}, against {earlier} in the four weeks before.",
                recent=pen.count(recent, "échange|échanges", "exchange|exchanges")
                if recent
                else pen.write("Aucun échange", "No exchange"),
                weeks=weeks,
                earlier=earlier or pen.write("aucun", "none"),
            ),
            "lien",
        )
    quarter = stay.back(90)
    kept, missed = (len(stay.since(quarter, code)) for code in ("rdv//honore", "rdv//non_honore"))
    if kept:
        noun = pen.count(
            kept,
            "rendez-vous honoré|rendez-vous honorés",
            "appointment kept|appointments kept",
        )
        yield Fact(f"{noun} {pen.write(*_SINCE, start=quarter)}.", "lien")
    if missed:
        noun = pen.count(
            missed,
            "rendez-vous sur {total} non honoré|rendez-vous sur {total} non honorés",
            "appointment not kept out of {total}|appointments not kept out of {total}",
            total=kept + missed,
        )
        unknown = pen.write("motif inconnu", "reason unknown")
        yield Fact(f"{noun} {pen.write(*_SINCE, start=quarter)}, {unknown}.", "lien")


def _waiting(stay: _Stay, pen: _Pen) -> Iterator[Fact]:
    """Tell of requests newer than any answer: which one an answer was for is not recorded."""
    year = stay.back(365)
    answered = max((e.occurred_on for e in stay.since(year, *AGENCY_ANSWER)), default=date.min)
    waiting = [d for e in stay.since(year, AGENCY_REQUEST) if (d := e.occurred_on) > answered]
    if waiting:
        noun = pen.count(
            len(waiting),
            "demande de droits sans réponse de l'organisme depuis le {first}|"
            "demandes de droits sans réponse de l'organisme, la première depuis le {first}",
            "request for an entitlement without an answer from the agency since {first}|"
            "requests for entitlements without an answer from the agency, the first since {first}",
            first=waiting[0],
        )
        yield Fact(f"{noun} ({pen.days((stay.as_of - waiting[0]).days)}).", "besoin")


def _counted(stay: _Stay, pen: _Pen) -> Iterator[Fact]:
    """Tell each topic of which something is recorded."""
    for topic in TOPICS:
        start = stay.back(topic.days)
        found = stay.since(start, *topic.codes)
        if found:
            noun = pen.count(len(found), *topic.noun)
            since = topic.since if len(found) > 1 else _SINCE
            last = pen.within(start.year, found[-1].occurred_on)
            yield Fact(f"{noun} {pen.write(*since, start=start, last=last)}.", topic.kind)


def _missing(stay: _Stay, pen: _Pen) -> Iterator[str]:
    """Say what is not recorded, or was not in time."""
    if not stay.since(stay.entered_on, *RECIPROCAL_CONTACT):
        yield pen.write(
            "Aucun échange réciproque enregistré pour ce séjour.",
            "No reciprocal exchange recorded for this stay.",
        )
    year = stay.back(365)
    for code, name in UNEXPLORED.items():
        if not stay.since(year, code):
            yield pen.write(
                "Rien d'enregistré sur {name} depuis le {year} : non exploré ou non saisi.",
                "Nothing recorded about {name} since {year}: not explored or not entered.",
                name=pen.write(*name),
                year=year,
            )
    late = [e for e in stay.events if (e.recorded_on - e.occurred_on).days > LATE_DAYS]
    if late:
        entered = pen.count(len(late), "fait saisi|faits saisis", "event entered|events entered")
        yield pen.write(
            "{entered} plus d'une semaine après, sur {total}.",
            "{entered} more than a week later, out of {total}.",
            entered=entered,
            total=len(stay.events),
        )
