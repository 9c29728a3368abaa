"""The table an audit takes, and how anybody's predictions file becomes one.

One row per person and review date: ``person``, ``as_of`` (optional), ``label`` (0, 1 or
missing where the outcome is not known), ``selected`` (on the list at capacity), ``score``,
``probability`` and ``team`` (all optional) and one column per audited attribute. A missing
attribute is a group of its own, "inconnu": nobody leaves an audit for not having answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pandera.pandas as pa

from audits.records import TieBreak
from features.errors import RebondError
from features.paths import literal

UNKNOWN = "inconnu"
COLUMNS = ("person", "as_of", "label", "selected", "score", "probability", "team")
BINARY = {"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1}


class PredictionsFileUnreadable(RebondError):
    """The predictions file is missing, or is neither CSV nor Parquet."""


class UnknownColumn(RebondError):
    """A column that was asked for is not in the predictions."""


class NotBinary(RebondError):
    """A column that must hold 0 and 1 holds something else."""


class InvalidRanking(RebondError):
    """The list cannot be drawn from the scores: k is out of range or a score is no number."""


class InvalidPredictions(RebondError):
    """The table breaks the contract of predictions; the message says where."""


@dataclass(frozen=True)
class Predictions:
    """A checked table, its attributes, and how ties were broken if it was ranked here."""

    table: pd.DataFrame
    attributes: tuple[str, ...]
    tie_break: TieBreak | None


def checked(table: pd.DataFrame, attributes: Sequence[str]) -> pd.DataFrame:
    """Check a table against the contract and name the missing attributes "inconnu".

    Parameters
    ----------
    table
        See the module; other columns are left out.
    attributes
        Audited columns.

    Returns
    -------
    pandas.DataFrame
        A new table with a fresh index; ``label`` is Int8 with missing values.

    Raises
    ------
    UnknownColumn
        If an attribute is not in the table, or bears the name of another column.
    InvalidPredictions
        If the table has no rows or breaks the contract.
    """
    for attribute in attributes:
        if attribute not in table.columns or attribute in COLUMNS:
            raise UnknownColumn(
                f"Attribute {attribute!r} is not an attribute column of the predictions; "
                f"they have: {', '.join(sorted(set(map(str, table.columns)) - set(COLUMNS)))}."
            )
    if table.empty:
        raise InvalidPredictions("The predictions hold no rows; at least one is needed.")
    present = [name for name in COLUMNS if name in table.columns]
    kept = table[[*present, *dict.fromkeys(attributes)]].reset_index(drop=True)
    for attribute in attributes:
        kept[attribute] = named(kept[attribute])
    try:
        return _contract(attributes).validate(kept, lazy=True)
    except pa.errors.SchemaErrors as faults:
        cases = faults.failure_cases[["column", "check"]].drop_duplicates()
        found = "; ".join(f"{column}: {check}" for column, check in cases.itertuples(index=False))
        raise InvalidPredictions(
            f"The predictions break their contract ({found}). Expected one "
            "row per person and review date with person, label (0, 1 or missing) and selected "
            "(true or false)."
        ) from faults


def named(values: pd.Series) -> pd.Series[str]:
    """Return the values of an attribute as text, the missing ones as "inconnu"."""
    text = values.astype("str").str.strip()
    return text.mask(values.isna() | (text == ""), UNKNOWN)


def _contract(attributes: Sequence[str]) -> pa.DataFrameSchema:
    """One row per person and review date, where there are dates."""

    def once_a_date(table: pd.DataFrame) -> bool:
        if "as_of" not in table.columns:
            return True
        dated = table.loc[table["as_of"].notna(), ["person", "as_of"]]
        return not dated.duplicated().any()

    return pa.DataFrameSchema(
        {
            "person": pa.Column(str, coerce=True),
            "as_of": pa.Column("datetime64[ns]", nullable=True, required=False, coerce=True),
            "label": pa.Column("Int8", pa.Check.isin([0, 1]), nullable=True, coerce=True),
            "selected": pa.Column(bool),
            "score": pa.Column(float, nullable=True, required=False, coerce=True),
            "probability": pa.Column(
                float, pa.Check.in_range(0, 1), nullable=True, required=False, coerce=True
            ),
            "team": pa.Column(str, required=False, coerce=True),
            **{attribute: pa.Column(str) for attribute in attributes},
        },
        checks=pa.Check(once_a_date, error="a person appears twice at one review date"),
    )


def read_predictions(
    file: Path,
    *,
    label: str,
    attributes: Sequence[str],
    selected: str | None = None,
    score: str | None = None,
    k: int | None = None,
    person: str | None = None,
    seed: int = 0,
) -> Predictions:
    """Read anybody's predictions from CSV or Parquet.

    Parameters
    ----------
    file
        ``.parquet``, else CSV with a header, separator found by itself.
    label, selected, score, person
        Names of columns. Either ``selected``, or ``score`` with ``k``: the k highest
        scores are selected. Without ``person`` every row is a person.
    attributes
        Names of the columns to audit.
    seed
        Breaks ties at the k-th place.

    Raises
    ------
    PredictionsFileUnreadable, UnknownColumn, NotBinary, InvalidRanking, InvalidPredictions
        What is wrong with the file.
    """
    if (selected is None) == (score is None) or (score is None) != (k is None):
        raise InvalidRanking(
            "The list is not defined: give either the column that says who was selected, "
            "or the score column with k, the number of places."
        )
    raw = _read(file)
    named = [label, *attributes, *(name for name in (selected, score, person) if name)]
    absent = [name for name in dict.fromkeys(named) if name not in raw.columns]
    if absent:
        raise UnknownColumn(
            f"{file.name} has no column {', '.join(map(repr, absent))}; "
            f"it has: {', '.join(map(str, raw.columns))}."
        )
    table = pd.DataFrame({"label": _binary(raw[label])})
    table["person"] = _persons(raw[person]) if person else [str(row) for row in range(len(raw))]
    tie_break = None
    if selected is not None:
        table["selected"] = _binary(raw[selected])
        if table["selected"].isna().any():
            raise NotBinary(
                f"Column {selected!r} is empty in {int(table['selected'].isna().sum())} rows; "
                "whether somebody was selected must be 0 or 1 in every row."
            )
        table["selected"] = table["selected"].astype(bool)
    elif score is not None and k is not None:
        table["score"] = _scores(raw[score])
        table["selected"], tie_break = highest(table["score"], table["person"], k, seed)
    attribute_names = tuple(dict.fromkeys(attributes))
    # The file's own columns may bear the names of ours ("label", "person"): ours are made.
    table = table.join(raw[[name for name in attribute_names if name not in table.columns]])
    return Predictions(checked(table, attribute_names), attribute_names, tie_break)


def highest(score: pd.Series, person: pd.Series, k: int, seed: int) -> tuple[pd.Series, TieBreak]:
    """Select the k highest scores; equal scores are ordered by a seeded hash.

    Returns
    -------
    tuple
        Whether each row is selected, and how many rows shared the last places.
    """
    scored = int(score.notna().sum())
    if not 0 < k <= scored:
        raise InvalidRanking(f"k is {k}; expected 1 to {scored}, the number of rows with a score.")
    key = seed.to_bytes(8, "big")
    draw = [
        blake2b(f"{who}\0{row}".encode(), key=key, digest_size=8).digest()
        for row, who in enumerate(person)
    ]
    order = pd.DataFrame({"score": score, "draw": draw}).sort_values(
        ["score", "draw"], ascending=[False, True], na_position="last"
    )
    selected = pd.Series(False, index=score.index)
    selected.loc[order.index[:k]] = True
    last_score = order["score"].iloc[k - 1]
    at_cut = score == last_score
    tied, places = int(at_cut.sum()), int((at_cut & selected).sum())
    if tied == places:
        tied = places = 0
    return selected, TieBreak(
        k=k, tied=tied, places=places, unscored=len(score) - scored, seed=seed
    )


def _read(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise PredictionsFileUnreadable(f"There is no predictions file {file}; check the path.")
    with duckdb.connect() as engine:
        try:
            if file.suffix == ".parquet":
                return engine.read_parquet(literal(file), hive_partitioning=False).df()
            return engine.read_csv(
                literal(file), hive_partitioning=False, header=True, all_varchar=True
            ).df()
        except duckdb.Error as fault:
            raise PredictionsFileUnreadable(
                f"{file.name} cannot be read: save it as UTF-8 CSV with a header, or as Parquet."
            ) from fault


def _binary(column: pd.Series) -> pd.Series:
    """Read 0/1, true/false; empty is missing."""
    text = column.astype("str").str.strip().str.lower()
    missing = column.isna() | (text == "")
    value = text.map(BINARY)
    wrong = sorted(set(column[value.isna() & ~missing].astype("str")))
    if wrong:
        raise NotBinary(
            f"Column {str(column.name)!r} holds {', '.join(map(repr, wrong[:3]))}; "
            "expected 0 or 1 (or true, false), empty where not known."
        )
    return value.mask(missing).astype("Int8")


def _scores(column: pd.Series) -> pd.Series:
    text = column.astype("str").str.strip()
    missing = column.isna() | (text == "")
    number = pd.to_numeric(text.mask(missing), errors="coerce").astype("float64")
    wrong = sorted(set(text[~np.isfinite(number) & ~missing]))
    if wrong:
        raise InvalidRanking(
            f"Column {str(column.name)!r} holds {', '.join(map(repr, wrong[:3]))}; "
            "a score must be a finite number, or empty."
        )
    return number


def _persons(column: pd.Series) -> pd.Series:
    text = column.astype("str").str.strip()
    missing = column.isna() | (text == "")
    if missing.any():
        raise InvalidPredictions(
            f"Column {str(column.name)!r} is empty in {int(missing.sum())} rows; every row needs "
            "its person, or leave --person out and each row counts as one."
        )
    return text
