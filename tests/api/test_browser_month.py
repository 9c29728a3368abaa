"""In a real Chromium: an educator's month by keyboard alone, two on one situation, keys and drafts.

The month is done without JavaScript and without a mouse: what is not focused cannot be pressed,
and what is focused can be seen.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

import features
from api import imports
from api.web.rendering import person_label
from revue import absences, accounts, directory, review, schema, second_look
from revue.exercises import EXERCISES
from revue.practice import practise
from revue.records import DecisionKind, Opinion, State, Stay
from tests.api.web_home import CLI, NOW, PASSWORD, House, build, stays

FOCUSED = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const look = getComputedStyle(at), box = at.getBoundingClientRect();
  const label = at.labels && at.labels.length ? at.labels[0].textContent : "";
  return {
    text: (label || at.getAttribute("aria-label") || at.textContent).replace(/\\s+/g, " ").trim(),
    tag: at.tagName.toLowerCase(),
    type: at.type || "",
    value: at.value || "",
    seen: look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2,
    inside: box.bottom > 0 && box.top < innerHeight,
  };
}"""
AXE = "rules => axe.run(document, {runOnly: rules}).then(found => found.violations.map(v => v.id))"
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
MOST_STEPS = 120


class Keyboard:
    """Hands that hold nothing but a keyboard."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def to(self, text: str, tag: str = "", *, by: str = "Tab") -> dict[str, Any]:
        """Walk to what is called ``text``; wherever the focus stands, one sees it."""
        for _ in range(MOST_STEPS):
            self.page.keyboard.press(by)
            at = self.page.evaluate(FOCUSED)
            if at is None:
                continue
            assert at["seen"], f"no outline on {at['tag']} {at['text']!r}"
            assert at["inside"], f"out of sight: {at['tag']} {at['text']!r}"
            if at["text"].startswith(text) and tag in ("", at["tag"]):
                return dict(at)
        pytest.fail(f"{text!r} is not reached by {by} on {self.page.url}")

    def tick(self, label: str, *, by: str = "Tab") -> None:
        self.to(label, "input", by=by)
        self.page.keyboard.press("Space")

    def write(self, label: str, text: str) -> None:
        self.to(label, "textarea")
        self.page.keyboard.type(text)

    def press(self, name: str, *, by: str = "Tab") -> None:
        """Walk to a button or a link and press Enter."""
        at = self.to(name, by=by)
        assert at["tag"] in ("a", "button"), at
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def choose(self, name: str) -> None:
        """Walk to a group of radio buttons, and with the arrows to one of them."""
        for _ in range(MOST_STEPS):
            self.page.keyboard.press("Tab")
            at = self.page.evaluate(FOCUSED)
            if at and at["type"] == "radio":
                break
        self.page.keyboard.press("Space")
        for _ in range(20):
            at = self.page.evaluate(FOCUSED)
            assert at["seen"]
            if at["text"].startswith(name):
                return
            self.page.keyboard.press("ArrowDown")
        pytest.fail(f"no choice {name!r}")

    def unfold(self, name: str) -> None:
        self.to(name, "summary")
        self.page.keyboard.press("Enter")

    def day(self, label: str, day: date) -> None:
        """Type a day, in whichever order this Chromium asks for its parts."""
        self.to(label, "input")
        for form in ("%d%m%Y", "%m%d%Y"):
            self.page.keyboard.type(day.strftime(form))
            if self.page.evaluate(FOCUSED)["value"] == day.isoformat():
                return
            for _ in range(2):
                self.page.keyboard.press("Shift+Tab")
        pytest.fail(f"{day} could not be typed")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A team in which Karim asks Claire for a second look, and one more person to open."""
    folder = tmp_path_factory.mktemp("month")
    house = build(folder / "home")
    _know_one_more(house, folder)
    id, on = house.ids["colleague"], {"now": NOW, "today": NOW.date()}
    with house.home.transaction() as session:
        karim = accounts.actor_for(session, "karim")
        for each in EXERCISES:
            opinion, kind = Opinion.NO, DecisionKind.TALK_FIRST
            practise(session, karim, each.id, opinion=opinion, decision=kind, now=NOW)
        review.give_view(session, karim, id, opinion=Opinion.NO, why="", **on)
        review.reveal_signal(session, karim, id, **on)
        second_look.ask_second_look(session, karim, id, **on)
    return house


def _know_one_more(house: House, folder: Path) -> None:
    """Import a person of Claire's beside those of the house, whose events nobody imported."""
    extract = folder / "extract"
    extract.mkdir()
    (extract / "persons.csv").write_text(
        "person_id,entered_on,left_on,team,referent,informed_on,household_id\n"
        "P1,2026-03-02,,insertion,claire,2026-03-02,H1\n",
        encoding="utf-8",
    )
    (extract / "events.csv").write_text(
        # A demonstration's today is the day of its extract.
        "person_id,occurred_at,code\nP1,2026-09-14,rdv//honore\nP1,2026-11-21,contact//message\n",
        encoding="utf-8",
    )
    aside = folder / "aside"
    aside.mkdir()
    imported = house.copy(aside).home
    protocol = Path(features.__file__).parent / "protocols" / "accompagnement.toml"
    imports.import_folder(imported, extract, protocol=protocol, by=CLI, progress=str)
    shutil.copytree(imported.folder / "events", house.home.folder / "events")
    known, day = house.home.keys.pseudonym("P1"), date(2026, 3, 2)
    with house.home.transaction() as session:
        more = Stay(known, "insertion", "claire", day, None, day)
        directory.sync_people(session, [*stays(), more], by=CLI, now=NOW)


@pytest.fixture(scope="module")
def url(house: House) -> Iterator[str]:
    with house.served() as address:
        yield address


@pytest.fixture
def visit(browser: Browser, house: House, url: str) -> Iterator[Callable[..., Page]]:
    """Open a browser of somebody's own, signed in unless nobody is named."""
    contexts = []

    def opened(login: str | None = None, *, js: bool = True) -> Page:
        context = browser.new_context(
            java_script_enabled=js, locale="fr-FR", reduced_motion="reduce"
        )
        contexts.append(context)
        if login is not None:
            token = house.session_of(login).token
            context.add_cookies([{"name": "rebond", "value": token, "url": url}])
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


def row(house: House, kind: str) -> tuple[State, list[schema.Decision], list[schema.View]]:
    """Read a situation's state, decisions and views in the database."""
    id = house.ids[kind]
    with house.home.transaction() as session:
        found = session.get_one(schema.Situation, id)
        decisions = session.scalars(
            select(schema.Decision).where(schema.Decision.situation_id == id)
        ).all()
        views = session.scalars(select(schema.View).where(schema.View.situation_id == id)).all()
        session.expunge_all()
        return found.state, list(decisions), list(views)


class Educator:
    """Claire, who looks at five situations by keyboard."""

    def __init__(self, page: Page, house: House, url: str) -> None:
        self.page, self.house, self.url, self.keys = page, house, url, Keyboard(page)

    def sign_in(self) -> None:
        self.page.goto(f"{self.url}/queue")
        self.keys.to("Identifiant")
        self.page.keyboard.type("claire")
        self.keys.to("Mot de passe")
        self.page.keyboard.type(PASSWORD)
        self.keys.press("Se connecter")
        expect(self.page).to_have_url(f"{self.url}/queue")

    def open_from_queue(self, kind: str) -> None:
        self.page.goto(f"{self.url}/queue")
        self.keys.press(person_label(self.house.people[kind]))

    def view(self, opinion: str, why: str = "") -> None:
        """Give one's own view, then ask for the signal."""
        self.keys.choose(opinion)
        if why:
            self.keys.write("Pourquoi, en une ligne", why)
        self.keys.press("Donner mon avis")
        self.keys.press("Voir le signal")

    def find_a_signal_not_relevant(self) -> None:
        self.open_from_queue("signal")
        self.keys.press("Aller au contenu")
        self.view("Plutôt non", "Elle est passée mardi.")
        assert "Sur 100 situations" in self.page.locator("#signal").inner_text()
        self.keys.choose("Signal non pertinent : données")
        self.keys.write("Le motif, en une phrase", "Le passage de mardi n'y est pas.")
        self.keys.press("Enregistrer la décision")

    def offer_help(self) -> None:
        """Offer help to somebody drawn at random, by a way that was checked with them."""
        self.open_from_queue("control")
        self.view("Je ne peux pas dire")
        assert "tirée au sort" in self.page.locator("#signal").inner_text()
        self.keys.choose("Proposer une aide")
        self.keys.tick("Faire le point sur les droits")
        self.keys.write("Le motif, en une phrase", "Elle l'a demandé.")
        self.keys.tick("La personne est informée")
        self.keys.to("Comment la joindre", "select")
        self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("ArrowDown")
        self.keys.press("Enregistrer la décision")
        expect(self.page.get_by_role("alert")).to_contain_text("vérifiez avec la personne")
        self.keys.tick("Contact sûr", by="Shift+Tab")
        self.keys.press("Enregistrer la décision")

    def open_and_put_off(self) -> str:
        """Open a situation on one's own initiative; returns its id."""
        self.keys.press("Mes personnes")
        self.keys.press(person_label(self.house.home.keys.pseudonym("P1")))
        self.keys.press("Ouvrir une situation")
        id = self.page.url.rsplit("/", 1)[1]
        self.view("Plutôt oui", "Deux messages sans réponse.")
        self.keys.unfold("Reporter jusqu'à une date")
        self.keys.day("Elle revient d'elle-même le", date(2026, 12, 15))
        self.keys.press("Reporter")
        return id

    def look_for_a_colleague(self) -> None:
        """Give a second look, blind to the first."""
        self.open_from_queue("colleague")
        assert "Sur 100 situations" not in self.page.content()
        self.keys.choose("Je ne peux pas dire")
        self.keys.press("Donner mon avis")
        self.keys.press("Revenir à la file", by="Shift+Tab")


def test_a_month_by_keyboard_without_javascript(
    visit: Callable[..., Page], house: House, url: str
) -> None:
    page = visit(js=False)
    claire = Educator(page, house, url)
    claire.sign_in()
    claire.find_a_signal_not_relevant()
    state, decisions, _ = row(house, "signal")
    assert (state, decisions[0].kind) == (State.DECIDED, DecisionKind.WRONG_DATA)

    claire.offer_help()
    state, decisions, _ = row(house, "control")
    assert (state, decisions[0].kind) == (State.DECIDED, DecisionKind.OFFER)
    assert decisions[0].contact and decisions[0].safe_contact and decisions[0].informed

    own = claire.open_and_put_off()
    with house.home.transaction() as session:
        kept = session.get_one(schema.Situation, own)
        assert (kept.state, kept.again_on) == (State.PUT_OFF, date(2026, 12, 15))

    claire.open_from_queue("second_signal")
    claire.keys.press("Traité hors de cet outil")
    assert row(house, "second_signal")[0] is State.HANDLED_ELSEWHERE

    claire.look_for_a_colleague()
    state, _, views = row(house, "colleague")
    assert (state, len(views)) == (State.SIGNAL_SEEN, 2)
    expect(page.get_by_text("Rien dans cette liste.")).to_be_visible()
    claire.keys.press("Se déconnecter")
    expect(page).to_have_url(f"{url}/login")


def test_two_on_one_situation_lose_nothing(
    visit: Callable[..., Page], browser: Browser, tmp_path: Path
) -> None:
    """The referent writes while the stand-in holds the situation, and while they decide."""
    house = build(tmp_path / "home")
    with house.home.transaction() as session:
        remy = accounts.actor_for(session, "remy")
        today = NOW.date()
        absences.note_absence(
            session,
            remy,
            login="claire",
            first_on=today,
            last_on=today,
            stand_in="karim",
            now=NOW,
        )
    written = "Elle m'a écrit dimanche, tout va mieux."
    with house.served() as url:
        pages = []
        for login in ("claire", "karim"):
            context = browser.new_context(locale="fr-FR", reduced_motion="reduce")
            token = house.session_of(login).token
            context.add_cookies([{"name": "rebond", "value": token, "url": url}])
            pages.append(context.new_page())
        claire, karim = pages
        path = f"{url}/situations/{house.ids['signal']}"
        for page in (claire, karim):
            page.goto(path)
        karim.get_by_label("Plutôt non").check()
        karim.get_by_role("button", name="Donner mon avis").click()

        def write() -> None:
            claire.get_by_label("Plutôt oui").check()
            claire.get_by_label("Pourquoi, en une ligne").fill(written)
            claire.get_by_role("button", name="Donner mon avis").click()
            expect(claire.get_by_role("alert")).to_contain_text("Rien n'a été enregistré")
            expect(claire.get_by_label("Votre texte")).to_have_value(written)
            claire.evaluate(AXE_SCRIPT)
            assert claire.evaluate(AXE, RULES) == []

        write()
        expect(claire.get_by_role("alert")).to_contain_text("collègue travaille sur cette")
        expect(claire.get_by_text("karim travaille sur cette situation")).to_be_visible()
        karim.get_by_role("button", name="Rendre la situation").click()
        claire.goto(path)
        expect(claire.get_by_label("Pourquoi, en une ligne")).to_have_value(written)
        with house.home.transaction() as session:
            actor = accounts.actor_for(session, "karim")
            deciding = review.Deciding(DecisionKind.IN_HAND, "Vu avec elle.")
            review_of = {"now": NOW, "today": NOW.date()}
            for each in EXERCISES:
                given = {"opinion": Opinion.NO, "decision": DecisionKind.OFFER, "now": NOW}
                practise(session, actor, each.id, **given)
            review.reveal_signal(session, actor, house.ids["signal"], **review_of)
            review.decide(session, actor, house.ids["signal"], deciding, **review_of)
        write()
        expect(claire.get_by_role("alert")).to_contain_text("Cette étape ne vient pas maintenant")
        expect(claire.get_by_text("Vu avec elle.")).to_be_visible()
        state, decisions, views = row(house, "signal")
        assert (state, len(decisions), len(views)) == (State.DECIDED, 1, 1)
        for page in pages:
            page.context.close()


def test_keys_walk_the_lists(visit: Callable[..., Page], house: House, url: str) -> None:
    page = visit("lea")
    page.goto(f"{url}/help")
    page.keyboard.press("?")
    card = page.get_by_role("dialog", name="Touches du clavier")
    expect(card).to_be_visible()
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.keyboard.type("gp")
    expect(page).to_have_url(f"{url}/people")
    page.wait_for_load_state()
    page.keyboard.type("gq")
    expect(page).to_have_url(f"{url}/queue")
    page.wait_for_load_state()
    lines = page.locator("[data-list] .name a")
    page.keyboard.press("j")
    expect(lines.first).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(lines.first).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator(".lists a").first).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page).to_have_url(f"{url}/situations/{house.ids['other_team']}")
    page.wait_for_load_state()
    page.keyboard.press("n")
    expect(page.get_by_label("Plutôt oui")).to_be_focused()
    page.keyboard.press("d")
    assert page.evaluate("!!document.activeElement.closest('.danger')")
    page.get_by_label("Pourquoi, en une ligne").focus()
    page.keyboard.type("jkgq?")
    expect(page.get_by_label("Pourquoi, en une ligne")).to_have_value("jkgq?")


@pytest.mark.safeguard
def test_s29_a_draft_lives_in_its_tab_alone_until_it_is_sent(
    visit: Callable[..., Page], house: House, url: str
) -> None:
    page, path = visit("lea"), f"{url}/situations/{house.ids['other_team']}"
    why = page.get_by_label("Pourquoi, en une ligne")

    def kept() -> list[str]:
        return list(page.evaluate("Object.values(sessionStorage)"))

    page.goto(path)
    page.get_by_label("Plutôt non").check()
    why.fill("Un mot écrit puis")
    page.reload()
    expect(why).to_have_value("Un mot écrit puis")
    expect(page.get_by_label("Plutôt non")).to_be_checked()
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page).to_have_url(f"{url}/login")
    page.wait_for_load_state()
    assert kept() == []

    page = visit("lea")
    why = page.get_by_label("Pourquoi, en une ligne")
    page.goto(path)
    expect(why).to_have_value("")
    page.get_by_label("Plutôt non").check()
    why.fill("Un mot à garder.")
    page.get_by_role("button", name="Donner mon avis").click()
    expect(page.get_by_text("Un mot à garder.")).to_be_visible()
    page.wait_for_load_state()
    assert kept() == []
    assert page.evaluate("localStorage.length") == 0
