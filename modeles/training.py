"""One training, from a study to registered, signed tables.

Every family is fitted on the past and measured on later dates, beside naive rules and one
black box. A model may be promoted only if it beats every naive rule; the chosen one is the
simplest within one person-clustered standard error of the best.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from features.catalogue import Feature, catalogue
from features.point_in_time import Matrix
from modeles.baselines import naive_rules
from modeles.calibrate import calibrate
from modeles.families import Additive, AdditiveFamily, BlackBox, Logistic, Training, unseen
from modeles.measures import (
    AucSample,
    Discrimination,
    Listing,
    auc_sample,
    beats,
    capacity_cut,
    discrimination,
    list_at_capacity,
)
from modeles.registry import Registry, TrainedOn
from modeles.table import Calibration, ModelTable, write_table
from modeles.validation import Study

Floats = npt.NDArray[np.float64]

FAMILIES: tuple[AdditiveFamily, ...] = (Logistic(), Additive())
"""From simple to less simple: the order in which the chosen rule prefers them."""


@dataclass(frozen=True)
class Candidate:
    """One family, rule or yardstick as measured on the test dates."""

    family: str
    version: str | None
    promotable: bool
    why_not: str
    discrimination: Discrimination
    listing: Listing
    auc_standard_error: float

    def as_dict(self) -> dict[str, object]:
        """Return the candidate under the contract's keys."""
        return {
            "family": self.family,
            "version": self.version,
            "promotable": self.promotable,
            "why_not": self.why_not,
            "auc": self.discrimination.auc,
            "auc_standard_error": self.auc_standard_error,
            "average_precision": self.discrimination.average_precision,
            "precision_at_capacity": _finite(self.listing.precision),
            "recall_at_capacity": _finite(self.listing.recall),
            "brier": self.discrimination.brier,
            "ece": self.discrimination.ece,
        }


@dataclass(frozen=True)
class TrainingResult:
    """What one training made; ``chosen`` is a version, or None if nothing beat the rules.

    ``other`` counts facts of test rows whose code was unknown when the test began: they are
    in no feature.
    """

    rows: int
    persons: int
    features: int
    base_rate: float
    test_from: str
    test_dates: int
    other: int
    chosen: str | None
    candidates: tuple[Candidate, ...]
    tables: tuple[ModelTable, ...]


@dataclass(frozen=True)
class _Fitted:
    family: AdditiveFamily
    table: ModelTable
    scores: Floats
    auc: AucSample
    discrimination: Discrimination
    losing_to: tuple[str, ...]

    @property
    def reason(self) -> str:
        return f"does not beat {', '.join(self.losing_to)}" if self.losing_to else ""


def train(
    study: Study,
    *,
    registry: Registry,
    folder: Callable[[str], Path],
    sign: Callable[[bytes], str],
    draw_key: bytes,
    data_hash: str,
    seed: int,
    progress: Callable[[str], None],
) -> TrainingResult:
    """Fit, measure, select, register and sign.

    Parameters
    ----------
    study
        Training and test rows.
    registry
        Where runs and versions are kept.
    folder
        Gives the folder of a version; ``table.json`` is written there.
    sign
        Signs the table.
    draw_key
        Key of the draws that break ties on the lists.
    data_hash
        SHA-256 of the data trained on.
    seed
        Seeds every fit and every resampling.
    progress
        Told what is being done, one short line at a time.
    """
    features = catalogue(study.protocol)
    label = study.train.cohort["label"].to_numpy(float).astype(np.int64)
    training = Training(
        features,
        study.train.values,
        label,
        _numbered(study.train, "person"),
        _numbered(study.train, "household"),
        study.train_fold,
        seed,
    )
    truth = study.test.cohort["label"].to_numpy(float)
    tested = _numbered(study.test, "household")

    rules = naive_rules(features, study.train, study.test)
    rule_auc = {name: auc_sample(truth, s, tested) for name, s in rules.items()}
    fitted = [
        _fit(family, study, training, features, rule_auc, data_hash, seed, progress)
        for family in FAMILIES
    ]
    box = unseen(BlackBox().fit_and_score(training, study.test.values, progress), study.test_fold)
    chosen = _choose(fitted)

    candidates, tables, chosen_version = [], [], None
    shared = {
        "protocol": study.protocol.hash,
        "data": data_hash,
        "test_from": study.test_from.isoformat(),
        "seed": seed,
        "rows": len(label),
        "features": len(features),
    }
    trained_on = TrainedOn(study.protocol.name, data_hash)
    for fit in fitted:
        progress(f"{fit.family.name}: lists at capacity")
        with registry.run(fit.family.name, shared, trained_on) as run:
            version = run.register(
                {
                    "family": fit.family.name,
                    "protocol": study.protocol.hash,
                    "data": data_hash,
                    "test_from": study.test_from.isoformat(),
                    "chosen": str(fit is chosen).lower(),
                }
            )
            table = replace(fit.table, version=version)
            listing = _listing(study, fit.scores, draw_key, version, table.cut)
            candidate = Candidate(
                fit.family.name,
                version,
                not fit.losing_to,
                fit.reason,
                fit.discrimination,
                listing,
                fit.auc.standard_error,
            )
            run.measures(_numbers(candidate))
            target = folder(version)
            target.mkdir(parents=True, exist_ok=True)
            write_table(table, target / "table.json", sign)
            run.table(target / "table.json", [feature.name for feature in table.features])
            registry.tag(version, {"table": table.hash})
        candidates.append(candidate)
        tables.append(table)
        if fit is chosen:
            chosen_version = version
    others = {BlackBox.name: box, **rules}
    for name, scores in others.items():
        auc = rule_auc.get(name) or auc_sample(truth, scores, tested)
        candidate = Candidate(
            name,
            None,
            False,
            "yardstick, never promotable" if name == BlackBox.name else "naive rule",
            discrimination(truth, scores, None),
            _listing(study, scores, draw_key, name, np.inf),
            auc.standard_error,
        )
        with registry.run(name, shared, trained_on) as run:
            run.measures(_numbers(candidate))
        candidates.append(candidate)
    return TrainingResult(
        rows=len(label),
        persons=study.train.cohort["person"].nunique(),
        features=len(features),
        base_rate=float(label.mean()),
        test_from=study.test_from.isoformat(),
        test_dates=study.test.cohort["as_of"].nunique(),
        other=int(study.test.other.sum()),
        chosen=chosen_version,
        candidates=tuple(candidates),
        tables=tuple(tables),
    )


def unseen_scores(table: ModelTable, study: Study) -> Floats:
    """Recompute a model's scores on the test rows, each from what had not seen the household."""
    return unseen(table.bag_scores(study.test.values), study.test_fold)


def _fit(
    family: AdditiveFamily,
    study: Study,
    training: Training,
    features: tuple[Feature, ...],
    rule_auc: Mapping[str, AucSample],
    data_hash: str,
    seed: int,
    progress: Callable[[str], None],
) -> _Fitted:
    lines = family.fit(training, progress)
    outcome = study.protocol.outcome
    drawn = ModelTable(
        version="",
        family=family.name,
        outcome=outcome.label,
        horizon_days=outcome.horizon_days,
        intercept=lines.intercept,
        features=lines.features,
        calibration=Calibration(1.0, 0.0, 0.0, 0.0, ()),
        cut=0.0,
        trained_until=study.test_from.isoformat(),
        test_from=study.test_from.isoformat(),
        hashes={"protocol": study.protocol.hash, "data": data_hash},
        codes=tuple(sorted(study.vocabulary)),
        bags=lines.bags,
    )
    progress(f"{family.name}: calibration on people each bag had not seen")
    held_out = unseen(drawn.bag_scores(training.values), training.fold)
    table = replace(
        drawn,
        calibration=calibrate(held_out, training.label, training.household, seed),
        cut=capacity_cut(
            study.test.cohort, drawn.scores(study.test.values), study.protocol.capacity
        ),
    )
    scores = unseen_scores(table, study)
    truth = study.test.cohort["label"].to_numpy(float)
    auc = auc_sample(truth, scores, _numbered(study.test, "household"))
    return _Fitted(
        family,
        table,
        scores,
        auc,
        discrimination(truth, scores, table.calibration.probabilities(scores)),
        tuple(name for name, won in beats(auc, rule_auc, seed).items() if not won),
    )


def _choose(fitted: Sequence[_Fitted]) -> _Fitted | None:
    """Take the simplest promotable model within one standard error of the best."""
    promotable = [fit for fit in fitted if not fit.losing_to]
    if not promotable:
        return None
    best = max(promotable, key=lambda fit: fit.discrimination.auc)
    slack = best.auc.standard_error
    return next(
        fit for fit in promotable if fit.discrimination.auc >= best.discrimination.auc - slack
    )


def _listing(study: Study, scores: Floats, key: bytes, model: str, cut: float) -> Listing:
    return list_at_capacity(study.test.cohort, scores, study.protocol.capacity, key, model, cut)


def _numbered(matrix: Matrix, column: str) -> npt.NDArray[np.int64]:
    """Return a number for the person or household of each row, shape (rows,)."""
    _, number = np.unique(matrix.cohort[column].to_numpy(object), return_inverse=True)
    return number.astype(np.int64)


def _numbers(candidate: Candidate) -> dict[str, float | None]:
    return {k: v for k, v in candidate.as_dict().items() if isinstance(v, float)}


def _finite(value: float) -> float | None:
    return None if np.isnan(value) else value
