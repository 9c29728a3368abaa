"""The way of one situation through pages and JSON: facts, own view, signal, decision."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

import features
from api import imports
from api.web.forms import MAX_TEXT
from api.web.rendering import person_label
from revue import committee
from revue.accounts import actor_for
from revue.directory import sync_people
from revue.offers import OFFERS
from revue.queue import fill
from revue.records import LocalService, ScoringRun
from revue.services import replace_services
from revue.vault import Identity, store_identities
from tests.api.web_home import AGAINST, AS_OF, CLI, NOW, REASONS, VERSION, House, build, stays

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
    assert len({frozenset(item) for item in items}) == 1
    rows = [
        re.sub(house.ids[kind] + "|" + person_label(house.people[kind]), "", row)
        for kind in MINE
        for row in re.findall("<li>.*?</li>", page(claire, "/queue").split("data-list")[1])
        if house.ids[kind] in row
    ]
    assert len(rows) == len(MINE)
    assert len(set(rows)) == 1


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
        rows = [Identity(person, "P9", display_name="Aïcha B.")]
        store_identities(session, house.home.person_keys, rows, by=CLI, now=NOW)
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


CANARY = "Canari : un mot que nul autre ne lit."


def view(client, id: str, opinion: str = "no", why: str = ""):
    return post(client, f"/situations/{id}/view", opinion=opinion, why=why)


def to_decision(client, id: str, opinion: str = "no", why: str = "") -> None:
    """Go to the decision: own view, then the signal."""
    assert view(client, id, opinion, why).status_code == 303
    assert post(client, f"/situations/{id}/signal").status_code == 303


def decide(client, id: str, kind: str = "in_hand", reason: str = "Déjà vu.", **more):
    return post(client, f"/situations/{id}/decision", kind=kind, reason=reason, **more)


def away(house: House, login: str = "claire", stand_in: str = "karim"):
    """Note through the team lead's page that somebody is away."""
    days = {"first_on": "2026-11-20", "last_on": "2026-11-27"}
    return post(house.client("remy"), "/team/absences", login=login, stand_in=stand_in, **days)


@pytest.mark.parametrize(
    ("path", "fields", "field", "kept"),
    [
        ("view", {"opinion": "yes", "why": ""}, "why", 'value="yes" checked'),
        ("put-off", {"until": ""}, "until", None),
        ("put-off", {"until": "2026-11-21"}, "until", 'value="2026-11-21"'),
        ("put-off", {"until": "2027-12-01"}, "until", 'value="2027-12-01"'),
        ("contest", {"contest_words": " "}, "contest_words", None),
    ],
)
def test_a_refused_act_stands_in_its_form(house, claire, path, fields, field, kept):
    refused = post(claire, f"/situations/{house.ids['signal']}/{path}", **fields)
    text = read(refused)
    assert refused.status_code == 422
    assert "<title>Erreur :" in text
    assert f'href="#{field}"' in text
    assert f'id="{field}-erreur"' in text
    assert kept is None or kept in text
    assert has_danger_first(text)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": ""}, "kind"),
        ({"kind": "offer"}, "offers"),
        ({"reason": ""}, "reason"),
        ({"kind": "team"}, "again_on"),
        ({"again_on": "2026-11-02"}, "again_on"),
        ({"again_on": "demain"}, "again_on"),
        ({"contact": "fax"}, "contact"),
        ({"contact": "call"}, "safe_contact"),
        ({"words": "a" * (MAX_TEXT + 1)}, "words"),
    ],
)
def test_a_refused_decision_keeps_every_field(house, claire, fields, field):
    id = house.ids["signal"]
    to_decision(claire, id)
    typed = {"kind": "in_hand", "reason": "Vu.", "words": "Ça ira.", "informed": "yes"} | fields
    refused = post(claire, f"/situations/{id}/decision", **typed)
    text = read(refused)
    assert refused.status_code == 422
    assert f'href="#{field}"' in text
    assert f'id="{field}-erreur"' in text
    assert f'id="{field}"' in text
    assert all(f">{typed[name]}</textarea>" in text for name in ("reason", "words"))
    assert 'name="informed" value="yes" checked' in text


def test_a_contact_that_was_checked_goes_through(house, claire):
    id = house.ids["signal"]
    to_decision(claire, id, "unknown")
    more = {"offers": "trajet", "contact": "call", "safe_contact": "yes", "informed": "yes"}
    more |= {"words": "Oui, pour le bus.", "again_on": "2026-12-05"}
    assert decide(claire, id, "offer", **more).status_code == 303
    text = page(claire, f"/situations/{id}")
    assert "Contact confirmé comme sûr." in text
    assert "Oui, pour le bus." in text
    assert "on y revient le 5 décembre 2026" in text
    refused = post(claire, f"/situations/{id}/follow-up", became="Le bus est payé.")
    assert refused.status_code == 422
    assert ">Le bus est payé.</textarea>" in read(refused)
    told = {"answer": "accepted", "became": "Le bus est payé.", "next_on": "2027-01-05"}
    assert post(claire, f"/situations/{id}/follow-up", **told).status_code == 303
    assert "Le bus est payé." in page(claire, f"/situations/{id}")
    assert f"/situations/{id}" in page(claire, "/queue?show=follow_up")


@pytest.mark.parametrize("field", ["why", "reason", "became"])
def test_hints_are_shown_once_and_stop_nobody(house, claire, field):
    id, text = house.ids["signal"], "Elle refuse tout, au 06 12 34 56 78."
    at = {"why": "view", "reason": "decision", "became": "follow-up"}[field]
    if field != "why":
        to_decision(claire, id)
    if field == "became":
        assert decide(claire, id).status_code == 303
    fields = {"opinion": "no", "kind": "in_hand", field: text}
    first = post(claire, f"/situations/{id}/{at}", **fields)
    shown = read(first)
    assert first.status_code == 200
    assert "<title>Relecture :" in shown
    assert f'href="#{field}-relecture"' in shown
    assert "<q>refuse</q> : n'a pas souhaité" in shown
    assert "<q>06 12 34 56 78</q>" in shown
    assert f">{text}</textarea>" in shown
    assert 'name="read_over" value="yes"' in shown
    # Refused for another reason, the text is not read over again.
    again = {**fields, "read_over": "yes", "opinion": "", "kind": "", "next_on": "hier"}
    refused = post(claire, f"/situations/{id}/{at}", **again)
    assert refused.status_code == 422
    assert 'name="read_over" value="yes"' in read(refused)
    assert post(claire, f"/situations/{id}/{at}", **fields, read_over="yes").status_code == 303
    assert text in page(claire, f"/situations/{id}")


def test_a_proposed_wording_outlives_an_ended_session(house):
    typed = {"csrf": "old", "text": "appel du service resté sans suite", "reason": "Elle blesse."}
    refused = house.client().post("/committee/wordings", data=typed)
    assert refused.status_code == 401
    assert typed["text"] in read(refused) and typed["reason"] in read(refused)


def test_a_contestation_of_nothing_but_nul_says_nothing(house, claire):
    at = f"/situations/{house.ids['signal']}/contest"
    assert post(claire, at, contest_words="\0").status_code == 422
    assert post(claire, at, contest_words=" \0Non. ").status_code == 303
    program = claire.get(f"/api/v1/situations/{house.ids['signal']}").json()
    assert program["contestation"]["words"] == " Non. "


def test_the_persons_own_words_are_never_read_over(house, claire):
    id = house.ids["signal"]
    to_decision(claire, id)
    assert decide(claire, id, words="Je suis un cas, je refuse.").status_code == 303
    told = post(claire, f"/situations/{id}/contest", contest_words="  Je refuse.\r\nTout. ")
    assert told.status_code == 303
    assert "Je refuse." in page(claire, f"/situations/{id}")


def test_what_a_colleague_holds_is_read_and_nothing_typed_is_lost(house, claire):
    id = house.ids["signal"]
    assert away(house).status_code == 303
    karim = house.client("karim")
    assert post(karim, f"/situations/{id}/claim").status_code == 303
    assert "Vous travaillez sur cette situation" in page(karim, f"/situations/{id}")
    text = page(claire, f"/situations/{id}")
    assert "<strong>karim travaille sur cette situation</strong>, jusqu'au" in text
    assert 'name="opinion"' not in text
    assert "Les faits connus" in text
    assert "prise par karim" in page(claire, "/queue?show=all")
    assert f"/situations/{id}" not in page(claire, "/queue")
    refused = view(claire, id, "yes", CANARY)
    shown = read(refused)
    assert refused.status_code == 409
    assert "n'est pas perdu" in shown
    assert f">{CANARY}</textarea>" in shown
    # Hints on a text whose form is gone do not lose it either.
    assert "Elle refuse.</textarea>" in read(view(claire, id, "yes", "Elle refuse."))
    assert post(karim, f"/situations/{id}/release").status_code == 303
    assert 'name="opinion"' in page(claire, f"/situations/{id}")
    # The stand-in's days are over: what they typed comes back on the page that refuses them.
    end = re.search(r"/team/absences/\d+/end", page(house.client("remy"), "/team")).group()
    assert post(house.client("remy"), end).status_code == 303
    gone = view(karim, id, "yes", CANARY)
    assert gone.status_code == 404
    assert CANARY in read(gone)


@pytest.mark.safeguard
def test_s32_a_contested_situation_waits_for_its_answer(house, claire):
    id, dina = house.ids["signal"], house.client("dina")
    to_decision(claire, id)
    words = "Ce n'est pas moi qui n'ai pas répondu."
    assert post(claire, f"/situations/{id}/contest", contest_words=words).status_code == 303
    text = page(claire, f"/situations/{id}")
    assert "La personne conteste cette situation" in text and words in text
    assert "due le 21 décembre 2026" in text
    assert FREQUENCY not in text
    assert f"/situations/{id}" in page(claire, "/queue?show=contested")
    refused = decide(claire, id, reason=CANARY)
    assert refused.status_code == 409
    assert f">{CANARY}</textarea>" in read(refused)
    assert has_danger_first(read(refused))

    asked = page(dina, "/rights")
    assert words in asked and "1 contestation attend une réponse" in asked
    assert person_label(house.people["signal"]) not in asked
    at = f"/rights/contestations/{id}"
    missing = read(post(dina, at, outcome="kept", answer=""))
    assert f'href="#answer-{id}"' in missing and f'id="answer-{id}-erreur"' in missing
    assert 'value="kept" checked' in missing
    unchosen = read(post(dina, at, outcome="", answer="Vu avec elle."))
    assert f'href="#outcome-{id}"' in unchosen and "Vu avec elle.</textarea>" in unchosen
    assert post(dina, at, outcome="kept", answer="Vu avec elle.").status_code == 303
    assert "Aucune contestation n'attend de réponse." in page(dina, "/rights")
    late = post(dina, at, outcome="kept", answer=CANARY)
    assert late.status_code == 404
    assert f">{CANARY}</textarea>" in read(late)
    back = page(claire, f"/situations/{id}")
    assert "La situation reste ouverte. Vu avec elle." in back
    assert decide(claire, id).status_code == 303

    other = house.ids["second_signal"]
    assert post(claire, f"/situations/{other}/contest", contest_words=words).status_code == 303
    upheld = {"outcome": "upheld", "answer": "Retirée."}
    assert post(dina, f"/rights/contestations/{other}", **upheld).status_code == 303
    withdrawn = page(claire, f"/situations/{other}")
    assert "Cette situation a été retirée" in withdrawn
    assert has_danger_first(withdrawn)
    assert 'name="opinion"' not in withdrawn


def test_a_situation_is_put_off_and_comes_back(house, claire):
    id = house.ids["signal"]
    assert post(claire, f"/situations/{id}/put-off", until="2026-12-15").status_code == 303
    assert "jusqu'au 15 décembre 2026" in page(claire, f"/situations/{id}")
    assert f"/situations/{id}" not in page(claire, "/queue")
    later = page(claire, "/queue?show=put_off")
    assert f"/situations/{id}" in later and "Revient le" in later
    assert post(claire, f"/situations/{id}/resume").status_code == 303
    assert f"/situations/{id}" in page(claire, "/queue")
    assert post(claire, f"/situations/{id}/put-off", until="2026-12-15").status_code == 303
    back = house.on(date(2026, 12, 15)).client("claire")
    assert f"/situations/{id}" in page(back, "/queue")
    assert 'name="opinion"' in page(back, f"/situations/{id}")


@pytest.mark.safeguard
@pytest.mark.parametrize("decided", [False, True])
def test_s02_a_second_reader_is_blind_to_the_first(house, claire, decided):
    """Asked before deciding, or by a decision that parts from the own view."""
    id, karim = house.ids["signal"], house.client("karim")
    canaries = [f"Canari {n}." for n in range(3)]
    to_decision(claire, id, "yes", canaries[0])
    if decided:
        more = {"words": canaries[2], "again_on": "2026-12-05"}
        told = decide(claire, id, "nothing_now", canaries[1], **more)
        assert told.status_code == 303
    else:
        assert post(claire, f"/situations/{id}/second-look").status_code == 303
    text = page(claire, f"/situations/{id}")
    assert "Demandé à karim, attendu avant le 28 novembre 2026." in text
    assert ("Votre décision tient en attendant." in text) is decided

    paths = (f"/situations/{id}", f"/situations/{id}/sheet", "/queue", "/people")
    secrets = (*canaries, FREQUENCY, *AGAINST, "plutôt oui,", "Rien pour le moment")

    def blind() -> None:
        for path in paths:
            shown = read(karim.get(path))
            assert not [secret for secret in secrets if secret in shown], path
        for answer in (
            karim.get(f"/situations/{id}/signal"),
            post(karim, f"/situations/{id}/signal"),
            decide(karim, id, reason="x"),
            post(karim, f"/situations/{id}/second-look"),
        ):
            assert answer.status_code in (404, 409)
            assert not [secret for secret in secrets if secret in read(answer)]

    listed = page(karim, "/queue?show=second_look")
    assert "second regard pour l'équipe" in listed and f"/situations/{id}" in listed
    assert "Une ou un collègue vous demande un second regard." in page(karim, paths[0])
    assert has_danger_first(page(karim, paths[0]))
    blind()
    refused = view(karim, id, "yes")
    assert refused.status_code == 422 and 'href="#why"' in read(refused)
    assert view(karim, id, "unknown", "Je la connais peu.").status_code == 303
    assert "Merci. Votre collègue lira votre avis et décidera." in page(karim, paths[0])
    blind()

    told = page(claire, paths[0])
    assert "Je la connais peu." in told and "je ne peux pas dire" in told.lower()
    assert ("Confirmer ou changer votre décision" in told) is decided
    if decided:
        assert f">{canaries[1]}</textarea>" in told
        assert 'name="again_on" value="2026-12-05"' in told
    assert decide(claire, id).status_code == 303


def test_one_goes_on_without_the_second_look(house, claire):
    id = house.ids["signal"]
    to_decision(claire, id)
    assert post(claire, f"/situations/{id}/second-look").status_code == 303
    assert post(claire, f"/situations/{id}/resume").status_code == 303
    text = page(claire, f"/situations/{id}")
    assert "Demandé, puis retiré." in text
    assert "Demander un second regard avant de décider" not in text
    assert decide(claire, id).status_code == 303


def test_a_confirmed_reason_is_not_read_over_again(house, claire):
    id, reason = house.ids["signal"], "Elle refuse tout."
    to_decision(claire, id, "yes", "Deux messages.")
    told = decide(claire, id, "nothing_now", reason, read_over="yes")
    assert told.status_code == 303
    view(house.client("karim"), id)
    assert f'name="reason_kept" value="{reason}"' in page(claire, f"/situations/{id}")
    confirmed = decide(claire, id, "nothing_now", reason, reason_kept=reason)
    assert confirmed.status_code == 303


def test_past_its_validity_a_situation_says_so(house, claire):
    id = house.ids["signal"]
    to_decision(claire, id)
    late = house.on(date(2027, 2, 15)).client("claire")
    text = page(late, f"/situations/{id}")
    assert "La durée de validité de cette situation est passée" in text
    assert FREQUENCY not in text
    assert has_danger_first(text)
    assert f"/situations/{id}" not in page(late, "/queue?show=all")
    refused = decide(late, id, reason=CANARY)
    assert refused.status_code == 409 and f">{CANARY}</textarea>" in read(refused)
    assert post(late, f"/situations/{id}/handled-elsewhere").status_code == 303


@pytest.mark.safeguard
def test_s28_one_decides_without_signal_while_it_is_stopped(house, claire):
    id = house.ids["signal"]
    view(claire, id)
    refused = post(claire, f"/situations/{id}/without-signal")
    assert refused.status_code == 409
    assert "Rien n'arrête les signaux" in read(refused)
    suspend(house)
    text = page(claire, f"/situations/{id}")
    assert "Décider sans signal" in text and "Voir le signal" not in text
    assert post(claire, f"/situations/{id}/without-signal").status_code == 303
    text = page(claire, f"/situations/{id}")
    assert FREQUENCY not in text and "Signal non pertinent" not in text
    assert decide(claire, id).status_code == 303


def test_local_services_stand_under_their_offer(house, claire):
    theme = next(offer.theme for offer in OFFERS if offer.theme is not None)
    near = LocalService("s1", theme, "Maison & droits", "CCAS", "Nantes", "0102030405", None)
    with house.home.transaction() as session:
        replace_services(session, [near], by=CLI, now=NOW)
    id = house.ids["signal"]
    assert "Maison &amp; droits" not in page(claire, f"/situations/{id}")
    to_decision(claire, id)
    text = page(claire, f"/situations/{id}")
    assert "Services proches" in text
    assert "<strong>Maison &amp; droits</strong>, CCAS, Nantes" in text


@pytest.mark.safeguard
def test_s09_the_printed_sheet_holds_no_name_estimate_or_own_view(house, claire):
    id, person = house.ids["signal"], house.people["signal"]
    with house.home.transaction() as session:
        rows = [Identity(person, "P9", display_name="Aïcha B.")]
        store_identities(session, house.home.person_keys, rows, by=CLI, now=NOW)
    to_decision(claire, id, "yes", CANARY)
    words = "Je voudrais un autre jour."
    decide(claire, id, "team", CANARY, words=words, again_on="2026-12-01")
    text = page(claire, f"/situations/{id}/sheet").split("<main", 1)[1]
    assert words in text
    assert "À reprendre le 1er décembre 2026." in text
    assert "À détruire le" in text
    assert "Les faits connus au 16 novembre 2026" in text
    secrets = ("Aïcha", person, person_label(person), CANARY, FREQUENCY, "Sur 100", *AGAINST)
    assert not [secret for secret in secrets if secret in text]


def test_an_observation_is_noted_and_taken_back(house, claire):
    person, id = house.people["signal"], house.ids["signal"]
    at = f"/people/{person}/observations"
    for fields, field in (
        ({"code": "", "observed_on": "2026-11-18"}, "code"),
        ({"code": "rythme-change", "observed_on": "2026-11-30"}, "observed_on"),
        ({"code": "rythme-change", "observed_on": "2026-01-02"}, "observed_on"),
        ({"code": "rythme-change", "observed_on": ""}, "observed_on"),
    ):
        refused = post(claire, at, **fields)
        assert refused.status_code == 422
        assert f'id="{field}-erreur"' in read(refused)
    noted = post(claire, at, code="rythme-change", observed_on="2026-11-18")
    assert noted.headers["location"] == f"/people/{person}#observations"
    text = page(claire, f"/people/{person}")
    assert "observé le" in page(claire, f"/situations/{id}")
    assert "Visible jusqu'au" in text and "16 février 2027" in text
    away(house)
    karim = house.client("karim")
    assert "noté par claire" in page(karim, f"/people/{person}")
    back = re.search(r"/observations/[\w-]+/take-back", text).group()
    assert post(karim, back).status_code == 404
    assert post(claire, back).status_code == 303
    assert "Rien n'est noté pour le moment." in page(claire, f"/people/{person}")
    assert post(claire, f"/people/{house.people['other_team']}/observations").status_code == 404


def test_absences_and_what_nobody_accompanies(house, claire):
    remy, karim = house.client("remy"), house.client("karim")
    for fields, field in (
        ({"login": "", "first_on": "2026-11-20", "last_on": "2026-11-20"}, "login"),
        ({"login": "claire", "first_on": "", "last_on": ""}, "first_on"),
        ({"login": "claire", "first_on": "2026-11-20", "last_on": "2026-11-19"}, "last_on"),
    ):
        refused = post(remy, "/team/absences", **fields)
        assert refused.status_code == 422
        assert f'id="{field}-erreur"' in read(refused)
        assert f'value="{fields["last_on"]}"' in read(refused)
    assert "E5E5" not in page(karim, "/people")
    assert away(house).status_code == 303
    assert "vous remplacez claire" in page(karim, "/people")
    assert f"/situations/{house.ids['signal']}" in page(karim, "/queue")
    self_relief = away(house, "karim", "karim")
    assert self_relief.status_code == 422 and 'id="stand_in-erreur"' in read(self_relief)

    with house.home.transaction() as session:
        people = [stay for stay in stays() if stay.person != house.people["control"]]
        nobodys = next(stay for stay in stays() if stay.person == house.people["control"])
        sync_people(session, [*people, replace(nobodys, referent=None)], by=CLI, now=NOW)
    id = house.ids["control"]
    text = page(remy, "/team")
    assert f"/team/situations/{id}/assign" in text
    assert "le service entier n'avait pas de place pour 12 situations" in text
    assert not [secret for secret in (FREQUENCY, "Dernier échange", "tirée") if secret in text]
    refused = post(remy, f"/team/situations/{id}/assign", login="claire")
    assert refused.status_code == 422
    assert f'href="#login-{id}"' in read(refused) and f'id="login-{id}-erreur"' in read(refused)
    assert 'id="login-erreur"' not in read(refused)
    assert post(remy, f"/team/situations/{id}/assign", login="karim").status_code == 303
    assert f"/situations/{id}" in page(karim, "/queue")
    assert f"/team/situations/{id}/assign" not in page(remy, "/team")
    assert post(remy, f"/team/situations/{id}/assign", login="karim").status_code == 409


def test_the_queue_counts_its_lists(house, claire):
    text = page(claire, "/queue")
    assert "3 situations attendent votre regard" in text
    assert 'Attendent votre regard <span class="count">3</span>' in text
    assert "Prises par vous" not in text
    post(claire, f"/situations/{house.ids['signal']}/claim")
    post(claire, f"/situations/{house.ids['control']}/put-off", until="2026-12-15")
    text = page(claire, "/queue?show=mine")
    for title, number in (
        ("Attendent votre regard", 2),
        ("Prises par vous", 1),
        ("Que personne n'a prises", 1),
        ("Reportées", 1),
        ("Toutes", 3),
    ):
        assert f'{title} <span class="count">{number}</span>' in text
    assert len(re.findall(r'<a href="/situations/', text)) == 1
    assert "Rien dans cette liste." in page(claire, "/queue?show=contested")
    assert page(claire, "/queue?show=nulle").count('<a href="/situations/') == 2
    assert "places vous restent" not in text
    with house.home.transaction() as session:
        run = ScoringRun(VERSION, AS_OF, "0" * 64, unserved=1, not_informed=0, per_referent=5)
        fill(session, run=run, situations=[], rng_key=b"t", by=CLI, now=NOW, due_on=AS_OF)
    text = page(claire, "/queue")
    assert "2 places vous restent ouvertes à la prochaine revue" in text
    assert "Pour 1 autre situation, le service n'avait pas de place" in text
