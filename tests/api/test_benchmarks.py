"""Benchmarks compare equal figures; how fast they are is never asserted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from api.benchmarks.queue_load import highest_rate
from api.benchmarks.runs import BENCHMARKS
from tests.conftest import rebond

PEERS = Path(sys.prefix) / "peers" / "bin" / "python"


def test_the_range_join_makes_the_same_matrix() -> None:
    ran = rebond("bench", "features", "--scale", "0.003")
    assert ran.status == 0, ran.err
    figures = ran.out["features"]
    assert figures["equal"] is True and figures["measures"] >= 48
    assert figures["rows"] == 24 * figures["persons"] == 24 * figures["events"] // 100
    assert figures["ratio"] == pytest.approx(figures["peer"] / figures["ours"])
    assert figures["featuretools_equal"] is None


def test_featuretools_measures_the_same_slice() -> None:
    if not PEERS.is_file():
        pytest.skip("featuretools is not installed: `make bench` installs it")
    figures = rebond("bench", "features", "--scale", "0.003", "--peers", PEERS).out["features"]
    assert figures["featuretools_equal"] is True and figures["featuretools_peer"] > 0


def test_the_contract_gives_the_verdicts_of_pandera() -> None:
    figures = rebond("bench", "contract", "--scale", "0.002").out["contract"]
    assert figures["faulty_rows"] == 5 and figures["ours"] > 0 and figures["peer"] > 0


def test_explaining_is_exact_and_one_row_needs_no_machine_learning() -> None:
    figures = rebond("bench", "explain", "--scale", "0.003").out["explain"]
    assert figures["rows"] == 3000 and figures["features"] == 48
    assert figures["equal"] is True
    assert figures["imports_with_ml"] == [] and figures["one_row_ms"] > 0
    assert figures["peer_difference"] < 1e-12
    assert figures["interventional_difference"] < 1e-6
    assert figures["rows_per_second"] == pytest.approx(figures["rows"] / figures["ours"])
    assert figures["peer_rows_per_second"] == pytest.approx(figures["rows"] / figures["peer"])
    assert figures["ratio"] == pytest.approx(figures["peer"] / figures["ours"])


def test_every_benchmark_is_named_and_no_other_is_run() -> None:
    assert "features" in BENCHMARKS
    ran = rebond("bench", "nothing")
    assert ran.status == 1 and "features" in ran.out["error"]
    ran = rebond("bench", "features", "--peers", "no/such/python")
    assert ran.status == 1 and "make bench" in ran.out["error"]


def test_everybody_ranks_the_same_rows() -> None:
    peers = ("--peers", PEERS) if PEERS.is_file() else ()
    ran = rebond("bench", "train", "--scale", "0.2", *peers)
    assert ran.status == 0, ran.err
    figures = ran.out["train"]
    assert figures["rows"] > 1000 and figures["features"] >= 48
    assert 0.5 < figures["auc_ours"] < 1
    if peers:
        assert figures["auc_below_ebm"] == pytest.approx(figures["auc_ebm"] - figures["auc_ours"])
    else:
        assert figures["peer"] is None


def test_the_pipeline_trains_three_families_and_audits() -> None:
    ran = rebond("bench", "pipeline", "--scale", "0.45")
    assert ran.status == 0, ran.err
    figures = ran.out["pipeline"]
    assert figures["families"] == 3 and figures["splits"] > 3 and figures["persons"] == 900
    assert figures["ours"] == pytest.approx(figures["training"] + figures["auditing"])


def test_the_audit_is_timed_beside_metric_frame_and_asked_how_often_it_is_right() -> None:
    figures = rebond("bench", "audit", "--scale", "0.005").out["audit"]
    assert figures["groups"] == 175 and figures["rows"] == 5000 and figures["replicates"] == 1000
    assert figures["ours_with_scores"] > 0
    assert figures["ratio"] == pytest.approx(figures["peer"] / figures["ours"])
    rates = rebond("bench", "audit", "--power", "--scale", "0.003").out["audit"]
    assert rates["detection"]["audits"] == 3 and rates["coverage"]["promised"] == [0.93, 0.97]
    assert rebond("bench", "train", "--power").status == 1


def test_the_queue_is_served_and_asked_for_by_a_process_apart() -> None:
    ran = rebond("bench", "queue", "--scale", "0.02")
    assert ran.status == 0, ran.err
    figures = ran.out["queue"]
    assert figures["errors"] == 0 and figures["requests"] == 50
    assert figures["educators"] == 4 and figures["situations"] == 2000
    assert 0 < figures["p50"] <= figures["ours"] <= figures["p99"]
    assert figures["peer"] > 0 and figures["acts_p95"] > 0 and figures["ratio"] is None


def test_the_highest_rate_is_found_by_doubling_and_halving() -> None:
    assert 117 <= highest_rate(lambda rate: rate <= 130) <= 130
    assert highest_rate(lambda rate: False) == 0


def test_the_journal_is_verified_whole_and_pymerkle_finds_the_same_roots() -> None:
    figures = rebond("bench", "journal", "--scale", "0.001").out["journal"]
    assert figures["entries"] == 996 and figures["ours"] > 0 and figures["equal"] is None
    if not list(PEERS.parents[1].glob("lib/*/site-packages/pymerkle")):
        pytest.skip("pymerkle is not installed: `make bench` installs it")
    figures = rebond("bench", "journal", "--scale", "0.001", "--peers", PEERS).out["journal"]
    assert figures["equal"] is True and figures["peer"] > 0
