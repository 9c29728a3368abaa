"""The exported assessment is what CNIL's software reads, whole, and says what it leaves open."""

from __future__ import annotations

import copy
import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from api.assessment.export import compose, open_places
from api.assessment.pia import EVALUATED, GAUGES, LISTS, QUESTIONS, TAGS, PiaFile, schema
from api.cli import main
from api.in_use import TO_COMPLETE, InUse, in_use
from api.opening import open_home
from features.protocol import Protocol
from features.words import AVOIDED
from tests.conftest import ROOT, DemoHome

NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
LAW = re.compile(r"système à haut risque")
"""The law's own term for a system, never for a person."""


@pytest.fixture(scope="module")
def use(demo_home: DemoHome) -> InUse:
    return in_use(open_home(demo_home.folder, demo_home.folder / "keys", lambda: NOW))


@pytest.fixture(scope="module")
def plain(use: InUse) -> dict[str, Any]:
    made: dict[str, Any] = compose(use).model_dump(mode="json")
    return made


@pytest.fixture(scope="module")
def check() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


def texts(plain: Any) -> Iterator[str]:
    if isinstance(plain, str):
        yield plain
    elif isinstance(plain, dict | list):
        for value in plain.values() if isinstance(plain, dict) else plain:
            yield from texts(value)


def test_it_validates_against_our_published_schema_and_covers_all_five_top_keys(
    plain: dict[str, Any], check: jsonschema.Draft202012Validator
) -> None:
    assert list(plain) == ["pia", "answers", "measures", "evaluations", "comments"]
    check.validate(plain)


def test_the_schema_beside_the_code_is_the_one_it_checks() -> None:
    """Renew it with ``rebond dpia schema``."""
    path = ROOT / "api" / "assessment" / "pia.schema.json"
    assert json.loads(path.read_text(encoding="utf-8")) == schema()


def test_36_answers_with_integer_references(plain: dict[str, Any]) -> None:
    answers = plain["answers"]
    assert [answer["reference_to"] for answer in answers] == list(QUESTIONS)
    assert len(answers) == 36
    for answer in answers:
        assert type(answer["reference_to"]) is int
        data = answer["data"]
        if answer["reference_to"] in LISTS:
            assert data["list"]
            assert all(data["list"])
        else:
            assert data["text"]
            assert data["list"] == []
        # How grave and how likely is for people: 0 says nothing yet.
        assert data["gauge"] == (0 if answer["reference_to"] in GAUGES else None)


def test_evaluations_by_string_and_measures_by_their_id(plain: dict[str, Any]) -> None:
    measures = [measure["id"] for measure in plain["measures"]]
    assert measures == list(range(1, 37))
    assert {m["placeholder"] for m in plain["measures"]} == {"measures.default_placeholder"}
    found = [evaluation["reference_to"] for evaluation in plain["evaluations"]]
    assert found == [*EVALUATED, *(f"3.1.{number}" for number in measures)]
    assert all(type(reference) is str for reference in found)
    # Nothing is called acceptable before somebody said so.
    assert {(one["status"], one["global_status"]) for one in plain["evaluations"]} == {(1, 1)}


def test_the_pia_itself(plain: dict[str, Any]) -> None:
    pia = plain["pia"]
    assert pia["status"] == 0
    assert pia["concerned_people_searched_opinion"] is False
    assert pia["created_at"] == pia["updated_at"] == "2026-11-23T08:30:00.000Z"
    assert datetime.fromisoformat(pia["created_at"]) == NOW


BREAKS = {
    "a numeric evaluation reference": ("evaluations", 0, "reference_to", 11),
    "a string answer reference": ("answers", 0, "reference_to", "111"),
    "an unknown question": ("answers", 0, "reference_to", 228),
    "a level beyond 4": ("answers", 20, "data", {"text": "", "gauge": 5, "list": []}),
    "a link": ("answers", 0, "data", {"text": '<a href="x">', "gauge": None, "list": []}),
    "a script": ("answers", 0, "data", {"text": "<script>", "gauge": None, "list": []}),
    "an attribute": ("answers", 0, "data", {"text": "<p id=1>", "gauge": None, "list": []}),
    "a measure without words": ("measures", 0, "title", ""),
    "a number for yes": ("pia", None, "concerned_people_searched_opinion", 0),
    "a finished PIA": ("pia", None, "status", 3),
    "a day that is no time": ("pia", None, "created_at", "2026-11-23"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_neither_schema_nor_records_take(
    plain: dict[str, Any], check: jsonschema.Draft202012Validator, what: str
) -> None:
    part, place, name, value = BREAKS[what]
    broken = copy.deepcopy(plain)
    (broken[part] if place is None else broken[part][place])[name] = value
    assert not check.is_valid(broken)
    with pytest.raises(ValidationError):
        PiaFile.model_validate(broken)


@pytest.mark.parametrize("part", ["pia", "answers", "measures", "evaluations", "comments"])
def test_a_top_key_less_leaves_a_partial_pia_behind_and_is_refused(
    plain: dict[str, Any], check: jsonschema.Draft202012Validator, part: str
) -> None:
    broken = {name: value for name, value in plain.items() if name != part}
    assert not check.is_valid(broken)
    for less in ("answers", "evaluations"):
        assert not check.is_valid({**plain, less: plain[less][1:]})


def test_what_only_people_can_write_is_open_and_listed(use: InUse, plain: dict[str, Any]) -> None:
    places = open_places(compose(use))
    assert len(places) == len(set(places)) == 33
    assert sum(TO_COMPLETE in text for text in texts(plain["answers"])) == 18
    for reference in ("112 ", "212 ", "325 ", "346 ", "dpo_opinion ", "3.4 "):
        assert any(place.startswith(reference) for place in places), reference
    filled = use.protocol.model_copy(
        update={
            "legal": use.protocol.legal.model_copy(
                update={"controller": "Association", "basis": "article 6(1)(e)"}
            )
        }
    )
    less = open_places(compose(replace(use, protocol=filled)))
    gone = set(places) - set(less)
    assert {place[:4] for place in gone} == {"112 ", "212 "}


def test_it_says_what_is_in_use(use: InUse, plain: dict[str, Any]) -> None:
    said = {
        answer["reference_to"]: html.unescape(answer["data"]["text"]) for answer in plain["answers"]
    }
    for feature in use.features:
        assert feature.reason in said[213]
    for row in use.retention:
        assert row.what in said[215]
        assert row.how_long in said[215]
    assert use.model is not None
    assert f"modèle {use.model.row.version}" in said[111]
    assert all(name in said[121] for name in ("persons", "household_id", "numeric_value"))


def test_what_comes_from_outside_is_words_and_never_markup(use: InUse) -> None:
    legal = {"controller": '<img src=x onerror="a()">', "basis": "<b>6</b> & 9"}
    hostile = Protocol.model_validate(
        {**use.protocol.model_dump(), "name": "<script>x", "legal": legal}
    )
    made = compose(replace(use, protocol=hostile))
    tags = {tag for text in texts(made.model_dump()) for tag in re.findall(r"</?([^\s/>]+)", text)}
    assert tags <= set(TAGS)
    assert "&lt;img" in made.answers[1].data.text
    assert "‹script›" in made.pia.name


def test_it_is_the_same_for_the_same_things_at_the_same_time(use: InUse) -> None:
    assert compose(use).model_dump_json() == compose(use).model_dump_json()


def test_no_word_is_written_about_people_that_is_not(plain: dict[str, Any]) -> None:
    ours = [re.sub(r"<[^>]+>", " ", LAW.sub("", text)) for text in texts(plain)]
    found = {(word[0], text) for text in ours for word in AVOIDED.finditer(text)}
    assert found == set()


def test_the_command_writes_once_and_lists_what_waits(
    demo_home: DemoHome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pia.json"
    arguments = ["--home", str(demo_home.folder), "dpia", "export", str(file)]
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--json"])
    assert left.value.code == 0
    said = json.loads(capsys.readouterr().out)
    assert said["file"] == str(file)
    assert len(said["open"]) == 33
    written = file.read_bytes()
    PiaFile.model_validate_json(written)
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 1
    assert "give another name" in capsys.readouterr().err
    assert file.read_bytes() == written
