"""The little HTML that the assessment is written in: escaped words inside a few known tags."""

from __future__ import annotations

import html
from collections.abc import Iterable

from api.in_use import to_complete


def words(text: str) -> str:
    """Escape words that may not be ours."""
    return html.escape(" ".join(text.split()), quote=False)


def plain(text: str) -> str:
    """Return words for a place that knows no HTML."""
    return " ".join(text.replace("<", "‹").replace(">", "›").split())


def p(text: str, lead: str = "") -> str:
    """Write a paragraph; ``lead`` begins it in bold."""
    return f"<p>{f'<strong>{words(lead)}</strong> ' if lead else ''}{words(text)}</p>"


def ul(items: Iterable[tuple[str, str]]) -> str:
    """Write a list of names and what is said of each; an empty name says nothing."""
    return f"<ul>{''.join(f'<li>{_item(lead, text)}</li>' for lead, text in items)}</ul>"


def h3(text: str) -> str:
    """Write a heading within an answer."""
    return f"<h3>{words(text)}</h3>"


def still(what: str) -> str:
    """Leave a place visibly open."""
    return f"<p><strong>{words(to_complete(what))}</strong></p>"


def _item(lead: str, text: str) -> str:
    return f"<strong>{words(lead)}</strong> : {words(text)}" if lead else words(text)
