from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.block import build_block
from features.catalogue import Feature, catalogue
from features.kernel import MEASURES, measure

from .builders import PARTS, block, events_table, protocol, row_days
from .oracle import Event, below, held, measure_one, midnight

TWO_GROUPS = (
    PARTS["groups"]
    + '\n[[features.group]]\nname = "honorés"\ncodes = ["rdv//honore", "visite"]\n'
    + 'measures = ["count", "mean", "trend", "last"]\nwording = "x"\nreason = "y"'
)
FEATURES = catalogue(protocol(groups=TWO_GROUPS, features="[features]\nwindows_days = [2, 5]"))
# Every measure over every kind of window, also those that no catalogue makes today.
EVERYWHERE = tuple(
    replace(FEATURES[0], name=f"{measure}.{window}", measure=measure, window_days=window)
    for measure in MEASURES
    for window in (2, 5, None)
    if window is not None or measure != "trend"
)
T = datetime.fromisoformat("2024-03-10")
PEOPLE = ["a", "ab", "b"]

# Few distinct moments, so that ties, same days and events exactly at a review date are common.
moments = st.builds(
    lambda days, hours: T + timedelta(days=days, hours=hours),
    st.integers(-11, 4),
    st.sampled_from([0, 0, 9, 23]),
)
values = st.none() | st.sampled_from([0.1, 0.2, 0.7, -3.0, 1e9, 1e-9])
rows = st.tuples(
    st.sampled_from(PEOPLE),
    moments,
    moments,
    st.sampled_from(["rdv//honore", "rdv//non_honore", "rdv", "rdvx", "visite", ""]),
    values,
    st.none() | st.sampled_from(["e1", "e2", "e3"]),
).filter(lambda row: row[3] != "" or row[5] is not None)
histories = st.lists(rows, max_size=25)
DATES = [T.date() + timedelta(days=d) for d in (-6, -1, 0, 3)]
GRID = [(person, day) for day in DATES for person in [*PEOPLE, "stranger"]]


def matrix(history: list[Event], features: tuple[Feature, ...] = FEATURES) -> np.ndarray:
    made = build_block(events_table(history))
    index = {person: i for i, person in enumerate(made.persons)}
    return measure(
        made,
        features,
        np.array([index.get(person, -1) for person, _ in GRID]),
        row_days([day for _, day in GRID]),
    )[0]


@settings(max_examples=120, deadline=None)
@given(histories, st.sampled_from([FEATURES, EVERYWHERE, EVERYWHERE[-1:], FEATURES[3:]]))
def test_the_kernel_equals_the_oracle(history: list[Event], features: tuple[Feature, ...]) -> None:
    expected = [
        [
            measure_one(history, person, midnight(day), f.codes, f.measure, f.window_days)
            for f in features
        ]
        for person, day in GRID
    ]
    # Sums run in one order on both sides, so equal means equal.
    np.testing.assert_array_equal(matrix(history, features), np.array(expected, dtype=float))


@settings(max_examples=60, deadline=None)
@given(histories, st.sets(st.sampled_from(["rdv//honore", "rdv", "visite", "new"])))
def test_an_unseen_code_is_counted_apart_and_in_no_feature(
    history: list[Event], vocabulary: set[str]
) -> None:
    """As if its rows were not there, but for the count; deletions and corrections still hold."""
    made = build_block(events_table(history))
    index = {person: i for i, person in enumerate(made.persons)}
    values, other = measure(
        made,
        FEATURES,
        np.array([index.get(person, -1) for person, _ in GRID]),
        row_days([day for _, day in GRID]),
        vocabulary=vocabulary,
    )
    # A code that no feature looks at stands for one that is not known.
    hidden = [r if r[3] in vocabulary or not r[3] else (*r[:3], "x", *r[4:]) for r in history]
    assert values.tobytes() == matrix(hidden).tobytes()
    for (person, day), found in zip(GRID, other, strict=True):
        known = held(history, person, midnight(day))
        assert found == sum(
            below(e[3], ["rdv", "visite"])
            and e[3] not in vocabulary
            and midnight(day) - timedelta(days=5) <= e[1] < midnight(day)
            for e in known
        )


@settings(max_examples=40, deadline=None)
@given(histories)
def test_one_person_alone_equals_the_batch_bit_for_bit(history: list[Event]) -> None:
    whole = matrix(history)
    for person in PEOPLE:
        mine = np.array([who == person for who, _ in GRID])
        alone = matrix([row for row in history if row[0] == person])
        assert alone[mine].tobytes() == whole[mine].tobytes()


@settings(max_examples=40, deadline=None)
@given(histories, histories, st.randoms(use_true_random=False), st.booleans())
def test_nothing_recorded_from_t_on_changes_what_was_known_at_t(
    history: list[Event], later: list[Event], random: object, delete: bool
) -> None:
    """Add, edit and delete rows recorded at or after ``t``, anywhere in the order of arrival."""
    upto = np.array([day <= T.date() for _, day in GRID])
    before = matrix(history)[upto]

    changed = [row for row in history if not (delete and row[2] >= T)]
    for who, occurred, recorded, code, value, identifier in later:
        row = (who, occurred, T + abs(recorded - T), code, value, identifier)
        changed.insert(random.randint(0, len(changed)), row)  # type: ignore[attr-defined]
    assert matrix(changed)[upto].tobytes() == before.tobytes()


def value_of(history: list[Event], name: str, day: date = DATES[2]) -> float:
    feature = next(f for f in FEATURES if f.name == name)
    return float(measure(block(history), [feature], np.array([0]), row_days([day]))[0][0, 0])


def row(
    occurred: datetime,
    recorded: datetime | None = None,
    *,
    code: str = "rdv//honore",
    value: float | None = None,
    identifier: str | None = None,
) -> Event:
    return ("a", occurred, recorded or occurred, code, value, identifier)


JUST_BEFORE = T - timedelta(microseconds=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("history", "count"),
    [
        ([row(JUST_BEFORE)], 1),
        ([row(T)], 0),
        ([row(T - DAY, T)], 0),
        ([row(T - DAY, JUST_BEFORE)], 1),
        ([row(T, T - DAY)], 0),  # planned and known, but not yet occurred
        ([row(T - 2 * DAY)], 1),  # the window's first moment is in
        ([row(T - 2 * DAY - timedelta(microseconds=1))], 0),
        ([row(T - DAY), row(T - DAY)], 2),  # twice without id is two events
        ([row(T - DAY, identifier="e"), row(T - DAY, identifier="e")], 1),
        ([row(T - DAY, identifier="e"), row(T - DAY, T, code="", identifier="e")], 1),
        ([row(T - DAY, identifier="e"), row(T - DAY, JUST_BEFORE, code="", identifier="e")], 0),
        ([row(T - DAY, code="", identifier="e"), row(T - DAY, identifier="e")], 1),
        ([row(T - DAY, identifier="e"), row(T + DAY, JUST_BEFORE, identifier="e")], 0),
        ([row(T - DAY, code="rdvx")], 0),
        ([row(T - DAY, code="rdv")], 1),
    ],
)
def test_two_clocks_and_boundaries(history: list[Event], count: int) -> None:
    assert value_of(history, "rendez-vous.count.2") == count


def test_in_march_recorded_in_june_is_unknown_in_april() -> None:
    history = [row(datetime.fromisoformat("2024-03-04"), datetime.fromisoformat("2024-06-01"))]
    assert value_of(history, "rendez-vous.ever", date(2024, 4, 1)) == 0
    assert value_of(history, "rendez-vous.ever", date(2024, 6, 1)) == 0
    assert value_of(history, "rendez-vous.ever", date(2024, 6, 2)) == 1


def test_the_last_of_two_values_at_one_moment_is_the_one_recorded_last() -> None:
    at = T - DAY
    newest_first = [row(at, at + DAY / 2, value=2.0), row(at, at, value=1.0)]
    assert value_of(newest_first, "rendez-vous.last") == 2.0


def test_an_id_belongs_to_one_person() -> None:
    mine, other = row(T - DAY, identifier="e"), ("b", T - DAY, T - DAY, "", None, "e")
    assert value_of([mine, other], "rendez-vous.count.2") == 1


def test_an_empty_block_knows_nothing() -> None:
    empty = matrix([])
    names = [f.measure for f in FEATURES]
    for column, name in enumerate(names):
        expected = np.nan if name in ("mean", "last", "since_last") else 0.0
        np.testing.assert_array_equal(empty[:, column], np.full(len(GRID), expected))


def test_known_of_lists_what_was_known_and_nothing_of_a_namesake() -> None:
    history: list[Event] = [
        row(datetime.fromisoformat("2024-03-01 15:00"), datetime.fromisoformat("2024-03-02 09:00")),
        ("ab", T - DAY, T - DAY, "visite", None, None),
        row(T - DAY, T, code="visite"),
        row(datetime.fromisoformat("1969-12-31 23:00")),
    ]
    known = block(history).known_of("a", T.date())
    assert known == [
        (date(1969, 12, 31), date(1969, 12, 31), "rdv//honore"),
        (date(2024, 3, 1), date(2024, 3, 2), "rdv//honore"),
    ]
    assert block(history).known_of("nobody", T.date()) == []
    assert block([]).known_of("a", T.date()) == []
