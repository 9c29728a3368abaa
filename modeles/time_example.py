"""The arithmetic of time on one small invented service; ``docs/time.md`` is its output.

``python -m modeles.time_example`` prints the page. Every date, label and count in it is what
the code that trains answers when it is asked about a dozen histories; a test holds the page to
them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from features.engine import FrameEngine
from features.point_in_time import Matrix, Question, review_dates
from features.protocol import Protocol, parse_protocol
from features.tables import EVENTS, STAYS
from modeles.validation import (
    HALVES,
    Split,
    Study,
    build_studies,
    build_study,
    rolling_splits,
    test_split,
)

EXTRACTED_ON = date(2026, 12, 7)
"""The day of the extract: nothing is known after it."""

ORIGINS = 3
"""Few enough to be drawn; a training takes up to :data:`modeles.validation.ORIGINS`."""

AS_OF = date(2025, 7, 21)
"""The review date that is looked at closely."""

VISIT, VIDEO, LOST = "contact//visite", "contact//visio", "lien//interruption"

PROTOCOL = """
name = "exemple"
purpose = "prevention"
[population]
min_history_days = 28
[cadence]
every_days = 28
start = 2025-01-06
[outcome]
label = "interruption du lien"
horizon_days = 84
codes = ["lien//interruption"]
[features]
windows_days = [28]
[[features.group]]
name = "contacts"
codes = ["contact"]
measures = ["count"]
wording = "contact|contacts"
reason = "exemple"
"""


@dataclass(frozen=True)
class Person:
    """One invented history: a stay, and perhaps an interruption and when it was recorded."""

    name: str
    entered: date
    left: date | None = None
    lost: date | None = None
    recorded: date | None = None
    shares: str = ""

    @property
    def household(self) -> str:
        """Whose household it is: one's own unless it is shared."""
        return self.shares or self.name


LATE = "fae"
"""Whose interruption was recorded four months after it had occurred."""

OCCURRED, RECORDED = date(2025, 5, 20), date(2025, 9, 24)
"""When :data:`LATE` was interrupted, and when that became known."""

PERSONS = (
    Person("ada", date(2024, 12, 2)),
    Person(
        "abe", date(2025, 3, 10), lost=date(2026, 6, 3), recorded=date(2026, 6, 8), shares="ada"
    ),
    Person("bec", date(2024, 12, 2), date(2025, 4, 14), date(2025, 4, 10), date(2025, 4, 14)),
    Person("deb", date(2024, 12, 2), date(2025, 6, 12), date(2025, 6, 5), date(2025, 6, 12)),
    Person("fae", date(2024, 12, 2), RECORDED, OCCURRED, RECORDED),
    Person("dee", date(2025, 1, 6), date(2025, 9, 2), date(2025, 8, 30), date(2025, 9, 2)),
    Person("ed", date(2024, 12, 2), date(2025, 11, 10), date(2025, 11, 5), date(2025, 11, 10)),
    Person("abed", date(2025, 2, 3), date(2026, 1, 20), date(2026, 1, 10), date(2026, 1, 20)),
    Person("ebba", date(2025, 6, 2)),
    Person("cade", date(2025, 8, 4), lost=date(2026, 7, 6), recorded=date(2026, 7, 7)),
    Person("fab", date(2026, 1, 12)),
    Person("cec", date(2026, 1, 12)),
)
"""Nobody: their names are written with hexadecimal digits alone, as pseudonyms are."""

SINCE_VIDEO = date(2025, 10, 1)
"""From this day on contacts are by video, a kind of fact that was not there before."""

Fact = tuple[date, date, str]
"""When it occurred, when it was recorded, and what."""


def protocol(test_from: date | None = None) -> Protocol:
    """Return the invented protocol, perhaps with the day the test begins."""
    given = f"[validation]\ntest_from = {test_from}\n" if test_from else ""
    return parse_protocol(PROTOCOL + given)


def facts(person: Person) -> list[Fact]:
    """Return a contact every three weeks, recorded on the next day, and the interruption."""
    last = person.lost or person.left or EXTRACTED_ON
    found = []
    day = person.entered
    while day < last:
        found.append((day, day + timedelta(days=1), VISIT if day < SINCE_VIDEO else VIDEO))
        day += timedelta(days=21)
    if person.lost and person.recorded:
        found.append((person.lost, person.recorded, LOST))
    return found


def engine(histories: Sequence[tuple[Person, Sequence[Fact]]]) -> FrameEngine:
    """Give histories to the engine that reads them in memory."""
    people = [person for person, _ in histories]
    stays = pd.DataFrame(
        {
            "person": [p.name for p in people],
            "entered_on": [p.entered for p in people],
            "left_on": [p.left for p in people],
            "team": "T",
            "referent": "R",
            "informed_on": [p.entered for p in people],
            "household": [p.household for p in people],
        }
    )
    events = pd.DataFrame(
        [
            (person.name, occurred, recorded, code, None, None)
            for person, history in histories
            for occurred, recorded, code in history
        ],
        columns=list(EVENTS.columns),
    )
    times = dict.fromkeys(("entered_on", "left_on", "informed_on"), "datetime64[us]")
    clocks = dict.fromkeys(("occurred_at", "recorded_at"), "datetime64[us]")
    texts = dict.fromkeys(("person", "code", "event_id"), "str")
    return FrameEngine(
        STAYS.validate(stays.astype(times)),
        EVENTS.validate(events.astype({**clocks, **texts, "numeric_value": "float64"})),
    )


def service() -> FrameEngine:
    """Return everybody's histories."""
    return engine([(person, facts(person)) for person in PERSONS])


def planned() -> tuple[Split, ...]:
    """Lay out the rolling origins, then the test."""
    stays = service().stays()
    last = test_split(protocol(), stays, EXTRACTED_ON)
    return (*rolling_splits(protocol(), stays, last, ORIGINS), last)


def page() -> str:
    """Return ``docs/time.md``, whole."""
    splits, studies = planned(), build_studies(protocol(), service(), EXTRACTED_ON, origins=ORIGINS)
    parts = (
        _service(),
        _one_date(),
        _splits(splits),
        _known_when(studies),
        _households(studies),
        _selection(splits),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _service() -> list[str]:
    told = protocol()
    return [
        "# The arithmetic of time, worked through",
        "",
        "Made by `python -m modeles.time_example` from the code that trains; nobody writes a date, "
        "a label or a count by hand. The service is invented: a dozen histories, the names in them "
        "written with hexadecimal digits alone, as pseudonyms are.",
        "",
        f"Its protocol looks at everybody every {told.cadence.every_days} days from "
        f"{told.cadence.start} on, {told.population.min_history_days} days after they entered at "
        f"the earliest, and asks whether the link is interrupted within "
        f"{told.outcome.horizon_days} days. The extract is of {EXTRACTED_ON}: nothing is known "
        "after that day. Everybody has a contact every three weeks, recorded on the next day, "
        f"from {SINCE_VIDEO} on by video (`{VIDEO}`).",
        "",
        *_table(
            ("person", "household", "entered", "left", "interruption", "recorded", "days late"),
            (
                (
                    p.name,
                    p.household,
                    p.entered,
                    p.left or "",
                    p.lost or "",
                    p.recorded or "",
                    (p.recorded - p.lost).days if p.lost and p.recorded else "",
                )
                for p in PERSONS
            ),
        ),
        "",
        f"Remember {LATE}: interrupted on {OCCURRED}, known only on {RECORDED}.",
    ]


def _one_date() -> list[str]:
    """Ask about one fact at a time: a history that holds nothing else says what it counts in."""
    horizon = timedelta(days=protocol().outcome.horizon_days)
    end, day = AS_OF + horizon, timedelta(days=1)
    alone: tuple[tuple[str, Fact], ...] = (
        ("occurred and recorded before", (AS_OF - 10 * day, AS_OF - day, VISIT)),
        ("recorded on the review date", (AS_OF - 10 * day, AS_OF, VISIT)),
        ("occurred on the review date", (AS_OF, AS_OF, VISIT)),
        ("occurred on the review date", (AS_OF, AS_OF + day, LOST)),
        ("the last day of the horizon", (end - day, end, LOST)),
        ("the same, recorded on the day of the extract", (end - day, EXTRACTED_ON, LOST)),
        ("the day after", (end, end + day, LOST)),
    )
    rows = []
    for what, fact in alone:
        counted, label = _alone(fact, EXTRACTED_ON)
        occurred, recorded, code = fact
        rows.append((f"`{code}`", occurred, recorded, what, f"{counted:.0f}", _said(label)))
    ripe = next(
        extract
        for extract in (AS_OF + n * day for n in range(horizon.days * 2))
        if not math.isnan(_alone(alone[0][1], extract)[1])
    )
    return [
        f"## One review date: {AS_OF}",
        "",
        f"A review date `t` is 00:00 of a day. A feature counts what occurred **and** was "
        f"recorded before it; the label covers `t <= occurred < t + {horizon.days} days`, which is "
        f"from {AS_OF} to {end} not included. Below, each fact stands alone in a history, and the "
        "code says what comes of it: every fact is in the features, in the label or in neither, "
        "never in both.",
        "",
        *_table(("fact", "occurred", "recorded", "", "contacts counted", "label"), rows),
        "",
        f"The label is complete, or *mature*, when the whole horizon is over, whatever is known "
        f"before: an extract of {ripe - day} leaves it null, one of {ripe} does not. "
        "More about labels: [labels.md](labels.md).",
    ]


def _alone(fact: Fact, extracted_on: date) -> tuple[float, float]:
    """Return the feature and the label at the review date of a history with one fact."""
    person = Person("ada", AS_OF - timedelta(days=90))
    question = Question(
        protocol(),
        (AS_OF,),
        mature_on=extracted_on,
        known_before=extracted_on + timedelta(days=1),
    )
    (matrix,) = engine([(person, [fact])]).matrices([question])
    return float(matrix.values[0, 0]), float(matrix.cohort["label"].iloc[0])


def _splits(splits: Sequence[Split]) -> list[str]:
    horizon = timedelta(days=protocol().outcome.horizon_days)
    first = min(splits[-1].train_dates)
    dates = review_dates(protocol().cadence, first, EXTRACTED_ON)
    head = ["review date", "label complete", *_titles(splits)]
    lines = [
        [t.isoformat(), (t + horizon).isoformat(), *(place(split, t) for split in splits)]
        for t in dates
    ]
    gap = sum(place(splits[-1], t) == "gap" for t in dates)
    return [
        "## Which dates are fitted on, and which are measured",
        "",
        "Each column is one split. Its origin is the day the fit is made. The last one is the "
        "test: the protocol sets no `test_from`, so it begins when two thirds of the situations "
        f"have been looked at. The {len(splits) - 1} before it are the same study laid out as of "
        "an earlier day.",
        "",
        "```text",
        *_aligned([head, *lines]),
        "```",
        "",
        "- **fit**: the label was complete at the origin, `t + horizon <= origin`. Nothing else "
        "is learnt from.",
        f"- **gap**: the date is past, but its label was not complete. It cannot be learnt from "
        f"and is not measured either; before the test these are {gap} dates, and they are "
        "the price of a long horizon.",
        "- **measured**: from the origin up to the next one, for the test up to the last date "
        "whose label the extract can complete.",
        "- **unripe**: the horizon ends after the extract.",
        "- An empty place is later than what the split may look at.",
    ]


def place(split: Split, t: date) -> str:
    """Say what a review date is to a split."""
    if t in split.train_dates:
        return "fit"
    if t < split.origin:
        return "gap"
    if t in split.test_dates:
        return "measured"
    return "unripe" if split.mature_on == EXTRACTED_ON else ""


def _known_when(studies: Sequence[Study]) -> list[str]:
    near = timedelta(days=protocol().outcome.horizon_days + protocol().cadence.every_days)
    dates = [t for t in studies[-1].split.train_dates if OCCURRED - near <= t <= RECORDED]
    rows = [(t, *(_label(study, LATE, t) for study in studies)) for t in dates]
    origins = [study.split.origin for study in studies]
    return [
        "## What was known when",
        "",
        "An origin knows neither facts nor outcomes that were recorded from its day on. "
        f"So the labels of one person differ from origin to origin. Those of {LATE}, "
        f"interrupted on {OCCURRED}, recorded on {RECORDED}:",
        "",
        *_table(("review date", *(f"fitted on {day}" for day in origins)), rows),
        "",
        f"Before {RECORDED} the label was **0**, which was wrong and which was what the "
        "service knew: a model fitted that day would have learnt from it, so the model that "
        "is measured as of that day does too. Later it is **1** for the dates whose horizon holds "
        "the interruption, and **null** for those on which it had occurred and nobody knew: they "
        "are not learnt from. **gap** and empty places are those of the picture above.",
        "",
        "What the fits were given, and what they were measured on. A kind of fact that had not "
        "been recorded before the origin is in no feature there; it is counted apart.",
        "",
        *_table(
            (
                "origin",
                "rows fitted on",
                "of them 1",
                "codes known",
                "rows measured",
                "of them 1",
                "facts of unknown kinds",
            ),
            (
                (
                    study.split.origin,
                    len(study.train.cohort),
                    int(study.train.cohort["label"].sum()),
                    ", ".join(f"`{code}`" for code in sorted(study.vocabulary)),
                    len(study.test.cohort),
                    int(study.test.cohort["label"].sum()),
                    int(study.test.other.sum()),
                )
                for study in studies
            ),
        ),
    ]


def _label(study: Study, person: str, t: date) -> str:
    """Say what a fit was given for one person and date, or why it was given nothing."""
    split = study.split
    if t not in split.train_dates:
        return "gap" if place(split, t) == "gap" else ""
    asked = Question(study.protocol, (t,), mature_on=split.origin, known_before=split.origin)
    (everybody,) = service().matrices([asked])
    given, known = (
        m.cohort["label"][(m.cohort["person"] == person) & (m.cohort["as_of"] == pd.Timestamp(t))]
        for m in (study.train, everybody)
    )
    return _said(float(known.iloc[0] if given.empty else given.iloc[0]))


def _households(studies: Sequence[Study]) -> list[str]:
    test = studies[-1]
    fixed = build_study(protocol(test.test_from), service(), EXTRACTED_ON)
    everybody = {
        household: int(fold)
        for matrix, folds in ((test.train, test.train_fold), (test.test, test.test_fold))
        for household, fold in zip(matrix.cohort["household"], folds, strict=True)
    }
    rows = [
        (
            household,
            ", ".join(p.name for p in PERSONS if p.household == household),
            fold,
            "first" if fold % HALVES == 0 else "second",
            *(_rows_of(matrix, household) for matrix in (test.train, test.test, fixed.train)),
        )
        for household, fold in sorted(everybody.items())
    ]
    both, still = (
        len(set(study.train.cohort["household"]) & set(study.test.cohort["household"]))
        for study in (test, fixed)
    )
    return [
        "## Whose rows stand on which side",
        "",
        "A household belongs to one fold for good, read off its pseudonym. At the test each fold "
        "has a fit that leaves it out, and by that one the household is judged. At an earlier "
        f"origin there is one fit, which leaves out one of {HALVES} halves and judges it, turn "
        "about. So the same people may be fitted on and measured, as they are in service, and yet "
        "nobody is judged by what has seen them.",
        "",
        *_table(
            (
                "household",
                "persons",
                "fold",
                "half at the origins",
                f"rows fitted on, test of {test.test_from}",
                "rows measured",
                f"rows fitted on where the protocol says `test_from = {test.test_from}`",
            ),
            rows,
        ),
        "",
        f"Where the protocol itself sets `test_from`, it goes further: whoever is in the test "
        f"leaves the training, household by household. Of {len(test.train.cohort)} rows "
        f"{len(fixed.train.cohort)} remain, and {still} households have rows on both sides, where "
        f"{both} had.",
    ]


def _selection(splits: Sequence[Split]) -> list[str]:
    horizon = timedelta(days=protocol().outcome.horizon_days)
    *origins, test = splits
    rows = [
        (
            split.origin,
            split.test_dates[0],
            split.test_dates[-1],
            split.test_dates[-1] + horizon,
            split.known_before,
        )
        for split in origins
    ]
    newest = max(split.test_dates[-1] for split in origins) + horizon
    return [
        "## Selected on what was known",
        "",
        "Which family and which setting is taken is settled on the earlier origins alone, as if "
        f"today were {test.origin}, the day the test begins: the last of the labels they are "
        f"measured on was complete on {newest}, and no outcome recorded from {test.origin} on is "
        "in any of them. The test is looked at once, after that.",
        "",
        *_table(
            (
                "origin",
                "measured from",
                "to",
                "last label complete",
                "outcomes recorded before",
            ),
            rows,
        ),
    ]


def _titles(splits: Sequence[Split]) -> list[str]:
    *origins, test = (split.origin.isoformat() for split in splits)
    return [*(f"origin {day}" for day in origins), f"test {test}"]


def _rows_of(matrix: Matrix, household: str) -> int:
    return int(np.count_nonzero(matrix.cohort["household"] == household))


def _said(label: float) -> str:
    return "null" if math.isnan(label) else f"{label:.0f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(map(str, line))} |" for line in lines]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


if __name__ == "__main__":
    print(page(), end="")
