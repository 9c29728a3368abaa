"""The draws are what they claim to be: persons with replacement, persons dealt anew."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audits.counts import COUNTED, Grouping, Population
from audits.findings import DRAWN
from audits.predictions import checked
from audits.replicates import Additive, group_sums, permute, resample
from tests.audits.tables import histories


def population(persons: int = 300, seed: int = 0) -> Population:
    table = histories(persons, 6, rng=np.random.default_rng(seed))
    return Population.of(checked(table, ["genre", "interprete"]), ["genre", "interprete"])


def test_sums_of_a_draw_are_those_of_a_table_with_these_persons() -> None:
    some = population()
    grouping = Grouping.of(some, ("genre",))
    whose = Additive(grouping, np.eye(len(grouping.person), dtype=np.float32))
    (sums,), (weights,) = resample(
        [grouping], DRAWN, [whose], persons=some.persons, seed=1, replicates=40
    )
    times = weights.sum(axis=1)
    assert (times.sum(axis=1) == some.persons).all()
    for metric in DRAWN:
        numerator, denominator = COUNTED[metric]
        a = np.array([grouping.cells[:, _at(numerator)].sum(axis=1)])[0]
        b = np.array([grouping.cells[:, _at(denominator)].sum(axis=1)])[0]
        for g in range(len(grouping.values)):
            inside = times[:, grouping.of_member == g]
            a_g, b_g = a[grouping.of_member == g], b[grouping.of_member == g]
            moments = np.column_stack([b_g > 0, a_g, b_g, a_g**2, a_g * b_g, b_g**2])
            assert sums[metric][:, g] == pytest.approx(inside @ moments)


def _at(cells: tuple[str, ...]) -> list[int]:
    return [("found", "missed", "needless", "passed").index(cell) for cell in cells]


def test_persons_are_drawn_with_replacement() -> None:
    some = population()
    grouping = Grouping.of(some, ("genre",))
    whose = Additive(grouping, np.eye(len(grouping.person), dtype=np.float32))
    _, (weights,) = resample(
        [grouping], ["recall"], [whose], persons=some.persons, seed=0, replicates=2000
    )
    times = weights.sum(axis=1)
    # A multinomial: mean 1, variance 1 - 1/n, nobody tied to anybody.
    assert times.mean(axis=0) == pytest.approx(np.ones(some.persons), abs=0.12)
    assert times.var() == pytest.approx(1 - 1 / some.persons, rel=0.02)
    assert np.corrcoef(times[:, 0], times[:, 1])[0, 1] == pytest.approx(0, abs=0.1)


def test_a_draw_does_not_depend_on_what_else_is_drawn_or_on_the_number_of_processors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    some = population()
    genre, both = Grouping.of(some, ("genre",)), Grouping.of(some, ("genre", "interprete"))
    kept = {"persons": some.persons, "seed": 3}
    (alone,), _ = resample([genre], ["recall"], [], replicates=200, **kept)
    (beside, _), _ = resample([genre, both], DRAWN, [], replicates=200, **kept)
    assert np.array_equal(alone["recall"], beside["recall"])
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    (again,), _ = resample([genre], ["recall"], [], replicates=200, **kept)
    assert np.array_equal(alone["recall"], again["recall"])
    (other,), _ = resample([genre], ["recall"], [], replicates=200, persons=some.persons, seed=4)
    assert not np.array_equal(alone["recall"], other["recall"])


def test_dealing_keeps_everybody_and_the_sizes_of_groups() -> None:
    some = population()
    grouping = Grouping.of(some, ("genre",))
    everybody = np.ones(len(grouping.values), dtype=bool)
    (dealt,) = permute([grouping], "recall", [everybody], seed=0, replicates=500)
    observed = group_sums(grouping, ["recall"])["recall"]
    assert dealt.sum(axis=1) == pytest.approx(np.tile(observed.sum(axis=0), (500, 1)))
    assert (dealt[:, :, 0] == observed[:, 0]).all()
    expected = np.outer(observed[:, 0], observed.sum(axis=0)) / observed[:, 0].sum()
    assert dealt.mean(axis=0) == pytest.approx(expected, rel=0.1)


def test_only_compared_groups_are_dealt_to() -> None:
    some = population()
    grouping = Grouping.of(some, ("genre",))
    two = np.array([value != "inconnu" for value in grouping.values])
    (dealt,) = permute([grouping], "recall", [two], seed=0, replicates=50)
    observed = group_sums(grouping, ["recall"])["recall"][two]
    assert dealt.shape[1] == 2
    assert dealt.sum(axis=1) == pytest.approx(np.tile(observed.sum(axis=0), (50, 1)))


def test_a_person_in_two_groups_is_drawn_once() -> None:
    table = pd.DataFrame(
        {
            "person": ["a", "a", "b", "c"],
            "label": [1, 1, 0, 1],
            "selected": [True, False, False, True],
            "groupe": ["u", "v", "u", "v"],
        }
    )
    some = Population.of(checked(table, ["groupe"]), ["groupe"])
    grouping = Grouping.of(some, ("groupe",))
    assert (some.persons, len(grouping.person)) == (3, 4)
    whose = Additive(grouping, np.eye(4, dtype=np.float32))
    _, (weights,) = resample([grouping], ["recall"], [whose], persons=3, seed=0, replicates=100)
    times = weights.sum(axis=1)
    of_a = np.flatnonzero(grouping.person == 0)
    assert np.array_equal(times[:, of_a[0]], times[:, of_a[1]])
