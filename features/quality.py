"""What one import is worth: counts, gaps, delays, codes, and who made an appointment fall through.

Everything is measured over the pseudonymised events of one extract, by DuckDB over their Parquet
file and without an answer about anybody: only totals leave the engine. The figures are exact and
raw; whoever writes them down withholds the small cells first (S21). Nothing is ever measured by
educator (S24).

A fact stands if it is the version of its ``event_id`` that was recorded last, and no deletion. Its
delay counts from the first time it was recorded, so that a correction does not pass for a delay.
"""

from __future__ import annotations

import difflib
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from features.codes import LABELS, family, matches
from features.data_engine import opened
from features.paths import literal
from features.protocol import Protocol

SILENT_DAYS = 180
"""An open stay without any fact for longer than this is worth a question."""

GAP_DAYS = 14
"""A shorter stretch without any fact is a holiday."""

GAP_TIMES = 4
"""A gap is this many times longer than nine in ten pauses of the same team."""

MONTHS = 60
"""How many months are told one by one; what lies before them is told as one figure."""

PROPOSED = "rdv//propose"
MISSED = "rdv//non_honore"
CANCELLED = "rdv//annule_service"
BY_SERVICE = (CANCELLED, "rdv//reporte_service", "service//aucun_creneau")
"""What the service did; never a disengagement (in rdv-insertion, ``revoked``)."""
BY_PERSON = ("rdv//excuse", "rdv//reporte_personne")
"""The person told: an exchange, and no missed appointment (in rdv-insertion, ``excused``)."""
APPOINTMENTS = (*BY_SERVICE, *BY_PERSON, MISSED)

UNLIKE = 3
"""A team's service cancellations are unlike the others' from this ratio on, either way."""

EXPECTED = 10
"""Fewer expected service cancellations than this are nothing to compare."""

_LIKE = 0.6
"""How alike two codes must be, in a home that knew none, to be taken for one renamed."""


@dataclass(frozen=True)
class Cell:
    """A number of facts and of the persons they are about; both None where withheld."""

    events: int | None
    persons: int | None


@dataclass(frozen=True)
class Share:
    """A share in [0, 1] and the persons its numerator is about; both None where withheld.

    The share is None as well where there is nothing to divide by.
    """

    share: float | None
    persons: int | None


@dataclass(frozen=True)
class Counts:
    """The whole extract: ``rows`` that were kept, ``events`` of them that stand.

    ``quarantined`` and ``ignored`` are rows that were not kept. ``amended_persons`` is how many
    persons the rows that do not stand, or take another back, are about. ``absent`` are persons
    of earlier imports with an open stay whom this extract does not name.
    """

    persons: int | None
    stays: int | None
    rows: int | None
    events: int | None
    amended_persons: int | None
    absent: int | None
    quarantined: int
    ignored: int | None


@dataclass(frozen=True)
class Faults:
    """Rows in quarantine, by file, column and reason."""

    file: str
    column: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Ignored:
    """Rows that minimisation or a connector left out, by family; ``rows`` None where withheld."""

    what: str
    rows: int | None


@dataclass(frozen=True)
class Month:
    """One month, ``YYYY-MM``: facts that occurred in it, and facts first recorded in it."""

    month: str
    occurred: Cell
    recorded: Cell


@dataclass(frozen=True)
class Delays:
    """Whole days between occurrence and first recording; shares of the facts.

    Facts recorded ahead (a planned appointment) count as a delay of 0. ``within_7`` and
    ``from_8_to_30`` are what lies between the others: the persons behind what they leave.
    """

    median: int
    ninth_decile: int
    beyond_7: Share
    beyond_30: Share
    ahead: Share
    within_7: Share
    from_8_to_30: Share


@dataclass(frozen=True)
class Gap:
    """Days without any fact of a team that had some before and after; both ends included.

    A team that accompanied nobody all through them had no reason for a fact.
    """

    first: date
    last: date
    days: int


@dataclass(frozen=True)
class Team:
    """The facts of one team, that is of the stays of that team.

    Parameters
    ----------
    persons, active
        Who has a stay in the team; who of them has a fact in it.
    corrected, deleted, duplicates
        Shares of the rows: a later version of an ``event_id``, a row that takes one
        back, a row that says again every word of another.
    silent_days
        From the last fact to the day of the extract.
    stopped
        There are open stays, and the silence is longer than the team's pauses and delays explain.
    levels
        For each of the report's months the tenths, 0 to 10, of the team's busiest month: 0 only
        where there is no fact at all, None where withheld.
    level_persons
        The persons behind each of them.
    """

    team: str
    persons: int | None
    active: int | None
    rows: int | None
    corrected: Share
    deleted: Share
    duplicates: Share
    delays: Delays | None
    last_on: date | None
    silent_days: int | None
    stopped: bool | None
    gaps: tuple[Gap, ...] | None
    levels: tuple[int | None, ...]
    level_persons: tuple[int | None, ...]


@dataclass(frozen=True)
class People:
    """Persons of a team, or of all (``team`` is None), about whom something is missing.

    ``present`` has an open stay; ``without_event`` has no fact in the whole extract;
    ``without_referent`` and ``silent`` are about open stays, the latter without a fact for more
    than :data:`SILENT_DAYS` days; ``not_informed`` has a stay without ``informed_on``.
    """

    team: str | None
    persons: int | None
    present: int | None
    without_event: int | None
    without_referent: int | None
    not_informed: int | None
    silent: int | None


@dataclass(frozen=True)
class Code:
    """One code, and the days of its first and last fact.

    ``new`` says that this home, which knew others, never saw it; ``used`` that the protocol
    looks at it; ``named`` that the canonical vocabulary or the protocol has it word for word, so
    that its text tells nothing of this extract. ``code`` is None where withheld.
    """

    code: str | None
    facts: Cell
    first_on: date | None
    last_on: date | None
    new: bool
    used: bool
    named: bool


@dataclass(frozen=True)
class Unmatched:
    """A code of the protocol that no fact has.

    ``place`` is ``outcome``, ``competing`` or the name of a feature group; ``known`` says whether
    an earlier import held it; ``resembles`` is a code of this extract that the protocol does not
    look at and that may be its new name.
    """

    place: str
    code: str
    known: bool
    resembles: str | None


@dataclass(frozen=True)
class Appointments:
    """What became of the appointments of one team.

    ``kinds`` follows :data:`APPOINTMENTS`; ``per_100`` is per 100 appointments proposed, None
    without any. ``expected`` is how many service cancellations there would be if they made the
    same share of cancelled and missed appointments as in the other teams; ``unlike`` says that
    the team is far from it.
    """

    team: str
    proposed: Cell
    kinds: tuple[Cell, ...]
    per_100: tuple[float | None, ...]
    expected: float | None
    unlike: bool | None


@dataclass(frozen=True)
class Quality:
    """The quality of one import, whole; ``first_import`` if the home knew no code before it."""

    extracted_on: date
    protocol: str
    first_import: bool
    counts: Counts
    quarantined: tuple[Faults, ...]
    ignored: tuple[Ignored, ...]
    months: tuple[Month, ...]
    earlier: Cell
    later: Cell
    teams: tuple[Team, ...]
    people: tuple[People, ...]
    appointments: tuple[Appointments, ...]
    codes: tuple[Code, ...]
    unmatched: tuple[Unmatched, ...]


_PREPARE = (
    "CREATE TYPE code_name AS ENUM (SELECT DISTINCT code FROM read_parquet($events) ORDER BY code)",
    "CREATE TYPE team_name AS ENUM (SELECT DISTINCT team FROM stays ORDER BY team)",
    # Every moment of a person belongs to one stay: the latest one begun, or the first.
    """
    CREATE TEMP TABLE periods AS
    SELECT (dense_rank() OVER (ORDER BY person))::INTEGER AS number, person,
        team::team_name AS team,
        CASE WHEN row_number() OVER own = 1 THEN TIMESTAMP '0001-01-01' ELSE entered_on END
            AS begins,
        coalesce(lead(entered_on) OVER own, TIMESTAMP '9999-12-31') AS ends
    FROM stays WINDOW own AS (PARTITION BY person ORDER BY entered_on)
    """,
    """
    CREATE TEMP TABLE entries AS
    SELECT number, team, occurred_at::DATE AS occurred, e.recorded_at, code::code_name AS code,
        CASE WHEN event_id IS NOT NULL THEN hash(event_id) END AS event,
        file_row_number AS place,
        hash(e.person, occurred_at, e.recorded_at, code, numeric_value, event_id) AS content
    FROM read_parquet($events, file_row_number = true) e
    JOIN periods p ON p.person = e.person AND occurred_at >= begins AND occurred_at < ends
    """,
    """
    CREATE TEMP TABLE versions AS
    SELECT *, first_value(recorded_at) OVER own AS first_recorded,
        row_number() OVER own = count(*) OVER (PARTITION BY event) AS holds
    FROM entries WHERE event IN (
        SELECT event FROM entries WHERE event IS NOT NULL GROUP BY ALL HAVING count(*) > 1
    )
    WINDOW own AS (PARTITION BY event ORDER BY recorded_at, place)
    """,
    """
    CREATE TEMP TABLE facts AS
    SELECT number, team, occurred, recorded_at::DATE AS recorded, code FROM entries
    WHERE code::VARCHAR <> ''
        AND (event IS NULL OR event NOT IN (SELECT event FROM versions))
    UNION ALL
    SELECT number, team, occurred, first_recorded::DATE, code FROM versions
    WHERE holds AND code::VARCHAR <> ''
    """,
    """
    CREATE TEMP TABLE uses AS
    SELECT team, code, number, count(*) AS facts, min(occurred) AS first_on,
        max(occurred) AS last_on, max(occurred) FILTER (occurred <= $day::DATE) AS seen_on
    FROM facts GROUP BY ALL
    """,
    """
    CREATE TEMP TABLE busy AS
    SELECT team, date_trunc('month', occurred) AS month, number, count(*) AS facts
    FROM facts GROUP BY ALL
    """,
)
"""From rows to facts, once; then each figure is a small query.

Rows and identifiers are told apart by 64-bit hashes: among ten million, two differ unseen with a
probability of 3 in a million.
"""

_ROWS = """
SELECT team::VARCHAR, sum(n)::BIGINT,
    sum(n - 1)::BIGINT, count(DISTINCT number) FILTER (n > 1),
    coalesce(sum(n) FILTER (deletes), 0)::BIGINT, count(DISTINCT number) FILTER (deletes)
FROM (
    SELECT team, number, content, code::VARCHAR = '' AS deletes, count(*) AS n
    FROM entries GROUP BY ALL
)
GROUP BY ALL
"""
_CORRECTED = """
SELECT team::VARCHAR, sum(n - 1)::BIGINT, count(DISTINCT number) FILTER (n > 1)
FROM (
    SELECT team, event, max(number) AS number, count(DISTINCT content) AS n FROM versions
    WHERE code::VARCHAR <> '' GROUP BY ALL
)
GROUP BY ALL
"""
_AMENDED = """
SELECT count(DISTINCT number) FROM (
    SELECT number FROM entries WHERE code::VARCHAR = ''
    UNION ALL
    SELECT number FROM versions WHERE NOT holds
)
"""
_DELAYS = """
SELECT team::VARCHAR, recorded - occurred AS days, count(*) FROM facts
GROUP BY ALL ORDER BY ALL
"""
_DELAYED = """
SELECT team::VARCHAR, count(DISTINCT number) FILTER (days > 7),
    count(DISTINCT number) FILTER (days > 30),
    count(DISTINCT number) FILTER (days < 0),
    count(DISTINCT number) FILTER (days BETWEEN 0 AND 7),
    count(DISTINCT number) FILTER (days BETWEEN 8 AND 30)
FROM (SELECT DISTINCT team, number, recorded - occurred AS days FROM facts) GROUP BY ALL
"""
"""The persons behind the shares of :class:`Delays`, in their order."""
_DAYS = """
SELECT DISTINCT team::VARCHAR, occurred FROM facts WHERE occurred <= $day::DATE ORDER BY ALL
"""
_OCCURRED = """
SELECT month::DATE, sum(facts)::BIGINT, count(DISTINCT number) FROM busy GROUP BY ALL ORDER BY ALL
"""
_RECORDED = """
SELECT month::DATE, sum(facts)::BIGINT, count(*) FROM (
    SELECT date_trunc('month', recorded) AS month, number, count(*) AS facts
    FROM facts GROUP BY ALL
) GROUP BY ALL ORDER BY ALL
"""
_EARLIER = """
SELECT coalesce(sum(facts), 0)::BIGINT, count(DISTINCT number) FROM busy WHERE month < $first::DATE
"""
_LATER = """
SELECT coalesce(sum(facts), 0)::BIGINT, count(DISTINCT number) FROM busy WHERE month > $last::DATE
"""
_ACTIVITY = """
SELECT team::VARCHAR, month::DATE, sum(facts)::BIGINT, count(*) FROM busy GROUP BY ALL ORDER BY ALL
"""
_TEAM_CODES = """
SELECT team::VARCHAR, code::VARCHAR, sum(facts)::BIGINT, count(*) FROM uses
GROUP BY ALL ORDER BY ALL
"""
_CODES = """
SELECT code::VARCHAR AS code, sum(facts)::BIGINT, count(DISTINCT number), min(first_on),
    max(last_on)
FROM uses GROUP BY ALL ORDER BY code
"""
_ACTIVE = """
SELECT team::VARCHAR, count(DISTINCT number) FROM uses GROUP BY ALL
"""
_PEOPLE = """
WITH seen AS (SELECT number, max(seen_on) AS last_on, true AS has FROM uses GROUP BY ALL),
    named AS (SELECT DISTINCT number, person FROM periods),
    lines AS (
        SELECT s.team, s.person, has, referent, informed_on,
            left_on IS NULL OR left_on >= $day::DATE AS is_open,
            greatest(entered_on::DATE, coalesce(last_on, entered_on::DATE)) AS since
        FROM stays s JOIN named USING (person) LEFT JOIN seen USING (number)
    )
SELECT team, count(DISTINCT person),
    count(DISTINCT person) FILTER (is_open),
    count(DISTINCT person) FILTER (has IS NULL),
    count(DISTINCT person) FILTER (is_open AND coalesce(referent, '') = ''),
    count(DISTINCT person) FILTER (informed_on IS NULL),
    count(DISTINCT person) FILTER (is_open AND $day::DATE - since > $silent_days)
FROM lines GROUP BY GROUPING SETS ((), (team)) ORDER BY team NULLS FIRST
"""


class _Engine:
    """The facts of one extract in DuckDB; each query is given the parameters it names."""

    def __init__(self, database: duckdb.DuckDBPyConnection, **parameters: object) -> None:
        self._database = database
        self._parameters = parameters

    def rows(self, query: str, **more: object) -> list[tuple[Any, ...]]:
        parameters = {k: v for k, v in (self._parameters | more).items() if f"${k}" in query}
        found: list[tuple[Any, ...]] = self._database.execute(query, parameters).fetchall()
        return found


def measure_quality(
    events: Path,
    stays: pd.DataFrame,
    *,
    protocol: Protocol,
    extracted_on: date,
    quarantine: pd.DataFrame,
    ignored: Mapping[str, int],
    known_codes: Collection[str],
    absent: int = 0,
) -> Quality:
    """Measure one extract.

    Parameters
    ----------
    events
        Parquet file with the columns of :data:`features.tables.EVENTS`.
    stays
        As :data:`features.tables.STAYS`; every person of ``events`` has one.
    protocol
        What the codes are compared with.
    extracted_on
        The day of the extract.
    quarantine
        Columns file, row, column, reason.
    ignored
        Rows left out, by family.
    known_codes
        The codes of all earlier imports of this home; empty before the first.
    absent
        Persons of earlier imports with an open stay whom this extract does not name.

    Returns
    -------
    Quality
        Raw: small cells are still in it.
    """
    with opened() as database:
        database.register("stays", stays.drop(columns="household"))
        engine = _Engine(
            database, events=literal(events), day=extracted_on, silent_days=SILENT_DAYS
        )
        for statement in _PREPARE:
            engine.rows(statement)
        months = _months(engine, extracted_on)
        axis = [date.fromisoformat(f"{month.month}-01") for month in months]
        people = tuple(People(*row) for row in engine.rows(_PEOPLE))
        teams = _teams(engine, stays, people[1:], axis, extracted_on)
        codes = _codes(engine, protocol, known_codes)
        return Quality(
            extracted_on=extracted_on,
            protocol=protocol.name,
            first_import=not known_codes,
            counts=Counts(
                persons=people[0].persons,
                stays=len(stays),
                rows=sum(team.rows or 0 for team in teams),
                events=sum(code.facts.events or 0 for code in codes),
                amended_persons=engine.rows(_AMENDED)[0][0],
                absent=absent,
                quarantined=len(quarantine[["file", "row"]].drop_duplicates()),
                ignored=sum(ignored.values()),
            ),
            quarantined=_faults(quarantine),
            ignored=tuple(Ignored(what, rows) for what, rows in sorted(ignored.items()) if rows),
            months=months,
            earlier=Cell(*engine.rows(_EARLIER, first=axis[0])[0]),
            later=Cell(*engine.rows(_LATER, last=axis[-1])[0]),
            teams=teams,
            people=people,
            appointments=_appointments(engine, [team.team for team in teams]),
            codes=codes,
            unmatched=_unmatched(protocol, codes, known_codes),
        )


def _faults(quarantine: pd.DataFrame) -> tuple[Faults, ...]:
    rows = quarantine.groupby(["file", "column", "reason"]).size()
    return tuple(Faults(file, column, why, int(n)) for (file, column, why), n in rows.items())


def _months(engine: _Engine, extracted_on: date) -> tuple[Month, ...]:
    """Tell every month from the first fact, at most :data:`MONTHS`, to that of the extract."""
    occurred = {month: Cell(*cell) for month, *cell in engine.rows(_OCCURRED)}
    recorded = {month: Cell(*cell) for month, *cell in engine.rows(_RECORDED)}
    newest = _ordinal(extracted_on)
    oldest = max(min(map(_ordinal, occurred), default=newest), newest - MONTHS + 1)
    axis = [date(n // 12, n % 12 + 1, 1) for n in range(min(oldest, newest), newest + 1)]
    return tuple(
        Month(f"{day:%Y-%m}", occurred.get(day, Cell(0, 0)), recorded.get(day, Cell(0, 0)))
        for day in axis
    )


def _ordinal(day: date) -> int:
    return 12 * day.year + day.month - 1


def _teams(
    engine: _Engine,
    stays: pd.DataFrame,
    people: Sequence[People],
    axis: Sequence[date],
    extracted_on: date,
) -> tuple[Team, ...]:
    rows = {team: counts for team, *counts in engine.rows(_ROWS)}
    corrected = {team: counts for team, *counts in engine.rows(_CORRECTED)}
    delayed = {team: persons for team, *persons in engine.rows(_DELAYED)}
    active = dict(engine.rows(_ACTIVE))
    delays, days = defaultdict[str, dict[int, int]](dict), defaultdict[str, list[date]](list)
    activity = defaultdict[str, dict[date, tuple[int, int]]](dict)
    for team, delay, facts in engine.rows(_DELAYS):
        delays[team][delay] = facts
    for team, day in engine.rows(_DAYS):
        days[team].append(day)
    for team, month, facts, persons in engine.rows(_ACTIVITY):
        activity[team][month] = (facts, persons)

    def measure(line: People) -> Team:
        team = str(line.team)
        total, again, repeating, taken_back, taking_back = rows.get(team, (0, 0, 0, 0, 0))
        corrections, correcting = corrected.get(team, (0, 0))
        delay = _delays(delays[team], delayed.get(team, ()))
        pause = _longest_pause(days[team])
        last_on = days[team][-1] if days[team] else None
        silent_days = (extracted_on - last_on).days if last_on else None
        # What is late to be recorded is no silence yet.
        patience = pause + (delay.ninth_decile if delay else 0)
        busiest = max((activity[team].get(month, (0, 0))[0] for month in axis), default=0)
        cells = [activity[team].get(month, (0, 0)) for month in axis]
        return Team(
            team=team,
            persons=line.persons,
            active=active.get(team, 0),
            rows=total,
            corrected=_share(corrections, correcting, total),
            deleted=_share(taken_back, taking_back, total),
            duplicates=_share(again, repeating, total),
            delays=delay,
            last_on=last_on,
            silent_days=silent_days,
            stopped=bool(line.present) and (silent_days is None or silent_days > patience),
            gaps=_gaps(days[team], pause, stays[stays["team"] == team]),
            levels=tuple(-(-10 * facts // busiest) if facts else 0 for facts, _ in cells),
            level_persons=tuple(persons for _, persons in cells),
        )

    return tuple(measure(line) for line in people)


def _share(part: int, persons: int, total: int) -> Share:
    return Share(part / total if total else None, persons)


def _delays(facts: Mapping[int, int], persons: Sequence[int]) -> Delays | None:
    """Summarise numbers of facts by whole days of delay, in rising order of days.

    ``persons`` are those behind each share, as :data:`_DELAYED` returns them.
    """
    if not facts:
        return None
    total = sum(facts.values())

    def quantile(share: float) -> int:
        reached = zip(facts, accumulate(facts.values()), strict=True)
        return max(0, next(days for days, below in reached if below >= share * total))

    def between(least: float, most: float) -> int:
        return sum(n for days, n in facts.items() if least <= days <= most)

    far = math.inf
    bands = ((8, far), (31, far), (-far, -1), (0, 7), (8, 30))
    shares = (_share(between(*band), n, total) for band, n in zip(bands, persons, strict=True))
    return Delays(quantile(0.5), quantile(0.9), *shares)


def _longest_pause(days: Sequence[date]) -> int:
    """Return the days from one fact to the next that are still usual for a team."""
    pauses = sorted((later - day).days for day, later in pairwise(days))
    usual = pauses[int(0.9 * (len(pauses) - 1))] if pauses else 0
    return max(GAP_DAYS, GAP_TIMES * usual)


def _gaps(days: Sequence[date], pause: int, stays: pd.DataFrame) -> tuple[Gap, ...]:
    """Return the gaps longer than a pause through which a stay of the team was open."""
    one = timedelta(days=1)
    found = (
        Gap(day + one, later - one, (later - day).days - 1)
        for day, later in pairwise(days)
        if (later - day).days > pause
    )

    def accompanied(gap: Gap) -> bool:
        begun = stays["entered_on"] <= pd.Timestamp(gap.first)
        still = stays["left_on"].isna() | (stays["left_on"] > pd.Timestamp(gap.last))
        return bool((begun & still).any())

    return tuple(gap for gap in found if accompanied(gap))


def _codes(engine: _Engine, protocol: Protocol, known_codes: Collection[str]) -> tuple[Code, ...]:
    patterns = [pattern for _, pattern in _patterns(protocol)]
    vocabulary = {*LABELS, *patterns}
    return tuple(
        Code(
            code=code,
            facts=Cell(events, persons),
            first_on=first_on,
            last_on=last_on,
            new=bool(known_codes) and code not in known_codes,
            used=matches(code, patterns),
            named=code in vocabulary,
        )
        for code, events, persons, first_on, last_on in engine.rows(_CODES)
    )


def _patterns(protocol: Protocol) -> list[tuple[str, str]]:
    """Return every code the protocol names, with the place where it does."""
    return [
        *(("outcome", code) for code in protocol.outcome.codes),
        *(("competing", code) for code in protocol.outcome.competing_codes),
        *((group.name, code) for group in protocol.features.group for code in group.codes),
    ]


def _unmatched(
    protocol: Protocol, codes: Sequence[Code], known_codes: Collection[str]
) -> tuple[Unmatched, ...]:
    present = {code.code: code for code in codes if code.code}
    # A code this home already knew is not what another has become.
    fresh = [
        text for text, code in present.items() if not code.used and (code.new or not known_codes)
    ]
    return tuple(
        Unmatched(
            place=place,
            code=pattern,
            known=any(matches(code, [pattern]) for code in known_codes),
            resembles=_resembling(pattern, fresh, _LIKE if not known_codes else 0.0),
        )
        for place, pattern in _patterns(protocol)
        if not any(matches(code, [pattern]) for code in present)
    )


def _resembling(pattern: str, codes: Iterable[str], at_least: float) -> str | None:
    """Return the code of the same family that is most like a pattern, None without any."""
    kin = [code for code in codes if family(code) == family(pattern)]
    alike = difflib.get_close_matches(pattern, kin, n=1, cutoff=at_least)
    return alike[0] if alike else None


def _appointments(engine: _Engine, teams: Sequence[str]) -> tuple[Appointments, ...]:
    """Keep apart what the service did, what the person told, and what nobody knows."""
    cells = {(team, code): Cell(*cell) for team, code, *cell in engine.rows(_TEAM_CODES)}

    def number(team: str, code: str) -> int:
        return cells.get((team, code), Cell(0, 0)).events or 0

    cancelled = {team: number(team, CANCELLED) for team in teams}
    missed = {team: number(team, MISSED) for team in teams}

    def measure(team: str) -> Appointments:
        proposed = cells.get((team, PROPOSED), Cell(0, 0))
        kinds = tuple(cells.get((team, code), Cell(0, 0)) for code in APPOINTMENTS)
        elsewhere = sum(cancelled.values()) - cancelled[team]
        fell_through = elsewhere + sum(missed.values()) - missed[team]
        expected = (
            (cancelled[team] + missed[team]) * elsewhere / fell_through if fell_through else 0.0
        )
        return Appointments(
            team=team,
            proposed=proposed,
            kinds=kinds,
            per_100=tuple(
                100 * (kind.events or 0) / proposed.events if proposed.events else None
                for kind in kinds
            ),
            expected=expected,
            unlike=expected >= EXPECTED
            and not expected / UNLIKE < cancelled[team] < expected * UNLIKE,
        )

    return tuple(measure(team) for team in teams)
