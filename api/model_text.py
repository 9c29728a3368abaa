"""Models in words on the command line: one table from top to bottom, or two compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from api.measured import Line, Measured
from api.scorecard_sheet import scorecard_sheet
from modeles.comparison import Comparison, Fact, FeatureChange, Place
from modeles.table import ModelTable

SLIGHT = 0.01
"""Log-odds: a feature that moved by less is counted, not listed."""

_UNITS = {"faits": ("event", "events"), "jours": ("day", "days")}
_YES = "oui ou non"


def show_text(table: ModelTable, measured: Measured | None) -> str:
    """Write a table to be read, and recomputed with a pencil."""
    lines = [
        f"Model {table.version} ({table.family}): {table.outcome}, "
        f"within {table.horizon_days} days",
        *_measures(measured),
        *_beginning(table),
    ]
    for feature in table.features:
        lines += ["", f"{feature.title}  [{feature.unit}] — {feature.reason}"]
        whole = table.whole_points(feature)
        for at, (where, points) in enumerate(feature.lines()):
            shown = f"{points:+8.3f}" if whole is None else f"{_whole(whole[at]):>11}"
            lines.append(f"    {where:<28}{shown}")
    return "\n".join([*lines, *_totals(table)])


def _measures(measured: Measured | None) -> Iterator[str]:
    if measured is None:
        return
    own = measured.own
    worst = next((s for s in own["splits"] if s["origin"] == own["worst_split"]), None)
    yield f"Measured on {len(own['dates'])} later review dates:"
    yield f"    AUC                  {_share(own['auc'])}  {_beside(measured, 'auc')}"
    for name, key in (
        ("precision at capacity", "precision_at_capacity"),
        ("recall at capacity   ", "recall_at_capacity"),
    ):
        yield f"    {name}{_share(own[key])}  {_beside(measured, key)}"
    if worst is not None:
        yield (
            f"    worst split          {_share(worst['recall'])}  recall at capacity, tested from "
            f"{worst['origin']}"
        )
    yield f"    tie spread           {_share(own['tie_spread'])}  of precision"
    yield f"    gap to the yardstick {_share(own['gap_to_yardstick'])}  of AUC"


def _beside(measured: Measured, key: str) -> str:
    others: tuple[tuple[str, Line | None], ...] = (
        ("best rule", measured.best_rule),
        ("black box", measured.yardstick),
    )
    return ", ".join(f"{name} {_share(x[key]).strip()}" for name, x in others if x is not None)


def _share(value: float | None) -> str:
    return f"{'unknown':>8}" if value is None else f"{value:8.3f}"


def _beginning(table: ModelTable) -> Iterator[str]:
    if table.point is None:
        yield (
            f"Points are log-odds; start from {table.intercept:+.3f} and add one line per feature."
        )
        return
    yield (
        f"Start from 0 and add the points of every line; 0 points are {table.start:+.3f} "
        f"log-odds, and each point is worth {table.point:+.3f}."
    )


def _totals(table: ModelTable) -> Iterator[str]:
    sheet = scorecard_sheet(table)
    if sheet is None:
        return
    yield ""
    if sheet.enough is not None:
        yield f"From {sheet.enough} points on there is a place on an ordinary review date."
    yield "Of 100 situations with the same total, about so many:"
    for row in sheet.totals:
        total = f"{row.low}" if row.low == row.high else f"{row.low} to {row.high}"
        if row.uncertain:
            yield f"    {total:<12}uncertain: too little like it was seen"
        else:
            yield f"    {total:<12}{row.per_100:>3} ({row.from_100} to {row.to_100})"


def diff_text(found: Comparison) -> str:
    """Say what changed from one model to another, in words and points."""
    if found.same:
        return f"Nothing changed from model {found.before} to model {found.after}."
    lines = [f"From model {found.before} to model {found.after}:"]
    lines += [f"    {_fact(fact)}" for fact in found.facts if not fact.same]
    kept = [_NAMES[fact.name] for fact in found.facts if fact.same and fact.name in _NAMES]
    lines += [f"    the same: {', '.join(kept)}"] if kept else []
    lines += [
        f"    an average situation: {_per_100(found.average)}",
        f"    the last one with a place: {_per_100(found.at_cut)}",
    ]
    listed = [change for change in found.features if _listed(change)]
    slight = sum(change.kind == "moved" for change in found.features) - sum(
        change.kind == "moved" for change in listed
    )
    same = sum(change.kind == "same" for change in found.features)
    unit = "whole points" if found.whole else "log-odds"
    lines += ["", f"Features, the largest change first, in {unit}:"]
    lines += [f"    {_change(change, whole=found.whole)}" for change in listed]
    if slight:
        lines.append(f"    {slight} moved by less than {SLIGHT}")
    lines.append(f"    {same} have the points they had")
    return "\n".join(lines)


_NAMES = {
    "family": "family",
    "outcome": "outcome",
    "horizon_days": "horizon",
    "trained_until": "trained until",
    "test_from": "tested from",
    "data": "data",
    "protocol": "protocol",
    "code": "code",
    "intercept": "start",
    "cut": "cut at capacity",
    "point": "worth of a point",
}

_HASHES = ("data", "protocol", "code")


def _fact(fact: Fact) -> str:
    if fact.name in _HASHES:
        return f"{fact.name}: other ({str(fact.before)[:8]} → {str(fact.after)[:8]})"
    written = [
        "none" if value is None else f"{value:+.3f}" if isinstance(value, float) else f"{value}"
        for value in (fact.before, fact.after)
    ]
    return f"{_NAMES.get(fact.name, fact.name)}: {written[0]} → {written[1]}"


def _per_100(fact: Fact) -> str:
    before, after = (100 * float(value or 0.0) for value in (fact.before, fact.after))
    return f"about {before:.1f} in 100 → {after:.1f} in 100"


def _listed(change: FeatureChange) -> bool:
    moved = change.kind == "moved" and abs(change.change) >= SLIGHT
    return moved or change.kind in {"came", "went"} or change.words


def _change(change: FeatureChange, *, whole: bool) -> str:
    write: Callable[[float], str] = (lambda n: _whole(round(n))) if whole else "{:+.2f}".format
    where = _where(change.place, change.unit)
    words = " (said in other words)" if change.words else ""
    if change.kind == "came":
        return f"came: {change.title}: {write(change.after)} {where}{words}"
    if change.kind == "went":
        return f"went: {change.title}: was {write(change.before)} {where}{words}"
    if change.kind == "same":
        return f"{change.title}: same points{words}"
    return f"{change.title}: from {write(change.before)} to {write(change.after)} {where}{words}"


def _where(place: Place, unit: str) -> str:
    if place.missing:
        return "without a value"
    low, high = place.above, place.up_to
    if unit == _YES and (low is None) != (high is None):
        return "at no" if low is None else "at yes"
    if low is None and high is None:
        return "everywhere"
    if low is None:
        return f"up to {_number(high, unit)}"
    if high is None:
        return f"at more than {_number(low, unit)}"
    if low == high:
        return f"at {_number(low, unit)}"
    return f"at more than {_number(low, unit)}, up to {_number(high, unit)}"


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit not in _UNITS:
        return f"{value:.4g}"
    # Between whole numbers an edge means the lower one: 2.5 events is "up to 2".
    whole = math.floor(value)
    one, many = _UNITS[unit]
    return f"{whole} {one if abs(whole) == 1 else many}"


def _whole(points: int) -> str:
    return f"{points:+d} point{'' if abs(points) == 1 else 's'}" if points else "0 points"
