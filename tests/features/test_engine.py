from __future__ import annotations

import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.block import FEED, block_of, blocks_of, build_block
from features.engine import FrameEngine, StoreEngine
from features.point_in_time import Matrix, Question
from features.store import EmptyStore, EventStore, StoreDamaged

from .builders import PARTS, events_table, protocol, stays_table, stored
from .oracle import Event, Stay

ORIGIN = date(2024, 1, 1)
DAY = timedelta(days=1)
PEOPLE = ["a", "b", "ba", "c"]
STAYS: list[Stay] = [
    ("a", ORIGIN, ORIGIN + 20 * DAY),
    ("a", ORIGIN + 30 * DAY, None),
    ("b", ORIGIN, None),
    ("ba", ORIGIN - 90 * DAY, ORIGIN + 70 * DAY),
    ("silent", ORIGIN, None),
]
STUDY = protocol(
    population="[population]\nmin_history_days = 2",
    outcome='[outcome]\nlabel = "x"\nhorizon_days = 9\ncodes = ["out"]\ncompeting_codes = ["fin"]',
    groups=PARTS["groups"]
    + "\n"
    + PARTS["groups"].replace("rendez-vous", "v").replace('"rdv"', '"v"'),
)
DATES = tuple(ORIGIN + n * DAY for n in range(0, 80, 11))
QUESTIONS = [
    Question(STUDY, DATES, ORIGIN + 60 * DAY, ORIGIN + 60 * DAY, labelled=True),
    Question(STUDY, DATES, ORIGIN + 80 * DAY, ORIGIN + 80 * DAY, frozenset({"rdv", "v//x"})),
]

moments = st.builds(
    lambda days, hours: (
        datetime.combine(ORIGIN + days * DAY, datetime.min.time()) + timedelta(hours=hours)
    ),
    st.integers(-5, 70),
    st.sampled_from([0, 0, 9]),
)
rows = st.tuples(
    st.sampled_from(PEOPLE[:3]),
    moments,
    moments,
    st.sampled_from(["out", "fin", "rdv", "rdv//x", "v//x", "v//y", ""]),
    st.none() | st.sampled_from([0.1, 0.2, 1e9]),
    st.none() | st.sampled_from(["e1", "e2"]),
).filter(lambda row: row[3] != "" or row[5] is not None)


def assert_same(one: Matrix, other: Matrix) -> None:
    assert one.values.tobytes() == other.values.tobytes()
    assert one.other.tobytes() == other.other.tobytes() and one.names == other.names
    pd.testing.assert_frame_equal(one.cohort, other.cohort)


@settings(max_examples=25, deadline=None)
@given(st.lists(rows, max_size=30), st.lists(rows, max_size=10), st.sampled_from([1, 7, 10_000]))
def test_the_store_in_blocks_and_imports_equals_frames_in_memory(
    first: list[Event], second: list[Event], block_events: int
) -> None:
    stays = stays_table(STAYS)
    with tempfile.TemporaryDirectory() as folder:
        store = stored(Path(folder), stays, first, second)
        if not store.manifest.events:
            return
        # What was imported twice is stored once, so memory starts from what the store says.
        frames = FrameEngine(store.stays(), store.events())
        engine = StoreEngine(store, block_events=block_events)
        for day in (None, ORIGIN + 30 * DAY):
            assert engine.codes(day) == frames.codes(day)
        pd.testing.assert_frame_equal(engine.stays(), frames.stays())
        for mine, theirs in zip(
            engine.matrices(QUESTIONS), frames.matrices(QUESTIONS), strict=True
        ):
            assert_same(mine, theirs)


@settings(max_examples=25, deadline=None)
@given(st.lists(rows, max_size=30))
def test_one_person_alone_gives_bit_for_bit_what_the_batch_gives(history: list[Event]) -> None:
    stays, events = stays_table(STAYS), events_table(history)
    whole = FrameEngine(stays, events).matrices(QUESTIONS[1:])[0]
    assert len(whole.cohort)  # somebody never has an outcome
    for person in whole.cohort["person"].unique():
        mine = FrameEngine(
            stays[stays["person"] == person].reset_index(drop=True),
            events[events["person"] == person].reset_index(drop=True),
        ).matrices(QUESTIONS[1:])[0]
        assert_same(mine, whole[(whole.cohort["person"] == person).to_numpy()])


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, min_size=1, max_size=40), st.integers(1, 9))
def test_a_stream_is_cut_between_persons_only(history: list[Event], size: int) -> None:
    table = events_table(history).assign(arrival=np.arange(len(history)))
    ordered = table.sort_values("person", kind="stable")
    batches = fed(ordered).to_batches(max_chunksize=size)
    cut = list(blocks_of(batches, events=5))
    whole = build_block(table.drop(columns="arrival"))
    assert [p for block in cut for p in block.persons] == list(whole.persons)
    for name in ("occurred", "recorded", "superseded"):
        joined = np.concatenate([getattr(block, name) for block in cut])
        np.testing.assert_array_equal(joined, getattr(whole, name))


def fed(table: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(table, preserve_index=False).cast(FEED)


def test_the_order_within_a_person_does_not_matter_to_a_block() -> None:
    at = datetime.fromisoformat("2024-02-01")
    history: list[Event] = [
        ("a", at, at, "rdv", 1.0, None),
        ("a", at, at, "v//x", 2.0, None),
        ("a", at - DAY, at, "rdv", 3.0, "e1"),
        ("a", at, at + DAY, "rdv", 4.0, "e1"),
    ]
    table = events_table(history).assign(arrival=np.arange(4))
    forward = block_of(fed(table))
    backward = block_of(fed(table.iloc[::-1]))
    assert forward.value.tolist() == backward.value.tolist() == [3.0, 1.0, 2.0, 4.0]
    assert forward.superseded.tolist() == backward.superseded.tolist()


def test_a_person_without_any_event_is_in_the_matrix(tmp_path: Path) -> None:
    at = datetime.fromisoformat("2024-01-03")
    store = stored(tmp_path, stays_table(STAYS), [("b", at, at, "rdv", None, None)])
    found = StoreEngine(store, block_events=1).matrices(QUESTIONS[1:])[0]
    mine = found[(found.cohort["person"] == "silent").to_numpy()]
    assert len(mine.cohort) == len(DATES) - 1
    assert np.nan_to_num(mine.values).sum() == 0


def test_some_persons_are_read_at_once(tmp_path: Path) -> None:
    at = datetime.fromisoformat("2024-01-03")
    history: list[Event] = [(p, at, at, "rdv", None, None) for p in ("a", "b", "ba")]
    engine = StoreEngine(stored(tmp_path, stays_table(STAYS), history))
    block = engine.block(["ba", "a", "nobody"])
    assert list(block.persons) == ["a", "ba"]
    assert block.known_of("b", date(2025, 1, 1)) == []
    assert len(block.known_of("ba", date(2025, 1, 1))) == 1
    assert len(engine.block([]).persons) == 0


def test_an_empty_or_changed_store_is_said(tmp_path: Path) -> None:
    with pytest.raises(EmptyStore):
        StoreEngine(EventStore(tmp_path / "none")).codes()
    at = datetime.fromisoformat("2024-01-03")
    store = stored(tmp_path, stays_table(STAYS), [("b", at, at, "rdv", None, None)])
    segment = store.folder / store.manifest.events[0].file
    segment.write_bytes(segment.read_bytes() + b" ")
    for ask in (
        lambda: StoreEngine(store).codes(),
        lambda: StoreEngine(store).matrices(QUESTIONS),
        lambda: StoreEngine(store).block(["b"]),
    ):
        with pytest.raises(StoreDamaged, match="changed since it was imported"):
            ask()
