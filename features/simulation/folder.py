"""Write simulated histories as an import folder, and their truth beside it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import RebondError
from features.simulation.histories import (
    CODES,
    INDEX,
    INTERRUPTION,
    PERIOD,
    TEAMS,
    YEAR,
    Calendar,
    Events,
    Ints,
    Persons,
    Stays,
    draw_events,
    draw_persons,
    draw_stays,
)
from features.simulation.recording import (
    DELETED,
    Hidden,
    Records,
    amend,
    hide,
    may_be_hidden,
    record,
)

LATENT = "latent"
"""The code of the truth file's rows that state a person's latent level from that day on."""

_BLOCK = 20_000
_GENDERS = {"femme": 0.52, "homme": 0.44, "non renseigné": 0.04}
_INFORMED, _INFORMED_WITHIN = 0.95, 21
_SHARED_HOUSEHOLDS = 0.03
_SHORTEST_MONTHS = 8

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
    """Some people, whole: blocks are drawn and written one after the other."""

    first: int
    persons: Persons
    stays: Stays
    events: Events
    records: Records
    lots: npt.NDArray[np.float64]
    streams: tuple[np.random.Generator, np.random.Generator]


def simulate(
    folder: Path,
    *,
    persons: int = 2000,
    months: int = 30,
    seed: int = 0,
    gap: float = 0.0,
    until: date,
) -> SimulationSummary:
    """Write a synthetic import folder, and the truth that no import reads.

    Parameters
    ----------
    folder
        Made if it is not there; files of the same names are replaced.
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

    Raises
    ------
    NothingToSimulate
        Fewer than one person, or too few months for an outcome to ripen.
    GapOutOfReach
        No share of unrecorded warning events brings that gap about.
    """
    if persons < 1 or months < _SHORTEST_MONTHS or not 0 <= gap < 1:
        raise NothingToSimulate(
            f"{persons} persons over {months} months with a gap of {gap}: at least 1 person, "
            f"{_SHORTEST_MONTHS} months and a gap from 0 to below 1 are needed."
        )
    last = round(months * YEAR / 12)
    calendar = Calendar(int(np.datetime64(until, "D").astype(np.int64)) - last, last)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "truth.json").is_file():
        raise FolderHoldsOther(
            f"{folder} holds files that are not a simulation; choose an empty or a new folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    seeds = np.random.SeedSequence(seed).spawn(-(-persons // _BLOCK))
    hidden: Hidden | None = None
    stays, people = [], []
    referents = np.zeros(len(TEAMS), np.int64)
    rows = 0
    with (
        pq.ParquetWriter(folder / "events.parquet", _EVENTS) as events_file,
        pq.ParquetWriter(folder / "truth.parquet", _TRUTH) as truth_file,
    ):
        for number, block_seed in enumerate(seeds):
            first = number * _BLOCK
            block = _draw(block_seed, first, min(_BLOCK, persons - first), calendar)
            if hidden is None:  # the first block is people enough to set the share for all
                hidden = hide(gap, block.lots, block.records, block.persons, block.stays, calendar)
            shown = ~(may_be_hidden(block.records, block.persons) & (block.lots < hidden.share))
            amending, describing = block.streams
            known = amend(amending, block.records[shown], calendar)
            rows += len(known.code)
            events_file.write_table(_event_table(known, block, calendar))
            truth_file.write_table(_truth_table(block, calendar))
            stays.append(_stay_table(describing, block, calendar, referents))
            people.append(_people_table(describing, block))
    _write_tables(folder, pd.concat(stays), pd.concat(people))
    (folder / "extract.toml").write_text(f"extracted_on = {until.isoformat()}\n", encoding="utf-8")
    protocol = resources.files("features") / "protocols" / "accompagnement.toml"
    (folder / "protocol.toml").write_bytes(protocol.read_bytes())
    measured = asdict(hidden) if hidden else {}
    realised = measured.get("gap")
    truth = {
        "simulated": True,
        "persons": persons,
        "months": months,
        "seed": seed,
        "until": until.isoformat(),
        "wanted_gap": gap,
        "realised_gap": realised,
        "hidden_share": measured.get("share"),
        "recall_interpreter": measured.get("recall_group"),
        "recall_others": measured.get("recall_others"),
        "measured_on": "true interruptions within 90 days on the last third of the 28-day review "
        "dates, listed by a linear score fitted before them on recorded events of 28, 90 and 365 "
        "days; a list of 4.5% of all people per date, nobody twice within 90 days; recall of "
        f"everybody else minus recall of interprete=oui, first {min(persons, _BLOCK)} persons",
        "latent": "rows of truth.parquet with the code 'latent' hold the level from that day on; "
        "all others are true events, as they happened and before any recording",
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    return SimulationSummary(persons, rows, realised)


def _draw(seed: np.random.SeedSequence, first: int, number: int, calendar: Calendar) -> _Block:
    """Draw one block; each stage has its own stream, so that a gap changes nothing else."""
    truth, recording, hiding, amending, describing = (
        np.random.default_rng(s) for s in seed.spawn(5)
    )
    persons = draw_persons(truth, number, calendar)
    stays = draw_stays(truth, persons, calendar)
    events = draw_events(truth, persons, stays, calendar)
    records = record(recording, events, persons, stays, calendar)
    lots = hiding.random(len(records.code))
    return _Block(first, persons, stays, events, records, lots, (amending, describing))


def _ids(block: _Block) -> list[str]:
    number = len(block.persons.team)
    return [f"P{i:07d}" for i in range(block.first + 1, block.first + number + 1)]


def _event_table(known: Records, block: _Block, calendar: Calendar) -> pa.Table:
    given = [None if i < 0 else f"e{block.first}-{i}" for i in known.given_id.tolist()]
    # The word after the last code is the empty one: a row that takes an earlier one back.
    codes = np.where(known.code == DELETED, len(CODES), known.code)
    return pa.table(
        [
            _coded(known.person, _ids(block)),
            calendar.dates(known.occurred),
            calendar.dates(known.recorded),
            _coded(codes, [*CODES, ""]),
            pa.array(given, pa.string()),
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
            _coded(person, _ids(block)),
            calendar.dates(day),
            _coded(code, [*CODES, LATENT]),
            pa.array(level, pa.float32(), from_pandas=True),
        ],
        schema=_TRUTH,
    )


def _coded(index: Ints, words: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(index, pa.int32()), pa.array(words))


def _stay_table(
    rng: np.random.Generator, block: _Block, calendar: Calendar, referents: Ints
) -> pd.DataFrame:
    """Build the rows of ``persons``; ``referents`` counts the logins already given out."""
    stays, events = block.stays, block.events
    # A stay is closed in the software on the day its ending is recorded, if it is yet.
    closing = np.flatnonzero(np.isin(events.code, np.unique(stays.ending[stays.ending >= 0])))
    closed = np.full(len(stays.start), calendar.last + 1)
    interrupted = events.code[closing] == INDEX[INTERRUPTION]
    recorded = block.records.recorded[closing]
    known = recorded <= calendar.last
    left = np.where(interrupted, recorded, stays.end[events.stay[closing]])
    closed[events.stay[closing][known]] = left[known]

    informed = stays.start + rng.integers(0, _INFORMED_WITHIN, len(stays.start))
    informed[rng.random(len(informed)) >= _INFORMED] = calendar.last + 1
    order = np.lexsort((stays.start, stays.person))
    names = np.array(_ids(block), dtype=object)
    household = _households(rng, block)
    team = block.persons.team[stays.person]
    return pd.DataFrame(
        {
            "person_id": names[stays.person],
            "entered_on": calendar.dates(stays.start).astype(str),
            "left_on": _date_or_empty(closed, calendar),
            "team": np.array([t.id for t in TEAMS])[team],
            "referent": _referents(block, closed > calendar.last, referents)[stays.person],
            "informed_on": _date_or_empty(informed, calendar),
            "household_id": household[stays.person],
        }
    ).iloc[order]


def _date_or_empty(day: Ints, calendar: Calendar) -> npt.NDArray[np.str_]:
    return np.where(day <= calendar.last, calendar.dates(day).astype(str), "")


def _referents(
    block: _Block, is_open: npt.NDArray[np.bool_], given_out: Ints
) -> npt.NDArray[np.object_]:
    """Share the people of each team out evenly, those who are in first."""
    present = np.zeros(len(block.persons.team), bool)
    present[block.stays.person[is_open]] = True
    login = np.empty(len(present), object)
    for index, team in enumerate(TEAMS):
        members = block.persons.team == index
        educators = max(1, round((members & present).sum() / team.caseload))
        for some in (members & present, members & ~present):
            number = given_out[index] + np.arange(some.sum()) % educators + 1
            login[some] = [f"{team.login}.{n}" for n in number]
        given_out[index] += educators
    return login


def _households(rng: np.random.Generator, block: _Block) -> npt.NDArray[np.object_]:
    """Let a few neighbours in the list share a household; the others give none."""
    household = np.full(len(block.persons.team), "", object)
    firsts = np.arange(0, len(household) - 1, 2)
    for i in firsts[rng.random(len(firsts)) < _SHARED_HOUSEHOLDS]:
        household[i : i + 2] = f"F{block.first + i + 1:07d}"
    return household


def _people_table(rng: np.random.Generator, block: _Block) -> pd.DataFrame:
    number = len(block.persons.team)
    return pd.DataFrame(
        {
            "person_id": _ids(block),
            "genre": rng.choice(list(_GENDERS), number, p=list(_GENDERS.values())),
            "interprete": np.where(block.persons.interpreter, "oui", "non"),
            "display_name": [f"Personne fictive {block.first + i + 1:04d}" for i in range(number)],
        }
    )


def _write_tables(folder: Path, stays: pd.DataFrame, people: pd.DataFrame) -> None:
    stays.to_csv(folder / "persons.csv", index=False)
    people[["person_id", "display_name"]].to_csv(folder / "identities.csv", index=False)
    people.melt("person_id", ["genre", "interprete"], "attribute", "value").to_csv(
        folder / "sensitive.csv", index=False
    )
