"""How a home is opened: what was interrupted is finished, what people asked for is applied.

Nobody reads a home before that, so that an act killed half way, or a home put back from a
copy made before somebody was erased, shows nothing that must not be seen any more.
"""

from __future__ import annotations

from pathlib import Path

from api.home import Clock, Home, NoHome, publish_log_key, system_clock
from api.standings import catch_up
from features.errors import RebondError
from features.keys import add_standing_key, is_rotating, mark_production
from features.staging import FOLDER, recover
from revue.database import scrub, upgrade_database
from revue.journal import record
from revue.records import Actor
from revue.vault import carry_identities

UPGRADE = "upgrade"
"""The act under which the journal holds that a home was brought to this version."""


class RotationInterrupted(RebondError):
    """Half of the home goes by the old keys, or soon will."""


def open_home(folder: Path, keys_folder: Path, clock: Clock = system_clock) -> Home:
    """Open an existing home; an act that was killed is finished, or cleared away.

    Raises
    ------
    NoHome
        Nothing was made there.
    RotationInterrupted
        A rotation of the keys has to be finished first.
    api.home.OtherEpoch
        The keys in use are not those that named everybody here.
    api.home.ProductionUndone
        Its settings were changed so that it is no production home any more.
    features.keys.KeysUnreadable, features.keys.NotOwnKeys
        A production home starts with its own keys or not at all.
    features.staging.ImportRunning
        What people asked for has yet to be applied, and another process is in the way.
    """
    if is_rotating(keys_folder):
        raise RotationInterrupted(
            "a key rotation was interrupted: run `rebond keys rotate` again; if it is still "
            "running, wait until it ends."
        )
    home = open_to_rotate(folder, keys_folder, clock)
    if home.settings.production and home.keys.master is not None:  # not a step without its own
        mark_production(keys_folder)
    if (folder / FOLDER).exists():
        recover(folder, home.was_committed)
    home.check_unmoved()
    catch_up(home)
    return home


def open_to_rotate(folder: Path, keys_folder: Path, clock: Clock = system_clock) -> Home:
    """Open an existing home whatever a killed act has left; what rotates the keys settles it.

    Raises
    ------
    NoHome
        Nothing was made there.
    """
    if not (folder / "settings.toml").is_file():
        raise NoHome(f"there is no home at {folder}: run `rebond --home {folder} init` first.")
    return Home(folder, keys_folder, clock)


def upgrade_home(
    folder: Path, keys_folder: Path, *, by: Actor, clock: Clock = system_clock
) -> bool:
    """Bring the review database of an older home to this version's schema.

    Returns
    -------
    bool
        Whether anything had to be done; the journal then says who did it.

    Raises
    ------
    NoHome, revue.database.DatabaseMissing, revue.database.NotMigrated
        Nothing was made there, or not by an older version.
    """
    home = open_to_rotate(folder, keys_folder, clock)
    if home.database.is_file():
        add_standing_key(keys_folder)
        carry_identities(home.database, home.person_keys)
    before = upgrade_database(home.database)
    publish_log_key(folder, home.keys)
    if before is not None:
        with home.transaction() as session:
            record(session, actor=by, act=UPGRADE, subject=before, now=home.now())
        scrub(home.database)  # data keys lay in the database once
    return before is not None
