"""What a signal says: an estimate as a natural frequency, and its reasons.

Plain records, standard library only: scoring makes them, the review room keeps them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date


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
class Signal:
    """The explained score of one situation at one date.

    ``score`` is the model's log-odds. ``reasons`` (at most four) speak for looking at the
    situation, ``against`` speak against; ``missing`` says what the model did not have, first
    of the columns in ``absent``, one sentence each; ``other`` counts the facts left out
    because the model was not fitted on their kind, ``withheld`` the reasons that are not
    told because they change with the persons learnt from.
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

    def to_json(self) -> str:
        """Write the record as JSON, dates in ISO form."""
        return json.dumps(asdict(self), default=date.isoformat, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Signal:
        """Read what :meth:`to_json` wrote."""
        plain = json.loads(text)
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
        )
