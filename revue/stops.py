"""Which models the committee stopped: what the journal says, not a column that can be set (S28).

A process reads the journal once, whole and verified, and from then on what was added since:
one more stop is believed as it stands, but nothing lifts one without the whole journal being
verified again. So a state set by hand, a vote deleted or an entry changed brings no signal
back: in a process that knows of the stop nothing changes, and any other finds a journal that
does not hold, and shows no signal at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, bindparam, select, tuple_
from sqlalchemy.orm import Session

from features.keys import ForgedSignature
from revue import schema
from revue.journal import Signer, acts, verify_journal
from revue.records import ModelState, Stop
from revue.schema import VoteAct

AUDIT = "record_audit"
WAIVER_ENDED = "waiver_ended"
VOTES_UNSIGNED = "votes_unsigned"
VOTES_WITHDRAWN = "votes_withdrawn"
"""Acts after which a model stands before the committee again."""

CARRIED = "carry_stop"
"""The act of a restore that stops a model again, as a vote to suspend it does."""

_STOPPING: Mapping[str, VoteAct] = {
    VoteAct.SUSPEND: VoteAct.SUSPEND,
    CARRIED: VoteAct.SUSPEND,
    VoteAct.REJECT: VoteAct.REJECT,
}
_AGAIN = frozenset({AUDIT, WAIVER_ENDED, VOTES_UNSIGNED, VOTES_WITHDRAWN})
_LIFTED_BY = {
    VoteAct.SUSPEND: frozenset({VoteAct.RESUME.value}),
    VoteAct.REJECT: _AGAIN,
}
_BY_ACT = {VoteAct.SUSPEND: Stop.SUSPENDED, VoteAct.REJECT: Stop.REJECTED}
_BY_ROW: Mapping[ModelState | None, Stop] = {
    None: Stop.OVER,
    ModelState.SUSPENDED: Stop.SUSPENDED,
    ModelState.REJECTED: Stop.REJECTED,
}

_SINCE = (
    select(
        schema.Entry.month,
        schema.Entry.position,
        schema.Entry.leaf,
        schema.Entry.act,
        schema.Entry.subject,
        select(schema.Model.state)
        .where(schema.Model.version == bindparam("version"))
        .scalar_subquery()
        .label("state"),
    )
    .where(
        tuple_(schema.Entry.month, schema.Entry.position)
        >= tuple_(bindparam("month"), bindparam("position"))
    )
    .order_by(schema.Entry.month, schema.Entry.position)
)
"""The entries from the newest known on, and what the model's own row says.

None is a row whose time is over (S18): it cannot be read.
"""


@dataclass
class Stops:
    """What one process knows of the stops of one database.

    Attributes
    ----------
    standing
        By version, the act that stopped it.
    holds
        Whether the journal held when it was last verified.
    last
        Month, position and leaf of the newest entry that was read.
    """

    standing: dict[str, VoteAct] = field(default_factory=dict)
    holds: bool = True
    last: tuple[str, int, str] | None = None

    def of(self, session: Session, version: str) -> Stop | None:
        """Tell why a model is stopped now, or that nobody can tell any more."""
        if self.last is None:
            self._read_all(session)
        month, position, _ = self.last or ("", 0, "")
        since = {"month": month, "position": position, "version": version}
        found = session.execute(_SINCE, since).all()
        known, added = [(entry.month, entry.position, entry.leaf) for entry in found[:1]], found[1:]
        if known != [self.last] or any(self._lifts(entry) for entry in added):
            self._read_all(session)
        else:
            self._follow(added)
        if not self.holds:
            return Stop.UNVERIFIED
        if version in self.standing:
            return _BY_ACT[self.standing[version]]
        return next((_BY_ROW.get(entry.state) for entry in found[:1]), None)

    def _lifts(self, entry: schema.Entry | Row[*tuple[Any, ...]]) -> bool:
        stopped_by = self.standing.get(entry.subject)
        return stopped_by is not None and entry.act in _LIFTED_BY[stopped_by]

    def _follow(self, entries: Iterable[schema.Entry | Row[*tuple[Any, ...]]]) -> None:
        for entry in entries:
            if self._lifts(entry):
                del self.standing[entry.subject]
            elif entry.act in _STOPPING:
                self.standing[entry.subject] = _STOPPING[entry.act]
            self.last = (entry.month, entry.position, entry.leaf)

    def _read_all(self, session: Session) -> None:
        """Verify the whole journal and start from what it says."""
        sign: Signer = session.info["sign"]

        def verify(content: bytes, signature: str) -> None:
            if sign(content) != signature:  # Ed25519 signs the same text the same way
                raise ForgedSignature("the journal's head is not one that this home signed.")

        self.holds = verify_journal(session, verify).ok
        self.standing, self.last = {}, None
        self._follow(acts(session, {*_STOPPING, VoteAct.RESUME, *_AGAIN}))
        newest = session.scalars(
            select(schema.Entry)
            .order_by(schema.Entry.month.desc(), schema.Entry.position.desc())
            .limit(1)
        ).first()
        if newest is not None:
            self.last = (newest.month, newest.position, newest.leaf)


def stop_of(session: Session, version: str | None) -> Stop | None:
    """Return why no signal of this model is shown: the committee's act, or its time is over.

    Where the journal does not hold, nobody can tell that neither is so: that stops it too.
    """
    stops: Stops = session.info["stops"]
    return None if version is None else stops.of(session, version)
