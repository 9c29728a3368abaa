from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest

from revue.permissions import (
    ACTS_OF,
    PERMISSION_FOR,
    ROLE_PERMISSIONS,
    WITHOUT_HOLD,
    Forbidden,
    NoAccount,
    Permission,
    accompanies,
    account_of,
    check_allowed,
    is_allowed,
)
from revue.records import Actor, Part, Role
from revue.states import Act

MATRIX = {
    Role.EDUCATOR: {
        "review:queue:read",
        "review:people:read",
        "review:situation:read",
        "review:view:give",
        "review:signal:read",
        "review:decision:make",
        "review:situation:open",
        "review:identity:lift",
        "review:situation:move",
        "review:follow_up:note",
        "review:contestation:note",
        "review:observation:note",
        "review:practice:do",
        "review:contacts:read",
        "review:notice:note",
    },
    Role.TEAM_LEAD: {"team:absence:read", "team:absence:manage", "team:situation:assign"},
    Role.STEWARD: {
        "review:queue:fill",
        "review:people:sync",
        "review:identity:store",
        "committee:model:register",
        "committee:audit:record",
        "committee:model:read",
        "admin:service:import",
    },
    Role.COMMITTEE: {
        "committee:model:read",
        "committee:model:vote",
        "committee:wording:mend",
        "oversight:assessment:sign",
        "oversight:rights:read",
        "oversight:journal:read",
        "oversight:safeguards:read",
    },
    Role.DPO: {
        "committee:model:read",
        "oversight:rights:read",
        "oversight:journal:read",
        "oversight:safeguards:read",
        "oversight:contestation:answer",
        "oversight:request:answer",
        "oversight:sealed_copy:open",
        "oversight:assessment:sign",
    },
    Role.ADMIN: {"admin:user:create", "admin:user:read", "admin:user:manage"},
    None: {
        "review:queue:fill",
        "review:people:sync",
        "review:identity:store",
        "committee:model:register",
        "committee:audit:record",
        "committee:model:read",
        "admin:service:import",
        "admin:user:create",
        "admin:user:read",
        "admin:digest:send",
        "admin:user:manage",
        "admin:home:purge",
        "admin:keys:rotate",
        "oversight:request:answer",
        "review:notice:note",
    },
}


@pytest.mark.safeguard
def test_s26_the_whole_matrix_is_pinned() -> None:
    held = {role: {p.value for p in held} for role, held in ROLE_PERMISSIONS.items()}
    assert held == MATRIX


@pytest.mark.safeguard
@pytest.mark.parametrize("role", [*Role, None])
@pytest.mark.parametrize("permission", Permission)
def test_s26_what_is_not_listed_is_refused(role: Role | None, permission: Permission) -> None:
    actor = Actor("somebody", role, "nord", 1)
    if permission.value in MATRIX[role]:
        check_allowed(actor, permission)
        assert is_allowed(actor, permission)
    else:
        assert not is_allowed(actor, permission)
        with pytest.raises(Forbidden):
            check_allowed(actor, permission)


@dataclass(frozen=True)
class Row:
    team: str
    referent: str | None
    assigned_to: str | None


WHO = ("lea", "karim", None)
ROWS = [Row(team, *whose) for team in ("nord", "sud") for whose in product(WHO, WHO)]


@pytest.mark.safeguard
@pytest.mark.parametrize("role", [*Role, None])
@pytest.mark.parametrize("team", ["nord", "sud", None])
@pytest.mark.parametrize("logins", [("lea",), ("lea", "karim")])
def test_s09_every_role_by_every_row(
    role: Role | None, team: str | None, logins: tuple[str, ...]
) -> None:
    """Of their own team alone: their own, those of whom they stand in for, those assigned."""
    actor = Actor("lea", role, team, 1)
    for row in ROWS:
        theirs = row.referent in logins or row.assigned_to in logins
        expected = role is Role.EDUCATOR and team == row.team and theirs
        assert accompanies(actor, row, logins) == expected


@pytest.mark.safeguard
def test_s26_every_act_needs_a_permission_that_some_role_holds() -> None:
    """And whatever part somebody has in a situation, their role may do it."""
    assert set(PERMISSION_FOR) == set(Act) - {Act.EXPIRE}
    held = set().union(*ROLE_PERMISSIONS.values())
    assert set(PERMISSION_FOR.values()) <= held
    for acts in ACTS_OF.values():
        assert {PERMISSION_FOR[act] for act in acts} <= ROLE_PERMISSIONS[Role.EDUCATOR]


@pytest.mark.safeguard
def test_s33_danger_is_in_every_part_and_over_every_hold() -> None:
    assert all(Act.HANDLED_ELSEWHERE in acts for acts in ACTS_OF.values())
    assert {Act.HANDLED_ELSEWHERE, Act.CONTEST} <= WITHOUT_HOLD
    assert set(ACTS_OF) == set(Part)


def test_an_act_needs_an_account() -> None:
    with pytest.raises(NoAccount):
        account_of(Actor("cli:root", None, None))
