"""What a signal says: an estimate as a natural frequency, its reasons, and its whole sum.

Plain records, standard library only: scoring makes them, the review room keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal


@dataclass(frozen=True)
class Estimate:
    """Of 100 situations with the same estimate, about ``per_100`` (``low`` to ``high``).

    ``uncertain``: too few like it were seen to trust it (Venn-Abers).
    """

    per_100: int
    low: int
    high: int
    uncertain: bool = False


@dataclass(frozen=True)
class Reason:
    """A dated, observed fact in reviewed French, and its points (log-odds, centred).

    ``text`` is the sentence as it was frozen; ``column`` and ``value`` (None: nothing to
    measure) are what it states, so that the same fact can be told in mended words.
    """

    feature: str
    text: str
    points: float
    column: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Contribution:
    """One line of the signed table as it was applied to one situation.

    Attributes
    ----------
    column, title, codes, measure, window_days
        What was measured, of which events, over how many days (None: the whole history).
    text
        The fact, as a dated sentence.
    value
        As it was known at the date; None where there was nothing to measure.
    place
        Where the value stands on the line, in words; empty on a straight line.
    shape, scale, edges, worth
        The part of the line that applies. ``steps``: a value above ``edges[0]`` and up to
        ``edges[1]`` (None: no end) is worth ``worth[0]``. ``line``: ``worth`` are the points at
        the two ``edges``, straight between and level outside, on the axis ``scale``. Without
        a value, ``worth[0]`` whatever the shape.
    points
        What the line gives, in log-odds.
    whole
        The same in whole points, where the model counts in them.
    """

    column: str
    title: str
    codes: tuple[str, ...]
    measure: str
    window_days: int | None
    text: str
    value: float | None
    place: str
    shape: Literal["steps", "line"]
    scale: Literal["linear", "log1p"]
    edges: tuple[float | None, ...]
    worth: tuple[float, ...]
    points: float
    whole: int | None


@dataclass(frozen=True)
class Workings:
    """How a score came about, whole: it can be worked out again without the model's file.

    ``score = intercept + the points of all lines``; with whole points also
    ``score = start + point × their sum``. Log-odds of the frequency are
    ``slope × score + shift``, and ``bend`` more per point of score above ``knot``; what is
    told lies between ``low`` and ``high``.

    Attributes
    ----------
    table_hash, protocol_hash
        SHA-256 (hex) of the signed table and of the study protocol.
    family, outcome, horizon_days, trained_until
        What the model is, and what it looks ahead to.
    """

    table_hash: str
    protocol_hash: str
    family: str
    outcome: str
    horizon_days: int
    trained_until: str
    intercept: float
    start: float
    point: float | None
    lines: tuple[Contribution, ...]
    slope: float
    shift: float
    knot: float
    bend: float
    low: float
    high: float

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Workings:
        """Read what :func:`dataclasses.asdict` and JSON made of it."""
        return cls(**{**plain, "lines": tuple(map(_contribution, plain["lines"]))})


def _contribution(plain: Mapping[str, Any]) -> Contribution:
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()}
    return Contribution(**given)


@dataclass(frozen=True)
class Signal:
    """The explained score of one situation at one date.

    ``score`` is the model's log-odds. ``reasons`` (at most four) speak for looking at the
    situation, ``against`` speak against; ``missing`` says what the model did not have, first
    of the columns in ``absent``, one sentence each; ``other`` counts the facts left out
    because the model was not fitted on their kind, ``withheld`` the reasons that are not
    told because they change with the persons learnt from. ``workings`` is the whole sum: it
    is frozen with the signal, so that the person is told what was done then, whatever becomes
    of the model's file (S13); signals that were kept before there was one have none.
    """

    model: str
    as_of: date
    valid_until: date
    score: float
    estimate: Estimate
    reasons: tuple[Reason, ...]
    against: tuple[Reason, ...]
    missing: tuple[str, ...]
    absent: tuple[str, ...] = ()
    other: int = 0
    withheld: int = 0
    workings: Workings | None = None

    def to_json(self) -> str:
        """Write the record as JSON, dates in ISO form."""
        return json.dumps(asdict(self), default=date.isoformat, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Signal:
        """Read what :meth:`to_json` wrote."""
        plain = json.loads(text)
        workings = plain.get("workings")
        return cls(
            model=plain["model"],
            as_of=date.fromisoformat(plain["as_of"]),
            valid_until=date.fromisoformat(plain["valid_until"]),
            score=plain["score"],
            estimate=Estimate(**plain["estimate"]),
            reasons=tuple(Reason(**reason) for reason in plain["reasons"]),
            against=tuple(Reason(**reason) for reason in plain["against"]),
            missing=tuple(plain["missing"]),
            absent=tuple(plain.get("absent", ())),
            other=plain.get("other", 0),
            withheld=plain.get("withheld", 0),
            workings=Workings.from_plain(workings) if workings else None,
        )
