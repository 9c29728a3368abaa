"""The practice module and the help page, by form and by program, and its group results."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import inspect, text

from api.practice import Result, result, results
from api.web import rendering
from api.web.speech import Speech
from audits.suppression import K
from features.words import AVOIDED, AVOIDED_ENGLISH
from revue import schema
from revue.accounts import actor_for
from revue.exercises import EXERCISES, Exercise
from revue.permissions import Forbidden
from revue.practice import ELSEWHERE, Choice, Question, choices, practise
from revue.records import Actor, DecisionKind, Opinion, Role
from tests.api.web_home import NOW, House, build

A, B, C, D = EXERCISES
SIGNAL = "Sur 100 situations ayant reçu la même estimation"
DRAWN = "tirée au sort parmi celles qui n'ont pas de signal"
YES, NO, _ = Opinion
TALK, OFFER, NOTHING = DecisionKind.TALK_FIRST, DecisionKind.OFFER, DecisionKind.NOTHING_NOW


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> House:
    return build(tmp_path_factory.mktemp("practice") / "home")


@pytest.fixture
def house(template, tmp_path) -> House:
    return template.copy(tmp_path)


@pytest.fixture
def karim(house):
    return house.client("karim")


def read(answer) -> str:
    return re.sub(r"\s+", " ", answer.text.replace("&#39;", "'"))


def send(client, asked, **fields):
    """Send a form of an exercise as a browser does, with the token of the page."""
    token = client.headers.pop("X-CSRF-Token")
    answer = client.post(f"/practice/{asked.id}", data={"csrf": token, **fields})
    client.headers["X-CSRF-Token"] = token
    return answer


def hidden(page: str, after: str) -> dict[str, str]:
    """Return the hidden fields of the form in which a button or a field stands."""
    form = next(form for form in re.findall(r"<form.*?</form>", page, re.DOTALL) if after in form)
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: value for name, value in fields if name != "csrf"}


def walk(client, asked, opinion: str = "no", kind: str = "talk_first"):
    """Do an exercise step by step, each form as the page before gave it."""
    page = client.get(f"/practice/{asked.id}").text
    page = send(client, asked, **hidden(page, "Donner mon avis"), opinion=opinion).text
    page = send(client, asked, **hidden(page, "Voir le signal")).text
    return send(client, asked, **hidden(page, "Terminer l'exercice"), kind=kind)


def everything(house: House) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with house.home.transaction() as session:
        return {
            name: [tuple(row) for row in session.execute(text(f"SELECT * FROM {name}"))]  # noqa: S608
            for name in inspect(session.connection()).get_table_names()
        }


def test_the_order_is_that_of_a_real_page(karim):
    page = read(karim.get(f"/practice/{A.id}"))
    main = page.split("<main", 1)[1]
    assert re.search(r"<h\d[^>]*>([^<]*)<", main).group(1).startswith("Danger ou urgence")
    assert "Ceci est un exercice" in main
    assert "tel:" not in main.split("<footer", 1)[0]
    assert all(fact.text in page for fact in A.facts)
    assert all(line in page for line in (*A.missing, *A.known))
    assert main.index("Points d'appui") < main.index("Votre avis d'abord")
    assert SIGNAL not in page and A.lesson not in page

    form = hidden(page, "Donner mon avis")
    assert form == {"stage": "to_look_at"}
    page = read(send(karim, A, **form, opinion="yes"))
    assert "Plutôt oui" in page
    assert SIGNAL not in page

    form = hidden(page, "Voir le signal")
    assert form == {"stage": "viewed", "opinion": "yes"}
    page = read(send(karim, A, **form))
    assert f"{SIGNAL}, environ 18 (12 à 26)" in page
    assert all(line in page for line in A.signal.reasons)
    assert A.lesson not in page

    form = hidden(page, "Terminer l'exercice")
    assert form == {"stage": "signal_seen", "opinion": "yes"}
    page = read(send(karim, A, **form, kind="not_relevant"))
    assert all(line in page for line in (A.lesson, *A.outcome))
    assert "<strong>Signal non pertinent : autre raison</strong>" in page
    assert f"/practice/{B.id}" in page


def test_a_control_says_that_it_was_drawn_and_has_no_signal_to_dismiss(karim):
    page = read(send(karim, C, stage="viewed", opinion="unknown"))
    assert DRAWN in page and SIGNAL not in page
    assert 'value="wrong_data"' not in page
    refused = send(karim, C, stage="signal_seen", opinion="unknown", kind="wrong_data")
    assert refused.status_code == 422
    assert DRAWN in read(refused)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"stage": "to_look_at"}, "opinion"),
        ({"stage": "viewed", "opinion": "surely"}, "opinion"),
        ({"stage": "signal_seen", "kind": "offer"}, "opinion"),
        ({"stage": "signal_seen", "opinion": "yes"}, "kind"),
        ({"stage": "signal_seen", "opinion": "yes", "kind": "suspend_aid"}, "kind"),
        ({}, "opinion"),
    ],
)
def test_what_is_missing_is_asked_for_and_nothing_is_noted(house, karim, fields, field):
    before = everything(house)
    refused = send(karim, A, **fields)
    assert refused.status_code == 422
    assert f'<a href="#{field}">' in refused.text
    assert "<title>Erreur : " in refused.text
    assert everything(house) == before


def test_looking_and_the_steps_before_the_last_change_nothing(house, karim):
    before = everything(house)
    looked_at = ["/practice", *(f"/practice/{each.id}" for each in EXERCISES)]
    for path in ("/help", *looked_at, *(f"/api/v1{path}" for path in looked_at)):
        assert karim.get(path).status_code == 200
    for each in EXERCISES:
        send(karim, each, stage="to_look_at", opinion="yes")
        send(karim, each, stage="viewed", opinion="yes")
        karim.post(f"/api/v1/practice/{each.id}", json={"opinion": "yes"})
    for each in (A, B, C):
        send(karim, each, stage="viewed", opinion="yes", elsewhere="yes")
    assert everything(house) == before


@pytest.mark.safeguard
def test_s36_no_first_signal_before_the_practice_module(house, karim):
    situation = f"/api/v1/situations/{house.ids['colleague']}"
    assert karim.post(f"{situation}/view", json={"opinion": "no"}).status_code == 200

    def asked_for() -> tuple[int, str | None]:
        answer = karim.post(f"{situation}/signal")
        return answer.status_code, answer.json().get("code")

    for each in EXERCISES:
        assert asked_for() == (403, "PracticeMissing")
        assert walk(karim, each).status_code == 200
    assert asked_for() == (200, None)


@pytest.mark.safeguard
def test_s36_nothing_of_the_answers_is_kept_with_the_person(house, template, tmp_path):
    """The same walk with other answers leaves other counts, and every other table alike."""
    (tmp_path / "other").mkdir()
    other = template.copy(tmp_path / "other")
    for where, opinion, kind in ((house, "yes", "offer"), (other, "unknown", "in_hand")):
        client = where.client("karim")
        for each in EXERCISES:
            walk(client, each, opinion, kind)
    first, second = everything(house), everything(other)
    differing = {name for name in first if first[name] != second[name]}
    assert differing == {"practice_counts", "open_sessions"}  # a session has a token of its own
    assert len(first["practice_steps"]) == len(EXERCISES)
    kept = {column.name for column in schema.PracticeCount.__table__.columns}
    assert kept == {"exercise", "question", "choice", "count", "since", "shown"}


@pytest.mark.safeguard
def test_s24_doing_it_again_counts_once(house, karim):
    walk(karim, A)
    before = everything(house)
    assert walk(karim, A, "yes", "offer").status_code == 200
    answer = karim.post(f"/api/v1/practice/{A.id}", json={"opinion": "yes", "kind": "offer"})
    assert answer.status_code == 200
    assert everything(house) == before
    assert sum(row[3] for row in before["practice_counts"]) == len(Question)


@pytest.mark.safeguard
@pytest.mark.parametrize("stage", ["to_look_at", "viewed", "signal_seen"])
def test_s33_danger_ends_the_story_from_every_step(house, karim, stage):
    said = {} if stage == "to_look_at" else {"opinion": "yes"}
    page = read(send(karim, D, stage=stage, **said, elsewhere="yes"))
    assert D.outcome[0] in page
    assert "<strong>Traité hors de cet outil</strong>" in page
    assert SIGNAL not in page
    assert {row[1] for row in everything(house)["practice_steps"]} == {D.id}


def test_the_danger_button_looks_the_same_everywhere_and_says_what_it_would_do(house, karim):
    buttons = set()
    for each in EXERCISES:
        page = karim.get(f"/practice/{each.id}").text
        buttons.add(re.search(r"<button[^>]*elsewhere.*?</button>", page).group())
    assert len(buttons) == 1
    kept = read(send(karim, B, stage="signal_seen", opinion="no", elsewhere="yes"))
    assert "l'histoire continue" in kept
    assert hidden(kept, "Terminer l'exercice") == {"stage": "signal_seen", "opinion": "no"}
    assert "l'histoire continue" in read(send(karim, B, stage="to_look_at", elsewhere="yes"))


def test_the_overview_says_what_is_done_and_only_then_what_it_was_about(karim):
    page = read(karim.get("/practice"))
    assert page.count("pas encore fait") == len(EXERCISES)
    assert not any(each.lesson in page for each in EXERCISES)
    walk(karim, B)
    page = read(karim.get("/practice"))
    assert page.count("pas encore fait") == len(EXERCISES) - 1
    assert [each for each in EXERCISES if each.lesson in page] == [B]
    for each in EXERCISES:
        walk(karim, each)
    assert "La prise en main est faite" in read(karim.get("/practice"))


def test_by_program(karim):
    base = f"/api/v1/practice/{A.id}"
    shown = karim.get(base).json()
    assert next(iter(shown)) == "danger"
    assert "signal" not in shown and "outcome" not in shown
    assert karim.post(base, json={}).json()["code"] == "OwnViewMissing"
    assert karim.post(base, json={"kind": "offer"}).status_code == 409
    assert karim.post(base, json={"opinion": "yes", "kind": "maybe"}).status_code == 422
    told = karim.post(base, json={"kind": "handled_elsewhere"})
    assert (told.status_code, told.json()["code"]) == (409, "StoryGoesOn")

    viewed = karim.post(base, json={"opinion": "yes"}).json()
    assert viewed["signal"]["estimate"]["per_100"] == 18
    assert viewed["outcome"] == []
    assert not karim.get("/api/v1/practice").json()["exercises"][0]["done"]
    decided = karim.post(base, json={"opinion": "yes", "kind": "offer"}).json()
    assert decided["outcome"] == list(A.outcome)
    assert karim.get("/api/v1/practice").json()["exercises"][0]["lesson"] == A.lesson

    control = karim.post(f"/api/v1/practice/{C.id}", json={"opinion": "no"}).json()
    assert (control["kind"], control["signal"]) == ("control", None)
    end = karim.post(f"/api/v1/practice/{D.id}", json={"kind": "handled_elsewhere"})
    assert end.json()["outcome"] == list(D.outcome)
    for id in (B.id, C.id):
        karim.post(f"/api/v1/practice/{id}", json={"opinion": "no", "kind": "in_hand"})
    whole = karim.get("/api/v1/practice").json()
    assert whole["practised"] is True
    assert [result["people"] for result in whole["results"]] == [None] * len(EXERCISES)
    assert karim.get("/api/v1/practice/exercise-z").status_code == 404
    assert karim.get("/practice/exercise-z").status_code == 404


def test_a_program_is_told_in_the_language_it_prefers(karim):
    english = {"accept-language": "en"}
    shown = karim.get(f"/api/v1/practice/{B.id}", headers=english).json()
    assert shown["person"] == "Invented person B"
    said = karim.post(f"/api/v1/practice/{B.id}", json={"opinion": "no"}, headers=english).json()
    cancelled = "3 appointments cancelled by the service since 18 August 2026."
    assert cancelled in said["signal"]["reasons"]


def told(asked: Exercise, *answers: tuple[int, Choice, Choice]) -> Result:
    """Return what is told of that many people with these answers each."""
    counted = {question: dict.fromkeys(choices(asked, question), 0) for question in Question}
    for number, opinion, decision in answers:
        counted[Question.OPINION][opinion] += number
        counted[Question.KIND][decision] += number
    return result(asked, counted)


def opinions(found: Result) -> list[int]:
    return [share.of_10 for share in found.shares if share.question is Question.OPINION]


@pytest.mark.safeguard
def test_s24_ten_are_too_few_and_eleven_of_one_mind_are_not_told():
    assert told(A, (K - 1, YES, OFFER)) == Result(A, None, ())
    assert told(A, (K, YES, OFFER)) == Result(A, K, ())


@pytest.mark.safeguard
@pytest.mark.parametrize(
    ("answers", "shown"),
    [
        ((K - 1, K - 1, K - 1), []),
        ((K, K - 1, 1), [5]),
        ((K, K, 0), [5]),  # both would tell that nobody said anything else
        ((K, 0, K - 1), []),
        ((17, 6, 5), [6]),
        ((17, 6, 4), []),
        ((12, K, 13), [3, 3, 4]),
        ((300, K, 500), [4, 0, 6]),
    ],
)
def test_s24_neither_a_share_nor_what_is_left_tells_of_a_few(answers, shown):
    pairs = [(number, opinion, TALK) for number, opinion in zip(answers, Opinion, strict=True)]
    assert opinions(told(A, *pairs)) == shown


@pytest.mark.safeguard
@given(
    asked=st.sampled_from(EXERCISES),
    numbers=st.lists(st.integers(0, 40), min_size=25, max_size=25),
)
def test_s24_what_is_not_shown_holds_at_least_k(asked, numbers):
    pairs = [(opinion, kind) for opinion in Opinion for kind in asked.decisions]
    answers = [(n, *pair) for n, pair in zip(numbers, pairs, strict=False)]
    if asked.danger:
        answers.append((numbers[-1], ELSEWHERE, ELSEWHERE))
    found = told(asked, *answers)
    people = sum(number for number, _, _ in answers)
    assert found.people == (people if people >= K else None)
    apart = [share.question for share in found.shares if share.choice is ELSEWHERE]
    assert apart in ([], list(Question))  # the same people stand in both tables
    for question in Question:
        shown = [share.choice for share in found.shares if share.question is question]
        at = 1 if question is Question.OPINION else 2
        counted = dict.fromkeys(choices(asked, question), 0)
        for answer in answers:
            counted[answer[at]] += answer[0]
        assert all(counted[choice] >= K for choice in shown)
        left = [number for choice, number in counted.items() if choice not in shown]
        assert not left or not shown or sum(left) >= K


@pytest.mark.safeguard
def test_s24_colleagues_are_shown_once_all_is_done_and_enough_did_it(house, karim):
    colleagues(house, K - 1)
    for each in EXERCISES:
        assert "Ce que des collègues ont répondu" not in read(karim.get("/practice"))
        walk(karim, each)
    page = read(karim.get("/practice"))
    assert "Trop peu de collègues" not in page
    assert page.count(f"{K} collègues ont fait cet exercice. Aucune réponse") == len(EXERCISES)

    colleagues(house, 2 * K, opinion=YES)
    page = read(karim.get("/practice"))
    assert page.count(f"Sur {3 * K} collègues :") == len(EXERCISES)
    assert "environ 7 sur 10 : plutôt oui" in page
    assert "plutôt non</li>" not in page.replace(" </li>", "</li>")


@pytest.mark.safeguard
def test_s24_with_ten_the_page_says_only_that_they_are_too_few(house, karim):
    colleagues(house, K - 2)
    for each in EXERCISES:
        walk(karim, each)
    page = read(karim.get("/practice"))
    assert page.count("Trop peu de collègues ont fait cet exercice") == len(EXERCISES)
    assert "sur 10" not in page and f"{K - 1} collègues" not in page


def colleagues(house: House, number: int, opinion: Opinion = NO) -> None:
    """Let that many further educators do every exercise."""
    with house.home.transaction() as session:
        taken = session.query(schema.User).count()
        for each in range(taken, taken + number):
            row = schema.User(
                login=f"e{each}",
                role=Role.EDUCATOR,
                team="accueil",
                password_hash="-",
                practised=False,
                created_at=NOW,
            )
            session.add(row)
            session.flush()
            actor = Actor(row.login, row.role, row.team, row.id)
            for asked in EXERCISES:
                practise(session, actor, asked.id, opinion=opinion, decision=NOTHING, now=NOW)


def test_results_are_for_those_who_practise(house):
    with house.home.transaction() as session, pytest.raises(Forbidden):
        results(session, actor_for(session, "remy"))


@pytest.mark.parametrize("login", ["karim", "remy", "sonia", "anne", "dina", "adam"])
def test_help_is_for_everybody(house, login):
    page = read(house.client(login).get("/help"))
    for anchor in re.findall(r'<li><a href="#([^"]+)">', page):
        assert f'id="{anchor}"' in page
    assert "plus il est large, moins on en sait" in page
    assert all(does in page for _, does in rendering.SHORTCUTS)
    assert ("/practice" in page) == (login == "karim")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_words(house, karim, language):
    karim.headers["accept-language"] = language
    avoided = AVOIDED if language == "fr" else AVOIDED_ENGLISH
    pages = [karim.get(path).text for path in ("/help", "/practice")]
    for each in EXERCISES:
        pages.append(karim.get(f"/practice/{each.id}").text)
        pages.append(send(karim, each, stage="viewed", opinion="no").text)
        pages.append(send(karim, each, stage="viewed", opinion="no", elsewhere="yes").text)
        last = send(karim, each, stage="signal_seen", opinion="no", kind="in_hand")
        assert last.status_code == 200
        pages.append(last.text)
    pages.append(karim.get("/practice").text)
    for page in pages:
        shown = re.sub(r"<[^>]*>", " ", page)
        assert not avoided.search(shown), avoided.search(shown)
        assert "%" not in shown


def test_english_says_it_too(house, karim):
    karim.headers["accept-language"] = "en"
    page = read(karim.get("/help"))
    assert '<html lang="en">' in page
    assert "the wider it is, the less is known" in page
    page = read(send(karim, A, stage="viewed", opinion="no"))
    assert "Of 100 situations given the same estimate, about 18 (12 to 26) had an" in page
    assert "Invented person A" in page
    say = Speech("en").say
    for each in EXERCISES:
        assert all(say(sentence) != sentence for sentence in each.sentences)
