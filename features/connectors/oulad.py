"""From the Open University Learning Analytics Dataset to a canonical import folder.

OULAD counts days from the start of a presentation; this connector gives them dates, makes
one stay of each registration, and keeps out what could not have been known at the time:
marks carry no date, and ``final_result`` is an outcome. What it leaves out is counted.
Rows that are faults of the source (no registration date, a withdrawal without a date) are
written as they are, so that the intake sets them aside like anybody else's faults.

References
----------
Kuzilek, Hlosta, Zdrahal (2017), Open University Learning Analytics dataset, Scientific
Data 4, 170171. CC BY 4.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib import resources
from pathlib import Path

from features.data_engine import opened
from features.errors import RebondError

EXTRACTED_ON = date(2014, 2, 11)
"""Where the clicks of BBB-2013J end; later outcomes would meet histories without clicks."""

UNDATED = "inconnue"
"""Written as ``left_on`` of a withdrawal without a date; no date, so it is set aside."""

_TABLES = (
    "assessments",
    "courses",
    "studentAssessment",
    "studentInfo",
    "studentRegistration",
    "studentVle",
    "vle",
)

# Day 0 of the presentations: B begins in February, J in October.
_STAYS = """
CREATE TABLE stays AS
SELECT
    concat_ws('-', code_module, code_presentation, id_student) AS person_id,
    concat_ws('-', code_module, code_presentation) AS team,
    code_module, code_presentation, id_student,
    make_date(left(code_presentation, 4)::INT,
              CASE right(code_presentation, 1) WHEN 'B' THEN 2 ELSE 10 END, 1) AS day_0,
    date_registration, date_unregistration,
    CASE WHEN date_registration IS NOT NULL
         THEN day_0 + greatest(date_registration, 0) END AS entered_on,
    day_0 + coalesce(date_unregistration, module_presentation_length) AS left_on,
    date_unregistration IS NULL AND final_result = 'Withdrawn' AS undated,
    gender, region, imd_band, age_band, disability,
FROM studentInfo
JOIN studentRegistration USING (code_module, code_presentation, id_student)
JOIN courses USING (code_module, code_presentation)
"""

# A stay without a readable begin or end is a fault for the intake, not an empty stay.
_DROPPED = """
CREATE TABLE dropped AS
SELECT person_id, CASE
    WHEN entered_on > $extracted_on THEN 'stays_after_extract'
    ELSE 'stays_ending_before_they_begin'
END AS reason
FROM stays
WHERE entered_on > $extracted_on OR (left_on < entered_on AND NOT undated)
"""

# studentVle has 81,330 rows that equal another one. They are summed, not dropped: a student,
# site and day often has several rows with different counts (101,280 pairs), so rows are
# partial counts, and 29% equal pairs is about what two independent draws from such small
# counts give (44% of all rows are a single click). Dropping them would lose real clicks.
_EVENTS = """
CREATE TABLE all_events AS
WITH
clicks AS (
    SELECT person_id, day_0 + date::INT AS occurred_at, 'click//' || activity_type AS code,
           sum(sum_click)::DOUBLE AS numeric_value
    FROM studentVle
    JOIN vle USING (code_module, code_presentation, id_site)
    JOIN stays USING (code_module, code_presentation, id_student)
    GROUP BY ALL
),
handed_in AS (
    SELECT id_assessment, id_student, date_submitted, is_banked, code_module, code_presentation,
           assessment_type, date AS deadline
    FROM studentAssessment JOIN assessments USING (id_assessment)
),
submissions AS (
    SELECT person_id, day_0 + date_submitted AS occurred_at,
           'soumission//' || assessment_type
               || CASE WHEN date_submitted > deadline THEN '//retard' ELSE '' END AS code,
           (deadline - date_submitted)::DOUBLE AS numeric_value
    FROM handed_in JOIN stays USING (code_module, code_presentation, id_student)
    WHERE NOT is_banked
),
-- Known the day after the deadline, and only then: work handed in later does not undo it.
missed AS (
    SELECT person_id, day_0 + a.date + 1 AS occurred_at, 'echeance//manquee//TMA' AS code,
           NULL::DOUBLE AS numeric_value
    FROM stays JOIN assessments a USING (code_module, code_presentation)
    WHERE assessment_type = 'TMA'
      AND entered_on <= day_0 + a.date AND day_0 + a.date < left_on
      AND NOT EXISTS (
          FROM handed_in h
          WHERE h.id_assessment = a.id_assessment AND h.id_student = stays.id_student
            AND (h.is_banked OR h.date_submitted <= a.date)
      )
),
outcomes AS (
    SELECT person_id, left_on AS occurred_at, 'unregistration' AS code,
           NULL::DOUBLE AS numeric_value
    FROM stays WHERE date_unregistration IS NOT NULL
)
FROM clicks UNION ALL FROM submissions UNION ALL FROM missed UNION ALL FROM outcomes
"""

_KEPT_EVENTS = """
FROM all_events
WHERE occurred_at <= $extracted_on AND person_id NOT IN (SELECT person_id FROM dropped)
ORDER BY person_id, occurred_at, code
"""

# Nothing is known after the extract, so a stay that ends later is still open.
_PERSONS = """
SELECT person_id, entered_on,
       CASE WHEN undated THEN $undated
            WHEN left_on <= $extracted_on THEN left_on::VARCHAR END AS left_on,
       team, NULL::VARCHAR AS referent,
       -- The University tells its students at registration that it analyses their study data.
       least(day_0 + date_registration, entered_on) AS informed_on,
       id_student::VARCHAR AS household_id
FROM stays WHERE person_id NOT IN (SELECT person_id FROM dropped)
ORDER BY person_id
"""

_SENSITIVE = """
SELECT person_id, attribute, value
FROM (
    UNPIVOT (SELECT person_id, gender, disability::VARCHAR AS disability, imd_band, age_band,
                    region FROM stays WHERE person_id NOT IN (SELECT person_id FROM dropped))
    ON gender, disability, imd_band, age_band, region INTO NAME attribute VALUE value
)
ORDER BY person_id, attribute
"""

_IGNORED = """
SELECT reason, count(*) FROM dropped GROUP BY reason
UNION ALL
SELECT 'events_of_' || reason, count(*) FROM all_events JOIN dropped USING (person_id)
GROUP BY reason
UNION ALL
SELECT 'events_after_extract', count(*) FROM all_events
WHERE occurred_at > $extracted_on AND person_id NOT IN (SELECT person_id FROM dropped)
UNION ALL
SELECT 'banked_submissions', count(*) FROM studentAssessment WHERE is_banked
ORDER BY 1
"""


class NotAnOuladFolder(RebondError):
    """A table of the dataset is missing from the source folder."""


def convert(source: Path, target: Path) -> Mapping[str, int]:
    """Write an import folder from the Parquet files of OULAD.

    Parameters
    ----------
    source
        Holds the dataset's seven tables, one Parquet file each.
    target
        Made if it is not there; files of the same names are replaced.

    Returns
    -------
    Mapping
        How many rows were left out, by reason.

    Raises
    ------
    NotAnOuladFolder
        A table is missing.
    """
    missing = [name for name in _TABLES if not (source / f"{name}.parquet").is_file()]
    if missing:
        raise NotAnOuladFolder(
            f"{missing[0]}.parquet is missing in {source.name}/: an OULAD folder holds "
            f"{', '.join(_TABLES)} as Parquet."
        )
    target.mkdir(parents=True, exist_ok=True)
    day = {"extracted_on": EXTRACTED_ON}
    with opened(target) as database:
        for name in _TABLES:
            database.read_parquet(str(source / f"{name}.parquet")).create_view(name)
        database.execute(_STAYS)
        database.execute(_DROPPED, day)
        database.execute(_EVENTS)
        persons = database.sql(_PERSONS, params=day | {"undated": UNDATED})
        persons.write_csv(str(target / "persons.csv"), header=True)
        database.sql(_KEPT_EVENTS, params=day).write_parquet(str(target / "events.parquet"))
        database.sql(_SENSITIVE).write_csv(str(target / "sensitive.csv"), header=True)
        ignored = dict(database.sql(_IGNORED, params=day).fetchall())
    protocol = resources.files("features") / "connectors" / "oulad.toml"
    (target / "protocol.toml").write_bytes(protocol.read_bytes())
    (target / "extract.toml").write_text(
        f"extracted_on = {EXTRACTED_ON.isoformat()}\n", encoding="utf-8"
    )
    return ignored
