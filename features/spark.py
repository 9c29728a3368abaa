"""The engine for more than one machine: Spark moves the events, the one kernel measures.

Spark reads the segments, brings every person's rows together in one partition, and calls
:func:`features.point_in_time.answer` there, through ``mapInArrow``: the same function on the
same block as on one machine. Needs the ``spark`` extra and Java; the segments have to be
readable from every worker.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.block import FEED, block_of, blocks_of
from features.engine import StoreEngine
from features.errors import RebondError
from features.point_in_time import Matrix, Question, answer, gather
from features.store import EventStore
from features.tables import COHORT

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_ROWS = pa.schema(
    {
        "question": pa.int32(),
        "person": pa.string(),
        "as_of": pa.timestamp("us"),
        "household": pa.string(),
        "team": pa.string(),
        "referent": pa.string(),
        "entered_on": pa.timestamp("us"),
        "informed": pa.bool_(),
        "label": pa.float64(),
        "values": pa.list_(pa.float64()),
        "other": pa.int64(),
    }
)
"""What comes back from the workers: rows of the matrices, and the question they answer."""

_SPARK_TYPES = {
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.string(): "string",
    pa.bool_(): "boolean",
    pa.float64(): "double",
    pa.timestamp("us"): "timestamp_ntz",
    pa.list_(pa.float64()): "array<double>",
}


class SparkMissing(RebondError):
    """Spark is not installed, or finds no Java."""


class SparkFailed(RebondError):
    """The cluster was not reached, or gave up."""


@dataclass(frozen=True)
class SparkEngine:
    """The store of a home, read and measured by a Spark cluster.

    Attributes
    ----------
    store
        The events and stays.
    master
        The cluster's address; ``local[2]`` is two threads of this machine.
    partitions
        Into how many parts persons are spread; None: as Spark decides. Changes no figure.
    """

    store: EventStore
    master: str = "local[*]"
    partitions: int | None = None

    def stays(self) -> pd.DataFrame:
        """See :class:`features.engine.Engine`."""
        return StoreEngine(self.store).stays()

    def codes(self, before: date | None = None) -> frozenset[str]:
        """See :class:`features.engine.Engine`."""
        with _session(self.master) as spark:
            found = self._events(spark).where("code <> ''")
            if before is not None:
                day = f"timestamp_ntz '{before.isoformat()}'"
                found = found.where(f"recorded_at < {day} AND occurred_at < {day}")
            return frozenset(found.select("code").distinct().toArrow()["code"].to_pylist())

    def matrices(self, questions: Sequence[Question]) -> list[Matrix]:
        """See :class:`features.engine.Engine`.

        Raises
        ------
        SparkMissing, SparkFailed
            No Spark, no Java, no cluster.
        """
        stays = self.stays()
        with _session(self.master) as spark:
            events = self._events(spark)
            spread = [self.partitions] if self.partitions else []
            ordered = events.repartition(*spread, "person").sortWithinPartitions("person")
            shared = spark.sparkContext.broadcast(stays)
            measured = ordered.mapInArrow(
                _worker(tuple(questions), lambda: shared.value),
                ", ".join(f"{f.name} {_SPARK_TYPES[f.type]}" for f in _ROWS),
            ).toArrow()
            seen = events.select("person").distinct().toArrow()["person"].to_pandas()
        # Who has a stay and no event stands in no partition.
        quiet = stays[~stays["person"].isin(seen)].reset_index(drop=True)
        nothing = block_of(FEED.empty_table())
        matrices = []
        for number, question in enumerate(questions):
            first = answer(question, nothing, quiet)
            matrices.append(gather(question, [first, _received(measured, number, first.names)]))
        return matrices

    def _events(self, spark: SparkSession) -> DataFrame:
        events = spark.read.parquet(*self.store.event_files()).select(*FEED.names)
        overdue = self.store.overdue()
        return events.where(~events["person"].isin(sorted(overdue))) if overdue else events


Batches = Iterable[pa.RecordBatch]


def _worker(
    questions: tuple[Question, ...], stays_of: Callable[[], pd.DataFrame]
) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """Return what runs on a worker, over the rows of one partition, sorted by person."""

    def work(batches: Batches) -> Iterator[pa.RecordBatch]:
        stays = stays_of()
        for block in blocks_of(batches):
            mine = stays[stays["person"].isin(block.persons)].reset_index(drop=True)
            for number, question in enumerate(questions):
                yield from _sent(answer(question, block, mine), number)

    return work


def _sent(matrix: Matrix, number: int) -> list[pa.RecordBatch]:
    rows = len(matrix.cohort)
    columns = {name: matrix.cohort[name] for name in COHORT.columns}
    edges = np.arange(rows + 1) * matrix.values.shape[1]
    values = pa.ListArray.from_arrays(pa.array(edges, pa.int32()), pa.array(matrix.values.ravel()))
    table = pa.table(
        {
            **{name: pa.array(column, _ROWS.field(name).type) for name, column in columns.items()},
            "question": pa.array(np.full(rows, number), pa.int32()),
            "values": values,
            "other": pa.array(matrix.other),
        }
    )
    # A label that is null travels as NaN.
    batches: list[pa.RecordBatch] = table.select(_ROWS.names).to_batches()
    return batches


def _received(table: pa.Table, number: int, names: tuple[str, ...]) -> Matrix:
    mine = table.filter(pc.equal(table["question"], number))
    rows = mine.num_rows
    values = mine["values"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    cohort = mine.select(list(COHORT.columns)).to_pandas()
    return Matrix(
        COHORT.validate(cohort.astype(dict.fromkeys(_TEXT, "str"))),
        values.reshape(rows, len(names)),
        mine["other"].to_numpy(),
        names,
    )


_TEXT = [field.name for field in _ROWS if field.type == pa.string()]


@contextmanager
def _session(master: str) -> Iterator[SparkSession]:
    """Open a session that listens to nobody and says only what went wrong."""
    if importlib.util.find_spec("pyspark") is None:
        raise SparkMissing(
            "Spark is not installed: install Rebond with its spark extra, or train without "
            "--engine spark."
        )
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise SparkMissing(
            "Spark needs Java 17 or newer and finds none: install it or set JAVA_HOME."
        )
    from py4j.protocol import Py4JError  # noqa: PLC0415 - the spark extra
    from pyspark.errors import PySparkException  # noqa: PLC0415
    from pyspark.sql import SparkSession  # noqa: PLC0415

    settings = {
        "spark.ui.enabled": "false",
        "spark.log.level": "ERROR",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    }
    local = master.startswith("local")
    if local:
        settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    builder = SparkSession.builder.master(master).appName("rebond")
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        spark = builder.getOrCreate()
        if local:
            # Else the first python3 of the path, which may know nothing of Rebond.
            spark.sparkContext.pythonExec = sys.executable
        try:
            yield spark
        finally:
            spark.stop()
    except (PySparkException, Py4JError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SparkFailed(f"Spark at {master} failed: {said}") from error
