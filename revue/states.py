"""What the state of a situation allows: one dict, read by everything that asks.

Own view, then signal, then decision (S2). Danger never waits (S33): from every state there
is a step to *traité hors de cet outil*. Every state has an owner, whose turn it is.
What a *person* may do stands in :mod:`revue.permissions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from enum import StrEnum

from features.errors import RebondError
from revue.records import DecisionKind, Opinion, State


class Act(StrEnum):
    """What somebody, or the calendar, can do with a situation."""

    ASSIGN = "assign"
    VIEW = "view"
    SIGNAL = "signal"
    WITHOUT_SIGNAL = "without_signal"
    DECIDE = "decide"
    FOLLOW_UP = "follow_up"
    PUT_OFF = "put_off"
    RESUME = "resume"
    HAND_OVER = "hand_over"
    ASK_SECOND_LOOK = "ask_second_look"
    SECOND_VIEW = "second_view"
    CONTEST = "contest"
    ANSWER = "answer"
    EXPIRE = "expire"
    WITHDRAW = "withdraw"
    HANDLED_ELSEWHERE = "handled_elsewhere"


class Owner(StrEnum):
    """Whose turn it is while a situation is in a state."""

    TEAM_LEAD = "team_lead"
    EDUCATOR = "educator"
    SECOND_READER = "second_reader"
    DPO = "dpo"


_BEGUN = (State.TO_LOOK_AT, State.VIEWED, State.SIGNAL_SEEN)
_DECIDED = (State.DECIDED, State.IN_TEAM, State.SECOND_LOOK)
_EVERYWHERE = {
    Act.CONTEST: (State.CONTESTED,),
    Act.WITHDRAW: (State.WITHDRAWN,),
    Act.HANDLED_ELSEWHERE: (State.HANDLED_ELSEWHERE,),
}
_WAITING = {
    **_EVERYWHERE,
    Act.HAND_OVER: (State.TO_ASSIGN, State.TO_LOOK_AT),
    Act.PUT_OFF: (State.PUT_OFF,),
    Act.EXPIRE: (State.EXPIRED,),
}
_CLOSED: dict[Act, tuple[State, ...]] = {Act.HANDLED_ELSEWHERE: (State.HANDLED_ELSEWHERE,)}

TRANSITIONS: dict[State, dict[Act, tuple[State, ...]]] = {
    State.TO_ASSIGN: {
        Act.ASSIGN: (State.TO_LOOK_AT,),
        Act.HAND_OVER: (State.TO_ASSIGN, State.TO_LOOK_AT),
        Act.EXPIRE: (State.EXPIRED,),
        Act.WITHDRAW: (State.WITHDRAWN,),
        Act.HANDLED_ELSEWHERE: (State.HANDLED_ELSEWHERE,),
    },
    State.TO_LOOK_AT: {Act.VIEW: (State.VIEWED,), **_WAITING},
    State.VIEWED: {
        Act.SIGNAL: (State.SIGNAL_SEEN,),
        Act.WITHOUT_SIGNAL: (State.SIGNAL_SEEN,),
        **_WAITING,
    },
    State.SIGNAL_SEEN: {
        Act.DECIDE: _DECIDED,
        Act.ASK_SECOND_LOOK: (State.SECOND_LOOK,),
        **_WAITING,
    },
    State.PUT_OFF: {
        Act.RESUME: _BEGUN,
        Act.HAND_OVER: (State.TO_ASSIGN, State.TO_LOOK_AT),
        Act.EXPIRE: (State.EXPIRED,),
        **_EVERYWHERE,
    },
    State.SECOND_LOOK: {
        Act.SECOND_VIEW: (State.SIGNAL_SEEN, State.LOOKED_TWICE),
        Act.RESUME: (State.SIGNAL_SEEN, State.DECIDED),
        Act.HAND_OVER: (State.TO_ASSIGN, State.TO_LOOK_AT, State.DECIDED),
        **_EVERYWHERE,
    },
    State.LOOKED_TWICE: {
        Act.DECIDE: (State.DECIDED, State.IN_TEAM),
        Act.FOLLOW_UP: (State.FOLLOWED_UP,),
        Act.HAND_OVER: (State.DECIDED,),
        **_EVERYWHERE,
    },
    State.IN_TEAM: {
        Act.DECIDE: (State.DECIDED, State.IN_TEAM),
        Act.FOLLOW_UP: (State.FOLLOWED_UP,),
        Act.HAND_OVER: (State.DECIDED,),
        **_EVERYWHERE,
    },
    State.DECIDED: {
        Act.ASSIGN: (State.DECIDED,),
        Act.FOLLOW_UP: (State.FOLLOWED_UP,),
        **_EVERYWHERE,
    },
    State.FOLLOWED_UP: {
        Act.ASSIGN: (State.FOLLOWED_UP,),
        Act.FOLLOW_UP: (State.FOLLOWED_UP,),
        **_EVERYWHERE,
    },
    State.CONTESTED: {
        Act.ANSWER: (
            State.TO_ASSIGN, *_BEGUN, State.PUT_OFF, State.SECOND_LOOK, State.LOOKED_TWICE,
            State.IN_TEAM, State.DECIDED, State.FOLLOWED_UP, State.WITHDRAWN,
        ),
        Act.HANDLED_ELSEWHERE: (State.HANDLED_ELSEWHERE,),
    },
    State.EXPIRED: _CLOSED,
    State.WITHDRAWN: _CLOSED,
    State.HANDLED_ELSEWHERE: _CLOSED,
}  # fmt: skip
"""What each state allows, and where it can lead; ``docs/situation.md`` is drawn from it."""

OWNERS: dict[State, Owner] = dict.fromkeys(State, Owner.EDUCATOR) | {
    State.TO_ASSIGN: Owner.TEAM_LEAD,
    State.SECOND_LOOK: Owner.SECOND_READER,
    State.CONTESTED: Owner.DPO,
}
"""Whose turn it is; a closed situation stays its educator's, to read and for danger."""

BEGUN_STATES = _BEGUN
"""How far one educator has come on their own; each educator has their own way through them."""

DONE_STATES = (State.DECIDED, State.FOLLOWED_UP)
"""The states in which something was decided, and what becomes of it can be told."""

OPEN_STATES = tuple(
    state
    for state, steps in TRANSITIONS.items()
    if steps is not _CLOSED and state not in DONE_STATES
)
"""The states in which something is still to be decided."""

EXPIRING_STATES = tuple(state for state, steps in TRANSITIONS.items() if Act.EXPIRE in steps)
"""The states that end with the validity of what the situation was opened on (S19)."""

CLOSED_STATES = tuple(state for state, steps in TRANSITIONS.items() if steps is _CLOSED)
"""The states after which only danger is still to be said."""


class ActOutOfOrder(RebondError):
    """The situation's state does not allow this act."""


def check_step(state: State, act: Act, to: State | None = None) -> State:
    """Return the state that ``act`` leads to.

    Parameters
    ----------
    state, act
        Where the situation stands, and what is done with it.
    to
        Which of several states is meant; not needed where there is only one.

    Raises
    ------
    ActOutOfOrder
        The state does not allow it.
    """
    possible = TRANSITIONS[state].get(act, ())
    if to is None and len(possible) == 1:
        return possible[0]
    if to is None or to not in possible:
        allowed = ", ".join(TRANSITIONS[state])
        raise ActOutOfOrder(
            f"{act.value!r} is not possible while the situation is {state.value!r}; "
            f"possible now: {allowed}."
        )
    return to


def is_step(state: State, act: Act) -> bool:
    """Tell whether the state allows the act."""
    return act in TRANSITIONS[state]


def state_on(state: State, valid_until: date | None, today: date) -> State:
    """Return the state as it is on a day: past its validity, what waits has expired.

    Nothing has to run at midnight for this; what reads a situation asks here.
    """
    if state in EXPIRING_STATES and valid_until is not None and today > valid_until:
        return check_step(state, Act.EXPIRE)
    return state


def part_strongly(opinion: Opinion, kind: DecisionKind) -> bool:
    """Tell whether own view and decision part so far that a second look is asked for (S2).

    Help is offered where one saw no need before the signal; or one saw the need and
    nothing follows.
    """
    if opinion is Opinion.NO:
        return kind is DecisionKind.OFFER
    return opinion is Opinion.YES and kind in {
        DecisionKind.NOTHING_NOW,
        DecisionKind.WRONG_DATA,
        DecisionKind.MISSING_CONTEXT,
        DecisionKind.NOT_RELEVANT,
    }


def diagram() -> str:
    """Draw the life of a situation as a Mermaid state diagram, for the documentation."""
    return "\n".join(["stateDiagram-v2", *_lines()]) + "\n"


def _lines() -> Iterator[str]:
    for state in State:
        yield f'    state "{state.label} ({OWNERS[state].value})" as {state.value}'
    for start in (State.TO_ASSIGN, State.TO_LOOK_AT):
        yield f"    [*] --> {start.value}"
    for state, steps in TRANSITIONS.items():
        for act, targets in steps.items():
            for target in targets:
                yield f"    {state.value} --> {target.value}: {act.value}"
    for state in CLOSED_STATES:
        yield f"    {state.value} --> [*]"
