"""Who is looked at when, what was known of them then, and what became of it.

The time arithmetic of the whole system (contract, section 2, "Time" and "The label is
null"). A review date ``t`` is 00:00 of a day. Features see what occurred and was recorded
before ``t``; the label covers ``t <= occurred < t + horizon``: an event at ``t`` itself
counts exactly once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.catalogue import catalogue
from features.errors import RebondError
from features.kernel import DAY, Block, Floats, Ints, measure, micros
from features.protocol import Cadence, Protocol
from features.tables import COHORT

FAR = np.iinfo(np.int64).max


class EmptyCohort(RebondError):
    """Nobody is in the population at any of the review dates."""


class OutcomeNeverOccurs(RebondError):
    """None of the outcome codes stands in the events."""


@dataclass(frozen=True)
class Matrix:
    """Features at review dates: ``cohort`` (:data:`COHORT`) and ``values`` row by row."""

    cohort: pd.DataFrame
    values: Floats
    names: tuple[str, ...]


def review_dates(cadence: Cadence, first: date, last: date) -> tuple[date, ...]:
    """Return the review dates within ``first`` and ``last``, both included."""
    step = timedelta(days=cadence.every_days)
    first = max(first, cadence.start)
    last = min(last, cadence.end) if cadence.end else last
    missing = -(-(first - cadence.start).days // cadence.every_days)
    dates = []
    t = cadence.start + missing * step
    while t <= last:
        dates.append(t)
        t += step
    return tuple(dates)


def build_cohort(
    protocol: Protocol,
    stays: pd.DataFrame,
    block: Block,
    dates: Sequence[date],
    *,
    mature_on: date,
    known_before: date,
) -> pd.DataFrame:
    """Say who is in at each review date, and the label as known at one moment.

    Parameters
    ----------
    protocol
        Population and outcome.
    stays
        :data:`features.tables.STAYS`.
    block
        All events of those persons.
    dates
        Review dates.
    mature_on
        Labels whose horizon ends after this day are null.
    known_before
        Outcomes recorded from 00:00 of this day on are not known. After an extract of
        ``extracted_on`` this is the next day; for training labels it is the day the test
        begins.

    Returns
    -------
    DataFrame
        :data:`features.tables.COHORT`, sorted by date, then person.
    """
    outcome = protocol.outcome
    stays = stays.sort_values(["person", "entered_on"], ignore_index=True)
    starts = micros(stays["entered_on"])
    ends = np.where(stays["left_on"].isna(), FAR, micros(stays["left_on"].fillna(pd.Timestamp(0))))
    person = _lookup(block, stays["person"].to_numpy(object))
    until = _midnight(known_before)
    happened = _Outcomes.of(block, outcome.codes, person, starts, until)
    competing = _Outcomes.of(block, outcome.competing_codes, person, starts, until)
    horizon = outcome.horizon_days * DAY

    frames = []
    for day in dates:
        t = _midnight(day)
        inside = (starts + protocol.population.min_history_days * DAY <= t) & (ends >= t)
        label = np.zeros(len(stays))
        if outcome.kind == "event":
            if not outcome.repeats:
                inside &= ~happened.known_at(t, len(stays))
            first = happened.first_from(t, len(stays))
            rival = competing.first_from(t, len(stays))
            label[first < t + horizon] = 1.0
            # At the same moment the outcome holds: "competing before the outcome".
            label[(rival < t + horizon) & (rival < first)] = np.nan
            if not outcome.repeats:
                label[happened.learnt_later(t, len(stays))] = np.nan
        else:
            window = outcome.at_risk_window_days * DAY
            inside &= _recent(block, outcome.codes, person, t, t - window)
            label[happened.first_from(t, len(stays)) >= t + horizon] = 1.0
            label[ends < t + horizon] = np.nan
            label[competing.first_from(t, len(stays)) < t + horizon] = np.nan
        if day + timedelta(days=outcome.horizon_days) > mature_on:
            label[:] = np.nan
        chosen = stays[inside]
        frames.append(
            pd.DataFrame(
                {
                    "person": chosen["person"],
                    "as_of": np.full(len(chosen), np.datetime64(day, "us")),
                    "household": chosen["household"],
                    "team": chosen["team"],
                    "referent": chosen["referent"],
                    "entered_on": chosen["entered_on"],
                    "informed": (chosen["informed_on"] < pd.Timestamp(day)).to_numpy(),
                    "label": label[inside],
                }
            )
        )
    cohort = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if cohort.empty:
        raise EmptyCohort(
            f"nobody is in the population at any of {len(dates)} review dates: check cadence, "
            f"min_history_days ({protocol.population.min_history_days}) and the stays."
        )
    return COHORT.validate(
        cohort.drop_duplicates(["person", "as_of"], keep="last", ignore_index=True)
    )


def build_matrix(protocol: Protocol, block: Block, cohort: pd.DataFrame) -> Matrix:
    """Measure every feature of the protocol's catalogue for every row of a cohort."""
    features = catalogue(protocol)
    person = _lookup(block, cohort["person"].to_numpy(object))
    values = measure(block, features, person, micros(cohort["as_of"]))
    return Matrix(cohort, values, tuple(f.name for f in features))


def check_outcome_occurs(protocol: Protocol, block: Block) -> None:
    """Refuse a protocol whose outcome codes match nothing.

    Raises
    ------
    OutcomeNeverOccurs
        For instance after a code was renamed in the source.
    """
    if not block.matching(protocol.outcome.codes).any():
        seen = ", ".join(block.codes[:5])
        raise OutcomeNeverOccurs(
            f"no event has an outcome code {list(protocol.outcome.codes)}; the codes begin with "
            f"{seen} …: correct [outcome] codes in the protocol."
        )


@dataclass(frozen=True)
class _Outcomes:
    """Matching events, each given to the stay it happened in."""

    stay: Ints
    occurred: Ints
    recorded: Ints
    superseded: Ints
    until: int

    @classmethod
    def of(
        cls, block: Block, codes: Sequence[str], person: Ints, starts: Ints, until: int
    ) -> _Outcomes:
        rows = np.flatnonzero(block.matching(codes))
        # The stay of an event is the last one of its person that had begun that day.
        order = np.argsort(_person_day(person, starts))
        keys = _person_day(person, starts)[order]
        at = np.searchsorted(keys, _person_day(block.person[rows], block.occurred[rows]), "right")
        stay = order[np.maximum(at - 1, 0)] if len(order) else at
        mine = (at > 0) & (person[stay] == block.person[rows]) if len(order) else at > 0
        rows = rows[mine]
        return cls(
            stay[mine],
            block.occurred[rows],
            block.recorded[rows],
            block.superseded[rows],
            until,
        )

    def first_from(self, t: int, stays: int) -> Ints:
        """Return the first time at or after ``t`` in each stay, or :data:`FAR`."""
        later = self._holds_at(self.until) & (self.occurred >= t)
        first = np.full(stays, FAR)
        np.minimum.at(first, self.stay[later], self.occurred[later])
        return first

    def known_at(self, t: int, stays: int) -> npt.NDArray[np.bool_]:
        """Say in which stays one had been recorded before ``t``, as was known then."""
        return self._any(self._holds_at(t), stays)

    def learnt_later(self, t: int, stays: int) -> npt.NDArray[np.bool_]:
        """Say in which stays one occurred before ``t`` but was recorded at or after it."""
        late = (self.occurred < t) & (self.recorded >= t)
        return self._any(late & self._holds_at(self.until), stays)

    def _holds_at(self, t: int) -> npt.NDArray[np.bool_]:
        return (self.recorded < t) & (self.superseded >= t)

    def _any(self, which: npt.NDArray[np.bool_], stays: int) -> npt.NDArray[np.bool_]:
        found = np.zeros(stays, bool)
        found[self.stay[which]] = True
        return found


def _person_day(person: Ints, time: Ints) -> Ints:
    """One sortable number for a person and a day; days fit in 21 bits either side of 1970."""
    return (person << 21) + (time // DAY + (1 << 20))


def _recent(
    block: Block, codes: Sequence[str], person: Ints, t: int, start: int
) -> npt.NDArray[np.bool_]:
    chosen = block.visible(t) & block.matching(codes) & (block.occurred >= start)
    seen = np.zeros(len(block.persons) + 1, bool)
    seen[block.person[chosen]] = True
    return seen[person]


def _lookup(block: Block, persons: npt.NDArray[np.object_]) -> Ints:
    """Index of each person in the block; -1 for one without events."""
    if not len(block.persons):
        return np.full(len(persons), -1)
    at = np.minimum(np.searchsorted(block.persons, persons), len(block.persons) - 1)
    return np.where(block.persons[at] == persons, at, -1)


def _midnight(day: date) -> int:
    return int(np.datetime64(day, "us").astype(np.int64))
