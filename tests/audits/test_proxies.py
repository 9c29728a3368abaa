"""A planted proxy is found, noise is none, and nothing is said about a few persons."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.proxies import _difference, find_missing, find_proxies
from audits.suppression import K
from tests.audits.surroundings import Floats, lines

PERSONS = 600


def attributes(rng: np.random.Generator, persons: int = PERSONS) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "genre": rng.choice(["femme", "homme", "inconnu"], persons, p=[0.5, 0.48, 0.02]),
            "interprete": rng.choice(["oui", "non"], persons, p=[0.2, 0.8]),
        }
    )


def noise(rng: np.random.Generator, columns: int = 8, persons: int = PERSONS) -> Floats:
    values = rng.poisson(3.0, (persons, columns)).astype(float)
    values[rng.random(values.shape) < 0.1] = np.nan
    return values


def households(persons: int = PERSONS) -> tuple[np.ndarray, np.ndarray]:
    number = np.arange(persons)
    return number, number % 8


@pytest.mark.safeguard
def test_s04_a_planted_proxy_is_found_and_named() -> None:
    rng = np.random.default_rng(3)
    groups, values = attributes(rng), noise(rng)
    values[:, 5] = (groups["interprete"] == "oui").to_numpy(float)
    score = values[:, 5] - rng.random(PERSONS)
    found = find_proxies(lines(8), values, score, groups, *households())
    for proxy in (p for p in found if p.attribute == "interprete"):
        assert proxy.auc == proxy.high == 1.0
        assert proxy.low is not None
        assert 0.9 < proxy.low < 1.0, "120 persons are no certainty"
        assert proxy.features[0].column == "f5.count"
        assert proxy.features[0].title == "fait 5"
        assert proxy.features[0].auc == 1.0
        assert proxy.score == (1.0 if proxy.value == "oui" else 0.0)
    assert all(not p.features for p in found if p.attribute == "genre")


@pytest.mark.safeguard
def test_s04_a_proxy_that_turns_is_found_though_no_order_tells_it() -> None:
    rng = np.random.default_rng(4)
    values = rng.random((PERSONS, 6))
    middle = pd.DataFrame({"groupe": np.where(np.abs(values[:, 0] - 0.5) < 0.25, "a", "b")})
    found = find_proxies(lines(6), values, values[:, 2], middle, *households())
    assert all(proxy.low is not None and proxy.low > 0.9 for proxy in found)
    assert all(proxy.features == () for proxy in found)


@pytest.mark.parametrize("seed", range(6))
def test_independent_noise_is_no_proxy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups, values = attributes(rng), noise(rng)
    for proxy in find_proxies(lines(8), values, rng.random(PERSONS), groups, *households()):
        assert proxy.features == ()
        assert proxy.low is None or proxy.low < 0.5
    assert find_missing(lines(8), values, groups) == ()


def test_the_missing_value_itself_is_a_proxy() -> None:
    rng = np.random.default_rng(5)
    groups, values = attributes(rng), noise(rng)
    interpreter = (groups["interprete"] == "oui").to_numpy(bool)
    values[:, 3] = np.where(rng.random(PERSONS) < np.where(interpreter, 0.5, 0.1), np.nan, 1.0)
    # A scorecard may have two lines about one fact: it is told of once.
    (found,) = find_missing(lines(8) * 2, values, groups)
    assert (found.attribute, found.value, found.column) == ("interprete", "oui", "f3.count")
    assert found.share == round(np.isnan(values[interpreter, 3]).mean(), 2)
    assert found.elsewhere == round(np.isnan(values[~interpreter, 3]).mean(), 2)
    assert 0 < found.low < found.share - found.elsewhere < found.high
    values[:, 2] = np.where(interpreter, rng.poisson(4.0, PERSONS), values[:, 2])
    best = find_proxies(lines(8), values, rng.random(PERSONS), groups, *households())[-1]
    # Each is named once, with the end of its axis where missing values tell more.
    assert [told.column for told in best.features] == ["f2.count", "f3.count"]
    assert best.features[0].auc > best.features[1].auc > 0.65


def test_the_interval_of_a_difference_is_newcombes() -> None:
    # Newcombe (1998), table II, method 10, example (a): 56/70 against 48/80.
    missing = np.repeat([True, False, True, False], [56, 14, 48, 32])
    inside = np.repeat([True, False], [70, 80])
    share, elsewhere, low, high = _difference(missing, inside, 1.959964)
    assert (share, elsewhere) == (0.8, 0.6)
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


@pytest.mark.safeguard
def test_s21_a_group_of_a_few_has_only_its_name() -> None:
    rng = np.random.default_rng(6)
    groups = pd.DataFrame({"genre": np.where(np.arange(PERSONS) < 29, "rare", "autre")})
    values = noise(rng)
    values[:29, 0] = np.nan
    for proxy in find_proxies(lines(8), values, rng.random(PERSONS), groups, *households()):
        assert (proxy.auc, proxy.low, proxy.high, proxy.score) == (None,) * 4
        assert proxy.features == ()
    assert find_missing(lines(8), values, groups) == ()


@pytest.mark.safeguard
@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 80), min_size=2, max_size=5),
    shares=st.lists(st.floats(0, 1), min_size=5, max_size=5),
    seed=st.integers(0, 99),
)
def test_s21_missing_values_of_a_few_cannot_be_computed_back(
    sizes: list[int], shares: list[float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    absent = rng.random(len(group)) < np.array(shares)[group]
    values = np.where(absent, np.nan, 1.0)[:, np.newaxis]
    named = pd.DataFrame({"groupe": [f"g{number}" for number in group]})
    left = defaultdict(lambda: np.ones(len(group), bool))
    for told in find_missing(lines(1), values, named):
        inside = (named["groupe"] == told.value).to_numpy(bool)
        left[told.column] &= ~inside
        for who in (inside, ~inside, left[told.column]):
            if who.any():
                assert min(absent[who].sum(), (~absent)[who].sum()) >= K


@settings(max_examples=40, deadline=None)
@given(
    persons=st.integers(1, 90),
    groups=st.integers(1, 4),
    columns=st.integers(1, 3),
    kind=st.sampled_from(["missing", "constant", "noise", "half"]),
    folds=st.integers(1, 8),
    seed=st.integers(0, 99),
)
def test_odd_tables_are_never_an_exception(
    persons: int, groups: int, columns: int, kind: str, folds: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.random((persons, columns))
    if kind != "noise":
        values[:] = np.nan if kind == "missing" else 2.0
    if kind == "half":
        values[: persons // 2, 0] = np.nan
    named = pd.DataFrame({"a": rng.choice(list("wxyz")[:groups], persons), "b": ["seul"] * persons})
    household = rng.integers(0, persons, persons)
    found = find_proxies(
        lines(columns), values, rng.random(persons), named, household, household % folds
    )
    assert [(p.attribute, p.value) for p in found] == [
        (name, value) for name in named for value in sorted(named[name].unique())
    ]
    assert all(p.auc is None or 0 <= p.low <= p.auc <= p.high <= 1 for p in found)  # type: ignore[operator]
    find_missing(lines(columns), values, named)


def test_the_interval_over_fits_holds_where_nothing_tells() -> None:
    """By itself each interval leaves out one half at most one time in twenty."""
    outside = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        group = pd.DataFrame({"groupe": rng.choice(["a", "b"], 200, p=[0.3, 0.7])})
        (proxy, _) = find_proxies(
            lines(6), rng.normal(size=(200, 6)), rng.random(200), group, *households(200)
        )
        assert proxy.low is not None
        assert proxy.high is not None
        outside += not proxy.low <= 0.5 <= proxy.high
    assert outside <= 4
