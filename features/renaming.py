"""New names for everybody in the event store, when the keys that pseudonyms come from change.

The histories stay what they are: only the two columns that hold pseudonyms change, and with
them the order of rows in their files.
"""

# ruff: noqa: S608 - names come from contracts, values are quoted or passed beside the query

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from features.data_engine import opened
from features.keys import Keyring, keyed_hash
from features.paths import literal
from features.staging import Staging
from features.store import ROW_GROUP, EventStore, Segment, sha256_of
from features.tables import EVENTS

_FORMER = "pseudonym/former"


@dataclass(frozen=True)
class Naming:
    """What each pseudonym becomes.

    Attributes
    ----------
    known
        Of those whose own id is known: the pseudonym that the next import will give them.
    following
        The keys of the next epoch. Of whom no id is known any more, the pseudonym itself is
        keyed: nobody who lacks these keys can tell that both mean one person.
    """

    known: Mapping[str, str]
    following: Keyring

    def __call__(self, pseudonym: str) -> str:
        """Return the pseudonym of the next epoch."""
        if pseudonym in self.known:
            return self.known[pseudonym]
        return keyed_hash(self.following.subkey(_FORMER), pseudonym)


def rename_store(store: EventStore, naming: Naming, stage: Staging) -> None:
    """Write the whole store under other pseudonyms into a staging.

    Parameters
    ----------
    store
        As it is; it changes when the staging is published.
    naming
        Gives the pseudonyms.
    stage
        Holds the home's lock, and the files until they take their places.

    Raises
    ------
    features.store.StoreDamaged
        A segment is missing or was changed since it was imported.
    """
    present = store.manifest
    store.check_unchanged((*present.events, *present.stays))
    manifest = replace(
        present,
        events=tuple(_renamed_events(store, one, naming, stage) for one in present.events),
        stays=tuple(_renamed_stays(store, one, naming, stage) for one in present.stays),
    )
    stage.path(store.manifest_place).write_text(
        json.dumps(asdict(manifest), indent=1), encoding="utf-8"
    )


def _fresh(store: EventStore, stage: Staging) -> Path:
    return stage.path(f"{store.folder.name}/{secrets.token_hex(8)}.parquet")


def _renamed_events(store: EventStore, segment: Segment, naming: Naming, stage: Staging) -> Segment:
    path, columns = _fresh(store, stage), ", ".join(c for c in EVENTS.columns if c != "person")
    source = "read_parquet($file, hive_partitioning=false)"
    file = {"file": literal(store.folder / segment.file)}
    with opened(stage.scratch) as database:
        rows = database.execute(f"SELECT DISTINCT person FROM {source}", file).fetchall()
        people = [person for (person,) in rows]
        names = pa.table({"former": people, "name": [naming(person) for person in people]})
        database.register("names", names)
        database.sql(
            f"SELECT name AS person, {columns}, arrival FROM {source} JOIN names "
            "ON person = former ORDER BY name, occurred_at, recorded_at, arrival",
            params=file,
        ).write_parquet(str(path), compression="zstd", row_group_size=ROW_GROUP)
    return Segment(path.name, sha256_of(path), segment.rows)


def _renamed_stays(store: EventStore, segment: Segment, naming: Naming, stage: Staging) -> Segment:
    path = _fresh(store, stage)
    stays = pd.read_parquet(store.folder / segment.file)
    for column in ("person", "household"):
        stays[column] = stays[column].map(naming).astype("str")
    stays.sort_values(["person", "entered_on"], ignore_index=True).to_parquet(path, index=False)
    return Segment(path.name, sha256_of(path), segment.rows)
