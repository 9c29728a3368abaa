"""A backup forgets whoever is erased after it, and a restore is whole or not at all."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tarfile
import time
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from api import rights
from api.backup import (
    BackupSummary,
    DamagedBackup,
    FileTaken,
    ForeignBackup,
    HomeUnreadable,
    RestoreSummary,
    back_up,
    restore,
)
from api.bundles import Bundle, collect_all, everybody
from api.home import Home, HomeExists
from api.opening import open_home
from api.rotation import rotate_keys
from features.keys import KeysUnreadable, create_keys
from features.staging import FOLDER
from revue import accounts, committee, schema
from revue.journal import entries, verify_journal
from revue.promotion import approved_record
from revue.records import (
    ModelState,
    RequestOutcome,
    RequestRow,
    Right,
    Role,
    SignedIn,
    SignInRefused,
)
from revue.signing import SigningKeyLost
from revue.standings import Standing
from revue.stops import stop_of
from tests.conftest import rebond
from tests.revue.builders import VERSION, member

from .person_home import CLI, HER, IDENTIFYING, NOW, Place, build, change, find, take, write
from .test_standings import holding, tell_nothing

KEY_FILES = ("master.key", "signing.key", "standing.key", "persons.db")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return build(tmp_path_factory.mktemp("lived"))


@pytest.fixture
def place(lived: Place, tmp_path: Path) -> Place:
    return lived.copy(tmp_path / "copy")


@pytest.fixture
def home(place: Place) -> Home:
    return place.home


@pytest.fixture
def file(home: Home, tmp_path: Path) -> Path:
    made = back_up(home, tmp_path / "all.rebond", by=CLI)
    assert made == BackupSummary(tmp_path / "all.rebond", 3)
    home.close()
    return made.file


def put_back(home: Home, file: Path) -> RestoreSummary:
    return restore(home.folder, home.keys_folder, file, by=CLI, clock=lambda: NOW)


def everything(home: Home) -> dict[str, Bundle]:
    with home.transaction() as session:
        people = everybody(home, session)
        return {bundle.person: bundle for bundle in collect_all(home, session, people)}


def opened(home: Home) -> Home:
    return open_home(home.folder, home.keys_folder, lambda: NOW)


def test_into_an_empty_place_everything_comes_back(home: Home, file: Path) -> None:
    before, stays = everything(home), home.store.stays()
    events = home.store.events()
    home.close()
    shutil.move(home.folder, home.folder.parent / "lost")
    assert put_back(home, file) == RestoreSummary(3, 0, None, stopped=(VERSION,))
    again = opened(home)
    assert everything(again) == before
    assert again.store.events().equals(events)
    assert len(again.store.stays()) == len(stays)
    assert again.store.protocol() == home.store.protocol() and again.today() == home.today()
    assert not (home.folder / FOLDER).exists()
    with again.transaction() as session:
        assert verify_journal(session, again.keys.verify).ok
    take(again, write(home.folder.parent / "more", "2025-01-01"))  # and life goes on
    assert again.store.events().equals(events)


def test_over_a_home_what_was_there_is_kept_beside_it(home: Home, file: Path) -> None:
    change(home, Standing.OVERDUE, "P3")
    (home.folder / "models" / "9").mkdir(parents=True)
    (home.folder / "models" / "9" / "table.json").write_text("{}")
    (home.folder / "mine.txt").write_text("not ours")
    home.close()
    done = put_back(home, file)
    assert (done.persons, done.left_out) == (2, 1)
    assert done.before is not None and done.before.parent == home.folder.parent
    assert done.before.stat().st_mode & 0o077 == 0
    assert not (home.folder / "models" / "9" / "table.json").exists()
    assert (home.folder / "mine.txt").exists()
    home.close()
    fresh = Home(home.folder.parent / "other", home.keys_folder, lambda: NOW)
    put_back(fresh, done.before)
    assert (fresh.folder / "models" / "9" / "table.json").read_text() == "{}"


@pytest.mark.safeguard
def test_s07_a_backup_from_before_a_rotation_comes_back_under_the_keys_of_today(
    home: Home, file: Path
) -> None:
    before = {identifier: find(home, identifier).person for identifier in (HER, "P2", "P3")}
    with home.transaction() as session:
        secret = home.keys.seal("account", b"the secret of a second factor")
        session.execute(update(schema.User).values(sealed_totp=secret, totp_step=1))
    late = back_up(home, file.with_name("late.rebond"), by=CLI).file
    rotate_keys(home, by=CLI, progress=lambda done: None)
    home.close()
    for made in (file, late):
        assert put_back(home, made).left_out == 0
        again = opened(home)
        for identifier, former in before.items():
            person = find(again, identifier).person
            assert person != former
            assert len(again.store.events(person)) > 0
        with again.transaction() as session:
            held = set(session.scalars(select(schema.User.sealed_totp)))
            # Second factors are those of the home that was replaced, under the keys of today.
            opening = {again.keys.unseal("account", secret) for secret in held if secret}
            assert opening == {b"the secret of a second factor"} and None not in held
            assert verify_journal(session, again.keys.verify).ok
        again.close()
    fresh = Home(home.folder.parent / "other", home.keys_folder, lambda: NOW)
    put_back(fresh, late)  # where no home is replaced none can be opened any more
    with fresh.transaction() as session:
        assert set(session.scalars(select(schema.User.sealed_totp))) == {None}


@pytest.mark.safeguard
@pytest.mark.parametrize("into", ["the same home", "another place"])
def test_s16_a_backup_made_before_an_erasure_restored_after_it(
    into: str, home: Home, file: Path, tmp_path: Path
) -> None:
    """Neither its bytes nor the restored home's hold anything of her; no event can be read."""
    person = change(home, Standing.ERASED).person
    home.close()
    assert holding(file.parent, *IDENTIFYING) == []
    assert person.encode() not in file.read_bytes()
    where = home if into == "the same home" else Home(tmp_path / "b", home.keys_folder)
    done = put_back(where, file)
    assert (done.persons, done.left_out) == (2, 1)
    tell_nothing(opened(where), person)
    assert holding(tmp_path, *IDENTIFYING) == []
    assert len(opened(where).store.events(find(where, "P2").person)) == 19


@pytest.mark.safeguard
@pytest.mark.parametrize("standing", [Standing.RESTRICTED, Standing.OBJECTED])
def test_s16_what_was_asked_for_after_a_backup_holds_after_its_restore(
    standing: Standing, home: Home, file: Path
) -> None:
    person = change(home, standing).person
    home.close()
    put_back(home, file)
    again = opened(home)
    assert person not in again.store.people()
    assert again.store.events(person).empty
    assert "people" not in everything(again).get(person, Bundle(person)).rows
    if standing is Standing.RESTRICTED:
        change(again, Standing.OPEN)
        assert len(again.store.events(person)) == 19


@pytest.mark.safeguard
def test_s17_a_restriction_that_a_backup_has_not_heard_of_is_listed_and_can_be_lifted(
    home: Home, file: Path
) -> None:
    asked = rights.note(home, HER, Right.RESTRICT, None, by=CLI)
    rights.apply(home, asked, by=CLI)
    listed = restrictions(home)
    assert [row.id for row in listed] == [asked]
    home.close()
    put_back(home, file)
    again = opened(home)
    (row,) = restrictions(again)
    assert (row.person, row.outcome) == (listed[0].person, RequestOutcome.DONE)
    rights.lift_of(again, row.id, by=CLI)
    assert restrictions(again) == ()
    assert len(again.store.events(row.person)) == 19


def restrictions(home: Home) -> tuple[RequestRow, ...]:
    with home.transaction() as session:
        return rights.restricted(home, session, CLI)


@pytest.mark.safeguard
def test_s16_what_is_restricted_or_damaged_aside_travels_sealed(home: Home, tmp_path: Path) -> None:
    known = change(home, Standing.RESTRICTED)
    file = back_up(home, tmp_path / "restricted.rebond", by=CLI).file
    fresh = Home(tmp_path / "b", home.keys_folder)
    put_back(fresh, file)
    assert opened(fresh).store.events(known.person).empty
    change(fresh, Standing.OPEN)
    assert len(fresh.store.events(known.person)) == 19


@pytest.mark.safeguard
def test_s08_no_key_is_in_a_backup_even_if_they_lie_inside_the_home(
    place: Place, tmp_path: Path
) -> None:
    keys = place.root / "home" / "models" / "keys"
    keys.parent.mkdir(exist_ok=True)
    shutil.move(place.root / "keys", keys)
    home = Home(place.root / "home", keys, lambda: NOW)
    secrets = {name: (keys / name).read_bytes() for name in KEY_FILES}
    file = back_up(home, tmp_path / "all.rebond", by=CLI).file
    assert file.stat().st_mode & 0o077 == 0
    content = file.read_bytes()
    with tarfile.open(file) as tar:
        assert not any("key" in name for name in tar.getnames())
    assert not any(secret in content for secret in secrets.values())
    people = [key.key for key in home.person_keys.all().values()]
    assert people and not any(key in content for key in people)
    assert not any(canary.encode() in content for canary in IDENTIFYING)
    home.close()
    put_back(home, file)  # and a restore takes none away
    assert (keys / "master.key").read_bytes() == secrets["master.key"]


@pytest.mark.safeguard
def test_s16_a_damaged_file_is_refused_by_name_and_changes_nothing(
    home: Home, file: Path, tmp_path: Path
) -> None:
    with home.transaction() as session:
        before = everything(home), verify_journal(session, home.keys.verify)
    home.close()
    whole = file.read_bytes()
    with tarfile.open(file) as tar:
        members = {member.name: member for member in tar.getmembers()}
    sealed = next(name for name in members if name.startswith("persons/"))
    at = members[sealed].offset_data + 40
    damages = {
        sealed: whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
        "settings.toml": whole.replace(b"production = false", b"production = true ", 1),
        "end": whole[: members["review.db"].offset_data + 4096],
        "beginning": whole[512:],
        "begin": b"no tar at all",
    }
    for name, content in damages.items():
        (tmp_path / "damaged.rebond").write_bytes(content)
        with pytest.raises((DamagedBackup, ForeignBackup), match=name if "/" in name else None):
            put_back(home, tmp_path / "damaged.rebond")
        assert not (home.folder / FOLDER).exists()
    again = opened(home)
    with again.transaction() as session:
        after = verify_journal(session, again.keys.verify)
    assert everything(again) == before[0]
    assert after.ok and after.size >= before[1].size


def test_strangers_keys_and_places_that_are_taken_are_refused(
    home: Home, file: Path, tmp_path: Path
) -> None:
    with pytest.raises(FileTaken):
        back_up(home, file, by=CLI)
    create_keys(tmp_path / "strangers")
    with pytest.raises(ForeignBackup):
        restore(tmp_path / "b", tmp_path / "strangers", file, by=CLI)
    with pytest.raises(KeysUnreadable):
        restore(tmp_path / "b", tmp_path / "nowhere", file, by=CLI)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "letter.txt").write_text("x")
    with pytest.raises(HomeExists):
        restore(tmp_path / "c", home.keys_folder, file, by=CLI)
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["letter.txt"]


def test_a_restore_killed_at_any_moment_leaves_the_one_home_or_the_other(
    home: Home, file: Path
) -> None:
    change(home, Standing.OVERDUE, "P3")
    stop(home)
    home.close()
    later = home.folder / "models" / "9" / "table.json"
    later.parent.mkdir(parents=True)
    processes, drawn = get_context("fork"), random.Random(7)  # noqa: S311 - a drawing for tests
    for _ in range(5):
        later.write_text("{}")
        size = acts(home).count("restore")
        home.close()  # nobody reads a home while it is put back
        process = processes.Process(target=put_back, args=(home, file))
        process.start()
        time.sleep(drawn.uniform(0.1, 0.9))
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        again = opened(home)
        assert not (home.folder / FOLDER).exists()
        # Restored, its journal holds that once; else it is as it was, file by file.
        assert acts(again).count("restore") == (size if later.exists() else 1)
        assert len(everything(again)) == 2
        with again.transaction() as session:
            assert stop_of(session, VERSION)
        assert len(again.store.events(find(again).person)) == 19
        with again.transaction() as session:
            assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
            assert verify_journal(session, again.keys.verify).ok
        again.close()


def stop(home: Home) -> None:
    with home.transaction() as session:
        ines = member(session)
        stopping = {"version": VERSION, "reason": "Trop d'écarts.", "today": home.today()}
        committee.suspend(session, ines, now=NOW, **stopping)


@pytest.fixture
def staffed(home: Home) -> dict[str, str]:
    """Make accounts with passwords, and a model that two of them approved; passwords by login."""
    on = {"by": CLI, "now": NOW}
    hashes = {"table_hash": "t", "protocol_hash": "p", "data_hash": "d"}
    roles = {"omar": Role.COMMITTEE, "zoe": Role.COMMITTEE, "paul": Role.ADMIN, "rene": Role.ADMIN}
    with home.transaction() as session:
        passwords = {
            login: accounts.create_user(session, login=login, role=role, team=None, **on)
            for login, role in roles.items()
        }
        committee.register_model(session, version="2", family="rule", chosen=True, **hashes, **on)
        audit = {"verdict": "pass", "audit_hash": "a", "report_hash": "r"}
        committee.record_audit(session, version="2", **audit, **on)
        for login in ("omar", "zoe"):
            committee.approve(
                session, accounts.actor_for(session, login), version="2", reason="Assez sûr.",
                waive_days=None, most_days=1, today=home.today(), now=NOW,
            )  # fmt: skip
    return passwords


def state(home: Home, version: str) -> ModelState:
    with home.transaction() as session:
        return committee.model(session, version, today=home.today()).state


def sign_in(home: Home, login: str, password: str) -> object:
    with home.transaction() as session:
        return accounts.try_sign_in(session, login=login, password=password, now=home.now())


def resume(home: Home, login: str, version: str) -> ModelState:
    with home.transaction() as session:
        by = accounts.actor_for(session, login)
        again = {"version": version, "reason": "Vérifié.", "today": home.today(), "now": NOW}
        return committee.resume(session, by, **again)


@pytest.mark.safeguard
def test_s28_no_restore_undoes_what_the_replaced_home_held_back(
    home: Home, staffed: dict[str, str], tmp_path: Path
) -> None:
    file = back_up(home, tmp_path / "staffed.rebond", by=CLI).file
    stop(home)
    with home.transaction() as session:
        failed = {"verdict": "fail", "audit_hash": "b", "report_hash": "r"}
        committee.record_audit(session, version="2", **failed, by=CLI, now=NOW)
        fresh = accounts.reset_user(session, login="zoe", by=CLI, now=NOW)
        accounts.close_user(session, login="paul", by=CLI, now=NOW)
        taken = select(schema.User).where(schema.User.login == "karim")
        session.scalars(taken).one().role = Role.ADMIN  # by whatever way
    for _ in range(accounts.MAX_FAILURES):
        sign_in(home, "omar", "wrong")
    home.close()
    done = put_back(home, file)
    assert done.stopped == ("2", VERSION) and done.accounts == ("karim", "paul", "zoe")
    again = opened(home)
    said = acts(again)
    assert [said.count(act) for act in ("carry_stop", "votes_withdrawn", "carry_account")] == [
        1, 1, 3,
    ]  # fmt: skip
    with again.transaction() as session:
        assert stop_of(session, VERSION) and verify_journal(session, again.keys.verify).ok
        assert approved_record(session) is None
        roles = {user.login: user.role for user in accounts.users(session)}
    assert state(again, "2") is ModelState.PROPOSED and roles["karim"] is Role.ADMIN
    for login, password in (*staffed.items(), ("paul", "")):
        held = isinstance(sign_in(again, login, password), SignInRefused)
        assert held == (login != "rene")  # omar's is locked, zoe's is another, paul's is closed
    assert isinstance(sign_in(again, "zoe", fresh), SignedIn)
    with again.transaction() as session:  # her key of today signs, and the journal knows it
        accounts.try_unlock(session, login="zoe", password=fresh, now=NOW)
    assert resume(again, "zoe", VERSION) is ModelState.PROPOSED  # a stop is lifted by a member
    with again.transaction() as session:
        assert stop_of(session, VERSION) is None
    assert done.before is not None
    put_back(again, done.before)  # what stood there before comes back, held back as it is now
    assert state(opened(home), "2") is ModelState.PROPOSED


@pytest.mark.safeguard
def test_s28_where_no_home_is_replaced_every_model_starts_stopped(
    home: Home, staffed: dict[str, str], tmp_path: Path
) -> None:
    file = back_up(home, tmp_path / "staffed.rebond", by=CLI).file
    fresh = Home(tmp_path / "b", home.keys_folder, lambda: NOW)
    done = put_back(fresh, file)
    assert done.stopped == ("2", VERSION) and done.accounts == ()
    with fresh.transaction() as session:
        assert stop_of(session, "2") and stop_of(session, VERSION)
    assert isinstance(sign_in(fresh, "zoe", staffed["zoe"]), SignedIn)
    assert resume(fresh, "zoe", "2") is ModelState.APPROVED
    fresh.close()
    home.database.write_bytes(b"no database at all" * 4096)
    with pytest.raises(HomeUnreadable, match="starts stopped"):
        put_back(home, file)
    assert home.database.read_bytes().startswith(b"no database")


@pytest.mark.safeguard
def test_s31_no_restore_makes_a_key_that_was_put_into_an_account_by_hand_its_own(
    home: Home, staffed: dict[str, str], tmp_path: Path
) -> None:
    file = back_up(home, tmp_path / "staffed.rebond", by=CLI).file
    with home.transaction() as session:
        rows = {user.login: user for user in session.scalars(select(schema.User))}
        rows["zoe"].public_key = rows["omar"].public_key
    home.close()
    assert put_back(home, file).accounts == ("zoe",)
    again = opened(home)
    with again.transaction() as session, pytest.raises(SigningKeyLost):
        accounts.try_unlock(session, login="zoe", password=staffed["zoe"], now=NOW)
    with again.transaction() as session:
        accounts.try_unlock(session, login="omar", password=staffed["omar"], now=NOW)
    again.close()
    file = back_up(again, tmp_path / "later.rebond", by=CLI).file
    with again.transaction() as session:  # an account that nobody knows any more
        session.execute(text("PRAGMA foreign_keys = OFF"))
        session.execute(text("DELETE FROM users WHERE login = 'rene'"))
    again.close()
    assert put_back(again, file).accounts == ("rene",)
    once_more = opened(home)
    assert isinstance(sign_in(once_more, "rene", staffed["rene"]), SignInRefused)
    with once_more.transaction() as session:
        fresh = accounts.reset_user(session, login="rene", by=CLI, now=NOW)
    assert isinstance(sign_in(once_more, "rene", fresh), SignedIn)


def acts(home: Home) -> list[str]:
    with home.transaction() as session:
        return [entry.act for entry in entries(session, 1000)]


def test_the_commands_say_what_they_did(place: Place, tmp_path: Path) -> None:
    shutil.move(place.root / "keys", place.root / "home" / "keys")
    file = tmp_path / "all.rebond"
    ran = rebond("backup", file, home=place.root / "home")
    assert (ran.status, ran.out) == (0, {"file": str(file), "persons": 3})
    assert rebond("backup", file, home=place.root / "home").status == 1
    (tmp_path / "b").mkdir()
    shutil.copytree(place.root / "home" / "keys", tmp_path / "b" / "keys")
    (tmp_path / "b" / "keys").chmod(0o700)
    ran = rebond("restore", file, home=tmp_path / "b")
    assert ran.status == 0 and (ran.out["persons"], ran.out["left_out"]) == (3, 0)
    assert find(Home(tmp_path / "b", tmp_path / "b" / "keys")).person_id == HER
