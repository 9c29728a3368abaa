"""The report: what to look at first, nothing about too few, nothing about anybody."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.quality import REASONS_IN_FRENCH, hidden, withhold, withhold_ignored, write_quality
from api.quality_findings import findings
from audits.suppression import K, withheld
from features.quality import APPOINTMENTS, CANCELLED, MISSED, Delays, Quality, Share
from features.tables import EVENTS_FILE, PERSONS_FILE, REASONS, SENSITIVE_FILE, import_schema
from tests.features.avoided import AVOIDED, assert_plain
from tests.features.planted import Planted, planted

SMALL = "petite-equipe"


def everything() -> Planted:
    """All that can be planted, each in a team of its own."""
    faults = [
        ("events", "12", "person_id", "is not a person of persons"),
        ("events", "19", "recorded_at", "is after extracted_on (2026-03-02)"),
        ("persons", "7", "left_on", "is before entered_on"),
    ]
    given = (
        planted()
        .knowing_its_codes()
        .without_month("chrs", "2025-09")
        .renaming("lien//interruption", "lien//rupture")
        .recording_later("accueil-de-jour", 40)
        .renaming(CANCELLED, MISSED, "jeunes-18-25")
        .stopping("logement-accompagne", "2026-01-05")
        .moving(K - 1, SMALL)
    )
    return replace(
        given,
        quarantine=pd.DataFrame(faults, columns=["file", "row", "column", "reason"]),
        ignored={"langue": 312},
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Quality:
    return everything().measure(tmp_path_factory.mktemp("measured"))


@pytest.fixture(scope="module")
def written(measured: Quality, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    paths = write_quality(measured, tmp_path_factory.mktemp("home") / "quality")
    assert {path.name for path in paths.values()} == {"2026-03-02.json", "2026-03-02.html"}
    assert {path.name for path in paths["json"].parent.iterdir()} == {
        path.name for path in paths.values()
    }
    return {kind: path.read_text(encoding="utf-8") for kind, path in paths.items()}


def test_what_was_planted_is_said_first_and_in_order(measured: Quality) -> None:
    said = findings(withhold(measured))
    wanted = (
        r"« lien//interruption », qui définit l'issue.*« lien//rupture » \(\d+ faits\)",
        r"« logement-accompagne » n'a plus aucun fait après le \d+ janvier 2026, \d+ jours",
        r"« chrs » n'a aucun fait du 30 août 2025 au 30 septembre 2025 \(32 jours\)",
        r"« jeunes-18-25 » enregistre 0 annulation par le service pour \d+ rendez-vous non",
        r"Un code n'avait jamais été vu.*« lien//rupture ». Le protocole ne le lit pas",
        r"« accueil-de-jour » enregistre la moitié de ses faits après 4\d jours ou plus",
        r"3 lignes ont été mises de côté \(events, persons\)",
        r"\d+ personnes sur 700 n'ont pas de date d'information",
    )
    places = [next(i for i, s in enumerate(said) if re.search(p, s)) for p in wanted]
    assert places == sorted(places)
    assert len(said) <= len(wanted) + 1  # one simulated team records late as it is


def test_every_sentence_is_plain(measured: Quality) -> None:
    for sentence in findings(withhold(measured)):
        assert_plain(sentence)


def test_nothing_striking_is_said_so(measured: Quality, tmp_path: Path) -> None:
    given = planted().knowing_its_codes()
    prompt = given.events["recorded_at"] - given.events["occurred_at"] < pd.Timedelta(days=6)
    told = given.stays["informed_on"].fillna(given.stays["entered_on"])
    calm = replace(
        given, events=given.events[prompt], stays=given.stays.assign(informed_on=told)
    ).measure(tmp_path)
    # Without its late facts, the team that records on Fridays is as prompt as the others.
    assert findings(withhold(calm)) == ()
    assert "Rien de frappant" in write_quality(calm, tmp_path)["html"].read_text(encoding="utf-8")


def test_the_json_holds_the_figures_and_the_sentences(
    measured: Quality, written: dict[str, str]
) -> None:
    plain = json.loads(written["json"])
    assert plain["findings"] == list(findings(withhold(measured)))
    assert plain["extracted_on"] == "2026-03-02"
    assert plain["counts"]["quarantined"] == 3
    assert plain["ignored"] == [{"what": "langue", "rows": 312}]
    assert plain["withheld_below"] == K


@pytest.mark.safeguard
def test_s21_nothing_of_a_small_team_is_written(measured: Quality, written: dict[str, str]) -> None:
    raw = next(team for team in measured.teams if team.team == SMALL)
    assert (raw.persons, bool(raw.rows)) == (K - 1, True)
    plain = json.loads(written["json"])
    lines = {
        part: [line for line in plain[part] if line["team"] == SMALL]
        for part in ("teams", "people", "appointments")
    }
    for (line,) in lines.values():
        assert set(_leaves(line)) <= {SMALL, None}
    # Nor is it the difference between all teams and those shown.
    assert sum(team["persons"] is None for team in plain["teams"]) == 2


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


@pytest.mark.safeguard
def test_s21_no_number_of_facts_or_persons_is_about_too_few(measured: Quality) -> None:
    shown = withhold(measured)
    told_by = {told.code: told for told in shown.codes}
    for raw in measured.codes:
        if 0 < (raw.facts.persons or 0) < K and raw.code in told_by:
            assert raw.named
            assert told_by[raw.code].facts.events is None and not told_by[raw.code].last_on
    assert any(told.facts.events is None for told in shown.codes)
    for before, after in zip(measured.appointments, shown.appointments, strict=True):
        for raw_cell, cell in zip(before.kinds, after.kinds, strict=True):
            assert cell.events is None or not 0 < (raw_cell.persons or 0) < K
    for line in shown.people:
        for number in list(asdict(line).values())[1:]:
            rest = (line.persons or 0) - (number or 0)
            assert number is None or (not 0 < number < K and not 0 < rest < K)
    for i, month in enumerate(shown.months):
        raw_month = measured.months[i]
        for raw_cell, cell in (
            (raw_month.occurred, month.occurred),
            (raw_month.recorded, month.recorded),
        ):
            assert cell.events is None or not 0 < (raw_cell.persons or 0) < K


@pytest.mark.safeguard
@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=8).filter(any))
def test_s21_one_table_withholds_what_the_audits_suppression_would(persons: list[int]) -> None:
    counts = np.array(persons, np.int64)
    present = counts > 0
    small = present & (counts < K)
    ours = np.array(hidden(persons))
    assert not (ours & ~present).any()
    theirs = withheld(
        counts[present],
        small[present],
        np.eye(int(present.sum())),
        np.zeros(int(present.sum()), np.int64),
    )
    assert (small <= ours).all()
    assert (theirs <= ours[present]).all()


@pytest.mark.safeguard
def test_s21_a_code_withheld_in_all_is_withheld_in_each_team(tmp_path: Path) -> None:
    scarce = everything().renaming(MISSED, CANCELLED)
    rows = scarce.events["code"] == CANCELLED
    few = scarce.events["person"].isin(sorted(set(scarce.events["person"][rows]))[: K - 2])
    kept = replace(scarce, events=scarce.events[~rows | few])
    with_few = withhold(kept.measure(tmp_path))
    place = APPOINTMENTS.index(CANCELLED)
    assert all(line.kinds[place].events is None for line in with_few.appointments)
    assert all(line.expected is None for line in with_few.appointments)


def amending(given: Planted, persons: int) -> Planted:
    """Take back one fact of so many persons of chrs, and nothing else."""
    events = given.events[given.events["code"] != ""].assign(event_id=pd.NA)
    events = events.astype({"event_id": "str"}).reset_index(drop=True)
    own = replace(given, events=events).team == "chrs"
    chosen = events[own].groupby("person").head(1).index[:persons]
    assert len(chosen) == persons
    events.loc[chosen, "event_id"] = [f"e-{n}" for n in range(persons)]
    taken_back = events.loc[chosen].assign(code="")
    return replace(given, events=pd.concat([events, taken_back], ignore_index=True))


@pytest.mark.safeguard
@pytest.mark.parametrize("persons", [1, K - 1, K])
def test_s21_a_share_about_too_few_does_not_come_back(persons: int, tmp_path: Path) -> None:
    raw = amending(planted(), persons).measure(tmp_path)
    shown = withhold(raw)
    team = next(team for team in shown.teams if team.team == "chrs")
    if persons < K:
        assert team.deleted == Share(None, None)
        # Nor as the difference between rows and facts.
        assert shown.counts.rows is None
        assert {line.rows for line in shown.teams} == {None}
    else:
        assert team.deleted.share == 0.01
        assert shown.counts.rows == raw.counts.rows
    assert shown.counts.amended_persons is None


@pytest.mark.safeguard
@settings(max_examples=300, deadline=None)
@given(persons=st.tuples(*[st.integers(0, 30)] * 4).filter(any))
def test_s21_no_delay_of_too_few_is_between_those_shown(
    measured: Quality, persons: tuple[int, ...]
) -> None:
    """Each person has one fact, so that facts are persons: ahead, within 7, to 30, beyond."""
    ahead, within, between, beyond = persons
    total = sum(persons)
    shares = [Share(n / total, n) for n in (between + beyond, beyond, ahead, within, between)]
    place = next(i for i, team in enumerate(measured.teams) if team.team == "chrs")
    teams = list(measured.teams)
    teams[place] = replace(teams[place], delays=Delays(0, 0, *shares))
    told = withhold(replace(measured, teams=tuple(teams))).teams[place].delays
    assert told is not None
    assert told.within_7 == told.from_8_to_30 == Share(None, None)
    # What can be worked out: the atoms of the sets that are shown.
    sets = [
        atoms
        for share, atoms in ((told.ahead, {0}), (told.beyond_7, {2, 3}), (told.beyond_30, {3}))
        if share.share is not None
    ]
    kinds = {tuple(i in atoms for atoms in sets) for i in range(4)}
    for kind in kinds if sets else ():
        known = sum(n for i, n in enumerate(persons) if tuple(i in a for a in sets) == kind)
        assert not 0 < known < K


def test_a_share_is_whole_percents_and_0_only_where_there_is_none(measured: Quality) -> None:
    for raw, told in zip(measured.teams, withhold(measured).teams, strict=True):
        for before, after in (
            (raw.corrected, told.corrected),
            (raw.deleted, told.deleted),
            (raw.duplicates, told.duplicates),
        ):
            if after.share is not None:
                assert after.share == round(after.share, 2)
                assert (after.share == 0) == (before.share == 0)


@pytest.mark.safeguard
@pytest.mark.parametrize(
    ("rows", "told", "total"),
    [
        ({"langue": 1}, {"langue": None}, None),
        ({"langue": K}, {"langue": K}, K),
        ({"langue": 3, "without_time": 40}, {"langue": None, "without_time": None}, 43),
    ],
)
def test_s21_few_rows_left_out_are_not_told(
    rows: dict[str, int], told: dict[str, int | None], total: int | None, tmp_path: Path
) -> None:
    found = replace(planted(), ignored=rows).measure(tmp_path)
    shown = withhold(found)
    assert {line.what: line.rows for line in shown.ignored} == told == withhold_ignored(rows)
    assert shown.counts.ignored == total
    html = write_quality(found, tmp_path)["html"].read_text(encoding="utf-8")
    assert "langue</th><td>" in html and "langue</th><td>1<" not in html


@pytest.mark.safeguard
def test_s21_the_text_of_a_rare_code_is_not_told(tmp_path: Path) -> None:
    given = planted().knowing_its_codes()
    free = "lien//Mme Dupont pleure rue de la Paix"
    codes = given.events["code"].mask(given.events.index == given.events.index[0], free)
    found = replace(given, events=given.events.assign(code=codes)).renaming(
        "lien//interruption", "lien//interruption de Mme Dupont"
    )
    few = found.events["code"].str.contains("interruption de")
    found = replace(found, events=found.events[~few | (few.cumsum() <= K - 1)])
    raw = found.measure(tmp_path)
    assert raw.unmatched[0].resembles
    written = write_quality(raw, tmp_path)
    for path in written.values():
        assert "Dupont" not in path.read_text(encoding="utf-8")
    said = findings(withhold(raw))
    assert any("2 codes n'avaient jamais été vus" in sentence for sentence in said)
    assert any("trop rares pour être nommés" in sentence for sentence in said)


@pytest.mark.safeguard
def test_s21_a_rare_code_that_protocol_or_vocabulary_names_keeps_its_name(tmp_path: Path) -> None:
    given = planted()
    rare = given.events["code"] == "fin//deces"
    first = rare.cumsum() == 1
    one = replace(given, events=given.events[~rare | first])
    shown = withhold(one.measure(tmp_path))
    (line,) = [code for code in shown.codes if code.code == "fin//deces"]
    assert line.facts.events is None


@pytest.mark.safeguard
def test_s07_no_pseudonym_is_written(written: dict[str, str]) -> None:
    given = everything()
    barred = {*given.stays["person"], *given.stays["household"], *given.events["event_id"].dropna()}
    assert len(barred) > 700
    assert not barred & _words(written)


@pytest.mark.safeguard
def test_s24_no_educator_is_named(written: dict[str, str]) -> None:
    logins = set(everything().stays["referent"].dropna())
    assert logins
    assert not logins & _words(written)


def _words(written: dict[str, str]) -> set[str]:
    return set(re.findall(r"[\w.\-]+", " ".join(written.values())))


def test_the_same_import_gives_the_same_bytes(
    measured: Quality, written: dict[str, str], tmp_path: Path
) -> None:
    again = write_quality(everything().measure(tmp_path), tmp_path / "quality")
    for kind, path in again.items():
        assert path.read_text(encoding="utf-8") == written[kind]


def test_a_second_report_of_the_day_takes_the_place_of_the_first(
    measured: Quality, tmp_path: Path
) -> None:
    write_quality(replace(measured, protocol="autre"), tmp_path)
    paths = write_quality(measured, tmp_path)
    assert "autre" not in json.loads(paths["json"].read_text(encoding="utf-8"))["protocol"]
    assert len(list(tmp_path.iterdir())) == 2


class _Page(HTMLParser):
    """What a page loads, and whether its tables and pictures can be heard."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.headers_without_scope = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.loaded += [str(given[name]) for name in ("src", "href") if name in given]
        self.headers_without_scope += tag == "th" and "scope" not in given


def test_the_page_stands_alone_and_can_be_heard(written: dict[str, str]) -> None:
    html = written["html"]
    page = _Page()
    page.feed(html)
    assert page.loaded == []
    assert "script" not in page.tags and "link" not in page.tags
    assert not re.search(r"url\(|@import|https?://", html)
    assert page.headers_without_scope == 0
    assert page.tags.count("caption") == page.tags.count("table")
    pictures = page.tags.count("figure")
    assert html.count('<svg role="img" aria-labelledby=') == pictures == 3
    assert '<html lang="fr">' in html
    assert "prefers-color-scheme: dark" in html and "@media print" in html


def test_the_page_keeps_to_our_words(written: dict[str, str]) -> None:
    bare = re.sub(r"<style>.*?</style>|<[^>]+>", " ", written["html"], flags=re.DOTALL)
    text = unescape(bare)
    assert not AVOIDED.findall(text)
    assert "n'est pas une absence de la personne" in text
    # No reason of the intake is left in English.
    assert not re.search(r"\bis (not|after|before|empty)\b", text)
    assert "date postérieure au jour de l'extrait" in text


def test_every_reason_of_the_import_contracts_is_said_in_french() -> None:
    end = pd.Timestamp(2026, 3, 3)
    files = (PERSONS_FILE, EVENTS_FILE, SENSITIVE_FILE)
    schemas = [import_schema(file, persons=frozenset({"P1"}), end=end) for file in files]
    checks = [
        *(check for schema in schemas for check in schema.checks),
        *(c for schema in schemas for column in schema.columns.values() for c in column.checks),
    ]
    given = {str(check.error) for check in checks} | {reason for _, reason in REASONS.values()}
    assert len(given) >= 7
    assert {reason.split(" (")[0] for reason in given} <= REASONS_IN_FRENCH.keys()


def test_names_from_outside_are_escaped(tmp_path: Path) -> None:
    given = planted()
    hostile = given.stays["team"].mask(given.stays["team"] == "chrs", "<script>alert(1)</script>")
    found = replace(given, stays=given.stays.assign(team=hostile)).renaming(
        "activite//collective", "a<b>//c"
    )
    html = write_quality(found.measure(tmp_path), tmp_path)["html"].read_text(encoding="utf-8")
    assert "<script>" not in html and "a<b>" not in html
    assert "&lt;script&gt;" in html and "a&lt;b&gt;//c" in html
