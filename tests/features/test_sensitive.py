from __future__ import annotations

import ast
import io
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from features.keys import Keyring, SealBroken, create_keys
from features.sensitive import AttributesExpired, NoAttributes, SensitiveStore

from .builders import event, events_of, read, stay, write_folder

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 23)
ROWS = [
    {"person_id": "P1", "attribute": "genre", "value": "CANARY-F"},
    {"person_id": "P1", "attribute": "interprete", "value": "CANARY-OUI"},
    {"person_id": "P2", "attribute": "genre", "value": "CANARY-M"},
    {"person_id": "P2", "attribute": "interprete", "value": ""},
]


@pytest.fixture
def sealed(tmp_path: Path, keys: Keyring) -> SensitiveStore:
    folder = write_folder(tmp_path / "in", [stay(), stay("P2")], sensitive=ROWS)
    store = SensitiveStore(tmp_path / "audit" / "sensitive.sealed", keys)
    store.replace(read(folder, keys).sensitive, on=TODAY)
    return store


def test_attributes_come_in_the_order_asked(sealed: SensitiveStore, keys: Keyring) -> None:
    one, two = keys.pseudonym("P1"), keys.pseudonym("P2")
    table = sealed.attributes([two, "nobody", one, two], ["interprete", "genre"], on=TODAY)
    assert list(table.columns) == ["interprete", "genre"]
    assert table["genre"].tolist()[0] == table["genre"].tolist()[3] == "CANARY-M"
    assert table["genre"].tolist()[2] == "CANARY-F"
    assert table["interprete"].isna().tolist() == [True, True, False, True]


def test_an_attribute_nobody_imported_is_said(
    sealed: SensitiveStore, tmp_path: Path, keys: Keyring
) -> None:
    with pytest.raises(NoAttributes, match="'age'"):
        sealed.attributes([keys.pseudonym("P1")], ["genre", "age"], on=TODAY)
    with pytest.raises(NoAttributes, match="'genre'"):
        SensitiveStore(tmp_path / "never", keys).attributes([], ["genre"], on=TODAY)


def test_a_new_import_takes_the_place_of_the_old(sealed: SensitiveStore, keys: Keyring) -> None:
    only = pd.DataFrame({"person": ["x"], "attribute": ["genre"], "value": ["f"]}, dtype="str")
    sealed.replace(only, on=TODAY)
    assert sealed.attributes([keys.pseudonym("P1")], ["genre"], on=TODAY)["genre"].isna().all()
    assert [p.name for p in sealed.file.parent.iterdir()] == [sealed.file.name]


@pytest.mark.safeguard
def test_s05_sealed_bytes_hold_no_value_attribute_or_pseudonym(
    sealed: SensitiveStore, keys: Keyring
) -> None:
    content = sealed.file.read_bytes()
    person = keys.pseudonym("P1")
    for canary in ("CANARY", "genre", "person", person, keys.pseudonym(person, "audit"), "PAR1"):
        assert canary.encode() not in content


@pytest.mark.safeguard
def test_s05_another_key_purpose_or_a_changed_byte_opens_nothing(
    sealed: SensitiveStore, tmp_path: Path, keys: Keyring
) -> None:
    other = SensitiveStore(sealed.file, create_keys(tmp_path / "other"))
    with pytest.raises(SealBroken):
        other.attributes([], ["genre"], on=TODAY)
    with pytest.raises(SealBroken):
        keys.unseal("prevention", sealed.file.read_bytes())
    content = bytearray(sealed.file.read_bytes())
    content[len(content) // 2] ^= 1
    for broken in (bytes(content), content[:40], content[:3], b""):
        sealed.file.write_bytes(broken)
        with pytest.raises(SealBroken):
            sealed.attributes([], ["genre"], on=TODAY)


@pytest.mark.safeguard
def test_s07_the_audit_rows_do_not_join_with_the_events(
    sealed: SensitiveStore, keys: Keyring
) -> None:
    inside = pd.read_parquet(io.BytesIO(keys.unseal("audit", sealed.file.read_bytes())))
    events = {keys.pseudonym("P1"), keys.pseudonym("P2")}
    assert events.isdisjoint(inside["person"])
    assert {keys.pseudonym(p, "audit") for p in events} == set(inside["person"])


@pytest.mark.safeguard
def test_s05_training_scoring_and_queue_never_import_the_sensitive_store() -> None:
    for room in ("features", "modeles", "revue"):
        for path in (ROOT / room).rglob("*.py"):
            if path.name == "sensitive.py":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = (
                    [node.module or "", *(a.name for a in node.names)]
                    if isinstance(node, ast.ImportFrom)
                    else [a.name for a in node.names]
                    if isinstance(node, ast.Import)
                    else []
                )
                assert not any("sensitive" in name for name in names), path


@pytest.mark.safeguard
def test_s05_attributes_never_reach_the_events_or_stays(tmp_path: Path, keys: Keyring) -> None:
    folder = write_folder(tmp_path, [stay(), stay("P2")], [event()], sensitive=ROWS)
    extract = read(folder, keys)
    for table in (events_of(extract), extract.stays):
        assert "CANARY" not in table.to_csv() and "genre" not in table.to_csv()


def days(number: int) -> date:
    return TODAY + timedelta(days=number)


@pytest.mark.safeguard
def test_s05_attributes_outlive_neither_a_year_without_audit_nor_a_month_after_one(
    sealed: SensitiveStore,
) -> None:
    sealed.attributes([], ["genre"], on=days(365))
    with pytest.raises(AttributesExpired, match="never audited"):
        sealed.attributes([], ["genre"], on=days(366))
    sealed.mark_audited(on=days(10))
    sealed.attributes([], ["genre"], on=days(40))
    for late in (41, 366, 5000):
        with pytest.raises(AttributesExpired, match="last audited on 2026-12-03"):
            sealed.attributes([], ["genre"], on=days(late))
        with pytest.raises(AttributesExpired):
            sealed.mark_audited(on=days(late))  # an audit too late gives nothing back
    assert not sealed.purge(days(40)) and sealed.file.exists()
    assert sealed.purge(days(41)) and not sealed.file.exists() and not sealed.purge(days(41))


@pytest.mark.safeguard
def test_s05_the_clock_of_the_file_system_gives_no_attribute_more_time(
    sealed: SensitiveStore,
) -> None:
    sealed.mark_audited(on=TODAY)
    os.utime(sealed.file, (4e9, 4e9))
    with pytest.raises(AttributesExpired):
        sealed.attributes([], ["genre"], on=days(31))


def test_a_file_sealed_before_days_were_written_down_goes_by_the_file_system(
    sealed: SensitiveStore, keys: Keyring
) -> None:
    plain = keys.unseal("audit", sealed.file.read_bytes())
    buffer = io.BytesIO()
    pd.read_parquet(io.BytesIO(plain)).to_parquet(buffer, index=False)
    sealed.file.write_bytes(keys.seal("audit", buffer.getvalue()))
    made = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
    os.utime(sealed.file, (made, made))
    assert len(sealed.attributes([keys.pseudonym("P1")], ["genre"], on=days(365))) == 1
    with pytest.raises(AttributesExpired, match="stored on 2026-11-23"):
        sealed.attributes([], ["genre"], on=days(366))


def test_taking_a_person_out_gives_the_others_no_more_time(
    sealed: SensitiveStore, tmp_path: Path, keys: Keyring
) -> None:
    sealed.mark_audited(on=TODAY)
    one, two = keys.pseudonym("P1"), keys.pseudonym("P2")
    taken = sealed.of([one])
    sealed.exchange(tmp_path / "without", out=[one], back={}, on=days(20))
    without = SensitiveStore(tmp_path / "without", keys)
    assert without.of([one, two]) == sealed.of([two])
    without.exchange(tmp_path / "with", out=[], back=taken, on=days(20))
    again = SensitiveStore(tmp_path / "with", keys)
    assert again.of([one, two]) == sealed.of([one, two])
    with pytest.raises(AttributesExpired):
        again.attributes([], ["genre"], on=days(31))
