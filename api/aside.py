"""What is sealed aside of people whose processing is restricted, and for how long (S17, S18).

A restriction keeps data from being used (GDPR 18); it does not let them be kept any longer
(GDPR 5(1)(e)). What was sealed counts from the person's last contact, like the histories it was
made of; where there are none, from the day of the restriction. In production it cannot be opened
any more once that time is over, purged or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from api.bundles import Bundle, unseal
from api.home import Home
from revue.standings import DataKey, Standing


@dataclass(frozen=True)
class Aside:
    """What is sealed aside of one person, opened, and the day from which its time counts."""

    person: str
    key: DataKey
    bundle: Bundle
    since: date


def read_all(home: Home) -> Iterator[Aside]:
    """Open everything that is sealed aside, be it overdue."""
    restricted_on = _restricted_on(home)
    for person, key in home.person_keys.all().items():
        found = _read(home, person, key, restricted_on)
        if found is not None:
            yield found


def read(home: Home, person: str) -> Bundle | None:
    """Open what is sealed aside of one person.

    Returns
    -------
    Bundle or None
        None where there is nothing, no key, or nothing that may still be read.
    """
    (opened,) = home.person_keys.of((person,))
    found = None if opened is None else _read(home, person, opened(), _restricted_on(home))
    if found is None or (home.settings.production and is_overdue(home, found)):
        return None
    return found.bundle


def is_overdue(home: Home, aside: Aside) -> bool:
    """Say whether its time is over on the day of the home."""
    return aside.since < home.kept_from(home.today())


def _read(home: Home, person: str, key: DataKey, restricted_on: Mapping[str, date]) -> Aside | None:
    path = home.restricted(key.key_id)
    if not path.is_file():
        return None
    bundle = unseal(path.read_bytes(), key)
    return Aside(person, key, bundle, bundle.last_contact or restricted_on.get(person, date.min))


def _restricted_on(home: Home) -> Mapping[str, date]:
    """Return the day on which each person was restricted last."""
    return {
        line.person: line.at.date()
        for line in home.person_keys.since(0)
        if line.standing is Standing.RESTRICTED
    }
