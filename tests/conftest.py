"""What several rooms' tests share: the command line, a demonstration home, a real browser."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.attacks import Gathering

# How fast something is, `rebond bench` tells; a law holds on a slow machine as well, and
# what one run draws the next one draws again.
settings.register_profile(
    "laws", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("laws")

ROOT = Path(__file__).parents[1]
GUARD = ROOT / "tests" / "guard"
SHARED_DATA = ROOT.parent / "shared" / "data"

SLOWEST_FIRST = (
    "api/test_oulad.py",
    "api/test_cli.py",
    "api/test_accessibility.py",
    "api/test_spark.py",
    "api/test_benchmarks.py",
    "api/test_gap_audit.py",
    "features/test_traps.py",
    "features/test_simulation.py",
    "api/test_rights.py",
    "api/test_audit_surroundings.py",
    "features/intake/test_folder.py",
    "api/test_web_flow.py",
    "api/test_browser_month.py",
    "api/test_browser.py",
    "features/test_store.py",
    "features/test_contract.py",
    "api/test_backup.py",
    "features/test_engine.py",
)
"""A process takes a file at a time: whoever began a long one last would end alone."""


def pytest_configure(config: pytest.Config) -> None:
    """Gather what this run does to the safeguards; under xdist, where the workers report to."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Gathering())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, in one order for every process."""
    places = {ROOT / "tests" / name: place for place, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_collection_finish() -> None:
    """Leave what was imported out of every later search for garbage; it stays to the end."""
    gc.freeze()


def pytest_unconfigure() -> None:
    """Give it back, so that libraries that count what they leave behind find nothing."""
    gc.unfreeze()


@dataclass(frozen=True)
class Ran:
    """What one command left: status, the object on standard output, the rest."""

    status: int
    out: dict[str, Any]
    err: str


def rebond(*arguments: str | Path, home: Path | None = None, guard: Path | None = None) -> Ran:
    """Run ``rebond … --json`` as a process of its own, as a data steward would.

    With ``guard`` no other host can be reached, and that file says who was called.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REBOND_")}
    before: list[str] = []
    if guard is not None:
        environment |= {"PYTHONPATH": str(GUARD), "GUARD_FILE": str(guard)}
        before = alone()
    done = subprocess.run(  # noqa: S603 - our own command
        [
            *before,
            sys.executable,
            "-m",
            "api.cli",
            *(["--home", str(home)] if home else []),
            *map(str, arguments),
            "--json",
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.stdout.strip().startswith("{"), done.stderr
    return Ran(done.returncode, json.loads(done.stdout), done.stderr)


def alone() -> list[str]:
    """Return what a command is run with so that nothing leaves; nothing where that is refused."""
    for without in (["unshare", "--map-root-user", "--net"], ["unshare", "--net"]):
        if shutil.which("unshare"):
            tried = subprocess.run([*without, "true"], capture_output=True, check=False)  # noqa: S603
            if tried.returncode == 0:
                return [*without, sys.executable, "-m", "tests.guard.alone"]
    return []


@dataclass(frozen=True)
class DemoHome:
    """A filled demonstration home and its accounts; ``said`` is what making it wrote beside."""

    folder: Path
    out: dict[str, Any]
    said: str = ""
    calls: Path | None = None
    """What the guard wrote down while it was made: every call to another host."""

    def password(self, login: str) -> str:
        return next(str(a["password"]) for a in self.out["accounts"] if a["login"] == login)

    def login(self, role: str) -> str:
        return next(str(a["login"]) for a in self.out["accounts"] if a["role"] == role)

    def copy(self, to: Path) -> DemoHome:
        """A copy that a test may change."""
        shutil.copytree(self.folder, to)
        (to / "keys").chmod(0o700)
        return replace(self, folder=to)


@contextmanager
def once_a_run(factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """Hold a folder that the processes of a run share; whoever finds it empty fills it."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared-{name}"
    folder.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> DemoHome:
    """One demonstration for the whole run; tests that write work on a copy."""
    with once_a_run(tmp_path_factory, "demo") as shared:
        said, calls = shared / "said.json", shared / "calls"
        if not said.exists():
            ran = rebond(
                "demo", "--no-serve", "--persons", "2000", home=shared / "home", guard=calls
            )
            assert ran.status == 0, ran.err
            said.write_text(json.dumps([ran.out, ran.err]), encoding="utf-8")
        made = DemoHome(shared / "home", *json.loads(said.read_text(encoding="utf-8")), calls)
    # Even a reader leaves files beside a database: each process reads its own.
    return made.copy(tmp_path_factory.mktemp("demo") / "home")


@contextmanager
def served(home: Path) -> Iterator[str]:
    """Serve a home on loopback as a process of its own; stopped by its process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "api.cli", "--home", str(home), "serve", "--port", str(port)],
        cwd=ROOT,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(process, address)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=120)


def _wait_until_healthy(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert process.poll() is None, "the service stopped before it answered"
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=2):  # noqa: S310 - loopback
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the service did not answer within five minutes")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The machine's Chromium; tests that need it are skipped with a plain line without."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium on this machine: install Debian's chromium to run this test")
    return found


@pytest.fixture(scope="session")
def oulad() -> Path:
    """The real OULAD data; tests that need it are skipped with a plain line without."""
    folder = SHARED_DATA / "oulad"
    if not folder.is_dir():
        pytest.skip("shared/data/oulad is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def oulad_home(tmp_path_factory: pytest.TempPathFactory, oulad: Path) -> tuple[Path, Ran]:
    """Import the real data once for the whole run; tests work on copies of the home."""
    with once_a_run(tmp_path_factory, "oulad") as shared:
        home, said = shared / "home", shared / "said.json"
        if not said.exists():
            rebond("init", home=home)
            ran = rebond("import", "--from", "oulad", oulad, home=home)
            said.write_text(json.dumps(astuple(ran)), encoding="utf-8")
        return home, Ran(*json.loads(said.read_text(encoding="utf-8")))
