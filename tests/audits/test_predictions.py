"""Anybody's predictions file: read, ranked, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audits.engine import audit_predictions
from audits.predictions import (
    InvalidPredictions,
    InvalidRanking,
    NotBinary,
    PredictionsFileUnreadable,
    UnknownColumn,
    highest,
    read_predictions,
)
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
