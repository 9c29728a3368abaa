"""A small document: what a report says, before anybody knows how it will look.

Blocks hold plain text in one language and numbers already written out; a page and a PDF are
made from the same blocks. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from features.phrases import Language


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; ``lead`` begins it in bold, ``quiet`` sets it back."""

    text: str
    lead: str = ""
    quiet: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list; ``lead`` begins an item in bold."""

    items: tuple[Paragraph, ...]


@dataclass(frozen=True)
class Verdict:
    """The answer: the question, the answer in one line, and what it means."""

    question: str
    answer: str
    meaning: tuple[str, ...]


@dataclass(frozen=True)
class BigNumber:
    """A number that matters: what it is, the figure, and one sentence."""

    name: str
    figure: str
    detail: str


@dataclass(frozen=True)
class Numbers:
    """The few numbers that matter, side by side."""

    numbers: tuple[BigNumber, ...]


@dataclass(frozen=True)
class Column:
    """A column of a table: its header, and whether numbers stand in it."""

    title: str
    number: bool = False


@dataclass(frozen=True)
class Table:
    """A table; the first cell of every row is that row's header.

    ``name`` says in two words what it is about, ``caption`` how to read it.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A drawing in SVG: what stands inside the outermost element.

    Across, everything is placed in percent, so that it fits any width and its letters keep
    their size; ``height`` is in pixels. ``wide`` where its words need more than the narrowest
    screen. Colours are classes of :mod:`audits.report.pictures`.
    """

    body: str
    height: int
    wide: bool = False


@dataclass(frozen=True)
class Figure:
    """A picture, what it shows in words and numbers, and how to read it."""

    picture: Picture
    alternative: str
    caption: str


@dataclass(frozen=True)
class Facts:
    """Names and what belongs to them; ``code`` sets values letter by letter."""

    facts: tuple[tuple[str, str], ...]
    code: bool = False


@dataclass(frozen=True)
class Fold:
    """What only some readers look for: closed on the page, set out in print."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Section:
    """A headed part; a part of parts holds sections among its blocks.

    ``number`` is its place in the document, "2.1"; see :func:`numbered`.
    """

    title: str
    blocks: tuple[Block, ...]
    number: str = ""


Block = Paragraph | Bullets | Verdict | Numbers | Table | Figure | Facts | Fold | Section


@dataclass(frozen=True)
class Document:
    """A whole report: the first page, then numbered sections.

    ``contents`` is the heading of the list of sections, ``of`` stands between the number of a
    page and that of the last one.
    """

    language: Language
    title: str
    subtitle: str
    written_on: date
    first_page: tuple[Block, ...]
    sections: tuple[Section, ...]
    contents: str
    of: str


def numbered(sections: Iterable[Section], above: str = "") -> tuple[Section, ...]:
    """Give sections their numbers, and the sections within them.

    >>> [s.number for s in numbered([Section("a", ()), Section("b", ())])]
    ['1', '2']
    """
    return tuple(
        replace(
            section, number=f"{above}{place}", blocks=_within(section.blocks, f"{above}{place}.")
        )
        for place, section in enumerate(sections, 1)
    )


def _within(blocks: tuple[Block, ...], above: str) -> tuple[Block, ...]:
    inner = iter(numbered([b for b in blocks if isinstance(b, Section)], above))
    return tuple(next(inner) if isinstance(block, Section) else block for block in blocks)
