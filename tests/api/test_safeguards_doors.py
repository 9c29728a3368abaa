"""Doors beside the pages: the database file, the key folder, settings and files edited on disk."""

from __future__ import annotations

import ast
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.opening import open_home
from api.purge import purge
from api.settings import InvalidSettings
from api.studies import train_models
from features.protocol import InvalidProtocol
from revue.standings import Standing
from tests.conftest import ROOT

from .person_home import CLI, Place, build, change


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return build(tmp_path_factory.mktemp("doors") / "place")


@pytest.fixture
def place(built: Place, tmp_path: Path) -> Place:
    return built.copy(tmp_path / "place")


@pytest.mark.safeguard
def test_s15_s16_s17_no_line_of_the_register_is_taken_back(place: Place) -> None:
    """Not with SQLite alone either: a line written over would bring somebody back."""
    home = place.home
    change(home, Standing.RESTRICTED, "P2")
    change(home, Standing.OBJECTED)
    before = home.person_keys.since(0)
    line = "number, standing_id, person, 'open', at FROM register"
    for sql in (
        "DELETE FROM register",
        "UPDATE register SET standing = 'open'",
        "UPDATE register SET standing_id = 'x'",
        "UPDATE register SET number = number + 10",
        "UPDATE OR REPLACE register SET number = 1",
        f"INSERT OR REPLACE INTO register SELECT {line}",
        f"REPLACE INTO register SELECT {line} WHERE number = 2",
        f"INSERT INTO register SELECT -{line}",
        f"INSERT INTO register SELECT 0 * {line} WHERE number = 1",
    ):
        with (
            closing(sqlite3.connect(home.keys_folder / "persons.db")) as keys,
            pytest.raises(sqlite3.IntegrityError, match="only ever grows"),
            keys,
        ):
            keys.execute(sql)
    assert home.person_keys.since(0) == before
    change(home, Standing.OPEN, "P2")  # what is new is written after it
    assert [one.number for one in home.person_keys.since(0)] == [1, 2, 3]


OPEN_ATTRIBUTES = {
    "audit_surroundings._attributes", "human_side.human_side_of",  # the audit
    "studies.audit_model",
    "bundles.collect_all", "bundles.exchange",  # the person's own
    "imports.import_folder", "purge.forget_attributes", "rotation._carry_over",  # their keeping
}  # fmt: skip


@pytest.mark.safeguard
def test_s05_who_opens_the_attributes_is_the_audit_their_person_or_their_keeper() -> None:
    """Training, scoring and pages reach a home, and through it could reach them."""
    found = set()
    for path in (ROOT / "api").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and path.name != "home.py":
                asked = {ast.unparse(n) for n in ast.walk(node) if isinstance(n, ast.Attribute)}
                if asked & {"home.sensitive", "self.home.sensitive"}:
                    found.add(f"{path.stem}.{node.name}")
            elif isinstance(node, ast.ImportFrom) and node.module == "features.sensitive":
                assert path.name in {"home.py", "imports.py"}, path
    assert found == OPEN_ATTRIBUTES


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "setting",
    [
        "names_per_day = 1000000", "contacts_per_day = 1000000", "contacts_minutes = 1000000",
        "signal_days = 1000000", "attributes_days = 1000000", "attributes_unused_days = 1000000",
        "active_days = 1000000", "waiver_days = 1000000", "assessment_days = 1000000",
        "session_hours = 1000000", "due_days = 1000000", "unheard_of = 1",
    ],
)  # fmt: skip
def test_s05_s08_s10_s11_s18_no_setting_does_away_with_a_limit(place: Place, setting: str) -> None:
    """One edited line makes a limit longer, never endless; the service does not start with it."""
    path = place.home.folder / "settings.toml"
    path.write_text(f"{setting}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    with pytest.raises(InvalidSettings, match=setting.split(maxsplit=1)[0]):
        open_home(place.home.folder, place.home.keys_folder)


@pytest.mark.safeguard
@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (('purpose = "prevention"', 'purpose = "control"'), "purpose"),
        (('codes = ["rdv"]', 'codes = ["rdv", "sante"]'), "never a feature"),
        (("[outcome]", '[audit]\nattributes = ["rdv"]\n[outcome]'), "serves the audit alone"),
    ],
)
def test_s04_s05_s06_a_protocol_edited_on_disk_opens_nothing(
    place: Place, edit: tuple[str, str], named: str
) -> None:
    """What an import refuses is refused again wherever the stored copy is read."""
    home = place.home
    (path,) = home.store.folder.glob("protocol-*.toml")
    text = path.read_text(encoding="utf-8")
    assert edit[0] in text
    path.write_text(text.replace(*edit), encoding="utf-8")
    for door in (home.store.protocol, lambda: train_models(home, by=CLI, progress=str)):
        with pytest.raises(InvalidProtocol, match=named):
            door()


@pytest.mark.safeguard
def test_s18_a_strange_file_neither_stops_the_purge_nor_outlives_it(place: Place) -> None:
    """Whatever somebody left in a folder of the home goes by the day it was written."""
    home, strange = place.home, []
    for folder in (home.quarantine, home.quality):
        folder.mkdir(exist_ok=True)
        for name, year in (("copie (2).csv", 2010), ("copie.csv", home.today().year)):
            strange.append(folder / name)
            strange[-1].write_text("DOSSIER-0001", encoding="utf-8")
            written = datetime(year, 1, 1, tzinfo=UTC).timestamp()
            os.utime(strange[-1], (written, written))
    done = purge(home, by=CLI, progress=str)
    kept = home.quality / "copie.csv"
    assert [path for path in strange if path.exists()] == [kept]
    assert done.deleted["quality"] == 1 and done.deleted["journal_heads"] == 0
