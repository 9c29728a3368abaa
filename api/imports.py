"""Import, composed: connector, intake, stores, directory and vault, in one step or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

import pandas as pd

from api.home import IMPORT, Home
from api.quality import withhold_ignored, write_quality
from api.scope import check_legal
from features.connectors import meds, oulad
from features.engine import StoreEngine
from features.errors import RebondError
from features.intake import Extract, read_folder
from features.quality import measure_quality
from features.sensitive import SensitiveStore
from features.staging import Staging, staging
from features.store import EventStore
from revue.directory import sync_people
from revue.evidence import seal_before
from revue.journal import record
from revue.notices import import_notices
from revue.records import Actor, Stay
from revue.vault import Identity, store_identities

Progress = Callable[[str], None]


class Source(StrEnum):
    """The kinds of folders that can be imported."""

    CANONICAL = "canonical"
    MEDS = "meds"
    OULAD = "oulad"


class SimulatedData(RebondError):
    """A production home never holds invented histories."""


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
    SimulatedData, api.scope.LegalBasisMissing
        What a production home refuses.
    ProtocolNeeded
        A MEDS folder without ``--protocol``.
    """
    with staging(home.folder, home.was_committed) as stage:
        canonical, converted = folder, {}
        if source is not Source.CANONICAL:
            progress(f"reading the {source} folder")
            if source is Source.MEDS and protocol is None:
                raise ProtocolNeeded("a MEDS folder brings no protocol: pass --protocol FILE.")
            convert = oulad.convert if source is Source.OULAD else meds.convert
            canonical = stage.scratch / "canonical"
            converted = dict(convert(folder, canonical))
        production = home.settings.production
        if production and (canonical / "truth.json").exists():
            raise SimulatedData(
                f"{folder.name}/ holds simulated histories; a production home takes none."
            )
        progress("checking rows")
        # Read under the lock: who objects meanwhile is applied to what this import brings.
        kept_out = home.person_keys.kept_out()
        extract = read_folder(
            canonical,
            home.keys,
            stage.scratch,
            protocol,
            kept_out=kept_out,
            kept_from=home.kept_from(home.today()) if production else None,
        )
        if home.settings.production:
            check_legal(extract.protocol)
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
            stored_on = home.today() if home.settings.production else extract.extracted_on
            SensitiveStore(place, home.keys).replace(extract.sensitive, on=stored_on)
        sealed = stage.seal(last=home.store.manifest_place)
        with home.transaction() as session:
            home.check_epoch(session)
            now = home.now()
            sync_people(session, _stays(everybody), by=by, now=now)
            seal_before(session, home.person_keys, home.today(), by=by, now=now)
            import_notices(session, _informed(everybody), by=by, now=now)
            store_identities(session, home.person_keys, _identities(extract), by=by, now=now)
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


def _informed(stays: pd.DataFrame) -> dict[str, date]:
    """Return when each person was told first, as the service's own software says."""
    first = stays.dropna(subset="informed_on").groupby("person")["informed_on"].min()
    return {str(person): told.date() for person, told in first.items()}


def _identities(extract: Extract) -> Iterator[Identity]:
    given = extract.identities.drop(columns="person_id", errors="ignore").to_dict("records")
    named = {row.pop("person"): row for row in given}
    for row in extract.given_ids.itertuples():
        contacts = {k: str(v) for k, v in named.get(row.person, {}).items() if not pd.isna(v)}
        name = contacts.pop("display_name", None)
        yield Identity(
            row.person,
            row.person_id,
            _given(row.household_id),
            name,
            contacts if row.person in named else None,
        )


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
