"""Both connectors end in a folder that the one intake reads, and count what they leave out."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.catalogue import catalogue
from features.connectors import meds, oulad
from features.keys import Keyring
from features.protocol import read_protocol

from .builders import events_of, read

OULAD = Path(__file__).parents[3] / "shared" / "data" / "oulad"
KEYS = Keyring(b"k" * 32, Ed25519PrivateKey.generate())

needs_oulad = pytest.mark.skipif(
    not OULAD.is_dir(), reason="the OULAD files are not in ../shared/data/oulad"
)

COUNTED = {
    "banked_submissions": 720,
    "events_after_extract": 62_195,
    "events_of_stays_ending_before_they_begin": 1_501,
    "stays_ending_before_they_begin": 961,
}


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, int]]:
    target = tmp_path_factory.mktemp("oulad")
    return target, oulad.convert(OULAD, target)


def _rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as database:
        database.read_csv(str(folder / "persons.csv"), all_varchar=True).create_view("persons")
        database.read_csv(str(folder / "sensitive.csv"), all_varchar=True).create_view("sensitive")
        database.read_parquet(str(folder / "events.parquet")).create_view("events")
        return database.sql(query).fetchall()


def test_the_oulad_protocol_loads_and_knows_its_dates() -> None:
    protocol = read_protocol(Path(oulad.__file__).with_name("oulad.toml"))
    assert protocol.validation.test_from == date(2013, 10, 1)
    start = protocol.cadence.start
    last_mature = oulad.EXTRACTED_ON.toordinal() - protocol.outcome.horizon_days
    assert (date(2013, 10, 1) - start).days % protocol.cadence.every_days == 0
    assert (last_mature - start.toordinal()) % protocol.cadence.every_days == 0
    assert 20 <= len(catalogue(protocol)) <= 45


@needs_oulad
def test_what_oulad_leaves_out_is_counted(converted: tuple[Path, Mapping[str, int]]) -> None:
    assert converted[1] == COUNTED


@needs_oulad
def test_every_registration_is_a_stay_or_counted(
    converted: tuple[Path, Mapping[str, int]],
) -> None:
    folder, ignored = converted
    ((stays, without_entry, undated),) = _rows(
        folder,
        "SELECT count(*), count(*) FILTER (entered_on IS NULL), "
        "count(*) FILTER (left_on = 'inconnue') FROM persons",
    )
    assert stays + ignored["stays_ending_before_they_begin"] == 13_529
    assert (without_entry, undated) == (18, 3)


@needs_oulad
def test_oulad_clicks_are_summed_and_work_has_no_mark(
    converted: tuple[Path, Mapping[str, int]],
) -> None:
    folder, _ = converted
    ((clicks,),) = _rows(
        folder,
        "SELECT sum(numeric_value) FROM events WHERE code LIKE 'click//%' "
        "AND person_id LIKE 'BBB-2013B-%'",
    )
    vle = pd.read_parquet(OULAD / "studentVle.parquet")
    chosen = (vle["code_module"] == "BBB") & (vle["code_presentation"] == "2013B")
    source = vle.loc[chosen, "sum_click"].sum()
    assert 0.99 * source < clicks <= source
    families = {row[0] for row in _rows(folder, "SELECT DISTINCT code FROM events")}
    assert {c.split("//")[0] for c in families} == {
        "click", "soumission", "echeance", "unregistration",
    }  # fmt: skip
    early_but_late = _rows(
        folder,
        "SELECT count(*) FROM events WHERE code LIKE '%//retard' AND numeric_value >= 0 "
        "OR code IN ('soumission//TMA', 'soumission//CMA') AND numeric_value < 0",
    )
    assert early_but_late == [(0,)]


@needs_oulad
def test_a_missed_deadline_is_known_the_day_after_and_only_while_registered(
    converted: tuple[Path, Mapping[str, int]],
) -> None:
    folder, _ = converted
    first_deadline = "SELECT min(occurred_at) FROM events WHERE code = 'echeance//manquee//TMA'"
    assert _rows(folder, first_deadline) == [(date(2013, 2, 21),)]  # BBB-2013B: day 19, then 1
    after_leaving = _rows(
        folder,
        "SELECT count(*) FROM events JOIN persons USING (person_id) "
        "WHERE code = 'echeance//manquee//TMA' AND occurred_at > TRY_CAST(left_on AS DATE)",
    )
    assert after_leaving == [(0,)]


@needs_oulad
def test_oulad_passes_the_one_intake(converted: tuple[Path, Mapping[str, int]]) -> None:
    extract = read(converted[0], KEYS)
    assert extract.extracted_on == oulad.EXTRACTED_ON
    assert len(extract.stays) == 12_568 - 18 - 3
    faulty = extract.quarantine[extract.quarantine["file"] == "persons"]
    assert faulty["row"].nunique() == 18 + 3
    assert extract.sensitive["attribute"].nunique() == 5
    missing = extract.sensitive.query("attribute == 'imd_band'")["person"].nunique()
    assert missing < len(extract.stays)


@needs_oulad
def test_an_oulad_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    shutil.copytree(OULAD, tmp_path / "source", copy_function=shutil.copyfile)
    (tmp_path / "source").chmod(0o755)
    (tmp_path / "source" / "vle.parquet").unlink()
    with pytest.raises(oulad.NotAnOuladFolder, match=r"vle\.parquet"):
        oulad.convert(tmp_path / "source", tmp_path / "target")


MEDS_ROWS = pd.DataFrame(
    {
        "subject_id": [1, 1, 1, 2, 2, 3],
        "time": pd.to_datetime(
            ["2020-03-01 08:00", "2020-05-01", None, "2020-01-05", "2021-01-01", None],
            format="mixed",
        ),
        "code": ["VISIT", "VISIT", "GENDER//F", "VISIT", "MEDS_DEATH", "GENDER//M"],
        "numeric_value": [1.0, None, None, 2.5, None, None],
        "text_value": ["a", None, None, None, None, None],
        "unit": ["x", None, None, None, None, None],
    }
)

MEDS_PROTOCOL = """
name = "visites"
purpose = "prevention"
[outcome]
label = "aucune visite"
kind = "silence"
codes = ["VISIT"]
[[features.group]]
name = "visites"
codes = ["VISIT"]
measures = ["count"]
wording = "visite|visites"
reason = "le rythme des visites"
"""


def _meds(folder: Path, rows: pd.DataFrame) -> Path:
    for name, part in (("train/0", rows.iloc[:3]), ("held_out/0", rows.iloc[3:])):
        file = folder / "data" / f"{name}.parquet"
        file.parent.mkdir(parents=True)
        part.to_parquet(file)
    return folder


def test_meds_enters_at_the_first_dated_event_and_leaves_at_death(tmp_path: Path) -> None:
    ignored = meds.convert(_meds(tmp_path / "source", MEDS_ROWS), tmp_path / "target")
    assert ignored == {"rows_without_time": 2, "other_columns": 2}
    protocol = tmp_path / "visites.toml"
    protocol.write_text(MEDS_PROTOCOL, encoding="utf-8")
    extract = read(tmp_path / "target", KEYS, protocol)
    stays = extract.stays.sort_values("entered_on", ignore_index=True)
    assert list(stays["entered_on"].dt.date) == [date(2020, 1, 5), date(2020, 3, 1)]
    assert stays["left_on"][0] == pd.Timestamp("2021-01-01")
    assert pd.isna(stays["left_on"][1])
    assert set(stays["team"]) == {"meds"}
    assert len(events_of(extract)) == 4
    assert events_of(extract)["numeric_value"].sum() == 3.5
    assert extract.quarantine.empty


def test_a_dated_birth_is_an_entry_and_other_signs_become_one(tmp_path: Path) -> None:
    more = pd.DataFrame(
        {
            "subject_id": [1, 2, 3, 1],
            "time": pd.to_datetime(["1940-01-01", "1989-05-03", None, "2020-04-01"]),
            "code": ["MEDS_BIRTH", "MEDS_BIRTH", "MEDS_BIRTH", "LAB//51006//mg/dL (x)"],
        }
    )
    rows = pd.concat([MEDS_ROWS, more], ignore_index=True)
    ignored = meds.convert(_meds(tmp_path / "source", rows), tmp_path / "target")
    assert ignored == {"rows_without_time": 3, "other_columns": 2}
    persons = pd.read_csv(tmp_path / "target" / "persons.csv")
    assert list(persons["entered_on"]) == ["1940-01-01", "1989-05-03"]
    events = pd.read_parquet(tmp_path / "target" / "events.parquet")
    assert set(events["code"]) == {"VISIT", "MEDS_BIRTH", "MEDS_DEATH", "LAB//51006//mg_dL_x_"}


def test_meds_without_values_has_none(tmp_path: Path) -> None:
    source = _meds(tmp_path / "source", MEDS_ROWS[["subject_id", "time", "code"]])
    assert meds.convert(source, tmp_path / "target")["other_columns"] == 0
    events = pd.read_parquet(tmp_path / "target" / "events.parquet")
    assert events["numeric_value"].isna().all()


def test_a_folder_that_is_not_meds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(meds.NotAMedsFolder, match="no Parquet file"):
        meds.convert(tmp_path / "empty", tmp_path / "target")
    source = _meds(tmp_path / "source", MEDS_ROWS[["subject_id", "time"]])
    with pytest.raises(meds.NotAMedsFolder, match="'code'"):
        meds.convert(source, tmp_path / "target")
