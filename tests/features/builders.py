"""Import folders, protocols and histories, written from plain Python rows."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from features.block import Block, Ints, build_block
from features.catalogue import catalogue
from features.intake import Extract, read_folder
from features.keys import Keyring
from features.protocol import Protocol, parse_protocol
from features.staging import staging
from features.store import EventStore
from features.tables import EVENTS, STAYS

Row = Mapping[str, object]

PARTS = {
    "head": 'name = "essai"\npurpose = "prevention"',
    "legal": "",
    "population": "[population]\nmin_history_days = 28",
    "cadence": "[cadence]\nevery_days = 28",
    "outcome": (
        '[outcome]\nlabel = "interruption"\nhorizon_days = 90\n'
        'codes = ["lien//interruption"]\ncompeting_codes = ["fin//deces"]'
    ),
    "capacity": "",
    "validation": "",
    "features": "[features]\nwindows_days = [28, 90]",
    "groups": (
        '[[features.group]]\nname = "rendez-vous"\ncodes = ["rdv"]\n'
        'measures = ["count", "sum", "mean", "last", "active_days", "since_last", "trend",'
        ' "ever"]\n'
        'wording = "rendez-vous"\nreason = "un changement de rythme"'
    ),
    "audit": "",
}
"""The smallest protocol that is accepted, part by part."""


def protocol_text(**parts: str) -> str:
    """Return the smallest protocol as TOML, with some of :data:`PARTS` replaced."""
    assert parts.keys() <= PARTS.keys()
    return "\n".join((PARTS | parts).values()) + "\n"


def protocol(**parts: str) -> Protocol:
    return parse_protocol(protocol_text(**parts))


PERSONS_COLUMNS = ("person_id", "entered_on", "left_on", "team", "referent", "informed_on")


def stay(person: str = "P1", entered: str = "2024-01-01", left: str = "", **more: object) -> Row:
    return {
        "person_id": person,
        "entered_on": entered,
        "left_on": left,
        "team": "nord",
        "referent": "nord.1",
        "informed_on": entered,
        **more,
    }


def event(
    person: str = "P1", occurred: str = "2024-02-01", code: str = "rdv//honore", **more: object
) -> Row:
    return {"person_id": person, "occurred_at": occurred, "code": code, **more}


def write_csv(
    path: Path,
    rows: Sequence[Row],
    columns: Sequence[str],
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> None:
    given = list(dict.fromkeys([*columns, *(c for row in rows for c in row)]))
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, given, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path: Path, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Write as pandas does; an empty string becomes None, so a column may hold nothing else."""
    given = list(dict.fromkeys([*columns, *(c for row in rows for c in row)]))
    table = {c: [row.get(c) if row.get(c) != "" else None for row in rows] for c in given}
    pd.DataFrame({c: pd.Series(v, dtype=object) for c, v in table.items()}).to_parquet(
        path, index=False
    )


def write_folder(
    folder: Path,
    persons: Sequence[Row] = (stay(),),
    events: Sequence[Row] = (event(),),
    *,
    sensitive: Sequence[Row] | None = None,
    identities: Sequence[Row] | None = None,
    extracted_on: str | None = "2024-12-31",
    protocol: str | None = None,
    delimiter: str = ",",
    encoding: str = "utf-8",
    parquet: bool = False,
) -> Path:
    """Write a canonical import folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "persons": (persons, PERSONS_COLUMNS),
        "events": (events, ("person_id", "occurred_at", "code")),
        "sensitive": (sensitive, ("person_id", "attribute", "value")),
        "identities": (identities, ("person_id", "display_name")),
    }
    for name, (rows, columns) in tables.items():
        if rows is None:
            continue
        if parquet:
            write_parquet(folder / f"{name}.parquet", rows, columns)
        else:
            write_csv(folder / f"{name}.csv", rows, columns, delimiter=delimiter, encoding=encoding)
    (folder / "protocol.toml").write_text(protocol or protocol_text(), encoding="utf-8")
    if extracted_on:
        (folder / "extract.toml").write_text(f"extracted_on = {extracted_on}\n", encoding="utf-8")
    return folder


def read(folder: Path, keys: Keyring, protocol: Path | None = None) -> Extract:
    """Read an import folder, with a scratch folder of its own beside it."""
    scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=folder.parent))
    return read_folder(folder, keys, scratch, protocol)


def add(store: EventStore, extract: Extract) -> int:
    """Add an extract to a store on its own: what is sealed is committed."""
    store.folder.parent.mkdir(parents=True, exist_ok=True)
    with staging(store.folder.parent, lambda sealed: True) as stage:
        rows = store.add(extract, stage)
        stage.seal(store.manifest_place)
    return rows


def events_of(extract: Extract) -> pd.DataFrame:
    """Return the events of an extract as the store gives them."""
    table = pd.read_parquet(extract.events)
    return EVENTS.validate(table.astype({"person": "str", "code": "str", "event_id": "str"}))


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


History = Sequence[tuple[str, datetime, datetime, str, float | None, str | None]]
"""Rows of (person, occurred, recorded, code, value, event id), in order of arrival."""


def events_table(rows: History) -> pd.DataFrame:
    """Return rows as the store gives them."""
    columns = list(EVENTS.columns)
    table = pd.DataFrame(list(rows), columns=columns).astype(
        {
            "person": "str",
            "occurred_at": "datetime64[us]",
            "recorded_at": "datetime64[us]",
            "code": "str",
            "numeric_value": "float64",
            "event_id": "str",
        }
    )
    return EVENTS.validate(table)


def stays_table(rows: Sequence[tuple[str, date, date | None]]) -> pd.DataFrame:
    """Return rows of (person, entered, left) as the store gives them."""
    table = pd.DataFrame(
        {
            "person": [r[0] for r in rows],
            "entered_on": pd.Series([r[1] for r in rows]).astype("datetime64[us]"),
            "left_on": pd.Series([r[2] for r in rows], dtype=object).astype("datetime64[us]"),
            "team": "nord",
            "referent": "nord.1",
            "informed_on": pd.Series([r[1] for r in rows]).astype("datetime64[us]"),
            "household": [r[0] for r in rows],
        }
    ).astype(dict.fromkeys(("person", "team", "referent", "household"), "str"))
    return STAYS.validate(table)


def block(rows: History) -> Block:
    return build_block(events_table(rows))


def row_days(days: Sequence[date]) -> Ints:
    """Return review dates as the kernel counts them, in days since 1970."""
    return np.array(days, dtype="datetime64[D]").astype(np.int64)


CATALOGUE = catalogue(protocol())


def stored(folder: Path, stays: pd.DataFrame, *imports: History) -> EventStore:
    """Return a store that holds stays and events, the events in one import after another."""
    store = EventStore(folder / "store")
    nothing = pd.DataFrame()
    for number, rows in enumerate(imports):
        events = folder / f"{number}.parquet"
        events_table(rows).to_parquet(events, index=False)
        extract = Extract(
            protocol=protocol(),
            protocol_text=protocol_text(),
            extracted_on=date(2024, 12, 1 + number),
            stays=stays,
            events=events,
            event_rows=len(rows),
            sensitive=nothing,
            identities=nothing,
            given_ids=nothing,
            quarantine=nothing,
            ignored={},
        )
        add(store, extract)
    return store
