"""Accounts and the members' passwords on the command line (S25, S31)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from api.cli import main
from api.gate import MEASURES
from api.home import Home
from api.settings import write_settings
from revue import accounts, committee, schema, signing
from revue.records import ModelState
from tests.api.web_home import NOW, PASSWORD, VERSION, build
from tests.conftest import ROOT, Ran


@pytest.fixture(autouse=True)
def least_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_HASHER", PasswordHasher.from_parameters(CHEAPEST))
    monkeypatch.setattr(signing, "_COST", replace(CHEAPEST, hash_len=32))


@dataclass
class Terminal:
    """Commands as somebody types them, with what is typed when they ask."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def run(self, *arguments: str, typed: str = "") -> Ran:
        self.patch.setattr(sys, "stdin", StringIO(typed))
        with pytest.raises(SystemExit) as left:
            main(["--home", str(self.folder), *arguments, "--json"])
        said = self.capsys.readouterr()
        return Ran(int(str(left.value.code)), json.loads(said.out or "{}"), said.err)

    @property
    def home(self) -> Home:
        return Home(self.folder, self.folder / "keys", lambda: NOW)

    def state(self) -> ModelState:
        home = self.home
        with home.transaction() as session:
            found = committee.model(session, VERSION, today=NOW.date()).state
        home.sessions.kw["bind"].dispose()
        return found

    def session(self, act: Any) -> Any:
        home = self.home
        with home.transaction() as session:
            done = act(session)
        home.sessions.kw["bind"].dispose()
        return done


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A production home with two members and an audited model."""
    folder = tmp_path_factory.mktemp("terminal") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_HASHER", PasswordHasher.from_parameters(CHEAPEST))
        patch.setattr(signing, "_COST", replace(CHEAPEST, hash_len=32))
        house = build(folder, demonstration=False, approved=False)
    settings = house.home.settings.model_copy(update={"production": True})
    write_settings(settings, folder / "settings.toml")
    measured = [{"version": VERSION, "promotable": True}]
    (folder / "models" / VERSION / MEASURES).write_text(json.dumps(measured), encoding="utf-8")
    house.home.sessions.kw["bind"].dispose()
    return folder


@pytest.fixture
def terminal(
    made: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Terminal:
    shutil.copytree(made, tmp_path / "home")
    return Terminal(tmp_path / "home", capsys, monkeypatch)


VOTE = ("--reason", "Vu en entier.")


def test_accounts_are_added_listed_reset_and_closed(terminal: Terminal) -> None:
    added = terminal.run("user", "add", "zoe", "--role", "committee")
    again = terminal.run("user", "reset", "zoe")
    assert (added.status, again.status) == (0, 0)
    assert added.out["password"] != again.out["password"]
    assert terminal.run("user", "close", "zoe").out == {"login": "zoe", "closed": True}
    listed = {row["login"]: row for row in terminal.run("user", "list").out["users"]}
    assert listed["zoe"]["closed_at"] is not None
    assert listed["anne"]["closed_at"] is None
    assert {"password_hash", "sealed_key", "public_key"}.isdisjoint(listed["anne"])
    for arguments in (("user", "reset", "zoe"), ("user", "close", "zoe"), ("user", "reset", "x")):
        refused = terminal.run(*arguments)
        assert refused.status == 1
        assert "x" in refused.out["error"] or "closed" in refused.out["error"]


@pytest.mark.safeguard
def test_s31_a_vote_on_the_command_line_is_signed_with_the_members_password(
    terminal: Terminal,
) -> None:
    approve = ("approve", VERSION, *VOTE, "--waive-unassessed", "--by")
    for typed, said in (
        ("", "none was given"),
        ("faux\n", "not this account's password"),
    ):
        refused = terminal.run(*approve, "anne", typed=typed)
        assert refused.status == 1
        assert said in refused.out["error"]
        assert "faux" not in refused.err + refused.out["error"]
    assert terminal.state() is ModelState.PROPOSED
    assert terminal.run(*approve, "anne", typed=f"{PASSWORD}\n").out["state"] == "one_approval"
    assert terminal.run(*approve, "paul", typed=PASSWORD).out["state"] == "approved"
    votes = terminal.session(
        lambda session: [vote.signature for vote in session.query(schema.ModelVote)]
    )
    assert len({vote.split()[0] for vote in votes}) == 2
    for act in ("suspend", "resume"):
        assert terminal.run(act, VERSION, *VOTE, "--by", "anne", typed="x").status == 1
        assert terminal.run(act, VERSION, *VOTE, "--by", "anne", typed=PASSWORD).status == 0
    for act in (("wording", "confirm", "2"), ("wording", "propose", "rdv", "mots", *VOTE)):
        assert "password" in terminal.run(*act, "--by", "anne", typed="x").out["error"]
    right = terminal.run("wording", "confirm", "2", "--by", "anne", typed=PASSWORD)
    assert "no wording has the version 2" in right.out["error"]


@pytest.mark.safeguard
def test_s31_a_password_is_neither_an_option_nor_in_the_environment(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspend = ("suspend", VERSION, *VOTE, "--by", "anne")
    for option in ("--password", "--passphrase"):
        assert terminal.run(*suspend, option, PASSWORD).status == 2
    for name in ("PASSWORD", "REBOND_PASSWORD", "REBOND_ANNE"):
        monkeypatch.setenv(name, PASSWORD)
    assert "none was given" in terminal.run(*suspend).out["error"]


@pytest.mark.safeguard
def test_s25_guessing_at_the_prompt_is_locked_out_at_every_door(terminal: Terminal) -> None:
    suspend = ("suspend", VERSION, *VOTE, "--by", "anne")
    for _ in range(accounts.MAX_FAILURES):
        assert terminal.run(*suspend, typed="faux").status == 1
    locked = terminal.run(*suspend, typed=PASSWORD)
    assert (locked.status, "try again later" in locked.out["error"]) == (1, True)
    assert terminal.state() is ModelState.PROPOSED


@pytest.mark.safeguard
def test_s31_an_administrator_who_resets_a_member_leaves_a_trace(terminal: Terminal) -> None:
    password = terminal.run("user", "reset", "anne").out["password"]
    suspend = ("suspend", VERSION, *VOTE, "--by", "anne")
    assert terminal.run(*suspend, typed=PASSWORD).status == 1
    assert terminal.run(*suspend, typed=password).status == 0
    acts = terminal.session(
        lambda session: [
            (entry.act, entry.subject)
            for entry in session.query(schema.Entry).order_by(schema.Entry.position)
        ]
    )
    assert acts.index(("reset_user", "anne")) < acts.index(("suspend", VERSION))


def test_a_script_hands_the_password_over_on_standard_input(terminal: Terminal) -> None:
    """As a process of its own, at the served cost of a password."""
    command = ["suspend", VERSION, *VOTE, "--by", "anne", "--json"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REBOND_")}
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "api.cli", "--home", str(terminal.folder), *command],
        cwd=ROOT,
        env=environment,
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert json.loads(done.stdout) == {"state": "suspended"}, done.stderr


def test_a_file_that_is_no_database_is_told_in_a_sentence(terminal: Terminal) -> None:
    (terminal.folder / "review.db").write_bytes(b"not a database, whatever its name" * 50)
    for other in terminal.folder.glob("review.db-*"):
        other.unlink()
    refused = terminal.run("user", "list")
    assert refused.status == 1
    assert "not a database" in refused.err
