"""What a label is and why, on a handful of invented histories; ``docs/labels.md`` is its output.

``python -m features.label_table`` prints the page. The labels are computed by the code that
trains, and a test holds the page to them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from features.engine import FrameEngine
from features.point_in_time import EmptyCohort, Question
from features.protocol import Protocol, parse_protocol
from features.tables import EVENTS, STAYS

EXTRACTED_ON = date(2025, 12, 31)
"""The day of the extract in every example."""

HORIZON = 90

_Outcome = dict[str, object]
EVENT: _Outcome = {"kind": "event", "codes": ["lien//interruption"]}
REPEATING: _Outcome = {**EVENT, "repeats": True}
SILENCE: _Outcome = {"kind": "silence", "codes": ["contact", "rdv//honore"], "at_risk_days": 60}


@dataclass(frozen=True)
class Fact:
    """One row of events: when it occurred, when it was recorded, what."""

    occurred: str
    code: str
    recorded: str = ""
    event_id: str | None = None

    @property
    def text(self) -> str:
        """The fact as the page shows it."""
        known = f", recorded {self.recorded}" if self.recorded else ""
        return f"{self.occurred}{known}: {self.code or 'taken back'}"


@dataclass(frozen=True)
class Example:
    """One history, the review date asked about, and why the label is what it is."""

    title: str
    outcome: _Outcome
    facts: tuple[Fact, ...]
    as_of: str
    why: str
    stays: tuple[tuple[str, str], ...] = (("2025-01-01", ""),)

    def label(self) -> str:
        """Return ``out``, ``null``, ``0`` or ``1``, as the code that trains finds it."""
        as_of = date.fromisoformat(self.as_of)
        question = Question(
            _protocol(self.outcome), (as_of,), EXTRACTED_ON, EXTRACTED_ON + timedelta(days=1)
        )
        try:
            cohort = FrameEngine(self._stays(), self._events()).matrices([question])[0].cohort
        except EmptyCohort:
            return "out"
        label = float(cohort["label"].iloc[0])
        return "null" if math.isnan(label) else f"{label:.0f}"

    def _stays(self) -> pd.DataFrame:
        entered = [entry for entry, _ in self.stays]
        left = [leaving or None for _, leaving in self.stays]
        return STAYS.validate(
            pd.DataFrame(
                {
                    "person": "P",
                    "entered_on": pd.to_datetime(pd.Series(entered)).astype("datetime64[us]"),
                    "left_on": pd.to_datetime(pd.Series(left)).astype("datetime64[us]"),
                    "team": "T",
                    "referent": "R",
                    "informed_on": pd.to_datetime(pd.Series(entered)).astype("datetime64[us]"),
                    "household": "P",
                }
            )
        )

    def _events(self) -> pd.DataFrame:
        rows = [
            ("P", f.occurred, f.recorded or f.occurred, f.code, None, f.event_id)
            for f in self.facts
        ]
        table = pd.DataFrame(rows, columns=list(EVENTS.columns))
        for column in ("occurred_at", "recorded_at"):
            table[column] = pd.to_datetime(table[column]).astype("datetime64[us]")
        texts = ("person", "code", "event_id")
        return EVENTS.validate(
            table.astype({**dict.fromkeys(texts, "str"), "numeric_value": "float64"})
        )


LOST, FOUND, DEATH = "lien//interruption", "lien//reprise", "fin//deces"

EXAMPLES = (
    Example(
        "Nothing happens",
        EVENT,
        (Fact("2025-02-10", "rdv//honore"),),
        "2025-03-03",
        "The 90 days are over and hold no outcome.",
    ),
    Example(
        "On the review date itself",
        EVENT,
        (Fact("2025-03-03", LOST),),
        "2025-03-03",
        "An event at `t` is in the label and not in the features: it counts exactly once.",
    ),
    Example(
        "Ninety days later",
        EVENT,
        (Fact("2025-06-01", LOST),),
        "2025-03-03",
        "The horizon ends before day 90: `t <= occurred_at < t + horizon`.",
    ),
    Example(
        "Known before",
        EVENT,
        (Fact("2025-02-10", LOST),),
        "2025-03-03",
        "The outcome does not repeat and was known: out of the population for this stay.",
    ),
    Example(
        "Learnt late",
        EVENT,
        (Fact("2025-02-10", LOST, "2025-03-20"),),
        "2025-03-03",
        "It had happened, but nobody knew on 3 March: neither a case to find nor a good course.",
    ),
    Example(
        "Learnt late, inside the horizon",
        EVENT,
        (Fact("2025-03-10", LOST, "2025-09-01"),),
        "2025-03-03",
        "What counts is when it happened; that it was recorded after the horizon changes nothing.",
    ),
    Example(
        "Taken back",
        EVENT,
        (Fact("2025-03-10", LOST, event_id="e1"), Fact("2025-03-10", "", "2025-03-12", "e1")),
        "2025-03-03",
        "The row with the same `event_id` recorded last holds, and it deletes.",
    ),
    Example(
        "A competing ending first",
        EVENT,
        (Fact("2025-03-20", DEATH), Fact("2025-04-10", LOST)),
        "2025-03-03",
        "What would have come of the link can no longer be known.",
    ),
    Example(
        "A competing ending after",
        EVENT,
        (Fact("2025-03-20", LOST), Fact("2025-04-10", DEATH)),
        "2025-03-03",
        "The outcome came first.",
    ),
    Example(
        "Leaves without the outcome",
        EVENT,
        (Fact("2025-03-20", "fin//concertee"),),
        "2025-03-03",
        "An ending decided together is no interruption.",
        (("2025-01-01", "2025-03-20"),),
    ),
    Example(
        "Not ripe",
        EVENT,
        (Fact("2025-11-20", LOST),),
        "2025-11-10",
        "`t + horizon` lies after the day of the extract: even a known outcome stays null, or only "
        "bad news would count.",
    ),
    Example(
        "Too short a history",
        EVENT,
        (),
        "2025-01-20",
        "In from `entered_on + min_history_days` (28).",
    ),
    Example(
        "Between two stays",
        EVENT,
        (Fact("2025-02-01", LOST), Fact("2025-04-01", FOUND)),
        "2025-03-03",
        "Nobody accompanies the person that day.",
        (("2024-06-01", "2025-02-05"), ("2025-04-01", "")),
    ),
    Example(
        "Back after an interruption",
        EVENT,
        (Fact("2025-02-01", LOST), Fact("2025-04-01", FOUND), Fact("2025-06-10", LOST)),
        "2025-05-05",
        "A return is a new stay; the earlier outcome belongs to the earlier one.",
        (("2024-06-01", "2025-02-05"), ("2025-04-01", "")),
    ),
    Example(
        "An outcome that repeats",
        REPEATING,
        (Fact("2025-02-10", LOST), Fact("2025-03-20", LOST)),
        "2025-03-03",
        "The person stays in, and the next one counts.",
    ),
    Example(
        "Silence",
        SILENCE,
        (Fact("2025-02-20", "contact//message"),),
        "2025-03-03",
        "There was contact in the 60 days before, and none in the 90 after.",
    ),
    Example(
        "Silence that was broken",
        SILENCE,
        (Fact("2025-02-20", "contact//message"), Fact("2025-05-30", "rdv//honore")),
        "2025-03-03",
        "One of the codes occurred on day 88.",
    ),
    Example(
        "Silent already",
        SILENCE,
        (Fact("2024-12-20", "contact//message"),),
        "2025-03-03",
        "No contact in the 60 days before: there is no link to lose, so the stay is not in.",
    ),
    Example(
        "Silence because the stay ended",
        SILENCE,
        (Fact("2025-02-20", "contact//message"),),
        "2025-03-03",
        "The stay ends within the horizon: nobody was expected to be in touch.",
        (("2025-01-01", "2025-04-30"),),
    ),
)


def label_page() -> str:
    """Return ``docs/labels.md``, whole."""
    lines = [
        "# What the label is, and why",
        "",
        "Made by `python -m features.label_table` from the code that trains; nobody writes the "
        f"labels by hand. Invented histories; horizon {HORIZON} days, extract of {EXTRACTED_ON}, "
        "one stay since 2025-01-01 unless said. **out**: not in the population at that date. "
        "**null**: in, scored, but used neither for fitting nor for measuring.",
        "",
        "| case | recorded facts | review date | label | why |",
        "|---|---|---|---|---|",
    ]
    for example in EXAMPLES:
        facts = "<br>".join(fact.text for fact in example.facts) or "none"
        if example.stays != Example.stays:
            facts += "<br>" + "; ".join(
                f"stay {entered} to {left or 'now'}" for entered, left in example.stays
            )
        lines.append(
            f"| {example.title} | {facts} | {example.as_of} "
            f"| **{example.label()}** | {example.why} |"
        )
    return "\n".join(lines) + "\n"


def _protocol(outcome: _Outcome) -> Protocol:
    lines = {"label": "essai", "horizon_days": HORIZON, "competing_codes": [DEATH], **outcome}
    said = "\n".join(f"{key} = {_toml(value)}" for key, value in lines.items())
    return parse_protocol(
        f'name = "essai"\npurpose = "prevention"\n[outcome]\n{said}\n'
        '[[features.group]]\nname = "messages"\ncodes = ["contact//message"]\n'
        'measures = ["count"]\nwording = "message|messages"\nreason = "essai"\n'
    )


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


if __name__ == "__main__":
    print(label_page(), end="")
