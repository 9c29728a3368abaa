"""The event store: immutable Parquet segments and one atomically replaced manifest.

Reading never locks and never sees half an import: a segment is written whole in a staging,
under a fresh name, and becomes part of the store only when the new manifest takes the old
one's place. DuckDB is the engine over the files, never what holds them.
"""

# ruff: noqa: S608 - names come from contracts, values are quoted or passed beside the query

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

from features.errors import RebondError
from features.intake.folder import MEMORY, Extract
from features.intake.reading import ImportRefused
from features.paths import literal
from features.protocol import Protocol, parse_protocol
from features.staging import Staging
from features.tables import EVENTS, STAYS

ROW_GROUP = 30_720
"""Rows that are read together: small, so that a range of persons reads little else."""
MANIFEST = "manifest.json"


class EmptyStore(RebondError):
    """Nothing was imported yet."""


class StoreDamaged(RebondError):
    """A file of the store is missing, or not what was imported."""


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
    """The events and stays of one home.

    ``pinned`` is a manifest to keep to, whatever is imported meanwhile; None: the present one.
    """

    folder: Path
    pinned: Manifest | None = None

    def at_once(self) -> EventStore:
        """Return the store as it is now: everything read from it belongs together."""
        return replace(self, pinned=self.manifest)

    @property
    def manifest(self) -> Manifest:
        """The manifest as it is now; an empty one before the first import."""
        if self.pinned is not None:
            return self.pinned
        path = self.folder / MANIFEST
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
        found = self._read(self.manifest.events, [*EVENTS.columns, "arrival"], person)
        return found.sort_values("arrival", ignore_index=True).drop(columns="arrival")

    def event_files(self) -> list[str]:
        """Return the segments of events as DuckDB reads them, none changed since the import.

        Within each, rows are sorted by person; their column ``arrival`` is their place in the
        order of import, from the first segment to the last.
        """
        segments = self.manifest.events
        if not segments:
            raise EmptyStore("nothing was imported yet: run `rebond import FOLDER` first.")
        self._check_unchanged(segments)
        return [literal(self.folder / segment.file) for segment in segments]

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
        query = f"SELECT {names} FROM read_parquet($files, hive_partitioning=false)"
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

    def add(self, extract: Extract, stage: Staging) -> int:
        """Write what an import adds into a staging; the store changes when that is published.

        Events already stored, row for row, are not stored again, so importing the same
        folder twice changes nothing. Of rows with an ``event_id`` the one that holds in the
        extract holds in the store, unless a later recording of it is stored already.

        Parameters
        ----------
        extract
            What was imported.
        stage
            Holds the home's lock, and the files until they take their places.

        Returns
        -------
        int
            How many events are new.

        Raises
        ------
        OlderExtract
            The store holds a newer extract.
        """
        old = self.manifest
        _check_not_older(extract.extracted_on, old)
        manifest = replace(
            old,
            protocol=self._add_text(extract.protocol_text, stage),
            extracted_on=extract.extracted_on.isoformat(),
        )
        fresh = self._fresh_place(stage)
        rows = self._add_events(extract, old, fresh, stage.scratch)
        if rows:
            segment = Segment(fresh.name, _sha256(fresh), rows)
            manifest = replace(manifest, events=(*old.events, segment))
        if not self._same_stays(extract.stays, old):
            path = self._fresh_place(stage)
            extract.stays.assign(**{"import": len(old.stays)}).to_parquet(path, index=False)
            segment = Segment(path.name, _sha256(path), len(extract.stays))
            manifest = replace(manifest, stays=(*old.stays, segment))
        self._place(stage, MANIFEST).write_text(
            json.dumps(asdict(manifest), indent=1), encoding="utf-8"
        )
        return rows

    @property
    def manifest_place(self) -> str:
        """Where the manifest stands in the home: what is published last."""
        return f"{self.folder.name}/{MANIFEST}"

    def _place(self, stage: Staging, name: str) -> Path:
        return stage.path(f"{self.folder.name}/{name}")

    def _fresh_place(self, stage: Staging) -> Path:
        return self._place(stage, f"{secrets.token_hex(8)}.parquet")

    def _add_events(self, extract: Extract, old: Manifest, path: Path, scratch: Path) -> int:
        """Write the rows that are not stored yet, with their multiplicity, sorted by person."""
        self._check_unchanged(old.events)
        settings = {"temp_directory": str(scratch / "spill"), "memory_limit": MEMORY}
        with duckdb.connect(":memory:", config=settings) as database:
            database.read_parquet(
                literal(extract.events), hive_partitioning=False, file_row_number=True
            ).create_view("given")
            if old.events:
                stored = [literal(self.folder / segment.file) for segment in old.events]
                database.read_parquet(stored, hive_partitioning=False).create_view("stored")
                database.execute(_MORE_OFTEN)
                database.execute(_FRESH)
            else:
                database.execute("CREATE VIEW fresh AS FROM given")
            (rows,) = database.execute("SELECT count(*) FROM fresh").fetchall()[0]
            if rows:
                already = sum(segment.rows for segment in old.events)
                database.sql(_SORTED, params={"already": already}).write_parquet(
                    str(path), compression="zstd", row_group_size=ROW_GROUP
                )
        return int(rows)

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

    def _add_text(self, text: str, stage: Staging) -> ProtocolText:
        digest = hashlib.sha256(text.encode()).hexdigest()
        name = f"protocol-{digest[:16]}.toml"
        if not (self.folder / name).exists():
            self._place(stage, name).write_text(text, encoding="utf-8")
        return ProtocolText(name, digest)


_COLUMNS = ", ".join(EVENTS.columns)
_SAME = " AND ".join(f"given.{c} IS NOT DISTINCT FROM {{other}}.{c}" for c in EVENTS.columns)
# Most rows of a later extract are stored already: only those that come more often are ranked.
_MORE_OFTEN = f"""
CREATE TABLE more_often AS
SELECT given.*, coalesce(known.copies, 0) AS stored_copies
FROM (SELECT {_COLUMNS}, count(*) AS copies FROM given GROUP BY ALL) AS given
LEFT JOIN (SELECT {_COLUMNS}, count(*) AS copies FROM stored GROUP BY ALL) AS known
    ON {_SAME.format(other="known")}
WHERE given.copies > coalesce(known.copies, 0)
"""
# A correction taken back says again what was stored once: of each id, the row that holds in
# the extract is fresh as well where another one would hold in the store.
_FRESH = f"""
CREATE TABLE fresh AS
SELECT {_COLUMNS}, file_row_number FROM (
    SELECT given.*, stored_copies,
           row_number() OVER (PARTITION BY {", ".join(f"given.{c}" for c in EVENTS.columns)}
                              ORDER BY file_row_number) AS copy
    FROM given JOIN more_often ON {_SAME.format(other="more_often")}
)
WHERE copy > stored_copies;

INSERT INTO fresh
WITH known AS (
    SELECT {_COLUMNS}, arrival AS place FROM stored WHERE event_id IS NOT NULL
    UNION ALL
    SELECT {_COLUMNS}, (SELECT max(arrival) + 1 FROM stored) + file_row_number
    FROM fresh WHERE event_id IS NOT NULL
),
said AS (
    SELECT person, event_id, max({{'recorded': recorded_at, 'place': file_row_number}}) AS last
    FROM given WHERE event_id IS NOT NULL GROUP BY ALL
),
holding AS (
    SELECT person, event_id, max({{'recorded': recorded_at, 'place': place}}) AS last
    FROM known GROUP BY ALL
)
SELECT {", ".join(f"given.{c}" for c in EVENTS.columns)}, file_row_number
FROM said JOIN holding USING (person, event_id)
JOIN given ON file_row_number = said.last.place
JOIN known ON known.place = holding.last.place
WHERE said.last.recorded = holding.last.recorded AND NOT ({_SAME.format(other="known")})
"""
_SORTED = f"""
SELECT {_COLUMNS}, $already + row_number() OVER (ORDER BY file_row_number) - 1 AS arrival
FROM fresh ORDER BY person, occurred_at, recorded_at, arrival
"""


def _check_not_older(extracted_on: date, old: Manifest) -> None:
    if old.extracted_on and extracted_on < date.fromisoformat(old.extracted_on):
        raise OlderExtract(
            f"this extract is of {extracted_on}, the home already holds one of "
            f"{old.extracted_on}: import an extract of that day or later, or correct "
            "extracted_on in extract.toml."
        )


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
