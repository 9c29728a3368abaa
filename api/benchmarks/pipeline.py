"""How long one whole study takes: ten splits, three families, tables, lists and the audit.

The size is that of triage's reference study. A home is made, filled and its registry opened
before the clock starts; from then on it does what ``rebond train`` and ``rebond audit`` do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from api.home import create_home
from api.imports import import_folder
from api.settings import Settings
from api.studies import audit_model, train_models
from features.simulation import simulate
from modeles.boosting import Additive
from modeles.logistic import Logistic
from modeles.registry import Registry
from modeles.scorecard import Scorecard
from revue.records import Actor

UNTIL = date(2026, 11, 23)
MONTHS = 36
BENCH = Actor(login="bench", role=None, team=None)


@dataclass(frozen=True)
class PipelineBench:
    """What one run took, in seconds, and how large it was."""

    persons: int
    events: int
    rows: int
    features: int
    splits: int
    families: int
    training: float
    auditing: float

    @property
    def ours(self) -> float:
        """Training and audit together."""
        return self.training + self.auditing


def bench_pipeline(scratch: Path, *, persons: int, seed: int) -> PipelineBench:
    """Train three families on invented histories, and audit the most flexible one.

    Parameters
    ----------
    scratch
        An empty folder.
    persons, seed
        Of the histories.
    """
    home = create_home(scratch / "home", scratch / "keys", Settings())
    made = simulate(scratch / "in", persons=persons, months=MONTHS, seed=seed, until=UNTIL)
    import_folder(home, scratch / "in", by=BENCH, progress=_quietly)
    Registry(home.mlflow_uri, home.mlflow_artifacts)
    search = (Scorecard(), Logistic(), Additive())
    begun = time.perf_counter()
    trained = train_models(home, by=BENCH, progress=_quietly, search=search)
    training = time.perf_counter() - begun
    begun = time.perf_counter()
    audit_model(home, trained.tables[-1].version, by=BENCH, progress=_quietly)
    auditing = time.perf_counter() - begun
    return PipelineBench(
        persons=persons,
        events=made.events,
        rows=trained.rows,
        features=trained.features,
        splits=trained.selected_on + 1,
        families=len(search),
        training=training,
        auditing=auditing,
    )


def _quietly(_: str) -> None:
    """Only the time counts."""
