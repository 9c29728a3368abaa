"""``rebond purge``: what is over goes, what is not stays, and a kill half way changes neither."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from api.home import Home
from api.purge import purge
from api.retention import FILES, declared_sources, retention_table
from api.settings import Settings
from api.standings import change_standing, find_person
from revue.records import Actor
from revue.schema import Base
from revue.standings import Standing
from tests.conftest import ROOT, DemoHome, rebond

CLI = Actor("cli:test", None, None)

LATER = """
import os, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from api.home import Home
from api.purge import purge
from revue.records import Actor
folder, days, step = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
told = []
def progress(said):
    told.append(said)
    if len(told) == step: os._exit(9)
clock = lambda: datetime(2026, 11, 24, tzinfo=UTC) + timedelta(days=days)
purge(Home(folder, folder / "keys", clock), by=Actor("cli:test", None, None), progress=progress)
"""


def later(folder: Path, days: int, kill_before: int = 0) -> int:
    arguments = [sys.executable, "-c", LATER, str(folder), str(days), str(kill_before)]
    return subprocess.run(arguments, cwd=ROOT, check=False).returncode  # noqa: S603 - our own


def left(folder: Path) -> dict[str, int]:
    with sqlite3.connect(folder / "review.db") as opened:
        tables = set(Base.metadata.tables) - {"journal_entries", "marks"}
        rows = {t: opened.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables}  # noqa: S608
    files = [p for p in folder.rglob("*") if p.is_file() and p.suffix in {".parquet", ".html"}]
    return rows | {"models": len(list(folder.glob("models/*"))), "files": len(files)}


@pytest.fixture
def production(demo_home: DemoHome, tmp_path: Path) -> Path:
    """The demonstration on a clock of its own, which a production home goes by."""
    folder = demo_home.copy(tmp_path / "home").folder
    settings = folder / "settings.toml"
    said = settings.read_text(encoding="utf-8")
    settings.write_text(said.replace("production = false", "production = true"), encoding="utf-8")
    # By this key a demonstration's folder is told from others, which production refuses.
    (folder / "keys" / "standing.key").write_bytes(os.urandom(32))
    return folder


@pytest.mark.safeguard
def test_s18_a_purge_killed_half_way_is_finished_by_the_next(
    production: Path, tmp_path: Path
) -> None:
    started = left(production)
    straight = tmp_path / "straight"
    shutil.copytree(production, straight)
    (straight / "keys").chmod(0o700)
    assert later(straight, 100) == 0
    for step in (3, 4, 6):
        assert later(production, 100, kill_before=step) == 9
    assert later(production, 100) == 0
    wanted = left(straight)
    assert left(production) == wanted
    assert wanted["signals"] == 0 and wanted["sealed_copies"]
    assert 0 < wanted["people"] == wanted["identities"] < started["people"]


def rows(home: Home) -> Counter[str]:
    with home.reading() as session:
        names = set(Base.metadata.tables) - {"journal_entries", "marks"}
        return Counter(
            {name: session.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in names}  # noqa: S608
        )


@pytest.mark.safeguard
def test_s18_what_is_announced_is_what_is_then_done_row_for_row(production: Path) -> None:
    start = datetime(2026, 11, 24, tzinfo=UTC)
    sums: Counter[str] = Counter()
    restrict_somebody(Home(production, production / "keys", lambda: start))
    for days in (100, 760):
        home = Home(production, production / "keys", lambda day=days: start + timedelta(day))
        before, keys = rows(home), set(home.person_keys.all())
        announced = purge(home, by=CLI, progress=str, dry=True)
        assert rows(home) == before and set(home.person_keys.all()) == keys
        done = purge(home, by=CLI, progress=str)
        assert announced == done
        after = rows(home)
        gone = Counter(done.deleted)
        before["sealed_copies"] += gone["sealed"]
        gone["signals"] += gone["sealed"]
        for name in after.keys() - {"journal_heads"}:
            assert before[name] - after[name] == gone[name], (days, name)
        assert len(keys) - len(home.person_keys.all()) == gone["data_keys"]
        sums.update(done.deleted)
        home.close()
    assert all(sums[name] for name in ("sealed", "histories", "people", "restricted", "data_keys"))
    assert sums["identities"] and sums["situations"] and sums["model_files"]


def restrict_somebody(home: Home) -> None:
    with home.reading() as session:
        person = home.store.people()[0]
        known = find_person(home, session, person)
    change_standing(home, known, Standing.RESTRICTED, by=CLI, act="restrict")
    home.close()


@pytest.mark.safeguard
def test_s18_the_report_says_what_would_go_and_what_stays(demo_home: DemoHome) -> None:
    before = left(demo_home.folder)
    ran = rebond("purge", "--dry-run", home=demo_home.folder)
    assert ran.status == 0, ran.err
    assert left(demo_home.folder) == before
    assert set(Base.metadata.tables) - {"journal_entries", "journal_heads"} <= set(
        ran.out["deleted"]
    )
    kept = ran.out["kept"]
    assert kept["signals"]["number"] == before["signals"] and kept["signals"]["until"]
    assert all(entry["source"] for entry in kept.values())


@pytest.mark.safeguard
def test_s18_everything_that_is_kept_is_in_the_table_in_french() -> None:
    rows = {row.name: row for row in retention_table(Settings())}
    assert set(rows) == {*Base.metadata.tables, *(kind.name for kind in FILES)}
    assert rows["signals"].how_long == "90 jours" and rows["situations"].how_long == "2 ans"
    assert all(row.what and row.since and row.source for row in rows.values())


def test_a_purge_says_who_says_so_in_the_language_of_its_other_lines() -> None:
    """English on the command line, French in the register: the same sources."""
    english = declared_sources()
    french = {row.name: row.source for row in retention_table(Settings())}
    assert english.keys() == french.keys()
    assert not set(english.values()) & set(french.values())
    assert all(source.isascii() for source in english.values())
