from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from features.keys import Keyring, SealBroken
from revue.journal import entries
from revue.permissions import Forbidden, NotYours
from revue.records import Role
from revue.vault import display_name, store_identities
from tests.revue.builders import CLI, NOW, directory, educator, stay, strangers_keys, user

ROWS = [
    ("p1", "id-canary", "Amina Canary", '{"phone": "contact-canary"}'),
    ("p2", "id-canary-2", None, "{}"),
    ("p3", "id-canary-3", "Noé Canary", "{}"),
]


@pytest.fixture
def stored(session: Session, keys: Keyring) -> Session:
    store_identities(session, keys, ROWS, by=CLI, now=NOW)
    directory(session, stay("p1"), stay("p2"), stay("p3", "karim"), stay("p4"))
    return session


def test_the_referent_reads_a_name(stored: Session, keys: Keyring) -> None:
    lea = educator(stored)
    assert display_name(stored, keys, lea, "p1", now=NOW) == "Amina Canary"
    (entry,) = entries(stored, 1)
    assert (entry.actor, entry.act) == ("lea", "lift_identity")
    assert display_name(stored, keys, lea, "p2", now=NOW) is None
    assert display_name(stored, keys, lea, "p4", now=NOW) is None
    store_identities(stored, keys, [("p1", "id", "Amina B.", "{}")], by=CLI, now=NOW)
    assert display_name(stored, keys, lea, "p1", now=NOW) == "Amina B."


@pytest.mark.safeguard
def test_s08_nobody_else_does(stored: Session, keys: Keyring) -> None:
    lea = educator(stored)
    for person in ("p3", "nobody"):
        with pytest.raises(NotYours):
            display_name(stored, keys, lea, person, now=NOW)
    for role in set(Role) - {Role.EDUCATOR}:
        with pytest.raises(Forbidden):
            display_name(stored, keys, user(stored, role.value, role, "nord"), "p1", now=NOW)
    with pytest.raises(Forbidden):
        display_name(stored, keys, CLI, "p1", now=NOW)


@pytest.mark.safeguard
def test_s08_columns_hold_noise(stored: Session) -> None:
    rows = stored.execute(text("SELECT * FROM identities")).all()
    assert len(rows) == 3
    assert "canary" not in repr(rows).lower()
    assert len({row.wrapped_key for row in rows}) == 3


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE identities SET sealed = (SELECT sealed FROM identities WHERE person = 'p3'), "
        "wrapped_key = (SELECT wrapped_key FROM identities WHERE person = 'p3')",
        "UPDATE identities SET sealed = zeroblob(60)",
        "UPDATE identities SET wrapped_key = zeroblob(60)",
    ],
)
def test_s08_swapped_and_changed_rows_do_not_open(
    stored: Session, keys: Keyring, attack: str
) -> None:
    lea = educator(stored)
    stored.expire_all()
    stored.execute(text(attack))
    with pytest.raises(SealBroken):
        display_name(stored, keys, lea, "p1", now=NOW)


@pytest.mark.safeguard
def test_s07_another_homes_keys_open_nothing(stored: Session) -> None:
    with pytest.raises(SealBroken):
        display_name(stored, strangers_keys(), educator(stored), "p1", now=NOW)
