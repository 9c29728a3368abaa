"""The published schema: real tables keep to it, others do not, and it names every field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from features.keys import Keyring, create_keys
from modeles.boosting import Additive
from modeles.calibrate import calibrate
from modeles.families import AdditiveFamily, unseen
from modeles.logistic import Logistic
from modeles.scorecard import Scorecard
from modeles.table import (
    Bag,
    Calibration,
    Line,
    ModelTable,
    TableFeature,
    UnreadableTable,
    bag_scores,
    read_table,
    schema,
    write_table,
)
from tests.modeles.builders import table, training

Plain = dict[str, Any]
VALIDATOR = Draft202012Validator(schema())


def trained(family: AdditiveFamily) -> ModelTable:
    """A family fitted and calibrated as a training does it."""
    rows = training()
    fit = family.fit(rows, lambda _: None)
    held_out = unseen(bag_scores(fit.bags, rows.values), rows.fold)
    return ModelTable(
        version="3",
        family=family.name,
        outcome="interruption de l'accompagnement",
        horizon_days=90,
        intercept=fit.intercept,
        point=fit.point,
        features=fit.features,
        calibration=calibrate(held_out, rows.label, rows.household, 0),
        cut=-1.0,
        trained_until="2026-01-05",
        test_from="2026-01-05",
        hashes={"data": "0" * 64, "protocol": "1" * 64, "code": "2" * 64},
        codes=("contact//visite", "rdv//honore"),
        bags=fit.bags,
    )


def plain(of: ModelTable) -> Plain:
    return {"table": json.loads(of.canonical()), "signature": "a" * 128}


@pytest.fixture(scope="module", params=[Scorecard(), Logistic(), Additive()], ids=lambda f: f.name)
def document(request: pytest.FixtureRequest) -> Plain:
    return plain(trained(request.param))


@pytest.fixture
def keys(tmp_path: Path) -> Keyring:
    return create_keys(tmp_path / "keys")


def test_the_schema_is_one_itself() -> None:
    VALIDATOR.check_schema(schema())


def test_tables_of_every_family_keep_to_it(document: Plain) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


def test_what_is_written_keeps_to_it(tmp_path: Path, keys: Keyring) -> None:
    write_table(trained(Scorecard()), tmp_path / "table.json", keys.sign)
    VALIDATOR.validate(json.loads((tmp_path / "table.json").read_text(encoding="utf-8")))


MUTATIONS: dict[str, Callable[[Plain], object]] = {
    "another format": lambda t: t.update(format="rebond-table/1"),
    "an unknown key": lambda t: t.update(notes=""),
    "no cut": lambda t: t.pop("cut"),
    "a family that is no document": lambda t: t.update(family="black_box"),
    "no horizon": lambda t: t.update(horizon_days=0),
    "a day that is none": lambda t: t.update(test_from="2026-13-05"),
    "a short hash": lambda t: t["hashes"].update(data="0" * 63),
    "a hash of something else": lambda t: t["hashes"].update(notes="0" * 64),
    "a point against itself": lambda t: t.update(point=-0.1),
    "a few persons": lambda t: t["features"][0]["persons"].__setitem__(0, 10),
    "fewer than nobody": lambda t: t["features"][0]["persons"].__setitem__(0, -1),
    "no reason": lambda t: t["features"][0].update(reason=""),
    "another shape": lambda t: t["features"][0].update(shape="curve"),
    "a line with three knots": lambda t: t["features"][0].update(shape="line", edges=[0, 1, 2]),
    "a chance above one": lambda t: t["calibration"]["band"][0].__setitem__(2, 1.5),
    "no band": lambda t: t["calibration"].update(band=[]),
    "no bag": lambda t: t.update(bags=[]),
    "words in a bag": lambda t: t["bags"][0]["lines"][0].update(title="rendez-vous"),
    "a code twice": lambda t: t.update(codes=["a", "a"]),
}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_mutated_table_does_not(mutation: Callable[[Plain], object], document: Plain) -> None:
    changed = json.loads(json.dumps(document))
    mutation(changed["table"])
    assert not VALIDATOR.is_valid(changed)


@pytest.mark.parametrize(
    ("name", "record"),
    [("line", Line), ("feature", TableFeature), ("bag", Bag), ("calibration", Calibration)],
)
def test_schema_and_records_have_the_same_fields(name: str, record: type) -> None:
    node = schema()["$defs"][name]
    assert set(node["properties"]) == {field.name for field in fields(record)}
    assert set(node["required"]) == set(node["properties"])


def test_schema_and_table_have_the_same_fields() -> None:
    node = schema()["$defs"]["table"]
    assert set(node["properties"]) == {field.name for field in fields(ModelTable)} | {"format"}
    assert set(node["required"]) == set(node["properties"])


def objects(node: Any) -> Iterator[Plain]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from objects(child)


def test_everything_is_described_and_nothing_may_be_added() -> None:
    definitions = schema()["$defs"]
    for node in objects(schema()):
        if "properties" in node and "type" in node:
            assert node["additionalProperties"] is False
            for name, child in node["properties"].items():
                target = definitions[child["$ref"].rsplit("/", 1)[1]] if "$ref" in child else child
                assert (child.get("description") or target["description"]).endswith("."), name


SPOILT: dict[str, Callable[[Plain], object]] = {
    "points that do not fit the edges": lambda f: f["points"].pop(),
    "edges out of order": lambda f: f["edges"].reverse(),
    "an edge twice": lambda f: f["edges"].__setitem__(0, f["edges"][1]),
    "a line with three knots": lambda f: f.update(shape="line"),
    "an unknown shape": lambda f: f.update(shape="curve"),
    "an unknown axis": lambda f: f.update(scale="sqrt"),
    "a column before the first": lambda f: f.update(column=-1),
    "no number in the edges": lambda f: f["edges"].__setitem__(0, float("nan")),
    "no number in the points": lambda f: f["points"].__setitem__(0, float("nan")),
    "no end": lambda f: f.update(missing=float("inf")),
    "a word among the points": lambda f: f["points"].__setitem__(0, "much"),
}


@pytest.mark.parametrize("of", ["features", "bags"])
@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_signed_table_that_cannot_be_added_up_is_refused_in_a_sentence(
    tmp_path: Path, keys: Keyring, spoil: Callable[[Plain], object], of: str
) -> None:
    body = plain(table())["table"]
    spoil(body["features"][0] if of == "features" else body["bags"][0]["lines"][0])
    signed = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"table": body, "signature": keys.sign(signed)}), encoding="utf-8")
    with pytest.raises(UnreadableTable, match="train again") as refused:
        read_table(path, keys.verify)
    assert str(refused.value).count("\n") == 0


def test_no_number_in_the_calibration_is_refused(tmp_path: Path, keys: Keyring) -> None:
    body = plain(table())["table"]
    body["calibration"]["slope"] = float("nan")
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"table": body, "signature": ""}), encoding="utf-8")
    with pytest.raises(UnreadableTable, match="train again"):
        read_table(path, keys.verify)
