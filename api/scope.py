"""What an impact assessment of this home is about: what is in use now, by name (S10).

Whatever of it differs from what was signed closes training and scoring, and the refusal calls
it by its name here. Wordings, telephone numbers and the service's name may change freely.
"""

from __future__ import annotations

import hashlib
from typing import Any

from api.home import Home
from api.retention import retention_table
from api.settings import Settings
from features.catalogue import catalogue
from features.errors import RebondError
from features.intake.identifiers import words
from features.protocol import Protocol
from features.tables import (
    EVENTS,
    EVENTS_FILE,
    IDENTITIES_FILE,
    PERSONS_FILE,
    SENSITIVE_FILE,
    STAYS,
)
from revue import schema
from revue.assessments import Scope
from revue.records import canonical

IMPORT_FILES = (PERSONS_FILE, EVENTS_FILE, SENSITIVE_FILE, IDENTITIES_FILE)

_NOT_ASSESSED = {"production", "demonstration", "service", "danger"}
"""Settings that say nothing of how data are used."""


class LegalBasisMissing(RebondError):
    """A production home needs to say who answers for the processing, and on what basis."""


def check_legal(protocol: Protocol) -> None:
    """Refuse a protocol that names nobody who answers for it, or no basis (S34).

    Raises
    ------
    LegalBasisMissing
        Either is empty, or holds nothing that is read: blanks, signs that are not shown.
    """
    legal = protocol.legal
    for name, value in (("controller", legal.controller), ("basis", legal.basis)):
        if not words(value):
            raise LegalBasisMissing(
                f"[legal] {name} is empty in the protocol; a production home needs it filled in."
            )


def scope_of(home: Home) -> Scope:
    """Return what is in use now.

    Raises
    ------
    features.store.EmptyStore
        Nothing was imported yet, so there is no protocol to assess.
    """
    protocol = home.store.protocol()
    return {
        "home": _hash(home.keys.signing.public_key().public_bytes_raw().hex()),
        "purpose": protocol.purpose,
        "protocol": protocol.hash,
        "features": [feature.name for feature in catalogue(protocol)],
        "capacity": protocol.capacity.model_dump(mode="json"),
        "legal basis": protocol.legal.model_dump(mode="json"),
        "files": {file.name: _hash(*file.columns) for file in IMPORT_FILES},
        "tables": {
            "stays": _hash(*STAYS.columns),
            "histories": _hash(*EVENTS.columns),
            **{
                table.name: _hash(str(table.info["whose"]), *(c.name for c in table.columns))
                for table in schema.Base.metadata.sorted_tables
            },
        },
        "retention": {
            row.name: f"{row.how_long}, {row.since}" for row in retention_table(home.settings)
        },
        "settings": _settings(home.settings),
    }


def _settings(settings: Settings) -> dict[str, Any]:
    plain = settings.model_dump(mode="json", exclude=_NOT_ASSESSED)
    # A set has no order of its own, and another one in every process.
    sets = (name for name in plain if isinstance(getattr(settings, name), frozenset))
    return plain | {name: sorted(plain[name]) for name in sets}


def _hash(*parts: str) -> str:
    return hashlib.sha256(canonical(sorted(parts)).encode()).hexdigest()[:16]
