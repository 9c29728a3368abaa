"""Everything about one person as one thing: collected, sealed, taken out, put back.

Whatever a right or a duty asks for is made of these four: an access export collects, a
backup seals everybody under their own data key, an erasure takes out and destroys the key, a
restriction seals aside and takes out, and lifting it puts back.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd
from sqlalchemy.orm import Session

from api.home import Home
from features.keys import Keyring
from features.staging import Staging
from features.store import EVENT_COLUMNS, STAY_COLUMNS
from revue.personal import PERSONAL, delete_rows, insert_rows, known_people, rows_of_all
from revue.standings import DataKey
from revue.vault import Identity, open_identity, seal_identity

Row = Mapping[str, Any]
Some = TypeVar("Some")

_TIMES = {"occurred_at", "recorded_at", "entered_on", "left_on", "informed_on"}
_NUMBERS = {"numeric_value": "float64", "arrival": "int64", "import": "int64"}
_BYTES = "hex"
_DAY = len("2026-01-01")
_TOGETHER = 500
"""Persons who are read together."""

EVERYTHING = frozenset(table.name for table in PERSONAL)
"""Every table of the review database that holds rows about somebody accompanied."""


@dataclass(frozen=True)
class Bundle:
    """Everything about one person, in plain values that JSON can say.

    Attributes
    ----------
    person
        The pseudonym.
    stays, events
        As they lie in the event store; times as ISO text. Without ``person``.
    sensitive
        Value by attribute.
    rows
        Of the review database, by table, as they lie there.
    """

    person: str
    stays: tuple[Row, ...] = ()
    events: tuple[Row, ...] = ()
    sensitive: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of the person."""
        return not (self.stays or self.events or self.sensitive or self.rows)

    @property
    def last_contact(self) -> date | None:
        """The last day of a stay or of an event, as the event store counts it; None without."""
        days = [stay["left_on"] or stay["entered_on"] for stay in self.stays]
        days += [stay["entered_on"] for stay in self.stays]
        days += [event["occurred_at"] for event in self.events if event["code"]]
        return date.fromisoformat(max(days)[:_DAY]) if days else None

    def to_json(self) -> str:
        """Write everything as JSON; bytes as ``{"hex": …}``."""
        return json.dumps(vars(self), default=lambda raw: {_BYTES: raw.hex()})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote."""
        plain = json.loads(text, object_hook=_bytes)
        return cls(**plain | {name: tuple(plain[name]) for name in ("stays", "events")})


def _bytes(plain: dict[str, Any]) -> Any:
    return bytes.fromhex(plain[_BYTES]) if plain.keys() == {_BYTES} else plain


def collect(home: Home, session: Session, person: str) -> Bundle:
    """Collect everything about one person.

    Parameters
    ----------
    home
        The home; its event store and sensitive attributes are read as they are now.
    session
        On its review database.
    person
        The pseudonym; a person of whom nothing is known gives an empty bundle.
    """
    (bundle,) = collect_all(home, session, (person,))
    return bundle


def everybody(home: Home, session: Session) -> list[str]:
    """Return the pseudonyms of everybody about whom the home holds anything, sorted."""
    return sorted({*home.store.people(), *known_people(session)})


def collect_all(home: Home, session: Session, people: Iterable[str]) -> Iterator[Bundle]:
    """Collect everything about many persons, read together a few hundred at a time."""
    store = home.store.at_once()
    for batch in _in_batches(sorted(people)):
        events, stays = store.histories(batch[0], batch[-1])
        events_of, stays_of = _by_person(events), _by_person(stays)
        sensitive = home.sensitive.of(batch)
        rows = rows_of_all(session, batch)
        for person in batch:
            yield Bundle(
                person=person,
                stays=stays_of.get(person, ()),
                events=events_of.get(person, ()),
                sensitive=sensitive.get(person, {}),
                rows=rows.get(person, {}),
            )


def seal(bundle: Bundle, key: DataKey) -> bytes:
    """Seal a bundle with the person's own data key, bound to that key's id."""
    return key.seal(zlib.compress(bundle.to_json().encode()), f"bundle/{key.key_id}")


def unseal(sealed: bytes, key: DataKey) -> Bundle:
    """Open what :func:`seal` wrote.

    Raises
    ------
    features.keys.SealBroken
        Another key, or changed bytes.
    """
    opened = key.unseal(sealed, f"bundle/{key.key_id}")
    return Bundle.from_json(zlib.decompress(opened).decode())


def under_pseudonym(bundle: Bundle, key: DataKey, keys: Keyring, person: str) -> Bundle:
    """Return a bundle as it reads under the pseudonym of another epoch; identity sealed anew.

    Parameters
    ----------
    bundle
        As it was sealed, perhaps before the keys were rotated.
    key
        The person's own.
    keys
        The home's, of today.
    person
        The pseudonym of today.
    """
    if person == bundle.person:
        return bundle
    identity = identity_in(bundle, key)
    household = person
    if identity is not None and identity.household_id is not None:
        household = keys.pseudonym(identity.household_id, "household")
    rows = {
        table: [{**row, "person": person} if "person" in row else {**row} for row in held]
        for table, held in bundle.rows.items()
    }
    if identity is not None:
        rows["identities"][0]["sealed"] = seal_identity(key, replace(identity, person=person))
    stays = tuple({**stay, "household": household} for stay in bundle.stays)
    return replace(bundle, person=person, stays=stays, rows=rows)


def identity_in(bundle: Bundle, key: DataKey) -> Identity | None:
    """Return the identity that a bundle holds, opened."""
    rows = bundle.rows.get("identities", ())
    return open_identity(key, rows[0]["sealed"], bundle.person) if rows else None


def exchange(
    home: Home,
    stage: Staging,
    session: Session,
    *,
    out: Mapping[str, Collection[str]],
    back: Iterable[Bundle] = (),
) -> None:
    """Take everything about some persons out of a home, and put others back.

    Rows change in the caller's transaction; files wait in the staging until the caller seals
    it (with ``gone=home.store.left_over(stage)``) and commits the hash as an import does.

    Parameters
    ----------
    home, stage, session
        Where: a home, under the lock of its staging, in a transaction.
    out
        Pseudonyms of those whose histories go, each with the tables of the review database
        whose rows go as well: :data:`EVERYTHING`, or less.
    back
        Bundles of those who come; what is there already stays as it is.
    """
    for person, tables in out.items():
        delete_rows(session, person, tables)
    events, stays = [_table((), EVENT_COLUMNS)], [_table((), STAY_COLUMNS)]
    sensitive: dict[str, Mapping[str, str]] = {}
    for batch in _in_batches(back):
        events.append(_table(((b.person, b.events) for b in batch), EVENT_COLUMNS))
        stays.append(_table(((b.person, b.stays) for b in batch), STAY_COLUMNS))
        sensitive |= {bundle.person: bundle.sensitive for bundle in batch if bundle.sensitive}
        rows: dict[str, list[Row]] = {}
        for bundle in batch:
            for table, held in bundle.rows.items():
                rows.setdefault(table, []).extend(held)
        insert_rows(session, rows)
    if home.store.manifest.protocol is not None:
        home.store.exchange(stage, out=out, events=_joined(events), stays=_joined(stays))
    if home.sensitive.file.is_file() or sensitive:
        place = stage.path(str(home.sensitive.file.relative_to(home.folder)))
        home.sensitive.exchange(place, out=out, back=sensitive, on=home.today())


def _by_person(table: pd.DataFrame) -> dict[str, tuple[Row, ...]]:
    """Return plain rows by person, in the order of the table."""
    columns = [name for name in table.columns if name != "person"]
    found: dict[str, list[Row]] = {}
    plain = [_plain(table[name]) for name in columns]
    for person, *values in zip(table["person"], *plain, strict=True):
        found.setdefault(person, []).append(dict(zip(columns, values, strict=True)))
    return {person: tuple(rows) for person, rows in found.items()}


def _plain(column: pd.Series) -> list[object]:
    """Return the values of a column as JSON says them: times as ISO text, None where missing."""
    if column.dtype.kind == "M":
        texts = np.datetime_as_string(column.to_numpy(), unit="us").tolist()
        values = [text.removesuffix(".000000") for text in texts]
    else:
        values = column.tolist()
    return [None if gone else value for value, gone in zip(values, column.isna(), strict=True)]


def _table(held: Iterable[tuple[str, Sequence[Row]]], columns: list[str]) -> pd.DataFrame:
    """Return the rows of many persons as the event store takes them."""
    rows = [{**row, "person": person} for person, rows in held for row in rows]
    types = {
        column: "datetime64[us]" if column in _TIMES else _NUMBERS.get(column, "str")
        for column in columns
    }
    return pd.DataFrame(rows, columns=columns).astype(types)


def _joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True)


def _in_batches(of: Iterable[Some]) -> Iterator[list[Some]]:
    remaining = iter(of)
    while batch := list(islice(remaining, _TOGETHER)):
        yield batch
