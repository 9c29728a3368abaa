"""The sensitive attributes, for the audit and for nothing else (S5).

A store of its own, sealed under the audit key, with pseudonyms keyed again: neither its
file nor its rows join with the event store without that key. Features, scoring and the
queue never import this module; a contract of the import linter holds that.

They do not outlive their purpose: sealed with them lie the days on which they were stored
and last audited, and some time after that nobody reads them any more. A file sealed before
these days were written down counts as stored on the day the file system gives it.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import RebondError
from features.keys import Keyring

PURPOSE = "audit"
_STORED, _AUDITED = b"stored_on", b"audited_on"
_NOTHING = pd.DataFrame({"person": [], "attribute": [], "value": []}, dtype="str")


class NoAttributes(RebondError):
    """The protocol asks for an attribute of which nothing was imported."""


class AttributesExpired(RebondError):
    """The sensitive attributes have served their purpose and may not be read any more."""


@dataclass(frozen=True)
class Kept:
    """How many days attributes are kept after the last audit, and where none was made."""

    audited_days: int = 30
    unused_days: int = 365


@dataclass(frozen=True)
class _Content:
    """What is sealed: (person, attribute, value), and the two days its end is counted from."""

    table: pd.DataFrame
    stored_on: date
    audited_on: date | None


@dataclass(frozen=True)
class SensitiveStore:
    """Attributes by person, sealed in one file."""

    file: Path
    keys: Keyring
    kept: Kept = Kept()

    def replace(self, sensitive: pd.DataFrame, *, on: date) -> None:
        """Seal the rows of one import (person, attribute, value) in place of the old ones.

        Parameters
        ----------
        sensitive
            Under the pseudonyms of the event store.
        on
            The day they are stored.
        """
        table = sensitive.assign(
            person=[self.keys.pseudonym(p, PURPOSE) for p in sensitive["person"]]
        )
        self._write(_Content(table, on, None))

    def of(self, persons: Collection[str]) -> dict[str, dict[str, str]]:
        """Return the attributes of single persons; who has none is left out."""
        keyed = {self.keys.pseudonym(person, PURPOSE): person for person in persons}
        content = self._read()
        table = _NOTHING if content is None else content.table
        found: dict[str, dict[str, str]] = {}
        for row in table[table["person"].isin(keyed)].itertuples():
            found.setdefault(keyed[row.person], {})[row.attribute] = row.value
        return found

    def exchange(
        self,
        file: Path,
        *,
        out: Collection[str],
        back: Mapping[str, Mapping[str, str]],
        on: date,
    ) -> None:
        """Write this store without some persons, and with what :meth:`of` returned of others.

        Parameters
        ----------
        file
            Where to: a staging's.
        out
            Pseudonyms of the event store.
        back
            Attributes by pseudonym, in place of those held.
        on
            The day they count as stored, where nothing is stored yet.
        """
        content = self._read() or _Content(_NOTHING, on, None)
        gone = {self.keys.pseudonym(person, PURPOSE) for person in {*out, *back}}
        given = [
            (self.keys.pseudonym(person, PURPOSE), attribute, value)
            for person, attributes in back.items()
            for attribute, value in attributes.items()
        ]
        fresh = pd.DataFrame(given, columns=list(content.table.columns), dtype="str")
        kept = content.table[~content.table["person"].isin(gone)]
        table = pd.concat([kept, fresh], ignore_index=True)
        SensitiveStore(file, self.keys)._write(replace(content, table=table))

    def attributes(self, persons: Sequence[str], names: Sequence[str], *, on: date) -> pd.DataFrame:
        """Return one column per attribute for the given persons, in their order.

        Parameters
        ----------
        persons
            Pseudonyms of the event store.
        names
            The attributes of the protocol; a person without a value gets a missing one.
        on
            The day of the home.

        Raises
        ------
        NoAttributes
            Nothing was imported under one of the names.
        AttributesExpired
            They are too old to be read.
        """
        content = self._read()
        if content is not None:
            self._check_current(content, on)
        table = _NOTHING if content is None else content.table
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

    def mark_audited(self, *, on: date) -> None:
        """Note that an audit reads the attributes: from this day on their end is counted.

        Raises
        ------
        AttributesExpired
            They are too old to be read.
        """
        content = self._read()
        if content is not None:
            self._check_current(content, on)
            self._write(replace(content, audited_on=on))

    def is_over(self, today: date) -> bool:
        """Say whether there are attributes that may not be read any more."""
        content = self._read()
        return content is not None and today > self._last_day(content)

    def purge(self, today: date) -> bool:
        """Delete the attributes if they may not be read any more; say whether they went."""
        over = self.is_over(today)
        if over:
            self.file.unlink()
        return over

    def rename(self, renamed: Mapping[str, str], following: Keyring, to: Path) -> None:
        """Seal the same under the keys of the next epoch.

        Parameters
        ----------
        renamed
            Pseudonyms of the event store, as they are and as they will be; of whom it does not
            name, nothing is kept.
        following
            The keys of the next epoch.
        to
            Where the new file is written.
        """
        content = self._read()
        if content is None:
            return
        anew = {
            self.keys.pseudonym(old, PURPOSE): following.pseudonym(new, PURPOSE)
            for old, new in renamed.items()
        }
        known = content.table[content.table["person"].isin(anew)]
        table = known.assign(person=known["person"].map(anew).astype("str"))
        table = table.sort_values(["person", "attribute"], ignore_index=True)
        SensitiveStore(to, following)._write(replace(content, table=table))

    def _last_day(self, content: _Content) -> date:
        if content.audited_on is not None:
            return content.audited_on + timedelta(days=self.kept.audited_days)
        return content.stored_on + timedelta(days=self.kept.unused_days)

    def _check_current(self, content: _Content, on: date) -> None:
        last = self._last_day(content)
        if on > last:
            since = (
                f"stored on {content.stored_on} and never audited"
                if content.audited_on is None
                else f"last audited on {content.audited_on}"
            )
            raise AttributesExpired(
                f"the sensitive attributes were {since}; they could be read until {last}: import "
                "the sensitive file again."
            )

    def _read(self) -> _Content | None:
        if not self.file.is_file():
            return None
        plain = self.keys.unseal(PURPOSE, self.file.read_bytes())
        sealed = pq.read_table(io.BytesIO(plain))
        said = sealed.schema.metadata or {}
        days = {
            key: date.fromisoformat(said[key].decode())
            for key in (_STORED, _AUDITED)
            if key in said
        }
        made = datetime.fromtimestamp(self.file.stat().st_mtime, UTC).date()
        return _Content(sealed.to_pandas(), days.get(_STORED, made), days.get(_AUDITED))

    def _write(self, content: _Content) -> None:
        days = {_STORED: content.stored_on, _AUDITED: content.audited_on}
        table = pa.Table.from_pandas(content.table, preserve_index=False)
        table = table.replace_schema_metadata(
            {
                **(table.schema.metadata or {}),
                **{key: day.isoformat() for key, day in days.items() if day is not None},
            }
        )
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.file.with_suffix(".new")
        fresh.write_bytes(self.keys.seal(PURPOSE, buffer.getvalue()))
        fresh.replace(self.file)
