"""What several rooms' tests share: the command line, a demonstration home, a real browser."""

from __future__ import annotations

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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.attacks import Gathering

# How fast something is, `rebond bench` tells; a law holds on a slow machine as well.
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")

ROOT = Path(__file__).parents[1]
GUARD = ROOT / "tests" / "guard"
SHARED_DATA = ROOT.parent / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    """Gather what this run does to the safeguards; under xdist, where the workers report to."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Gathering())


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


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> DemoHome:
    """One demonstration for the whole run; tests that write work on a copy."""
    folder = tmp_path_factory.mktemp("demo") / "home"
    calls = folder.parent / "calls"
    ran = rebond("demo", "--no-serve", "--persons", "2000", home=folder, guard=calls)
    assert ran.status == 0, ran.err
    return DemoHome(folder, ran.out, ran.err, calls)


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
        process.wait(timeout=20)


def _wait_until_healthy(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the service stopped before it answered"
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=2):  # noqa: S310 - loopback
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the service did not answer within a minute")


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
