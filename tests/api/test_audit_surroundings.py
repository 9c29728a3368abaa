"""What a real home's audit tells around its findings: complete, of nobody, the same each time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date

import numpy as np
import pytest

from api.audit_surroundings import _read
from api.gate import load_table
from api.home import Home
from api.opening import open_home
from api.studies import AuditOutcome, audit_model
from audits.suppression import K
from features.engine import StoreEngine
from modeles.validation import build_study
from revue.records import Actor
from tests.conftest import DemoHome

ACTOR = Actor(login="cli:test", role=None, team=None)


@pytest.fixture(scope="module")
def home(demo_home: DemoHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = demo_home.copy(tmp_path_factory.mktemp("audited") / "home").folder
    opened = open_home(folder, folder / "keys")
    yield opened
    opened.sessions.kw["bind"].dispose()


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def outcome(home: Home, told: list[str]) -> AuditOutcome:
    return audit_model(home, None, by=ACTOR, progress=told.append)


def test_everything_is_told_but_the_human_side(outcome: AuditOutcome, told: list[str]) -> None:
    around = outcome.surroundings
    sheet, card = around.data_sheet, around.label_card
    assert sheet is not None
    assert sheet.train_until < sheet.test_from <= sheet.test_until < sheet.extracted_on
    assert sheet.test_persons == outcome.result.persons
    assert dict(sheet.unknown).keys() == {"genre", "interprete"}
    assert card is not None
    assert card.codes == ("lien//interruption",)
    assert around.stability is not None
    assert 0.5 < around.stability.shared_least <= around.stability.shared <= 1
    assert around.drift is not None
    assert len(around.drift.features) == sheet.features
    assert around.drift.base_rate_before == sheet.train_base_rate
    groups = {(proxy.attribute, proxy.value) for proxy in around.proxies}
    assert {("interprete", "oui"), ("interprete", "non")} <= groups
    assert {trade_off.attribute for trade_off in around.trade_offs} <= {"genre", "interprete"}
    assert around.trade_offs
    assert around.human is None
    assert any("proxies" in line for line in told)


def test_the_simulated_delay_of_one_group_is_seen(outcome: AuditOutcome) -> None:
    """Simulated interruptions of people who need an interpreter are recorded 25 days late."""
    card = outcome.surroundings.label_card
    assert card is not None
    delay = {line.value: line for line in card.groups if line.attribute == "interprete"}
    late, prompt = delay["oui"].median_days, delay["non"].median_days
    assert late is not None
    assert prompt is not None
    assert prompt < 7
    assert late > 20


def test_the_simulated_proxy_is_seen(outcome: AuditOutcome) -> None:
    """People who need an interpreter have their excuses recorded as absences."""
    (proxy,) = (p for p in outcome.surroundings.proxies if p.value == "oui")
    # Folds follow the keys of a home, so the figure differs a little from home to home.
    assert proxy.auc is not None
    assert proxy.auc > 0.5
    assert proxy.features[0].column.startswith("rendez-vous")
    assert all(p.features == () for p in outcome.surroundings.proxies if p.attribute == "genre")


def test_a_kind_of_fact_that_the_training_did_not_know_is_named(
    home: Home, outcome: AuditOutcome
) -> None:
    table = load_table(home, outcome.version)
    engine = StoreEngine(home.store)
    study = build_study(
        home.store.protocol(),
        engine,
        date.fromisoformat(home.store.manifest.extracted_on or ""),
        test_from=date.fromisoformat(table.test_from),
        vocabulary=frozenset(table.codes),
    )
    younger = replace(table, codes=tuple(c for c in table.codes if c != "contact//visite"))
    assert _read(engine, younger, study)[1] == {"contact//visite"}
    assert _read(engine, table, study)[1] == frozenset()


@pytest.mark.safeguard
def test_s21_no_count_is_of_a_few_and_no_line_is_of_a_person(
    outcome: AuditOutcome, home: Home
) -> None:
    around = outcome.surroundings
    text = json.dumps(asdict(around), default=str, allow_nan=False)
    for person in home.store.stays()["person"].unique():
        assert person not in text
    assert around.label_card is not None
    assert all(g.persons is None or g.persons >= K for g in around.label_card.groups)
    withheld = {
        (finding.attribute, group.value)
        for finding in outcome.result.findings
        for group in finding.groups
        if finding.metric == "recall" and group.positives is None
    }
    for group in around.label_card.groups:
        assert group.persons is None or (group.attribute, group.value) not in withheld


def test_the_same_home_gives_the_same_surroundings(home: Home, outcome: AuditOutcome) -> None:
    again = audit_model(home, outcome.version, by=ACTOR, progress=lambda _: None)
    assert again.surroundings == outcome.surroundings
    assert not any(isinstance(value, np.generic) for value in _leaves(asdict(again.surroundings)))


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value
