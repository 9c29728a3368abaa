"""The table that an audit takes: what is added to it, and what refuses it."""

from __future__ import annotations

import pandas as pd
import pytest

from audits.predictions import InvalidPredictions, UnknownColumn, checked


def test_checking_takes_categoricals_and_leaves_its_input_alone() -> None:
    table = pd.DataFrame(
        {
            "person": [4, 4, 2],
            "label": [1, None, 0],
            "selected": [True, False, True],
            "genre": pd.Categorical([" femme", None, "homme"]),
        }
    )
    before = table.copy(deep=True)
    clean = checked(table, ["genre"])
    pd.testing.assert_frame_equal(table, before)
    assert clean["genre"].tolist() == ["femme", "inconnu", "homme"]
    assert clean["person"].tolist() == [4, 4, 2]
    pd.testing.assert_frame_equal(checked(clean, ["genre"]), clean)


def test_what_breaks_the_contract_is_said_with_its_column() -> None:
    good = pd.DataFrame({"person": ["p"], "label": [1], "selected": [True], "genre": ["femme"]})
    checked(good, ["genre"])
    with pytest.raises(InvalidPredictions, match="no rows"):
        checked(good.head(0), ["genre"])
    with pytest.raises(InvalidPredictions, match="label"):
        checked(good.assign(label=2), ["genre"])
    with pytest.raises(InvalidPredictions, match="probability"):
        checked(good.assign(probability=1.5), ["genre"])
    with pytest.raises(InvalidPredictions, match="twice at one review date"):
        checked(pd.concat([good, good]).assign(as_of=pd.Timestamp("2026-01-05")), ["genre"])
    with pytest.raises(UnknownColumn, match="'selected' is not an attribute"):
        checked(good, ["selected"])


def test_a_team_that_is_not_known_is_a_team() -> None:
    table = pd.DataFrame({"person": ["p", "q"], "label": [1, 0], "selected": [True, False]})
    clean = checked(table.assign(genre="femme", team=[None, "nord"]), ["genre"])
    assert clean["team"].tolist() == ["inconnu", "nord"]
