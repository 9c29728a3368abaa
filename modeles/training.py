"""One training, from its studies to registered, signed tables.

Families are tried on rolling origins, fitted on the past of the test and measured on it,
beside naive rules and one black box. A model may be promoted only if it beats every naive
rule and its list does not hang on ties; the chosen one is the simplest of those within one
household-clustered standard error of the best.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.errors import RebondError
from modeles.allocation import signal_places
from modeles.baselines import naive_rules
from modeles.batch import bag_scores
from modeles.binning import SMALLEST_BIN
from modeles.boosting import BlackBox
from modeles.calibrate import calibrate
from modeles.candidates import Candidate, SplitMeasure
from modeles.families import AdditiveFamily, Training, unseen
from modeles.measures import (
    WIDE_TIES,
    AucSample,
    Listing,
    agreement,
    auc_sample,
    beats,
    capacity_cut,
    discrimination,
    list_at_capacity,
)
from modeles.registry import Registry, TrainedOn
from modeles.selection import (
    SEARCH,
    Trial,
    numbered,
    settle,
    simplest,
    training_rows,
    try_out,
)
from modeles.table import ModelTable, write_table
from modeles.validation import HALVES, Study

Floats = npt.NDArray[np.float64]


class VersionTaken(RebondError):
    """A version that the registry gives is in the folder of models already."""


@dataclass(frozen=True)
class TrainingResult:
    """What one training made; ``chosen`` is a version, or None if nothing beat the rules.

    ``selected_on`` counts the rolling origins that the choice was made on; 0: history was too
    short for any, so that the choice looked at the test. ``other`` counts facts of test rows
    whose code was unknown when the test began: they are in no feature.
    """

    rows: int
    persons: int
    features: int
    base_rate: float
    test_from: str
    test_dates: int
    selected_on: int
    other: int
    chosen: str | None
    candidates: tuple[Candidate, ...]
    tables: tuple[ModelTable, ...]


@dataclass(frozen=True)
class Recipe:
    """What a training is told beside the data.

    Attributes
    ----------
    sign
        Signs the tables.
    draw_key
        Key of the draws that break ties on the lists.
    hashes
        SHA-256 of the data trained on and of the code that trains.
    seed
        Seeds every fit and every resampling.
    search
        What is tried.
    """

    sign: Callable[[bytes], str]
    draw_key: bytes
    hashes: Mapping[str, str]
    seed: int
    search: tuple[AdditiveFamily, ...] = SEARCH


@dataclass(frozen=True)
class _Test:
    """The test rows, and what everything is measured against there."""

    study: Study
    recipe: Recipe

    @cached_property
    def truth(self) -> Floats:
        label: Floats = self.study.test.cohort["label"].to_numpy(float)
        return label

    @cached_property
    def household(self) -> npt.NDArray[np.int64]:
        return numbered(self.study.test, "household")

    def auc(self, scores: Floats) -> AucSample:
        return auc_sample(self.truth, scores, self.household)

    def listing(self, scores: Floats, model: str, cut: float, *, ties: bool = True) -> Listing:
        return list_at_capacity(
            self.study.test.cohort,
            scores,
            self.study.protocol.capacity,
            self.recipe.draw_key,
            model,
            cut,
            ties=ties,
        )


@dataclass(frozen=True)
class _Fitted:
    """One family on the test: its table without version, and how it compares."""

    family: AdditiveFamily
    trial: Trial | None
    table: ModelTable
    scores: Floats
    auc: AucSample
    why_not: str

    @property
    def selected_by(self) -> AucSample:
        """What the choice looks at: the origins, or else the test."""
        return self.auc if self.trial is None else self.trial.auc


def train(
    studies: Sequence[Study],
    recipe: Recipe,
    *,
    registry: Registry,
    folder: Callable[[str], Path],
    progress: Callable[[str], None],
) -> TrainingResult:
    """Try, fit, measure, choose, register and sign.

    Parameters
    ----------
    studies
        The rolling origins in the order of time, then the test
        (:func:`modeles.validation.build_studies`).
    recipe
        How to train.
    registry
        Where runs and versions are kept.
    folder
        Gives the folder of a version; ``table.json`` is written there.
    progress
        Told what is being done, one short line at a time.
    """
    *origins, study = studies
    trials = try_out(recipe.search, origins, recipe.seed, progress)
    test = _Test(study, recipe)
    training = training_rows(study, recipe.seed)
    rules = naive_rules(training.features, study.train, study.test)
    rule_auc = {name: test.auc(scores) for name, scores in rules.items()}
    fitted = [
        _fit(family, trial, test, training, rule_auc, progress)
        for family, trial in settle(recipe.search, trials)
    ]
    box = BlackBox().judge(training, study.test.values, study.test_fold, progress)
    box_auc = test.auc(box).auc
    chosen = _choose(fitted)

    shared = {
        "protocol": study.protocol.hash,
        **recipe.hashes,
        "test_from": study.test_from.isoformat(),
        "seed": recipe.seed,
        "rows": len(training.label),
        "features": len(training.features),
    }
    trained_on = TrainedOn(study.protocol.name, recipe.hashes["data"])
    for trial in trials:
        tried = {**shared, "setting": trial.family.setting, "measured_on": "origins"}
        with registry.run(trial.family.name, tried, trained_on) as run:
            run.measures(*({"auc": auc} for auc in trial.splits))
    candidates, tables, chosen_version = [], [], None
    for fit in fitted:
        progress(f"{fit.family.name}: signing and registering")
        parameters = {**shared, "setting": fit.family.setting, "measured_on": "test"}
        with registry.run(fit.family.name, parameters, trained_on) as run:
            version = run.register(
                {
                    "family": fit.family.name,
                    "protocol": study.protocol.hash,
                    "data": recipe.hashes["data"],
                    "test_from": study.test_from.isoformat(),
                    "chosen": str(fit is chosen).lower(),
                }
            )
            table = replace(fit.table, version=version)
            candidate = _candidate(fit, table, origins, test, box_auc)
            run.measures(_numbers(candidate))
            target = _made(folder(version))
            write_table(table, target / "table.json", recipe.sign)
            run.table(target / "table.json", [feature.name for feature in training.features])
            registry.tag(version, {"table": table.hash})
        candidates.append(candidate)
        tables.append(table)
        if fit is chosen:
            chosen_version = version
    for name, scores in {BlackBox.name: box, **rules}.items():
        progress(f"{name}: lists at capacity")
        candidate = _beside(name, scores, test, box_auc)
        with registry.run(name, {**shared, "measured_on": "test"}, trained_on) as run:
            run.measures(_numbers(candidate))
        candidates.append(candidate)
    return TrainingResult(
        rows=len(training.label),
        persons=study.train.cohort["person"].nunique(),
        features=len(training.features),
        base_rate=float(training.label.mean()),
        test_from=study.test_from.isoformat(),
        test_dates=study.test.cohort["as_of"].nunique(),
        selected_on=len(origins),
        other=int(study.test.other.sum()),
        chosen=chosen_version,
        candidates=tuple(candidates),
        tables=tuple(tables),
    )


def unseen_scores(table: ModelTable, study: Study) -> Floats:
    """Recompute a model's scores on the test rows, each from what had not seen the household."""
    return unseen(bag_scores(table.bags, study.test.values), study.test_fold)


def _fit(
    family: AdditiveFamily,
    trial: Trial | None,
    test: _Test,
    training: Training,
    rule_auc: Mapping[str, AucSample],
    progress: Callable[[str], None],
) -> _Fitted:
    study, recipe = test.study, test.recipe
    fit = family.fit(training, progress)
    progress(f"{family.name}: calibration on people each bag had not seen")
    held_out = unseen(bag_scores(fit.bags, training.values), training.fold)
    table = ModelTable(
        version="",
        family=family.name,
        outcome=study.protocol.outcome.label,
        horizon_days=study.protocol.outcome.horizon_days,
        intercept=fit.intercept,
        point=fit.point,
        features=fit.features,
        calibration=calibrate(held_out, training.label, training.household, recipe.seed),
        cut=0.0,
        trained_until=study.test_from.isoformat(),
        test_from=study.test_from.isoformat(),
        hashes={"protocol": study.protocol.hash, **recipe.hashes},
        codes=tuple(sorted(study.vocabulary)),
        bags=fit.bags,
    )
    table = replace(
        table,
        cut=capacity_cut(
            study.test.cohort, table.scores(study.test.values), study.protocol.capacity
        ),
    )
    progress(f"{family.name}: lists at capacity")
    scores = unseen_scores(table, study)
    auc = test.auc(scores)
    losing_to = [name for name, won in beats(auc, rule_auc, recipe.seed).items() if not won]
    why_not = ""
    if losing_to:
        why_not = f"does not beat {', '.join(losing_to)}"
    else:
        spread = test.listing(scores, family.name, table.cut).tie_spread
        if spread > WIDE_TIES:
            why_not = f"leaves its list to the draw: ties alone move precision by {spread:.2f}"
    return _Fitted(family, trial, table, scores, auc, why_not)


def _choose(fitted: Sequence[_Fitted]) -> _Fitted | None:
    promotable = [fit for fit in fitted if not fit.why_not]
    if not promotable:
        return None
    return promotable[simplest([fit.selected_by for fit in promotable])]


def _made(folder: Path) -> Path:
    """Make the folder of a version, which is never one that was there."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise VersionTaken(
            f"there is a model {folder.name} already, which the registry does not know: put back "
            "the registry, or move that model away."
        ) from error
    return folder


def _beside(name: str, scores: Floats, test: _Test, box_auc: float) -> Candidate:
    """Measure a naive rule or the yardstick on the test."""
    auc = test.auc(scores)
    return Candidate(
        family=name,
        setting="",
        version=None,
        promotable=False,
        why_not="yardstick, never promotable" if name == BlackBox.name else "naive rule",
        discrimination=discrimination(test.truth, scores, None),
        # Whoever is never promoted need not say how much of the list was drawn.
        listing=test.listing(scores, name, np.inf, ties=False),
        auc_standard_error=auc.standard_error,
        splits=(),
        agreement=None,
        gap=box_auc - auc.auc,
    )


def _candidate(
    fit: _Fitted, table: ModelTable, origins: Sequence[Study], test: _Test, box_auc: float
) -> Candidate:
    study = test.study
    places = max(1, signal_places(study.protocol.capacity, study.protocol.capacity.per_review))
    values = study.test.values
    # The draw among equals goes by version: this list is the one that the audit measures.
    listing = test.listing(fit.scores, table.version, table.cut)
    return Candidate(
        family=fit.family.name,
        setting=fit.family.setting,
        version=table.version,
        promotable=not fit.why_not,
        why_not=fit.why_not,
        discrimination=discrimination(
            test.truth, fit.scores, table.calibration.probabilities(fit.scores)
        ),
        listing=listing,
        auc_standard_error=fit.auc.standard_error,
        splits=(
            *_splits(fit.trial, origins, test.recipe),
            _split(study, fit.auc.auc, listing),
        ),
        agreement=agreement(
            table.scores(values), bag_scores(table.bags, values), study.test.cohort, places
        ),
        gap=box_auc - fit.auc.auc,
    )


def _splits(
    trial: Trial | None, origins: Sequence[Study], recipe: Recipe
) -> tuple[SplitMeasure, ...]:
    """Measure a trial's lists on the origins: one after the other, for the half judged there."""
    if trial is None:
        return ()
    cohort = pd.concat([origin.test.cohort for origin in origins], ignore_index=True)
    capacity = origins[0].protocol.capacity
    listing = list_at_capacity(
        cohort,
        np.concatenate(trial.scores),
        capacity.model_copy(
            update={
                "per_review": math.ceil(capacity.per_review / HALVES),
                "per_referent": math.ceil(capacity.per_referent / HALVES),
            }
        ),
        recipe.draw_key,
        trial.family.name,
        np.inf,
        ties=False,
    )
    found = []
    for study, auc in zip(origins, trial.splits, strict=True):
        days = {day.isoformat() for day in study.split.test_dates}
        own = replace(listing, dates=tuple(d for d in listing.dates if d.as_of in days))
        found.append(_split(study, auc, own))
    return tuple(found)


def _split(study: Study, auc: float, listing: Listing) -> SplitMeasure:
    """Sum a split up; a share of a few situations says more about them than about the list."""
    labelled = sum(one.labelled for one in listing.dates)
    positives = sum(one.eligible_positives for one in listing.dates)
    return SplitMeasure(
        study.test_from.isoformat(),
        auc,
        listing.precision if labelled >= SMALLEST_BIN else math.nan,
        listing.recall if positives >= SMALLEST_BIN else math.nan,
    )


def _numbers(candidate: Candidate) -> dict[str, float | None]:
    return {k: v for k, v in candidate.as_dict().items() if isinstance(v, float)}
