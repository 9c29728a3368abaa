"""A small home with one person of whom every store and table holds something."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from api.home import Home, create_home
from api.imports import ImportSummary, import_folder
from api.settings import Settings
from api.standings import Known, change_standing, find_person
from revue import schema
from revue.records import Actor, SituationKind, State
from revue.standings import Standing
from tests.features.builders import Row, event, stay, write_folder
from tests.revue import builders

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
CLI = Actor("cli:test", None, None)

HER = "DOSSIER-0001"
"""The person everything is about; the others stand beside her."""
TYPED = ("canari-avis", "canari-motif", "canari-mots", "canari-parole", "canari-suite")
IDENTIFYING = (HER, "Amina Canari", "Canari", "+33 6 98 76 54 32", *TYPED, "canari-demande")

NAMES: list[Row] = [
    {"person_id": HER, "display_name": "Amina Canari", "phone": "+33 6 98 76 54 32"},
    {"person_id": "P2", "display_name": "Zoé Autre", "phone": "+33 1 00 00 00 00"},
]
GENDER: list[Row] = [{"person_id": one, "attribute": "genre", "value": "f"} for one in (HER, "P2")]


def write(folder: Path, extracted_on: str = "2024-12-31") -> Path:
    return write_folder(
        folder,
        [stay(HER, referent="lea"), stay("P2", referent="lea"), stay("P3", referent="lea")],
        [
            *(event(HER, f"2024-02-{day:02}", "rdv//honore", event_id=f"e{day}") for day in DAYS),
            *(event("P2", f"2024-03-{day:02}", numeric_value=day / 3) for day in DAYS),
            event("P3", "2024-04-01"),
        ],
        sensitive=GENDER,
        identities=NAMES,
        extracted_on=extracted_on,
    )


DAYS = range(1, 20)


@dataclass(frozen=True)
class Place:
    """A home and its keys, apart from each other."""

    root: Path

    @property
    def home(self) -> Home:
        return Home(self.root / "home", self.root / "keys", lambda: NOW)

    def copy(self, root: Path) -> Place:
        shutil.copytree(self.root, root)
        (root / "keys").chmod(0o700)
        return Place(root)


def build(root: Path) -> Place:
    """Make the home: an import, then a whole life of one situation about her."""
    place = Place(root)
    create_home(place.home.folder, place.home.keys_folder, Settings(), lambda: NOW)
    take(place.home, write(root / "in"))
    shutil.rmtree(root / "in")  # the service's own, and no part of a home
    with place.home.transaction() as session:
        person = find_person(place.home, session, HER).person
        _live(session, person)
    place.home.close()
    return place


def take(home: Home, folder: Path) -> ImportSummary:
    return import_folder(home, folder, by=CLI, progress=str)


def find(home: Home, said: str = HER) -> Known:
    with home.transaction() as session:
        return find_person(home, session, said)


def change(home: Home, standing: Standing, said: str = HER) -> Known:
    known = find(home, said)
    change_standing(home, known, standing, by=CLI, act=standing.value)
    return known


def _live(session: Session, person: str) -> None:
    """Write one row at least into every table that holds somebody's."""
    lea, dpo = builders.educator(session), builders.user(session, "dina", builders.Role.DPO)
    at, today = builders.NOW, builders.TODAY
    reader = builders.educator(session, "karim")
    looked = builders.situation_in_state(
        session, State.SIGNAL_SEEN, lea, person=person, id="looked-at", reader=reader
    )
    session.add(
        schema.Decision(
            situation_id=looked, number=0, user_id=lea.user_id, kind="offer",
            reason="canari-motif", informed=True, words="canari-mots", again_on=None,
            safe_contact=False, at=at,
        )
    )  # fmt: skip
    session.flush()
    session.add(schema.DecisionOffer(situation_id=looked, number=0, offer="trajet", at=at))
    session.add(
        schema.FollowUp(
            situation_id=looked, number=0, user_id=lea.user_id, answer=None,
            became="canari-suite", again_on=None, at=at,
        )
    )  # fmt: skip
    builders.look(session, looked, lea, reader)
    session.flush()
    session.add(
        schema.View(situation_id=looked, user_id=reader.user_id, opinion="yes", why="canari-avis",
                    at=at)
    )  # fmt: skip
    contested = schema.Contestation(
        situation_id=looked, number=0, user_id=lea.user_id, words="canari-parole",
        stood=State.DECIDED, at=at, due_on=today, outcome=None, answer="", answered_by=None,
        answered_at=None,
    )  # fmt: skip
    session.add(contested)
    session.flush()
    contested.outcome, contested.answer = "kept", "réponse"
    contested.answered_by, contested.answered_at = dpo.user_id, at
    session.get_one(schema.Situation, looked).state = State.FOLLOWED_UP
    control = SituationKind.CONTROL
    builders.situation_in_state(
        session, State.TO_LOOK_AT, lea, person=person, id="open", kind=control
    )
    session.add_all(
        [
            schema.SealedCopy(situation_id=looked, as_of=today, sealed=b"\x00\xff copy"),
            schema.Grant(
                id="grant", situation_id=looked, user_id=lea.user_id, reason="canari-demande",
                at=at, until=at + timedelta(minutes=30),
            ),
            schema.Lift(user_id=lea.user_id, on=today, person=person),
            schema.Notice(
                person=person, told_on=date(2024, 1, 2), version="1", told_by="lea", form="oral",
                at=at,
            ),
            schema.Request(
                id="request", person=person, asked="access", received_on=today, due_on=today,
                noted_by="dina", at=at, outcome=None, answer="", done_by=None, done_at=None,
            ),
            schema.Observation(
                id="seen", person=person, code=next(iter(builders_codes())), observed_on=today,
                user_id=lea.user_id, at=at, expires_on=today,
            ),
        ]
    )  # fmt: skip


def builders_codes() -> list[str]:
    return list(schema.OBSERVATIONS)
