"""In a real Chromium: axe finds nothing on any page, in any state, colour, width or on paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import cycle
from typing import Any, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page
from pyotp import TOTP

from revue import accounts, committee, queue, requests, review
from revue.exercises import EXERCISES
from revue.records import NewSituation, Right, ScoringRun, SituationKind
from tests.api.web_home import (
    AS_OF,
    CLI,
    NOW,
    PASSWORD,
    VERSION,
    House,
    build,
    history,
    signal,
)

RULES = ("wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice")
COLOURS = ("color-contrast", "link-in-text-block")


@dataclass(frozen=True)
class Look:
    """A width in pixels, screen or paper, and a colour scheme."""

    width: int
    media: Literal["screen", "print"] = "screen"
    scheme: Literal["light", "dark"] = "light"
    rules: tuple[str, ...] = RULES


LOOKS = (
    (Look(1440), Look(360, scheme="dark"), Look(1440, media="print", rules=COLOURS)),
    (Look(360), Look(1440, scheme="dark"), Look(360, media="print", rules=COLOURS)),
)
"""Pages take turns: the states of a page share their parts, so each part is seen in every way."""
ASK = """rules => axe.run(document, {runOnly: rules, resultTypes: ["violations"]}).then(found =>
  found.violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 160)}`)))"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
NOBODYS = "cc11cc11cc11cc11"


class Eyes:
    """Looks at a page in every way that somebody may, and remembers what is wrong."""

    def __init__(self, *turns: tuple[Look, ...]) -> None:
        self.turns = cycle(turns)
        self.faults: list[str] = []

    def look(self, page: Page, name: str) -> None:
        """Run axe on a loaded page in each look, and see that nothing is cut off."""
        page.wait_for_load_state()
        page.evaluate(AXE_SCRIPT)
        for look in next(self.turns):
            page.set_viewport_size({"width": look.width, "height": 900})
            page.emulate_media(reduced_motion="reduce", media=look.media, color_scheme=look.scheme)
            how = f"{name} ({look.width}, {look.media}, {look.scheme})"
            self.faults += [f"{how}: {fault}" for fault in page.evaluate(ASK, look.rules)]
            if look.media == "screen" and page.evaluate(OVERFLOW) > 0:
                self.faults.append(f"{how}: wider than the window")
        page.emulate_media(media="screen", color_scheme="light", reduced_motion="reduce")
        page.set_viewport_size({"width": 640, "height": 900})
        page.evaluate("document.documentElement.style.fontSize = '225%'")
        if page.evaluate(OVERFLOW) > 0:
            self.faults.append(f"{name}: wider than the window when zoomed to 200%")
        page.evaluate("document.documentElement.style.fontSize = ''")


class Visit:
    """One person's browser at the service."""

    def __init__(self, browser: Browser, url: str, house: House, eyes: Eyes) -> None:
        self.browser, self.url, self.house, self.eyes = browser, url, house, eyes
        self.contexts: dict[tuple[str | None, str], BrowserContext] = {}

    def page(self, login: str | None, language: Literal["fr", "en"] = "fr") -> Page:
        """Return the page of somebody who is signed in, or of a stranger."""
        key = (login, language)
        if key not in self.contexts:
            context = self.browser.new_context(
                locale="fr-FR", reduced_motion="reduce", viewport={"width": 1440, "height": 900}
            )
            cookies = {"rebond_language": language}
            if login is not None:
                cookies["rebond"] = self.house.session_of(login).token
            context.add_cookies(
                [{"name": name, "value": value, "url": self.url} for name, value in cookies.items()]
            )
            context.new_page()
            self.contexts[key] = context
        return self.contexts[key].pages[0]

    def see(self, login: str | None, path: str, name: str = "", language: Any = "fr") -> Page:
        """Open a page and look at it."""
        page = self.page(login, language)
        page.goto(f"{self.url}{path}")
        self.eyes.look(page, f"{login} {name or path}")
        return page

    def press(self, page: Page, name: str, told: str) -> None:
        """Press a button of the page and look at where it leads."""
        page.set_viewport_size({"width": 1440, "height": 900})
        page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        page.get_by_role("button", name=name, exact=True).first.click()
        self.eyes.look(page, told)

    def close(self) -> None:
        for context in self.contexts.values():
            context.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = build(tmp_path_factory.mktemp("axe") / "home")
    with house.home.transaction() as session:
        new = NewSituation(
            person=NOBODYS,
            team="insertion",
            referent=None,
            kind=SituationKind.SIGNAL,
            facts=history(8),
            signal=signal(),
            probability=1.0,
        )
        queue.fill(
            session,
            run=ScoringRun(VERSION, AS_OF, "0" * 64, unserved=4, not_informed=1, per_referent=8),
            situations=[new],
            rng_key=b"tests",
            by=CLI,
            now=NOW,
            due_on=date(2026, 11, 30),
        )
        claire = accounts.actor_for(session, "claire")
        own = review.open_own(
            session,
            claire,
            person=house.people["quiet"],
            facts=history(9),
            due_on=date(2026, 11, 30),
            now=NOW,
            today=NOW.date(),
        )
    house.ids["own"] = own
    return house


@pytest.fixture
def eyes() -> Eyes:
    return Eyes(*LOOKS)


@pytest.fixture
def visit(browser: Browser, house: House, eyes: Eyes) -> Iterator[Visit]:
    with house.served() as url:
        seen = Visit(browser, url, house, eyes)
        yield seen
        seen.close()


def send(house: House, login: str, path: str, **fields: str) -> None:
    """Do an act that is not itself looked at."""
    client = house.client(login)
    answer = client.post(path, data=fields)
    assert answer.status_code == 303, answer.text


def test_axe_sees_what_is_wrong(visit: Visit, eyes: Eyes) -> None:
    page = visit.page(None)
    page.goto(f"{visit.url}/login")
    page.evaluate("document.querySelector('label').remove()")
    page.evaluate("document.querySelector('h1').style.cssText = 'color: #999; width: 800px'")
    eyes.look(page, "spoilt")
    told = "\n".join(eyes.faults)
    assert all(word in told for word in ("label:", "color-contrast:", "wider", "zoomed"))


def test_a_situation_in_every_state(visit: Visit, house: House, eyes: Eyes) -> None:
    path = f"/situations/{house.ids['signal']}"
    page = visit.see("claire", path, "to look at")
    visit.press(page, "Donner mon avis", "refused view")
    page.get_by_label("Plutôt non").check()
    page.get_by_label("Pourquoi, en une ligne").fill("Un cas lourd, elle refuse : 06 12 34 56 78.")
    visit.press(page, "Donner mon avis", "hints on a view")
    visit.press(page, "Donner mon avis", "viewed")
    visit.press(page, "Voir le signal", "signal seen")
    visit.press(page, "Enregistrer la décision", "refused decision")
    page.get_by_label("Faire le point sur les droits").check()
    page.get_by_label("Comment la joindre").select_option(index=2)
    page.get_by_label("Le motif, en une phrase").fill("Un échec.")
    visit.press(page, "Enregistrer la décision", "hints on a decision")
    visit.press(page, "Enregistrer la décision", "unsafe contact")
    page.get_by_label("Contact sûr").check()
    visit.press(page, "Enregistrer la décision", "second look asked")
    reader = visit.see("karim", path, "for a second reader")
    reader.get_by_label("Plutôt oui").check()
    reader.get_by_label("Pourquoi, en une ligne").fill("Deux messages.")
    visit.press(reader, "Donner mon avis", "given by a second reader")
    page = visit.see("claire", path, "looked at twice")
    visit.press(page, "Enregistrer la décision", "decided")
    visit.press(page, "Noter la suite", "refused follow-up")
    page.get_by_label("Pas maintenant").check()
    page.get_by_label("Ce qu'il en est").fill("On en reparle au printemps.")
    visit.press(page, "Noter la suite", "followed up")
    visit.see("claire", f"{path}/sheet", "sheet")
    visit.press(visit.see("claire", path), "Enregistrer la contestation", "refused contestation")
    assert eyes.faults == []


def test_a_control_a_situation_of_ones_own_and_what_is_closed(
    visit: Visit, house: House, eyes: Eyes
) -> None:
    control, own = (f"/situations/{house.ids[kind]}" for kind in ("control", "own"))
    for path in (control, own):
        send(house, "claire", f"{path}/view", opinion="unknown", why="")
        send(house, "claire", f"{path}/signal")
        visit.see("claire", path, "without a signal")
    send(
        house, "claire", f"{control}/decision", kind="team", reason="À voir.", again_on="2026-12-01"
    )
    visit.see("claire", control, "in team")
    send(house, "claire", f"{own}/contest", contest_words="Ce n'est pas ma vie.")
    visit.see("claire", own, "contested")
    with house.home.transaction() as session:
        dina, day = accounts.actor_for(session, "dina"), house.home.today()
        asked = requests.note_request(
            session,
            dina,
            person=house.people["quiet"],
            asked=Right.ERASE,
            received_on=day - timedelta(days=40),
            now=NOW,
            today=day,
        )
    page = visit.see("dina", f"/rights/requests/{asked}", "request")
    visit.press(page, "Effacer définitivement", "refused erasure")
    page = visit.see("dina", "/rights", "pending contestation")
    visit.press(page, "Répondre", "refused answer")
    answer = {"outcome": "upheld", "answer": "Retirée."}
    send(house, "dina", f"/rights/contestations/{house.ids['own']}", **answer)
    visit.see("claire", own, "withdrawn")
    send(house, "claire", f"{control}/handled-elsewhere")
    visit.see("claire", control, "handled elsewhere")
    assert eyes.faults == []


def test_what_is_held_put_off_expired_or_stopped(
    visit: Visit, house: House, eyes: Eyes, browser: Browser
) -> None:
    path = f"/situations/{house.ids['second_signal']}"
    page = visit.see("remy", "/team", "team")
    visit.press(page, "Noter l'absence", "refused absence")
    page.get_by_label("Qui", exact=True).select_option("claire")
    page.get_by_label("Premier jour").fill("2026-11-20")
    page.get_by_label("Dernier jour").fill("2026-11-27")
    page.get_by_label("Qui prend le relais").select_option("karim")
    visit.press(page, "Noter l'absence", "absence noted")
    page.get_by_label("Éducatrice ou éducateur").select_option("claire")
    visit.press(page, "Attribuer", "assigned to somebody away")
    send(house, "karim", f"{path}/claim")
    visit.see("claire", path, "held by a colleague")
    visit.see("claire", "/queue", "queue with one held")
    send(house, "karim", f"{path}/release")
    page = visit.see("claire", path)
    visit.press(page, "Reporter", "refused day")
    page.get_by_label("Elle revient d'elle-même le").fill("2026-12-15")
    visit.press(page, "Reporter", "put off")
    send(house, "claire", f"{path}/resume")
    send(house, "claire", f"{path}/view", opinion="no", why="")
    later = house.on(date(2027, 3, 1))
    with later.served() as url:
        expired = Visit(browser, url, later, eyes)
        expired.see("claire", path, "expired")
        expired.close()
    visit.see("karim", f"/situations/{house.ids['colleague']}")
    with house.home.transaction() as session:
        anne = accounts.actor_for(session, "anne")
        committee.suspend(session, anne, version=VERSION, reason="d", today=NOW.date(), now=NOW)
    visit.see("claire", path, "stopped")
    visit.see("claire", "/queue", "queue while stopped")
    assert eyes.faults == []


def test_lists_people_practice_and_help(visit: Visit, house: House, eyes: Eyes) -> None:
    for shown in ("now", "all", "due", "contested"):
        visit.see("claire", f"/queue?show={shown}")
    visit.see("claire", "/people")
    page = visit.see("claire", f"/people/{house.people['quiet']}")
    visit.press(page, "Noter", "refused observation")
    page.get_by_label("Observation").select_option(index=1)
    visit.press(page, "Noter", "observation noted")
    page.keyboard.press("?")
    eyes.look(page, "list of keys")
    page.keyboard.press("Escape")
    visit.see("claire", "/help")
    page = visit.see("karim", "/practice")
    visit.see("karim", f"/practice/{EXERCISES[0].id}")
    visit.press(page, "Donner mon avis", "refused exercise")
    page.get_by_label("Plutôt non").check()
    visit.press(page, "Donner mon avis", "exercise viewed")
    visit.press(page, "Voir le signal", "exercise signal")
    page.get_by_label("Rien pour le moment").check()
    visit.press(page, "Terminer l'exercice", "exercise done")
    assert eyes.faults == []


OVERSIGHT = (
    *((login, "/help") for login in ("remy", "anne")),
    *(("anne", p) for p in ("/committee", "/committee/wordings", "/journal")),
    *(("anne", p) for p in ("/models", "/models/7", "/audits", "/audits/7")),
    ("sonia", "/models"),
    ("dina", "/journal"),
    ("dina", "/rights"),
    ("anne", "/rights"),
    (None, "/notice"),
    ("dina", "/safeguards"),
    ("adam", "/"),
    ("adam", "/account"),
    ("claire", "/account"),
    ("claire", "/committee"),
    ("claire", "/nulle-part"),
    (None, "/login"),
)


def test_oversight_doors_and_errors(visit: Visit, eyes: Eyes) -> None:
    for login, path in OVERSIGHT:
        visit.see(login, path)
    page = visit.page(None)
    page.get_by_label("Identifiant").fill("claire")
    page.get_by_label("Mot de passe").fill("inexact")
    visit.press(page, "Se connecter", "refused sign-in")
    assert eyes.faults == []


def test_ones_own_account_and_the_two_steps_of_signing_in(
    visit: Visit, house: House, eyes: Eyes
) -> None:
    page = visit.see("lea", "/account")
    for label in ("Mot de passe actuel", "Nouveau mot de passe", "Le nouveau, une seconde fois"):
        page.get_by_label(label).fill("court")
    visit.press(page, "Changer", "refused password")
    for typed, told in (("inexact", "refused second factor"), (PASSWORD, "second factor begun")):
        page.get_by_label("Mot de passe", exact=True).fill(typed)
        visit.press(page, "Commencer", told)
    phone = TOTP(page.locator(".secret").inner_text().replace(" ", ""))
    page.get_by_label("Code à six chiffres").fill("000000")
    visit.press(page, "Mettre en place", "refused code")
    page.get_by_label("Code à six chiffres").fill(phone.at(NOW))
    visit.press(page, "Mettre en place", "second factor in place")
    page = visit.page(None)
    page.goto(f"{visit.url}/login")
    page.get_by_label("Identifiant").fill("lea")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    visit.press(page, "Se connecter", "second step")
    page.get_by_label("Code à six chiffres").fill("000000")
    visit.press(page, "Se connecter", "refused second step")
    assert eyes.faults == []


def test_pages_in_english(visit: Visit, house: House, eyes: Eyes) -> None:
    eyes.turns = cycle([(Look(1440),)])
    situations = [f"/situations/{id}" for kind, id in house.ids.items() if kind in house.people]
    mine = [path for path in situations if house.client("claire").get(path).status_code == 200]
    for path in ("/queue", "/people", f"/people/{house.people['signal']}", "/help", *mine):
        visit.see("claire", path, language="en")
    visit.see("claire", f"{mine[0]}/sheet", language="en")
    for login, path in (*OVERSIGHT, ("karim", "/practice"), ("remy", "/team")):
        visit.see(login, path, language="en")
    assert eyes.faults == []
