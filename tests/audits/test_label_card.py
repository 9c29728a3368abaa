"""How late an outcome was recorded, counted from its first record, and of nobody's few."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.data_sheet import data_sheet
from audits.label_card import label_card, record_delays
from features.block import build_block
from features.protocol import Outcome
from features.tables import EVENTS
from tests.audits.surroundings import answer, cohort

LOST = "lien//interruption"
OUTCOME = Outcome(label="interruption", codes=(LOST,), competing_codes=("fin//deces",))
SINCE, UNTIL = date(2025, 1, 1), date(2026, 1, 1)


def measured(*rows: tuple[str, str, str, str, str | None]) -> list[tuple[str, float]]:
    """Measure some rows: person, occurred, recorded, code, event id."""
    events = pd.DataFrame(
        [(p, o, r, code, None, identity) for p, o, r, code, identity in rows],
        columns=list(EVENTS.columns),
    ).astype({"occurred_at": "datetime64[us]", "recorded_at": "datetime64[us]"})
    events = events.astype({"person": "str", "code": "str", "numeric_value": float})
    found = record_delays(build_block(events.astype({"event_id": "str"})), (LOST,), SINCE, UNTIL)
    return [(str(person), float(days)) for person, days in found.itertuples(index=False)]


def test_delays_are_of_outcomes_in_the_time_that_is_audited() -> None:
    assert measured(
        ("a", "2025-03-01", "2025-03-02T12:00", LOST, None),
        ("a", "2025-06-01", "2025-06-21", f"{LOST}//autre", None),
        ("a", "2025-03-01", "2025-03-09", "rdv//honore", None),
        ("b", "2025-01-01", "2025-01-01", LOST, None),
        ("b", "2026-01-01", "2026-01-05", LOST, None),
        ("c", "2024-12-31", "2025-02-01", LOST, None),
    ) == [("a", 1.5), ("a", 20.0), ("b", 0.0)]


def test_without_an_outcome_there_is_no_row() -> None:
    assert measured(("a", "2025-03-01", "2025-03-09", "rdv//honore", None)) == []


def test_a_corrected_outcome_counts_from_its_first_record_and_a_deleted_one_not_at_all() -> None:
    assert measured(
        ("a", "2025-03-01", "2025-03-02", LOST, "1"),
        ("a", "2025-03-01", "2025-09-01", f"{LOST}//precise", "1"),
        ("b", "2025-03-01", "2025-03-02", LOST, "2"),
        ("b", "2025-03-01", "2025-04-01", "", "2"),
        ("c", "2025-03-01", "2025-03-04", LOST, None),
        ("c", "2025-03-01", "2025-03-05", LOST, None),
        ("d", "2025-03-01", "2025-03-02", LOST, "3"),
        ("d", "2025-05-01", "2025-05-11", LOST, "3"),
    ) == [("a", 1.0), ("c", 3.0), ("d", 10.0)]


def delays(late: int, prompt: int, group: str) -> pd.DataFrame:
    names = [f"{group}{number}" for number in range(late + prompt)]
    return pd.DataFrame({"person": names, "days": [30.0] * late + [1.0] * prompt})


def values(*tables: pd.DataFrame) -> pd.DataFrame:
    persons = pd.concat(tables)["person"]
    return pd.DataFrame({"groupe": persons.str[0].to_numpy()}, index=pd.Index(persons))


def test_a_group_recorded_later_is_seen() -> None:
    early, slow = delays(12, 28, "a"), delays(20, 12, "b")
    told = answer("groupe", {"a": (80, 40), "b": (60, None)})
    everybody = pd.concat([early, slow, delays(9, 0, "x")], ignore_index=True)
    card = label_card(OUTCOME, everybody, values(early, slow), told)
    assert (card.median_days, card.late_share) == (1.0, round(32 / 72, 2))
    assert card.unknown_share == 1 - told.labelled_share
    first, second = card.groups
    assert (first.persons, first.median_days, first.late_share) == (40, 1.0, 0.3)
    # The audit withholds how many persons of this group had the outcome: so does the card.
    assert (second.persons, second.median_days, second.late_share) == (None, 30.0, 0.62)


def test_without_a_second_date_there_is_no_delay() -> None:
    table = delays(0, 30, "a").assign(days=0.0)
    card = label_card(OUTCOME, table, values(table), answer("groupe", {"a": (80, 30)}))
    assert (card.median_days, card.late_share, card.groups) == (None, None, ())


@pytest.mark.safeguard
def test_s21_nothing_is_told_of_the_delays_of_a_few() -> None:
    many, few = delays(20, 20, "a"), delays(10, 0, "b")
    told = answer("groupe", {"a": (80, 40), "b": (60, 11)})
    card = label_card(OUTCOME, pd.concat([many, few]), values(many, few), told)
    # Beside the figures of all fifty, those of forty would tell of the other ten.
    for group in card.groups:
        assert (group.persons, group.median_days, group.late_share) == (None, None, None)
    late = delays(10, 30, "a")
    card = label_card(OUTCOME, late, values(late), told)
    assert (card.median_days, card.late_share) == (1.0, None)
    card = label_card(OUTCOME, few, values(few), told)
    assert (card.median_days, card.late_share) == (None, None)


@pytest.mark.safeguard
def test_s21_the_data_sheet_withholds_what_the_audit_withholds() -> None:
    rows = cohort(np.arange(100), np.zeros(100), np.zeros(100, np.int64))

    def unknown(groups: dict[str, tuple[int | None, int | None]]) -> object:
        sheet = data_sheet(
            rows,
            rows,
            answer("groupe", groups),
            extracted_on=UNTIL,
            features=1,
            set_aside={"b", "a"},
        )
        assert sheet.set_aside == ("a", "b")
        assert (sheet.train_rows, sheet.test_persons, sheet.test_base_rate) == (100, 100, None)
        return sheet.unknown

    assert unknown({"a": (80, 40), "inconnu": (20, None)}) == (("groupe", 0.2),)
    assert unknown({"a": (100, 40)}) == (("groupe", 0.0),)
    assert unknown({"a": (None, 40), "inconnu": (None, None)}) == ()


@settings(max_examples=40, deadline=None)
@given(
    days=st.lists(st.tuples(st.integers(0, 40), st.floats(0, 400)), max_size=60),
    groups=st.integers(1, 4),
    persons=st.integers(1, 41),
)
def test_odd_delays_are_never_an_exception(
    days: list[tuple[int, float]], groups: int, persons: int
) -> None:
    table = pd.DataFrame(days, columns=["person", "days"]).astype({"days": float})
    table["person"] = table["person"].map(lambda number: f"p{number}").astype("str")
    named = pd.DataFrame(
        {"groupe": [f"g{number % groups}" for number in range(persons)]},
        index=[f"p{number}" for number in range(persons)],
    )
    card = label_card(OUTCOME, table, named, answer("groupe", {"g0": (30, 20)}))
    assert all(group.persons is None or group.persons >= 11 for group in card.groups)
