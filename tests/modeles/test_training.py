"""One training on simulated histories: choice, registry, signed tables."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pytest

from features.keys import Keyring
from modeles.binning import SMALLEST_BIN
from modeles.candidates import SplitMeasure
from modeles.measures import DateMeasure, Listing, discrimination
from modeles.registry import MODEL_NAME, Registry
from modeles.table import read_table
from modeles.training import Recipe, TrainingResult, _split, train, unseen_scores
from modeles.validation import Study
from tests.modeles.builders import Material


def run(studies: Sequence[Study], keys: Keyring, folder: Path) -> TrainingResult:
    return train(
        studies,
        Recipe(keys.sign, keys.subkey("draw"), {"data": "d" * 64, "code": "c" * 64}, seed=7),
        registry=Registry(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts"),
        folder=lambda version: folder / "models" / version,
        progress=lambda _: None,
    )


@dataclass(frozen=True)
class Trained:
    result: TrainingResult
    folder: Path


@pytest.fixture(scope="module")
def trained(
    studies: tuple[Study, ...], material: Material, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    return Trained(run(studies, material.keys, folder), folder)


def test_every_family_rule_and_yardstick_is_measured(trained: Trained) -> None:
    result = trained.result
    families = [c.family for c in result.candidates]
    assert families[:4] == ["scorecard", "logistic", "additive", "black_box"]
    assert {"first_come", "team_base_rate"} <= set(families)
    assert any(f.startswith("longest_without:") for f in families)
    for candidate in result.candidates:
        assert 0 < candidate.discrimination.auc < 1
        assert candidate.promotable <= (candidate.version is not None)
    assert 0.6 < result.candidates[1].discrimination.auc < 0.8


def test_what_was_measured_can_be_recomputed_from_the_table(trained: Trained, study: Study) -> None:
    for candidate, table in itertools.zip_longest(
        trained.result.candidates[:3], trained.result.tables
    ):
        truth = study.test.cohort["label"].to_numpy(float)
        scores = unseen_scores(table, study)
        assert discrimination(truth, scores, None).auc == candidate.discrimination.auc


def test_the_chosen_model_is_promotable_and_simple_first(trained: Trained) -> None:
    result = trained.result
    promotable = [c for c in result.candidates if c.promotable]
    if not promotable:
        assert result.chosen is None
        return
    best = max(promotable, key=lambda c: c.discrimination.auc)
    within = [
        c
        for c in promotable
        if c.discrimination.auc >= best.discrimination.auc - best.auc_standard_error
    ]
    assert result.chosen == within[0].version


def test_the_same_data_and_seed_give_the_same_tables(
    trained: Trained, studies: tuple[Study, ...], material: Material, tmp_path: Path
) -> None:
    again = run(studies, material.keys, tmp_path)
    assert [t.hash for t in again.tables] == [t.hash for t in trained.result.tables]


def test_each_table_is_signed_registered_and_kept_as_the_runs_artifact(
    trained: Trained, material: Material
) -> None:
    uri = f"sqlite:///{trained.folder / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    for table in trained.result.tables:
        path = trained.folder / "models" / table.version / "table.json"
        assert read_table(path, material.keys.verify) == table
        version = client.get_model_version(MODEL_NAME, table.version)
        assert version.tags["family"] == table.family
        kept = Path(version.source.removeprefix("file://")) / "table.json"
        assert kept.read_bytes() == path.read_bytes()


@pytest.mark.safeguard
def test_s07_no_person_is_in_any_artifact_of_the_registry(trained: Trained, study: Study) -> None:
    pseudonyms = [p.encode() for p in study.train.cohort["person"].unique()]
    for path in trained.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [p for p in pseudonyms if p in content], path


@pytest.mark.safeguard
def test_s21_no_line_of_a_table_is_about_a_few(trained: Trained) -> None:
    for table in trained.result.tables:
        for feature in table.features:
            counted = feature.persons if feature.shape == "steps" else feature.persons[0:4:2]
            assert all(n == 0 or n >= 11 for n in counted), feature.name


@pytest.mark.safeguard
def test_s21_no_split_gives_a_share_of_a_few_situations(studies: tuple[Study, ...]) -> None:
    study = studies[-1]

    def split_of(labelled: int, positives: int) -> SplitMeasure:
        one = DateMeasure("2026-01-05", 20, labelled, positives, 0.2, 0.2, 0.2, 0.4, 20, 0.5, 0)
        return _split(study, 0.7, Listing(np.zeros(0, bool), np.zeros(0, bool), (one,)))

    shown = split_of(SMALLEST_BIN, SMALLEST_BIN)
    assert (shown.precision, shown.recall) == (0.2, 0.4)
    withheld = split_of(SMALLEST_BIN - 1, SMALLEST_BIN - 1)
    assert np.isnan(withheld.precision) and np.isnan(withheld.recall)
