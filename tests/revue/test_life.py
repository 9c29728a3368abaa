from __future__ import annotations

from pathlib import Path

from revue.life import MEANINGS, OWNER_LABELS, PART_LABELS, life_page
from revue.records import Part, State
from revue.states import Owner

DOCS = Path(__file__).parents[2] / "docs" / "situation.md"


def test_the_page_in_the_docs_is_what_the_code_says() -> None:
    assert DOCS.read_text(encoding="utf-8") == life_page(), (
        "run: python -c 'from revue.life import life_page; print(life_page(), end=\"\")' "
        "> docs/situation.md"
    )


def test_nothing_is_left_without_words() -> None:
    assert set(MEANINGS) == set(State)
    assert set(OWNER_LABELS) == set(Owner)
    assert set(PART_LABELS) == set(Part)
