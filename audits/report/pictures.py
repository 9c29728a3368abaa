"""Pictures in SVG: one drawing for the page and for the PDF, coloured by classes.

Across, everything stands in percent of the width, so that a picture fits any page and its
letters keep their size; down, in pixels. A page colours the classes with its own variables
(light, dark, print), a PDF with fixed colours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from audits.report.document import Picture

WIDTH = 640
"""Pixels across where the medium has no width of its own."""


@dataclass(frozen=True)
class Palette:
    """The colours of a medium; ``toward`` and ``away`` are the two sides of zero."""

    ink: str
    soft: str
    paper: str
    panel: str
    line: str
    toward: str
    away: str


PAGE = Palette(
    "var(--ink)", "var(--soft)", "var(--paper)", "var(--panel)", "var(--line)",
    "var(--accent)", "var(--away)",
)  # fmt: skip
"""The page's own variables."""

PRINT = Palette("#1d2629", "#515f64", "#ffffff", "#eef1f0", "#c3cccb", "#0b5e66", "#a35a1f")
"""Fixed colours, each 4.5:1 on white where it is a letter and 3:1 where it is a mark."""


@dataclass(frozen=True)
class Axis:
    """A horizontal axis: its ends, its ticks with their words, where zero is if it is marked.

    ``band`` is shaded from top to foot, ``rule`` is a broken line across all rows.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    zero: float | None = None
    band: tuple[float, float] | None = None
    rule: float | None = None

    def place(self, value: float) -> float:
        """Return where a value stands, in percent; dots at the ends keep inside."""
        share = (value - self.low) / (self.high - self.low)
        return 1.5 + 97 * min(max(share, 0.0), 1.0)


@dataclass(frozen=True)
class Mark:
    """One row of a picture: a dot with its interval, or nothing where none may be shown.

    ``second`` is a hollow diamond beside the dot; ``apart`` rows are set back.
    """

    label: str
    text: str
    at: float | None
    low: float | None
    high: float | None
    second: float | None = None
    apart: bool = False


@dataclass(frozen=True)
class Spread:
    """One row of a points picture: every value of a feature on one axis."""

    label: str
    text: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Panel:
    """Calibration of one group: (expected, observed, low, high) per bin."""

    label: str
    dots: tuple[tuple[float, float, float | None, float | None], ...]


@dataclass(frozen=True)
class Spot:
    """One point of a scatter; ``shape`` tells methods apart without colour."""

    x: float
    y: float
    shape: str
    label: str = ""


_ROW, _FIRST, _FOOT = 52, 18, 40
_PANEL, _PANEL_TOP, _PANEL_FOOT, _BETWEEN = 214, 36, 22, 26
_SCATTER, _SCATTER_TOP, _SCATTER_FOOT = 320, 30, 46
_HALF_WORD = (20, 13)
"""Room that half a word of a scatter takes: percent across, pixels down."""
_LETTERS, _NARROW = 92, 42
"""Letters of a name and its value that fit a row on paper, and on the narrowest screen."""

_FINE = 5
"""Tenths up to which an axis has a tick at each."""


def stylesheet(palette: Palette, font: str) -> str:
    """Return the classes of every picture in the colours and letters of a medium."""
    p = palette
    return (
        f"svg text{{fill:{p.ink};font-family:{font};font-size:15px}}"
        f"svg .value{{font-weight:600}}svg .soft{{fill:{p.soft};font-size:13px}}"
        f"svg .rule{{stroke:{p.line};stroke-width:1;fill:none}}"
        f"svg .broken{{stroke:{p.ink};stroke-width:1.25;stroke-dasharray:4 4;fill:none}}"
        f"svg .limit{{stroke:{p.ink};stroke-width:2}}"
        f"svg .zero{{stroke:{p.soft};stroke-width:1.25}}"
        f"svg .band{{fill:{p.panel}}}"
        f"svg .track{{stroke:{p.line};stroke-width:1}}"
        f"svg .reach{{stroke:{p.toward};stroke-width:5;stroke-linecap:round;stroke-opacity:.45}}"
        f"svg .thin{{stroke:{p.toward};stroke-width:2.5;stroke-linecap:round;stroke-opacity:.45}}"
        f"svg .dot{{fill:{p.toward};stroke:{p.paper};stroke-width:2}}"
        f"svg .second{{fill:{p.paper};stroke:{p.ink};stroke-width:1.75}}"
        f"svg .hollow{{fill:{p.paper};stroke:{p.toward};stroke-width:2}}"
        f"svg .toward{{stroke:{p.toward};stroke-width:8}}"
        f"svg .away{{stroke:{p.away};stroke-width:8}}"
        f"svg .tooth{{stroke:{p.paper};stroke-width:1.5}}"
        f"svg .apart text{{fill:{p.soft}}}"
        f"svg .apart .reach{{stroke:{p.soft};stroke-width:2;stroke-opacity:1}}"
        f"svg .apart .dot{{fill:{p.paper};stroke:{p.soft}}}"
    )


def dots(rows: Sequence[Mark], axis: Axis) -> Picture:
    """Draw one row per mark: its name, its value, a dot on an interval."""
    foot = _ROW * len(rows) + 4
    body = [_grid(axis, foot)]
    for index, mark in enumerate(rows):
        y = _FIRST + _ROW * index
        body.append('<g class="apart">' if mark.apart else "<g>")
        body.append(_text(0, y, _fitted(mark)))
        body.append(_text(100, y, mark.text, "soft" if mark.at is None else "value", "end"))
        y += 16
        body.append(_line("track", 1.5, 98.5, y))
        if mark.low is not None and mark.high is not None:
            body.append(_line("reach", axis.place(mark.low), axis.place(mark.high), y))
        if mark.second is not None:
            body.append(_shape("diamond", "second", axis.place(mark.second), y))
        if mark.at is not None:
            body.append(_shape("circle", "dot", axis.place(mark.at), y))
        body.append("</g>")
    return Picture("".join(body), foot + _FOOT - 8, _wide(rows))


def spreads(rows: Sequence[Spread], axis: Axis) -> Picture:
    """Draw one row per feature: how far its points reach to either side of zero."""
    foot = _ROW * len(rows) + 4
    body = [_grid(axis, foot)]
    zero = axis.place(0.0)
    for index, row in enumerate(rows):
        y = _FIRST + _ROW * index
        body.append(_text(0, y, _fitted(row)))
        body.append(_text(100, y, row.text, "value", "end"))
        y += 16
        low, high = min(*row.values, 0.0), max(*row.values, 0.0)
        body.append(_line("track", 1.5, 98.5, y))
        body.append(_line("away", axis.place(low), zero, y) if low < 0 else "")
        body.append(_line("toward", zero, axis.place(high), y) if high > 0 else "")
        for value in sorted(set(row.values)):
            x = axis.place(value)
            body.append(_upright("tooth", x, y - 4, y + 4) if low < value < high else "")
    return Picture("".join(body), foot + _FOOT - 8, _wide(rows))


def panels(groups: Sequence[Panel], *, most: float, share: str, across: str, up: str) -> Picture:
    """Draw calibration, one square a group, two beside each other.

    Parameters
    ----------
    most
        End of both axes, the same for all.
    share
        How an axis writes its end.
    across, up
        What the axes are.
    """
    place = Axis(0.0, most, ())
    height = _PANEL - _PANEL_TOP - _PANEL_FOOT
    body = []
    for index, group in enumerate(groups):
        x, y = (index % 2) * 52, (index // 2) * (_PANEL + _BETWEEN)

        def down(value: float) -> float:
            return round(_PANEL_TOP + height * (1 - place.place(value) / 100), 1)

        floor, top = down(0.0), down(most)
        inside = [
            _text(0, 16, group.label, "value"),
            _line("rule", 1.5, 98.5, floor),
            _line("rule", 1.5, 98.5, top),
            f'<line class="broken" x1="1.5%" y1="{floor}" x2="98.5%" y2="{top}"/>',
            _text(0, top - 4, f"{share} {up}" if index == 0 else share, "soft"),
            _text(0, floor + 17, "0", "soft"),
            _text(100, floor + 17, f"{across} {share}" if index == 0 else share, "soft", "end"),
        ]
        for expected, observed, low, high in group.dots:
            at = place.place(expected)
            if low is not None and high is not None:
                inside.append(_upright("thin", at, down(low), down(high)))
            inside.append(_shape("circle", "dot", at, down(observed), 4.5))
        body.append(
            f'<svg x="{x}%" y="{y}" width="48%" height="{_PANEL}" overflow="visible">'
            f"{''.join(inside)}</svg>"
        )
    return Picture("".join(body), math.ceil(len(groups) / 2) * (_PANEL + _BETWEEN) - _BETWEEN)


def scatter(
    spots: Sequence[Spot], across: Axis, up: Axis, *, across_name: str, up_name: str
) -> Picture:
    """Draw points on two axes; ``across`` may mark a limit by its ``rule``."""
    height = _SCATTER - _SCATTER_TOP - _SCATTER_FOOT

    def down(value: float) -> float:
        return round(_SCATTER_TOP + height * (1 - up.place(value) / 100), 1)

    foot = _SCATTER_TOP + height
    body = [_text(0, 14, up_name, "soft")]
    for value, words in up.ticks:
        body += [_line("rule", 0, 100, down(value)), _text(0, down(value) - 4, words, "soft")]
    for value, words in across.ticks:
        x = across.place(value)
        body += [_upright("rule", x, foot, foot + 5), _text(x, foot + 19, words, "soft", _side(x))]
    body.append(_line("zero", 0, 100, foot))
    if across.rule is not None:
        body.append(_upright("broken", across.place(across.rule), _SCATTER_TOP, foot))
    body.append(_text(100, foot + 38, across_name, "soft", "end"))
    for spot in spots:
        x, y = across.place(spot.x), down(spot.y)
        size = 8.0 if spot.label else 5.5
        body.append(_shape(spot.shape, "second" if spot.label else "dot", x, y, size))
    taken = [(across.place(spot.x), down(spot.y)) for spot in spots]
    # The highest word rather stands above its place, the others below theirs.
    for rank, spot in enumerate(sorted((s for s in spots if s.label), key=lambda s: -s.y)):
        x, y = across.place(spot.x), down(spot.y)
        sides = (24.0, -14.0) if rank else (-14.0, 24.0)
        line = min((y + side for side in sides), key=lambda line: _crowd(taken, x, line))
        body.append(_text(x, line, spot.label, "value", _side(x, 20)))
        taken.append((x, line - 5))
    return Picture("".join(body), _SCATTER)


def _crowd(taken: Sequence[tuple[float, float]], x: float, line: float) -> int:
    """Count what a word at ``x`` percent, standing on ``line``, would run into."""
    across, down = _HALF_WORD
    if _side(x, 20) != "middle":
        across *= 2
    return sum(abs(left - x) < across and abs(top - line + 5) < down for left, top in taken)


def share_axis(values: Sequence[float | None], unit: str, *, rule: float | None = None) -> Axis:
    """Return an axis from 0 to the next ten percent above all values; ``unit`` ends its words."""
    most = max((v for v in values if v is not None), default=1.0)
    top = min(10, max(1, math.ceil(10 * most - 1e-9)))
    step = 1 if top <= _FINE else 2
    top += top % step
    ticks = tuple((tenth / 10, f"{10 * tenth}{unit}") for tenth in range(0, top + 1, step))
    return Axis(0.0, top / 10, ticks, rule=rule)


def _fitted(row: Mark | Spread) -> str:
    """Cut a name that would run into its value; it stands whole in the table beside."""
    room = _LETTERS - len(row.text)
    return row.label if len(row.label) <= room else f"{row.label[: room - 1].rstrip()}…"


def _wide(rows: Sequence[Mark | Spread]) -> bool:
    return any(len(row.label) + len(row.text) > _NARROW for row in rows)


def _grid(axis: Axis, foot: int) -> str:
    """Draw what stands behind the rows, and the axis below them."""
    body = []
    if axis.band is not None:
        low, high = (axis.place(value) for value in axis.band)
        body.append(
            f'<rect class="band" x="{low:.2f}%" y="0" width="{high - low:.2f}%" height="{foot}"/>'
        )
    for value, words in axis.ticks:
        x = axis.place(value)
        body += [_upright("rule", x, foot, foot + 6), _text(x, foot + 22, words, "soft", _side(x))]
    for y in range(_FIRST + 16, foot, _ROW):
        # Across each row alone, so that no line runs through its words.
        if axis.zero is not None:
            body.append(_upright("zero", axis.place(axis.zero), y - 9, y + 9))
        if axis.rule is not None:
            body.append(_upright("limit", axis.place(axis.rule), y - 9, y + 9))
    body.append(_line("rule", 0, 100, foot))
    return "".join(body)


def _side(x: float, edge: float = 6) -> str:
    """Say to which side of its place a text runs, so that it stays inside."""
    return "start" if x < edge else "end" if x > 100 - edge else "middle"


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    side = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text{named} x="{x:g}%" y="{y:g}"{side}>{escape(words)}</text>'


def _line(kind: str, x1: float, x2: float, y: float) -> str:
    return f'<line class="{kind}" x1="{x1:.2f}%" x2="{x2:.2f}%" y1="{y:g}" y2="{y:g}"/>'


def _upright(kind: str, x: float, y1: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x:.2f}%" x2="{x:.2f}%" y1="{y1:g}" y2="{y2:g}"/>'


def _shape(shape: str, kind: str, x: float, y: float, size: float = 7) -> str:
    if shape == "circle":
        return f'<circle class="{kind}" cx="{x:.2f}%" cy="{y:g}" r="{size:g}"/>'
    # A nested picture is the one way to give a path a place in percent.
    s = size
    path = {
        "diamond": f"M0 {-s:g}L{s:g} 0L0 {s:g}L{-s:g} 0Z",
        "square": f"M{-s:g} {-s:g}H{s:g}V{s:g}H{-s:g}Z",
    }[shape]
    return (
        f'<svg x="{x:.2f}%" y="{y:g}" width="1" height="1" overflow="visible">'
        f'<path class="{kind}" d="{path}"/></svg>'
    )
