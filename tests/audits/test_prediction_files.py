"""Anybody's predictions file: read, ranked, or refused with the reason."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume
from hypothesis import given as given_by
from hypothesis import strategies as st

from audits.engine import audit_predictions
from audits.prediction_files import (
    AmbiguousColumn,
    InvalidRanking,
    NotADate,
    NotBinary,
    Predictions,
    PredictionsFileUnreadable,
    candidates,
    highest,
    read_predictions,
)
from audits.predictions import InvalidPredictions, UnknownColumn
from tests.audits.tables import people


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    table = people([60, 60], [0.5, 0.4], rng=np.random.default_rng(0))
    table["selected"] = table["selected"].astype(int)
    file = tmp_path / "vendor.csv"
    table.rename(columns={"label": "outcome", "selected": "flag"}).to_csv(
        file, index=False, sep=";"
    )
    return file


def write(folder: Path, **columns: list[object]) -> Path:
    file = folder / "predictions.csv"
    pd.DataFrame(columns).to_csv(file, index=False)
    return file


def test_csv_and_parquet_give_the_same_audit(vendor: Path, tmp_path: Path) -> None:
    parquet = tmp_path / "vendor.parquet"
    pd.read_csv(vendor, sep=";").to_parquet(parquet)
    results = []
    for file in (vendor, parquet):
        read = read_predictions(file, label="outcome", selected="flag", attributes=["groupe"])
        results.append(audit_predictions(read.table, attributes=read.attributes, replicates=50))
    assert results[0] == results[1]
    assert results[0].persons == 480


def test_without_a_person_column_every_row_is_a_person(tmp_path: Path) -> None:
    file = write(tmp_path, id=["a", "a", "b"], y=[1, 0, 1], s=[1, 0, 0], g=["u", "u", "v"])
    rows = read_predictions(file, label="y", selected="s", attributes=["g"])
    persons = read_predictions(file, label="y", selected="s", attributes=["g"], person="id")
    assert rows.table["person"].nunique() == 3
    assert persons.table["person"].nunique() == 2


def test_empty_labels_and_attributes_are_kept(tmp_path: Path) -> None:
    file = write(tmp_path, y=[1, None, 0], s=["true", "false", "False"], g=["u", None, "  "])
    table = read_predictions(file, label="y", selected="s", attributes=["g"]).table
    assert table["label"].isna().tolist() == [False, True, False]
    assert table["g"].tolist() == ["u", "inconnu", "inconnu"]
    assert table["selected"].tolist() == [True, False, False]


def test_columns_may_bear_the_names_of_ours(tmp_path: Path) -> None:
    file = write(tmp_path, label=[1, 0], selected=[1, 0], person=["a", "b"], g=["u", "v"])
    read = read_predictions(
        file, label="label", selected="selected", person="person", attributes=["g"]
    )
    assert read.table["person"].tolist() == ["a", "b"]


def test_the_k_highest_are_selected_and_ties_are_told(tmp_path: Path) -> None:
    file = write(tmp_path, y=[1, 0, 1, 0, 1], p=[0.9, 0.5, 0.5, 0.5, None], g=list("uvuvu"))
    read = read_predictions(file, label="y", score="p", k=2, attributes=["g"], seed=3)
    again = read_predictions(file, label="y", score="p", k=2, attributes=["g"], seed=3)
    assert read.table["selected"].sum() == 2
    assert read.table["selected"].iloc[0]
    assert read.table.equals(again.table)
    assert read.tie_break is not None
    assert (read.tie_break.tied, read.tie_break.places, read.tie_break.unscored) == (3, 1, 1)
    drawn = {
        read_predictions(file, label="y", score="p", k=2, attributes=["g"], seed=seed)
        .table["selected"]
        .iloc[1:4]
        .argmax()
        for seed in range(20)
    }
    assert drawn == {0, 1, 2}


def test_no_tie_no_draw() -> None:
    selected, ties = highest(pd.Series([0.1, 0.3, 0.2]), pd.Series(list("abc")), k=2, seed=0)
    assert selected.tolist() == [False, True, True]
    assert (ties.tied, ties.places) == (0, 0)


def test_what_is_wrong_with_a_file_is_named(tmp_path: Path) -> None:
    file = write(tmp_path, y=[1, 2], s=[1, None], p=["0.1", "élevé"], g=["u", "v"], i=["a", None])
    good = {"label": "s", "selected": "s", "attributes": ["g"]}
    with pytest.raises(PredictionsFileUnreadable, match="absent"):
        read_predictions(tmp_path / "absent.csv", **good)
    with pytest.raises(UnknownColumn, match="langue"):
        read_predictions(file, **{**good, "attributes": ["langue"]})
    with pytest.raises(NotBinary, match="'2'"):
        read_predictions(file, **{**good, "label": "y"})
    with pytest.raises(NotBinary, match="empty"):
        read_predictions(file, **good)
    with pytest.raises(InvalidRanking, match="élevé"):
        read_predictions(file, label="s", score="p", k=1, attributes=["g"])
    with pytest.raises(InvalidRanking, match="not defined"):
        read_predictions(file, label="s", attributes=["g"])
    with pytest.raises(InvalidRanking, match="not defined"):
        read_predictions(file, label="s", score="p", attributes=["g"])
    with pytest.raises(InvalidRanking, match="k is 9"):
        read_predictions(file, label="s", score="y", k=9, attributes=["g"])
    with pytest.raises(InvalidPredictions, match="person"):
        read_predictions(file, label="s", score="y", k=1, person="i", attributes=["g"])
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"not parquet")
    with pytest.raises(PredictionsFileUnreadable, match="Parquet"):
        read_predictions(broken, **good)


GOOD = {"label": "y", "selected": "s", "attributes": ["g"]}


def given(folder: Path, content: str | bytes, **asked: Any) -> Predictions:
    file = folder / "given.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_predictions(file, **(GOOD | asked))


def test_aequitas_names_are_understood(tmp_path: Path) -> None:
    listed = "entity_id,score,label_value,race\n7,1,1,a\n7,0,0,a\n9,0,1,b\n"
    own = {"label": None, "selected": None, "attributes": ["race"]}
    read = given(tmp_path, listed, **own)
    assert read.table["person"].tolist() == ["7", "7", "9"]
    assert read.table["label"].tolist() == [1, 0, 1]
    assert read.table["selected"].tolist() == [True, False, False]
    assert "score" not in read.table
    ranked = given(tmp_path, listed.replace("7,0,", "7,0.3,"), **own, k=2)
    assert ranked.table["selected"].tolist() == [True, True, False]
    assert ranked.table["score"].tolist() == [1.0, 0.3, 0.0]
    drawn = given(tmp_path, listed, **own, k=2)  # k asked for: then 0 and 1 rank as well
    assert drawn.tie_break is not None
    assert (drawn.tie_break.tied, drawn.tie_break.places) == (2, 1)
    with pytest.raises(InvalidRanking, match="'score' only ranks"):
        given(tmp_path, listed.replace("7,0,", "7,0.3,"), **own)


def test_what_is_named_comes_before_what_aequitas_names(tmp_path: Path) -> None:
    rows = "entity_id,score,label_value,y,s,i,g\n7,1,1,0,0,a,u\n7,0,0,1,1,b,v\n"
    table = given(tmp_path, rows).table
    assert table["label"].tolist() == [0, 1]
    assert table["selected"].tolist() == [False, True]
    assert table["person"].nunique() == 2  # entity_id goes with label_value
    assert given(tmp_path, rows, label="label_value").table["person"].nunique() == 1
    assert given(tmp_path, rows, label=None, person="i").table["person"].tolist() == ["a", "b"]


def test_a_french_spreadsheet_is_read_as_it_was_saved(tmp_path: Path) -> None:
    """Byte order mark, semicolons, decimal commas, VRAI and FAUX."""
    file = tmp_path / "export.csv"
    file.write_bytes(
        "rupture;score;genre\r\nVRAI;0,53;F\r\nFAUX;0,125;M\r\nFAUX;;M\r\n".encode("utf-8-sig")
    )
    table = read_predictions(file, label="rupture", score="score", k=1, attributes=["genre"]).table
    assert table["label"].tolist() == [1, 0, 0]
    assert table["score"].tolist()[:2] == [0.53, 0.125]
    assert table["probability"].tolist()[:2] == [0.53, 0.125]
    assert table["selected"].tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("scores", "shown"),
    [
        (["1,234", "999"], "'1,234'"),
        (["0,53", "0.47"], "'0,53'"),
        (["0,5", "1,234,567"], "'1,234,567'"),
    ],
)
def test_a_comma_that_may_not_be_decimal_is_never_guessed(
    tmp_path: Path, scores: list[object], shown: str
) -> None:
    file = write(tmp_path, label=[1, 0], score=scores, group=["a", "b"])
    with pytest.raises(InvalidRanking, match=shown):
        read_predictions(file, label="label", score="score", k=1, attributes=["group"])


def test_a_list_a_score_a_team_and_dates_stand_side_by_side(tmp_path: Path) -> None:
    rows = (
        "y;s;g;p;t;d;i\n1;1;u;.4;nord;2026-01-05;a\n0;0;v;.6;;2026-01-31T23:30:00+00:00;a\n"
        "0;0;v;;nord;;a\n"
    )
    table = given(tmp_path, rows, score="p", team="t", as_of="d", person="i").table
    assert table["selected"].tolist() == [True, False, False]
    assert table["score"].tolist()[:2] == [0.4, 0.6]
    assert table["team"].tolist() == ["nord", "inconnu", "nord"]
    dates = table["as_of"].dt.strftime("%d %H:%M").tolist()
    assert dates[:2] == ["05 00:00", "01 00:30"]  # the second is told in Paris
    assert pd.isna(dates[2])
    audited = given(tmp_path, rows.replace("g;", "team;"), attributes=["team"])
    assert audited.table["team"].tolist() == ["u", "v", "v"]
    with pytest.raises(AmbiguousColumn, match="'t' the team"):
        given(tmp_path, rows.replace("g;", "team;"), attributes=["team"], team="t")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_spreadsheets_write_csv_in_their_own_ways(
    tmp_path: Path, separator: str, newline: str
) -> None:
    lines = ["\ufeffy,s, sexe déclaré ", "1,1,femme", "", '0,0,"h, x; y"', "0,1, femme "]
    if separator != ",":
        lines = [line.replace(",", separator) for line in lines]
    read = given(tmp_path, newline.join(lines), attributes=["sexe déclaré"])
    assert read.table["sexe déclaré"].iloc[[0, 2]].tolist() == ["femme", "femme"]
    assert read.table["label"].tolist() == [1, 0, 0]


def test_no_row_is_taken_for_a_remark(tmp_path: Path) -> None:
    """Left to itself the data engine drops rows with a hash sign, and nobody is told."""
    read = given(tmp_path, "g,y,s\n#a,1,1\nb,0,0\n#b,0,0\na#,1,0\n")
    assert read.table["g"].tolist() == ["#a", "b", "#b", "a#"]
    with pytest.raises(NotBinary, match="'#0'"):
        given(tmp_path, "y,s,g\n1,1,#a\n#0,0,b\n1,0,c\n")


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ({"g": [["a"], ["b"]]}, InvalidPredictions),
        ({"g": [{"a": 1}, {"a": 2}]}, InvalidPredictions),
        ({"p": [0.5, float("inf")]}, InvalidRanking),
        ({"i": [1, None]}, InvalidPredictions),
        ({"d": ["31/01/2026", None]}, NotADate),
        ({"d": ["0026-01-31", None]}, NotADate),
    ],
)
def test_what_parquet_can_hold_and_an_audit_cannot(
    tmp_path: Path, columns: dict[str, list[Any]], error: type[Exception]
) -> None:
    file = tmp_path / "given.parquet"
    plain: dict[str, list[Any]] = {"y": [1, 0], "s": [True, False], "g": ["u", "v"]}
    pq.write_table(pa.table(plain | columns), file)
    more = {name: name for name in columns if name not in plain}
    named = {"p": "score", "i": "person", "d": "as_of"}
    with pytest.raises(error):
        read_predictions(file, **GOOD, **{named[name]: name for name in more})


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    file = tmp_path / "given.parquet"
    columns = {
        "y": [1.0, None, 0.0],
        "s": [True, False, True],
        "g": pa.array(["u", None, "u"]).dictionary_encode(),
        "i": [3, 1, 3],
        "p": [5, None, 1],
        "d": pa.array([datetime(2026, 1, day, 23, 30, tzinfo=UTC) for day in (1, 2, 3)]),
        "unused": [[1], [2], []],
    }
    pq.write_table(pa.table(columns), file)
    table = read_predictions(file, **GOOD, person="i", score="p", as_of="d").table
    assert table["person"].tolist() == [3, 1, 3]
    assert table["g"].tolist() == ["u", "inconnu", "u"]
    assert table["score"].isna().tolist() == [False, True, False]
    assert table["as_of"].dt.day.tolist() == [2, 3, 4]


def test_a_folder_is_no_file_and_a_name_is_no_pattern(tmp_path: Path) -> None:
    with pytest.raises(PredictionsFileUnreadable, match="is a folder"):
        read_predictions(tmp_path, **GOOD)
    file = tmp_path / "lot[1]*.csv"
    file.write_text("y,s,g\n1,1,u\n", encoding="utf-8")
    assert len(read_predictions(file, **GOOD).table) == 1


def test_columns_that_could_be_attributes_are_named(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        entity_id=list(range(30)),
        score=[0, 1] * 15,
        label_value=[1, 0] * 15,
        sexe=list("fm") * 15,
        same=["x"] * 30,
        name=[f"n{row}" for row in range(30)],
    )
    assert candidates(file) == ("sexe",)


@given_by(
    st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=1, max_size=30),
    st.integers(1, 30),
    st.integers(0, 3),
)
def test_the_list_is_the_first_k_of_the_whole_order(
    scores: list[float | None], k: int, seed: int
) -> None:
    """Only ties at the cut are drawn; sorting everybody by score and draw gives the same list."""
    score = pd.Series(scores, dtype="float64")
    person = pd.Series([f"p{row}" for row in range(len(scores))])
    assume(k <= score.notna().sum())
    selected, ties = highest(score, person, k, seed)
    key = seed.to_bytes(8, "big")
    draw = [
        blake2b(f"p{row}\0{row}".encode(), key=key, digest_size=8).digest()
        for row in range(len(scores))
    ]
    known = [row for row in range(len(scores)) if not np.isnan(score[row])]
    order = sorted(known, key=lambda row: (-score[row], draw[row]))
    assert set(np.flatnonzero(selected)) == set(order[:k])
    assert ties.unscored == len(scores) - len(known)


@pytest.mark.parametrize(
    ("scores", "probable"),
    [
        (["0.1", "0.9", ""], True),
        (["0", "0.5", "1"], True),
        (["0", "1", "1"], False),  # decisions
        (["0.1", "1.1", "0.5"], False),
        (["-1", "0.5", "0.5"], False),
    ],
)
def test_scores_from_0_to_1_are_probabilities_too(
    tmp_path: Path, scores: list[str], probable: bool
) -> None:
    rows = "".join(f"{row % 2},1,u,{score}\n" for row, score in enumerate(scores))
    table = given(tmp_path, f"y,s,g,p\n{rows}", score="p").table
    assert ("probability" in table) is probable
