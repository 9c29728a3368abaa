"""In a real Chromium: an educator's first situation, from the facts to a recorded decision."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from tests.conftest import DemoHome, rebond, served

RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
AXE = """rules => axe.run(document, {runOnly: rules, resultTypes: ["violations"]}).then(found =>
  found.violations.map(v => [v.id, v.nodes.slice(0, 3).map(n => n.html.slice(0, 120))]))"""
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
WHY = "Elle n'est pas venue aux deux derniers ateliers."


@pytest.fixture(scope="module")
def home(demo_home: DemoHome, tmp_path_factory: pytest.TempPathFactory) -> DemoHome:
    return demo_home.copy(tmp_path_factory.mktemp("browser") / "home")


@pytest.fixture(scope="module")
def address(home: DemoHome) -> Iterator[str]:
    with served(home.folder) as url:
        yield url


def signed_in(browser: Browser, address: str, home: DemoHome, role: str, *, js: bool) -> Page:
    page = browser.new_context(java_script_enabled=js, locale="fr-FR").new_page()
    login = home.login(role)
    page.goto(f"{address}/login")
    page.get_by_label("Identifiant").fill(login)
    page.get_by_label("Mot de passe").fill(home.password(login))
    page.get_by_role("button", name="Se connecter").click()
    return page


def open_first(page: Page, address: str) -> str:
    page.goto(f"{address}/queue")
    page.locator("main a[href^='/situations/']").first.click()
    return page.url.removeprefix(address)


def test_own_view_then_signal_then_decision_and_the_log_proves_it(
    browser: Browser, address: str, home: DemoHome
) -> None:
    page = signed_in(browser, address, home, "educator", js=False)
    expect(page).to_have_url(f"{address}/queue")
    situation = open_first(page, address)
    expect(page.get_by_text("Danger ou urgence ? N'attendez pas cette page")).to_be_visible()
    expect(page.get_by_text("Personne ne surveille cette file en continu.")).to_be_visible()

    # The signal is refused before the own view, whoever asks for it.
    assert "Sur 100 situations" not in page.content()
    refused = page.request.get(f"{address}/api/v1{situation}/signal")
    assert refused.status == 409

    page.get_by_label("Plutôt oui").check()
    page.get_by_label("Pourquoi, en une ligne").fill(WHY)
    page.get_by_role("button", name="Donner mon avis").click()
    expect(page.get_by_text(WHY)).to_be_visible()
    assert "Sur 100 situations" not in page.content()

    page.get_by_role("button", name="Voir le signal").click()
    shown = page.locator("main").inner_text()
    assert "Sur 100 situations" in shown or "tirée au sort" in shown or "au hasard" in shown

    page.get_by_label("En parler d'abord avec la personne").check()
    page.get_by_label("Le motif, en une phrase").fill("Rendez-vous prévu jeudi.")
    page.get_by_role("button", name="Enregistrer la décision").click()
    expect(page.get_by_text("Rendez-vous prévu jeudi.")).to_be_visible()
    verified = rebond("journal", "verify", home=home.folder)
    assert verified.out["ok"] is True


@pytest.mark.safeguard
def test_s33_danger_goes_through_in_one_act(browser: Browser, address: str, home: DemoHome) -> None:
    page = signed_in(browser, address, home, "educator", js=True)
    open_first(page, address)
    page.get_by_role("button", name="Traité hors de cet outil").click()
    expect(page.get_by_text("traité hors de cet outil").first).to_be_visible()


@pytest.mark.safeguard
def test_s29_no_page_asks_anything_of_another_host(
    browser: Browser, address: str, home: DemoHome
) -> None:
    page = signed_in(browser, address, home, "committee", js=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/committee", "/models", "/models/1", "/audits", "/journal"):
        assert page.goto(f"{address}{path}").status == 200  # type: ignore[union-attr]
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:"))] == []


def test_pages_hold_from_a_telephone_to_a_desk(
    browser: Browser, address: str, home: DemoHome
) -> None:
    page = signed_in(browser, address, home, "educator", js=True)
    page.goto(f"{address}/queue")
    situation = page.locator("main a[href^='/situations/']").first.get_attribute("href")
    for path in ("/queue", "/people", situation):
        page.goto(f"{address}{path}")
        for width in (360, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(OVERFLOW) <= 0, (path, width)


def test_a_model_is_read_without_javascript_from_a_telephone_to_a_desk(
    browser: Browser, address: str, home: DemoHome
) -> None:
    page = signed_in(browser, address, home, "committee", js=False)
    for version in sorted(folder.name for folder in (home.folder / "models").iterdir()):
        page.goto(f"{address}/models/{version}")
        expect(page.get_by_role("heading", name="Ce qu'il vaut")).to_be_visible()
        for summary in page.locator("main summary").all():
            if summary.is_visible():
                summary.click()
        # Without JavaScript of its own the page is still asked from outside.
        for width in (360, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(OVERFLOW) <= 0, (version, width)


def test_axe_finds_nothing_on_models_audits_and_the_whole_report(
    browser: Browser, address: str, home: DemoHome
) -> None:
    page = signed_in(browser, address, home, "committee", js=True)
    for path in ("/models/1", "/audits/1", "/audits/1/report", "/committee", "/journal"):
        page.goto(f"{address}{path}")
        page.evaluate(AXE_SCRIPT)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert page.evaluate(AXE, RULES) == [], (path, scheme)


def test_paper_shows_what_is_folded(browser: Browser, address: str, home: DemoHome) -> None:
    page = signed_in(browser, address, home, "committee", js=False)
    page.goto(f"{address}/models/1")
    folded = page.locator("dt", has_text="Seuil de la capacité")
    expect(folded).to_be_hidden()
    page.emulate_media(media="print")
    expect(folded).to_be_visible()
