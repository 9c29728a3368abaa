"""How fast the kernel measures, beside a plain DuckDB range join and featuretools.

Everything runs once, one after the other, on the same invented events; both matrices are
compared value by value. Values are whole numbers, so sums are exact in any order.
"""

from __future__ import annotations

import itertools
import resource
import subprocess
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from features.block import Block, Ints, build_block
from features.catalogue import Feature, catalogue
from features.engine import StoreEngine
from features.errors import RebondError
from features.intake import Extract
from features.kernel import measure
from features.protocol import Protocol, parse_protocol
from features.staging import staging
from features.store import EventStore
from features.tables import EVENTS, STAYS

Floats = npt.NDArray[np.float64]

EVENTS_EACH = 100
DATES = tuple(date(2024, 1, 1) + timedelta(days=28 * n) for n in range(24))
WINDOWS = (28, 90, 365)
GROUPS = 4
MEASURES = ("count", "sum", "mean", "last", "since_last", "ever")
SLICE_PERSONS, SLICE_DATES = 200, DATES[11:15]

_HISTORY = """
SELECT md5('person ' || person) AS person,
       TIMESTAMP '2023-01-01' + to_days(day) + to_seconds(second) AS occurred_at,
       occurred_at + to_days(late) AS recorded_at,
       CASE WHEN n % 200 = 1 THEN '' ELSE 'kind' || kind || '//' || part END AS code,
       CASE WHEN part < 5 THEN (hash(n, 5) % 100)::DOUBLE END AS numeric_value,
       CASE WHEN n % 20 < 2 THEN md5('event ' || (n - n % 20)) END AS event_id
FROM (
    SELECT n,
           n // 20 * 20 + CASE WHEN n % 20 < 2 THEN 0 ELSE n % 20 END AS same,
           (hash(same, 0) % $persons)::BIGINT AS person,
           (hash(n, 1) % 1000)::INTEGER AS day,
           (hash(n, 2) % 86400)::BIGINT AS second,
           (hash(n, 3) % 30)::INTEGER AS late,
           (hash(n, 4) % 8)::INTEGER AS kind,
           (hash(n, 6) % 10)::INTEGER AS part
    FROM range($events) numbers(n)
)
"""
"""One row in twenty corrects the one before it, and one in ten of those deletes it."""


class PeerFailed(RebondError):
    """The peer could not do its part, so there is nothing to compare with."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison: seconds, and the matrix it made."""

    seconds: float
    values: Floats


@dataclass(frozen=True)
class MeasuresBench:
    """What one run found; seconds unless said.

    ``ours`` reads the store as an import leaves it, sorted by person; ``sorting`` is what
    the import spends on that, once. ``peak_mib`` is the process's highest resident memory
    up to the end of our side. ``growth`` is our time on all events over that on a tenth.
    """

    events: int
    persons: int
    rows: int
    measures: int
    ours: float
    peer: float
    equal: bool
    sorting: float
    peak_mib: int
    growth: float
    featuretools_ours: float | None
    featuretools_peer: float | None
    featuretools_equal: bool | None

    @property
    def ratio(self) -> float:
        """How many times faster than the range join."""
        return self.peer / self.ours


def bench_measures(scratch: Path, *, persons: int, peers: Path | None) -> MeasuresBench:
    """Measure the same matrix by the kernel and by a range join, and a slice by featuretools.

    Parameters
    ----------
    scratch
        An empty folder for the events.
    persons
        How many persons, with 100 events each.
    peers
        The interpreter that has featuretools; None: no slice.
    """
    features = catalogue(_protocol())
    ours_on(_stored(scratch / "warm", 100)[0], features)  # compiles, once per machine
    small = ours_on(_stored(scratch / "small", max(persons // 10, 1))[0], features)
    store, sorting = _stored(scratch / "all", persons)
    ours = ours_on(store, features)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    peer = range_join(store.event_files(), features)
    slice_ours = slice_peer = None
    if peers is not None:
        slice_ours, slice_peer = _slice(store, scratch, peers)
    return MeasuresBench(
        events=persons * EVENTS_EACH,
        persons=persons,
        rows=len(ours.values),
        measures=len(features),
        ours=ours.seconds,
        peer=peer.seconds,
        equal=_equal(ours, peer),
        sorting=sorting,
        peak_mib=peak,
        growth=ours.seconds / small.seconds,
        featuretools_ours=slice_ours.seconds if slice_ours else None,
        featuretools_peer=slice_peer.seconds if slice_peer else None,
        featuretools_equal=_equal(slice_ours, slice_peer) if slice_ours and slice_peer else None,
    )


def ours_on(store: EventStore, features: tuple[Feature, ...]) -> Side:
    """Measure every person of a store at every date, sorted by person, then date."""
    days = np.array(DATES, "datetime64[D]").astype(np.int64)
    begun = time.perf_counter()
    persons = np.sort(store.stays()["person"].to_numpy(object))
    values = np.empty((len(persons) * len(days), len(features)))

    def measured(block: Block, stays: pd.DataFrame) -> None:
        mine = stays["person"].to_numpy(object)
        first = np.searchsorted(persons, mine[0]) * len(days)
        rows = values[first : first + len(mine) * len(days)]
        measure(block, features, *_grid(block.places_of(mine), days), into=rows)

    StoreEngine(store).over_blocks(measured)
    return Side(time.perf_counter() - begun, values)


def range_join(files: list[str], features: tuple[Feature, ...]) -> Side:
    """Measure the same by one plain SQL query over the same files."""
    aggregates = ", ".join(f"{_aggregate(f)} AS c{i}" for i, f in enumerate(features))
    groups = "CASE " + " ".join(
        f"WHEN code LIKE 'kind{kind}//%' THEN {kind // 2}" for kind in range(2 * GROUPS)
    )
    query = f"""
    CREATE TABLE matrix AS
    WITH known AS (
        SELECT person, occurred_at, recorded_at, numeric_value, arrival, {groups} END AS kind,
               CASE WHEN event_id IS NOT NULL THEN lead(recorded_at) OVER (
                   PARTITION BY person, event_id ORDER BY recorded_at, arrival
               ) END AS superseded
        FROM read_parquet($files, hive_partitioning=false)
    ), wanted AS (
        SELECT person, as_of
        FROM (SELECT DISTINCT person FROM known), (SELECT unnest($dates) AS as_of)
    )
    SELECT w.person, w.as_of, {aggregates}
    FROM wanted w LEFT JOIN known e
      ON e.person = w.person AND e.occurred_at < w.as_of AND e.recorded_at < w.as_of
     AND (e.superseded IS NULL OR e.superseded >= w.as_of)
    GROUP BY w.person, w.as_of
    """  # noqa: S608 - our own columns
    with duckdb.connect(":memory:") as database:
        begun = time.perf_counter()
        database.execute(query, {"files": files, "dates": list(DATES)})
        seconds = time.perf_counter() - begun
        found = database.execute(
            "SELECT * EXCLUDE (person, as_of) FROM matrix ORDER BY person, as_of"
        ).fetchnumpy()
    columns: list[Floats] = [
        np.ma.filled(np.ma.asarray(column, float), np.nan) for column in found.values()
    ]
    return Side(seconds, np.column_stack(columns))


def _aggregate(feature: Feature) -> str:
    kind = f"e.kind = {feature.group}"
    newest = "(e.occurred_at, e.recorded_at, e.arrival)"
    inside = f"FILTER ({kind} AND e.occurred_at >= w.as_of - INTERVAL {feature.window_days} DAY)"
    return {
        "count": f"count(e.occurred_at) {inside}",
        "sum": f"coalesce(sum(e.numeric_value) {inside}, 0)",
        "mean": f"avg(e.numeric_value) {inside}",
        "last": f"arg_max(e.numeric_value, {newest}) "
        f"FILTER ({kind} AND e.numeric_value IS NOT NULL)",
        "since_last": f"date_diff('day', max(e.occurred_at) FILTER ({kind}), w.as_of)",
        "ever": f"(count(e.occurred_at) FILTER ({kind}) > 0)::DOUBLE",
    }[feature.measure]


def _slice(store: EventStore, scratch: Path, peers: Path) -> tuple[Side, Side]:
    """Compare with featuretools on one clock, for it has no second one."""
    persons = store.stays()["person"].sort_values().iloc[:SLICE_PERSONS].tolist()
    events = store.events()
    events = events[events["person"].isin(persons) & events["event_id"].isna()]
    events = events.assign(recorded_at=events["occurred_at"]).reset_index(drop=True)
    base = catalogue(_protocol())[0]
    features = tuple(
        Feature(**{**vars(base), "codes": ("kind0",), "measure": name, "window_days": window})
        for window in WINDOWS
        for name in ("count", "sum", "mean")
    )
    days = np.array(SLICE_DATES, "datetime64[D]").astype(np.int64)
    begun = time.perf_counter()
    block = build_block(events[list(EVENTS.columns)])
    place = block.places_of(np.array(persons, object))
    values = measure(block, features, *_grid(place, days))[0]
    ours = Side(time.perf_counter() - begun, values)

    names = ("slice.parquet", "rows.parquet", "found.parquet")
    slice_file, rows_file, found = (scratch / name for name in names)
    told = events[events["code"].str.startswith("kind0//")]
    told[["person", "occurred_at", "numeric_value"]].rename(
        columns={"numeric_value": "value"}
    ).to_parquet(slice_file, index=False)
    rows = itertools.product(persons, pd.DatetimeIndex(SLICE_DATES))
    pd.DataFrame(list(rows), columns=["person", "as_of"]).to_parquet(rows_file, index=False)
    script = Path(__file__).with_name("featuretools_peer.py")
    done = subprocess.run(  # noqa: S603 - our own script
        [peers, script, slice_file, rows_file, found, *map(str, WINDOWS)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise PeerFailed(f"featuretools at {peers} failed and says: {said}")
    theirs = pd.read_parquet(found)
    # Without any event featuretools gives no count and no sum at all.
    plain = [c for c in theirs.columns if not c.startswith("mean")]
    theirs[plain] = theirs[plain].fillna(0.0)
    return ours, Side(float(done.stdout), theirs.to_numpy(float))


def _stored(folder: Path, persons: int) -> tuple[EventStore, float]:
    """Invent events and store them as an import does; also return the seconds of storing."""
    folder.mkdir(parents=True)
    raw = folder / "events.parquet"
    with duckdb.connect(":memory:") as database:
        made = database.sql(_HISTORY, params={"persons": persons, "events": persons * EVENTS_EACH})
        made.write_parquet(str(raw))
        known = database.read_parquet(str(raw)).select("person").distinct().order("person").df()
    begun = pd.Timestamp(2022, 6, 1)
    stays = known.assign(
        entered_on=begun, left_on=pd.NaT, team="T", referent="R", informed_on=begun
    ).assign(household=known["person"])
    nothing = pd.DataFrame()
    extract = Extract(
        protocol=_protocol(),
        protocol_text=_protocol_text(),
        extracted_on=date(2026, 1, 1),
        stays=STAYS.validate(
            stays.astype(
                {
                    **dict.fromkeys(("person", "team", "referent", "household"), "str"),
                    **dict.fromkeys(("entered_on", "left_on", "informed_on"), "datetime64[us]"),
                }
            )
        ),
        events=raw,
        event_rows=persons * EVENTS_EACH,
        sensitive=nothing,
        identities=nothing,
        given_ids=nothing,
        quarantine=nothing,
        ignored={},
    )
    store = EventStore(folder / "store")
    started = time.perf_counter()
    with staging(folder, lambda sealed: True) as stage:
        store.add(extract, stage)
        stage.seal(store.manifest_place)
    return store, time.perf_counter() - started


def _grid(person: Ints, days: Ints) -> tuple[Ints, Ints]:
    return np.repeat(person, len(days)), np.tile(days, len(person))


def _equal(ours: Side, peer: Side) -> bool:
    return ours.values.shape == peer.values.shape and bool(
        np.array_equal(ours.values, peer.values, equal_nan=True)
    )


def _protocol() -> Protocol:
    return parse_protocol(_protocol_text())


def _protocol_text() -> str:
    groups = "\n".join(
        f'[[features.group]]\nname = "{group}"\n'
        f'codes = ["kind{2 * group}", "kind{2 * group + 1}"]\n'
        f'measures = [{", ".join(f""" "{name}" """ for name in MEASURES)}]\n'
        'wording = "fait|faits"\nreason = "mesure de vitesse"'
        for group in range(GROUPS)
    )
    return (
        'name = "vitesse"\npurpose = "prevention"\n[outcome]\nlabel = "aucune"\n'
        f'codes = ["aucune"]\n[features]\nwindows_days = {list(WINDOWS)}\n{groups}\n'
    )
