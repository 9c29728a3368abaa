"""The table an audit takes.

One row per person and review date: ``person``, ``as_of`` (optional), ``label`` (0, 1 or
missing where the outcome is not known), ``selected`` (on the list at capacity), ``score``,
``probability`` and ``team`` (all optional) and one column per audited attribute. A missing
attribute is a group of its own, "inconnu": nobody leaves an audit for not having answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from features.errors import RebondError

UNKNOWN = "inconnu"
COLUMNS = ("person", "as_of", "label", "selected", "score", "probability", "team")


class UnknownColumn(RebondError):
    """A column that was asked for is not in the predictions."""


class InvalidPredictions(RebondError):
    """The table breaks the contract of predictions; the message says where."""


def checked(table: pd.DataFrame, attributes: Sequence[str]) -> pd.DataFrame:
    """Check a table against the contract and name the missing attributes "inconnu".

    Parameters
    ----------
    table
        See the module; other columns are left out. Attributes may be categoricals, persons
        whole numbers.
    attributes
        Audited columns. One may be called ``team``: it then is the team as well.

    Returns
    -------
    pandas.DataFrame
        A new table with a fresh index; ``label`` is Int8 with missing values, attributes and
        teams are text.

    Raises
    ------
    UnknownColumn
        If an attribute is not in the table, or bears the name of another column.
    InvalidPredictions
        If the table has no rows or breaks the contract.
    """
    reserved = set(COLUMNS) - {"team"}
    for attribute in attributes:
        if attribute not in table.columns or attribute in reserved:
            raise UnknownColumn(
                f"Attribute {attribute!r} is not an attribute column of the predictions; "
                f"they have: {', '.join(sorted(set(map(str, table.columns)) - reserved))}."
            )
    if table.empty:
        raise InvalidPredictions("The predictions hold no rows; at least one is needed.")
    present = [name for name in COLUMNS if name in table.columns]
    kept = table[list(dict.fromkeys([*present, *attributes]))].reset_index(drop=True)
    for name in {*attributes, *({"team"} & set(present))}:
        kept[name] = named(kept[name])
    try:
        valid = _contract(kept, attributes).validate(kept, lazy=True)
    except pa.errors.SchemaErrors as faults:
        cases = faults.failure_cases[["column", "check"]].drop_duplicates()
        found = "; ".join(f"{column}: {check}" for column, check in cases.itertuples(index=False))
        raise InvalidPredictions(
            f"The predictions break their contract ({found}). Expected one "
            "row per person and review date with person, label (0, 1 or missing) and selected "
            "(true or false)."
        ) from faults
    _check_once_a_date(valid)
    return valid


def _contract(table: pd.DataFrame, attributes: Sequence[str]) -> pa.DataFrameSchema:
    """One row per person and review date, where there are dates."""
    numbered = pd.api.types.is_integer_dtype(table["person"]) if "person" in table else False
    return pa.DataFrameSchema(
        {
            "person": pa.Column() if numbered else pa.Column(str, coerce=True),
            "as_of": pa.Column("datetime64[ns]", nullable=True, required=False, coerce=True),
            "label": pa.Column("Int8", pa.Check.isin([0, 1]), nullable=True, coerce=True),
            "selected": pa.Column(bool),
            "score": pa.Column(float, nullable=True, required=False, coerce=True),
            "probability": pa.Column(
                float, pa.Check.in_range(0, 1), nullable=True, required=False, coerce=True
            ),
            "team": pa.Column(str, required=False),
            **{attribute: pa.Column(str) for attribute in attributes},
        }
    )


def _check_once_a_date(table: pd.DataFrame) -> None:
    if "as_of" not in table.columns:
        return
    dated = table.loc[table["as_of"].notna(), ["person", "as_of"]]
    twice = int(dated.duplicated().sum())
    if twice:
        raise InvalidPredictions(
            f"A person appears twice at one review date ({twice} rows too many); expected one row "
            "per person and review date: keep one of them."
        )


def per_value(column: pd.Series, read: Callable[[str], Any]) -> tuple[np.ndarray, list[Any]]:
    """Read each distinct value once, as stripped text; missing is read as the empty text.

    Returns
    -------
    tuple
        (rows,) position of each row's value in the list of what was read.
    """
    codes, found = pd.factorize(column)  # missing is -1: the last of what is read
    return codes, [*(read(str(value).strip()) for value in found), read("")]


def named(column: pd.Series) -> pd.Series:
    """Name the group of each row; those who did not answer are one, "inconnu"."""
    codes, names = per_value(column, lambda text: text or UNKNOWN)
    return pd.Series(pd.array(names, dtype="str").take(codes), index=column.index)
