"""The human side: counted right, and nothing small found from what is told."""

from __future__ import annotations

from dataclasses import fields
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import binomtest

from audits.human import (
    AGREED,
    AGREES_WITH_EVERYTHING,
    ANSWERS,
    DECISIONS,
    DISMISSED,
    LINES,
    SITUATIONS,
    TOTALS,
    InvalidSituations,
    human_side,
    interval,
)
from audits.suppression import K
from audits.surroundings import HumanSide, ShareLine

DAY = pd.Timestamp("2026-11-16")
NOT_TOLD = ShareLine(None, None, None, None, None)


def row(person: str, kind: str = "signal", **more: object) -> dict[str, object]:
    """One situation as far as it went: what a later step needs is filled in."""
    made = {
        "person": person,
        "kind": kind,
        "opened_on": DAY,
        "shown": True,
        "opinion": "unknown" if more.get("decision") else None,
        "revealed": bool(more.get("decision")),
        "decision": None,
        "answer": None,
        "educator": "e0",
        "probability": 1.0,
    }
    return {**made, **more}


def table(rows: list[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(SITUATIONS.columns))


def decided(start: int, *numbers: tuple[int, str, str]) -> list[dict[str, object]]:
    """So many persons with this own view and this decision, dealt to 12 educators in turn."""
    said = [(opinion, decision) for n, opinion, decision in numbers for _ in range(n)]
    return [
        row(f"p{start + i:03}", opinion=opinion, decision=decision, educator=f"e{i % 12}")
        for i, (opinion, decision) in enumerate(said)
    ]


def known() -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """100 women and 80 men; 60 and 50 were shown with a signal."""
    women = decided(
        0,
        (18, "yes", "offer"),
        (14, "no", "offer"),
        (12, "yes", "talk_first"),
        (16, "no", "wrong_data"),
    )
    men = decided(
        100, (13, "yes", "offer"), (12, "no", "in_hand"), (14, "no", "not_relevant"),
        (11, "unknown", "nothing_now"),
    )  # fmt: skip
    controls = [
        row(
            f"p{60 + i:03}",
            "control",
            opinion="yes" if i < 5 or i >= 25 else "no",
            probability=0.10 if i < 20 else 0.05,
            educator=f"e{i % 12}",
        )
        for i in range(40)
    ]
    opened = [
        row(
            f"p{150 + i:03}",
            "self_opened",
            opinion="yes",
            decision="offer" if i < 16 else "nothing_now",
            revealed=True,
            educator=f"e{i % 12}",
        )
        for i in range(30)
    ]
    people = [f"p{i:03}" for i in range(180)]
    genre = pd.DataFrame({"genre": ["femme"] * 100 + ["homme"] * 80}, index=people)
    return table([*women, *men, *controls, *opened]), genre, people


def counted(line: ShareLine) -> tuple[int | None, int | None]:
    return line.counted, line.of


def test_known_answer_by_hand() -> None:
    side = human_side(*known(), k=K)
    women, men = side.groups
    assert (women.attribute, women.value, women.persons) == ("genre", "femme", 100)
    assert (men.value, men.persons) == ("homme", 80)
    assert counted(women.shown) == (60, 100)
    assert counted(men.shown) == (50, 80)
    assert counted(women.agreed) == (44, 60)
    assert counted(men.agreed) == (25, 50)
    assert counted(women.offered) == (32, 60)
    assert counted(men.offered) == (13, 50)
    assert counted(women.dismissed) == (16, 60)
    assert counted(men.dismissed) == (14, 50)
    assert women.accepted == men.accepted == NOT_TOLD
    assert counted(side.with_signal) == (43, 110)
    assert counted(side.followed) == (69, 110)
    assert counted(side.yielded) == (14, 56)
    assert counted(side.self_opened) == (16, 30)
    assert counted(side.without_signal) == counted(side.missed) == (20, 40)
    assert side.without_signal.share == 0.5
    # 5 of 20 drawn with probability 1/10, 15 of 20 with 1/20: 350 of 600 persons.
    assert side.missed.share == 0.58
    assert (side.situations, side.persons, side.educators) == (180, 180, 12)
    assert side.alarms == ()


def test_shares_of_independent_persons_have_the_exact_interval() -> None:
    shown = human_side(*known(), k=K).groups[0].shown
    exact = binomtest(60, 100).proportion_ci(method="exact")
    alone = interval(np.arange(100) < 60, np.ones(100), None)
    assert alone == pytest.approx((0.6, exact.low, exact.high))
    assert (shown.low, shown.high) == (round(exact.low, 2), round(exact.high, 2))


def test_intervals_hold_where_persons_of_one_educator_are_alike() -> None:
    """Correlation .2 within 20 educators of 10 persons; persons alone would cover 78%."""
    rng = np.random.default_rng(0)
    educators = np.repeat(np.arange(20), 10)
    found, naive = 0, 0
    for _ in range(400):
        hits = rng.random(200) < rng.beta(0.3 * 4, 0.7 * 4, 20)[educators]
        _, low, high = interval(hits, np.ones(200), educators)
        _, alone_low, alone_high = interval(hits, np.ones(200), None)
        found += low <= 0.3 <= high
        naive += alone_low <= 0.3 <= alone_high
    assert found >= 0.93 * 400 > naive


def test_a_person_counts_once_with_the_situation_that_went_furthest() -> None:
    situations, genre, people = known()
    later = table(
        [
            row(person, opened_on=DAY + pd.Timedelta(days=120), educator="e3")
            for person in situations["person"][:20]
        ]
    )
    once, twice = (
        human_side(pd.concat(parts), genre, people, k=K)
        for parts in ([situations], [later, situations])
    )
    assert twice.groups == once.groups
    assert (twice.situations, twice.persons) == (200, 180)


def test_a_few_persons_seen_twice_are_not_found_from_the_number_of_situations() -> None:
    situations, genre, people = known()
    side = human_side(pd.concat([situations, situations[:3]]), genre, people, k=K)
    assert (side.situations, side.persons) == (None, 180)


def test_the_order_of_rows_does_not_matter() -> None:
    situations, genre, people = known()
    again = pd.concat([situations, situations[:15].assign(opinion="yes", decision="team")])
    sides = [
        human_side(again.sample(frac=1, random_state=seed), genre, people[::-1], k=K)
        for seed in range(3)
    ]
    assert sides[0] == sides[1] == sides[2]


def test_handled_elsewhere_is_neither_agreement_nor_disagreement() -> None:
    situations, genre, people = known()
    elsewhere = table([row(f"q{i}", educator=f"e{i % 12}") for i in range(20)])
    side = human_side(pd.concat([situations, elsewhere]), genre, people, k=K)
    assert counted(side.followed) == (69, 110)


@pytest.mark.safeguard
def test_s02_whoever_agrees_with_everything_raises_the_alarm() -> None:
    rows = decided(0, (40, "no", "offer"))
    side = human_side(table(rows), pd.DataFrame(), [], k=K)
    assert side.alarms == (AGREES_WITH_EVERYTHING,)
    assert side.followed == NOT_TOLD
    rows[:3] = decided(0, (3, "no", "not_relevant"))
    assert human_side(table(rows), pd.DataFrame(), [], k=K).alarms == ()


def test_nothing_at_all_is_no_error() -> None:
    side = human_side(table([]), pd.DataFrame(), [], k=K)
    assert side.groups == ()
    assert side.persons is side.situations is side.educators is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "other"},
        {"opinion": "perhaps"},
        {"decision": "suspend_aid"},
        {"shown": False, "opinion": "yes"},
        {"opinion": None, "revealed": True},
        {"revealed": False, "decision": "offer"},
        {"decision": "team", "answer": "accepted"},
        {"opinion": "yes", "educator": None},
        {"probability": 0.0},
    ],
)
def test_a_table_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidSituations, match="contract"):
        human_side(table([{**row("p1"), **wrong}]), pd.DataFrame(), [], k=K)


def test_two_rows_of_attributes_are_refused() -> None:
    twice = pd.DataFrame({"genre": ["a", "b"]}, index=["p1", "p1"])
    with pytest.raises(InvalidSituations, match="one row a person"):
        human_side(table([]), twice, [], k=K)


OUTCOMES = [
    (shown, opinion, decision, answer)
    for shown, opinion, decision, answer in product(
        (False, True), (None, "yes", "no", "unknown"), (None, *DECISIONS), (None, *ANSWERS)
    )
    if (shown or not opinion) and (opinion or not decision) and (decision == "offer" or not answer)
]


@st.composite
def some_rows(draw: st.DrawFn) -> list[dict[str, object]]:
    rows = []
    for _ in range(draw(st.integers(0, 25))):
        shown, opinion, decision, answer = draw(st.sampled_from(OUTCOMES))
        rows.append(
            row(
                f"p{draw(st.integers(0, 12))}",
                draw(st.sampled_from(["signal", "control", "self_opened"])),
                opened_on=DAY + pd.Timedelta(days=draw(st.integers(0, 2))),
                shown=shown,
                opinion=opinion,
                revealed=decision is not None,
                decision=decision,
                answer=answer,
                educator=f"e{draw(st.integers(0, 4))}",
                probability=draw(st.sampled_from([0.1, 0.5, 1.0])),
            )
        )
    return rows


@settings(max_examples=60, deadline=None)
@given(
    some_rows(),
    st.lists(st.sampled_from(["a", "b", None, " "]), min_size=10, max_size=10),
    st.integers(0, 14),
    st.integers(1, 3),
)
def test_random_tables_are_told_whole_and_without_an_error(
    rows: list[dict[str, object]], values: list[str | None], accompanied: int, k: int
) -> None:
    attributes = pd.DataFrame({"x": values}, index=[f"p{i}" for i in range(10)])
    population = [f"p{i}" for i in range(accompanied)]
    side = human_side(table(rows), attributes, population, k=k)
    everybody = {*population, *(str(one["person"]) for one in rows)}
    told = [group.persons for group in side.groups]
    if None not in told:
        assert sum(told) == len(everybody)
    assert {group.value for group in side.groups} <= {"a", "b", "inconnu"}
    for line in lines(side):
        if line.of is None:
            assert line == NOT_TOLD
        else:
            assert k <= line.counted <= line.of - k
            assert line.low <= line.share <= line.high


def lines(side: HumanSide) -> list[ShareLine]:
    total = [getattr(side, name) for name in TOTALS]
    return [*total, *(getattr(group, line) for group in side.groups for line in LINES)]


def service(
    seed: int, persons: int, educators: int, rare: float
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """A service where one group is rare and belongs to two educators."""
    rng = np.random.default_rng(seed)
    people = [f"p{i}" for i in range(persons)]
    of = rng.integers(0, educators, persons)
    genre = rng.choice(["femme", "homme"], persons)
    langue = np.where(of < 2, rng.choice(["x", "y"], persons, p=[rare, 1 - rare]), "y")
    langue = np.where(rng.random(persons) < 0.05, None, langue)
    chosen = np.flatnonzero(rng.random(persons) < 0.6)
    rows = []
    for i in chosen:
        shown, opinion, decision, answer = OUTCOMES[rng.integers(len(OUTCOMES))]
        if rng.random() < 0.7:
            decision = str(rng.choice(["offer", "talk_first", "not_relevant"]))
            shown, opinion, answer = True, str(rng.choice(["yes", "no"])), None
        rows.append(
            row(
                people[i],
                str(rng.choice(["signal", "control", "self_opened"], p=[0.7, 0.2, 0.1])),
                shown=shown,
                opinion=opinion,
                revealed=decision is not None,
                decision=decision,
                answer=answer,
                educator=f"e{of[i]}",
            )
        )
    attributes = pd.DataFrame({"genre": genre, "langue": langue}, index=people)
    return table(rows), attributes, people


SERVICES = st.tuples(
    st.integers(0, 10_000),
    st.sampled_from([60, 150, 400]),
    st.sampled_from([6, 13, 30]),
    st.floats(0.05, 0.95),
)

SETS = {
    "persons": lambda s: s["any"],
    "shown": lambda s: s["shown"].eq(True) & s["kind"].eq("signal"),
    "agreed": lambda s: s["kind"].eq("signal") & s["decision"].isin(AGREED),
    "offered": lambda s: s["kind"].eq("signal") & s["decision"].eq("offer"),
    "dismissed": lambda s: s["kind"].eq("signal") & s["decision"].isin(DISMISSED),
    "answered": lambda s: s["kind"].eq("signal") & s["answer"].notna(),
    "accepted": lambda s: s["kind"].eq("signal") & s["answer"].eq("accepted"),
    "viewed": lambda s: s["kind"].eq("signal") & s["opinion"].notna(),
    "wished": lambda s: s["kind"].eq("signal") & s["opinion"].eq("yes"),
    "decided": lambda s: s["kind"].eq("signal") & s["decision"].notna(),
    "doubted": lambda s: s["kind"].eq("signal") & s["decision"].notna() & s["opinion"].eq("no"),
    "yielded": lambda s: s["kind"].eq("signal") & s["decision"].eq("offer") & s["opinion"].eq("no"),
}
OF = {"shown": "persons", "accepted": "answered"}
TOTAL_SETS = {"with_signal": ("viewed", "wished"), "followed": ("decided", "agreed"),
              "yielded": ("doubted", "yielded")}  # fmt: skip


class Attacker:
    """Knows who may be in which cell, and every number that is told; the numbers are unknown.

    Cells are (genre, langue, what happened); written without a line of the code attacked.
    """

    def __init__(self, side: HumanSide, situations: pd.DataFrame, attributes: pd.DataFrame) -> None:
        happened = situations.drop(columns="person").set_index(situations["person"])
        people = attributes.fillna("inconnu").join(happened).assign(any=True)
        sets = {name: rule(people).astype(bool) for name, rule in SETS.items()}
        self.people = people.assign(**{f"in_{name}": inside for name, inside in sets.items()})
        combos = self.people[["genre", "langue"]].drop_duplicates()
        columns = ["kind", "shown", "opinion", "decision", "answer", "any"]
        courses = [("signal", *course, True) for course in OUTCOMES]
        courses.append((None, None, None, None, None, True))
        possible = pd.DataFrame(courses, columns=columns)
        patterns = pd.DataFrame({f"in_{name}": rule(possible) for name, rule in SETS.items()})
        self.cells = combos.merge(patterns.astype(bool).drop_duplicates(), how="cross")
        self.known: list[tuple[np.ndarray, int]] = [(self.vector({}, "persons"), len(people))]
        self.untold: list[tuple[dict[str, str], str]] = []
        for group in side.groups:
            unit = {group.attribute: group.value}
            self._learn(unit, "persons", group.persons)
            for line in LINES:
                told = getattr(group, line)
                self._learn(unit, line, told.counted)
                self._learn(unit, OF.get(line, "shown"), told.of)
        for name, (of, counted_set) in TOTAL_SETS.items():
            self._learn({}, of, getattr(side, name).of)
            self._learn({}, counted_set, getattr(side, name).counted)

    def _learn(self, unit: dict[str, str], name: str, number: int | None) -> None:
        if number is None:
            self.untold.append((unit, name))
        else:
            self.known.append((self.vector(unit, name), number))

    def vector(self, unit: dict[str, str], *names: str, table: pd.DataFrame | None = None):
        """Cells of a unit in the first set and in none of the others."""
        cells = self.cells if table is None else table
        first, *others = (cells[f"in_{name}"] for name in names)
        for other in others:
            first = first & ~other
        for attribute, value in unit.items():
            first = first & (cells[attribute] == value)
        return first.to_numpy(np.float64)

    def truth(self, unit: dict[str, str], *names: str) -> int:
        return int(self.vector(unit, *names, table=self.people).sum())

    def found(self, target: np.ndarray) -> bool:
        """Linear programming: no other number of persons fits what is told."""
        rows, numbers = (np.array(part) for part in zip(*self.known, strict=True))
        least, most = (
            sign * linprog(sign * target, A_eq=rows, b_eq=numbers, bounds=(0, None)).fun
            for sign in (1, -1)
        )
        return most - least < 1e-6


@pytest.mark.safeguard
@settings(max_examples=12, deadline=None)
@given(SERVICES)
def test_s21_linear_programming_finds_no_small_count(
    settings_of: tuple[int, int, int, float],
) -> None:
    situations, attributes, people = service(*settings_of)
    attacker = Attacker(human_side(situations, attributes, people, k=K), situations, attributes)
    targets = {(tuple(unit.items()), (name,)) for unit, name in attacker.untold}
    for attribute in ("genre", "langue"):
        for value in attacker.people[attribute].unique():
            unit = ((attribute, value),)
            targets |= {(unit, ("shown", name)) for name in ("agreed", "offered", "dismissed")}
            targets |= {(unit, ("persons", "shown")), (unit, ("agreed", "offered"))}
    targets |= {
        ((), ("decided", "agreed")),
        ((), ("viewed", "wished")),
        ((), ("offered", "yielded")),
    }
    for unit, names in sorted(targets):
        target = attacker.vector(dict(unit), *names)
        least = 0 if len(names) == 1 else 1  # an empty rest is no secret
        if least <= attacker.truth(dict(unit), *names) < K:
            assert not attacker.found(target), (unit, names)


@pytest.mark.safeguard
def test_s21_the_attack_works_where_the_other_groups_are_told() -> None:
    situations, attributes, people = service(1, 400, 30, 0.9)
    attacker = Attacker(human_side(situations, attributes, people, k=K), situations, attributes)
    target = attacker.vector({"langue": "inconnu"}, "agreed")
    assert not attacker.found(target)
    told = [("genre", "femme"), ("genre", "homme"), ("langue", "x"), ("langue", "y")]
    for attribute, value in told:
        unit = {attribute: value}
        attacker._learn(unit, "agreed", attacker.truth(unit, "agreed"))
    assert attacker.found(target)


@pytest.mark.safeguard
def test_s21_two_attributes_do_not_subtract_to_a_few_persons() -> None:
    """No man speaks x: women of language y would be the women less those of language x."""
    rows = decided(0, (70, "yes", "offer"), (70, "no", "not_relevant"))
    people = [f"p{i:03}" for i in range(300)]
    genre = ["femme" if i % 2 else "homme" for i in range(300)]
    langue = ["x" if i % 2 and i % 40 != 39 else "y" for i in range(300)]
    attributes = pd.DataFrame({"genre": genre, "langue": langue}, index=people)
    between = [i for i in range(140) if genre[i] == "femme" and langue[i] == "y"]
    assert 0 < len(between) < K
    side = human_side(table(rows), attributes, people, k=K)
    told = {(group.attribute, group.value): group for group in side.groups}
    women, language = told["genre", "femme"], told["langue", "x"]
    assert women.persons == 150
    assert (language.persons, language.shown) == (None, NOT_TOLD)


@pytest.mark.safeguard
def test_s21_what_is_left_untold_of_an_attribute_is_not_subtracted_to_a_few_persons() -> None:
    """Of x and z together, 5 persons' signal was agreed with and nothing offered."""
    numbers = {"offer": (40, 13), "talk_first": (20, 5), "not_relevant": (60, 27), None: (80, 25)}
    said = [
        decision for place in (0, 1) for decision, n in numbers.items() for _ in range(n[place])
    ]
    rows = [
        row(f"p{i:03}", opinion="yes", decision=decision, revealed=True, educator=f"e{i % 13}")
        for i, decision in enumerate(said)
        if decision is not None
    ]
    langue = ["y"] * 200 + ["z"] * 62 + ["x"] * 8
    attributes = pd.DataFrame(
        {"genre": ["femme", "homme"] * 135, "langue": langue},
        index=[f"p{i:03}" for i in range(270)],
    )
    side = human_side(table(rows), attributes, list(attributes.index), k=K)
    told = {(group.attribute, group.value): group for group in side.groups}
    for value in ("femme", "homme"):
        assert None not in counted(told["genre", value].offered)
    assert counted(told["langue", "y"].agreed) == (60, 120)
    assert told["langue", "y"].offered == NOT_TOLD


@pytest.mark.safeguard
@settings(max_examples=15, deadline=None)
@given(SERVICES)
def test_s24_no_figure_has_fewer_than_k_educators_behind_it(
    settings_of: tuple[int, int, int, float],
) -> None:
    situations, attributes, people = service(*settings_of)
    side = human_side(situations, attributes, people, k=K)
    joined = situations.join(attributes.fillna("inconnu"), on="person")
    signals = joined[joined["shown"] & (joined["kind"] == "signal")]

    def behind(rows: pd.DataFrame) -> int:
        return int(rows["educator"].nunique())

    for attribute in attributes.columns:
        groups = [group for group in side.groups if group.attribute == attribute]
        for line in ("shown", "agreed", "offered", "dismissed"):
            told = {group.value for group in groups if getattr(group, line) != NOT_TOLD}
            for value in told:
                assert behind(signals[signals[attribute] == value]) >= K
            rest = signals[~signals[attribute].isin(told)]
            if told and len(rest):
                assert behind(rest) >= K
    for name in TOTALS:
        if getattr(side, name) != NOT_TOLD:
            assert joined["educator"].nunique() >= K
    if settings_of[2] < K:
        assert side.educators is None
        assert side.alarms == ()
        assert all(line == NOT_TOLD for line in lines(side))


@pytest.mark.safeguard
def test_s24_the_share_of_one_educator_is_no_linear_combination_of_what_is_told() -> None:
    """All persons of one language are one educator's: 30 persons, and one reviewer."""
    situations, attributes, people = known()
    attributes["langue"] = "y"
    mine = situations["educator"] == "e0"
    attributes.loc[situations.loc[mine, "person"], "langue"] = "x"
    many = [
        row(f"r{i}", opinion="yes", decision="offer" if i % 2 else "not_relevant", educator="e0")
        for i in range(60)
    ]
    attributes = pd.concat(
        [
            attributes,
            pd.DataFrame({"genre": "femme", "langue": "x"}, index=[f"r{i}" for i in range(60)]),
        ]
    )
    side = human_side(pd.concat([situations, table(many)]), attributes, people, k=K)
    langue = {group.value: group for group in side.groups if group.attribute == "langue"}
    assert langue["x"].persons == 77
    for group in langue.values():  # the other group and the total would give it back
        assert {getattr(group, line) for line in LINES} == {NOT_TOLD}
    assert side.followed.of == 170


@pytest.mark.safeguard
def test_s24_educators_who_share_a_figure_are_counted_not_their_acts() -> None:
    rows = decided(0, (60, "yes", "offer"), (60, "no", "not_relevant"))
    ten = [{**one, "educator": f"e{int(str(one['educator'])[1:]) % 10}"} for one in rows]
    assert human_side(table(rows), pd.DataFrame(), [], k=K).followed.counted == 60
    side = human_side(table(ten), pd.DataFrame(), [], k=K)
    assert lines(side) == [NOT_TOLD] * len(TOTALS)
    assert (side.persons, side.educators) == (120, None)
    agreeing = table([one for one in ten if one["decision"] == "offer"])
    assert human_side(agreeing, pd.DataFrame(), [], k=K).alarms == ()


@pytest.mark.safeguard
@pytest.mark.parametrize("column", ["team", "read_at", "seconds", "login"])
def test_s36_the_table_refuses_teams_and_times_of_reading(column: str) -> None:
    situations, genre, people = known()
    with pytest.raises(InvalidSituations, match="no other"):
        human_side(situations.assign(**{column: "1"}), genre, people, k=K)


@pytest.mark.safeguard
def test_s36_nothing_told_names_an_educator_or_a_duration() -> None:
    side = human_side(*known(), k=K)
    text = repr(side)
    assert not any(f"'e{i}'" in text for i in range(12))
    assert not {field.name for field in fields(HumanSide)} & {"teams", "by_educator", "minutes"}
