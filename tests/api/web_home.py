"""A real home for the tests of the pages: accounts, an approved model, a queue of each kind."""

from __future__ import annotations

import atexit
import json
import random
import shutil
import socket
import tempfile
import threading
import time as clock
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from argon2 import PasswordHasher

from api.gate import file_hash
from api.home import Home, create_home
from api.settings import Danger, Settings
from api.web.app import create_app
from audits.report.writing import report_hash
from features.facts import Facts, describe, known_event
from modeles.explanation import Estimate, Reason, Signal
from modeles.table import Bag, Calibration, ModelTable, TableFeature, write_table
from revue import accounts, committee, directory, queue
from revue.records import Actor, NewSituation, Role, ScoringRun, SituationKind, Stay, WebSession
from tests.modeles.builders import line_of

with warnings.catch_warnings():
    # The client's own note on its next HTTP library; nothing of ours.
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", UserWarning)
    from starlette.testclient import TestClient

PASSWORD = "une phrase de passe"
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
AS_OF = date(2026, 11, 16)
VERSION = "7"
CLI = Actor("cli:test", None, None)

PEOPLE = {
    "signal": "7f3a21c09be41122",
    "control": "b04d99e1a7c30011",
    "second_signal": "2c9e10ff3b7a4455",
    "colleague": "91aa00bb22cc33dd",
    "other_team": "e5e5e5e5d4d4d4d4",
    "quiet": "40fe12ab90cd8877",
    "not_informed": "aa55bb66cc77dd88",
}

USERS = (
    ("claire", Role.EDUCATOR, "insertion"),
    ("karim", Role.EDUCATOR, "insertion"),
    ("lea", Role.EDUCATOR, "accueil"),
    ("remy", Role.TEAM_LEAD, "insertion"),
    ("sonia", Role.STEWARD, None),
    ("anne", Role.COMMITTEE, None),
    ("paul", Role.COMMITTEE, None),
    ("dina", Role.DPO, None),
    ("adam", Role.ADMIN, None),
)

REASONS = (
    "Dernier échange enregistré le 14 octobre 2026, il y a 33 jours ; "
    "les échanges informels n'y figurent pas.",
    "2 rendez-vous sur 5 non honorés depuis le 18 août 2026, motif inconnu.",
    "3 rendez-vous annulés par le service depuis le 18 août 2026.",
)
AGAINST = ("2 objectifs atteints depuis le 20 mai 2026.",)


def plain(text: str) -> str:
    """Give every blank as one is typed: tests are written as people read."""
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def with_plain_blanks(response: Any) -> None:
    """Give the blanks of an answer so, once it came."""
    if not response.headers.get("content-type", "").startswith(("text/html", "application/json")):
        return
    response.read()
    response._content = plain(response.content.decode()).encode()


@dataclass(frozen=True)
class House:
    """A home, the ids of its situations by kind, and how to come in."""

    home: Home
    ids: dict[str, str]
    people: dict[str, str] = field(default_factory=lambda: dict(PEOPLE))

    def client(self, login: str | None = None) -> TestClient:
        """Open a browser-like client, signed in if a login is given."""
        client = TestClient(create_app(self.home), follow_redirects=False)
        client.event_hooks["response"].append(with_plain_blanks)
        if login is not None:
            opened = self.session_of(login)
            client.cookies.set("rebond", opened.token)
            client.headers["X-CSRF-Token"] = opened.csrf
        return client

    def client_at(self, url: str, login: str) -> httpx.Client:
        """Open a client of this house as it is served, as another machine would have one.

        Two that ask at once need this: FastAPI builds its routes once, and not for two loops.
        """
        opened = self.session_of(login)
        headers, cookies = {"X-CSRF-Token": opened.csrf}, {"rebond": opened.token}
        return httpx.Client(base_url=url, headers=headers, cookies=cookies, timeout=60)

    def session_of(self, login: str) -> WebSession:
        """Sign somebody in."""
        with self.home.transaction() as session:
            actor = accounts.actor_for(session, login)
            idle = self.home.settings.session_idle
            return accounts.open_session(session, actor, self.home.now(), hours=9, idle=idle)

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve this house on loopback at its own time, for real browsers."""
        listening = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(create_app(self.home), log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the service stopped before it answered"
                clock.sleep(0.02)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()

    def on(self, day: date) -> House:
        """Return this house as it is at noon of another day."""
        noon = datetime.combine(day, time(12), UTC)
        return replace(self, home=Home(self.home.folder, self.home.keys_folder, lambda: noon))

    def copy(self, folder: Path) -> House:
        """Copy this house, so that a test may change it."""
        shutil.copytree(self.home.folder, folder / "home")
        return House(Home(folder / "home", folder / "home" / "keys", lambda: NOW), {**self.ids})


def history(seed: int) -> Facts:
    """Draw a plausible year of events."""
    rng = random.Random(seed)  # noqa: S311 - a drawing for tests
    entered = date(2025, 9, 22)
    codes = {
        "rdv//honore": 9,
        "rdv//propose": 11,
        "rdv//non_honore": 3,
        "rdv//annule_service": 3,
        "contact//appel_entrant": 6,
        "contact//appel_sortant": 7,
        "contact//message": 9,
        "contact//passage_spontane": 2,
        "droits//demande": 2,
        "droits//ouverture": 1,
        "ressources//aide_demandee": 2,
        "logement//changement": 1,
        "projet//objectif_atteint": 2,
        "activite//collective": 2,
        "service//aucun_creneau": 2,
    }
    events = []
    for code, number in codes.items():
        for _ in range(number):
            occurred = entered + timedelta(days=rng.randrange((AS_OF - entered).days - 1))
            recorded = min(occurred + timedelta(days=rng.choice((0, 1, 1, 2, 9))), AS_OF)
            events.append(known_event(occurred, recorded, code))
    return describe(AS_OF, entered, events)


def signal(per_100: int = 15) -> Signal:
    """Build an explained signal whose score nobody may ever read."""
    return Signal(
        model=VERSION,
        as_of=AS_OF,
        valid_until=AS_OF + timedelta(days=90),
        score=-1.7345678,
        estimate=Estimate(per_100, 10, 22),
        reasons=tuple(Reason(f"f{n}", text, 0.4) for n, text in enumerate(REASONS)),
        against=tuple(Reason(f"g{n}", text, -0.2) for n, text in enumerate(AGAINST)),
        missing=("Aucune information sur l'emploi.",),
    )


def model_table() -> ModelTable:
    """Build a small table with a step, a line and nothing else."""
    steps = TableFeature(
        column=0,
        name="contact_since_last",
        title="Jours depuis le dernier échange",
        wording="échange",
        reason="un silence précède souvent une interruption",
        unit="jours",
        shape="steps",
        scale="linear",
        edges=(7.0, 21.0, 45.0),
        points=(-0.42, -0.1, 0.21, 0.66),
        missing=0.05,
        persons=(410, 320, 160, 70, 12),
    )
    line = TableFeature(
        column=1,
        name="rdv_non_honore_90",
        title="Rendez-vous non honorés en 90 jours",
        wording="rendez-vous non honorés",
        reason="un changement de rythme précède souvent une interruption",
        unit="",
        shape="line",
        scale="log1p",
        edges=(0.0, 1.79),
        points=(-0.12, 0.5),
        missing=0.0,
        persons=(0, 960, 0, 12),
    )
    return ModelTable(
        version=VERSION,
        family="additive",
        outcome="interruption de l'accompagnement",
        horizon_days=90,
        intercept=-2.4,
        point=None,
        features=(steps, line),
        calibration=Calibration(
            slope=1.0,
            intercept=0.0,
            knot=0.0,
            bend=0.0,
            band=((-4.0, 0.01, 0.03), (0.0, 0.4, 0.6)),
            venn_abers=((-4.0, 0.01, 0.02), (-1.0, 0.25, 0.28), (0.0, 0.4, 0.6)),
        ),
        cut=-1.9,
        trained_until="2026-05-04",
        test_from="2026-05-04",
        hashes={"protocol": "0" * 64, "data": "1" * 64, "code": "2" * 64},
        codes=("contact//message", "rdv//non_honore"),
        bags=(Bag(-2.4, tuple(line_of(feature) for feature in (steps, line))),),
    )


def audit() -> dict[str, object]:
    """Build what an audit writes, with a group too small to show."""
    groups = [
        {"value": "non", "n": 1700, "positives": 120, "estimate": 0.41, "low": 0.33,
         "high": 0.49, "assessed": True, "suppressed": False},
        {"value": "oui", "n": 300, "positives": 34, "estimate": 0.35, "low": 0.18,
         "high": 0.55, "assessed": True, "suppressed": False},
        {"value": "inconnu", "n": None, "positives": None, "estimate": None, "low": None,
         "high": None, "assessed": False, "suppressed": True},
    ]  # fmt: skip
    finding = {
        "attribute": "interprete", "metric": "recall", "groups": groups,
        "gap": 0.06, "gap_low": 0.0, "gap_high": 0.24, "p_value": 0.4,
        "verdict": "cannot_assess", "persons_needed": 903,
    }  # fmt: skip
    beside = [
        finding | {"metric": metric, "gap": 0.03, "verdict": None, "persons_needed": None}
        for metric in ("false_negative_rate", "auc", "calibration")
    ]
    return {
        "verdict": "cannot_assess", "tolerance": 0.1, "persons": 2030, "positives": 160,
        "review_dates": 13, "findings": [finding, *beside],
        "context": {"model_hash": model_table().hash, "outcome": model_table().outcome},
    }  # fmt: skip


def build(folder: Path, *, demonstration: bool = True, approved: bool = True) -> House:
    """Make a home with accounts, people, a model before the committee and a filled queue.

    It is made once and copied: nine passwords, hashed as slowly as they should be, take seconds.
    """
    made = _made(demonstration, approved, accounts._HASHER)
    shutil.copytree(made.home.folder, folder, dirs_exist_ok=True)
    home = Home(folder, folder / "keys", lambda: NOW)
    return replace(made, home=home, ids={**made.ids}, people={**made.people})


@cache
def _made(demonstration: bool, approved: bool, _hasher: PasswordHasher) -> House:
    # Where a module hashes with less work, its houses are its own.
    folder = Path(tempfile.mkdtemp(prefix="rebond-house-")) / "home"
    atexit.register(shutil.rmtree, folder.parent)
    settings = Settings(
        demonstration=demonstration,
        danger=Danger(crip="01 23 45 67 89", on_call="Astreinte : 06 12 34 56 78"),
    )
    home = create_home(folder, folder / "keys", settings, lambda: NOW)
    home.report_folder(VERSION).mkdir(parents=True)
    (home.report_folder(VERSION) / "audit.json").write_text(json.dumps(audit()), encoding="utf-8")
    for name, language, text in (
        ("audit.html", "fr", "Rapport entier."),
        ("audit.en.html", "en", "The whole report."),
    ):
        (home.report_folder(VERSION) / name).write_text(
            f"<!doctype html><html lang={language}><title>Audit</title>"
            f"<style>p{{margin:1em}}</style><p>{text}</p></html>",
            encoding="utf-8",
        )
    for name in ("audit.pdf", "audit.en.pdf"):
        (home.report_folder(VERSION) / name).write_bytes(b"%PDF-1.7 " + name.encode())
    with home.transaction() as session:
        for login, role, team in USERS:
            accounts.create_user(
                session,
                login=login,
                role=role,
                team=team,
                by=CLI,
                now=NOW,
                password=PASSWORD,
                practised=login != "karim",
            )
        directory.sync_people(session, stays(), by=CLI, now=NOW)
        committee.register_model(
            session,
            version=VERSION,
            family="additive",
            table_hash=model_table().hash,
            protocol_hash="0" * 64,
            data_hash="1" * 64,
            chosen=True,
            by=CLI,
            now=NOW,
        )
        committee.record_audit(
            session,
            version=VERSION,
            verdict="cannot_assess",
            audit_hash=file_hash(home.report_folder(VERSION) / "audit.json"),
            report_hash=report_hash(home.report_folder(VERSION)),
            by=CLI,
            now=NOW,
        )
        if approved:
            for login in ("anne", "paul"):
                committee.approve(
                    session,
                    accounts.actor_for(session, login),
                    version=VERSION,
                    reason="démonstration",
                    waive_days=settings.waiver_days,
                    most_days=settings.waiver_days,
                    today=home.today(),
                    now=NOW,
                )
        queue.fill(
            session,
            run=ScoringRun(VERSION, AS_OF, "0" * 64, unserved=12, not_informed=3),
            situations=_situations(),
            rng_key=b"tests",
            by=CLI,
            now=NOW,
            due_on=AS_OF + timedelta(days=14),
        )
        rows = [
            item
            for login in ("claire", "karim", "lea")
            for item in queue.queue_of(
                session, accounts.actor_for(session, login), now=NOW, today=home.today()
            ).items
        ]
    home.model_folder(VERSION).mkdir(parents=True)
    write_table(model_table(), home.model_folder(VERSION) / "table.json", home.keys.sign)
    home.close()
    kinds = {person: kind for kind, person in PEOPLE.items()}
    return House(home, {kinds[row.person]: row.id for row in rows})


def stays() -> list[Stay]:
    """List who is accompanied by whom, as an import would."""
    teams = {"colleague": ("insertion", "karim"), "other_team": ("accueil", "lea")}
    return [
        Stay(
            person=person,
            team=teams.get(kind, ("insertion", "claire"))[0],
            referent=teams.get(kind, ("insertion", "claire"))[1],
            entered_on=date(2025, 9, 22),
            left_on=None,
            informed_on=None if kind == "not_informed" else date(2025, 10, 1),
        )
        for kind, person in PEOPLE.items()
    ]


def _situations() -> list[NewSituation]:
    teams = {"colleague": ("insertion", "karim"), "other_team": ("accueil", "lea")}
    placed = ("signal", "control", "second_signal", "colleague", "other_team")
    return [
        NewSituation(
            person=PEOPLE[kind],
            team=teams.get(kind, ("insertion", "claire"))[0],
            referent=teams.get(kind, ("insertion", "claire"))[1],
            kind=SituationKind.CONTROL if kind == "control" else SituationKind.SIGNAL,
            facts=history(number),
            signal=signal(),
            probability=0.1 if kind == "control" else 1.0,
        )
        for number, kind in enumerate(placed)
    ]
