"""The compiled contract and pandera give one verdict, or the contract is refused by name."""

from __future__ import annotations

import doctest
import math
import re
import warnings
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import patterns
from features.contract import (
    NotCompilable,
    StructureBroken,
    compile_contract,
    judge,
    pandera_faults,
    row_check,
)
from features.patterns import UntranslatablePattern, to_re2

TEXTS = [
    "",
    " ",
    "a",
    "ab",
    "ab\n",
    "é",
    "e\u0301",
    "Ａ",
    "ß",
    "😀",
    "a'b",
    '"',
    "NaN",
    "b//a",
    "\t",
]
NUMBERS = [0.0, -0.0, 1.0, -1.5, 1e300, math.inf, -math.inf, 2.0**53, 1e-320, math.nan]
WHOLE = [0, 1, -1, 7, 2**53 + 1, -(2**63), 2**63 - 1]
MOMENTS = [
    pd.Timestamp(t)
    for t in ("1899-12-31", "1900-01-01", "2024-02-29 23:59:59.999999", "2262-01-01", "1970-01-01")
]
PATTERNS = [
    "",
    "a",
    "^a$",
    "[^a]*$",
    "(?:ab|é).?",
    "a|b",
    "a{1,2}\\Z",
    re.compile(r"\w+", re.ASCII),
    ".+",
    "[a-z/]+",
]

KINDS: dict[str, tuple[str | type, list[Any]]] = {
    "text": (str, TEXTS),
    "number": (float, NUMBERS),
    "whole": (int, WHOLE),
    "moment": ("datetime64[us]", MOMENTS),
    "flag": (bool, [True, False]),
}
DTYPES = {
    "text": "str",
    "number": "float64",
    "whole": "int64",
    "moment": "datetime64[us]",
    "flag": "bool",
}


def checks_of(kind: str) -> st.SearchStrategy[pa.Check]:
    """Every check of pandera's that has SQL for a kind, on values that stand in the tables."""
    values = st.sampled_from([v for v in KINDS[kind][1] if not pd.isna(v)])
    lists = st.lists(values, max_size=4)
    long = st.sampled_from([[*KINDS[kind][1], *(KINDS[kind][1][:1] * 60)]])
    both = [pa.Check.eq, pa.Check.ne]
    ordered = [pa.Check.ge, pa.Check.gt, pa.Check.le, pa.Check.lt]
    one: list[Callable[..., pa.Check]] = both if kind == "flag" else both + ordered
    found: st.SearchStrategy[pa.Check] = st.one_of(
        st.builds(lambda make, v: make(v), st.sampled_from(one), values),
        st.builds(pa.Check.isin, lists | long),
        st.builds(pa.Check.notin, lists),
    )
    if kind in {"number", "whole", "moment"}:
        found |= st.builds(
            lambda a, b, low, high: pa.Check.in_range(min(a, b), max(a, b), low, high),
            values,
            values,
            st.just(True),
            st.just(True),
        )
    if kind == "text":
        found |= st.one_of(
            st.builds(pa.Check.str_startswith, st.sampled_from(TEXTS)),
            st.builds(pa.Check.str_endswith, st.sampled_from(TEXTS)),
            st.builds(pa.Check.str_matches, st.sampled_from(PATTERNS)),
            st.builds(pa.Check.str_contains, st.sampled_from(PATTERNS)),
            st.builds(
                lambda a, b: pa.Check.str_length(min(a, b), max(a, b)),
                st.integers(0, 3),
                st.integers(0, 3),
            ),
            st.builds(lambda n: pa.Check.str_length(exact_value=n), st.integers(0, 2)),
        )
    return found


REPORTED = st.sampled_from(["all", "exclude_first", "exclude_last"])
BOTH_OR_NEITHER = row_check(
    lambda t: t.iloc[:, 0].isna() == t.iloc[:, -1].isna(),
    sql="(c0 IS NULL) = (last IS NULL)",
    column="last",
    error="stands alone",
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[pa.DataFrameSchema, pd.DataFrame]:
    """A random contract and a random table with its columns."""
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4))
    names = [*(f"c{i}" for i in range(len(kinds))), "last"]
    kinds = [*kinds, "text"]
    rows = draw(st.integers(0, 12))
    columns, table = {}, {}
    for name, kind in zip(names, kinds, strict=True):
        dtype, values = KINDS[kind]
        # Whole numbers and flags have no missing value in pandas.
        possible = values if kind in {"whole", "flag"} else [*values, None, None]
        drawn = draw(st.lists(st.sampled_from(possible), min_size=rows, max_size=rows))
        table[name] = pd.Series(drawn, dtype=DTYPES[kind])
        nullable = draw(st.booleans())
        columns[name] = pa.Column(
            dtype,
            draw(st.lists(checks_of(kind), max_size=3)),
            nullable=nullable,
            unique=not nullable and draw(st.booleans()),
            report_duplicates=draw(REPORTED),
        )
    unique = draw(st.none() | st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    if unique and all(columns[name].nullable for name in unique):
        unique = None
    schema = pa.DataFrameSchema(
        columns,
        checks=draw(st.sampled_from([[], [BOTH_OR_NEITHER]])),
        unique=unique,
        report_duplicates=draw(REPORTED),
        strict=draw(st.booleans()),
    )
    return schema, pd.DataFrame(table)


def held(database: duckdb.DuckDBPyConnection, table: pd.DataFrame) -> None:
    database.register("given", table)
    database.execute("CREATE TABLE held AS SELECT row_number() OVER () - 1 AS row, * FROM given")


def as_set(faults: pd.DataFrame) -> set[tuple[int, str, str]]:
    return set(faults.itertuples(index=False, name=None))


@settings(max_examples=80, deadline=None)
@given(cases())
def test_query_and_pandera_give_one_verdict(case: tuple[pa.DataFrameSchema, pd.DataFrame]) -> None:
    schema, table = case
    expected = pandera_faults(schema, table)
    with duckdb.connect(":memory:") as database:
        held(database, table)
        found = judge(database, "held", schema)
        first = judge(database, "held", schema, shown=2)
    assert as_set(found.faults) == as_set(expected)
    assert found.rows == expected["row"].nunique()
    few = sorted(set(expected["row"]))[:2]
    assert as_set(first.faults) == {fault for fault in as_set(expected) if fault[0] in few}
    assert first.rows == found.rows


def test_not_a_number_in_the_engine_s_own_table_is_missing() -> None:
    schema = pa.DataFrameSchema(
        {
            "a": pa.Column(float, pa.Check.lt(5)),
            "b": pa.Column(float, pa.Check.ge(0), nullable=True),
        }
    )
    with duckdb.connect(":memory:") as database:
        database.execute(
            "CREATE TABLE held AS SELECT * FROM (VALUES (0, 'NaN'::DOUBLE, 'NaN'::DOUBLE), "
            "(1, 1, NULL), (2, 'inf'::DOUBLE, -1)) t(row, a, b)"
        )
        found = judge(database, "held", schema)
    assert as_set(found.faults) == {
        (0, "a", "not_nullable"),
        (2, "a", "less_than(5)"),
        (2, "b", "greater_than_or_equal_to(0)"),
    }


TYPES = {"row": "BIGINT", "a": "VARCHAR", "n": "DOUBLE", "i": "BIGINT", "t": "TIMESTAMP"}


def text(*checks: pa.Check, **more: Any) -> pa.DataFrameSchema:
    return pa.DataFrameSchema({"a": pa.Column(str, list(checks), **more)})


REFUSED: dict[str, pa.DataFrameSchema] = {
    "a function": text(pa.Check(lambda s: s == "x")),
    "a function named as a check": text(pa.Check(lambda s: s == "x", name="isin")),
    "missing values asked": text(pa.Check.eq("x", ignore_na=False)),
    "element by element": text(pa.Check(lambda v: v == "x", element_wise=True)),
    "a warning": text(pa.Check.eq("x", raise_warning=True)),
    "the first few": text(pa.Check.eq("x", n_failure_cases=1)),
    "a value of another type": text(pa.Check.eq(1)),
    "values of another type": text(pa.Check.isin(["x", 1])),
    "values of the whole column": text(pa.Check.unique_values_eq(["x"])),
    "look-ahead": text(pa.Check.str_matches("(?=a)b")),
    "all digits of Unicode": text(pa.Check.str_contains(r"\d")),
    "any case": text(pa.Check.str_matches("(?i)a")),
    "coerced": text(coerce=True),
    "by pattern": pa.DataFrameSchema({"a.*": pa.Column(str, regex=True)}),
    "repeated where missing": text(unique=True, nullable=True),
    "no dtype": pa.DataFrameSchema({"a": pa.Column()}),
    "another dtype": pa.DataFrameSchema({"n": pa.Column("float32")}),
    "not a number": pa.DataFrameSchema({"n": pa.Column(float, pa.Check.lt(math.nan))}),
    "too large a number": pa.DataFrameSchema({"i": pa.Column(int, pa.Check.lt(2**63))}),
    "a fraction in a list": pa.DataFrameSchema({"i": pa.Column(int, pa.Check.isin([1.5]))}),
    "an aware time": pa.DataFrameSchema(
        {"t": pa.Column("datetime64[us]", pa.Check.lt(pd.Timestamp("2024-01-01", tz="UTC")))}
    ),
    "a nanosecond": pa.DataFrameSchema(
        {"t": pa.Column("datetime64[us]", pa.Check.lt(pd.Timestamp(1)))}
    ),
    "rows without SQL": pa.DataFrameSchema({"a": pa.Column(str)}, pa.Check(lambda t: t["a"] == "")),
    "filtered": pa.DataFrameSchema({"a": pa.Column(str)}, strict="filter"),
    "ordered": pa.DataFrameSchema({"a": pa.Column(str)}, ordered=True),
    "an index": pa.DataFrameSchema({"a": pa.Column(str)}, index=pa.Index(int)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_sql_is_refused_and_never_skipped(name: str) -> None:
    with pytest.raises(NotCompilable, match=r"[.]$"):
        compile_contract(REFUSED[name], TYPES, "held")


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (pa.DataFrameSchema({"z": pa.Column(str)}), "'z'"),
        (pa.DataFrameSchema({"a": pa.Column(str)}, strict=True), "unknown column 'n'"),
        (pa.DataFrameSchema({"n": pa.Column(str)}), "DOUBLE"),
    ],
)
def test_a_table_of_another_structure_is_no_row_s_fault(
    schema: pa.DataFrameSchema, said: str
) -> None:
    with pytest.raises(StructureBroken, match=said):
        compile_contract(schema, TYPES, "held")


def test_a_column_that_may_be_absent_is_left_out() -> None:
    schema = pa.DataFrameSchema({"z": pa.Column(str, pa.Check.eq("x"), required=False)})
    assert "z" not in compile_contract(schema, TYPES, "held").sql


@settings(max_examples=150, deadline=None)
@given(
    st.from_regex(r"[ab.\[\]^$|()*+?\\Zéz-]{0,8}", fullmatch=True),
    st.lists(st.text("ab\néZ^]", max_size=5), min_size=1, max_size=5),
)
def test_a_pattern_means_the_same_to_both(pattern: str, texts: list[str]) -> None:
    for anchored, function in ((True, re.match), (False, re.search)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # a set that may change its meaning
            try:
                translated = to_re2(pattern, anchored=anchored)
            except UntranslatablePattern:
                return
            expected = [bool(function(pattern, text)) for text in texts]
        query = "SELECT regexp_matches(unnest($texts), $pattern)"
        with duckdb.connect(":memory:") as database:
            found = database.execute(query, {"texts": texts, "pattern": translated}).fetchall()
        assert [hit for (hit,) in found] == expected


def test_the_examples_in_the_docstrings_hold() -> None:
    result = doctest.testmod(patterns)
    assert result.attempted and not result.failed


def test_a_witness_that_fails_another_rule_is_left_for_later() -> None:
    """Row 3 is handed over beside row 0, without row 2, which it repeats in another column."""
    schema = pa.DataFrameSchema(
        {"a": pa.Column(str, unique=True), "b": pa.Column(str, unique=True)}
    )
    table = pd.DataFrame({"a": ["x", "x", "y", "x"], "b": ["1", "2", "3", "3"]}, dtype="str")
    with duckdb.connect(":memory:") as database:
        held(database, table)
        found = judge(database, "held", schema, shown=2)
    assert found.rows == 4 and found.faults["row"].tolist() == [0, 1]


def test_thousands_of_repeats_are_confirmed_beside_one_witness() -> None:
    """Pandera is handed the faulty rows and the first of each group, not the table."""
    n = 20_000
    table = pd.DataFrame({"k": pd.Series(np.arange(n) // 2 * 2).astype("str")})
    table.loc[10:, "k"] = [f"x{i}" for i in range(n - 10)]
    schema = pa.DataFrameSchema(
        {"k": pa.Column(str, unique=True, report_duplicates="exclude_first")}
    )
    with duckdb.connect(":memory:") as database:
        held(database, table)
        found = judge(database, "held", schema)
    assert found.faults["row"].tolist() == [1, 3, 5, 7, 9]
