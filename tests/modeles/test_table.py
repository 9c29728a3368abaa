"""The table: a person can recompute it, and nobody can change it unseen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.keys import ForgedSignature, Keyring, create_keys
from modeles.table import UnreadableTable, read_table, row_contributions, write_table
from tests.modeles.builders import table


@pytest.fixture
def keys(tmp_path: Path) -> Keyring:
    return create_keys(tmp_path / "keys")


def test_a_score_can_be_added_up_by_hand() -> None:
    # 3 appointments: above 2.5, so +1; 99 days is the upper knot, so +1; start at -2.5.
    assert table().scores(np.array([[3.0, 99.0]]))[0] == pytest.approx(-0.5, abs=1e-12)
    # 1 appointment: +0.25; 9 days: halfway on the log(1 + x) axis, so 0.
    assert table().scores(np.array([[1.0, 9.0]]))[0] == pytest.approx(-2.25, abs=1e-12)


def test_a_missing_value_has_points_of_its_own() -> None:
    assert table().scores(np.array([[np.nan, np.nan]]))[0] == pytest.approx(-2.5 + 0.125 + 0.5)


def test_a_value_on_an_edge_falls_to_the_left() -> None:
    assert table().contributions(np.array([[2.5, 0.0]]))[0, 0] == 0.25


@given(
    st.lists(
        st.tuples(
            st.one_of(st.just(float("nan")), st.floats(-5, 50)),
            st.one_of(st.just(float("nan")), st.floats(-5, 500)),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_one_row_scores_bit_for_bit_as_in_the_batch(rows: list[tuple[float, float]]) -> None:
    values = np.array(rows)
    alone = np.array([table().scores(values[i : i + 1])[0] for i in range(len(values))])
    assert np.array_equal(table().scores(values), alone)
    total = table().intercept + table().contributions(values).sum(axis=1)
    assert np.allclose(total, alone, atol=1e-12)
    single = np.array([row_contributions(table().features, row) for row in values])
    assert np.array_equal(table().contributions(values), single)


def test_what_is_written_is_read_back_equal(tmp_path: Path, keys: Keyring) -> None:
    write_table(table(), tmp_path / "table.json", keys.sign)
    read = read_table(tmp_path / "table.json", keys.verify)
    assert read == table()
    assert read.hash == table().hash


@pytest.mark.safeguard
def test_s31_a_changed_point_breaks_the_signature(tmp_path: Path, keys: Keyring) -> None:
    path = tmp_path / "table.json"
    write_table(table(), path, keys.sign)
    envelope = json.loads(path.read_text())
    envelope["table"]["features"][0]["points"][2] = 0.99
    path.write_text(json.dumps(envelope))
    with pytest.raises(ForgedSignature):
        read_table(path, keys.verify)


@pytest.mark.safeguard
def test_s31_another_homes_signature_is_not_taken(tmp_path: Path, keys: Keyring) -> None:
    write_table(table(), tmp_path / "table.json", create_keys(tmp_path / "other").sign)
    with pytest.raises(ForgedSignature):
        read_table(tmp_path / "table.json", keys.verify)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"table": {}, "signature": ""}'])
def test_something_else_is_refused_in_a_sentence(
    tmp_path: Path, keys: Keyring, content: str
) -> None:
    (tmp_path / "table.json").write_text(content)
    with pytest.raises(UnreadableTable, match="train again"):
        read_table(tmp_path / "table.json", keys.verify)


def test_a_missing_version_is_named(tmp_path: Path, keys: Keyring) -> None:
    with pytest.raises(UnreadableTable, match="no model 7"):
        read_table(tmp_path / "7" / "table.json", keys.verify)


def test_lines_are_read_from_the_lowest_value_to_the_missing_one() -> None:
    steps, line = table().features
    assert steps.lines() == (
        ("aucun fait", -0.5),
        ("de 1 à 2 faits", 0.25),
        ("plus de 2 faits", 1.0),
        ("sans valeur", 0.125),
    )
    assert line.places == ("jusqu'à 0 jour", "à partir de 99 jours")


def test_nothing_and_one_are_said_as_such() -> None:
    steps = replace(table().features[0], edges=(0.5, 1.5), points=(0.0, 0.1, 0.2))
    assert steps.places == ("aucun fait", "1 fait", "plus de 1 fait")
    assert replace(steps, edges=(0.5,), points=(0.0, 0.1)).places[1] == "au moins 1 fait"
    trend = replace(steps, name="rdv.trend.28", edges=(-2.5, 0.5), points=(0.0, 0.1, 0.2))
    assert trend.places == ("jusqu'à −3 faits", "de −2 à 0 fait", "plus de 0 fait")


def test_yes_or_no_is_said_as_such() -> None:
    ever = replace(table().features[0], unit="oui ou non", edges=(0.5,), points=(0.0, 0.3))
    assert ever.places == ("non", "oui")


def test_a_fact_that_never_varies_has_one_line() -> None:
    level = replace(table().features[0], edges=(), points=(0.0,))
    assert level.places == ("toute valeur",)
    assert level.contribution(np.array([4.0]))[0] == 0.0


def test_many_estimates_are_those_of_one_at_a_time() -> None:
    scores = np.linspace(-6, 6, 50)
    one_by_one = [table().calibration.probability(float(score))[0] for score in scores]
    assert table().calibration.estimates(scores) == pytest.approx(one_by_one)


def test_an_estimate_lies_in_its_own_band() -> None:
    for score in np.linspace(-6, 2, 30):
        middle, low, high = table().calibration.probability(float(score))
        assert 0 <= low <= middle <= high <= 1


def test_an_estimate_goes_no_further_than_what_was_found() -> None:
    steep = replace(table().calibration, slope=4.0)
    assert steep.probability(0.5) == (0.6, 0.4, 0.6)
    assert steep.probability(-4.0) == pytest.approx((0.0206, 0.0206, 0.06))
