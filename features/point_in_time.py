"""Who is looked at when, what was known of them then, and what became of it.

The time arithmetic of the whole system (contract, section 2, "Time" and "The label is
null"). A review date ``t`` is 00:00 of a day. Features see what occurred and was recorded
before ``t``; the label covers ``t <= occurred < t + horizon``: an event at ``t`` itself
counts exactly once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.block import DAY, NEVER, Block, Floats, Ints, micros, midnight
from features.catalogue import catalogue
from features.codes import matches
from features.errors import RebondError
from features.kernel import measure
from features.protocol import Cadence, Protocol
from features.tables import COHORT


class EmptyCohort(RebondError):
    """Nobody is in the population at any of the review dates."""


class OutcomeNeverOccurs(RebondError):
    """None of the outcome codes stands in the events."""


@dataclass(frozen=True)
class Question:
    """Which rows are wanted, and as known when.

    Attributes
    ----------
    protocol
        Population, outcome and features.
    dates
        Review dates.
    mature_on
        Labels whose horizon ends after this day are null.
    known_before
        Outcomes recorded from 00:00 of this day on are not known. After an extract of
        ``extracted_on`` this is the next day; for training labels it is the day the test
        begins.
    vocabulary
        The codes that a model was, or will be, fitted on; None: every code.
    labelled
        Whether rows without a label are left out.
    """

    protocol: Protocol
    dates: tuple[date, ...]
    mature_on: date
    known_before: date
    vocabulary: frozenset[str] | None = None
    labelled: bool = False


@dataclass(frozen=True)
class Matrix:
    """Features at review dates, row by row.

    Attributes
    ----------
    cohort
        :data:`features.tables.COHORT`, sorted by date, then person.
    values
        Shape (rows, features).
    other
        Shape (rows,): events in the longest window whose code is not in the vocabulary,
        though a feature looks at its kind.
    names
        The features.
    """

    cohort: pd.DataFrame
    values: Floats
    other: Ints
    names: tuple[str, ...]

    def __getitem__(self, rows: npt.NDArray[np.bool_]) -> Matrix:
        """Return some rows."""
        return Matrix(
            self.cohort[rows].reset_index(drop=True),
            self.values[rows],
            self.other[rows],
            self.names,
        )


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


def answer(question: Question, block: Block, stays: pd.DataFrame) -> Matrix:
    """Answer a question for the persons of one block; pure, and perhaps without any row.

    Parameters
    ----------
    question
        What is wanted.
    block
        All events of those persons.
    stays
        :data:`features.tables.STAYS` of those persons.
    """
    cohort, person = _cohort(question, block, stays)
    if question.labelled:
        given = cohort["label"].notna().to_numpy()
        cohort, person = cohort[given].reset_index(drop=True), person[given]
    features = catalogue(question.protocol)
    as_of = micros(cohort["as_of"]) // DAY
    values, other = measure(block, features, person, as_of, vocabulary=question.vocabulary)
    return Matrix(cohort, values, other, tuple(f.name for f in features))


def gather(question: Question, parts: Sequence[Matrix]) -> Matrix:
    """Put the answers for all blocks together, sorted by date, then person.

    Raises
    ------
    EmptyCohort
        No block holds anybody, and not only for want of a label.
    """
    if not question.labelled and not sum(len(part.cohort) for part in parts):
        raise EmptyCohort(
            f"nobody is in the population at any of {len(question.dates)} review dates: check "
            f"cadence, min_history_days ({question.protocol.population.min_history_days}) and "
            "the stays."
        )
    cohort = pd.concat([part.cohort for part in parts], ignore_index=True)
    person = pd.factorize(cohort["person"], sort=True)[0]
    order = np.lexsort((person, micros(cohort["as_of"])))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    # Each part goes to its place at once: the matrix is never held twice.
    values = np.empty((len(order), len(parts[0].names)))
    other = np.empty(len(order), np.int64)
    first = 0
    for part in parts:
        rows = place[first : first + len(part.cohort)]
        values[rows], other[rows] = part.values, part.other
        first += len(rows)
    return Matrix(
        COHORT.validate(cohort.take(order).reset_index(drop=True)), values, other, parts[0].names
    )


def _cohort(question: Question, block: Block, stays: pd.DataFrame) -> tuple[pd.DataFrame, Ints]:
    """Say who is in at each review date, and the label as known at one moment.

    Returns
    -------
    cohort
        :data:`features.tables.COHORT`, sorted by person, then date.
    person
        Shape (rows,): each row's person in the block.
    """
    protocol, outcome = question.protocol, question.protocol.outcome
    stays = stays.sort_values(["person", "entered_on"], ignore_index=True)
    starts = micros(stays["entered_on"])
    ends = np.where(
        stays["left_on"].isna(), NEVER, micros(stays["left_on"].fillna(pd.Timestamp(0)))
    )
    person = block.places_of(stays["person"].to_numpy(object))
    until = midnight(question.known_before)
    happened = _Outcomes.of(block, outcome.codes, person, starts, until)
    competing = _Outcomes.of(block, outcome.competing_codes, person, starts, until)
    horizon = outcome.horizon_days * DAY

    chosen, dates, labels = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for day in question.dates:
        t = midnight(day)
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
        if day + timedelta(days=outcome.horizon_days) > question.mature_on:
            label[:] = np.nan
        chosen.append(np.flatnonzero(inside))
        dates.append(np.full(inside.sum(), t))
        labels.append(label[inside])
    stay, at = np.concatenate(chosen), np.concatenate(dates)
    # Who left and returned on one day is in once, with the later stay.
    owner = pd.factorize(stays["person"])[0]
    order = np.lexsort((stay, at, owner[stay]))
    again = (np.diff(owner[stay[order]]) == 0) & (np.diff(at[order]) == 0)
    order = order[np.append(~again, [True] * bool(len(order))).astype(bool)]
    as_of = at[order].astype("datetime64[us]")
    rows = stays.take(stay[order]).reset_index(drop=True)
    cohort = pd.DataFrame(
        {
            "person": rows["person"],
            "as_of": as_of,
            "household": rows["household"],
            "team": rows["team"],
            "referent": rows["referent"],
            "entered_on": rows["entered_on"],
            "informed": (rows["informed_on"] < pd.Series(as_of)).to_numpy(bool),
            "label": np.concatenate(labels)[order],
        }
    )
    return cohort, person[stay[order]]


def check_outcome_occurs(protocol: Protocol, codes: Collection[str]) -> None:
    """Refuse a protocol whose outcome codes match nothing.

    Raises
    ------
    OutcomeNeverOccurs
        For instance after a code was renamed in the source.
    """
    if not any(matches(code, protocol.outcome.codes) for code in codes):
        seen = ", ".join(sorted(codes)[:5])
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
        """Return the first time at or after ``t`` in each stay, or :data:`NEVER`."""
        later = self._holds_at(self.until) & (self.occurred >= t)
        first = np.full(stays, NEVER)
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
