"""A new master key, and everything carried over to it through the vault (S7).

The old master key may have been seen, or has simply served long enough. Every pseudonym comes
from it, so everybody gets another one: in the histories, the sensitive attributes, the review
database and the key folder. Nobody is lost, for the vault knows the service's own id of
everybody; the signing key, the register's key and the keyed ids of single events stay.

The order makes every moment safe to be killed at:

1. ``next.key`` lies in the key folder. Until it is gone, no other command opens the home.
2. Whoever is renamed is announced in the key folder; the files wait in the staging.
3. One transaction of the review database renames its rows and commits the plan of the files.
   Before it, nothing has changed; after it, there is only forward.
4. The files take their places, those they replace are deleted.
5. The data keys are wrapped anew, in one transaction of the key folder's database.
6. The next key takes the place of the master key, whose bytes are overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api.bundles import Bundle, identity_in, seal, under_pseudonym, unseal
from api.home import EPOCH_MARK, FORMER_MODELS, ROTATE, Home
from features.english import count
from features.errors import RebondError
from features.keys import Keyring, begin_rotation, cancel_rotation, finish_rotation, is_rotating
from features.renaming import Naming, rename_store
from features.staging import Staging, staging
from revue.database import read_mark, scrub, set_mark
from revue.journal import record
from revue.permissions import Permission, check_allowed
from revue.records import Actor
from revue.rotation import rename_people, reseal_accounts, vault
from revue.standings import FILE, DataKey, PersonKeys
from revue.vault import Identity

Progress = Callable[[str], None]


class NotInVault(RebondError):
    """Of somebody in the histories the vault does not hold the service's own id."""


@dataclass(frozen=True)
class Rotation:
    """What a rotation came to."""

    epoch: int
    persons: int


def rotate_keys(home: Home, *, by: Actor, progress: Progress) -> Rotation:
    """Give the home a new master key, or finish what an interrupted rotation began.

    Parameters
    ----------
    home
        As :func:`api.home.open_to_rotate` opens it.
    by, progress
        Who rotates, and who is told what is being done.

    Raises
    ------
    features.staging.ImportRunning
        Something else is changing the home.
    NotInVault
        A home of an older version, whose folder has to be imported once more.
    features.keys.KeyNotHere
        With lent keys.
    """
    check_allowed(by, Permission.ROTATE_KEYS)
    home.keys.check_owned()
    with staging(home.folder, home.was_committed) as stage:
        progress("opening the vault")
        if not is_rotating(home.keys_folder):
            home.check_unmoved()
            _check_everybody_known(home)
        progress("making the next master key")
        present, following = begin_rotation(home.keys_folder)
        try:
            if _epoch(home) < following.epoch:
                _carry_over(home, present, following, stage, by=by, progress=progress)
        except BaseException:
            if _epoch(home) < following.epoch:
                cancel_rotation(home.keys_folder)  # nothing has changed yet
            raise
        progress("putting the renamed histories into their places")
        stage.settle(home.was_committed)
        scrub(home.database)
        progress("wrapping the data keys")
        PersonKeys(home.keys_folder / FILE, present).rekey(following)
        progress("replacing the master key")
        finish_rotation(home.keys_folder)
        progress("done")
    with home.transaction() as session:
        return Rotation(following.epoch, len(vault(session, home.person_keys)))


def _epoch(home: Home) -> int:
    return read_mark(home.database, EPOCH_MARK) or 1


def _check_everybody_known(home: Home) -> None:
    with home.transaction() as session:
        known = set(vault(session, home.person_keys))
    unknown = set(home.store.people()) - known
    if unknown:
        raise NotInVault(
            f"of {count(len(unknown), 'person', 'persons')} the vault does not hold the service's "
            "own id, as with data of an older version: import the newest folder again, then rotate."
        )


def _carry_over(
    home: Home,
    present: Keyring,
    following: Keyring,
    stage: Staging,
    *,
    by: Actor,
    progress: Progress,
) -> None:
    """Rename everything that can be committed at once; the files wait in the staging."""
    person_keys = PersonKeys(home.keys_folder / FILE, present)
    with home.transaction() as session:
        identities = vault(session, person_keys)
    aside = _set_aside(home, person_keys)
    everybody = [*identities.values(), *(found for _, found in aside.values() if found is not None)]
    naming = Naming(_known(everybody, present, following), following)
    progress("announcing the next pseudonyms")
    people = {*person_keys.all(), *identities}
    person_keys.announce({person: naming(person) for person in people})
    progress("renaming the histories")
    rename_store(home.store, naming, stage)
    if home.sensitive.file.is_file():
        place = stage.path(str(home.sensitive.file.relative_to(home.folder)))
        home.sensitive.rename({p: naming(p) for p in identities}, following, place)
    for key, (bundle, _) in aside.items():
        place = stage.path(str(home.restricted(key.key_id).relative_to(home.folder)))
        place.write_bytes(seal(under_pseudonym(bundle, key, following, naming(bundle.person)), key))
    progress("sealing the plan")
    sealed = stage.seal(last=home.store.manifest_place, gone=home.store.left_over(stage))
    with home.transaction() as session:
        progress("renaming the review database")
        rename_people(session, naming, person_keys, identities)
        reseal_accounts(session, present, following)
        now = home.now()
        set_mark(session, EPOCH_MARK, following.epoch, now=now)
        set_mark(session, FORMER_MODELS, home.newest_version(), now=now)
        record(
            session,
            actor=by,
            act=ROTATE,
            # What was sealed takes its place if, and only if, this entry is committed.
            subject=f"{following.epoch} {sealed}",
            details={"people": len(identities)},
            now=now,
        )
        progress("committing")


def _set_aside(
    home: Home, person_keys: PersonKeys
) -> dict[DataKey, tuple[Bundle, Identity | None]]:
    """Open what is sealed aside of people whose processing is restricted."""
    found = {}
    for key in person_keys.all().values():
        path = home.restricted(key.key_id)
        if path.is_file():
            bundle = unseal(path.read_bytes(), key)
            found[key] = (bundle, identity_in(bundle, key))
    return found


def _known(identities: Sequence[Identity], present: Keyring, following: Keyring) -> dict[str, str]:
    """Return who is called what under the next keys: persons and the households they are of."""
    persons = {one.person: following.pseudonym(one.person_id) for one in identities}
    households = {one.household_id for one in identities if one.household_id is not None}
    return persons | {
        present.pseudonym(given, "household"): following.pseudonym(given, "household")
        for given in households
    }
