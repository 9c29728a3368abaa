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
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path

import duckdb
import pandas as pd

from features.data_engine import opened
from features.errors import RebondError
from features.intake.folder import Extract
from features.intake.reading import ImportRefused
from features.paths import literal
from features.protocol import Protocol, parse_protocol
from features.staging import Staging
from features.tables import EVENTS, STAYS

ROW_GROUP = 30_720
"""Rows that are read together: small, so that a range of persons reads little else."""
MANIFEST = "manifest.json"
EVENT_COLUMNS = [*EVENTS.columns, "arrival"]
STAY_COLUMNS = [*STAYS.columns, "import"]
"""What a segment holds: the contract's columns, and the place in the order of import."""


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
    def files(self) -> tuple[str, ...]:
        """The names of everything that the store consists of, besides this."""
        text = () if self.protocol is None else (self.protocol.file,)
        return (*(segment.file for segment in (*self.events, *self.stays)), *text)

    @property
    def hash(self) -> str:
        """SHA-256 (hex) over everything the manifest names: the hash of the data."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class EventStore:
    """The events and stays of one home.

    Whose time is over is not there, before anybody purges it: neither stays nor events of a
    person whose last contact (newest event, entry or leaving) lies before ``kept_from`` are read
    (S18). Only :meth:`histories` and :meth:`people`, for backups and the purge, see everybody.

    ``pinned`` is a manifest to keep to, whatever is imported meanwhile; None: the present one.
    Without ``kept_from`` nobody's time is over.
    """

    folder: Path
    pinned: Manifest | None = None
    kept_from: date | None = None

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
            protocol=None if plain["protocol"] is None else ProtocolText(**plain["protocol"]),
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
        found = self._kept(self._read(self.manifest.events, EVENT_COLUMNS, _only(person)))
        return found.sort_values("arrival", ignore_index=True).drop(columns="arrival")

    def event_files(self) -> list[str]:
        """Return the segments of events as DuckDB reads them, none changed since the import.

        Within each, rows are sorted by person; their column ``arrival`` is their place in the
        order of import, from the first segment to the last.
        """
        segments = self.manifest.events
        if not segments:
            raise EmptyStore("nothing was imported yet: run `rebond import FOLDER` first.")
        self.check_unchanged(segments)
        return [literal(self.folder / segment.file) for segment in segments]

    def stays(self, person: str | None = None) -> pd.DataFrame:
        """Return all stays, or one person's, as :data:`features.tables.STAYS`.

        A person's stays are those of the newest import that names the person.
        """
        stays = self._kept(self._read(self.manifest.stays, STAY_COLUMNS, _only(person)))
        newest = stays.groupby("person")["import"].transform("max")
        return stays[stays["import"] == newest].drop(columns="import").reset_index(drop=True)

    def overdue(self) -> frozenset[str]:
        """Return whose last contact lies before ``kept_from``; found once for what is stored."""
        held = self.manifest
        if self.kept_from is None or not held.stays:
            return frozenset()
        return _overdue(self.folder, held, self.kept_from)

    def _kept(self, table: pd.DataFrame) -> pd.DataFrame:
        overdue = self.overdue()
        return table[~table["person"].isin(overdue)] if overdue else table

    def histories(self, first: str, last: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return events and stays of everybody from one pseudonym to another, as they lie here.

        Unlike :meth:`events` and :meth:`stays` with all that keeps their order: the columns
        ``arrival`` and ``import``, and the stays of earlier imports. :meth:`exchange` takes them
        back as they are.
        """
        held = self.manifest
        events = (
            self._read(held.events, EVENT_COLUMNS, (first, last)) if held.events else _NO_EVENTS
        )
        stays = self._read(held.stays, STAY_COLUMNS, (first, last)) if held.stays else _NO_STAYS
        return (
            events.sort_values(["person", "arrival"], ignore_index=True),
            stays.sort_values(["person", "import", "entered_on"], ignore_index=True),
        )

    def people(self) -> list[str]:
        """Return the pseudonyms of everybody with a stay here, sorted."""
        if not self.manifest.stays:
            return []
        return sorted(self._read(self.manifest.stays, ["person"], None)["person"].unique())

    def _read(
        self, segments: Sequence[Segment], columns: Sequence[str], among: tuple[str, str] | None
    ) -> pd.DataFrame:
        if not segments:
            raise EmptyStore("nothing was imported yet: run `rebond import FOLDER` first.")
        files = [self.folder / segment.file for segment in segments]
        names = ", ".join(f'"{c}"' for c in columns)
        query = f"SELECT {names} FROM read_parquet($files, hive_partitioning=false)"
        parameters: dict[str, object] = {"files": [literal(file) for file in files]}
        if among is None:
            self.check_unchanged(segments)
        else:
            query += " WHERE person BETWEEN $first AND $last"
            parameters |= zip(("first", "last"), among, strict=True)
        try:
            with opened() as database:
                return _plain(database.execute(query, parameters).df())
        except duckdb.Error as error:
            raise StoreDamaged(
                "a segment of the event store cannot be read: restore it from a backup."
            ) from error

    def check_unchanged(self, segments: Sequence[Segment]) -> None:
        """Refuse segments that are not, byte for byte, what was imported.

        Raises
        ------
        StoreDamaged
            One is missing, or was changed since.
        """
        for segment in segments:
            path = self.folder / segment.file
            if not path.is_file() or sha256_of(path) != segment.sha256:
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
            segment = Segment(fresh.name, sha256_of(fresh), rows)
            manifest = replace(manifest, events=(*old.events, segment))
        if not self._same_stays(extract.stays, old):
            number = self._next("import", old.stays)
            stays = self._add_stays(extract.stays.assign(**{"import": number}), stage)
            manifest = replace(manifest, stays=(*old.stays, *stays))
        self._write_manifest(manifest, stage)
        return rows

    def exchange(
        self,
        stage: Staging,
        *,
        out: Collection[str] = (),
        events: pd.DataFrame | None = None,
        stays: pd.DataFrame | None = None,
    ) -> None:
        """Take persons out of the store and put others back, in a staging.

        What holds a row of who goes out is written anew without it. The caller seals with
        ``gone=store.left_over(stage)``, so that no file with such a row stays behind.

        Parameters
        ----------
        stage
            Holds the home's lock, and the files until they take their places.
        out
            Pseudonyms; nothing of them is in the store once that is published.
        events, stays
            Rows of others, as :meth:`histories` returned them.
        """
        old = self.manifest
        kept_events = self._without(old.events, sorted(out), _IN_ORDER, stage)
        kept_stays = self._without(old.stays, sorted(out), "file_row_number", stage)
        if events is not None and len(events):
            path = self._fresh_place(stage)
            with opened() as database:
                given = database.from_df(events[EVENT_COLUMNS]).order(_IN_ORDER)
                given.write_parquet(str(path), compression="zstd", row_group_size=ROW_GROUP)
            kept_events += (Segment(path.name, sha256_of(path), len(events)),)
        if stays is not None and len(stays):
            kept_stays += self._add_stays(stays, stage)
        self._write_manifest(replace(old, events=kept_events, stays=kept_stays), stage)

    def left_over(self, stage: Staging) -> list[str]:
        """Return the places in the store that the staged manifest names no more."""
        named = {*self._staged(stage).files, MANIFEST}
        present = self.folder.iterdir() if self.folder.is_dir() else ()
        return [f"{self.folder.name}/{p.name}" for p in present if p.name not in named]

    def _staged(self, stage: Staging) -> Manifest:
        return EventStore(self._place(stage, MANIFEST).parent).manifest

    def _without(
        self, segments: tuple[Segment, ...], out: list[str], order: str, stage: Staging
    ) -> tuple[Segment, ...]:
        """Return segments, those that hold a row of certain persons written anew without it."""
        if not out:
            return segments
        self.check_unchanged(segments)
        kept = []
        with opened(stage.scratch) as database:
            database.execute("CREATE TABLE gone AS SELECT unnest($gone) AS person", {"gone": out})
            for segment in segments:
                path = literal(self.folder / segment.file)
                database.read_parquet(
                    path, hive_partitioning=False, file_row_number=True
                ).create_view("held", replace=True)
                rows = database.sql(
                    f"SELECT * EXCLUDE file_row_number FROM held ANTI JOIN gone USING (person) "
                    f"ORDER BY {order}"
                )
                (left,) = rows.count("*").fetchall()[0]
                if left == segment.rows:
                    kept.append(segment)
                elif left:
                    fresh = self._fresh_place(stage)
                    rows.write_parquet(str(fresh), compression="zstd", row_group_size=ROW_GROUP)
                    kept.append(Segment(fresh.name, sha256_of(fresh), left))
        return tuple(kept)

    def _add_stays(self, stays: pd.DataFrame, stage: Staging) -> tuple[Segment, ...]:
        path = self._fresh_place(stage)
        stays.to_parquet(path, index=False)
        return (Segment(path.name, sha256_of(path), len(stays)),)

    def _next(self, column: str, segments: Sequence[Segment]) -> int:
        """Return one more than the greatest number in a column that counts; rows may have gone."""
        if not segments:
            return 0
        held = self._read(segments, [column], None)[column]
        return 0 if held.empty else int(held.max()) + 1

    def _write_manifest(self, manifest: Manifest, stage: Staging) -> None:
        self._place(stage, MANIFEST).write_text(
            json.dumps(asdict(manifest), indent=1), encoding="utf-8"
        )

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
        self.check_unchanged(old.events)
        with opened(scratch) as database:
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
                # Not how many there are: rows of persons who are gone leave their numbers free.
                query = f"SELECT {_NEXT}" if old.events else "SELECT 0"
                (already,) = database.execute(query).fetchall()[0]
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
_IN_ORDER = "person, occurred_at, recorded_at, arrival"
_NEXT = "(SELECT max(arrival) + 1 FROM stored)"
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
    SELECT {_COLUMNS}, {_NEXT} + file_row_number
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
JOIN known ON known.place = holding.last.place AND known.person = holding.person
WHERE said.last.recorded = holding.last.recorded AND NOT ({_SAME.format(other="known")})
"""
_SORTED = f"""
SELECT {_COLUMNS}, $already + row_number() OVER (ORDER BY file_row_number) - 1 AS arrival
FROM fresh ORDER BY {_IN_ORDER}
"""
_NO_EVENTS = pd.DataFrame(columns=EVENT_COLUMNS)
_NO_STAYS = pd.DataFrame(columns=STAY_COLUMNS)


_LAST_CONTACT_BEFORE = """
SELECT person FROM read_parquet($stays, hive_partitioning=false) GROUP BY person
HAVING max(greatest(entered_on, coalesce(left_on, entered_on))) < $kept_from
"""
_CONTACT_SINCE = """
SELECT DISTINCT person FROM read_parquet($events, hive_partitioning=false)
WHERE occurred_at >= $kept_from AND code <> ''
"""


@lru_cache(maxsize=4)
def _overdue(folder: Path, manifest: Manifest, kept_from: date) -> frozenset[str]:
    """Find whose last contact lies before a day; a manifest never means other rows."""
    query = _LAST_CONTACT_BEFORE
    files: dict[str, object] = {"stays": [literal(folder / s.file) for s in manifest.stays]}
    if manifest.events:
        query = f"({query}) EXCEPT ({_CONTACT_SINCE})"
        files["events"] = [literal(folder / s.file) for s in manifest.events]
    try:
        with opened() as database:
            rows = database.execute(query, files | {"kept_from": kept_from}).fetchall()
    except duckdb.Error as error:
        raise StoreDamaged(
            "a segment of the event store cannot be read: restore it from a backup."
        ) from error
    return frozenset(person for (person,) in rows)


def _only(person: str | None) -> tuple[str, str] | None:
    return None if person is None else (person, person)


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


def sha256_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
