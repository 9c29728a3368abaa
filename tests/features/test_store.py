from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.keys import Keyring, create_keys
from features.staging import ImportRunning, staging
from features.store import EmptyStore, EventStore, OlderExtract, ProtocolText
from features.tables import EVENTS, STAYS

from .builders import Row, contents, event, events_of, protocol_text, read, stay, write_folder
from .builders import add as add_extract


def add(store: EventStore, folder: Path, keys: Keyring) -> int:
    return add_extract(store, read(folder, keys))


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
    extract = read(write_folder(tmp_path / "in", TWO_PEOPLE, SOME), keys)
    add_extract(store, extract)
    given = events_of(extract)
    pd.testing.assert_frame_equal(EVENTS.validate(store.events()), given)
    pd.testing.assert_frame_equal(STAYS.validate(store.stays()), extract.stays)
    assert store.protocol().hash == extract.protocol.hash
    assert store.extracted_on == extract.extracted_on
    person = keys.pseudonym("P2")
    alone = given[given["person"] == person].reset_index(drop=True)
    pd.testing.assert_frame_equal(store.events(person), alone)
    assert len(store.stays(person)) == 1 and store.events("nobody").empty


def test_only_one_import_at_a_time(store: EventStore, tmp_path: Path, keys: Keyring) -> None:
    extract = read(write_folder(tmp_path / "in", TWO_PEOPLE, SOME), keys)
    store.folder.parent.mkdir(exist_ok=True)
    with staging(store.folder.parent, bool), pytest.raises(ImportRunning, match="again"):
        add_extract(store, extract)
    add_extract(store, extract)
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
        root, extract = store.folder.parent, read(other, keys)
        with pytest.raises(failure), staging(root, lambda sealed: False) as stage:
            assert store.add(extract, stage) > 0
            stage.seal(store.manifest_place)
            assert store.manifest == manifest  # nothing is seen before the block has ended
            raise failure
        assert not stage.folder.exists()
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
    extract = read(write_folder(tmp_path / "in"), keys)
    with pytest.raises(RuntimeError), staging(tmp_path, bool) as stage:
        store.add(extract, stage)
        raise RuntimeError
    assert not store.folder.exists() and not stage.folder.exists()


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


def holding(store: EventStore) -> dict[str, str]:
    """Return the code that holds for each id: of the newest recorded, the last that arrived."""
    ordered = store.events().sort_values("recorded_at", kind="stable")
    last = ordered.groupby("event_id")["code"].last()
    return {str(key): str(code) for key, code in last.items()}


def test_a_correction_taken_back_holds(store: EventStore, tmp_path: Path, keys: Keyring) -> None:
    names = ("a", "b", "a", "b", "b", "a")
    for number, name in enumerate(names):
        rows = [event(), event(code=f"rdv//{name}", event_id="e1")]
        folder = write_folder(tmp_path / str(number), events=rows)
        add(store, folder, keys)
        assert list(holding(store).values()) == [f"rdv//{name}"]
        before = contents(store.folder)
        assert add(store, folder, keys) == 0 and contents(store.folder) == before
    assert len(store.events()) == 6


def test_what_was_recorded_later_is_not_taken_back_by_an_earlier_row(
    store: EventStore, tmp_path: Path, keys: Keyring
) -> None:
    first = event(code="rdv//a", event_id="e1", recorded_at="2024-02-02")
    later = event(code="rdv//b", event_id="e1", recorded_at="2024-02-03")
    add(store, write_folder(tmp_path / "one", events=[first, later]), keys)
    assert add(store, write_folder(tmp_path / "two", events=[first]), keys) == 0
    assert list(holding(store).values()) == ["rdv//b"]


ROWS_WITH_IDS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(1, 2), st.sampled_from("xy")), max_size=4
)


@settings(max_examples=8, deadline=None)
@given(st.lists(ROWS_WITH_IDS, min_size=2, max_size=3))
def test_what_an_extract_says_last_of_an_id_holds_unless_recorded_earlier(
    keys: Keyring,
    tmp_path_factory: pytest.TempPathFactory,
    extracts: list[list[tuple[str, int, str]]],
) -> None:
    root = tmp_path_factory.mktemp("ids")
    store, expected = EventStore(root / "store"), dict[str, tuple[int, str]]()
    for number, extract in enumerate(extracts):
        rows = [
            event(code=f"rdv//{code}", event_id=name, recorded_at=f"2024-02-0{day}")
            for name, day, code in extract
        ]
        folder = write_folder(root / str(number), events=rows)
        add(store, folder, keys)
        before = contents(store.folder)
        assert add(store, folder, keys) == 0 and contents(store.folder) == before
        for name in {name for name, _, _ in extract}:
            newest = max(day for other, day, _ in extract if other == name)
            last = [code for other, day, code in extract if (other, day) == (name, newest)][-1]
            if newest >= expected.get(name, (0, ""))[0]:
                expected[name] = (newest, f"rdv//{last}")
    if any(extracts):
        assert sorted(holding(store).values()) == sorted(code for _, code in expected.values())


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
    here, there = (read(folder, k) for k in (keys, create_keys(tmp_path / "keys")))
    for column in ("person", "household"):
        assert set(here.stays[column]).isdisjoint(there.stays[column])
    assert set(events_of(here)["event_id"]).isdisjoint(events_of(there)["event_id"])


def test_a_store_read_at_once_stays_what_it_was(
    store: EventStore, tmp_path: Path, keys: Keyring
) -> None:
    """What is imported while a study reads is in the next study, not in half of this one."""
    add(store, write_folder(tmp_path / "one", [stay()], [event()]), keys)
    then = store.at_once()
    before = then.data_hash, len(then.events()), len(then.stays())
    later = write_folder(
        tmp_path / "two", [stay(), stay("P2")], [event(), event("P2")], extracted_on="2025-01-31"
    )
    add(store, later, keys)
    assert (then.data_hash, len(then.events()), len(then.stays())) == before
    assert len(store.events()) == 2 and store.data_hash != then.data_hash
    assert then.extracted_on != store.extracted_on
