"""The way of one situation through pages and JSON: facts, own view, signal, decision."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import features
from api import imports
from api.web.forms import MAX_TEXT
from api.web.rendering import person_label
from revue import committee
from revue.accounts import actor_for
from revue.vault import store_identities
from tests.api.web_home import AGAINST, CLI, NOW, REASONS, VERSION, House, build

DANGER = "Danger ou urgence ? N'attendez pas cette page"
NUMBERS = ("15", "17", "18", "112", "114", "115", "119", "3919", "3114", "3977")
FREQUENCY = "ont connu une interruption dans les 3 mois"


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> House:
    return build(tmp_path_factory.mktemp("flow") / "home")


@pytest.fixture
def house(template, tmp_path) -> House:
    return template.copy(tmp_path)


@pytest.fixture
def claire(house):
    return house.client("claire")


def page(client, path: str) -> str:
    """Get a page as people read it: whitespace joined, apostrophes as typed."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return read(answer)


def read(answer) -> str:
    text = re.sub(r"\s+", " ", answer.text.replace("&#39;", "'"))
    return text.replace("<b>", "").replace("</b>", "")


def has_danger_first(text: str) -> bool:
    main = text.split("<main", 1)[1]
    first_heading = re.search(r"<h\d[^>]*>([^<]*)<", main).group(1)
    return first_heading == DANGER and all(
        re.search(rf'"(tel|sms):{number}"', main) for number in NUMBERS
    )


def post(client, path: str, **fields):
    """Send a form as a browser does, with the token of the page and no header."""
    token = client.headers.pop("X-CSRF-Token")
    answer = client.post(path, data={"csrf": token, **fields})
    client.headers["X-CSRF-Token"] = token
    return answer


def test_whole_way_by_form(house, claire):
    id = house.ids["signal"]
    before = page(claire, f"/situations/{id}")
    assert "Les faits connus au 16 novembre 2026" in before
    assert "peut être lu par cette personne" in before
    assert FREQUENCY not in before

    given = post(claire, f"/situations/{id}/view", opinion="yes", why="Deux messages.")
    assert given.status_code == 303
    assert given.headers["location"] == f"/situations/{id}#signal"
    assert FREQUENCY not in page(claire, f"/situations/{id}")

    assert post(claire, f"/situations/{id}/signal").status_code == 303
    for path in (f"/situations/{id}", f"/situations/{id}/signal"):
        shown = page(claire, path)
        assert f"environ 15 (10 à 22) {FREQUENCY}" in shown
        assert all(text in shown for text in (*REASONS, *AGAINST))
        assert "montré jusqu'au 14 février 2027" in shown

    decided = post(
        claire,
        f"/situations/{id}/decision",
        kind="offer",
        offers=["point-droits", "trajet"],
        reason="Vu avec Madame.",
        informed="yes",
    )
    assert decided.status_code == 303, decided.text
    after = page(claire, f"/situations/{id}")
    assert "Faire le point sur les droits" in after
    assert "La personne en est informée." in after
    assert house.people["signal"][:4].upper() not in page(claire, "/queue")


def test_whole_way_by_json(house, claire):
    base = f"/api/v1/situations/{house.ids['signal']}"
    assert claire.get(f"{base}/signal").status_code == 409
    assert claire.post(f"{base}/signal").status_code == 409
    decision = {"kind": "in_hand", "offers": [], "reason": "Déjà vu.", "informed": False}
    assert claire.post(f"{base}/decision", json=decision).status_code == 409

    viewed = claire.post(f"{base}/view", json={"opinion": "no", "why": ""})
    assert viewed.status_code == 200
    assert viewed.json()["state"] == "viewed"
    again = claire.post(f"{base}/view", json={"opinion": "no"})
    assert (again.status_code, again.json()["code"]) == (409, "ActOutOfOrder")
    assert claire.get(f"{base}/signal").status_code == 409
    assert claire.post(f"{base}/decision", json=decision).status_code == 409

    revealed = claire.post(f"{base}/signal")
    assert revealed.status_code == 200
    assert revealed.json() == claire.get(f"{base}/signal").json()
    content = revealed.json()["signal"]
    estimate = {"per_100": 15, "low": 10, "high": 22, "uncertain": False}
    assert content["estimate"] == estimate
    assert [reason["text"] for reason in content["reasons"]] == list(REASONS)

    decided = claire.post(f"{base}/decision", json=decision)
    assert decided.status_code == 200
    assert decided.json()["decision"]["kind"] == "in_hand"
    assert claire.post(f"{base}/decision", json=decision).status_code == 409


@pytest.mark.safeguard
def test_s02_the_signal_does_not_come_before_the_own_view(house, claire):
    id = house.ids["signal"]
    for answer in (
        claire.get(f"/situations/{id}/signal"),
        post(claire, f"/situations/{id}/signal"),
        post(claire, f"/situations/{id}/decision", kind="in_hand", reason="x"),
    ):
        assert answer.status_code == 409
        assert FREQUENCY not in read(answer)
        assert has_danger_first(read(answer))


@pytest.mark.safeguard
@pytest.mark.parametrize("kind", ["suspend_aid", "", "sanction"])
def test_s03_nothing_but_the_closed_list(house, claire, kind):
    id = house.ids["signal"]
    post(claire, f"/situations/{id}/view", opinion="no", why="")
    post(claire, f"/situations/{id}/signal")
    by_page = post(claire, f"/situations/{id}/decision", kind=kind, reason="x")
    assert by_page.status_code == 422
    asked = {"kind": kind, "reason": "x"}
    by_json = claire.post(f"/api/v1/situations/{id}/decision", json=asked)
    assert by_json.status_code == 422
    offered = {"kind": "offer", "offers": ["suspend_aid"], "reason": "x"}
    refused = claire.post(f"/api/v1/situations/{id}/decision", json=offered)
    assert (refused.status_code, refused.json()["code"]) == (422, "UnknownOffer")


def test_refused_form_says_why_and_keeps_what_was_typed(house, claire):
    id = house.ids["signal"]
    typed = post(claire, f"/situations/{id}/view", opinion="", why="Le logement change.")
    assert typed.status_code == 422
    text = read(typed)
    assert "Rien n'a été enregistré" in text
    assert 'href="#opinion"' in text
    assert 'id="opinion"' in text
    assert "Le logement change." in text
    missing = read(post(claire, f"/situations/{id}/view", opinion="yes", why=" "))
    assert 'aria-invalid="true" aria-describedby="why-erreur why-aide"' in missing
    assert 'value="yes" checked' in missing
    long = post(claire, f"/situations/{id}/view", opinion="no", why="a" * (MAX_TEXT + 1))
    assert long.status_code == 422

    post(claire, f"/situations/{id}/view", opinion="no", why="")
    post(claire, f"/situations/{id}/signal")
    refused = read(
        post(claire, f"/situations/{id}/decision", kind="in_hand", offers="trajet", reason="Vu.")
    )
    assert 'href="#offers"' in refused
    assert 'value="trajet" checked' in refused
    assert 'value="in_hand" checked' in refused
    assert "Vu.</textarea>" in refused


def test_a_ticked_offer_is_a_decision_to_offer(house, claire):
    """Agreeing costs one choice and one button, as disagreeing does."""
    id = house.ids["signal"]
    post(claire, f"/situations/{id}/view", opinion="no", why="")
    post(claire, f"/situations/{id}/signal")
    answer = post(claire, f"/situations/{id}/decision", offers="trajet", reason="Loin du service.")
    assert answer.status_code == 303
    stored = claire.get(f"/api/v1/situations/{id}").json()["decision"]
    assert (stored["kind"], stored["offers"]) == ("offer", ["trajet"])


@pytest.mark.safeguard
@pytest.mark.parametrize("steps", range(4))
def test_s33_danger_comes_first_and_closes_in_every_state(house, claire, steps):
    id = house.ids["signal"]
    ways = (
        ("view", {"opinion": "no", "why": ""}),
        ("signal", {}),
        ("decision", {"kind": "nothing_now", "reason": "Rien de plus."}),
    )
    for way, fields in ways[:steps]:
        assert post(claire, f"/situations/{id}/{way}", **fields).status_code == 303
    text = page(claire, f"/situations/{id}")
    assert has_danger_first(text)
    assert "01 23 45 67 89" in text
    assert f'action="/situations/{id}/handled-elsewhere"' in text
    for _ in range(2):
        assert post(claire, f"/situations/{id}/handled-elsewhere").status_code == 303
    after = page(claire, f"/situations/{id}")
    assert has_danger_first(after)
    assert "traité hors de cet outil" in after
    assert f"/situations/{id}" not in page(claire, "/queue")


@pytest.mark.safeguard
def test_s33_danger_is_not_held_up_by_a_stop_or_an_ended_session(house, claire):
    id = house.ids["signal"]
    suspend(house)
    assert has_danger_first(page(claire, f"/situations/{id}"))
    stranger = house.client()
    refused = stranger.post(f"/situations/{id}/handled-elsewhere", data={})
    assert refused.headers["location"] == f"/login?next=/situations/{id}"
    login = read(stranger.get(refused.headers["location"]))
    assert all(f'href="tel:{number}"' in login for number in ("15", "17", "18", "112"))
    assert "Personne ne surveille cette file en continu." in login
    assert post(claire, f"/situations/{id}/handled-elsewhere").status_code == 303


@pytest.mark.safeguard
def test_s28_a_stop_freezes_what_was_already_shown(house, claire):
    id = house.ids["signal"]
    post(claire, f"/situations/{id}/view", opinion="no", why="")
    post(claire, f"/situations/{id}/signal")
    shown = claire.get(f"/situations/{id}")
    assert FREQUENCY in read(shown)
    assert shown.headers["cache-control"] == "no-store"
    suspend(house)
    stopped = page(claire, f"/situations/{id}")
    assert FREQUENCY not in stopped
    assert "a suspendu le modèle" in stopped
    assert claire.get(f"/api/v1/situations/{id}/signal").status_code == 409
    assert "a suspendu le modèle" in page(claire, "/queue")


def test_a_control_says_so_after_the_view(house, claire):
    control = house.ids["control"]
    assert "tirée au sort" not in page(claire, f"/situations/{control}")
    post(claire, f"/situations/{control}/view", opinion="no", why="")
    post(claire, f"/situations/{control}/signal")
    shown = page(claire, f"/situations/{control}")
    assert "tirée au sort" in shown
    assert FREQUENCY not in shown
    assert "Signal non pertinent" not in shown
    offered = claire.get(f"/api/v1/situations/{control}").json()["decisions"]
    assert re.findall(r'name="kind" value="(\w+)"', shown) == offered
    assert "team" in offered
    asked = {"kind": "wrong_data", "reason": "Inexact."}
    refused = post(claire, f"/situations/{control}/decision", **asked)
    assert refused.status_code == 422
    assert "choisissez une décision qui ne porte pas sur un signal" in read(refused)
    program = claire.post(f"/api/v1/situations/{control}/decision", json=asked)
    assert (program.status_code, program.json()["code"]) == (422, "NoSignalToDismiss")
    suspend(house)
    assert "Signal non pertinent" not in page(claire, f"/situations/{control}")


def test_a_signal_can_be_dismissed(house, claire):
    id = house.ids["signal"]
    post(claire, f"/situations/{id}/view", opinion="no", why="")
    post(claire, f"/situations/{id}/signal")
    assert page(claire, f"/situations/{id}").count("Signal non pertinent") == 3
    decided = post(claire, f"/situations/{id}/decision", kind="wrong_data", reason="Inexact.")
    assert decided.status_code == 303


@pytest.mark.safeguard
def test_s36_no_first_signal_before_the_practice_module(house):
    karim, id = house.client("karim"), house.ids["colleague"]
    assert post(karim, f"/situations/{id}/view", opinion="no", why="").status_code == 303
    refused = post(karim, f"/situations/{id}/signal")
    assert refused.status_code == 403
    assert "module de prise en main" in read(refused)
    assert has_danger_first(read(refused))


@pytest.mark.safeguard
def test_s01_no_estimate_reaches_anybody_before_the_reveal(house, claire):
    paths = ["/queue", "/people"]
    paths += [f"/situations/{id}" for kind, id in house.ids.items() if kind in MINE]
    secrets = (FREQUENCY, "1.7345678", "-1.73", "per_100", "estimate", "score", *REASONS)
    for path in [*paths, *(f"/api/v1{path}" for path in paths)]:
        answer = claire.get(path)
        assert answer.status_code == 200
        text = read(answer) + str(answer.headers)
        assert not [secret for secret in secrets if secret in text], path


MINE = ("signal", "control", "second_signal")


@pytest.mark.safeguard
def test_s01_kinds_look_alike_before_the_reveal(house, claire):
    fields = [set(claire.get(f"/api/v1/situations/{house.ids[kind]}").json()) for kind in MINE]
    assert fields[0] == fields[1] == fields[2]
    for kind in MINE:
        assert claire.get(f"/api/v1/situations/{house.ids[kind]}").json()["decisions"] == []
    items = claire.get("/api/v1/queue").json()["items"]
    assert all(set(i) == {"id", "person", "team", "referent", "due_on", "state"} for i in items)


def test_people_are_listed_with_why_they_are_not_in_the_queue(house, claire):
    text = page(claire, "/people")
    assert "non informée" in text
    assert "dans la file" in text
    assert "Personne 40FE-12" in text
    assert "Personne E5E5-E5" not in text
    queue = page(claire, "/queue")
    assert "Pour 12 autres situations, le service n'avait pas de place" in queue


def test_what_is_unknown_or_not_yours_is_told_alike(house, claire):
    for id in (house.ids["other_team"], house.ids["colleague"], "AAAAAAAAAAAAAAAA"):
        answer = claire.get(f"/situations/{id}")
        assert answer.status_code == 404
        assert "introuvable" in read(answer)
        program = claire.get(f"/api/v1/situations/{id}")
        assert program.status_code == 404
        assert program.json()["error"] == claire.get("/api/v1/situations/x").json()["error"]
    assert claire.get("/nulle-part").status_code == 404
    assert post(claire, f"/people/{house.people['colleague']}/open").status_code == 404


def test_an_educator_opens_a_situation_from_what_was_imported(house, tmp_path):
    folder = tmp_path / "extract"
    folder.mkdir()
    (folder / "persons.csv").write_text(
        "person_id,entered_on,left_on,team,referent,informed_on,household_id\n"
        "P1,2026-03-02,,insertion,claire,2026-03-02,H1\n"
        "P2,2026-03-02,,insertion,karim,2026-03-02,H2\n",
        encoding="utf-8",
    )
    (folder / "events.csv").write_text(
        "person_id,occurred_at,code\nP1,2026-09-14,rdv//honore\nP2,2026-11-09,contact//message\n",
        encoding="utf-8",
    )
    protocol = Path(features.__file__).parent / "protocols" / "accompagnement.toml"
    imports.import_folder(house.home, folder, protocol=protocol, by=CLI, progress=str)
    claire, mine = house.client("claire"), house.home.keys.pseudonym("P1")

    assert person_label(mine) in page(claire, "/people")
    opened = post(claire, f"/people/{mine}/open")
    assert opened.status_code == 303, opened.text
    text = page(claire, opened.headers["location"])
    assert "Dernier échange enregistré le 14 septembre 2026" in text
    again = claire.post(f"/api/v1/people/{mine}/open").json()["id"]
    assert opened.headers["location"] == f"/situations/{again}"
    others = house.home.keys.pseudonym("P2")
    assert claire.post(f"/api/v1/people/{others}/open").status_code == 404
    assert claire.post("/api/v1/people/personne/open").status_code == 404

    post(claire, f"/situations/{again}/view", opinion="unknown", why="")
    post(claire, f"/situations/{again}/signal")
    shown = page(claire, f"/situations/{again}")
    assert "ouverte par l'éducatrice ou l'éducateur" in shown
    assert FREQUENCY not in shown


def test_a_name_is_lifted_for_the_referent_alone(house, claire):
    person = house.people["signal"]
    with house.home.transaction() as session:
        rows = [(person, "P9", "Aïcha B.", "{}")]
        store_identities(session, house.home.keys, rows, by=CLI, now=NOW)
    for path in ("/queue", "/people", f"/situations/{house.ids['signal']}"):
        assert "Aïcha B." in page(claire, path)
        assert "Aïcha" not in claire.get(f"/api/v1{path}").text
    assert "Aïcha" not in house.client("karim").get("/people").text


def suspend(house: House) -> None:
    with house.home.transaction() as session:
        anne = actor_for(session, "anne")
        committee.suspend(
            session, anne, version=VERSION, reason="un doute", today=NOW.date(), now=NOW
        )
