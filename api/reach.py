"""In production nothing trains where it could read who somebody is (S7).

Whether it could is not asked but tried: the files are opened.
"""

from __future__ import annotations

from pathlib import Path

from api.home import Home
from features.errors import RebondError
from features.keys import (
    EPOCH,
    FIXED,
    LENT,
    LENT_FROM,
    MASTER,
    NEXT,
    PRODUCTION,
    SIGNING,
    STANDING,
)
from revue.standings import FILE as PERSONS

_OWN = (MASTER, STANDING, PERSONS, NEXT, *FIXED.values())
_LENT = {*LENT.values(), SIGNING, "signing.pub", EPOCH, LENT_FROM, PRODUCTION}


class KeysInReach(RebondError):
    """A process that trains could read the keys of pseudonyms or the vault."""


def check_out_of_reach(home: Home) -> None:
    """Refuse a production home where this process can read more than lent keys.

    Looked at are the key folder in use, the home's default place, and the folder that the
    keys were lent from.

    Raises
    ------
    KeysInReach
        A file there could be opened.
    """
    if not home.settings.production:
        return
    for folder in (home.keys_folder, home.folder / "keys", *_lent_from(home.keys_folder)):
        for path in _candidates(folder):
            if _is_readable(path):
                raise KeysInReach(
                    f"training must not be able to read {path.name} in {folder.name}/, the key of "
                    "who somebody is: run `rebond keys lend FOLDER`, set REBOND_KEYS=FOLDER, and "
                    "train as a user who cannot read the home's own keys."
                )


def _lent_from(folder: Path) -> tuple[Path, ...]:
    try:
        said = (folder / LENT_FROM).read_text(encoding="utf-8").strip()
    except OSError:
        return ()
    return (Path(said),)


def _candidates(folder: Path) -> list[Path]:
    """Return what must not be there under any name, and what may be there though not listed."""
    try:
        listed = [
            path for path in sorted(folder.iterdir()) if path.name not in _LENT or path.is_symlink()
        ]
    except OSError:
        listed = []
    return [*(folder / name for name in _OWN), *listed]


def _is_readable(path: Path) -> bool:
    try:
        if path.is_dir():
            return any(True for _ in path.iterdir())
        with path.open("rb"):
            return True
    except OSError:
        return False
