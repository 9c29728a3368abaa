"""Rolling origins and the test: who is on which side, and what was known when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features.engine import FrameEngine
from features.point_in_time import review_dates
from features.protocol import Protocol
from modeles.families import FOLDS
from modeles.validation import (
    HALVES,
    OneClass,
    Split,
    Study,
    TooLittleHistory,
    build_studies,
    build_study,
    rolling_splits,
)
from tests.features.builders import events_table, protocol, stays_table
from tests.modeles.builders import UNTIL, Material


def test_training_labels_were_over_when_the_test_began(study: Study) -> None:
    horizon = timedelta(days=study.protocol.outcome.horizon_days)
    assert study.train.cohort["as_of"].max() + horizon <= pd.Timestamp(study.test_from)
    assert study.test.cohort["as_of"].min() >= pd.Timestamp(study.test_from)
    mature = review_dates(
        study.protocol.cadence, study.test.cohort["as_of"].max().date(), UNTIL - horizon
    )
    assert mature[-1:] == (study.test.cohort["as_of"].max().date(),)


def test_a_model_is_chosen_only_on_labels_that_were_over(material: Material) -> None:
    """Whatever day the extract was made, no label of the test counts before its time was over."""
    horizon = timedelta(days=material.protocol.outcome.horizon_days)
    for extracted_on in (UNTIL, UNTIL - timedelta(days=45)):
        known = material.events["recorded_at"] < pd.Timestamp(extracted_on + timedelta(days=1))
        engine = FrameEngine(material.stays, material.events[known].reset_index(drop=True))
        cohort = build_study(material.protocol, engine, extracted_on).test.cohort
        counted = cohort[cohort["label"].notna()]
        assert len(counted) and (counted["as_of"] + horizon <= pd.Timestamp(extracted_on)).all()


def test_a_kind_of_fact_unknown_before_the_test_is_in_no_feature(material: Material) -> None:
    """Half of the messages get a new code during the test: as if they were not there."""
    test_from = pd.Timestamp(build_study(material.protocol, material.engine, UNTIL).test_from)
    new = (
        (material.events["code"] == "contact//message")
        & (material.events["occurred_at"] >= test_from)
        & material.events["event_id"].isna()
        & (np.arange(len(material.events)) % 2 == 0)
    )
    renamed = material.events.assign(
        code=material.events["code"].mask(new, "contact//message//video")
    )
    dropped = material.events[~new].reset_index(drop=True)
    found, without = (
        build_study(material.protocol, FrameEngine(material.stays, events), UNTIL)
        for events in (renamed, dropped)
    )
    assert "contact//message//video" not in found.vocabulary == without.vocabulary
    assert found.test.values.tobytes() == without.test.values.tobytes()
    assert found.test.other.sum() > 0 == without.test.other.sum()
    assert found.train.values.tobytes() == without.train.values.tobytes()


def test_an_outcome_recorded_after_the_test_began_is_not_in_a_training_label(
    material: Material, study: Study
) -> None:
    """What the service learnt of the past after the first test day is not in the training."""
    test_from = pd.Timestamp(study.test_from)
    learnt = (material.events["recorded_at"] >= test_from) & (
        material.events["occurred_at"] < test_from
    )
    assert learnt.any()
    without = build_study(
        material.protocol, FrameEngine(material.stays, material.events[~learnt]), UNTIL
    )
    pd.testing.assert_frame_equal(without.train.cohort, study.train.cohort)
    np.testing.assert_array_equal(without.train.values, study.train.values)


def test_a_household_stays_on_one_side_where_the_protocol_sets_the_test(
    material: Material, study: Study
) -> None:
    plain = material.protocol.model_dump()
    plain["validation"]["test_from"] = study.test_from
    fixed = build_study(Protocol(**plain), material.engine, UNTIL)
    assert not set(fixed.train.cohort["household"]) & set(fixed.test.cohort["household"])
    assert set(fixed.test_fold) == set(range(FOLDS))  # one bag each, also for new people


def test_members_of_a_household_share_a_fold(study: Study) -> None:
    folds = pd.Series(study.train_fold).groupby(study.train.cohort["household"].to_numpy())
    assert (folds.nunique() == 1).all()


def test_one_early_stay_does_not_move_the_test(material: Material, study: Study) -> None:
    early = material.stays.iloc[[0]].assign(
        person="0" * 32, household="0" * 32, entered_on=pd.Timestamp("2004-01-05")
    )
    stays = pd.concat([material.stays, early.astype(material.stays.dtypes)], ignore_index=True)
    moved = build_study(material.protocol, FrameEngine(stays, material.events), UNTIL)
    assert abs(moved.test_from - study.test_from) <= timedelta(
        days=material.protocol.cadence.every_days
    )


def test_a_model_is_measured_again_on_its_own_test(material: Material, study: Study) -> None:
    """Whoever was imported later, the test begins where the model's own began."""
    later = study.test_from + timedelta(days=56)
    again = build_study(
        material.protocol, material.engine, UNTIL, test_from=later, vocabulary=study.vocabulary
    )
    assert again.test_from == later and again.vocabulary == study.vocabulary
    assert again.test.cohort["as_of"].min() >= pd.Timestamp(later)


def test_a_person_whose_household_is_given_once_stays_on_one_side(material: Material) -> None:
    """Given for the first stay alone, a household still holds the person's later stays."""
    again = material.stays["person"].duplicated(keep="first")
    returned = material.stays["person"].isin(material.stays.loc[again, "person"])
    assert returned.sum() > 20
    shared = material.stays["household"].mask(returned & ~again, "f" * 32)
    stays = material.stays.assign(household=shared)
    engine = FrameEngine(stays, material.events)
    found = build_study(material.protocol, engine, UNTIL)
    folds = pd.concat(
        [
            part.cohort[["person"]].assign(fold=fold)
            for part, fold in ((found.train, found.train_fold), (found.test, found.test_fold))
        ]
    )
    assert (folds.groupby("person")["fold"].nunique() == 1).all()
    plain = material.protocol.model_dump()
    plain["validation"]["test_from"] = found.test_from
    fixed = build_study(Protocol(**plain), engine, UNTIL)
    assert not set(fixed.train.cohort["person"]) & set(fixed.test.cohort["person"])


def test_histories_too_short_are_refused(material: Material) -> None:
    early = material.stays["entered_on"].min().date() + timedelta(days=120)
    with pytest.raises(TooLittleHistory, match="90 days"):
        build_study(material.protocol, material.engine, early)


def test_a_window_with_one_class_is_refused(material: Material) -> None:
    outcome = material.events["code"] == "lien//interruption"
    late = material.events["recorded_at"] > pd.Timestamp("2026-08-01")
    engine = FrameEngine(material.stays, material.events[~outcome | late])
    with pytest.raises(OneClass, match="only the label 0"):
        build_study(material.protocol, engine, UNTIL)


# Rolling origins. A history small enough to be changed a hundred times over.

OUTCOME = '[outcome]\nlabel = "x"\nhorizon_days = 56\ncodes = ["lien//interruption"]'
ONCE = protocol(outcome=OUTCOME)
REPEATING = protocol(outcome=f"{OUTCOME}\nrepeats = true")
PEOPLE = 48
BEGIN = pd.Timestamp("2024-01-01")
EXTRACT = date(2025, 12, 29)
PERSONS = [f"{n * 2654435761 % 2**32:08x}" + "0" * 24 for n in range(PEOPLE)]


def small_stays() -> pd.DataFrame:
    """Everybody entered within a year; nobody has left; two in one household here and there."""
    stays = stays_table(
        [(p, (BEGIN + pd.Timedelta(days=7 * n)).date(), None) for n, p in enumerate(PERSONS)]
    )
    shared = [PERSONS[n - 1] if n % 6 == 1 else p for n, p in enumerate(PERSONS)]
    return stays.assign(household=pd.Series(shared, dtype="str"))


def small_events() -> pd.DataFrame:
    """Two years of appointments and outcomes, some recorded weeks later, some with an id."""
    rng = np.random.default_rng(4)
    rows = []
    for n, person in enumerate(PERSONS):
        for day in rng.integers(7 * n, 728, 16).tolist():
            code = ("rdv//honore", "rdv//non_honore", "lien//interruption")[
                int(rng.choice(3, p=(0.55, 0.3, 0.15)))
            ]
            occurred = BEGIN + pd.Timedelta(days=day, hours=9)
            late = pd.Timedelta(days=int(rng.choice([0, 0, 0, 20, 70])), hours=1)
            identifier = f"e{len(rows)}" if rng.random() < 0.5 else None
            rows.append((person, occurred, occurred + late, code, 1.0, identifier))
    return events_table(sorted(rows, key=lambda row: (row[2], row[0])))


STAYS, EVENTS = small_stays(), small_events()
KINDS = pytest.mark.parametrize("kind", [ONCE, REPEATING], ids=["once", "repeats"])


def laid_out(kind: Protocol, events: pd.DataFrame = EVENTS) -> tuple[Study, ...]:
    return build_studies(kind, FrameEngine(STAYS, events), EXTRACT)


A_FEW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # A failing history is large anyway; to make it smaller would take minutes.
    phases=(Phase.reuse, Phase.generate),
)
UNCHANGED = {id(kind): laid_out(kind) for kind in (ONCE, REPEATING)}


def same(one: Study, other: Study, *, test_too: bool) -> None:
    """Equal to the last byte: dates, codes, features and labels."""
    assert one.split == other.split
    assert one.vocabulary == other.vocabulary
    parts = [(one.train, other.train), *([(one.test, other.test)] if test_too else [])]
    for a, b in parts:
        assert a.names == b.names
        assert a.values.tobytes() == b.values.tobytes()
        assert a.other.tobytes() == b.other.tobytes()
        pd.testing.assert_frame_equal(a.cohort, b.cohort)


@st.composite
def later_records(draw: st.DrawFn, moment: pd.Timestamp) -> pd.DataFrame:
    """The history with what was recorded from a moment on deleted, changed, and added to."""
    later = (EVENTS["recorded_at"] >= moment).to_numpy()
    rows = np.flatnonzero(later)
    dropped = draw(st.sets(st.sampled_from(rows.tolist()), max_size=40)) if len(rows) else set()
    kept = EVENTS.drop(index=sorted(dropped)).reset_index(drop=True)
    known = kept.index[(kept["recorded_at"] >= moment).to_numpy()]
    code = st.sampled_from(["rdv//honore", "rdv//inconnu", "lien//interruption", "lien", ""])
    changed = draw(st.sets(st.sampled_from(known.tolist()), max_size=20)) if len(known) else set()
    for row in sorted(changed):
        kept.loc[row, "code"] = draw(code.filter(bool))
        kept.loc[row, "occurred_at"] -= pd.Timedelta(days=draw(st.integers(0, 300)))
    identified = EVENTS.dropna(subset="event_id")
    rows_added = []
    for _ in range(draw(st.integers(0, 12))):
        recorded = moment + pd.Timedelta(days=draw(st.integers(0, 60)))
        occurred = recorded - pd.Timedelta(days=draw(st.integers(-30, 500)))
        word = draw(code)
        if not word or draw(st.booleans()):  # corrects or deletes what was known before
            old = identified.iloc[draw(st.integers(0, len(identified) - 1))]
            rows_added.append((old["person"], occurred, recorded, word, 2.0, old["event_id"]))
        else:
            rows_added.append((draw(st.sampled_from(PERSONS)), occurred, recorded, word, 1.0, None))
    return pd.concat([kept, events_table(rows_added)], ignore_index=True).astype(EVENTS.dtypes)


@KINDS
@A_FEW
@given(data=st.data())
def test_nothing_recorded_from_an_origin_on_changes_what_is_fitted_there(
    kind: Protocol, data: st.DataObject
) -> None:
    before = UNCHANGED[id(kind)]
    number = data.draw(st.integers(0, len(before) - 1))
    moment = pd.Timestamp(before[number].split.origin)
    try:
        after = laid_out(kind, data.draw(later_records(moment)))
    except OneClass:
        return  # what was learnt later leaves the test itself nothing to be measured by
    found = {study.split.origin: study for study in after}
    for study in before[: number + 1]:
        # An origin is left out if what was learnt later leaves it nothing to be measured by.
        if study.split.origin in found:
            same(study, found[study.split.origin], test_too=False)


@KINDS
@A_FEW
@given(data=st.data())
def test_the_choice_sees_nothing_recorded_after_the_test_began(
    kind: Protocol, data: st.DataObject
) -> None:
    """Selection maturity: not one byte of an origin depends on what the test could have taught."""
    *before, test = UNCHANGED[id(kind)]
    try:
        *after, last = laid_out(kind, data.draw(later_records(pd.Timestamp(test.split.origin))))
    except OneClass:
        return  # the test itself, which is looked at later, cannot be measured any more
    assert len(after) == len(before)
    for one, other in zip(before, after, strict=True):
        same(one, other, test_too=True)
    same(test, last, test_too=False)


@KINDS
def test_labels_of_an_origin_were_complete_and_known(kind: Protocol) -> None:
    horizon = timedelta(days=kind.outcome.horizon_days)
    *origins, test = UNCHANGED[id(kind)]
    assert len(origins) >= 4
    for study in origins:
        assert study.train.cohort["label"].notna().all()
        assert study.train.cohort["as_of"].max() + horizon <= pd.Timestamp(study.split.origin)
        assert study.test.cohort["as_of"].min() >= pd.Timestamp(study.split.origin)
        assert study.test.cohort["as_of"].max() + horizon <= pd.Timestamp(test.split.origin)
        assert study.split.mature_on == study.split.known_before == test.split.origin
        assert set(study.split.test_dates) <= set(test.split.train_dates)


def test_the_windows_of_the_origins_follow_each_other_without_a_gap(
    studies: tuple[Study, ...],
) -> None:
    *origins, test = studies
    assert len(origins) >= 4
    for earlier, later in pairwise(studies):
        assert max(earlier.split.test_dates) < later.split.origin
    covered = [day for study in origins for day in study.split.test_dates]
    assert covered == [t for t in test.split.train_dates if t >= origins[0].split.origin]


@settings(max_examples=60, deadline=None)
@given(
    dates=st.integers(1, 60),
    every=st.integers(1, 60),
    wanted=st.integers(0, 12),
    gap=st.integers(0, 500),
)
def test_origins_are_few_ordered_and_cover_what_is_left(
    dates: int, every: int, wanted: int, gap: int
) -> None:
    """Short histories and service breaks too: no origin, or origins that keep the law."""
    horizon = timedelta(days=ONCE.outcome.horizon_days)
    first = date(2024, 1, 1)
    train = tuple(first + timedelta(days=every * n) for n in range(dates))
    origin = train[-1] + horizon
    away = date(2024, 3, 1)
    stays = stays_table([("a", date(2023, 1, 1), away), ("b", away + timedelta(days=gap), None)])
    test = Split(origin, train, (origin,), origin + horizon, origin + horizon)
    found = rolling_splits(ONCE, stays, test, wanted)
    assert len(found) <= wanted
    for split in found:
        assert split.train_dates and split.test_dates
        assert max(split.train_dates) + horizon <= split.origin == min(split.test_dates)
        assert split.mature_on == split.known_before == origin
    for one, other in pairwise(found):
        assert max(one.test_dates) < other.origin
    if found:
        inside = [t for t in train if anybody_in(stays, t)]
        assert [t for split in found for t in split.test_dates] == [
            t for t in inside if t >= found[0].origin
        ]


def anybody_in(stays: pd.DataFrame, t: date) -> bool:
    day = pd.Timestamp(t)
    begun = stays["entered_on"] + pd.Timedelta(days=ONCE.population.min_history_days) <= day
    return bool((begun & (stays["left_on"].isna() | (stays["left_on"] >= day))).any())


@pytest.mark.parametrize("left", [pd.NaT, pd.Timestamp("2005-06-01")], ids=["still in", "left"])
def test_one_early_stay_takes_no_origin_away(
    material: Material, studies: tuple[Study, ...], left: pd.Timestamp
) -> None:
    early = material.stays.iloc[[0]].assign(
        person="0" * 32, household="0" * 32, entered_on=pd.Timestamp("2004-01-05"), left_on=left
    )
    stays = pd.concat([material.stays, early.astype(material.stays.dtypes)], ignore_index=True)
    found = build_studies(material.protocol, FrameEngine(stays, material.events), UNTIL)
    assert [s.split.origin for s in found] == [s.split.origin for s in studies]


def halved(positives: Sequence[str]) -> pd.DataFrame:
    """Everybody comes regularly; some, and in the test everybody now and then, drop out."""
    rows = []
    for n, person in enumerate(PERSONS):
        for day in range(0, 728, 14):
            at = BEGIN + pd.Timedelta(days=day, hours=9)
            rows.append((person, at, at, "rdv//honore", None, None))
            if (day < 400 and person in positives) or (day >= 400 and n % 5 == day % 5):
                rows.append((person, at, at, "lien//interruption", None, None))
    return events_table(rows)


def test_an_origin_that_one_half_cannot_be_fitted_on_is_left_out() -> None:
    """Enough folds have a positive, but all of them stand in the same half."""
    even = [p for n, p in enumerate(PERSONS) if int(p[:8], 16) % HALVES == 0 and n % 6 > 1]
    assert len({int(p[:8], 16) % FOLDS for p in even}) > 1
    *origins, test = laid_out(REPEATING, halved(even))
    for study in origins:
        assert study.train.cohort["label"][study.train_fold != 0].nunique() == 2
    assert test.train.cohort["label"].nunique() == 2


def test_a_household_of_the_test_leaves_its_training_but_not_that_of_the_origins(
    material: Material, study: Study
) -> None:
    plain = material.protocol.model_dump()
    plain["validation"]["test_from"] = study.test_from
    *origins, test = build_studies(Protocol(**plain), material.engine, UNTIL)
    assert not set(test.train.cohort["household"]) & set(test.test.cohort["household"])
    assert origins
    for origin in origins:
        own = set(origin.test.cohort["household"])
        assert own & set(origin.train.cohort["household"])
