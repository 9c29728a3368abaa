"""The journal: who did what when, in a Merkle log that cannot be edited unseen (S22, S23).

One tree per month, hashed as in RFC 6962; the signed checkpoint of a month is the first
leaf of the next, so that a whole month can expire and the rest still proves itself. An
entry holds no content: what an act said is kept as a keyed commitment. An entry and the
new head are written in the transaction of the act itself.

Dropping the newest entries together with a restored older head is the one edit that the
database alone cannot show: :mod:`revue.checkpoints` keeps signed heads elsewhere, and
:func:`check_journal` holds the journal against every one of them. Checking takes the public
key alone, so that a copy of the database can be checked by anybody.

References
----------
RFC 6962 section 2.1 (Merkle tree hash); C2SP tlog-checkpoint (form of a checkpoint).
"""

from __future__ import annotations

import hashlib
import sqlite3
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from json.encoder import encode_basestring
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, tuple_, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from features.errors import RebondError
from features.keys import ForgedSignature
from revue import schema
from revue.checkpoints import (
    NAME,
    Checkpoint,
    Checkpoints,
    LogKey,
    NotACheckpoint,
    note_of,
    read_checkpoints,
    write_checkpoint,
)
from revue.merkle import grow, leaf_hash, merkle_root, tree_root
from revue.records import Actor, JournalEntry, JournalReport, canonical

Signer = Callable[[bytes], str]
Verifier = Callable[[bytes, str], None]

KEPT_MONTHS = 12
"""Months that expiry may not drop (CNIL logging recommendation 2021: 6 to 12 months)."""

_LOG = Actor(login="log:journal", role=None, team=None)
_NOTHING: Mapping[str, object] = MappingProxyType({})

# As tables, not as objects: how far the journal reaches depends on no rule about what is shown,
# and every page writes here.
_ENTRIES, _HEADS = (
    schema.Base.metadata.tables[name] for name in ("journal_entries", "journal_heads")
)
_NEWEST = select(_HEADS).order_by(_HEADS.c.month.desc()).limit(1)
_LAST = select(func.max(_ENTRIES.c.position)).where(_ENTRIES.c.month == bindparam("month"))
_ADD, _BEGIN = insert(_ENTRIES), insert(_HEADS)
_GROW = update(_HEADS).where(_HEADS.c.month == bindparam("grown"))

LATE = timedelta(hours=1)
"""Acts that for so long got no checkpoint outside the database are a fault of the journal."""


class JournalEmpty(RebondError):
    """There is no head to take a checkpoint of."""


class JournalUnreadable(RebondError):
    """The newest head is not one that can be read."""


class _Fault(RebondError):
    """What verifying found first."""


def record(
    session: Session,
    *,
    actor: Actor,
    act: str,
    subject: str,
    details: Mapping[str, object] = _NOTHING,
    now: datetime,
) -> None:
    """Write one act into the journal, in the transaction of the act.

    Parameters
    ----------
    session
        Carries the signer in ``session.info["sign"]``.
    actor
        Who acts.
    act, subject
        What, and on what: a situation id, a version, a login; never a pseudonym beside it.
    details
        What the act said; only a keyed commitment of it is kept.
    now
        The time of the act, aware.
    """
    sign: Signer = session.info["sign"]
    session.flush()
    database = session.connection()
    newest = database.execute(_NEWEST).first()
    month = f"{schema.utc(now):%Y-%m}"
    head = None if newest is None else _Head(*newest)
    if head is not None and month > head.month:
        chained = _Said(_LOG.login, "checkpoint", head.month, _chain_commitment(head))
        head = _append(database, sign, month, None, chained, now)
    elif head is not None:
        month = head.month  # a clock set back does not reopen a closed month
    size = 0 if head is None else head.size
    committed = _commitment(sign, month, size, act, subject, details)
    _append(database, sign, month, head, _Said(actor.login, act, subject, committed), now)


def acts(
    session: Session, among: Collection[str], *, subject: str | None = None
) -> tuple[schema.Entry, ...]:
    """Return the entries of these acts, oldest first, as they stand in the database now.

    Parameters
    ----------
    session
        On the review database.
    among
        The acts.
    subject
        Only those on it.
    """
    chosen = (
        select(schema.Entry)
        .where(schema.Entry.act.in_(among))
        .order_by(schema.Entry.month, schema.Entry.position)
    )
    if subject is not None:
        chosen = chosen.where(schema.Entry.subject == subject)
    return tuple(session.scalars(chosen, execution_options={"populate_existing": True}))


def opens(session: Session, entry: schema.Entry, details: Mapping[str, object]) -> bool:
    """Say whether an entry was written with these details, here and at its place."""
    sign: Signer = session.info["sign"]
    return entry.commitment == _commitment(
        sign, entry.month, entry.position, entry.act, entry.subject, details
    )


def _commitment(
    sign: Signer, month: str, position: int, act: str, subject: str, details: Mapping[str, object]
) -> str:
    place = {"month": month, "position": position}
    opened = canonical({**place, "act": act, "subject": subject, "details": dict(details)})
    # A signature is a keyed function of what is committed to: its hash cannot be guessed
    # from a dictionary of likely details, and the holder of the key can open it again.
    return hashlib.sha256(sign(f"{NAME}/commitment\n{opened}".encode()).encode()).hexdigest()


def _append(
    database: Connection, sign: Signer, month: str, head: _Head | None, said: _Said, now: datetime
) -> _Head | None:
    """Place an entry at the end of a month and sign the month's new head, its first or the next.

    A head that was changed, or has lost entries, is never signed again: the act goes on,
    for danger does not wait (S33), and the journal stays visibly broken.
    """
    last = database.scalar(_LAST, {"month": month})
    position, at = 0 if last is None else last + 1, schema.utc(now).isoformat()
    leaf = leaf_hash(content_of(month, position, at, *said))
    placed = {"month": month, "position": position, "at": at, "leaf": leaf.hex()}
    database.execute(_ADD, {**placed, **said._asdict()})
    size = 0 if head is None else head.size
    if position != size or not (head is None or _is_intact(head, sign)):
        return head
    frontier = grow(() if head is None else _read_frontier(head.frontier), size, leaf)
    root, subtrees = tree_root(frontier), "".join(subtree.hex() for subtree in frontier)
    signature = sign(note_of(month, size + 1, root))
    grown = _Head(month, size + 1, root.hex(), subtrees, signature)
    if head is None:
        database.execute(_BEGIN, grown._asdict())
    else:
        database.execute(_GROW, {"grown": month, **grown._asdict()})
    return grown


def _is_intact(head: _Head, sign: Signer) -> bool:
    """Say whether a head is as it was signed; Ed25519 signs the same text the same way."""
    try:
        same_root = tree_root(_read_frontier(head.frontier)).hex() == head.root
    except ValueError:
        return False
    return same_root and head.signature == sign(_note(head))


def verify_journal(session: Session, verify: Verifier) -> JournalReport:
    """Recompute every leaf, every tree, the chain of months and every signed head.

    Parameters
    ----------
    session
        On the review database.
    verify
        Checks a signature: the home's ``Keyring.verify``.
    """
    return _verified(raw_connection(session), verify)


def check_journal(
    journal: Session | sqlite3.Connection,
    key: LogKey,
    *,
    kept: Checkpoints | None = None,
    handed: str | None = None,
    is_home: bool = False,
) -> JournalReport:
    """Verify a journal, and that it continues every checkpoint there is of it.

    Parameters
    ----------
    journal
        The review database, or a copy of it that is only read.
    key
        The home's public key; nothing here is secret.
    kept
        The checkpoints outside the database.
    handed
        Text of one or several checkpoints that somebody took down before.
    is_home
        The journal is that of a home in use, not of a copy: then checkpoints have to be there.
    """
    connection = raw_connection(journal)
    try:
        given = read_checkpoints(handed, key) if handed is not None else ()
        found = tuple(kept.read()) if kept is not None else ()
    except (NotACheckpoint, OSError) as unreadable:
        plain = _verified(connection, key.verify)
        return (
            plain if plain.fault else JournalReport(False, plain.size, plain.root, str(unreadable))
        )
    report = _verified(connection, key.verify, given, found)
    if report.ok and is_home and kept is not None:
        late = _lateness(connection, kept)
        if late is not None:
            return JournalReport(False, report.size, report.root, late, report.checkpoints)
    return report


def checkpoint(journal: Session | sqlite3.Connection, key: LogKey) -> str:
    """Return the newest signed head as text, to be kept outside the database.

    Raises
    ------
    JournalEmpty
        Nothing was recorded yet.
    JournalUnreadable
        The newest head is not as it was written.
    """
    newest = raw_connection(journal).execute(f"{_ALL_HEADS} DESC LIMIT 1").fetchone()
    if newest is None:
        raise JournalEmpty("the journal holds no entry yet; there is nothing to take down.")
    head = _Head(*newest)
    try:
        root = bytes.fromhex(head.root)
        return write_checkpoint(head.month, head.size, root, head.signature, key)
    except (TypeError, ValueError) as error:
        raise JournalUnreadable(
            "the newest head of the journal was changed: run `rebond journal verify`."
        ) from error


def months(session: Session) -> tuple[str, ...]:
    """Return the months that the journal holds, newest first."""
    return tuple(session.scalars(select(_HEADS.c.month).order_by(_HEADS.c.month.desc())))


def size(session: Session) -> int:
    """Return how many entries the heads count; whether they are there, verifying tells."""
    return int(session.scalar(select(func.coalesce(func.sum(_HEADS.c.size), 0))) or 0)


def entries(
    session: Session,
    limit: int,
    *,
    month: str | None = None,
    act: str | None = None,
    before: tuple[str, int] | None = None,
) -> tuple[JournalEntry, ...]:
    """Return the newest entries, newest first.

    Parameters
    ----------
    session
        On the review database.
    limit
        How many at most.
    month, act
        Only those of one month, of one kind of act.
    before
        Only those older than the entry of this month and position.
    """
    newest = select(schema.Entry).order_by(schema.Entry.month.desc(), schema.Entry.position.desc())
    if month is not None:
        newest = newest.where(schema.Entry.month == month)
    if act is not None:
        newest = newest.where(schema.Entry.act == act)
    if before is not None:
        newest = newest.where(tuple_(schema.Entry.month, schema.Entry.position) < before)
    return tuple(_entry(row) for row in session.scalars(newest.limit(limit)))


def drop_months(session: Session, today: date) -> tuple[str, ...]:
    """Drop the whole months that need not be kept any more, oldest first (S23).

    The triggers of the database let nothing younger go, counted from the newest month in the
    journal: whoever wants a month to go records an act of this month first, such as the
    purge itself.

    Parameters
    ----------
    session
        In the caller's transaction.
    today
        The day of the home.

    Returns
    -------
    tuple of str
        The months dropped; their checkpoints are removed with the next one written.
    """
    held = sorted(months(session))
    if not held:
        return ()
    newest = min(held[-1], f"{today:%Y-%m}")
    dropped = tuple(month for month in held if is_expired(month, newest))
    for month in dropped:
        for table in (_HEADS, _ENTRIES):
            session.execute(delete(table).where(table.c.month == month))
    return dropped


def is_expired(month: str, newest: str) -> bool:
    """Say whether a month need not be kept any more beside the newest.

    >>> is_expired("2025-10", "2026-11"), is_expired("2025-11", "2026-11")
    (True, False)
    """
    return _months(month, newest) > KEPT_MONTHS


def raw_connection(journal: Session | sqlite3.Connection) -> sqlite3.Connection:
    """Return the connection itself: a million rows are read as they are, not as objects."""
    if isinstance(journal, sqlite3.Connection):
        return journal
    journal.flush()
    raw: Any = journal.connection().connection.driver_connection
    found: sqlite3.Connection = raw
    return found


class _Head(NamedTuple):
    month: str
    size: int
    root: str
    frontier: str
    signature: str


class _Said(NamedTuple):
    actor: str
    act: str
    subject: str
    commitment: str


@dataclass(frozen=True)
class _Tree:
    """One month as its entries say it is; ``roots`` at the sizes that were asked for."""

    size: int
    frontier: tuple[bytes, ...]
    first: _Said
    roots: Mapping[int, bytes]


def _verified(
    connection: sqlite3.Connection,
    verify: Verifier,
    given: Sequence[Checkpoint] = (),
    kept: Sequence[Checkpoint] = (),
) -> JournalReport:
    trees: dict[str, _Tree] = {}
    heads: list[_Head] = []
    fault = None
    asked: dict[str, set[int]] = {}
    for seen in (*given, *kept):
        asked.setdefault(seen.month, set()).add(seen.size)
    try:
        heads = [_Head(*row) for row in connection.execute(_ALL_HEADS)]
        for (month,) in connection.execute(_ALL_MONTHS).fetchall():
            trees[month] = _read_tree(connection, month, asked.get(month, set()))
        _check_begun(connection, heads)
        _check_heads(heads, trees, verify)
        _check_chain(heads, trees)
        _check_given(given, trees, verify)
        _check_kept(kept, trees, verify)
    except _Fault as found:
        fault = str(found)
    except (TypeError, ValueError, sqlite3.Error, DBAPIError) as unreadable:
        fault = f"a row of the journal cannot be read: {unreadable}."
    root = str(heads[-1].root) if heads else merkle_root(()).hex()
    counted = sum(tree.size for tree in trees.values())
    return JournalReport(fault is None, counted, root, fault, len(given) + len(kept))


_ALL_HEADS = "SELECT month, size, root, frontier, signature FROM journal_heads ORDER BY month"
_ALL_MONTHS = "SELECT DISTINCT month FROM journal_entries ORDER BY month"
_ONE_MONTH = (
    "SELECT position, at, actor, act, subject, commitment, leaf FROM journal_entries "
    "WHERE month = ? ORDER BY position"
)


def _read_tree(connection: sqlite3.Connection, month: str, asked: Collection[int]) -> _Tree:
    """Hash a month from its first entry to its last.

    A million entries are hashed in seconds because nothing is made of a row but its bytes;
    they are those of :func:`content_of`, and the tree grows as in :func:`revue.merkle.grow`.
    """
    quote, sha256 = encode_basestring, hashlib.sha256
    named = quote(month)
    frontier: list[bytes] = []
    roots: dict[int, bytes] = {}
    first = None
    size = 0
    for position, at, actor, act, subject, commitment, leaf in connection.execute(
        _ONE_MONTH, (month,)
    ):
        if position != size:
            raise _Fault(f"{month}: entry {size} is missing.")
        hashed = sha256(
            f"\0[{named},{size},{quote(at)},{quote(actor)},{quote(act)},{quote(subject)},"
            f"{quote(commitment)}]".encode()
        )
        if hashed.hexdigest() != leaf:
            raise _Fault(f"{month} entry {size}: its content is not what was recorded.")
        if first is None:
            first = _Said(actor, act, subject, commitment)
        node, carry = hashed.digest(), size
        while carry & 1:
            node = sha256(b"\1" + frontier.pop() + node).digest()
            carry >>= 1
        frontier.append(node)
        size += 1
        if size in asked:
            roots[size] = tree_root(frontier)
    if first is None:
        raise _Fault(f"{month}: its entries cannot be read.")
    return _Tree(size, tuple(frontier), first, roots)


def _check_begun(connection: sqlite3.Connection, heads: Sequence[_Head]) -> None:
    if not heads and connection.execute("SELECT 1 FROM users LIMIT 1").fetchone():
        raise _Fault("there are accounts, but no journal of how they came to be.")


def _check_heads(heads: Sequence[_Head], trees: Mapping[str, _Tree], verify: Verifier) -> None:
    without_head = set(trees) - {head.month for head in heads}
    if without_head:
        raise _Fault(f"{min(without_head)}: entries without a signed head.")
    for head in heads:
        tree = trees.get(head.month)
        counted = tree.size if tree else 0
        if tree is None or head.size != counted:
            raise _Fault(f"{head.month}: the head counts {head.size} entries, found {counted}.")
        if tree_root(tree.frontier).hex() != head.root:
            raise _Fault(f"{head.month}: the tree over its entries is not the signed one.")
        if "".join(subtree.hex() for subtree in tree.frontier) != head.frontier:
            raise _Fault(f"{head.month}: the head keeps other subtrees than its entries have.")
        try:
            verify(_note(head), head.signature)
        except ForgedSignature as forged:
            raise _Fault(f"{head.month}: the head is not signed with this home's key.") from forged


def _check_chain(heads: Sequence[_Head], trees: Mapping[str, _Tree]) -> None:
    previous: _Head | None = None
    for head in heads:
        first = trees[head.month].first
        chained = first.act == "checkpoint" and first.actor == _LOG.login
        if previous is None:
            if chained and not is_expired(first.subject, heads[-1].month):
                raise _Fault(f"{first.subject}: the month is missing and not yet to be dropped.")
        elif not chained or first.commitment != _chain_commitment(previous):
            raise _Fault(f"{head.month}: does not continue {previous.month}.")
        previous = head


def _check_given(given: Iterable[Checkpoint], trees: Mapping[str, _Tree], verify: Verifier) -> None:
    for seen in given:
        try:
            verify(seen.text, seen.signature)
        except ForgedSignature as forged:
            raise _Fault("the checkpoint handed over is not one that this home signed.") from forged
        if seen.month not in trees:
            raise _Fault(f"{seen.month}: the checkpoint's month is no longer in the journal.")
        if trees[seen.month].roots.get(seen.size) != seen.root:
            raise _not_continued(seen)


def _check_kept(kept: Iterable[Checkpoint], trees: Mapping[str, _Tree], verify: Verifier) -> None:
    """Hold the journal against the checkpoints outside the database.

    A root that is the journal's own needs no signature to be believed: only what contradicts
    is checked for it, and the newest of each month.
    """
    newest: dict[str, Checkpoint] = {}
    for seen in kept:
        if seen.month not in trees:
            if not trees or not is_expired(seen.month, max(trees)):
                _check_own(seen, verify)
                raise _Fault(f"{seen.month}: the month of a checkpoint is not in the journal.")
        elif trees[seen.month].roots.get(seen.size) != seen.root:
            _check_own(seen, verify)
            raise _not_continued(seen)
        if seen.month not in newest or newest[seen.month].size <= seen.size:
            newest[seen.month] = seen
    for seen in newest.values():
        _check_own(seen, verify)


def _check_own(seen: Checkpoint, verify: Verifier) -> None:
    try:
        verify(seen.text, seen.signature)
    except ForgedSignature as forged:
        raise _Fault(
            f"{seen.month}: the checkpoint of size {seen.size} outside the database is not one "
            "that this home signed."
        ) from forged


def _not_continued(seen: Checkpoint) -> _Fault:
    return _Fault(
        f"{seen.month}: the journal does not continue the checkpoint of size {seen.size}."
    )


_NEWEST_AT = "SELECT at FROM journal_entries ORDER BY month DESC, position DESC LIMIT 1"


def _lateness(connection: sqlite3.Connection, kept: Checkpoints) -> str | None:
    """Say that acts go without checkpoints outside the database: a full disk, or an attack."""
    newest = connection.execute(_NEWEST_AT).fetchone()
    if newest is None:
        return None
    written = kept.newest_at()
    if written is None:
        return (
            "no checkpoint is kept outside the database: see that its folder can be written to "
            "and was not emptied."
        )
    if datetime.fromisoformat(newest[0]) - written > LATE:
        return (
            f"no checkpoint was written outside the database since {written:%Y-%m-%d %H:%M} UTC, "
            "though acts were recorded: see that its folder can be written to and was not emptied."
        )
    return None


def _entry(row: schema.Entry) -> JournalEntry:
    return JournalEntry(
        month=row.month,
        position=row.position,
        at=datetime.fromisoformat(row.at),
        actor=row.actor,
        act=row.act,
        subject=row.subject,
    )


def content_of(
    month: str, position: int, at: str, actor: str, act: str, subject: str, commitment: str
) -> bytes:
    """Return the bytes of an entry, of which its leaf is the hash."""
    return canonical([month, position, at, actor, act, subject, commitment]).encode()


def _read_frontier(text: str) -> tuple[bytes, ...]:
    width = 2 * hashlib.sha256().digest_size
    return tuple(bytes.fromhex(text[at : at + width]) for at in range(0, len(text), width))


def _note(head: _Head) -> bytes:
    return note_of(head.month, head.size, bytes.fromhex(head.root))


def _chain_commitment(head: _Head) -> str:
    # Without the key's id in the signature line: months are chained as they always were.
    signature = b64encode(bytes.fromhex(head.signature)).decode()
    return hashlib.sha256(_note(head) + f"\n\u2014 {NAME} {signature}\n".encode()).hexdigest()


def _months(start: str, end: str) -> int:
    (start_year, start_month), (end_year, end_month) = (
        map(int, month.split("-")) for month in (start, end)
    )
    return 12 * (end_year - start_year) + end_month - start_month
