"""Small invented studies and tables for the tests of this room."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt

from features.catalogue import Feature
from modeles.families import FOLDS, Training
from modeles.table import Bag, Calibration, ModelTable, TableFeature

Floats = npt.NDArray[np.float64]


def feature(name: str, measure: str = "count", window: int | None = 90, sign: int = 0) -> Feature:
    """One feature whose wording is its own name."""
    return Feature(
        name=f"{name}.{measure}",
        group=name,
        codes=(name,),
        measure=measure,  # type: ignore[arg-type]
        window_days=window,
        sign=sign,
        wording=f"{name}|{name}s",
        reason="une raison",
    )


def training(rows: int = 1500, seed: int = 0) -> Training:
    """Rows of persons seen three times, with a truth the features know something about."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(rows // 3), 3)
    features = (
        feature("rdv", "count", sign=1),
        feature("contact", "since_last", None),
        feature("projet", "ever", None),
        feature("logement", "trend", 28),
    )
    values = np.column_stack(
        [
            rng.poisson(2.0, len(person)).astype(float),
            np.where(rng.random(len(person)) < 0.1, np.nan, rng.exponential(20.0, len(person))),
            (rng.random(len(person)) < 0.4).astype(float),
            rng.normal(0.0, 2.0, len(person)).round(),
        ]
    )
    logit = -2.0 + 0.4 * values[:, 0] + 0.02 * np.nan_to_num(values[:, 1], nan=60.0) - values[:, 2]
    label = (rng.random(len(person)) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    return Training(features, values, label, person, person, person % FOLDS, seed)


def table(version: str = "1") -> ModelTable:
    """Two lines, one of each shape, with round numbers to add up by hand."""
    steps = TableFeature(
        "rdv.count", "rendez-vous", "rdv", "une raison", "faits",
        "steps", "linear", (0.5, 2.5), (-0.5, 0.25, 1.0), 0.125, (100, 50, 20, 12),
    )  # fmt: skip
    line = TableFeature(
        "contact.since_last", "contact", "contact", "une raison", "jours",
        "line", "log1p", (0.0, float(np.log1p(99))), (-1.0, 1.0), 0.5, (30, 100, 30, 11),
    )  # fmt: skip
    bag = Bag(-2.5, (steps.points, line.points), (steps.missing, line.missing))
    return ModelTable(
        version=version,
        family="additive",
        outcome="interruption de l'accompagnement",
        horizon_days=90,
        intercept=-2.5,
        features=(steps, line),
        calibration=Calibration(1.0, 0.0, 0.0, 0.0, ((-5.0, 0.001, 0.02), (0.0, 0.4, 0.6))),
        cut=-1.5,
        trained_until=date(2026, 1, 5).isoformat(),
        test_from=date(2026, 1, 5).isoformat(),
        hashes={"data": "d", "protocol": "p"},
        codes=("contact//visite", "rdv//honore"),
        bags=(bag,) * FOLDS,
    )
