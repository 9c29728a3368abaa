"""Spark in local mode, where Java is present: the same matrices, and a whole training."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, SHARED_DATA, rebond

HERE = importlib.util.find_spec("pyspark") is not None
SPARK = Path(sys.prefix) / "spark"
"""Where `make test` installs Spark, apart from everything else."""


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """An environment in which Spark is found."""
    if shutil.which("java") is None:
        pytest.skip("no Java on this machine: install Java 17 or newer to run this test")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("REBOND_")}
    if HERE:
        return kept
    if not (SPARK / "pyspark").is_dir():
        pytest.skip("Spark is not installed: `make test` installs it")
    return {**kept, "PYTHONPATH": str(SPARK)}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spark")
    home = folder / "home"
    for command in (
        ("init",),
        ("simulate", folder / "in", "--persons", "500"),
        ("import", folder / "in"),
    ):
        ran = rebond(*command, home=home)
        assert ran.status == 0, ran.err
    return home


def run(environment: dict[str, str], *arguments: str | Path) -> str:
    done = subprocess.run(  # noqa: S603 - our own modules
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_spark_gives_the_same_matrices_on_simulated_and_on_real_data(
    environment: dict[str, str],
    simulated: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    homes = [simulated]
    if (SHARED_DATA / "oulad").is_dir():
        made, _ = request.getfixturevalue("oulad_home")
        homes.append(tmp_path / "oulad")
        shutil.copytree(made, homes[1])
        (homes[1] / "keys").chmod(0o700)
    lines = run(environment, "-m", "tests.api.spark_equality", *homes).splitlines()
    assert [line.split()[0] for line in lines] == ["same"] * len(homes)


def test_a_training_on_spark_measures_what_a_training_here_measures(
    environment: dict[str, str], simulated: Path, tmp_path: Path
) -> None:
    # In a home of its own, so that both give the same versions: ties are drawn by version.
    home = tmp_path / "home"
    shutil.copytree(simulated, home)
    (home / "keys").chmod(0o700)
    arguments = ("-m", "api.cli", "--home", home, "train", "--json")
    there = json.loads(run(environment, *arguments, "--engine", "spark", "--master", "local[2]"))
    here = rebond("train", home=simulated).out
    assert there["candidates"] == here["candidates"]


@pytest.mark.parametrize(
    "options", [("--engine", "spark"), ("--master", "local[2]"), ("--engine", "flink")]
)
def test_engine_and_master_go_together(options: tuple[str, ...], simulated: Path) -> None:
    assert rebond("train", *options, home=simulated).status == 2


@pytest.mark.skipif(HERE, reason="Spark is installed here")
def test_without_spark_it_says_so(simulated: Path) -> None:
    ran = rebond("train", "--engine", "spark", "--master", "local[2]", home=simulated)
    assert ran.status == 1 and "spark extra" in ran.out["error"]
