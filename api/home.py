"""A home: everything one deployment keeps, and how each part is opened.

The one place that knows the names of files. Commands and pages receive a :class:`Home` and
ask it for what they need; nothing below ``api`` knows there is such a thing as a home.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from api.settings import Settings, read_settings, write_settings
from features.errors import RebondError
from features.keys import Keyring, create_keys, read_keys
from features.sensitive import SensitiveStore
from features.staging import recover
from features.store import EventStore
from revue import schema
from revue.database import create_database, open_database, open_readers, upgrade_database
from revue.journal import record
from revue.records import Actor

Clock = Callable[[], datetime]

IMPORT = "import"
UPGRADE = "upgrade"
"""The act under which the journal holds imports."""


def system_clock() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


class NoHome(RebondError):
    """There is no home where the command looked."""


class HomeExists(RebondError):
    """A home is made once; it is never made over an older one."""


@dataclass(frozen=True)
class Home:
    """One deployment: its folder, keys folder and clock."""

    folder: Path
    keys_folder: Path
    clock: Clock = system_clock

    @property
    def database(self) -> Path:
        """The review database (SQLite)."""
        return self.folder / "review.db"

    @property
    def mlflow_uri(self) -> str:
        """The MLflow tracking and registry store (SQLite)."""
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def mlflow_artifacts(self) -> Path:
        """Where MLflow keeps artifacts: model tables and measures, never a row."""
        return self.folder / "mlflow"

    @property
    def quarantine(self) -> Path:
        """What imports set aside, one CSV an import."""
        return self.folder / "quarantine"

    @property
    def quality(self) -> Path:
        """The quality report of each import, one JSON file and one page."""
        return self.folder / "quality"

    def model_folder(self, version: str) -> Path:
        """Return the folder of one version's signed table."""
        return self.folder / "models" / version

    def report_folder(self, version: str) -> Path:
        """Return the folder of one version's audit."""
        return self.folder / "reports" / version

    @cached_property
    def settings(self) -> Settings:
        """The settings file, read once."""
        return read_settings(self.folder / "settings.toml")

    @cached_property
    def keys(self) -> Keyring:
        """The keyring, read once."""
        return read_keys(self.keys_folder)

    @cached_property
    def store(self) -> EventStore:
        """The event store."""
        return EventStore(self.folder / "events")

    @cached_property
    def sensitive(self) -> SensitiveStore:
        """The sensitive attributes; only the audit opens it."""
        return SensitiveStore(self.folder / "sensitive" / "attributes.sealed", self.keys)

    @cached_property
    def sessions(self) -> sessionmaker[Session]:
        """Sessions on the review database."""
        return open_database(self.database, self.keys.sign)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One act, one transaction: committed whole or not at all."""
        with self.sessions.begin() as session:
            yield session

    @cached_property
    def readers(self) -> sessionmaker[Session]:
        """Sessions that only read."""
        return open_readers(self.sessions)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read what need not be logged, while others write: the last commit is what holds."""
        with self.readers.begin() as session:
            yield session

    def was_imported(self, sealed: str) -> bool:
        """Say whether an import was committed, by the SHA-256 of what it sealed."""
        with self.transaction() as session:
            query = select(schema.Entry.position)
            found = query.where(schema.Entry.act == IMPORT).where(
                schema.Entry.subject.endswith(sealed)
            )
            return session.scalars(found).first() is not None

    def now(self) -> datetime:
        """Return the time on this home's clock, in UTC."""
        return self.clock()

    def today(self) -> date:
        """Return the day of this home: the clock in production, else the newest extract's."""
        if not self.settings.production:
            extracted_on = self.store.extracted_on
            if extracted_on is not None:
                return extracted_on
        return self.now().date()


def create_home(
    folder: Path, keys_folder: Path, settings: Settings, clock: Clock = system_clock
) -> Home:
    """Make a new home, whole or not at all.

    Raises
    ------
    HomeExists
        The folder already holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise HomeExists(
            f"{folder} already holds something; choose another --home, or use the one there."
        )
    created = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        create_keys(keys_folder)
        create_database(folder / "review.db")
        write_settings(settings, folder / "settings.toml")
    except Exception:
        # A half-made home would look like a home: leave the place as it was found.
        for part in ("review.db", "settings.toml", "keys"):
            _remove(folder / part)
        if created:
            folder.rmdir()
        raise
    return Home(folder, keys_folder, clock)


def open_home(folder: Path, keys_folder: Path, clock: Clock = system_clock) -> Home:
    """Open an existing home; an import that was killed is finished, or cleared away.

    Raises
    ------
    NoHome
        Nothing was made there.
    """
    if not (folder / "settings.toml").is_file():
        raise NoHome(f"there is no home at {folder}: run `rebond --home {folder} init` first.")
    home = Home(folder, keys_folder, clock)
    recover(folder, home.was_imported)
    return home


def upgrade_home(
    folder: Path, keys_folder: Path, *, by: Actor, clock: Clock = system_clock
) -> bool:
    """Bring the review database of an older home to this version's schema.

    Returns
    -------
    bool
        Whether anything had to be done; the journal then says who did it.

    Raises
    ------
    NoHome, revue.database.DatabaseMissing, revue.database.NotMigrated
        Nothing was made there, or not by an older version.
    """
    if not (folder / "settings.toml").is_file():
        raise NoHome(f"there is no home at {folder}: run `rebond --home {folder} init` first.")
    before = upgrade_database(folder / "review.db")
    if before is not None:
        home = Home(folder, keys_folder, clock)
        with home.transaction() as session:
            record(session, actor=by, act=UPGRADE, subject=before, now=home.now())
    return before is not None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
