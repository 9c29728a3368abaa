"""The page of the safeguards: all 36, and nothing said of code that was not attacked."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from api.safeguards import SAFEGUARDS
from api.trials import Trial, write_trial
from tests.api.web_home import House, build

ATTACKED = "Éprouvées pour cette version"
NOT_YET = "Pas encore éprouvées pour cette version"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = build(tmp_path_factory.mktemp("garanties") / "home")
    settings = house.home.folder / "settings.toml"
    kept = settings.read_text(encoding="utf-8")
    settings.write_text('safeguards_record = "essai.json"\n' + kept, encoding="utf-8")
    return House(type(house.home)(house.home.folder, house.home.keys_folder, house.home.clock), {})


def test_what_was_not_attacked_is_said_not_to_have_been(house: House) -> None:
    (house.home.folder / "essai.json").unlink(missing_ok=True)
    for login in ("anne", "dina"):
        page = house.client(login).get("/safeguards").text
        assert NOT_YET in page
        assert ATTACKED not in page
        assert page.count('<tr id="S') == len(SAFEGUARDS)
        told = house.client(login).get("/api/v1/safeguards").json()
        assert told["trial"] is None
        assert {each["tests"] for each in told["safeguards"]} == {None}
        assert [each["name"] for each in told["safeguards"]] == [s.name for s in SAFEGUARDS]


def test_the_record_of_this_very_code_is_shown_and_no_other(house: House) -> None:
    tests = {each.name: each.number for each in SAFEGUARDS}
    made = Trial.now(datetime(2026, 11, 21, 9, 0, tzinfo=UTC), 660, tests)
    record = house.home.folder / "essai.json"
    write_trial(made, record)
    client = house.client("anne")
    page = client.get("/safeguards").text
    assert ATTACKED in page and "21 novembre 2026" in page and "660 attaques" in page
    assert NOT_YET not in page
    told = client.get("/api/v1/safeguards").json()
    assert told["trial"]["code"] == made.code
    assert {each["name"]: each["tests"] for each in told["safeguards"]} == tests
    record.write_text(json.dumps({**json.loads(record.read_text()), "code": "0" * 64}))
    assert NOT_YET in client.get("/safeguards").text


def test_it_never_says_that_a_text_is_met(house: House) -> None:
    for language in ("fr", "en"):
        client = house.client("dina")
        client.cookies.set("rebond_language", language)
        page = client.get("/safeguards").text.lower()
        assert "conform" not in page
        assert "complian" not in page
