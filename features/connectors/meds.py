"""From a Medical Event Data Standard folder to a canonical import folder.

The canonical events are a superset of MEDS; what MEDS lacks is made up in the plainest
way: a subject enters at the first dated event, leaves at ``MEDS_DEATH``, and belongs to the
one team ``meds``. A dated birth is an event like any other. Blanks and other signs that no
code of ours holds become ``_``, so that ``LAB//51006//mg/dL`` is ``LAB//51006//mg_dL``. A MEDS
folder brings no study protocol: the import is given one.

References
----------
Medical Event Data Standard, version 0.4: ``data/**/*.parquet`` with ``subject_id``,
``time``, ``code`` and ``numeric_value``.
"""

# ruff: noqa: S608 - names come from here, values are passed beside the query or quoted

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from features.codes import SIGNS
from features.data_engine import opened
from features.errors import RebondError

TEAM = "meds"
DEATH = "MEDS_DEATH"

_REQUIRED = ("subject_id", "time", "code")
_READ = (*_REQUIRED, "numeric_value")

_PERSONS = """
SELECT subject_id::VARCHAR AS person_id, min(time)::DATE AS entered_on,
       min(time) FILTER (code = $death)::DATE AS left_on, $team AS team,
       NULL::VARCHAR AS referent, NULL::DATE AS informed_on
FROM dated GROUP BY subject_id ORDER BY person_id
"""

_EVENTS = f"""
SELECT subject_id::VARCHAR AS person_id, time AS occurred_at,
       array_to_string(list_transform(string_split(code, '//'), lambda part:
           regexp_replace(part, '[^{SIGNS}]+', '_', 'g')), '//') AS code,
       {{value}} AS numeric_value
FROM dated ORDER BY person_id, occurred_at, code
"""


class NotAMedsFolder(RebondError):
    """The folder holds no MEDS data, or a column of the standard is missing."""


def convert(source: Path, target: Path) -> Mapping[str, int]:
    """Write an import folder from MEDS data; the protocol is given apart.

    Parameters
    ----------
    source
        Holds ``data/`` with Parquet files at any depth.
    target
        Made if it is not there; files of the same names are replaced.

    Returns
    -------
    Mapping
        How many rows without a time and how many other columns were left out.

    Raises
    ------
    NotAMedsFolder
        No data, or a required column is missing.
    """
    if not any((source / "data").rglob("*.parquet")):
        raise NotAMedsFolder(
            f"data/ in {source.name}/ holds no Parquet file: give the folder above data/."
        )
    target.mkdir(parents=True, exist_ok=True)
    with opened(target) as database:
        meds = database.read_parquet(str(source / "data" / "**" / "*.parquet"), union_by_name=True)
        columns = meds.columns
        missing = [column for column in _REQUIRED if column not in columns]
        if missing:
            raise NotAMedsFolder(
                f"the data of {source.name}/ lacks the column {missing[0]!r}; "
                f"it has {sorted(columns)}."
            )
        meds.create_view("meds")
        meds.filter("time IS NOT NULL").create_view("dated")
        value = "numeric_value" if "numeric_value" in columns else "NULL::DOUBLE"
        database.sql(_PERSONS, params={"death": DEATH, "team": TEAM}).write_csv(
            str(target / "persons.csv"), header=True
        )
        database.sql(_EVENTS.format(value=value)).write_parquet(str(target / "events.parquet"))
        (untimed,) = database.sql("SELECT count(*) FROM meds WHERE time IS NULL").fetchall()[0]
    return {"rows_without_time": untimed, "other_columns": len(set(columns) - set(_READ))}
