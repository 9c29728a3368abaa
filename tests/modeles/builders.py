"""Small invented studies and tables for the tests of this room."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.catalogue import Feature
from features.engine import FrameEngine
from features.keys import Keyring
from features.protocol import Protocol
from modeles.families import FOLDS, Training
from modeles.table import Bag, Calibration, Line, ModelTable, TableFeature

Floats = npt.NDArray[np.float64]

UNTIL = date(2026, 11, 23)
"""The day the simulated extract was made."""


@dataclass(frozen=True)
class Material:
    """Simulated histories, ready for a study."""

    keys: Keyring
    protocol: Protocol
    stays: pd.DataFrame
    events: pd.DataFrame

    @property
    def engine(self) -> FrameEngine:
        return FrameEngine(self.stays, self.events)


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
    return Training(features, values, label, person, person, person % FOLDS, FOLDS, seed)


def line_of(feature: TableFeature) -> Line:
    """The arithmetic of a line, as a bag keeps it."""
    return Line(**{f.name: getattr(feature, f.name) for f in fields(Line)})


def table(version: str = "1") -> ModelTable:
    """Two lines, one of each shape, with round numbers to add up by hand."""
    steps = TableFeature(
        0, "steps", "linear", (0.5, 2.5), (-0.5, 0.25, 1.0), 0.125,
        "rdv.count", "rendez-vous", "rdv", "une raison", "faits", (100, 50, 20, 12),
    )  # fmt: skip
    line = TableFeature(
        1, "line", "log1p", (0.0, float(np.log1p(99))), (-1.0, 1.0), 0.5,
        "contact.since_last", "contact", "contact", "une raison", "jours", (30, 100, 30, 11),
    )  # fmt: skip
    bag = Bag(-2.5, (line_of(steps), line_of(line)))
    return ModelTable(
        version=version,
        family="additive",
        outcome="interruption de l'accompagnement",
        horizon_days=90,
        intercept=-2.5,
        point=None,
        features=(steps, line),
        calibration=Calibration(
            1.0,
            0.0,
            0.0,
            0.0,
            ((-5.0, 0.001, 0.02), (-2.5, 0.05, 0.12), (-1.0, 0.2, 0.35), (0.0, 0.4, 0.6)),
            ((-5.0, 0.001, 0.02), (0.0, 0.45, 0.5), (1.0, 0.4, 0.9)),
        ),
        cut=-1.5,
        trained_until=date(2026, 1, 5).isoformat(),
        test_from=date(2026, 1, 5).isoformat(),
        hashes={"data": "d", "protocol": "p"},
        codes=("contact//visite", "rdv//honore"),
        bags=(bag,) * FOLDS,
    )
