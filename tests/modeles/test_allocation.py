"""The places of one review date: order, capacity, ties and draws."""

from __future__ import annotations

import math
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from features.protocol import Capacity
from modeles.allocation import Claimant, Draw, allocate

DRAW = Draw(b"k" * 32, "1", date(2026, 1, 5))


def claimants(number: int, referents: int = 1000) -> list[Claimant]:
    return [
        Claimant(f"p{i:03}", f"r{i % referents}", -float(i), -float(i), -float(i))
        for i in range(number)
    ]


def test_the_highest_scores_get_the_places_less_the_controls() -> None:
    found = allocate(claimants(50), Capacity(per_review=10, control_share=0.2), DRAW, cut=-9.0)
    assert found.signals == tuple(f"p{i:03}" for i in range(8))
    assert len(found.controls) == 2
    assert not set(found.controls) & set(found.signals)
    assert found.control_probability == 2 / 42


def test_ninety_of_a_hundred_are_ninety() -> None:
    # 100 × (1 − 0.1) is 90.0, but 100 × (1 − (0.1 + 0.2)) is 69.99999999999999.
    found = allocate(
        claimants(200),
        Capacity(per_review=100, control_share=0.1, exploration_share=0.2),
        DRAW,
        cut=0,
    )
    assert len(found.signals) == 70


def test_a_full_referent_is_skipped_and_the_next_situation_served() -> None:
    crowd = [Claimant(f"p{i}", "same", -float(i), 0, 0) for i in range(5)]
    crowd.append(Claimant("other", "free", -9.0, 0, 0))
    found = allocate(
        crowd,
        Capacity(per_review=4, per_referent=2, control_share=0),
        DRAW,
        cut=-3.5,
        load={"same": 1},
    )
    assert found.signals == ("p0", "other")
    assert found.unserved == 3


def test_full_referents_leave_their_share_to_the_draw() -> None:
    """Signals that took every place in reach would leave nothing to compare them with."""
    found = allocate(
        claimants(60, referents=4), Capacity(per_review=100, per_referent=5), DRAW, cut=0
    )
    assert len(found.signals) == 18
    assert len(found.controls) == 2


def test_the_probability_of_a_draw_is_among_those_it_could_reach() -> None:
    crowd = [Claimant(f"full{i}", "full", -1.0, 0, 0) for i in range(40)]
    crowd += [Claimant(f"free{i}", None, -2.0, 0, 0) for i in range(50)]
    capacity = Capacity(per_review=20, per_referent=2, control_share=0.5)
    found = allocate(crowd, capacity, DRAW, cut=0, load={"full": 2})
    assert found.control_probability == len(found.controls) / (50 - len(found.signals))


def test_somebody_without_referent_takes_a_place_of_the_whole_only() -> None:
    crowd = [Claimant(f"p{i}", None, -float(i), 0, 0) for i in range(5)]
    found = allocate(crowd, Capacity(per_review=4, per_referent=1, control_share=0), DRAW, cut=0)
    assert len(found.signals) == 4


def test_open_or_recent_signals_take_no_place_and_are_no_control() -> None:
    found = allocate(
        claimants(4),
        Capacity(per_review=4, control_share=0.5),
        DRAW,
        cut=-9,
        unavailable={"p000"},
        not_as_control={"p003"},
    )
    assert found.signals == ("p001", "p002")
    assert found.controls == ()


def test_ties_are_drawn_the_same_way_again_and_another_way_for_another_date() -> None:
    equal = [Claimant(f"p{i:03}", None, 0.0, 0.0, 0.0) for i in range(60)]
    capacity = Capacity(per_review=10, control_share=0)
    first = allocate(equal, capacity, DRAW, cut=0).signals
    assert allocate(list(reversed(equal)), capacity, DRAW, cut=0).signals == first
    other = allocate(equal, capacity, Draw(DRAW.key, "1", date(2026, 2, 2)), cut=0).signals
    assert other != first


def test_exploration_draws_only_among_those_near_the_cut() -> None:
    near = [Claimant(f"near{i}", None, 1.0 - i / 100, 0.5, 1.5) for i in range(20)]
    far = [Claimant(f"far{i}", None, -5.0, -5.1, -4.9) for i in range(20)]
    capacity = Capacity(per_review=10, control_share=0, exploration_share=0.5)
    found = allocate([*near, *far], capacity, DRAW, cut=0)
    assert len(found.explored) == 5
    assert all(person.startswith("near") for person in found.explored)
    assert found.exploration_probability == 5 / 15


@given(
    scores=st.lists(st.floats(-3, 3), max_size=60),
    per_review=st.integers(1, 30),
    per_referent=st.integers(1, 4),
    shares=st.tuples(st.floats(0, 0.4), st.floats(0, 0.4)),
)
def test_no_place_is_given_twice_or_beyond_capacity(
    scores: list[float], per_review: int, per_referent: int, shares: tuple[float, float]
) -> None:
    capacity = Capacity(
        per_review=per_review,
        per_referent=per_referent,
        control_share=shares[0],
        exploration_share=shares[1],
    )
    crowd = [Claimant(f"p{i}", f"r{i % 7}", s, s - 0.1, s + 0.1) for i, s in enumerate(scores)]
    found = allocate(crowd, capacity, DRAW, cut=0.0)
    everybody = [*found.signals, *found.explored, *found.controls]
    assert len(set(everybody)) == len(everybody) <= capacity.per_review
    referent = {c.person: c.referent for c in crowd}
    for name in set(referent.values()):
        assert sum(referent[p] == name for p in everybody) <= per_referent
    assert len(found.signals) <= math.floor(per_review * (1 - sum(shares)) + 1e-9)
    assert 0 <= found.control_probability <= 1


@given(
    people=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["r0", "r1", "r2", None])), max_size=40
    ),
    per_review=st.integers(1, 20),
    per_referent=st.integers(1, 6),
    away=st.sets(st.integers(0, 39)),
)
def test_ties_drawn_when_they_are_reached_are_those_drawn_beforehand(
    people: list[tuple[int, str | None]], per_review: int, per_referent: int, away: set[int]
) -> None:
    """The slow, obvious version: sort everybody by score and draw, then serve from the top."""
    crowd = [Claimant(f"p{i}", r, float(s), float(s), float(s)) for i, (s, r) in enumerate(people)]
    gone = {f"p{i}" for i in away}
    capacity = Capacity(
        per_review=per_review, per_referent=per_referent, control_share=0.2, exploration_share=0.1
    )
    found = allocate(crowd, capacity, DRAW, cut=0.0, unavailable=gone)
    order = sorted(
        (c for c in crowd if c.person not in gone), key=lambda c: (-c.score, DRAW.of(c.person))
    )
    referents = {c.referent for c in order} - {None}
    within = min(per_review, per_referent * len(referents) + sum(c.referent is None for c in order))
    places = math.floor(within * (1 - 0.2 - 0.1) + 1e-9)
    served: list[Claimant] = []
    for claimant in order:
        full = sum(c.referent == claimant.referent for c in served) >= per_referent
        if len(served) < places and (claimant.referent is None or not full):
            served.append(claimant)
    assert found.signals == tuple(c.person for c in served)
