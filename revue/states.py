"""What the state of a situation allows: one dict, read by everything that asks.

Own view, then signal, then decision (S2). Danger never waits (S33): from every state there
is a step to *traité hors de cet outil*.
"""

from __future__ import annotations

from enum import StrEnum

from features.errors import RebondError
from revue.records import State


class Act(StrEnum):
    """What somebody can do with a situation."""

    VIEW = "view"
    SIGNAL = "signal"
    DECIDE = "decide"
    HANDLED_ELSEWHERE = "handled_elsewhere"


TRANSITIONS: dict[State, dict[Act, State]] = {
    State.TO_LOOK_AT: {
        Act.VIEW: State.VIEWED,
        Act.HANDLED_ELSEWHERE: State.HANDLED_ELSEWHERE,
    },
    State.VIEWED: {
        Act.SIGNAL: State.SIGNAL_SEEN,
        Act.HANDLED_ELSEWHERE: State.HANDLED_ELSEWHERE,
    },
    State.SIGNAL_SEEN: {
        Act.DECIDE: State.DECIDED,
        Act.HANDLED_ELSEWHERE: State.HANDLED_ELSEWHERE,
    },
    State.DECIDED: {
        Act.HANDLED_ELSEWHERE: State.HANDLED_ELSEWHERE,
    },
    State.HANDLED_ELSEWHERE: {
        Act.HANDLED_ELSEWHERE: State.HANDLED_ELSEWHERE,
    },
}

OPEN_STATES = tuple(
    state for state, steps in TRANSITIONS.items() if set(steps) != {Act.HANDLED_ELSEWHERE}
)
"""The states in which a situation still waits for its educator."""


class ActOutOfOrder(RebondError):
    """The situation's state does not allow this act."""


def check_step(state: State, act: Act) -> State:
    """Return the state that ``act`` leads to.

    Raises
    ------
    ActOutOfOrder
        The state does not allow it.
    """
    try:
        return TRANSITIONS[state][act]
    except KeyError:
        allowed = ", ".join(TRANSITIONS[state])
        raise ActOutOfOrder(
            f"{act.value!r} is not possible while the situation is {state.value!r}; "
            f"possible now: {allowed}."
        ) from None


def is_step(state: State, act: Act) -> bool:
    """Tell whether the state allows the act."""
    return act in TRANSITIONS[state]
