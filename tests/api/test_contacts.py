"""Contacts: only whose situation it is, while it is open, for a short while, and not in bulk."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from api.home import Home
from revue import directory, review
from revue.accounts import actor_for
from revue.journal import entries
from revue.vault import Identity, store_identities

from .web_home import CLI, NOW, PEOPLE, House, build, stays

NAME, PHONE, ID = "Amina Canari", "06 98 76 54 32", "DOSSIER-0001"
WHY = {"reason": "Confirmer le rendez-vous de jeudi."}
HELD = (NAME, PHONE, ID)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = build(tmp_path_factory.mktemp("contacts") / "home")
    identities = [
        Identity(PEOPLE["signal"], ID, "FOYER-CANARI", NAME, {"phone": PHONE}),
        *(
            Identity(person, f"ID-{kind}", None, f"Nom {kind}", {})
            for kind, person in PEOPLE.items()
            if kind != "signal"
        ),
    ]
    with house.home.transaction() as session:
        store_identities(session, house.home.person_keys, identities, by=CLI, now=NOW)
    house.home.close()
    return house


@pytest.fixture
def house(built: House, tmp_path: Path) -> House:
    return built.copy(tmp_path)


def at(house: House, **later: float) -> House:
    then = NOW + timedelta(**later)
    return replace(house, home=Home(house.home.folder, house.home.keys_folder, lambda: then))


def place(house: House, kind: str = "signal", prefix: str = "") -> str:
    return f"{prefix}/situations/{house.ids[kind]}/contacts"


def ask(house: House, login: str = "claire", kind: str = "signal") -> int:
    return house.client(login).post(place(house, kind, "/api/v1"), json=WHY).status_code


def read(house: House, login: str = "claire", kind: str = "signal") -> int:
    """Read through the page and the API; what is refused shows nothing of her."""
    client = house.client(login)
    page, plain = client.get(place(house, kind)), client.get(place(house, kind, "/api/v1"))
    told = [held for held in HELD if held in page.text or held in plain.text]
    assert told == ([] if plain.status_code != 200 or kind != "signal" else list(HELD))
    assert "FOYER-CANARI" not in page.text + plain.text
    return plain.status_code


def acts(house: House) -> list[str]:
    with house.home.transaction() as session:
        return [entry.act for entry in entries(session, 500)]


def test_who_accompanies_asks_with_a_reason_and_reads_for_a_while(house: House) -> None:
    client = house.client("claire")
    assert place(house) in client.get(f"/situations/{house.ids['signal']}").text
    assert client.get(place(house)).status_code == 200 and read(house) == 403
    refused = client.post(place(house), data={"reason": " . ", "csrf": ""})
    assert refused.status_code == 422 and NAME not in refused.text
    done = client.post(place(house), data=WHY)
    assert (done.status_code, done.headers["location"]) == (303, place(house))
    before = len(acts(house))
    assert read(house) == 200
    assert acts(house)[: len(acts(house)) - before].count("read_contacts") == 2
    with house.home.transaction() as session:
        assert WHY["reason"] not in repr([vars(entry) for entry in entries(session, 500)])


@pytest.mark.safeguard
@pytest.mark.parametrize("login", ["karim", "lea", "remy", "sonia", "anne", "dina", "adam"])
def test_s08_nobody_else_is_given_leave_or_reads(house: House, login: str) -> None:
    assert ask(house) == 200
    assert ask(house, login) in (403, 404)
    assert read(house, login) in (403, 404)  # claire's leave is nobody else's


@pytest.mark.safeguard
def test_s08_leave_ends_by_itself(house: House) -> None:
    assert ask(house) == 200
    assert read(at(house, minutes=29)) == 200
    assert read(at(house, minutes=30)) == 403
    assert read(at(house, days=-1)) == 403  # nor does a clock set back bring it forward


@pytest.mark.safeguard
@pytest.mark.parametrize("how", ["closed", "handed over", "another situation"])
def test_s08_leave_is_worth_nothing_where_the_situation_is_not_theirs(
    house: House, how: str
) -> None:
    assert ask(house) == 200 and read(house) == 200
    home, id = house.home, house.ids["signal"]
    with home.transaction() as session:
        if how == "closed":
            claire = actor_for(session, "claire")
            review.handled_elsewhere(session, claire, id, now=NOW, today=home.today())
        elif how == "handed over":
            given = [
                replace(stay, referent="karim") if stay.person == PEOPLE["signal"] else stay
                for stay in stays()
            ]
            directory.sync_people(session, given, by=CLI, now=NOW)
        else:
            session.execute(
                text("UPDATE grants SET situation_id = :other"), {"other": house.ids["colleague"]}
            )
    assert read(house) in (403, 404, 409)
    assert read(house, kind="colleague") in (403, 404)
    assert read(house, "karim") in (403, 404)


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE identities SET sealed = (SELECT sealed FROM identities WHERE person <> :person "
        "LIMIT 1) WHERE person = :person",
        "UPDATE identities SET sealed = zeroblob(40) WHERE person = :person",
    ],
)
def test_s08_swapped_rows_of_the_vault_show_nobody(house: House, sql: str) -> None:
    assert ask(house) == 200
    with house.home.transaction() as session:
        session.execute(text(sql), {"person": PEOPLE["signal"]})
    client = house.client("claire")
    for address in (place(house), place(house, prefix="/api/v1")):
        refused = client.get(address)
        assert refused.status_code == 409
        assert not any(held in refused.text for held in (*HELD, "Nom "))


@pytest.mark.safeguard
@pytest.mark.parametrize("how", ["by hand", "lengthened", "of a colleague", "of another"])
def test_s08_leave_that_the_journal_does_not_hold_is_none(house: House, how: str) -> None:
    """Who writes into the table has neither reason, quota nor end: the row alone opens nothing."""
    id, later = house.ids["signal"], (NOW + timedelta(days=300)).replace(tzinfo=None)
    with house.home.transaction() as session:
        people = {login: actor_for(session, login).user_id for login in ("claire", "karim")}
        row = {"situation": id, "user": people["claire"], "until": later, "other": people["karim"]}
    insert = (
        "INSERT INTO grants VALUES ('g', :situation, :user, 'Confirmer le rendez-vous de jeudi.', "
        "'2026-11-21 09:00:00.000000', :until)"
    )
    statements = {
        "by hand": (insert,),
        "lengthened": ("UPDATE grants SET until = :until",),
        "of a colleague": ("UPDATE grants SET user_id = :user",),
        "of another": ("UPDATE grants SET situation_id = :situation",),
    }
    if how == "of a colleague":
        assert ask(house, "karim", "colleague") == 200
        statements[how] = (*statements[how], *statements["of another"])
    elif how != "by hand":
        assert ask(house, kind="second_signal" if how == "of another" else "signal") == 200
    with house.home.transaction() as session:
        for sql in statements[how]:
            named = {name: value for name, value in row.items() if f":{name}" in sql}
            assert session.connection().execute(text(sql), named).rowcount == 1
    assert read(house) == 403
    assert ask(house) == 200 and read(house) == 200  # asked for, it is given


@pytest.mark.safeguard
def test_s08_not_in_bulk(house: House) -> None:
    """Twenty grants a day, and so many names: the refusal stays in the journal."""
    assert [ask(house) for _ in range(21)] == [200] * 20 + [409]
    assert acts(house).count("contacts_refused") == 1
    assert ask(at(house, hours=25)) == 200
    limit = house.home.folder / "settings.toml"
    limit.write_text("names_per_day = 2\n" + limit.read_text())
    few = at(house, hours=48)
    page = few.client("claire").get("/people").text
    assert page.count("Nom ") + page.count(NAME) == 2
    assert acts(few).count("lift_refused") == 1
    again = few.client("claire").get("/people").text
    assert again.count("Nom ") + again.count(NAME) == 2  # the same two
    tomorrow = at(house, hours=72).client("claire").get("/people").text
    assert tomorrow.count("Nom ") + tomorrow.count(NAME) == 2
