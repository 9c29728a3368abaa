from __future__ import annotations

import math
from datetime import date, datetime
from pathlib import Path

import pytest

from features.label_table import EXAMPLES, EXTRACTED_ON, HORIZON, Example, label_page

from .oracle import Study, label_one

DOCS = Path(__file__).parents[2] / "docs" / "labels.md"


def test_the_page_in_the_docs_is_what_the_code_says() -> None:
    assert DOCS.read_text(encoding="utf-8") == label_page(), (
        "run: python -m features.label_table > docs/labels.md"
    )


def test_the_page_shows_every_answer() -> None:
    assert {example.label() for example in EXAMPLES} == {"out", "null", "0", "1"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.title)
def test_the_oracle_agrees(example: Example) -> None:
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in example.outcome.items()}
    study = Study(horizon_days=HORIZON, competing=("fin//deces",), **plain)  # type: ignore[arg-type]
    stays = [
        ("P", date.fromisoformat(i), date.fromisoformat(o) if o else None) for i, o in example.stays
    ]
    events = [
        ("P", at(f.occurred), at(f.recorded or f.occurred), f.code, None, f.event_id)
        for f in example.facts
    ]
    as_of = date.fromisoformat(example.as_of)
    found = [label_one(study, stays, stay, events, as_of, EXTRACTED_ON) for stay in stays]
    inside = [label for label in found if label is not None]
    said = "out" if not inside else "null" if math.isnan(inside[-1]) else f"{inside[-1]:.0f}"
    assert example.label() == said


def at(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time())
