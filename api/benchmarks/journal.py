"""How fast a year's journal is verified: every leaf, every tree, the chain and the signatures.

The peer is pymerkle's tree over the same leaves in the same run: it hashes them into the same
roots, and neither reads a database nor checks a signature.
"""

from __future__ import annotations

import hashlib
import random
import sqlite3
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from features.errors import RebondError
from features.keys import Keyring, create_keys
from revue.checkpoints import NAME, LogKey, note_of
from revue.copies import open_copy
from revue.database import create_database
from revue.journal import check_journal, content_of
from revue.merkle import grow, leaf_hash, tree_root

MONTHS = tuple(f"2026-{month:02d}" for month in range(1, 13))
_ACTS = ("read", "read_signal", "lift_identity", "view", "reveal", "decide", "claim", "sign_in")
_EDUCATORS = 200


class PeerFailed(RebondError):
    """The peer did not make the tree."""


def bench_journal(
    scratch: Path,
    *,
    entries: int,
    seed: int,
    peers: Path | None,
    progress: Callable[[str], None] = print,
) -> Mapping[str, Any]:
    """Invent a year's journal and verify it as ``rebond journal verify`` does without keys.

    Parameters
    ----------
    scratch
        An empty folder.
    entries
        How many entries, spread over twelve months.
    seed
        Of what is invented.
    peers
        The interpreter that has pymerkle; None: no peer.
    progress
        Told what is being done.

    Returns
    -------
    dict
        ``ours`` and ``peer`` in seconds, ``ratio``, ``entries``, ``per_second``, ``making``
        (seconds), ``equal`` (both found the same roots; None without the peer).
    """
    keys = create_keys(scratch / "keys")
    database = scratch / "review.db"
    create_database(database)
    progress(f"inventing {entries} entries")
    begun = time.perf_counter()
    roots = write_journal(database, keys, max(1, entries // len(MONTHS)), seed)
    making = time.perf_counter() - begun
    progress("verifying")
    begun = time.perf_counter()
    with open_copy(database) as connection:
        report = check_journal(connection, LogKey(keys.signing.public_key()))
    ours = time.perf_counter() - begun
    if not report.ok:
        raise PeerFailed(f"the invented journal does not hold: {report.fault}")
    theirs = _peer(database, scratch, peers) if peers else None
    return {
        "ours": ours,
        "peer": theirs[0] if theirs else None,
        "ratio": theirs[0] / ours if theirs else None,
        "entries": report.size,
        "per_second": report.size / ours,
        "making": making,
        "equal": list(theirs[1]) == roots if theirs else None,
    }


def write_journal(database: Path, keys: Keyring, each: int, seed: int) -> list[str]:
    """Fill an empty review database with months of so many entries, chained and signed.

    Returns
    -------
    list of str
        The root of each month, in hex.
    """
    rng = random.Random(seed)  # noqa: S311 - an invention
    roots, before = [], ""
    with closing(sqlite3.connect(database)) as connection, connection:
        for month in MONTHS:
            leaves: list[bytes] = []
            connection.executemany(
                "INSERT INTO journal_entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                _rows(month, each, before, rng, leaves),
            )
            frontier: tuple[bytes, ...] = ()
            for size, leaf in enumerate(leaves):
                frontier = grow(frontier, size, leaf)
            root = tree_root(frontier)
            note = note_of(month, len(leaves), root)
            signature = keys.sign(note)
            text = "".join(subtree.hex() for subtree in frontier)
            # A head begins with one entry and grows by one: here it is there at once.
            connection.execute("DROP TRIGGER IF EXISTS journal_heads_begun")
            connection.execute(
                "INSERT INTO journal_heads VALUES (?, ?, ?, ?, ?)",
                (month, len(leaves), root.hex(), text, signature),
            )
            line = f"\n\u2014 {NAME} {b64encode(bytes.fromhex(signature)).decode()}\n"
            before = hashlib.sha256(note + line.encode()).hexdigest()
            roots.append(root.hex())
    return roots


def _rows(
    month: str, each: int, before: str, rng: random.Random, leaves: list[bytes]
) -> Iterator[Sequence[object]]:
    start = datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)
    step = timedelta(days=28) / each
    for position in range(each):
        at = (start + position * step).isoformat()
        if before and not position:
            previous = MONTHS[MONTHS.index(month) - 1]
            said = ("log:journal", "checkpoint", previous, before)
        else:
            drawn = f"{rng.getrandbits(256):064x}"
            actor = f"educ.{rng.randrange(_EDUCATORS)}"
            said = (actor, rng.choice(_ACTS), drawn[:16], drawn)
        leaves.append(leaf_hash(content_of(month, position, at, *said)))
        yield month, position, at, *said, leaves[-1].hex()


def _peer(database: Path, scratch: Path, peers: Path) -> tuple[float, list[str]]:
    """Have the peer hash the same leaves, a file a month and a line a leaf."""
    files = []
    with open_copy(database) as connection:
        for month in MONTHS:
            rows = connection.execute(
                "SELECT month, position, at, actor, act, subject, commitment "
                "FROM journal_entries WHERE month = ? ORDER BY position",
                (month,),
            )
            files.append(scratch / f"{month}.leaves")
            files[-1].write_bytes(b"".join(content_of(*row) + b"\n" for row in rows))
    script = Path(__file__).with_name("pymerkle_peer.py")
    done = subprocess.run(  # noqa: S603 - our own script
        [peers, script, *files], capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise PeerFailed(f"pymerkle at {peers} stopped and says: {said}")
    seconds, *roots = done.stdout.split()
    return float(seconds), roots
