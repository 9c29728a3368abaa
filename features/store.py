"""The event store: immutable Parquet segments and one atomically replaced manifest.

Reading never locks and never sees half an import: a segment is written whole under a
fresh name, and becomes part of the store only when the new manifest takes the old one's
place. DuckDB is the engine over the files, never what holds them.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

from features.errors import RebondError
from features.intake import Extract, ImportRefused
from features.paths import literal
from features.protocol import Protocol, parse_protocol
from features.tables import EVENTS, STAYS


class EmptyStore(RebondError):
    """Nothing was imported yet."""


class StoreDamaged(RebondError):
    """A file of the store is missing, or not what was imported."""


class ImportRunning(RebondError):
    """Only one import at a time may add to a store."""


class OlderExtract(ImportRefused):
    """What is stored is newer: stays and protocol would go back in time."""


@dataclass(frozen=True)
class Segment:
    """One table of the store, its SHA-256 and its number of rows."""

    file: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class ProtocolText:
    """The protocol as it was imported, and its SHA-256."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What the store holds now. Stays come whole with each import, events add up."""

    events: tuple[Segment, ...] = ()
    stays: tuple[Segment, ...] = ()
    protocol: ProtocolText | None = None
    extracted_on: str | None = None

    @property
    def hash(self) -> str:
        """SHA-256 (hex) over everything the manifest names: the hash of the data."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class EventStore:
    """The events and stays of one home."""

    folder: Path

    @property
    def manifest(self) -> Manifest:
        """The manifest as it is now; an empty one before the first import."""
        path = self.folder / "manifest.json"
        if not path.is_file():
            return Manifest()
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StoreDamaged(
                "manifest.json of the event store cannot be read: restore it from a backup."
            ) from error
        return Manifest(
            events=tuple(Segment(**s) for s in plain["events"]),
            stays=tuple(Segment(**s) for s in plain["stays"]),
            protocol=ProtocolText(**plain["protocol"]),
            extracted_on=plain["extracted_on"],
        )

    @property
    def extracted_on(self) -> date | None:
        """The newest day of which anything is known; None before the first import."""
        newest = self.manifest.extracted_on
        return date.fromisoformat(newest) if newest else None

    @property
    def data_hash(self) -> str:
        """The hash that models are pinned to."""
        return self.manifest.hash

    def protocol(self) -> Protocol:
        """Return the protocol of the newest import.

        Raises
        ------
        EmptyStore
            Nothing was imported yet.
        """
        text = self.manifest.protocol
        if text is None:
            raise EmptyStore("nothing was imported yet: run `rebond import FOLDER` first.")
        return parse_protocol((self.folder / text.file).read_text(encoding="utf-8"))

    def events(self, person: str | None = None) -> pd.DataFrame:
        """Return all events, or one person's, as :data:`features.tables.EVENTS`.

        Rows come in the order they were imported: of two rows that say the same
        ``event_id`` at the same time, the later one holds.
        """
        return self._read(self.manifest.events, list(EVENTS.columns), person)

    def stays(self, person: str | None = None) -> pd.DataFrame:
        """Return all stays, or one person's, as :data:`features.tables.STAYS`.

        A person's stays are those of the newest import that names the person.
        """
        stays = self._read(self.manifest.stays, [*STAYS.columns, "import"], person)
        newest = stays.groupby("person")["import"].transform("max")
        return stays[stays["import"] == newest].drop(columns="import").reset_index(drop=True)

    def _read(
        self, segments: Sequence[Segment], columns: Sequence[str], person: str | None
    ) -> pd.DataFrame:
        if not segments:
            raise EmptyStore("nothing was imported yet: run `rebond import FOLDER` first.")
        files = [self.folder / segment.file for segment in segments]
        names = ", ".join(f'"{c}"' for c in columns)
        query = f"SELECT {names} FROM read_parquet($files, hive_partitioning=false)"  # noqa: S608
        parameters: dict[str, object] = {"files": [literal(file) for file in files]}
        if person is None:
            self._check_unchanged(segments)
        else:
            query += " WHERE person = $person"
            parameters["person"] = person
        try:
            with duckdb.connect(":memory:") as database:
                return _plain(database.execute(query, parameters).df())
        except duckdb.Error as error:
            raise StoreDamaged(
                "a segment of the event store cannot be read: restore it from a backup."
            ) from error

    def _check_unchanged(self, segments: Sequence[Segment]) -> None:
        for segment in segments:
            path = self.folder / segment.file
            if not path.is_file() or _sha256(path) != segment.sha256:
                raise StoreDamaged(
                    f"{segment.file} is missing or was changed since it was imported: restore it "
                    "from a backup."
                )

    def stays_with(self, extract: Extract) -> pd.DataFrame:
        """Return all stays as they will be once an extract is added."""
        if not self.manifest.stays:
            return extract.stays
        present = self.stays()
        kept = present[~present["person"].isin(set(extract.stays["person"]))]
        return pd.concat([kept, extract.stays], ignore_index=True)

    @contextmanager
    def adding(self, extract: Extract) -> Iterator[int]:
        """Add an import; the store changes when the block ends well, and not before.

        Events already stored, row for row, are not stored again, so importing the same
        folder twice changes nothing.

        Yields
        ------
        int
            How many events are new.

        Raises
        ------
        ImportRunning
            Another process is adding to this store.
        OlderExtract
            The store holds a newer extract.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        # The folder above is locked, not a file of the store: a refusal has nothing to clear.
        with _alone(self.folder.parent):
            old = self.manifest
            _check_not_older(extract.extracted_on, old)
            made = not self.folder.exists()
            self.folder.mkdir(exist_ok=True)
            try:
                manifest, fresh = self._extended(old, extract, written)
                prepared = self._write_manifest(manifest, written)
                yield fresh
                prepared.replace(self.folder / "manifest.json")
            except BaseException:
                for path in written:
                    path.unlink(missing_ok=True)
                if made:
                    self.folder.rmdir()
                raise

    def _extended(
        self, old: Manifest, extract: Extract, written: list[Path]
    ) -> tuple[Manifest, int]:
        """Write what is new and return the manifest that names it, and how many events it is."""
        manifest = replace(
            old,
            protocol=self._write_text(extract.protocol_text, written),
            extracted_on=extract.extracted_on.isoformat(),
        )
        events = self._unknown(extract.events, old)
        if len(events):
            manifest = replace(manifest, events=(*old.events, self._write(events, written)))
        if not self._same_stays(extract.stays, old):
            stays = extract.stays.assign(**{"import": len(old.stays)})
            manifest = replace(manifest, stays=(*old.stays, self._write(stays, written)))
        return manifest, len(events)

    def _unknown(self, events: pd.DataFrame, old: Manifest) -> pd.DataFrame:
        """Return the rows that are not stored yet, with their multiplicity, in order."""
        if not old.events:
            return events
        columns = list(EVENTS.columns)
        known = self.events()
        # NaN equals NaN here: the rows are compared as they are written.
        rank = events.groupby(columns, dropna=False).cumcount()
        stored = known.groupby(columns, dropna=False).size().rename("stored").reset_index()
        merged = events.assign(rank=rank).merge(stored, on=columns, how="left")
        fresh = (merged["rank"] >= merged["stored"].fillna(0)).to_numpy()
        return events[fresh].reset_index(drop=True)

    def _same_stays(self, stays: pd.DataFrame, old: Manifest) -> bool:
        if not old.stays:
            return False
        present = self.stays()
        named = present[present["person"].isin(set(stays["person"]))]
        order = ["person", "entered_on"]
        return bool(
            named.sort_values(order, ignore_index=True).equals(
                stays.sort_values(order, ignore_index=True)
            )
        )

    def _write(self, table: pd.DataFrame, written: list[Path]) -> Segment:
        path = self.folder / f"{secrets.token_hex(8)}.parquet"
        written.append(path)
        table.to_parquet(path, index=False)
        return Segment(path.name, _sha256(path), len(table))

    def _write_text(self, text: str, written: list[Path]) -> ProtocolText:
        digest = hashlib.sha256(text.encode()).hexdigest()
        path = self.folder / f"protocol-{digest[:16]}.toml"
        if not path.exists():
            written.append(path)
            path.write_text(text, encoding="utf-8")
        return ProtocolText(path.name, digest)

    def _write_manifest(self, manifest: Manifest, written: list[Path]) -> Path:
        """Write the next manifest beside the present one, so that only a rename is left to do."""
        fresh = self.folder / "manifest.json.new"
        written.append(fresh)
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(asdict(manifest), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        return fresh


def _check_not_older(extracted_on: date, old: Manifest) -> None:
    if old.extracted_on and extracted_on < date.fromisoformat(old.extracted_on):
        raise OlderExtract(
            f"this extract is of {extracted_on}, the home already holds one of "
            f"{old.extracted_on}: import an extract of that day or later, or correct "
            "extracted_on in extract.toml."
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder; the system releases it when the process ends, however it ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ImportRunning(
                "another import is adding to this home: wait until it ends, then import again."
            ) from error
        yield
    finally:
        os.close(handle)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Give text and times the dtypes of the contracts, whatever the engine returned."""
    text = {c: "str" for c in table.columns if table[c].dtype == object}
    times = {
        c: "datetime64[us]" for c in table.columns if pd.api.types.is_datetime64_any_dtype(table[c])
    }
    return table.astype(text | times)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
