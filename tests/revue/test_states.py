from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from revue.records import DecisionKind, Opinion, State
from revue.states import (
    CLOSED_STATES,
    EXPIRING_STATES,
    OPEN_STATES,
    OWNERS,
    TRANSITIONS,
    Act,
    ActOutOfOrder,
    Owner,
    check_step,
    diagram,
    is_step,
    part_strongly,
    state_on,
)

S = State
BEGUN = {S.TO_LOOK_AT, S.VIEWED, S.SIGNAL_SEEN}
CLOSED = {S.EXPIRED, S.WITHDRAWN, S.HANDLED_ELSEWHERE}
ENTRY = {S.TO_ASSIGN, S.TO_LOOK_AT}
LIVE = set(State) - CLOSED - {S.CONTESTED}
EXPIRING = BEGUN | {S.TO_ASSIGN, S.PUT_OFF}

ALLOWED: dict[tuple[State, Act], set[State]] = (
    {(state, Act.HANDLED_ELSEWHERE): {S.HANDLED_ELSEWHERE} for state in State}
    | {(state, Act.WITHDRAW): {S.WITHDRAWN} for state in LIVE}
    | {(state, Act.CONTEST): {S.CONTESTED} for state in LIVE - {S.TO_ASSIGN}}
    | {(state, Act.EXPIRE): {S.EXPIRED} for state in EXPIRING}
    | {(state, Act.HAND_OVER): ENTRY for state in EXPIRING}
    | {(state, Act.PUT_OFF): {S.PUT_OFF} for state in BEGUN}
    | {(state, Act.HAND_OVER): {S.DECIDED} for state in (S.LOOKED_TWICE, S.IN_TEAM)}
    | {(state, Act.DECIDE): {S.DECIDED, S.IN_TEAM} for state in (S.LOOKED_TWICE, S.IN_TEAM)}
    | {
        (state, Act.FOLLOW_UP): {S.FOLLOWED_UP}
        for state in (S.LOOKED_TWICE, S.IN_TEAM, S.DECIDED, S.FOLLOWED_UP)
    }
    | {
        (S.TO_ASSIGN, Act.ASSIGN): {S.TO_LOOK_AT},
        (S.DECIDED, Act.ASSIGN): {S.DECIDED},
        (S.FOLLOWED_UP, Act.ASSIGN): {S.FOLLOWED_UP},
        (S.TO_LOOK_AT, Act.VIEW): {S.VIEWED},
        (S.VIEWED, Act.SIGNAL): {S.SIGNAL_SEEN},
        (S.VIEWED, Act.WITHOUT_SIGNAL): {S.SIGNAL_SEEN},
        (S.SIGNAL_SEEN, Act.DECIDE): {S.DECIDED, S.IN_TEAM, S.SECOND_LOOK},
        (S.SIGNAL_SEEN, Act.ASK_SECOND_LOOK): {S.SECOND_LOOK},
        (S.PUT_OFF, Act.RESUME): BEGUN,
        (S.SECOND_LOOK, Act.SECOND_VIEW): {S.SIGNAL_SEEN, S.LOOKED_TWICE},
        (S.SECOND_LOOK, Act.RESUME): {S.SIGNAL_SEEN, S.DECIDED},
        (S.SECOND_LOOK, Act.HAND_OVER): {*ENTRY, S.DECIDED},
        (S.CONTESTED, Act.ANSWER): {*LIVE, S.WITHDRAWN},
    }
)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("act", Act)
def test_every_step_is_pinned(state: State, act: Act) -> None:
    allowed = ALLOWED.get((state, act), set())
    assert is_step(state, act) == bool(allowed)
    for to in State:
        if to in allowed:
            assert check_step(state, act, to) is to
        else:
            with pytest.raises(ActOutOfOrder):
                check_step(state, act, to)
    if len(allowed) == 1:
        assert check_step(state, act) in allowed
    else:
        with pytest.raises(ActOutOfOrder):
            check_step(state, act)


@pytest.mark.safeguard
def test_s33_every_state_leads_to_handled_elsewhere() -> None:
    assert all(Act.HANDLED_ELSEWHERE in TRANSITIONS[state] for state in State)


@pytest.mark.safeguard
def test_s02_nothing_leads_around_view_and_signal() -> None:
    """Walking back from a decision, by people's own acts, one meets signal and view."""

    def into(target: State) -> set[tuple[State, Act]]:
        return {
            (state, act)
            for state, steps in TRANSITIONS.items()
            for act, targets in steps.items()
            if target in targets and act not in (Act.ANSWER, Act.RESUME, Act.HAND_OVER)
        }

    assert into(S.VIEWED) == {(S.TO_LOOK_AT, Act.VIEW)}
    assert into(S.SIGNAL_SEEN) == {
        (S.VIEWED, Act.SIGNAL),
        (S.VIEWED, Act.WITHOUT_SIGNAL),
        (S.SECOND_LOOK, Act.SECOND_VIEW),
    }
    decided = {(S.SIGNAL_SEEN, Act.DECIDE), (S.LOOKED_TWICE, Act.DECIDE), (S.IN_TEAM, Act.DECIDE)}
    assert into(S.DECIDED) == decided | {(S.DECIDED, Act.ASSIGN)}
    assert into(S.IN_TEAM) == decided


@pytest.mark.safeguard
def test_s32_a_contestation_leaves_two_ways_on() -> None:
    assert set(TRANSITIONS[S.CONTESTED]) == {Act.ANSWER, Act.HANDLED_ELSEWHERE}


def test_groups_of_states() -> None:
    assert set(OPEN_STATES) == set(State) - CLOSED - {S.DECIDED, S.FOLLOWED_UP}
    assert set(CLOSED_STATES) == CLOSED
    assert set(EXPIRING_STATES) == EXPIRING
    assert (
        dict.fromkeys(State, Owner.EDUCATOR)
        | {
            S.TO_ASSIGN: Owner.TEAM_LEAD,
            S.SECOND_LOOK: Owner.SECOND_READER,
            S.CONTESTED: Owner.DPO,
        }
        == OWNERS
    )


@pytest.mark.safeguard
@pytest.mark.parametrize("state", State)
def test_s19_what_waits_expires_the_day_after(state: State) -> None:
    last = date(2026, 11, 20)
    assert state_on(state, last, last) is state
    assert state_on(state, None, last) is state
    after = S.EXPIRED if state in EXPIRING else state
    assert state_on(state, last, last + timedelta(days=1)) is after


PARTING = {(Opinion.NO, DecisionKind.OFFER)} | {
    (Opinion.YES, kind)
    for kind in (
        DecisionKind.NOTHING_NOW,
        DecisionKind.WRONG_DATA,
        DecisionKind.MISSING_CONTEXT,
        DecisionKind.NOT_RELEVANT,
    )
}


@pytest.mark.safeguard
@pytest.mark.parametrize("opinion", Opinion)
@pytest.mark.parametrize("kind", DecisionKind)
def test_s02_when_view_and_decision_part_strongly(opinion: Opinion, kind: DecisionKind) -> None:
    assert part_strongly(opinion, kind) == ((opinion, kind) in PARTING)


def test_the_diagram_draws_every_step_and_no_other() -> None:
    drawn = re.findall(r"^    (\w+) --> (\w+): (\w+)$", diagram(), re.MULTILINE)
    steps = [
        (state.value, to.value, act.value)
        for state, acts in TRANSITIONS.items()
        for act, targets in acts.items()
        for to in targets
    ]
    assert drawn == steps
    assert all(f'state "{state.label} (' in diagram() for state in State)
