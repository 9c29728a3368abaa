"""Every wrong way to a promotion, tried on a real home: refused in a sentence, nothing changed."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import mlflow
import pytest
from sqlalchemy.orm import Session

from api import gate
from api.cli import main
from api.gate import MEASURES, file_hash, load_table
from api.home import Home
from api.opening import open_home
from audits.report.writing import report_hash
from features.catalogue import catalogue
from features.engine import StoreEngine
from features.point_in_time import Question
from modeles.registry import MODEL_NAME
from modeles.table import ModelTable, write_table
from revue import accounts, committee, schema
from revue.database import create_database
from revue.records import ModelFingerprint, PromotionRecord, Vote
from tests.api.web_home import CLI
from tests.conftest import DemoHome, Ran

MEMBERS = ("anne", "paul")
TABLES = ("models", "model_audits", "votes", "promotions", "runs", "situations", "journal_entries")
Command = Callable[..., Ran]


@dataclass(frozen=True)
class Trained:
    """A home with two audited models before the committee, nobody having voted."""

    folder: Path
    chosen: str
    other: str

    @property
    def home(self) -> Home:
        return open_home(self.folder, self.folder / "keys")

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        home = self.home
        with home.transaction() as session:
            yield session
        home.sessions.kw["bind"].dispose()

    def copy(self, to: Path) -> Trained:
        shutil.copytree(self.folder, to)
        (to / "keys").chmod(0o700)
        return replace(self, folder=to)

    def table(self, version: str) -> Path:
        return self.folder / "models" / version / "table.json"

    def report(self, version: str) -> Path:
        return self.folder / "reports" / version

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """What the review database holds, to see that a refusal changed nothing."""
        with sqlite3.connect(self.folder / "review.db") as database:
            found = {t: database.execute(f"SELECT * FROM {t}").fetchall() for t in TABLES}  # noqa: S608
        database.close()
        return found

    def sql(self, *statements: str) -> None:
        """Write into the database past the program."""
        with sqlite3.connect(self.folder / "review.db") as database:
            for statement in statements:
                database.execute(statement)
        database.close()


def register(home: Home, session: Session, version: str, chosen: str) -> None:
    table = load_table(home, version)
    committee.register_model(
        session,
        version=version,
        family=table.family,
        table_hash=table.hash,
        protocol_hash=table.hashes["protocol"],
        data_hash=table.hashes["data"],
        chosen=version == chosen,
        by=CLI,
        now=home.now(),
    )


def record_audit(home: Home, session: Session, version: str) -> None:
    """Record what lies in a version's report folder, whatever it is."""
    reports = home.report_folder(version)
    found = json.loads((reports / "audit.json").read_text(encoding="utf-8"))
    committee.record_audit(
        session,
        version=version,
        verdict=found["verdict"],
        audit_hash=file_hash(reports / "audit.json"),
        report_hash=report_hash(reports),
        by=CLI,
        now=home.now(),
    )


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(str(left.value.code))


@pytest.fixture(scope="module")
def trained(demo_home: DemoHome, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The demonstration's data, models and keys, before a committee that starts anew."""
    folder = demo_home.copy(tmp_path_factory.mktemp("promotion") / "home").folder
    chosen = next((folder / "reports").iterdir()).name
    measured = json.loads((folder / "models" / chosen / MEASURES).read_text(encoding="utf-8"))
    others = [m["version"] for m in measured if m["promotable"] and m["version"] != chosen]
    for database in folder.glob("review.db*"):
        database.unlink()
    create_database(folder / "review.db")
    made = Trained(folder, chosen, others[0])
    with made.transaction() as session:
        for version in (chosen, *others):
            register(made.home, session, version, chosen)
        record_audit(made.home, session, chosen)
    for login in MEMBERS:
        assert run("--home", str(folder), "user", "add", login, "--role", "committee") == 0
    # One audit in many fails by chance alone, and such a model is not voted on.
    other = next(one for one in others if run("--home", str(folder), "audit", one) in {0, 4})
    return replace(made, other=other)


@pytest.fixture
def proposed(trained: Trained, tmp_path: Path) -> Trained:
    return trained.copy(tmp_path / "home")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run ``rebond … --json`` in this process: there are many, and they start nothing."""

    def ran(house: Trained, *arguments: str) -> Ran:
        capsys.readouterr()
        status = run("--home", str(house.folder), *arguments, "--json")
        said = capsys.readouterr()
        return Ran(status, json.loads(said.out), said.err)

    return ran


def vote(command: Command, house: Trained, version: str, by: str, act: str = "approve") -> Ran:
    waiver = ("--waive-unassessed",) if act == "approve" else ()
    return command(house, act, version, "--by", by, "--reason", "lu en entier", *waiver)


@pytest.fixture
def approved(proposed: Trained, command: Command) -> Trained:
    for login in MEMBERS:
        ran = vote(command, proposed, proposed.chosen, login)
        assert ran.status == 0, ran.err
    assert ran.out == {"state": "approved"}
    return proposed


def refused(command: Command, house: Trained, *arguments: str) -> str:
    """Run a command that has to be refused, and return the sentence."""
    before = house.rows()
    ran = command(house, *arguments)
    assert ran.status == 1
    assert house.rows() == before
    sentence = str(ran.out["error"])
    assert re.fullmatch(r"[^\n]+\.", sentence)
    assert "Traceback" not in ran.err
    return sentence


def move_alias(house: Trained, to: str) -> None:
    uri = house.home.mlflow_uri
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.set_registered_model_alias(MODEL_NAME, "champion", to)
    assert str(client.get_model_version_by_alias(MODEL_NAME, "champion").version) == to


@pytest.mark.safeguard
def test_s31_an_alias_promotes_nothing(proposed: Trained, command: Command) -> None:
    move_alias(proposed, proposed.other)
    assert "two committee members" in refused(command, proposed, "score")


@pytest.mark.safeguard
def test_s31_scoring_keeps_to_the_approved_model_wherever_the_alias_points(
    approved: Trained, command: Command
) -> None:
    move_alias(approved, approved.other)
    ran = command(approved, "score")
    assert ran.status == 0, ran.err
    assert ran.out["model"] == approved.chosen


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "name", [f"{MODEL_NAME}@champion", "@champion", f"models:/{MODEL_NAME}@champion"]
)
def test_s31_a_bare_alias_names_no_model(proposed: Trained, command: Command, name: str) -> None:
    move_alias(proposed, proposed.chosen)
    for arguments in (
        ("model", "show", name),
        ("audit", name),
        ("approve", name, "--by", "anne", "--reason", "lu"),
    ):
        sentence = refused(command, proposed, *arguments)
        assert "alias" in sentence
        assert "signed record" in sentence


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "name", ["champion", "latest", f"models:/{MODEL_NAME}/1", "../1", "1/../1"]
)
def test_s31_only_a_number_names_a_model(proposed: Trained, command: Command, name: str) -> None:
    assert "versions are numbers" in refused(command, proposed, "model", "show", name)


def other_versions_table(house: Trained) -> None:
    shutil.copy(house.table(house.other), house.table(house.chosen))


def edited_table(house: Trained) -> None:
    path = house.table(house.chosen)
    envelope = json.loads(path.read_text(encoding="utf-8"))
    envelope["table"]["intercept"] += 1.0
    path.write_text(json.dumps(envelope), encoding="utf-8")


def table_signed_anew(house: Trained) -> None:
    """Another table under this home's own key: a training would not overwrite one."""
    table = load_table(house.home, house.other)
    write_table(
        replace(table, version=house.chosen), house.table(house.chosen), house.home.keys.sign
    )


def edited_audit(house: Trained) -> None:
    path = house.report(house.chosen) / "audit.json"
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")


def edited_report(house: Trained) -> None:
    path = house.report(house.chosen) / "audit.html"
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")


def edited_print(house: Trained) -> None:
    path = house.report(house.chosen) / "audit.en.pdf"
    path.write_bytes(path.read_bytes() + b" ")


def missing_report(house: Trained) -> None:
    (house.report(house.chosen) / "audit.html").unlink()


def other_versions_audit(house: Trained) -> None:
    shutil.copytree(house.report(house.other), house.report(house.chosen), dirs_exist_ok=True)


SWAPS = [
    (other_versions_table, "holds the table of model"),
    (edited_table, "changed after signing"),
    (table_signed_anew, "table differ"),
    (edited_audit, "audit differs"),
    (edited_report, "report differs"),
    (edited_print, "report differs"),
    (missing_report, "report differs"),
    (other_versions_audit, "audit, report differ"),
]


@pytest.mark.safeguard
@pytest.mark.parametrize(("swap", "says"), SWAPS)
def test_s31_a_swapped_file_closes_the_gate_and_is_named(
    approved: Trained, command: Command, swap: Callable[[Trained], None], says: str
) -> None:
    swap(approved)
    assert says in refused(command, approved, "score")


@pytest.mark.safeguard
@pytest.mark.parametrize(("swap", "says"), SWAPS)
def test_s31_nobody_votes_on_a_swapped_file(
    proposed: Trained, command: Command, swap: Callable[[Trained], None], says: str
) -> None:
    swap(proposed)
    sentence = refused(
        command, proposed, "approve", proposed.chosen, "--by", "anne", "--reason", "lu"
    )
    about_another = f"run `rebond audit {proposed.chosen}`"
    assert (
        about_another if swap in (other_versions_audit, table_signed_anew) else says
    ) in sentence


def suspended(house: Trained, command: Command) -> None:
    assert vote(command, house, house.chosen, "anne", "suspend").status == 0


def audited_anew(house: Trained, command: Command) -> None:
    """A new audit, and afterwards the old files and rows in its place."""
    kept = (house.report(house.chosen) / "audit.html").read_bytes()
    edited_report(house)
    with house.transaction() as session:
        record_audit(house.home, session, house.chosen)
    (house.report(house.chosen) / "audit.html").write_bytes(kept)


def rejected(house: Trained, command: Command) -> None:
    audited_anew(house, command)
    assert vote(command, house, house.chosen, "anne", "reject").status == 0


@pytest.mark.safeguard
@pytest.mark.parametrize(
    ("end", "says"),
    [
        (suspended, "suspended model"),
        (audited_anew, "no two approvals"),
        (rejected, "no two approvals"),
    ],
)
def test_s31_a_replayed_record_is_refused(
    approved: Trained, command: Command, end: Callable[[Trained, Command], None], says: str
) -> None:
    """Whoever writes into the database puts every row back as it was, but for the journal."""
    before = approved.rows()
    end(approved, command)
    refused(command, approved, "score")
    newest = "SELECT id FROM model_audits ORDER BY id LIMIT 2, 9"
    approved.sql(
        f"DELETE FROM votes WHERE act IN ('suspend', 'reject') OR audit_id IN ({newest})",  # noqa: S608
        f"DELETE FROM model_audits WHERE id IN ({newest})",  # noqa: S608
        f"UPDATE models SET state = 'approved' WHERE version = '{approved.chosen}'",  # noqa: S608
    )
    after = approved.rows()
    assert {t: after[t] for t in TABLES if t != "journal_entries"} == {
        t: before[t] for t in TABLES if t != "journal_entries"
    }
    assert says in refused(command, approved, "score")


@pytest.mark.safeguard
def test_s31_only_a_resumption_restores_what_was_suspended(
    approved: Trained, command: Command
) -> None:
    suspended(approved, command)
    assert "suspended" in refused(command, approved, "score")
    assert vote(command, approved, approved.chosen, "paul", "resume").out["state"] == "approved"
    with approved.transaction() as session:
        assert gate.approved_table(approved.home, session).version == approved.chosen


@pytest.mark.safeguard
def test_s31_a_record_of_another_journal_is_refused_even_under_the_same_key(
    demo_home: DemoHome, proposed: Trained, command: Command
) -> None:
    """The demonstration approved the very same files, signed with the very same key."""
    with sqlite3.connect(demo_home.folder / "review.db") as database:
        row = database.execute("SELECT version, content, signature, at FROM promotions").fetchone()
    database.close()
    with sqlite3.connect(proposed.folder / "review.db") as database:
        database.execute(
            "INSERT INTO promotions (version, content, signature, at) VALUES (?,?,?,?)", row
        )
        database.execute("UPDATE models SET state = 'approved' WHERE version = ?", row[:1])
    database.close()
    assert "journal" in refused(command, proposed, "score")


def _fingerprint(house: Trained) -> ModelFingerprint:
    return gate.fingerprint(house.home, load_table(house.home, house.chosen))


def _votes(house: Trained, *given: tuple[str, str]) -> tuple[Vote, ...]:
    return tuple(Vote(act, by, "lu en entier", True, house.home.now()) for act, by in given)


@pytest.mark.safeguard
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((), "two members"),
        ((("approve", "anne"),), "two members"),
        ((("approve", "anne"), ("approve", "anne")), "two members"),
        ((("approve", "anne"), ("resume", "paul")), "two members"),
        ((("approve", "anne"), ("approve", "paul")), "journal"),
    ],
)
def test_s31_a_half_signed_record_is_refused_under_the_homes_own_key(
    proposed: Trained, command: Command, given: tuple[tuple[str, str], ...], says: str
) -> None:
    """One member voted; somebody who holds the home's key writes the record all the same."""
    assert vote(command, proposed, proposed.chosen, "anne").out["state"] == "one_approval"
    record = PromotionRecord(_fingerprint(proposed), _votes(proposed, *given), "")
    with proposed.transaction() as session:
        session.get_one(schema.Model, proposed.chosen).state = committee.ModelState.APPROVED
        session.add(
            schema.Promotion(
                version=proposed.chosen,
                content=record.content,
                signature=proposed.home.keys.sign(record.content.encode()),
                at=proposed.home.now(),
            )
        )
    assert says in refused(command, proposed, "score")


@pytest.mark.safeguard
def test_s31_one_person_signs_once(proposed: Trained, command: Command) -> None:
    again = ("approve", proposed.chosen, "--by", "anne", "--reason", "lu", "--waive-unassessed")
    assert command(proposed, *again).out["state"] == "one_approval"
    assert "another member" in refused(command, proposed, *again)
    proposed.sql("DELETE FROM votes")  # as if she had not
    assert "journal" in refused(command, proposed, *again)
    assert "two committee members" in refused(command, proposed, "score")


@pytest.mark.safeguard
def test_s31_an_audit_of_another_model_is_not_voted_on_nor_scored_with(
    proposed: Trained, command: Command
) -> None:
    """The files are copied, recorded, and two members who do not look vote past the gate."""
    remedy = f"run `rebond audit {proposed.chosen}`"
    other_versions_audit(proposed)
    with proposed.transaction() as session:
        record_audit(proposed.home, session, proposed.chosen)
    asked = ("approve", proposed.chosen, "--by", "anne", "--reason", "lu", "--waive-unassessed")
    assert remedy in refused(command, proposed, *asked)
    with proposed.transaction() as session:
        for login in MEMBERS:
            committee.approve(
                session,
                accounts.actor_for(session, login),
                version=proposed.chosen,
                reason="sans lire",
                waive_days=30,
                most_days=30,
                today=proposed.home.today(),
                now=proposed.home.now(),
            )
    assert remedy in refused(command, proposed, "score")


@pytest.mark.safeguard
def test_s31_an_audit_older_than_the_model_is_not_voted_on(
    proposed: Trained, command: Command
) -> None:
    proposed.sql("UPDATE models SET registered_at = '2999-01-01 00:00:00.000000'")
    asked = ("approve", proposed.chosen, "--by", "anne", "--reason", "lu", "--waive-unassessed")
    sentence = refused(command, proposed, *asked)
    assert "older" in sentence
    assert f"run `rebond audit {proposed.chosen}`" in sentence


def unassessed(house: Trained) -> None:
    """Record, of the very audit that lies there, that it could not assess everything."""
    with house.transaction() as session:
        committee.record_audit(
            session,
            version=house.chosen,
            verdict="cannot_assess",
            audit_hash=file_hash(house.report(house.chosen) / "audit.json"),
            report_hash=report_hash(house.report(house.chosen)),
            by=CLI,
            now=house.home.now(),
        )


def pass_days(house: Trained, days: int) -> date:
    """Move the day of a home, which is that of its newest extract."""
    path = house.folder / "events" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    day = date.fromisoformat(manifest["extracted_on"]) + timedelta(days=days)
    path.write_text(json.dumps(manifest | {"extracted_on": str(day)}), encoding="utf-8")
    return day


@pytest.mark.safeguard
def test_s11_nothing_is_scored_after_the_shorter_waiver(
    proposed: Trained, command: Command
) -> None:
    unassessed(proposed)
    asked = ("approve", proposed.chosen, "--reason", "lu", "--by")
    assert "waive that explicitly" in refused(command, proposed, *asked, "anne")
    waive = ("--waive-unassessed", "--waive-days")
    assert "1 to 180 days" in refused(command, proposed, *asked, "anne", *waive, "181")
    assert command(proposed, *asked, "anne", "--waive-days", "9").status == 2
    assert command(proposed, *asked, "anne", *waive, "0").status == 2
    assert command(proposed, *asked, "anne", *waive, "9").status == 0
    assert vote(command, proposed, proposed.chosen, "paul").out == {"state": "approved"}

    pass_days(proposed, 9)
    with proposed.transaction() as session:
        assert gate.approved_table(proposed.home, session).version == proposed.chosen
    today = pass_days(proposed, 1)
    ended = f"anne's waiver .* ended on {today - timedelta(days=1)}, and today is {today}"
    assert re.match(ended, refused(command, proposed, "score"))
    proposed.sql("UPDATE votes SET waived_until = '2099-01-01'")
    assert re.match(ended, refused(command, proposed, "score"))
    assert "not possible while" in refused(command, proposed, *asked, "anne", *waive, "9")
    proposed.sql("UPDATE votes SET waived_until = '2000-01-01'")
    assert "journal" in refused(command, proposed, *asked, "anne", *waive, "9")


@pytest.mark.safeguard
def test_s11_a_service_may_shorten_waivers_and_not_do_away_with_their_end(
    proposed: Trained, command: Command
) -> None:
    unassessed(proposed)
    settings = proposed.folder / "settings.toml"
    written = settings.read_text(encoding="utf-8")
    asked = ("approve", proposed.chosen, "--by", "anne", "--reason", "lu", "--waive-unassessed")
    for days in ("367", "0", '"never"'):
        settings.write_text(f"waiver_days = {days}\n{written}", encoding="utf-8")
        assert "waiver_days" in refused(command, proposed, *asked)
    settings.write_text(f"waiver_days = 30\n{written}", encoding="utf-8")
    assert "1 to 30 days" in refused(command, proposed, *asked, "--waive-days", "31")
    assert command(proposed, *asked).status == 0
    (*_, until, signature) = proposed.rows()["votes"][0]
    assert signature is None  # no password is asked for outside of production
    assert until == str(proposed.home.today() + timedelta(days=30))


@pytest.mark.safeguard
def test_s11_two_members_who_waive_again_need_no_other_audit(
    proposed: Trained, command: Command
) -> None:
    unassessed(proposed)
    for login in MEMBERS:
        assert vote(command, proposed, proposed.chosen, login).status == 0
    pass_days(proposed, 181)
    kept = proposed.rows()["promotions"]
    assert vote(command, proposed, proposed.chosen, "anne").out == {"state": "one_approval"}
    assert "two committee members" in refused(command, proposed, "score")
    proposed.sql("UPDATE models SET state = 'approved'")
    assert "no two approvals" in refused(command, proposed, "score")
    proposed.sql(f"UPDATE models SET state = 'one_approval' WHERE version = '{proposed.chosen}'")  # noqa: S608
    assert vote(command, proposed, proposed.chosen, "paul").out == {"state": "approved"}
    with proposed.transaction() as session:
        assert gate.approved_table(proposed.home, session).version == proposed.chosen
    (_, new) = proposed.rows()["promotions"]
    assert new[2].count("waived_until") == 2  # type: ignore[attr-defined]
    proposed.sql("DELETE FROM promotions WHERE id = (SELECT MAX(id) FROM promotions)")
    assert proposed.rows()["promotions"] == kept
    assert "another promotion" in refused(command, proposed, "score")


@pytest.mark.safeguard
def test_s11_a_failed_audit_is_not_waived_for_any_time(proposed: Trained, command: Command) -> None:
    path = proposed.report(proposed.chosen) / "audit.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(found | {"verdict": "fail"}), encoding="utf-8")
    with proposed.transaction() as session:
        record_audit(proposed.home, session, proposed.chosen)
    asked = ("approve", proposed.chosen, "--by", "anne", "--reason", "lu", "--waive-unassessed")
    assert "failed" in refused(command, proposed, *asked, "--waive-days", "1")


def texts(database: Path) -> str:
    """Everything that a SQLite file holds in its columns, as text."""
    with sqlite3.connect(database) as opened:
        names = [n for (n,) in opened.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        rows = [row for n in names for row in opened.execute(f"SELECT * FROM {n}")]  # noqa: S608
    opened.close()
    return repr(rows)


def _rows_as_written(home: Home, table: ModelTable) -> set[str]:
    """Every row that the model may have seen on its last training date, as text."""
    protocol, store = home.store.protocol(), home.store
    extracted_on = store.extracted_on
    assert extracted_on is not None
    day = date.fromisoformat(table.test_from)
    question = Question(
        protocol, (day,), mature_on=day, known_before=day, vocabulary=frozenset(table.codes)
    )
    (matrix,) = StoreEngine(store).matrices([question])
    assert matrix.values.shape[1] == len(catalogue(protocol))
    return {
        written
        for row in matrix.values.tolist()
        for written in (json.dumps(row)[1:-1], ",".join(map(str, row)), repr(row))
    }


@pytest.mark.safeguard
def test_s07_no_person_and_no_row_is_in_anything_that_a_training_wrote(
    demo_home: DemoHome,
) -> None:
    home = open_home(demo_home.folder, demo_home.folder / "keys")
    stays = home.store.stays()
    pseudonyms = set(stays["person"])
    logins = set(stays["referent"].dropna()) | {str(a["login"]) for a in demo_home.out["accounts"]}
    assert len(pseudonyms) == 2000
    assert len(logins) > 10
    chosen = next((demo_home.folder / "reports").iterdir()).name
    rows = _rows_as_written(home, load_table(home, chosen))
    assert len(rows) > 300

    written = [p for p in (demo_home.folder / "mlflow").rglob("*") if p.is_file()]
    written += (demo_home.folder / "models").rglob("*.json")
    written += demo_home.folder.glob("mlflow.db*")
    assert {p.name for p in written} >= {"table.json", "MLmodel", MEASURES, "mlflow.db"}
    contents = {str(path): path.read_bytes().decode(errors="replace") for path in written}
    contents["columns of mlflow.db"] = texts(demo_home.folder / "mlflow.db")
    for name, content in contents.items():
        assert not pseudonyms & set(re.findall(r"[0-9a-f]{32}", content)), name
        assert not re.search(r"\bP\d{7}\b", content), name
        assert not [login for login in logins if login in content], name
        assert not [row for row in rows if row in content], name
