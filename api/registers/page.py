"""The blocks that the registers are written in: French, with its blanks and apostrophes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from api.in_use import to_complete
from audits.report import document as doc
from audits.report.html import as_html
from audits.report.pen import Pen

PEN = Pen("fr")

CONTENTS = "Dans ce document"


def fr(text: str) -> str:
    """Set a sentence as French is printed."""
    return PEN.say(text, "")


def paragraph(text: str, lead: str = "") -> doc.Paragraph:
    """Write a paragraph."""
    return doc.Paragraph(fr(text), fr(lead))


def still(what: str) -> doc.Paragraph:
    """Leave a place visibly open."""
    return doc.Paragraph("", fr(to_complete(what)))


def bullets(items: Iterable[str]) -> doc.Bullets:
    """Write a list."""
    return doc.Bullets(tuple(paragraph(item) for item in items))


def open_bullets(items: Iterable[str]) -> doc.Bullets:
    """Write a list of open places."""
    return doc.Bullets(tuple(still(item) for item in items))


def facts(*pairs: tuple[str, str]) -> doc.Facts:
    """Write names and what belongs to them."""
    return doc.Facts(tuple((fr(name), fr(text)) for name, text in pairs))


def table(
    name: str, caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> doc.Table:
    """Write a table of words."""
    return doc.Table(
        fr(name),
        fr(caption),
        tuple(doc.Column(fr(column)) for column in columns),
        tuple(tuple(fr(cell) for cell in row) for row in rows),
    )


def section(title: str, *blocks: doc.Block) -> doc.Section:
    """Write a headed part."""
    return doc.Section(fr(title), blocks)


def write_page(document: doc.Document) -> str:
    """Render the page, one file without any outside asset."""
    return as_html(document)
