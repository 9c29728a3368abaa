"""Fitted families: one table each, exact, additive, monotone, and no bin about a few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from modeles.binning import SMALLEST_BIN, fit_bins
from modeles.boosting import Additive, BlackBox
from modeles.families import AdditiveFamily, Fit, Training, unseen
from modeles.logistic import Logistic
from modeles.scorecard import Scorecard
from modeles.table import Calibration, ModelTable
from tests.modeles.builders import training

FAMILIES = (Scorecard(), Logistic(), Additive())


def quiet(_: str) -> None:
    """Nobody watches the progress of a test."""


def as_table(fit: Fit) -> ModelTable:
    level = ((0.0, 0.1, 0.2),)
    return ModelTable(
        "1", "x", "x", 90, fit.intercept, fit.point, fit.features,
        Calibration(1, 0, 0, 0, level, level), 0.0, "", "", {}, (), fit.bags,
    )  # fmt: skip


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda f: f.name)
def fitted(request: pytest.FixtureRequest) -> tuple[AdditiveFamily, ModelTable]:
    family: AdditiveFamily = request.param
    return family, as_table(family.fit(training(), quiet))


def test_it_learns_what_is_there(fitted: tuple[AdditiveFamily, ModelTable]) -> None:
    _, table = fitted
    new = training(seed=9)
    assert roc_auc_score(new.label, table.scores(new.values)) > 0.65


@pytest.mark.parametrize("family", [Logistic(), Additive()], ids=lambda f: f.name)
def test_the_table_is_the_mean_of_its_bags(family: AdditiveFamily) -> None:
    table = as_table(family.fit(training(), quiet))
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
    own = [np.array(line.points) for line in table.features if line.column == 0]
    assert all((np.diff(points) >= -1e-12).all() for points in own)
    assert any(points[-1] > points[0] for points in own)
    against = training()
    turned = replace(against.features[0], sign=-1)
    wrong = replace(against, features=(turned, *against.features[1:]))
    for line in as_table(family.fit(wrong, quiet)).features:
        assert line.column != 0 or (np.diff(line.points) <= 1e-12).all()


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
    assert all(n == 0 or n >= SMALLEST_BIN for n in bins.persons)


@pytest.mark.safeguard
def test_s21_a_value_that_only_a_few_have_has_no_points_of_its_own() -> None:
    """Five persons with a value beside a hundred without: they share one bin."""
    person = np.r_[np.repeat(np.arange(5), 4), np.arange(10, 110)]
    values = np.r_[np.arange(20.0), np.full(100, np.nan)]
    bins = fit_bins(values, person)
    assert np.unique(bins.codes(values)).tolist() == [0.0]
    assert bins.persons == (105, 0)


def _few_rows(rows: Training) -> Training:
    return replace(
        rows,
        values=rows.values[:48],
        label=rows.label[:48],
        person=rows.person[:48],
        household=rows.household[:48],
        fold=rows.fold[:48],
    )


def _with(rows: Training, **columns: object) -> Training:
    values = rows.values.copy()
    for name, made in columns.items():
        values[:, int(name[1:])] = made
    return replace(rows, values=values)


ROWS = training(600)
NOTHING = float("nan")
DEGENERATE = {
    "all constant": _with(ROWS, c0=1, c1=1, c2=1, c3=1),
    "all empty": _with(ROWS, c0=NOTHING, c1=NOTHING, c2=NOTHING, c3=NOTHING),
    "one constant, one empty": _with(ROWS, c0=7, c3=NOTHING),
    "empty but in one fold": _with(ROWS, c3=np.where(ROWS.fold == 1, ROWS.values[:, 3], NOTHING)),
    "two features": replace(ROWS, features=ROWS.features[:2], values=ROWS.values[:, :2]),
    "few rows": _few_rows(ROWS),
    "far from zero": _with(ROWS, c3=1e7 + np.random.default_rng(0).random(600)),
    "wide": _with(ROWS, c3=np.random.default_rng(0).lognormal(10, 5, 600)),
    "label independent": replace(ROWS, label=np.random.default_rng(0).permutation(ROWS.label)),
}


@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_poor_data_make_a_poor_table_and_no_crash(family: AdditiveFamily, case: str) -> None:
    rows = DEGENERATE[case]
    table = as_table(family.fit(rows, quiet))
    strange = np.vstack([rows.values, np.full((1, rows.values.shape[1]), NOTHING)])
    assert np.isfinite(table.contributions(strange)).all()
    assert np.isfinite(table.bag_scores(strange)).all()
    assert table.scores(rows.values).mean() == pytest.approx(table.intercept, abs=1e-9)
    if case.startswith("all"):
        base = np.log(rows.label.mean() / (1 - rows.label.mean()))
        assert table.scores(rows.values) == pytest.approx(base, abs=1e-2)
    assert table.canonical()


@pytest.mark.parametrize("case", ["all empty", "empty but in one fold", "one constant, one empty"])
def test_the_yardstick_bears_empty_columns_too(case: str) -> None:
    rows = DEGENERATE[case]
    assert np.isfinite(BlackBox().judge(rows, rows.values, rows.fold, quiet)).all()
