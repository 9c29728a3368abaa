"""An import killed at any moment leaves the home as before or wholly as after; serving goes on."""

from __future__ import annotations

import itertools
import random
import shutil
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from sqlalchemy import select

from api.home import Home, create_home
from api.imports import import_folder
from api.opening import open_home
from api.settings import Settings
from features.staging import FOLDER
from revue import schema
from tests.conftest import served
from tests.features.builders import event, stay, write_folder

from .test_imports import CLI, GENDER, MANY, NAMED, everything

WITHIN = 6
"""Seconds that the loop of random moments may take."""

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["api.imports"])


def start(home: Home, folder: Path) -> ForkServerProcess:
    """Import in a process of its own."""
    fresh = Home(home.folder, home.keys_folder)
    process = PROCESSES.Process(
        target=import_folder, args=(fresh, folder), kwargs={"by": CLI, "progress": str}
    )
    process.start()
    return process


def seen(home: Home) -> dict[str, object]:
    """Everything an import changes, as a reader sees it."""
    events, stays = home.store.events(), home.store.stays()
    with home.transaction() as session:
        people = session.execute(
            select(schema.Person.person, schema.Person.team).order_by(schema.Person.person)
        ).all()
        entries = select(schema.Entry.act).where(schema.Entry.act == "import")
        imports = len(session.scalars(entries).all())
        identities = len(session.scalars(select(schema.Identity)).all())
    persons = sorted(stays["person"].unique())
    quarantine = sorted(home.quarantine.glob("*.csv"))
    return {
        "events": events.to_csv(),
        "stays": stays.sort_values("person").to_csv(index=False),
        "people": people,
        "imports": imports,
        "identities": identities,
        "sensitive": home.sensitive.attributes(persons, ["genre"], on=home.today()).to_csv(),
        "quarantine": [path.read_text() for path in quarantine],
    }


def check_tidy(home: Home) -> None:
    """No file stands in the store that its manifest does not name."""
    held = home.store.manifest
    assert held.protocol is not None
    named = {s.file for s in (*held.events, *held.stays)} | {held.protocol.file, "manifest.json"}
    assert {path.name for path in home.store.folder.iterdir()} == named
    assert not (home.folder / FOLDER).exists()
    assert not list(home.sensitive.file.parent.glob("*.new"))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("killed")
    home = create_home(root / "home", root / "home" / "keys", Settings())
    folder = write_folder(
        root / "first", events=[*MANY, event("nobody")], sensitive=GENDER, identities=NAMED
    )
    import_folder(home, folder, by=CLI, progress=str)
    return home


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return everything(tmp_path_factory.mktemp("second") / "in")


def copy_of(home: Home, to: Path) -> Home:
    shutil.copytree(home.folder, to)
    (to / "keys").chmod(0o700)
    return Home(to, to / "keys")


@pytest.fixture(scope="module")
def outcomes(
    first: Home, second: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, object], dict[str, object]]:
    """What is seen before the second import, and after it."""
    done = copy_of(first, tmp_path_factory.mktemp("done") / "home")
    import_folder(done, second, by=CLI, progress=str)
    return seen(first), seen(done)


def committed(home: Home) -> bool:
    """Whether the second import stands in the database; read as an outsider would."""
    with closing(sqlite3.connect(f"file:{home.database}?mode=ro", uri=True)) as database:
        query = "SELECT count(*) FROM journal_entries WHERE act = 'import'"
        try:
            return bool(database.execute(query).fetchone()[0] > 1)
        except sqlite3.OperationalError:  # the writer holds the lock just now
            return False


def manifest_moved(home: Home) -> bool:
    return (
        not (home.folder / FOLDER / "files" / "events" / "manifest.json").exists()
        and (home.folder / FOLDER / "plan.json").exists()
    )


MOMENTS: dict[str, Callable[[Home], bool]] = {
    "staging made": lambda home: (home.folder / FOLDER).exists(),
    "events written": lambda home: (home.folder / FOLDER / "scratch" / "events.parquet").exists(),
    "a segment waits": lambda home: any((home.folder / FOLDER).glob("files/events/*.parquet")),
    "manifest waits": lambda home: (
        home.folder / FOLDER / "files" / "events" / "manifest.json"
    ).exists(),
    "sealed": lambda home: (home.folder / FOLDER / "plan.json").exists(),
    "committed": committed,
    "manifest moved": manifest_moved,
}


def killed(home: Home, folder: Path, moment: Callable[[Home], bool]) -> None:
    """Start an import and kill it as soon as a moment has come."""
    process = start(home, folder)
    try:
        while process.is_alive() and not moment(home):
            pass
    finally:
        process.kill()
        process.join()


def check_after_a_kill(
    home: Home, second: Path, outcomes: tuple[dict[str, object], dict[str, object]]
) -> bool:
    """Check the home, import again, check it again; say whether the killed import held."""
    before, after = outcomes
    found = seen(open_home(home.folder, home.keys_folder))
    assert found in (before, after)
    check_tidy(home)
    import_folder(home, second, by=CLI, progress=str)
    again = seen(home)
    held = found == after
    assert again == after | {"imports": 3 if held else 2}
    check_tidy(home)
    return held


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_each_step_the_home_is_as_before_or_as_after(
    moment: str,
    first: Home,
    second: Path,
    outcomes: tuple[dict[str, object], dict[str, object]],
    tmp_path: Path,
) -> None:
    home = copy_of(first, tmp_path / "home")
    killed(home, second, MOMENTS[moment])
    held = check_after_a_kill(home, second, outcomes)
    if moment in {"committed", "manifest moved"}:
        assert held


def test_killed_at_any_moment_the_home_is_as_before_or_as_after(
    first: Home,
    second: Path,
    outcomes: tuple[dict[str, object], dict[str, object]],
    tmp_path: Path,
) -> None:
    draw = random.Random(0)  # noqa: S311 - moments, not secrets
    end = time.monotonic() + WITHIN
    for attempt in attempts_until(end):
        home = copy_of(first, tmp_path / str(attempt))
        wait = draw.uniform(0, 0.6)
        begun: list[float] = []

        def late(home: Home, wait: float = wait, begun: list[float] = begun) -> bool:
            if not begun and (home.folder / FOLDER).exists():
                begun.append(time.monotonic())
            return bool(begun) and time.monotonic() > begun[0] + wait

        killed(home, second, late)
        check_after_a_kill(home, second, outcomes)


def attempts_until(end: float, least: int = 3) -> Iterator[int]:
    """Count attempts: a few at least, and more while there is time."""
    for attempt in itertools.count():
        if attempt >= least and time.monotonic() > end:
            return
        yield attempt


def test_a_served_home_answers_and_is_read_while_an_import_runs(
    first: Home, tmp_path: Path
) -> None:
    home = copy_of(first, tmp_path / "home")
    before = seen(home)
    people = [stay(f"P{i}") for i in range(1, 200)]
    rows = [event(f"P{i % 199 + 1}", code=f"rdv//{i % 7}") for i in range(60_000)]
    folder = write_folder(tmp_path / "in", people, rows)
    answered = 0
    with served(home.folder) as address:
        process = start(home, folder)
        while process.is_alive():
            for page in ("/healthz", "/login"):
                with urllib.request.urlopen(f"{address}{page}", timeout=10) as answer:  # noqa: S310
                    assert answer.status == 200
            alone = home.store.events()
            answered += len(alone) == len(MANY)
        process.join()
    assert process.exitcode == 0 and answered > 0
    assert seen(home) != before and len(home.store.events()) > len(MANY)
