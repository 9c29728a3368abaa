"""The sensitive attributes, for the audit and for nothing else (S5).

A store of its own, sealed under the audit key, with pseudonyms keyed again: neither its
file nor its rows join with the event store without that key. Features, scoring and the
queue never import this module; a contract of the import linter holds that.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from features.errors import RebondError
from features.keys import Keyring

PURPOSE = "audit"


class NoAttributes(RebondError):
    """The protocol asks for an attribute of which nothing was imported."""


@dataclass(frozen=True)
class SensitiveStore:
    """Attributes by person, sealed in one file."""

    file: Path
    keys: Keyring

    def replace(self, sensitive: pd.DataFrame) -> None:
        """Seal the rows of one import (person, attribute, value) in place of the old ones."""
        table = sensitive.assign(
            person=[self.keys.pseudonym(p, PURPOSE) for p in sensitive["person"]]
        )
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.file.with_suffix(".new")
        fresh.write_bytes(self.keys.seal(PURPOSE, buffer.getvalue()))
        fresh.replace(self.file)

    def attributes(self, persons: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
        """Return one column per attribute for the given persons, in their order.

        Parameters
        ----------
        persons
            Pseudonyms of the event store.
        names
            The attributes of the protocol; a person without a value gets a missing one.

        Raises
        ------
        NoAttributes
            Nothing was imported under one of the names.
        """
        table = (
            pd.read_parquet(io.BytesIO(self.keys.unseal(PURPOSE, self.file.read_bytes())))
            if self.file.is_file()
            else pd.DataFrame({"person": [], "attribute": [], "value": []}, dtype="str")
        )
        absent = sorted(set(names) - set(table["attribute"]))
        if absent:
            raise NoAttributes(
                f"the protocol audits {absent[0]!r}, but no import held that attribute: add it to "
                "sensitive, or take it out of [audit] attributes."
            )
        wide = table.pivot(index="person", columns="attribute", values="value")
        keyed = {person: self.keys.pseudonym(person, PURPOSE) for person in set(persons)}
        found = wide.reindex([keyed[person] for person in persons])
        return found[list(names)].reset_index(drop=True)
