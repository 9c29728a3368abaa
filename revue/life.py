"""``docs/situation.md``: the life of a situation, written from the rules themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from revue.permissions import ACTS_OF, PERMISSION_FOR, ROLE_PERMISSIONS, WITHOUT_HOLD
from revue.records import Part, Role, State
from revue.states import OWNERS, TRANSITIONS, Act, Owner, diagram

MEANINGS = {
    State.TO_ASSIGN: "nobody accompanies the person; the team lead gives it to somebody",
    State.TO_LOOK_AT: "facts to read, own view to give",
    State.VIEWED: "own view given, the signal not yet asked for",
    State.SIGNAL_SEEN: "the signal was seen, or gone without during a stop; now decide",
    State.PUT_OFF: "comes back by itself on its day",
    State.SECOND_LOOK: "a colleague looks as well, blind to what the first one said",
    State.LOOKED_TWICE: "the colleague gave their view; the decision is confirmed or changed",
    State.IN_TEAM: "taken up at the team's meeting, on its day",
    State.DECIDED: "the newest decision holds; what became of it can be told",
    State.FOLLOWED_UP: "what became of it was told, and can be again",
    State.CONTESTED: "everything but danger waits for the answer to the person",
    State.EXPIRED: "what it was opened on is no longer valid; the calendar alone leads here",
    State.WITHDRAWN: "a contestation was upheld, or the person is no longer told of this",
    State.HANDLED_ELSEWHERE: "danger, or dealt with outside this tool; no question asked",
}

OWNER_LABELS = {
    Owner.TEAM_LEAD: "the team lead",
    Owner.EDUCATOR: "who accompanies the person",
    Owner.SECOND_READER: "the second reader",
    Owner.DPO: "the data protection officer",
}

PART_LABELS = {
    Part.ACCOMPANYING: "accompanies the person: their referent, a stand-in, or assigned",
    Part.SECOND_READER: "was asked for a second look",
}


def life_page() -> str:
    """Return ``docs/situation.md``, whole."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from (
        "# The life of a situation",
        "",
        "Written by `revue.life.life_page()` from the rules that hold; nobody edits it by hand.",
        "",
        "```mermaid",
        diagram().rstrip(),
        "```",
        "",
        "## States",
        "",
        "Each educator goes their own way through *à regarder*, *votre avis est donné* and "
        "*signal lu*: whoever takes a situation over starts with their own view.",
        "",
        "| state | read as | whose turn | meaning | possible |",
        "|---|---|---|---|---|",
    )
    for state, steps in TRANSITIONS.items():
        cells = (state.label, OWNER_LABELS[OWNERS[state]], MEANINGS[state], _acts(steps))
        yield f"| `{state}` | {' | '.join(cells)} |"
    yield from (
        "",
        "## What a person may do",
        "",
        "| who | may |",
        "|---|---|",
    )
    for part, acts in ACTS_OF.items():
        may = _acts(act for act in Act if act in acts)
        yield f"| an educator who {PART_LABELS[part]} | {may} |"
    for role, held in ROLE_PERMISSIONS.items():
        acts_of_role = [act for act, needed in PERMISSION_FOR.items() if needed in held]
        if role is not Role.EDUCATOR and acts_of_role:
            yield f"| {_who(role)} | {_acts(acts_of_role)} |"
    without = ", ".join(f"`{act}`" for act in Act if act in WITHOUT_HOLD)
    yield from (
        "",
        f"A colleague who is working on a situation holds it for a while; {without} do not wait "
        "for that. Nothing ever stops `handled_elsewhere`.",
    )


def _who(role: Role | None) -> str:
    return "the command line" if role is None else f"role `{role}`"


def _acts(acts: Iterable[Act]) -> str:
    return ", ".join(f"`{act}`" for act in acts) or "nothing"
