"""No extract holds a line by which somebody is found (S30)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import quality
from audits.engine import audit_predictions
from audits.report.context import AuditContext
from audits.report.writing import as_json
from audits.singling_out import SinglesOut, check_singling_out
from audits.suppression import K
from audits.surroundings import Surroundings
from tests.audits.tables import histories
from tests.features.planted import planted

DAY = date(2026, 11, 21)
ROWS = st.lists(
    st.fixed_dictionaries({"team": st.sampled_from("ab"), "age": st.sampled_from([30, 40])}),
    max_size=60,
)


@pytest.mark.safeguard
@given(ROWS)
def test_s30_a_unique_row_is_refused_and_a_common_one_is_not(rows: list[dict[str, object]]) -> None:
    sizes = [rows.count(row) for row in rows]
    if all(size >= K for size in sizes):
        check_singling_out(rows, ("team", "age"))
    else:
        with pytest.raises(SinglesOut, match="team, age"):
            check_singling_out(rows, ("team", "age"))


@pytest.mark.safeguard
@given(st.lists(st.one_of(st.none(), st.integers(0, 40)), max_size=12))
def test_s30_a_group_of_a_few_is_refused_and_one_that_is_withheld_is_not(
    numbers: list[int | None],
) -> None:
    rows = [{"value": f"g{i}", "n": number} for i, number in enumerate(numbers)]
    if any(number is not None and 0 < number < K for number in numbers):
        with pytest.raises(SinglesOut):
            check_singling_out(rows, ("value",), persons="n")
    else:
        check_singling_out(rows, ("value",), persons="n")


@pytest.mark.safeguard
def test_s30_a_refusal_names_columns_and_nobody() -> None:
    with pytest.raises(SinglesOut) as refused:
        check_singling_out([{"ville": "Trifouilly", "age": 97}], ("ville", "age"))
    assert "ville, age" in str(refused.value)
    assert "Trifouilly" not in str(refused.value) and "97" not in str(refused.value)


@pytest.mark.safeguard
@pytest.mark.parametrize("forgotten", ["n", "positives"])
def test_s30_an_audit_whose_small_group_was_not_withheld_is_not_written(forgotten: str) -> None:
    table = histories(300, 4, rng=np.random.default_rng(0))
    result = audit_predictions(table, attributes=["genre", "interprete"], replicates=10)
    written = as_json(result, AuditContext("fichier"), Surroundings(), written_on=DAY)
    assert json.loads(written)["findings"]
    first = result.findings[0]
    groups = (replace(first.groups[0], **{forgotten: K - 1}), *first.groups[1:])
    bared = replace(result, findings=(replace(first, groups=groups), *result.findings[1:]))
    with pytest.raises(SinglesOut):
        as_json(bared, AuditContext("fichier"), Surroundings(), written_on=DAY)


@pytest.mark.safeguard
def test_s30_a_quality_report_whose_small_team_was_not_withheld_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = planted()
    keep = few.stays["team"] != "chrs"
    members = sorted(set(few.stays["person"][~keep]))[: K - 2]
    stays = few.stays[keep | few.stays["person"].isin(members)]
    events = few.events[few.events["person"].isin(set(stays["person"]))]
    measured = replace(few, stays=stays, events=events).measure(tmp_path)
    assert quality.write_quality(measured, tmp_path / "kept")["json"].exists()
    monkeypatch.setattr(quality, "withhold", lambda forgotten: forgotten)
    with pytest.raises(SinglesOut, match="team"):
        quality.write_quality(measured, tmp_path / "bared")
    assert not (tmp_path / "bared").exists()
