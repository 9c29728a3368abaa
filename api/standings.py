"""What people asked for, applied: the register's lines that this home has not heard of yet.

An act is first one line in the register, which lies with the keys (:mod:`revue.standings`),
then everything it means in the home, in one transaction and one staging, together with the
mark of how far the home has come. Killed in between, the next opening goes on; a home put
back from an older copy has an older mark, and hears of what it missed before anybody reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from api import aside
from api.bundles import (
    EVERYTHING,
    Bundle,
    collect,
    exchange,
    identity_in,
    seal,
    under_pseudonym,
)
from api.home import Home
from features.errors import RebondError
from features.staging import Staging, staging
from revue import requests, schema
from revue.database import scrub, set_mark
from revue.directory import withdraw_of
from revue.journal import record
from revue.permissions import Permission, check_allowed
from revue.personal import delete_rows
from revue.records import Actor, Right
from revue.standings import DataKey, RegisterLine, Standing
from revue.vault import identity_of

APPLIED = "apply_standings"
"""The act under which the journal holds that a home caught up with the register."""

_MARK, _SCRUBBED = "standings", "standings_scrubbed"
_REGISTER = Actor(login="register", role=None, team=None)
_HISTORY = frozenset({"people", "signals", "observations"})
"""What goes with the histories of somebody who objected; what was decided already stays."""
_CLOCKS = frozenset({"requests"})
"""What stays in reach while a person's data are restricted: the days we owe answers by."""
_GONE = frozenset({Standing.ERASED, Standing.OVERDUE})
_DIGITS, _LONG = frozenset("0123456789abcdef"), 32


class NobodyKnown(RebondError):
    """Nothing is held here of the person who is named."""


class IdentityUnknown(RebondError):
    """It is not known under which id the service itself keeps the person."""


@dataclass(frozen=True)
class Known:
    """Somebody this home knows: the pseudonym, the id on the register, the service's own id."""

    person: str
    standing_id: str
    person_id: str


def find_person(home: Home, session: Session, said: str) -> Known:
    """Find a person by the service's own id, or by the pseudonym that pages show.

    Raises
    ------
    NobodyKnown
        Neither is known here; somebody who was erased is not known either.
    IdentityUnknown
        The home was made by a version that kept no way back from this pseudonym.
    """
    said = said.strip()
    hashed = home.keys.pseudonym(said)
    for person in (hashed, said) if _is_pseudonym(said) else (hashed,):
        if home.person_keys.of((person,))[0] is None:
            continue
        person_id = said if person == hashed else _person_id(home, session, person)
        return Known(person, home.keys.standing_id(person_id), person_id)
    raise NobodyKnown(
        "this home holds nothing of that person: give the person_id as the service's own software "
        "writes it, or the whole pseudonym of 32 digits. Who was erased is not known any more."
    )


def _is_pseudonym(said: str) -> bool:
    return len(said) == _LONG and _DIGITS.issuperset(said)


def _person_id(home: Home, session: Session, person: str) -> str:
    identity = identity_of(session, home.person_keys, person)
    if identity is None:
        sealed = aside.read(home, person)
        if sealed is not None:
            identity = identity_in(sealed, home.person_keys.one(person))
    if identity is None or not identity.person_id:
        raise IdentityUnknown(
            "the service's own id of that person is not kept here: give the person_id instead of "
            "the pseudonym, or import the newest extract first."
        )
    return identity.person_id


def change_standing(home: Home, known: Known, standing: Standing, *, by: Actor, act: str) -> None:
    """Write what was asked for into the register, then apply it to this home.

    Parameters
    ----------
    home
        The home.
    known
        Whom it is about.
    standing
        What holds from now on.
    by, act
        Who does it, and under which name the journal holds it.

    Raises
    ------
    Forbidden
        The role may not.
    features.staging.ImportRunning
        Another act is changing the home's files; nothing is written.
    """
    change_standings(home, {known: standing}, by=by, act=act)


def change_standings(home: Home, standings: dict[Known, Standing], *, by: Actor, act: str) -> None:
    """Do :func:`change_standing` for several persons at once."""
    overdue = set(standings.values()) == {Standing.OVERDUE}
    check_allowed(by, Permission.PURGE if overdue else Permission.ANSWER_REQUEST)
    # Under the lock before the first line: what is refused is not done by the next opening.
    with staging(home.folder, home.was_committed) as stage:
        lines = [(known.person, known.standing_id, said) for known, said in standings.items()]
        home.person_keys.write_all(lines, at=home.now())
        _apply_new(home, stage, by=by, act=act)
    _scrub(home)


def rehearse(home: Home, session: Session, people: Sequence[str], *, by: Actor, act: str) -> None:
    """Do to the review database alone what takes everything of some persons out.

    For a transaction that is rolled back; the register and every file stay as they are.
    """
    for person in people:
        delete_rows(session, person)
    for name in (_MARK, _SCRUBBED):
        set_mark(session, name, home.person_keys.newest() + len(people), now=home.now())
    record(session, actor=by, act=act, subject=APPLIED, now=home.now())


def catch_up(home: Home) -> None:
    """Apply what a home has not heard of yet; one look into the register where there is none."""
    if not home.person_keys.path.is_file() or home.keys.master is None:
        return
    newest = home.person_keys.newest()
    if newest and newest > _mark(home, _SCRUBBED):
        apply_standings(home)


def apply_standings(home: Home, *, by: Actor = _REGISTER, act: str = APPLIED) -> int:
    """Apply every line of the register that this home has not applied yet.

    Returns
    -------
    int
        How many lines that were.

    Raises
    ------
    features.staging.ImportRunning
        Another act is changing the home's files.
    """
    with staging(home.folder, home.was_committed) as stage:
        applied = _apply_new(home, stage, by=by, act=act)
    _scrub(home)
    return applied


def _apply_new(home: Home, stage: Staging, *, by: Actor, act: str) -> int:
    lines = home.person_keys.since(_mark(home, _MARK))
    if lines:
        wanted = _Wanted.of(lines, home.person_keys.standings())
        _apply(home, stage, wanted, lines[-1].number, by=by, act=act)
    return len(lines)


def _scrub(home: Home) -> None:
    """Leave no byte of what was taken out, if that was not done yet."""
    newest = _mark(home, _MARK)
    if newest > _mark(home, _SCRUBBED):
        scrub(home.database)
        with home.transaction() as session:
            set_mark(session, _SCRUBBED, newest, now=home.now())


@dataclass(frozen=True)
class _Wanted:
    """What the register asks for of the persons whom its new lines name.

    Attributes
    ----------
    gone
        Everything of them goes.
    stay
        What holds of the others, whatever the order in which it was asked for.
    since
        When each of those who are restricted was restricted last.
    """

    gone: frozenset[str]
    stay: Mapping[str, frozenset[Standing]]
    since: Mapping[str, datetime]

    @classmethod
    def of(cls, lines: Sequence[RegisterLine], held: Mapping[str, frozenset[Standing]]) -> _Wanted:
        named = {line.person: held[line.standing_id] for line in lines}
        gone = frozenset(line.person for line in lines if line.standing in _GONE)
        since = {line.person: line.at for line in lines if line.standing is Standing.RESTRICTED}
        stay = {one: said for one, said in sorted(named.items()) if one not in gone}
        return cls(gone, stay, since)

    def held(self, standing: Standing) -> list[str]:
        return [person for person, said in self.stay.items() if standing in said]


def _apply(
    home: Home, stage: Staging, wanted: _Wanted, number: int, *, by: Actor, act: str
) -> None:
    keys, now = home.person_keys.all(), home.now()
    objected, restricted = wanted.held(Standing.OBJECTED), wanted.held(Standing.RESTRICTED)
    out = (
        dict.fromkeys(wanted.gone, EVERYTHING)
        | dict.fromkeys(objected, _HISTORY)
        | dict.fromkeys(restricted, EVERYTHING - _CLOCKS)
    )

    def told(bundle: Bundle) -> Bundle:
        """Leave out the histories of somebody who objected, from whatever copy they come."""
        return _without_history(bundle) if bundle.person in objected else bundle

    with home.transaction() as session:
        for person in restricted:
            here = _without_clocks(collect(home, session, person))
            before = _aside(home, keys, [person]) if here.is_empty else iter(())
            _set_aside(home, stage, told(next(before, here)), keys.get(person))
        lifted = [person for person in wanted.stay if person not in restricted]
        back = [told(bundle) for bundle in _aside(home, keys, lifted)]
        exchange(home, stage, session, out=out, back=back)
        withdraw_of(session, objected, by=by, now=now)
        if act == APPLIED:
            _list_restrictions(home, session, {one: wanted.since[one] for one in restricted}, by=by)
        kept = {home.restricted(keys[person].key_id) for person in keys.keys() - _of(back)}
        sealed = stage.seal(
            last=home.store.manifest_place,
            gone=[*home.store.left_over(stage), *_needless(home, kept)],
        )
        set_mark(session, _MARK, number, now=now)
        details = {"lines": number, "people": sorted({*wanted.gone, *wanted.stay})}
        # What was sealed takes its place if, and only if, this entry is committed.
        record(session, actor=by, act=act, subject=f"{APPLIED} {sealed}", details=details, now=now)


def _list_restrictions(
    home: Home, session: Session, since: Mapping[str, datetime], *, by: Actor
) -> None:
    """Note the request behind a restriction that this home never heard of: so it can be lifted."""
    asked = select(schema.Request.person).where(schema.Request.asked == Right.RESTRICT)
    known = set(session.scalars(asked))
    for person, at in since.items():
        if person not in known:
            requests.note_done(
                session,
                by,
                person=person,
                asked=Right.RESTRICT,
                done_at=at,
                today=home.today(),
                now=home.now(),
            )


def _without_clocks(bundle: Bundle) -> Bundle:
    rows = {table: rows for table, rows in bundle.rows.items() if table not in _CLOCKS}
    return replace(bundle, rows=rows)


def _of(bundles: Iterable[Bundle]) -> set[str]:
    return {bundle.person for bundle in bundles}


def _set_aside(home: Home, stage: Staging, bundle: Bundle, key: DataKey | None) -> None:
    """Seal aside what is to be read by nobody."""
    if key is not None and not bundle.is_empty:
        place = stage.path(str(home.restricted(key.key_id).relative_to(home.folder)))
        place.touch(mode=0o600)
        place.write_bytes(seal(bundle, key))


def _aside(home: Home, keys: Mapping[str, DataKey], people: Iterable[str]) -> Iterator[Bundle]:
    """Open what was sealed aside of some persons, under the pseudonyms of today."""
    for person in people:
        bundle = aside.read(home, person)
        if bundle is not None:
            yield under_pseudonym(bundle, keys[person], home.keys, person)


def _without_history(bundle: Bundle) -> Bundle:
    rows = {table: rows for table, rows in bundle.rows.items() if table not in _HISTORY}
    return replace(bundle, stays=(), events=(), sensitive={}, rows=rows)


def _needless(home: Home, kept: set[Path]) -> list[str]:
    """Return the places of what is sealed aside and not to be kept: put back, or without a key."""
    present = home.restricted("").parent.glob("*.sealed")
    return [str(path.relative_to(home.folder)) for path in present if path not in kept]


def _mark(home: Home, name: str) -> int:
    with home.reading() as session:
        row = session.get(schema.Mark, name)
        return 0 if row is None else row.value
