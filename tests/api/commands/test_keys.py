"""Keys lent to whoever trains, and everything tried to train with the home's own in reach."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

from api.authority import unlock
from api.cli import main
from api.gate import FormerKeys, sign_assessment
from api.home import Home, create_home
from api.imports import import_folder
from api.lending import LentInside, lend
from api.opening import open_home
from api.reach import KeysInReach, check_out_of_reach
from api.rotation import rotate_keys
from api.settings import SIMULATED_UNTIL, Settings
from api.studies import audit_model, train_models
from features.errors import RebondError
from features.keys import (
    LENT,
    KeyNotHere,
    KeysUnreadable,
    SealBroken,
    keyed_hash,
    read_keys,
    write_private,
)
from features.sensitive import AttributesExpired, SensitiveStore
from features.simulation import simulate
from modeles.logistic import Logistic
from revue import accounts, queue, schema
from revue.records import Actor, Role
from revue.vault import display_names
from tests.conftest import DemoHome, rebond
from tests.features.builders import event, protocol_text, stay, write_folder

CLI = Actor("cli:test", None, None)
GENDER = [{"person_id": "P1", "attribute": "genre", "value": "CANARY-F"}]
NAMED = [{"person_id": "P1", "display_name": "Zoé Canary"}]


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run a command in this process; its status and object."""
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--json"])
    return int(str(left.value.code)), json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A production home under a signed assessment, whose own keys lie outside of it."""
    folder = tmp_path_factory.mktemp("made")
    home = create_home(folder / "home", folder / "own", Settings(production=True))
    text = protocol_text(legal='[legal]\ncontroller = "Exemple"\nbasis = "article 6(1)(e)"')
    import_folder(home, write_folder(folder / "in", protocol=text), by=CLI, progress=str)
    with home.transaction() as session:
        secret = accounts.create_user(
            session, login="dina", role=Role.DPO, team=None, by=CLI, now=home.now()
        )
    sign_assessment(home, "dina", unlock(home, "dina", secret))
    home.close()
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Home:
    """A copy of it that a test may change."""
    for name in ("home", "own"):
        shutil.copytree(made / name, tmp_path / name)
    return Home(tmp_path / "home", tmp_path / "own")


@pytest.fixture
def lent(home: Home, tmp_path: Path) -> Home:
    """The same home for whoever trains: lent keys, the home's own out of their reach."""
    lend(home, tmp_path / "lent", by=CLI)
    (tmp_path / "own").rename(tmp_path / "vaulted")
    return Home(home.folder, tmp_path / "lent")


# --- lending ------------------------------------------------------------------------------


def test_a_lent_folder_holds_what_training_needs_and_nothing_else(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBOND_KEYS", str(home.keys_folder))
    folder = tmp_path / "lent"
    assert said(capsys, "--home", str(home.folder), "keys", "lend", str(folder)) == (
        0,
        {"keys": str(folder)},
    )
    found = {path.name for path in folder.iterdir()}
    assert found == {
        *LENT.values(),
        "signing.key",
        "signing.pub",
        "epoch",
        "lent-from",
        "production",
    }
    assert folder.stat().st_mode & 0o777 == 0o700
    keys = read_keys(folder)
    for purpose in LENT:
        assert keys.subkey(purpose) == home.keys.subkey(purpose)
    keys.verify(b"x", home.keys.sign(b"x"))
    with home.transaction() as session:
        acts = select(schema.Entry.subject).where(schema.Entry.act == "lend_keys")
        assert session.scalars(acts).all() == ["epoch 1"]


def test_nothing_is_lent_into_the_home_over_something_or_from_lent_keys(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "inside").symlink_to(home.folder, target_is_directory=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").touch()
    for folder, error in (
        (home.folder / "lent", LentInside),
        (home.folder, LentInside),
        (tmp_path / "inside" / "lent", LentInside),
        (tmp_path / "full", KeysUnreadable),
        (home.keys_folder, KeysUnreadable),
    ):
        with pytest.raises(error):
            lend(home, folder, by=CLI)
    lend(home, tmp_path / "lent", by=CLI)
    with pytest.raises(KeyNotHere, match="only lent keys"):
        lend(Home(home.folder, tmp_path / "lent"), tmp_path / "again", by=CLI)
    assert not (home.folder / "lent").exists() and not (tmp_path / "again").exists()
    with home.transaction() as session:
        entries = session.scalars(select(schema.Entry).where(schema.Entry.act == "lend_keys")).all()
    assert len(entries) == 1


@pytest.mark.safeguard
def test_s07_with_lent_keys_nobody_is_named_imported_or_looked_up(
    tmp_path: Path,
) -> None:
    own = create_home(tmp_path / "home", tmp_path / "own", Settings())
    folder = write_folder(tmp_path / "in", [stay()], [event()], sensitive=GENDER, identities=NAMED)
    import_folder(own, folder, by=CLI, progress=str)
    lend(own, tmp_path / "lent", by=CLI)
    lent = open_home(own.folder, tmp_path / "lent")
    person = own.keys.pseudonym("P1")
    for purpose in ("pseudonym/prevention", "pseudonym/household", "event_id", "vault", "account"):
        with pytest.raises(KeyNotHere, match="holds no key for"):
            lent.keys.subkey(purpose)
    assert lent.person_keys.all() == {} and lent.person_keys.of((person,)) == [None]
    with pytest.raises(KeyNotHere, match="standing"):
        lent.keys.standing_id("P1")
    before = own.store.manifest
    with pytest.raises(KeyNotHere):
        import_folder(lent, folder, by=CLI, progress=str)
    assert own.store.manifest == before
    held = {name: (tmp_path / "lent" / name).read_bytes() for name in LENT.values()}
    # The service's own ids are few: with the key of pseudonyms a dictionary finds everybody.
    assert not {keyed_hash(key, "P1") for key in held.values()} & {person}
    assert own.sensitive.attributes([person], ["genre"], on=date(2024, 12, 31)).equals(
        lent.sensitive.attributes([person], ["genre"], on=date(2024, 12, 31))
    )
    own.sessions.kw["bind"].dispose()


# --- keys in reach ------------------------------------------------------------------------


def by_the_variable(home: Home, away: Path) -> Home:
    away.rename(home.folder.parent / "own")
    return Home(home.folder, home.folder.parent / "own")


def in_the_default_folder(home: Home, away: Path) -> Home:
    shutil.copytree(away, home.folder / "keys")
    return home


def where_they_were_lent_from(home: Home, away: Path) -> Home:
    shutil.copytree(away, home.folder.parent / "own")
    return home


def by_a_link(home: Home, away: Path) -> Home:
    (home.keys_folder / "draw.key").rename(home.keys_folder / "keep")
    shutil.copy(home.keys_folder / "keep", home.keys_folder / "draw.key")
    (home.keys_folder / "keep").unlink()
    (home.keys_folder / "master.key").symlink_to(away / "master.key")
    return home


def by_a_linked_folder(home: Home, away: Path) -> Home:
    (home.folder / "keys").symlink_to(away, target_is_directory=True)
    return home


def under_another_name(home: Home, away: Path) -> Home:
    shutil.copy(away / "master.key", home.keys_folder / "old-notes.txt")
    return home


def by_a_link_under_a_lent_name(home: Home, away: Path) -> Home:
    (home.keys_folder / "signing.pub").unlink()
    (home.keys_folder / "signing.pub").symlink_to(away / "master.key")
    return home


def in_a_folder_within(home: Home, away: Path) -> Home:
    shutil.copytree(away, home.keys_folder / "backup")
    return home


def only_one(name: str) -> Callable[[Home, Path], Home]:
    def put(home: Home, away: Path) -> Home:
        if not (away / name).exists():
            write_private(away / name, b"k" * 32)
        shutil.copy(away / name, home.keys_folder / name)
        return home

    return put


WAYS = (
    by_the_variable,
    in_the_default_folder,
    where_they_were_lent_from,
    by_a_link,
    by_a_linked_folder,
    under_another_name,
    by_a_link_under_a_lent_name,
    in_a_folder_within,
    *(
        only_one(n)
        for n in ("master.key", "standing.key", "persons.db", "next.key", "event_id.key")
    ),
)


@pytest.mark.safeguard
@pytest.mark.parametrize("way", WAYS)
def test_s07_training_refuses_to_start_with_a_key_in_reach(
    way: Callable[[Home, Path], Home], lent: Home, tmp_path: Path
) -> None:
    check_out_of_reach(lent)
    reached = way(lent, tmp_path / "vaulted")
    with pytest.raises(KeysInReach, match="rebond keys lend FOLDER"):
        check_out_of_reach(reached)
    with pytest.raises(KeysInReach):
        train_models(reached, by=CLI, progress=str)


@pytest.mark.safeguard
def test_s07_out_of_reach_training_goes_on_to_its_next_condition(
    lent: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBOND_KEYS", str(lent.keys_folder))
    status, out = said(capsys, "--home", str(lent.folder), "train")
    assert status == 1 and "lend" not in out["error"]
    (lent.keys_folder / "master.key").write_bytes(b"m" * 32)
    status, out = said(capsys, "--home", str(lent.folder), "train")
    assert status == 1 and "master.key in lent/" in out["error"]


@pytest.mark.safeguard
def test_s07_a_lent_folder_that_others_can_open_is_refused(lent: Home) -> None:
    lent.keys_folder.chmod(0o755)
    with pytest.raises(KeysUnreadable, match="chmod 700"):
        open_home(lent.folder, lent.keys_folder)


# --- training and auditing ----------------------------------------------------------------


@pytest.mark.safeguard
def test_s05_s07_lent_keys_train_and_audit_and_training_needs_no_audit_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    simulate(folder, persons=300, months=24, seed=3, until=SIMULATED_UNTIL, progress=str)
    own = create_home(tmp_path / "home", tmp_path / "own", Settings())
    import_folder(own, folder, by=CLI, progress=str)
    lend(own, tmp_path / "lent", by=CLI)
    (tmp_path / "own").rename(tmp_path / "vaulted")
    aside = tmp_path / "aside"
    aside.mkdir()
    for name in ("audit.key", "audit-pseudonym.key", "educators.key"):
        (tmp_path / "lent" / name).rename(aside / name)
    lent = open_home(own.folder, tmp_path / "lent")
    trained = train_models(lent, by=CLI, progress=str, search=(Logistic(0.05),))
    version = trained.tables[0].version
    with pytest.raises(KeyNotHere, match="audit"):
        audit_model(lent, version, by=CLI, progress=str)
    for path in aside.iterdir():
        path.rename(tmp_path / "lent" / path.name)
    monkeypatch.setenv("REBOND_KEYS", str(tmp_path / "lent"))
    command = ("--home", str(own.folder))
    lent = open_home(own.folder, tmp_path / "lent")
    outcome = audit_model(Home(own.folder, tmp_path / "lent"), version, by=CLI, progress=str)
    assert outcome.result.findings and outcome.report["json"].is_file()
    assert said(capsys, *command, "model", "show", version)[1]["version"] == version
    assert said(capsys, *command, "journal", "verify")[0] == 0

    # The attributes go by the day of the audit from now on, and then they are gone.
    later = SIMULATED_UNTIL + timedelta(days=31)
    with pytest.raises(AttributesExpired, match="last audited on"):
        lent.sensitive.mark_audited(on=later)

    # New keys, other folds: what was trained before is not measured again on them.
    (tmp_path / "vaulted").rename(tmp_path / "own")
    rotate_keys(own, by=CLI, progress=str)
    with pytest.raises(FormerKeys, match="train again"):
        audit_model(own, version, by=CLI, progress=str)


@pytest.mark.safeguard
def test_s07_after_a_rotation_the_queue_names_the_same_people_and_scoring_goes_on(
    demo_home: DemoHome, tmp_path: Path
) -> None:
    shown = demo_home.copy(tmp_path / "home")
    home = open_home(shown.folder, shown.folder / "keys")

    def people() -> set[tuple[str, str]]:
        with home.transaction() as session:
            actor = accounts.actor_for(session, shown.login("educator"))
            when = {"now": home.now(), "today": home.today()}
            items = queue.queue_of(session, actor, **when).items
            names = display_names(
                session, home.person_keys, actor, [item.person for item in items], **when
            )
            return {(item.id, names[item.person]) for item in items}

    before = people()
    rotate_keys(home, by=CLI, progress=str)
    assert people() == before and before
    home.sessions.kw["bind"].dispose()
    with closing(sqlite3.connect(home.database)) as database, database:
        for table in ("signals", "situations", "runs"):
            database.execute(f"DELETE FROM {table}")  # noqa: S608 - as if never scored
    ran = rebond("score", home=shown.folder)
    assert ran.status == 0 and ran.out["queued"] == shown.out["queued"], ran.out


# --- sensitive attributes expire, purposes do not join --------------------------------------


@pytest.mark.safeguard
def test_s05_an_expired_attribute_stops_the_audit_in_one_sentence_and_is_purged(
    tmp_path: Path,
) -> None:
    home = create_home(tmp_path / "home", tmp_path / "home" / "keys", Settings())
    folder = write_folder(tmp_path / "in", [stay()], [event()], sensitive=GENDER)
    import_folder(home, folder, by=CLI, progress=str)
    person = home.keys.pseudonym("P1")
    last = date(2024, 12, 31) + timedelta(days=365)  # from the day of the extract
    assert home.sensitive.attributes([person], ["genre"], on=last)["genre"].tolist() == ["CANARY-F"]
    with pytest.raises(AttributesExpired, match="import the sensitive file again"):
        home.sensitive.attributes([person], ["genre"], on=last + timedelta(days=1))
    with pytest.raises(AttributesExpired):
        home.sensitive.mark_audited(on=last + timedelta(days=1))
    assert not home.sensitive.purge(last)
    assert home.sensitive.purge(last + timedelta(days=1)) and not home.sensitive.file.exists()
    import_folder(home, folder, by=CLI, progress=str)
    assert home.sensitive.attributes([person], ["genre"], on=last)["genre"].tolist() == ["CANARY-F"]


@pytest.mark.safeguard
def test_s05_without_the_audit_key_no_byte_of_a_home_holds_an_attribute(tmp_path: Path) -> None:
    home = create_home(tmp_path / "home", tmp_path / "own", Settings())
    folder = write_folder(
        tmp_path / "in", [stay(), stay("P2")], [event()], sensitive=GENDER, identities=NAMED
    )
    import_folder(home, folder, by=CLI, progress=str)
    for path in (p for p in home.folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        assert b"CANARY" not in content and b"Canary" not in content, path
    lend(home, tmp_path / "lent", by=CLI)
    keys = read_keys(tmp_path / "lent")
    without = SensitiveStore(
        home.sensitive.file,
        type(keys)(None, keys.signing, lent={"draw": keys.subkey("draw")}),
    )
    with pytest.raises(KeyNotHere, match="audit"):
        without.attributes([], ["genre"], on=date(2024, 12, 31))
    swapped = type(keys)(None, keys.signing, lent={"audit": keys.subkey("draw")})
    with pytest.raises(SealBroken):
        SensitiveStore(home.sensitive.file, swapped).attributes([], [], on=date(2024, 12, 31))


@pytest.mark.safeguard
def test_s06_pseudonyms_of_two_purposes_do_not_join_on_disk(tmp_path: Path) -> None:
    home = create_home(tmp_path / "home", tmp_path / "own", Settings())
    people = [f"P{n}" for n in range(1, 9)]
    folder = write_folder(
        tmp_path / "in",
        [stay(p, household_id=f"F{p}") for p in people],
        [event(p, event_id=p) for p in people],
        sensitive=[{**GENDER[0], "person_id": p} for p in people],
    )
    import_folder(home, folder, by=CLI, progress=str)
    sealed = home.sensitive.file.read_bytes()
    inside = pd.read_parquet(io.BytesIO(home.keys.unseal("audit", sealed)))
    stays, events = home.store.stays(), home.store.events()
    held = [
        set(stays["person"]),
        set(stays["household"]),
        set(events["event_id"]),
        set(inside["person"]),
        {home.keys.standing_id(p) for p in people},
        {key.key_id for key in home.person_keys.all().values()},
    ]
    assert all(len(one) == len(people) for one in held)
    assert len(set().union(*held)) == len(held) * len(people)
    # What joins the two stores is the audit's own key, and a protocol of another purpose
    # never gets as far as a pseudonym.
    control = folder / "protocol.toml"
    control.write_text(control.read_text().replace('"prevention"', '"control"'), encoding="utf-8")
    with pytest.raises(RebondError, match="prevention"):
        import_folder(home, folder, by=CLI, progress=str)
