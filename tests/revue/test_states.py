from __future__ import annotations

import pytest

from revue.records import State
from revue.states import OPEN_STATES, TRANSITIONS, Act, ActOutOfOrder, check_step, is_step

ALLOWED = {
    (State.TO_LOOK_AT, Act.VIEW): State.VIEWED,
    (State.VIEWED, Act.SIGNAL): State.SIGNAL_SEEN,
    (State.SIGNAL_SEEN, Act.DECIDE): State.DECIDED,
} | {(state, Act.HANDLED_ELSEWHERE): State.HANDLED_ELSEWHERE for state in State}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("act", Act)
def test_every_step_is_pinned(state: State, act: Act) -> None:
    assert is_step(state, act) == ((state, act) in ALLOWED)
    if (state, act) in ALLOWED:
        assert check_step(state, act) is ALLOWED[state, act]
    else:
        with pytest.raises(ActOutOfOrder):
            check_step(state, act)


@pytest.mark.safeguard
def test_s33_every_state_leads_to_handled_elsewhere() -> None:
    assert all(Act.HANDLED_ELSEWHERE in TRANSITIONS[state] for state in State)


def test_open_states() -> None:
    assert OPEN_STATES == (State.TO_LOOK_AT, State.VIEWED, State.SIGNAL_SEEN)
