"""A history as a picture: one lane a family, one dot an event, the review date marked.

Drawn on the server as SVG with classes only, so that the style sheet colours it in light,
dark and print and the strict content policy needs no exception. What the service itself
did stands as rings, what concerns the person as filled dots: the difference is a shape and
not only a colour. A light span shows the days since the last exchange, with whatever lies
in them. It is drawn twice, for a wide page and for a telephone; the style sheet shows one
of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from html import escape

from features.codes import lanes, matches
from features.facts import PACE_DAYS, RECIPROCAL_CONTACT, Facts, KnownEvent, retold
from features.languages import Told
from features.phrases import PHRASES, Language, Phrases

WINDOW_DAYS = 365
"""How far back the picture goes; the table beside it lists everything."""

SHORTEST_DAYS = 56
"""A stay of a few days still gets an axis on which two days can be told apart."""

QUIET_DAYS = PACE_DAYS
"""From how many days on the time since the last exchange is a span of the picture."""

SERVICE_CODES = ("service", "equipe", "rdv//annule_service", "rdv//reporte_service")
"""What the service did or did not do, drawn as rings."""

SHORT: dict[Language, tuple[str, ...]] = {
    "fr": (
        "janv.", "févr.", "mars", "avr.", "mai", "juin",
        "juil.", "août", "sept.", "oct.", "nov.", "déc.",
    ),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}  # fmt: skip
"""Months as written on an axis."""

# Room for a line of text above the lanes, its foot and what begins under it; for the months.
_LINE, _BASE, _UNDER, _FOOT = 20, 14, 6, 44
# A dot, the next one beside or below it, and the room left of the first and right of the last.
_RADIUS, _STEP, _EDGE = 5.5, 12, 8
# Between two lanes; a lane's name above it; the widest sign of a text; the name of a month.
_GAP, _NAME_ROOM, _SIGN, _MONTH_NAME = 10, 24, 7.5, 44


@dataclass(frozen=True)
class Layout:
    """Measures of one picture, in its own units.

    ``names`` is the room for the lane names on the left; without any, a name stands above
    its lane. ``lane`` is the least height of one.
    """

    kind: str
    width: int
    names: int
    lane: int


WIDE = Layout("wide", width=1000, names=182, lane=44)
NARROW = Layout("narrow", width=300, names=0, lane=54)


def is_service_part(event: KnownEvent) -> bool:
    """Say whether an event is the service's own part."""
    return matches(event.code, SERVICE_CODES)


def draw_timeline(facts: Facts, layout: Layout = WIDE, language: Language = "fr") -> str:
    """Draw the last year of a history.

    Parameters
    ----------
    facts
        What was known at ``facts.as_of``, as it was frozen.
    layout
        Its measures.
    language
        Of everything that is written in it.

    Returns
    -------
    str
        One ``<svg>`` element. Every dot has a ``<title>`` with the date and what it was;
        the whole has a title and a description of its own.
    """
    facts = retold(facts, language)
    axis = _axis(facts, layout, language)
    shown = [event for event in facts.events if event.occurred_on >= axis.start]
    last = _last_exchange(facts)
    marks = list(_marks(facts, axis, last))
    top = _LINE * len(marks) + 8
    drawn, bottom = _lanes(shown, axis, top)
    day, name = axis.words.day, f"frise-{layout.kind}"
    title = axis.say("Faits enregistrés du {} au {}", "Events recorded from {} to {}").format(
        day(axis.start), day(axis.end)
    )
    parts = [
        f'<svg class="timeline {layout.kind}" viewBox="0 0 {layout.width} {bottom + _FOOT}" '
        f'role="img" aria-labelledby="{name} {name}-dit">',
        f'<title id="{name}">{title}</title>',
        f'<desc id="{name}-dit">{escape(_summary(shown, axis, last))}</desc>',
        *_month_marks(axis, top, bottom),
    ]
    lines = [_LINE * number + _BASE for number in range(len(marks))]
    placed = list(zip(marks, lines, strict=True))
    # The span lies below everything.
    for mark, y in sorted(placed, key=lambda pair: not pair[0].spans):
        parts.append(mark.shape(axis, y + _UNDER, bottom))
    parts.extend(mark.name(axis, y) for mark, y in placed)
    if not drawn:
        parts.append(f'<text x="{layout.names}" y="{(top + bottom) / 2}">{_nothing(axis)}</text>')
    return "".join([*parts, *drawn, "</svg>"])


@dataclass(frozen=True)
class _Axis:
    """Days from left to right, and the words written along them."""

    start: date
    end: date
    layout: Layout
    language: Language

    @property
    def words(self) -> Phrases:
        """The dates and numbers of the language."""
        return PHRASES[self.language]

    def say(self, fr: str, en: str) -> str:
        """Choose the words of the language."""
        return Told(fr, en).to(self.language)

    @cached_property
    def days(self) -> int:
        """How many there are from the start to the end."""
        return (self.end - self.start).days

    @cached_property
    def room(self) -> int:
        """What the days have between the first dot and the last."""
        return self.layout.width - self.layout.names - 2 * _EDGE

    def x(self, when: date) -> float:
        """Return the place of a day."""
        share = (when - self.start).days / self.days
        return round(self.layout.names + _EDGE + share * self.room, 1)


def _axis(facts: Facts, layout: Layout, language: Language) -> _Axis:
    first = min([facts.entered_on, *(event.occurred_on for event in facts.events)])
    start = max(facts.as_of - timedelta(days=WINDOW_DAYS), first)
    start = min(start, facts.as_of - timedelta(days=SHORTEST_DAYS))
    return _Axis(start, facts.as_of, layout, language)


@dataclass(frozen=True)
class _Mark:
    """A day that is named above the lanes, and the span from it to the end where it has one."""

    kind: str
    on: date
    text: str
    spans: bool = False

    def shape(self, axis: _Axis, top: float, bottom: float) -> str:
        """Draw the line or the span."""
        x, width = axis.x(self.on), round(axis.x(axis.end) - axis.x(self.on), 1)
        if self.spans:
            place = f'x="{x}" y="{top}" width="{width}" height="{bottom - top}"'
            return f'<rect class="{self.kind}" {place}/>'
        return f'<line class="{self.kind}" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>'

    def name(self, axis: _Axis, y: float) -> str:
        """Write the text from the day on, or up to the end where it would leave the picture."""
        x, end = axis.x(self.on), axis.x(axis.end)
        fits = x + _SIGN * len(self.text) < end
        at, anchor = (x, "start") if fits else (end if x == end else end - _UNDER, "end")
        place = f'x="{at}" y="{y}" text-anchor="{anchor}"'
        return f'<text class="{self.kind}-name" {place}>{self.text}</text>'


def _marks(facts: Facts, axis: _Axis, last: date | None) -> Iterator[_Mark]:
    """Mark the review, where a new stay began, and a long time since the last exchange."""
    day = axis.words.day
    yield _Mark("review", axis.end, axis.say("Revue du {}", "Review of {}").format(day(axis.end)))
    if any(axis.start <= event.occurred_on < facts.entered_on for event in facts.events):
        text = axis.say("Accompagnement depuis le {}", "Accompanied since {}")
        yield _Mark("entry", facts.entered_on, text.format(day(facts.entered_on)))
    if last is not None and (axis.end - last).days >= QUIET_DAYS:
        days = axis.words.count((axis.end - last).days, *axis.words.days)
        text = axis.say("{} depuis le dernier échange", "{} since the last exchange")
        yield _Mark("quiet", max(last, axis.start), text.format(days), spans=True)


def _last_exchange(facts: Facts) -> date | None:
    """Find the day of the last exchange of the present stay."""
    exchanges = (
        event.occurred_on
        for event in facts.events
        if event.occurred_on >= facts.entered_on and matches(event.code, RECIPROCAL_CONTACT)
    )
    return max(exchanges, default=None)


def _month_marks(axis: _Axis, top: float, bottom: float) -> Iterator[str]:
    """Draw the first day of each month, and name as many as there is room for."""
    a_month = axis.x(axis.start + timedelta(days=30)) - axis.x(axis.start)
    step = next(step for step in (1, 2, 3, 6) if step * a_month >= _MONTH_NAME)
    month = axis.start.replace(day=1)
    while (month := (month + timedelta(days=32)).replace(day=1)) < axis.end:
        x = axis.x(month)
        yield f'<line class="month" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>'
        if (month.month - 1) % step == 0 and x + _MONTH_NAME <= axis.layout.width:
            name = SHORT[axis.language][month.month - 1]
            yield f'<text x="{x + 4}" y="{bottom + 18}">{name}</text>'
            if month.month == 1:
                yield f'<text x="{x + 4}" y="{bottom + 35}">{month.year}</text>'


def _lanes(events: Sequence[KnownEvent], axis: _Axis, top: float) -> tuple[list[str], float]:
    """Draw the lanes that hold something, from the top down; return where they end, too."""
    layout, parts, y = axis.layout, list[str](), top
    told, day = axis.say("{} : {}", "{}: {}"), axis.words.day
    for lane, of_lane in _by_lane(events, axis).items():
        placed = list(_placed(of_lane, axis))
        reach = max(abs(row) for _, _, row in placed) * _STEP + _RADIUS
        name_room = 0 if layout.names else _NAME_ROOM
        height = max(layout.lane, name_room + 2 * reach + _GAP)
        middle = round(y + name_room + (height - name_room) / 2, 1)
        parts.append(
            f'<line class="lane" x1="{layout.names}" x2="{axis.x(axis.end)}" '
            f'y1="{middle}" y2="{middle}"/>'
            f'<text class="lane-name" x="0" y="{middle + 5 if layout.names else y + 18}">'
            f"{escape(lane)}</text>"
        )
        for event, x, row in placed:
            kind = "dot service" if is_service_part(event) else "dot"
            title = told.format(day(event.occurred_on), escape(event.label))
            parts.append(
                f'<circle class="{kind}" cx="{x}" cy="{middle + row * _STEP}" r="{_RADIUS}">'
                f"<title>{title}</title></circle>"
            )
        y += height
    return parts, y if parts else y + layout.lane


def _by_lane(events: Iterable[KnownEvent], axis: _Axis) -> dict[str, list[KnownEvent]]:
    """Sort events into the lanes that hold something, in the order of the vocabulary."""
    held: dict[str, list[KnownEvent]] = {lane: [] for lane in lanes(axis.language)}
    for event in events:
        if event.lane in held:
            held[event.lane].append(event)
    return {lane: of_lane for lane, of_lane in held.items() if of_lane}


def _placed(events: Iterable[KnownEvent], axis: _Axis) -> Iterator[tuple[KnownEvent, float, int]]:
    """Place the dots of one lane: those of neighbouring days step aside, so that all are seen."""
    newest: dict[int, float] = {}
    for event in events:
        x, row = axis.x(event.occurred_on), 0
        # On the line, then one row below, one above, two below …
        while x - newest.get(row, -_STEP) < _STEP:
            row = -row if row > 0 else 1 - row
        newest[row] = x
        yield event, x, row


def _nothing(axis: _Axis) -> str:
    return axis.say(
        "Aucun fait enregistré dans cette période.", "No event recorded in this period."
    )


def _summary(events: Sequence[KnownEvent], axis: _Axis, last: date | None) -> str:
    """Say in words what the picture shows, lane by lane."""
    if not events:
        return _nothing(axis)
    words, told = axis.words, []
    for lane, of_lane in _by_lane(events, axis).items():
        service = sum(is_service_part(event) for event in of_lane)
        told.append(
            axis.say("{} : {}{}, le dernier le {}", "{}: {}{}, the last on {}").format(
                lane,
                words.count(len(of_lane), *words.events),
                axis.say(" dont {} du service lui-même", ", {} of them the service's own").format(
                    service
                )
                if service
                else "",
                words.day(of_lane[-1].occurred_on),
            )
        )
    if last is not None:
        days = words.count((axis.end - last).days, *words.days)
        told.append(
            axis.say("{} depuis le dernier échange", "{} since the last exchange").format(days)
        )
    table = axis.say("Le tableau qui suit les donne tous.", "The table below lists them all.")
    return f"{axis.say(' ; ', '; ').join(told)}. {table}"
