"""A pandera contract compiled to one query: DuckDB finds the rows at fault, pandera says why.

:func:`compile_contract` turns a ``DataFrameSchema`` into SQL that returns the row numbers
that fail it; :func:`judge` runs it and hands only those rows to pandera, which names column
and check and has to agree. What has no SQL of the same meaning is refused by
:class:`NotCompilable`, and never skipped.
"""

# ruff: noqa: S608 - names come from contracts, values are quoted or passed beside the query

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pandera.errors
import pandera.pandas as pa
from pandera.api.function_dispatch import Dispatcher

from features.errors import RebondError
from features.patterns import UntranslatablePattern, to_re2


class NotCompilable(RebondError):
    """The contract asks for something that has no SQL of exactly the same meaning."""


class StructureBroken(RebondError):
    """A table's columns or types are not those of the contract; no single row is at fault."""


class VerdictsDiffer(RebondError):
    """Query and pandera disagree about a row; neither is believed."""


FAULTY_ROWS = "faulty_rows"
"""The temporary table in which :func:`judge` leaves every row at fault."""

Key = tuple[str, ...]
"""The values that must not repeat together, as expressions of the data engine."""


@dataclass(frozen=True)
class CompiledContract:
    """One query for the row numbers that fail a contract.

    ``unique`` holds the key of each uniqueness rule: whoever fails one is confirmed only
    beside the row it repeats.
    """

    schema: pa.DataFrameSchema
    sql: str
    parameters: Mapping[str, list[object]]
    unique: tuple[Key, ...]


@dataclass(frozen=True)
class Judgement:
    """How many rows fail, and each fault as (``row``, ``column``, ``check``), in row order."""

    rows: int
    faults: pd.DataFrame


def row_check(
    keep: Callable[[pd.DataFrame], pd.Series], *, sql: str, column: str, error: str
) -> pa.Check:
    """Return a check over whole rows, said once for pandera and once for the data engine.

    Parameters
    ----------
    keep
        Which rows are good.
    sql
        The same as a condition over the columns; NULL means not good.
    column
        The column that a fault is about.
    error
        The reason given.
    """
    return pa.Check(keep, name=column, error=error, statistics={"sql": sql, "column": column})


def compile_contract(
    schema: pa.DataFrameSchema, types: Mapping[str, str], table: str, *, row: str = "row"
) -> CompiledContract:
    """Compile a contract for one table of the data engine.

    Parameters
    ----------
    schema
        The contract; its checks are pandera's own, or made by :func:`row_check`.
    types
        The engine's type of each column of the table.
    table
        Its name.
    row
        The column of row numbers, distinct and increasing; no part of the contract.

    Raises
    ------
    NotCompilable
        A part of the contract has no SQL of the same meaning.
    StructureBroken
        A required column is missing, one is too many, or a type is not the contract's.
    """
    _check_options("the table", schema, _SCHEMA_DEFAULTS)
    present = [name for name in types if name != row]
    for name, column in schema.columns.items():
        _check_options(f"column {name!r}", column, _COLUMN_DEFAULTS)
    _check_structure(schema, types, present)
    lists = _Lists()
    faulty: list[tuple[str, str]] = []
    unique: list[tuple[Key, str]] = []
    for name, column in schema.columns.items():
        if name in types:
            found = _column_faults(name, column, lists)
            faulty += [(_literal(name), fault) for fault in found]
            if column.unique:
                unique.append((_key([name], schema), column.report_duplicates))
    if schema.unique:
        unique.append((_key(schema.unique, schema), schema.report_duplicates))
    faulty += [(_WHOLE, _row_fault(check, present, schema)) for check in schema.checks]
    row, table = _quoted(row), _quoted(table)
    # One small scan per fault, not one scan with every fault in it: the engine answers most of
    # them from the least and the greatest value of each block, without reading the block.
    parts = [
        f"SELECT {row} AS row, {about} AS about FROM {table} WHERE {fault}"
        for about, fault in faulty or [(_WHOLE, "false")]
    ]
    parts += [_repeated(key, reported, table, row) for key, reported in unique]
    return CompiledContract(
        schema, " UNION ".join(parts), lists.given, tuple(key for key, _ in unique)
    )


def judge(
    database: duckdb.DuckDBPyConnection,
    table: str,
    schema: pa.DataFrameSchema,
    *,
    row: str = "row",
    shown: int | None = None,
) -> Judgement:
    """Judge one table: how many rows are at fault, and which faults the first of them have.

    The row numbers of all rows at fault, explained or not, stay in the temporary table
    :data:`FAULTY_ROWS` of ``database`` (column ``row``, a number once for each fault) until the
    next judgement.

    Parameters
    ----------
    database, table
        Where the rows are.
    schema
        The contract.
    row
        The column of row numbers.
    shown
        At most so many faulty rows are explained, from the first; None for all.

    Raises
    ------
    NotCompilable, StructureBroken
        As :func:`compile_contract`.
    VerdictsDiffer
        Query and pandera disagree.
    """
    described = database.execute(f"DESCRIBE {_quoted(table)}").fetchall()
    types = {name: kind for name, kind, *_ in described}
    contract = compile_contract(schema, types, table, row=row)
    database.execute(
        f"CREATE OR REPLACE TEMP TABLE {FAULTY_ROWS} AS {contract.sql}", dict(contract.parameters)
    )
    (rows, columns, whole) = database.execute(
        "SELECT count(DISTINCT row), list(DISTINCT about), bool_or(about IS NULL) "
        f"FROM {FAULTY_ROWS}"
    ).fetchall()[0]
    if not rows:
        return Judgement(0, _no_faults())
    # Pandera looks at the faulty columns only, unless a rule is about more than one.
    asked = schema
    if not whole:
        asked = pa.DataFrameSchema({name: schema.columns[name] for name in columns})
    handed = database.execute(_with_witnesses(contract.unique, table, row, shown)).fetchall()
    told = {number for number, faulty in handed if faulty}
    lists = _Lists()
    listed = _listed(f"the table {table!r}", [number for number, _ in handed], "BIGINT", lists)
    read = [row, *(name for name in types if name != row and (whole or name in columns))]
    frame = database.execute(
        # By row id: the engine then reads the other columns of these rows only.
        f"SELECT {', '.join(map(_quoted, read))} FROM {_quoted(table)} WHERE rowid IN (SELECT "
        f"rowid FROM {_quoted(table)} WHERE {_quoted(row)} IN ({listed})) ORDER BY {_quoted(row)}",
        lists.given,
    ).df()
    text = [name for name in read if types[name] == "VARCHAR"]
    # A column of nothing but missing values comes back without a type.
    frame = frame.astype(dict.fromkeys(text, "str")).set_index(row)
    faults = pandera_faults(asked, frame)
    explained = set(sorted(told)[:shown])
    # A witness may fail another rule too, whose own witness is not there: nothing hangs on it.
    differing = sorted((explained - set(faults["row"])) | (set(faults["row"]) - told))
    if differing:
        raise VerdictsDiffer(
            f"the query and pandera disagree about {len(differing)} rows, the first is row "
            f"{differing[0]}: neither verdict is used; report the contract."
        )
    faults = faults[faults["row"].isin(explained)]
    return Judgement(rows, faults.reset_index(drop=True))


def pandera_faults(schema: pa.DataFrameSchema, frame: pd.DataFrame) -> pd.DataFrame:
    """Return pandera's own lazy verdict as (``row``, ``column``, ``check``), by frame index.

    Raises
    ------
    StructureBroken
        Pandera finds a fault that is no single row's.
    """
    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        return _no_faults()
    if cases["index"].isna().any():
        broken = cases[cases["index"].isna()].iloc[0]
        raise StructureBroken(
            f"column {broken['column']!r} does not keep {broken['check']}: give it the type and "
            "name of the contract."
        )
    # A check over whole rows reports every cell of a row; it is about one column.
    about = {check.error: check.statistics["column"] for check in schema.checks}
    whole = (cases["schema_context"] == "DataFrameSchema") & cases["check"].isin(list(about))
    column = cases["column"].where(~whole, cases["check"].map(about))
    found = pd.DataFrame({"row": cases["index"], "column": column, "check": cases["check"]})
    found = found.astype({"row": "int64", "column": "str", "check": "str"}).drop_duplicates()
    return found.sort_values("row", kind="stable", ignore_index=True)


def _no_faults() -> pd.DataFrame:
    empty = pd.DataFrame({"row": [], "column": [], "check": []})
    return empty.astype({"row": "int64", "column": "str", "check": "str"})


# --- structure ---------------------------------------------------------------------------

_TYPES = {
    "string[pyarrow]": "VARCHAR",
    "datetime64[ns]": "TIMESTAMP",
    "float64": "DOUBLE",
    "int64": "BIGINT",
    "bool": "BOOLEAN",
}
"""The engine's type for each dtype that a contract may ask for, as pandera names them.

Pandera names every naive time by its nanosecond, and takes them all for one dtype.
"""

_SCHEMA_DEFAULTS: dict[str, object] = {
    "dtype": None,
    "coerce": False,
    "parsers": [],
    "index": None,
    "ordered": False,
    "unique_column_names": False,
    "add_missing_columns": False,
    "drop_invalid_rows": False,
    "on_missing_columns": None,
}
_COLUMN_DEFAULTS: dict[str, object] = {
    "coerce": False,
    "parsers": [],
    "regex": False,
    "default": None,
    "drop_invalid_rows": False,
}
_CHECK_DEFAULTS: dict[str, object] = {
    "element_wise": False,
    "ignore_na": True,
    "raise_warning": False,
    "n_failure_cases": None,
    "groupby": None,
}


def _check_options(what: str, asked: object, defaults: Mapping[str, object]) -> None:
    for option, default in defaults.items():
        value = getattr(asked, option)
        if value is not default and (default is None or value != default):
            raise NotCompilable(
                f"{what} asks for {option}={value!r}, which has no SQL of the "
                "same meaning: leave it out, or validate with pandera alone."
            )


def _check_structure(
    schema: pa.DataFrameSchema, types: Mapping[str, str], present: Sequence[str]
) -> None:
    if schema.strict not in {True, False}:
        raise NotCompilable(f"strict={schema.strict!r} changes the table: use True or False.")
    required = [name for name, column in schema.columns.items() if column.required]
    missing = [name for name in required if name not in types]
    extra = [name for name in present if name not in schema.columns] if schema.strict else []
    for found, fault in ((missing, "lacks the column"), (extra, "has the unknown column")):
        if found:
            raise StructureBroken(
                f"the table {fault} {found[0]!r}; the contract names {list(schema.columns)}."
            )
    for name, column in schema.columns.items():
        expected = _engine_type(name, column)
        if name in types and types[name] != expected:
            raise StructureBroken(
                f"column {name!r} has the type {types[name]}, the contract asks for {expected}."
            )


def _engine_type(name: str, column: pa.Column) -> str:
    if str(column.dtype) not in _TYPES:
        raise NotCompilable(
            f"column {name!r} asks for the dtype {column.dtype}: only {sorted(_TYPES)} have SQL."
        )
    return _TYPES[str(column.dtype)]


def _key(columns: Iterable[object], schema: pa.DataFrameSchema) -> Key:
    """Return a uniqueness rule's key, or refuse a rule of which pandera names no row.

    Pandera counts missing values as repeated, and then leaves them out of its report.
    """
    names = [name for name in columns if isinstance(name, str) and name in schema.columns]
    if names != list(columns):
        raise NotCompilable(f"unique={columns!r}: name columns of the contract, one rule at most.")
    if all(schema.columns[name].nullable for name in names):
        raise NotCompilable(
            f"unique over {names} where each may be missing: pandera names no row of that fault. "
            "Let one of them be required."
        )
    return tuple(_value(name, _engine_type(name, schema.columns[name])) for name in names)


# --- faults ------------------------------------------------------------------------------


class _Lists:
    """Long lists of values, passed to the engine beside the query."""

    def __init__(self) -> None:
        self.given: dict[str, list[object]] = {}

    def add(self, values: list[object]) -> str:
        name = f"list{len(self.given)}"
        self.given[name] = values
        return f"SELECT unnest(${name})"


def _column_faults(name: str, column: pa.Column, lists: _Lists) -> list[str]:
    """Return the conditions under which a value of one column is at fault."""
    what = f"column {name!r}"
    kind = _engine_type(name, column)
    value = _quoted(name)
    missing = [f"{value} IS NULL"] + ([f"isnan({value})"] if kind == "DOUBLE" else [])
    found = [] if column.nullable else missing
    for check in column.checks:
        for fault in _faults(what, check, value, kind, lists):
            # NaN is missing to pandas and the greatest number to the engine.
            found.append(f"{fault} AND NOT isnan({value})" if kind == "DOUBLE" else fault)
    return found


def _value(name: str, kind: str) -> str:
    """Return a column's value with one way of being missing."""
    return f"nullif({_quoted(name)}, 'NaN'::DOUBLE)" if kind == "DOUBLE" else _quoted(name)


def _faults(what: str, check: pa.Check, value: str, kind: str, lists: _Lists) -> list[str]:
    """Return the conditions that break one check; each is NULL where the value is."""
    what = f"{what}, check {check.error or check.name!r},"
    if not isinstance(check._check_fn, Dispatcher):
        raise NotCompilable(
            f"{what} is a function of Python: use one of pandera's own checks, or row_check, "
            "which says its SQL."
        )
    _check_options(what, check, _CHECK_DEFAULTS)
    name = str(check._check_fn.__name__)
    if kind not in _KINDS.get(name, frozenset()):
        raise NotCompilable(f"{what} has no SQL of the same meaning for {kind}.")
    said = check.statistics

    def given(key: str) -> str:
        return _literal(_plain(what, said[key], kind))

    if name in _BROKEN:
        operator, key = _BROKEN[name]
        return [f"{value} {operator} {given(key)}"]
    if name == "in_range":
        below = "<" if said["include_min"] else "<="
        above = ">" if said["include_max"] else ">="
        return [f"{value} {below} {given('min_value')}", f"{value} {above} {given('max_value')}"]
    if name == "isin":
        listed = _listed(what, said["allowed_values"], kind, lists)
        return [f"{value} NOT IN ({listed})" if listed else f"{value} IS NOT NULL"]
    if name == "notin":
        listed = _listed(what, said["forbidden_values"], kind, lists)
        return [f"{value} IN ({listed})"] if listed else []
    if name in {"str_startswith", "str_endswith"}:
        function = "starts_with" if name == "str_startswith" else "ends_with"
        return [f"NOT {function}({value}, {given('string')})"]
    if name == "str_length":
        # An exact length leaves the other two unread, as pandera does.
        exact = said.get("exact_value") is not None
        bounds = (("<>", "exact_value"),) if exact else (("<", "min_value"), (">", "max_value"))
        asked = [(operator, said.get(key)) for operator, key in bounds]
        return [f"length({value}) {operator} {int(n)}" for operator, n in asked if n is not None]
    try:
        pattern = to_re2(said["pattern"], anchored=name == "str_matches")
    except UntranslatablePattern as error:
        raise NotCompilable(f"{what} {error}") from error
    return [f"NOT regexp_matches({value}, {_literal(pattern)})"]


_BROKEN = {
    "equal_to": ("<>", "value"),
    "not_equal_to": ("=", "value"),
    "greater_than": ("<=", "min_value"),
    "greater_than_or_equal_to": ("<", "min_value"),
    "less_than": (">=", "max_value"),
    "less_than_or_equal_to": (">", "max_value"),
}
"""How a value breaks each comparison."""

_ANY = frozenset(_TYPES.values())
_ORDERED = _ANY - {"BOOLEAN"}
_TEXT = frozenset({"VARCHAR"})
_KINDS = {
    **dict.fromkeys(("equal_to", "not_equal_to", "isin", "notin"), _ANY),
    **dict.fromkeys(("greater_than", "greater_than_or_equal_to", "in_range"), _ORDERED),
    **dict.fromkeys(("less_than", "less_than_or_equal_to"), _ORDERED),
    **dict.fromkeys(("str_startswith", "str_endswith", "str_length"), _TEXT),
    **dict.fromkeys(("str_matches", "str_contains"), _TEXT),
}
"""Which of pandera's checks mean the same in SQL, and for which types."""


_WHOLE = "NULL::VARCHAR"
"""Stands for the column where a rule is about whole rows."""

_SHORT = 50
"""Up to so many values a list is written into the query."""


def _listed(what: str, listed: Iterable[Any], kind: str, lists: _Lists) -> str:
    """Return a list's values for ``IN``; a missing one is never asked, so it is left out."""
    values = [_plain(what, v, kind, exact=True) for v in listed if not _is_missing(v)]
    if len(values) > _SHORT:
        return lists.add(values)
    return ", ".join(_literal(value) for value in values)


def _literal(value: object) -> str:
    """Write a value into the query: a constant lets the engine skip whole blocks."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"'{value!r}'::DOUBLE"
    if isinstance(value, int):
        return f"'{value}'::BIGINT"
    if isinstance(value, datetime):
        return f"'{value.isoformat(sep=' ')}'::TIMESTAMP"
    return "'" + str(value).replace("'", "''") + "'"


def _is_missing(value: object) -> bool:
    return value is None or bool(np.isscalar(value) and pd.isna(value)) or value is pd.NaT


def _plain(what: str, value: Any, kind: str, *, exact: bool = False) -> object:
    """Return a check's value as the engine takes it, or refuse what would compare otherwise."""
    if isinstance(value, np.generic):
        value = value.item()
    if kind == "VARCHAR" and isinstance(value, str):
        return value
    if kind == "BOOLEAN" and isinstance(value, bool):
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "DOUBLE" and number and not math.isnan(value):
        return float(value)
    if kind == "BIGINT" and isinstance(value, int) and not isinstance(value, bool):
        if -(2**63) <= value < 2**63:
            return value
    elif kind == "BIGINT" and number and not exact and not math.isnan(value):
        return float(value)
    if kind == "TIMESTAMP" and isinstance(value, datetime) and value.tzinfo is None:
        if isinstance(value, pd.Timestamp):
            if value.nanosecond == 0:
                return value.to_pydatetime()
        else:
            return value
    raise NotCompilable(f"{what} compares {kind} with {value!r}: give a value of that type.")


def _row_fault(check: pa.Check, present: Sequence[str], schema: pa.DataFrameSchema) -> str:
    if "sql" not in check.statistics:
        raise NotCompilable(
            f"the check {check.error or check.name!r} over whole rows has no SQL: make it with "
            "row_check."
        )
    _check_options(f"check {check.error!r}", check, _CHECK_DEFAULTS)
    fault = f"NOT coalesce({check.statistics['sql']}, false)"
    if all(name not in schema.columns or schema.columns[name].nullable for name in present):
        # Pandera leaves a row alone that holds nothing at all.
        something = " OR ".join(f"{_quoted(name)} IS NOT NULL" for name in present)
        return f"{fault} AND ({something})"
    return fault


# --- repeated rows -----------------------------------------------------------------------

_SPARED = {"all": None, "exclude_first": "first", "exclude_last": "last"}


def _repeated(key: Key, reported: str, table: str, row: str) -> str:
    """Return a query for the rows that repeat another one's key; missing equals missing."""
    spared = _SPARED[reported]
    but = f"WHERE keyed.row <> groups.{spared}" if spared else ""
    keyed = _keyed(key, table, row)
    return (
        f"SELECT keyed.row, {_WHOLE} FROM {keyed} AS keyed JOIN ("
        f"SELECT * EXCLUDE (row), min(row) AS first, max(row) AS last FROM {keyed} "
        f"GROUP BY ALL HAVING count(*) > 1) AS groups ON {_same(key, 'groups')} {but}"
    )


def _with_witnesses(unique: Iterable[Key], table: str, row: str, shown: int | None) -> str:
    """Return a query for the faulty rows, and beside them the rows that they repeat."""
    few = f"LIMIT {shown}" if shown is not None else ""
    handed = ["SELECT row FROM told"]
    for key in unique:
        keyed = _keyed(key, _quoted(table), _quoted(row))
        handed.append(
            f"SELECT unnest([min(keyed.row), max(keyed.row)]) FROM {keyed} AS keyed JOIN (SELECT "
            f"DISTINCT * EXCLUDE (row) FROM {keyed} WHERE row IN (SELECT row FROM told)) AS found "
            f"ON {_same(key, 'found')} GROUP BY {', '.join(f'keyed.k{i}' for i in range(len(key)))}"
        )
    return (
        f"WITH told AS (SELECT DISTINCT row FROM {FAULTY_ROWS} ORDER BY row {few}), "
        f"handed AS ({' UNION '.join(handed)}) "
        f"SELECT row, row IN (SELECT row FROM {FAULTY_ROWS}) FROM handed ORDER BY row"
    )


def _keyed(key: Key, table: str, row: str) -> str:
    values = ", ".join(f"{value} AS k{i}" for i, value in enumerate(key))
    return f"(SELECT {row} AS row, {values} FROM {table})"


def _same(key: Key, other: str) -> str:
    same = (f"keyed.k{i} IS NOT DISTINCT FROM {other}.k{i}" for i in range(len(key)))
    return " AND ".join(same)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
