"""Lending keys to a process that trains and audits: what it does not hold it cannot read (S7)."""

from __future__ import annotations

from pathlib import Path

from api.home import Home
from features.errors import RebondError
from features.keys import lend_keys
from revue.journal import record
from revue.permissions import Permission, check_allowed
from revue.records import Actor


class LentInside(RebondError):
    """Lent keys lie apart from the home, whose folder others may read and copy."""


def lend(home: Home, folder: Path, *, by: Actor) -> None:
    """Write the key folder for training and auditing.

    Parameters
    ----------
    home
        Opened with its own keys.
    folder
        New or empty, outside the home.
    by
        Who lends.

    Raises
    ------
    LentInside
        The folder lies in the home.
    features.keys.KeyNotHere
        The keys in use are themselves lent.
    features.keys.KeysUnreadable
        The folder holds something.
    """
    check_allowed(by, Permission.ROTATE_KEYS)
    if folder.resolve().is_relative_to(home.folder.resolve()):
        raise LentInside(
            f"{folder} lies in the home: lend to a folder outside of {home.folder}, which the "
            "user who trains can read and nobody else."
        )
    home.keys.check_owned()
    with home.transaction() as session:
        record(
            session,
            actor=by,
            act="lend_keys",
            subject=f"epoch {home.keys.epoch}",
            now=home.now(),
        )
        lend_keys(home.keys, folder, home.keys_folder)
