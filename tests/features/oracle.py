"""The slow, obvious second opinion: every measure and every label, in plain Python.

Written from the contract's words, one person and one review date at a time, with none of
the product's code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

Event = tuple[str, datetime, datetime, str, float | None, str | None]
"""(person, occurred, recorded, code, value, event id), in order of arrival."""

Stay = tuple[str, date, date | None]
"""(person, entered, left)."""


def midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def below(code: str, patterns: Sequence[str]) -> bool:
    parts = code.split("//")
    return any(parts[: len(p.split("//"))] == p.split("//") for p in patterns)


def held(events: Sequence[Event], person: str, moment: datetime) -> list[Event]:
    """Return what the register said of a person just before ``moment``, sorted by time."""
    newest: dict[str, Event] = {}
    loose: list[tuple[int, Event]] = []
    arrival: dict[str, int] = {}
    for number, event in enumerate(events):
        if event[0] != person or event[2] >= moment:
            continue
        identifier = event[5]
        if identifier is None:
            loose.append((number, event))
        elif identifier not in newest or event[2] >= newest[identifier][2]:
            newest[identifier] = event
            arrival[identifier] = number
    rows = loose + [(arrival[i], event) for i, event in newest.items()]
    rows = [(number, event) for number, event in rows if event[3] != ""]
    return [e for _, e in sorted(rows, key=lambda row: (row[1][1], row[1][2], row[0]))]


def measure_one(
    events: Sequence[Event],
    person: str,
    t: datetime,
    codes: Sequence[str],
    measure: str,
    window_days: int | None,
) -> float:
    known = [e for e in held(events, person, t) if e[1] < t and below(e[3], codes)]
    start = t - timedelta(days=window_days or 0)
    inside = [e for e in known if window_days is None or e[1] >= start]
    values = [e[4] for e in inside if e[4] is not None]
    known = inside if measure in ("ever", "since_last") else known
    if measure == "count":
        return len(inside)
    if measure == "ever":
        return 1.0 if known else 0.0
    if measure == "sum":
        return sum(values)
    if measure == "mean":
        return sum(values) / len(values) if values else math.nan
    if measure == "last":
        return values[-1] if values else math.nan
    if measure == "active_days":
        return len({e[1].date() for e in inside})
    if measure == "since_last":
        return (t.date() - known[-1][1].date()).days if known else math.nan
    if measure == "trend":
        assert window_days
        before = start - timedelta(days=window_days)
        return len(inside) - len([e for e in known if before <= e[1] < start])
    raise AssertionError(measure)


@dataclass(frozen=True)
class Study:
    """The part of a protocol that decides who is in and what the label is."""

    min_history_days: int = 28
    horizon_days: int = 90
    kind: str = "event"
    codes: tuple[str, ...] = ("out",)
    competing: tuple[str, ...] = ("fin",)
    repeats: bool = False
    at_risk_days: int = 90


def of_stay(event: Event, stay: Stay, stays: Sequence[Stay]) -> bool:
    """Say whether ``stay`` is its person's last one that had begun on the event's day."""
    begun = [s for s in stays if s[0] == event[0] and s[1] <= event[1].date()]
    return bool(begun) and max(begun, key=lambda s: s[1]) == stay


def label_one(  # the contract's sentences, one after the other
    study: Study,
    stays: Sequence[Stay],
    stay: Stay,
    events: Sequence[Event],
    day: date,
    extracted_on: date,
) -> float | None:
    """Return None where the stay is out at ``day``, NaN where the label is null, else 0 or 1."""
    person, entered, left = stay
    t = midnight(day)
    end = t + timedelta(days=study.horizon_days)
    if entered + timedelta(days=study.min_history_days) > day:
        return None
    if left is not None and left < day:
        return None
    then = held(events, person, t)
    now = held(events, person, midnight(extracted_on + timedelta(days=1)))
    mine = [e for e in now if of_stay(e, stay, stays)]
    outcomes = [e for e in mine if below(e[3], study.codes)]
    rivals = [e[1] for e in mine if below(e[3], study.competing) and t <= e[1] < end]
    coming = [e[1] for e in outcomes if t <= e[1] < end]
    if study.kind == "silence":
        recent = t - timedelta(days=study.at_risk_days)
        if not any(below(e[3], study.codes) and recent <= e[1] < t for e in then):
            return None
        if rivals or (left is not None and midnight(left) < end):
            return math.nan
        answer = 0.0 if coming else 1.0
    else:
        if not study.repeats:
            if any(below(e[3], study.codes) and of_stay(e, stay, stays) for e in then):
                return None
            if any(e[1] < t <= e[2] for e in outcomes):
                return math.nan
        if rivals and (not coming or min(rivals) < min(coming)):
            return math.nan
        answer = 1.0 if coming else 0.0
    return math.nan if end > midnight(extracted_on) else answer
