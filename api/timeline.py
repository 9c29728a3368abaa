"""A history as a picture: one lane a family, one dot an event, the review date marked.

Drawn on the server as SVG with classes only, so that the style sheet colours it in light,
dark and print and the strict content policy needs no exception. What the service itself
did stands as rings, what concerns the person as filled dots: the difference is a shape and
not only a colour. It is drawn twice, for a wide page and for a telephone; the style sheet
shows one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape

from features.codes import LANES, OTHER_LANE, matches
from features.facts import Facts, KnownEvent
from features.french import count, day

WINDOW_DAYS = 365
"""How far back the picture goes; the table beside it lists everything."""

SHORTEST_DAYS = 56
"""A stay of a few days still gets an axis on which two days can be told apart."""

SERVICE_CODES = ("service", "equipe", "rdv//annule_service", "rdv//reporte_service")
"""What the service did or did not do, drawn as rings."""

SHORT = (
    "janv.", "févr.", "mars", "avr.", "mai", "juin",
    "juil.", "août", "sept.", "oct.", "nov.", "déc.",
)  # fmt: skip
"""Months as written on an axis."""

ASIDES = (0, 9, -9, 16, -16)
"""How far a dot steps aside of its lane, tried in this order."""

_TOP, _FOOT, _RIGHT = 34, 44, 14
_RADIUS = 5.5
_UNDER_NAME = 8
_MONTH_ROOM = timedelta(days=12)


@dataclass(frozen=True)
class Layout:
    """Measures of one picture, in its own units.

    ``names`` is the room for the lane names on the left; without any, a name stands above
    its lane. Every ``month_step``-th month is written.
    """

    kind: str
    width: int
    names: int
    lane: int
    month_step: int


WIDE = Layout("wide", width=1000, names=182, lane=46, month_step=1)
NARROW = Layout("narrow", width=340, names=0, lane=58, month_step=3)


def is_service_part(event: KnownEvent) -> bool:
    """Say whether an event is the service's own part."""
    return matches(event.code, SERVICE_CODES)


def draw_timeline(facts: Facts, layout: Layout = WIDE) -> str:
    """Draw the last year of a history.

    Parameters
    ----------
    facts
        What was known at ``facts.as_of``.
    layout
        Its measures.

    Returns
    -------
    str
        One ``<svg>`` element. Every dot has a ``<title>`` with the date and what it was;
        the whole has a title and a description of its own.
    """
    first = min([facts.entered_on, *(event.occurred_on for event in facts.events)])
    start = max(facts.as_of - timedelta(days=WINDOW_DAYS), first)
    start = min(start, facts.as_of - timedelta(days=SHORTEST_DAYS))
    shown = [event for event in facts.events if event.occurred_on >= start]
    lanes = _lanes(shown)
    axis = _Axis(start, facts.as_of, layout)
    bottom = _TOP + layout.lane * max(len(lanes), 1)
    title = f"Faits enregistrés du {day(start)} au {day(facts.as_of)}"
    name = f"frise-{layout.kind}"
    parts = [
        f'<svg class="timeline {layout.kind}" viewBox="0 0 {layout.width} {bottom + _FOOT}" '
        f'role="img" aria-labelledby="{name} {name}-dit">',
        f'<title id="{name}">{title}</title>',
        f'<desc id="{name}-dit">{escape(_summary(shown, lanes))}</desc>',
        *_month_marks(axis, layout, bottom),
    ]
    for number, lane in enumerate(lanes):
        middle = _TOP + layout.lane * (number + 0.5)
        y = middle if layout.names else middle + _UNDER_NAME
        beside = y + 5 if layout.names else y - 22
        parts.append(
            f'<line class="lane" x1="{layout.names}" x2="{layout.width - _RIGHT}" '
            f'y1="{y}" y2="{y}"/>'
            f'<text class="lane-name" x="0" y="{beside}">{escape(lane)}</text>'
        )
        parts.extend(_dots([event for event in shown if event.lane == lane], axis, y))
    at = axis.x(facts.as_of)
    parts.append(
        f'<line class="review" x1="{at}" x2="{at}" y1="{_TOP - 12}" y2="{bottom}"/>'
        f'<text class="review-name" x="{at}" y="{_TOP - 18}" text-anchor="end">'
        f"Revue du {day(facts.as_of)}</text></svg>"
    )
    return "".join(parts)


@dataclass(frozen=True)
class _Axis:
    """Days from left to right."""

    start: date
    end: date
    layout: Layout

    def x(self, when: date) -> float:
        """Return the place of a day."""
        room = self.layout.width - self.layout.names - _RIGHT - 2 * _RADIUS
        share = (when - self.start) / (self.end - self.start)
        return round(self.layout.names + _RADIUS + share * room, 1)


def _lanes(events: Iterable[KnownEvent]) -> list[str]:
    """Lanes that hold something, in the order of the vocabulary."""
    present = {event.lane for event in events}
    known = [*dict.fromkeys(LANES.values()), OTHER_LANE]
    return [lane for lane in known if lane in present]


def _month_marks(axis: _Axis, layout: Layout, bottom: int) -> Iterator[str]:
    for month in _months(axis.start, axis.end):
        x = axis.x(month)
        yield f'<line class="month" x1="{x}" x2="{x}" y1="{_TOP - 8}" y2="{bottom}"/>'
        if (month.month - 1) % layout.month_step == 0:
            yield f'<text x="{x + 4}" y="{bottom + 18}">{SHORT[month.month - 1]}</text>'
        if month.month == 1:
            yield f'<text x="{x + 4}" y="{bottom + 35}">{month.year}</text>'


def _months(start: date, end: date) -> Iterator[date]:
    """First days of the months within; one just before the end has no room for its name."""
    month = start.replace(day=1)
    while (month := (month + timedelta(days=32)).replace(day=1)) <= end - _MONTH_ROOM:
        yield month


def _dots(events: Iterable[KnownEvent], axis: _Axis, y: float) -> Iterator[str]:
    """Dots of one lane; those of neighbouring days step aside so that each can be seen."""
    newest: dict[int, float] = {}
    for event in events:
        x = axis.x(event.occurred_on)
        free = [aside for aside in ASIDES if x - newest.get(aside, -4 * _RADIUS) >= 2 * _RADIUS]
        aside = free[0] if free else ASIDES[-1]
        newest[aside] = x
        kind = "dot service" if is_service_part(event) else "dot"
        yield (
            f'<circle class="{kind}" cx="{x}" cy="{y + aside}" r="{_RADIUS}">'
            f"<title>{day(event.occurred_on)} : {escape(event.label)}</title></circle>"
        )


def _summary(events: Sequence[KnownEvent], lanes: Iterable[str]) -> str:
    """Say in words what the picture shows, lane by lane."""
    if not events:
        return "Aucun fait enregistré dans cette période."
    told = []
    for lane in lanes:
        of_lane = [event for event in events if event.lane == lane]
        number = count(len(of_lane), "fait", "faits")
        told.append(f"{lane} : {number}, le dernier le {day(of_lane[-1].occurred_on)}")
    return " ; ".join(told) + ". Le tableau qui suit les donne tous."
