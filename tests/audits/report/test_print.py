"""The PDF: PDF/UA-1, its own fonts, in reading order, the answer on the first page."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from pypdf import PdfReader

from audits.report.composing import compose
from audits.report.context import AuditContext
from audits.report.pdf import as_pdf
from audits.surroundings import Surroundings
from features.phrases import Language
from tests.audits.report.samples import CONTEXT, DAY, SURROUNDINGS, full_result

RESULT = full_result()
KINDS = ("Figure", "Table", "TH", "TD", "H1", "H2", "L", "Caption")


@pytest.fixture(scope="module", params=["fr", "en"])
def printed(request: pytest.FixtureRequest) -> tuple[Language, PdfReader]:
    document = compose(RESULT, CONTEXT, SURROUNDINGS, request.param, written_on=DAY)
    return request.param, PdfReader(io.BytesIO(as_pdf(document)))


def elements(node: Any) -> list[Any]:
    """Every element of a structure tree, in reading order."""
    node = node.get_object()
    if not isinstance(node, dict):
        return []
    inner = node.get("/K", [])
    children = inner if isinstance(inner, list) else [inner]
    own = [node] if node.get("/S") else []
    return own + [found for child in children for found in elements(child)]


def test_it_is_tagged_titled_dated_and_says_its_language(
    printed: tuple[Language, PdfReader],
) -> None:
    language, reader = printed
    root = reader.trailer["/Root"]
    assert root["/Lang"] == language
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata is not None
    assert (
        reader.metadata.title
        == {
            "fr": "Audit d’équité\u00a0: modèle 3",
            "en": "Fairness audit: model 3",
        }[language]
    )
    assert reader.metadata.creation_date is not None
    assert reader.metadata.creation_date.date() == DAY
    described = root["/Metadata"].get_data().decode()
    assert re.search(r"pdfuaid:part>\s*1\s*<", described)


def test_tables_have_headers_and_pictures_say_what_they_show(
    printed: tuple[Language, PdfReader],
) -> None:
    _, reader = printed
    found = elements(reader.trailer["/Root"]["/StructTreeRoot"])
    kinds = [element["/S"].lstrip("/") for element in found]
    assert set(KINDS) <= set(kinds)
    pictures = [element for element in found if element["/S"] == "/Figure"]
    said = [element.get("/Alt", "") for element in pictures]
    assert len(said) == sum(1 for text in said if re.search(r"\d", text)) >= 8
    tables = [element for element in found if element["/S"] == "/Table"]
    for table in tables:
        headers = [inner for inner in elements(table) if inner["/S"] == "/TH"]
        assert headers


def test_letters_come_with_the_file(printed: tuple[Language, PdfReader]) -> None:
    _, reader = printed
    fonts = {
        font.get_object()["/BaseFont"]: font.get_object()
        for page in reader.pages
        for font in page["/Resources"].get("/Font", {}).values()
    }
    assert {re.sub(r"^/[A-Z]{6}\+|-.*", "", name) for name in fonts} == {
        "LibertinusSerif",
        "DejaVuSansMono",
    }
    for font in fonts.values():
        (inner,) = font["/DescendantFonts"]
        descriptor = inner.get_object()["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & set(descriptor.get_object())


def test_the_text_is_read_in_order(printed: tuple[Language, PdfReader]) -> None:
    language, reader = printed
    pages = [_spaced(page.extract_text()) for page in reader.pages]
    answer, others = {
        "fr": ("On ne peut pas conclure", "Ce qui n’a pas pu être évalué"),
        "en": ("No conclusion is possible", "What could not be assessed"),
    }[language]
    first = pages[0]
    assert 0 <= first.index(answer) < first.index("237") < first.index(others)
    document = compose(RESULT, CONTEXT, SURROUNDINGS, language, written_on=DAY)
    later = " ".join(pages[2:])
    places = [
        later.index(f"{section.number} {_spaced(section.title)}")
        for section in document.sections[1:]
    ]
    assert places == sorted(places)
    total = len(pages)
    word = {"fr": "sur", "en": "of"}[language]
    for number, page in enumerate(pages, 1):
        assert f"Page {number} {word} {total}" in page


def test_the_outline_leads_to_every_section(printed: tuple[Language, PdfReader]) -> None:
    language, reader = printed
    titles = [_spaced(entry.title) for entry in _flat(reader.outline)]
    document = compose(RESULT, CONTEXT, SURROUNDINGS, language, written_on=DAY)
    for section in document.sections:
        assert f"{section.number} {_spaced(section.title)}" in titles


def test_the_whole_answer_stands_on_the_first_page() -> None:
    """Even where many attributes stay without an answer."""
    gates = [f for f in RESULT.findings if f.verdict is not None]
    many = tuple(
        replace(gate, attribute=f"{gate.attribute} {turn}") for turn in range(2) for gate in gates
    )
    result = replace(RESULT, findings=many, calibration=())
    for language in ("fr", "en"):
        document = compose(
            result, AuditContext("fichier.csv"), Surroundings(), language, written_on=DAY
        )
        pages = PdfReader(io.BytesIO(as_pdf(document))).pages
        assert _spaced(document.contents) in _spaced(pages[1].extract_text())


def _spaced(text: str) -> str:
    return " ".join(text.replace("ﬃ", "ffi").split())


def _flat(outline: list[Any]) -> list[Any]:
    return [
        entry
        for inner in outline
        for entry in (_flat(inner) if isinstance(inner, list) else [inner])
    ]
