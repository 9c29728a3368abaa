"""Write simulated histories as an import folder, and their truth beside it."""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.errors import RebondError
from features.protocol import Protocol, read_protocol
from features.simulation.gap import Gap, Hiding, Yardstick, open_gap
from features.simulation.histories import (
    CODES,
    INDEX,
    INTERRUPTION,
    PERIOD,
    TEAMS,
    YEAR,
    Bools,
    Calendar,
    Events,
    Floats,
    Ints,
    Persons,
    Stays,
    draw_events,
    draw_persons,
    draw_stays,
)
from features.simulation.recording import (
    DELETED,
    Records,
    amend,
    lose_outcomes,
    record,
)

LATENT = "latent"
"""The code of the truth file's rows that state a person's latent level from that day on."""

TRUTH = "truth.json"
"""Tells a simulation from anything else; put into the folder first."""

_BLOCK = 10_000
_WORKERS, _AHEAD = 2, 2
_UNFINISHED = ".unfinished"
_LAST_MOVED = "persons.csv"  # an import folder without it is refused

_GENDERS = {"femme": 0.52, "homme": 0.44, "non renseigné": 0.04}
_INFORMED, _INFORMED_WITHIN = 0.95, 21
_SHARED_HOUSEHOLDS = 0.03
_UNEVEN = 0.78, 1.12
_SHORTEST_MONTHS = 8

_PLACES_LINE, _PLACES, _PERSONS_PER_PLACE = "per_review = {}\n", 100, 20
"""A larger service has more educators, so more places per review date."""

_EVENTS = pa.schema(
    {
        "person_id": pa.dictionary(pa.int32(), pa.string()),
        "occurred_at": pa.date32(),
        "recorded_at": pa.date32(),
        "code": pa.dictionary(pa.int32(), pa.string()),
        "event_id": pa.string(),
    }
)
_TRUTH = pa.schema(
    {
        "person_id": pa.dictionary(pa.int32(), pa.string()),
        "occurred_at": pa.date32(),
        "code": pa.dictionary(pa.int32(), pa.string()),
        "latent": pa.float32(),
    }
)


class FolderHoldsOther(RebondError):
    """Invented histories never take the place of anything else."""


class NothingToSimulate(RebondError):
    """The numbers asked for leave no history to draw."""


@dataclass(frozen=True)
class SimulationSummary:
    """What was written: people, rows of ``events``, and the gap as measured.

    ``gap`` is None where one of the two sides holds no interruption to find.
    """

    persons: int
    events: int
    gap: float | None


@dataclass(frozen=True)
class _Block:
    """Some people, whole: blocks are drawn and written one after the other.

    ``known_stays`` and ``people`` are what the service's files say of them. ``lots`` has one
    number per record: whether it is hidden.
    """

    first: int
    persons: Persons
    stays: Stays
    events: Events
    records: Records
    lots: Floats
    known_stays: pd.DataFrame
    people: pd.DataFrame
    amending: np.random.Generator


@dataclass(frozen=True)
class _Part:
    """One block, ready to be written.

    ``interruptions`` counts what truly happened and what was recorded of it, in the group
    that needs an interpreter and elsewhere: shape (2, 2).
    """

    events: pa.Table
    truth: pa.Table
    known_stays: pd.DataFrame
    people: pd.DataFrame
    interruptions: Ints


def simulate(
    folder: Path,
    *,
    persons: int = 2000,
    months: int = 30,
    seed: int = 0,
    gap: float = 0.0,
    until: date,
    unrecorded_outcomes: float = 0.0,
    progress: Callable[[str], None] = lambda _: None,
) -> SimulationSummary:
    """Write a synthetic import folder, and the truth that no import reads.

    Parameters
    ----------
    folder
        Made if it is not there; an earlier simulation in it is replaced, once the new one
        is complete.
    persons
        How many people enter in all; most of them are in on the last day.
    months
        How far back histories begin.
    seed
        Same arguments, same bytes.
    gap
        How far below everybody else's the recall at capacity of people who need an
        interpreter shall be, because their warning events go unrecorded.
    until
        The day of the extract: nothing recorded later is written.
    unrecorded_outcomes
        Share of the interruptions of people who need an interpreter that the service enters
        as an agreed ending: what no audit on recorded outcomes can see.
    progress
        Told what is being done, one short line at a time.

    Raises
    ------
    NothingToSimulate
        Fewer than one person, or too few months for an outcome to ripen.
    FolderHoldsOther
        The folder holds anything but an earlier simulation.
    GapOutOfReach
        No share of unrecorded warning events brings that gap about.
    """
    shares = gap, unrecorded_outcomes
    if persons < 1 or months < _SHORTEST_MONTHS or not all(0 <= s < 1 for s in shares):
        raise NothingToSimulate(
            f"{persons} persons over {months} months, with a gap of {gap} and "
            f"{unrecorded_outcomes} of outcomes unrecorded: at least 1 person, "
            f"{_SHORTEST_MONTHS} months and shares from 0 to below 1 are needed."
        )
    last = round(months * YEAR / 12)
    calendar = Calendar(int(np.datetime64(until, "D").astype(np.int64)) - last, last)
    seeds = np.random.SeedSequence(seed).spawn(-(-persons // _BLOCK))

    def draw(number: int) -> _Block:
        first = number * _BLOCK
        people = min(_BLOCK, persons - first)
        return _draw(seeds[number], first, people, calendar, unrecorded_outcomes)

    with _made_whole(folder) as scratch:
        protocol = _write_protocol(scratch, persons)
        (scratch / "extract.toml").write_text(
            f"extracted_on = {until.isoformat()}\n", encoding="utf-8"
        )
        progress(f"inventing {min(persons, _BLOCK)} of {persons} histories")
        block = draw(0)
        progress("measuring recall at capacity in both groups")
        measured = _measure(block, protocol, calendar, gap=gap, all_persons=persons, seed=seed)

        def prepare(number: int) -> _Part:
            return _prepare(draw(number) if number else block, calendar, measured.hiding)

        rows, interruptions = 0, np.zeros((2, 2), np.int64)
        with _Files(scratch) as files:
            for number, part in enumerate(_in_order(prepare, len(seeds))):
                progress(f"writing histories: block {number + 1} of {len(seeds)}")
                files.write(part)
                rows += part.events.num_rows
                interruptions += part.interruptions
        truth = {
            "simulated": True,
            "persons": persons,
            "months": months,
            "seed": seed,
            "until": until.isoformat(),
            "wanted_gap": gap,
            **_told(measured, interruptions, min(persons, _BLOCK)),
        }
        (scratch / TRUTH).write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    return SimulationSummary(persons, rows, measured.size)


@contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    """Give a scratch folder whose files take their places only once all are written."""
    made = not folder.exists()
    scratch = folder / _UNFINISHED
    if folder.is_dir():
        others = [p for p in folder.iterdir() if p.name != _UNFINISHED]
        if others and not (folder / TRUTH).is_file():
            raise FolderHoldsOther(
                f"{folder} holds files that are not a simulation; choose an empty or a new folder."
            )
        shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        (scratch / TRUTH).replace(folder / TRUTH)
        (folder / _LAST_MOVED).unlink(missing_ok=True)
        for file in sorted(scratch.iterdir(), key=lambda f: f.name == _LAST_MOVED):
            file.replace(folder / file.name)
    finally:
        shutil.rmtree(scratch)
        if made and not any(folder.iterdir()):
            folder.rmdir()


def _write_protocol(folder: Path, persons: int) -> Protocol:
    """Write the demonstration protocol with places enough for a service of that size."""
    source = resources.files("features") / "protocols" / "accompagnement.toml"
    places = max(_PLACES, round(persons / _PERSONS_PER_PLACE))
    text = source.read_text(encoding="utf-8")
    file = folder / "protocol.toml"
    file.write_text(
        text.replace(_PLACES_LINE.format(_PLACES), _PLACES_LINE.format(places)), encoding="utf-8"
    )
    return read_protocol(file)


def _in_order(prepare: Callable[[int], _Part], number: int) -> Iterator[_Part]:
    """Prepare blocks side by side, a few ahead of the one being written."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        waiting: deque[Future[_Part]] = deque()
        for i in range(number):
            waiting.append(pool.submit(prepare, i))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _draw(
    seed: np.random.SeedSequence,
    first: int,
    number: int,
    calendar: Calendar,
    unrecorded_outcomes: float,
) -> _Block:
    """Draw one block; each stage has its own stream, so that a gap changes nothing else."""
    truth, recording, hiding, amending, describing = (
        np.random.default_rng(s) for s in seed.spawn(5)
    )
    persons = draw_persons(truth, number, calendar)
    stays = draw_stays(truth, persons, calendar)
    events = draw_events(truth, persons, stays, calendar)
    records = record(recording, events, persons, stays, calendar)
    lots = hiding.random(len(records.code))
    closed = _closed_on(events, records, stays, calendar)
    return _Block(
        first,
        persons,
        stays,
        events,
        lose_outcomes(records, persons, lots < unrecorded_outcomes),
        lots,
        _stay_table(describing, first, persons, stays, closed, calendar),
        _people_table(describing, first, persons),
        amending,
    )


def _measure(
    block: _Block,
    protocol: Protocol,
    calendar: Calendar,
    *,
    gap: float,
    all_persons: int,
    seed: int,
) -> Gap:
    """Set the hidden share for everybody on the first block: these are people enough."""
    yardstick = Yardstick.of(
        protocol,
        block.records,
        block.persons,
        block.stays,
        block.known_stays.rename(columns={"person_id": "person"}).assign(
            household=block.known_stays["household_id"].where(
                block.known_stays["household_id"] != "", block.known_stays["person_id"]
            )
        ),
        calendar,
        share=len(block.persons.team) / all_persons,
        seed=seed,
    )
    return open_gap(gap, yardstick, block.records, block.persons, block.lots)


def _prepare(block: _Block, calendar: Calendar, hiding: Hiding) -> _Part:
    shown = ~hiding.hides(block.records, block.persons, block.lots)
    known = amend(block.amending, block.records[shown], calendar)
    return _Part(
        _event_table(known, block, calendar),
        _truth_table(block, calendar),
        block.known_stays,
        block.people,
        _interruptions(block, known),
    )


def _interruptions(block: _Block, known: Records) -> Ints:
    """Count true and recorded interruptions in the group and elsewhere, shape (2, 2)."""
    happened = block.stays.person[block.stays.ending == INDEX[INTERRUPTION]]
    recorded = known.person[known.code == INDEX[INTERRUPTION]]
    return np.array(
        [
            [np.sum(block.persons.interpreter[who] == side) for who in (happened, recorded)]
            for side in (True, False)
        ]
    )


def _told(measured: Gap, interruptions: Ints, persons: int) -> dict[str, object]:
    """Put what was measured into words and numbers for the truth file."""
    (group, group_recorded), (others, others_recorded) = interruptions.tolist()
    return {
        "realised_gap": measured.size,
        "realised_gap_interval": None if measured.low is None else [measured.low, measured.high],
        "recall_interpreter": measured.group,
        "recall_others": measured.others,
        "gap_on_true_outcomes": measured.true_size,
        "hidden_shares": dict(measured.hiding.shares),
        "interruptions": {
            "interpreter": {"happened": group, "recorded": group_recorded},
            "others": {"happened": others, "recorded": others_recorded},
        },
        "measured_on": "recall of everybody else minus recall of interprete=oui on the lists of "
        "the test dates: features, labels, dates and capacity of protocol.toml, a signed ridge "
        f"logistic fit in which nobody is judged by what has seen them, first {persons} persons; "
        "the interval draws people again (95%): a model trained on this folder may find any gap "
        "within it, and a little beyond where its list differs",
        "latent": "rows of truth.parquet with the code 'latent' hold the level from that day on; "
        "all others are true events, as they happened and before any recording",
    }


class _Files:
    """The growing files of one simulation: each block is appended, none is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> _Files:
        self._events, self._truth = (
            self._stack.enter_context(pq.ParquetWriter(self._folder / name, schema))
            for name, schema in (("events.parquet", _EVENTS), ("truth.parquet", _TRUTH))
        )
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def write(self, part: _Part) -> None:
        """Append one block to every file."""
        self._events.write_table(part.events)
        self._truth.write_table(part.truth)
        self._append(part.known_stays, "persons.csv")
        self._append(part.people[["person_id", "display_name"]], "identities.csv")
        self._append(
            part.people.melt("person_id", ["genre", "interprete"], "attribute", "value"),
            "sensitive.csv",
        )

    def _append(self, table: pd.DataFrame, name: str) -> None:
        file = self._folder / name
        table.to_csv(file, mode="a", index=False, header=not file.exists())


def _ids(first: int, number: int) -> npt.NDArray[np.object_]:
    return np.array([f"P{i:07d}" for i in range(first + 1, first + number + 1)], object)


def _event_table(known: Records, block: _Block, calendar: Calendar) -> pa.Table:
    ids = _ids(block.first, len(block.persons.team))
    given = pa.array(known.given_id, mask=known.given_id < 0)
    # The word after the last code is the empty one: a row that takes an earlier one back.
    codes = np.where(known.code == DELETED, len(CODES), known.code)
    return pa.table(
        [
            _coded(known.person, ids),
            calendar.dates(known.occurred),
            calendar.dates(known.recorded),
            _coded(codes, np.array([*CODES, ""], object)),
            pc.binary_join_element_wise(f"e{block.first}", given.cast(pa.string()), "-"),
        ],
        schema=_EVENTS,
    )


def _truth_table(block: _Block, calendar: Calendar) -> pa.Table:
    number, periods = block.persons.latent.shape
    person = np.concatenate(
        [block.stays.person[block.events.stay], np.repeat(np.arange(number), periods)]
    )
    day = np.concatenate([block.events.day, np.tile(np.arange(periods) * PERIOD, number)])
    code = np.concatenate([block.events.code, np.full(number * periods, len(CODES))])
    level = np.concatenate([np.full(len(block.events.code), np.nan), block.persons.latent.ravel()])
    return pa.table(
        [
            _coded(person, _ids(block.first, number)),
            calendar.dates(day),
            _coded(code, np.array([*CODES, LATENT], object)),
            pa.array(level, pa.float32(), from_pandas=True),
        ],
        schema=_TRUTH,
    )


def _coded(index: Ints, words: npt.NDArray[np.object_]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(index, pa.int32()), pa.array(words))


def _closed_on(events: Events, records: Records, stays: Stays, calendar: Calendar) -> Ints:
    """Return the day each stay ends in the software, or a day beyond the last, shape (stays,).

    A stay is closed on the day its ending is recorded, if it is yet.
    """
    closing = np.flatnonzero(np.isin(events.code, np.unique(stays.ending[stays.ending >= 0])))
    closed = np.full(len(stays.start), calendar.last + 1)
    interrupted = events.code[closing] == INDEX[INTERRUPTION]
    recorded = records.recorded[closing]
    known = recorded <= calendar.last
    left = np.where(interrupted, recorded, stays.end[events.stay[closing]])
    closed[events.stay[closing][known]] = left[known]
    return closed


def _stay_table(
    rng: np.random.Generator,
    first: int,
    persons: Persons,
    stays: Stays,
    closed: Ints,
    calendar: Calendar,
) -> pd.DataFrame:
    """Build the rows of ``persons``."""
    informed = stays.start + rng.integers(0, _INFORMED_WITHIN, len(stays.start))
    informed[rng.random(len(informed)) >= _INFORMED] = calendar.last + 1
    present = np.zeros(len(persons.team), bool)
    present[stays.person[closed > calendar.last]] = True
    household = _households(rng, first, len(persons.team))
    return pd.DataFrame(
        {
            "person_id": _ids(first, len(persons.team))[stays.person],
            "entered_on": _dates(stays.start, calendar),
            "left_on": _dates(closed, calendar),
            "team": np.array([t.id for t in TEAMS], object)[persons.team[stays.person]],
            "referent": _referents(first, persons, present)[stays.person],
            "informed_on": _dates(informed, calendar),
            "household_id": household[stays.person],
        }
    ).iloc[np.lexsort((stays.start, stays.person))]


def _dates(day: Ints, calendar: Calendar) -> npt.NDArray[np.datetime64]:
    """Return dates, none where the day is beyond the last."""
    dates = calendar.dates(day).astype("datetime64[us]")
    dates[day > calendar.last] = np.datetime64("NaT")
    return dates


def _referents(first: int, persons: Persons, present: Bools) -> npt.NDArray[np.object_]:
    """Share the people of each team out, those who are in first: some have more, some fewer.

    Every block has a range of logins of its own, wide enough for the largest.
    """
    login = np.empty(len(present), object)
    for index, team in enumerate(TEAMS):
        members = persons.team == index
        educators = max(1, round((members & present).sum() / team.caseload))
        adults = _BLOCK * team.adults / sum(t.adults for t in TEAMS)
        taken = first // _BLOCK * (int(adults / team.caseload) + 1)
        for some in (members & present, members & ~present):
            full = np.cumsum(np.linspace(*_UNEVEN, educators))
            number = np.searchsorted(full / full[-1], (np.arange(some.sum()) + 0.5) / some.sum())
            login[some] = [f"{team.login}.{taken + n + 1}" for n in number]
    return login


def _households(rng: np.random.Generator, first: int, persons: int) -> npt.NDArray[np.object_]:
    """Let a few neighbours in the list share a household; the others give none."""
    household = np.full(persons, "", object)
    firsts = np.arange(0, persons - 1, 2)
    for i in firsts[rng.random(len(firsts)) < _SHARED_HOUSEHOLDS]:
        household[i : i + 2] = f"F{first + i + 1:07d}"
    return household


def _people_table(rng: np.random.Generator, first: int, persons: Persons) -> pd.DataFrame:
    number = len(persons.team)
    return pd.DataFrame(
        {
            "person_id": _ids(first, number),
            "genre": rng.choice(list(_GENDERS), number, p=list(_GENDERS.values())),
            "interprete": np.where(persons.interpreter, "oui", "non"),
            "display_name": [f"Personne fictive {first + i + 1:04d}" for i in range(number)],
        }
    )
