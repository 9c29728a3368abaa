"""A block: the events of some persons, sorted, as flat arrays that compiled code can walk.

Every engine (DuckDB over the store, Spark over a cluster, the service with one person) hands
over Arrow rows of whole persons; :func:`block_of` alone brings them into order and finds out
when a row was replaced, so that no engine can do it differently.

Two clocks: an event is visible at ``t`` when it occurred and was recorded before ``t`` and
no later row with its ``event_id`` had been recorded before ``t``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features.codes import matches

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAY = 86_400_000_000
"""One day in microseconds, the unit of every time in a block."""

NEVER = np.iinfo(np.int64).max

BLOCK_EVENTS = 400_000
"""About how many events a block holds."""

FEED = pa.schema(
    {
        "person": pa.string(),
        "occurred_at": pa.timestamp("us"),
        "recorded_at": pa.timestamp("us"),
        "code": pa.string(),
        "numeric_value": pa.float64(),
        "event_id": pa.string(),
        "arrival": pa.int64(),
    }
)
"""What engines hand over, text perhaps as dictionaries.

``arrival`` is the order of import: of two rows with one ``event_id`` recorded at the same
time, the later one holds.
"""


@dataclass(frozen=True)
class Block:
    """Events of some persons, sorted by person, occurrence, recording and arrival.

    Attributes
    ----------
    persons
        The pseudonyms, sorted, shape (p,).
    bounds
        Shape (p + 1,): the events of person ``i`` are ``bounds[i]`` up to ``bounds[i + 1]``.
    occurred, recorded, superseded, code, value
        One entry per event, shape (n,). Times in microseconds; ``superseded`` is when a
        later row with the same ``event_id`` was recorded, else :data:`NEVER`.
    codes
        The distinct codes; ``code`` indexes into them.
    """

    persons: npt.NDArray[np.object_]
    bounds: Ints
    occurred: Ints
    recorded: Ints
    superseded: Ints
    code: Ints
    codes: tuple[str, ...]
    value: Floats

    @property
    def person(self) -> Ints:
        """Index of each event's person, shape (n,)."""
        return np.repeat(np.arange(len(self.persons)), np.diff(self.bounds))

    def visible(self, t: int) -> npt.NDArray[np.bool_]:
        """Say which events are known at ``t`` (microseconds), shape (n,)."""
        return (self.occurred < t) & (self.recorded < t) & (self.superseded >= t)

    def matching(self, patterns: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Say which events have a code that matches, shape (n,)."""
        wanted = np.array([matches(c, patterns) for c in self.codes], dtype=bool)
        return wanted[self.code] if len(self.codes) else np.zeros(len(self.code), bool)

    def places_of(self, persons: npt.NDArray[np.object_]) -> Ints:
        """Return the index of each person in the block; -1 for one without events."""
        if not len(self.persons):
            return np.full(len(persons), -1)
        at = np.minimum(np.searchsorted(self.persons, persons), len(self.persons) - 1)
        return np.where(self.persons[at] == persons, at, -1)

    def known_of(self, person: str, day: date) -> list[tuple[date, date, str]]:
        """Return (occurred on, recorded on, code) of what was known of a person at a day."""
        place = self.places_of(np.array([person], dtype=object))[0]
        if place < 0:
            return []
        first, last = self.bounds[place], self.bounds[place + 1]
        mine = np.flatnonzero(self.visible(midnight(day))[first:last]) + first
        return [
            (_day(self.occurred[i]), _day(self.recorded[i]), self.codes[self.code[i]]) for i in mine
        ]


def build_block(events: pd.DataFrame) -> Block:
    """Return the block of a table of events.

    Parameters
    ----------
    events
        :data:`features.tables.EVENTS`, in the order they were imported.
    """
    table = pa.Table.from_pandas(events, preserve_index=False)
    table = table.append_column("arrival", pa.array(np.arange(len(events))))
    return block_of(table)


def blocks_of(batches: Iterable[pa.RecordBatch], events: int = BLOCK_EVENTS) -> Iterator[Block]:
    """Cut a stream of :data:`FEED` rows, sorted by person, into blocks of whole persons.

    Parameters
    ----------
    batches
        The stream.
    events
        How many events are gathered before a block is closed; a person is never cut.
    """
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows < events:
            continue
        table = pa.Table.from_batches(waiting)
        # The last person may go on in the next batch.
        person = _numbered(table["person"])[0]
        whole = int(np.searchsorted(person == person[-1], True))
        if whole:
            yield block_of(table.slice(0, whole))
        waiting = table.slice(whole).to_batches()
        rows = table.num_rows - whole
    if rows:
        yield block_of(pa.Table.from_batches(waiting))


def block_of(table: pa.Table) -> Block:
    """Bring :data:`FEED` rows, in whatever order, into the order of a block."""
    person, names = _numbered(table["person"])
    alphabetical = np.argsort(names)
    person = np.argsort(alphabetical)[person]
    if (np.diff(person) < 0).any():
        by_person = np.argsort(person, kind="stable")
        table, person = table.take(pa.array(by_person)), person[by_person]
    code, codes = _numbered(table["code"])
    starts = np.flatnonzero(np.diff(person, prepend=-1))
    bounds = np.append(starts, len(person))
    occurred, recorded = _micros(table["occurred_at"]), _micros(table["recorded_at"])
    order, superseded = _arrange(
        bounds,
        occurred,
        recorded,
        # Copies, like the times: what Arrow lends is read-only, another type to the compiler.
        table["arrival"].to_numpy().copy(),
        _numbered(table["event_id"])[0],
    )
    # A row with an empty code only deletes: having done so, it says nothing itself.
    says = np.array([c != "" for c in codes], dtype=bool)[code[order]]
    before = np.concatenate([[0], np.cumsum(says)])
    # As the store keeps them nothing has to be moved.
    rows = slice(None) if says.all() and (np.diff(order) > 0).all() else order[says]
    return Block(
        persons=names[alphabetical][person[starts]],
        bounds=before[bounds],
        occurred=occurred[rows],
        recorded=recorded[rows],
        superseded=superseded[rows],
        code=code[rows],
        codes=tuple(codes),
        value=table["numeric_value"].to_numpy().astype(np.float64, copy=False)[rows],
    )


def micros(times: pd.Series[pd.Timestamp]) -> Ints:
    """Return naive times as microseconds since 1970, shape (n,)."""
    result: Ints = times.to_numpy("datetime64[us]").astype(np.int64)
    return result


def midnight(day: date) -> int:
    """Return 00:00 of a day in microseconds since 1970."""
    return int(np.datetime64(day, "us").astype(np.int64))


def _numbered(column: pa.ChunkedArray) -> tuple[Ints, npt.NDArray[np.object_]]:
    """Return a text column as numbers (-1 where empty) and the words they stand for."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # of no rows at all
        return np.zeros(0, np.int64), np.zeros(0, object)
    words = whole.dictionary.to_numpy(zero_copy_only=False).astype(object)
    return whole.indices.fill_null(-1).to_numpy().astype(np.int64), words


def _micros(column: pa.ChunkedArray) -> Ints:
    result: Ints = column.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy().copy()
    return result


def _day(time: np.int64) -> date:
    return date(1970, 1, 1) + timedelta(days=int(time // DAY))


@numba.njit(cache=True, nogil=True)
def _arrange(
    bounds: Ints, occurred: Ints, recorded: Ints, arrival: Ints, event_id: Ints
) -> tuple[Ints, Ints]:
    """Return each person's order by (occurred, recorded, arrival), and when rows were replaced."""
    order = np.arange(len(occurred))
    superseded = np.full(len(occurred), np.iinfo(np.int64).max)
    for person in range(len(bounds) - 1):
        low, high = bounds[person], bounds[person + 1]
        _sort(order[low:high], occurred, recorded, arrival)
        # An id counts within one person, or one person alone would differ from the batch.
        named = low + np.flatnonzero(event_id[low:high] >= 0)
        _sort(named, event_id, recorded, arrival)
        for i in range(1, len(named)):
            if event_id[named[i]] == event_id[named[i - 1]]:
                superseded[named[i - 1]] = recorded[named[i]]
    return order, superseded


@numba.njit(cache=True, nogil=True)
def _sort(rows: Ints, key: Ints, recorded: Ints, arrival: Ints) -> None:
    """Sort rows by (key, recorded, arrival), in place; nothing is moved where they are sorted."""
    for i in range(1, len(rows)):
        if _after(rows[i - 1], rows[i], key, recorded, arrival):
            for column in (arrival, recorded, key):
                rows[:] = rows[np.argsort(column[rows], kind="mergesort")]
            return


@numba.njit(cache=True, nogil=True)
def _after(one: int, other: int, key: Ints, recorded: Ints, arrival: Ints) -> bool:
    if key[one] != key[other]:
        return bool(key[one] > key[other])
    if recorded[one] != recorded[other]:
        return bool(recorded[one] > recorded[other])
    return bool(arrival[one] > arrival[other])
