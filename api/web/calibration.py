"""The way from a sum of points to a frequency, as a picture and as a small table."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, pairwise

from markupsafe import Markup

from api.web.speech import Speech
from api.web.tables import points_text
from features.phrases import PHRASES, Language
from modeles.table import ModelTable

_WIDTH, _HEIGHT = 340.0, 240.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 10.0, 12.0, 40.0
_SAMPLES = 80
_TICKS = 5


@dataclass(frozen=True)
class Estimate:
    """One sum of points: of 100 situations, about so many; whether too little was seen."""

    total: str
    per_100: int
    low: int
    high: int
    uncertain: bool


@dataclass(frozen=True)
class _Axes:
    """Where a sum and a share stand on the picture."""

    low: float
    high: float
    top: float

    def x(self, score: float) -> float:
        width = _WIDTH - _LEFT - _RIGHT
        return round(_LEFT + (score - self.low) / (self.high - self.low) * width, 1)

    def y(self, share: float) -> float:
        return round(_HEIGHT - _BOTTOM - share / self.top * (_HEIGHT - _TOP - _BOTTOM), 1)

    def path(self, places: Iterable[tuple[float, float]]) -> str:
        return " ".join(f"{self.x(score)},{self.y(share)}" for score, share in places)


def estimates(table: ModelTable, language: Language = "fr") -> tuple[Estimate, ...]:
    """Return the estimate at each sum of points whose band is known."""
    rows = []
    for score, _, _ in table.calibration.band:
        middle, low, high = (round(100 * p) for p in table.calibration.probability(score))
        rows.append(
            Estimate(
                _total(table, score, language),
                middle,
                low,
                high,
                table.calibration.uncertain(score),
            )
        )
    return tuple(rows)


def calibration_picture(table: ModelTable, language: Language = "fr") -> Markup:
    """Draw the estimate over the sum of points, with its band, where sums were seen."""
    calibration, speech = table.calibration, Speech(language)
    low, high = calibration.venn_abers[0][0], calibration.venn_abers[-1][0]
    if low == high:
        low, high = low - 1.0, high + 1.0
    scores = [low + n / _SAMPLES * (high - low) for n in range(_SAMPLES + 1)]
    band = [calibration.probability(score) for score in scores]
    axes = _Axes(low, high, max(top for _, _, top in band) * 1.08)
    upper = [(score, top) for score, (_, _, top) in zip(scores, band, strict=True)]
    lower = [(score, bottom) for score, (_, bottom, _) in zip(scores, band, strict=True)]
    middle = [(score, share) for score, (share, _, _) in zip(scores, band, strict=True)]
    parts = [
        *_share_axis(axes),
        *_sum_axis(table, axes, speech),
        f'<polygon class="band" points="{axes.path([*upper, *reversed(lower)])}"/>',
    ]
    # A stretch between two samples is uncertain if either of them is.
    stretches = groupby(
        pairwise(middle), lambda ends: any(calibration.uncertain(score) for score, _ in ends)
    )
    for unsure, run in stretches:
        ends = list(run)
        kind = "line unsure" if unsure else "line"
        line = axes.path([ends[0][0], *(there for _, there in ends)])
        parts.append(f'<polyline class="{kind}" points="{line}"/>')
    if low <= table.cut <= high:
        x = axes.x(table.cut)
        parts.append(
            f'<line class="cut" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
            f'<text x="{x - 4}" y="{_TOP + 10}" text-anchor="end">{speech.say("places")}</text>'
        )
    return Markup(  # noqa: S704 - numbers and our own words
        f'<svg class="calibration" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" aria-hidden="true" '
        f'focusable="false">{"".join(parts)}</svg>'
    )


def _share_axis(axes: _Axes) -> list[str]:
    parts = []
    for share in _round_steps(0.0, axes.top):
        y = axes.y(share)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{100 * share:.0f}</text>'
        )
    return parts


def _sum_axis(table: ModelTable, axes: _Axes, speech: Speech) -> list[str]:
    point, start = (1.0, 0.0) if table.point is None else (table.point, table.start)
    mark = PHRASES[speech.language].point
    name = speech.say("somme des points" if table.point is None else "total des points")
    parts = [
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">'
        f"{name}</text>"
    ]
    for tick in _round_steps((axes.low - start) / point, (axes.high - start) / point):
        said = f"{round(tick, 2) + 0.0:g}".replace("-", "−").replace(".", mark)
        parts.append(
            f'<text x="{axes.x(start + point * tick)}" y="{_HEIGHT - 24}" text-anchor="middle">'
            f"{said}</text>"
        )
    return parts


def _round_steps(low: float, high: float) -> list[float]:
    """Return a few round numbers between two."""
    rough = (high - low) / _TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(n * size for n in (1, 2, 5, 10) if n * size >= rough)
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _total(table: ModelTable, score: float, language: Language) -> str:
    if table.point is None:
        return points_text(score, language)
    return f"{(score - table.start) / table.point:.1f}".replace(".", PHRASES[language].point)
