"""Both judge the same table with the same verdict; how fast, is measured elsewhere."""

from __future__ import annotations

from features.benchmarks.contract import CONTRACT, race


def test_both_judge_the_same_tables() -> None:
    clean, spoilt = race(rows=2_000, rounds=1)
    assert len(CONTRACT.columns) == 21
    assert (clean.faulty_rows, spoilt.faulty_rows) == (0, 5)
    assert all(result.ours > 0 and result.peer > 0 for result in (clean, spoilt))
