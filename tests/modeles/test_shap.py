"""The document is the estimator, and its contributions are Shapley values: the exact ones.

Every estimator is fitted here a second time, as scikit-learn alone would, and compared with
the table that was written, signed and read back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import shap
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from features.keys import create_keys
from modeles.boosting import Additive
from modeles.families import FOLDS, AdditiveFamily, Training
from modeles.logistic import Logistic
from modeles.scorecard import Scorecard
from modeles.table import Bag, Line, ModelTable, contributions, read_table, write_table
from tests.modeles.builders import training
from tests.modeles.test_families import as_table, quiet

Floats = npt.NDArray[np.float64]
Scores = Callable[[Floats], Floats]

EXACT = 1e-12
ROWS = slice(0, 40)
BACKGROUND = slice(100, 200)


@dataclass(frozen=True)
class Told:
    """A family's table as read from its file, and the rows it was fitted on."""

    family: AdditiveFamily
    table: ModelTable
    training: Training


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small fits and many small predictions gain nothing from more, and lose on a busy machine."""
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(
    scope="module", params=(Scorecard(), Logistic(), Additive()), ids=lambda family: family.name
)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    return read_back(request.param, tmp_path_factory.mktemp("table"))


def read_back(family: AdditiveFamily, folder: Path) -> Told:
    keys, rows = create_keys(folder / "keys"), study()
    write_table(as_table(family.fit(rows, quiet)), folder / "table.json", keys.sign)
    return Told(family, read_table(folder / "table.json", keys.verify), rows)


@cache
def study() -> Training:
    """Signs both ways, and values that are missing often enough for points of their own."""
    plain = training()
    rdv, contact, projet, logement = plain.features
    return replace(
        plain,
        features=(rdv, replace(contact, sign=1), replace(projet, sign=-1), logement),
    )


# The JSON score is the fitted estimator's.


def test_the_document_scores_as_the_estimators_do(told: Told) -> None:
    rows = told.training
    estimators = {"additive": boosted, "logistic": regressed, "scorecard": carded}
    expected = estimators[told.family.name](told)
    assert np.abs(told.table.scores(rows.values) - expected).max() < EXACT


def boosted(told: Told) -> Floats:
    """Return the mean log-odds of eight boostings on bin numbers."""
    rows, scores = told.training, []
    for fold in range(FOLDS):
        seen = rows.fold != fold
        estimator = HistGradientBoostingClassifier(
            max_iter=50,
            learning_rate=0.15,
            max_leaf_nodes=3,
            min_samples_leaf=40,
            l2_regularization=5.0,
            interaction_cst="no_interactions",
            monotonic_cst=[1, 1, -1, 0],
            early_stopping=False,
            random_state=rows.seed + fold,
        ).fit(rows.codes[seen], rows.label[seen])
        scores.append(estimator.decision_function(rows.codes))
        bag = told.table.bag_scores(rows.values)[:, fold]
        assert np.abs(bag - scores[-1]).max() < EXACT
    return np.mean(scores, axis=0)


def regressed(told: Told) -> Floats:
    """Return the mean log-odds of eight regressions on places between the table's knots."""
    rows, scaled, scores = told.training, design(told), []
    for fold, estimator in enumerate(regressions(told)):
        scores.append(estimator.decision_function(scaled))
        bag = told.table.bag_scores(rows.values)[:, fold]
        assert np.abs(bag - scores[-1]).max() < EXACT
    return np.mean(scores, axis=0)


def regressions(told: Told) -> list[LogisticRegression]:
    """Return one regression a fold; these data go against no sign, so each is fitted once."""
    rows, scaled = told.training, design(told)
    fitted = []
    for fold in range(FOLDS):
        seen = rows.fold != fold
        fitted.append(LogisticRegression(C=0.02, max_iter=500).fit(scaled[seen], rows.label[seen]))
        against = fitted[-1].coef_[0, 0::2] * [f.sign for f in rows.features]
        assert (against >= 0).all()
    return fitted


def design(told: Told) -> Floats:
    """Return two scaled columns a feature: its place, and whether it is missing."""
    columns = []
    for line, column in zip(told.table.features, told.training.values.T, strict=True):
        missing = np.isnan(column)
        filled = np.where(missing, np.nanmedian(column), column)
        if line.shape == "line":
            axis = np.log1p(np.maximum(filled, 0.0)) if line.scale == "log1p" else filled
            place = np.clip(axis, *line.edges)
        else:
            place = (filled > line.edges[0]).astype(float)
        columns += [place, (missing & (line.persons[-1] > 0)).astype(float)]
    return StandardScaler().fit_transform(np.column_stack(columns))


def carded(told: Told) -> Floats:
    """Return the log-odds of a regression on the whole points of the card."""
    values, total = told.training.values, np.zeros(len(told.training.label))
    for line in told.table.features:
        no, yes, missing = told.table.whole_points(line) or ()
        column = values[:, line.column]
        total += np.where(np.isnan(column), missing, np.where(column > line.edges[0], yes, no))
    estimator = LogisticRegression(C=1.0, solver="newton-cholesky").fit(
        total[:, np.newaxis], told.training.label
    )
    return estimator.decision_function(total[:, np.newaxis])


# Contributions add up, and are Shapley values.


def test_contributions_add_up_to_the_score(told: Told) -> None:
    points, scores = told.table.explained(told.training.values)
    assert np.abs(told.table.intercept + points.sum(axis=1) - scores).max() < EXACT


def test_contributions_are_the_exact_shapley_values(told: Told) -> None:
    values = told.training.values
    expected = shapley(told.table.scores, values[ROWS], values[BACKGROUND])
    assert np.abs(centred(told.table.features, values) - expected).max() < EXACT
    explainer = shap.explainers.Exact(
        told.table.scores, shap.maskers.Independent(values[BACKGROUND], 100)
    )
    assert np.abs(explainer(values[ROWS]).values - expected).max() < EXACT


def test_a_contribution_as_it_stands_has_all_training_rows_as_background(told: Told) -> None:
    values = told.training.values
    expected = shapley(told.table.scores, values[:5], values)
    assert np.abs(told.table.contributions(values[:5]) - expected).max() < EXACT


def shapley(scores: Scores, rows: Floats, background: Floats) -> Floats:
    """Return Shapley values by their definition, over every coalition of features."""
    features = range(rows.shape[1])
    found = np.zeros(rows.shape)
    for at, row in enumerate(rows):
        worth = {}
        for size in range(len(features) + 1):
            for known in combinations(features, size):
                mixed = background.copy()
                mixed[:, known] = row[list(known)]
                worth[known] = scores(mixed).mean()
        for one in features:
            for known in (some for some in worth if one not in some):
                weight = 1 / (len(features) * comb(len(features) - 1, len(known)))
                gained = worth[tuple(sorted((*known, one)))] - worth[known]
                found[at, one] += weight * gained
    return found


def centred(lines: tuple[Line, ...], values: Floats) -> Floats:
    """Return the points of ``ROWS``, centred on ``BACKGROUND``."""
    return contributions(lines, values[ROWS]) - contributions(lines, values[BACKGROUND]).mean(
        axis=0
    )


def test_linear_explainer_finds_the_same(tmp_path: Path) -> None:
    told = read_back(Logistic(), tmp_path)
    scaled = design(told)
    for bag, estimator in zip(told.table.bags, regressions(told), strict=True):
        explainer = shap.LinearExplainer(
            estimator, shap.maskers.Independent(scaled[BACKGROUND], max_samples=100)
        )
        found = explainer.shap_values(scaled[ROWS])
        # A feature is two columns to the regression: its place, and whether it is missing.
        found = found[:, 0::2] + found[:, 1::2]
        assert np.abs(centred(bag.lines, told.training.values) - found).max() < EXACT


def test_tree_explainer_finds_the_same_on_bin_numbers(tmp_path: Path) -> None:
    told = read_back(Additive(), tmp_path)
    rows, lines = told.training, told.table.bags[0].lines
    estimator = Additive().estimator(rows, 0)
    found = shap.TreeExplainer(estimator).shap_values(rows.codes[ROWS])
    seen = contributions(lines, rows.values[rows.without(0)]).mean(axis=0)
    ours = contributions(lines, rows.values[ROWS]) - seen
    assert np.abs(ours - found).max() < EXACT
    # Against a background it computes in single precision: as near as that allows.
    explainer = shap.TreeExplainer(
        estimator, rows.codes[BACKGROUND], feature_perturbation="interventional"
    )
    found = explainer.shap_values(rows.codes[ROWS])
    assert np.abs(centred(lines, rows.values) - found).max() < 1e-6


def test_tree_explainer_is_wrong_where_a_background_value_equals_a_threshold() -> None:
    """It keeps thresholds in single precision, and its own check takes 1 in 100 for nothing.

    A value equal to its threshold falls to the left; rounded down, the threshold lets it
    fall to the right. Boosting on more than 255 distinct values puts thresholds on values
    of the training rows, so a background of training rows meets them. The families fit on
    bin numbers, whose thresholds lie between; a table keeps every edge as it is.

    References
    ----------
    https://github.com/shap/shap/issues/5116
    """
    rng = np.random.default_rng(0)
    values = rng.exponential(20.0, (1500, 3))
    log_odds = 0.05 * values[:, 0] - 0.03 * values[:, 1] - 2.0
    label = (rng.random(1500) < 1 / (1 + np.exp(-log_odds))).astype(int)
    estimator = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=3, interaction_cst="no_interactions", early_stopping=False
    ).fit(values, label)
    bag = read_off(estimator)
    on_edge = np.any([np.isin(values[:, line.column], line.edges) for line in bag.lines], axis=0)
    assert on_edge[BACKGROUND].any()
    assert not on_edge[ROWS].any()

    exact = shapley(estimator.decision_function, values[ROWS], values[BACKGROUND])
    assert np.abs(centred(bag.lines, values) - exact).max() < EXACT
    explainer = shap.TreeExplainer(
        estimator, values[BACKGROUND], feature_perturbation="interventional"
    )
    found = explainer.shap_values(values[ROWS], check_additivity=True)
    assert np.abs(found - exact).max() > 1e-3

    elsewhere = values[BACKGROUND][~on_edge[BACKGROUND]]
    found = shap.TreeExplainer(
        estimator, elsewhere, feature_perturbation="interventional"
    ).shap_values(values[ROWS])
    exact = shapley(estimator.decision_function, values[ROWS], elsewhere)
    assert np.abs(found - exact).max() < 1e-6


def read_off(estimator: HistGradientBoostingClassifier) -> Bag:
    """Read an additive estimator's lines off itself, each edge a threshold of its trees."""
    columns = range(estimator.n_features_in_)
    edges: list[set[float]] = [set() for _ in columns]
    for (tree,) in estimator._predictors:
        for node in tree.nodes[tree.nodes["is_leaf"] == 0]:
            edges[node["feature_idx"]].add(float(node["num_threshold"]))
    somewhere = np.zeros((1, len(columns)))
    start = float(estimator.decision_function(somewhere)[0])
    lines = []
    for column in columns:
        places = [*sorted(edges[column]), np.finfo(float).max, np.nan]
        probe = np.repeat(somewhere, len(places), axis=0)
        probe[:, column] = places
        *points, missing = (estimator.decision_function(probe) - start).tolist()
        kept = tuple(places[:-2])
        lines.append(Line(column, "steps", "linear", kept, tuple(points), missing))
    return Bag(start, tuple(lines))


# What the protocol and the absence of a value ask of the document.


def test_points_never_go_against_the_protocols_sign(told: Told) -> None:
    signs = [f.sign for f in told.training.features]
    signed = [line for line in told.table.features if signs[line.column]]
    assert signed
    for line in signed:
        rises = np.diff(line.points) * signs[line.column]
        assert (rises >= -EXACT).all()
        grid = np.linspace(-5.0, 200.0, 500)
        assert (np.diff(line.contribution(grid)) * signs[line.column] >= -EXACT).all()


def test_a_missing_value_gets_its_own_points_exactly(told: Told) -> None:
    nothing = np.full((1, told.training.values.shape[1]), np.nan)
    expected = np.zeros(nothing.shape[1])
    for line in told.table.features:
        assert line.contribution(nothing[0, :1])[0] == line.missing
        expected[line.column] += line.missing
    assert told.table.contributions(nothing)[0].tolist() == expected.tolist()
    own = [line for line in told.table.features if line.column == 1]
    assert all(line.persons[-1] >= 11 for line in own)
