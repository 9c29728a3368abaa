"""From an import folder to rows that can be trusted, or a refusal in one sentence.

:func:`read_folder` reads a canonical folder (contract, section 1), refuses faults of
structure, sets single faulty rows aside with file, row, column and reason, minimises, and
replaces every identifier by its keyed pseudonym. It writes nothing: what it returns is
stored whole by the caller, or not at all.
"""

from __future__ import annotations

import csv
import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pandera.errors
import pandera.pandas as pa

from features.codes import FORBIDDEN_FAMILIES, family
from features.errors import RebondError
from features.keys import Keyring, keyed_hash
from features.paths import literal
from features.protocol import Protocol, read_protocol
from features.tables import (
    EVENTS,
    EVENTS_FILE,
    FRAME_CHECKS,
    IDENTITIES_FILE,
    PERSONS_FILE,
    SENSITIVE_FILE,
    STAYS,
    FileContract,
    import_schema,
)

BELIEVED_QUIET = timedelta(days=3653)
"""An extract later than this after its newest event is a mistyped year."""

QUARANTINE_LIMIT = 0.01
"""Above this share of faulty rows a file is refused (contract, section 1)."""

_SHOWN_ROWS = 3
_HEADER_ROW = 1


class ImportRefused(RebondError):
    """The folder as a whole cannot be imported; the home stays as it was."""


class MissingFile(ImportRefused):
    """A required file is not in the folder."""


class AmbiguousFile(ImportRefused):
    """The folder holds one file twice, as CSV and as Parquet."""


class NoPersons(ImportRefused):
    """The file of persons has a header and nobody below it."""


class WrongColumns(ImportRefused):
    """A file lacks a column, or has one that nobody announced."""


class UnreadableFile(ImportRefused):
    """A file or a column's type cannot be read at all."""


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


@dataclass(frozen=True)
class Extract:
    """One checked, minimised, pseudonymised import, ready to be stored.

    ``stays`` and ``events`` keep the contracts of :mod:`features.tables`; ``sensitive``
    (person, attribute, value) and ``identities`` (person, person_id, then free columns) go
    to stores of their own. ``quarantine`` has file, row, column, reason, and no value.
    """

    protocol: Protocol
    protocol_text: str
    extracted_on: date
    stays: pd.DataFrame
    events: pd.DataFrame
    sensitive: pd.DataFrame
    identities: pd.DataFrame
    quarantine: pd.DataFrame
    ignored: Mapping[str, int]


def read_folder(folder: Path, keys: Keyring, protocol: Path | None = None) -> Extract:
    """Read, check, minimise and pseudonymise one canonical import folder.

    Parameters
    ----------
    folder
        Holds ``persons``, ``events`` and perhaps ``sensitive``, ``identities``,
        ``extract.toml``; CSV or Parquet.
    keys
        Where pseudonyms come from.
    protocol
        The study protocol; default ``protocol.toml`` in the folder.

    Returns
    -------
    Extract
        Nothing of it is written yet.

    Raises
    ------
    ImportRefused, InvalidProtocol
        See the classes above; one sentence naming file, column and first rows.
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
    with duckdb.connect(":memory:") as database:
        persons = _read(database, folder, PERSONS_FILE)
        events = _read(database, folder, EVENTS_FILE)
        sensitive = _read(database, folder, SENSITIVE_FILE, optional=True)
        identities = _read(database, folder, IDENTITIES_FILE, optional=True)
    if persons.empty:
        raise NoPersons("persons has a header but no rows below it: write one row per stay.")
    _refuse_names(
        identities["display_name"].dropna(),
        {"persons": persons, "events": events, "sensitive": sensitive},
    )

    extracted_on = _extracted_on(folder, events)
    end = pd.Timestamp(extracted_on) + timedelta(days=1)

    stays, faults = _set_aside(
        persons, PERSONS_FILE, import_schema(PERSONS_FILE, persons=None, end=end)
    )
    _check_stays(stays)
    known = frozenset(stays["person_id"])
    quarantine = [faults]
    kept = {}
    for file, table in (
        (EVENTS_FILE, events),
        (SENSITIVE_FILE, sensitive),
        (IDENTITIES_FILE, identities),
    ):
        schema = import_schema(file, persons=known, end=end)
        kept[file.name], faults = _set_aside(table, file, schema)
        quarantine.append(faults)
    if _find(folder, SENSITIVE_FILE):
        _check_attributes(study, kept["sensitive"])

    minimised, ignored = _minimise(kept["events"])
    pseudonyms = {identifier: keys.pseudonym(identifier) for identifier in known}
    return Extract(
        protocol=study,
        protocol_text=protocol_file.read_text(encoding="utf-8"),
        extracted_on=extracted_on,
        stays=_pseudonymous_stays(stays, pseudonyms, keys),
        events=_pseudonymous_events(minimised, pseudonyms, keys),
        sensitive=_with_person(kept["sensitive"], pseudonyms)[["person", "attribute", "value"]],
        identities=_with_person(kept["identities"].drop(columns="row"), pseudonyms),
        quarantine=pd.concat(quarantine, ignore_index=True),
        ignored=ignored,
    )


def _read(
    database: duckdb.DuckDBPyConnection, folder: Path, file: FileContract, *, optional: bool = False
) -> pd.DataFrame:
    """Read one file with its columns typed; ``row`` counts as a spreadsheet does."""
    path = _find(folder, file)
    if path is None:
        if not optional:
            raise MissingFile(
                f"{file.name}.csv or {file.name}.parquet is missing in {folder.name}/: add it."
            )
        return pd.DataFrame(
            {c: pd.Series(dtype="str") for c in ("row", "unreadable", "unread", *file.columns)}
        )
    try:
        if path.suffix == ".csv":
            _check_not_empty(path, file)
            raw = database.read_csv(
                literal(path),
                hive_partitioning=False,
                header=True,
                all_varchar=True,
                delimiter=_delimiter(path),
                quotechar='"',
                # Else a header that fits no row is skipped, and a person's row takes its place.
                skiprows=0,
            )
        else:
            raw = database.read_parquet(literal(path), hive_partitioning=False)
        typed: pd.DataFrame = _typed(raw, file, path.name).df()
    except duckdb.Error as error:
        if path.suffix == ".csv":
            _refuse_first_faults(path, file)
        # The engine's own words may quote a person's row; they stay in the cause.
        raise UnreadableFile(
            f"{path.name} cannot be read: save it again as UTF-8 CSV or as Parquet."
        ) from error
    # A column of nothing but empty cells comes back without a type.
    typed = typed.astype({c: "str" for c in typed.columns if typed[c].dtype == object})
    telling = typed[typed["telling"].notna()]
    if len(telling) and not file.open_columns:
        raise IdentifierFound(
            f"{path.name}: an e-mail address, a telephone number or a social security number "
            f"stands in {_first_rows(telling['row'], telling['telling'])}. Take it out of the "
            "extract and import it again."
        )
    return typed.drop(columns="telling")


def _find(folder: Path, file: FileContract) -> Path | None:
    """Return where a file of the folder stands, None where it does not."""
    found = [
        path
        for path in (folder / f"{file.name}.csv", folder / f"{file.name}.parquet")
        if path.is_file()
    ]
    if len(found) > 1:
        raise AmbiguousFile(
            f"{folder.name}/ holds both {found[0].name} and {found[1].name}: take one of them out."
        )
    return found[0] if found else None


def _check_not_empty(path: Path, file: FileContract) -> None:
    with path.open("rb") as lines:
        if not any(line.strip() for line in lines):
            raise UnreadableFile(
                f"{path.name} is empty: it needs a header line with {_required(file)}."
            )


def _required(file: FileContract) -> str:
    return ", ".join(column for column in file.columns if column in file.required)


def _delimiter(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        header = lines.readline()
    return ";" if header.count(";") > header.count(",") else ","


def _refuse_first_faults(path: Path, file: FileContract) -> None:
    """Name the first rows at fault of a CSV file that the engine refused, without a value."""
    number = 0
    ragged: list[str] = []
    with path.open("rb") as lines:
        # Decoded line by line, so that bytes which are no UTF-8 have a row as well.
        decoded = (line.decode("utf-8-sig") for line in lines)
        rows = csv.reader(decoded, delimiter=_delimiter(path), strict=True)
        try:
            header = [column.strip() for column in next(rows)]
            number = _HEADER_ROW
            _check_required(header, file, path.name)
            for number, row in enumerate(rows, start=_HEADER_ROW + 1):
                if row and len(row) != len(header):
                    ragged.append(f"row {number} has {_values(len(row))}")
                if len(ragged) == _SHOWN_ROWS:
                    break
        except UnicodeDecodeError as error:
            raise UnreadableFile(
                f"{path.name}: row {number + 1} is not UTF-8 text: save the file again as UTF-8."
            ) from error
        except csv.Error as error:
            raise UnreadableFile(
                f"{path.name}: row {number + 1} cannot be split into values: look for a quotation "
                "mark that is left open or stands inside a value."
            ) from error
    if ragged:
        raise UnreadableFile(
            f"{path.name}: {', '.join(ragged)}, the header has {len(header)}. Put a value that "
            "holds the separator between quotation marks, and import again."
        )


def _values(n: int) -> str:
    return "1 value" if n == 1 else f"{n} values"


def _check_required(columns: Iterable[str], file: FileContract, name: str) -> None:
    missing = sorted(file.required.difference(columns))
    if missing:
        # What the first line holds instead is not shown: without a header it is a person's row.
        raise WrongColumns(
            f"{name} lacks the column {missing[0]!r}; it needs {_required(file)}. Column names "
            "are lower case; in CSV they are separated by , or ;."
        )


def _typed(raw: duckdb.DuckDBPyRelation, file: FileContract, name: str) -> duckdb.DuckDBPyRelation:
    types = {c.strip(): str(t) for c, t in zip(raw.columns, raw.types, strict=True)}
    written = {c.strip(): c.replace('"', '""') for c in raw.columns}
    _check_required(types, file, name)
    unknown = sorted(types.keys() - file.columns.keys())
    reserved = sorted(_OWN_COLUMNS.intersection(unknown))
    if reserved:
        raise WrongColumns(
            f"{name} has the column {reserved[0]!r}, a name kept for Rebond: rename it."
        )
    if unknown and not file.open_columns:
        raise WrongColumns(
            f"{name} has the unknown column {unknown[0]!r}; only {list(file.columns)} are read. "
            "Take it out: nothing is dropped in silence."
        )
    selects: list[str] = []
    unreadable, unread, telling = ["NULL"], ["NULL"], ["NULL"]
    for column, kind in (file.columns | dict.fromkeys(unknown, "text")).items():
        if types.get(column, _NO_TYPE) == _NO_TYPE:
            selects.append(f'{_EMPTY[kind]} AS "{column}"')
            continue
        if not _READABLE[kind](types[column]):
            raise UnreadableFile(f"{name}: {column} has the type {types[column]}, not a {kind}.")
        text = f"nullif(trim(CAST(\"{written[column]}\" AS VARCHAR)), '')"
        parsed = _PARSED[kind].format(text=text)
        said = "'" + column.replace("'", "''") + "'"
        lost = f"CASE WHEN {text} IS NOT NULL AND {parsed} IS NULL THEN"
        selects.append(f'{parsed} AS "{column.replace(chr(34), chr(34) * 2)}"')
        unreadable.append(f"{lost} {said} END")
        unread.append(f"{lost} {text} END")
        telling.append(f"CASE WHEN regexp_matches({text}, '{_TELLING}') THEN {said} END")
    return raw.project(
        f'row_number() OVER () + {_HEADER_ROW} AS "row", '
        f"coalesce({', '.join(unreadable)}) AS unreadable, "
        f"nullif(concat_ws(' ', {', '.join(unread)}), '') AS unread, "
        f"coalesce({', '.join(telling)}) AS telling, {', '.join(selects)}"
    )


_OWN_COLUMNS = frozenset({"row", "unreadable", "unread", "telling", "person"})
"""Columns that reading adds; a file's free columns may not take these names."""

_NO_TYPE = '"NULL"'
"""The type of a Parquet column that holds nothing at all."""

_EMAIL = r"[[:alnum:]._%+-]+@[[:alnum:]-]+[.][[:alpha:]]{2,}"
_PHONE = (
    r"(0|(\+|00)33[ .-]?(\(0\))?)[1-9]"
    r"([0-9]{8}|( [0-9]{2}){4}|([.][0-9]{2}){4}|(-[0-9]{2}){4})"
)
_NIR = (
    r"[12][ .-]?[0-9]{2}[ .-]?(0[1-9]|1[0-2])[ .-]?([0-9]{2}|2[ABab])"
    r"[ .-]?[0-9]{3}[ .-]?[0-9]{3}([ .-]?[0-9]{2})?"
)
# Numbers stand alone: not inside a longer number or word, nor behind a decimal point.
_TELLING = rf"{_EMAIL}|(^|[^.0-9A-Za-z]|[^0-9][.])({_PHONE}|{_NIR})([^0-9A-Za-z]|$)"
"""What no value may hold (S20): e-mail, French telephone number, NIR with 2A and 2B."""


def _refuse_names(names: Iterable[str], files: Mapping[str, pd.DataFrame]) -> None:
    """Refuse a display name found in any value but ``person_id``, either way round."""
    known = {words for name in names if (words := _words(name))}
    known |= {words[::-1] for words in known}
    if not known:
        return
    lengths = {len(words) for words in known}

    def told(value: str) -> bool:
        words = _words(value)
        return any(words[i : i + n] in known for n in lengths for i in range(len(words) - n + 1))

    for file, table in files.items():
        texts = [c for c in table.columns if c not in ("person_id", "unreadable", "row")]
        for column in texts:
            if not pd.api.types.is_string_dtype(table[column]):
                continue
            values = {v for v in table[column].dropna().unique() if told(v)}
            found = table[table[column].isin(values)]
            if len(found):
                where = found["unreadable"] if column == "unread" else [column] * len(found)
                raise IdentifierFound(
                    f"{file}: a display name of identities stands in "
                    f"{_first_rows(found['row'], where)}. Take it out of the extract and import "
                    "it again."
                )


def _words(text: str) -> tuple[str, ...]:
    """Split into lower-case words without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return tuple(re.findall(r"[^\W_]+", re.sub(r"[\u0300-\u036f]", "", plain)))


def _first_rows(rows: Iterable[object], columns: Iterable[object]) -> str:
    pairs = list(zip(rows, columns, strict=True))[:_SHOWN_ROWS]
    return "; ".join(f"row {row}: {column}" for row, column in pairs)


_NUMERIC = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "U",
    "HUGEINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
)

# A time with an offset is converted to Europe/Paris; a naive one already is (contract, "Time").
_MOMENT = (
    "CASE WHEN regexp_matches({text}, '\\d{{2}}:\\d{{2}}.*(Z|[+-]\\d{{2}}(:?\\d{{2}})?)$') "
    "THEN TRY_CAST({text} AS TIMESTAMPTZ) AT TIME ZONE 'Europe/Paris' "
    "ELSE TRY_CAST({text} AS TIMESTAMP) END"
)
# DuckDB also reads "infinity" and years of five digits, which no calendar has.
_TIME = f"CASE WHEN {_MOMENT} < TIMESTAMP '9000-01-01' THEN {_MOMENT} END"
_PARSED = {
    "text": "{text}",
    "time": _TIME,
    "date": f"date_trunc('day', {_TIME})::TIMESTAMP",
    "number": "CASE WHEN NOT isinf(TRY_CAST({text} AS DOUBLE)) THEN TRY_CAST({text} AS DOUBLE) END",
}
_EMPTY = {
    "text": "NULL::VARCHAR",
    "time": "NULL::TIMESTAMP",
    "date": "NULL::TIMESTAMP",
    "number": "NULL::DOUBLE",
}
_READABLE: dict[str, Callable[[str], bool]] = {
    "text": lambda t: not t.endswith("[]") and not t.startswith(("STRUCT", "MAP", "BLOB")),
    "time": lambda t: t == "VARCHAR" or t.startswith(("DATE", "TIMESTAMP")),
    "date": lambda t: t == "VARCHAR" or t.startswith(("DATE", "TIMESTAMP")),
    "number": lambda t: t == "VARCHAR" or t.startswith(_NUMERIC),
}


def _extracted_on(folder: Path, events: pd.DataFrame) -> date:
    path = folder / "extract.toml"
    newest = events["recorded_at"].fillna(events["occurred_at"]).max()
    if path.is_file():
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise UnreadableFile(f"{path.name} is not valid TOML: {error}.") from error
        given = content.get("extracted_on")
        if set(content) != {"extracted_on"} or not isinstance(given, date):
            raise UnreadableFile(
                f"{path.name} holds one line, extracted_on = DATE; it says {content}."
            )
        day = given.date() if isinstance(given, datetime) else given
        if not pd.isna(newest) and day > newest.date() + BELIEVED_QUIET:
            raise UnreadableFile(
                f"{path.name} says {day}, more than ten years after the newest event "
                f"({newest.date()}): correct the year."
            )
        return day
    if pd.isna(newest):
        raise UnreadableFile(
            "events holds no readable date, so the day of the extract is unknown: "
            "add extract.toml with extracted_on = DATE."
        )
    return date(newest.year, newest.month, newest.day) + timedelta(days=1)


def _set_aside(
    table: pd.DataFrame, file: FileContract, schema: pa.DataFrameSchema
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a file into rows that keep its contract and a quarantine that says why not."""
    defaulted = pd.Index([])
    if file is EVENTS_FILE:
        defaulted = table.index[table["recorded_at"].isna()]
        table = table.assign(
            recorded_at=table["recorded_at"].fillna(table["occurred_at"]),
            code=table["code"].fillna(""),
        )
    unreadable = table["unreadable"].notna()
    readable = table[~unreadable].drop(columns=["unreadable", "unread"])
    faults = [
        pd.DataFrame(
            {
                "row": table.loc[unreadable, "row"],
                "column": table.loc[unreadable, "unreadable"],
                "reason": [
                    f"cannot be read as {_EXPECTED[file.columns[c]]}"
                    for c in table.loc[unreadable, "unreadable"]
                ],
            }
        )
    ]
    try:
        kept = schema.validate(readable, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases.dropna(subset=["index"])
        # A check over whole rows reports every column; it is about one of them.
        whole = cases["schema_context"] == "DataFrameSchema"
        cases["column"] = cases["column"].where(~whole, cases["check"].map(FRAME_CHECKS))
        # Where recorded_at came from occurred_at, that is where the fault stands.
        copied = cases["index"].isin(defaulted) & (cases["column"] == "recorded_at")
        cases["column"] = cases["column"].mask(copied, "occurred_at")
        cases = cases.drop_duplicates(["index", "column", "check"])
        index = cases["index"].astype(int)
        faults.append(
            pd.DataFrame(
                {
                    "row": readable.loc[index, "row"].to_numpy(),
                    "column": cases["column"].to_numpy(),
                    "reason": cases["check"].replace("not_nullable", "is empty").to_numpy(),
                }
            )
        )
        kept = readable.drop(index=index.unique())
    found = pd.concat(faults, ignore_index=True)
    found.insert(0, "file", file.name)
    _check_limit(found, len(table))
    return kept, found


_EXPECTED = {
    "date": "a date (expected 2025-12-31)",
    "time": "a date (expected 2025-12-31)",
    "number": "a number (expected 1.5)",
}
"""What a value should have been, by the type of its column; any value is text."""


def _check_limit(faults: pd.DataFrame, rows: int) -> None:
    faulty = faults["row"].nunique()
    if faulty > QUARANTINE_LIMIT * rows:
        first = faults.sort_values("row", kind="stable")
        shown = _first_rows(first["row"], first["column"] + " " + first["reason"])
        raise TooManyFaults(
            f"{faults['file'].iloc[0]}: {faulty} of {rows} rows cannot be used, more than "
            f"{QUARANTINE_LIMIT:.0%}: {shown}. Mend the extract and import it again."
        )


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


def _minimise(events: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Take out the code families that nothing may use, and count them."""
    families = events["code"].map({c: family(c) for c in events["code"].unique()})
    barred = families.isin(FORBIDDEN_FAMILIES)
    return events[~barred], {str(k): int(n) for k, n in families[barred].value_counts().items()}


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


def _pseudonymous_events(
    events: pd.DataFrame, pseudonyms: Mapping[str, str], keys: Keyring
) -> pd.DataFrame:
    named = _with_person(events, pseudonyms)
    key = keys.subkey("event_id")
    given = named["event_id"].dropna().unique()
    named["event_id"] = named["event_id"].map({i: keyed_hash(key, i) for i in given}).astype("str")
    return EVENTS.validate(named[list(EVENTS.columns)])
