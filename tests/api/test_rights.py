"""A person's rights, done for real: their file, their letter, and what no door brings back."""

from __future__ import annotations

import io
import json
import math
import zipfile
from base64 import b64decode
from copy import deepcopy
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import delete, select, text

from api import rights
from api.access import PARTS, lacking
from api.gate import load_table
from api.home import Home, create_home
from api.imports import import_folder
from api.letter import letter_of
from api.letter_print import as_pdf
from api.opening import open_home
from api.settings import Settings
from api.situations import score_situations
from api.standings import NobodyKnown
from features.french import day
from features.staging import staging
from modeles.explanation import Contribution, Workings
from modeles.table import write_table
from revue import accounts, evidence, notices, queue, requests, schema
from revue.personal import PERSONAL
from revue.records import NoticeForm, RequestOutcome, Right, Role, State
from revue.standings import Standing
from tests.api.web_home import CLI, House
from tests.conftest import DemoHome, rebond
from tests.features.builders import event, stay, write_folder

OTHER = {"person_id": "P2", "display_name": "Yann Canari", "telephone": "canari-au-bout-du-fil"}
MINE = {"person_id": "P1", "display_name": "Zoé Exemple", "telephone": "poste 12"}


def opened(folder: Path) -> Home:
    return open_home(folder, folder / "keys")


def give(home: Home, said: str) -> tuple[dict[str, Any], bytes]:
    """Do an access; return the file and the letter."""
    made = rights.access(home, rights.note(home, said, Right.ACCESS, None, by=CLI), by=CLI)
    return json.loads(made.files[rights.DATA]), made.files[rights.LETTER]


def words(pdf: bytes) -> str:
    pages = (page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return " ".join(" ".join(pages).split())


def somebody(home: Home, kind: str = "signal") -> str:
    with home.transaction() as session:
        row = schema.Situation
        found = session.scalars(select(row.person).where(row.kind == kind).order_by(row.id))
        return found.first() or ""


@pytest.fixture(scope="module")
def shown(demo_home: DemoHome, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A demonstration home that these tests ask for accesses."""
    return opened(demo_home.copy(tmp_path_factory.mktemp("access") / "home").folder)


@pytest.fixture(scope="module")
def given(shown: Home) -> tuple[dict[str, Any], bytes]:
    """What somebody with a signal is given."""
    return give(shown, somebody(shown))


# -- S12, S13: the sum, from the file alone


def points_again(line: dict[str, Any]) -> float:
    """A line's points by pencil, from the file; nothing of ours is called."""
    value, worth = line["value"], line["worth"]
    if value is None:
        return worth[0]
    low, high = line["edges"]
    if line["shape"] == "steps":
        assert (low is None or value > low) and (high is None or value <= high)
        return worth[0]
    axis = math.log1p(max(value, 0)) if line["scale"] == "log1p" else value
    return worth[0] + (worth[1] - worth[0]) * min(max((axis - low) / (high - low), 0), 1)


def known_before(export: dict[str, Any], as_of: datetime) -> list[dict[str, Any]]:
    """Events as they were known: of several with one id, the one recorded last."""
    known = [e for e in export["events"] if datetime.fromisoformat(e["recorded_at"]) < as_of]
    holding = {
        e["event_id"]: e for e in sorted(known, key=lambda e: e["recorded_at"]) if e["event_id"]
    }
    single = [e for e in known if not e["event_id"]]
    kept = [*single, *holding.values()]
    return [e for e in kept if e["code"] and datetime.fromisoformat(e["occurred_at"]) < as_of]


@pytest.mark.safeguard
def test_s12_the_score_is_worked_out_again_from_the_file_alone(
    given: tuple[dict[str, Any], bytes], shown: Home
) -> None:
    export, _ = given
    (signal,) = export["signals"]
    told = signal["workings"]
    total = told["intercept"] + sum(points_again(line) for line in told["lines"])
    with shown.transaction() as session:
        kept = json.loads(session.get_one(schema.Signal, signal["situation_id"]).content)
    assert total == pytest.approx(kept["score"], abs=1e-12)
    if told["point"] is not None:
        whole = sum(line["whole"] for line in told["lines"])
        assert told["start"] + told["point"] * whole == pytest.approx(kept["score"], abs=1e-9)
    u = told["slope"] * total + told["shift"] + told["bend"] * max(total - told["knot"], 0)
    frequency = min(max(1 / (1 + math.exp(-u)), told["low"]), told["high"])
    assert round(100 * frequency) == kept["estimate"]["per_100"]
    assert not lacking(signal)


@pytest.mark.safeguard
def test_s12_what_was_measured_is_counted_again_from_the_events_of_the_file(
    given: tuple[dict[str, Any], bytes],
) -> None:
    export, _ = given
    (signal,) = export["signals"]
    as_of = datetime.fromisoformat(signal["as_of"])
    events, counted = known_before(export, as_of), 0
    for line in signal["workings"]["lines"]:
        if line["measure"] not in ("count", "since_last"):
            continue
        of = [
            datetime.fromisoformat(e["occurred_at"])
            for e in events
            if any(e["code"] == c or e["code"].startswith(f"{c}//") for c in line["codes"])
        ]
        if line["measure"] == "count":
            start = as_of - timedelta(days=line["window_days"])
            again: float | None = sum(start <= at for at in of)
        else:
            again = (as_of - max(of)).total_seconds() // 86400 if of else None
        held = line["value"]
        assert (held is None and again is None) or math.floor(held) == again, line["title"]
        counted += 1
    assert counted


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "part",
    [
        *(("workings", name) for name in Workings.__dataclass_fields__),
        *(("line", name) for name in Contribution.__dataclass_fields__),
        *(("contribution", name) for name in ("degree", "mode")),
        *(("data", name) for name in ("sources", "codes", "events")),
        *(("signal", name) for name in ("as_of", "model", "score", "estimate")),
        ("", "operations"),
    ],
)
def test_s12_a_field_that_is_taken_away_is_named(
    given: tuple[dict[str, Any], bytes], part: tuple[str, str]
) -> None:
    signal = deepcopy(given[0]["signals"][0])
    where, name = part
    held = {"": signal, "signal": signal, "line": signal["workings"]["lines"][-1]}
    (held[where] if where in held else signal[where]).pop(name)
    named = ".".join(filter(None, part))
    expected = {"line.column"} if named == "workings.lines" else set()
    assert named in lacking(signal) and (len(lacking(signal)) == 1 or expected)


@pytest.mark.safeguard
def test_s12_the_letter_says_what_a_copy_of_an_older_version_lacks(
    given: tuple[dict[str, Any], bytes],
) -> None:
    export = deepcopy(given[0])
    export["signals"][0]["workings"] = None
    told = letter_of(export)["signals"][0]
    assert "Il y manque" in told["lacking"][0] and "workings.table_hash" in told["lacking"][0]


@pytest.mark.safeguard
def test_s12_the_letter_holds_the_four_items_and_the_whole_table(
    given: tuple[dict[str, Any], bytes], shown: Home
) -> None:
    export, pdf = given
    (signal,) = export["signals"]
    said = words(pdf)
    for heading in (
        "1. Ce qu’il a pesé dans la décision",
        "2. Les données utilisées, et d’où elles viennent",
        "3. Le calcul, appliqué à votre situation",
        "4. Les opérations, dans l’ordre",
    ):
        assert heading in said
    assert signal["workings"]["table_hash"] in said.replace(" ", "")
    assert signal["workings"]["protocol_hash"] in said.replace(" ", "")
    assert day(date.fromisoformat(signal["as_of"])) in said
    assert f"environ {signal['estimate']['per_100']} (" in said
    for line in letter_of(export)["signals"][0]["lines"]:
        assert line["title"].replace("'", "’").replace(" ", "") in said.replace(" ", "")
    reader = PdfReader(io.BytesIO(pdf))
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert reader.trailer["/Root"]["/Lang"] == "fr"


def test_the_same_file_gives_the_same_letter_to_the_byte(
    given: tuple[dict[str, Any], bytes],
) -> None:
    assert as_pdf(letter_of(given[0])) == as_pdf(letter_of(given[0])) == given[1]


@pytest.mark.safeguard
def test_s13_a_swapped_model_changes_nothing_of_what_is_told(
    given: tuple[dict[str, Any], bytes], shown: Home
) -> None:
    before = given[0]["signals"][0]
    assert before["model_file"] == "same"
    path = shown.model_folder(before["model"]) / "table.json"
    kept = path.read_bytes()
    try:
        table = load_table(shown, before["model"])
        write_table(replace(table, intercept=table.intercept + 5.0), path, shown.keys.sign)
        export, pdf = give(shown, somebody(shown))
        after = export["signals"][0]
        assert after | {"model_file": "same"} == before
        assert after["model_file"] == "other"
        assert "n’est plus celui qui a servi" in words(pdf)
        path.unlink()
        assert give(shown, somebody(shown))[0]["signals"][0]["model_file"] == "gone"
    finally:
        path.write_bytes(kept)


@pytest.mark.safeguard
def test_s12_who_has_no_signal_is_told_so(shown: Home) -> None:
    export, pdf = give(shown, somebody(shown, "control"))
    assert export["signals"] == []
    said = words(pdf)
    assert "Aucun signal d’attention n’est conservé à votre sujet" in said
    assert "au hasard, sans aucun signal" in said


@pytest.mark.safeguard
def test_s13_past_its_validity_a_signal_is_sealed_and_still_told_whole(
    demo_home: DemoHome, tmp_path: Path
) -> None:
    home = opened(demo_home.copy(tmp_path / "home").folder)
    person = somebody(home)
    before = give(home, person)[0]["signals"][0]
    later = home.today() + timedelta(days=home.settings.signal_days + 1)
    with home.transaction() as session:
        held = session.scalars(select(schema.Signal)).all()
        assert evidence.seal_expired(session, home.person_keys, later) == len(held)
        assert session.scalars(select(schema.Signal)).all() == []
        assert evidence.seal_expired(session, home.person_keys, later) == 0
    after = give(home, person)[0]["signals"][0]
    assert after.pop("sealed") and not before.pop("sealed")
    assert after == before
    raw = (home.folder / "review.db").read_bytes()
    assert (
        b'"workings"' not in raw.replace(b" ", b"")
        or home.folder.joinpath("review.db-wal").exists()
    )


# -- S34: nobody else in it


@pytest.fixture
def small(tmp_path: Path) -> tuple[Home, Path]:
    """Two people of one household, imported; and the folder they came in."""
    folder = write_folder(
        tmp_path / "extract",
        [stay("P1", household_id="FOYER-CANARI"), stay("P2", household_id="FOYER-CANARI")],
        [event("P1"), event("P1", "2024-03-01"), event("P2", "2024-04-01", numeric_value=4321)],
        sensitive=[
            {"person_id": "P1", "attribute": "genre", "value": "f"},
            {"person_id": "P2", "attribute": "genre", "value": "h"},
        ],
        identities=[MINE, OTHER],
    )
    home = create_home(tmp_path / "home", tmp_path / "home" / "keys", Settings())
    import_folder(home, folder, by=CLI, progress=str)
    return home, folder


@pytest.mark.safeguard
def test_s34_nobody_of_the_household_is_in_a_persons_file_or_letter(
    small: tuple[Home, Path],
) -> None:
    home, _ = small
    export, pdf = give(home, "P1")
    plain = json.dumps(export, ensure_ascii=False)
    other = home.keys.pseudonym("P2")
    households = set(home.store.stays()["household"].dropna())
    for canary in ("FOYER-CANARI", "P2", "Canari", OTHER["telephone"], other, "4321", *households):
        assert canary not in plain and canary not in words(pdf), canary
    assert export["identity"]["household"] is True
    assert [one["household"] for one in export["stays"]] == [True]
    assert export["identity"]["contacts"] == {"telephone": "poste 12"}
    assert len(export["events"]) == 2 and export["sensitive"] == {"genre": "f"}
    assert "rien n’est dit ici des autres personnes du foyer" in words(pdf)


def test_every_table_about_persons_is_described() -> None:
    hidden = {"sealed_copies"}  # told opened, among the signals
    assert {table.name for table in PERSONAL} - hidden <= PARTS.keys()


def test_who_works_for_the_service_stands_in_it_by_role(
    small: tuple[Home, Path],
) -> None:
    home, _ = small
    with home.transaction() as session:
        accounts.create_user(
            session, login="nord.1", role=Role.EDUCATOR, team="nord", by=CLI, now=home.now()
        )
        actor = accounts.actor_for(session, "nord.1")
        person = home.keys.pseudonym("P1")
        session.add(schema.Lift(user_id=actor.user_id, on=home.today(), person=person))
    plain = json.dumps(give(home, "P1")[0])
    assert "nord.1" not in plain and "cli:" not in plain
    assert Role.EDUCATOR.label in json.loads(plain)["records"]["lifts"][0]["user_id"]


# -- S15, S16, S17: object, erase, restrict, rectify, through every door


def office(home: Home) -> House:
    with home.transaction() as session:
        accounts.create_user(
            session, login="dina", role=Role.DPO, team=None, by=CLI, now=home.now()
        )
    return House(home, {})


def ask(house: House, said: str, asked: Right) -> str:
    """Note a request on the page; return its address."""
    client = house.client("dina")
    body = {"person": said, "asked": asked, "received_on": house.home.today().isoformat()}
    answer = client.post("/rights/requests", data=body)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def traces(home: Home, person: str) -> set[str]:
    """Where anything of a person's history is."""
    found = {"stays"} if person in set(home.store.stays()["person"]) else set()
    found |= {"events"} if person in set(home.store.events()["person"]) else set()
    with home.transaction() as session:
        for table in ("people", "signals", "observations"):
            column = "person" if table != "signals" else "situation_id"
            whose = (
                "= :person"
                if column == "person"
                else "IN (SELECT id FROM situations WHERE person = :person)"
            )
            query = text(f"SELECT count(*) FROM {table} WHERE {column} {whose}")  # noqa: S608
            if session.scalar(query, {"person": person}):
                found.add(table)
    return found


@pytest.mark.safeguard
@pytest.mark.parametrize("door", ["cli", "page", "api"])
def test_s15_who_objected_comes_back_through_no_import(
    small: tuple[Home, Path], door: str, tmp_path: Path
) -> None:
    home, folder = small
    person = home.keys.pseudonym("P1")
    assert traces(home, person) == {"stays", "events", "people"}
    if door == "cli":
        ran = rebond("rights", "object", "P1", home=home.folder)
        assert ran.status == 0 and ran.out["done"] is True and ran.out["standing"] == "objected"
    else:
        house = office(home)
        at = ask(house, "P1", Right.OBJECT)
        prefix = "" if door == "page" else "/api/v1"
        assert house.client("dina").post(f"{prefix}{at}/do").status_code in (200, 303)
    home = opened(home.folder)
    assert traces(home, person) == set()
    import_folder(home, folder, by=CLI, progress=str)
    more = write_folder(
        tmp_path / "later",
        [stay("P1"), stay("P2")],
        [event("P1", "2024-11-01")],
        extracted_on="2025-01-31",
    )
    import_folder(home, more, by=CLI, progress=str)
    assert traces(home, person) == set()
    assert home.keys.pseudonym("P2") in set(home.store.stays()["person"])
    with home.transaction() as session:
        assert notices.told_here(session, by=home.today()).keys() == set()
        (row,) = session.scalars(select(schema.Request)).all()
        assert row.outcome is RequestOutcome.DONE and row.asked is Right.OBJECT


@pytest.mark.safeguard
def test_s17_restricted_data_are_read_by_nobody_but_the_person(small: tuple[Home, Path]) -> None:
    home, folder = small
    person = home.keys.pseudonym("P1")
    house = office(home)
    at = ask(house, "P1", Right.RESTRICT)
    assert house.client("dina").post(f"{at}/do").status_code == 303
    assert traces(home, person) == set()
    import_folder(home, folder, by=CLI, progress=str)
    assert traces(home, person) == set()
    export, _ = give(home, "P1")
    assert export["standing"]["value"] == Standing.RESTRICTED
    assert len(export["events"]) == 2 and export["identity"]["display_name"] == "Zoé Exemple"
    page = house.client("dina").get("/rights").text
    assert "Limitations en cours" in page
    assert house.client("dina").post(f"{at}/lift").status_code == 303
    assert traces(home, person) == {"stays", "events", "people"}
    assert house.client("dina").post(f"{at}/lift").status_code == 409


@pytest.mark.safeguard
def test_s16_an_erasure_takes_its_own_box_and_leaves_nobody(small: tuple[Home, Path]) -> None:
    home, folder = small
    house = office(home)
    at = ask(house, "P1", Right.ERASE)
    assert house.client("dina").post(f"{at}/do").status_code == 422
    assert traces(home, home.keys.pseudonym("P1"))
    assert house.client("dina").post(f"{at}/do", data={"sure": "yes"}).status_code == 303
    with pytest.raises(NobodyKnown):
        rights.note(home, "P1", Right.ACCESS, None, by=CLI)
    import_folder(home, folder, by=CLI, progress=str)
    assert traces(home, home.keys.pseudonym("P1")) == set()
    counts = house.client("dina").get("/api/v1/rights").json()["counts"]
    assert [c["answered"] for c in counts if c["asked"] == "erase"] == [1]


@pytest.mark.safeguard
def test_s16_whose_identity_a_restored_copy_lacks_is_still_erased_by_the_services_own_id(
    small: tuple[Home, Path],
) -> None:
    home, folder = small
    person = home.keys.pseudonym("P1")
    assert rebond("rights", "object", "P1", home=home.folder).status == 0
    # As in a copy made before the person came: the key and the objection are there, no identity.
    with opened(home.folder).transaction() as session:
        held = delete(schema.Base.metadata.tables["identities"])
        session.execute(held.where(held.table.c.person == person))
    import_folder(opened(home.folder), folder, by=CLI, progress=str)
    ran = rebond("rights", "erase", "P1", home=home.folder)
    assert ran.status == 0 and ran.out["standing"] == "erased", ran.out
    assert opened(home.folder).person_keys.of((person,)) == [None]


@pytest.mark.safeguard
def test_s17_a_signal_to_be_corrected_is_withdrawn_and_may_be_looked_at_anew(
    demo_home: DemoHome, tmp_path: Path
) -> None:
    home = opened(demo_home.copy(tmp_path / "home").folder)
    person, today = somebody(home), home.today()
    request = rights.note(home, person, Right.RECTIFY, None, by=CLI)
    assert rights.rectify(home, request, by=CLI) == 1
    with home.transaction() as session:
        row = session.scalars(select(schema.Situation).filter_by(person=person)).one()
        assert row.state is State.WITHDRAWN
        assert person not in queue.busy_people(session, as_of=today, repeat_days=90)
        # Until something is imported, the same wrong data are not looked at again.
        assert person in requests.waiting_for_correction(session)
        session.get_one(schema.Person, person).synced_at = home.now() + timedelta(minutes=1)
        session.flush()
        assert person not in requests.waiting_for_correction(session)
        assert requests.pending(session, request).outcome is None


# -- S14: nobody is looked at who was not told


@pytest.mark.safeguard
def test_s14_nobody_is_scored_who_was_not_told_whatever_the_directory_says(
    demo_home: DemoHome, tmp_path: Path
) -> None:
    home = opened(demo_home.copy(tmp_path / "home").folder)
    stays = home.store.stays()
    with home.transaction() as session:
        as_of, untold = session.execute(select(schema.Run.as_of, schema.Run.not_informed)).one()
    missing = set(stays.loc[stays["informed_on"].isna(), "person"]) - set(
        stays.loc[stays["informed_on"].notna(), "person"]
    )
    assert untold and missing

    def score() -> int:
        with home.transaction() as session:
            session.execute(text("DELETE FROM runs"))
        summary = score_situations(home, as_of, by=CLI, progress=str)
        with home.transaction() as session:
            row = schema.Situation
            placed = session.scalars(select(row.person).where(row.person.in_(missing))).all()
            assert placed == []
        return summary.not_informed

    def notice(person: str, told_on: date, form: str = "oral") -> None:
        with home.transaction() as session:
            session.execute(
                text("INSERT INTO notices VALUES (:p, :on, 'v', 'x', :form, :at)"),
                {"p": person, "on": told_on.isoformat(), "form": form, "at": "2026-01-01 00:00:00"},
            )

    assert score() == untold
    with home.transaction() as session:
        session.execute(text("UPDATE people SET informed_on = '2020-01-01'"))
    for person in missing:
        notice(person, as_of + timedelta(days=1))
    notice(somebody(home), as_of, "letter")
    for person in missing:
        notice(person, date(2020, 1, 1), "imported")
    assert score() == untold


@pytest.mark.safeguard
def test_s14_what_is_told_here_counts_from_its_day_and_survives_an_import(
    small: tuple[Home, Path], tmp_path: Path
) -> None:
    home, _ = small
    untold = write_folder(
        tmp_path / "untold", [stay("P3", informed_on="")], [event("P3")], extracted_on="2025-01-31"
    )
    import_folder(home, untold, by=CLI, progress=str)
    person, told_on = home.keys.pseudonym("P3"), date(2025, 1, 15)
    with home.transaction() as session:
        accounts.create_user(
            session, login="nord.1", role=Role.EDUCATOR, team="nord", by=CLI, now=home.now()
        )
    client = House(home, {}).client("nord.1")
    page = f"/people/{person}"
    assert "Rien ne dit que la personne connaît cet outil" in client.get(page).text
    for form, on, status in (
        ("imported", told_on, 422),
        ("oral", date(2025, 2, 1), 422),
        ("shouted", told_on, 422),
        ("oral", told_on, 303),
    ):
        body = {"form": form, "told_on": on.isoformat()}
        assert client.post(f"{page}/notices", data=body).status_code == status
    body = {"form": "oral", "told_on": told_on.isoformat()}
    stranger = f"/api/v1/people/{'0' * 32}/notices"
    assert client.post(stranger, json=body).status_code == 404
    import_folder(home, untold, by=CLI, progress=str)
    with home.transaction() as session:
        assert notices.told_here(session, by=told_on) == {person: told_on}
        assert notices.told_here(session, by=told_on - timedelta(days=1)) == {}
        assert session.get_one(schema.Person, person).informed_on == told_on
        (told,) = notices.notices_of(session, person)
    said = client.get("/api/v1/notice").json()
    assert told.form is NoticeForm.ORAL and told.version == said["version"]
    assert "Le hasard" in {part["title"] for part in said["parts"]}


def test_what_the_import_says_is_kept_once(small: tuple[Home, Path]) -> None:
    home, folder = small
    import_folder(home, folder, by=CLI, progress=str)
    with home.transaction() as session:
        forms = [row.form for row in session.scalars(select(schema.Notice))]
    assert forms == [NoticeForm.IMPORTED, NoticeForm.IMPORTED]


# -- The page


def test_an_access_is_one_download_and_waits_until_it_is_handed_over(
    small: tuple[Home, Path],
) -> None:
    home, _ = small
    house = office(home)
    at = ask(house, "P1", Right.ACCESS)
    client = house.client("dina")
    answer = client.post(f"{at}/access")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert set(archive.namelist()) == {rights.DATA, rights.LETTER}
    assert json.loads(archive.read(rights.DATA))["identity"]["person_id"] == "P1"
    assert answer.headers["cache-control"] == "no-store"
    told = client.post(f"/api/v1{at}/access").json()
    assert told["data"]["identity"]["person_id"] == "P1"
    assert b64decode(told["letter"]).startswith(b"%PDF-")
    assert client.post(f"{at}/answer", data={"outcome": "refused"}).status_code == 422
    done = {"outcome": "done", "answer": "Remis."}
    assert client.post(f"{at}/answer", data=done).status_code == 303
    assert client.post(f"{at}/access").status_code == 409


@pytest.mark.safeguard
def test_s23_what_is_typed_to_find_somebody_is_kept_and_shown_nowhere(
    small: tuple[Home, Path],
) -> None:
    home, _ = small
    house = office(home)
    client = house.client("dina")
    typed = "CANARI-4711"
    body = {"person": typed, "asked": "access", "received_on": home.today().isoformat()}
    refused = client.post("/rights/requests", data=body)
    assert refused.status_code == 422 and typed not in refused.text
    told = client.post("/api/v1/rights/requests", json=body)
    assert told.status_code == 422 and typed not in told.text
    at = ask(house, "P1", Right.ACCESS)
    for path in ("/rights", at, "/journal"):
        shown = client.get(path).text
        assert '"P1"' not in shown and ">P1<" not in shown
    raw = b"".join(p.read_bytes() for p in home.folder.glob("review.db*"))
    assert typed.encode() not in raw


def test_the_command_line_writes_a_folder_nobody_else_reads(
    small: tuple[Home, Path], tmp_path: Path
) -> None:
    home, _ = small
    out = tmp_path / "given"
    ran = rebond("rights", "access", "P1", "--out", out, home=home.folder)
    assert ran.status == 0 and ran.out["done"] is True
    assert out.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in out.iterdir())
    again = rebond("rights", "access", "P1", "--out", out, home=home.folder)
    assert again.status == 1 and "folder of its own" in again.out["error"]
    nobody = rebond("rights", "access", "P9", home=home.folder)
    assert nobody.status == 1 and "P9" not in nobody.out["error"]


@pytest.mark.safeguard
@pytest.mark.parametrize("asked", ["restrict", "erase"])
def test_s17_what_is_refused_on_the_command_line_is_noted_once_and_finished_by_doing_it_again(
    asked: str, small: tuple[Home, Path]
) -> None:
    home, _ = small
    received = home.today() - timedelta(days=3)
    command = ("rights", asked, "P1")
    with staging(home.folder, home.was_committed):  # another process holds the home
        ran = rebond(*command, "--received", received.isoformat(), home=home.folder)
        again = rebond(*command, home=home.folder)
    assert ran.status == again.status == 1
    with home.transaction() as session:
        (row,) = session.scalars(select(schema.Request)).all()
        assert (row.received_on, row.outcome) == (received, None)
        noted, due_on = row.id, row.due_on
    for refused in (ran, again):
        assert all(said in refused.out["error"] for said in (noted, str(due_on), "run again"))
    other = rebond(*command, "--received", str(home.today()), home=home.folder)
    assert other.status == 1 and str(received) in other.out["error"]
    done = rebond(*command, home=home.folder)
    assert done.status == 0 and done.out["request"] == noted
    with home.transaction() as session:
        outcomes = [row.outcome for row in session.scalars(select(schema.Request))]
    assert outcomes == ([] if asked == "erase" else [RequestOutcome.DONE])


def test_an_access_and_a_correction_are_taken_up_where_they_were_left(
    small: tuple[Home, Path], tmp_path: Path
) -> None:
    home, folder = small
    waiting = rights.note(home, "P1", Right.ACCESS, None, by=CLI)
    assert rights.take_up(home, "P1", Right.ACCESS, None, by=CLI).id == waiting
    assert rights.take_up(home, "P2", Right.ACCESS, None, by=CLI).id != waiting
    ran = rebond("rights", "access", "P1", "--out", tmp_path / "out", home=home.folder)
    assert ran.out["request"] == waiting
    wrong = rights.take_up(home, "P1", Right.RECTIFY, None, by=CLI).id
    assert rights.take_up(home, "P1", Right.RECTIFY, None, by=CLI).id == wrong
    import_folder(home, folder, by=CLI, progress=str)  # perhaps corrected: anew is another
    assert rights.take_up(home, "P1", Right.RECTIFY, None, by=CLI).id != wrong
