"""Who gets the few places: one pure function for training, audit and queue.

"At capacity" means this list and no other, so what was measured is what educators see.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from features.keys import keyed_hash
from features.protocol import Capacity


@dataclass(frozen=True)
class Claimant:
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
        Full referents are skipped; ties go by keyed hash.
    """
    open_places = dict(load or {})
    free = [c for c in claimants if c.person not in unavailable]
    ties = _ties(free, draw)
    ordered = sorted(free, key=lambda c: (-c.score, ties.get(c.person, "")))

    def take(candidates: Sequence[Claimant], places: int) -> list[Claimant]:
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
        pool: Sequence[Claimant], places: int, purpose: str
    ) -> tuple[list[Claimant], float]:
        drawn = take(sorted(pool, key=lambda c: draw.of(c.person, purpose)), places)
        return drawn, len(drawn) / len(pool) if pool else 0.0

    shares = capacity.control_share + capacity.exploration_share
    # Guard the floor against 90.00000000000001 read as 89.99999999999999.
    signals = take(ordered, math.floor(capacity.per_review * (1 - shares) + 1e-9))
    chosen = {c.person for c in signals}
    edge = signals[-1].score if signals else math.inf
    near = [c for c in ordered if c.person not in chosen and c.low <= edge <= c.high]
    explored, exploration_probability = lottery(
        near, math.floor(capacity.per_review * capacity.exploration_share + 1e-9), "exploration"
    )
    chosen |= {c.person for c in explored}
    rest = [c for c in ordered if c.person not in chosen and c.person not in not_as_control]
    controls, control_probability = lottery(
        rest, math.floor(capacity.per_review * capacity.control_share + 1e-9), "control"
    )
    looked_at = chosen | {c.person for c in controls}
    return Allocation(
        signals=tuple(c.person for c in signals),
        explored=tuple(c.person for c in explored),
        controls=tuple(c.person for c in controls),
        exploration_probability=exploration_probability,
        control_probability=control_probability,
        unserved=sum(c.score >= cut and c.person not in looked_at for c in free),
    )


def _ties(claimants: Sequence[Claimant], draw: Draw) -> dict[str, str]:
    """Draw only where scores are equal: a hash per person is the slow part."""
    scores = np.array([c.score for c in claimants])
    values, counts = np.unique(scores, return_counts=True)
    tied = set(values[counts > 1].tolist())
    return {c.person: draw.of(c.person) for c in claimants if c.score in tied}
