"""A home: everything one deployment keeps, and how each part is opened.

The one place that knows the names of files. Commands and pages receive a :class:`Home` and
ask it for what they need; nothing below ``api`` knows there is such a thing as a home.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from api.settings import Settings, read_settings, write_settings
from features.errors import RebondError
from features.keys import (
    EPOCH,
    MASTER,
    Keyring,
    SealBroken,
    create_keys,
    is_marked_production,
    mark_production,
    read_keys,
)
from features.sensitive import PURPOSE, Kept, SensitiveStore
from features.staging import Staging
from features.store import EventStore
from revue import journal, schema
from revue.checkpoints import Checkpoints, LogKey
from revue.database import (
    PATIENCE,
    create_database,
    open_database,
    open_readers,
    read_mark,
)
from revue.standings import FILE as PERSONS_FILE
from revue.standings import PersonKeys

Clock = Callable[[], datetime]

_LOGGER = logging.getLogger(__name__)

IMPORT = "import"
"""The act under which the journal holds imports."""
ROTATE = "rotate_keys"

EPOCH_MARK, FORMER_MODELS = "epoch", "former_models"
"""Marks: the epoch of the keys that named everybody; the last model trained under former keys."""


def system_clock() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


TOLD = "told.sealed"
"""Beside a report: the counts behind it and behind those before, exact and sealed (S21)."""

LOG_KEY = "journal.vkey"
"""The file of a home that holds the journal's public key."""


class NoHome(RebondError):
    """There is no home where the command looked."""


class OtherEpoch(RebondError):
    """The keys in use are of another epoch than the home."""


class ProductionUndone(RebondError):
    """The settings of a production home say that it is none."""


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

    def restricted(self, key_id: str) -> Path:
        """Return what is sealed aside of a person whose processing is restricted."""
        return self.folder / "restricted" / f"{key_id}.sealed"

    @property
    def quality(self) -> Path:
        """The quality report of each import, one JSON file and one page."""
        return self.folder / "quality"

    def model_folder(self, version: str) -> Path:
        """Return the folder of one version's signed table."""
        return self.folder / "models" / version

    def newest_version(self) -> int:
        """Return the number of the newest model trained here; 0 before the first."""
        versions = [f.name for f in self.folder.glob("models/*") if f.name.isdecimal()]
        return max(map(int, versions), default=0)

    def report_folder(self, version: str) -> Path:
        """Return the folder of one version's audit."""
        return self.folder / "reports" / version

    def read_told(self, version: str) -> bytes | None:
        """Open what audits of one version told so far; None before the first, or of other keys.

        Under the keys of another epoch no model is audited again, and models are trained anew.
        """
        sealed = self.report_folder(version) / TOLD
        if not sealed.is_file():
            return None
        try:
            return self.keys.unseal(PURPOSE, sealed.read_bytes())
        except SealBroken:
            return None

    def write_told(self, version: str, plain: bytes) -> None:
        """Seal what audits of one version told so far."""
        sealed = self.report_folder(version) / TOLD
        sealed.parent.mkdir(parents=True, exist_ok=True)
        fresh = sealed.with_suffix(".new")
        fresh.write_bytes(self.keys.seal(PURPOSE, plain))
        fresh.replace(sealed)

    @cached_property
    def settings(self) -> Settings:
        """The settings file, read once.

        Raises
        ------
        api.settings.InvalidSettings
            It says something that settings cannot say.
        ProductionUndone
            It opens every gate that production closes, and the keys say otherwise.
        """
        settings = read_settings(self.folder / "settings.toml")
        if not settings.production and is_marked_production(self.keys_folder):
            raise ProductionUndone(
                "settings.toml says production = false, and the keys are a production home's: "
                "set it to true again; what is not production is a home of its own."
            )
        return settings

    @property
    def keys(self) -> Keyring:
        """The keyring, as it is now: a home that is served goes on after a rotation.

        Raises
        ------
        features.keys.KeysUnreadable, features.keys.NotOwnKeys
            In production never a demonstration's.
        """
        files = (self.keys_folder, self.keys_folder / MASTER, self.keys_folder / EPOCH)
        # Before a home is put back from a backup it has keys and no settings yet.
        own = (self.folder / "settings.toml").is_file() and self.settings.production
        return _keyring(self.keys_folder, own, *map(_written, files))

    @property
    def person_keys(self) -> PersonKeys:
        """Each person's own data key, and the register of who may not be processed."""
        return PersonKeys(self.keys_folder / PERSONS_FILE, self.keys)

    @property
    def store(self) -> EventStore:
        """The event store as it is read today: without those whose time is over (S18).

        Outside production a home holds invented or public histories, which are studied whole,
        however old; there only `rebond purge` takes out whose time is over.
        """
        stored = EventStore(self.folder / "events")
        if not self.settings.production:
            return stored
        return replace(stored, kept_from=self.kept_from(self.today()))

    def kept_from(self, today: date) -> date:
        """Return the day since when a last contact keeps somebody's histories readable."""
        return today - timedelta(days=self.settings.active_days)

    @property
    def sensitive(self) -> SensitiveStore:
        """The sensitive attributes; only the audit opens it."""
        kept = Kept(self.settings.attributes_days, self.settings.attributes_unused_days)
        return SensitiveStore(self.folder / "sensitive" / "attributes.sealed", self.keys, kept)

    @cached_property
    def log_key(self) -> LogKey:
        """The public key that the journal is checked with."""
        return LogKey(self.keys.signing.public_key())

    @cached_property
    def checkpoints(self) -> Checkpoints:
        """The journal's checkpoints outside the database."""
        return Checkpoints(self.folder / self.settings.journal.checkpoints, self.log_key)

    @cached_property
    def sessions(self) -> sessionmaker[Session]:
        """Sessions on the review database."""
        return open_database(
            self.database,
            self.keys.sign,
            self.today,
            lambda: self.now().date(),
            members_sign=self.settings.production,
        )

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One act, one transaction: committed whole or not at all.

        Now and then a checkpoint is taken of the journal afterwards. The act is done by then:
        that no checkpoint could be written stops nobody (S33), is logged, and
        ``rebond journal verify`` says so.
        """
        checkpoints = self.checkpoints  # settings or keys that cannot be read stop the act itself
        with self.sessions.begin() as session:
            yield session
        if checkpoints.is_due(self.now()):
            try:
                self._take_checkpoint()
            except (OSError, RebondError, SQLAlchemyError, sqlite3.Error) as error:
                _LOGGER.warning("no checkpoint of the journal could be written: %s", error)

    def _take_checkpoint(self) -> None:
        with self.reading() as session:
            held = journal.months(session)
            text = journal.checkpoint(session, self.log_key) if held else ""
        if held:
            self.checkpoints.add(text, held[0], self.now())
            spoken_of = self.checkpoints.months()
            gone = [m for m in spoken_of if m < held[-1] and journal.is_expired(m, held[0])]
            self.checkpoints.forget(gone)

    @cached_property
    def readers(self) -> sessionmaker[Session]:
        """Sessions that only read."""
        return open_readers(self.sessions)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read what need not be logged, while others write: the last commit is what holds."""
        with self.readers.begin() as session:
            yield session

    def check_epoch(self, session: Session, epoch: int | None = None) -> None:
        """Refuse to write pseudonyms of other keys than those that named everybody here.

        Parameters
        ----------
        session
            In the transaction that will write them.
        epoch
            Of the keys they were made with; None: the keys in use.

        Raises
        ------
        OtherEpoch
            The keys are being rotated, or were since.
        """
        mark = session.get(schema.Mark, EPOCH_MARK)
        _check_same_epoch(
            self.keys.epoch if epoch is None else epoch, None if mark is None else mark.value
        )

    def check_unmoved(self) -> None:
        """Refuse a home that other keys named, before anything of it is read.

        Raises
        ------
        OtherEpoch
            The keys in use are of another epoch.
        """
        _check_same_epoch(self.keys.epoch, read_mark(self.database, EPOCH_MARK))

    def was_committed(self, sealed: str) -> bool:
        """Say whether an act on files was committed, by the SHA-256 of the plan it sealed.

        A restore brings its own database, and commits in that one while it still waits.
        """
        waiting = Staging(self.folder).files / self.database.name
        return any(_holds(path, sealed) for path in (self.database, waiting) if path.is_file())

    def close(self) -> None:
        """Close the review database; who asks for it again opens it anew."""
        for name in ("sessions", "readers"):
            opened = self.__dict__.pop(name, None)
            if opened is not None:
                opened.kw["bind"].dispose()

    def now(self) -> datetime:
        """Return the time on this home's clock, in UTC."""
        return self.clock()

    def today(self) -> date:
        """Return the day of this home: the clock in production, else the newest extract's."""
        if not self.settings.production:
            extracted_on = EventStore(self.folder / "events").extracted_on
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
        keys = create_keys(keys_folder, demonstration=settings.demonstration)
        if settings.production:
            mark_production(keys_folder)
        create_database(folder / "review.db")
        write_settings(settings, folder / "settings.toml")
        publish_log_key(folder, keys)
    except Exception:
        # A half-made home would look like a home: leave the place as it was found.
        for part in ("review.db", "settings.toml", LOG_KEY, "keys"):
            _remove(folder / part)
        if created:
            folder.rmdir()
        raise
    return Home(folder, keys_folder, clock)


def _holds(database: Path, sealed: str) -> bool:
    """Say whether the journal of a database holds an act that sealed a plan of files."""
    with closing(sqlite3.connect(database, PATIENCE)) as connection:
        query = "SELECT 1 FROM journal_entries WHERE subject LIKE '%' || ?"
        return connection.execute(query, (sealed,)).fetchone() is not None


def _check_same_epoch(keys: int, home: int | None) -> None:
    named_in = home or 1
    if keys != named_in:
        raise OtherEpoch(
            f"the keys in use are of epoch {keys}, everybody here was named in epoch {named_in}: "
            + (
                "point REBOND_KEYS at the present keys; lent ones, lend anew."
                if keys < named_in
                else "this is a copy of the home from before its keys were rotated."
            )
        )


def _written(path: Path) -> tuple[int, int] | None:
    """Say which file or folder this is and when it was written; None without one."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


@lru_cache(maxsize=16)
def _keyring(folder: Path, own: bool, *_written: tuple[int, int] | None) -> Keyring:
    keys = read_keys(folder)
    if own:
        keys.check_own()
    return keys


def publish_log_key(folder: Path, keys: Keyring) -> None:
    """Write down the key that anybody checks a copy of the journal with."""
    text = LogKey(keys.signing.public_key()).text
    (folder / LOG_KEY).write_text(f"{text}\n", encoding="ascii")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
