"""The house stands as drawn: rooms, locks, and what must never be in the repository."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROOMS = ("features", "modeles", "audits", "revue", "api")


def tracked() -> list[Path]:
    """Every file of the repository, or of the tree where git is not there."""
    done = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in done.stdout.split("\0") if name]


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_resolves_inside_the_repository(room: str) -> None:
    module = importlib.import_module(room)
    assert module.__file__ is not None
    assert Path(module.__file__) == ROOT / room / "__init__.py"


@pytest.mark.parametrize("room", ROOMS)
def test_room_inits_stay_empty(room: str) -> None:
    assert (ROOT / room / "__init__.py").read_bytes() == b""


def test_every_folder_below_tests_is_a_package() -> None:
    folders = {p.parent for p in (ROOT / "tests").rglob("*.py")}
    assert all((folder / "__init__.py").is_file() for folder in folders)


def test_locks_have_hashes_and_no_address() -> None:
    locks = sorted(ROOT.glob("requirements*.lock"))
    assert len(locks) == 4
    for path in locks:
        name, text = path.name, path.read_text()
        packages = re.findall(r"^([a-z0-9][^\s=]*)==", text, re.MULTILINE)
        assert packages, name
        assert text.count("--hash=sha256:") >= len(packages)
        assert not re.search(r"https?://|file:|--index|--find-links", text), name


def test_no_third_party_asset_or_data_file_is_kept_here() -> None:
    barred = re.compile(r"\.(pkl|pickle|joblib|db|sqlite3?|min\.js|min\.css|woff2?|ttf|parquet)$")
    assert [p for p in tracked() if barred.search(p.name)] == []


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "module",
    ["revue.review", "revue.queue", "revue.committee", "revue.accounts", "api.web.app"],
)
def test_s31_human_review_runs_in_a_process_without_machine_learning(module: str) -> None:
    """A served queue cannot open a pickle: nothing that could is in its process."""
    script = (
        f"import sys, {module}\n"
        "found = {'sklearn', 'mlflow', 'shap', 'fairlearn', 'joblib', 'typst'} & set(sys.modules)\n"
        "sys.exit(f'loads {found}' if found else 0)"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_readme_names_only_commands_and_pictures_that_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"`?make ([a-z]+)", text):
        assert target in targets
    for picture in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text):
        assert (ROOT / picture).is_file(), picture
