from __future__ import annotations

from dataclasses import dataclass

import pytest

from revue.permissions import (
    ROLE_PERMISSIONS,
    Forbidden,
    NoAccount,
    NotYours,
    Permission,
    account_of,
    check_allowed,
    check_sees,
    is_allowed,
    sees,
)
from revue.records import Actor, Role

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
    },
    Role.TEAM_LEAD: set(),
    Role.STEWARD: {
        "review:queue:fill",
        "review:people:sync",
        "review:identity:store",
        "committee:model:register",
        "committee:audit:record",
        "committee:model:read",
    },
    Role.COMMITTEE: {
        "committee:model:read",
        "committee:model:vote",
        "committee:wording:mend",
        "oversight:rights:read",
        "oversight:journal:read",
        "oversight:safeguards:read",
    },
    Role.DPO: {
        "committee:model:read",
        "oversight:rights:read",
        "oversight:journal:read",
        "oversight:safeguards:read",
    },
    Role.ADMIN: {"admin:user:create", "admin:user:read"},
    None: {
        "review:queue:fill",
        "review:people:sync",
        "review:identity:store",
        "committee:model:register",
        "committee:audit:record",
        "committee:model:read",
        "admin:user:create",
        "admin:user:read",
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


ROWS = [Row(team, referent) for team in ("nord", "sud") for referent in ("lea", "karim", None)]


@pytest.mark.safeguard
@pytest.mark.parametrize("role", [*Role, None])
@pytest.mark.parametrize("team", ["nord", "sud", None])
@pytest.mark.parametrize("row", ROWS)
def test_s09_every_role_by_every_row(role: Role | None, team: str | None, row: Row) -> None:
    actor = Actor("lea", role, team, 1)
    expected = role is Role.EDUCATOR and team == row.team and row.referent in ("lea", None)
    assert sees(actor, row) == expected
    if not expected:
        with pytest.raises(NotYours if role is Role.EDUCATOR else Forbidden):
            check_sees(actor, row)


def test_an_act_needs_an_account() -> None:
    with pytest.raises(NoAccount):
        account_of(Actor("cli:root", None, None))
