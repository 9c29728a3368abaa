"""What a person may do: one matrix, denied by default (S26), and whose rows they see (S9).

``None`` stands for the command line of the machine itself, without an account: it may set
things up, and never looks at a situation, decides or approves.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Protocol

from features.errors import RebondError
from revue.records import Actor, Part, Role
from revue.states import Act


class Permission(StrEnum):
    """Everything somebody can be allowed to do, as ``scope:resource:action``."""

    READ_QUEUE = "review:queue:read"
    READ_PEOPLE = "review:people:read"
    READ_SITUATION = "review:situation:read"
    GIVE_VIEW = "review:view:give"
    READ_SIGNAL = "review:signal:read"
    DECIDE = "review:decision:make"
    OPEN_SITUATION = "review:situation:open"
    MOVE_SITUATION = "review:situation:move"
    FOLLOW_UP = "review:follow_up:note"
    CONTEST = "review:contestation:note"
    NOTE_OBSERVATION = "review:observation:note"
    PRACTISE = "review:practice:do"
    LIFT_IDENTITY = "review:identity:lift"
    READ_CONTACTS = "review:contacts:read"
    NOTE_NOTICE = "review:notice:note"
    FILL_QUEUE = "review:queue:fill"
    SYNC_PEOPLE = "review:people:sync"
    READ_TEAM = "team:absence:read"
    MANAGE_ABSENCES = "team:absence:manage"
    ASSIGN = "team:situation:assign"
    ANSWER_CONTESTATION = "oversight:contestation:answer"
    IMPORT_SERVICES = "admin:service:import"
    SEND_DIGEST = "admin:digest:send"
    STORE_IDENTITIES = "review:identity:store"
    READ_MODELS = "committee:model:read"
    REGISTER_MODEL = "committee:model:register"
    RECORD_AUDIT = "committee:audit:record"
    VOTE = "committee:model:vote"
    MEND_WORDING = "committee:wording:mend"
    SIGN_ASSESSMENT = "oversight:assessment:sign"
    READ_RIGHTS = "oversight:rights:read"
    ANSWER_REQUEST = "oversight:request:answer"
    OPEN_SEALED_COPY = "oversight:sealed_copy:open"
    READ_JOURNAL = "oversight:journal:read"
    READ_SAFEGUARDS = "oversight:safeguards:read"
    CREATE_USER = "admin:user:create"
    READ_USERS = "admin:user:read"
    MANAGE_USERS = "admin:user:manage"
    PURGE = "admin:home:purge"
    ROTATE_KEYS = "admin:keys:rotate"


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
        Permission.IMPORT_SERVICES,
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
            Permission.MOVE_SITUATION,
            Permission.FOLLOW_UP,
            Permission.CONTEST,
            Permission.NOTE_OBSERVATION,
            Permission.PRACTISE,
            Permission.READ_CONTACTS,
            Permission.NOTE_NOTICE,
        }
    ),
    Role.TEAM_LEAD: frozenset(
        {Permission.READ_TEAM, Permission.MANAGE_ABSENCES, Permission.ASSIGN}
    ),
    Role.STEWARD: _DATA_WORK,
    Role.COMMITTEE: _OVERSIGHT
    | {Permission.VOTE, Permission.MEND_WORDING, Permission.SIGN_ASSESSMENT},
    Role.DPO: _OVERSIGHT
    | {
        Permission.ANSWER_CONTESTATION,
        Permission.ANSWER_REQUEST,
        Permission.OPEN_SEALED_COPY,
        Permission.SIGN_ASSESSMENT,
    },
    Role.ADMIN: frozenset({Permission.CREATE_USER, Permission.READ_USERS, Permission.MANAGE_USERS}),
    None: _DATA_WORK
    | {
        Permission.CREATE_USER,
        Permission.READ_USERS,
        Permission.MANAGE_USERS,
        Permission.SEND_DIGEST,
        Permission.ANSWER_REQUEST,
        Permission.NOTE_NOTICE,
        Permission.PURGE,
        Permission.ROTATE_KEYS,
    },
}


class Forbidden(RebondError):
    """The role does not hold this permission."""


class NotYours(Forbidden):
    """The role may do this, but not with this person's situation."""


class NoAccount(Forbidden):
    """The act needs a human being with an account."""


class Accompanied(Protocol):
    """Anything that belongs to a team, and to somebody of it."""

    @property
    def team(self) -> str:
        """The team that accompanies the person."""

    @property
    def referent(self) -> str | None:
        """The login of the educator in charge."""

    @property
    def assigned_to(self) -> str | None:
        """The login of the educator whom the team lead gave it to."""


PERMISSION_FOR: dict[Act, Permission] = {
    Act.VIEW: Permission.GIVE_VIEW,
    Act.SECOND_VIEW: Permission.GIVE_VIEW,
    Act.SIGNAL: Permission.READ_SIGNAL,
    Act.WITHOUT_SIGNAL: Permission.READ_SIGNAL,
    Act.DECIDE: Permission.DECIDE,
    Act.FOLLOW_UP: Permission.FOLLOW_UP,
    Act.PUT_OFF: Permission.MOVE_SITUATION,
    Act.RESUME: Permission.MOVE_SITUATION,
    Act.ASK_SECOND_LOOK: Permission.MOVE_SITUATION,
    Act.CONTEST: Permission.CONTEST,
    Act.HANDLED_ELSEWHERE: Permission.READ_SITUATION,
    Act.ASSIGN: Permission.ASSIGN,
    Act.ANSWER: Permission.ANSWER_CONTESTATION,
    Act.HAND_OVER: Permission.SYNC_PEOPLE,
    Act.WITHDRAW: Permission.SYNC_PEOPLE,
}
"""Which permission an act needs; :attr:`Act.EXPIRE` is the calendar's alone."""

ACTS_OF: dict[Part, frozenset[Act]] = {
    Part.ACCOMPANYING: frozenset(
        {
            Act.VIEW,
            Act.SIGNAL,
            Act.WITHOUT_SIGNAL,
            Act.DECIDE,
            Act.FOLLOW_UP,
            Act.PUT_OFF,
            Act.RESUME,
            Act.ASK_SECOND_LOOK,
            Act.CONTEST,
            Act.HANDLED_ELSEWHERE,
        }
    ),
    Part.SECOND_READER: frozenset({Act.SECOND_VIEW, Act.HANDLED_ELSEWHERE}),
}
"""What somebody may do with one situation, by what they are to it."""

WITHOUT_HOLD = frozenset({Act.CONTEST, Act.HANDLED_ELSEWHERE, Act.SECOND_VIEW, Act.FOLLOW_UP})
"""Acts that a colleague's hold does not stop: danger and the person's own voice among them."""


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


def accompanies(actor: Actor, situation: Accompanied, logins: Collection[str]) -> bool:
    """Tell whether the actor accompanies somebody: in their team, as referent or assigned.

    Parameters
    ----------
    actor, situation
        Who, and what belongs to a team and an educator.
    logins
        Whose persons the actor accompanies today: their own, and of those they stand in for.
    """
    return (
        is_allowed(actor, Permission.READ_SITUATION)
        and actor.team is not None
        and situation.team == actor.team
        and (situation.referent in logins or situation.assigned_to in logins)
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
