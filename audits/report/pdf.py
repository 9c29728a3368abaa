"""The document as PDF/UA-1, by Typst.

The template beside this module reads the blocks as JSON; only fonts that Typst itself brings
are used, so the same document gives the same bytes on every machine. This is the one module
that imports typst; nothing that serves pages needs it.
"""

from __future__ import annotations

import json
from dataclasses import is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import typst

from audits.report.document import Document, Picture
from audits.report.pictures import PRINT, WIDTH, stylesheet

TEMPLATES = Path(__file__).parent / "templates"
STANDARD = "ua-1"
FONT = "Libertinus Serif"


def as_pdf(document: Document) -> bytes:
    """Render the file; its date is the document's, at midnight UTC."""
    day = document.written_on
    rendered: bytes = _compiler().compile(
        format="pdf",
        sys_inputs={"document": json.dumps(_plain(document), ensure_ascii=False)},
        pdf_standards=[STANDARD],
        timestamp=datetime(day.year, day.month, day.day, tzinfo=UTC),
    )
    return rendered


@cache
def _compiler() -> Any:
    return typst.Compiler(
        str(TEMPLATES / "report.typ"),
        root=str(TEMPLATES),
        font_paths=typst.Fonts(include_system_fonts=False),
        ignore_system_fonts=True,
    )


def _plain(value: Any) -> Any:
    """Give blocks as dictionaries that name their kind, pictures as whole SVG files."""
    if isinstance(value, Picture):
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{value.height}">'
            f"<style>{stylesheet(PRINT, repr(FONT))}</style>{value.body}</svg>"
        )
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, date):
        return {"year": value.year, "month": value.month, "day": value.day}
    if is_dataclass(value) and not isinstance(value, type):
        fields = {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
        return {"kind": type(value).__name__, **fields}
    return value
