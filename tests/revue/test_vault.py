from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from revue import schema
from revue.journal import entries
from revue.permissions import Forbidden
from revue.records import Actor, Role, State
from revue.standings import PersonKeys, Standing
from revue.vault import Identity, display_names, store_identities
from tests.revue.builders import (
    CLI,
    NOW,
    TODAY,
    absence,
    directory,
    educator,
    situation_in_state,
    stay,
    strangers_keys,
    user,
)

EVERYBODY = ("p1", "p2", "p3", "p4", "nobody")

ROWS = [
    Identity("p1", "id-canary", "home-canary", "Amina Canary", {"phone": "contact-canary"}),
    Identity("p2", "id-canary-2"),
    Identity("p3", "id-canary-3", None, "Noé Canary", {}),
]


@pytest.fixture
def stored(session: Session, person_keys: PersonKeys) -> Session:
    store_identities(session, person_keys, ROWS, by=CLI, now=NOW)
    directory(session, stay("p1"), stay("p2"), stay("p3", "karim"), stay("p4"))
    return session


def names(session: Session, person_keys: PersonKeys, actor: Actor, *people: str) -> dict[str, str]:
    return display_names(session, person_keys, actor, people or EVERYBODY, now=NOW, today=TODAY)


def test_the_referent_reads_the_names_of_theirs_at_once(
    stored: Session, person_keys: PersonKeys
) -> None:
    lea = educator(stored)
    assert names(stored, person_keys, lea) == {"p1": "Amina Canary"}  # p2 and p4 have none here
    (entry,) = entries(stored, 1)
    assert (entry.actor, entry.act, entry.subject) == ("lea", "lift_identity", "vault")
    assert names(stored, person_keys, lea, "p2") == names(stored, person_keys, lea, "p4") == {}
    store_identities(
        stored, person_keys, [Identity("p1", "id", None, "Amina B.", {})], by=CLI, now=NOW
    )
    assert names(stored, person_keys, lea, "p1") == {"p1": "Amina B."}


@pytest.mark.safeguard
def test_s22_one_entry_a_page_and_none_where_nothing_is_lifted(
    stored: Session, person_keys: PersonKeys
) -> None:
    lea = educator(stored)
    before = len(entries(stored, 100))
    names(stored, person_keys, lea, "p3", "nobody")
    assert len(entries(stored, 100)) == before
    names(stored, person_keys, lea)
    assert len(entries(stored, 100)) == before + 1


@pytest.mark.safeguard
def test_s08_nobody_else_does(stored: Session, person_keys: PersonKeys) -> None:
    lea, zoe = educator(stored), educator(stored, "zoe", "sud")
    assert names(stored, person_keys, lea, "p3", "nobody") == {}
    assert names(stored, person_keys, zoe) == {}
    for role in set(Role) - {Role.EDUCATOR}:
        with pytest.raises(Forbidden):
            names(stored, person_keys, user(stored, role.value, role, "nord"), "p1")
    with pytest.raises(Forbidden):
        names(stored, person_keys, CLI, "p1")


@pytest.mark.safeguard
def test_s08_a_name_is_lifted_for_as_long_as_one_accompanies(
    stored: Session, person_keys: PersonKeys
) -> None:
    """A stand-in during the absence, whom the lead assigned until it is closed; no reader."""
    lea, karim = educator(stored), educator(stored, "karim")
    directory(stored, stay("p1"), stay("p3", None))
    reader = educator(stored, "reader")
    situation = situation_in_state(stored, State.SECOND_LOOK, lea, reader=reader)
    assert names(stored, person_keys, reader) == {}
    assert names(stored, person_keys, karim) == {}
    absence(stored, "lea", "karim")
    assert names(stored, person_keys, karim) == {"p1": "Amina Canary"}
    later = {"now": NOW, "today": TODAY + timedelta(days=11)}
    assert display_names(stored, person_keys, karim, EVERYBODY, **later) == {}
    assigned = situation_in_state(
        stored, State.DECIDED, reader, referent=None, person="p3", id="assigned"
    )
    assert names(stored, person_keys, reader) == {"p3": "Noé Canary"}
    stored.get_one(schema.Situation, assigned).state = State.HANDLED_ELSEWHERE
    assert names(stored, person_keys, reader) == {}
    assert situation != assigned


@pytest.mark.safeguard
def test_s07_s08_no_key_tells_itself(stored: Session, person_keys: PersonKeys) -> None:
    """A line in a log that names an object in passing says nothing of what it holds."""
    key, home = person_keys.one("p1"), person_keys.keys
    held = (key.key, home.master, home.standing, home.signing.private_bytes_raw())
    said = f"{key} {home} {person_keys} {person_keys.of(['p1'])}"
    assert key.key_id in said
    assert not [one for one in held if one and (repr(one)[2:-1] in said or one.hex() in said)]


@pytest.mark.safeguard
def test_s08_columns_hold_noise(stored: Session) -> None:
    rows = stored.execute(text("SELECT * FROM identities")).all()
    assert len(rows) == 3
    assert "canary" not in repr([tuple(row) for row in rows]).lower()
    assert len({row.sealed for row in rows}) == 3


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE identities SET sealed = (SELECT sealed FROM identities WHERE person = 'p3')",
        "UPDATE identities SET sealed = zeroblob(60)",
        "UPDATE identities SET sealed = zeroblob(3)",
    ],
)
def test_s08_swapped_and_changed_rows_do_not_open(
    stored: Session, person_keys: PersonKeys, attack: str
) -> None:
    lea = educator(stored)
    stored.expire_all()
    stored.execute(text(attack))
    assert names(stored, person_keys, lea, "p1") == {}
    assert [entry.act for entry in entries(stored, 1)] == ["seal_broken"]


@pytest.mark.safeguard
def test_s08_a_key_that_was_destroyed_opens_nothing_from_that_moment(
    stored: Session, person_keys: PersonKeys
) -> None:
    """By the register, by another process, in the file itself: what was read before is not kept."""
    lea = educator(stored)
    directory(stored, stay("p1"), stay("p3"))
    before = person_keys.path.read_bytes()
    assert set(names(stored, person_keys, lea)) == {"p1", "p3"}
    person_keys.write("p1", "standing", Standing.ERASED, at=NOW)
    assert set(names(stored, person_keys, lea)) == {"p3"}
    with closing(sqlite3.connect(person_keys.path)) as other, other:
        other.execute("DELETE FROM data_keys")
    assert names(stored, person_keys, lea) == {}
    older = person_keys.path.with_suffix(".older")
    older.write_bytes(before)
    older.replace(person_keys.path)
    assert set(names(stored, person_keys, lea)) == {"p1", "p3"}
    person_keys.path.unlink()
    assert names(stored, person_keys, lea) == {}


@pytest.mark.safeguard
def test_s07_another_homes_keys_open_nothing(stored: Session, person_keys: PersonKeys) -> None:
    strangers = replace(person_keys, keys=strangers_keys())
    assert names(stored, strangers, educator(stored)) == {}
