"""The report: complete, the same bytes each time, one file, and in our words."""

from __future__ import annotations

import json
import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from audits.engine import METRICS, audit_predictions
from audits.records import AuditResult, TieBreak, Verdict
from audits.report import (
    AuditContext,
    CandidateLine,
    FeatureLines,
    MeasureLine,
    around,
    as_html,
    decimal,
    percent,
    points,
    write_report,
)
from tests.audits.tables import histories, people

DAY = date(2026, 3, 1)
FULL = AuditContext(
    subject="modèle 3",
    protocol="accompagnement",
    outcome="interruption de l'accompagnement",
    data_hash="sha256:" + "a" * 64,
    model_hash="sha256:" + "b" * 64,
    protocol_hash="sha256:" + "c" * 64,
    capacity=(MeasureLine("Part repérée", "33 %", "à la capacité des équipes"),),
    candidates=(CandidateLine("points entiers", chosen=True, promotable=True, auc=0.7),),
    features=(FeatureLines("rendez-vous <non honorés>", (("0", -0.4), ("1 et plus", 0.6))),),
    limits=("Une limite propre à ce modèle.",),
)


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return audit_predictions(
        histories(600, 4, rng=np.random.default_rng(0)),
        attributes=["genre", "interprete"],
        intersections=[["genre", "interprete"]],
        replicates=100,
        tie_break=TieBreak(k=100, tied=3, places=1, unscored=2, seed=0),
    )


def test_the_same_input_gives_the_same_bytes(result: AuditResult, tmp_path: Path) -> None:
    again = audit_predictions(
        histories(600, 4, rng=np.random.default_rng(0)),
        attributes=["genre", "interprete"],
        intersections=[["genre", "interprete"]],
        replicates=100,
        tie_break=result.tie_break,
    )
    one = write_report(result, FULL, tmp_path / "one", written_on=DAY)
    two = write_report(again, FULL, tmp_path / "two", written_on=DAY)
    assert set(one) == {"json", "html"}
    for kind, path in one.items():
        assert path.read_bytes() == two[kind].read_bytes()


def test_the_json_holds_what_the_contract_names(result: AuditResult, tmp_path: Path) -> None:
    path = write_report(result, FULL, tmp_path, written_on=DAY)["json"]
    plain = json.loads(path.read_text(encoding="utf-8"))
    assert plain["verdict"] in set(Verdict)
    assert [finding["metric"] for finding in plain["findings"]] == [*METRICS] * 3
    for finding in plain["findings"]:
        wanted = {"attribute", "metric", "groups", "gap", "gap_low", "gap_high", "p_value"}
        assert wanted | {"verdict"} <= set(finding)
        for group in finding["groups"]:
            assert {"value", "n", "positives", "estimate", "low", "high", "suppressed"} <= set(
                group
            )
    assert plain["context"]["model_hash"] == FULL.model_hash


class Page(HTMLParser):
    """Collects tags, attributes and text outside the style block."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] != "style":
            self.text.append(data)


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    return page


@pytest.mark.parametrize("context", [FULL, AuditContext("fichier.csv")])
def test_the_page_stands_alone_and_can_be_read_aloud(
    result: AuditResult, context: AuditContext
) -> None:
    html = as_html(result, context, written_on=DAY)
    page = read(html)
    names = {name for name, _ in page.attributes}
    assert not names & {"src", "href", "style", "onclick"}
    assert not {"script", "link", "img"} & set(page.tags)
    assert "url(" not in html
    assert ("lang", "fr") in page.attributes
    assert page.tags.count("table") == page.tags.count("caption")
    assert page.tags.count("svg") == page.tags.count("figure") == 3
    assert page.tags.count("h1") == page.tags.count("main") == 1
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value for name, value in page.attributes if name == "aria-labelledby"} <= set(ids)
    assert "1er mars 2026" in html


def test_the_page_uses_our_words(result: AuditResult) -> None:
    text = " ".join(read(as_html(result, FULL, written_on=DAY)).text).lower()
    avoided = r"\brisque|\balerte|\bscore|\bcas\b|faux positif|vrai positif|décrochage|suspect"
    assert not re.findall(avoided, text)


def test_what_comes_from_a_file_is_escaped(result: AuditResult) -> None:
    html = as_html(result, FULL, written_on=DAY)
    assert "<non honorés>" not in html
    assert "&lt;non honorés&gt;" in html


@pytest.mark.parametrize(
    ("positives", "recalls", "verdict", "words"),
    [
        ([300, 300], [0.7, 0.3], Verdict.FAIL, "Non\u00a0:"),
        ([1500, 1500], [0.5, 0.5], Verdict.PASS, "Oui\u00a0:"),
        ([100, 5], [0.5, 0.5], Verdict.CANNOT_ASSESS, "On ne peut pas conclure\u00a0:"),
    ],
)
def test_each_answer_is_said_in_words(
    positives: list[int], recalls: list[float], verdict: Verdict, words: str
) -> None:
    table = people(positives, recalls, rng=np.random.default_rng(0))
    result = audit_predictions(table, attributes=["groupe"], replicates=200)
    assert result.verdict is verdict
    html = as_html(result, AuditContext("fichier.csv"), written_on=DAY)
    assert f'<p class="answer">{words}' in html
    assert ("Ce qui n'a pas pu être évalué" in html) == (verdict is Verdict.CANNOT_ASSESS)


def test_numbers_are_written_the_french_way() -> None:
    assert percent(0.4485) == "44,9\u202f%"
    assert (percent(None), points(-0.2), points(-0.0001)) == ("–", "−20", "0")
    assert decimal(-0.5, 2) == "−0,50"
    assert [around(value) for value in (30, 526, 1234)] == [30, 530, 1300]
