from __future__ import annotations

import itertools
import math
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.engine import FrameEngine
from features.point_in_time import (
    EmptyCohort,
    Matrix,
    OutcomeNeverOccurs,
    Question,
    check_outcome_occurs,
    review_dates,
)
from features.protocol import Cadence, Protocol

from .builders import PARTS, events_table, protocol, stays_table
from .oracle import Event, Stay, Study, label_one, midnight

IN = date(2024, 1, 1)
T = date(2024, 3, 1)
DAY = timedelta(days=1)
AT_T = datetime.fromisoformat("2024-03-01")
END = AT_T + 90 * DAY
TICK = timedelta(microseconds=1)
EXTRACT = date(2024, 12, 31)
OUT = "lien//interruption"


def study(**outcome: object) -> Protocol:
    lines = {
        "label": '"x"',
        "codes": '["lien//interruption"]',
        "competing_codes": '["fin//deces"]',
        "horizon_days": "90",
        **{k: repr(v).lower() if isinstance(v, bool | int) else v for k, v in outcome.items()},
    }
    text = "[outcome]\n" + "\n".join(f"{k} = {v}" for k, v in lines.items())
    groups = PARTS["groups"]
    return protocol(outcome=text, groups=groups, features="[features]\nwindows_days = [28]")


EVENT = study()
REPEATS = study(repeats=True)
SILENCE = study(kind='"silence"', codes='["rdv"]', at_risk_days=60)


def event(
    occurred: datetime,
    recorded: datetime | None = None,
    *,
    code: str = OUT,
    identifier: str | None = None,
) -> Event:
    return ("a", occurred, recorded or occurred, code, None, identifier)


def matrix(
    study: Protocol,
    stays: list[Stay] | pd.DataFrame,
    events: list[Event],
    days: list[date],
    extracted_on: date = EXTRACT,
) -> Matrix:
    table = stays if isinstance(stays, pd.DataFrame) else stays_table(stays)
    question = Question(study, tuple(days), extracted_on, extracted_on + DAY)
    return FrameEngine(table, events_table(events)).matrices([question])[0]


def cohort(
    study: Protocol,
    stays: list[Stay] | pd.DataFrame,
    events: list[Event],
    days: list[date],
    extracted_on: date = EXTRACT,
) -> pd.DataFrame:
    return matrix(study, stays, events, days, extracted_on).cohort


def label(
    study: Protocol, events: list[Event], *stays: Stay, t: date = T, extracted_on: date = EXTRACT
) -> float | None:
    """Return the label at ``t``: None where the person is out, NaN where it is null."""
    try:
        table = cohort(study, list(stays) or [("a", IN, None)], events, [t], extracted_on)
    except EmptyCohort:
        return None
    assert len(table) == 1
    return float(table["label"].iloc[0])


NULL = math.nan
RDV = "rdv//honore"
CASES: dict[str, tuple[Protocol, list[Event], float | None]] = {
    "nothing happens": (EVENT, [], 0),
    "at t itself": (EVENT, [event(AT_T)], 1),
    "last moment of the horizon": (EVENT, [event(END - TICK)], 1),
    "end of the horizon": (EVENT, [event(END)], 0),
    "just before t, known": (EVENT, [event(AT_T - TICK)], None),
    "before t, recorded at t": (EVENT, [event(AT_T - DAY, AT_T)], NULL),
    "before t, recorded just before t": (EVENT, [event(AT_T - DAY, AT_T - TICK)], None),
    "in the horizon, recorded long after": (EVENT, [event(AT_T, END + 30 * DAY)], 1),
    "in the horizon, never learnt": (EVENT, [event(AT_T, datetime.fromisoformat("2025-01-01"))], 0),
    "recorded on the last day": (
        EVENT,
        [event(AT_T, datetime.fromisoformat("2024-12-31 23:00"))],
        1,
    ),
    "competing first": (EVENT, [event(AT_T, code="fin//deces"), event(AT_T + DAY)], NULL),
    "competing after": (EVENT, [event(AT_T), event(AT_T + DAY, code="fin//deces")], 1),
    "competing at the same moment": (EVENT, [event(AT_T), event(AT_T, code="fin//deces")], 1),
    "competing alone": (EVENT, [event(AT_T, code="fin//deces")], NULL),
    "competing at the end": (EVENT, [event(END, code="fin//deces")], 0),
    "competing before t": (EVENT, [event(AT_T - DAY, code="fin//deces")], 0),
    "below the code": (EVENT, [event(AT_T, code=OUT + "//longue")], 1),
    "beside the code": (EVENT, [event(AT_T, code=OUT + "s")], 0),
    "recorded, then deleted in the horizon": (
        EVENT,
        [event(AT_T, identifier="e"), event(AT_T, AT_T + DAY, code="", identifier="e")],
        0,
    ),
    "recorded late, then deleted": (
        EVENT,
        [
            event(AT_T - DAY, AT_T, identifier="e"),
            event(AT_T - DAY, AT_T + DAY, code="", identifier="e"),
        ],
        0,
    ),
    "known, deleted after t": (
        EVENT,
        [
            event(AT_T - 2 * DAY, identifier="e"),
            event(AT_T - DAY, AT_T + DAY, code="", identifier="e"),
        ],
        None,
    ),
    "known, deleted before t": (
        EVENT,
        [
            event(AT_T - 9 * DAY, identifier="e"),
            event(AT_T - 9 * DAY, AT_T - TICK, code="", identifier="e"),
        ],
        0,
    ),
    "moved into the horizon by a correction": (
        EVENT,
        [event(END + DAY, AT_T, identifier="e"), event(AT_T + DAY, END, identifier="e")],
        1,
    ),
    "before the stay": (EVENT, [event(datetime.fromisoformat("2023-12-31"))], 0),
    "repeats, known before": (REPEATS, [event(AT_T - DAY)], 0),
    "repeats, again": (REPEATS, [event(AT_T - DAY), event(AT_T)], 1),
    "repeats, learnt late": (REPEATS, [event(AT_T - DAY, AT_T)], 0),
    "silent": (SILENCE, [event(AT_T - DAY, code=RDV)], 1),
    "not silent": (SILENCE, [event(AT_T - DAY, code=RDV), event(END - TICK, code=RDV)], 0),
    "silent until the end": (SILENCE, [event(AT_T - DAY, code=RDV), event(END, code=RDV)], 1),
    "never at risk": (SILENCE, [], None),
    "at risk on the first day": (SILENCE, [event(AT_T - 60 * DAY, code=RDV)], 1),
    "at risk too long ago": (SILENCE, [event(AT_T - 60 * DAY - TICK, code=RDV)], None),
    "at risk learnt late": (SILENCE, [event(AT_T - DAY, AT_T, code=RDV)], None),
    "silent by a competing event": (
        SILENCE,
        [event(AT_T - DAY, code=RDV), event(AT_T, code="fin//deces")],
        NULL,
    ),
}


def same(found: float | None, expected: float | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return found == expected or (math.isnan(found) and math.isnan(expected))


@pytest.mark.parametrize("name", CASES)
def test_labels(name: str) -> None:
    protocol, events, expected = CASES[name]
    assert same(label(protocol, events), expected), label(protocol, events)


def test_an_event_at_t_counts_exactly_once() -> None:
    """In the label of ``t`` and not in its features; the other way round a review later."""
    seen = event(AT_T + 12 * DAY / 24, code=RDV)
    counts = matrix(study(codes='["rdv"]', repeats=True), [("a", IN, None)], [seen], [T, T + DAY])
    column = counts.names.index("rendez-vous.count.28")
    assert counts.cohort["label"].tolist() == [1.0, 0.0]
    assert counts.values[:, column].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("study", [EVENT, REPEATS, SILENCE])
def test_a_label_is_null_until_the_whole_horizon_was_seen(study: Protocol) -> None:
    events = [event(AT_T - DAY, code=RDV), event(AT_T)]
    last = T + 90 * DAY
    assert label(study, events, extracted_on=last) == 1.0
    assert math.isnan(label(study, events, extracted_on=last - DAY) or 0)


STAYS: dict[str, tuple[list[Stay], bool]] = {
    "history complete": ([("a", T - 28 * DAY, None)], True),
    "a day too short": ([("a", T - 27 * DAY, None)], False),
    "left at t": ([("a", IN, T)], True),
    "left before t": ([("a", IN, T - DAY)], False),
    "left long after": ([("a", IN, T + 9 * DAY)], True),
    "between two stays": ([("a", IN, T - 20 * DAY), ("a", T - 10 * DAY, None)], False),
}


@pytest.mark.parametrize("name", STAYS)
def test_who_is_in(name: str) -> None:
    stays, inside = STAYS[name]
    assert (label(EVENT, [], *stays) is not None) is inside


def test_leaving_without_the_event_is_zero() -> None:
    assert label(EVENT, [], ("a", IN, T + 5 * DAY)) == 0.0


def test_silence_is_null_where_the_stay_ends_within_the_horizon() -> None:
    risk = [event(AT_T - DAY, code=RDV)]
    last = T + 90 * DAY
    assert math.isnan(label(SILENCE, risk, ("a", IN, last - DAY)) or 0)
    assert label(SILENCE, risk, ("a", IN, last)) == 1.0


def test_an_outcome_of_an_earlier_stay_does_not_remove_the_new_one() -> None:
    earlier, present = ("a", date(2023, 1, 1), date(2023, 6, 1)), ("a", IN, None)
    assert label(EVENT, [event(datetime.fromisoformat("2023-05-01"))], earlier, present) == 0.0
    assert label(EVENT, [event(datetime.fromisoformat("2024-01-01"))], earlier, present) is None
    # After the earlier stay and before the new one, it still is the earlier one's.
    assert (
        label(EVENT, [event(datetime.fromisoformat("2023-12-31 23:00"))], earlier, present) == 0.0
    )
    # Learnt of late, it does not make the new stay's label null either.
    assert (
        label(EVENT, [event(datetime.fromisoformat("2023-05-01"), AT_T)], earlier, present) == 0.0
    )


def test_a_person_is_in_once_on_the_day_of_leaving_and_returning() -> None:
    same_day = protocol(population="[population]\nmin_history_days = 0")
    table = cohort(same_day, [("a", IN, T), ("a", T, None)], [], [T])
    assert table["entered_on"].tolist() == [pd.Timestamp(T)]


def test_informed_means_before_the_review_date() -> None:
    stays = stays_table([("a", IN, None), ("b", IN, None), ("c", IN, None)])
    stays["informed_on"] = pd.to_datetime(pd.Series([T - DAY, T, None])).astype("datetime64[us]")
    table = cohort(EVENT, stays, [], [T])
    assert table["informed"].tolist() == [True, False, False]


def test_nobody_at_any_date_is_said() -> None:
    with pytest.raises(EmptyCohort, match="min_history_days"):
        cohort(EVENT, [("a", EXTRACT, None)], [], [T])
    with pytest.raises(EmptyCohort, match="0 review dates"):
        cohort(EVENT, [("a", IN, None)], [], [])


def test_an_outcome_that_never_occurs_is_said() -> None:
    check_outcome_occurs(EVENT, {RDV, OUT + "//longue"})
    for codes in (set(), {RDV}, {OUT + "s"}):
        with pytest.raises(OutcomeNeverOccurs, match="lien//interruption"):
            check_outcome_occurs(EVENT, codes)


def test_review_dates_are_mondays_counted_from_1970() -> None:
    dates = review_dates(Cadence(), date(2024, 1, 1), date(2024, 12, 31))
    assert all(d.weekday() == 0 and (d - date(1970, 1, 5)).days % 28 == 0 for d in dates)
    assert [b - a for a, b in itertools.pairwise(dates)] == [28 * DAY] * 12


def test_review_dates_keep_start_end_and_both_bounds() -> None:
    cadence = Cadence(every_days=10, start=date(2024, 1, 3), end=date(2024, 2, 2))
    all_four = tuple(date(2024, 1, 3) + 10 * n * DAY for n in range(4))
    assert review_dates(cadence, date(1990, 1, 1), date(2030, 1, 1)) == all_four
    assert review_dates(cadence, all_four[1], all_four[2]) == all_four[1:3]
    assert review_dates(cadence, all_four[1] + DAY, all_four[2] - DAY) == ()
    assert review_dates(cadence, date(2025, 1, 1), date(2026, 1, 1)) == ()
    assert review_dates(Cadence(), date(1960, 1, 1), date(1970, 1, 5)) == (date(1970, 1, 5),)


# --- against the oracle ------------------------------------------------------------------

ORIGIN = date(2024, 1, 1)
PEOPLE = ["a", "b"]
days = st.integers(-10, 60).map(lambda n: ORIGIN + n * DAY)
moments = st.builds(
    lambda day, hours: midnight(day) + timedelta(hours=hours),
    days,
    st.sampled_from([0, 0, 9]),
)
rows = st.tuples(
    st.sampled_from(PEOPLE),
    moments,
    moments,
    st.sampled_from(["out", "out//x", "fin", "rdv", ""]),
    st.none(),
    st.none() | st.sampled_from(["e1", "e2"]),
).filter(lambda row: row[3] != "" or row[5] is not None)


@st.composite
def some_stays(draw: st.DrawFn) -> list[Stay]:
    stays: list[Stay] = []
    for person in PEOPLE:
        cuts = sorted(draw(st.lists(days, min_size=1, max_size=4)))
        pairs = list(itertools.zip_longest(cuts[::2], cuts[1::2]))
        entries = [entered for entered, _ in pairs]
        if len(set(entries)) == len(entries):
            stays += [(person, entered, left) for entered, left in pairs]
    return stays or [("a", ORIGIN, None)]


@settings(max_examples=60, deadline=None)
@given(
    stays=some_stays(),
    history=st.lists(rows, max_size=15),
    extracted_on=days,
    study=st.builds(
        Study,
        min_history_days=st.sampled_from([0, 7]),
        horizon_days=st.sampled_from([1, 10]),
        kind=st.sampled_from(["event", "event", "silence"]),
        repeats=st.booleans(),
        at_risk_days=st.sampled_from([5, 30]),
    ),
)
def test_cohort_and_labels_equal_the_oracle(
    stays: list[Stay], history: list[Event], extracted_on: date, study: Study
) -> None:
    text = (
        f'[outcome]\nlabel = "x"\nhorizon_days = {study.horizon_days}\nkind = "{study.kind}"\n'
        f'codes = ["out"]\ncompeting_codes = ["fin"]\nrepeats = {str(study.repeats).lower()}\n'
        f"at_risk_days = {study.at_risk_days}"
    )
    history_text = f"[population]\nmin_history_days = {study.min_history_days}"
    checked = protocol(outcome=text, population=history_text)
    dates = [ORIGIN + n * DAY for n in range(0, 60, 6)]
    expected = {}
    for day in dates:
        for stay in sorted(stays):  # of two stays in at one date the later one counts
            found = label_one(study, stays, stay, history, day, extracted_on)
            if found is not None:
                expected[pd.Timestamp(day), stay[0]] = (pd.Timestamp(stay[1]), found)
    try:
        table = cohort(checked, stays, history, dates, extracted_on)
    except EmptyCohort:
        assert not expected
        return
    found_rows = {
        (row.as_of, row.person): (row.entered_on, row.label) for row in table.itertuples()
    }
    assert list(found_rows) == sorted(found_rows)
    assert found_rows.keys() == expected.keys()
    for key, (entered, value) in expected.items():
        assert found_rows[key][0] == entered and same(found_rows[key][1], value), key


def test_the_order_of_stays_and_imports_does_not_matter() -> None:
    stays: list[Stay] = [("b", IN, None), ("a", date(2023, 1, 1), IN), ("a", IN, None)]
    forward = cohort(EVENT, stays, [event(AT_T)], [T, T + DAY])
    pd.testing.assert_frame_equal(forward, cohort(EVENT, stays[::-1], [event(AT_T)], [T, T + DAY]))
    assert forward["person"].tolist() == ["a", "b", "b"]


def test_the_matrix_follows_the_cohort_and_the_catalogue() -> None:
    history = [event(AT_T - DAY, code=RDV), ("c", AT_T - DAY, AT_T - DAY, RDV, None, None)]
    made = matrix(EVENT, [(p, IN, None) for p in ("a", "b", "c")], history, [T])
    assert made.values.shape == (3, len(made.names))
    column = made.values[:, made.names.index("rendez-vous.count.28")]
    np.testing.assert_array_equal(column, [1.0, 0.0, 1.0])
