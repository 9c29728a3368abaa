"""A refused import leaves a home exactly as it was, wherever it is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.home import Home, create_home
from api.imports import ImportSummary, import_folder
from api.scope import LegalBasisMissing
from api.settings import Settings
from features.errors import RebondError
from features.intake.folder import (
    AttributeMissing,
    OverlappingStays,
    TooManyFaults,
)
from features.intake.reading import WrongColumns
from features.staging import ImportRunning, PlaceTaken, staging
from features.store import OlderExtract, StoreDamaged
from revue import schema
from revue.permissions import Forbidden
from revue.records import Actor, Role
from tests.features.builders import Row, event, protocol_text, stay, write_folder

CLI = Actor(login="cli:test", role=None, team=None)
CLAIRE = Actor(login="claire", role=Role.EDUCATOR, team="nord")

MANY = [event(occurred="2024-02-01") for _ in range(200)]
GENDER: list[Row] = [{"person_id": "P1", "attribute": "genre", "value": "f"}]
NAMED: list[Row] = [{"person_id": "P1", "display_name": "Zoé Nom"}]


def state(home: Home) -> dict[str, str]:
    """Return every folder and file of a home; SQLite's own side files come and go."""
    return {
        str(path.relative_to(home.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in sorted(home.folder.rglob("*"))
        if not path.name.endswith(("-wal", "-shm"))
    }


def take(home: Home, folder: Path, by: Actor = CLI) -> ImportSummary:
    return import_folder(home, folder, by=by, progress=str)


@pytest.fixture
def empty(tmp_path: Path) -> Home:
    return create_home(tmp_path / "home", tmp_path / "home" / "keys", Settings())


@pytest.fixture
def filled(empty: Home, tmp_path: Path) -> Home:
    """A home with every kind of file that an import leaves: two rows are in quarantine."""
    folder = write_folder(
        tmp_path / "first",
        events=[*MANY, event("nobody"), event("nobody")],
        sensitive=GENDER,
        identities=NAMED,
    )
    assert take(empty, folder).quarantined == 2
    assert {"quarantine/2024-12-31.csv", "sensitive/attributes.sealed"} <= state(empty).keys()
    return empty


@dataclass(frozen=True)
class Refusal:
    """A folder or an actor that is refused, and with which error."""

    write: Callable[[Path], Path]
    error: type[RebondError]
    by: Actor = CLI


def everything(folder: Path) -> Path:
    """Write a folder that touches every store, with a quarantine of its own."""
    return write_folder(
        folder,
        [stay(team="sud"), stay("P2")],
        [*MANY, event("P2"), event("somebody")],
        sensitive=[{**GENDER[0], "value": "h"}],
        identities=[{**NAMED[0], "display_name": "Zoé Autre"}],
    )


REFUSALS = {
    "columns": Refusal(lambda f: write_folder(f, [stay(note="x")]), WrongColumns),
    "stays": Refusal(lambda f: write_folder(f, [stay(), stay()]), OverlappingStays),
    "rows": Refusal(lambda f: write_folder(f, events=[event("nobody")]), TooManyFaults),
    "attribute": Refusal(
        lambda f: write_folder(
            f, sensitive=GENDER, protocol=protocol_text(audit='[audit]\nattributes = ["gendre"]')
        ),
        AttributeMissing,
    ),
    "actor": Refusal(everything, Forbidden, CLAIRE),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_first_import_leaves_the_home_as_it_was(
    name: str, empty: Home, tmp_path: Path
) -> None:
    before, refusal = state(empty), REFUSALS[name]
    with pytest.raises(refusal.error):
        take(empty, refusal.write(tmp_path / "in"), refusal.by)
    assert state(empty) == before and empty.store.extracted_on is None


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_later_import_leaves_the_home_as_it_was(
    name: str, filled: Home, tmp_path: Path
) -> None:
    before, refusal = state(filled), REFUSALS[name]
    with pytest.raises(refusal.error):
        take(filled, refusal.write(tmp_path / "in"), refusal.by)
    assert state(filled) == before


def test_an_older_extract_takes_nothing_back(filled: Home, tmp_path: Path) -> None:
    before = state(filled)
    older = write_folder(
        tmp_path / "in", [stay(left="2024-05-01", team="sud")], extracted_on="2024-06-30"
    )
    with pytest.raises(OlderExtract, match=r"2024-06-30.*2024-12-31"):
        take(filled, older)
    assert state(filled) == before


def test_a_second_import_at_the_same_time_changes_nothing(empty: Home, tmp_path: Path) -> None:
    folder = everything(tmp_path / "in")
    before = state(empty)
    with staging(empty.folder, empty.was_committed), pytest.raises(ImportRunning):
        take(empty, folder)
    assert state(empty) == before


@pytest.mark.parametrize("home", ["empty", "filled"])
def test_a_place_that_is_taken_refuses_before_anything_changes(
    home: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place: Home = request.getfixturevalue(home)
    if home == "empty":
        place.sensitive.file.parent.write_text("a file where a folder should be")
    else:
        place.sensitive.file.unlink()
        place.sensitive.file.mkdir()
    before = state(place)
    with pytest.raises(PlaceTaken, match="sensitive"):
        take(place, everything(tmp_path / "in"))
    assert state(place) == before


def test_a_production_home_that_refuses_stays_as_it_was(tmp_path: Path) -> None:
    home = create_home(tmp_path / "home", tmp_path / "home" / "keys", Settings(production=True))
    before = state(home)
    with pytest.raises(LegalBasisMissing):
        take(home, write_folder(tmp_path / "in"))
    assert state(home) == before


def test_what_was_refused_once_mended_is_taken(empty: Home, tmp_path: Path) -> None:
    with pytest.raises(TooManyFaults):
        take(empty, write_folder(tmp_path / "in", events=[event("nobody")]))
    summary = take(empty, everything(tmp_path / "in"))
    assert (summary.persons, summary.events, summary.quarantined) == (2, 201, 1)
    assert summary.extracted_on == empty.store.extracted_on == date(2024, 12, 31)


def test_a_folder_is_read_and_never_a_pattern(empty: Home, tmp_path: Path) -> None:
    """``lot[1]`` is a name; the data engine would read it as ``lot1``."""
    write_folder(tmp_path / "lot1", [stay("P1"), stay("P2")], MANY)
    write_folder(tmp_path / "lot[1]", [stay("P1")], MANY)
    write_folder(tmp_path / "a=b?", [stay("P1")], MANY)
    assert take(empty, tmp_path / "lot[1]").persons == 1
    assert take(empty, tmp_path / "a=b?").new_events == 0


def test_an_import_of_some_keeps_the_others_in_the_directory(empty: Home, tmp_path: Path) -> None:
    both = [stay("P1", referent="ana"), stay("P2", referent="ana")]
    take(empty, write_folder(tmp_path / "both", both, MANY))
    take(empty, write_folder(tmp_path / "one", both[:1], MANY))
    with empty.transaction() as session:
        assert len(session.scalars(select(schema.Person)).all()) == 2
    assert empty.store.stays()["person"].nunique() == 2


@pytest.mark.safeguard
@pytest.mark.parametrize("damage", [b"", b"PAR1 something else", None])
def test_s31_a_changed_segment_is_not_read(
    empty: Home, tmp_path: Path, damage: bytes | None
) -> None:
    take(empty, write_folder(tmp_path / "in", [stay("P1")], MANY))
    segment = empty.store.folder / empty.store.manifest.events[0].file
    if damage is None:
        segment.unlink()
    else:
        segment.write_bytes(damage)
    with pytest.raises(StoreDamaged, match="backup"):
        empty.store.events()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("extract.toml", "extracted_on = 9999-12-31"),
        ("extract.toml", "a = " + "[" * 5000),
        ("protocol.toml", "a = " + "[" * 5000),
        ("protocol.toml", "name = " + "9" * 5000),
        ("protocol.toml", protocol_text().replace("horizon_days = 90", "horizon_days = 1000000")),
    ],
)
def test_numbers_beyond_belief_are_refused_at_once(
    empty: Home, tmp_path: Path, name: str, text: str
) -> None:
    folder = write_folder(tmp_path / "in", [stay("P1")], MANY)
    (folder / name).write_text(text, encoding="utf-8")
    before = state(empty)
    with pytest.raises(RebondError, match=name):
        take(empty, folder)
    assert state(empty) == before


def report(home: Home) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home.quality / "2024-12-31.json").read_text("utf-8"))
    return found


def test_the_same_folder_again_renews_no_report_and_no_quarantine(
    filled: Home, tmp_path: Path
) -> None:
    before = state(filled)
    again = take(filled, tmp_path / "first")
    assert again.new_events == 0 and again.quarantine is not None
    after = state(filled)
    changed = {
        place for place in before.keys() | after.keys() if before.get(place) != after.get(place)
    }
    # Sealed anew, under a nonce of its own.
    assert changed <= {"sensitive/attributes.sealed"}


def test_a_corrected_import_of_the_day_leaves_no_old_quarantine(
    filled: Home, tmp_path: Path
) -> None:
    summary = take(filled, write_folder(tmp_path / "in", events=MANY, sensitive=GENDER))
    assert (summary.new_events, summary.quarantined, summary.quarantine) == (0, 0, None)
    held = (filled.quarantine / "2024-12-31.csv").read_text(encoding="utf-8")
    assert held == "file,row,column,reason\n"
    assert report(filled)["counts"]["quarantined"] == 0
    before = state(filled)
    take(filled, write_folder(tmp_path / "in", events=MANY, sensitive=GENDER))
    assert report(filled)["counts"]["quarantined"] == 0
    assert state(filled)["quarantine/2024-12-31.csv"] == before["quarantine/2024-12-31.csv"]


CORRECTIONS = {
    "stays": ([stay(team="sud")], protocol_text()),
    "persons": ([stay(), stay("P2")], protocol_text()),
    "protocol": ([stay()], protocol_text() + "# corrected\n"),
}


@pytest.mark.parametrize("name", CORRECTIONS)
def test_a_correction_of_the_day_without_new_events_renews_the_report(
    name: str, empty: Home, tmp_path: Path
) -> None:
    stays, protocol = CORRECTIONS[name]
    take(empty, write_folder(tmp_path / "in", [stay()], MANY))
    assert report(empty)["first_import"]
    corrected = write_folder(tmp_path / "corrected", stays, MANY, protocol=protocol)
    assert take(empty, corrected).new_events == 0
    assert not report(empty)["first_import"]
    assert (report(empty)["teams"][0]["team"] == "sud") == (name == "stays")


def test_who_is_not_in_a_later_extract_is_counted_and_said(empty: Home, tmp_path: Path) -> None:
    persons = [stay(f"P{n}") for n in range(40)]
    gone = [stay("gone", left="2024-06-01")]
    first = take(empty, write_folder(tmp_path / "all", [*persons, *gone], MANY))
    assert first.absent == 0
    later = write_folder(tmp_path / "later", persons[:15], MANY, extracted_on="2025-01-31")
    assert take(empty, later).absent == 25
    told = json.loads((empty.quality / "2025-01-31.json").read_text("utf-8"))
    assert told["counts"]["absent"] == 25
    (said,) = [sentence for sentence in told["findings"] if "ne figurent pas" in sentence]
    assert said.startswith("25 personnes") and "left_on" in said


@pytest.mark.safeguard
def test_s21_few_who_are_absent_are_said_without_their_number(empty: Home, tmp_path: Path) -> None:
    persons = [stay(f"P{n}") for n in range(40)]
    take(empty, write_folder(tmp_path / "all", persons, MANY))
    later = write_folder(tmp_path / "later", persons[:-3], MANY, extracted_on="2025-01-31")
    take(empty, later)
    told = json.loads((empty.quality / "2025-01-31.json").read_text("utf-8"))
    assert told["counts"]["absent"] is None
    assert any(sentence.startswith("Moins de 11 personnes") for sentence in told["findings"])


@pytest.mark.safeguard
def test_s21_a_family_with_few_rows_is_not_counted_in_the_summary(
    empty: Home, tmp_path: Path
) -> None:
    row = event(code="langue//interprete_present")
    summary = take(empty, write_folder(tmp_path / "in", events=[*MANY, row]))
    assert summary.ignored_by == {"langue": None}


@pytest.mark.safeguard
@pytest.mark.parametrize("column", ["etat_de_sante", "x1"])
@pytest.mark.parametrize("file", ["persons", "events"])
def test_s04_a_column_under_any_name_is_refused_and_changes_nothing(
    filled: Home, tmp_path: Path, file: str, column: str
) -> None:
    """A health column renamed is one that nobody knows: none is dropped in silence."""
    folder = write_folder(tmp_path / "second", events=MANY)
    (found,) = folder.glob(f"{file}.*")
    head, *lines = found.read_text(encoding="utf-8").splitlines()
    separator = ";" if ";" in head else ","
    renamed = [f"{head}{separator}{column}", *(f"{line}{separator}x" for line in lines)]
    found.write_text("\n".join(renamed) + "\n", encoding="utf-8")
    before = state(filled)
    with pytest.raises(WrongColumns, match=column):
        take(filled, folder)
    assert state(filled) == before
