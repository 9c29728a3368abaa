"""Engines: who reads the events and hands them to the one kernel, person by person whole.

Segments of the store are sorted by person, so a range of persons is read without touching
the rest: memory is bounded by a block, whatever the store holds. What a block answers is
decided in :mod:`features.point_in_time`; an engine only reads, and puts answers together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Protocol, TypeVar

import duckdb
import numpy as np
import pandas as pd

from features.block import BLOCK_EVENTS, FEED, Block, block_of, build_block
from features.data_engine import opened
from features.households import linked
from features.point_in_time import Matrix, Question, answer, gather
from features.store import EventStore, StoreDamaged

Result = TypeVar("Result")

WORKERS = 2
"""Blocks that are measured at the same time."""


class Engine(Protocol):
    """Where matrices come from; every engine gives the same ones."""

    def stays(self) -> pd.DataFrame:
        """Return all stays (:data:`features.tables.STAYS`), linked persons in one household."""

    def codes(self, before: date | None = None) -> frozenset[str]:
        """Return the codes that occurred and were recorded before 00:00 of a day, or ever."""

    def matrices(self, questions: Sequence[Question]) -> list[Matrix]:
        """Answer questions, all in one reading of the events.

        Raises
        ------
        features.point_in_time.EmptyCohort
            A question finds nobody.
        """


@dataclass(frozen=True)
class FrameEngine:
    """Events and stays in memory: one person, or a handful.

    Attributes
    ----------
    given
        :data:`features.tables.STAYS`.
    events
        :data:`features.tables.EVENTS`, in the order of import.
    """

    given: pd.DataFrame
    events: pd.DataFrame

    def stays(self) -> pd.DataFrame:
        """See :class:`Engine`."""
        return linked(self.given)

    def codes(self, before: date | None = None) -> frozenset[str]:
        """See :class:`Engine`."""
        known = self.events
        if before is not None:
            end = pd.Timestamp(before)
            known = known[(known["recorded_at"] < end) & (known["occurred_at"] < end)]
        return frozenset(known["code"].unique()) - {""}

    def matrices(self, questions: Sequence[Question]) -> list[Matrix]:
        """See :class:`Engine`."""
        block, stays = build_block(self.events), self.stays()
        return [gather(q, [answer(q, block, stays)]) for q in questions]


@dataclass(frozen=True)
class StoreEngine:
    """The store of a home, read by DuckDB in ranges of persons, a block at a time.

    Attributes
    ----------
    store
        The events and stays.
    block_events
        About how many events a block holds.
    workers
        How many blocks are read and measured at the same time; changes no figure.
    """

    store: EventStore
    block_events: int = BLOCK_EVENTS
    workers: int = WORKERS

    def stays(self) -> pd.DataFrame:
        """See :class:`Engine`."""
        return linked(self.store.stays())

    def codes(self, before: date | None = None) -> frozenset[str]:
        """See :class:`Engine`."""
        query = f"SELECT DISTINCT code FROM {_EVENTS} WHERE code <> ''"  # noqa: S608 - ours
        parameters: dict[str, object] = {"files": self.store.event_files()}
        if before is not None:
            query += " AND recorded_at < $before AND occurred_at < $before"
            parameters["before"] = before
        if overdue := self.store.overdue():
            query += " AND person NOT IN (SELECT unnest($overdue))"
            parameters["overdue"] = sorted(overdue)
        with _opened() as database:
            return frozenset(code for (code,) in database.execute(query, parameters).fetchall())

    def matrices(self, questions: Sequence[Question]) -> list[Matrix]:
        """See :class:`Engine`."""

        def answers(block: Block, stays: pd.DataFrame) -> list[Matrix]:
            return [answer(question, block, stays) for question in questions]

        parts = self.over_blocks(answers)
        return [gather(q, [part[i] for part in parts]) for i, q in enumerate(questions)]

    def over_blocks(self, function: Callable[[Block, pd.DataFrame], Result]) -> list[Result]:
        """Apply a function to every block and the stays of its persons, in order of persons.

        Parameters
        ----------
        function
            Pure; called from several threads.
        """
        stays = self.stays().sort_values(["person", "entered_on"], ignore_index=True)
        files = self.store.event_files()
        with _opened() as database, ThreadPoolExecutor(self.workers) as pool:

            def work(some: pd.DataFrame) -> Result:
                where = "person BETWEEN $first AND $last"
                block = _read(
                    database.cursor(),
                    where,
                    {
                        "files": files,
                        "first": some["person"].iloc[0],
                        "last": some["person"].iloc[-1],
                    },
                )
                return function(block, some)

            return list(pool.map(work, self._ranges(stays)))

    def block(self, persons: Sequence[str]) -> Block:
        """Return the events of some persons, but of nobody whose time is over."""
        where = "person IN (SELECT unnest($persons))"
        wanted = sorted(set(persons) - self.store.overdue())
        with _opened() as database:
            return _read(database, where, {"files": self.store.event_files(), "persons": wanted})

    def _ranges(self, stays: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Cut stays, sorted by person, into runs of whole persons with about as many events."""
        events = sum(segment.rows for segment in self.store.manifest.events)
        starts = np.flatnonzero(~stays["person"].duplicated().to_numpy())
        number = min(len(starts), math.ceil(events / self.block_events) or 1)
        edges = [*(run[0] for run in np.array_split(starts, number)), len(stays)]
        return (stays.iloc[low:high] for low, high in pairwise(edges))


_EVENTS = "read_parquet($files, hive_partitioning=false)"


@contextmanager
def _opened() -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        with opened() as database:
            yield database
    except duckdb.Error as error:
        raise StoreDamaged(
            "a segment of the event store cannot be read: restore it from a backup."
        ) from error


def _read(
    database: duckdb.DuckDBPyConnection, where: str, parameters: Mapping[str, object]
) -> Block:
    query = f"SELECT {', '.join(FEED.names)} FROM {_EVENTS} WHERE {where}"  # noqa: S608 - ours
    return block_of(database.sql(query, params=dict(parameters)).to_arrow_table())
