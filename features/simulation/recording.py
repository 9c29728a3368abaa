"""What a service's software holds of the truth: late, twice, corrected, and not evenly.

The mild measurement bias of ``simulation.md`` is always there; what goes unrecorded on
demand comes on top, see :mod:`features.simulation.gap` and :func:`lose_outcomes`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from features.simulation.histories import (
    AGREED,
    CANCELLED,
    ENDINGS,
    EXCUSED,
    INDEX,
    INTERRUPTION,
    MISSED,
    RETURN,
    TEAMS,
    Bools,
    Calendar,
    Events,
    Ints,
    Persons,
    Stays,
)

DELETED = -1
"""The code of a row that takes an earlier one back."""

_FRIDAY_TEAM = "chrs"
_CONFUSING_TEAM = "jeunes-18-25"
_CONFUSED_SHARE = 0.20
_EXCUSED_AS_MISSED = 0.35
_LATE_OUTCOME_DAYS = 25
_DUPLICATES, _CORRECTIONS, _TAKEN_BACK = 0.01, 0.015, 0.005

# Delays in whole days, as the floor of a log-normal: median 1, and 15% above 7.
_DELAY_LOG_MEDIAN, _DELAY_LOG_SPREAD = np.log(1.5), 1.62
# Before the next Friday is waited for: together a median of 9.
_BATCH_LOG_MEDIAN, _BATCH_LOG_SPREAD = np.log(6.5), 0.5
_LONGEST_DELAY = 120


@dataclass(frozen=True)
class Records:
    """Rows as exported. ``given_id`` is -1, or a number shared by rows about one event."""

    person: Ints
    occurred: Ints
    recorded: Ints
    code: Ints
    given_id: Ints

    def __getitem__(self, which: Ints | Bools) -> Records:
        return Records(*(getattr(self, field)[which] for field in Records.__annotations__))

    def __add__(self, other: Records) -> Records:
        return Records(
            *(
                np.concatenate([getattr(self, field), getattr(other, field)])
                for field in Records.__annotations__
            )
        )


def record(
    rng: np.random.Generator, events: Events, persons: Persons, stays: Stays, calendar: Calendar
) -> Records:
    """Write down every true event, once, with its delay and the mild bias.

    Returns
    -------
    Records
        One row per event, in the order of ``events``; some are recorded after the last day.
    """
    person = stays.person[events.stay]
    team = persons.team[person]
    code = events.code.copy()
    confused = rng.random(len(code))
    interpreter = persons.interpreter[person]
    excused = interpreter & (events.code == INDEX[EXCUSED])
    cancelled = (team == _team(_CONFUSING_TEAM)) & (events.code == INDEX[CANCELLED])
    code[excused & (confused < _EXCUSED_AS_MISSED)] = INDEX[MISSED]
    code[cancelled & (confused < _CONFUSED_SHARE)] = INDEX[MISSED]

    delay = _floor_lognormal(rng, _DELAY_LOG_MEDIAN, _DELAY_LOG_SPREAD, len(code))
    waited = _floor_lognormal(rng, _BATCH_LOG_MEDIAN, _BATCH_LOG_SPREAD, len(code))
    to_friday = (4 - calendar.weekday(events.day + waited)) % 7
    delay = np.where(team == _team(_FRIDAY_TEAM), waited + to_friday, delay)
    outcome = code == INDEX[INTERRUPTION]
    delay[outcome & interpreter] += _LATE_OUTCOME_DAYS
    # A return opens the new stay in the software the same day; the old one is closed by then.
    delay[code == INDEX[RETURN]] = 0
    recorded = events.day + delay
    recorded[outcome] = np.minimum(recorded, stays.again[events.stay] - 1)[outcome]
    return Records(person, events.day, recorded, code, np.full(len(code), -1))


def lose_outcomes(records: Records, persons: Persons, lost: Bools) -> Records:
    """Enter interruptions of people who need an interpreter as agreed endings.

    Parameters
    ----------
    records, persons
        What was recorded, of whom.
    lost
        Shape (records,): whether this record is, if it may be.
    """
    outcome = (records.code == INDEX[INTERRUPTION]) & persons.interpreter[records.person]
    return replace(records, code=np.where(outcome & lost, INDEX[AGREED], records.code))


def amend(rng: np.random.Generator, records: Records, calendar: Calendar) -> Records:
    """Add what software adds: duplicates, corrections, entries taken back.

    Endings, interruptions and returns close or open a stay and are entered right.
    """
    settled = [INDEX[c] for c in (*ENDINGS, INTERRUPTION, RETURN)]
    lot = rng.random(len(records.code))
    lot[np.isin(records.code, settled)] = 1.0
    bounds = np.cumsum([_DUPLICATES, _CORRECTIONS, _TAKEN_BACK])
    again, wrong, phantom = (
        np.flatnonzero((lot >= low) & (lot < high))
        for low, high in zip([0.0, *bounds[:-1]], bounds, strict=True)
    )
    ids = records.given_id.copy()
    ids[np.concatenate([again, wrong])] = np.arange(len(again) + len(wrong))
    occurred = records.occurred.copy()
    occurred[wrong] = np.maximum(occurred[wrong] - rng.integers(1, 8, len(wrong)), 0)
    first = Records(records.person, occurred, records.recorded, records.code, ids)

    later = np.concatenate([again, wrong])
    second = Records(
        records.person[later],
        records.occurred[later],
        records.recorded[later] + rng.integers(1, 30, len(later)),
        records.code[later],
        ids[later],
    )
    mistaken = records[phantom]
    mistaken_ids = len(later) + np.arange(len(phantom))
    entered = Records(
        mistaken.person, mistaken.occurred, mistaken.recorded, mistaken.code, mistaken_ids
    )
    withdrawn = Records(
        mistaken.person,
        mistaken.occurred,
        mistaken.recorded + rng.integers(1, 30, len(phantom)),
        np.full(len(phantom), DELETED),
        mistaken_ids,
    )
    everything = first + second + entered + withdrawn
    known = everything[everything.recorded <= calendar.last]
    return known[np.lexsort((known.recorded, known.occurred, known.person))]


def _team(name: str) -> int:
    return [team.id for team in TEAMS].index(name)


def _floor_lognormal(rng: np.random.Generator, median: float, spread: float, size: int) -> Ints:
    drawn = np.exp(median + spread * rng.standard_normal(size))
    return np.minimum(drawn, _LONGEST_DELAY).astype(np.int64)
