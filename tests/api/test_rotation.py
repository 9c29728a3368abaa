"""New keys for a whole home: nobody is lost, no old name is left, whenever it is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal as signals
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

from api.bundles import collect, unseal
from api.cli import main
from api.home import Home, OtherEpoch, create_home
from api.imports import import_folder
from api.lending import lend
from api.opening import RotationInterrupted, open_home, open_to_rotate
from api.rotation import NotInVault, Rotation, rotate_keys
from api.settings import Settings
from api.standings import change_standing, find_person
from features.keys import NEXT, KeyNotHere, Keyring, SealBroken, begin_rotation, read_keys
from features.renaming import Naming
from revue import schema
from revue.permissions import Forbidden
from revue.records import Actor, NewSituation, Role, SituationKind
from revue.standings import PersonKeys, Standing
from tests.features.builders import event, stay, write_folder
from tests.revue.builders import NOW, user
from tests.revue.builders import facts as some_facts
from tests.revue.builders import fill as fill_queue
from tests.revue.builders import signal as some_signal

CLI = Actor(login="cli:test", role=None, team=None)
DPO = Actor(login="dina", role=Role.DPO, team=None)
IDS = [f"P{n}" for n in range(1, 8)]
ERASED, RESTRICTED, OBJECTED = "P5", "P6", "P7"
STAYS = [
    stay("P1", household_id="F1"),
    stay("P2", household_id="F1"),
    stay("P3", left="2024-03-01", household_id="F0"),  # a household that nobody is of any more
    stay("P3", entered="2024-05-01", household_id="F2"),
    *(stay(person) for person in IDS[3:]),
]
EVENTS = [
    event(person, occurred=f"2024-0{n}-01", code=code, event_id=f"{person}/{n}/{code}")
    for person in IDS
    for n in range(2, 6)
    for code in ("rdv//honore", "rdv//annule")
]
H = "household"
TABLES = tuple(
    table for table in schema.Base.metadata.tables if not table.startswith(("journal_", "marks"))
)


def write(folder: Path, events: list[Any] = EVENTS) -> Path:
    return write_folder(
        folder,
        STAYS,
        events,
        sensitive=[{"person_id": p, "attribute": "genre", "value": f"v-{p}"} for p in IDS],
        identities=[{"person_id": p, "display_name": f"Nom {p}"} for p in IDS[:3]],
    )


@dataclass(frozen=True)
class Filled:
    """A home with everything that goes by a pseudonym, and the folder it came from."""

    home: Home
    source: Path

    def copy(self, to: Path) -> Home:
        shutil.copytree(self.home.folder, to)
        (to / "keys").chmod(0o700)
        return Home(to, to / "keys", lambda: NOW)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    root = tmp_path_factory.mktemp("rotation")
    home = create_home(root / "home", root / "home" / "keys", Settings(), lambda: NOW)
    source = write(root / "in")
    import_folder(home, source, by=CLI, progress=str)
    people = {p: home.keys.pseudonym(p) for p in IDS}
    with home.transaction() as session:
        lea = user(session, "lea", Role.EDUCATOR, "nord")
        anne = user(session, "anne", Role.COMMITTEE)
        row = session.get_one(schema.User, anne.user_id)
        row.sealed_totp = home.keys.seal("account", b"a shared secret")
        fill_queue(
            session,
            [
                NewSituation(
                    people[p], "nord", "lea", SituationKind.SIGNAL, some_facts(), some_signal(), 1.0
                )
                for p in IDS
            ],
        )
        for p in IDS:
            session.add(schema.Lift(user_id=lea.user_id, on=date(2024, 12, 31), person=people[p]))
            session.add(
                schema.Notice(
                    person=people[p],
                    told_on=date(2024, 1, 2),
                    version="1",
                    told_by="lea",
                    form=schema.NoticeForm.ORAL,
                    at=NOW,
                )
            )
    for person, standing in (
        (ERASED, Standing.ERASED),
        (RESTRICTED, Standing.RESTRICTED),
        (OBJECTED, Standing.OBJECTED),
    ):
        with home.transaction() as session:
            known = find_person(home, session, person)
        change_standing(home, known, standing, by=CLI, act="try")
    return Filled(home, source)


def names(before: Keyring, after: Keyring) -> Naming:
    """What everybody is called after a rotation, worked out from the ids of the folder."""
    known = {before.pseudonym(p): after.pseudonym(p) for p in IDS if p != ERASED}
    known |= {
        before.pseudonym(f, "household"): after.pseudonym(f, "household") for f in ("F1", "F2")
    }
    return Naming(known, after)


def ordered(table: pd.DataFrame) -> list[tuple[object, ...]]:
    return sorted(map(tuple, table.astype(str).to_numpy().tolist()))


def everything(home: Home, naming: Callable[[str], str]) -> dict[str, Any]:
    """What a home holds, read with its keys, people called as ``naming`` says."""
    events, stays = home.store.events(), home.store.stays()
    events["person"] = events["person"].map(naming)
    for column in ("person", "household"):
        stays[column] = stays[column].map(naming)
    persons = sorted({*home.store.people()})
    sensitive = home.sensitive.attributes(persons, ["genre"], on=date(2024, 12, 31))
    found: dict[str, Any] = {
        "events": events.to_csv(),
        "stays": ordered(stays),
        "sensitive": sorted(zip(map(naming, persons), sensitive["genre"], strict=True)),
        "aside": {},
    }
    data_keys = home.person_keys.all()
    found["keys"] = sorted((naming(p), k.key_id, k.key) for p, k in data_keys.items())
    for key in data_keys.values():
        if home.restricted(key.key_id).is_file():
            bundle = unseal(home.restricted(key.key_id).read_bytes(), key)
            rows = [{**one, "household": naming(str(one["household"]))} for one in bundle.stays]
            found["aside"][naming(bundle.person)] = (rows, bundle.events, bundle.sensitive)
    with closing(sqlite3.connect(home.database)) as database:
        for table in TABLES:
            cursor = database.execute(f"SELECT * FROM {table}")  # noqa: S608 - of the schema
            columns = [name for name, *_ in cursor.description]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor]
            for row in rows:
                if table == "identities":
                    opened = data_keys[row["person"]].unseal(row["sealed"], row["person"])
                    row["sealed"] = opened.decode().replace(row["person"], naming(row["person"]))
                if row.get("sealed_totp"):
                    row["sealed_totp"] = home.keys.unseal("account", row["sealed_totp"])
                if "person" in row:
                    row["person"] = naming(row["person"])
            found[table] = sorted(str(sorted(row.items())) for row in rows)
    register = home.person_keys.since(0)
    found["register"] = [(one.standing_id, one.standing, one.at) for one in register]
    found["events of ids"] = sorted(home.store.events()["event_id"])
    return found


def check_renamed(
    home: Home, filled: Filled, *, epoch: int = 2, naming: Callable[[str], str] | None = None
) -> None:
    """Check that a rotated home is the first one under other names, and nothing is left of them."""
    before, after = filled.home.keys, home.keys
    assert after.epoch == epoch and after.master != before.master
    assert not (home.keys_folder / NEXT).exists() and not (home.folder / "importing").exists()
    naming = naming or names(before, after)
    assert everything(home, str) == everything(filled.home, naming)
    assert before.master is not None
    old = [before.pseudonym(p) for p in IDS] + [
        before.pseudonym(f, "household") for f in ("F0", "F1")
    ]
    erased = before.pseudonym(ERASED)  # the register still has to find it in an older copy
    for path in (p for p in home.folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        assert before.master not in content, path
        in_content = [one for one in old if one.encode() in content]
        assert in_content == ([erased] if path.name == "persons.db" else []), path
        packed = [one for one in old if bytes.fromhex(one) in content]
        assert not packed, path


def check_goes_on(home: Home, filled: Filled, to: Path) -> None:
    """Check that the same folder adds nothing, and that a correction still finds its event."""
    again = import_folder(home, filled.source, by=CLI, progress=str)
    assert again.new_events == 0
    kept = names(filled.home.keys, home.keys)
    assert set(home.store.people()) == {kept(p) for p in filled.home.store.people()}
    corrected = [{**EVENTS[0], "code": "rdv//non_honore"}, *EVENTS[1:]]
    assert import_folder(home, write(to, corrected), by=CLI, progress=str).new_events == 1


@pytest.mark.safeguard
def test_s07_after_a_rotation_everybody_is_there_and_no_old_name_or_key(
    filled: Filled, tmp_path: Path
) -> None:
    home = filled.copy(tmp_path / "home")
    old = home.keys
    said: list[str] = []
    done = rotate_keys(home, by=CLI, progress=said.append)
    assert done == Rotation(epoch=2, persons=len(IDS) - 2) and len(said) == len(STEPS)
    check_renamed(open_home(home.folder, home.keys_folder), filled)
    with home.transaction() as session:
        entry = session.scalars(select(schema.Entry).where(schema.Entry.act == "rotate_keys")).one()
        assert entry.subject.startswith("2 ") and entry.actor == CLI.login
        sealed = session.scalars(select(schema.User.sealed_totp)).all()
        kept = [one for one in sealed if one is not None]
        assert session.scalars(select(schema.Identity)).first() is not None
    for purpose, content in (
        ("account", kept[0]),
        ("audit", home.sensitive.file.read_bytes()),
    ):
        with pytest.raises(SealBroken):
            old.unseal(purpose, content)
    person = home.keys.pseudonym("P1")
    (wrapped,) = PersonKeys(home.person_keys.path, old).of((person,))
    assert wrapped is not None
    with pytest.raises(SealBroken):
        wrapped()
    check_goes_on(home, filled, tmp_path / "corrected")


@pytest.mark.safeguard
def test_s07_keys_are_rotated_twice_and_what_is_sealed_aside_comes_back(
    filled: Filled, tmp_path: Path
) -> None:
    home = filled.copy(tmp_path / "home")
    rotate_keys(home, by=CLI, progress=str)
    middle = home.keys
    rotate_keys(home, by=CLI, progress=str)
    once, again = names(filled.home.keys, middle), names(middle, home.keys)
    check_renamed(home, filled, epoch=3, naming=lambda one: again(once(one)))
    with home.transaction() as session:
        known = find_person(home, session, RESTRICTED)
    change_standing(home, known, Standing.OPEN, by=CLI, act="try")
    with home.transaction() as session:
        back = collect(home, session, home.keys.pseudonym(RESTRICTED))
    assert len(back.events) == len([e for e in EVENTS if e["person_id"] == RESTRICTED])
    assert back.stays[0]["household"] == home.keys.pseudonym(RESTRICTED) and back.rows["situations"]


# --- killed -------------------------------------------------------------------------------

STEPS = (
    "opening the vault",
    "making the next master key",
    "announcing the next pseudonyms",
    "renaming the histories",
    "sealing the plan",
    "renaming the review database",
    "committing",
    "putting the renamed histories into their places",
    "wrapping the data keys",
    "replacing the master key",
    "done",
)
MOVES = {"os.rename", "os.remove"}
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["api.rotation"])


def rotate_until(folder: Path, step: str, move: int) -> None:
    """Rotate, and be killed as a step begins or, within it, before the n-th file is moved."""
    left = [move]
    reached = [False]

    def kill() -> None:
        os.kill(os.getpid(), signals.SIGKILL)

    def watch(event: str, _: tuple[Any, ...]) -> None:
        if reached[0] and event in MOVES and Path(str(_[0])).is_relative_to(folder):
            left[0] -= 1
            if left[0] < 0:
                kill()

    def progress(said: str) -> None:
        reached[0] = reached[0] or said == step
        if reached[0] and not move:
            kill()

    sys.addaudithook(watch)
    home = open_to_rotate(folder, folder / "keys", lambda: NOW)
    rotate_keys(home, by=CLI, progress=progress)


MOMENTS = [
    *((step, 0) for step in STEPS),
    ("making the next master key", 1),
    *(("putting the renamed histories into their places", n) for n in (1, 3, 5, 7)),
    *(("replacing the master key", n) for n in (1, 2)),
]


@pytest.mark.safeguard
@pytest.mark.parametrize(("step", "move"), MOMENTS)
def test_s07_a_rotation_killed_at_any_step_is_finished_by_the_next(
    step: str, move: int, filled: Filled, tmp_path: Path
) -> None:
    home = filled.copy(tmp_path / "home")
    process = PROCESSES.Process(target=rotate_until, args=(home.folder, step, move))
    process.start()
    process.join()
    assert process.exitcode == -signals.SIGKILL
    if (home.keys_folder / NEXT).exists():
        with pytest.raises(RotationInterrupted, match="rebond keys rotate"):
            open_home(home.folder, home.keys_folder)
    else:
        assert step in STEPS[:2] or step in STEPS[-2:]
    if read_keys(home.keys_folder).epoch == 1 or (home.keys_folder / NEXT).exists():
        fresh = open_to_rotate(home.folder, home.keys_folder, lambda: NOW)
        assert rotate_keys(fresh, by=CLI, progress=str).epoch == 2
    check_renamed(open_home(home.folder, home.keys_folder), filled)


class Full(OSError):
    """The disk is full."""


@pytest.mark.parametrize("step", STEPS[1:6])
def test_a_rotation_that_fails_before_it_is_committed_changes_nothing(
    step: str, filled: Filled, tmp_path: Path
) -> None:
    home = filled.copy(tmp_path / "home")

    def progress(said: str) -> None:
        if said == step:
            raise Full

    with pytest.raises(Full):
        rotate_keys(home, by=CLI, progress=progress)
    found = open_home(home.folder, home.keys_folder)
    assert found.keys.master == filled.home.keys.master
    assert everything(found, str) == everything(filled.home, str)


@pytest.mark.safeguard
def test_s07_keys_of_another_epoch_open_no_home_and_write_into_none(
    filled: Filled, tmp_path: Path
) -> None:
    home = filled.copy(tmp_path / "home")
    lend(home, tmp_path / "lent", by=CLI)
    shutil.copytree(home.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("keys"))
    stale = Home(home.folder, tmp_path / "lent", lambda: NOW)
    with pytest.raises(KeyNotHere, match="only lent keys"):
        rotate_keys(stale, by=CLI, progress=str)
    rotate_keys(home, by=CLI, progress=str)
    with pytest.raises(OtherEpoch, match="lend anew"):
        open_home(home.folder, tmp_path / "lent")
    with pytest.raises(OtherEpoch), stale.transaction() as session:
        stale.check_epoch(session)
    with pytest.raises(OtherEpoch, match="copy of the home from before"):
        open_home(tmp_path / "copy", home.keys_folder)


@pytest.mark.safeguard
def test_s07_a_served_home_goes_on_with_the_new_keys(filled: Filled, tmp_path: Path) -> None:
    home = filled.copy(tmp_path / "home")
    serving = Home(home.folder, home.keys_folder, lambda: NOW)
    before = serving.keys.pseudonym("P1")
    rotate_keys(home, by=CLI, progress=str)
    after = serving.keys.pseudonym("P1")
    assert after != before and serving.person_keys.one(after).key
    with serving.transaction() as session:
        assert session.get(schema.Person, before) is None
        assert session.get_one(schema.Person, after).team == "nord"
    serving.sessions.kw["bind"].dispose()


@pytest.mark.safeguard
def test_s26_only_the_machine_itself_rotates_and_lends(filled: Filled, tmp_path: Path) -> None:
    for role in Role:
        actor = Actor("somebody", role, "nord", 1)
        with pytest.raises(Forbidden):
            rotate_keys(filled.home, by=actor, progress=str)
        with pytest.raises(Forbidden):
            lend(filled.home, tmp_path / "lent", by=actor)
    assert not (tmp_path / "lent").exists()


def test_a_home_whose_vault_does_not_know_everybody_is_not_rotated(
    filled: Filled, tmp_path: Path
) -> None:
    home = filled.copy(tmp_path / "home")
    with home.transaction() as session:
        session.delete(session.get_one(schema.Identity, home.keys.pseudonym("P1")))
    with pytest.raises(NotInVault, match="of 1 person the vault"):
        rotate_keys(home, by=CLI, progress=str)
    assert not (home.keys_folder / NEXT).exists()
    import_folder(home, filled.source, by=CLI, progress=str)
    assert rotate_keys(home, by=CLI, progress=str).epoch == 2


def test_the_command_says_epoch_and_persons(
    filled: Filled, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = filled.copy(tmp_path / "home")
    with pytest.raises(SystemExit) as left:
        main(["--home", str(home.folder), "keys", "rotate", "--json"])
    assert left.value.code == 0
    assert json.loads(capsys.readouterr().out) == {"epoch": 2, "persons": 5}
    begin_rotation(home.keys_folder)
    with pytest.raises(SystemExit) as left:
        main(["--home", str(home.folder), "services", "import", "nothing.csv", "--json"])
    said = json.loads(capsys.readouterr().out)["error"]
    assert left.value.code == 1 and "run `rebond keys rotate` again" in said
