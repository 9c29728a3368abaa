"""Simulated folders keep the contract, the definition of the outcome, and their seed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audits.engine import audit_predictions
from audits.records import Finding
from features.catalogue import catalogue
from features.codes import FORBIDDEN_FAMILIES, LABELS, family
from features.engine import FrameEngine
from features.keys import create_keys
from features.protocol import read_protocol
from features.simulation import folder as writing
from features.simulation import simulate
from features.simulation.folder import FolderHoldsOther, NothingToSimulate
from features.simulation.gap import GapOutOfReach
from features.simulation.histories import RECIPROCAL, SILENCE, TEAMS
from modeles.families import unseen
from modeles.logistic import Logistic
from modeles.measures import auc_sample, list_at_capacity
from modeles.selection import training_rows
from modeles.table import bag_scores
from modeles.validation import build_study

from .builders import events_of, read

UNTIL = date(2026, 11, 20)
LAST = pd.Timestamp(UNTIL)
PERSONS = 4000

PER_YEAR = {
    "rdv//propose": 14, "rdv//honore": 9, "rdv//non_honore": 1.8, "rdv//excuse": 1.2,
    "rdv//annule_service": 0.9, "rdv//reporte_service": 0.7, "rdv//reporte_personne": 0.8,
    "contact//appel_entrant": 6, "contact//appel_sortant": 7, "contact//message": 8,
    "contact//visite": 1.5, "contact//passage_spontane": 2, "contact//sans_reponse": 3,
    "projet//signe": 0.8, "projet//bilan": 1, "projet//objectif_atteint": 0.7,
    "droits//demande": 2, "droits//piece_demandee": 1.2, "droits//ouverture": 1.3,
    "droits//refus": 0.3, "droits//suspension_organisme": 0.15, "ressources//aide_demandee": 0.9,
    "ressources//aide_accordee": 0.6, "ressources//impaye_declare": 0.5,
    "ressources//echeancier": 0.15, "logement//changement": 0.4, "logement//relance": 0.4,
    "logement//attribution": 0.12, "emploi//debut_contrat": 0.25, "emploi//fin_contrat": 0.2,
    "formation//entree": 0.1, "numerique//difficulte_declaree": 0.4,
    "numerique//demarche_ensemble": 0.8, "langue//interprete_present": 0.5,
    "activite//collective": 1.5, "partenaire//orientation": 1, "service//changement_referent": 0.3,
    "service//aucun_creneau": 0.7, "absence//prevue": 0.3, "equipe//synthese": 0.6,
    "fin//concertee": 0.25, "fin//relais": 0.08, "fin//demenagement": 0.06, "fin//deces": 0.01,
}  # fmt: skip
"""What is announced, per person and year; every code but the outcome and the return."""


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
    def team(self) -> pd.Series:
        return self.stays.drop_duplicates("person_id").set_index("person_id")["team"]

    @property
    def interpreter(self) -> set[str]:
        needed = self.sensitive.query("attribute == 'interprete' and value == 'oui'")
        return set(needed["person_id"])

    @property
    def entered(self) -> pd.DataFrame:
        """Every event as first entered, without later rows about it."""
        again = self.events["event_id"].notna() & self.events["event_id"].duplicated()
        return self.events[~again & (self.events["code"] != "")]

    def happened_to(self, code: str) -> pd.DataFrame:
        return self.happened[self.happened["code"] == code]

    @property
    def years(self) -> float:
        ends = self.stays["left_on"].fillna(LAST)
        return (ends - self.stays["entered_on"]).dt.days.sum() / 365.25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    path = tmp_path_factory.mktemp("simulated")
    simulate(path, persons=PERSONS, seed=5, until=UNTIL)
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
    assert len(persons) == PERSONS
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


def test_every_code_is_as_frequent_as_announced(folder: Folder) -> None:
    number = folder.happened["code"].value_counts()
    assert set(number.index) == {*PER_YEAR, "lien//interruption", "lien//reprise"}
    for code, announced in PER_YEAR.items():
        expected = announced * folder.years
        # A sixth, and what chance does to rare codes: events of one person come together.
        assert abs(number[code] - expected) < expected / 6 + 4 * np.sqrt(expected), code


def test_one_person_in_five_makes_about_half_of_the_events(folder: Folder) -> None:
    counts = folder.happened["person_id"].value_counts()
    busiest = counts.nlargest(PERSONS // 5).sum() / counts.sum()
    assert 0.47 < busiest < 0.56


def test_appointments_are_fortnightly_for_three_months_then_every_three_to_five_weeks(
    folder: Folder,
) -> None:
    kept = folder.happened[
        folder.happened["code"].str.startswith("rdv//")
        & (folder.happened["code"] != "rdv//propose")
    ]
    kept = pd.merge_asof(
        kept.sort_values("occurred_at"),
        folder.stays[["person_id", "entered_on"]].sort_values("entered_on"),
        left_on="occurred_at",
        right_on="entered_on",
        by="person_id",
    ).sort_values(["person_id", "occurred_at"])
    between = kept.groupby(["person_id", "entered_on"])["occurred_at"].diff().dt.days
    since = (kept["occurred_at"] - kept["entered_on"]).dt.days
    assert between[since < 85].median() == 14
    assert between[since > 120].median() == pytest.approx(28, abs=1)
    # Weekends move a few days, a slow season or an absence takes one away.
    assert between[since > 120].between(18, 38).mean() > 0.85


def test_everything_happens_on_weekdays(folder: Folder) -> None:
    dated = folder.happened[folder.happened["code"] != "lien//interruption"]["occurred_at"].dt
    share = dated.day_of_week.value_counts(normalize=True)
    assert set(share.index) == set(range(5))
    assert share.between(0.18, 0.22).all()


def test_august_and_christmas_lose_two_events_in_five(folder: Folder) -> None:
    days = pd.date_range(LAST - pd.Timedelta(days=720), LAST - pd.Timedelta(days=1))
    ends = folder.stays["left_on"].fillna(LAST)
    present = np.array([((folder.stays["entered_on"] <= d) & (ends >= d)).sum() for d in days])
    number = folder.happened["occurred_at"].value_counts().reindex(days, fill_value=0).to_numpy()
    august = days.month == 8
    christmas = days.strftime("%m-%d").isin([f"12-{d}" for d in range(20, 32)]) | (
        days.strftime("%m-%d").isin(["01-01", "01-02", "01-03"])
    )
    other = ~(august | christmas)
    usual = number[other].sum() / present[other].sum()
    for season in (august, christmas):
        assert number[season].sum() / present[season].sum() == pytest.approx(0.6 * usual, rel=0.12)


def test_money_rent_declarations_and_housing_have_their_days(folder: Folder) -> None:
    def dates(code: str) -> pd.Series:
        return folder.happened_to(code)["occurred_at"].dt

    # The last days of a stay are too few for some to fall on their day.
    assert (dates("ressources//aide_demandee").day >= 24).mean() > 0.9
    assert (dates("ressources//aide_accordee").day >= 24).mean() > 0.9
    assert dates("ressources//impaye_declare").day.isin(range(5, 11)).mean() > 0.9
    assert dates("ressources//echeancier").day.isin(range(5, 11)).mean() > 0.9
    # Every quarter's first month declares: twice the other two months' share.
    for code in ("droits//piece_demandee", "droits//suspension_organisme"):
        assert 0.55 < (dates(code).month % 3 == 1).mean() < 0.75
    chased = dates("logement//relance")
    around = (chased.month * 100 + chased.day).between(315, 415).mean()
    assert 0.3 < around < 0.6


def test_teams_have_their_sizes_caseloads_and_interruptions(folder: Folder) -> None:
    stays = folder.stays
    sizes = stays.drop_duplicates("person_id")["team"].value_counts()
    present = stays[stays["left_on"].isna()]
    assert 0.35 * PERSONS < len(present) < 0.6 * PERSONS
    caseloads = present.groupby("referent").size()
    assert caseloads.between(12, 60).all()
    assert caseloads.min() < 18
    assert caseloads.max() > 50

    outcomes = folder.happened_to("lien//interruption")
    dated = stays.merge(outcomes[["person_id", "occurred_at"]], on="person_id", how="left")
    seen = []
    for t in pd.date_range(LAST - pd.Timedelta(days=700), LAST - pd.Timedelta(days=90), freq="28D"):
        inside = (dated["entered_on"] + pd.Timedelta(days=28) <= t) & ~(dated["left_on"] < t)
        ahead = (dated["occurred_at"] - t).dt.days
        rows = dated[inside].assign(label=ahead.between(0, 89))
        seen.append(rows.groupby(["person_id", "team"])["label"].any().reset_index())
    rates = pd.concat(seen).groupby("team")["label"].mean()
    for team in TEAMS:
        assert sizes[team.id] == pytest.approx(PERSONS * team.adults / 2000, abs=1)
        assert rates[team.id] == pytest.approx(team.interrupted, abs=0.02), team.id
    assert pd.concat(seen)["label"].mean() == pytest.approx(0.074, abs=0.007)


def test_two_in_five_come_back_within_six_months(folder: Folder) -> None:
    outcomes = folder.happened_to("lien//interruption")
    old = outcomes[outcomes["occurred_at"] <= LAST - pd.Timedelta(days=185)]
    pairs = old.merge(folder.happened_to("lien//reprise"), on="person_id", suffixes=("", "_back"))
    days = (pairs["occurred_at_back"] - pairs["occurred_at"]).dt.days
    assert days[days > 0].min() > 7
    assert days.between(1, 183).sum() / len(old) == pytest.approx(0.40, abs=0.06)


def test_recording_is_late_most_of_all_in_the_friday_team(folder: Folder) -> None:
    first = folder.entered
    delay = (first["recorded_at"] - first["occurred_at"]).dt.days
    friday = first["person_id"].map(folder.team) == "chrs"
    assert delay[~friday].median() == 1
    assert (delay[~friday] > 7).mean() == pytest.approx(0.15, abs=0.015)
    assert delay[friday].median() == pytest.approx(9, abs=1)
    assert (first["recorded_at"][friday].dt.day_of_week == 4).mean() > 0.99


def test_what_is_recorded_is_mildly_biased(folder: Folder) -> None:
    def share(of: str, people: set[str]) -> float:
        known, happened = (
            frame[frame["person_id"].isin(people) & (frame["code"] == of)]
            for frame in (folder.entered, folder.happened)
        )
        return len(known) / len(happened)

    everybody = set(folder.stays["person_id"])
    group = folder.interpreter
    assert share("rdv//excuse", group) == pytest.approx(0.65, abs=0.05)
    assert share("rdv//excuse", everybody - group) > 0.97
    assert share("rdv//non_honore", group) > 1.15
    young = {p for p, team in folder.team.items() if team == "jeunes-18-25"}
    assert share("rdv//annule_service", young) == pytest.approx(0.80, abs=0.06)
    assert share("rdv//annule_service", everybody - young) > 0.97

    outcomes = folder.entered[folder.entered["code"] == "lien//interruption"]
    delay = (outcomes["recorded_at"] - outcomes["occurred_at"]).dt.days
    late = outcomes["person_id"].isin(group)
    usual = outcomes["person_id"].map(folder.team) != "chrs"
    assert delay[late & usual].median() - delay[~late & usual].median() == pytest.approx(25, abs=1)


def test_duplicates_corrections_and_withdrawn_rows_share_an_event_id(folder: Folder) -> None:
    events = folder.events
    by_id = events.groupby("event_id")
    deleted = by_id["code"].agg(lambda codes: (codes == "").any())
    changed = ~deleted & (by_id["occurred_at"].nunique() > 1)
    assert (by_id.size() <= 2).all()
    repeated = (~deleted & ~changed & (by_id.size() == 2)).sum()
    assert repeated / len(events) == pytest.approx(0.01, abs=0.002)
    assert (changed | deleted).sum() / len(events) == pytest.approx(0.02, abs=0.003)
    assert events.loc[events["code"] == "", "event_id"].notna().all()


@dataclass(frozen=True)
class Judged:
    """What the product's own model, list and audit make of a folder."""

    auc: float
    recall: Finding


def judged(folder: Path, scratch: Path) -> Judged:
    keys = create_keys(scratch)
    extract = read(folder, keys)
    engine = FrameEngine(extract.stays, events_of(extract))
    study = build_study(extract.protocol, engine, UNTIL)
    test = study.test.cohort
    bags = Logistic().bags(training_rows(study, seed=0), lambda _: None)
    scores = unseen(bag_scores(bags, study.test.values), study.test_fold)
    label = test["label"].to_numpy(float)
    listing = list_at_capacity(test, scores, study.protocol.capacity, b"k" * 32, "1", 0.0)
    needed = {keys.pseudonym(p) for p in Folder(folder).interpreter}
    predictions = test[["person", "as_of", "label"]].assign(
        selected=listing.selected,
        interprete=np.where(test["person"].isin(needed), "oui", "non"),
    )[listing.eligible]
    audit = audit_predictions(predictions, attributes=["interprete"], replicates=300)
    return Judged(
        auc_sample(label, scores, np.unique(test["household"], return_inverse=True)[1]).auc,
        next(f for f in audit.findings if f.metric == "recall"),
    )


def below(recall: Finding) -> float:
    """How far the group that needs an interpreter lies below everybody else."""
    estimates = {group.value: group.estimate for group in recall.groups}
    assert estimates["oui"] is not None
    assert estimates["non"] is not None
    return estimates["non"] - estimates["oui"]


@pytest.fixture(scope="module")
def gapped(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    path = tmp_path_factory.mktemp("gapped")
    simulate(path, persons=PERSONS, seed=5, gap=0.15, until=UNTIL)
    return Folder(path)


def test_the_product_finds_the_gap_that_the_truth_states(gapped: Folder, tmp_path: Path) -> None:
    truth = gapped.summary
    found = judged(gapped.path, tmp_path / "keys")
    assert 0.66 < found.auc < 0.74
    low, high = truth["realised_gap_interval"]
    assert low < truth["realised_gap"] < high < low + 0.25
    assert truth["realised_gap"] == pytest.approx(0.15, abs=0.02)
    # The same people, another list: far less apart than two draws of people would be.
    assert below(found.recall) == pytest.approx(truth["realised_gap"], abs=0.06)


def test_a_gap_hides_warning_events_of_the_group_and_nothing_else(
    folder: Folder, gapped: Folder
) -> None:
    pd.testing.assert_frame_equal(folder.truth, gapped.truth)
    assert folder.summary["hidden_shares"] == {}
    shares = gapped.summary["hidden_shares"]
    assert {"contact//visite", "contact//message", "rdv//non_honore"} <= set(shares)
    assert all(share >= 0.30 for share in shares.values())

    for in_group in (True, False):
        before, after = (
            f.entered.loc[f.entered["person_id"].isin(f.interpreter) == in_group, "code"]
            .value_counts()
            .astype(int)
            for f in (folder, gapped)
        )
        for code, number in before.items():
            hidden = shares.get(code, 0.0) if in_group else 0.0
            chance = 3 + (4 * np.sqrt(number) if hidden else 0.02 * number)
            assert after[code] == pytest.approx(number * (1 - hidden), abs=chance), code


def test_what_is_wrong_in_the_outcome_itself_no_audit_of_it_sees(tmp_path: Path) -> None:
    simulate(tmp_path / "in", persons=6000, seed=5, unrecorded_outcomes=0.4, until=UNTIL)
    truth = json.loads((tmp_path / "in" / "truth.json").read_text(encoding="utf-8"))
    known = {
        group: count["recorded"] / count["happened"]
        for group, count in truth["interruptions"].items()
    }
    assert known["interpreter"] == pytest.approx(0.6, abs=0.08)
    assert known["others"] > 0.95
    found = judged(tmp_path / "in", tmp_path / "keys")
    assert 0.66 < found.auc < 0.74
    assert all(group.assessed for group in found.recall.groups)
    assert found.recall.p_value is not None
    assert found.recall.p_value > 0.05
    assert below(found.recall) == pytest.approx(truth["realised_gap"], abs=0.06)


def test_a_gap_out_of_reach_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(GapOutOfReach):
        simulate(tmp_path / "in", persons=300, seed=1, gap=0.95, until=UNTIL)
    assert not (tmp_path / "in").exists()


def test_a_larger_service_has_more_places(tmp_path: Path) -> None:
    for persons, places in ((60, 100), (2600, 130)):
        simulate(tmp_path / str(persons), persons=persons, months=9, until=UNTIL)
        protocol = read_protocol(tmp_path / str(persons) / "protocol.toml")
        assert protocol.capacity.per_review == places


def test_blocks_are_the_same_whatever_works_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_BLOCK", 50)
    for name, workers in (("one", 1), ("four", 4)):
        monkeypatch.setattr(writing, "_WORKERS", workers)
        simulate(tmp_path / name, persons=220, months=14, seed=1, until=UNTIL)
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "four" / file.name).read_bytes(), file.name
    stays = Folder(tmp_path / "one").stays
    assert stays["person_id"].nunique() == 220
    assert (stays.groupby("referent")["team"].nunique() == 1).all()


def test_an_interrupted_simulation_leaves_what_was_there(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(text: str) -> None:
        if text.startswith("writing"):
            raise Stopped

    with pytest.raises(Stopped):
        simulate(tmp_path / "in", persons=60, months=12, until=UNTIL, progress=stop)
    assert not (tmp_path / "in").exists()
    simulate(tmp_path / "in", persons=60, months=12, seed=1, until=UNTIL)
    before = {p.name: p.read_bytes() for p in (tmp_path / "in").iterdir()}
    with pytest.raises(Stopped):
        simulate(tmp_path / "in", persons=60, months=12, seed=2, until=UNTIL, progress=stop)
    assert {p.name: p.read_bytes() for p in (tmp_path / "in").iterdir()} == before


def test_no_import_reads_the_truth(tmp_path: Path) -> None:
    simulate(tmp_path / "in", persons=60, months=12, seed=1, until=UNTIL)
    keys = create_keys(tmp_path / "keys")
    before = read(tmp_path / "in", keys)
    for file in ("truth.json", "truth.parquet"):
        (tmp_path / "in" / file).write_bytes(b"nothing that could be read")
    after = read(tmp_path / "in", keys)
    pd.testing.assert_frame_equal(events_of(before), events_of(after))
    pd.testing.assert_frame_equal(before.stays, after.stays)


def test_few_people_are_possible_nobody_is_not(tmp_path: Path) -> None:
    assert simulate(tmp_path, persons=1, months=8, until=UNTIL).gap is None
    with pytest.raises(NothingToSimulate):
        simulate(tmp_path, persons=0, until=UNTIL)


def test_nothing_else_is_ever_written_over(tmp_path: Path) -> None:
    (tmp_path / "persons.csv").write_text("mine")
    with pytest.raises(FolderHoldsOther, match="empty or a new folder"):
        simulate(tmp_path, persons=60, months=12, seed=1, until=date(2026, 11, 23))
    assert (tmp_path / "persons.csv").read_text() == "mine"
