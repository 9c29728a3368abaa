"""The whole way, from invented histories to the verdict: a stated gap is found, none is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.opening import open_home
from api.studies import audit_model, train_models
from audits.records import Verdict
from modeles.logistic import Logistic
from revue.records import Actor
from tests.conftest import rebond

ACTOR = Actor(login="cli:test", role=None, team=None)
ENOUGH_PERSONS = 5000
"""With these a gap of fifteen points fails, in all three families and three seeds tried."""


@pytest.mark.safeguard
@pytest.mark.parametrize(("gap", "answers"), [("0.15", {"fail"}), ("0", {"pass", "cannot_assess"})])
def test_s11_a_group_whose_warnings_went_unrecorded_is_found(
    gap: str, answers: set[str], tmp_path: Path
) -> None:
    folder, place = tmp_path / "histories", tmp_path / "home"
    simulated = rebond(
        "simulate", folder, "--persons", str(ENOUGH_PERSONS), "--gap", gap, "--seed", "1"
    )
    assert simulated.status == 0, simulated.err
    assert rebond("init", home=place).status == 0
    assert rebond("import", folder, home=place).status == 0
    home = open_home(place, place / "keys")
    try:
        trained = train_models(home, by=ACTOR, progress=lambda _: None, search=(Logistic(0.05),))
        version = trained.tables[0].version
        result = audit_model(home, version, by=ACTOR, progress=lambda _: None).result
    finally:
        home.sessions.kw["bind"].dispose()
    assert result.verdict in answers
    gates = {one.attribute: one for one in result.findings if one.verdict is not None}
    if gap == "0.15":
        assert gates["interprete"].verdict is Verdict.FAIL
        groups = {group.value: group.estimate for group in gates["interprete"].groups}
        assert groups["oui"] < groups["non"]
    assert gates["genre"].verdict is not Verdict.FAIL
