"""What people ask for is applied to everything, killed or restored in between or not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from api import aside, rights
from api.bundles import EVERYTHING, Bundle, collect, seal, under_pseudonym, unseal
from api.home import Home
from api.opening import open_home
from api.purge import purge
from api.retention import RESTRICTED
from api.standings import IdentityUnknown, NobodyKnown, change_standing
from features.keys import SealBroken
from features.staging import ImportRunning, staging
from revue import schema
from revue.journal import verify_journal
from revue.permissions import Forbidden
from revue.records import Right, Role, State
from revue.standings import DataKey, Standing
from revue.vault import open_identity

from .person_home import CLI, HER, IDENTIFYING, Place, build, change, find, take, write


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return build(tmp_path_factory.mktemp("lived"))


@pytest.fixture
def place(lived: Place, tmp_path: Path) -> Place:
    return lived.copy(tmp_path / "copy")


@pytest.fixture
def home(place: Place) -> Home:
    return place.home


def everything(home: Home, person: str) -> Bundle:
    with home.transaction() as session:
        return collect(home, session, person)


def holding(folder: Path, *canaries: str) -> list[str]:
    """Name the files below a folder whose bytes hold one of the canaries."""
    return [
        f"{path.name}: {canary}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for canary in canaries
        if canary.encode() in path.read_bytes()
    ]


def tell_nothing(home: Home, person: str) -> None:
    """Nothing of her can be read, nor stands in the bytes of any file."""
    assert everything(home, person).is_empty
    assert home.store.events(person).empty and home.store.stays(person).empty
    named = {*home.store.manifest.files, "manifest.json"}
    assert {path.name for path in home.store.folder.iterdir()} == named
    assert holding(home.folder, *IDENTIFYING, person) == []
    with pytest.raises(NobodyKnown):
        find(home)


def test_every_table_with_somebodys_rows_holds_one_of_hers(home: Home) -> None:
    bundle = everything(home, find(home).person)
    assert bundle.rows.keys() == EVERYTHING
    assert len(bundle.events) == 19 and len(bundle.stays) == 1
    assert bundle.sensitive == {"genre": "f"}
    assert holding(home.folder, "canari-avis", "canari-parole")


PLAIN = st.none() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
ROWS = st.lists(st.dictionaries(st.text(), PLAIN), max_size=3)


@given(
    events=ROWS.map(tuple),
    sensitive=st.dictionaries(st.text(), st.text()),
    rows=st.dictionaries(st.text(), ROWS, max_size=3),
)
def test_a_bundle_comes_back_as_it_was(
    events: tuple[dict[str, object], ...],
    sensitive: dict[str, str],
    rows: dict[str, list[dict[str, object]]],
) -> None:
    bundle = Bundle("p", events, events, sensitive, rows)
    assert Bundle.from_json(bundle.to_json()) == bundle
    key = DataKey("id", b"k" * 32)
    assert unseal(seal(bundle, key), key) == bundle
    with pytest.raises(SealBroken):
        unseal(seal(bundle, key), DataKey("other", b"k" * 32))


def test_somebody_is_found_by_the_services_own_id_and_by_pseudonym(home: Home) -> None:
    known = find(home)
    assert find(home, known.person) == known == find(home, f" {HER} ")
    for nobody in ("P9", "f" * 32, ""):
        with pytest.raises(NobodyKnown):
            find(home, nobody)


def test_under_another_epoch_a_bundle_reads_as_that_epochs(home: Home) -> None:
    person = find(home).person
    key, fresh = home.person_keys.one(person), "0" * 32
    moved = under_pseudonym(everything(home, person), key, home.keys, fresh)
    assert person not in moved.to_json()
    assert open_identity(key, moved.rows["identities"][0]["sealed"], fresh).person_id == HER
    assert under_pseudonym(moved, key, home.keys, person).rows["views"] == moved.rows["views"]


@pytest.mark.safeguard
def test_s17_restricting_takes_everything_out_and_lifting_puts_the_same_back(home: Home) -> None:
    people = [find(home, one).person for one in (HER, "P2", "P3")]
    before = {person: everything(home, person) for person in people}
    events, stays = home.store.events(), home.store.stays()
    known = change(home, Standing.RESTRICTED)
    left = everything(home, known.person)
    # The day by which we owe an answer goes on; nothing else is in reach.
    assert left.rows.keys() == {"requests"} and not (left.events or left.stays or left.sensitive)
    assert home.store.events(known.person).empty
    assert known.person not in set(home.store.events()["person"])
    assert holding(home.folder, *IDENTIFYING) == []
    assert find(home, known.person) == known == find(home)
    take(home, write(home.folder.parent / "again", "2025-01-01"))
    assert everything(home, known.person) == left
    change(home, Standing.OPEN)
    assert not list(home.restricted("").parent.iterdir())
    after = {person: everything(home, person) for person in people}
    assert after[people[0]] == before[people[0]]
    columns = ["person", "occurred_at", "recorded_at", "code"]
    ordered = [t.sort_values(columns, ignore_index=True) for t in (home.store.events(), events)]
    assert ordered[0].equals(ordered[1])
    assert len(home.store.stays()) == len(stays)


@pytest.mark.safeguard
@pytest.mark.parametrize("standing", [Standing.ERASED, Standing.OVERDUE])
def test_s16_erased_nothing_is_left_in_any_byte(home: Home, standing: Standing) -> None:
    other = everything(home, find(home, "P2").person)
    person = change(home, standing).person
    tell_nothing(home, person)
    assert everything(home, other.person) == other
    with home.transaction() as session:
        assert verify_journal(session, home.keys.verify).ok
    home.close()
    opened = open_home(home.folder, home.keys_folder)
    tell_nothing(opened, person)


@pytest.mark.safeguard
def test_s16_erased_also_while_restricted(home: Home) -> None:
    change(home, Standing.RESTRICTED)
    person = change(home, Standing.ERASED).person
    tell_nothing(home, person)
    assert not list(home.restricted("").parent.iterdir())


@pytest.mark.safeguard
def test_s16_imported_again_nobody_comes_back(home: Home, tmp_path: Path) -> None:
    person = change(home, Standing.ERASED).person
    summary = take(home, write(tmp_path / "again"))
    assert summary.persons == 2
    assert summary.ignored == 19 and summary.ignored_by == {"droits": 19}
    tell_nothing(home, person)
    # Somebody whose time was over may come back, as somebody new.
    change(home, Standing.OVERDUE, "P2")
    take(home, write(tmp_path / "later", "2025-01-01"))
    assert len(home.store.events(find(home, "P2").person)) == 19


@pytest.mark.safeguard
def test_s16_killed_between_the_register_and_the_home_is_finished_at_the_next_opening(
    home: Home,
) -> None:
    known = find(home)
    home.person_keys.write(known.person, known.standing_id, Standing.ERASED, at=home.now())
    assert not everything(home, known.person).is_empty
    home.close()
    with staging(home.folder, home.was_committed), pytest.raises(ImportRunning):
        open_home(home.folder, home.keys_folder)  # nobody reads it before
    opened = open_home(home.folder, home.keys_folder)
    tell_nothing(opened, known.person)


@pytest.mark.safeguard
def test_s16_what_is_refused_is_not_done_by_the_next_opening(home: Home) -> None:
    known = find(home)
    before = everything(home, known.person)
    with staging(home.folder, home.was_committed), pytest.raises(ImportRunning):
        change_standing(home, known, Standing.ERASED, by=CLI, act="erase")
    assert home.person_keys.newest() == 0
    home.close()
    assert everything(open_home(home.folder, home.keys_folder), known.person) == before


@pytest.mark.safeguard
def test_s16_a_copy_of_the_home_made_before_is_put_back_by_hand(home: Home, tmp_path: Path) -> None:
    home.close()
    shutil.copytree(home.folder, tmp_path / "kept")
    person = change(home, Standing.ERASED).person
    home.close()
    shutil.rmtree(home.folder)
    shutil.copytree(tmp_path / "kept", home.folder)
    tell_nothing(open_home(home.folder, home.keys_folder), person)


@pytest.mark.safeguard
def test_s15_an_objection_holds_at_the_next_import(home: Home, tmp_path: Path) -> None:
    known = change(home, Standing.OBJECTED)
    for folder in (None, tmp_path / "again"):
        if folder is not None:
            take(home, write(folder, "2025-01-01"))
        held = everything(home, known.person)
        assert not (held.stays or held.events or held.sensitive)
        gone = {"people", "signals", "observations"}
        assert held.rows.keys() == EVERYTHING - gone
        assert {row["state"] for row in held.rows["situations"]} == {State.WITHDRAWN}
        assert "canari-motif" in held.to_json()  # what was decided stays until its time
        assert known.person not in home.store.people()
    assert find(home) == known


ASKED = (
    (Standing.RESTRICTED, Standing.OBJECTED, Standing.OPEN),
    (Standing.OBJECTED, Standing.RESTRICTED, Standing.OPEN),
    (Standing.RESTRICTED, Standing.OPEN, Standing.OBJECTED),
)


@pytest.mark.safeguard
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("when", ["one after the other", "all at once, by an older copy"])
def test_s15_no_restriction_lifted_brings_the_histories_of_an_objection_back(
    when: str, asked: tuple[Standing, ...], home: Home, tmp_path: Path
) -> None:
    home.close()
    shutil.copytree(home.folder, tmp_path / "older")
    for standing in asked:
        known = change(home, standing)
        if Standing.RESTRICTED in home.person_keys.standings()[known.standing_id]:
            aside = everything(home, known.person)
            assert not (aside.stays or aside.events) and "situations" not in aside.rows
    if when != "one after the other":
        home.close()
        shutil.rmtree(home.folder)
        shutil.copytree(tmp_path / "older", home.folder)
        home = open_home(home.folder, home.keys_folder)
    held = everything(home, known.person)
    assert not (held.stays or held.events or held.sensitive) and "signals" not in held.rows
    assert {row["state"] for row in held.rows["situations"]} == {State.WITHDRAWN}
    assert not list(home.restricted("").parent.glob("*"))
    take(home, write(tmp_path / "again", "2025-01-01"))
    assert known.person not in home.store.people()


@pytest.mark.safeguard
def test_s17_only_who_answers_requests_changes_a_standing(home: Home) -> None:
    known = find(home)
    before = everything(home, known.person)
    for role in set(Role) - {Role.DPO}:
        with pytest.raises(Forbidden):
            actor = type(CLI)(role.value, role, "nord", 1)
            change_standing(home, known, Standing.ERASED, by=actor, act="erase")
    assert everything(home, known.person) == before
    assert home.person_keys.newest() == 0


@pytest.fixture
def since_2026(place: Place) -> Callable[[date], Home]:
    """Open the home in production on a day of one's choice."""
    settings = place.home.folder / "settings.toml"
    said = settings.read_text(encoding="utf-8")
    settings.write_text(said.replace("production = false", "production = true"), encoding="utf-8")
    return lambda day: Home(
        place.root / "home",
        place.root / "keys",
        lambda: datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
    )


@pytest.mark.safeguard
def test_s18_what_a_restriction_seals_aside_is_kept_no_longer_than_histories(
    since_2026: Callable[[date], Home],
) -> None:
    home = since_2026(date(2026, 1, 10))
    known = change(home, Standing.RESTRICTED)
    person = known.person
    (sealed,) = aside.read_all(home)
    assert sealed.since == date(2024, 2, 19)  # her last event
    assert aside.read(home, person) == sealed.bundle
    kept = purge(home, by=CLI, progress=str).kept[RESTRICTED]
    assert (kept.number, kept.oldest, kept.until) == (1, "2024-02-19", date(2026, 2, 18))
    home.close()
    last = since_2026(date(2026, 2, 18))
    assert aside.read(last, person) is not None
    over = since_2026(date(2026, 2, 19))
    assert aside.read(over, person) is None
    with pytest.raises(IdentityUnknown):
        find(over, person)
    asked = rights.note(over, HER, Right.ACCESS, None, by=CLI)
    given = rights.access(over, asked, by=CLI, said=HER)
    assert not any(canary.encode() in given.files[rights.DATA] for canary in IDENTIFYING)
    done = purge(over, by=CLI, progress=str)
    assert done.deleted[RESTRICTED] == 1 and RESTRICTED not in done.kept
    assert not over.restricted(sealed.key.key_id).exists()
    tell_nothing(over, person)
    # The restriction itself holds until it is lifted: no import takes her in.
    assert known.standing_id in over.person_keys.kept_out()
    assert rights.lift(over, HER, by=CLI) is False
    assert known.standing_id not in over.person_keys.kept_out()
    with pytest.raises(NobodyKnown):
        rights.lift(over, HER, by=CLI)


@pytest.mark.safeguard
def test_s18_lifted_after_its_time_nothing_of_what_lay_aside_comes_back(
    since_2026: Callable[[date], Home],
) -> None:
    home = since_2026(date(2026, 1, 10))
    person = change(home, Standing.RESTRICTED).person
    home.close()
    over = since_2026(date(2026, 2, 19))
    assert rights.lift(over, person, by=CLI) is False
    assert everything(over, person).rows.keys() == {"requests"}
    assert purge(over, by=CLI, progress=str).deleted[RESTRICTED] == 1
    tell_nothing(over, person)


def test_where_there_are_no_histories_the_restriction_itself_counts(
    since_2026: Callable[[date], Home],
) -> None:
    home = since_2026(date(2026, 1, 10))
    change(home, Standing.OBJECTED)
    change(home, Standing.RESTRICTED)
    (sealed,) = aside.read_all(home)
    assert sealed.bundle.last_contact is None and sealed.since == date(2026, 1, 10)


def test_every_change_is_one_entry_of_the_journal_and_names_nobody(home: Home) -> None:
    known = change(home, Standing.OBJECTED)
    with home.transaction() as session:
        entries = session.scalars(
            select(schema.Entry).order_by(schema.Entry.month, schema.Entry.position)
        ).all()
        assert [entry.act for entry in entries if entry.act == "objected"] == ["objected"]
        assert all(known.person not in entry.subject for entry in entries)
