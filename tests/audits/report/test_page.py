"""The page: complete, one file, read aloud without loss, each answer in words."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from audits.engine import audit_predictions
from audits.records import AuditResult, Verdict
from audits.report.composing import compose
from audits.report.context import AuditContext
from audits.report.html import as_html
from audits.report.numbers import around, decimal, in_points, number, percent, points, signed
from audits.surroundings import Surroundings
from features.phrases import Language
from tests.audits.report.samples import CONTEXT, DAY, SURROUNDINGS, full_result
from tests.audits.tables import people


class Page(HTMLParser):
    """Collects tags, attributes and text outside the style block."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] != "style":
            self.text.append(data)


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return full_result()


def page_of(
    result: AuditResult,
    context: AuditContext = CONTEXT,
    surroundings: Surroundings = SURROUNDINGS,
    language: Language = "fr",
) -> str:
    return as_html(compose(result, context, surroundings, language, written_on=DAY))


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    ("context", "surroundings"),
    [(CONTEXT, SURROUNDINGS), (AuditContext("fichier.csv"), Surroundings())],
)
def test_the_page_stands_alone_and_can_be_read_aloud(
    result: AuditResult, context: AuditContext, surroundings: Surroundings, language: Language
) -> None:
    html = page_of(result, context, surroundings, language)
    page = Page(html)
    names = {name for name, _ in page.attributes}
    assert not names & {"src", "style", "onclick"}
    assert not {"script", "link", "img"} & set(page.tags)
    assert "url(" not in html
    assert "http" not in html
    assert ("lang", language) in page.attributes
    assert page.tags.count("table") == page.tags.count("caption")
    assert page.tags.count("h1") == page.tags.count("main") == 1
    labels = [value for name, value in page.attributes if name == "aria-label"]
    assert all(labels)
    assert page.tags.count("figure") == sum(
        attribute == ("role", "img") for attribute in page.attributes
    )
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = {value.lstrip("#") for name, value in page.attributes if name == "href" and value}
    assert targets <= set(ids)
    assert {value for name, value in page.attributes if name == "aria-labelledby"} <= set(ids)
    assert ("1er mars 2026" if language == "fr" else "1 March 2026") in html


def test_headings_leave_out_no_level(result: AuditResult) -> None:
    levels = [int(tag[1]) for tag in Page(page_of(result)).tags if re.fullmatch(r"h\d", tag)]
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_every_part_is_told_only_where_there_is_something_to_tell(result: AuditResult) -> None:
    full = compose(result, CONTEXT, SURROUNDINGS, "en", written_on=DAY)
    empty = compose(result, AuditContext("a.csv"), Surroundings(), "en", written_on=DAY)
    assert [section.title for section in full.sections] == [
        "The answer for each attribute",
        "Attribute by attribute",
        "Intersections",
        "Leaving out one team at a time",
        "The list under its real capacity",
        "The data and the outcome",
        "What may tell a group",
        "What holds and what moves",
        "What equality would cost",
        "What the teams did with it",
        "The model, whole",
        "What this audit cannot see",
        "Method and fingerprints",
    ]
    told = [section.title for section in empty.sections]
    assert [*told[:4], *told[4:]] == [
        *(section.title for section in full.sections[:4]),
        "What this audit cannot see",
        "Method and fingerprints",
    ]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_limits_are_named_in_plain_words(result: AuditResult, language: Language) -> None:
    text = " ".join(Page(page_of(result, language=language)).text)
    for words in {
        "fr": ("l’issue enregistrée", "personnes aidées", "pas sur les actes", "« Inconnu »",
               "un autre attribut", "Une limite propre à ce modèle."),
        "en": ("the recorded outcome", "who were helped", "not about what is done", "“Unknown”",
               "any other attribute", "A limit of this very model."),
    }[language]:  # fmt: skip
        assert words in text.replace("\u00a0", " "), words


def test_what_comes_from_a_file_is_escaped(result: AuditResult) -> None:
    html = page_of(result)
    assert "<non honorés>" not in html
    assert "&lt;non honorés&gt;" in html


def test_names_too_long_for_a_picture_stand_whole_in_the_table(result: AuditResult) -> None:
    long = "f" * 200
    (first, *others) = CONTEXT.features
    named = type(first)(type(first.title)(long, long), first.bins)
    context = AuditContext("3", features=(named, *others))
    html = page_of(result, context)
    assert f'<th scope="row">{long}</th>' in html
    assert not re.search(rf"<text[^>]*>{long}</text>", html)


@pytest.mark.parametrize(
    ("positives", "recalls", "verdict", "words"),
    [
        ([300, 300], [0.7, 0.3], Verdict.FAIL, ("Non\u00a0:", "No:")),
        ([1500, 1500], [0.5, 0.5], Verdict.PASS, ("Oui\u00a0:", "Yes:")),
        (
            [100, 5],
            [0.5, 0.5],
            Verdict.CANNOT_ASSESS,
            ("On ne peut pas conclure\u00a0:", "No conclusion is possible:"),
        ),
    ],
)
def test_each_answer_is_said_in_words(
    positives: list[int], recalls: list[float], verdict: Verdict, words: tuple[str, str]
) -> None:
    table = people(positives, recalls, rng=np.random.default_rng(0))
    result = audit_predictions(table, attributes=["groupe"], replicates=200)
    assert result.verdict is verdict
    for language, said in zip(("fr", "en"), words, strict=True):
        html = page_of(result, AuditContext("fichier.csv"), Surroundings(), language)
        assert f'<p class="answer">{said}' in html
    assert ("All the groups that were to be compared could be." in html) == (
        verdict is not Verdict.CANNOT_ASSESS
    )
    assert ("An answer would take about" in html) == (verdict is Verdict.CANNOT_ASSESS)


@pytest.mark.parametrize(
    ("language", "words"),
    [("fr", "atteint encore zéro"), ("en", "still reaches zero")],
)
def test_a_failure_beside_an_interval_that_reaches_0_is_explained(
    language: Language, words: str
) -> None:
    table = people([900, 900], [0.7, 0.3], rng=np.random.default_rng(5))
    failed = audit_predictions(table, attributes=["groupe"], replicates=200)
    assert failed.verdict is Verdict.FAIL
    reaching = replace(failed, findings=tuple(replace(one, gap_low=0.0) for one in failed.findings))
    # Once in the method; then in the answer, and beside the attribute.
    assert page_of(failed, language=language).count(words) == 1
    assert page_of(reaching, language=language).count(words) == 3


def test_only_a_model_is_said_to_be_approved_or_not() -> None:
    table = people([900, 900], [0.7, 0.3], rng=np.random.default_rng(5))
    failed = audit_predictions(table, attributes=["groupe"], replicates=200)
    assert "ne peut pas être approuvé" in page_of(failed)
    of_a_file = page_of(failed, AuditContext("fichier.csv"), Surroundings())
    assert "approuvé" not in of_a_file
    assert "Chaque ligne du fichier a été comptée comme une autre personne" in of_a_file
    assert "mène à un contrôle ou à une sanction" in of_a_file
    assert "mène à un contrôle ou à une sanction" not in page_of(failed)


def test_numbers_are_written_as_each_language_does() -> None:
    assert percent(0.4485) == "44,9\u202f%"
    assert percent(0.4485, "en") == "44.9%"
    assert (percent(None), points(-0.2), points(-0.0001)) == ("–", "−20", "0")
    assert decimal(-0.5, 2) == "−0,50"
    assert (signed(0.5), signed(-0.5, language="en"), signed(0.001)) == ("+0,50", "−0.50", "0,00")
    assert (in_points(0.015), in_points(0.015, "en")) == ("1,5 point", "1.5 points")
    assert (number(12345), number(12345, "en")) == ("12\u202f345", "12,345")
    assert (number(None), number(None, "en")) == ("non montré", "not shown")
    assert [around(value) for value in (30, 526, 1234)] == [30, 530, 1300]
