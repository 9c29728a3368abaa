"""Simulated folders keep the contract, the definition of the outcome, and their seed."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.catalogue import catalogue
from features.codes import FORBIDDEN_FAMILIES, LABELS, family
from features.protocol import read_protocol
from features.simulation import simulate
from features.simulation.folder import FolderHoldsOther, NothingToSimulate
from features.simulation.histories import RECIPROCAL, SILENCE, TEAMS
from features.simulation.recording import GapOutOfReach

UNTIL = date(2026, 11, 20)
LAST = pd.Timestamp(UNTIL)


def _days(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column).astype("datetime64[us]")


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.stays = pd.read_csv(path / "persons.csv", dtype=str)
        for column in ("entered_on", "left_on", "informed_on"):
            self.stays[column] = _days(self.stays[column])
        self.events = self._timed("events.parquet")
        self.truth = self._timed("truth.parquet")
        self.happened = self.truth[self.truth["code"] != "latent"]
        self.sensitive = pd.read_csv(path / "sensitive.csv", dtype=str)
        self.summary = json.loads((path / "truth.json").read_text(encoding="utf-8"))

    def _timed(self, name: str) -> pd.DataFrame:
        table = pd.read_parquet(self.path / name)
        for column in table.columns.intersection(["occurred_at", "recorded_at"]):
            table[column] = _days(table[column])
        return table.astype({"person_id": str, "code": str})

    @property
    def years(self) -> float:
        ends = self.stays["left_on"].fillna(LAST)
        return (ends - self.stays["entered_on"]).dt.days.sum() / 365.25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    path = tmp_path_factory.mktemp("simulated")
    simulate(path, persons=3000, seed=5, until=UNTIL)
    return Folder(path)


def test_the_folder_has_the_files_and_columns_of_the_contract(folder: Folder) -> None:
    assert {p.name for p in folder.path.iterdir()} == {
        "persons.csv", "events.parquet", "sensitive.csv", "identities.csv", "protocol.toml",
        "extract.toml", "truth.parquet", "truth.json",
    }  # fmt: skip
    assert list(folder.stays) == [
        "person_id", "entered_on", "left_on", "team", "referent", "informed_on", "household_id",
    ]  # fmt: skip
    assert list(folder.events) == ["person_id", "occurred_at", "recorded_at", "code", "event_id"]
    extract = (folder.path / "extract.toml").read_text(encoding="utf-8")
    assert extract == "extracted_on = 2026-11-20\n"


def test_the_demonstration_protocol_loads(folder: Folder) -> None:
    protocol = read_protocol(folder.path / "protocol.toml")
    assert 40 <= len(catalogue(protocol)) <= 60
    assert protocol.outcome.codes == ("lien//interruption",)
    known = set(folder.events["code"])
    for group in protocol.features.group:
        for code in group.codes:
            assert any(c == code or c.startswith(code + "//") for c in known), code


def test_same_seed_same_bytes_other_seed_other_people(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        simulate(tmp_path / name, persons=120, months=14, seed=seed, until=UNTIL)
    for file in sorted(p.name for p in (tmp_path / "a").iterdir()):
        same = (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
        assert same, file
    events = [(tmp_path / name / "events.parquet").read_bytes() for name in ("a", "c")]
    assert events[0] != events[1]


def test_everybody_referred_to_is_a_person(folder: Folder) -> None:
    persons = set(folder.stays["person_id"])
    identities = pd.read_csv(folder.path / "identities.csv", dtype=str)
    assert len(persons) == 3000
    assert set(folder.events["person_id"]) <= persons
    assert set(folder.sensitive["person_id"]) == persons == set(identities["person_id"])
    assert identities["display_name"].str.fullmatch(r"Personne fictive \d{4,}").all()
    assert set(folder.sensitive["attribute"]) == {"genre", "interprete"}


def test_nothing_is_recorded_before_it_occurs_or_after_the_extract(folder: Folder) -> None:
    events, stays = folder.events, folder.stays
    assert (events["recorded_at"] >= events["occurred_at"]).all()
    assert (events["recorded_at"] <= LAST).all()
    assert stays[["entered_on", "left_on", "informed_on"]].max().max() <= LAST
    assert (stays["left_on"].fillna(LAST) >= stays["entered_on"]).all()


def test_stays_of_a_person_share_no_day_and_a_return_opens_one(folder: Folder) -> None:
    stays = folder.stays.sort_values(["person_id", "entered_on"])
    again = stays["person_id"].duplicated()
    before = stays.groupby("person_id")["left_on"].shift()
    assert again.sum() > 30
    assert (before[again] < stays.loc[again, "entered_on"]).all()
    returns = folder.happened[folder.happened["code"] == "lien//reprise"]
    opened = stays[again].set_index(["person_id", "entered_on"]).index
    assert set(opened) == set(zip(returns["person_id"], returns["occurred_at"], strict=True))


def test_no_forbidden_family_but_the_interpreter_that_intake_takes_out(folder: Folder) -> None:
    codes = set(folder.happened["code"]) | set(folder.events["code"]) - {""}
    barred = {c for c in codes if family(c) in FORBIDDEN_FAMILIES}
    assert barred == {"langue//interprete_present"}
    assert codes - barred <= set(LABELS)


def test_an_interruption_is_sixty_days_of_silence_and_nothing_else_is(folder: Folder) -> None:
    happened = folder.happened
    stays = folder.stays[["person_id", "entered_on"]].copy()
    stays["stay"] = np.arange(len(stays))
    met = happened[happened["code"].isin(RECIPROCAL)]
    interrupted = happened[happened["code"] == "lien//interruption"]
    dated = pd.concat(
        [
            met.assign(kind="contact"),
            interrupted.assign(kind="interruption"),
            folder.stays.assign(occurred_at=folder.stays["entered_on"], kind="contact"),
        ]
    )
    dated = pd.merge_asof(
        dated.sort_values("occurred_at"),
        stays.sort_values("entered_on"),
        left_on="occurred_at",
        right_on="entered_on",
        by="person_id",
    ).sort_values(["stay", "occurred_at"], kind="stable")
    same = dated["stay"] == dated["stay"].shift()
    gap = (dated["occurred_at"] - dated["occurred_at"].shift()).dt.days
    ends_in_silence = dated["kind"] == "interruption"
    assert ends_in_silence.sum() > 300
    assert (gap[ends_in_silence] == SILENCE).all()
    assert gap[same & ~ends_in_silence].max() < SILENCE


def test_no_planned_absence_explains_an_interruption(folder: Folder) -> None:
    happened = folder.happened
    outcome = happened[happened["code"] == "lien//interruption"]
    absences = happened[happened["code"] == "absence//prevue"]
    pairs = outcome.merge(absences, on="person_id", suffixes=("", "_absence"))
    days = (pairs["occurred_at"] - pairs["occurred_at_absence"]).dt.days
    assert not days.between(0, SILENCE).any()


def test_frequencies_are_about_those_announced(folder: Folder) -> None:
    per_year = folder.happened["code"].value_counts() / folder.years
    announced = {
        "rdv//propose": 14, "rdv//honore": 9, "rdv//non_honore": 1.8, "contact//message": 8,
        "contact//appel_entrant": 6, "contact//appel_sortant": 7, "contact//sans_reponse": 3,
        "droits//demande": 2, "ressources//aide_demandee": 0.9, "logement//changement": 0.4,
        "langue//interprete_present": 0.5, "fin//concertee": 0.25, "absence//prevue": 0.3,
    }  # fmt: skip
    for code, expected in announced.items():
        assert per_year[code] == pytest.approx(expected, rel=0.35), code


def test_one_person_in_five_makes_about_half_of_the_events(folder: Folder) -> None:
    counts = folder.events["person_id"].value_counts().reindex(
        folder.stays["person_id"].unique(), fill_value=0
    )  # fmt: skip
    busiest = counts.nlargest(len(counts) // 5).sum() / counts.sum()
    assert 0.42 < busiest < 0.60


def test_teams_have_their_sizes_caseloads_and_interruptions(folder: Folder) -> None:
    stays = folder.stays
    sizes = stays.drop_duplicates("person_id")["team"].value_counts()
    present = stays[stays["left_on"].isna()]
    assert len(present) > 0.4 * sizes.sum()
    assert present.groupby("referent").size().between(12, 60).all()

    outcomes = folder.happened[folder.happened["code"] == "lien//interruption"]
    dated = stays.merge(outcomes[["person_id", "occurred_at"]], on="person_id", how="left")
    seen = []
    for t in pd.date_range(LAST - pd.Timedelta(days=700), LAST - pd.Timedelta(days=90), freq="28D"):
        inside = (dated["entered_on"] + pd.Timedelta(days=28) <= t) & ~(dated["left_on"] < t)
        ahead = (dated["occurred_at"] - t).dt.days
        rows = dated[inside].assign(label=ahead.between(0, 89))
        seen.append(rows.groupby(["person_id", "team"])["label"].any().reset_index())
    rates = pd.concat(seen).groupby("team")["label"].mean()
    for team in TEAMS:
        assert sizes[team.id] == pytest.approx(3000 * team.adults / 2000, abs=1)
        assert rates[team.id] == pytest.approx(team.interrupted, abs=0.03), team.id
    assert pd.concat(seen)["label"].mean() == pytest.approx(0.074, abs=0.012)


def test_recording_is_late_most_of_all_in_the_friday_team(folder: Folder) -> None:
    team = folder.stays.drop_duplicates("person_id").set_index("person_id")["team"]
    again = folder.events["event_id"].notna() & folder.events["event_id"].duplicated()
    first = folder.events[~again & (folder.events["code"] != "")]
    delay = (first["recorded_at"] - first["occurred_at"]).dt.days
    friday = first["person_id"].map(team) == "chrs"
    assert delay[~friday].median() == 1
    assert (delay[~friday] > 7).mean() == pytest.approx(0.15, abs=0.03)
    assert 8 <= delay[friday].median() <= 10


def test_duplicates_corrections_and_withdrawn_rows_share_an_event_id(folder: Folder) -> None:
    events = folder.events
    rows = events.groupby("event_id").size()
    deleted = events[events["code"] == ""]
    assert (rows <= 2).all()
    assert 0.02 < (rows == 2).sum() / len(events) < 0.04
    assert deleted["event_id"].notna().all()
    assert (rows[deleted["event_id"]] == 2).all()


def test_a_gap_hides_warning_events_of_the_group_and_nothing_else(tmp_path: Path) -> None:
    plain = simulate(tmp_path / "plain", persons=1500, seed=3, until=UNTIL)
    gapped = simulate(tmp_path / "gap", persons=1500, seed=3, gap=0.12, until=UNTIL)
    before, after = Folder(tmp_path / "plain"), Folder(tmp_path / "gap")
    assert gapped.gap == pytest.approx(0.12, abs=0.05)
    assert after.summary["realised_gap"] == gapped.gap
    assert before.summary["hidden_share"] == 0.0 < after.summary["hidden_share"]
    assert gapped.events < plain.events
    pd.testing.assert_frame_equal(before.truth, after.truth)
    group = before.sensitive.query("attribute == 'interprete' and value == 'oui'")["person_id"]
    warnings = ("contact//visite", "contact//message", "rdv//non_honore")

    def recorded(folder: Folder, in_group: bool, codes: tuple[str, ...]) -> int:
        events = folder.events[folder.events["person_id"].isin(group) == in_group]
        once = events.drop_duplicates(["person_id", "occurred_at", "code", "event_id"])
        return int(once["code"].isin(codes).sum())

    share = recorded(after, True, warnings) / recorded(before, True, warnings)
    assert share == pytest.approx(1 - after.summary["hidden_share"], abs=0.06)
    assert recorded(after, True, ("lien//interruption",)) == recorded(
        before, True, ("lien//interruption",)
    )
    assert recorded(after, False, warnings) == pytest.approx(
        recorded(before, False, warnings), rel=0.02
    )


def test_a_gap_out_of_reach_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GapOutOfReach):
        simulate(tmp_path, persons=300, seed=1, gap=0.95, until=UNTIL)


def test_few_people_are_possible_nobody_is_not(tmp_path: Path) -> None:
    assert simulate(tmp_path, persons=1, months=8, until=UNTIL).gap is None
    with pytest.raises(NothingToSimulate):
        simulate(tmp_path, persons=0, until=UNTIL)


def test_nothing_else_is_ever_written_over(tmp_path: Path) -> None:
    (tmp_path / "persons.csv").write_text("mine")
    with pytest.raises(FolderHoldsOther, match="empty or a new folder"):
        simulate(tmp_path, persons=60, months=12, seed=1, until=date(2026, 11, 23))
    assert (tmp_path / "persons.csv").read_text() == "mine"
