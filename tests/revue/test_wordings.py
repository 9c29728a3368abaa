from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from features.keys import ForgedSignature, Keyring
from features.words import MalformedWording
from revue import database, schema
from revue.journal import entries, verify_journal
from revue.permissions import Forbidden, NoAccount
from revue.reasons import ReasonMissing
from revue.records import Actor, Role, Wording
from revue.wordings import (
    AlreadyConfirmed,
    NoSuchWording,
    SameMember,
    UnchangedWording,
    UnknownGroup,
    WordingOvertaken,
    confirm,
    current,
    history,
    pending,
    propose,
)
from tests.revue.builders import CLI, NOW, TODAY, educator, member, strangers_keys, user
from tests.revue.conftest import Refused

FIRST = {"visites": "visite|visites", "appels": "appel|appels"}


def proposed(session: Session, by: Actor, text: str = "passage|passages", **more: str) -> Wording:
    group, reason = more.get("group", "visites"), more.get("reason", "plus juste")
    return propose(session, by, group=group, text=text, reason=reason, first=FIRST, now=NOW)


@pytest.fixture
def ines(session: Session) -> Actor:
    return member(session)


@pytest.fixture
def paul(session: Session) -> Actor:
    return member(session, "paul")


def test_two_members_mend_a_wording(
    session: Session, keys: Keyring, ines: Actor, paul: Actor
) -> None:
    first = proposed(session, ines, " passage |passages")
    assert (first.version, first.text, first.confirmed_by) == (2, "passage|passages", None)
    assert current(session, keys.verify) == {}
    assert pending(session) == (first,)
    later = NOW + timedelta(hours=1)
    confirmed = confirm(session, paul, version=2, now=later)
    assert (confirmed.proposed_by, confirmed.confirmed_by) == ("ines", "paul")
    assert (confirmed.proposed_at, confirmed.confirmed_at) == (NOW, later)
    keys.verify(confirmed.content.encode(), confirmed.signature or "")
    assert current(session, keys.verify) == {"visites": "passage|passages"}
    assert history(session) == (confirmed,)
    assert pending(session) == ()
    acts = [(e.actor, e.act, e.subject) for e in entries(session, 2)]
    assert acts == [("paul", "confirm_wording", "2"), ("ines", "propose_wording", "2")]
    assert verify_journal(session, keys.verify).ok


def test_the_newest_confirmed_is_in_force_and_nothing_older_comes_back(
    session: Session, keys: Keyring, ines: Actor, paul: Actor
) -> None:
    proposed(session, ines)
    proposed(session, paul, "venue|venues")
    other = proposed(session, ines, "coup de téléphone", group="appels")
    assert [w.version for w in pending(session)] == [4, 3, 2]
    confirm(session, ines, version=3, now=NOW)
    assert pending(session) == (other,)
    with pytest.raises(WordingOvertaken):
        confirm(session, paul, version=2, now=NOW)
    confirm(session, paul, version=4, now=NOW)
    assert current(session, keys.verify) == {
        "visites": "venue|venues",
        "appels": "coup de téléphone",
    }
    back = proposed(session, ines, FIRST["visites"])  # the protocol's own words, again
    confirm(session, paul, version=back.version, now=NOW)
    assert current(session, keys.verify)["visites"] == FIRST["visites"]


@pytest.mark.safeguard
def test_s31_one_member_is_not_two(
    session: Session, keys: Keyring, ines: Actor, paul: Actor
) -> None:
    version = proposed(session, ines).version
    with pytest.raises(SameMember):
        confirm(session, ines, version=version, now=NOW)
    assert current(session, keys.verify) == {}
    confirm(session, paul, version=version, now=NOW)
    for actor in (ines, paul):
        with pytest.raises(AlreadyConfirmed):
            confirm(session, actor, version=version, now=NOW)


@pytest.mark.safeguard
@pytest.mark.parametrize("role", [*sorted(set(Role) - {Role.COMMITTEE}), None])
def test_s26_only_members_mend(session: Session, ines: Actor, role: Role | None) -> None:
    version = proposed(session, ines).version
    actor = CLI if role is None else user(session, "somebody", role, "nord")
    with pytest.raises(Forbidden):
        proposed(session, actor, "venue")
    with pytest.raises(Forbidden):
        confirm(session, actor, version=version, now=NOW)
    with pytest.raises(NoAccount):
        proposed(session, Actor("nobody", Role.COMMITTEE, None), "venue")
    assert [w.confirmed_by for w in history(session)] == [None]


def test_what_cannot_be_proposed_or_confirmed(session: Session, ines: Actor, paul: Actor) -> None:
    with pytest.raises(UnknownGroup, match="appels"):
        proposed(session, ines, group="cours")
    with pytest.raises(UnchangedWording):
        proposed(session, ines, " visite|visites ")
    with pytest.raises(MalformedWording):
        proposed(session, ines, "a|b|c")
    with pytest.raises(ReasonMissing):
        proposed(session, ines, reason=" ")
    with pytest.raises(NoSuchWording):
        confirm(session, ines, version=2, now=NOW)
    assert history(session) == ()
    confirm(session, paul, version=proposed(session, ines).version, now=NOW)
    with pytest.raises(UnchangedWording):
        proposed(session, paul)


def test_the_signature_holds_whatever_zone_the_clock_has(
    session: Session, keys: Keyring, ines: Actor, paul: Actor
) -> None:
    paris = datetime(2026, 11, 21, 11, 0, tzinfo=timezone(timedelta(hours=1)))
    propose(
        session, ines, group="visites", text="venue", reason="plus juste", first=FIRST, now=paris
    )
    confirm(session, paul, version=2, now=paris)
    assert current(session, keys.verify)
    session.expire_all()
    assert current(session, keys.verify)
    assert history(session)[0].proposed_at == paris.astimezone(UTC)


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE wordings SET text = 'autre'",
        "UPDATE wordings SET text = 'autre' WHERE version = 3",
        "UPDATE wordings SET confirmed_by = 2 WHERE version = 3",
        "UPDATE wordings SET confirmed_by = NULL, confirmed_at = NULL WHERE version = 2",
        "UPDATE OR REPLACE wordings SET version = 2 WHERE version = 3",
        *(
            f"UPDATE wordings SET {change}, confirmed_at = '2026-11-22', signature = '00' "  # noqa: S608
            f"WHERE version = {version}"
            for change, version in (
                ("confirmed_by = 2", 2),
                ("confirmed_by = 1", 3),
                ("confirmed_by = 3", 3),
                ("confirmed_by = 99", 3),
                ("confirmed_by = 2, text = 'autre'", 3),
                ("confirmed_by = 2, feature_group = 'appels'", 3),
                ("confirmed_by = 2, reason = 'autre'", 3),
                ("confirmed_by = 1, proposed_by = 2", 3),
                ("confirmed_by = 2, version = 9", 3),
            )
        ),
        "DELETE FROM wordings",
        "DELETE FROM wordings WHERE version = 3",
        *(
            f"INSERT {into} wordings VALUES "  # noqa: S608
            f"({version}, 'visites', 'x', 'y', {by}, '2026-11-22', {confirmation})"
            for into, version, by, confirmation in (
                ("INTO", 9, 1, "NULL, NULL, NULL"),
                ("INTO", "NULL", 1, "NULL, NULL, NULL"),
                ("INTO", 4, 3, "NULL, NULL, NULL"),
                ("INTO", 4, 1, "2, '2026-11-22', '00'"),
                ("OR REPLACE INTO", 2, 1, "NULL, NULL, NULL"),
            )
        ),
    ],
)
def test_s31_the_database_refuses_every_change_but_one_confirmation(
    session: Session, keys: Keyring, ines: Actor, paul: Actor, refused: Refused, attack: str
) -> None:
    lea = educator(session)
    assert (ines.user_id, paul.user_id, lea.user_id) == (1, 2, 3)
    proposed(session, ines)
    confirm(session, paul, version=2, now=NOW)
    proposed(session, ines, "venue")
    refused(attack)
    session.expire_all()
    assert current(session, keys.verify) == {"visites": "passage|passages"}


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE wordings SET text = 'autre'",
        "UPDATE wordings SET feature_group = 'appels'",
        "UPDATE wordings SET confirmed_by = proposed_by",
        "UPDATE wordings SET signature = NULL",
        "UPDATE wordings SET version = 3",
    ],
)
def test_s31_what_two_members_did_not_sign_is_not_read(
    session: Session, keys: Keyring, ines: Actor, paul: Actor, attack: str
) -> None:
    """Whoever owns the file can drop the triggers; they still lack the key."""
    proposed(session, ines)
    confirm(session, paul, version=2, now=NOW)
    with pytest.raises(ForgedSignature):
        current(session, strangers_keys().verify)
    session.execute(text("DROP TRIGGER wordings_confirmed"))
    session.execute(text(attack))
    session.expunge_all()
    with pytest.raises(ForgedSignature):
        current(session, keys.verify)


def test_a_home_of_the_first_schema_is_brought_along(tmp_path: Path, keys: Keyring) -> None:
    path = tmp_path / "review.db"
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        columns = "login, role, password_hash, practised, created_at"
        connection.execute(
            text(
                f"INSERT INTO users ({columns}) VALUES ('ines', 'committee', '-', 1, '2026-11-21')"  # noqa: S608
            )
        )
    engine.dispose()
    with pytest.raises(database.NotMigrated):
        database.open_database(path, keys.sign, lambda: TODAY)
    database.create_database(path)
    made = database.open_database(path, keys.sign, lambda: TODAY)
    with made.begin() as session:
        assert session.get_one(schema.User, 1).login == "ines"
        assert history(session) == ()
    made.kw["bind"].dispose()
