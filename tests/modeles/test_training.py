"""One training on simulated histories: split, choice, registry, signed tables."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from features.intake import read_folder
from features.kernel import Block, build_block
from features.keys import Keyring, create_keys
from features.point_in_time import review_dates
from features.protocol import Protocol
from features.simulation import simulate
from modeles.measures import discrimination
from modeles.registry import MODEL_NAME, Registry
from modeles.table import read_table
from modeles.training import TrainingResult, train, unseen_scores
from modeles.validation import OneClass, Study, TooLittleHistory, build_study

UNTIL = date(2026, 11, 23)


@dataclass(frozen=True)
class Material:
    """Simulated histories, ready for a study."""

    keys: Keyring
    protocol: Protocol
    stays: pd.DataFrame
    events: pd.DataFrame
    block: Block


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("material")
    simulate(folder / "in", persons=900, months=24, seed=5, until=UNTIL)
    keys = create_keys(folder / "keys")
    extract = read_folder(folder / "in", keys)
    return Material(
        keys, extract.protocol, extract.stays, extract.events, build_block(extract.events)
    )


@pytest.fixture(scope="module")
def study(material: Material) -> Study:
    return build_study(material.protocol, material.stays, material.block, UNTIL)


def run(study: Study, keys: Keyring, folder: Path) -> TrainingResult:
    return train(
        study,
        registry=Registry(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts"),
        folder=lambda version: folder / "models" / version,
        sign=keys.sign,
        draw_key=keys.subkey("draw"),
        data_hash="d" * 64,
        seed=7,
        progress=lambda _: None,
    )


@dataclass(frozen=True)
class Trained:
    result: TrainingResult
    folder: Path


@pytest.fixture(scope="module")
def trained(study: Study, material: Material, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    return Trained(run(study, material.keys, folder), folder)


def test_training_labels_were_over_when_the_test_began(study: Study) -> None:
    horizon = timedelta(days=study.protocol.outcome.horizon_days)
    assert study.train.cohort["as_of"].max() + horizon <= pd.Timestamp(study.test_from)
    assert study.test.cohort["as_of"].min() >= pd.Timestamp(study.test_from)
    mature = review_dates(
        study.protocol.cadence, study.test.cohort["as_of"].max().date(), UNTIL - horizon
    )
    assert mature[-1:] == (study.test.cohort["as_of"].max().date(),)


def test_an_outcome_recorded_after_the_test_began_is_not_in_a_training_label(
    material: Material, study: Study
) -> None:
    """What the service learnt of the past after the first test day is not in the training."""
    test_from = pd.Timestamp(study.test_from)
    learnt = (material.events["recorded_at"] >= test_from) & (
        material.events["occurred_at"] < test_from
    )
    assert learnt.any()
    without = build_study(
        material.protocol, material.stays, build_block(material.events[~learnt]), UNTIL
    )
    pd.testing.assert_frame_equal(without.train.cohort, study.train.cohort)
    np.testing.assert_array_equal(without.train.values, study.train.values)


def test_a_household_stays_on_one_side_where_the_protocol_sets_the_test(
    material: Material, study: Study
) -> None:
    plain = material.protocol.model_dump()
    plain["validation"]["test_from"] = study.test_from
    fixed = build_study(Protocol(**plain), material.stays, material.block, UNTIL)
    assert not set(fixed.train.cohort["household"]) & set(fixed.test.cohort["household"])
    assert (fixed.test_fold == -1).all()


def test_members_of_a_household_share_a_fold(study: Study) -> None:
    folds = pd.Series(study.train_fold).groupby(study.train.cohort["household"].to_numpy())
    assert (folds.nunique() == 1).all()


def test_histories_too_short_are_refused(material: Material) -> None:
    early = material.stays["entered_on"].min().date() + timedelta(days=120)
    with pytest.raises(TooLittleHistory, match="90 days"):
        build_study(material.protocol, material.stays, material.block, early)


def test_a_window_with_one_class_is_refused(material: Material) -> None:
    outcome = material.events["code"] == "lien//interruption"
    late = material.events["recorded_at"] > pd.Timestamp("2026-08-01")
    block = build_block(material.events[~outcome | late])
    with pytest.raises(OneClass, match="only the label 0"):
        build_study(material.protocol, material.stays, block, UNTIL)


def test_every_family_rule_and_yardstick_is_measured(trained: Trained) -> None:
    result = trained.result
    families = [c.family for c in result.candidates]
    assert families[:3] == ["logistic", "additive", "black_box"]
    assert {"first_come", "team_base_rate"} <= set(families)
    assert any(f.startswith("longest_without:") for f in families)
    for candidate in result.candidates:
        assert 0 < candidate.discrimination.auc < 1
        assert candidate.promotable <= (candidate.version is not None)
    assert 0.6 < result.candidates[1].discrimination.auc < 0.8


def test_what_was_measured_can_be_recomputed_from_the_table(trained: Trained, study: Study) -> None:
    for candidate, table in itertools.zip_longest(
        trained.result.candidates[:2], trained.result.tables
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
    trained: Trained, study: Study, material: Material, tmp_path: Path
) -> None:
    again = run(study, material.keys, tmp_path)
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
