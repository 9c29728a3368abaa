"""The registers are generated, leave nothing out, and claim nothing."""

from __future__ import annotations

import inspect
import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, String
from typer.main import get_command

from api import in_use as gathered
from api.assessment.answers import TEXT_ANSWERS
from api.cli import app, main
from api.in_use import InUse, NotDeclared, in_use
from api.opening import open_home
from api.registers.annex import annex_page
from api.registers.inventory import inventory
from api.registers.processing import ONLY_PEOPLE, register_of, register_page
from api.registers.recipients import IN_FRENCH, Undocumented, recipients
from api.web.access import GuardedRoute
from api.web.app import ROUTERS
from features import columns as store_words
from features.words import AVOIDED
from revue import schema
from revue.columns import KEY_FOLDER, TABLES, TableWords
from revue.database import undeclared
from revue.permissions import Permission
from tests.api import person_home
from tests.conftest import DemoHome

NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
CLAIMS = re.compile(r"\bconformes?\b|\bcompliant\b|\bconformité (?:est|au)", re.IGNORECASE)
APPLIES = re.compile(r"202[4-9]-|(?:applicable|entre en (?:vigueur|application)).{0,40}20\d\d")
LAWS = re.compile(r"gestion des risques|Règlement sur|à haut risque")


@pytest.fixture(scope="module")
def use(demo_home: DemoHome) -> InUse:
    return in_use(open_home(demo_home.folder, demo_home.folder / "keys", lambda: NOW))


@pytest.fixture(scope="module")
def register(use: InUse) -> str:
    return register_page(register_of(use), use)


@pytest.fixture(scope="module")
def annex(use: InUse) -> str:
    return annex_page(use)


def words(page: str) -> str:
    """What a page says, without its style."""
    body = page.split("<body>")[1]
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("\u00a0", " ").split())


def copied_tables() -> MetaData:
    metadata = MetaData()
    for table in schema.Base.metadata.tables.values():
        table.to_metadata(metadata)
    return metadata


@pytest.mark.safeguard
def test_s27_a_column_nobody_documented_stops_the_register() -> None:
    metadata = copied_tables()
    metadata.tables["people"].append_column(Column("religion", String))
    with pytest.raises(Undocumented, match="columns of people: religion"):
        inventory(metadata)


@pytest.mark.safeguard
def test_s27_so_does_a_whole_table() -> None:
    silent = {name: words for name, words in TABLES.items() if name != "observations"}
    with pytest.raises(Undocumented, match="tables: observations"):
        inventory(words=silent)


@pytest.mark.safeguard
def test_s27_so_does_a_column_that_is_told_of_and_is_not_there() -> None:
    told = TABLES["people"]
    more = {**TABLES, "people": TableWords(told.title, {**told.columns, "adresse": "adresse"})}
    with pytest.raises(Undocumented, match="not there: adresse"):
        inventory(words=more)
    with pytest.raises(Undocumented, match="not there: cookies"):
        inventory(words={**TABLES, "cookies": told})


@pytest.mark.safeguard
@pytest.mark.parametrize("part", ["FILES", "STORE"])
def test_s27_so_does_a_column_of_an_import_file_or_store(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = getattr(store_words, part)["events"]
    code = words["code"]
    monkeypatch.delitem(words, "code")
    with pytest.raises(Undocumented, match="columns of events: code"):
        inventory()
    monkeypatch.setitem(words, "code", code)
    inventory()


@pytest.mark.safeguard
def test_s27_so_does_what_was_put_into_the_database_itself(tmp_path: Path) -> None:
    """The dictionaries would not know of it, nor would anybody who reads the register."""
    home = person_home.build(tmp_path).home
    with home.reading() as session:
        assert undeclared(session) == ()
    told = []
    for statement, name in (
        ("ALTER TABLE people ADD COLUMN religion TEXT", "people.religion"),
        ("CREATE TABLE notes (person TEXT, said TEXT)", "notes"),
        ("CREATE TABLE journal_copy AS SELECT * FROM journal_entries", "journal_copy"),
    ):
        with closing(sqlite3.connect(home.database)) as database:
            database.execute(statement)
            database.commit()
        told.append(name)
        with pytest.raises(NotDeclared) as refused:
            in_use(person_home.Place(tmp_path).home)
        assert all(one in str(refused.value) for one in told)


@pytest.mark.safeguard
def test_s27_so_does_a_permission_without_words() -> None:
    silent = {one: said for one, said in IN_FRENCH.items() if one is not Permission.DECIDE}
    with pytest.raises(Undocumented, match="review:decision:make"):
        recipients(in_french=silent)
    assert set(IN_FRENCH) == set(Permission)


@pytest.mark.safeguard
def test_s27_every_column_of_everything_is_in_the_register(register: str, use: InUse) -> None:
    held = {(one.name, column) for one in register_of(use).holdings for column, _ in one.columns}
    for table in schema.Base.metadata.tables.values():
        assert {(table.name, column.name) for column in table.columns} <= held
    assert {("register", "standing_id"), ("data_keys", "wrapped")} <= held
    said = words(register)
    for _, column in held:
        assert column in said
    for one in use.features:
        assert one.reason.replace("'", "’") in said
    for row in use.retention:
        assert row.what.replace("'", "’") in said


@pytest.mark.safeguard
def test_s27_the_annex_has_the_nine_points_in_their_order(annex: str, use: InUse) -> None:
    points = re.findall(r'<h2><span class="place">(\d+)</span> (.*?)</h2>', annex)
    assert [number for number, _ in points] == [str(n) for n in range(1, 10)]
    for (_, title), beginning in zip(
        points,
        (
            "Description générale",
            "Éléments du système",
            "Suivi, fonctionnement",
            "Pourquoi ces mesures",
            "Système de gestion",
            "Changements au cours",
            "Normes",
            "Déclaration UE",
            "Surveillance après",
        ),
        strict=True,
    ):
        assert title.startswith(beginning)
    assert use.model is not None
    table = use.model.table
    assert table.hash in annex
    assert all(value in annex for value in table.hashes.values())
    said = words(annex)
    for feature in table.features:
        assert feature.title.replace("'", "’") in said.replace("\u202f", " ")
    for vote in use.model.row.votes:
        assert vote.by in said


@pytest.mark.safeguard
@pytest.mark.parametrize("page", ["register", "annex"])
def test_s27_what_only_people_can_do_is_named_and_nothing_is_claimed(
    page: str, request: pytest.FixtureRequest
) -> None:
    said = words(request.getfixturevalue(page))
    for article in ("26(7)", "27", "49", "4"):
        assert f"article {article})" in said or f"article {article} ;" in said
    assert said.count("À compléter par le responsable de traitement :") >= len(ONLY_PEOPLE) + 3
    assert CLAIMS.search(said) is None
    assert APPLIES.search(re.sub(r"\(UE\) \d+/\d+|\d{4}-\d\d-\d\d", "", said)) is None


@pytest.mark.parametrize("page", ["register", "annex"])
def test_the_pages_hold_nothing_from_elsewhere_and_no_avoided_word(
    page: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(page)
    assert not re.search(r"<script|https?://|url\(|<link|<img", made)
    said = LAWS.sub("", words(made))
    assert [found[0] for found in AVOIDED.finditer(said)] == []


def test_the_register_says_who_answers_once_it_is_known(use: InUse) -> None:
    register = register_of(use)
    assert register.open[:2] == ("responsable de traitement", "base légale (article 6 du RGPD)")
    assert register.controller.startswith(gathered.TO_COMPLETE)
    json.dumps(register.as_dict(), ensure_ascii=False)


def test_the_commands_write_new_files_only(
    demo_home: DemoHome, tmp_path: Path, capsys: pytest.CaptureFixture[str], use: InUse
) -> None:
    assert use.model is not None
    home = ["--home", str(demo_home.folder)]
    page, document = tmp_path / "register.html", tmp_path / "annex.html"
    for arguments in (
        ["dpia", "register", str(page)],
        ["model", "document", use.model.row.version, str(document)],
    ):
        for status in (0, 1):
            with pytest.raises(SystemExit) as left:
                main([*home, *arguments, "--json"])
            assert left.value.code == status
            assert ("error" in json.loads(capsys.readouterr().out)) == bool(status)
    assert json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["protocol"]
    with pytest.raises(SystemExit) as left:
        main([*home, "model", "document", "99", str(tmp_path / "other.html")])
    assert left.value.code == 1
    assert not (tmp_path / "other.html").exists()


@pytest.mark.safeguard
def test_s34_no_command_or_route_reads_the_absence_of_a_signal() -> None:
    """Whoever was not flagged is in no list: neither asked for nor offered."""
    absence = re.compile(
        r"unflagged|not[-_ ]?flagged|without[-_ ]?(?:a[-_ ])?signals?|no[-_ ]?signals?"
        r"|negatives?|unselected|not[-_ ]?selected|below[-_ ]?(?:the[-_ ])?cut|low[-_ ]?risk",
        re.IGNORECASE,
    )
    group = get_command(app)
    seen: list[str] = []

    def walk(command: object, path: str) -> None:
        for name, child in getattr(command, "commands", {}).items():
            walk(child, f"{path} {name}")
        for parameter in getattr(command, "params", ()):
            seen.extend(f"{path} {option}" for option in parameter.opts)
        seen.append(path)

    walk(group, "rebond")
    routes = [
        f"{route.path} {' '.join(inspect.signature(route.endpoint).parameters)}"
        for router in ROUTERS
        for route in router.routes
        # What somebody does with a situation of theirs is no list.
        if isinstance(route, GuardedRoute) and "{situation_id}" not in route.path
    ]
    assert len(seen) > 60
    assert len(routes) > 60
    assert [one for one in (*seen, *routes) if absence.search(one)] == []
    # Such a door would be seen.
    assert absence.search("rebond people --without-signal")
    assert absence.search("/people/unflagged")


def test_every_dictionary_speaks_without_avoided_words(use: InUse) -> None:
    said = [
        text
        for tables in (TABLES, KEY_FOLDER)
        for one in tables.values()
        for text in (one.title, *one.columns.values())
    ]
    said += [text for file in store_words.FILES.values() for text in file.values()]
    assert [text for text in said if AVOIDED.search(text)] == []
    assert set(TEXT_ANSWERS) == {*range(111, 114), *range(121, 124), *range(211, 216)} | {
        *range(221, 228)
    }
