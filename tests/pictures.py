"""Takes the pictures of the README anew: ``make pictures``, from the demonstration.

Not a test: letters are drawn a little differently on every machine. What the pages must
hold stands in ``tests/api/test_browser.py`` and its neighbours.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import ROOT, DemoHome, rebond, served

FOLDER = ROOT / "docs" / "pictures"
PERSONS = "2000"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
WIDTH, HEIGHT = 1200, 1000


def take(browser: Browser, address: str, home: DemoHome) -> None:
    """Walk from the queue to a decision, with a picture at each stop."""
    page = _signed_in(browser, address, home)
    _picture(page, "queue", HEIGHT)
    page.locator(".rows .name a").first.click()
    _picture(page, "situation", 1250)
    page.get_by_label("Je ne peux pas dire").check()
    page.get_by_role("button", name="Donner mon avis").click()
    page.get_by_role("button", name="Voir le signal").click()
    page.locator("#signal").screenshot(path=FOLDER / "signal.png")
    page.locator("#decision").screenshot(path=FOLDER / "decision.png")


def _signed_in(browser: Browser, address: str, home: DemoHome) -> Page:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, locale="fr-FR", reduced_motion="reduce"
    )
    page = context.new_page()
    login = home.login("educator")
    page.goto(f"{address}/login")
    page.get_by_label("Identifiant").fill(login)
    page.get_by_label("Mot de passe").fill(home.password(login))
    page.get_by_role("button", name="Se connecter").click()
    return page


def _picture(page: Page, name: str, height: int) -> None:
    page.screenshot(
        path=FOLDER / f"{name}.png", clip={"x": 0, "y": 0, "width": WIDTH, "height": height},
        full_page=True,
    )  # fmt: skip


def main() -> None:
    """Make a demonstration, serve it on loopback and take the pictures."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "home"
        ran = rebond("demo", "--no-serve", "--persons", PERSONS, home=folder)
        home = DemoHome(folder, ran.out)
        with served(folder) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
            take(browser, address, home)
            browser.close()


if __name__ == "__main__":
    main()
