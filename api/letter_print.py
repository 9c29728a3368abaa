"""The letter as PDF/UA-1, by Typst; loaded only where a letter is printed.

Only fonts that Typst itself brings are used, so the same letter gives the same bytes on every
machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import typst

TEMPLATES = Path(__file__).parent / "templates"
STANDARD = "ua-1"


def as_pdf(letter: Mapping[str, Any]) -> bytes:
    """Print a letter of :func:`api.letter.letter_of`; dated at midnight UTC of its day."""
    printed: bytes = _compiler().compile(
        format="pdf",
        sys_inputs={"letter": json.dumps(letter, ensure_ascii=False)},
        pdf_standards=[STANDARD],
        timestamp=datetime(letter["year"], letter["month"], letter["day"], tzinfo=UTC),
    )
    return printed


@cache
def _compiler() -> Any:
    return typst.Compiler(
        str(TEMPLATES / "letter.typ"),
        root=str(TEMPLATES),
        font_paths=typst.Fonts(include_system_fonts=False),
        ignore_system_fonts=True,
    )
