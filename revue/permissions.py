"""What a person may do: one matrix, denied by default (S26), and whose rows they see (S9).

``None`` stands for the command line of the machine itself, without an account: it may set
things up, and never looks at a situation, decides or approves.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from features.errors import RebondError
from revue.records import Actor, Role


class Permission(StrEnum):
    """Everything somebody can be allowed to do, as ``scope:resource:action``."""

    READ_QUEUE = "review:queue:read"
    READ_PEOPLE = "review:people:read"
    READ_SITUATION = "review:situation:read"
    GIVE_VIEW = "review:view:give"
    READ_SIGNAL = "review:signal:read"
    DECIDE = "review:decision:make"
    OPEN_SITUATION = "review:situation:open"
    LIFT_IDENTITY = "review:identity:lift"
    FILL_QUEUE = "review:queue:fill"
    SYNC_PEOPLE = "review:people:sync"
    STORE_IDENTITIES = "review:identity:store"
    READ_MODELS = "committee:model:read"
    REGISTER_MODEL = "committee:model:register"
    RECORD_AUDIT = "committee:audit:record"
    VOTE = "committee:model:vote"
    MEND_WORDING = "committee:wording:mend"
    READ_RIGHTS = "oversight:rights:read"
    READ_JOURNAL = "oversight:journal:read"
    READ_SAFEGUARDS = "oversight:safeguards:read"
    CREATE_USER = "admin:user:create"
    READ_USERS = "admin:user:read"


_OVERSIGHT = frozenset(
    {
        Permission.READ_MODELS,
        Permission.READ_RIGHTS,
        Permission.READ_JOURNAL,
        Permission.READ_SAFEGUARDS,
    }
)
_DATA_WORK = frozenset(
    {
        Permission.FILL_QUEUE,
        Permission.SYNC_PEOPLE,
        Permission.STORE_IDENTITIES,
        Permission.REGISTER_MODEL,
        Permission.RECORD_AUDIT,
        Permission.READ_MODELS,
    }
)

ROLE_PERMISSIONS: dict[Role | None, frozenset[Permission]] = {
    Role.EDUCATOR: frozenset(
        {
            Permission.READ_QUEUE,
            Permission.READ_PEOPLE,
            Permission.READ_SITUATION,
            Permission.GIVE_VIEW,
            Permission.READ_SIGNAL,
            Permission.DECIDE,
            Permission.OPEN_SITUATION,
            Permission.LIFT_IDENTITY,
        }
    ),
    Role.TEAM_LEAD: frozenset(),
    Role.STEWARD: _DATA_WORK,
    Role.COMMITTEE: _OVERSIGHT | {Permission.VOTE, Permission.MEND_WORDING},
    Role.DPO: _OVERSIGHT,
    Role.ADMIN: frozenset({Permission.CREATE_USER, Permission.READ_USERS}),
    None: _DATA_WORK | {Permission.CREATE_USER, Permission.READ_USERS},
}


class Forbidden(RebondError):
    """The role does not hold this permission."""


class NotYours(Forbidden):
    """The role may do this, but not with this person's situation."""


class NoAccount(Forbidden):
    """The act needs a human being with an account."""


class Accompanied(Protocol):
    """Anything that belongs to a team and, where one is named, to a referent."""

    @property
    def team(self) -> str:
        """The team that accompanies the person."""

    @property
    def referent(self) -> str | None:
        """The login of the educator in charge."""


def is_allowed(actor: Actor, permission: Permission) -> bool:
    """Tell whether the actor's role holds a permission."""
    return permission in ROLE_PERMISSIONS[actor.role]


def check_allowed(actor: Actor, permission: Permission) -> None:
    """Refuse an actor whose role does not hold a permission.

    Raises
    ------
    Forbidden
        It does not.
    """
    if not is_allowed(actor, permission):
        role = actor.role.value if actor.role else "the command line"
        raise Forbidden(f"{permission.value} is not for {role}; ask somebody whose role holds it.")


def sees(actor: Actor, situation: Accompanied) -> bool:
    """Tell whether the actor sees a situation: own team, and referent or nobody is."""
    return (
        is_allowed(actor, Permission.READ_SITUATION)
        and actor.team is not None
        and situation.team == actor.team
        and situation.referent in (None, actor.login)
    )


def check_sees(actor: Actor, situation: Accompanied) -> None:
    """Refuse an actor who does not accompany the person.

    Raises
    ------
    Forbidden
        The role sees no situation at all.
    NotYours
        Another team's, or another educator's.
    """
    check_allowed(actor, Permission.READ_SITUATION)
    if not sees(actor, situation):
        raise NotYours(
            f"{actor.login} does not accompany this person; only their referent in their team does."
        )


def account_of(actor: Actor) -> int:
    """Return the account of the human being who acts.

    Raises
    ------
    NoAccount
        Nobody signed in stands behind this actor.
    """
    if actor.user_id is None:
        raise NoAccount(f"{actor.login} has no account; this act needs a person who signed in.")
    return actor.user_id
