"""How anybody's predictions file becomes the table that an audit takes.

A file may use the column names of Aequitas: ``label_value``, ``score``, ``entity_id``. Every
row of a file is read or the file is refused; nothing is skipped for looking odd.

References
----------
Saleiro et al. (2018), "Aequitas: a bias and fairness audit toolkit", input data.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd

from audits.predictions import InvalidPredictions, UnknownColumn, checked, per_value
from audits.records import TieBreak
from features.data_engine import opened
from features.errors import RebondError
from features.paths import literal

BINARY = {"0": 0, "0.0": 0, "false": 0, "faux": 0, "1": 1, "1.0": 1, "true": 1, "vrai": 1}
"""What spreadsheets write for a truth value, in English and in French."""
MOST_VALUES = 200
"""An attribute with more values tells persons apart, not groups."""
PARIS = ZoneInfo("Europe/Paris")

AEQUITAS_LABEL, AEQUITAS_SCORE, AEQUITAS_PERSON = "label_value", "score", "entity_id"


class PredictionsFileUnreadable(RebondError):
    """The predictions file is missing, or is neither CSV nor Parquet."""


class AmbiguousColumn(RebondError):
    """One column was asked for with two meanings, or the file has it twice."""


class NotBinary(RebondError):
    """A column that must hold 0 and 1 holds something else."""


class NotADate(RebondError):
    """A review date cannot be read."""


class NotGroups(RebondError):
    """A column has too many values to be an attribute."""


class InvalidRanking(RebondError):
    """The list cannot be drawn from the scores: k is out of range or a score is no number."""


@dataclass(frozen=True)
class Predictions:
    """A checked table, its attributes, and how ties were broken if it was ranked here."""

    table: pd.DataFrame
    attributes: tuple[str, ...]
    tie_break: TieBreak | None


def read_predictions(
    file: Path,
    *,
    attributes: Sequence[str],
    label: str | None = None,
    selected: str | None = None,
    score: str | None = None,
    k: int | None = None,
    person: str | None = None,
    team: str | None = None,
    as_of: str | None = None,
    seed: int = 0,
) -> Predictions:
    """Read anybody's predictions from CSV or Parquet.

    Parameters
    ----------
    file
        ``.parquet``, else CSV with a header, separated by ``,``, ``;`` or tabs.
    attributes
        Names of the columns to audit: an audit that guesses its groups is none.
    label, selected, score, person, team, as_of
        Names of columns. Either ``selected`` says who was on the list (``score`` may stand
        beside it), or the k highest of ``score`` are. Without ``person`` every row is a person.

        Aequitas' names stand in for what is not given: ``label_value`` for the label,
        ``entity_id`` beside it for the person, and ``score`` where there is neither
        ``selected`` nor ``score``: with 0 and 1 only it says who was selected, else it ranks.
        Scores within [0, 1] are probabilities as well, unless they are 0 and 1 only.
    k
        Places on the list, where a score ranks.
    seed
        Breaks ties at the k-th place.

    Raises
    ------
    PredictionsFileUnreadable, UnknownColumn, AmbiguousColumn, NotBinary, NotADate, NotGroups
    InvalidRanking, InvalidPredictions
        What is wrong with the file.
    """
    with opened() as engine:
        source = _open(engine, file)
        if label is None:
            _check_there(file, source, [AEQUITAS_LABEL], "name the outcome with --label")
            label = AEQUITAS_LABEL
        if label == AEQUITAS_LABEL and person is None and AEQUITAS_PERSON in source.columns:
            person = AEQUITAS_PERSON
        either = None
        if selected is None and score is None and AEQUITAS_SCORE in source.columns:
            either = AEQUITAS_SCORE
        meant = {
            name: column
            for name, column in (
                ("label", label),
                ("selected", selected),
                ("score", score or either),
                ("person", person),
                ("as_of", as_of),
                ("team", team),
            )
            if column is not None
        }
        used = list(dict.fromkeys([*meant.values(), *attributes]))
        _check_there(file, source, used)
        _check_meanings(meant, attributes)
        raw = _columns(file, source, used)
    if either is not None and k is None and _is_binary(raw[either]):
        selected = either
    elif either is not None:
        score = either
        if k is None:
            _scores(raw[either])  # words in it are to be named before the missing k is
    _check_list_defined(selected, score, k)

    table = pd.DataFrame({"label": _binary(raw[label])})
    table["person"] = _persons(raw[person]) if person else np.arange(len(raw))
    if as_of is not None:
        table["as_of"] = _dates(raw[as_of])
    if team is not None:
        table["team"] = raw[team]
    if score is not None:
        table["score"] = _scores(raw[score])
        if _are_probabilities(table["score"]):
            table["probability"] = table["score"]
    tie_break = None
    if selected is not None:
        table["selected"] = _whether(raw[selected])
    elif k is not None:
        table["selected"], tie_break = highest(table["score"], table["person"], k, seed)
    if label in {selected, score, person}:
        raise AmbiguousColumn(
            f"Column {label!r} cannot be the outcome and something else: a list that is made of "
            "the outcome misses nobody; name another column."
        )
    names = tuple(dict.fromkeys(attributes))
    for name in names:
        # The file's own columns may bear the names of ours ("label", "person"): ours are made.
        if name not in table.columns:
            table[name] = raw[name]
    clean = checked(table, names)
    for name in names:
        values = clean[name].nunique()
        if values > MOST_VALUES:
            raise NotGroups(
                f"Attribute {name!r} has {values} values; expected at most {MOST_VALUES}, for an "
                "audit compares groups: put them into classes first."
            )
    return Predictions(clean, names, tie_break)


def candidates(file: Path) -> tuple[str, ...]:
    """Name the columns of a file that could be attributes: a few values, and none of Aequitas'.

    Raises
    ------
    PredictionsFileUnreadable
        See :func:`read_predictions`.
    """
    few = 20
    with opened() as engine:
        source = _open(engine, file)
        counts = ", ".join(f"count(DISTINCT {_quoted(name)})" for name in source.columns)
        values = _fetched(file, source.aggregate(counts)).iloc[0]
        return tuple(
            name
            for name, found in zip(source.columns, values, strict=True)
            if 1 < found <= few and name not in {AEQUITAS_LABEL, AEQUITAS_SCORE, AEQUITAS_PERSON}
        )


def _check_there(
    file: Path, source: duckdb.DuckDBPyRelation, names: Sequence[str], remedy: str = ""
) -> None:
    absent = [name for name in names if name not in source.columns]
    if absent:
        raise UnknownColumn(
            f"{file.name} has no column {', '.join(map(repr, absent))}"
            f"{f': {remedy}' if remedy else ''}; it has: {', '.join(source.columns)} (in CSV, the "
            "first line names the columns)."
        )


def _check_meanings(meant: dict[str, str], attributes: Sequence[str]) -> None:
    """Refuse a column with two meanings; a team may be an attribute too."""
    others = {column: name.replace("_", "-") for name, column in meant.items() if name != "team"}
    for attribute in attributes:
        if attribute in others:
            raise AmbiguousColumn(
                f"Column {attribute!r} is read as --{others[attribute]} and cannot be an attribute "
                "as well: leave it out of --attributes, or name another column."
            )
    if "team" in attributes and meant.get("team", "team") != "team":
        raise AmbiguousColumn(
            f"Column 'team' is an attribute and {meant['team']!r} the team: audit one of them."
        )


def _check_list_defined(selected: str | None, score: str | None, k: int | None) -> None:
    if selected is None and (score is None or k is None):
        ranks = "" if score is None else f": column {score!r} only ranks"
        raise InvalidRanking(
            "The list is not defined: give either the column that says who was selected "
            f"(--selected), or the score column with the number of places (--score and --k){ranks}."
        )
    if selected is not None and k is not None:
        raise InvalidRanking(
            f"The list is defined twice: column {selected!r} says who was selected, and k is {k}; "
            "give one of them."
        )


def highest(score: pd.Series, person: pd.Series, k: int, seed: int) -> tuple[pd.Series, TieBreak]:
    """Select the k highest scores; equal scores are ordered by a seeded hash.

    Returns
    -------
    tuple
        Whether each row is selected, and how many rows shared the last places.
    """
    scores = score.to_numpy(dtype="float64", na_value=np.nan)
    scored = np.flatnonzero(~np.isnan(scores))
    if not 0 < k <= len(scored):
        raise InvalidRanking(
            f"k is {k}; expected 1 to {len(scored)}, the number of rows with a score."
        )
    last = np.partition(scores[scored], -k)[-k]
    selected = scores > last
    at_cut = np.flatnonzero(scores == last)
    places = k - int(selected.sum())
    key = seed.to_bytes(8, "big")
    drawn = sorted(
        at_cut,
        key=lambda row: blake2b(
            f"{person.iloc[row]}\0{row}".encode(), key=key, digest_size=8
        ).digest(),
    )
    selected[drawn[:places]] = True
    tied = len(at_cut)
    if tied == places:
        tied = places = 0
    return pd.Series(selected, index=score.index), TieBreak(
        k=k, tied=tied, places=places, unscored=len(scores) - len(scored), seed=seed
    )


def _open(engine: duckdb.DuckDBPyConnection, file: Path) -> duckdb.DuckDBPyRelation:
    """Open a file without reading it whole."""
    if not file.is_file():
        raise PredictionsFileUnreadable(
            f"{file} is a folder; give the file with the predictions in it."
            if file.is_dir()
            else f"There is no predictions file {file}; check the path."
        )
    try:
        if file.suffix.lower() in {".parquet", ".pq"}:
            return engine.read_parquet(literal(file), hive_partitioning=False)
        delimiter = _delimiter(file)
        # Left to itself the engine skips what it takes for a preface or a remark.
        return engine.read_csv(
            literal(file),
            hive_partitioning=False,
            header=True,
            all_varchar=True,
            delimiter=delimiter,
            quotechar='"',
            escapechar='"',
            comment="",
            skiprows=0,
        )
    except duckdb.Error as fault:
        raise _unreadable(file) from fault


def _columns(file: Path, source: duckdb.DuckDBPyRelation, names: Sequence[str]) -> pd.DataFrame:
    """Read some columns, each with one plain value per row."""
    types = dict(zip(source.columns, source.types, strict=True))
    for name in names:
        if types[name].id in {"list", "array", "struct", "map", "union", "blob"}:
            raise InvalidPredictions(
                f"Column {name!r} of {file.name} holds {types[name]}; expected one number, word "
                "or date per row."
            )
    # With its offset as text: one that has a zone is told in Paris like that of a CSV.
    read = [
        f"CAST({_quoted(name)} AS VARCHAR) AS {_quoted(name)}"
        if types[name].id == "timestamp with time zone"
        else _quoted(name)
        for name in names
    ]
    return _fetched(file, source.project(", ".join(read)))


def _fetched(file: Path, relation: duckdb.DuckDBPyRelation) -> pd.DataFrame:
    try:
        return relation.df()
    except duckdb.Error as fault:
        raise _unreadable(file) from fault


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _delimiter(file: Path) -> str:
    """Return what separates the names of the first line, which has each of them once."""
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        first = lines.readline()
        if not first.strip():
            raise PredictionsFileUnreadable(
                f"{file.name} has no first line with the names of its columns; add it."
            )
        delimiter = max(",;\t", key=first.count)
        lines.seek(0)
        header = [name.strip() for name in next(csv.reader(lines, delimiter=delimiter))]
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise AmbiguousColumn(
            f"{file.name} has the column {twice[0]!r} twice; rename or remove one."
        )
    return delimiter


def _unreadable(file: Path) -> PredictionsFileUnreadable:
    """Say why a file cannot be read; where it is CSV, in which row."""
    if file.suffix.lower() in {".parquet", ".pq"}:
        return PredictionsFileUnreadable(f"{file.name} is no Parquet file; write it again.")
    where, row = "its lines cannot be told apart", 0
    with file.open("rb") as lines:
        # Decoded line by line, so that bytes which are no UTF-8 have a row as well.
        decoded = (line.decode("utf-8-sig") for line in lines)
        rows = csv.reader(decoded, delimiter=_delimiter(file), strict=True)
        try:
            width = len(next(rows))
            for row, values in enumerate(rows, start=1):
                if values and len(values) != width:
                    where = f"row {row + 1} has {len(values)} values, the header {width}"
                    break
        except UnicodeDecodeError:
            where = f"row {row + 2 if rows.line_num else 1} is not UTF-8 text"
        except csv.Error:
            where = f"a quotation mark is left open, or stands inside a value, after row {row + 1}"
    return PredictionsFileUnreadable(
        f"{file.name} cannot be read: {where}; save it as UTF-8 CSV with a header "
        "(Excel: CSV UTF-8), or as Parquet."
    )


def _is_binary(column: pd.Series) -> bool:
    _, read = per_value(column, lambda text: not text or text.lower() in BINARY)
    return all(read)


def _binary(column: pd.Series) -> pd.Series:
    """Read 0/1, true/false; empty is missing."""
    codes, texts = per_value(column, str.lower)
    wrong = sorted({text for text in texts if text and text not in BINARY})
    if wrong:
        raise NotBinary(
            f"Column {str(column.name)!r} holds {', '.join(map(repr, wrong[:3]))}; "
            "expected 0 or 1 (or true, false, vrai, faux), empty where not known."
        )
    values = np.array([BINARY.get(text, -1) for text in texts], dtype="int8")[codes]
    return pd.Series(pd.arrays.IntegerArray(values, values < 0), index=column.index)


def _whether(column: pd.Series) -> pd.Series:
    """Read 0/1 in every row."""
    read = _binary(column)
    if read.isna().any():
        raise NotBinary(
            f"Column {str(column.name)!r} is empty in {int(read.isna().sum())} rows; "
            "whether somebody was selected must be 0 or 1 in every row."
        )
    return read.astype(bool)


def _scores(column: pd.Series) -> pd.Series:
    written = column if pd.api.types.is_numeric_dtype(column) else column.astype("str").str.strip()
    missing = written.isna() | (written == "")
    text = written if pd.api.types.is_numeric_dtype(written) else _with_points(written)
    number = pd.to_numeric(text.mask(missing), errors="coerce").astype("float64")
    wrong = sorted(set(written[~np.isfinite(number) & ~missing].astype("str")))
    if wrong:
        raise InvalidRanking(
            f"Column {str(column.name)!r} holds {', '.join(map(repr, wrong[:3]))}; "
            "a score must be a finite number (like 0.53 or 0,53), or empty."
        )
    return number


def _with_points(text: pd.Series) -> pd.Series:
    """Write the decimal commas of French spreadsheets as points, where they can be no others.

    A column with points has none, and one whose every comma may stand between thousands
    ("1,234") is left for a person to make plain.
    """
    comma = text.str.contains(",", regex=False, na=False)
    point = text.str.contains(".", regex=False, na=False)
    thousands = text[comma].str.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
    if point.any() or thousands.all():
        return text
    return text.str.replace(",", ".", regex=False)


def _are_probabilities(scores: pd.Series) -> bool:
    """Say whether scores may be estimates of a share; 0 and 1 alone are decisions."""
    known = scores.dropna()
    return bool(known.between(0, 1).all() and not known.isin([0, 1]).all())


def _persons(column: pd.Series) -> pd.Series:
    if pd.api.types.is_integer_dtype(column) and not column.isna().any():
        return column
    codes, names = per_value(column, str)
    empty = int((pd.array(names, dtype="str").take(codes) == "").sum())
    if empty:
        raise InvalidPredictions(
            f"Column {str(column.name)!r} is empty in {empty} rows; every row needs "
            "its person, or leave --person out and each row counts as one."
        )
    return pd.Series(pd.array(names, dtype="str").take(codes), index=column.index)


def _dates(column: pd.Series) -> pd.Series:
    """Read review dates; one with a zone is told in Paris."""
    codes, dates = per_value(column, _date)
    wrong = sorted({date for date in dates if isinstance(date, str)})
    if wrong:
        raise NotADate(
            f"Column {str(column.name)!r} holds {', '.join(map(repr, wrong[:3]))}; "
            "expected dates like 2026-01-31."
        )
    return pd.Series(pd.array(dates, dtype="datetime64[ns]").take(codes), index=column.index)


def _date(text: str) -> datetime | str | None:
    """Read one date; what is none comes back as it was written."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if not 1900 <= moment.year < 2200:  # noqa: PLR2004 - what can be counted in nanoseconds
        return text
    return moment.astimezone(PARIS).replace(tzinfo=None) if moment.tzinfo else moment
