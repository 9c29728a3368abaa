from __future__ import annotations

import ast
from pathlib import Path

import pandas as pd
import pytest

from features.keys import Keyring, SealBroken, create_keys
from features.sensitive import NoAttributes, SensitiveStore

from .builders import event, events_of, read, stay, write_folder

ROOT = Path(__file__).parents[2]
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
    store.replace(read(folder, keys).sensitive)
    return store


def test_attributes_come_in_the_order_asked(sealed: SensitiveStore, keys: Keyring) -> None:
    one, two = keys.pseudonym("P1"), keys.pseudonym("P2")
    table = sealed.attributes([two, "nobody", one, two], ["interprete", "genre"])
    assert list(table.columns) == ["interprete", "genre"]
    assert table["genre"].tolist()[0] == table["genre"].tolist()[3] == "CANARY-M"
    assert table["genre"].tolist()[2] == "CANARY-F"
    assert table["interprete"].isna().tolist() == [True, True, False, True]


def test_an_attribute_nobody_imported_is_said(
    sealed: SensitiveStore, tmp_path: Path, keys: Keyring
) -> None:
    with pytest.raises(NoAttributes, match="'age'"):
        sealed.attributes([keys.pseudonym("P1")], ["genre", "age"])
    with pytest.raises(NoAttributes, match="'genre'"):
        SensitiveStore(tmp_path / "never", keys).attributes([], ["genre"])


def test_a_new_import_takes_the_place_of_the_old(sealed: SensitiveStore, keys: Keyring) -> None:
    only = pd.DataFrame({"person": ["x"], "attribute": ["genre"], "value": ["f"]}, dtype="str")
    sealed.replace(only)
    assert sealed.attributes([keys.pseudonym("P1")], ["genre"])["genre"].isna().all()
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
        other.attributes([], ["genre"])
    with pytest.raises(SealBroken):
        keys.unseal("prevention", sealed.file.read_bytes())
    content = bytearray(sealed.file.read_bytes())
    content[len(content) // 2] ^= 1
    for broken in (bytes(content), content[:40], content[:3], b""):
        sealed.file.write_bytes(broken)
        with pytest.raises(SealBroken):
            sealed.attributes([], ["genre"])


@pytest.mark.safeguard
def test_s07_the_audit_rows_do_not_join_with_the_events(
    sealed: SensitiveStore, keys: Keyring
) -> None:
    import io  # noqa: PLC0415 - only an attacker who holds the audit key reads it this way

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
