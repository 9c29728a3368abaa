"""The project's benchmarks, each beside its peer in the same run.

The one place that knows all of them; what each measures is told where it stands. Speed is
never asserted by a test.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from features.benchmarks.contract import race
from features.benchmarks.measures import bench_measures
from features.errors import RebondError

FULL_PERSONS = 100_000
FULL_ROWS = 1_000_000
TRAINED_PERSONS = 4_000
STUDY_PERSONS = 2_000
EDUCATORS = 200
SITUATIONS = 100_000
FULL_ENTRIES = 1_000_000
SECONDS = 25
"""How long the queue is asked for at the rate that is quoted."""
AUDITED_TABLES = 1_000
"""Tables drawn from every truth: a rate of 5% is then known to about 1.4 points."""


class UnknownBenchmark(RebondError):
    """There is no benchmark of that name."""


class PowerOfAudit(RebondError):
    """Only the audit can be asked how often it is right."""


class UnknownPeer(RebondError):
    """The interpreter named for the peers is not there."""


@dataclass(frozen=True)
class Effort:
    """How much is measured: 1 is the size that figures are quoted for.

    ``peers`` is the interpreter that has the peers, ``data`` a folder of real data; ``power``
    asks how often the audit is right instead of how fast it is; ``progress`` is told what is
    being measured.
    """

    scale: float
    peers: Path | None = None
    data: Path | None = None
    seed: int = 0
    power: bool = False
    progress: Callable[[str], None] = field(default=print, repr=False)

    def of(self, full: int) -> int:
        """Return this effort's part of a full size."""
        return max(1, math.ceil(full * self.scale))


def run_benchmarks(name: str | None, effort: Effort) -> dict[str, dict[str, Any]]:
    """Run one benchmark, or all.

    Returns
    -------
    dict
        Per benchmark ``ours``, ``peer``, ``ratio`` and its own figures; seconds unless said.

    Raises
    ------
    UnknownBenchmark, UnknownPeer, PowerOfAudit
        Neither is tried.
    """
    if name is not None and name not in BENCHMARKS:
        raise UnknownBenchmark(f"{name!r} is not one of {', '.join(BENCHMARKS)}.")
    if effort.power and name != "audit":
        raise PowerOfAudit("--power is about the audit: run `rebond bench audit --power`.")
    if effort.peers is not None and not effort.peers.is_file():
        raise UnknownPeer(f"there is no interpreter at {effort.peers}: run `make bench`.")
    found = {}
    for one in [name] if name else BENCHMARKS:
        effort.progress(f"measuring {one}")
        found[one] = dict(BENCHMARKS[one](effort))
    return found


def _features(effort: Effort) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        result = bench_measures(Path(scratch), persons=effort.of(FULL_PERSONS), peers=effort.peers)
    return {**asdict(result), "ratio": result.ratio}


def _contract(effort: Effort) -> Mapping[str, Any]:
    clean, faulty = race(rows=effort.of(FULL_ROWS), seed=effort.seed)
    return {
        **asdict(faulty),
        "ratio": faulty.ratio,
        "ours_without_faults": clean.ours,
        "peer_without_faults": clean.peer,
        "ratio_without_faults": clean.ratio,
    }


def _explain(effort: Effort) -> Mapping[str, Any]:
    from modeles.benchmarks.explain import bench_explain  # noqa: PLC0415 - needs the train extra

    with tempfile.TemporaryDirectory() as scratch:
        result = bench_explain(Path(scratch), rows=effort.of(FULL_ROWS), seed=effort.seed)
    return {**asdict(result), "ratio": result.ratio}


def _train(effort: Effort) -> Mapping[str, Any]:
    from modeles.benchmarks.train import bench_train  # noqa: PLC0415 - needs the train extra

    return bench_train(
        persons=effort.of(TRAINED_PERSONS),
        seed=effort.seed,
        peers=effort.peers,
        data=effort.data,
    )


def _audit(effort: Effort) -> Mapping[str, Any]:
    from audits.benchmarks.audit import bench_audit  # noqa: PLC0415 - needs the train extra
    from audits.power import power, rates  # noqa: PLC0415 - needs the train extra

    if effort.power:
        begun = time.perf_counter()
        found = power(effort.of(AUDITED_TABLES), seed=effort.seed, progress=effort.progress)
        return {"ours": time.perf_counter() - begun, "peer": None, "ratio": None, **rates(found)}
    result = bench_audit(rows=effort.of(FULL_ROWS), seed=effort.seed)
    return {**asdict(result), "ratio": result.ratio}


def _pipeline(effort: Effort) -> Mapping[str, Any]:
    from api.benchmarks.pipeline import bench_pipeline  # noqa: PLC0415 - needs the train extra

    with tempfile.TemporaryDirectory() as scratch:
        result = bench_pipeline(Path(scratch), persons=effort.of(STUDY_PERSONS), seed=effort.seed)
    return {**asdict(result), "ours": result.ours, "peer": None, "ratio": None}


def _journal(effort: Effort) -> Mapping[str, Any]:
    from api.benchmarks.journal import bench_journal  # noqa: PLC0415 - only where needed

    with tempfile.TemporaryDirectory() as scratch:
        return bench_journal(
            Path(scratch),
            entries=effort.of(FULL_ENTRIES),
            seed=effort.seed,
            peers=effort.peers,
            progress=effort.progress,
        )


def _queue(effort: Effort) -> Mapping[str, Any]:
    from api.benchmarks.queue_load import bench_queue  # noqa: PLC0415 - the web server only where needed

    with tempfile.TemporaryDirectory() as scratch:
        return bench_queue(
            Path(scratch),
            educators=effort.of(EDUCATORS),
            situations=effort.of(SITUATIONS),
            seconds=effort.of(SECONDS),
            seed=effort.seed,
            progress=effort.progress,
        )


BENCHMARKS: dict[str, Callable[[Effort], Mapping[str, Any]]] = {
    "features": _features,
    "contract": _contract,
    "explain": _explain,
    "train": _train,
    "audit": _audit,
    "pipeline": _pipeline,
    "queue": _queue,
    "journal": _journal,
}
"""By the name that ``rebond bench NAME`` takes."""
