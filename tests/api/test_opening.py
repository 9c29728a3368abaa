"""A home that an older version made opens as one of this version, names and all."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.home import Home, create_home
from api.opening import open_home, upgrade_home
from api.settings import Settings
from api.standings import find_person
from revue.vault import Identity, carry_identities, identity_of
from tests.revue.test_database import older_database

from .person_home import CLI

HER, NAME, CONTACTS = "DOSSIER-7", "Amina Canari", {"phone": "+33 6 98 76 54 32", "n": 3}


@pytest.fixture
def older(tmp_path: Path) -> tuple[Home, str, bytes]:
    """A home of schema 0004 that holds one identity as it was sealed then; and its wrapped key."""
    home = create_home(tmp_path / "home", tmp_path / "keys", Settings())
    home.close()
    for file in home.folder.glob("review.db*"):
        file.unlink()
    (home.keys_folder / "standing.key").unlink()
    person, key, nonce = home.keys.pseudonym(HER), os.urandom(32), os.urandom(12)
    plain = {"person_id": HER, "display_name": NAME, "contacts": json.dumps(CONTACTS)}
    sealed = nonce + AESGCM(key).encrypt(nonce, json.dumps(plain).encode(), person.encode())
    wrapped = home.keys.seal("vault", key)
    row = f"VALUES ('{person}', x'{wrapped.hex()}', x'{sealed.hex()}', :at)"
    older_database(home.database, "0004", f"INSERT INTO identities {row}")
    return Home(home.folder, home.keys_folder), person, wrapped


@pytest.mark.parametrize("killed", [False, True])
def test_identities_are_carried_over_with_their_keys(
    older: tuple[Home, str, bytes], killed: bool
) -> None:
    home, person, wrapped = older
    if killed:  # after the rows were sealed anew, before the migration
        carry_identities(home.database, home.person_keys)
    assert upgrade_home(home.folder, home.keys_folder, by=CLI)
    assert not upgrade_home(home.folder, home.keys_folder, by=CLI)
    opened = open_home(home.folder, home.keys_folder)
    with opened.transaction() as session:
        contacts = {"phone": CONTACTS["phone"], "n": "3"}
        assert identity_of(session, opened.person_keys, person) == Identity(
            person, HER, None, NAME, contacts
        )
        assert find_person(opened, session, person).person_id == HER
    with closing(sqlite3.connect(opened.keys_folder / "persons.db")) as keys:
        assert keys.execute("SELECT person, wrapped FROM data_keys").fetchall() == [
            (person, wrapped)
        ]


@pytest.mark.safeguard
def test_s16_no_data_key_stays_behind_in_the_database(older: tuple[Home, str, bytes]) -> None:
    home, _, wrapped = older
    assert wrapped in home.database.read_bytes()
    upgrade_home(home.folder, home.keys_folder, by=CLI)
    for file in home.folder.glob("review.db*"):
        assert wrapped not in file.read_bytes()
