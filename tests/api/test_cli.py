"""The command line: statuses, keys, one sentence for bad input, and nothing lost."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

from tests.conftest import DemoHome, rebond
from tests.features.builders import event, stay, write_folder
from tests.revue.older import made_at


def snapshot(folder: Path) -> dict[str, str]:
    """The hash of every file, to see that a refused command changed nothing."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        # SQLite's shared memory is no content: it comes and goes with a connection.
        if p.is_file() and p.suffix not in {".db-shm", ".db-wal"}
    }


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "folder"
    ran = rebond("simulate", folder, "--persons", "300", "--seed", "3")
    assert ran.status == 0
    assert ran.out["persons"] == 300
    assert set(ran.out) >= {"persons", "events", "gap"}
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    assert rebond("init", home=folder).out["home"] == str(folder)
    return folder


def test_a_home_is_made_once_and_its_keys_are_closed(home: Path) -> None:
    before = snapshot(home)
    ran = rebond("init", home=home)
    assert ran.status == 1
    assert "already holds something" in ran.out["error"]
    assert snapshot(home) == before
    assert (home / "keys").stat().st_mode & 0o777 == 0o700


def test_a_home_of_this_version_needs_no_upgrade_and_no_home_is_no_older_one(
    home: Path, tmp_path: Path
) -> None:
    assert rebond("upgrade", home=home).out == {"upgraded": False}
    ran = rebond("upgrade", home=tmp_path / "nothing")
    assert ran.status == 1 and "init" in ran.out["error"]


def test_a_home_of_an_older_version_is_brought_to_this_one(home: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(home, older)
    for file in older.glob("review.db*"):
        file.unlink()
    made_at(older / "review.db", "0002")
    ran = rebond("journal", "verify", home=older)
    assert ran.status == 1 and "rebond upgrade" in ran.out["error"]
    assert rebond("upgrade", home=older).out == {"upgraded": True}
    assert rebond("journal", "verify", home=older).out["ok"] is True


def test_a_command_without_a_home_says_what_to_do(tmp_path: Path) -> None:
    ran = rebond("train", home=tmp_path / "nowhere")
    assert ran.status == 1
    assert "init" in ran.out["error"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "x", "--from", "somewhere"),
        ("user", "add", "ana", "--role", "chief"),
        ("score", "--as-of", "tomorrow"),
        ("audit", "--predictions", "x.csv"),
        ("audit", "--label", "y"),
        ("frobnicate",),
        ("import",),
        ("model", "show"),
        ("wording", "propose", "x"),
        ("train", "--fast"),
    ],
)
def test_wrong_usage_is_status_2(home: Path, arguments: tuple[str, ...]) -> None:
    ran = rebond(*arguments, home=home)
    assert ran.status == 2
    assert ran.out["error"]


def test_import_prints_the_keys_of_the_contract_and_again_changes_nothing(
    home: Path, simulated: Path
) -> None:
    first = rebond("import", simulated, home=home)
    assert first.status == 0
    assert first.out["persons"] == 300
    assert first.out["quarantined"] == 0
    assert first.out["extracted_on"] == "2026-11-23"
    assert first.out["ignored_by"].keys() == {"langue"}
    events = snapshot(home / "events")
    again = rebond("import", simulated, home=home)
    assert again.out["new_events"] == 0
    assert snapshot(home / "events") == events


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def edit(folder: Path, column: str, value: object) -> None:
    persons = pd.read_csv(folder / "persons.csv", dtype="str")
    persons.assign(**{column: value}).to_csv(folder / "persons.csv", index=False)


def double_stay(folder: Path) -> None:
    persons = pd.read_csv(folder / "persons.csv", dtype="str")
    pd.concat([persons, persons.head(1)]).to_csv(folder / "persons.csv", index=False)


def protocol(folder: Path, old: str, new: str) -> None:
    text = (folder / "protocol.toml").read_text(encoding="utf-8")
    assert old in text
    (folder / "protocol.toml").write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        (lambda f: (f / "events.parquet").unlink(), ["events"]),
        (lambda f: edit(f, "shoe_size", 42), ["persons.csv", "shoe_size"]),
        (lambda f: edit(f, "entered_on", "bald"), ["persons", "entered_on", "row 2"]),
        (double_stay, ["persons", "entered_on"]),
        (lambda f: protocol(f, "purpose =", "puprose ="), ["protocol.toml", "purpose"]),
        (lambda f: protocol(f, "[outcome]", "[outcome]\nspeed = 3"), ["protocol.toml", "speed"]),
        (lambda f: protocol(f, '"lien//interruption"', '"rdv//honore"'), ["rdv//honore"]),
    ],
)  # fmt: skip
def test_a_bad_folder_is_refused_in_a_sentence_and_the_home_stays_as_it_was(
    home: Path,
    simulated: Path,
    tmp_path: Path,
    spoil: object,
    names: list[str],
) -> None:
    folder = copied(simulated, tmp_path / "spoilt")
    spoil(folder)  # type: ignore[operator]
    before = snapshot(home)
    ran = rebond("import", folder, home=home)
    assert ran.status == 1
    for name in names:
        assert name in ran.out["error"]
    assert "Traceback" not in ran.err
    assert snapshot(home) == before


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ('codes = ["lien//interruption"]', 'codes = ["lien//rupture"]', ["lien//rupture"]),
        ("min_history_days = 28", "min_history_days = 5000", ["population"]),
        ("[outcome]", "[validation]\ntest_from = 2024-06-10\n\n[outcome]", ["test_from"]),
    ],
)
def test_a_study_that_cannot_be_trained_is_refused_in_a_sentence(
    home: Path, simulated: Path, tmp_path: Path, old: str, new: str, names: list[str]
) -> None:
    folder = copied(simulated, tmp_path / "spoilt")
    protocol(folder, old, new)
    assert rebond("import", folder, home=home).status == 0
    before = snapshot(home)
    ran = rebond("train", home=home)
    assert ran.status == 1
    for name in names:
        assert name in ran.out["error"]
    assert snapshot(home) == before


@pytest.mark.safeguard
def test_s10_a_production_home_neither_trains_nor_takes_invented_histories(
    tmp_path: Path, simulated: Path
) -> None:
    home = tmp_path / "production"
    assert rebond("init", "--production", home=home).status == 0
    assert "simulated" in rebond("import", simulated, home=home).out["error"]
    assert "impact assessment" in rebond("train", home=home).out["error"]
    assert "impact assessment" in rebond("score", home=home).out["error"]


@pytest.mark.safeguard
def test_s34_a_production_home_needs_a_legal_basis(tmp_path: Path, simulated: Path) -> None:
    home = tmp_path / "production"
    rebond("init", "--production", home=home)
    folder = copied(simulated, tmp_path / "unmarked")
    (folder / "truth.json").unlink()
    ran = rebond("import", folder, home=home)
    assert ran.status == 1
    assert "[legal]" in ran.out["error"]


def test_the_demonstration_prints_its_accounts_and_fills_the_queue(demo_home: DemoHome) -> None:
    assert demo_home.out["queued"] == 100
    roles = {account["role"] for account in demo_home.out["accounts"]}
    assert roles >= {"educator", "committee", "steward", "dpo", "admin", "team_lead"}
    assert demo_home.out["url"].endswith("/queue")


def test_a_demonstration_that_fails_gives_the_earlier_one_back(
    demo_home: DemoHome, tmp_path: Path
) -> None:
    home = demo_home.copy(tmp_path / "home").folder
    before = snapshot(home)
    ran = rebond("demo", "--no-serve", "--persons", "60", home=home)
    assert ran.status == 1
    assert "--persons" in ran.out["error"]
    assert snapshot(home) == before
    assert list(tmp_path.iterdir()) == [home]


def test_a_demonstration_never_takes_the_place_of_a_home(home: Path) -> None:
    before = snapshot(home)
    assert "not a demonstration" in rebond("demo", "--no-serve", home=home).out["error"]
    assert snapshot(home) == before


def test_a_model_that_beats_no_rule_is_neither_chosen_nor_approved(
    home: Path, tmp_path: Path
) -> None:
    """With labels drawn by lot, nothing can be learnt and nobody is asked to vote."""
    folder = tmp_path / "lottery"
    rebond("simulate", folder, "--persons", "400", "--seed", "2")
    events = pd.read_parquet(folder / "events.parquet")
    drawn = events["code"].mask(
        events["code"].isin(["lien//interruption", "equipe//synthese"]), "equipe//synthese"
    )
    lot = (drawn == "equipe//synthese") & (events.index % 3 == 0)
    persons = events["person_id"].astype("str")
    anybody = np.random.default_rng(0).choice(persons.unique(), len(events))
    events.assign(
        code=drawn.mask(lot, "lien//interruption"), person_id=persons.mask(lot, anybody)
    ).to_parquet(folder / "events.parquet")
    assert rebond("import", folder, home=home).status == 0
    trained = rebond("train", home=home)
    assert trained.status == 0
    assert trained.out["chosen"] is None
    assert "no model" in rebond("audit", home=home).out["error"]
    rebond("user", "add", "anne", "--role", "committee", home=home)
    refused = rebond("approve", "1", "--by", "anne", "--reason", "essai", home=home)
    assert refused.status == 1
    assert "does not beat" in refused.out["error"]


def test_a_model_can_be_read_from_top_to_bottom(demo_home: DemoHome) -> None:
    versions = sorted(p.name for p in (demo_home.folder / "models").iterdir())
    shown = {}
    for version in versions:
        ran = rebond("model", "show", version, home=demo_home.folder)
        assert ran.status == 0
        assert ran.out["version"] == ran.out["measures"]["version"] == version
        assert all(f["reason"] and f["wording"] for f in ran.out["features"])
        shown[ran.out["family"]] = ran.out
    card = shown.pop("scorecard")
    assert card["point"] > 0
    assert all(min(f["whole_points"]) == 0 < max(f["whole_points"]) for f in card["features"])
    for other in shown.values():
        assert len(other["features"]) > 40
        assert all(f["whole_points"] is None for f in other["features"])


def test_two_models_are_compared(demo_home: DemoHome) -> None:
    ran = rebond("model", "diff", "1", "2", home=demo_home.folder)
    assert ran.status == 0
    assert (ran.out["from"], ran.out["to"]) == ("1", "2")
    assert not ran.out["same"]
    changes = [abs(feature["change"]) for feature in ran.out["features"]]
    assert changes == sorted(changes, reverse=True)
    assert rebond("model", "diff", "2", "2", home=demo_home.folder).out["same"]
    assert rebond("model", "diff", "2", home=demo_home.folder).status == 2
    assert "99" in rebond("model", "diff", "2", "99", home=demo_home.folder).out["error"]


def test_the_schema_is_printed_without_a_home(demo_home: DemoHome, tmp_path: Path) -> None:
    printed = rebond("model", "schema", home=tmp_path / "nowhere").out
    validator = Draft202012Validator(printed)
    for path in (demo_home.folder / "models").glob("*/table.json"):
        validator.validate(json.loads(path.read_text(encoding="utf-8")))


def test_an_unknown_model_is_named(demo_home: DemoHome) -> None:
    ran = rebond("model", "show", "99", home=demo_home.folder)
    assert ran.status == 1
    assert "99" in ran.out["error"]


def test_a_date_is_scored_once_and_never_ahead_of_time(demo_home: DemoHome, tmp_path: Path) -> None:
    home = demo_home.copy(tmp_path / "home").folder
    again = rebond("score", home=home)
    assert again.status == 1
    assert "scored before" in again.out["error"]
    ahead = rebond("score", "--as-of", "2031-01-06", home=home)
    assert ahead.status == 1
    assert "2031-01-06" in ahead.out["error"]


def test_a_kind_of_fact_that_came_up_after_the_training_is_named(
    demo_home: DemoHome, tmp_path: Path
) -> None:
    home = demo_home.copy(tmp_path / "home").folder
    protocol = next((home / "events").glob("protocol-*.toml")).read_text(encoding="utf-8")
    new = {"entered": "2026-01-05", "informed_on": "2026-01-05"}
    folder = write_folder(
        tmp_path / "in",
        [stay("N1", **new), stay("N2", **new)],
        [
            event("N1", "2026-10-01", "rdv//honore"),
            event("N1", "2026-10-05", "rdv//honore//visio"),
            event("N2", "2026-10-05", "club//echecs"),
        ],
        extracted_on="2026-11-23",
        protocol=protocol,
    )
    imported = rebond("import", folder, home=home)
    assert imported.status == 0, imported.err
    with sqlite3.connect(home / "review.db") as database:
        database.execute("DELETE FROM runs")
    database.close()
    scored = rebond("score", home=home)
    assert scored.status == 0, scored.err
    assert scored.out["other_codes"] == ["rdv//honore//visio"]  # nothing looks at chess clubs


@pytest.mark.safeguard
def test_s35_s19_who_was_drawn_within_a_year_or_has_a_signal_is_not_asked_about_again(
    demo_home: DemoHome, tmp_path: Path
) -> None:
    """All but a sixteenth were looked at a month ago: the next draw is among those left."""
    home = demo_home.copy(tmp_path / "home").folder
    with closing(sqlite3.connect(home / "review.db")) as database, database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(situations)")]
        chosen = {"id": "'drawn-' || people.person", "person": "people.person",
                  "kind": "'control'", "state": "'handled_elsewhere'",
                  "as_of": "date(s.as_of, '-35 days')"}  # fmt: skip
        told = ", ".join(chosen.get(name, f's."{name}"') for name in columns)
        database.execute(
            f"INSERT INTO situations SELECT {told} FROM people, "  # noqa: S608 - our own
            "(SELECT * FROM situations LIMIT 1) AS s WHERE people.person NOT LIKE '0%'"
        )
        before = {id for (id,) in database.execute("SELECT id FROM situations")}
        database.execute("UPDATE situations SET state = 'handled_elsewhere'")
        database.execute("DELETE FROM runs")
        flagged = {
            person
            for (person,) in database.execute(
                "SELECT person FROM situations JOIN signals ON id = situation_id"
            )
        }
    scored = rebond("score", home=home)
    assert scored.status == 0, scored.err
    with closing(sqlite3.connect(home / "review.db")) as database:
        new = [
            (person, kind)
            for id, person, kind in database.execute("SELECT id, person, kind FROM situations")
            if id not in before
        ]
    drawn = [person for person, kind in new if kind == "control"]
    assert len(drawn) == scored.out["controls"] > 0
    assert len(new) == scored.out["queued"] > len(drawn)
    # Nor does anybody have a second signal of one time (S19), however the first was closed.
    assert flagged and flagged.isdisjoint(person for person, _ in new)
    assert [person for person in drawn if not person.startswith("0")] == []


@pytest.mark.safeguard
def test_s21_an_audit_after_a_later_import_keeps_to_the_models_own_test_and_tells_nobody(
    demo_home: DemoHome, tmp_path: Path
) -> None:
    """One more person, entered long before everybody else, moves nothing that was trained on."""
    home = demo_home.copy(tmp_path / "home").folder
    version = next(m for m in (home / "reports").iterdir()).name
    before = json.loads((home / "reports" / version / "audit.json").read_text(encoding="utf-8"))
    protocol = next((home / "events").glob("protocol-*.toml")).read_text(encoding="utf-8")
    early = stay("N1", "2021-01-04", informed_on="2021-01-04")
    folder = write_folder(
        tmp_path / "in",
        [early],
        [event("N1", "2026-10-01", "rdv//honore")],
        extracted_on="2026-11-23",
        protocol=protocol,
    )
    assert rebond("import", folder, home=home).status == 0
    again = rebond("audit", version, home=home)
    assert again.status in (0, 3, 4), again.err
    assert again.out["positives"] == before["positives"]
    # She is in the audit; that she is, two reports do not say when subtracted (S21).
    assert again.out["persons"] == before["persons"]
    assert again.out["findings"] == before["findings"]
    after = json.loads((home / "reports" / version / "audit.json").read_text(encoding="utf-8"))
    # How people decide was not there to be told when the demonstration was audited.
    assert after["surroundings"] | {"human": None} == before["surroundings"]
    assert after["context"]["capacity"] == before["context"]["capacity"]
    assert "Ensemble" in after["context"]["limits"][0]["fr"]
    sealed = (home / "reports" / version / "told.sealed").read_bytes()
    assert b"counts" not in sealed


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "victim", ["models/{}/table.json", "reports/{}/audit.json", "reports/{}/audit.html"]
)
def test_s31_a_swapped_file_closes_the_gate(
    demo_home: DemoHome, tmp_path: Path, victim: str
) -> None:
    home = demo_home.copy(tmp_path / "home").folder
    chosen = max(p.parent.name for p in home.glob("reports/*/audit.json"))
    path = home / victim.format(chosen)
    path.write_text(path.read_text(encoding="utf-8").replace("0", "1", 1), encoding="utf-8")
    ran = rebond("score", "--as-of", "2026-10-26", home=home)
    assert ran.status == 1
    assert "scored before" not in ran.out["error"]


@pytest.mark.safeguard
def test_s31_a_suspended_model_scores_nothing(demo_home: DemoHome, tmp_path: Path) -> None:
    home = demo_home.copy(tmp_path / "home").folder
    member = demo_home.login("committee")
    chosen = max(p.parent.name for p in home.glob("reports/*/audit.json"))
    stopped = rebond("suspend", chosen, "--by", member, "--reason", "essai d'arrêt", home=home)
    assert stopped.out["state"] == "suspended"
    refused = rebond("score", "--as-of", "2026-10-26", home=home)
    assert refused.status == 1
    assert "suspended" in refused.out["error"]
    resumed = rebond("resume", chosen, "--by", member, "--reason", "essai terminé", home=home)
    assert resumed.out["state"] == "approved"


@pytest.mark.safeguard
def test_s22_a_changed_byte_in_the_log_is_found(demo_home: DemoHome, tmp_path: Path) -> None:
    home = demo_home.copy(tmp_path / "home").folder
    assert rebond("journal", "verify", home=home).out["ok"] is True
    with sqlite3.connect(home / "review.db") as database:
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'journal%'"
        ).fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE journal_entries SET subject = subject || 'x' WHERE act = 'import'")
    database.close()
    ran = rebond("journal", "verify", home=home)
    assert ran.status == 1
    assert ran.out["ok"] is False


@pytest.mark.safeguard
def test_s01_no_score_lies_in_any_file_outside_the_review_database(demo_home: DemoHome) -> None:
    """Scores are log-odds with many digits: none of those in the queue is written elsewhere."""
    with sqlite3.connect(demo_home.folder / "review.db") as database:
        signals = [json.loads(c) for (c,) in database.execute("SELECT content FROM signals")]
    database.close()
    scores = [repr(signal["score"]).encode() for signal in signals]
    assert len(scores) == 90
    for path in demo_home.folder.rglob("*"):
        if path.is_file() and not path.name.startswith("review.db"):
            content = path.read_bytes()
            assert not [s for s in scores if s in content], path


@pytest.mark.safeguard
def test_s07_no_identifier_lies_in_any_file(demo_home: DemoHome) -> None:
    """The simulated identifiers and names are plain; nothing stored holds one of them."""
    for path in demo_home.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"Personne fictive 0042" not in content, path
            assert b"P0000042" not in content, path


def test_a_taken_port_is_refused_before_any_work(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        ran = rebond("demo", "--port", port, home=tmp_path / "home")
    assert ran.status == 1
    assert port in ran.out["error"]
    assert not (tmp_path / "home").exists()


def test_an_audit_of_somebody_elses_predictions_needs_no_home(tmp_path: Path) -> None:
    rows = [
        {"seen": int(i % 4 == 0), "label_value": int(i % 3 == 0), "sex": "fm"[i % 2]}
        for i in range(600)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "vendor.csv", index=False)
    ran = rebond(
        "audit", "--predictions", tmp_path / "vendor.csv", "--label", "label_value",
        "--selected", "seen", "--attributes", "sex", "--report", tmp_path / "report",
    )  # fmt: skip
    assert ran.status in {0, 3, 4}
    assert {"pass": 0, "fail": 3, "cannot_assess": 4}[ran.out["verdict"]] == ran.status
    assert {f["metric"] for f in ran.out["findings"]} == {
        "recall", "false_negative_rate", "false_positive_rate", "precision", "selection_rate",
    }  # fmt: skip
