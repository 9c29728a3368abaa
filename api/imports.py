"""Import, composed: connector, intake, stores, directory and vault, in one step or none."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

import pandas as pd

from api.home import Home
from features.connectors import meds, oulad
from features.errors import RebondError
from features.intake import Extract, read_folder
from revue.directory import sync_people
from revue.journal import record
from revue.records import Actor, Stay
from revue.vault import store_identities

Progress = Callable[[str], None]


class Source(StrEnum):
    """The kinds of folders that can be imported."""

    CANONICAL = "canonical"
    MEDS = "meds"
    OULAD = "oulad"


class SimulatedData(RebondError):
    """A production home never holds invented histories."""


class LegalBasisMissing(RebondError):
    """A production home needs to say who answers for the processing, and on what basis."""


class ProtocolNeeded(RebondError):
    """The kind of folder does not bring a protocol of its own."""


@dataclass(frozen=True)
class ImportSummary:
    """What one import did."""

    persons: int
    events: int
    new_events: int
    quarantined: int
    ignored: int
    ignored_by: Mapping[str, int]
    not_informed: int
    extracted_on: date
    quarantine: Path | None


def import_folder(
    home: Home,
    folder: Path,
    *,
    source: Source = Source.CANONICAL,
    protocol: Path | None = None,
    by: Actor,
    progress: Progress,
) -> ImportSummary:
    """Import one folder; a refused import leaves the home exactly as before.

    Raises
    ------
    features.intake.ImportRefused, features.protocol.InvalidProtocol
        The folder cannot be used.
    features.store.ImportRunning, features.store.OlderExtract
        Another import is running, or the home holds a newer extract.
    SimulatedData, LegalBasisMissing
        What a production home refuses.
    ProtocolNeeded
        A MEDS folder without ``--protocol``.
    """
    with tempfile.TemporaryDirectory() as scratch:
        canonical, converted = folder, {}
        if source is not Source.CANONICAL:
            progress(f"reading the {source} folder")
            if source is Source.MEDS and protocol is None:
                raise ProtocolNeeded("a MEDS folder brings no protocol: pass --protocol FILE.")
            convert = oulad.convert if source is Source.OULAD else meds.convert
            canonical = Path(scratch)
            converted = dict(convert(folder, canonical))
        if home.settings.production and (canonical / "truth.json").exists():
            raise SimulatedData(
                f"{folder.name}/ holds simulated histories; a production home takes none."
            )
        progress("checking rows")
        extract = read_folder(canonical, home.keys, protocol)
    if home.settings.production:
        _check_legal(extract)
    told = extract.stays["informed_on"].notna()
    not_informed = int(extract.stays.loc[~told, "person"].nunique())
    progress("storing")
    with (
        home.store.adding(extract) as new_events,
        _restored_on_failure(home.quarantine, home.sensitive.file.parent),
        home.transaction() as session,
    ):
        now = home.now()
        sync_people(session, _stays(home.store.stays_with(extract)), by=by, now=now)
        if len(extract.identities):
            store_identities(session, home.keys, _identities(extract.identities), by=by, now=now)
        record(
            session,
            actor=by,
            act="import",
            subject=extract.extracted_on.isoformat(),
            details={
                "protocol": extract.protocol.hash,
                "events": len(extract.events),
                "quarantined": len(extract.quarantine),
            },
            now=now,
        )
        quarantine = _write_quarantine(home, extract)
        if len(extract.sensitive):
            home.sensitive.replace(extract.sensitive)
    ignored = {**converted, **extract.ignored}
    return ImportSummary(
        persons=extract.stays["person"].nunique(),
        events=len(extract.events),
        new_events=new_events,
        quarantined=extract.quarantine.groupby("file")["row"].nunique().sum().item(),
        ignored=sum(ignored.values()),
        ignored_by=ignored,
        not_informed=not_informed,
        extracted_on=extract.extracted_on,
        quarantine=quarantine,
    )


@contextmanager
def _restored_on_failure(*folders: Path) -> Iterator[None]:
    """Put small folders back as they were, byte for byte, where the block fails."""
    there = [folder for folder in folders if folder.is_dir()]
    before = {path: path.read_bytes() for path in _files(there)}
    try:
        yield
    except BaseException:
        present = [folder for folder in folders if folder.is_dir()]
        for path in _files(present) - before.keys():
            path.unlink()
        for folder in present:
            if folder not in there:
                folder.rmdir()
        for path, content in before.items():
            path.write_bytes(content)
        raise


def _files(folders: Iterable[Path]) -> set[Path]:
    return {path for folder in folders for path in folder.iterdir() if path.is_file()}


def _check_legal(extract: Extract) -> None:
    legal = extract.protocol.legal
    for name, value in (("controller", legal.controller), ("basis", legal.basis)):
        if not value.strip():
            raise LegalBasisMissing(
                f"[legal] {name} is empty in the protocol; a production home needs it filled in."
            )


def _stays(stays: pd.DataFrame) -> list[Stay]:
    return [
        Stay(
            person=row.person,
            team=row.team,
            referent=_given(row.referent),
            entered_on=row.entered_on.date(),
            left_on=_day(row.left_on),
            informed_on=_day(row.informed_on),
        )
        for row in stays.itertuples()
    ]


def _identities(identities: pd.DataFrame) -> Iterable[tuple[str, str, str | None, str]]:
    contacts = identities.drop(columns=["person", "person_id", "display_name"])
    for row, contact in zip(
        identities.itertuples(), contacts.to_dict(orient="records"), strict=True
    ):
        given = {k: v for k, v in contact.items() if not pd.isna(v)}
        yield row.person, row.person_id, _given(row.display_name), json.dumps(given)


def _write_quarantine(home: Home, extract: Extract) -> Path | None:
    """Write file, row, column and reason; never the value, which may identify."""
    if extract.quarantine.empty:
        return None
    home.quarantine.mkdir(exist_ok=True)
    path = home.quarantine / f"{extract.extracted_on.isoformat()}.csv"
    extract.quarantine.to_csv(path, index=False)
    return path


def _given(value: object) -> str | None:
    return None if pd.isna(value) else str(value)


def _day(value: pd.Timestamp) -> date | None:
    return None if pd.isna(value) else value.date()
