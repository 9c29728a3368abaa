"""Import, composed: connector, intake, stores, directory and vault, in one step or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

import pandas as pd

from api.home import IMPORT, Home
from api.quality import withhold_ignored, write_quality
from features.connectors import meds, oulad
from features.engine import StoreEngine
from features.errors import RebondError
from features.intake import Extract, read_folder
from features.quality import measure_quality
from features.sensitive import SensitiveStore
from features.staging import Staging, staging
from features.store import EventStore
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
    """What one import did.

    ``ignored`` is about the whole folder; of ``ignored_by``, families with too few rows are None.
    ``absent`` are persons of the store with an open stay whom this extract does not name.
    """

    persons: int
    events: int
    new_events: int
    quarantined: int
    ignored: int
    ignored_by: Mapping[str, int | None]
    not_informed: int
    absent: int
    extracted_on: date
    quarantine: Path | None
    quality: Path


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
    features.intake.reading.ImportRefused, features.protocol.InvalidProtocol
        The folder cannot be used.
    features.staging.ImportRunning, features.store.OlderExtract
        Another import is running, or the home holds a newer extract.
    SimulatedData, LegalBasisMissing
        What a production home refuses.
    ProtocolNeeded
        A MEDS folder without ``--protocol``.
    """
    with staging(home.folder, home.was_imported) as stage:
        canonical, converted = folder, {}
        if source is not Source.CANONICAL:
            progress(f"reading the {source} folder")
            if source is Source.MEDS and protocol is None:
                raise ProtocolNeeded("a MEDS folder brings no protocol: pass --protocol FILE.")
            convert = oulad.convert if source is Source.OULAD else meds.convert
            canonical = stage.scratch / "canonical"
            converted = dict(convert(folder, canonical))
        if home.settings.production and (canonical / "truth.json").exists():
            raise SimulatedData(
                f"{folder.name}/ holds simulated histories; a production home takes none."
            )
        progress("checking rows")
        extract = read_folder(canonical, home.keys, stage.scratch, protocol)
        if home.settings.production:
            _check_legal(extract)
        progress("storing")
        everybody = home.store.stays_with(extract)
        absent = _absent(everybody, extract)
        new_events = home.store.add(extract, stage)
        quarantine = home.quarantine / f"{extract.extracted_on.isoformat()}.csv"
        set_aside_anew = _stage_quarantine(home, quarantine, extract, stage)
        ignored = {**converted, **extract.ignored}
        quality = home.quality / f"{extract.extracted_on.isoformat()}.html"
        # Imported again, an extract has nothing new to say of itself: its report stands.
        if _changes(home, stage) or set_aside_anew or not quality.exists():
            progress("measuring quality")
            _stage_quality(home, extract, ignored, absent, stage)
        if len(extract.sensitive):
            place = stage.path(str(home.sensitive.file.relative_to(home.folder)))
            SensitiveStore(place, home.keys).replace(extract.sensitive)
        sealed = stage.seal(last=home.store.manifest_place)
        with home.transaction() as session:
            now = home.now()
            sync_people(session, _stays(everybody), by=by, now=now)
            if len(extract.identities):
                rows = _identities(extract.identities)
                store_identities(session, home.keys, rows, by=by, now=now)
            record(
                session,
                actor=by,
                act=IMPORT,
                # What was sealed takes its place if, and only if, this entry is committed.
                subject=f"{extract.extracted_on.isoformat()} {sealed}",
                details={
                    "protocol": extract.protocol.hash,
                    "events": extract.event_rows,
                    "quarantined": len(extract.quarantine),
                },
                now=now,
            )
    told = extract.stays["informed_on"].notna()
    return ImportSummary(
        persons=extract.stays["person"].nunique(),
        events=extract.event_rows,
        new_events=new_events,
        quarantined=extract.quarantine.groupby("file")["row"].nunique().sum().item(),
        ignored=sum(ignored.values()),
        ignored_by=withhold_ignored(ignored),
        not_informed=int(extract.stays.loc[~told, "person"].nunique()),
        absent=absent,
        extracted_on=extract.extracted_on,
        quarantine=None if extract.quarantine.empty else quarantine,
        quality=quality,
    )


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


def _absent(stays: pd.DataFrame, extract: Extract) -> int:
    """Count who has an open stay in the store and is not in an extract."""
    is_open = stays["left_on"].isna() | (stays["left_on"] >= pd.Timestamp(extract.extracted_on))
    named = stays["person"].isin(set(extract.stays["person"]))
    return int(stays.loc[is_open & ~named, "person"].nunique())


def _changes(home: Home, stage: Staging) -> bool:
    """Say whether the store will hold something else than now."""
    staged = EventStore(stage.path(home.store.manifest_place).parent)
    return staged.manifest != home.store.manifest


def _stage_quality(
    home: Home, extract: Extract, ignored: Mapping[str, int], absent: int, stage: Staging
) -> None:
    known = StoreEngine(home.store).codes() if home.store.manifest.events else frozenset()
    quality = measure_quality(
        extract.events,
        extract.stays,
        protocol=extract.protocol,
        extracted_on=extract.extracted_on,
        quarantine=extract.quarantine,
        ignored=ignored,
        known_codes=known,
        absent=absent,
    )
    write_quality(quality, stage.path(f"{home.quality.name}/report").parent)


def _stage_quarantine(home: Home, path: Path, extract: Extract, stage: Staging) -> bool:
    """Write file, row, column and reason; never the value, which may identify.

    Where nothing was set aside, only the header takes the place of what an earlier import of the
    same day left; returns whether the file becomes another.
    """
    if extract.quarantine.empty and not path.exists():
        return False
    staged = stage.path(str(path.relative_to(home.folder)))
    extract.quarantine.to_csv(staged, index=False)
    return not path.exists() or path.read_bytes() != staged.read_bytes()


def _given(value: object) -> str | None:
    return None if pd.isna(value) else str(value)


def _day(value: pd.Timestamp) -> date | None:
    return None if pd.isna(value) else value.date()
