"""From an import folder to rows that can be trusted, or a refusal in one sentence.

:func:`read_folder` reads a canonical folder (contract, section 1), refuses faults of
structure, sets single faulty rows aside with file, row, column and reason, minimises, and
replaces every identifier by its keyed pseudonym. Events pass through the data engine from
file to file; what comes out is stored whole by the caller, or not at all.
"""

# ruff: noqa: S608 - names come from contracts, values are quoted or passed beside the query

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa

from features.codes import (
    MINIMISED_FAMILIES,
    MINOR_FAMILIES,
    REFUSED_FAMILIES,
    family_among,
)
from features.contract import FAULTY_ROWS, judge
from features.data_engine import opened
from features.intake.identifiers import (
    CANDIDATE,
    E_MAIL,
    TELEPHONE,
    Names,
    identifier_in,
    identifiers_in,
)
from features.intake.minors import below_age, born_too_late, tells_age, tells_birth, tells_minor
from features.intake.reading import (
    ImportRefused,
    Loaded,
    MissingFile,
    UnreadableFile,
    first_rows,
    load,
    quoted,
)
from features.keys import Keyring, keyed_hash
from features.protocol import Protocol, read_protocol
from features.tables import (
    EVENTS,
    EVENTS_FILE,
    IDENTITIES_FILE,
    PERSONS_FILE,
    REASONS,
    SENSITIVE_FILE,
    STAYS,
    import_schema,
)

BELIEVED_QUIET = timedelta(days=3653)
"""An extract later than this after its newest event is a mistyped year."""

QUARANTINE_LIMIT = 0.01
"""Above this share of faulty rows a file is refused (contract, section 1)."""

KEPT_OUT = "droits"
"""The name under which rows of those who objected, were erased or restricted are counted."""

OVERDUE = "durée"
"""The name under which rows of those whose last contact is too long ago are counted."""

_SHOWN_ROWS = 3
_BATCH = 100_000
_PARQUET = "(FORMAT parquet, COMPRESSION zstd)"


class NoPersons(ImportRefused):
    """The file of persons has a header and nobody below it."""


class OverlappingStays(ImportRefused):
    """Two stays of one person begin on one day, or one begins before the other has ended.

    The day a stay ends is free: a return may begin on it.
    """


class AttributeMissing(ImportRefused):
    """The protocol audits an attribute that the sensitive file does not know."""


class TooManyFaults(ImportRefused):
    """More than one row in a hundred of a file is faulty."""


class IdentifierFound(ImportRefused):
    """A value holds what tells who somebody is (S20); the value itself is never shown."""


class FamilyRefused(ImportRefused):
    """Events of a family that no import may hold (S4, S33)."""


class MinorsFound(ImportRefused):
    """The folder tells of somebody below eighteen; nothing here is made for minors (S34)."""


@dataclass(frozen=True)
class Extract:
    """One checked, minimised, pseudonymised import, ready to be stored.

    ``stays`` keeps the contract of :mod:`features.tables`; ``events`` is a Parquet file in
    the caller's scratch folder that keeps it as well, ``event_rows`` how many it holds.
    ``sensitive`` (person, attribute, value) and ``identities`` (person, person_id, then free
    columns) go to stores of their own; ``given_ids`` (person, person_id, household_id), one row
    for everybody named in persons, goes into the vault. ``quarantine`` has file, row, column,
    reason, and no value.
    """

    protocol: Protocol
    protocol_text: str
    extracted_on: date
    stays: pd.DataFrame
    events: Path
    event_rows: int
    sensitive: pd.DataFrame
    identities: pd.DataFrame
    given_ids: pd.DataFrame
    quarantine: pd.DataFrame
    ignored: Mapping[str, int]


def read_folder(
    folder: Path,
    keys: Keyring,
    scratch: Path,
    protocol: Path | None = None,
    *,
    kept_out: Collection[str] = (),
    kept_from: date | None = None,
) -> Extract:
    """Read, check, minimise and pseudonymise one canonical import folder.

    Parameters
    ----------
    folder
        Holds ``persons``, ``events`` and perhaps ``sensitive``, ``identities``,
        ``extract.toml``; CSV or Parquet.
    keys
        Where pseudonyms come from.
    scratch
        An empty folder of the caller's: the events are written there, and what does not fit
        into memory waits there.
    protocol
        The study protocol; default ``protocol.toml`` in the folder.
    kept_out
        Standing ids (:meth:`features.keys.Keyring.standing_id`) of those who objected, were
        erased or restricted: their rows are looked over with all others, then left out.
    kept_from
        The day before which a last contact is over: rows of those persons are left out as well
        (S18). None: nobody's is.

    Returns
    -------
    Extract
        Nothing of it is stored yet.

    Raises
    ------
    ImportRefused, InvalidProtocol
        See the classes here and in :mod:`features.intake.reading`; one sentence naming file, column
        and first rows.
    """
    if not folder.is_dir():
        raise MissingFile(
            f"{folder} is not a folder; give the folder that holds persons and events."
        )
    protocol_file = protocol or folder / "protocol.toml"
    if protocol is None and not protocol_file.is_file():
        raise MissingFile(
            f"protocol.toml is missing in {folder.name}/: put it there or pass --protocol FILE."
        )
    study = read_protocol(protocol_file)
    protocol_text = protocol_file.read_text(encoding="utf-8-sig")
    _refuse_identifiers_written(protocol_file.name, protocol_text)
    with opened(scratch) as database:
        persons = load(database, folder, PERSONS_FILE)
        events = load(database, folder, EVENTS_FILE)
        sensitive = load(database, folder, SENSITIVE_FILE, optional=True)
        identities = load(database, folder, IDENTITIES_FILE, optional=True)
        if not _count(database, "persons"):
            raise NoPersons("persons has a header but no rows below it: write one row per stay.")
        for file in (persons, events, sensitive):
            _refuse_identifiers(database, file)
        _refuse_names(database, (persons, events, sensitive), protocol_file.name, protocol_text)
        extracted_on = _extracted_on(folder, _newest(database))
        _refuse_minors(database, sensitive, identities, events, extracted_on)

        intake = _Intake(database, pd.Timestamp(extracted_on) + timedelta(days=1))
        stays = intake.kept(persons, None)
        _check_stays(stays)
        known = frozenset(stays["person_id"])
        _default_times_and_codes(database)
        # Before single rows are set aside: a family that stops an import hides in no quarantine.
        _refuse_families(database, events.name)
        intake.judge(events, known)
        attributes = intake.kept(sensitive, known)
        if sensitive.given:
            _check_attributes(study, attributes)
        contacts = intake.kept(identities, known)
        out = frozenset(p for p in known if keys.standing_id(p) in kept_out) if kept_out else ()
        over = _overdue(database, stays, kept_from) - set(out) if kept_from else ()
        left_out = {KEPT_OUT: _leave_out(database, out), OVERDUE: _leave_out(database, over)}
        ignored = _minimise(database)
        ignored |= {name: rows for name, rows in left_out.items() if rows}
        out = frozenset((*out, *over))
        stays, attributes, contacts = (
            table[~table["person_id"].isin(out)] for table in (stays, attributes, contacts)
        )
        known -= out

        pseudonyms = {identifier: keys.pseudonym(identifier) for identifier in known}
        written = scratch / "events.parquet"
        _write_events(database, pseudonyms, keys.subkey("event_id"), written)
        rows = _count(database, "events")
    return Extract(
        protocol=study,
        protocol_text=protocol_text,
        extracted_on=extracted_on,
        stays=_pseudonymous_stays(stays, pseudonyms, keys),
        events=written,
        event_rows=rows,
        sensitive=_with_person(attributes, pseudonyms)[["person", "attribute", "value"]],
        identities=_with_person(contacts.drop(columns="row"), pseudonyms),
        given_ids=_with_person(stays, pseudonyms).drop_duplicates("person", keep="last")[
            ["person", "person_id", "household_id"]
        ],
        quarantine=pd.concat(intake.faults, ignore_index=True),
        ignored=ignored,
    )


def _count(database: duckdb.DuckDBPyConnection, table: str) -> int:
    (rows,) = database.execute(f"SELECT count(*) FROM {table}").fetchall()[0]
    return int(rows)


# --- refused: identifiers, names, families, minors ---------------------------------------


def _found(
    database: duckdb.DuckDBPyConnection, table: str, column: str, values: Iterable[str]
) -> list[tuple[int]]:
    """Return the first rows of a table that hold one of some values in a column."""
    query = (
        f"SELECT row FROM {table} WHERE {quoted(column)} IN (SELECT unnest($values)) "
        f"ORDER BY row LIMIT {_SHOWN_ROWS}"
    )
    found: list[tuple[int]] = database.execute(query, {"values": list(values)}).fetchall()
    return found


def _distinct(
    database: duckdb.DuckDBPyConnection, table: str, column: str, candidate: str = ""
) -> Iterable[str]:
    """Yield the distinct values of a column that may match, a batch at a time."""
    cursor = database.cursor()
    query = f"SELECT DISTINCT {quoted(column)} FROM {table} WHERE {quoted(column)} IS NOT NULL"
    if candidate:
        query += f" AND regexp_matches({quoted(column)}, $candidate)"
    cursor.execute(query, {"candidate": candidate} if candidate else {})
    while batch := cursor.fetchmany(_BATCH):
        yield from (value for (value,) in batch)


def _refuse_identifiers(database: duckdb.DuckDBPyConnection, file: Loaded) -> None:
    found: list[tuple[int, str]] = []
    login = ""
    for column, said in file.texts.items():
        values = _distinct(database, file.contract.name, column, CANDIDATE)
        told: dict[str, list[str]] = {}
        for value in values:
            if kind := identifier_in(value):
                told.setdefault(kind, []).append(value)
        for kind, held in told.items():
            rows = _found(database, file.contract.name, column, held)
            found += [(row, f"{said} ({kind})") for (row,) in rows]
        if told and said == "referent":
            login = " In referent, write the educator's login."
    if found:
        raise IdentifierFound(
            f"{file.name}: what tells who somebody is stands in {first_rows(sorted(found))}. "
            f"Take it out of the extract and import it again.{login}"
        )


def _refuse_identifiers_written(name: str, text: str) -> None:
    """Refuse an identifier in a protocol, which is stored word for word, comments and all.

    Who answers for the processing may say how to be reached, in ``[legal]``: by e-mail and by
    telephone.
    """
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        section = line.strip() if line.lstrip().startswith("[") else section
        reached = {E_MAIL, TELEPHONE} if section.startswith("[legal]") else set()
        for kind in identifiers_in(line):
            if kind not in reached:
                raise IdentifierFound(
                    f"{name}: what tells who somebody is stands in line {number} ({kind}). Take "
                    "it out of the protocol and import again."
                )


def _refuse_names(
    database: duckdb.DuckDBPyConnection, files: Iterable[Loaded], name: str, protocol: str
) -> None:
    """Refuse a display name found in any value but ``person_id``, in any order.

    In the protocol a name of one word is taken for the word.
    """
    names = Names(_distinct(database, "identities", "display_name"))
    if not names:
        return
    for number, line in enumerate(protocol.splitlines(), start=1):
        if names.stand_in(line, login=True):
            raise IdentifierFound(
                f"{name}: a display name of identities stands in line {number}. Take it out of "
                "the protocol and import again."
            )
    for file in files:
        table, found = file.contract.name, list[tuple[int, str]]()
        for column, said in file.texts.items():
            if said == "person_id":
                continue
            values = _distinct(database, table, column, names.candidate)
            told = [v for v in values if names.stand_in(v, login=said == "referent")]
            rows = _found(database, table, column, told) if told else []
            found += [(row, said) for (row,) in rows]
        if found:
            raise IdentifierFound(
                f"{table}: a display name of identities stands in {first_rows(sorted(found))}. "
                "Take it out of the extract and import it again."
            )


def _refuse_families(database: duckdb.DuckDBPyConnection, name: str) -> None:
    """Refuse the code families that stop an import."""
    codes = list(_distinct(database, "events", "code"))
    for families, error, remedy in (
        (REFUSED_FAMILIES, FamilyRefused, "Take these events out of the extract"),
        (MINOR_FAMILIES, MinorsFound, "Take these persons out of the extract, which is of adults"),
    ):
        told = {code: found for code in codes if (found := family_among(code, families))}
        if told:
            rows = _found(database, "events", "code", told)
            family = _first_family(database, rows, told)
            raise error(
                f"{name}: events of the family {family!r} stand in "
                f"{first_rows((row, 'code') for (row,) in rows)}. {remedy}, or rename a code that "
                "tells nothing of the kind, and import it again."
            )


def _minimise(database: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Take out and count the code families that an import may hold and the store may not."""
    codes = list(_distinct(database, "events", "code"))
    minimised = {code: found for code in codes if (found := family_among(code, MINIMISED_FAMILIES))}
    counted: dict[str, int] = {}
    for code, found in minimised.items():
        query = "DELETE FROM events WHERE code = $code"
        (rows,) = database.execute(query, {"code": code}).fetchall()[0]
        counted[found] = counted.get(found, 0) + int(rows)
    return counted


def _overdue(
    database: duckdb.DuckDBPyConnection, stays: pd.DataFrame, kept_from: date
) -> frozenset[str]:
    """Return who has neither entered, left nor been in contact since a day."""
    query = "SELECT DISTINCT person_id FROM events WHERE occurred_at >= $day AND code <> ''"
    since = {person for (person,) in database.execute(query, {"day": kept_from}).fetchall()}
    day = pd.Timestamp(kept_from)
    present = stays[(stays["entered_on"] >= day) | (stays["left_on"] >= day)]
    return frozenset(stays["person_id"]) - frozenset(present["person_id"]) - since


def _leave_out(database: duckdb.DuckDBPyConnection, persons: Collection[str]) -> int:
    """Take the events of some persons out, and count them."""
    if not persons:
        return 0
    query = "DELETE FROM events WHERE person_id IN (SELECT unnest($persons))"
    (rows,) = database.execute(query, {"persons": sorted(persons)}).fetchall()[0]
    return int(rows)


def _first_family(
    database: duckdb.DuckDBPyConnection, rows: list[tuple[int]], told: Mapping[str, str]
) -> str:
    query = "SELECT code FROM events WHERE row = $row"
    return told[database.execute(query, {"row": rows[0][0]}).fetchall()[0][0]]


def _refuse_minors(
    database: duckdb.DuckDBPyConnection,
    sensitive: Loaded,
    identities: Loaded,
    events: Loaded,
    day: date,
) -> None:
    """Refuse who is called a minor, or whose age or birth is surely one's on ``day``."""
    found: list[tuple[int, str]] = []
    query = "SELECT row, attribute, value FROM sensitive WHERE value IS NOT NULL ORDER BY row"
    for row, attribute, value in database.execute(query).fetchall():
        if _is_minor(attribute or "", value, day):
            found.append((row, "value"))
    name = sensitive.name
    if not found:
        name = identities.name
        for column in identities.texts:
            if column in IDENTITIES_FILE.columns:
                continue
            values = _distinct(database, "identities", column)
            told = [value for value in values if _is_minor(column, value, day)]
            rows = _found(database, "identities", column, told) if told else []
            found += [(row, column) for (row,) in rows]
    if not found:
        name, found = events.name, _ages_in_events(database, day)
    if found:
        raise MinorsFound(
            f"{name}: somebody below eighteen on {day} stands in {first_rows(sorted(found))}. "
            "Nothing here is made for minors: take these persons out of every file and import "
            "again."
        )


def _ages_in_events(database: duckdb.DuckDBPyConnection, day: date) -> list[tuple[int, str]]:
    """Return where an event tells of a minor: ``age//16``, or ``age`` with a number."""
    codes = [
        code
        for code in _distinct(database, "events", "code")
        if tells_age(code) or tells_birth(code)
    ]
    if not codes:
        return []
    split = {code: [part.strip() for part in code.rpartition("//")[::2]] for code in codes}
    told = [code for code, (said, value) in split.items() if _is_minor(said, value, day)]
    found = [(row, "code") for (row,) in _found(database, "events", "code", told)]
    query = (
        "SELECT row, code, numeric_value FROM events WHERE numeric_value IS NOT NULL "
        "AND code IN (SELECT unnest($codes)) ORDER BY row"
    )
    for row, code, number in database.execute(query, {"codes": codes}).fetchall():
        if _is_minor(code, f"{number:.10g}", day):
            found.append((row, "numeric_value"))
    return found


def _is_minor(said: str, value: str, day: date) -> bool:
    return (
        tells_minor(said, value)
        or (tells_age(said) and below_age(value))
        or (tells_birth(said) and born_too_late(value, day))
    )


# --- the day of the extract --------------------------------------------------------------


def _newest(database: duckdb.DuckDBPyConnection) -> date | None:
    """Return the day of the newest recording that can be read."""
    query = "SELECT max(coalesce(recorded_at, occurred_at))::DATE FROM events"
    (newest,) = database.execute(query).fetchall()[0]
    return newest if isinstance(newest, date) else None


def _extracted_on(folder: Path, newest: date | None) -> date:
    path = folder / "extract.toml"
    if path.is_file():
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise UnreadableFile(f"{path.name} is not valid TOML: {error}.") from error
        given = content.get("extracted_on")
        if set(content) != {"extracted_on"} or not isinstance(given, date):
            raise UnreadableFile(
                f"{path.name} holds one line, extracted_on = DATE, and nothing else: correct it."
            )
        day = given.date() if isinstance(given, datetime) else given
        if newest is not None and day > newest + BELIEVED_QUIET:
            raise UnreadableFile(
                f"{path.name} says {day}, more than ten years after the newest event "
                f"({newest}): correct the year."
            )
        return day
    if newest is None:
        raise UnreadableFile(
            "events holds no readable date, so the day of the extract is unknown: "
            "add extract.toml with extracted_on = DATE."
        )
    return newest + timedelta(days=1)


# --- single rows: kept or set aside ------------------------------------------------------

_EXPECTED = {
    "date": "a date (expected 2025-12-31)",
    "time": "a date (expected 2025-12-31)",
    "number": "a number (expected 1.5)",
}
"""What a value should have been, by the type of its column; any value is text."""


def _default_times_and_codes(database: duckdb.DuckDBPyConnection) -> None:
    """Fill in what an event may leave out; ``defaulted`` remembers where the time came from."""
    database.execute("ALTER TABLE events ADD COLUMN defaulted BOOLEAN DEFAULT false")
    database.execute(
        "UPDATE events SET recorded_at = occurred_at, defaulted = true WHERE recorded_at IS NULL"
    )
    database.execute("UPDATE events SET code = '' WHERE code IS NULL")


@dataclass
class _Intake:
    """Judges the files one after another and gathers what is set aside."""

    database: duckdb.DuckDBPyConnection
    end: pd.Timestamp

    def __post_init__(self) -> None:
        self.faults: list[pd.DataFrame] = []

    def kept(self, file: Loaded, known: frozenset[str] | None) -> pd.DataFrame:
        """Return the rows of a small file that keep its contract."""
        self.judge(file, known)
        columns = ", ".join(quoted(c) for c in self._columns(file))
        table = self.database.execute(
            f"SELECT row, {columns} FROM {file.contract.name} ORDER BY row"
        ).df()
        text = {c: "str" for c in table.columns if table[c].dtype == object}
        times = {c: "datetime64[us]" for c in table.columns if table[c].dtype.kind == "M"}
        return table.astype(text | times)

    def judge(self, file: Loaded, known: frozenset[str] | None) -> None:
        """Take the rows out of a table that cannot be used, and say why of each."""
        name, rows = file.contract.name, _count(self.database, file.contract.name)
        unreadable = self.database.execute(
            f"SELECT row, unreadable FROM {name} WHERE unreadable IS NOT NULL ORDER BY row"
            f" LIMIT {int(QUARANTINE_LIMIT * rows) + 1 + _SHOWN_ROWS}"
        ).fetchall()
        (lost,) = self.database.execute(f"SELECT count(unreadable) FROM {name}").fetchall()[0]
        self.database.execute(f"DELETE FROM {name} WHERE unreadable IS NOT NULL")
        found = [
            (row, column, f"cannot be read as {_EXPECTED[file.contract.columns[column]]}")
            for row, column in unreadable
        ]
        schema = import_schema(file.contract, persons=known, end=self.end)
        most = int(QUARANTINE_LIMIT * rows) + 1
        judgement = judge(self.database, name, schema, shown=max(most, _SHOWN_ROWS))
        found += self._reasons(file, judgement.faults)
        faulty = lost + judgement.rows
        if faulty > QUARANTINE_LIMIT * rows:
            shown = [(row, f"{column} {reason}") for row, column, reason in found]
            shown.sort(key=lambda fault: fault[0])
            raise TooManyFaults(
                f"{name}: {faulty} of {rows} rows cannot be used, more than "
                f"{QUARANTINE_LIMIT:.0%}: {first_rows(shown)}. Mend the extract and import it "
                "again."
            )
        self.database.execute(f"DELETE FROM {name} WHERE row IN (SELECT row FROM {FAULTY_ROWS})")
        table = pd.DataFrame(found, columns=["row", "column", "reason"])
        table.insert(0, "file", name)
        self.faults.append(table.astype({"row": "int64", "column": "str", "reason": "str"}))

    def _columns(self, file: Loaded) -> list[str]:
        return [*file.contract.columns, *(c for c in file.texts if c not in _own(file))]

    def _reasons(self, file: Loaded, faults: pd.DataFrame) -> list[tuple[int, str, str]]:
        """Say each fault in plain words, under the column where it was written."""
        defaulted: set[int] = set()
        if file.contract is EVENTS_FILE:
            query = "SELECT row FROM events WHERE defaulted AND row IN (SELECT unnest($rows))"
            rows = faults["row"].unique().tolist()
            defaulted = {row for (row,) in self.database.execute(query, {"rows": rows}).fetchall()}
        said: dict[tuple[int, str, str], None] = {}
        for row, column, check in faults.itertuples(index=False):
            about, reason = REASONS.get(check, (None, check))
            # Where recorded_at came from occurred_at, that is where the fault stands.
            copied = row in defaulted and column == "recorded_at"
            said[int(row), "occurred_at" if copied else about or column, reason] = None
        return list(said)


def _own(file: Loaded) -> set[str]:
    return {*file.contract.columns, *(c for c, said in file.texts.items() if c != said)}


def _check_stays(stays: pd.DataFrame) -> None:
    ordered = stays.sort_values(["person_id", "entered_on"])
    before = ordered.groupby("person_id")[["row", "left_on"]].shift()
    again = ordered["person_id"].duplicated()
    twice = ordered.duplicated(["person_id", "entered_on"])
    early = before["left_on"].isna() | (before["left_on"] > ordered["entered_on"])
    clash = again & (early | twice)
    if clash.any():
        shown = "; ".join(
            f"rows {first:.0f} and {row} (entered_on {day:%Y-%m-%d})"
            for first, row, day in zip(
                before.loc[clash, "row"].head(_SHOWN_ROWS),
                ordered.loc[clash, "row"],
                ordered.loc[clash, "entered_on"],
                strict=False,
            )
        )
        raise OverlappingStays(
            "persons: stays of one person overlap or begin on the same day, "
            f"{clash.sum()} in all: {shown}. Give the earlier stay its left_on, or take out the "
            "duplicate; a return may begin on the day a stay ends."
        )


def _check_attributes(study: Protocol, sensitive: pd.DataFrame) -> None:
    absent = [a for a in study.audit.attributes if a not in set(sensitive["attribute"])]
    if absent:
        raise AttributeMissing(
            f"sensitive: no row holds the attribute {absent[0]!r}, which [audit] attributes of "
            "the protocol names: correct its spelling there, or add its rows."
        )


def _with_person(table: pd.DataFrame, pseudonyms: Mapping[str, str]) -> pd.DataFrame:
    return table.assign(person=table["person_id"].map(pseudonyms).astype("str")).reset_index(
        drop=True
    )


def _pseudonymous_stays(
    stays: pd.DataFrame, pseudonyms: Mapping[str, str], keys: Keyring
) -> pd.DataFrame:
    named = _with_person(stays, pseudonyms)
    households = {
        given: keys.pseudonym(given, "household")
        for given in named["household_id"].dropna().unique()
    }
    named["household"] = named["household_id"].map(households).astype("str").fillna(named["person"])
    named = named.sort_values(["person", "entered_on"], ignore_index=True)
    return STAYS.validate(named[list(STAYS.columns)])


def _write_events(
    database: duckdb.DuckDBPyConnection, pseudonyms: Mapping[str, str], key: bytes, path: Path
) -> None:
    """Write the events under pseudonyms, in the order of the file."""
    _mapping(database, "pseudonyms", pseudonyms.items())
    ids = _distinct(database, "events", "event_id")
    _mapping(database, "event_keys", ((given, keyed_hash(key, given)) for given in ids))
    columns = ", ".join(EVENTS.columns)
    database.execute(
        f"COPY (SELECT {columns} FROM (SELECT row, pseudonyms.keyed AS person, occurred_at, "
        "recorded_at, code, numeric_value, event_keys.keyed AS event_id FROM events "
        "JOIN pseudonyms ON events.person_id = pseudonyms.given "
        f"LEFT JOIN event_keys ON events.event_id = event_keys.given) ORDER BY row) "
        f"TO '{str(path).replace(chr(39), chr(39) * 2)}' {_PARQUET}"
    )


def _mapping(
    database: duckdb.DuckDBPyConnection, name: str, pairs: Iterable[tuple[str, str]]
) -> None:
    """Make a table of what was given and its keyed hash, a batch at a time."""
    database.execute(f"CREATE TABLE {name} (given VARCHAR, keyed VARCHAR)")
    remaining = iter(pairs)
    while batch := list(islice(remaining, _BATCH)):
        given, keyed = zip(*batch, strict=True)
        database.register("batch", pa.table({"given": list(given), "keyed": list(keyed)}))
        database.execute(f"INSERT INTO {name} FROM batch")
        database.unregister("batch")
