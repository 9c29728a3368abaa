"""No row of a history is written where nobody would look for it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from features.data_engine import opened

ROWS = "SELECT hash(i) AS h, repeat('x', 60) FROM range(1500000) t(i) ORDER BY h"


@pytest.mark.safeguard
def test_s16_what_does_not_fit_is_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with opened() as database:
        database.execute("SET memory_limit = '40MB'")
        with pytest.raises(duckdb.OutOfMemoryException):
            database.execute(f"CREATE TABLE t AS {ROWS}")
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.safeguard
def test_s16_what_does_not_fit_waits_in_the_scratch_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with opened(scratch) as database:
        database.execute("SET memory_limit = '80MB'")
        database.execute("SET threads = 1")
        database.execute(f"CREATE TABLE t AS {ROWS}")
        written = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert written and all(path.parent == scratch / "spill" for path in written)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
