from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from features.keys import Keyring, create_keys
from revue.database import create_database, open_database
from revue.standings import PersonKeys
from tests.revue.builders import TODAY


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return create_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def person_keys(tmp_path: Path, keys: Keyring) -> PersonKeys:
    return PersonKeys(tmp_path / "persons.db", keys)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "review.db"
    create_database(path)
    return path


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(empty_database, tmp_path / "review.db"))


@pytest.fixture
def sessions(database: Path, keys: Keyring) -> Iterator[sessionmaker[Session]]:
    made = open_database(database, keys.sign, lambda: TODAY)
    yield made
    made.kw["bind"].dispose()


@pytest.fixture
def session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    with sessions.begin() as opened:
        yield opened


@pytest.fixture(scope="module")
def lasting(
    empty_database: Path, tmp_path_factory: pytest.TempPathFactory, keys: Keyring
) -> Iterator[sessionmaker[Session]]:
    """One database for the many examples of a law; each is rolled back."""
    path = Path(shutil.copy(empty_database, tmp_path_factory.mktemp("lasting")))
    made = open_database(path, keys.sign, lambda: TODAY)
    yield made
    made.kw["bind"].dispose()


Refused = Callable[[str], None]


@pytest.fixture
def refused(session: Session) -> Refused:
    """Attack with raw SQL and expect the database itself to refuse."""

    def attack(sql: str) -> None:
        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(text(sql))

    return attack
