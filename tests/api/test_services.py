"""An extract of services: one content in three forms, faults told, nothing kept out listed."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_inclusion.schema.v1 import ModeAccueil, Public, Service, Structure, Thematique
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from api.home import Home, create_home
from api.services import (
    ExtractUnreadable,
    NothingToList,
    ServicesRefused,
    ServicesSummary,
    TooManyFaults,
    import_services,
)
from api.settings import Settings
from revue import schema
from revue.permissions import Forbidden
from revue.records import Actor, LocalService, Role
from revue.services import KEPT_OUT, THEMES, services_for
from tests.conftest import rebond

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
CLI = Actor("cli:test", None, None)
FOOD = Thematique.EQUIPEMENT_ET_ALIMENTATION__ALIMENTATION
ONLINE = Thematique.NUMERIQUE__ACCEDER_A_DES_SERVICES_EN_LIGNE
OTHER = Thematique.SANTE__ACCES_AUX_SOINS
ADDICTIONS = Thematique.SANTE__ADDICTIONS
THEMES_OF = ([FOOD], [FOOD, ONLINE], [ONLINE, OTHER], [OTHER], [FOOD, ADDICTIONS], None)

Extract = list[dict[str, Any]]


def service(number: int, **more: Any) -> dict[str, Any]:
    """One service as the schema's own model writes it to JSON."""
    given = {
        "source": "dora",
        "structure_id": f"dora--s{number % 3}",
        "id": f"dora--{number}",
        "nom": f"Atelier n° {number}",
        "description": "Un atelier ouvert à toutes et tous ;\non y vient, sans rendez-vous.",
        "date_maj": date(2026, 3, 1 + number % 28),
        "thematiques": THEMES_OF[number % len(THEMES_OF)],
        "publics": [Public.TOUS_PUBLICS],
        "modes_accueil": [ModeAccueil.EN_PRESENTIEL],
        "zone_eligibilite": ["44109", "200093201"],
        "commune": "Nantes",
        "code_postal": "01000",
        "latitude": 47.2,
        "nombre_semaines": 3,
        "telephone": "+33123456789",
        "courriel": "accueil@centre.fr",
        "contact_nom_prenom": "Camille Canari",
        "lien_source": f"https://exemple.fr/services/{number}",
        **more,
    }
    return Service(**given).model_dump(mode="json")


def structure(number: int) -> dict[str, Any]:
    given = {
        "source": "dora",
        "id": f"dora--s{number}",
        "nom": f"Centre social {number}",
        "date_maj": date(2026, 3, 1),
    }
    return Structure(**given).model_dump(mode="json")


def extract(rows: int = 12) -> Extract:
    return [service(number) for number in range(rows)]


def as_json(rows: Sequence[object], file: Path) -> Path:
    file = file.with_suffix(".json")
    # A lone surrogate has no UTF-8, only an escape.
    file.write_text(json.dumps(rows), encoding="utf-8")
    return file


def as_parquet(rows: Extract, file: Path) -> Path:
    file = file.with_suffix(".parquet")
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


def as_csv(
    rows: Extract,
    file: Path,
    delimiter: str = ",",
    write_list: Callable[[list[str]], str] = json.dumps,
) -> Path:
    file = file.with_suffix(".csv")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, columns, delimiter=delimiter)
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {
                    column: write_list(value) if isinstance(value, list) else value
                    for column, value in row.items()
                }
            )
    return file


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("services") / "home"
    return create_home(folder, folder / "keys", Settings(), lambda: NOW)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("extract") / "services"


def put(home: Home, file: Path, structures: Path | None = None) -> ServicesSummary:
    return import_services(home, file, structures, by=CLI, progress=str)


def directory(home: Home) -> tuple[LocalService, ...]:
    with home.transaction() as session:
        return services_for(session, sorted({theme.value for theme in Thematique}), 10_000)


def entries(home: Home) -> int:
    with home.transaction() as session:
        return session.scalar(select(func.count()).select_from(schema.Entry)) or 0


def test_one_content_gives_the_same_directory_in_every_form(home: Home, scratch: Path) -> None:
    rows = extract()
    forms = [
        as_json(rows, scratch),
        as_parquet(rows, scratch),
        as_csv(rows, scratch.with_name("comma")),
        as_csv(rows, scratch.with_name("semicolon"), ";"),
        as_csv(rows, scratch.with_name("python"), write_list=str),
        as_csv(rows, scratch.with_name("postgres"), write_list=lambda v: "{" + ",".join(v) + "}"),
        as_csv(rows, scratch.with_name("plain"), write_list=" | ".join),
    ]
    forms[2].write_bytes(b"\xef\xbb\xbf" + forms[2].read_bytes())
    summaries, directories = set(), set()
    for form in forms:
        summaries.add(put(home, form))
        directories.add(directory(home))
    assert summaries == {ServicesSummary(6, 2, 6, 0, (), ())}
    (listed,) = directories
    assert len(listed) == 8
    assert listed[0] == LocalService(
        id="dora--0",
        theme=FOOD.value,
        name="Atelier n° 0",
        structure="",
        commune="Nantes",
        contact="+33123456789 · accueil@centre.fr · https://exemple.fr/services/0",
        updated_on=date(2026, 3, 1),
    )


@pytest.mark.safeguard("S3")
def test_what_is_kept_out_is_never_listed_even_under_another_thematique(
    home: Home, scratch: Path
) -> None:
    rows = [service(n, thematiques=[FOOD, kept]) for n, kept in enumerate(sorted(KEPT_OUT))]
    summary = put(home, as_json([*rows, service(6)], scratch))
    assert (summary.services, summary.ignored) == (1, 3)
    assert [found.id for found in directory(home)] == ["dora--6"]


@pytest.mark.safeguard("S23")
def test_no_contact_person_and_no_description_is_kept(home: Home, scratch: Path) -> None:
    row = service(0, telephone="Camille Canari 06 12 34 56 78", description="Canari, le matin.")
    put(home, as_json([row], scratch))
    (found,) = directory(home)
    assert found.contact == "accueil@centre.fr · https://exemple.fr/services/0"
    for file in home.folder.glob("review.db*"):
        assert b"Canari" not in file.read_bytes()


@pytest.mark.parametrize(
    "joined",
    [
        {"structure_nom": "Centre social 0"},
        {"nom_structure": " Centre  social 0\n"},
        {"structure.nom": "Centre social 0"},
        {"structure": {"id": "dora--s0", "nom": "Centre social 0"}},
    ],
    ids=str,
)
def test_a_joined_extract_names_the_structure(
    home: Home, scratch: Path, joined: Mapping[str, Any]
) -> None:
    for write in (as_json, as_parquet):
        summary = put(home, write([service(0) | joined], scratch))
        assert summary.unknown_columns == ()
        assert [found.structure for found in directory(home)] == ["Centre social 0"]


def test_a_file_of_structures_names_them_too_and_is_checked_as_well(
    home: Home, scratch: Path
) -> None:
    structures = [structure(number) for number in range(3)]
    beside = as_csv(structures, scratch.with_name("structures"))
    put(home, as_json(extract(), scratch), beside)
    assert {found.structure for found in directory(home)} == {
        f"Centre social {number}" for number in range(3)
    }
    before = directory(home)
    broken = as_json([*structures, structure(3) | {"nom": ""}], scratch.with_name("structures"))
    with pytest.raises(TooManyFaults, match=r"structures\.json row 4: nom"):
        put(home, as_json(extract(), scratch), broken)
    assert directory(home) == before


def test_few_faulty_rows_are_told_and_left_out_more_refuse_the_file(
    home: Home, scratch: Path
) -> None:
    rows = extract(200)
    rows[6]["courriel"] = "personne"
    rows[12]["id"] = rows[0]["id"]
    summary = put(home, as_csv(rows, scratch))
    assert summary.faulty == 2
    assert "services.csv row 8: courriel: value is not a valid email address" in summary.faults[0]
    assert summary.faults[1] == "services.csv row 14: id: stands in row 2 already"
    before, logged = directory(home), entries(home)
    assert "dora--6" not in {found.id for found in before}
    rows[18]["thematiques"] = ["logement--inventee"]
    with pytest.raises(TooManyFaults, match=r"^3 of 200 rows .* more than 1%: .*row 20: themat"):
        put(home, as_csv(rows, scratch))
    assert (directory(home), entries(home)) == (before, logged)


def test_columns_of_a_newer_schema_are_left_out_and_named(home: Home, scratch: Path) -> None:
    rows = [row | {"score_qualite": 0.9, "nouveau\u202e": "x"} for row in extract()]
    summary = put(home, as_csv(rows, scratch))
    assert summary.unknown_columns == ("nouveau", "score_qualite")
    assert summary.services == 6


UNREADABLE = {
    "cut.json": b'[{"id": "dora--1"',
    "object.json": b"{}",
    "deep.json": b"[" * 100_000,
    "latin.csv": "source,nom\ndora,Épicerie\n".encode("latin-1"),
    "quote.csv": b'source,nom\ndora,"Atelier\n',
    "twice.csv": b"id,nom,id\n1,2,3\n",
    "empty.parquet": b"",
    "text.parquet": b"PAR1 not PAR1",
    "services.xlsx": b"PK",
}


@pytest.mark.parametrize("name", [*UNREADABLE, "missing.json"])
def test_what_cannot_be_read_is_refused_in_one_sentence(
    home: Home, tmp_path: Path, name: str
) -> None:
    if name in UNREADABLE:
        (tmp_path / name).write_bytes(UNREADABLE[name])
    before, logged = directory(home), entries(home)
    with pytest.raises(ExtractUnreadable, match=name):
        put(home, tmp_path / name)
    assert (directory(home), entries(home)) == (before, logged)


@pytest.mark.parametrize("rows", [[], [service(3)], [service(4)], [service(5)]], ids=len)
def test_a_directory_is_never_emptied_by_an_extract_of_something_else(
    home: Home, scratch: Path, rows: Extract
) -> None:
    put(home, as_json(extract(), scratch))
    before = directory(home)
    with pytest.raises(NothingToList):
        put(home, as_json(rows, scratch))
    assert directory(home) == before


def test_rows_that_are_no_rows_are_faults(home: Home, scratch: Path, tmp_path: Path) -> None:
    with pytest.raises(TooManyFaults, match="row 2: it is not one value for each column"):
        put(home, as_json([service(0), "dora--1"], scratch))
    with pytest.raises(TooManyFaults, match="row 1: source: Field required"):
        put(home, as_json([{}], scratch))
    ragged = tmp_path / "ragged.csv"
    ragged.write_text("id,nom\ndora--1,Atelier,Nantes\n", encoding="utf-8")
    with pytest.raises(TooManyFaults, match="row 2: it is not one value for each column"):
        put(home, ragged)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.STEWARD}))
def test_other_roles_do_not_import(home: Home, scratch: Path, role: Role) -> None:
    file = as_json(extract(), scratch)
    with pytest.raises(Forbidden):
        import_services(home, file, by=Actor("lea", role, "nord", 1), progress=str)


# --- any mutation ------------------------------------------------------------------------

ROWS = extract(24)
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text(st.characters(categories=["Cs", "Cc", "Cf"])),
    st.sampled_from([theme.value for theme in Thematique]),
    st.lists(st.sampled_from([theme.value for theme in Thematique])),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)


def consistent_or_refused(home: Home, file: Path) -> None:
    """Import a file, and hold what stands afterwards against what was told."""
    before, logged = directory(home), entries(home)
    try:
        summary = put(home, file)
    except ServicesRefused as refused:
        assert str(refused).encode()  # every word of it can be printed
        assert (directory(home), entries(home)) == (before, logged)
        return
    after = directory(home)
    assert entries(home) == logged + 1
    assert summary.services == len({found.id for found in after}) > 0
    assert summary.themes == len({found.theme for found in after})
    assert {found.theme for found in after} <= THEMES
    assert all(found.name and found.contact.isprintable() for found in after)
    json.dumps([summary.faults, summary.unknown_columns], ensure_ascii=False).encode()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    at=st.integers(0, len(ROWS) - 1),
    column=st.sampled_from([*ROWS[0], "structure", "structure_nom"]) | st.text(max_size=4),
    value=ANYTHING,
    copies=st.sampled_from([1, 5]),
    drop=st.booleans(),
)
@example(at=0, column="thematiques", value=[ADDICTIONS.value, FOOD.value], copies=5, drop=False)
@example(at=0, column="\ud800", value="\ud800", copies=1, drop=False)
@example(at=0, column="nom", value="\u200b\u200b\u200b", copies=5, drop=False)
def test_any_changed_value_imports_consistently_or_changes_nothing(
    home: Home, scratch: Path, at: int, column: str, value: object, copies: int, drop: bool
) -> None:
    rows = [row | {"id": f"{row['id']}-{copy}"} for copy in range(copies) for row in ROWS]
    rows[at] = {**rows[at], column: value}
    if drop:
        del rows[at][column]
    consistent_or_refused(home, as_json(rows, scratch))
    kept_out = {
        str(row.get("id")) for row in rows if KEPT_OUT.intersection(_words(row.get("thematiques")))
    }
    assert not kept_out & {found.id for found in directory(home)}


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [v for v in value if isinstance(v, str)] if isinstance(value, list | dict) else []


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    form=st.sampled_from(["json", "csv", "parquet"]),
    seed=st.integers(0, 2**32),
    changes=st.integers(1, 8),
)
def test_any_changed_bytes_import_consistently_or_change_nothing(
    home: Home, scratch: Path, form: str, seed: int, changes: int
) -> None:
    write = {"json": as_json, "csv": as_csv, "parquet": as_parquet}[form]
    file = write(extract(200), scratch)
    content, drawn = bytearray(file.read_bytes()), random.Random(seed)  # noqa: S311
    for _ in range(changes):
        content[drawn.randrange(len(content))] = drawn.randrange(256)
    file.write_bytes(content[: drawn.choice([None, None, drawn.randrange(len(content))])])
    consistent_or_refused(home, file)


# --- the command -------------------------------------------------------------------------


def test_the_command_prints_its_keys_and_a_refusal_changes_nothing(
    home: Home, tmp_path: Path
) -> None:
    file = as_csv(extract(), tmp_path / "services")
    beside = as_json([structure(n) for n in range(3)], tmp_path / "structures")
    ran = rebond("services", "import", file, "--structures", beside, home=home.folder)
    assert (ran.status, ran.out) == (
        0,
        {"services": 6, "themes": 2, "ignored": 6, "faulty": 0, "faults": [],
         "unknown_columns": []},
    )  # fmt: skip
    assert rebond("journal", "verify", home=home.folder).out["ok"] is True
    before = directory(home)
    refused = rebond("services", "import", tmp_path / "missing.csv", home=home.folder)
    assert refused.status == 1
    assert "missing.csv" in refused.out["error"]
    assert directory(home) == before
    assert rebond("services", "import", home=home.folder).status == 2
