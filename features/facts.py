"""What an educator reads first: dated facts about a situation, before any signal.

Plain records, standard library only: the review room freezes them beside a situation and
shows them in a process without a data library. :func:`describe` turns the events known at
a date into sentences that state a date, a number and, where it applies, the service's own
part; it never judges and it never looks at a model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Literal

from features.codes import label, lane, matches
from features.french import count, day

FactKind = Literal["lien", "besoin", "appui", "service"]

RECIPROCAL_CONTACT = (
    "rdv//honore",
    "contact//appel_entrant",
    "contact//visite",
    "contact//passage_spontane",
)
"""Codes in which both sides were there: what "dernier échange" counts."""


UNEXPLORED = {"logement": "le logement", "ressources": "les ressources", "emploi": "l'emploi"}
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


@dataclass(frozen=True)
class _Topic:
    """Events counted together over the last ``days`` and the noun that counts them."""

    kind: FactKind
    days: int
    codes: tuple[str, ...]
    one: str
    many: str


TOPICS = (
    _Topic("besoin", 90, ("ressources//aide_demandee",), "aide financière demandée", "aides financières demandées"),
    _Topic("besoin", 180, ("ressources//impaye_declare",), "impayé déclaré", "impayés déclarés"),
    _Topic("besoin", 180, ("logement//changement",), "changement d'hébergement enregistré", "changements d'hébergement enregistrés"),
    _Topic("besoin", 180, ("droits//refus", "droits//suspension_organisme"), "droit refusé ou suspendu par l'organisme", "droits refusés ou suspendus par l'organisme"),
    _Topic("besoin", 180, ("numerique//difficulte_declaree",), "difficulté numérique déclarée", "difficultés numériques déclarées"),
    _Topic("appui", 180, ("droits//ouverture",), "droit ouvert", "droits ouverts"),
    _Topic("appui", 180, ("projet//objectif_atteint",), "objectif atteint", "objectifs atteints"),
    _Topic("appui", 180, ("projet//signe", "projet//bilan"), "étape de projet enregistrée", "étapes de projet enregistrées"),
    _Topic("appui", 180, ("activite//collective",), "activité collective suivie", "activités collectives suivies"),
    _Topic("appui", 180, ("emploi//debut_contrat", "formation//entree"), "début de contrat ou de formation enregistré", "débuts de contrat ou de formation enregistrés"),
    _Topic("service", 90, ("rdv//annule_service", "rdv//reporte_service"), "rendez-vous annulé ou reporté par le service", "rendez-vous annulés ou reportés par le service"),
    _Topic("service", 90, ("service//aucun_creneau",), "fois sans créneau proposé par le service", "fois sans créneau proposé par le service"),
    _Topic("service", 180, ("service//changement_referent",), "changement de référent, à l'initiative du service,", "changements de référent, à l'initiative du service,"),
)  # fmt: skip
"""What is counted, side by side; one line a topic."""


def known_event(occurred_on: date, recorded_on: date, code: str) -> KnownEvent:
    """Build a :class:`KnownEvent` with the label and lane of its code."""
    return KnownEvent(occurred_on, recorded_on, code, label(code), lane(code))


def describe(as_of: date, entered_on: date, events: Sequence[KnownEvent]) -> Facts:
    """State what is known of a situation at a date, and what is not.

    Parameters
    ----------
    as_of
        The review date; ``events`` hold nothing that occurred or was recorded from it on.
    entered_on
        First day of the present stay.
    events
        The events known at ``as_of``, in any order, those of earlier stays among them.

    Returns
    -------
    Facts
        Events sorted by date; the link, needs, strengths and the service's part as
        sentences, which count the present stay only.
    """
    ordered = tuple(sorted(events, key=lambda e: (e.occurred_on, e.recorded_on, e.code)))
    stay = [e for e in ordered if e.occurred_on >= entered_on]

    def back(days: int) -> date:
        return max(as_of - timedelta(days=days), entered_on)

    def since(start: date, *codes: str) -> list[KnownEvent]:
        return [e for e in stay if e.occurred_on >= start and matches(e.code, codes)]

    quarter, year = back(90), back(365)

    facts: list[Fact] = []

    def add(kind: FactKind, text: str) -> None:
        facts.append(Fact(text, kind))

    contacts = since(entered_on, *RECIPROCAL_CONTACT)
    if contacts:
        last = contacts[-1].occurred_on
        add(
            "lien",
            f"Dernier échange enregistré le {day(last)}, "
            f"il y a {count((as_of - last).days, 'jour', 'jours')} ; "
            "les échanges informels n'y figurent pas.",
        )
    kept = since(quarter, "rdv//honore")
    missed = since(quarter, "rdv//non_honore")
    if kept:
        noun = count(len(kept), "rendez-vous honoré", "rendez-vous honorés")
        add("lien", f"{noun} depuis le {day(quarter)}.")
    if missed:
        add(
            "lien",
            f"{len(missed)} rendez-vous sur {len(kept) + len(missed)} "
            f"{'non honoré' if len(missed) == 1 else 'non honorés'} depuis le {day(quarter)}, "
            "motif inconnu.",
        )
    for topic in TOPICS:
        start = back(topic.days)
        found = since(start, *topic.codes)
        if found:
            add(topic.kind, f"{count(len(found), topic.one, topic.many)} depuis le {day(start)}.")

    missing: list[str] = []
    if not contacts:
        missing.append("Aucun échange réciproque enregistré pour ce séjour.")
    for code, name in UNEXPLORED.items():
        if not since(year, code):
            missing.append(
                f"Rien d'enregistré sur {name} depuis le {day(year)} : non exploré ou non saisi."
            )
    late = [e for e in stay if (e.recorded_on - e.occurred_on).days > 7]  # noqa: PLR2004 - a week
    if late:
        entered = count(len(late), "fait saisi", "faits saisis")
        missing.append(f"{entered} plus d'une semaine après, sur {len(stay)}.")
    return Facts(as_of, entered_on, ordered, tuple(facts), tuple(missing))
