"""The one place where measures are computed: a pure function over sorted events.

A block holds the events of some persons, sorted by person and time. Whoever feeds it (a
whole store, one person) gets the same numbers, because there is no other path.

Two clocks: an event is visible at ``t`` when it occurred and was recorded before ``t`` and
no later row with its ``event_id`` had been recorded before ``t``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.catalogue import Feature
from features.codes import matches

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAY = 86_400_000_000
"""One day in microseconds, the unit of every time in a block."""

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Block:
    """Events of some persons, sorted by person, occurrence, recording and arrival.

    Attributes
    ----------
    persons
        The pseudonyms, sorted; ``person`` indexes into them.
    person, occurred, recorded, superseded, code, value
        One entry per event, shape (n,). Times in microseconds; ``superseded`` is when a
        later row with the same ``event_id`` was recorded, else :data:`NEVER`.
    codes
        The distinct codes; ``code`` indexes into them.
    """

    persons: npt.NDArray[np.object_]
    person: Ints
    occurred: Ints
    recorded: Ints
    superseded: Ints
    code: Ints
    codes: tuple[str, ...]
    value: Floats

    def visible(self, t: int) -> npt.NDArray[np.bool_]:
        """Say which events are known at ``t`` (microseconds), shape (n,)."""
        return (self.occurred < t) & self.held(t)

    def held(self, t: int) -> npt.NDArray[np.bool_]:
        """Say which rows had been recorded and not yet replaced at ``t``, shape (n,)."""
        return (self.recorded < t) & (self.superseded >= t)

    def matching(self, patterns: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Say which events have a code that matches, shape (n,)."""
        wanted = np.array([matches(c, patterns) for c in self.codes], dtype=bool)
        return wanted[self.code] if len(self.codes) else np.zeros(len(self.code), bool)

    def known_of(self, person: str, day: date) -> list[tuple[date, date, str]]:
        """Return (occurred on, recorded on, code) of what was known of a person at a day."""
        t = int(np.datetime64(day, "us").astype(np.int64))
        low, high = np.searchsorted(self.persons, [person, person + "\0"])
        if low == high:
            return []
        first, last = np.searchsorted(self.person, [low, low + 1])
        mine = np.flatnonzero(self.visible(t)[first:last]) + first
        return [
            (_day(self.occurred[i]), _day(self.recorded[i]), self.codes[self.code[i]]) for i in mine
        ]


def build_block(events: pd.DataFrame) -> Block:
    """Sort events and find, for each row, when a later row took its place.

    Parameters
    ----------
    events
        :data:`features.tables.EVENTS`, in the order they were imported.
    """
    persons, person = np.unique(events["person"].to_numpy(object), return_inverse=True)
    codes, code = np.unique(events["code"].to_numpy(object), return_inverse=True)
    occurred = micros(events["occurred_at"])
    recorded = micros(events["recorded_at"])
    superseded = np.full(len(events), NEVER)
    rows = np.flatnonzero(events["event_id"].notna().to_numpy())
    if len(rows):
        # An id counts within one person, or one person alone would differ from the batch.
        names = pd.factorize(events["event_id"].to_numpy(object)[rows])[0]
        ids = person[rows] * (names.max() + 1) + names
        # Stable sort: of two rows recorded at the same time the later one holds.
        order = rows[np.lexsort((recorded[rows], ids))]
        ids = np.sort(ids, kind="stable")
        again = ids[1:] == ids[:-1]
        superseded[order[:-1][again]] = recorded[order[1:][again]]
    order = np.lexsort((np.arange(len(events)), recorded, occurred, person))
    # A row with an empty code only deletes: having done so, it says nothing itself.
    order = order[events["code"].to_numpy(object)[order] != ""]
    return Block(
        persons=persons,
        person=person[order].astype(np.int64),
        occurred=occurred[order],
        recorded=recorded[order],
        superseded=superseded[order],
        code=code[order].astype(np.int64),
        codes=tuple(codes),
        value=events["numeric_value"].to_numpy(float)[order],
    )


def measure(
    block: Block,
    features: Sequence[Feature],
    person: Ints,
    times: Ints,
) -> Floats:
    """Compute every feature for rows of (person, review date).

    Parameters
    ----------
    block
        The events.
    features
        The columns, from the catalogue.
    person, times
        Shape (rows,): index into ``block.persons`` (-1: a person without events) and the
        review date in microseconds.

    Returns
    -------
    ndarray of shape (rows, len(features))
        Counts are 0 where nothing is known; ``mean``, ``last`` and ``since_last`` are NaN.
    """
    matrix = np.empty((len(person), len(features)))
    groups = {f.codes: block.matching(f.codes) for f in features}
    for t in np.unique(times):
        rows = np.flatnonzero(times == t)
        visible = block.visible(int(t))
        for codes, matching in groups.items():
            chosen = np.flatnonzero(visible & matching)
            group = _Group(
                block.person[chosen],
                block.occurred[chosen],
                block.value[chosen],
                int(t),
                len(block.persons),
            )
            for column, feature in enumerate(features):
                if feature.codes == codes:
                    matrix[rows, column] = group.take(feature)[person[rows]]
    return matrix


@dataclass(frozen=True)
class _Group:
    """The events of one feature group known at one date, sorted by person and time.

    Every result has one entry per person and a last one, reached by index -1, that stands
    for a person without any event.
    """

    person: Ints
    occurred: Ints
    value: Floats
    t: int
    persons: int

    def take(self, feature: Feature) -> Floats:
        start = self.t - (feature.window_days or 0) * DAY
        inside = slice(None) if feature.window_days is None else self.occurred >= start
        person, value = self.person[inside], self.value[inside]
        match feature.measure:
            case "count":
                return self._count(person)
            case "ever":
                return (self._count(person) > 0).astype(float)
            case "sum":
                return self._count(person, np.nan_to_num(value))
            case "mean":
                given = ~np.isnan(value)
                number = self._count(person[given])
                with np.errstate(invalid="ignore"):
                    return self._count(person[given], value[given]) / np.where(
                        number > 0, number, np.nan
                    )
            case "active_days":
                days = self.occurred[inside] // DAY
                fresh = np.ones(len(person), bool)
                fresh[1:] = (person[1:] != person[:-1]) | (days[1:] != days[:-1])
                return self._count(person[fresh])
            case "last":
                given = ~np.isnan(value)
                return self._last(person[given], value[given])
            case "since_last":
                return self._last(person, (self.t // DAY - self.occurred // DAY).astype(float))
            case "trend":
                width = self.t - start
                before = (self.occurred >= start - width) & (self.occurred < start)
                return self._count(person) - self._count(self.person[before])

    def _count(self, person: Ints, weights: Floats | None = None) -> Floats:
        return np.bincount(person, weights, minlength=self.persons + 1).astype(float)

    def _last(self, person: Ints, value: Floats) -> Floats:
        last = np.full(self.persons + 1, np.nan)
        # Rows are sorted by time: the last assignment to a person is the newest.
        last[person] = value
        return last


def micros(times: pd.Series[pd.Timestamp]) -> Ints:
    """Return naive times as microseconds since 1970, shape (n,)."""
    result: Ints = times.to_numpy("datetime64[us]").astype(np.int64)
    return result


def _day(time: np.int64) -> date:
    return date(1970, 1, 1) + timedelta(days=int(time // DAY))
