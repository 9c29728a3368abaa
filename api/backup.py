"""A backup that forgets whoever is erased after it, and how a home is put back from one.

One file: the settings, models and reports of a home, its review database without a row about
anybody accompanied, and for each person one entry, everything about them sealed with their own
data key and named by that key's random id. The keys are in no backup. Destroying a person's
key therefore erases them from every backup there is, wherever it lies.

A restore is one act of the staging that imports use: everything waits beside its place, the
register of standings is applied to it there, what the home being replaced held back is held back
in it as well, and all of it takes its place together or not at all, whenever it is killed.
"""

# ruff: noqa: S608 - names of tables come from the schema

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import sqlite3
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import IO

from sqlalchemy import create_engine, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from api.bundles import (
    EVERYTHING,
    Bundle,
    collect_all,
    everybody,
    exchange,
    seal,
    under_pseudonym,
    unseal,
)
from api.home import EPOCH_MARK, FORMER_MODELS, Clock, Home, HomeExists, system_clock
from api.opening import open_home
from api.standings import apply_standings
from features.errors import RebondError
from features.keys import ForgedSignature, read_keys
from features.staging import FOLDER, Staging, staging
from features.store import StoreDamaged
from revue import accounts, committee, schema
from revue.database import DatabaseMissing, read_mark, set_mark
from revue.journal import record
from revue.records import Actor, canonical

_SETTINGS, _REVIEW, _MLFLOW, _CONTENTS = "settings.toml", "review.db", "mlflow.db", "backup.json"
_PERSONS, _STORE = "persons", "events"
_FOLDERS = ("models", "reports", "mlflow", "quality", "quarantine", "restricted", "checkpoints")
_PLACES = frozenset({_SETTINGS, _REVIEW, _MLFLOW, _STORE, "sensitive", *_FOLDERS})
"""What a home consists of, by the first part of its place; anything else there is not ours."""
_FORMAT = "rebond-backup/1"
_BLOCK = 1 << 20


class FileTaken(RebondError):
    """A backup never takes the place of another file."""


class DamagedBackup(RebondError):
    """The file is not what was written: an entry is missing, was changed, or cannot be read."""


class ForeignBackup(RebondError):
    """The backup was made under other keys than those at hand."""


class HomeUnreadable(RebondError):
    """What the home to be replaced held back cannot be read."""


@dataclass(frozen=True)
class BackupSummary:
    """Where a backup is, and of how many persons."""

    file: Path
    persons: int


@dataclass(frozen=True)
class RestoreSummary:
    """How many persons were put back, and how many could not be, their keys being destroyed.

    ``before`` is a backup of what the home held until then; None: there was no home. ``stopped``
    are the versions of models, ``accounts`` the logins, that are held back though they were not
    on the day of the backup.
    """

    persons: int
    left_out: int
    before: Path | None
    stopped: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


# --- making one ---------------------------------------------------------------------------


@dataclass
class _Packer:
    """Writes entries one after another, and remembers what each was."""

    tar: tarfile.TarFile
    entries: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, content: bytes) -> None:
        self._add(name, io.BytesIO(content), len(content))
        self.entries[name] = hashlib.sha256(content).hexdigest()

    def add_file(self, name: str, path: Path) -> None:
        with path.open("rb") as file:
            self.entries[name] = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            file.seek(0)
            self._add(name, file, size)

    def _add(self, name: str, content: IO[bytes], size: int) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        self.tar.addfile(entry, content)


def back_up(home: Home, file: Path, *, by: Actor) -> BackupSummary:
    """Write everything a home holds into one new file, readable by its owner only.

    Raises
    ------
    FileTaken
        Something is there already.
    features.staging.ImportRunning
        Another act is changing the home's files.
    """
    _check_free(file)
    with staging(home.folder, home.was_committed) as stage:
        return _back_up(home, stage, file, by=by)


def _back_up(home: Home, stage: Staging, file: Path, *, by: Actor) -> BackupSummary:
    scratch = stage.scratch / "packing"
    scratch.mkdir()
    waiting = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        persons = _pack(home, scratch, waiting)
        with home.transaction() as session:
            details = {"persons": persons, "name": file.name}
            record(session, actor=by, act="backup", subject="home", details=details, now=home.now())
            _check_free(file)
            waiting.rename(file)
    finally:
        waiting.unlink(missing_ok=True)
    return BackupSummary(file, persons)


def _check_free(file: Path) -> None:
    if file.exists():
        raise FileTaken(f"{file.name} is there already: give another name, or move it away.")


def _pack(home: Home, scratch: Path, file: Path) -> int:
    snapshot = _snapshot(home.database, scratch / _REVIEW)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w|") as tar:
        packer = _Packer(tar)
        packer.add_file(_SETTINGS, home.folder / _SETTINGS)
        for name, path in _files(home):
            packer.add_file(name, path)
        if (home.folder / _MLFLOW).is_file():
            packer.add_file(_MLFLOW, _snapshot(home.folder / _MLFLOW, scratch / _MLFLOW))
        _pack_store(home, packer)
        persons = _pack_persons(home, snapshot, packer)
        _without_persons(snapshot)
        packer.add_file(_REVIEW, snapshot)
        contents = {"format": _FORMAT, "at": home.now().isoformat(), "entries": packer.entries}
        signature = home.keys.sign(_signed(contents))
        packer.add(_CONTENTS, json.dumps({**contents, "signature": signature}).encode())
    with file.open("rb") as written:
        os.fsync(written.fileno())
    return persons


def _snapshot(database: Path, to: Path) -> Path:
    """Copy a database as its last commit left it, into one file."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
    return to


def _files(home: Home) -> Iterator[tuple[str, Path]]:
    """Yield the files of the folders that go along; never one of the key folder."""
    keys = home.keys_folder.resolve()
    for folder in _FOLDERS:
        for path in sorted((home.folder / folder).rglob("*")):
            if path.is_file() and not path.is_symlink() and keys not in path.resolve().parents:
                yield str(path.relative_to(home.folder)), path


def _pack_store(home: Home, packer: _Packer) -> None:
    """Add the store without its rows: the protocol, and the day of the newest extract."""
    held = home.store.manifest
    if held.protocol is not None:
        text = home.store.folder / held.protocol.file
        packer.add_file(f"{_STORE}/{held.protocol.file}", text)
        empty = replace(held, events=(), stays=())
        packer.add(home.store.manifest_place, json.dumps(asdict(empty)).encode())


def _pack_persons(home: Home, snapshot: Path, packer: _Packer) -> int:
    engine = create_engine(f"sqlite:///{snapshot}")
    try:
        with Session(engine) as session:
            people = everybody(home, session)
            home.person_keys.ensure(people)
            keys = home.person_keys.all()
            for bundle in collect_all(home, session, people):
                key = keys[bundle.person]
                packer.add(f"{_PERSONS}/{key.key_id}", seal(bundle, key))
    finally:
        engine.dispose()
    return len(people)


def _without_persons(snapshot: Path) -> None:
    """Delete every row about somebody accompanied, and every session: signed out stays so."""
    with closing(sqlite3.connect(snapshot, isolation_level=None)) as database:
        database.execute("PRAGMA secure_delete = ON")
        for table in (*sorted(EVERYTHING), "open_sessions"):
            database.execute(f"DELETE FROM {table}")
        database.execute("VACUUM")


def _signed(contents: Mapping[str, object]) -> bytes:
    return f"rebond/backup\n{canonical(dict(contents))}".encode()


# --- putting one back -----------------------------------------------------------------------


def restore(
    folder: Path, keys_folder: Path, file: Path, *, by: Actor, clock: Clock = system_clock
) -> RestoreSummary:
    """Put a home back as a backup holds it, whole or not at all.

    Who was erased since is not put back, their key being gone; what else people asked for since
    is applied before anybody reads the home. What the home being replaced held back stays so:
    models that the committee stopped, votes that were void, accounts and passwords; the journal
    of the restored home says which. Where no home is replaced nobody can tell what was stopped
    since, so every model starts stopped. Stop the service first.

    Parameters
    ----------
    folder
        Nothing may be there, an empty folder, or a home: that is backed up beside itself first.
    keys_folder
        The keys the backup was made under; they are never part of one.
    file
        What :func:`back_up` wrote.
    by
        Who restores.
    clock
        The home's.

    Raises
    ------
    features.keys.KeysUnreadable
        There are no keys at hand.
    DamagedBackup, ForeignBackup
        The file cannot be put back; the home is as before.
    api.home.HomeExists
        Something else than a home stands there.
    HomeUnreadable
        A home stands there, and what it held back cannot be read.
    """
    read_keys(keys_folder)
    _check_place(folder, keys_folder)
    is_home = (folder / _SETTINGS).is_file()
    # Opened as ever first: what was interrupted there is finished or cleared away.
    with _read(folder):
        opening = open_home if is_home else Home
        home = opening(folder, keys_folder, clock)
    folder.mkdir(parents=True, exist_ok=True)
    with staging(folder, home.was_committed) as stage:
        sealed_persons = _unpack(home, file, stage)
        made = Home(stage.files, keys_folder, clock)
        left_out = _put_persons_back(made, sealed_persons)
        apply_standings(made)
        with _read(folder):
            before = _back_up(home, stage, _beside(home), by=by).file if is_home else None
            stopped, changed = _carry_over(home if is_home else None, made, by=by)
        made.close()
        with closing(sqlite3.connect(made.database)) as database:
            # One file from here on: what is committed in it moves with it.
            database.execute("PRAGMA journal_mode = DELETE")
        home.close()
        plan = stage.seal(last=_SETTINGS, gone=_gone(home, stage))
        engine = create_engine(f"sqlite:///{made.database}")
        with sessionmaker(engine, info={"sign": home.keys.sign}).begin() as session:
            # What was sealed takes its place if, and only if, this entry is committed.
            record(session, actor=by, act="restore", subject=f"home {plan}", now=home.now())
        engine.dispose()
    persons = len(sealed_persons) - left_out
    return RestoreSummary(persons, left_out, before, stopped, changed)


@contextmanager
def _read(folder: Path) -> Iterator[None]:
    """Say what to do where the home that is there cannot be read."""
    try:
        yield
    except (DatabaseMissing, StoreDamaged, sqlite3.Error, SQLAlchemyError) as error:
        raise HomeUnreadable(
            f"what stands at {folder} cannot be read, so nobody can tell what was stopped there "
            f"({error}): move all of it but the keys away and restore again; every model then "
            "starts stopped."
        ) from error


def _carry_over(
    replaced: Home | None, made: Home, *, by: Actor
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hold back in the restored home what the replaced one held back: models and accounts."""
    now = made.now()
    with made.transaction() as session:
        if replaced is None:
            return committee.carry_over(session, None, by=by, now=now), ()
        with replaced.reading() as there:
            stopped = committee.carry_over(session, there, by=by, now=now)
            return stopped, accounts.carry_accounts(session, there, by=by, now=now)


def _check_place(folder: Path, keys_folder: Path) -> None:
    place, keys = folder.resolve(), keys_folder.resolve()
    if not place.is_dir() or (place / _SETTINGS).is_file():
        return
    if any(p.name != FOLDER and p != keys and p not in keys.parents for p in place.iterdir()):
        raise HomeExists(f"{folder} holds something else than a home: choose another --home.")


def _beside(home: Home) -> Path:
    """Return a free name beside a home, for what it holds now."""
    place = home.folder.resolve()
    name = f"{place.name}-before-restore-{home.now():%Y%m%dT%H%M%S}"
    numbers = chain([""], map("-{}".format, count(2)))
    free = (place.with_name(f"{name}{number}.rebond") for number in numbers)
    return next(path for path in free if not path.exists())


def _unpack(home: Home, file: Path, stage: Staging) -> list[Path]:
    """Write every entry to where it waits; return the sealed persons, each named by its key.

    Raises
    ------
    DamagedBackup, ForeignBackup
    """
    found: dict[str, str] = {}
    contents: dict[str, object] | None = None
    persons = []
    name = "its beginning"
    try:
        with tarfile.open(file, mode="r|") as tar:
            for entry in tar:
                name, content = entry.name, tar.extractfile(entry)
                if content is None or contents is not None:
                    raise DamagedBackup(f"{file.name} holds {name!r}, which no backup has there.")
                if name == _CONTENTS:
                    contents = json.load(content)
                    continue
                place = _place(name, file, stage)
                found[name] = _write(place, content)
                if place.parent.name == _PERSONS:
                    persons.append(place)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DamagedBackup(
            f"{file.name} cannot be read beyond {name!r} ({error}): take another copy of it."
        ) from error
    _check_contents(home, file, contents, found)
    return persons


def _place(name: str, file: Path, stage: Staging) -> Path:
    parts = PurePosixPath(name).parts
    if ".." in parts or not parts or parts[0] not in {*_PLACES, _PERSONS}:
        raise DamagedBackup(f"{file.name} holds {name!r}, which no backup has.")
    if parts[0] != _PERSONS:
        return stage.path(name)
    aside = stage.scratch / _PERSONS
    aside.mkdir(exist_ok=True)
    return aside / parts[-1]


def _write(place: Path, content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        while block := content.read(_BLOCK):
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


def _check_contents(
    home: Home, file: Path, contents: dict[str, object] | None, found: Mapping[str, str]
) -> None:
    if contents is None:
        raise DamagedBackup(f"{file.name} ends before its end: take another copy of it.")
    signature, entries = contents.pop("signature", ""), contents.get("entries")
    try:
        home.keys.verify(_signed(contents), str(signature))
    except ForgedSignature as error:
        raise ForeignBackup(
            f"{file.name} was made under other keys, or changed since: point REBOND_KEYS at the "
            "keys of the home it was made of."
        ) from error
    said = entries if isinstance(entries, dict) else {}
    wrong = sorted(name for name in {*said, *found} if said.get(name) != found.get(name))
    if wrong or contents.get("format") != _FORMAT:
        which = repr(wrong[0]) if wrong else "its format"
        raise DamagedBackup(
            f"{file.name}: {which} is not what was backed up: take another copy of it."
        )


def _put_persons_back(home: Home, sealed: list[Path]) -> int:
    """Put everybody back whose key is there; return how many were left out."""
    keys = {key.key_id: (person, key) for person, key in home.person_keys.all().items()}

    def bundles() -> Iterator[Bundle]:
        for path in sealed:
            if path.name in keys:
                person, key = keys[path.name]
                bundle = unseal(path.read_bytes(), key)
                yield under_pseudonym(bundle, key, home.keys, person)

    with staging(home.folder, lambda plan: True) as stage:
        with home.transaction() as session:
            exchange(home, stage, session, out={}, back=bundles())
            if (read_mark(home.database, EPOCH_MARK) or 1) != home.keys.epoch:
                _bring_to_epoch(home, session)
        stage.seal(last=home.store.manifest_place, gone=home.store.left_over(stage))
    return sum(path.name not in keys for path in sealed)


def _bring_to_epoch(home: Home, session: Session) -> None:
    """Bring a backup from before the keys were rotated to the keys of today.

    Second factors were sealed under keys that are gone: they are set up anew.
    """
    set_mark(session, EPOCH_MARK, home.keys.epoch, now=home.now())
    set_mark(session, FORMER_MODELS, home.newest_version(), now=home.now())
    session.execute(update(schema.User).values(sealed_totp=None, totp_step=None))


def _gone(home: Home, stage: Staging) -> list[str]:
    """Return the files of the present home that the restored one has not."""
    keys = home.keys_folder.resolve()
    present = (
        path
        for name in sorted(_PLACES)
        for path in (home.folder / name, *(home.folder / name).rglob("*"))
        if path.is_file() and keys not in path.resolve().parents
    )
    return [
        place
        for place in (str(path.relative_to(home.folder)) for path in present)
        if not (stage.files / place).exists()
    ]
