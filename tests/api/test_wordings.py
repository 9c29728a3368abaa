"""A sentence that hurts is mended at once: by two members, without a new model."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import features
from api.cli import main
from api.imports import import_folder
from api.opening import open_home
from api.web.app import create_app
from features.words import LONGEST_WORDING
from modeles.explanation import Signal
from tests.api.web_home import CLI, House, TestClient, build, with_plain_blanks
from tests.conftest import DemoHome, Ran, rebond

GROUP = "contacts sans réponse"
FIRST = "appel du service sans réponse|appels du service sans réponse"
MENDED = "appel resté sans suite|appels restés sans suite"
SHIPPED = Path(str(features.__file__)).parent / "protocols" / "accompagnement.toml"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = build(tmp_path_factory.mktemp("wordings") / "home")
    folder = tmp_path_factory.mktemp("extract")
    (folder / "persons.csv").write_text(
        "person_id,entered_on,left_on,team,referent,informed_on\n"
        "P1,2026-03-02,,insertion,claire,2026-03-02\n",
        encoding="utf-8",
    )
    (folder / "events.csv").write_text(
        "person_id,occurred_at,code\nP1,2026-11-14,rdv//honore\n", encoding="utf-8"
    )
    import_folder(house.home, folder, protocol=SHIPPED, by=CLI, progress=str)
    return house


@pytest.fixture
def house(template: House, tmp_path: Path) -> House:
    return template.copy(tmp_path)


def post(client: TestClient, path: str, **fields: str):
    return client.post(path, data={"csrf": client.headers["X-CSRF-Token"], **fields})


def read(answer) -> str:
    return re.sub(r"\s+", " ", answer.text.replace("&#39;", "'").replace("&nbsp;", " "))


def test_one_member_proposes_and_another_confirms_by_form(house: House) -> None:
    anne, paul = house.client("anne"), house.client("paul")
    path = "/committee/wordings"
    assert f'href="{path}"' in anne.get("/committee").text
    assert post(anne, path, group=GROUP, text=MENDED, reason="Plus juste.").status_code == 303
    own, other = read(anne.get(path)), read(paul.get(path))
    assert f"« {MENDED} », au lieu de « {FIRST} »" in own
    assert "un autre membre la confirme" in own
    assert f"{path}/2/confirm" not in own
    assert f'action="{path}/2/confirm"' in other
    refused = post(anne, f"{path}/2/confirm")
    assert refused.status_code == 409
    assert "Vous avez proposé cette formulation" in read(refused)
    assert post(paul, f"{path}/2/confirm").status_code == 303
    after = read(anne.get(path))
    assert "En attente" not in after
    assert f"« {MENDED} »" in after
    assert f"« {FIRST} »" not in after
    assert f"{GROUP} : « {MENDED} »" in read(anne.get("/models/7"))
    assert "confirme une formulation" in anne.get("/journal").text


def test_a_refused_proposal_says_why_and_keeps_what_was_typed(house: House) -> None:
    anne = house.client("anne")
    for field, typed in {
        "group": {"group": "", "text": MENDED, "reason": "x"},
        "text": {"group": GROUP, "text": "personne à risque", "reason": "x"},
        "reason": {"group": GROUP, "text": MENDED, "reason": " "},
    }.items():
        answer = post(anne, "/committee/wordings", **typed)
        assert answer.status_code == 422
        text = read(answer)
        assert f'href="#{field}"' in text
        assert f'id="{field}"' in text
        assert f'value="{typed["text"]}"' in text
    long = post(anne, "/committee/wordings", group=GROUP, text="v" * 3000, reason="x")
    assert f"{LONGEST_WORDING} caractères au plus" in read(long)
    assert anne.get("/api/v1/wordings").json()["versions"] == []


def test_the_same_by_json(house: House) -> None:
    anne, paul = house.client("anne"), house.client("paul")
    asked = {"group": GROUP, "text": MENDED, "reason": "Plus juste."}
    made = anne.post("/api/v1/wordings", json=asked)
    assert (made.status_code, made.json()["version"]) == (200, 2)
    same = anne.post("/api/v1/wordings/2/confirm")
    assert (same.status_code, same.json()["code"]) == (409, "SameMember")
    assert anne.get("/api/v1/wordings").json()["current"][GROUP] == FIRST
    assert paul.post("/api/v1/wordings/2/confirm").json()["confirmed_by"] == "paul"
    assert paul.post("/api/v1/wordings/9/confirm").status_code == 404
    found = paul.get("/api/v1/wordings").json()
    assert found["current"][GROUP] == MENDED
    assert [w["proposed_by"] for w in found["versions"]] == ["anne"]
    again = paul.post("/api/v1/wordings", json=asked)
    assert (again.status_code, again.json()["code"]) == (422, "UnchangedWording")


@pytest.mark.safeguard
@pytest.mark.parametrize("login", ["claire", "remy", "sonia", "dina", "adam"])
def test_s26_nobody_else_mends(house: House, login: str) -> None:
    client = house.client(login)
    asked = {"group": GROUP, "text": MENDED, "reason": "x"}
    assert client.post("/api/v1/wordings", json=asked).status_code == 403
    assert post(client, "/committee/wordings", **asked).status_code == 403
    assert post(client, "/committee/wordings/2/confirm").status_code == 403
    assert client.get("/committee/wordings").status_code == 403


def kept(home: Path) -> dict[str, str]:
    """What the queue keeps of each signal, to the byte."""
    with sqlite3.connect(home / "review.db") as database:
        rows = dict(database.execute("SELECT situation_id, content FROM signals").fetchall())
    database.close()
    return rows


@pytest.fixture
def demo(demo_home: DemoHome, tmp_path: Path) -> DemoHome:
    return demo_home.copy(tmp_path / "home")


def signed_in(demo: DemoHome, login: str) -> TestClient:
    home = open_home(demo.folder, demo.folder / "keys")
    client = TestClient(create_app(home), follow_redirects=False)
    client.event_hooks["response"].append(with_plain_blanks)
    credentials = {"login": login, "password": demo.password(login)}
    answer = client.post("/api/v1/login", json=credentials)
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    return client


Command = Callable[..., Ran]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run ``rebond … --json`` in this process: there are many, and they start nothing."""

    def run(home: Path, *arguments: str) -> Ran:
        with pytest.raises(SystemExit) as left:
            main(["--home", str(home), *arguments, "--json"])
        said = capsys.readouterr()
        return Ran(int(str(left.value.code)), json.loads(said.out), said.err)

    return run


def mend(command: Command, demo: DemoHome, group: str, text: str) -> None:
    first, second = (a["login"] for a in demo.out["accounts"] if a["role"] == "committee")
    reason = ("--reason", "une phrase qui blesse")
    proposed = command(demo.folder, "wording", "propose", group, text, "--by", first, *reason)
    assert (proposed.status, proposed.out["confirmed_by"]) == (0, None)
    version = str(proposed.out["version"])
    same = command(demo.folder, "wording", "confirm", version, "--by", first)
    assert same.status == 1
    assert "another member" in same.out["error"]
    done = command(demo.folder, "wording", "confirm", version, "--by", second)
    assert (done.status, done.out["confirmed_by"]) == (0, second)


def test_a_signal_in_the_queue_changes_its_words_at_once_and_the_model_stays(
    command: Command, demo: DemoHome
) -> None:
    before = kept(demo.folder)
    educators = [a["login"] for a in demo.out["accounts"] if a["role"] == "educator"]
    claire = signed_in(demo, educators[0])
    mine = [item["id"] for item in claire.get("/api/v1/queue").json()["items"]]
    id = next(id for id in mine if id in before and '"column"' in before[id])
    path = f"/api/v1/situations/{id}"
    claire.post(f"{path}/view", json={"opinion": "no"})
    shown = claire.post(f"{path}/signal").json()["signal"]
    frozen = Signal.from_json(before[id])
    spoken = (*frozen.reasons, *frozen.against)
    assert [r["text"] for r in shown["reasons"]] == [r.text for r in frozen.reasons]

    # Every group that speaks here is mended; what is said must change with each of them.
    for number, group in enumerate(dict.fromkeys(r.feature for r in spoken)):
        mend(
            command, demo, group, f"fait réparé {'abcdef'[number]}|faits réparés {'abcdef'[number]}"
        )
    mended = claire.get(f"{path}/signal").json()["signal"]
    for was, now in zip(spoken, [*mended["reasons"], *mended["against"]], strict=True):
        assert "réparé" in now["text"]
        assert re.findall(r"\d+", now["text"]) == re.findall(r"\d+", was.text)
    page = read(claire.get(f"/situations/{id}"))
    assert all(r["text"] in page for r in (*mended["reasons"], *mended["against"]))
    assert not [r.text for r in spoken if r.text in page]
    assert {k: mended[k] for k in ("model", "as_of", "estimate")} == {
        k: shown[k] for k in ("model", "as_of", "estimate")
    }
    assert kept(demo.folder) == before

    # The gate still opens: the same approvals, the same table, new signals in new words.
    with sqlite3.connect(demo.folder / "review.db") as database:
        database.execute("DELETE FROM runs")
    database.close()
    scored = rebond("score", home=demo.folder)
    assert scored.status == 0, scored.err
    assert scored.out["model"] == frozen.model
    later = [json.loads(c) for k, c in kept(demo.folder).items() if k not in before]
    told = [r for signal in later for r in (*signal["reasons"], *signal["against"])]
    in_new_words = [r for r in told if r["feature"] in {s.feature for s in spoken}]
    assert in_new_words
    assert all("réparé" in r["text"] for r in in_new_words)
    assert command(demo.folder, "journal", "verify").out["ok"] is True


def in_english(client: TestClient, id: str) -> dict[str, list]:
    answer = client.get(
        f"/api/v1/situations/{id}/signal", headers={"Accept-Language": "en-GB,en;q=0.9,fr;q=0.5"}
    )
    return answer.json()["signal"]


def test_a_program_reads_the_same_signal_in_english(command: Command, demo: DemoHome) -> None:
    before = kept(demo.folder)
    educators = [a["login"] for a in demo.out["accounts"] if a["role"] == "educator"]
    claire = signed_in(demo, educators[0])
    mine = [item["id"] for item in claire.get("/api/v1/queue").json()["items"]]
    id = next(id for id in mine if id in before and '"column"' in before[id])
    path = f"/api/v1/situations/{id}"
    claire.post(f"{path}/view", json={"opinion": "no"})
    revealed = claire.post(f"{path}/signal", headers={"Accept-Language": "en"}).json()["signal"]
    french, english = claire.get(f"{path}/signal").json()["signal"], in_english(claire, id)
    assert revealed == english
    frozen = Signal.from_json(before[id])
    spoken = (*frozen.reasons, *frozen.against)
    assert [r["text"] for r in french["reasons"]] == [r.text for r in frozen.reasons]
    told = [*english["reasons"], *english["against"]]
    for was, now in zip(spoken, told, strict=True):
        assert "«" not in now["text"]
        assert re.search(r"\b(since|before|on) \d+ [A-Z][a-z]+ \d{4}\b", now["text"])
        assert re.findall(r"\d+", now["text"]) == re.findall(r"\d+", was.text)
    assert english["missing"][-1].startswith("The model knows recorded events only")
    rest = ("model", "as_of", "valid_until", "estimate")
    assert [english[k] for k in rest] == [french[k] for k in rest]
    pages = {
        language: read(claire.get(f"/situations/{id}", headers={"Accept-Language": language}))
        for language in ("fr", "en")
    }
    assert all(r.text in pages["fr"] for r in spoken)
    assert all(r["text"] in pages["en"] for r in told)

    # Once a sentence hurt, its English translation is not said either.
    group = spoken[0].feature
    mend(command, demo, group, "fait réparé|faits réparés")
    again = in_english(claire, id)
    for was, now in zip(spoken, [*again["reasons"], *again["against"]], strict=True):
        assert ("« fait" in now["text"]) == (was.feature == group)
    assert kept(demo.folder) == before

    # Of another protocol nobody knows what the same names mean: French, as it was frozen.
    store = open_home(demo.folder, demo.folder / "keys").store
    text = SHIPPED.read_text(encoding="utf-8").replace("horizon_days = 90", "horizon_days = 60")
    (store.folder / store.manifest.protocol.file).write_text(text, encoding="utf-8")
    other = in_english(claire, id)
    for was, now in zip(spoken, [*other["reasons"], *other["against"]], strict=True):
        assert "« fait" in now["text"] if was.feature == group else now["text"] == was.text


def test_a_forged_wording_scores_nothing_and_takes_no_page_away(
    command: Command, demo: DemoHome
) -> None:
    mend(command, demo, GROUP, MENDED)
    listed = command(demo.folder, "wording", "list")
    assert listed.out["current"][GROUP] == MENDED
    assert [w["version"] for w in listed.out["versions"]] == [2]
    with sqlite3.connect(demo.folder / "review.db") as database:
        database.execute("DROP TRIGGER wordings_confirmed")
        database.execute("UPDATE wordings SET text = 'ne veut plus venir'")
        database.execute("DELETE FROM runs")
    database.close()
    for act in (("wording", "list"), ("score",)):
        refused = command(demo.folder, *act)
        assert refused.status == 1
        assert "sign" in refused.out["error"]
    educators = [a["login"] for a in demo.out["accounts"] if a["role"] == "educator"]
    claire = signed_in(demo, educators[0])
    before = kept(demo.folder)
    mine = [item["id"] for item in claire.get("/api/v1/queue").json()["items"]]
    id = next(id for id in mine if id in before)
    claire.post(f"/api/v1/situations/{id}/view", json={"opinion": "no"})
    shown = claire.post(f"/api/v1/situations/{id}/signal").json()["signal"]
    frozen = Signal.from_json(before[id])
    assert [r["text"] for r in shown["reasons"]] == [r.text for r in frozen.reasons]
    assert "Danger ou urgence" in claire.get(f"/situations/{id}").text


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("propose", "contacts", MENDED), "contacts"),
        (("propose", GROUP, "a|b|c"), "singular|plural"),
        (("propose", GROUP, "personne à risque"), "risque"),
        (("propose", GROUP, FIRST), "already"),
        (("confirm", "9"), "9"),
        (("confirm", str(10**30)), "no wording"),
    ],
)
def test_a_refused_command_says_why(
    command: Command, house: House, arguments: tuple[str, ...], named: str
) -> None:
    reason = ("--reason", "x") if arguments[0] == "propose" else ()
    home = house.home.folder
    refused = command(home, "wording", *arguments, "--by", "anne", *reason)
    assert refused.status == 1
    assert named in refused.out["error"]
    educator = command(home, "wording", *arguments, "--by", "claire", *reason)
    assert educator.status == 1
    assert "not for educator" in educator.out["error"]
    assert command(home, "wording", "list").out["versions"] == []
