"""The files: the same bytes each time, nothing undocumented, nothing withheld let out."""

from __future__ import annotations

import ast
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from audits.counts import COUNTED
from audits.records import Verdict
from audits.report.closing import LIMITS
from audits.report.composing import compose
from audits.report.context import AuditContext
from audits.report.decisions import ALARMS
from audits.report.document import Block, Document, Fold, Section, Table
from audits.report.schema import schema
from audits.report.writing import PAGES, PRINTS, report_hash, write_report
from audits.surroundings import Surroundings
from features.phrases import Language
from features.words import AVOIDED, AVOIDED_ENGLISH
from tests.audits.report.samples import CONTEXT, DAY, SURROUNDINGS, full_result
from tests.conftest import ROOT

ROOM = ROOT / "audits" / "report"
WITHHELD = {"non montré", "not shown", "–", "non comparé", "not compared", "0"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("report")
    return write_report(full_result(), CONTEXT, folder, written_on=DAY, surroundings=SURROUNDINGS)


def test_the_same_input_gives_the_same_bytes(written: dict[str, Path], tmp_path: Path) -> None:
    again = write_report(
        full_result(), CONTEXT, tmp_path, written_on=DAY, surroundings=SURROUNDINGS
    )
    assert [(kind, path.name) for kind, path in again.items()] == [
        ("json", "audit.json"),
        ("html", "audit.html"),
        ("pdf", "audit.pdf"),
        ("html_en", "audit.en.html"),
        ("pdf_en", "audit.en.pdf"),
    ]
    for kind, path in written.items():
        assert path.read_bytes() == again[kind].read_bytes(), kind


def test_the_json_holds_what_the_contract_names(written: dict[str, Path]) -> None:
    plain = json.loads(written["json"].read_text(encoding="utf-8"))
    assert plain["verdict"] in set(Verdict)
    assert {finding["metric"] for finding in plain["findings"]} >= set(COUNTED)
    for finding in plain["findings"]:
        wanted = {"attribute", "metric", "groups", "gap", "gap_low", "gap_high", "p_value"}
        assert wanted | {"verdict"} <= set(finding)
        for group in finding["groups"]:
            assert {"value", "n", "positives", "estimate", "low", "high", "suppressed"} <= set(
                group
            )
    assert plain["context"]["model_hash"] == CONTEXT.model_hash
    assert plain["surroundings"]["data_sheet"]["extracted_on"] == "2026-02-20"


def test_the_schema_covers_reports_full_and_empty(written: dict[str, Path], tmp_path: Path) -> None:
    published = schema()
    jsonschema.Draft202012Validator.check_schema(published)
    check = jsonschema.Draft202012Validator(published)
    check.validate(json.loads(written["json"].read_text(encoding="utf-8")))
    result = replace(full_result(), tie_break=None, calibration=(), teams=())
    bare = write_report(result, AuditContext("a.csv"), tmp_path, written_on=DAY)
    check.validate(json.loads(bare["json"].read_text(encoding="utf-8")))


def test_nothing_can_be_written_that_the_schema_does_not_name(written: dict[str, Path]) -> None:
    published = schema()
    check = jsonschema.Draft202012Validator(published)
    whole = json.loads(written["json"].read_text(encoding="utf-8"))
    objects = [whole, whole["context"], whole["surroundings"], whole["findings"][0]]
    for one in [*objects, whole["findings"][0]["groups"][0], whole["surroundings"]["human"]]:
        one["more"] = 1
        assert not check.is_valid(whole)
        del one["more"]
    assert check.is_valid(whole)
    for described in published["$defs"].values():
        assert described["type"] == "string" or described["additionalProperties"] is False
        assert described["description"]


def test_the_schema_beside_the_code_is_the_one_it_writes() -> None:
    """Renew it with ``rebond audit --schema``."""
    path = ROOT / "audits" / "audit.schema.json"
    assert json.loads(path.read_text(encoding="utf-8")) == schema()


def test_the_report_hash_covers_every_file_that_people_read(
    written: dict[str, Path], tmp_path: Path
) -> None:
    kept = report_hash(written["json"].parent)
    copy = tmp_path / "copy"
    for name in [*PAGES.values(), *PRINTS.values()]:
        shutil.copytree(written["json"].parent, copy)
        assert report_hash(copy) == kept
        (copy / name).write_bytes((copy / name).read_bytes() + b" ")
        assert report_hash(copy) != kept
        (copy / name).unlink()
        assert report_hash(copy) != kept
        shutil.rmtree(copy)
    shutil.copytree(written["json"].parent, copy)
    (copy / PAGES["fr"]).rename(copy / "aside")
    (copy / PAGES["en"]).rename(copy / PAGES["fr"])
    (copy / "aside").rename(copy / PAGES["en"])
    assert report_hash(copy) != kept


def tables_of(document: Document) -> list[Table]:
    """Every table of a document, those in folds included."""

    def within(blocks: tuple[Block, ...]) -> list[Table]:
        found: list[Table] = []
        for block in blocks:
            if isinstance(block, Table):
                found.append(block)
            elif isinstance(block, Fold | Section):
                found += within(block.blocks)
        return found

    return within((*document.first_page, *document.sections))


@pytest.mark.safeguard
@pytest.mark.parametrize("language", ["fr", "en"])
def test_s21_what_is_withheld_is_said_to_be_and_nothing_else(language: Language) -> None:
    result = full_result()
    document = compose(result, CONTEXT, SURROUNDINGS, language, written_on=DAY)
    hidden = "non montré" if language == "fr" else "not shown"
    rows = [row for table in tables_of(document) for row in table.rows]
    silent = [
        group
        for finding in result.findings
        for group in finding.groups
        if group.suppressed and group.estimate is None
    ]
    assert silent
    for group in silent:
        name = group.value if language == "fr" else group.value.replace("inconnu", "unknown")
        told = [row for row in rows if row[0] == name]
        assert told
        for row in told:
            numbers = [cell for cell in row[1:] if cell not in WITHHELD]
            assert set(numbers) <= {str(group.n), str(n_of(result, group.value))}, row
            assert hidden in row
    steps = [table for table in tables_of(document) if table.columns[-1].title in {
        "Acceptée", "Accepted"
    }]  # fmt: skip
    (unknown,) = [row for row in steps[0].rows if row[0] in {"inconnu", "unknown"}]
    assert set(unknown[1:]) == {hidden}


def n_of(result, value: str) -> int | None:
    return next(g.n for f in result.findings for g in f.groups if g.value == value)


@pytest.mark.parametrize(("language", "avoided"), [("fr", AVOIDED), ("en", AVOIDED_ENGLISH)])
def test_the_report_uses_our_words(
    written: dict[str, Path], language: Language, avoided: re.Pattern[str]
) -> None:
    html = written["html" if language == "fr" else "html_en"].read_text(encoding="utf-8")
    text = re.sub(r"<style>[\s\S]*?</style>|<[^>]*>", " ", html)
    labels = " ".join(re.findall(r'aria-label="([^"]*)"', html))
    assert avoided.search(text) is None
    assert avoided.search(labels) is None


def test_words_to_avoid_are_in_no_sentence_of_ours() -> None:
    """Every sentence in both languages, also those of branches that no sample takes."""
    said = 0
    for path in sorted(ROOM.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "say":
                if len(node.args) != 2:
                    continue
                for argument, avoided in zip(node.args, (AVOIDED, AVOIDED_ENGLISH), strict=True):
                    text = _literal(argument)
                    assert avoided.search(text) is None, (path.name, text)
                said += 1
    assert said > 200

    for french, english in ALARMS.values():
        assert not AVOIDED.search(french)
        assert not AVOIDED_ENGLISH.search(english)
    for lead, french, first, english in LIMITS:
        assert not AVOIDED.search(f"{lead} {french}")
        assert not AVOIDED_ENGLISH.search(f"{first} {english}")


def _literal(node: ast.expr) -> str:
    return "".join(
        inner.value
        for inner in ast.walk(node)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    )


def test_a_report_without_surroundings_is_written_too(tmp_path: Path) -> None:
    paths = write_report(full_result(), AuditContext("a.csv"), tmp_path, written_on=DAY)
    assert json.loads(paths["json"].read_text(encoding="utf-8"))["surroundings"]["human"] is None
    explicit = write_report(
        full_result(), AuditContext("a.csv"), tmp_path / "2", written_on=DAY,
        surroundings=Surroundings(),
    )  # fmt: skip
    assert explicit["pdf"].read_bytes() == paths["pdf"].read_bytes()
