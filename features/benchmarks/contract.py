"""The import contract on a million rows: one query and pandera on its findings, or pandera alone.

Both judge the same table in the same run, each where it holds it: the query in DuckDB's
memory, pandera in a pandas frame. Making and loading the table is not timed.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import duckdb
import numpy as np
import pandas as pd
import pandera.pandas as pa

from features.contract import VerdictsDiffer, judge, pandera_faults

ROWS = 1_000_000
_BEGIN, _END = pd.Timestamp("2015-01-01"), pd.Timestamp("2027-01-01")
_SENTINEL_DAY = pd.Timestamp("1900-01-01")
_SENTINELS, _WHOLE_SENTINELS = (-1.0, 999.0, 9999.0), (-1, 9999)
"""What source systems write where they know nothing."""
_TIMES, _VALUES, _EMPTY = 6, 7, 3
_MISSING_SHARE = 0.1
_FAULTY_ROWS = 5

CONTRACT = pa.DataFrameSchema(
    {
        "person": pa.Column(str),
        "team": pa.Column(str, nullable=True),
        "code": pa.Column(str, pa.Check.str_length(3, 80)),
        "referent": pa.Column(str, pa.Check.str_length(1, 40), nullable=True),
        "place": pa.Column(str, pa.Check.str_startswith("lieu")),
        **{
            f"time_{i}": pa.Column(
                "datetime64[us]",
                [pa.Check.ge(_BEGIN), pa.Check.lt(_END), pa.Check.ne(_SENTINEL_DAY)],
            )
            for i in range(_TIMES)
        },
        **{
            f"value_{i}": pa.Column(
                float,
                [pa.Check.in_range(0, 100), pa.Check.notin(_SENTINELS)],
                nullable=i < _EMPTY,
            )
            for i in range(_VALUES)
        },
        **{
            f"number_{i}": pa.Column(int, [pa.Check.ge(0), pa.Check.notin(_WHOLE_SENTINELS)])
            for i in range(3)
        },
    },
    strict=True,
)
"""Twenty-one columns: five texts, six times, seven values, three whole numbers."""


@dataclass(frozen=True)
class Race:
    """Seconds of both on one table with so many faulty rows, and how many times faster ours is."""

    faulty_rows: int
    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.peer / self.ours


def race(*, rows: int = ROWS, seed: int = 0, rounds: int = 3) -> tuple[Race, ...]:
    """Judge one drawn table without a fault and once with a handful, by both.

    Parameters
    ----------
    rows
        Rows of the table.
    seed
        What it is drawn from.
    rounds
        Each is timed so often, in turn; the best counts.

    Raises
    ------
    VerdictsDiffer
        The two do not name the same rows, columns and checks.
    """
    table = _table(rows, np.random.default_rng(seed))
    return tuple(_race(spoilt, rounds) for spoilt in (table, _spoilt(table)))


def _race(table: pd.DataFrame, rounds: int) -> Race:
    ours: list[float] = []
    peer: list[float] = []
    with duckdb.connect(":memory:") as database:
        database.register("given", table)
        database.execute(
            "CREATE TABLE held AS SELECT row_number() OVER () - 1 AS row, * FROM given"
        )
        for _ in range(rounds):
            start = perf_counter()
            found = judge(database, "held", CONTRACT).faults
            ours.append(perf_counter() - start)
            start = perf_counter()
            expected = pandera_faults(CONTRACT, table)
            peer.append(perf_counter() - start)
    order = ["row", "column", "check"]
    one, other = (f.sort_values(order, ignore_index=True) for f in (found, expected))
    if not one.equals(other):
        raise VerdictsDiffer(
            f"{len(one)} faults are found by the query and {len(other)} by pandera alone: the "
            "times of two different verdicts are not compared."
        )
    return Race(found["row"].nunique(), min(ours), min(peer))


def _table(rows: int, draw: np.random.Generator) -> pd.DataFrame:
    span = int((_END - _BEGIN).total_seconds())

    def words(*among: str) -> pd.Series:
        drawn = np.array(among, dtype=object)[draw.integers(0, len(among), rows)]
        return pd.Series(drawn).astype("str")

    columns: dict[str, object] = {
        "person": words(*(f"P{i}" for i in range(10_000))),
        "team": words("nord", "sud", "est"),
        "code": words("rdv//honore", "rdv//excuse", "contact//visite", "projet//bilan"),
        "referent": words("ana", "béa", "chloé"),
        "place": words("lieu 1", "lieu 2"),
    }
    for i in range(_TIMES):
        seconds = draw.integers(0, span, rows).astype("timedelta64[s]")
        columns[f"time_{i}"] = (np.datetime64(_BEGIN, "us") + seconds).astype("datetime64[us]")
    for i in range(_VALUES):
        values = draw.uniform(0, 100, rows)
        missing = (i < _EMPTY) & (draw.random(rows) < _MISSING_SHARE)
        columns[f"value_{i}"] = np.where(missing, np.nan, values)
    columns |= {f"number_{i}": draw.integers(0, 1000, rows) for i in range(3)}
    return pd.DataFrame(columns)


def _spoilt(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a handful of faulty rows, spread over it."""
    spoilt = table.copy()
    places = np.linspace(0, len(table) - 1, _FAULTY_ROWS).astype(int)
    for place, (column, value) in zip(
        places,
        [
            ("person", None),
            ("code", "x"),
            ("time_3", pd.Timestamp("1899-12-31")),
            ("value_5", 1000.0),
            ("number_1", -1),
        ],
        strict=True,
    ):
        spoilt.loc[place, column] = value
    return spoilt
