"""The journal: who did what when, in a Merkle log that cannot be edited unseen (S22, S23).

One tree per month, hashed as in RFC 6962; the signed checkpoint of a month is the first
leaf of the next, so that a whole month can expire and the rest still proves itself. An
entry holds no content: what an act said is kept as a keyed commitment. An entry and the
new head are written in the transaction of the act itself.

Dropping the newest entries together with a restored older head is the one edit that the
database alone cannot show: keep checkpoints elsewhere and hand one to
:func:`verify_journal`.

References
----------
RFC 6962 section 2.1 (Merkle tree hash); C2SP tlog-checkpoint (form of a checkpoint).
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from features.errors import RebondError
from features.keys import ForgedSignature
from revue import schema
from revue.records import Actor, JournalEntry, JournalReport, canonical

Signer = Callable[[bytes], str]
Verifier = Callable[[bytes, str], None]

ORIGIN = "rebond/journal"
KEPT_MONTHS = 12
"""Months that expiry may not drop (CNIL logging recommendation 2021: 6 to 12 months)."""

_LOG = Actor(login="log:journal", role=None, team=None)
_NOTHING: Mapping[str, object] = MappingProxyType({})

_NEWEST = select(schema.Head).order_by(schema.Head.month.desc()).limit(1)
_LAST = select(func.max(schema.Entry.position)).where(schema.Entry.month == bindparam("month"))


class JournalEmpty(RebondError):
    """There is no head to take a checkpoint of."""


class _Fault(RebondError):
    """What verifying found first."""


def leaf_hash(content: bytes) -> bytes:
    """Hash one leaf (RFC 6962: prefix 0x00)."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node (RFC 6962: prefix 0x01)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def grow(frontier: Sequence[bytes], size: int, leaf: bytes) -> tuple[bytes, ...]:
    """Append a leaf to a tree given by the roots of its complete subtrees.

    Parameters
    ----------
    frontier
        Roots of the maximal complete subtrees, largest first: one for each bit of ``size``.
    size
        Leaves so far.
    leaf
        Hash of the new leaf.

    Returns
    -------
    tuple of bytes
        The frontier of the tree of ``size + 1`` leaves.
    """
    grown = list(frontier)
    while size & 1:  # a carry: two complete subtrees of one size become one
        leaf = node_hash(grown.pop(), leaf)
        size >>= 1
    return (*grown, leaf)


def tree_root(frontier: Sequence[bytes]) -> bytes:
    """Return the Merkle tree hash of a tree given by its frontier."""
    if not frontier:
        return hashlib.sha256().digest()
    *rest, root = frontier
    for subtree in reversed(rest):
        root = node_hash(subtree, root)
    return root


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """Return the Merkle tree hash over leaf hashes."""
    frontier: tuple[bytes, ...] = ()
    for size, leaf in enumerate(leaves):
        frontier = grow(frontier, size, leaf)
    return tree_root(frontier)


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
    newest = session.scalars(_NEWEST).first()
    month = f"{schema.utc(now):%Y-%m}"
    if newest is not None and month > newest.month:
        head = schema.Head(month=month, size=0, frontier="")
        first = schema.Entry(
            actor=_LOG.login,
            act="checkpoint",
            subject=newest.month,
            commitment=_chain_commitment(newest),
        )
        _append(session, head, first, now)
    else:
        # A clock set back does not reopen a closed month.
        head = newest or schema.Head(month=month, size=0, frontier="")
    entry = schema.Entry(
        actor=actor.login,
        act=act,
        subject=subject,
        commitment=_commitment(sign, head.month, head.size, act, subject, details),
    )
    _append(session, head, entry, now)


def acts(session: Session, among: Collection[str]) -> tuple[schema.Entry, ...]:
    """Return the entries of these acts, oldest first, as they stand in the database now."""
    chosen = (
        select(schema.Entry)
        .where(schema.Entry.act.in_(among))
        .order_by(schema.Entry.month, schema.Entry.position)
    )
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
    return hashlib.sha256(sign(f"{ORIGIN}/commitment\n{opened}".encode()).encode()).hexdigest()


def _append(session: Session, head: schema.Head, entry: schema.Entry, now: datetime) -> None:
    """Place an entry at the end of a month and sign the month's new head.

    A head that was changed, or has lost entries, is never signed again: the act goes on,
    for danger does not wait (S33), and the journal stays visibly broken.
    """
    sign: Signer = session.info["sign"]
    entry.month, entry.position = head.month, _next_position(session, head.month)
    intact = entry.position == head.size and _is_intact(head, sign)
    entry.at = schema.utc(now).isoformat()
    leaf = leaf_hash(_content(entry))
    entry.leaf = leaf.hex()
    session.add(entry)
    if intact:
        frontier = grow(_read_frontier(head.frontier), head.size, leaf)
        head.size += 1
        head.frontier = "".join(subtree.hex() for subtree in frontier)
        head.root = tree_root(frontier).hex()
        head.signature = sign(_note(head.month, head.size, head.root))
        session.add(head)
    session.flush()


def _is_intact(head: schema.Head, sign: Signer) -> bool:
    """Say whether a head is new, or as it was signed; Ed25519 signs the same text the same way."""
    if not head.size and not head.frontier:
        return head.signature is None
    try:
        same_root = tree_root(_read_frontier(head.frontier)).hex() == head.root
    except ValueError:
        return False
    return same_root and head.signature == sign(_note(head.month, head.size, head.root))


def _next_position(session: Session, month: str) -> int:
    last = session.scalar(_LAST, {"month": month})
    return 0 if last is None else last + 1


def verify_journal(session: Session, verify: Verifier, earlier: str | None = None) -> JournalReport:
    """Recompute every leaf, every tree, the chain of months and every signed head.

    Parameters
    ----------
    session
        On the review database.
    verify
        Checks a signature: the home's ``Keyring.verify``.
    earlier
        Text of a checkpoint taken before; the journal must continue it.

    Returns
    -------
    JournalReport
        ``size`` counts the entries of all months, ``root`` is that of the newest month.
    """
    fresh = {"populate_existing": True}  # the rows as they stand, never as remembered
    leaves: dict[str, list[bytes]] = {}
    heads: Sequence[schema.Head] = ()
    firsts: dict[str, schema.Entry] = {}
    fault = None
    try:
        heads = session.scalars(
            select(schema.Head).order_by(schema.Head.month), execution_options=fresh
        ).all()
        in_order = select(schema.Entry).order_by(schema.Entry.month, schema.Entry.position)
        for entry in session.scalars(in_order, execution_options=fresh):
            month = leaves.setdefault(entry.month, [])
            month.append(_checked_leaf(entry, len(month)))
            firsts.setdefault(entry.month, entry)
        _check_begun(session, heads)
        _check_heads(heads, leaves, verify)
        _check_chain(heads, firsts)
        if earlier is not None:
            _check_continues(leaves, verify, earlier)
    except _Fault as found:
        fault = str(found)
    except (TypeError, ValueError, DBAPIError) as unreadable:
        fault = f"a row of the journal cannot be read: {unreadable}."
    root = heads[-1].root if heads else merkle_root(()).hex()
    return JournalReport(fault is None, sum(map(len, leaves.values())), root, fault)


def _check_begun(session: Session, heads: Sequence[schema.Head]) -> None:
    if not heads and session.scalars(select(schema.User)).first() is not None:
        raise _Fault("there are accounts, but no journal of how they came to be.")


def checkpoint(session: Session) -> str:
    """Return the newest signed head as text, to be kept outside the database.

    Raises
    ------
    JournalEmpty
        Nothing was recorded yet.
    """
    newest = session.scalars(select(schema.Head).order_by(schema.Head.month.desc())).first()
    if newest is None:
        raise JournalEmpty("the journal holds no entry yet; there is nothing to take down.")
    return _checkpoint_text(newest)


def entries(session: Session, limit: int) -> tuple[JournalEntry, ...]:
    """Return the newest entries, newest first."""
    newest = (
        select(schema.Entry)
        .order_by(schema.Entry.month.desc(), schema.Entry.position.desc())
        .limit(limit)
    )
    return tuple(
        JournalEntry(
            month=row.month,
            position=row.position,
            at=datetime.fromisoformat(row.at),
            actor=row.actor,
            act=row.act,
            subject=row.subject,
        )
        for row in session.scalars(newest)
    )


def _content(entry: schema.Entry) -> bytes:
    return canonical(
        [
            entry.month,
            entry.position,
            entry.at,
            entry.actor,
            entry.act,
            entry.subject,
            entry.commitment,
        ]
    ).encode()


def _read_frontier(text: str) -> tuple[bytes, ...]:
    width = 2 * hashlib.sha256().digest_size
    return tuple(bytes.fromhex(text[at : at + width]) for at in range(0, len(text), width))


def _note(month: str, size: int, root: str) -> bytes:
    return f"{ORIGIN}/{month}\n{size}\n{b64encode(bytes.fromhex(root)).decode()}\n".encode()


def _checkpoint_text(head: schema.Head) -> str:
    signature = b64encode(bytes.fromhex(head.signature)).decode()
    return f"{_note(head.month, head.size, head.root).decode()}\n\u2014 {ORIGIN} {signature}\n"


def _chain_commitment(head: schema.Head) -> str:
    return hashlib.sha256(_checkpoint_text(head).encode()).hexdigest()


def _checked_leaf(entry: schema.Entry, expected: int) -> bytes:
    place = f"{entry.month} entry {entry.position}"
    if entry.position != expected:
        raise _Fault(f"{entry.month}: entry {expected} is missing.")
    leaf = leaf_hash(_content(entry))
    if leaf.hex() != entry.leaf:
        raise _Fault(f"{place}: its content is not what was recorded.")
    return leaf


def _check_heads(
    heads: Sequence[schema.Head], leaves: Mapping[str, Sequence[bytes]], verify: Verifier
) -> None:
    without_head = set(leaves) - {head.month for head in heads}
    if without_head:
        raise _Fault(f"{min(without_head)}: entries without a signed head.")
    for head in heads:
        found = leaves.get(head.month, ())
        if head.size != len(found):
            raise _Fault(f"{head.month}: the head counts {head.size} entries, found {len(found)}.")
        frontier: tuple[bytes, ...] = ()
        for size, leaf in enumerate(found):
            frontier = grow(frontier, size, leaf)
        if tree_root(frontier).hex() != head.root:
            raise _Fault(f"{head.month}: the tree over its entries is not the signed one.")
        if "".join(subtree.hex() for subtree in frontier) != head.frontier:
            raise _Fault(f"{head.month}: the head keeps other subtrees than its entries have.")
        try:
            verify(_note(head.month, head.size, head.root), head.signature)
        except ForgedSignature as forged:
            raise _Fault(f"{head.month}: the head is not signed with this home's key.") from forged


def _check_chain(heads: Sequence[schema.Head], firsts: Mapping[str, schema.Entry]) -> None:
    previous: schema.Head | None = None
    for head in heads:
        first = firsts[head.month]
        chained = first.act == "checkpoint" and first.actor == _LOG.login
        if previous is None:
            if chained and _months(first.subject, heads[-1].month) <= KEPT_MONTHS:
                raise _Fault(f"{first.subject}: the month is missing and not yet to be dropped.")
        elif not chained or first.commitment != _chain_commitment(previous):
            raise _Fault(f"{head.month}: does not continue {previous.month}.")
        previous = head


def _check_continues(leaves: Mapping[str, Sequence[bytes]], verify: Verifier, earlier: str) -> None:
    try:
        origin, size_line, root_line, blank, signed = earlier.splitlines()
        name, month = origin.rsplit("/", 1)
        size = int(size_line)
        root = b64decode(root_line, validate=True).hex()
        signature = b64decode(signed.removeprefix(f"\u2014 {ORIGIN} "), validate=True).hex()
        if name != ORIGIN or blank:
            raise _Fault("the checkpoint handed over is not one of this journal.")
        verify(_note(month, size, root), signature)
    except (ValueError, NotBase64, ForgedSignature) as error:
        raise _Fault("the checkpoint handed over is not one that this home signed.") from error
    if month not in leaves:
        raise _Fault(f"{month}: the checkpoint's month is no longer in the journal.")
    if len(leaves[month]) < size or merkle_root(leaves[month][:size]).hex() != root:
        raise _Fault(f"{month}: the journal does not continue the checkpoint of size {size}.")


def _months(start: str, end: str) -> int:
    (start_year, start_month), (end_year, end_month) = (
        map(int, month.split("-")) for month in (start, end)
    )
    return 12 * (end_year - start_year) + end_month - start_month
