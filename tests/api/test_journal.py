"""The journal as people check it: by command, by page, on a copy without keys."""

from __future__ import annotations

import ast
import json
import shutil
import sqlite3
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from api.cli import main
from api.home import Home, create_home
from api.journal_watch import JournalWatch
from api.settings import Settings
from api.web.journal import ACT_LABELS
from features.keys import create_keys
from revue import journal
from revue.checkpoints import LogKey, read_checkpoints
from tests.api.web_home import CLI, NOW, PASSWORD, House, build

ROOM = Path(journal.__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> House:
    return build(tmp_path_factory.mktemp("journal") / "home")


@pytest.fixture
def house(built: House, tmp_path: Path) -> House:
    return built.copy(tmp_path)


@dataclass(frozen=True)
class Ran:
    """What a command left with, and the object it printed."""

    status: int
    out: dict[str, Any]


def rebond(*arguments: object, home: Path) -> Ran:
    """Run a command in this process: what it prints and leaves with is the real thing."""
    printed = StringIO()
    with redirect_stdout(printed), redirect_stderr(StringIO()), pytest.raises(SystemExit) as left:
        main(["--home", str(home), *map(str, arguments), "--json"])
    return Ran(int(str(left.value.code)), json.loads(printed.getvalue()))


def act(house: House, number: int = 1, subject: str = "s") -> None:
    with house.home.transaction() as session:
        for _ in range(number):
            journal.record(session, actor=CLI, act="read", subject=subject, now=house.home.now())


def later(house: House, minutes: int) -> House:
    at = NOW + timedelta(minutes=minutes)
    home = Home(house.home.folder, house.home.keys_folder, lambda: at)
    return House(home, house.ids)


def edit(database: Path, *statements: str) -> None:
    """Change the database as somebody would who owns the file."""
    connection = sqlite3.connect(database)
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'journal%'"
    ).fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def head_of(database: Path) -> str:
    """Return the SQL that puts the head back as it is now."""
    connection = sqlite3.connect(database)
    month, size, root, frontier, signature = connection.execute(
        "SELECT * FROM journal_heads ORDER BY month DESC"
    ).fetchone()
    connection.close()
    return (
        f"UPDATE journal_heads SET size = {size}, root = '{root}', frontier = '{frontier}', "  # noqa: S608
        f"signature = '{signature}' WHERE month = '{month}'"
    )


def cut_to(size: int) -> str:
    return f"DELETE FROM journal_entries WHERE position >= {size}"  # noqa: S608


def size_of(database: Path) -> int:
    connection = sqlite3.connect(database)
    (found,) = connection.execute("SELECT max(position) FROM journal_entries").fetchone()
    connection.close()
    return int(found) + 1


def state_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def keyless(house: House, folder: Path, *more: str) -> Path:
    """Copy what somebody needs to check the journal: the database and the public key."""
    folder.mkdir()
    connection = sqlite3.connect(house.home.database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    for name in ("review.db", "journal.vkey"):
        shutil.copy(house.home.folder / name, folder)
    for name in more:
        shutil.copytree(house.home.folder / name, folder / name)
    return folder


def test_a_copy_without_keys_is_checked_and_not_touched(house: House, tmp_path: Path) -> None:
    copy = keyless(house, tmp_path / "copy", "checkpoints")
    before = state_of(copy)
    ran = rebond("journal", "verify", home=copy)
    assert ran.status == 0 and ran.out["ok"] is True and ran.out["checkpoints"] == 1
    assert state_of(copy) == before and set(before) > {"review.db", "journal.vkey"}
    (copy / "journal.vkey").rename(tmp_path / "handed.vkey")
    refused = rebond("journal", "verify", home=copy)
    assert refused.status == 1 and "journal.vkey" in refused.out["error"]
    ran = rebond("journal", "verify", "--key", tmp_path / "handed.vkey", home=copy)
    assert ran.out["ok"] is True


def test_a_copy_is_read_with_the_log_that_was_copied_beside_it(
    house: House, tmp_path: Path
) -> None:
    copy = keyless(house, tmp_path / "copy")
    open_one = sqlite3.connect(house.home.database)
    open_one.execute("SELECT 1 FROM users").fetchone()
    act(house, 3)
    for name in ("review.db", "review.db-wal"):
        shutil.copy(house.home.folder / name, copy)
    open_one.close()
    before = state_of(copy)
    assert rebond("journal", "verify", home=copy).out["size"] == size_of(house.home.database)
    assert state_of(copy) == before


@pytest.mark.safeguard
def test_s22_a_foreign_key_or_file_is_refused(house: House, tmp_path: Path) -> None:
    copy = keyless(house, tmp_path / "copy")
    stranger = LogKey(create_keys(tmp_path / "stranger").signing.public_key())
    (copy / "journal.vkey").write_text(stranger.text)
    ran = rebond("journal", "verify", home=copy)
    assert ran.status == 1 and "not signed with this home's key" in ran.out["fault"]
    (copy / "journal.vkey").write_text("rebond/journal+00000000+AAAA")
    assert "not a journal's key" in rebond("journal", "verify", home=copy).out["error"]
    (copy / "review.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    shutil.copy(house.home.folder / "journal.vkey", copy)
    assert "holds no journal" in rebond("journal", "verify", home=copy).out["error"]
    (house.home.folder / "journal.vkey").write_text(stranger.text)
    ran = rebond("journal", "verify", home=house.home.folder)
    assert ran.status == 1 and "not its own key" in ran.out["fault"]


@pytest.mark.safeguard
def test_s22_a_cut_tail_shows_by_command_page_api_and_copy(house: House, tmp_path: Path) -> None:
    """The one edit that the database cannot show: an old head, and nothing after it."""
    back, size = head_of(house.home.database), size_of(house.home.database)
    after = later(house, 2)
    act(after, 4)
    assert rebond("journal", "verify", home=house.home.folder).out["ok"] is True
    edit(house.home.database, cut_to(size), back)
    fault = f"2026-11: the journal does not continue the checkpoint of size {size + 4}."
    ran = rebond("journal", "verify", home=house.home.folder)
    assert ran.status == 1 and ran.out["fault"] == fault
    copy = keyless(house, tmp_path / "copy", "checkpoints")
    assert rebond("journal", "verify", home=copy).out["fault"] == fault
    page = after.client("dina").get("/journal").text
    assert "n'est pas entier" in page and fault in page and 'id="point"' not in page
    program = after.client("anne").get("/api/v1/journal").json()
    assert program["ok"] is False and program["entries"] == []


@pytest.mark.safeguard
def test_s22_a_checkpoint_taken_down_shows_a_cut_tail_where_nothing_else_is_left(
    house: House, tmp_path: Path
) -> None:
    back, size = head_of(house.home.database), size_of(house.home.database)
    act(house, 2)
    taken = tmp_path / "elsewhere" / "taken.txt"
    ran = rebond("journal", "checkpoint", "--out", taken, home=house.home.folder)
    assert ran.status == 0 and taken.read_text() == ran.out["checkpoint"]
    act(house)
    assert rebond("journal", "checkpoint", "--out", taken, home=house.home.folder).status == 0
    assert len(read_checkpoints(taken.read_text(), house.home.log_key)) == 2
    copy = keyless(house, tmp_path / "whole")
    assert rebond("journal", "verify", "--checkpoint", taken, home=copy).out["ok"] is True
    edit(house.home.database, cut_to(size), back)
    copy = keyless(house, tmp_path / "cut")
    assert rebond("journal", "verify", home=copy).out["ok"] is True
    ran = rebond("journal", "verify", "--checkpoint", taken, home=copy)
    assert ran.status == 1 and "does not continue" in ran.out["fault"]
    taken.write_text(taken.read_text().replace("2026-11", "2026-10"))
    ran = rebond("journal", "verify", "--checkpoint", taken, home=copy)
    assert ran.status == 1 and "not one that this home signed" in ran.out["fault"]


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal_entries SET actor = 'nobody' WHERE position = 3",
        "DELETE FROM journal_entries WHERE position = 3",
        "UPDATE journal_entries SET position = 999 WHERE position = 3",
        "UPDATE journal_heads SET size = size - 1",
        "DELETE FROM journal_heads",
    ],
)
def test_s22_an_edited_file_shows_by_command_and_page(house: House, statement: str) -> None:
    edit(house.home.database, statement)
    ran = rebond("journal", "verify", home=house.home.folder)
    assert ran.status == 1 and ran.out["ok"] is False and ran.out["fault"]
    page = house.client("dina").get("/journal")
    assert page.status_code == 200 and "n'est pas entier" in page.text


@pytest.mark.safeguard
def test_s33_an_act_goes_on_where_no_checkpoint_can_be_written(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(house.home.folder / "checkpoints")
    (house.home.folder / "checkpoints").write_text("not a folder")
    after = later(house, 120)
    answer = after.client("claire").post(f"/situations/{house.ids['signal']}/handled-elsewhere")
    assert answer.status_code == 303
    assert "no checkpoint of the journal could be written" in caplog.text
    ran = rebond("journal", "verify", home=house.home.folder)
    assert ran.status == 1 and "no checkpoint" in ran.out["fault"]
    assert "n'est pas entier" in after.client("dina").get("/journal").text


@pytest.mark.safeguard
def test_s33_a_head_that_was_changed_stops_no_act(house: House) -> None:
    edit(house.home.database, "UPDATE journal_heads SET root = 'zz', signature = 'zz'")
    after = later(house, 2)
    answer = after.client("claire").post(f"/situations/{house.ids['signal']}/handled-elsewhere")
    assert answer.status_code == 303
    refused = after.client("dina").get("/journal/checkpoint")
    assert refused.status_code == 409


def test_checkpoints_go_to_the_folder_of_the_settings(tmp_path: Path) -> None:
    home = create_home(tmp_path / "home", tmp_path / "keys", Settings(), lambda: NOW)
    told = home.folder / "settings.toml"
    told.write_text(f'{told.read_text()}\n[journal]\ncheckpoints = "{tmp_path / "disk"}"\n')
    home = Home(home.folder, home.keys_folder, home.clock)
    with home.transaction() as session:
        journal.record(session, actor=CLI, act="read", subject="s", now=NOW)
    assert (tmp_path / "disk" / "2026-11" / "2026-11-21.txt").is_file()
    assert not (home.folder / "checkpoints").exists()


@pytest.mark.safeguard
def test_s23_checkpoints_go_with_their_months(tmp_path: Path) -> None:
    home = create_home(tmp_path / "home", tmp_path / "keys", Settings(), lambda: NOW)
    old = Home(home.folder, home.keys_folder, lambda: NOW - timedelta(days=400))
    with old.transaction() as session:
        journal.record(session, actor=CLI, act="read", subject="s", now=old.now())
    assert home.checkpoints.months() == ("2025-10",)
    with home.transaction() as session:
        journal.record(session, actor=CLI, act="purge", subject="s", now=NOW)
        assert journal.drop_months(session, NOW.date()) == ("2025-10",)
    assert home.checkpoints.months() == ("2026-11",)
    with home.reading() as session:
        kept = home.checkpoints
        assert journal.check_journal(session, home.log_key, kept=kept, is_home=True).ok


def test_an_entry_is_proven_without_the_journal(house: House, tmp_path: Path) -> None:
    proven = rebond("journal", "prove", "2026-11", "3", home=house.home.folder)
    assert proven.status == 0 and proven.out["entry"]["position"] == 3
    assert proven.out["key"] == (house.home.folder / "journal.vkey").read_text().strip()
    alone, proof = tmp_path / "alone", tmp_path / "proof.json"
    alone.mkdir()
    shutil.copy(house.home.folder / "journal.vkey", alone)
    proof.write_text(json.dumps(proven.out))
    ran = rebond("journal", "verify", "--proof", proof, home=alone)
    assert ran.status == 0 and ran.out["entry"] == proven.out["entry"]
    for spoilt in (
        {"entry": proven.out["entry"] | {"actor": "nobody"}},
        {"entry": proven.out["entry"] | {"position": 4}},
        {"entry": proven.out["entry"] | {"month": "2026-10"}},
        {"proof": proven.out["proof"][1:]},
        {"proof": ["x"]},
        {"checkpoint": proven.out["checkpoint"].replace("\n", "\n ", 1)},
        {"entry": []},
    ):
        proof.write_text(json.dumps(proven.out | spoilt))
        assert rebond("journal", "verify", "--proof", proof, home=alone).status == 1
    proof.write_text("{")
    assert rebond("journal", "verify", "--proof", proof, home=alone).status == 1
    refused = rebond("journal", "prove", "2026-11", "9999", home=house.home.folder)
    assert refused.status == 1 and "no entry 9999" in refused.out["error"]


def test_the_page_filters_and_leafs(house: House) -> None:
    act(house, 230, subject="leafed")
    dina = house.client("dina")
    page = dina.get("/journal").text
    assert page.count("<tr><td") == 100 and "Lignes plus anciennes" in page
    seen, program = [], dina.get("/api/v1/journal").json()
    while True:
        seen += [(entry["month"], entry["position"]) for entry in program["entries"]]
        if program["older"] is None:
            break
        program = dina.get("/api/v1/journal", params={"before": program["older"]}).json()
    assert len(seen) == len(set(seen)) == size_of(house.home.database)
    assert seen == sorted(seen, reverse=True)
    page = dina.get("/journal", params={"act": "register_model", "month": "2026-11"}).text
    assert page.count("<tr><td") == 1 and "selected>2026-11</option>" in page
    assert "Aucune ligne" in dina.get("/journal", params={"act": "restore"}).text
    for strange in ({"act": "x" * 999}, {"month": "'"}, {"before": "2026-11/x"}):
        assert dina.get("/journal", params=strange).status_code == 200
    assert dina.get("/api/v1/journal", params={"before": "x"}).status_code == 422


def test_the_newest_checkpoint_is_downloaded(house: House) -> None:
    answer = house.client("dina").get("/journal/checkpoint")
    (seen,) = read_checkpoints(answer.text, house.home.log_key)
    house.home.log_key.verify(seen.text, seen.signature)
    assert seen.size == size_of(house.home.database)
    assert f"checkpoint-2026-11-{seen.size}.txt" in answer.headers["content-disposition"]
    page = house.client("dina").get("/journal").text
    assert house.home.log_key.text.replace("+", "&#43;") in page or house.home.log_key.text in page


def test_a_big_journal_is_verified_beside_the_requests(house: House) -> None:
    watch = JournalWatch(house.home, at_once=0)
    assert watch.look() is None
    watch.join()
    checked = watch.look()
    assert checked is not None and checked.report.ok and checked.at == NOW
    edit(house.home.database, "UPDATE journal_entries SET actor = 'x' WHERE position = 1")
    assert watch.look() == checked  # said with its time; looked at again after an hour
    watch = JournalWatch(later(house, 61).home, at_once=0)
    watch.look()
    watch.join()
    checked = watch.look()
    assert checked is not None and not checked.report.ok


CANARY = "Zéphyrine-Canari"


@pytest.mark.safeguard
def test_s23_neither_names_nor_words_nor_what_was_typed_stand_in_the_journal(house: House) -> None:
    situation = f"/situations/{house.ids['signal']}"
    claire = house.client("claire")
    assert claire.get(situation).status_code == 200
    claire.post(f"{situation}/view", data={"opinion": "yes", "why": f"{CANARY} why"})
    claire.post(f"{situation}/signal")
    claire.get(f"{situation}/signal")
    claire.post(
        f"{situation}/decision",
        data={"kind": "in_hand", "reason": f"{CANARY} reason", "words": f"{CANARY} words"},
    )
    claire.post(f"{situation}/contest", data={"contest_words": f"{CANARY} contests"})
    claire.get(f"/people/{house.people['signal']}")
    house.client().post("/login", data={"login": CANARY, "password": PASSWORD})
    house.client().post("/api/v1/login", json={"login": CANARY, "password": PASSWORD})
    connection = sqlite3.connect(house.home.database)
    rows = connection.execute("SELECT * FROM journal_entries").fetchall()
    scores = [
        json.loads(row[0])["score"] for row in connection.execute("SELECT content FROM signals")
    ]
    connection.close()
    assert {"read", "view", "reveal", "read_signal", "read_person", "sign_in_refused"} <= {
        row[4] for row in rows
    }
    said = "\n".join(str(row) for row in rows) + house.client("dina").get("/journal").text
    outside = b"".join(path.read_bytes() for path in house.home.folder.rglob("checkpoints/*/*"))
    for secret in (CANARY, CANARY[:6], *house.people.values(), *map(str, scores), PASSWORD):
        assert secret not in said
        assert secret.encode() not in outside


def constants_of(tree: ast.Module) -> dict[str, str]:
    """Return the words that a module gives names to."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }


def test_every_act_recorded_anywhere_has_a_label() -> None:
    """What is passed as ``act`` in the code: words, constants of modules, and their branches."""
    trees = {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for room in ("revue", "api")
        for path in (ROOM / room).rglob("*.py")
    }
    places: dict[str, int] = {}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                names = [argument.arg for argument in node.args.posonlyargs + node.args.args]
            elif isinstance(node, ast.ClassDef):
                fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
                names = [ast.unparse(field.target) for field in fields]
            else:
                continue
            if "act" in names:
                places[node.name] = names.index("act")
    found: dict[str, Path] = {}
    for path, tree in trees.items():
        constants = constants_of(tree)
        for node in tree.body:  # a constant of one module that another imports
            if isinstance(node, ast.ImportFrom) and node.module:
                origin = ROOM / f"{node.module.replace('.', '/')}.py"
                known = constants_of(trees[origin]) if origin in trees else {}
                constants |= {a.name: known[a.name] for a in node.names if a.name in known}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            said = [keyword.value for keyword in node.keywords if keyword.arg == "act"]
            if name in places and len(node.args) > places[name]:
                said.append(node.args[places[name]])
            for value in said:
                for part in ast.walk(value):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        found[part.value] = path
                    elif isinstance(part, ast.Name) and part.id in constants:
                        found[constants[part.id]] = path
    assert {"read", "import", "digest", "claim", "decide", "checkpoint"} <= set(found)
    acts = {act: path for act, path in found.items() if act.isidentifier()}
    assert not {act: path.name for act, path in acts.items() if act not in ACT_LABELS}
