from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.intake import read_folder
from features.keys import Keyring, create_keys
from features.store import EmptyStore, EventStore, ImportRunning, OlderExtract, ProtocolText
from features.tables import EVENTS, STAYS

from .builders import Row, contents, event, protocol_text, stay, write_folder


def add(store: EventStore, folder: Path, keys: Keyring) -> int:
    with store.adding(read_folder(folder, keys)) as new:
        return new


@pytest.fixture
def store(tmp_path: Path) -> EventStore:
    return EventStore(tmp_path / "store")


def test_an_empty_store_says_so(store: EventStore) -> None:
    assert store.extracted_on is None and store.manifest.events == ()
    for ask in (store.events, store.stays, store.protocol):
        with pytest.raises(EmptyStore, match="rebond import"):
            ask()


TWO_PEOPLE = [stay(left="2024-03-01"), stay(entered="2024-04-01"), stay("P2", referent="")]
SOME = [
    event(numeric_value="0.1", event_id="e1", recorded_at="2024-02-02"),
    event(),
    event(),
    event("P2", occurred="2024-02-01 23:59:59.999999"),
]


@pytest.mark.parametrize("events", [SOME, [event()], []])
def test_importing_again_changes_no_byte(
    events: list[Row], store: EventStore, tmp_path: Path, keys: Keyring
) -> None:
    folder = write_folder(tmp_path / "in", TWO_PEOPLE, events)
    assert add(store, folder, keys) == len(events)
    before = contents(store.folder)
    assert add(store, folder, keys) == 0
    assert contents(store.folder) == before


def test_what_is_read_is_what_was_imported(
    store: EventStore, tmp_path: Path, keys: Keyring
) -> None:
    extract = read_folder(write_folder(tmp_path / "in", TWO_PEOPLE, SOME), keys)
    with store.adding(extract):
        pass
    pd.testing.assert_frame_equal(EVENTS.validate(store.events()), extract.events)
    pd.testing.assert_frame_equal(STAYS.validate(store.stays()), extract.stays)
    assert store.protocol().hash == extract.protocol.hash
    assert store.extracted_on == extract.extracted_on
    person = keys.pseudonym("P2")
    alone = extract.events[extract.events["person"] == person].reset_index(drop=True)
    pd.testing.assert_frame_equal(store.events(person), alone)
    assert len(store.stays(person)) == 1 and store.events("nobody").empty


def test_only_one_import_at_a_time(store: EventStore, tmp_path: Path, keys: Keyring) -> None:
    extract = read_folder(write_folder(tmp_path / "in", TWO_PEOPLE, SOME), keys)
    with store.adding(extract), pytest.raises(ImportRunning, match="again"), store.adding(extract):
        pass
    assert len(store.events()) == len(SOME)


def test_a_failing_block_leaves_everything_as_before(
    store: EventStore, tmp_path: Path, keys: Keyring
) -> None:
    add(store, write_folder(tmp_path / "one"), keys)
    before, manifest = contents(store.folder), store.manifest
    other = write_folder(
        tmp_path / "two",
        TWO_PEOPLE,
        SOME,
        protocol=protocol_text(head='name = "autre"\npurpose = "prevention"'),
        extracted_on="2025-06-30",
    )
    for failure in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(failure), store.adding(read_folder(other, keys)) as new:
            assert new > 0
            assert store.manifest == manifest  # nothing is seen before the block has ended
            raise failure
    assert contents(store.folder) == before
    assert add(store, other, keys) == 3


def test_a_later_extract_adds_only_what_is_new(
    store: EventStore, tmp_path: Path, keys: Keyring
) -> None:
    add(store, write_folder(tmp_path / "one", events=[event(), event()]), keys)
    first = store.manifest
    later = [event(), event(), event(), event(occurred="2024-03-01")]
    assert add(store, write_folder(tmp_path / "two", events=later), keys) == 2
    assert len(store.events()) == 4
    assert store.manifest.events[:1] == first.events and store.manifest.stays == first.stays
    assert store.data_hash != first.hash
    # An extract that says less takes nothing away.
    assert add(store, write_folder(tmp_path / "three", events=[event()]), keys) == 0
    assert len(store.events()) == 4


@settings(max_examples=5, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), max_size=6), min_size=2, max_size=3))
def test_the_store_holds_each_row_as_often_as_the_fullest_extract(
    keys: Keyring, tmp_path_factory: pytest.TempPathFactory, extracts: list[list[int]]
) -> None:
    root = tmp_path_factory.mktemp("extracts")
    store = EventStore(root / "store")
    for number, extract in enumerate(extracts):
        rows = [event(numeric_value=str(n) if n else "") for n in extract]
        add(store, write_folder(root / str(number), events=rows), keys)
    if not any(extracts):
        return
    found = store.events()["numeric_value"].fillna(0).value_counts()
    for n in range(4):
        assert found.get(float(n), 0) == max(extract.count(n) for extract in extracts)


def test_stays_are_those_of_the_newest_import_that_names_the_person(
    store: EventStore, tmp_path: Path, keys: Keyring
) -> None:
    add(store, write_folder(tmp_path / "one", TWO_PEOPLE), keys)
    moved = stay(entered="2024-02-15", team="sud")
    add(store, write_folder(tmp_path / "two", [moved]), keys)

    mine = store.stays(keys.pseudonym("P1"))
    assert mine["entered_on"].tolist() == [pd.Timestamp("2024-02-15")]
    assert mine["team"].tolist() == ["sud"]
    assert len(store.stays(keys.pseudonym("P2"))) == 1
    assert len(store.stays()) == 2


def test_an_older_extract_is_refused_and_changes_nothing(
    store: EventStore, tmp_path: Path, keys: Keyring
) -> None:
    add(store, write_folder(tmp_path / "one", extracted_on="2024-12-31"), keys)
    before = contents(store.folder)
    gone = [stay(left="2024-06-01", team="sud")]
    older = write_folder(tmp_path / "two", gone, SOME[:3], extracted_on="2024-12-30")
    with pytest.raises(OlderExtract, match=r"of 2024-12-30,.* of 2024-12-31: .*extract\.toml"):
        add(store, older, keys)
    assert contents(store.folder) == before

    # The same day again is a correction, and holds.
    add(store, write_folder(tmp_path / "three", gone, extracted_on="2024-12-31"), keys)
    assert store.stays()["team"].tolist() == ["sud"]


def test_a_first_import_that_fails_leaves_no_folder(
    store: EventStore, tmp_path: Path, keys: Keyring
) -> None:
    extract = read_folder(write_folder(tmp_path / "in"), keys)
    with pytest.raises(RuntimeError), store.adding(extract):
        raise RuntimeError
    assert not store.folder.exists()


def test_the_manifest_tells_tables_with_rows_and_the_protocol_without(
    store: EventStore, tmp_path: Path, keys: Keyring
) -> None:
    add(store, write_folder(tmp_path / "in", TWO_PEOPLE, SOME), keys)
    held = store.manifest
    assert [s.rows for s in held.events] == [4] and [s.rows for s in held.stays] == [3]
    assert held.protocol is not None
    text = (store.folder / held.protocol.file).read_bytes()
    assert held.protocol == ProtocolText(held.protocol.file, hashlib.sha256(text).hexdigest())


def test_of_two_rows_said_at_one_moment_the_later_import_stands_last(
    store: EventStore, tmp_path: Path, keys: Keyring
) -> None:
    for number in range(4):
        rows = [event(code=f"rdv//{number}", event_id="e1")]
        add(store, write_folder(tmp_path / str(number), events=rows), keys)
    assert store.events()["code"].tolist() == [f"rdv//{n}" for n in range(4)]


def test_the_protocol_of_the_newest_import_holds(
    store: EventStore, tmp_path: Path, keys: Keyring
) -> None:
    add(store, write_folder(tmp_path / "one"), keys)
    other = protocol_text(head='name = "autre"\npurpose = "prevention"')
    add(store, write_folder(tmp_path / "two", protocol=other), keys)
    assert store.protocol().name == "autre"


@pytest.mark.safeguard
def test_s07_no_identifier_stands_in_any_stored_byte(
    store: EventStore, tmp_path: Path, keys: Keyring
) -> None:
    people = [stay("CANARY-PERSON", household_id="CANARY-HOUSE")]
    events = [event("CANARY-PERSON", event_id="CANARY-EVENT")]
    attributes = [{"person_id": "CANARY-PERSON", "attribute": "genre", "value": "CANARY-VALUE"}]
    identities = [{"person_id": "CANARY-PERSON", "display_name": "CANARY Nom"}]
    folder = write_folder(
        tmp_path / "in", people, events, sensitive=attributes, identities=identities
    )
    add(store, folder, keys)
    stored = contents(store.folder)
    assert len(stored) == 4
    for name, content in stored.items():
        assert b"CANARY" not in content and "CANARY" not in name
    for table in (store.events(), store.stays()):
        assert "CANARY" not in table.to_csv()


@pytest.mark.safeguard
def test_s07_two_homes_do_not_join(tmp_path: Path, keys: Keyring) -> None:
    folder = write_folder(tmp_path / "in", [stay(household_id="F1")], [event(event_id="e1")])
    here, there = (read_folder(folder, k) for k in (keys, create_keys(tmp_path / "keys")))
    for column in ("person", "household"):
        assert set(here.stays[column]).isdisjoint(there.stays[column])
    assert set(here.events["event_id"]).isdisjoint(there.events["event_id"])
