"""The committee's pages, models and audits as read, the journal, and the words of it all."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import replace
from datetime import date, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

import features
from api.gate import MEASURES, OtherVersion, load_table
from api.imports import import_folder
from api.measured import Measured
from api.timeline import NARROW, WIDE, draw_timeline
from api.web.acts import generic_outcome, outcome_of
from api.web.calibration import calibration_picture, estimates
from api.web.rendering import EMERGENCY, ROOM, person_label
from api.web.tables import feature_views
from api.web.worth import worth_of
from features.catalogue import catalogue
from features.facts import describe, known_event
from features.words import AVOIDED_ENGLISH
from modeles.table import write_table
from revue import committee
from revue.records import SignalView, SituationKind
from revue.vault import Identity, store_identities
from tests.api.web_home import CLI, NOW, VERSION, House, build, history, model_table, plain, signal
from tests.features.avoided import assert_plain

AVOIDED = (
    r"dossiers? à risque", r"profils? à risque", r"individus?", r"scores?", r"alertes?",
    r"suspect\w*", r"fichée?s?", r"prises? en charge", r"problèmes?", r"perdue?s? de vue",
    r"absentéistes?", r"ne collabore pas", r"non compliante?s?", r"refuse", r"dans le déni",
    r"incasables?", r"cas lourds?", r"SDF", r"toxicomanes?", r"assistée?s?", r"handicapée?s?",
    r"risque confirmé", r"faux positifs?", r"vrais? positifs?", r"décrochages?", r"échecs?",
    r"abandons?", r"risques?", r"cas(?! de danger)",
)  # fmt: skip
"""The left column of the avoid-list, as words about people."""


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> House:
    return build(tmp_path_factory.mktemp("oversight") / "home", approved=False)


@pytest.fixture
def house(template, tmp_path) -> House:
    return template.copy(tmp_path)


def vote(client, act: str, **fields):
    token = client.headers["X-CSRF-Token"]
    return client.post(f"/committee/{VERSION}/{act}", data={"csrf": token, **fields})


def test_two_members_approve_and_one_stops(house):
    anne, paul = house.client("anne"), house.client("paul")
    assert vote(anne, "approve", reason="lu", waive="yes").status_code == 303
    again = vote(anne, "approve", reason="lu encore", waive="yes")
    assert again.status_code == 409
    assert "autre membre" in again.text
    assert vote(paul, "approve", reason="lu aussi", waive="yes").status_code == 303
    assert anne.get("/api/v1/models").json()["models"][0]["state"] == "approved"
    body = {"reason": "un doute"}
    stopped = paul.post(f"/api/v1/models/{VERSION}/suspend", json=body)
    assert stopped.json() == {"state": "suspended"}
    assert vote(anne, "resume", reason="doute levé").status_code == 303
    page = anne.get("/committee").text
    assert "lu aussi" in page
    assert "doute levé" in page


def test_a_model_is_audited_before_it_can_be_approved(house):
    with house.home.transaction() as session:
        committee.register_model(
            session,
            version="2",
            family="logistic",
            table_hash="4" * 64,
            protocol_hash="0" * 64,
            data_hash="1" * 64,
            chosen=False,
            by=CLI,
            now=NOW,
        )
    page = house.client("anne").get("/committee").text.replace("&#39;", "'")
    other = page.split('id="2"', 1)[1].split("</section>", 1)[0]
    assert "À auditer d'abord : <code>rebond audit 2</code>" in other
    assert re.findall(r'formaction="/committee/2/(\w+)"', other) == ["reject"]
    assert "button main" not in other
    audited = page.split(f'id="{VERSION}"', 1)[1].split("</section>", 1)[0]
    assert re.findall(r'formaction="[^"]*/(\w+)"', audited) == ["approve", "reject"]
    assert "À auditer d'abord" not in audited


@pytest.mark.parametrize("path", ["/models", f"/models/{VERSION}", "/audits"])
def test_families_are_named_in_french(house, path):
    page = house.client("anne").get(path).text
    assert "modèle additif" in page
    assert "additive" not in page


def test_a_refused_vote_says_why_and_keeps_the_reason(house):
    anne = house.client("anne")
    without = vote(anne, "approve", reason="lu en entier")
    assert without.status_code == 422
    assert f'href="#waive-{VERSION}"' in without.text
    assert "lu en entier</textarea>" in without.text
    silent = vote(anne, "reject", reason=" ")
    assert silent.status_code == 422
    assert f'href="#reason-{VERSION}"' in silent.text
    assert vote(anne, "promote", reason="x").status_code == 422
    asked = {"reason": "x"}
    assert anne.post("/api/v1/models/rien/approve", json=asked).status_code == 404
    with house.home.transaction() as session:
        assert committee.model(session, VERSION, today=NOW.date()).votes == ()


@pytest.mark.safeguard
def test_s11_pages_say_until_when_a_waiver_holds_and_that_it_ended(house):
    """Voted on 21 November 2026 for 180 days; one member asks for 30 by program."""
    anne, paul = house.client("anne"), house.client("paul")
    assert "je l'accepte jusqu'au 20 mai 2027" in unescape(anne.get("/committee").text)
    assert vote(anne, "approve", reason="lu", waive="yes").status_code == 303
    asked = {"reason": "lu aussi", "waive": True, "waive_days": 30}
    refused = paul.post(f"/api/v1/models/{VERSION}/approve", json=asked | {"waive_days": 181})
    assert refused.status_code == 422
    assert paul.post(f"/api/v1/models/{VERSION}/approve", json=asked).status_code == 200
    (said,) = anne.get("/api/v1/models").json()["models"]
    assert (said["state"], said["waived_until"]) == ("approved", "2026-12-21")
    assert [v["waived_until"] for v in said["votes"]] == ["2027-05-20", "2026-12-21"]
    for page in ("/committee", f"/models/{VERSION}"):
        holds = unescape(anne.get(page).text)
        assert "est accepté jusqu'au 21 décembre 2026 ;" in holds
        assert "a pris fin" not in holds
    anne = house.on(date(2026, 12, 21)).client("anne")
    assert "a pris fin" not in unescape(anne.get("/committee").text)

    later = house.on(date(2026, 12, 22))
    anne, paul = later.client("anne"), later.client("paul")
    (said,) = anne.get("/api/v1/models").json()["models"]
    assert (said["state"], said["waiver_ended"]) == ("proposed", True)
    for page in ("/committee", f"/models/{VERSION}"):
        ended = unescape(anne.get(page).text)
        assert "a pris fin le 21 décembre 2026." in ended
    page = anne.get("/committee").text
    assert "Approuver" in page
    assert "Suspendre" in page  # its signals are still out
    assert vote(anne, "approve", reason="relu", waive="yes").status_code == 303
    assert "une approbation sur deux" in anne.get("/committee").text
    assert vote(paul, "approve", reason="relu", waive="yes").status_code == 303
    page = unescape(anne.get("/committee").text)
    assert "est accepté jusqu'au 20 juin 2027 ;" in page
    assert "une acceptation a pris fin" in later.client("dina").get("/journal").text


def test_a_model_is_read_whole(house):
    page = house.client("sonia").get(f"/models/{VERSION}").text.replace("&#39;", "'")
    for feature in model_table().features:
        assert feature.title in page
        assert feature.reason in page
    assert "+0,66" in page
    assert "plus de 45 jours" in page
    assert page.count('class="shape"') == 2
    table = house.client("sonia").get(f"/api/v1/models/{VERSION}/table").json()
    assert table["version"] == VERSION


def test_light_lines_are_one_table_and_all_printed(house):
    table = model_table()
    light = replace(
        table.features[1],
        name="rdv_honore_90",
        title="Rendez-vous honorés en 90 jours",
        points=(-0.03, 0.0699),
        missing=0.01,
    )
    views = feature_views(replace(table, features=(light, *table.features)))
    assert [(view.title, view.light) for view in views] == [
        (table.features[0].title, False),
        (table.features[1].title, False),
        (light.title, True),
    ]
    heavy_without_value = replace(light, missing=0.08)
    assert not feature_views(replace(table, features=(heavy_without_value,)))[0].light

    flat = replace(light, name="flat", title="Messages", points=(-0.001, 0.001), missing=0.0)
    changed = replace(table, features=(light, flat, *table.features))
    write_table(changed, house.home.model_folder(VERSION) / "table.json", house.home.keys.sign)
    page = house.client("sonia").get(f"/models/{VERSION}").text.replace("&#39;", "'")
    assert "4 lignes, celles qui pèsent" in page
    assert page.count('class="shape"') == 2
    lines = page.split("Lignes légères", 1)[1]
    assert light.title in lines
    for bin in views[2].bins:
        assert f"{bin.where} <b>{bin.points}</b>" in lines
    assert "sans valeur" in lines
    assert "partout <b>+0,00</b>" in lines.split(flat.title, 1)[1]


def test_every_bin_of_a_table_is_shown():
    for view, feature in zip(feature_views(model_table()), model_table().features, strict=True):
        assert len(view.bins) == len(feature.points) + 1
        ElementTree.fromstring(view.picture)  # noqa: S314 - drawn by us


def measured(**own) -> list[dict]:
    """Measures as a training writes them: a model, two rules and the yardstick."""
    dates = [
        {"as_of": "2026-05-04", "listed": 90, "labelled": 86, "eligible_positives": 40,
         "precision": 0.17, "recall": 0.36},
        {"as_of": "2026-06-01", "listed": 90, "labelled": 4, "eligible_positives": 3,
         "precision": 0.5, "recall": 0.66},
    ]  # fmt: skip
    splits = [
        {"origin": "2026-02-01", "auc": 0.7, "precision": 0.2, "recall": 0.24},
        {"origin": "2026-05-04", "auc": 0.7, "precision": 0.2, "recall": None},
    ]
    line = {
        "version": None, "auc": 0.66, "precision_at_capacity": 0.12, "recall_at_capacity": 0.27,
        "dates": dates, "splits": [], "worst_split": None, "tie_spread": 0.0, "overlap": 0.8,
        "bag_agreement": None, "gap_to_yardstick": 0.1, "labelled_share": 0.97,
        "first_time_share": 0.8,
    }  # fmt: skip
    model = line | {
        "family": "additive", "version": VERSION, "auc": 0.71, "precision_at_capacity": 0.163,
        "recall_at_capacity": 0.36, "splits": splits, "worst_split": "2026-02-01",
        "tie_spread": 0.034, "overlap": 0.21, "bag_agreement": 0.93, "gap_to_yardstick": 0.012,
    }  # fmt: skip
    rule = line | {"family": "first_come", "recall_at_capacity": 0.15}
    best = line | {"family": "longest_without:échanges"}
    box = line | {"family": "black_box", "auc": 0.722, "recall_at_capacity": 0.37}
    return [model | own, rule, best, box]


def write_measures(house: House, **own) -> None:
    path = house.home.model_folder(VERSION) / MEASURES
    path.write_text(json.dumps(measured(**own)), encoding="utf-8")


def model_page(house: House) -> str:
    answer = house.client("sonia").get(f"/models/{VERSION}")
    assert answer.status_code == 200
    return unescape(answer.text)


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", page))


def test_what_a_model_is_worth_is_counted_in_situations(house):
    assert "Ce qu'il vaut" not in model_page(house)
    write_measures(house)
    page = text_of(model_page(house))
    for said in (
        "Mesuré sur 2 dates de revue",
        "Sur 100 situations listées, environ 16 ont connu l'événement.",
        "Sur 100 situations qui ont connu l'événement, environ 36 étaient sur la liste.",
        "règle : plus long temps sans échanges 12 sur 100 27 sur 100 66 sur 100",
        "boîte noire (jamais promue) 12 sur 100 37 sur 100 72 sur 100",
        "à partir du 1er février 2026, sur 100 situations qui ont connu l'événement, environ 24",
        "range bien 1 paire de plus sur 100",
        "la différence est de 3 situations sur 100 listées",
        "Sur 100 places, environ 21 reviendraient aux mêmes personnes",
        "environ 93 restent les mêmes",
        "pour environ 97 situations listées sur 100",
        "4 mai 2026908617 sur 10036 sur 100",
        "1er juin 2026904non mesurablenon mesurable",
    ):
        assert said in page, said
    assert "règle : accompagnement le plus ancien" not in page


def test_what_could_not_be_measured_is_not_made_up(house):
    nothing = (
        "auc", "precision_at_capacity", "recall_at_capacity", "tie_spread", "overlap",
        "bag_agreement", "gap_to_yardstick", "labelled_share", "first_time_share", "worst_split",
    )  # fmt: skip
    write_measures(house, **dict.fromkeys(nothing), dates=[], splits=[])
    page = text_of(model_page(house))
    assert "ce modèle non mesurable non mesurable non mesurable" in page
    assert "None" not in page
    assert "Au moins bon moment" not in page


def test_every_remark_on_a_model_is_a_plain_sentence():
    lines = measured()
    told = worth_of(Measured(lines[0], lines[2], lines[3]), 8)
    assert len(told.remarks) == 7
    for remark in told.remarks:
        assert_plain(remark.sentence)


@pytest.mark.safeguard
@pytest.mark.parametrize(("precision", "shown"), [(0.1, None), (0.5, 50), (0.9, None)])
def test_s21_a_share_beside_the_number_it_is_of_counts_no_few(precision, shown):
    """Of 40 whose outcome is known a tenth are 4 persons, and nine tenths leave 4."""
    lines = measured()
    (one, *_) = lines[0]["dates"]
    own = lines[0] | {"dates": [one | {"labelled": 40, "precision": precision}]}
    (told,) = worth_of(Measured(own, lines[2], lines[3]), 8).dates
    assert (told.known, told.useful.per_100) == (40, shown)


def scorecard_table():
    table = model_table()
    few = replace(
        table.features[0],
        title="échanges : jours depuis le dernier fait",
        edges=(18.0,),
        points=(-0.2, 0.6),
        missing=0.6,
        persons=(400, 300, 40),
    )
    other = replace(few, title="démarches : nombre", unit="faits", points=(0.4, 0.0), missing=0.0)
    return replace(table, family="scorecard", point=0.2, features=(other, few), cut=-1.8)


def test_a_scorecard_is_a_sheet_to_fill_in(house):
    path = house.home.model_folder(VERSION) / "table.json"
    write_table(scorecard_table(), path, house.home.keys.sign)
    page = text_of(model_page(house))
    assert "La grille, à remplir au crayon" in page
    longest = "échanges : jours depuis le dernier faitplus de 18 jours ou sans valeur4 points"
    assert longest in page
    assert page.index(longest) < page.index("démarches : nombrejusqu'à 18 faits2 points")
    assert "À partir de 4 points, une situation a d'ordinaire une place sur la liste." in page
    assert "015 sur 10015 et 23" in page
    assert "« plus de 18 jours » ou « sans valeur » : 4 points ; sinon, aucun." in page
    assert "+0,60" not in page


ENGLISH = {"Accept-Language": "en"}
FRENCH = re.compile(
    r"[àâçéèêëîïôùûœ]|\b(le|la|les|un|une|des|du|est|sont|pas|qui|dans|pour|sur|avec|ou|et)\b",
    re.IGNORECASE,
)
SHIPPED = Path(str(features.__file__)).parent / "protocols" / "accompagnement.toml"


class Spoken(HTMLParser):
    """What a page says in its own language: neither what is marked as another one, nor code."""

    def __init__(self) -> None:
        super().__init__()
        self.silent: list[bool] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in {"br", "input", "link", "meta"}:
            silent = tag in {"code", "textarea"} or given.get("lang", "en") != "en"
            self.silent.append(silent)
        self.texts += [given[name] for name in ("aria-label", "data-label") if name in given]

    def handle_endtag(self, tag):
        self.silent.pop()

    def handle_data(self, data):
        if not any(self.silent):
            self.texts.append(data)


def english_text(client, path: str) -> str:
    answer = client.get(path, headers=ENGLISH)
    assert answer.status_code == 200
    assert '<html lang="en">' in answer.text
    page = Spoken()
    page.feed(answer.text)
    # A rule is named by a group of the protocol, which is cited.
    return re.sub(r"«[^»]*»", "", re.sub(r"\s+", " ", " ".join(page.texts)))


def read_in_english(house: House) -> House:
    """Import data, and register a model of its protocol with a measure of every kind."""
    folder = house.home.folder.parent / "extract"
    folder.mkdir()
    (folder / "persons.csv").write_text(
        "person_id,entered_on,left_on,team,referent,informed_on\n"
        "P1,2026-03-02,,insertion,claire,2026-03-02\n",
        encoding="utf-8",
    )
    (folder / "events.csv").write_text(
        "person_id,occurred_at,code\nP1,2026-11-14,rdv//honore\n", encoding="utf-8"
    )
    import_folder(house.home, folder, protocol=SHIPPED, by=CLI, progress=str)
    protocol = house.home.store.protocol()
    table = model_table()
    lines = [
        replace(table.features[0], name=f.name, title=f.title, wording=f.wording, unit=f.unit)
        for f in catalogue(protocol)
    ]
    lines[1] = replace(lines[1], points=(-0.03, 0.01, 0.02, 0.03), missing=0.0)
    lines[2] = replace(lines[2], points=(0.1,) * 4, missing=-0.4)
    hashes = table.hashes | {"protocol": protocol.hash}
    write_table(
        replace(table, features=tuple(lines), hashes=hashes),
        house.home.model_folder(VERSION) / "table.json",
        house.home.keys.sign,
    )
    write_measures(house)
    return house


def test_the_oversight_pages_are_read_in_english(house):
    vote(house.client("anne"), "approve", reason="read", waive="yes")
    anne = read_in_english(house).client("anne")
    wording = {"group": "contacts sans réponse", "text": "appel sans suite", "reason": "clearer"}
    anne.post("/committee/wordings", data={"csrf": anne.headers["X-CSRF-Token"], **wording})
    said = {
        "/committee": "approves, on 21 November 2026 at 10:00: “read”",
        "/models": "Every model is a table that a person can read from end to end.",
        f"/models/{VERSION}": "Of 100 situations listed, about 16 had the outcome.",
        "/audits": "does it help every group of people equally well?",
        f"/audits/{VERSION}": "Measured on 2,030 persons, of whom 160 had the outcome observed,",
        "/journal": "lines checked.",
        "/committee/wordings": "You proposed it: another member confirms it.",
    }
    for path, sentence in said.items():
        text = english_text(anne, path)
        assert sentence in text, text
        assert not FRENCH.search(text), (path, FRENCH.search(text))
        assert not AVOIDED_ENGLISH.search(text), (path, AVOIDED_ENGLISH.search(text))
    audit = anne.get(f"/audits/{VERSION}", headers=ENGLISH).text
    assert f'<a class="button main" href="/audits/{VERSION}/report?lang=en">' in audit


def test_the_lines_of_a_model_are_called_in_english_where_its_protocol_is_known(house):
    sonia = read_in_english(house).client("sonia")
    page = english_text(sonia, f"/models/{VERSION}")
    kept = next(f for f in catalogue(house.home.store.protocol()) if f.wording_en)
    assert f"{kept.title_in('en')} The estimate rises most for" in page
    table = load_table(house.home, VERSION)
    other = replace(table, hashes=table.hashes | {"protocol": "0" * 64})
    write_table(other, house.home.model_folder(VERSION) / "table.json", house.home.keys.sign)
    assert f'<h3 lang="fr">{kept.title}</h3>' in unescape(
        sonia.get(f"/models/{VERSION}", headers=ENGLISH).text
    )


def test_a_scorecard_is_filled_in_in_english(house):
    path = house.home.model_folder(VERSION) / "table.json"
    write_table(scorecard_table(), path, house.home.keys.sign)
    page = english_text(house.client("sonia"), f"/models/{VERSION}")
    for said in (
        "more than 18 days or without a value 4 points",
        "From 4 points on, a situation usually has a place on the list.",
        "“more than 18 days” or “without a value”: 4 points; otherwise, none.",
        "total of the points",
    ):
        assert said in page


def test_the_estimate_is_drawn_with_its_band_and_where_it_is_uncertain():
    table = model_table()
    svg = ElementTree.fromstring(calibration_picture(table))  # noqa: S314 - drawn by us
    kinds = [line.get("class") for line in svg.iter("polyline")]
    assert kinds == ["line", "line unsure"]
    for shape in svg.iter():
        for place in (shape.get("points") or "").split():
            x, y = map(float, place.split(","))
            assert 0 <= x <= 340
            assert 0 <= y <= 240
    assert len(svg.findall("polygon")) == 1
    assert [t.text for t in svg.iter("text")][-1] == "places"
    assert [e.uncertain for e in estimates(table)] == [False, True]
    level = replace(table.calibration, venn_abers=table.calibration.venn_abers[:1])
    ElementTree.fromstring(calibration_picture(replace(table, calibration=level)))  # noqa: S314


def test_many_lines_have_an_index_and_the_later_ones_are_folded(house):
    table = model_table()
    many = tuple(
        replace(f, name=f"{f.name}.{n}", title=f"{f.title} {n}")
        for n in range(8)
        for f in table.features
    )
    path = house.home.model_folder(VERSION) / "table.json"
    write_table(replace(table, features=many), path, house.home.keys.sign)
    page = model_page(house)
    assert "Lire les 4 lignes suivantes" in page
    assert 'href="#ligne-1">échange</a> <span class="quiet">8 lignes</span>' in page
    anchors = re.findall(r'id="(ligne-\d+)"', page)
    assert len(anchors) == len(set(anchors)) == 16


def test_no_word_to_avoid_is_on_a_models_page(house):
    write_measures(house)
    write_table(
        scorecard_table(),
        house.home.model_folder(VERSION) / "table.json",
        house.home.keys.sign,
    )
    page = text_of(model_page(house))
    for word in AVOIDED:
        assert re.search(rf"(?i)(?<![\w-]){word}(?![\w-])", page) is None, word


def test_a_line_that_counts_only_without_a_value_says_so():
    table = model_table()
    level = replace(table.features[0], points=(0.1,) * 4, missing=-0.4)
    (view,) = feature_views(replace(table, features=(level,)))
    assert plain(view.sentence) == "Toute valeur compte autant (+0,10). Sans valeur : −0,40."
    svg = ElementTree.fromstring(view.picture)  # noqa: S314 - drawn by us
    assert svg.find("circle") is not None


def test_a_changed_table_is_not_shown(house):
    path = house.home.model_folder(VERSION) / "table.json"
    path.write_text(path.read_text(encoding="utf-8").replace("0.66", "0.06"), encoding="utf-8")
    answer = house.client("sonia").get(f"/models/{VERSION}")
    assert answer.status_code == 409
    assert "+0,06" not in answer.text


def test_an_audit_is_shown_in_short_and_whole(house):
    dina = house.client("dina")
    page = dina.get(f"/audits/{VERSION}").text.replace("&#39;", "'")
    assert "ne peut pas être évalué" in page
    assert "41 %" in page
    assert "environ 910 personnes" in page
    assert "non montré" in page
    assert "2 030 personnes, dont 160 ont connu l'issue observée" in page
    assert "à 13 dates de revue" in page
    assert "Plus grand écart : 6 points ; compte tenu du hasard, de 0 à 24." in page
    assert 'inconnu <span class="quiet">(non comparé)</span>' in page
    for measure in ("Paires bien rangées", "Écart à l'estimation"):
        assert measure in page.replace("\u2019", "'")
    report = dina.get(f"/audits/{VERSION}/report")
    assert "Rapport entier." in report.text
    assert "style-src 'unsafe-inline'" in report.headers["content-security-policy"]
    assert "script-src 'none'" in report.headers["content-security-policy"]


def test_an_audit_report_is_given_in_both_languages_and_to_print(house):
    dina = house.client("dina")
    page = dina.get(f"/audits/{VERSION}").text
    for path, kind, content in (
        (f"/audits/{VERSION}/report", "text/html", b"Rapport entier."),
        (f"/audits/{VERSION}/report?lang=en", "text/html", b"The whole report."),
        (f"/audits/{VERSION}/report.pdf", "application/pdf", b"%PDF-1.7 audit.pdf"),
        (f"/audits/{VERSION}/report.pdf?lang=en", "application/pdf", b"%PDF-1.7 audit.en.pdf"),
    ):
        assert f'href="{path}"' in page
        answer = dina.get(path)
        assert answer.headers["content-type"].startswith(kind)
        assert content in answer.content
    assert dina.get(f"/audits/{VERSION}/report?lang=de").status_code == 422


@pytest.mark.parametrize(
    ("outcome", "days", "words", "horizon"),
    [
        ("interruption de l'accompagnement", 90, "une interruption", "3 mois"),
        ("sortie du cours", 45, "l'événement suivi (sortie du cours)", "45 jours"),
    ],
)
def test_a_signal_names_what_its_model_looks_ahead_to(house, outcome, days, words, horizon):
    table = replace(model_table(), outcome=outcome, horizon_days=days)
    write_table(table, house.home.model_folder(VERSION) / "table.json", house.home.keys.sign)
    view = SignalView("id", SituationKind.SIGNAL, signal())
    told = outcome_of(house.home, view)
    assert (told.words, plain(told.horizon)) == (words, horizon)
    (house.home.model_folder(VERSION) / "table.json").unlink()
    assert outcome_of(house.home, view) == generic_outcome("fr")


@pytest.mark.parametrize("version", ["..", "%2e%2e", "rien"])
def test_only_registered_versions_open_files(house, version):
    for path in (
        f"/models/{version}",
        f"/audits/{version}/report",
        f"/audits/{version}/report.pdf",
        f"/api/v1/audits/{version}",
    ):
        assert house.client("dina").get(path).status_code in (303, 404)


def test_the_journal_is_verified_and_read(house):
    dina = house.client("dina")
    page = dina.get("/journal").text
    assert "Le journal est entier" in page
    assert "enregistre un modèle" in page
    with house.home.transaction() as session:
        store_identities(session, house.home.person_keys, [Identity("p", "P9")], by=CLI, now=NOW)
    page = dina.get("/journal").text
    assert "coffre des identités" in page
    assert "<code>vault" not in page
    assert "<code>directory" not in page
    program = dina.get("/api/v1/journal").json()
    assert program["ok"] is True
    assert program["size"] >= len(program["entries"]) > 0


def test_the_json_api_is_described(house):
    schema = house.client().get("/openapi.json").json()
    assert all(path.startswith("/api/v1/") for path in schema["paths"])
    view = schema["paths"]["/api/v1/situations/{situation_id}/view"]["post"]
    assert {"200", "401", "403", "404", "409", "422"} <= set(view["responses"])
    assert "score" not in str(schema).lower()


@pytest.mark.safeguard
def test_s24_no_page_counts_what_an_educator_does(house):
    for login, paths in {
        "remy": ("/",),
        "dina": ("/models", "/audits", "/journal"),
        "claire": ("/queue", "/people"),
    }.items():
        client = house.client(login)
        for path in paths:
            assert "minutes par" not in client.get(path).text
            assert "taux" not in client.get(path).text


def test_words_to_avoid_are_in_no_template_and_no_sentence_of_ours():
    sources = [*(ROOM / "templates").glob("*.html"), *(ROOM / "web").glob("*.py")]
    text_of = {path.name: _read(path.read_text(encoding="utf-8"), path.suffix) for path in sources}
    for name, text in text_of.items():
        for word in AVOIDED:
            found = re.search(rf"(?i)(?<![\w-]){word}(?![\w-])", text)
            assert found is None, (name, found)


def _read(source: str, suffix: str) -> str:
    """Leave what people read: no tags or expressions, of Python only French sentences."""
    if suffix == ".py":
        strings = re.findall(r'"([^"\n]*)"', re.sub(r'"""[\s\S]*?"""', "", source))
        return "\n".join(text for text in strings if re.search(r"[éèêàùçÉ]|\b(le|la|ce)\b", text))
    return re.sub(r"<[^>]*>|\{%[\s\S]*?%\}|\{\{[\s\S]*?\}\}|\{#[\s\S]*?#\}", " ", source)


def test_foot_and_demonstration_stand_on_every_page(house):
    anne = house.client("anne")
    for path in ("/committee", "/models", "/nulle-part"):
        page = anne.get(path).text
        assert "Personne ne surveille cette file en continu." in page
        assert "Démonstration : histoires simulées, comptes de démonstration" in page
        assert page.count("<h1") == 1
        assert 'href="#contenu"' in page


def test_emergency_numbers_are_all_there():
    numbers = [call.number for call in EMERGENCY]
    assert numbers == ["15", "17", "18", "112", "114", "115", "119", "3919", "3114", "3977"]


def test_a_pseudonym_is_shown_short():
    assert person_label("7f3a21c09be41122") == "Personne 7F3A-21"


@pytest.mark.parametrize("layout", [WIDE, NARROW])
@pytest.mark.parametrize("seed", range(3))
def test_every_event_of_the_year_is_a_dot_inside_the_picture(layout, seed):
    facts = history(seed)
    svg = ElementTree.fromstring(draw_timeline(facts, layout))  # noqa: S314 - drawn by us
    dots = [e for e in svg.iter() if e.tag == "circle"]
    within = [e for e in facts.events if e.occurred_on >= facts.as_of - timedelta(days=365)]
    assert len(dots) == len(within)
    assert all(layout.names <= float(dot.get("cx")) <= layout.width for dot in dots)
    assert all(dot.find("title") is not None for dot in dots)
    services = [dot for dot in dots if "service" in dot.get("class")]
    assert len(services) == sum(
        e.code.startswith(("service", "rdv//annule_service")) for e in within
    )


def test_a_history_without_events_is_still_drawn():
    facts = describe(date(2026, 11, 16), date(2026, 11, 10), [])
    assert "Aucun fait enregistré" in draw_timeline(facts)


def test_labels_are_escaped():
    event = known_event(date(2026, 11, 1), date(2026, 11, 1), "x//<script>")
    svg = draw_timeline(describe(date(2026, 11, 16), date(2026, 10, 1), [event]))
    assert "<script>" not in svg


@pytest.mark.safeguard
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("audit.html", "/audits/{}/report"),
        ("audit.pdf", "/audits/{}/report.pdf"),
        ("audit.en.html", "/audits/{}/report?lang=en"),
        ("audit.en.pdf", "/audits/{}/report.pdf?lang=en"),
        ("audit.pdf", "/audits/{}/report"),
        ("audit.json", "/audits/{}"),
        ("audit.json", "/api/v1/audits/{}"),
    ],
)
def test_s11_an_audit_changed_on_disk_is_not_shown(house, name, path):
    file = house.home.report_folder(VERSION) / name
    file.write_text(file.read_text(encoding="utf-8").replace("cannot_assess", "pass") + " ")
    assert house.client("anne").get(path.format(VERSION)).status_code == 409


@pytest.mark.safeguard
def test_s31_another_versions_table_is_not_read_in_its_place(house):
    other = house.home.model_folder("8")
    other.mkdir()
    (other / "table.json").write_bytes(
        (house.home.model_folder(VERSION) / "table.json").read_bytes()
    )
    with pytest.raises(OtherVersion, match="8"):
        load_table(house.home, "8")


@pytest.mark.safeguard
@pytest.mark.parametrize("path", ["/journal", "/api/v1/journal"])
def test_s22_the_page_of_a_changed_journal_says_so(house, path):
    with sqlite3.connect(house.home.database) as database:
        database.execute("DROP TRIGGER journal_entries_unchanged")
        database.execute("UPDATE journal_entries SET at = 'hier' WHERE act = 'record_audit'")
    database.close()
    shown = house.client("dina").get(path)
    assert shown.status_code == 200
    assert "n'est pas entier" in shown.text.replace("&#39;", "'") or not shown.json()["ok"]
