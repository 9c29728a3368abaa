"""How fast rows are scored and explained, beside shap's TreeExplainer.

An additive model is fitted on invented rows of a real catalogue, calibrated, distilled and
signed as a training does it. The batch reader then gives the score and all contributions of
every row. TreeExplainer explains a slice of the same rows by the estimator of one bag: first
without a background (``tree_path_dependent``, its quickest way: the peer), then against one
(``interventional``); its time for all rows is extrapolated from the slice. The bag has as many
lines as the model, so the batch reader is as quick on either; to TreeExplainer the model would
be eight such estimators. What it finds is compared with the points of the bag's lines, centred
on the same rows. One row is explained by the plain reader in a process of its own, see
:mod:`modeles.benchmarks.one_row`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shap
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from features.catalogue import Feature, catalogue
from features.keys import create_keys
from features.protocol import parse_protocol
from modeles import batch
from modeles.boosting import Additive
from modeles.calibrate import calibrate
from modeles.families import FOLDS, Training, unseen
from modeles.table import Line, ModelTable, contributions, sigmoid, write_table

Floats = npt.NDArray[np.float64]

TRAINING_PERSONS, ROWS_EACH = 2_000, 4
SLICE, BACKGROUND_SLICE, BACKGROUND = 20_000, 1_000, 100
ALONE = 500
"""Rows that the plain reader explains one by one."""

_BAG = 0
_EVER = 0.4
_MISSING = {"mean": 0.2, "last": 0.2, "since_last": 0.1}
"""How often there is no value."""
_PROTOCOL = """
name = "vitesse"
purpose = "prevention"
[outcome]
label = "aucune"
codes = ["aucune"]
[features]
windows_days = [28, 90, 365]
""" + "".join(
    f"""
[[features.group]]
name = "groupe {group}"
codes = ["code{group}"]
measures = ["count", "sum", "mean", "last", "since_last", "ever"]
sign = {sign}
wording = "fait|faits"
reason = "mesure de vitesse"
"""
    for group, sign in enumerate((1, -1, 0, 0))
)
"""Four groups of twelve features."""


@dataclass(frozen=True)
class ExplainBench:
    """What one run found; seconds unless said.

    ``ours`` scores and explains all rows, ``peer`` is extrapolated from ``peer_slice`` rows.
    ``equal`` says that the batch reader gave the plain reader's contributions and scores bit
    for bit, on the slice and for every row of the other process. The differences are the
    largest between TreeExplainer's values and the points of the lines, in log-odds.
    """

    rows: int
    features: int
    ours: float
    peer: float
    rows_per_second: float
    peer_rows_per_second: float
    peer_mode: str
    peer_slice: int
    peer_difference: float
    interventional_rows_per_second: float
    interventional_slice: int
    interventional_background: int
    interventional_difference: float
    equal: bool
    one_row_ms: float
    imports_with_ml: tuple[str, ...]

    @property
    def ratio(self) -> float:
        """How many times faster than TreeExplainer."""
        return self.peer / self.ours


def bench_explain(scratch: Path, *, rows: int, seed: int = 0, rounds: int = 3) -> ExplainBench:
    """Score and explain invented rows by the batch reader, TreeExplainer and the plain reader.

    Parameters
    ----------
    scratch
        An empty folder for what the other process reads.
    rows
        How many rows.
    seed
        What they are drawn from.
    rounds
        The batch reader is timed so often; the best counts. TreeExplainer is timed once.
    """
    draw = np.random.default_rng(seed)
    features = catalogue(parse_protocol(_PROTOCOL))
    training = _training(features, draw, seed)
    family = Additive()
    table = _distilled(family, training)
    values = _values(features, rows, draw)

    found = np.empty(values.shape)
    batch.explained(table, values[:1], into=found[:1])  # compiles, once per machine
    timed = []
    for _ in range(rounds):
        begun = time.perf_counter()
        _, scores = batch.explained(table, values, into=found)
        timed.append(time.perf_counter() - begun)
    few = values[:SLICE]
    equal = np.array_equal(table.scores(few), scores[:SLICE]) and np.array_equal(
        table.contributions(few), found[:SLICE]
    )

    with threadpool_limits(limits=1):
        estimator = family.estimator(training, _BAG)
    peer = _TreeShap(estimator, table.bags[_BAG].lines, training)
    path_speed, path_difference = peer.explained(few)
    few = few[:BACKGROUND_SLICE]
    against_speed, against_difference = peer.explained(few, training.values[:BACKGROUND])

    alone = _one_by_one(scratch, table, values[:ALONE])
    return ExplainBench(
        rows=rows,
        features=len(features),
        ours=min(timed),
        peer=rows / path_speed,
        rows_per_second=rows / min(timed),
        peer_rows_per_second=path_speed,
        peer_mode="tree_path_dependent",
        peer_slice=min(rows, SLICE),
        peer_difference=path_difference,
        interventional_rows_per_second=against_speed,
        interventional_slice=len(few),
        interventional_background=BACKGROUND,
        interventional_difference=against_difference,
        equal=equal and alone["scores"] == scores[:ALONE].tolist(),
        one_row_ms=alone["one_row_ms"],
        imports_with_ml=tuple(alone["imports_with_ml"]),
    )


@dataclass(frozen=True)
class _TreeShap:
    """TreeExplainer on the estimator of one bag, and the lines that were read off it."""

    estimator: HistGradientBoostingClassifier
    lines: Sequence[Line]
    training: Training

    def explained(self, values: Floats, background: Floats | None = None) -> tuple[float, float]:
        """Return rows per second, and the largest difference from the centred points."""
        if background is None:
            explainer = shap.TreeExplainer(self.estimator)
            centre = self.training.values[self.training.without(_BAG)]
        else:
            explainer = shap.TreeExplainer(
                self.estimator, self._codes(background), feature_perturbation="interventional"
            )
            centre = background
        codes = self._codes(values)
        begun = time.perf_counter()
        found = explainer.shap_values(codes, check_additivity=False)
        seconds = time.perf_counter() - begun
        points = contributions(self.lines, values) - contributions(self.lines, centre).mean(axis=0)
        return len(values) / seconds, float(np.abs(found - points).max())

    def _codes(self, values: Floats) -> Floats:
        return np.column_stack(
            [b.codes(column) for b, column in zip(self.training.bins, values.T, strict=True)]
        )


def _one_by_one(scratch: Path, table: ModelTable, rows: Floats) -> dict[str, Any]:
    """Let a process of its own explain some rows by the plain reader."""
    write_table(table, scratch / "table.json", create_keys(scratch / "keys").sign)
    (scratch / "protocol.toml").write_text(_PROTOCOL, encoding="utf-8")
    np.save(scratch / "rows.npy", rows)
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "modeles.benchmarks.one_row", scratch],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _distilled(family: Additive, training: Training) -> ModelTable:
    fit = family.fit(training, lambda _: None)
    held_out = unseen(batch.bag_scores(fit.bags, training.values), training.fold)
    return ModelTable(
        version="vitesse",
        family=family.name,
        outcome="aucune",
        horizon_days=90,
        intercept=fit.intercept,
        point=fit.point,
        features=fit.features,
        calibration=calibrate(held_out, training.label, training.household, training.seed),
        cut=0.0,
        trained_until="2026-01-05",
        test_from="2026-01-05",
        hashes={},
        codes=(),
        bags=fit.bags,
    )


def _training(features: tuple[Feature, ...], draw: np.random.Generator, seed: int) -> Training:
    """Draw rows whose label the features, also what is missing, know something about."""
    person = np.repeat(np.arange(TRAINING_PERSONS), ROWS_EACH)
    values = _values(features, len(person), draw)
    missing = np.isnan(values)
    scaled = np.where(missing, 0.0, values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)
    log_odds = scaled @ draw.normal(0.0, 0.2, len(features)) + missing.sum(axis=1) / 4
    label = (draw.random(len(person)) < sigmoid(log_odds - log_odds.mean() - 2.0)).astype(np.int64)
    return Training(features, values, label, person, person, person % FOLDS, FOLDS, seed)


def _values(features: Sequence[Feature], rows: int, draw: np.random.Generator) -> Floats:
    """Draw a matrix, shape (rows, features): whole, real and yes-or-no values, some missing."""
    values = np.empty((rows, len(features)))
    for column, feature in enumerate(features):
        match feature.measure:
            case "count":
                drawn = draw.poisson(3.0, rows).astype(float)
            case "ever":
                drawn = (draw.random(rows) < _EVER).astype(float)
            case "since_last":
                drawn = np.floor(draw.exponential(60.0, rows))
            case _:
                drawn = draw.normal(50.0, 20.0, rows)
        drawn[draw.random(rows) < _MISSING.get(feature.measure, 0.0)] = np.nan
        values[:, column] = drawn
    return values
