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

from features.engine import FrameEngine
from features.keys import Keyring, create_keys
from features.point_in_time import review_dates
from features.protocol import Protocol
from features.simulation import simulate
from modeles.families import FOLDS
from modeles.measures import discrimination
from modeles.registry import MODEL_NAME, Registry
from modeles.table import read_table
from modeles.training import TrainingResult, train, unseen_scores
from modeles.validation import OneClass, Study, TooLittleHistory, build_study
from tests.features.builders import events_of, read

UNTIL = date(2026, 11, 23)


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


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("material")
    simulate(folder / "in", persons=900, months=24, seed=5, until=UNTIL)
    keys = create_keys(folder / "keys")
    extract = read(folder / "in", keys)
    return Material(keys, extract.protocol, extract.stays, events_of(extract))


@pytest.fixture(scope="module")
def study(material: Material) -> Study:
    return build_study(material.protocol, material.engine, UNTIL)


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


def test_a_model_is_chosen_only_on_labels_that_were_over(material: Material) -> None:
    """Whatever day the extract was made, no label of the test counts before its time was over."""
    horizon = timedelta(days=material.protocol.outcome.horizon_days)
    for extracted_on in (UNTIL, UNTIL - timedelta(days=45)):
        known = material.events["recorded_at"] < pd.Timestamp(extracted_on + timedelta(days=1))
        engine = FrameEngine(material.stays, material.events[known].reset_index(drop=True))
        cohort = build_study(material.protocol, engine, extracted_on).test.cohort
        counted = cohort[cohort["label"].notna()]
        assert len(counted) and (counted["as_of"] + horizon <= pd.Timestamp(extracted_on)).all()


def test_a_kind_of_fact_unknown_before_the_test_is_in_no_feature(material: Material) -> None:
    """Half of the messages get a new code during the test: as if they were not there."""
    test_from = pd.Timestamp(build_study(material.protocol, material.engine, UNTIL).test_from)
    new = (
        (material.events["code"] == "contact//message")
        & (material.events["occurred_at"] >= test_from)
        & material.events["event_id"].isna()
        & (np.arange(len(material.events)) % 2 == 0)
    )
    renamed = material.events.assign(
        code=material.events["code"].mask(new, "contact//message//video")
    )
    dropped = material.events[~new].reset_index(drop=True)
    found, without = (
        build_study(material.protocol, FrameEngine(material.stays, events), UNTIL)
        for events in (renamed, dropped)
    )
    assert "contact//message//video" not in found.vocabulary == without.vocabulary
    assert found.test.values.tobytes() == without.test.values.tobytes()
    assert found.test.other.sum() > 0 == without.test.other.sum()
    assert found.train.values.tobytes() == without.train.values.tobytes()


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
        material.protocol, FrameEngine(material.stays, material.events[~learnt]), UNTIL
    )
    pd.testing.assert_frame_equal(without.train.cohort, study.train.cohort)
    np.testing.assert_array_equal(without.train.values, study.train.values)


def test_a_household_stays_on_one_side_where_the_protocol_sets_the_test(
    material: Material, study: Study
) -> None:
    plain = material.protocol.model_dump()
    plain["validation"]["test_from"] = study.test_from
    fixed = build_study(Protocol(**plain), material.engine, UNTIL)
    assert not set(fixed.train.cohort["household"]) & set(fixed.test.cohort["household"])
    assert set(fixed.test_fold) == set(range(FOLDS))  # one bag each, also for new people


def test_members_of_a_household_share_a_fold(study: Study) -> None:
    folds = pd.Series(study.train_fold).groupby(study.train.cohort["household"].to_numpy())
    assert (folds.nunique() == 1).all()


def test_one_early_stay_does_not_move_the_test(material: Material, study: Study) -> None:
    early = material.stays.iloc[[0]].assign(
        person="0" * 32, household="0" * 32, entered_on=pd.Timestamp("2004-01-05")
    )
    stays = pd.concat([material.stays, early.astype(material.stays.dtypes)], ignore_index=True)
    moved = build_study(material.protocol, FrameEngine(stays, material.events), UNTIL)
    assert abs(moved.test_from - study.test_from) <= timedelta(
        days=material.protocol.cadence.every_days
    )


def test_a_model_is_measured_again_on_its_own_test(material: Material, study: Study) -> None:
    """Whoever was imported later, the test begins where the model's own began."""
    later = study.test_from + timedelta(days=56)
    again = build_study(
        material.protocol, material.engine, UNTIL, test_from=later, vocabulary=study.vocabulary
    )
    assert again.test_from == later and again.vocabulary == study.vocabulary
    assert again.test.cohort["as_of"].min() >= pd.Timestamp(later)


def test_a_person_whose_household_is_given_once_stays_on_one_side(material: Material) -> None:
    """Given for the first stay alone, a household still holds the person's later stays."""
    again = material.stays["person"].duplicated(keep="first")
    returned = material.stays["person"].isin(material.stays.loc[again, "person"])
    assert returned.sum() > 20
    shared = material.stays["household"].mask(returned & ~again, "f" * 32)
    stays = material.stays.assign(household=shared)
    engine = FrameEngine(stays, material.events)
    found = build_study(material.protocol, engine, UNTIL)
    folds = pd.concat(
        [
            part.cohort[["person"]].assign(fold=fold)
            for part, fold in ((found.train, found.train_fold), (found.test, found.test_fold))
        ]
    )
    assert (folds.groupby("person")["fold"].nunique() == 1).all()
    plain = material.protocol.model_dump()
    plain["validation"]["test_from"] = found.test_from
    fixed = build_study(Protocol(**plain), engine, UNTIL)
    assert not set(fixed.train.cohort["person"]) & set(fixed.test.cohort["person"])


def test_histories_too_short_are_refused(material: Material) -> None:
    early = material.stays["entered_on"].min().date() + timedelta(days=120)
    with pytest.raises(TooLittleHistory, match="90 days"):
        build_study(material.protocol, material.engine, early)


def test_a_window_with_one_class_is_refused(material: Material) -> None:
    outcome = material.events["code"] == "lien//interruption"
    late = material.events["recorded_at"] > pd.Timestamp("2026-08-01")
    engine = FrameEngine(material.stays, material.events[~outcome | late])
    with pytest.raises(OneClass, match="only the label 0"):
        build_study(material.protocol, engine, UNTIL)


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
