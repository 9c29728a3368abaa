"""The page on time is what the code says, and what a slow second opinion says too."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest

from modeles.families import FOLDS
from modeles.time_example import (
    AS_OF,
    EXTRACTED_ON,
    LATE,
    LOST,
    OCCURRED,
    ORIGINS,
    PERSONS,
    RECORDED,
    Fact,
    Person,
    facts,
    page,
    protocol,
    service,
)
from modeles.validation import Study, build_studies, build_study
from tests.conftest import ROOT
from tests.features import oracle

DAY, HORIZON = timedelta(days=1), timedelta(days=84)


@pytest.fixture(scope="module")
def written() -> str:
    return (ROOT / "docs" / "time.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def studies() -> tuple[Study, ...]:
    return build_studies(protocol(), service(), EXTRACTED_ON, origins=ORIGINS)


def cells(text: str, heading: str) -> Iterator[list[str]]:
    """Return the rows of the first table below a heading, without its head."""
    lines = text.partition(heading)[2].splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("|")) + 2
    for line in lines[start:]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def as_events(person: Person, history: list[Fact]) -> list[oracle.Event]:
    return [
        (person.name, oracle.midnight(occurred), oracle.midnight(recorded), code, None, None)
        for occurred, recorded, code in history
    ]


def test_the_page_in_the_docs_is_what_the_code_says(written: str) -> None:
    assert written == page(), "run: python -m modeles.time_example > docs/time.md"


def test_the_picture_follows_from_the_dates_alone(written: str) -> None:
    """Drawn again from the contract's sentences, with none of the product's code."""
    head, *rows = written.partition("```text\n")[2].partition("```")[0].splitlines()
    names = [name.strip() for name in head.split("  ") if name.strip()]
    starts = [head.index(name) for name in names]
    origins = [date.fromisoformat(name.split()[-1]) for name in names[2:]]
    test, words = origins[-1], set()
    ends = [*origins[1:], date.max]
    for row in rows:
        t, complete, *said = (
            row[start:stop].strip() for start, stop in zip(starts, [*starts[1:], 99], strict=True)
        )
        day = date.fromisoformat(t)
        assert date.fromisoformat(complete) == day + HORIZON
        for origin, end, word in zip(origins, ends, said, strict=True):
            known_by = test if origin < test else EXTRACTED_ON
            if day + HORIZON <= origin:
                expected = "fit"
            elif day < origin:
                expected = "gap"
            elif day < end and day + HORIZON <= known_by:
                expected = "measured"
            else:
                expected = "" if origin < test else "unripe"
            assert word == expected, (t, origin)
            words.add(word)
    assert len(origins) == ORIGINS + 1 and words == {"fit", "gap", "measured", "unripe", ""}


def test_the_oracle_agrees_on_one_date(written: str) -> None:
    person = Person("ada", AS_OF - 90 * DAY)
    stay = (person.name, person.entered, person.left)
    study = oracle.Study(horizon_days=HORIZON.days, codes=(LOST,))
    rows = list(cells(written, "## One review date"))
    for code, occurred, recorded, _, counted, label in rows:
        fact = (date.fromisoformat(occurred), date.fromisoformat(recorded), code.strip("`"))
        history = as_events(person, [fact])
        found = oracle.measure_one(
            history, person.name, oracle.midnight(AS_OF), ["contact"], "count", 28
        )
        said = oracle.label_one(study, [stay], stay, history, AS_OF, EXTRACTED_ON)
        assert (float(counted), float(label)) == (found, said)
        assert float(counted) + float(label) <= 1  # never on both sides
    assert {row[4] for row in rows} == {row[5] for row in rows} == {"0", "1"}


def test_the_oracle_agrees_on_every_label(studies: tuple[Study, ...]) -> None:
    study = oracle.Study(horizon_days=HORIZON.days, codes=(LOST,))
    people = {person.name: person for person in PERSONS}

    def known(name: str, t: datetime, before: date, mature_on: date) -> float | None:
        person = people[name]
        stay = (name, person.entered, person.left)
        history = [fact for fact in facts(person) if fact[1] < before]
        return oracle.label_one(
            study, [stay], stay, as_events(person, history), t.date(), mature_on
        )

    for one in studies:
        split = one.split
        for cohort, before, mature_on in (
            (one.train.cohort, split.origin, split.origin),
            (one.test.cohort, split.known_before, split.mature_on),
        ):
            for name, t, label in cohort[["person", "as_of", "label"]].itertuples(index=False):
                expected = known(name, t, before, mature_on)
                assert expected is not None
                assert label == expected or (math.isnan(label) and math.isnan(expected)), (name, t)
        rows = {*zip(one.train.cohort["person"], one.train.cohort["as_of"].dt.date, strict=True)}
        wanted = {
            (name, t)
            for name in people
            for t in split.train_dates
            if known(name, oracle.midnight(t), split.origin, split.origin) in (0.0, 1.0)
        }
        assert rows == wanted


def test_an_outcome_recorded_late_is_in_later_trainings_alone(
    written: str, studies: tuple[Study, ...]
) -> None:
    """From 0 to 1 where the horizon holds it; null where it had occurred and nobody knew."""
    turned = 0
    for day, *labels in cells(written, "## What was known when"):
        t = date.fromisoformat(day)
        for study, said in zip(studies, labels, strict=True):
            if t not in study.split.train_dates:
                expected = "gap" if t < study.split.origin else ""
            elif study.split.origin <= RECORDED:
                expected = "0"
            elif t > OCCURRED:
                expected = "null"
            else:
                expected = "1" if t + HORIZON > OCCURRED else "0"
            assert said == expected, (t, study.split.origin)
        turned += labels[0] == "0" and labels[-1] == "1"
    assert turned and any(study.split.origin <= RECORDED for study in studies), LATE


def test_households_stand_where_the_page_says(written: str, studies: tuple[Study, ...]) -> None:
    fixed = build_study(protocol(studies[-1].test_from), service(), EXTRACTED_ON)
    assert not set(fixed.train.cohort["household"]) & set(fixed.test.cohort["household"])
    rows = list(cells(written, "## Whose rows stand"))
    members = {name: row[0] for row in rows for name in row[1].split(", ")}
    assert members == {person.name: person.household for person in PERSONS}
    for household, _, fold, half, _, measured, alone in rows:
        assert int(fold) == int(household, 16) % FOLDS
        assert half == ("first" if int(fold) % 2 == 0 else "second")
        assert measured == "0" or alone == "0"
