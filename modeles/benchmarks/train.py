"""How good and how fast the additive family is, beside EBM and LightGBM on the same rows.

Simulated histories always; real ones (OULAD, presentations of BBB, weekly) where their
folder is given. Everybody is fitted on the training rows of one study and ranks its test
rows as it would be served: our table with its eight bags, EBM without interactions, LightGBM
with its defaults.
"""

from __future__ import annotations

import math
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from features.benchmarks.measures import PeerFailed
from features.connectors import oulad
from features.engine import StoreEngine
from features.intake import read_folder
from features.keys import create_keys
from features.point_in_time import Matrix
from features.simulation import simulate
from features.staging import staging
from features.store import EventStore
from modeles.baselines import naive_rules
from modeles.boosting import Additive
from modeles.measures import list_at_capacity
from modeles.selection import numbered, training_rows
from modeles.table import add_up
from modeles.validation import Study, build_study

Floats = npt.NDArray[np.float64]

UNTIL = date(2026, 11, 23)
MONTHS = 24
REPLICATES = 1000
COURSE = "BBB"
LAST_CLICK = "longest_without:activité en ligne"


@dataclass(frozen=True)
class Race:
    """Seconds of each fit, and everybody's scores of the test rows, shape (rows,)."""

    study: Study
    seconds: Mapping[str, float]
    scores: Mapping[str, Floats]

    @property
    def auc(self) -> dict[str, float]:
        """AUC of each on the labelled test rows."""
        label = self.study.test.cohort["label"].to_numpy(float)
        known = ~np.isnan(label)
        return {
            name: float(roc_auc_score(label[known], scores[known]))
            for name, scores in self.scores.items()
        }


@dataclass(frozen=True)
class Recall:
    """Recall at capacity over the test, and ours less theirs with a 95% interval."""

    recall: float
    difference: float
    low: float
    high: float


def bench_train(
    *, persons: int, seed: int, peers: Path | None, data: Path | None
) -> dict[str, float | int | bool | None]:
    """Fit and rank the same rows.

    Parameters
    ----------
    persons
        How many invented persons.
    seed
        Seeds the histories, every fit and the resampling.
    peers
        The interpreter that has EBM and LightGBM; None: ours alone.
    data
        The folder that holds OULAD as ``oulad``; None: simulated histories alone.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        simulate(folder / "in", persons=persons, months=MONTHS, seed=seed, until=UNTIL)
        study = _studied(folder / "in", folder / "simulated")
        run = race(study, seed, peers, folder)
        auc, seconds = run.auc, run.seconds
        found: dict[str, float | int | bool | None] = {
            "ours": seconds["ours"],
            "peer": seconds.get("ebm"),
            "ratio": seconds["ebm"] / seconds["ours"] if peers else None,
            "lightgbm": seconds.get("lightgbm"),
            "rows": len(study.train.values),
            "features": study.train.values.shape[1],
            **{f"auc_{name}": value for name, value in auc.items()},
        }
        if peers:
            found["auc_below_ebm"] = auc["ebm"] - auc["ours"]
            found["auc_below_lightgbm"] = auc["lightgbm"] - auc["ours"]
        if data:
            oulad.convert(data / "oulad", folder / "real")
            real = race(course(_studied(folder / "real", folder / "oulad")), seed, peers, folder)
            found |= {f"oulad_seconds_{name}": value for name, value in real.seconds.items()}
            found |= {f"oulad_auc_{name}": value for name, value in real.auc.items()}
            for name, recall in recalls(real, seed).items():
                found |= {f"oulad_{key}_{name}": value for key, value in vars(recall).items()}
    return found


def race(study: Study, seed: int, peers: Path | None, scratch: Path) -> Race:
    """Fit everybody on the training rows of a study."""
    training = training_rows(study, seed)
    begun = time.perf_counter()
    fit = Additive().fit(training, _quietly)
    seconds = {"ours": time.perf_counter() - begun}
    scores = {"ours": add_up(fit.intercept, fit.features, study.test.values)}
    if peers is not None:
        rows, out = scratch / "rows.npz", scratch / "found.npz"
        np.savez(
            rows,
            train=training.values,
            label=training.label,
            test=study.test.values,
            seed=np.array(seed),
        )
        script = Path(__file__).with_name("glassbox_peer.py")
        done = subprocess.run(  # noqa: S603 - our own script
            [peers, script, rows, out], capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise PeerFailed(f"EBM and LightGBM at {peers} failed and say: {said}")
        theirs = np.load(out)
        for name in ("ebm", "lightgbm"):
            seconds[name] = float(theirs[f"{name}_seconds"])
            scores[name] = theirs[f"{name}_scores"]
    rules = naive_rules(training.features, study.train, study.test)
    if LAST_CLICK in rules:
        scores["last_click"] = rules[LAST_CLICK]
    return Race(study, seconds, scores)


def course(study: Study) -> Study:
    """Keep the presentations of one course; its students get their part of the places."""
    everybody = len(study.test.cohort)

    def mine(matrix: Matrix) -> npt.NDArray[np.bool_]:
        kept: npt.NDArray[np.bool_] = matrix.cohort["team"].str.startswith(COURSE).to_numpy(bool)
        return kept

    train, test = mine(study.train), mine(study.test)
    capacity = study.protocol.capacity
    share = math.ceil(capacity.per_review * test.sum() / everybody)
    smaller = capacity.model_copy(update={"per_review": share, "per_referent": share})
    return replace(
        study,
        protocol=study.protocol.model_copy(update={"capacity": smaller}),
        train=study.train[train],
        test=study.test[test],
        train_fold=study.train_fold[train],
        test_fold=study.test_fold[test],
    )


def recalls(run: Race, seed: int) -> dict[str, Recall]:
    """Compare recall at capacity, persons resampled, the same ones for both sides."""
    cohort, capacity = run.study.test.cohort, run.study.protocol.capacity
    label = cohort["label"].to_numpy(float)
    whose = numbered(run.study.test, "household")
    size = int(whose.max()) + 1
    counted = {}
    for name, scores in run.scores.items():
        listing = list_at_capacity(cohort, scores, capacity, b"bench", name, np.inf)
        positive = listing.eligible & (label == 1)
        hits = positive & listing.selected
        counted[name] = np.column_stack(
            [np.bincount(whose, side, size) for side in (hits, positive)]
        )
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(size, np.full(size, 1 / size), REPLICATES)
    recall = {name: c.sum(axis=0)[0] / c.sum(axis=0)[1] for name, c in counted.items()}
    replicates = {name: (drawn @ c)[:, 0] / (drawn @ c)[:, 1] for name, c in counted.items()}
    found = {}
    for name in run.scores:
        low, high = np.quantile(replicates["ours"] - replicates[name], [0.025, 0.975])
        found[name] = Recall(
            float(recall[name]), float(recall["ours"] - recall[name]), float(low), float(high)
        )
    return found


def _studied(folder: Path, scratch: Path) -> Study:
    """Import a folder as a home does, and lay out its test."""
    reading = scratch / "reading"
    reading.mkdir(parents=True)
    extract = read_folder(folder, create_keys(scratch / "keys"), reading)
    store = EventStore(scratch / "store")
    with staging(scratch, lambda sealed: True) as stage:
        store.add(extract, stage)
        stage.seal(store.manifest_place)
    return build_study(extract.protocol, StoreEngine(store), extract.extracted_on)


def _quietly(_: str) -> None:
    """Only the time counts."""
