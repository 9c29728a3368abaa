"""Which code withstood the attacks on its safeguards: a record that only a whole run writes.

The test run writes it once every test named after a safeguard passed, none left out; the page
reads it and compares the hash of the code it names with that of the code that runs. It says
what was tried and withstood, and never that a text of law is met.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Self

from api.safeguards import SAFEGUARDS
from modeles.provenance import code_hash

ROOMS = ("api", "audits", "features", "modeles", "revue")
RECORD = Path(__file__).parents[1] / ".safeguards.json"
"""Where a test run leaves its record, unless the settings say otherwise."""


@dataclass(frozen=True)
class Trial:
    """One run in which every attack on every safeguard failed.

    Parameters
    ----------
    at
        When it ended, with a zone.
    version
        The version of Rebond.
    code
        SHA-256 (hex) over every file of the five rooms.
    attacks
        Attacks tried, one on several safeguards counted once.
    tests
        Attacks tried per safeguard, by name (``S7``).
    """

    at: datetime
    version: str
    code: str
    attacks: int
    tests: Mapping[str, int]

    @classmethod
    def now(cls, at: datetime, attacks: int, tests: Mapping[str, int]) -> Self:
        """Make the record of a run of the code that is here."""
        return cls(at, version("rebond"), code_of_rooms(), attacks, dict(tests))

    @property
    def is_whole(self) -> bool:
        """Whether each safeguard had at least one attack."""
        return all(self.tests.get(each.name, 0) > 0 for each in SAFEGUARDS)


def code_of_rooms() -> str:
    """SHA-256 (hex) over every file of the five rooms: sources, templates, protocols."""
    return code_hash(ROOMS, "*")


@cache
def running_code() -> str:
    """Return the hash of the code that runs: of its files when this process first asked."""
    return code_of_rooms()


def write_trial(trial: Trial, path: Path = RECORD) -> None:
    """Write the record of a run."""
    plain = {**asdict(trial), "at": trial.at.isoformat()}
    path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def read_trial(path: Path | None = None) -> Trial | None:
    """Read the record for the code that runs.

    Returns
    -------
    Trial or None
        None where there is no record, where it cannot be read, where a safeguard has no attack
        in it, or where other code was tested than runs.
    """
    try:
        plain = json.loads((path or RECORD).read_text(encoding="utf-8"))
        found = Trial(
            at=datetime.fromisoformat(plain["at"]),
            version=str(plain["version"]),
            code=str(plain["code"]),
            attacks=int(plain["attacks"]),
            tests={str(name): int(count) for name, count in plain["tests"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return found if found.is_whole and found.code == running_code() else None
