"""What a person is given who asks what is known of them: one file for programs, one letter.

``data.json`` holds everything about the person and nothing about anybody else: those who work
with them stand in it by their role, and of a household it says only whether there is one
(S34). Every signal that is kept stands in it with the four items of CRPA R311-3-1-2, taken
from what was frozen then (S13); the letter is written from this file alone.

References
----------
GDPR 15; CRPA L311-3-1 and R311-3-1-2.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.bundles import Bundle, Row
from api.gate import load_table
from api.home import Home
from features.codes import label
from features.errors import RebondError
from features.french import day
from features.protocol import Legal
from modeles.explanation import Contribution, Workings
from revue import schema
from revue.evidence import KeptSignal, kept_signals
from revue.observations import OBSERVATIONS
from revue.offers import offer
from revue.records import DecisionKind, NoticeForm, Opinion, Right, Role, SituationKind, State
from revue.standings import DataKey, Standing
from revue.vault import Identity

FORMAT = "rebond-access/1"

STANDINGS = {
    Standing.OPEN: "Vos données ne sont ni limitées, ni effacées : l'outil peut les utiliser.",
    Standing.RESTRICTED: "Vos données sont mises de côté à votre demande : personne ne les lit.",
    Standing.OBJECTED: "Vous avez dit votre opposition : vos données n'entrent plus dans l'outil.",
    Standing.ERASED: "Vos données ont été effacées.",
    Standing.OVERDUE: "Vos données ont été effacées : leur durée était passée.",
}

PARTS = {
    "identity": "Votre numéro dans le logiciel du service, votre nom et vos coordonnées s'ils ont "
    "été transmis, et si un foyer est indiqué ou non.",
    "standing": "Ce qui peut être fait de vos données en ce moment.",
    "stays": "Vos périodes d'accompagnement : dates d'entrée et de sortie, équipe.",
    "events": "Les faits enregistrés par le service : rendez-vous, échanges, démarches, avec "
    "leurs dates.",
    "sensitive": "Des informations qui servent seulement à vérifier que l'outil traite tout le "
    "monde de la même façon. Aucun signal ne les utilise.",
    "signals": "Chaque signal d'attention conservé, avec tout son calcul et ce qui en a été fait.",
    "people": "L'équipe qui vous accompagne en ce moment.",
    "identities": "Quand votre nom et vos coordonnées ont été rangés dans le coffre.",
    "lifts": "Les jours où votre nom a été montré à quelqu'un du service.",
    "grants": "Les fois où quelqu'un du service a pu lire vos coordonnées, et pourquoi.",
    "notices": "Quand et comment le service vous a dit que cet outil existe.",
    "requests": "Ce que vous avez demandé au sujet de vos données, et la réponse.",
    "situations": "Les fois où quelqu'un du service a regardé votre situation, avec les faits "
    "connus ce jour-là.",
    "views": "Ce que la personne qui vous accompagne pensait, avant de lire un signal.",
    "reveals": "Quand un signal a été lu.",
    "decisions": "Ce que la personne qui vous accompagne a décidé, et pourquoi.",
    "decision_offers": "Les aides qu'elle a décidé de vous proposer.",
    "follow_ups": "Ce qui s'est passé ensuite.",
    "second_looks": "Les fois où une ou un collègue a été appelé à regarder aussi.",
    "contestations": "Ce que vous avez contesté, avec vos mots, et la réponse.",
    "observations": "Ce que l'équipe a observé et noté, choisi dans une liste fermée.",
}
"""What each part of the file holds, in plain French; a table without a line here is refused."""

_OPENED = ("signals", "sealed_copies", "identities")
"""Tables whose content stands opened in a part of its own."""

_LOGINS = frozenset(
    {"referent", "assigned_to", "held_by", "told_by", "noted_by", "done_by", "stand_in"}
)
"""Columns in which somebody who works for the service is named."""

_SOMEBODY = "une personne du service"


class NotDescribed(RebondError):
    """A table about persons has no description that they could read."""


def access_export(
    home: Home,
    session: Session,
    bundle: Bundle,
    key: DataKey | None,
    identity: Identity | None,
    standing: Standing,
) -> dict[str, Any]:
    """Write everything that is held about one person, in plain values.

    Parameters
    ----------
    home, session
        The home, in a transaction on its review database.
    bundle
        Everything about the person.
    key
        Their data key; None where nothing was sealed with one.
    identity, standing
        Who they are, and what may be done with their data.
    """
    names = _names(session)
    household = bool(identity and identity.household_id)
    kept = () if key is None else kept_signals(bundle.rows, key)
    records = {
        table: [_row(table, row, names) for row in rows]
        for table, rows in bundle.rows.items()
        if table not in _OPENED
    }
    legal = home.store.protocol().legal if home.store.extracted_on else Legal()
    export: dict[str, Any] = {
        "format": FORMAT,
        "made_on": home.today().isoformat(),
        "service": home.settings.service,
        "controller": legal.controller,
        "basis": legal.basis,
        "dpo": home.settings.contacts.dpo,
        "identity": {
            "pseudonym": bundle.person,
            "person_id": identity and identity.person_id,
            "display_name": identity and identity.display_name,
            "contacts": dict(identity.contacts or {}) if identity else {},
            "household": household,
        },
        "standing": {"value": standing, "said": STANDINGS[standing]},
        "stays": [_stay(row, household=household) for row in bundle.stays],
        "events": [{**row, "label": label(row["code"] or "")} for row in bundle.events],
        "sensitive": dict(bundle.sensitive),
        "records": records,
        "signals": [_signal(home, one, bundle, names) for one in kept],
    }
    export["descriptions"] = {
        part: _described(part) for part in (*(p for p in PARTS if p in export), *records)
    }
    return export


def lacking(signal: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what one signal of the file lacks of the four items, by its place in the file.

    Parameters
    ----------
    signal
        One of ``signals``.
    """
    lines = (signal.get("workings") or {}).get("lines") or [{}]
    needed = [
        *(("signal", signal, name) for name in ("as_of", "model", "score", "estimate")),
        *(("contribution", signal.get("contribution"), name) for name in ("degree", "mode")),
        *(("data", signal.get("data"), name) for name in ("sources", "codes", "events")),
        *(("workings", signal.get("workings"), name) for name in Workings.__dataclass_fields__),
        *(("line", line, name) for line in lines for name in Contribution.__dataclass_fields__),
    ]
    missing = [f"{part}.{name}" for part, held, name in needed if not held or name not in held]
    if not signal.get("operations"):
        missing.append("operations")
    return tuple(dict.fromkeys(missing))


def as_json(export: Mapping[str, Any]) -> bytes:
    """Write the file: readable by programs, and by whoever opens it in an editor."""
    text = json.dumps(export, ensure_ascii=False, indent=1, allow_nan=False, default=str)
    return f"{text}\n".encode()


def _signal(
    home: Home, kept: KeptSignal, bundle: Bundle, names: Mapping[object, str]
) -> dict[str, Any]:
    signal, about = kept.signal, kept.situation_id
    mine = {
        table: sorted(
            (row for row in rows if row.get("situation_id") == about),
            key=lambda row: (str(row.get("at") or row.get("asked_at")), row.get("number") or 0),
        )
        for table, rows in bundle.rows.items()
    }
    situation = next(row for row in bundle.rows["situations"] if row["id"] == about)
    events = kept.facts["events"]
    return {
        "situation_id": about,
        "sealed": kept.sealed,
        "as_of": signal.as_of.isoformat(),
        "valid_until": signal.valid_until.isoformat(),
        "model": signal.model,
        "model_file": _model_file(home, signal.model, signal.workings),
        "score": signal.score,
        "estimate": asdict(signal.estimate),
        "reasons": [asdict(reason) for reason in signal.reasons],
        "against": [asdict(reason) for reason in signal.against],
        "missing": list(signal.missing),
        "contribution": _contribution(mine, situation, names),
        "data": {
            "sources": _sources(home),
            "events": len(events),
            "first_on": min((event["occurred_on"] for event in events), default=None),
            "last_on": max((event["occurred_on"] for event in events), default=None),
            "codes": sorted({event["code"] for event in events}),
            "labels": sorted({event["label"] for event in events}),
            "facts": kept.facts,
        },
        "workings": None if signal.workings is None else asdict(signal.workings),
        "operations": list(_operations(signal.as_of, drawn=situation["probability"] < 1)),
    }


def _sources(home: Home) -> str:
    service = home.settings.service
    return (
        f"Le logiciel du service ({service}), tel que le service l'a rempli. Rien d'autre : ni "
        "réseau social, ni fichier acheté, ni donnée d'une autre administration."
    )


def _contribution(
    mine: Mapping[str, Sequence[Row]], situation: Row, names: Mapping[object, str]
) -> dict[str, Any]:
    """Say what the signal weighed: a person decided, and what, or nobody read it."""
    shown = [row for row in mine.get("reveals", ()) if row["shown"]]
    decisions = mine.get("decisions", ())
    degree = (
        "Aide à la décision : la personne qui vous accompagne a lu le signal après avoir donné "
        "son propre avis, puis elle a décidé elle-même."
        if shown and decisions
        else "Le signal a été lu par la personne qui vous accompagne, après son propre avis. "
        "Aucune décision n'en a été tirée."
        if shown
        else "Aucun : une décision a été prise sans lire le signal."
        if decisions
        else "Aucun : personne n'a lu ce signal, et rien n'a été décidé."
    )
    return {
        "degree": degree,
        "mode": (
            "Le signal a placé votre situation dans une liste de situations à regarder. Il n'a "
            "rien décidé, rien accordé et rien retiré : l'outil ne le peut pas."
        ),
        "state": State(situation["state"]).label,
        "views": [
            {
                "by": names[row["user_id"]],
                "at": row["at"],
                "opinion": Opinion(row["opinion"]).label,
                "why": row["why"],
            }
            for row in mine.get("views", ())
        ],
        "read": [{"by": names[row["user_id"]], "at": row["at"]} for row in shown],
        "decisions": [
            {
                "by": names[row["user_id"]],
                "at": row["at"],
                "kind": row["kind"],
                "said": DecisionKind(row["kind"]).label,
                "offers": [
                    offer(one["offer"]).label
                    for one in mine.get("decision_offers", ())
                    if one["number"] == row["number"]
                ],
                "reason": row["reason"],
                "words": row["words"],
            }
            for row in decisions
        ],
    }


def _operations(as_of: date, *, drawn: bool) -> Iterator[str]:
    yield (
        "Le service a transmis à l'outil un extrait de son logiciel. Les numéros et les noms ont "
        "été remplacés par un code."
    )
    yield (
        f"L'outil a compté les faits connus avant le {day(as_of)}, et rien de ce qui a été "
        "enregistré ensuite."
    )
    yield "Chaque ligne du tableau a donné ses points ; l'outil les a additionnés."
    yield (
        "Le total a été rapporté à ce qui avait été observé pour des situations ayant le même "
        "total."
    )
    yield (
        "Votre place dans la liste a été tirée au sort, parmi des situations que leurs totaux ne "
        "permettaient pas de départager."
        if drawn
        else "Les situations ayant les totaux les plus hauts ont pris les places de la liste, dans "
        "la limite de ce que l'équipe peut regarder."
    )
    yield (
        "La personne qui vous accompagne a d'abord lu les faits et donné son avis ; le signal ne "
        "se montre qu'ensuite."
    )


def _model_file(home: Home, version: str, workings: Workings | None) -> str:
    """Say whether the model's file is still the one that was used: same, other or gone."""
    try:
        table = load_table(home, version)
    except RebondError:
        return "gone"
    return "same" if workings is not None and workings.table_hash == table.hash else "other"


def _row(table: str, row: Row, names: Mapping[object, str]) -> dict[str, Any]:
    """Give one row with roles in place of the people who work for the service."""
    staff = _staff_columns(table)
    told = {
        column: None if value is None else names.get(value, _SOMEBODY) if column in staff else value
        for column, value in row.items()
    }
    if "facts" in told:
        told["facts"] = json.loads(row["facts"])
    for (where, column), said in _LABELS.items():
        if where == table:
            told[f"{column}_said"] = said(row[column])
    return told


_KINDS = {
    SituationKind.SIGNAL: "après un signal d'attention",
    SituationKind.CONTROL: "tirée au hasard",
    SituationKind.SELF_OPENED: "ouverte par la personne qui vous accompagne",
}

_LABELS: Mapping[tuple[str, str], Callable[[str], str]] = {
    ("situations", "kind"): lambda value: _KINDS[SituationKind(value)],
    ("situations", "state"): lambda value: State(value).label,
    ("views", "opinion"): lambda value: Opinion(value).label,
    ("decisions", "kind"): lambda value: DecisionKind(value).label,
    ("decision_offers", "offer"): lambda value: offer(value).label,
    ("notices", "form"): lambda value: NoticeForm(value).label,
    ("requests", "asked"): lambda value: Right(value).label,
    ("observations", "code"): lambda value: OBSERVATIONS.get(value, value),
}
"""Words of programs that have words for people."""


@cache
def _staff_columns(table: str) -> frozenset[str]:
    columns = schema.Base.metadata.tables[table].columns
    accounts = {
        c.name for c in columns if any(f.column.table.name == "users" for f in c.foreign_keys)
    }
    return frozenset(accounts | {c.name for c in columns if c.name in _LOGINS})


def _stay(row: Row, *, household: bool) -> dict[str, Any]:
    told = {name: value for name, value in row.items() if name != "import"}
    told["household"] = household
    told["referent"] = None if told.get("referent") is None else Role.EDUCATOR.label
    return told


def _names(session: Session) -> Mapping[object, str]:
    """Return the role of everybody with an account, by number and by login."""
    found: dict[object, str] = {}
    for id, login, role in session.execute(
        select(schema.User.id, schema.User.login, schema.User.role)
    ):
        found[id] = found[login] = role.label
    return found


def _described(part: str) -> str:
    said = PARTS.get(part)
    if said is None:
        raise NotDescribed(
            f"the table {part!r} holds rows about persons and has no description in plain French: "
            "add it to api.access.PARTS."
        )
    return said
