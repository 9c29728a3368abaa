"""``rebond audit --predictions``: published figures, Aequitas' names, reports, wrong usage."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from api.cli import main
from tests.conftest import SHARED_DATA, Ran

Command = Callable[..., Ran]

PROPUBLICA = {
    "false_positive_rate": {"African-American": 44.85, "Caucasian": 23.45},
    "false_negative_rate": {"African-American": 27.99, "Caucasian": 47.72},
    "precision": {"African-American": 62.97, "Caucasian": 59.13},
}
"""Percent; two years, ``score_text != Low`` (Larson et al. 2016, "How we analyzed the COMPAS
recidivism algorithm")."""


@pytest.fixture
def compas() -> pd.DataFrame:
    """ProPublica's two-year table, under the names of Aequitas."""
    file = SHARED_DATA / "compas" / "compas-scores-two-years.parquet"
    if not file.is_file():
        pytest.skip("shared/data/compas is not beside this checkout")
    table = pd.read_parquet(file)
    return pd.DataFrame(
        {
            "entity_id": table["id"],
            "score": table["score_text"].ne("Low").astype(int),
            "label_value": table["two_year_recid"],
            "race": table["race"],
            "decile": table["decile_score"],
        }
    )


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run ``rebond audit --predictions … --json`` in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def ran(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(["audit", *map(str, arguments), "--json"])
        said = capsys.readouterr()
        return Ran(int(str(left.value.code)), json.loads(said.out), said.err)

    return ran


def vendor(folder: Path, rows: int = 600) -> Path:
    table = pd.DataFrame(
        {
            "entity_id": range(rows),
            "score": [int(i % 4 == 0) for i in range(rows)],
            "label_value": [int(i % 3 == 0) for i in range(rows)],
            "sex": ["fm"[i % 2] for i in range(rows)],
            "shade": [i % 5 / 10 for i in range(rows)],
        }
    )
    table.to_csv(folder / "vendor.csv", index=False)
    return folder / "vendor.csv"


def estimates(ran: Ran, metric: str) -> dict[str, float]:
    (finding,) = [found for found in ran.out["findings"] if found["metric"] == metric]
    return {group["value"]: group["estimate"] for group in finding["groups"]}


@pytest.mark.parametrize("everybody", [True, False])
def test_propublicas_figures_to_two_decimals(
    compas: pd.DataFrame, command: Command, everybody: bool
) -> None:
    """On the two races that ProPublica printed, alone or among all: secrecy blurs neither."""
    printed = compas["race"].isin(PROPUBLICA["precision"])
    compas[printed | everybody].to_csv("table.csv", index=False)
    ran = command("--predictions", "table.csv", "--attributes", "race")
    assert ran.status == 3  # a gap in recall of 20 points
    assert ran.out["persons"] == (7214 if everybody else 6150)
    for metric, published in PROPUBLICA.items():
        found = estimates(ran, metric)
        assert {race: round(100 * found[race], 2) for race in published} == published


def test_medium_and_high_are_decile_five_and_more(compas: pd.DataFrame, command: Command) -> None:
    """The list drawn from deciles, with as many places, has the members of the published one."""
    two = compas[compas["race"].isin(["African-American", "Caucasian"])]
    two.drop(columns="score").to_csv("two.csv", index=False)
    k = int(two["decile"].ge(5).sum())
    given = ("--attributes", "race", "--score", "decile", "--k", str(k))
    ran = command("--predictions", "two.csv", *given)
    assert (ran.out["tie_break"]["tied"], ran.out["tie_break"]["places"]) == (0, 0)
    assert round(100 * estimates(ran, "precision")["Caucasian"], 2) == 59.13


def test_a_report_is_written_beside_where_one_stands(command: Command, tmp_path: Path) -> None:
    file = vendor(tmp_path)
    ran = command("--predictions", file.name, "--attributes", "sex")
    assert ran.status in {0, 3, 4}
    assert Path(ran.out["report"]["json"]) == Path("audit-vendor") / "audit.json"
    assert {"json", "html"} <= ran.out["report"].keys()
    assert all(Path(path).is_file() for path in ran.out["report"].values())
    written = json.loads(Path(ran.out["report"]["json"]).read_text(encoding="utf-8"))
    assert written["context"]["subject"] == "vendor.csv"
    assert written["context"]["data_hash"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert written["findings"] == ran.out["findings"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", written["written_on"])


def test_a_report_goes_where_it_is_asked_for(command: Command, tmp_path: Path) -> None:
    file = vendor(tmp_path)
    folder = tmp_path / "of the committee" / "1"
    ran = command("--predictions", file, "--attributes", "sex", "--report", folder)
    assert Path(ran.out["report"]["html"]).parent == folder
    assert not Path("audit-vendor").exists()
    taken = command("--predictions", file, "--attributes", "sex", "--report", file)
    assert taken.status == 1
    assert "vendor.csv" in taken.out["error"]


def test_a_list_may_stand_beside_its_score(command: Command, tmp_path: Path) -> None:
    given = ("--predictions", vendor(tmp_path), "--attributes", "sex", "--selected", "score")
    ran = command(*given, "--score", "shade", "--team", "shade", "--tolerance", "0.2")
    assert ran.status in {0, 3, 4}
    assert ran.out["tie_break"] is None
    assert ran.out["tolerance"] == 0.2
    alone = command(*given)
    assert estimates(ran, "recall") == estimates(alone, "recall")


def test_review_dates_are_counted(command: Command, tmp_path: Path) -> None:
    table = pd.read_csv(vendor(tmp_path))
    twice = pd.concat([table.assign(day="2026-01-05"), table.assign(day="2026-02-02")])
    twice.to_csv("twice.csv", index=False)
    given = ("--predictions", "twice.csv", "--attributes", "sex", "--as-of", "day")
    ran = command(*given)
    assert (ran.out["persons"], ran.out["rows"], ran.out["review_dates"]) == (600, 1200, 2)
    pd.concat([twice, table.assign(day="2026-01-05")]).to_csv("twice.csv", index=False)
    refused = command(*given)
    assert refused.status == 1
    assert "appears twice at one review date (600 rows too many)" in refused.out["error"]


def test_the_groups_are_never_guessed(command: Command, tmp_path: Path) -> None:
    for nothing in ((), ("--attributes", " , ")):
        ran = command("--predictions", vendor(tmp_path), *nothing)
        assert ran.status == 2
        assert "--attributes" in ran.out["error"]
        assert "vendor.csv could be: sex, shade." in ran.out["error"]
    ran = command("--predictions", vendor(tmp_path), "--score", "shade", "--k", "5")
    assert "vendor.csv could be: sex." in ran.out["error"]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--selected", "score", "--k", "5"),
        ("--score", "shade"),
        ("--k", "0"),
        ("--tolerance", "0"),
        ("--tolerance", "1.5"),
        ("7",),
    ],
)
def test_wrong_usage_is_status_2(command: Command, tmp_path: Path, wrong: tuple[str, ...]) -> None:
    ran = command("--predictions", vendor(tmp_path), "--attributes", "sex", *wrong)
    assert ran.status == 2
    assert ran.out["error"]


@pytest.mark.parametrize("alone", [("--report", "x"), ("--team", "x"), ("--tolerance", "0.2")])
def test_what_belongs_to_a_file_needs_one(command: Command, alone: tuple[str, ...]) -> None:
    ran = command(*alone)
    assert ran.status == 2
    assert "--predictions FILE" in ran.out["error"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--attributes", "langue"), "no column 'langue'; it has: entity_id, score, label_value"),
        (("--attributes", "label_value"), "read as --label"),
        (("--attributes", "sex", "--label", "shade"), "holds '0.1', '0.2', '0.3'"),
        (("--attributes", "sex", "--k", "601"), "k is 601; expected 1 to 600"),
        (("--attributes", "sex", "--selected", "label_value"), "made of the outcome"),
        (("--attributes", "entity_id"), "read as --person"),
        (("--attributes", "entity_id", "--person", "sex"), "600 values; expected at most 200"),
    ],
)
def test_a_refusal_is_one_sentence_and_writes_nothing(
    command: Command, tmp_path: Path, given: tuple[str, ...], says: str
) -> None:
    ran = command("--predictions", vendor(tmp_path), *given)
    assert ran.status == 1
    assert says in ran.out["error"]
    assert re.fullmatch(r"[^\n]+\.", ran.out["error"])
    assert [path.name for path in tmp_path.iterdir()] == ["vendor.csv"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no first line"),
        (b"\n\n1,1,f\n", "no first line"),
        (b"label_value,score,sex\n", "hold no rows"),
        (b"1,1,f\n0,0,m\n", "twice"),
        (b"1,0.2,f\n0,0.1,m\n", "no column 'label_value'"),
        (b"Export\n\nlabel_value,score,sex\n1,1,f\n", "row 3 has 3 values, the header 1"),
        (b"label_value,score,sex\n1,1,f\n0,0,m,x\n", "row 3 has 4 values, the header 3"),
        (b"label_value,score,sex\n1,1,f\n0,0,\xe9\n", "row 3 is not UTF-8 text"),
        (b'label_value,score,sex\n1,1,"f\n', "a quotation mark is left open"),
        (b"label_value,score,sex,sex\n1,1,f,m\n", "has the column 'sex' twice"),
        (b"label_value,score,sex\n1,oui,f\n0,non,m\n", "'score' holds 'non', 'oui'"),
        (b"label_value,score,sex\n1,.5,f\n0,.2,m\n", "column 'score' only ranks"),
        (b"label_value,score,sex\n2,1,f\n0,0,m\n", "holds '2'; expected 0 or 1"),
        (b"label_value,score,sex\n1,,f\n0,0,m\n", "'score' is empty in 1 rows"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(command: Command, content: bytes, says: str) -> None:
    Path("bad.csv").write_bytes(content)
    ran = command("--predictions", "bad.csv", "--attributes", "sex")
    assert ran.status == 1
    assert says in ran.out["error"]
    assert re.fullmatch(r"[^\n]+\.", ran.out["error"])
    assert not Path("audit-bad").exists()
