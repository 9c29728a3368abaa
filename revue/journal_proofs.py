"""Proofs of single entries: that an act stands in the journal, without showing any other act.

A proof holds the entry, its audit path and the signed checkpoint that the path leads to.
Checking it takes the journal's public key and nothing else: no database, no program of ours.

References
----------
RFC 6962 section 2.1.1 (audit path); C2SP tlog-checkpoint (the checkpoint in it).
"""

from __future__ import annotations

import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from features.errors import RebondError
from features.keys import ForgedSignature
from revue.checkpoints import LogKey, read_checkpoints, write_checkpoint
from revue.journal import content_of
from revue.merkle import ProofBroken, check_inclusion, inclusion_proof, leaf_hash

_FIELDS = ("month", "position", "at", "actor", "act", "subject", "commitment")


class NoSuchEntry(RebondError):
    """The journal has no entry at this place."""


class NotAProof(RebondError):
    """What was handed over is not a proof that this journal gave."""


def prove(
    connection: sqlite3.Connection, key: LogKey, month: str, position: int
) -> dict[str, object]:
    """Prove that an entry stands in the journal.

    Parameters
    ----------
    connection
        The review database, or a copy.
    key
        The journal's public key.
    month, position
        Where the entry stands.

    Returns
    -------
    dict
        ``entry`` (its fields), ``proof`` (hashes in base64, from the leaf upwards),
        ``checkpoint`` (the signed text), ``key``.

    Raises
    ------
    NoSuchEntry
        There is none at this place.
    NotAProof
        The journal there was changed, so that nothing can be proven of it.
    """
    rows = connection.execute(
        "SELECT month, position, at, actor, act, subject, commitment FROM journal_entries "
        "WHERE month = ? ORDER BY position",
        (month,),
    ).fetchall()
    head = connection.execute(
        "SELECT size, root, signature FROM journal_heads WHERE month = ?", (month,)
    ).fetchone()
    if head is None or not 0 <= position < len(rows):
        raise NoSuchEntry(
            f"the journal holds no entry {position} of {month}; it has {len(rows)}, from 0."
        )
    leaves = [leaf_hash(content_of(*row)) for row in rows]
    size, root, signature = head
    path = inclusion_proof(leaves, position)
    plain: dict[str, object] = {
        "entry": dict(zip(_FIELDS, rows[position], strict=True)),
        "proof": [b64encode(step).decode() for step in path],
        "checkpoint": write_checkpoint(month, size, bytes.fromhex(root), signature, key),
        "key": key.text,
    }
    check_proof(plain, key)
    return plain


def check_proof(plain: Mapping[str, Any], key: LogKey) -> None:
    """Check a proof against the journal's key; what the proof itself calls the key is not asked.

    Raises
    ------
    NotAProof
        It was changed, was made for another journal, or does not show its entry.
    """
    try:
        entry = plain["entry"]
        path = [b64decode(step, validate=True) for step in plain["proof"]]
        (seen,) = read_checkpoints(plain["checkpoint"], key)
        key.verify(seen.text, seen.signature)
        if set(entry) != set(_FIELDS) or entry["month"] != seen.month:
            raise NotAProof("the proof is of an entry of another month than its checkpoint.")
        leaf = leaf_hash(content_of(**entry))
        check_inclusion(leaf, entry["position"], seen.size, path, seen.root)
    except ForgedSignature as error:
        raise NotAProof("the checkpoint of the proof is not one that this home signed.") from error
    except ProofBroken as error:
        raise NotAProof(f"the proof does not show its entry in the journal: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotAProof(
            "what was handed over is not a proof of an entry of the journal."
        ) from error
