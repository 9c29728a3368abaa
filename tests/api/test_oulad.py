"""Real data from end to end: imported, trained on 2013B, measured on 2013J, voted, scored."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from api.gate import load_table
from api.opening import open_home
from features.engine import StoreEngine
from modeles.training import unseen_scores
from modeles.validation import Study, build_study
from tests.conftest import Ran, rebond


@dataclass(frozen=True)
class Trained:
    """A home on real data, trained and audited, and what the commands printed."""

    home: Path
    imported: Ran
    early_score: Ran
    trained: Ran
    audited: Ran

    @property
    def chosen(self) -> str:
        return str(self.trained.out["chosen"])


@pytest.fixture(scope="module")
def real(
    tmp_path_factory: pytest.TempPathFactory, oulad_home: tuple[Path, Ran]
) -> Iterator[Trained]:
    home = tmp_path_factory.mktemp("oulad") / "home"
    made, imported = oulad_home
    shutil.copytree(made, home)
    (home / "keys").chmod(0o700)
    trained = rebond("train", home=home)
    early = rebond("score", home=home)
    audited = rebond("audit", home=home)
    yield Trained(home, imported, early, trained, audited)


def study_of(real: Trained) -> Study:
    home = open_home(real.home, real.home / "keys")
    extracted_on = home.store.extracted_on
    assert extracted_on is not None
    return build_study(home.store.protocol(), StoreEngine(home.store), extracted_on)


def test_real_rows_come_in_and_faults_are_counted(real: Trained) -> None:
    assert real.imported.status == 0
    assert real.imported.out["persons"] == 12_547
    assert real.imported.out["events"] > 400_000
    assert 0 < real.imported.out["quarantined"] < 300
    assert real.imported.out["ignored_by"]["banked_submissions"] == 720


def test_every_candidate_is_measured_later_than_all_it_was_fitted_on(real: Trained) -> None:
    assert real.trained.status == 0
    assert real.trained.out["test_from"] == "2013-10-01"
    study = study_of(real)
    horizon = pd.Timedelta(days=study.protocol.outcome.horizon_days)
    assert study.train.cohort["as_of"].max() + horizon <= pd.Timestamp(study.test_from)
    assert study.test.cohort["as_of"].min() >= pd.Timestamp(study.test_from)
    assert set(study.train.cohort["team"].str[-5:]) == {"2013B"}
    assert not set(study.train.cohort["household"]) & set(study.test.cohort["household"])


def test_auc_on_bbb_2013j_from_day_14_to_105(real: Trained) -> None:
    study = study_of(real)
    table = load_table(open_home(real.home, real.home / "keys"), real.chosen)
    cohort = study.test.cohort
    day = (cohort["as_of"] - pd.Timestamp("2013-10-01")).dt.days
    rows = (cohort["team"] == "BBB-2013J") & day.between(14, 105) & cohort["label"].notna()
    assert rows.sum() > 20_000
    found = roc_auc_score(cohort["label"][rows], unseen_scores(table, study)[rows])
    assert found >= 0.66


@pytest.mark.safeguard
def test_s11_nothing_is_scored_before_two_members_waived_what_cannot_be_assessed(
    real: Trained,
) -> None:
    assert real.early_score.status == 1
    assert real.audited.status == 4
    assert real.audited.out["verdict"] == "cannot_assess"
    for member in ("anne", "paul"):
        rebond("user", "add", member, "--role", "committee", home=real.home)

    def approve(login: str, *waive: str) -> Ran:
        reason = ("--reason", "groupes trop petits, revue dans six mois")
        return rebond("approve", real.chosen, "--by", login, *reason, *waive, home=real.home)

    assert approve("anne").status == 1
    assert approve("anne", "--waive-unassessed").out["state"] == "one_approval"
    assert approve("anne", "--waive-unassessed").status == 1
    assert rebond("score", home=real.home).status == 1
    assert approve("paul", "--waive-unassessed").out["state"] == "approved"
    scored = rebond("score", home=real.home)
    assert scored.status == 0, scored.err
    assert scored.out["as_of"] == "2014-02-11"
    assert scored.out["queued"] > 0
    assert scored.out["controls"] > 0
    assert scored.out["unserved"] >= 0
    assert scored.out["model"] == real.chosen
    assert rebond("journal", "verify", home=real.home).out["ok"] is True
