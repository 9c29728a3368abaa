"""Who gets the few places: one pure function for training, audit and queue.

"At capacity" means this list and no other, so what was measured is what educators see.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import NamedTuple

from features.keys import keyed_hash
from features.protocol import Capacity


class Claimant(NamedTuple):
    """One situation at one review date: its score, and the range it cannot be told from."""

    person: str
    referent: str | None
    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Draw:
    """How ties, controls and lotteries are drawn: by keyed hash, so an audit can replay it."""

    key: bytes
    model: str
    as_of: date

    def of(self, person: str, purpose: str = "tie") -> str:
        """Return the person's place in a draw, as text that sorts."""
        return keyed_hash(self.key, f"{purpose}|{self.model}|{self.as_of}|{person}")


@dataclass(frozen=True)
class Allocation:
    """The places of one review date, by pseudonym, and how likely each draw was."""

    signals: tuple[str, ...]
    explored: tuple[str, ...]
    controls: tuple[str, ...]
    exploration_probability: float
    control_probability: float
    unserved: int
    """Situations at or above the model's cut that found no place."""


def allocate(
    claimants: Sequence[Claimant],
    capacity: Capacity,
    draw: Draw,
    *,
    cut: float,
    unavailable: Collection[str] = frozenset(),
    load: Mapping[str, int] | None = None,
    not_as_control: Collection[str] = frozenset(),
) -> Allocation:
    """Give out the places of one review date.

    Parameters
    ----------
    claimants
        Everybody who may be looked at: in the population, informed, not objecting.
    capacity
        The protocol's capacity.
    draw
        Source of every draw.
    cut
        The model's capacity cut (log-odds); only counts who is left unserved.
    unavailable
        Persons with an open or recent signal: they take no place and are no control.
    load
        Situations already open per referent.
    not_as_control
        Persons drawn as a control within the year (S35).

    Returns
    -------
    Allocation
        ``floor(per_review × (1 − control_share − exploration_share))`` places in score
        order, then the lottery near the cut, then controls among those without a signal.
        Full referents are skipped; ties go by keyed hash. A probability is that of the
        draw among those whose referent had a place when it began.
    """
    open_places = dict(load or {})
    free = [c for c in claimants if c.person not in unavailable]

    def take(candidates: Iterable[Claimant], places: int) -> list[Claimant]:
        taken: list[Claimant] = []
        for claimant in candidates:
            if len(taken) == places:
                break
            if claimant.referent is not None:
                if open_places.get(claimant.referent, 0) >= capacity.per_referent:
                    continue
                open_places[claimant.referent] = open_places.get(claimant.referent, 0) + 1
            taken.append(claimant)
        return taken

    def lottery(
        candidates: Iterable[Claimant], share: float, purpose: str
    ) -> tuple[list[Claimant], float]:
        if not share:
            return [], 0.0
        pool = [c for c in candidates if reachable(c)]
        drawn = take(sorted(pool, key=lambda c: draw.of(c.person, purpose)), _floor(reach * share))
        return drawn, len(drawn) / len(pool) if pool else 0.0

    def reachable(claimant: Claimant) -> bool:
        referent = claimant.referent
        return referent is None or open_places.get(referent, 0) < capacity.per_referent

    # Where referents hold fewer places than the review, the shares are of what they hold:
    # signals that filled every referent would leave nobody to be drawn at random.
    reach = min(capacity.per_review, _places_in_reach(free, capacity, open_places))
    signals = take(_in_order(free, draw), signal_places(capacity, reach))
    chosen = {c.person for c in signals}
    edge = signals[-1].score if signals else math.inf
    near = (c for c in free if c.person not in chosen and c.low <= edge <= c.high)
    explored, exploration_probability = lottery(near, capacity.exploration_share, "exploration")
    chosen |= {c.person for c in explored}
    rest = (c for c in free if c.person not in chosen and c.person not in not_as_control)
    controls, control_probability = lottery(rest, capacity.control_share, "control")
    looked_at = chosen | {c.person for c in controls}
    return Allocation(
        signals=tuple(c.person for c in signals),
        explored=tuple(c.person for c in explored),
        controls=tuple(c.person for c in controls),
        exploration_probability=exploration_probability,
        control_probability=control_probability,
        unserved=sum(c.score >= cut and c.person not in looked_at for c in free),
    )


def signal_places(capacity: Capacity, places: int) -> int:
    """Return how many of ``places`` go in score order; the rest are drawn."""
    return _floor(places * (1 - capacity.control_share - capacity.exploration_share))


def _floor(places: float) -> int:
    # 100 × (1 − (0.1 + 0.2)) is 69.99999999999999, and means 70.
    return math.floor(places + 1e-9)


def _places_in_reach(
    claimants: Sequence[Claimant], capacity: Capacity, load: Mapping[str, int]
) -> int:
    """Count the places that referents can still take, and everybody without a referent."""
    referents = {c.referent for c in claimants if c.referent is not None}
    held = sum(max(0, capacity.per_referent - load.get(referent, 0)) for referent in referents)
    return held + sum(c.referent is None for c in claimants)


def _in_order(claimants: Sequence[Claimant], draw: Draw) -> Iterator[Claimant]:
    """Give claimants by score, equals as drawn; nobody is drawn who is never reached."""
    by_score = sorted(claimants, key=lambda c: -c.score)
    for _, equals in groupby(by_score, key=lambda c: c.score):
        tied = list(equals)
        yield from sorted(tied, key=lambda c: draw.of(c.person)) if len(tied) > 1 else tied
