"""The files of an import folder, typed in the data engine and never whole in Python.

Each file becomes one table: ``row`` as a spreadsheet counts, ``unreadable`` with the first
column that cannot be read, the columns of the file's contract, and for each column that is
no text ``written …``: what stood there, where it has to be looked at again.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from features.codes import MINOR_FAMILIES, REFUSED_FAMILIES, family_among
from features.errors import RebondError
from features.paths import literal
from features.tables import FileContract

_SHOWN_ROWS = 3
_HEADER_ROW = 1


class ImportRefused(RebondError):
    """The folder as a whole cannot be imported; the home stays as it was."""


class MissingFile(ImportRefused):
    """A required file is not in the folder."""


class AmbiguousFile(ImportRefused):
    """The folder holds one file twice, as CSV and as Parquet."""


class WrongColumns(ImportRefused):
    """A file lacks a column, or has one that nobody announced."""


class RefusedColumn(ImportRefused):
    """A free column announces what may not be kept of anybody (S4)."""


class UnreadableFile(ImportRefused):
    """A file or a column's type cannot be read at all."""


@dataclass(frozen=True)
class Loaded:
    """One file as a table of the data engine, which is called as its contract.

    ``name`` is the file's own, for sentences. ``texts`` holds the columns of the table in
    which words stand, each with the column of the file that it comes from.
    """

    contract: FileContract
    name: str
    given: bool
    texts: dict[str, str]


def load(
    database: duckdb.DuckDBPyConnection, folder: Path, file: FileContract, *, optional: bool = False
) -> Loaded:
    """Read one file of a folder into a table; an optional one that is not there is empty.

    Raises
    ------
    MissingFile, AmbiguousFile, UnreadableFile, WrongColumns
        One sentence naming the file, the column and the first rows; never a value.
    """
    path = find(folder, file)
    # Nothing may hang on the zone of the machine that reads.
    database.execute("SET TimeZone = 'Europe/Paris'")
    if path is None:
        if not optional:
            raise MissingFile(
                f"{file.name}.csv or {file.name}.parquet is missing in {folder.name}/: add it."
            )
        columns = ", ".join(f"{_EMPTY[kind]} AS {quoted(c)}" for c, kind in file.columns.items())
        database.execute(
            f"CREATE TABLE {file.name} AS SELECT 0::BIGINT AS row, NULL::VARCHAR AS unreadable, "
            f"{columns} WHERE false"
        )
        return Loaded(file, file.name, False, {})
    try:
        if path.suffix == ".csv":
            _check_not_empty(path, file)
            _check_header_once(path, file)
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
        typed, texts = _typed(raw, file, path.name)
        typed.create(file.name)
    except duckdb.Error as error:
        if path.suffix == ".csv":
            _refuse_first_faults(path, file)
        # The engine's own words may quote a person's row; they stay in the cause.
        raise UnreadableFile(
            f"{path.name} cannot be read: save it again as UTF-8 CSV or as Parquet."
        ) from error
    return Loaded(file, path.name, True, texts)


def find(folder: Path, file: FileContract) -> Path | None:
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


def _check_header_once(path: Path, file: FileContract) -> None:
    """Refuse a column given twice, before the engine renames the second."""
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        header = lines.readline()
    names = [column.strip(' "\r\n') for column in header.split(_delimiter(path))]
    # A first line that is no header is somebody's row, and stays unsaid.
    twice = sorted({name for name in names if names.count(name) > 1} & file.columns.keys())
    if twice:
        raise WrongColumns(f"{path.name} gives the column {twice[0]!r} twice: leave one of them.")


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


def _typed(
    raw: duckdb.DuckDBPyRelation, file: FileContract, name: str
) -> tuple[duckdb.DuckDBPyRelation, dict[str, str]]:
    types = {c.strip(): str(t) for c, t in zip(raw.columns, raw.types, strict=True)}
    written = {c.strip(): c for c in raw.columns}
    _check_required(types, file, name)
    unknown = sorted(types.keys() - file.columns.keys())
    reserved = [c for c in unknown if c in _OWN_COLUMNS or c.startswith(_WRITTEN)]
    if reserved:
        raise WrongColumns(
            f"{name} has the column {reserved[0]!r}, a name kept for Rebond: rename it."
        )
    if unknown and not file.open_columns:
        raise WrongColumns(
            f"{name} has the unknown column {unknown[0]!r}; only {list(file.columns)} are read. "
            "Take it out: nothing is dropped in silence."
        )
    for column in unknown:
        if found := family_among(column, _NEVER_KEPT):
            raise RefusedColumn(
                f"{name} has the column {column!r}, of the family {found!r} "
                f"({_NEVER_KEPT[found]}): take it out, nothing of it is kept here."
            )
    selects, unreadable = [f'row_number() OVER () + {_HEADER_ROW} AS "row"'], ["NULL"]
    texts: dict[str, str] = {}
    for column, kind in (file.columns | dict.fromkeys(unknown, "text")).items():
        if types.get(column, _NO_TYPE) == _NO_TYPE:
            selects.append(f"{_EMPTY[kind]} AS {quoted(column)}")
            continue
        if not _READABLE[kind](types[column]):
            raise UnreadableFile(f"{name}: {column} has the type {types[column]}, not a {kind}.")
        text = _text(quoted(written[column]), types[column], is_id=column in _IDS)
        parsed = _PARSED[kind].format(text=text)
        value = f"nullif({parsed}, 'NaN'::DOUBLE)" if kind == "number" else parsed
        selects.append(f"{value} AS {quoted(column)}")
        if kind == "text":
            texts[column] = column
            continue
        lost = f"{text} IS NOT NULL AND {parsed} IS NULL"
        unreadable.append(f"CASE WHEN {lost} THEN '{column}' END")
        # A number may be a telephone number; a date that can be read is a date.
        again = f"{lost} OR length({text}) >= {_LONG_NUMBER}" if kind == "number" else lost
        selects.append(f"CASE WHEN {again} THEN {text} END AS {quoted(_WRITTEN + column)}")
        texts[_WRITTEN + column] = column
    selects.append(f"coalesce({', '.join(unreadable)})::VARCHAR AS unreadable")
    return raw.project(", ".join(selects)), texts


def _text(cell: str, kind: str, *, is_id: bool) -> str:
    """Return a cell as text, empty ones as NULL; an id in the one form it is known by.

    A spreadsheet that makes 12.0 of 12, or an export that splits an accent from its letter,
    names nobody new: who objected would come back under it (S15).
    """
    if kind.startswith(_FRACTIONS):
        whole = f"{cell} = trunc({cell}) AND abs({cell}) < 1e15"
        cell = f"CASE WHEN {whole} THEN CAST({cell} AS BIGINT)::VARCHAR ELSE {cell}::VARCHAR END"
    text = f"CAST({cell} AS VARCHAR)"
    if is_id:
        clean = f"regexp_replace(nfc_normalize({text}), '\\p{{Cf}}', '', 'g')"
        clean = f"regexp_replace({clean}, '^[\\s\\p{{Z}}]+|[\\s\\p{{Z}}]+$', '', 'g')"
        # Nearly all are plain letters and digits, and quickly told.
        text = f"CASE WHEN regexp_matches({text}, '^[!-~]+$') THEN {text} ELSE {clean} END"
    return f"nullif(trim({text}), '')"


_NEVER_KEPT = {**REFUSED_FAMILIES, **MINOR_FAMILIES}
"""What the name of a column may not tell of either; a language is how somebody is spoken to."""

_IDS = frozenset({"person_id", "household_id", "event_id"})
"""Columns that say which one is meant: as in :func:`features.keys.canonical`, to the letter."""

_FRACTIONS = ("FLOAT", "DOUBLE", "DECIMAL")

_WRITTEN = "written "
_LONG_NUMBER = 10
"""Nothing that tells who somebody is has fewer digits."""

_OWN_COLUMNS = frozenset({"row", "unreadable", "person"})
"""Columns that reading adds; a file's free columns may not take these names."""

_NO_TYPE = '"NULL"'
"""The type of a Parquet column that holds nothing at all."""

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

# A naive time already is Europe/Paris; whatever says more than one is converted (contract,
# "Time"). The engine would drop a zone's name, so what is naive has to look like it whole.
_NAIVE = (
    "^\\d{{4}}[-/]\\d{{1,2}}[-/]\\d{{1,2}}([ T]\\d{{1,2}}:\\d{{2}}(:\\d{{2}}(\\.\\d{{1,9}})?)?)?$"
)
# The engine takes no blank before an offset, and no small z.
_AWARE = (
    "regexp_replace(regexp_replace({text}, '([0-9])\\s*[Zz]$', '\\1Z'), "
    "'\\s+([+-][0-9:]+)$', '\\1')"
)
_MOMENT = (
    f"CASE WHEN regexp_matches({{text}}, '{_NAIVE}') THEN TRY_CAST({{text}} AS TIMESTAMP) "
    "WHEN lower({text}) <> 'epoch' "
    f"THEN TRY_CAST({_AWARE} AS TIMESTAMPTZ) AT TIME ZONE 'Europe/Paris' END"
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


def first_rows(rows: Iterable[tuple[int, str]]) -> str:
    """Name the first few of (row, what) for a sentence."""
    return "; ".join(f"row {row}: {what}" for row, what in list(rows)[:_SHOWN_ROWS])


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
