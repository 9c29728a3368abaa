"""A home as large as a department's, for ``rebond bench queue``: everything in it is real.

Migrations make the database, the keyring seals the names, the journal is signed. What two
years would have brought lies in it at once: most situations are over, and each educator has
five that are not, each as far as a situation can be before it is decided. Only the histories
repeat, and rows of the past are written past the review's own acts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from api.home import Home, create_home
from api.settings import Danger, Settings
from features.facts import Facts, describe, known_event
from modeles.explanation import Estimate, Reason, Signal
from modeles.table import Bag, Calibration, Line, ModelTable, TableFeature, write_table
from revue import committee, schema
from revue.accounts import actor_for, create_user, open_session
from revue.directory import sync_people
from revue.queue import new_id
from revue.records import (
    Actor,
    DecisionKind,
    LocalService,
    Opinion,
    Role,
    SituationKind,
    State,
    Stay,
)
from revue.services import THEMES, replace_services
from revue.signing import open_key
from revue.vault import Identity, store_identities

BENCH = Actor(login="bench", role=None, team=None)
TEAM_SIZE = 10
PEOPLE_EACH = 40
"""Whom an educator accompanies now; as many have left since."""
PER_REFERENT = 5
HISTORIES = 200
EVENTS = 70
REVIEW_DAYS = 28
KEPT_DAYS = 730
VALID_DAYS = 90
SERVICES_A_THEME = 100
VERSION = "1"

_CODES = {
    "rdv//honore": 14,
    "rdv//propose": 12,
    "rdv//non_honore": 5,
    "rdv//annule_service": 3,
    "contact//appel_entrant": 7,
    "contact//appel_sortant": 8,
    "contact//message": 10,
    "contact//passage_spontane": 2,
    "droits//demande": 2,
    "droits//ouverture": 1,
    "ressources//aide_demandee": 2,
    "logement//changement": 1,
    "projet//objectif_atteint": 2,
    "activite//collective": 2,
    "service//aucun_creneau": 2,
}
"""How often a history holds what, of every 73 events."""

_OVER = (State.DECIDED, State.FOLLOWED_UP, State.HANDLED_ELSEWHERE, State.TO_LOOK_AT)
"""How situations of the past end; nobody looked at the last, and its validity is over."""
_OVER_SHARES = (5, 3, 1, 1)

_OPEN = (
    (State.TO_LOOK_AT, SituationKind.SIGNAL),
    (State.TO_LOOK_AT, SituationKind.CONTROL),
    (State.VIEWED, SituationKind.SIGNAL),
    (State.SIGNAL_SEEN, SituationKind.SIGNAL),
    (State.PUT_OFF, SituationKind.SELF_OPENED),
)
"""What each educator has before them."""

_COLUMNS, _BINS, _BAGS = 59, 4, 8
"""As large as the table of an additive model that a study really made."""


@dataclass(frozen=True)
class Caller:
    """One educator who is signed in, and the ids of their open situations.

    ``unseen`` are those of which they have not given their own view.
    """

    token: str
    csrf: str
    situations: tuple[str, ...]
    unseen: tuple[str, ...]


@dataclass(frozen=True)
class BenchHome:
    """The home, and who calls on it."""

    home: Home
    callers: tuple[Caller, ...]
    situations: int


def build_home(folder: Path, *, educators: int, situations: int, seed: int) -> BenchHome:
    """Make the home.

    Parameters
    ----------
    folder
        An empty folder; it holds about 11 kB a situation afterwards.
    educators, situations
        How many; each educator has five open ones, whatever ``situations`` says.
    seed
        Of the histories and of how each situation ended.
    """
    rng = random.Random(seed)  # noqa: S311 - invented histories
    settings = Settings(production=True, danger=Danger(crip="01 23 45 67 89"))
    home = create_home(folder, folder / "keys", settings)
    home.model_folder(VERSION).mkdir(parents=True)
    table = _table()
    write_table(table, home.model_folder(VERSION) / "table.json", home.keys.sign)
    scribe = _Scribe(rng, home.now(), _logins(educators))
    with home.transaction() as session:
        scribe.write_accounts(session)
        sync_people(session, scribe.stays, by=BENCH, now=scribe.now)
        store_identities(session, home.person_keys, scribe.identities(), by=BENCH, now=scribe.now)
        _approve(session, table, scribe.now)
        scribe.write_runs(session)
        scribe.write_services(session)
        opened = scribe.write_open(session)
        scribe.write_past(session, max(0, situations - len(opened)))
        callers = tuple(
            _sign_in(session, login, opened, scribe.now, settings.session_hours)
            for login in scribe.logins
        )
    return BenchHome(home, callers, max(situations, len(opened)))


def _logins(educators: int) -> list[str]:
    return [f"equipe{number // TEAM_SIZE}.{number}" for number in range(educators)]


def _team(login: str) -> str:
    return login.partition(".")[0]


class _Scribe:
    """Writes what two years would have brought, many rows at a time."""

    def __init__(self, rng: random.Random, now: datetime, logins: list[str]) -> None:
        self.rng, self.now, self.logins = rng, now, logins
        self.users = {login: number for number, login in enumerate(logins, start=1)}
        self.as_of = now.date() - timedelta(days=3)
        self.histories = [_history(rng, self.as_of).to_json() for _ in range(HISTORIES)]
        self.people = {
            login: [f"{rng.getrandbits(128):032x}" for _ in range(2 * PEOPLE_EACH)]
            for login in logins
        }

    @property
    def stays(self) -> list[Stay]:
        """Everybody's stay; the second half of an educator's persons has left."""
        entered, left = self.now.date() - timedelta(days=500), self.now.date() - timedelta(days=40)
        return [
            Stay(
                person=person,
                team=_team(login),
                referent=login,
                entered_on=entered,
                left_on=left if place >= PEOPLE_EACH else None,
                informed_on=entered,
            )
            for login, people in self.people.items()
            for place, person in enumerate(people)
        ]

    def identities(self) -> Iterator[Identity]:
        """Name everybody who is accompanied now."""
        for login, people in self.people.items():
            for place, person in enumerate(people[:PEOPLE_EACH]):
                yield Identity(
                    person, f"{login}-{place}", display_name=f"Prénom Nom-{login}-{place}"
                )

    def write_accounts(self, session: Session) -> None:
        """Write an account an educator; nobody knows a password of them."""
        session.execute(
            insert(schema.User),
            [
                {
                    "login": login,
                    "role": Role.EDUCATOR,
                    "team": _team(login),
                    "password_hash": "-",
                    "practised": True,
                    "created_at": self.now,
                }
                for login in self.logins
            ],
        )

    def write_runs(self, session: Session) -> None:
        """Write one scoring run a review date."""
        session.execute(
            insert(schema.Run),
            [
                {
                    "version": VERSION,
                    "as_of": as_of,
                    "protocol_hash": "0" * 64,
                    "unserved": 12,
                    "not_informed": 3,
                    "ran_at": self.now,
                    "due_on": as_of + timedelta(days=14),
                    "valid_until": as_of + timedelta(days=VALID_DAYS),
                    "per_referent": PER_REFERENT,
                }
                for as_of in reversed(self.review_dates)
            ],
        )

    def write_services(self, session: Session) -> None:
        """Write the directory of local services."""
        replace_services(
            session,
            [
                LocalService(
                    id=f"{number}",
                    theme=theme,
                    name=f"Service {number}",
                    structure=f"Structure {number}",
                    commune=f"Commune {number % 40}",
                    contact="01 23 45 67 89",
                    updated_on=self.as_of,
                )
                for theme in sorted(THEMES)
                for number in range(SERVICES_A_THEME)
            ],
            by=BENCH,
            now=self.now,
        )

    @property
    def review_dates(self) -> list[date]:
        """The review dates of two years, newest first."""
        step = timedelta(days=REVIEW_DAYS)
        return [self.as_of - n * step for n in range(KEPT_DAYS // REVIEW_DAYS)]

    def write_open(self, session: Session) -> dict[str, list[tuple[str, State]]]:
        """Write each educator's open situations; return them, with how far each is."""
        opened = {login: [(new_id(), state) for state, _ in _OPEN] for login in self.logins}
        rows, signals, views, reveals = [], [], [], []
        for login, found in opened.items():
            for (id_, state), (_, kind), person in zip(
                found, _OPEN, self.people[login], strict=False
            ):
                rows.append(self._situation(id_, login, person, kind, state, self.as_of))
                own = {"situation_id": id_, "user_id": self.users[login], "at": self.now}
                if kind is SituationKind.SIGNAL:
                    content = _signal(self.as_of).to_json()
                    signals.append({"situation_id": id_, "as_of": self.as_of, "content": content})
                if state in (State.VIEWED, State.SIGNAL_SEEN):
                    views.append({**own, "opinion": Opinion.YES, "why": "moins d'échanges"})
                if state is State.SIGNAL_SEEN:
                    reveals.append({**own, "shown": True})
        session.execute(insert(schema.Situation), rows)
        session.execute(insert(schema.Signal), signals)
        session.execute(insert(schema.View), views)
        session.execute(insert(schema.Reveal), reveals)
        return opened

    def write_past(self, session: Session, number: int) -> None:
        """Write the situations of earlier reviews, with what was decided on them."""
        dates = [day for day in self.review_dates if (self.as_of - day).days > VALID_DAYS]
        # In the order of the tree that holds them, a gigabyte is written once.
        ids = sorted(new_id() for _ in range(number))
        for start in range(0, number, _AT_ONCE):
            rows = [
                self._past(id_, self.rng.choice(self.logins), dates)
                for id_ in ids[start : start + _AT_ONCE]
            ]
            session.execute(insert(schema.Situation), rows)
            self._write_decided(session, rows)

    def _past(self, id_: str, login: str, dates: Sequence[date]) -> dict[str, Any]:
        (state,) = self.rng.choices(_OVER, _OVER_SHARES)
        (kind,) = self.rng.choices((SituationKind.SIGNAL, SituationKind.CONTROL), (9, 1))
        person, as_of = self.rng.choice(self.people[login]), self.rng.choice(dates)
        return self._situation(id_, login, person, kind, state, as_of)

    def _situation(
        self, id_: str, login: str, person: str, kind: SituationKind, state: State, as_of: date
    ) -> dict[str, Any]:
        return {
            "id": id_,
            "person": person,
            "team": _team(login),
            "referent": login,
            "kind": kind,
            "state": state,
            "facts": self.rng.choice(self.histories),
            "as_of": as_of,
            "due_on": as_of + timedelta(days=14),
            "version": VERSION,
            "valid_until": as_of + timedelta(days=VALID_DAYS),
            "probability": 1.0,
            "opened_at": self.now,
            "again_on": self.now.date() + timedelta(days=9) if state is State.PUT_OFF else None,
        }

    def _write_decided(self, session: Session, rows: Sequence[dict[str, Any]]) -> None:
        decided = [
            {"situation_id": row["id"], "user_id": self.users[row["referent"]], "at": self.now}
            for row in rows
            if row["state"] in (State.DECIDED, State.FOLLOWED_UP)
        ]
        view = {"opinion": Opinion.UNKNOWN, "why": ""}
        decision = {
            "number": 0,
            "kind": DecisionKind.TALK_FIRST,
            "reason": "en parler d'abord",
            "informed": False,
            "words": "",
            "safe_contact": False,
        }
        session.execute(insert(schema.View), [{**row, **view} for row in decided])
        session.execute(insert(schema.Reveal), [{**row, "shown": True} for row in decided])
        session.execute(insert(schema.Decision), [{**row, **decision} for row in decided])


_AT_ONCE = 5_000
_MEMBERS = ("membre.1", "membre.2")


def _approve(session: Session, table: ModelTable, now: datetime) -> None:
    """Bring the model before the committee, and let two members approve it."""
    committee.register_model(
        session,
        version=VERSION,
        family=table.family,
        table_hash=table.hash,
        protocol_hash=table.hashes["protocol"],
        data_hash=table.hashes["data"],
        chosen=True,
        by=BENCH,
        now=now,
    )
    committee.record_audit(
        session,
        version=VERSION,
        verdict="pass",
        audit_hash="3" * 64,
        report_hash="4" * 64,
        by=BENCH,
        now=now,
    )
    for login in _MEMBERS:
        secret = create_user(
            session, login=login, role=Role.COMMITTEE, team=None, by=BENCH, now=now
        )
        sealed = select(schema.User.sealed_key).where(schema.User.login == login)
        committee.approve(
            session,
            actor_for(session, login),
            version=VERSION,
            reason="mesure",
            waive_days=None,
            most_days=1,
            today=now.date(),
            now=now,
            signer=open_key(login, session.scalar(sealed), secret),
        )


def _sign_in(
    session: Session,
    login: str,
    opened: dict[str, list[tuple[str, State]]],
    now: datetime,
    hours: int,
) -> Caller:
    web_session = open_session(session, actor_for(session, login), now, hours)
    return Caller(
        token=web_session.token,
        csrf=web_session.csrf,
        situations=tuple(id_ for id_, _ in opened[login]),
        unseen=tuple(id_ for id_, state in opened[login] if state is State.TO_LOOK_AT),
    )


def _history(rng: random.Random, as_of: date) -> Facts:
    entered = as_of - timedelta(days=420)
    events = []
    for code in rng.choices(tuple(_CODES), tuple(_CODES.values()), k=EVENTS):
        occurred = entered + timedelta(days=rng.randrange(418))
        recorded = min(occurred + timedelta(days=rng.choice((0, 1, 1, 2, 9))), as_of)
        events.append(known_event(occurred, recorded, code))
    return describe(as_of, entered, events)


def _signal(as_of: date) -> Signal:
    reasons = (
        "Dernier échange enregistré il y a 33 jours ; les échanges informels n'y figurent pas.",
        "2 rendez-vous sur 5 non honorés depuis trois mois, motif inconnu.",
        "3 rendez-vous annulés par le service depuis trois mois.",
    )
    return Signal(
        model=VERSION,
        as_of=as_of,
        valid_until=as_of + timedelta(days=VALID_DAYS),
        score=-1.5,
        estimate=Estimate(15, 10, 22),
        reasons=tuple(Reason(f"f{n}", text, 0.4) for n, text in enumerate(reasons)),
        against=(Reason("g", "2 objectifs atteints depuis six mois.", -0.2),),
        missing=("Aucune information sur l'emploi.",),
    )


def _table() -> ModelTable:
    """Build a table of the size that a study really made."""
    edges = tuple(float(edge) + 0.5 for edge in range(_BINS - 1))
    points = tuple(0.1 * place + 1 / 3 for place in range(_BINS))
    lines = tuple(Line(n, "steps", "linear", edges, points, 0.0) for n in range(_COLUMNS))
    features = tuple(
        TableFeature(
            column=n,
            name=f"rendez-vous honorés.count.{n}",
            title=f"rendez-vous honorés : nombre sur {n} jours",
            wording="rendez-vous honoré|rendez-vous honorés",
            reason="un changement de rythme précède souvent une interruption du lien",
            unit="faits",
            shape="steps",
            scale="linear",
            edges=edges,
            points=points,
            missing=0.0,
            persons=(410, 320, 160, 70, 12),
        )
        for n in range(_COLUMNS)
    )
    band = ((-4.0, 0.01, 0.03), (0.0, 0.4, 0.6))
    return ModelTable(
        version=VERSION,
        family="additive",
        outcome="interruption de l'accompagnement",
        horizon_days=90,
        intercept=-2.4,
        point=None,
        features=features,
        calibration=Calibration(1.0, 0.0, 0.0, 0.0, band, band),
        cut=-1.9,
        trained_until="2026-05-04",
        test_from="2026-05-04",
        hashes={"protocol": "0" * 64, "data": "1" * 64, "code": "2" * 64},
        codes=tuple(_CODES),
        bags=tuple(Bag(-2.4, lines) for _ in range(_BAGS)),
    )
