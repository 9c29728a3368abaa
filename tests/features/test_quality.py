"""The quality of an import: what is planted in simulated histories is found, and only that."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.quality import (
    APPOINTMENTS,
    BY_PERSON,
    BY_SERVICE,
    CANCELLED,
    MISSED,
    Appointments,
    Cell,
    Gap,
    Quality,
    Share,
    Team,
    measure_quality,
)
from tests.features.builders import History, events_table, protocol, stays_table
from tests.features.planted import DAY, planted, study


def team(quality: Quality, name: str) -> Team:
    return next(team for team in quality.teams if team.team == name)


def appointments(quality: Quality, name: str) -> Appointments:
    return next(line for line in quality.appointments if line.team == name)


def measure(
    rows: History,
    folder: Path,
    stays: pd.DataFrame | None = None,
    known: frozenset[str] = frozenset(),
) -> Quality:
    """Measure a few rows of P1, or of the given stays; the smallest protocol."""
    path = folder / "events.parquet"
    events_table(rows).to_parquet(path, index=False)
    return measure_quality(
        path,
        stays_table([("P1", date(2024, 1, 1), None)]) if stays is None else stays,
        protocol=protocol(),
        extracted_on=date(2024, 12, 31),
        quarantine=pd.DataFrame({c: [] for c in ("file", "row", "column", "reason")}),
        ignored={},
        known_codes=known,
    )


Row = tuple[str, datetime, datetime, str, float | None, str | None]


def on(day: int, *, late: int = 0, code: str = "rdv//honore", event_id: str | None = None) -> Row:
    """A row of P1 that occurred so many days after 1 March 2024."""
    occurred = datetime(2024, 3, 1) + timedelta(days=day)  # noqa: DTZ001 - as the store's
    return ("P1", occurred, occurred + timedelta(days=late), code, None, event_id)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Quality:
    return planted().knowing_its_codes().measure(tmp_path_factory.mktemp("plain"))


def test_untouched_histories_are_counted_and_show_no_gap(plain: Quality) -> None:
    given = planted()
    assert plain.counts.rows == len(given.events)
    assert plain.counts.persons == given.stays["person"].nunique() == 700
    assert plain.counts.stays == len(given.stays)
    assert sum(line.rows or 0 for line in plain.teams) == plain.counts.rows
    assert sum(code.facts.events or 0 for code in plain.codes) == plain.counts.events
    told = [*(m.occurred for m in plain.months), plain.earlier, plain.later]
    assert sum(cell.events or 0 for cell in told) == plain.counts.events
    assert sum(m.recorded.events or 0 for m in plain.months) == plain.counts.events
    assert not any(line.gaps or line.stopped for line in plain.teams)
    assert not any(line.unlike for line in plain.appointments)
    assert not plain.unmatched
    assert not any(code.new for code in plain.codes)


def test_a_teams_lost_month_is_a_gap_of_that_team_alone(plain: Quality, tmp_path: Path) -> None:
    found = planted().without_month("chrs", "2025-09").measure(tmp_path)
    (gap,) = team(found, "chrs").gaps or ()
    # The last two days of August are a weekend, on which nothing happens anyway.
    assert gap == Gap(date(2025, 8, 30), date(2025, 9, 30), 32)
    month = [line.month for line in found.months].index("2025-09")
    assert team(found, "chrs").levels[month] == 0
    assert team(plain, "chrs").levels[month] != 0
    assert not any(line.gaps for line in found.teams if line.team != "chrs")


def test_a_team_that_stops_is_named_with_its_last_day(tmp_path: Path) -> None:
    found = planted().stopping("savs", "2026-01-05").measure(tmp_path)
    stopped = [line for line in found.teams if line.stopped]
    assert [line.team for line in stopped] == ["savs"]
    last_on = stopped[0].last_on
    assert last_on is not None and last_on < date(2026, 1, 5)
    assert stopped[0].silent_days == (DAY - last_on).days


def test_a_team_without_anybody_left_does_not_stop(tmp_path: Path) -> None:
    given = planted().stopping("savs", "2026-01-05")
    gone = given.stays["team"] == "savs"
    left = given.stays["left_on"].mask(gone, pd.Timestamp("2026-01-06").as_unit("us"))
    found = replace(given, stays=given.stays.assign(left_on=left)).measure(tmp_path)
    assert not any(line.stopped for line in found.teams)


def test_a_code_never_seen_before_is_new_and_the_others_are_not(tmp_path: Path) -> None:
    given = planted().knowing_its_codes().renaming("activite//collective", "activite//sortie")
    found = given.measure(tmp_path)
    assert [code.code for code in found.codes if code.new] == ["activite//sortie"]


def test_at_a_first_import_no_code_is_called_new(tmp_path: Path) -> None:
    found = planted().measure(tmp_path)
    assert found.first_import
    assert not any(code.new for code in found.codes)


def test_a_renamed_outcome_is_missed_and_its_new_name_guessed(tmp_path: Path) -> None:
    given = planted().knowing_its_codes().renaming("lien//interruption", "lien//rupture")
    found = given.measure(tmp_path)
    (missing,) = found.unmatched
    assert (missing.place, missing.code) == ("outcome", "lien//interruption")
    assert missing.known
    assert missing.resembles == "lien//rupture"


def test_a_code_known_before_is_not_what_another_became(tmp_path: Path) -> None:
    given = planted().knowing_its_codes()
    lost = given.events["code"] == "lien//interruption"
    found = replace(given, events=given.events[~lost]).measure(tmp_path)
    assert [(m.code, m.resembles) for m in found.unmatched] == [("lien//interruption", None)]


def test_a_code_below_a_pattern_matches_it(tmp_path: Path) -> None:
    found = measure([on(0, code="rdv//honore//visite")], tmp_path)
    assert [code.used for code in found.codes] == [True]
    assert [missing.place for missing in found.unmatched] == ["outcome", "competing"]


def test_planted_delays_are_measured_by_team(plain: Quality, tmp_path: Path) -> None:
    found = planted().recording_later("savs", 40).measure(tmp_path)
    before, after = team(plain, "savs").delays, team(found, "savs").delays
    assert before is not None and after is not None
    assert after.median == before.median + 40
    assert after.ninth_decile == before.ninth_decile + 40
    assert after.beyond_30.share == 1
    assert after.beyond_30.persons == team(found, "savs").active
    assert team(found, "chrs").delays == team(plain, "chrs").delays


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-5, 60), min_size=1, max_size=40))
def test_delays_are_those_of_the_sorted_list(
    tmp_path_factory: pytest.TempPathFactory, late: list[int]
) -> None:
    rows = [on(i, late=days) for i, days in enumerate(late)]
    found = team(measure(rows, tmp_path_factory.mktemp("delays")), "nord").delays
    assert found is not None
    ordered = sorted(max(days, 0) for days in late)
    # The smallest value that at least this share of the facts does not exceed.
    assert found.median == ordered[-(-len(late) * 5 // 10) - 1]
    assert found.ninth_decile == ordered[-(-len(late) * 9 // 10) - 1]
    assert found.beyond_7.share == pytest.approx(sum(d > 7 for d in late) / len(late))
    assert found.ahead.share == pytest.approx(sum(d < 0 for d in late) / len(late))


def test_a_correction_replaces_its_fact_and_is_no_delay(tmp_path: Path) -> None:
    rows = [
        on(0, late=1, code="rdv//honore", event_id="a"),
        on(0, late=50, code="rdv//excuse", event_id="a"),
        on(3, event_id="b"),
        on(3, late=9, code="", event_id="b"),
        on(5),
        on(5),
    ]
    found = measure(rows, tmp_path)
    line = team(found, "nord")
    assert {code.code: code.facts.events for code in found.codes} == {
        "rdv//excuse": 1,
        "rdv//honore": 2,
    }
    assert (line.rows, found.counts.events) == (6, 3)
    assert {line.corrected, line.deleted, line.duplicates} == {Share(1 / 6, 1)}
    assert found.counts.amended_persons == 1
    assert line.delays is not None and line.delays.beyond_7 == Share(0, 0)


def test_an_exact_repetition_with_an_id_is_no_correction(tmp_path: Path) -> None:
    line = team(measure([on(0, event_id="a"), on(0, event_id="a")], tmp_path), "nord")
    assert (line.corrected, line.duplicates) == (Share(0, 0), Share(1 / 2, 1))


def test_of_two_versions_recorded_at_once_the_later_row_holds(tmp_path: Path) -> None:
    rows = [on(0, event_id="a"), on(0, code="rdv//excuse", event_id="a")]
    assert [code.code for code in measure(rows, tmp_path).codes] == ["rdv//excuse"]


def test_the_services_doing_is_kept_apart(plain: Quality) -> None:
    assert (*BY_SERVICE, *BY_PERSON, MISSED) == APPOINTMENTS
    assert not set(BY_SERVICE) & {*BY_PERSON, MISSED}
    totals = Counter[str]()
    for line in plain.appointments:
        for code, cell, per_100 in zip(APPOINTMENTS, line.kinds, line.per_100, strict=True):
            totals[code] += cell.events or 0
            assert per_100 == pytest.approx(100 * (cell.events or 0) / (line.proposed.events or 0))
    counted = {code.code: code.facts.events for code in plain.codes}
    assert totals == {code: counted[code] for code in APPOINTMENTS}


def test_a_team_that_records_its_cancellations_as_missed_stands_apart(tmp_path: Path) -> None:
    found = planted().renaming(CANCELLED, MISSED, "insertion-rsa").measure(tmp_path)
    assert [line.team for line in found.appointments if line.unlike] == ["insertion-rsa"]
    line = appointments(found, "insertion-rsa")
    assert line.kinds[APPOINTMENTS.index(CANCELLED)].events == 0
    # The other teams' share brings back about what was there before.
    truth = planted()
    were = ((truth.team == "insertion-rsa") & (truth.events["code"] == CANCELLED)).sum()
    assert line.expected == pytest.approx(were, rel=0.25)


def test_stays_that_lack_something_are_counted_by_person(tmp_path: Path) -> None:
    stays = stays_table(
        [
            ("P1", date(2024, 1, 1), None),
            ("P2", date(2024, 1, 1), None),
            ("P3", date(2024, 1, 1), date(2024, 2, 1)),
            ("P4", date(2024, 10, 1), None),
        ]
    )
    stays.loc[stays["person"] == "P2", "referent"] = pd.NA
    stays.loc[stays["person"] == "P3", "informed_on"] = pd.NaT
    everybody, nord = measure([on(280)], tmp_path, stays).people
    assert everybody == replace(nord, team=None)
    assert (everybody.persons, everybody.present) == (4, 3)
    assert everybody.without_event == 3
    assert everybody.without_referent == 1
    assert everybody.not_informed == 1
    # P1 has a recent fact, P4 came recently, P3 has left.
    assert everybody.silent == 1


def test_facts_belong_to_the_team_of_their_time(tmp_path: Path) -> None:
    stays = stays_table(
        [("P1", date(2024, 1, 1), date(2024, 6, 1)), ("P1", date(2024, 6, 1), None)]
    )
    stays["team"] = ["nord", "sud"]
    found = measure([on(-90), on(0), on(92), on(93)], tmp_path, stays)
    assert {line.team: line.rows for line in found.teams} == {"nord": 2, "sud": 2}


def test_a_date_far_off_does_not_stretch_the_months(tmp_path: Path) -> None:
    found = measure([on(0), on(40_000), on(-40_000)], tmp_path)
    assert len(found.months) == 60
    assert (found.earlier, found.later) == (Cell(1, 1), Cell(1, 1))
    assert team(found, "nord").last_on == date(2024, 3, 1)


def test_an_extract_without_events_is_measured_too(tmp_path: Path) -> None:
    found = measure([], tmp_path)
    assert (found.counts.rows, found.counts.events) == (0, 0)
    assert team(found, "nord").delays is None
    assert team(found, "nord").stopped
    assert [line.month for line in found.months] == ["2024-12"]


def test_a_wildcard_in_the_name_of_the_folder_is_a_letter(tmp_path: Path) -> None:
    folder = tmp_path / "lot[1]"
    folder.mkdir()
    assert measure([on(0)], folder).counts.rows == 1


def test_no_figure_is_by_referent(plain: Quality) -> None:
    """S24: a login is not even handed to what is returned."""
    logins = set(planted().stays["referent"].dropna())
    assert logins
    assert not [login for login in logins if login in str(plain)]


def test_the_same_extract_gives_the_same_figures(plain: Quality, tmp_path: Path) -> None:
    assert planted().knowing_its_codes().measure(tmp_path) == plain
    assert study().name == plain.protocol
