"""Fitted families: one table each, exact, additive, monotone, and no bin about a few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from modeles.binning import SMALLEST_BIN, fit_bins
from modeles.families import Additive, AdditiveFamily, Lines, Logistic, unseen
from modeles.table import Calibration, ModelTable
from tests.modeles.builders import training

FAMILIES = (Logistic(), Additive())


def quiet(_: str) -> None:
    """Nobody watches the progress of a test."""


def as_table(lines: Lines) -> ModelTable:
    return ModelTable(
        "1", "x", "x", 90, lines.intercept, lines.features, Calibration(1, 0, 0, 0, ()),
        0.0, "", "", {}, (), lines.bags,
    )  # fmt: skip


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda f: f.name)
def fitted(request: pytest.FixtureRequest) -> tuple[AdditiveFamily, ModelTable]:
    family: AdditiveFamily = request.param
    return family, as_table(family.fit(training(), quiet))


def test_it_learns_what_is_there(fitted: tuple[AdditiveFamily, ModelTable]) -> None:
    _, table = fitted
    new = training(seed=9)
    assert roc_auc_score(new.label, table.scores(new.values)) > 0.65


def test_the_table_is_the_mean_of_its_bags(fitted: tuple[AdditiveFamily, ModelTable]) -> None:
    _, table = fitted
    values = training(seed=3).values
    assert np.allclose(table.bag_scores(values).mean(axis=1), table.scores(values), atol=1e-12)


def test_contributions_have_mean_zero_on_the_training_rows(
    fitted: tuple[AdditiveFamily, ModelTable],
) -> None:
    _, table = fitted
    means = table.contributions(training().values).mean(axis=0)
    assert np.abs(means).max() < 1e-12


@pytest.mark.safeguard
def test_s21_every_bin_holds_enough_persons(fitted: tuple[AdditiveFamily, ModelTable]) -> None:
    _, table = fitted
    for feature in table.features:
        counts = feature.persons if feature.shape == "steps" else feature.persons[::2]
        assert all(n == 0 or n >= SMALLEST_BIN for n in counts), feature.name


def test_a_fit_is_the_same_again(fitted: tuple[AdditiveFamily, ModelTable]) -> None:
    family, table = fitted
    assert as_table(family.fit(training(), quiet)).hash == table.hash


def test_the_protocols_sign_is_kept_even_against_the_data(
    fitted: tuple[AdditiveFamily, ModelTable],
) -> None:
    family, table = fitted
    points = np.array(table.features[0].points)
    assert (np.diff(points) >= -1e-12).all()
    assert points[-1] > points[0]
    against = training()
    turned = replace(against.features[0], sign=-1)
    wrong = replace(against, features=(turned, *against.features[1:]))
    points = np.array(as_table(family.fit(wrong, quiet)).features[0].points)
    assert (np.diff(points) <= 1e-12).all()


def test_a_bag_never_sees_its_own_fold() -> None:
    """Labels of one fold turned round change every bag but the fold's own."""
    honest = training()
    turned = training()
    mine = turned.fold == 3
    turned.label[mine] = 1 - turned.label[mine]
    for family in FAMILIES:
        before = as_table(family.fit(honest, quiet)).bag_scores(honest.values)
        after = as_table(family.fit(turned, quiet)).bag_scores(honest.values)
        changed = np.abs(after - before).max(axis=0)
        assert changed[3] < 1e-12
        assert (np.delete(changed, 3) > 1e-3).all()


def test_unseen_takes_the_bag_of_the_fold() -> None:
    scores = np.arange(16, dtype=float).reshape(2, 8)
    assert unseen(scores, np.array([2, 7])).tolist() == [2.0, 15.0]


@given(
    st.lists(
        st.tuples(st.one_of(st.just(float("nan")), st.integers(-3, 30)), st.integers(0, 60)),
        min_size=1,
        max_size=400,
    )
)
def test_bins_never_speak_about_a_few(rows: list[tuple[float, int]]) -> None:
    values = np.array([v for v, _ in rows], dtype=float)
    person = np.array([p for _, p in rows])
    bins = fit_bins(values, person)
    codes = bins.codes(values)
    everybody = len(np.unique(person[~np.isnan(values)]))
    for code in np.unique(codes[~np.isnan(codes)]):
        members = len(np.unique(person[(codes == code) & ~np.isnan(values)]))
        assert members >= min(SMALLEST_BIN, everybody)
    if bins.missing_bin is None:
        assert len(np.unique(person[np.isnan(values)])) >= SMALLEST_BIN
    assert list(bins.edges) == sorted(set(bins.edges))
