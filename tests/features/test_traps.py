"""What makes early-warning systems fail unseen, tried on the whole way from store to study.

Three of these were reproduced in a published system: an end date beyond the data, a column
made of a code that first occurs later, and days lost between the feature's and the label's
boundary.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import catalogue
from features.engine import FrameEngine, StoreEngine
from features.point_in_time import Matrix, Question, review_dates

from .builders import PARTS, events_table, protocol, stays_table, stored
from .oracle import Event

ORIGIN = date(2024, 1, 1)
DAY = timedelta(days=1)
T = ORIGIN + 60 * DAY
OUT = "lien//interruption"
STUDY = protocol(outcome=PARTS["outcome"].replace("90", "30"))
PEOPLE = ("a", "b", "c")
STAYS = stays_table([(p, ORIGIN - 60 * DAY, None) for p in PEOPLE])


def at(days: int, hours: int = 0) -> datetime:
    return datetime.combine(ORIGIN + days * DAY, time()) + timedelta(hours=hours)


def event(days: int, code: str = "rdv//honore", *, late: int = 0, person: str = "a") -> Event:
    return (person, at(days), at(days + late), code, None, None)


def asked(dates: list[date], extracted_on: date, vocabulary: frozenset[str] | None) -> Question:
    return Question(STUDY, tuple(dates), extracted_on, extracted_on + DAY, vocabulary)


def matrix(history: list[Event], dates: list[date], extracted_on: date = T + 300 * DAY) -> Matrix:
    engine = FrameEngine(STAYS, events_table(history))
    return engine.matrices([asked(dates, extracted_on, engine.codes(before=T))])[0]


def column(found: Matrix, name: str) -> list[float]:
    values: list[float] = found.values[:, found.names.index(name)].tolist()
    return values


# --- future invariance: really adding, editing and deleting what was recorded from t on ----

codes = st.sampled_from(["rdv//honore", "rdv//non_honore", "rdv//visio", OUT, "fin//deces"])
hours = st.sampled_from([0, 0, 9])


def events(recorded: st.SearchStrategy[int]) -> st.SearchStrategy[list[Event]]:
    """Rows recorded on certain days; a deletion always says what it deletes."""
    kinds = st.one_of(
        st.tuples(codes, st.none()), st.tuples(codes | st.just(""), st.sampled_from(["e1", "e2"]))
    )
    row = st.builds(
        lambda person, occurred, known, kind, value: (
            person, occurred, known, kind[0], value, kind[1]
        ),
        st.sampled_from(PEOPLE),
        st.builds(at, st.integers(-40, 110), hours),
        st.builds(at, recorded, hours),
        kinds,
        st.none() | st.sampled_from([0.1, 7.0]),
    )  # fmt: skip
    return st.lists(row, min_size=1, max_size=12)


UPTO = [ORIGIN + n * DAY for n in range(-20, 61, 10)]


def known(folder: Path, *imports: list[Event]) -> list[Matrix]:
    """Return what was known at every date up to ``T``, and nothing of the labels."""
    engine = StoreEngine(stored(folder, STAYS, *imports), block_events=5)
    question = asked(UPTO, T + 300 * DAY, engine.codes(before=T))
    found = engine.matrices([question])[0]
    return [Matrix(found.cohort.drop(columns="label"), found.values, found.other, found.names)]


@settings(max_examples=30, deadline=None)
@given(past=events(st.integers(-40, 59)), future=events(st.integers(60, 110)))
def test_what_is_recorded_from_t_on_changes_no_byte_up_to_t(
    past: list[Event], future: list[Event]
) -> None:
    """Adding: a later import. Deleting: without it. Editing: other values in it, other codes.

    Rows of the future share ``event_id`` with the past, so some of them correct or delete it.
    """
    edited = [(p, o, r, "rdv//honore" if c else c, 9.0, i) for p, o, r, c, _, i in future]
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, list[list[Event]]] = {
            "alone": [past],
            "added": [past, future],
            "edited": [past, edited],
            "at once": [future + past],
            "in turn": [past, future, edited],
        }
        found = {}
        for name, imports in ways.items():
            place = Path(folder) / name
            place.mkdir()
            found[name] = known(place, *imports)[0]
    alone = found.pop("alone")
    for name, other in found.items():
        assert other.names == alone.names, name
        assert other.values.tobytes() == alone.values.tobytes(), name
        assert other.other.tobytes() == alone.other.tobytes(), name
        assert other.cohort.equals(alone.cohort), name


# --- an end date beyond the data ------------------------------------------------------------


def test_an_end_beyond_the_data_makes_labels_null_and_no_slide() -> None:
    """A third of the persons have the outcome every month; the rate must not fall at the end."""
    history = [event(30 * n + 3, OUT, person=PEOPLE[n % 3]) for n in range(12)]
    repeats = protocol(outcome=PARTS["outcome"].replace("90", "30") + "\nrepeats = true")
    extracted_on = ORIGIN + 340 * DAY
    beyond = repeats.model_copy(
        update={"cadence": repeats.cadence.model_copy(update={"end": date(2026, 1, 1)})}
    )
    dates = [d for d in review_dates(beyond.cadence, ORIGIN, date(2026, 1, 1)) if d >= ORIGIN]
    engine = FrameEngine(STAYS, events_table(history))
    question = Question(beyond, tuple(dates), extracted_on, extracted_on + DAY)
    cohort = engine.matrices([question])[0].cohort
    mature = (cohort["as_of"] + timedelta(days=30)).dt.date <= extracted_on
    assert cohort.loc[~mature, "label"].isna().all() and (~mature).sum() > 30
    rates = cohort[mature].groupby("as_of")["label"].mean()
    assert len(rates) == 11 and rates.between(0.3, 0.7).all()
    # Even an outcome that is known already says nothing before its time is over.
    late = matrix([event(335, OUT)], [ORIGIN + 330 * DAY], extracted_on)
    assert len(late.cohort) == 3 and late.cohort["label"].isna().all()


# --- a code that first occurs in the last month ---------------------------------------------


def test_a_code_that_comes_up_later_makes_no_column_and_is_counted_apart() -> None:
    old = [event(n, person=p) for n in (5, 20, 40) for p in PEOPLE]
    new = [event(n, "rdv//visio", person="b") for n in (61, 62)] + [event(63, person="b")]
    dates = [T, T + 10 * DAY]
    before, after = matrix(old, dates[:1]), matrix(old + new, dates)
    assert after.names == before.names == tuple(f.name for f in catalogue(STUDY))
    assert after.values[:3].tobytes() == before.values.tobytes()
    assert column(after, "rendez-vous.count.28") == [1.0, 1.0, 1.0, 0.0, 1.0, 0.0]
    assert column(after, "rendez-vous.since_last")[3:] == [30.0, 7.0, 30.0]
    assert after.other.tolist() == [0, 0, 0, 0, 2, 0]


def test_a_code_recorded_late_is_no_vocabulary_of_the_time_before() -> None:
    engine = FrameEngine(STAYS, events_table([event(10), event(12, "rdv//visio", late=60)]))
    assert engine.codes(before=T) == {"rdv//honore"}
    assert engine.codes() == {"rdv//honore", "rdv//visio"}


# --- same-day events ------------------------------------------------------------------------

HOURS: dict[str, Callable[[int], Event]] = {
    "midnight": lambda hour: ("a", at(60), at(60), "rdv//honore", None, None),
    "any hour": lambda hour: ("a", at(60, hour), at(60, hour), "rdv//honore", None, None),
}


@pytest.mark.parametrize("name", HOURS)
def test_several_events_of_one_day_each_count_once(name: str) -> None:
    history = [event(5), *(HOURS[name](hour) for hour in (1, 9, 23))]
    found = matrix(history, [T, T + DAY])
    mine = (found.cohort["person"] == "a").to_numpy()
    assert column(found[mine], "rendez-vous.count.28") == [0.0, 3.0]
    assert column(found[mine], "rendez-vous.active_days.28") == [0.0, 1.0]
    assert column(found[mine], "rendez-vous.since_last")[1] == 1.0


def test_every_day_is_in_the_label_or_in_the_features_and_never_in_neither() -> None:
    both = protocol(
        outcome='[outcome]\nlabel = "x"\nhorizon_days = 1\ncodes = ["rdv"]\nrepeats = true'
    )
    for hour in (0, 12, 23):
        history: list[Event] = [("a", at(60, hour), at(60, hour), "rdv//honore", None, None)]
        dates = [T + n * DAY for n in range(-3, 4)]
        question = Question(both, tuple(dates), T + 90 * DAY, T + 91 * DAY)
        found = FrameEngine(STAYS, events_table(history)).matrices([question])[0]
        found = found[(found.cohort["person"] == "a").to_numpy()]
        known_by = np.array(column(found, "rendez-vous.ever"))
        assert found.cohort["label"].tolist() == [0, 0, 0, 1, 0, 0, 0]
        assert known_by.tolist() == [0, 0, 0, 0, 1, 1, 1]


# --- an edited record -----------------------------------------------------------------------


def test_an_edited_record_is_as_it_was_known_at_each_date() -> None:
    """An appointment entered as missed is corrected on day 65, taken back on day 80."""
    history: list[Event] = [
        ("a", at(50), at(50), "rdv//non_honore", 1.0, "e1"),
        ("a", at(48), at(65), "rdv//honore", 2.0, "e1"),
        ("a", at(48), at(80), "", None, "e1"),
    ]
    split = protocol(
        groups=PARTS["groups"].replace('codes = ["rdv"]', 'codes = ["rdv//honore"]')
        + "\n"
        + PARTS["groups"].replace("rendez-vous", "manqué").replace('"rdv"', '"rdv//non_honore"')
    )
    dates = [ORIGIN + n * DAY for n in (50, 51, 65, 66, 80, 81)]
    question = Question(split, tuple(dates), T + 300 * DAY, T + 301 * DAY)
    found = FrameEngine(STAYS, events_table(history)).matrices([question])[0]
    found = found[(found.cohort["person"] == "a").to_numpy()]
    assert column(found, "manqué.count.90") == [0, 1, 1, 0, 0, 0]
    assert column(found, "rendez-vous.count.90") == [0, 0, 0, 1, 1, 0]
    np.testing.assert_array_equal(
        column(found, "rendez-vous.last"), [np.nan, np.nan, np.nan, 2.0, 2.0, np.nan]
    )
    np.testing.assert_array_equal(
        column(found, "manqué.since_last"), [np.nan, 1, 15, np.nan, np.nan, np.nan]
    )
