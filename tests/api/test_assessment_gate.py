"""A production home trains and scores under a signature over what is in use, or not at all."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.authority import unlock
from api.cli import main
from api.gate import (
    OwnSignatureMissing,
    assessment_state,
    check_assessment,
    sign_assessment,
)
from api.home import Home, ProductionUndone, create_home
from api.imports import import_folder
from api.lending import lend
from api.opening import open_home
from api.scope import LegalBasisMissing, check_legal, scope_of
from api.settings import Settings, write_settings
from api.situations import InputsTooOld, _check_inputs, _review_date, score_situations
from api.studies import train_models
from features.errors import RebondError
from features.keys import PRODUCTION
from revue import accounts, assessments, schema
from revue.assessments import (
    ACT,
    Assessment,
    AssessmentExpired,
    AssessmentForged,
    AssessmentMissing,
    AssessmentOutdated,
    changes,
    scope_hash,
)
from revue.journal import record
from revue.permissions import Forbidden
from revue.records import Actor, Role
from tests.api.web_home import House
from tests.features.builders import PARTS, protocol, protocol_text, write_folder

CLI = Actor("cli:test", None, None)
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
PASSWORD = "une phrase de passe"
LEGAL = '[legal]\ncontroller = "Association Exemple"\nbasis = "article 6(1)(e), mission"'
LATER = PARTS["groups"].replace('"mean", ', "")


def take(home: Home, folder: Path, **parts: str) -> None:
    """Import the smallest folder under some protocol."""
    text = protocol_text(**{"legal": LEGAL, **parts})
    import_folder(home, write_folder(folder, protocol=text), by=CLI, progress=lambda _: None)


def fresh(home: Home, *, days: int = 0) -> Home:
    """The same home, read again, some days later."""
    return Home(home.folder, home.keys_folder, lambda: NOW + timedelta(days=days))


def copied(home: Home, to: Path) -> Home:
    shutil.copytree(home.folder, to / "home")
    (to / "home" / "keys").chmod(0o700)
    return Home(to / "home", to / "home" / "keys", lambda: NOW)


def sign(home: Home, login: str = "dina") -> None:
    sign_assessment(home, login, unlock(home, login, PASSWORD))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A production home with accounts and data, and nothing signed."""
    folder = tmp_path_factory.mktemp("assessed") / "home"
    home = create_home(folder, folder / "keys", Settings(production=True), lambda: NOW)
    take(home, folder.parent / "in")
    with home.transaction() as session:
        for login, role in (
            ("dina", Role.DPO),
            ("anne", Role.COMMITTEE),
            ("sonia", Role.STEWARD),
            ("adam", Role.ADMIN),
        ):
            accounts.create_user(
                session, login=login, role=role, team=None, by=CLI, now=NOW, password=PASSWORD
            )
    home.sessions.kw["bind"].dispose()
    return home


@pytest.fixture(scope="module")
def made_signed(made: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = copied(made, tmp_path_factory.mktemp("signed"))
    sign(home)
    check_assessment(home)
    home.sessions.kw["bind"].dispose()
    return home


@pytest.fixture
def home(made: Home, tmp_path: Path) -> Home:
    """A production home of a test's own, in which nobody signed."""
    return copied(made, tmp_path)


@pytest.fixture
def signed(made_signed: Home, tmp_path: Path) -> Home:
    """The same, in which the data protection officer signed."""
    return copied(made_signed, tmp_path)


def sql(home: Home, *statements: tuple[str, tuple[object, ...]]) -> None:
    """Write into the database past the program."""
    database = sqlite3.connect(home.database)
    with database:
        for statement, values in statements:
            database.execute(statement, values)
    database.close()


def row(home: Home) -> dict[str, Any]:
    database = sqlite3.connect(home.database)
    database.row_factory = sqlite3.Row
    found = database.execute("SELECT * FROM assessments ORDER BY id DESC").fetchone()
    database.close()
    return {} if found is None else dict(found)


def by_python_train(home: Home) -> None:
    train_models(home, by=CLI, progress=lambda _: None)


def by_python_score(home: Home) -> None:
    score_situations(home, None, by=CLI, progress=lambda _: None)


def by_command(name: str) -> Callable[[Home], None]:
    def door(home: Home) -> None:
        with pytest.raises(SystemExit) as left:
            main(["--home", str(home.folder), name])
        assert left.value.code == 1

    door.__name__ = f"rebond_{name}"
    return door


DOORS = (by_python_train, by_python_score)


@pytest.mark.safeguard
@pytest.mark.parametrize("door", DOORS)
def test_s10_nothing_is_trained_or_scored_before_somebody_signed(
    home: Home, door: Callable[[Home], None]
) -> None:
    with pytest.raises(AssessmentMissing, match="none is signed here"):
        door(home)


@pytest.mark.safeguard
@pytest.mark.parametrize("name", ["train", "score"])
def test_s10_neither_does_the_command_line(
    home: Home, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    by_command(name)(home)
    assert "none is signed here" in capsys.readouterr().err


@pytest.mark.safeguard
@pytest.mark.parametrize("door", DOORS)
def test_s10_a_signature_opens_the_doors(signed: Home, door: Callable[[Home], None]) -> None:
    """Without it the refusals above could be about anything."""
    with pytest.raises(RebondError) as other:
        door(signed)
    assert not isinstance(other.value, AssessmentMissing)


@pytest.mark.safeguard
@pytest.mark.parametrize("door", DOORS)
def test_s10_a_feature_added_after_signing_closes_them_and_is_named(
    signed: Home, tmp_path: Path, door: Callable[[Home], None]
) -> None:
    take(signed, tmp_path / "again", features="[features]\nwindows_days = [28, 90, 365]")
    with pytest.raises(AssessmentOutdated, match=r"the features \(added 'rendez-vous.count.365'"):
        door(fresh(signed))


@pytest.mark.safeguard
@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"groups": LATER}, r"the features \(removed 'rendez-vous.mean"),
        ({"capacity": "[capacity]\ncontrol_share = 0.2"}, r"the capacity \(control_share\)"),
        ({"legal": LEGAL.replace("mission", "autre")}, r"the legal basis \(basis\)"),
        ({"population": "[population]\nmin_history_days = 7"}, "the protocol changed"),
    ],
)
def test_s10_whatever_else_changes_is_named(
    signed: Home, tmp_path: Path, parts: dict[str, str], named: str
) -> None:
    take(signed, tmp_path / "again", **parts)
    with pytest.raises(AssessmentOutdated, match=named):
        check_assessment(fresh(signed))


@pytest.mark.safeguard
def test_s10_a_wording_may_be_mended(signed: Home, tmp_path: Path) -> None:
    mended = PARTS["groups"].replace('wording = "rendez-vous"', 'wording = "rencontres"')
    take(signed, tmp_path / "again", groups=mended)
    check_assessment(fresh(signed))


@pytest.mark.safeguard
@pytest.mark.parametrize("setting", ["signal_days = 365", "active_days = 3650"])
def test_s10_a_duration_edited_in_the_settings_closes_the_gate(signed: Home, setting: str) -> None:
    path = signed.folder / "settings.toml"
    path.write_text(f"{setting}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    with pytest.raises(AssessmentOutdated, match=setting.split(maxsplit=1)[0]):
        check_assessment(fresh(signed))


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "said", ["production = false", "", "production = false\ndemonstration = true"]
)
def test_s07_s10_s31_settings_that_deny_production_open_nothing(
    home: Home, tmp_path: Path, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One edited line would train without signature, keys out of reach or members' passwords."""
    lend(home, tmp_path / "lent", by=CLI)
    path = home.folder / "settings.toml"
    text = path.read_text(encoding="utf-8").replace("demonstration = false", "")
    path.write_text(text.replace("production = true", said), encoding="utf-8")
    for keys in (home.keys_folder, tmp_path / "lent"):
        with pytest.raises(ProductionUndone):
            open_home(home.folder, keys)
        for door in DOORS:
            with pytest.raises(ProductionUndone):
                door(Home(home.folder, keys, lambda: NOW))
    by_command("train")(home)
    assert "a production home's" in capsys.readouterr().err


@pytest.mark.safeguard
def test_s10_a_home_that_became_one_for_production_stays_one(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    create_home(folder, folder / "keys", Settings())
    write_settings(Settings(production=True), folder / "settings.toml")
    open_home(folder, folder / "keys")
    write_settings(Settings(), folder / "settings.toml")
    with pytest.raises(ProductionUndone):
        open_home(folder, folder / "keys")


@pytest.mark.safeguard
def test_s10_telephone_numbers_may_change(signed: Home) -> None:
    path = signed.folder / "settings.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('crip = ""', 'crip = "01 23 45 67 89"'), encoding="utf-8")
    check_assessment(fresh(signed))


@pytest.mark.safeguard
def test_s10_a_table_or_its_retention_that_changed_is_named(home: Home) -> None:
    now = scope_of(home)
    then = {
        **now,
        "tables": {**now["tables"], "signals": "other"},
        "retention": {**now["retention"], "signals": "10 ans"},
    }
    assert changes(then, now) == ["the tables (signals)", "the retention (signals)"]


@pytest.mark.safeguard
def test_s10_it_expires(signed: Home) -> None:
    for days in (200, 500, 800, 1090):  # who signs in has the journal say again whose key it is
        later = fresh(signed, days=days)
        with later.transaction() as session:
            accounts.try_sign_in(session, login="dina", password=PASSWORD, now=later.now())
    check_assessment(fresh(signed, days=1095))
    with pytest.raises(AssessmentExpired, match="read it again"):
        check_assessment(fresh(signed, days=1096))


@pytest.mark.safeguard
def test_s10_a_row_written_by_hand_signs_nothing(home: Home) -> None:
    scope = scope_of(home)
    forged = Assessment("dina", NOW, scope, own=None)
    sql(
        home,
        (
            "INSERT INTO assessments (content, content_hash, user_id, signature, at) "
            "VALUES (?, ?, 1, ?, ?)",
            (forged.content, scope_hash(scope), "00" * 64, "2026-11-21 09:00:00.000000"),
        ),
    )
    with pytest.raises(AssessmentForged, match="not one that was signed in this home"):
        check_assessment(fresh(home))


@pytest.mark.safeguard
def test_s10_the_home_s_own_key_signs_for_nobody(home: Home) -> None:
    """Whoever holds the home's key, a training process for instance, is not a member."""
    with home.transaction() as session:
        actor = accounts.actor_for(session, "dina")
        assessments.sign(session, actor, scope=scope_of(home), own=None, now=NOW)
    with pytest.raises(AssessmentForged, match="no signature of their own"):
        check_assessment(fresh(home))
    with pytest.raises(OwnSignatureMissing):
        sign_assessment(home, "dina", None)


@pytest.mark.safeguard
def test_s10_another_member_s_key_signs_for_nobody_else(home: Home) -> None:
    key = unlock(home, "anne", PASSWORD)
    assert key is not None
    with pytest.raises(AssessmentForged, match="not made with the key of dina"):
        sign_assessment(home, "dina", key)
    assert row(home) == {}
    # Neither with the home's key and the journal at hand.
    unsigned = Assessment("dina", NOW, scope_of(home), None)
    forged = replace(unsigned, own=key.sign(unsigned.statement))
    with home.transaction() as session:
        dina = accounts.actor_for(session, "dina")
        written = schema.Assessment(
            content=forged.content,
            content_hash=scope_hash(forged.scope),
            user_id=dina.user_id,
            signature=home.keys.sign(forged.content.encode()),
            at=NOW,
        )
        session.add(written)
        said = {"assessed": written.content_hash, "signature": written.signature}
        record(session, actor=dina, act=ACT, subject="assessment", details=said, now=NOW)
    with pytest.raises(AssessmentForged, match="not made with the key of dina"):
        check_assessment(fresh(home))


@pytest.mark.safeguard
@pytest.mark.parametrize(
    ("column", "value"),
    [("user_id", 2), ("content_hash", "0" * 64), ("at", "2030-01-01 00:00:00.000000")],
)
def test_s10_a_signed_row_that_was_edited_holds_no_more(
    signed: Home, column: str, value: object
) -> None:
    sql(signed, (f"UPDATE assessments SET {column} = ?", (value,)))  # noqa: S608 - of this test
    with pytest.raises(AssessmentForged, match="not what dina signed"):
        check_assessment(fresh(signed))


@pytest.mark.safeguard
def test_s10_an_older_protocol_put_back_is_not_signed_by_its_older_signature(
    signed: Home, tmp_path: Path
) -> None:
    older = row(signed)
    take(signed, tmp_path / "second", groups=LATER)
    again = fresh(signed, days=1)
    sign(again)
    check_assessment(again)
    take(signed, tmp_path / "third")
    with pytest.raises(AssessmentOutdated, match="the features"):
        check_assessment(fresh(signed, days=1))
    # Neither by putting the older row on top, nor by taking the newer one away.
    names = ", ".join(name for name in older if name != "id")
    values = tuple(value for name, value in older.items() if name != "id")
    sql(
        signed,
        (f"INSERT INTO assessments ({names}) VALUES (?, ?, ?, ?, ?)", values),  # noqa: S608
    )
    with pytest.raises(AssessmentForged, match="journal holds another"):
        check_assessment(fresh(signed, days=1))
    sql(signed, ("DELETE FROM assessments WHERE id > ?", (older["id"],)))
    with pytest.raises(AssessmentForged, match="journal holds another"):
        check_assessment(fresh(signed, days=1))
    sql(signed, ("DELETE FROM assessments", ()))
    with pytest.raises(AssessmentForged, match="restore the database"):
        check_assessment(fresh(signed, days=1))


@pytest.mark.safeguard
def test_s10_a_signature_of_another_home_is_none_here(signed: Home, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    other = create_home(folder, folder / "keys", Settings(production=True), lambda: NOW)
    take(other, tmp_path / "in")
    with other.transaction() as session:
        for login in ("dina", "anne"):
            accounts.create_user(
                session,
                login=login,
                role=Role.DPO,
                team=None,
                by=CLI,
                now=NOW,
                password=PASSWORD,
            )
    brought = row(signed)
    sql(
        other,
        (
            "INSERT INTO assessments VALUES (?, ?, ?, ?, ?, ?)",
            tuple(
                brought[c] for c in ("id", "content", "content_hash", "user_id", "signature", "at")
            ),
        ),
    )
    with pytest.raises(AssessmentForged, match="not one that was signed in this home"):
        check_assessment(fresh(other))


@pytest.mark.safeguard
@pytest.mark.parametrize("login", ["sonia", "adam"])
def test_s10_other_roles_sign_nothing(home: Home, login: str) -> None:
    class Own:
        def sign(self, message: bytes) -> str:
            return home.keys.sign(message)

    with pytest.raises(Forbidden):
        sign_assessment(home, login, Own())


@pytest.mark.safeguard
def test_s10_the_command_asks_for_the_password(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for typed, status in (("", 1), ("autre chose de long\n", 1), (f"{PASSWORD}\n", 0)):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as left:
            main(["--home", str(home.folder), "dpia", "sign", "--by", "dina", "--json"])
        said = json.loads(capsys.readouterr().out)
        assert left.value.code == status, said
        assert ("error" in said) == bool(status)
    assert said["by"] == "dina"
    assert {"purpose", "protocol", "features", "tables", "retention", "capacity"} <= {*said["over"]}
    check_assessment(Home(home.folder, home.keys_folder))


def test_outside_production_the_home_signs_and_pages_are_told(home: Home) -> None:
    path = home.folder / "settings.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("production = true", ""), "utf-8")
    (home.keys_folder / PRODUCTION).unlink()
    trial = fresh(home)
    with trial.transaction() as session:
        assert type(assessment_state(trial, session).problem) is AssessmentMissing
    state = sign_assessment(trial, "anne", None)
    assert (state.by, state.at, state.problem) == ("anne", NOW, None)
    assert state.until == (NOW + timedelta(days=1095)).date()
    page = House(trial, {}).client("dina").get("/models").text
    assert "Analyse d&#39;impact signée</strong> par anne" in page.replace("’", "&#39;").replace(
        "'", "&#39;"
    )
    take(trial, trial.folder.parent / "again", groups=LATER)
    assert (
        "a changé depuis la signature" in House(fresh(trial), {}).client("dina").get("/models").text
    )


@pytest.mark.safeguard
def test_s19_an_old_extract_scores_nobody_as_if_they_had_been_silent_since(signed: Home) -> None:
    """A production home goes by the clock, so that a review date may come long after its data."""
    store = signed.store
    known, dates = store.extracted_on, store.protocol().cadence.every_days
    assert known is not None
    assert NOW.date() - known > timedelta(days=dates)
    with pytest.raises(InputsTooOld, match=f"the newest extract is of {known}"):
        _review_date(signed, store.protocol(), None)
    assert _review_date(signed, store.protocol(), known) <= known
    _check_inputs(known + timedelta(days=7), known, 7)
    with pytest.raises(InputsTooOld, match="nothing happened for 8 days"):
        _check_inputs(known + timedelta(days=8), known, 7)


@pytest.mark.safeguard
@pytest.mark.parametrize("name", ["controller", "basis"])
@pytest.mark.parametrize("door", [*DOORS, sign])
def test_s34_a_basis_emptied_on_disk_stops_signing_training_and_scoring(
    signed: Home, name: str, door: Callable[[Home], None]
) -> None:
    text = signed.store.manifest.protocol
    assert text is not None
    path = signed.store.folder / text.file
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text(
        "\n".join(f'{name} = " "' if line.startswith(f"{name} =") else line for line in lines),
        encoding="utf-8",
    )
    with pytest.raises(LegalBasisMissing, match=name):
        door(fresh(signed))


@pytest.mark.safeguard
@pytest.mark.parametrize("empty", ["", " ", "\u200b", "\u3164\u00a0", "—.", "…"])
def test_s34_signs_that_say_nothing_are_no_basis(empty: str) -> None:
    said = protocol(legal=LEGAL)
    check_legal(said)
    for name in ("controller", "basis"):
        legal = said.legal.model_copy(update={name: empty})
        with pytest.raises(LegalBasisMissing, match=name):
            check_legal(said.model_copy(update={"legal": legal}))


@pytest.mark.safeguard
def test_s34_minors_stop_an_import_whatever_was_signed(signed: Home, tmp_path: Path) -> None:
    folder = write_folder(
        tmp_path / "in",
        protocol=protocol_text(legal=LEGAL, audit='[audit]\nattributes = ["age"]'),
        sensitive=[{"person_id": "P1", "attribute": "age", "value": "15"}],
    )
    with pytest.raises(RebondError, match=r"18|eighteen|minor"):
        import_folder(signed, folder, by=CLI, progress=lambda _: None)
    with pytest.raises(RebondError, match="adults_only"):
        take(signed, tmp_path / "again", legal=f"{LEGAL}\nadults_only = false")


def test_every_part_of_a_scope_is_the_same_in_every_process(home: Home) -> None:
    once, again = scope_of(home), scope_of(replace(home))
    assert scope_hash(once) == scope_hash(again)
    assert once["settings"]["second_factor_roles"] == sorted(
        once["settings"]["second_factor_roles"]
    )
