"""Which tests attack which safeguard, read from their sources; and the record of a whole run.

A test that attacks a safeguard is called after it (``test_s07_…``, or ``test_s02_s35_…``) and
carries the marker ``safeguard``. Once every one of them passed in one run, on code that did not
change meanwhile, the run leaves the record that the page of the safeguards shows.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from api import trials

ROOT = Path(__file__).parents[1]
NUMBERS = frozenset(range(1, 37))
_NAME = re.compile(r"test_((?:s\d{2}_)+)")


@dataclass(frozen=True)
class Attack:
    """One test function, by its file and name."""

    path: str
    name: str
    marked: bool

    @property
    def numbers(self) -> frozenset[int]:
        """The safeguards it is named after."""
        return numbers_of(self.name)

    @property
    def nodeid(self) -> str:
        return f"{self.path}::{self.name}"


def numbers_of(name: str) -> frozenset[int]:
    """Read the safeguards' numbers from a test's name."""
    found = _NAME.match(name)
    return frozenset(int(s[1:]) for s in found[1].split("_") if s) if found else frozenset()


@cache
def attacks(folder: Path = ROOT / "tests") -> tuple[Attack, ...]:
    """Find every test that is named after a safeguard, or marked as an attack on one."""
    found = []
    for path in sorted(folder.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                marked = any(_is_marker(one) for one in node.decorator_list)
                if marked or numbers_of(node.name):
                    place = path.relative_to(folder.parent).as_posix()
                    found.append(Attack(place, node.name, marked))
    return tuple(found)


def _is_marker(decorator: ast.expr) -> bool:
    return ast.unparse(decorator) == "pytest.mark.safeguard"


@dataclass(eq=False)  # pytest keeps plugins in sets
class Gathering:
    """What a run did to the safeguards, whichever process did it."""

    record: Path = trials.RECORD
    code: str = field(default_factory=trials.code_of_rooms)
    passed: Counter[str] = field(default_factory=Counter)
    others: set[str] = field(default_factory=set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test ended; xdist's workers send theirs here too."""
        if "safeguard" not in report.keywords:
            return
        name = report.nodeid.split("[", 1)[0]
        if not report.passed:  # skipped as well: nothing was tried
            self.others.add(name)
        elif report.when == "call":
            self.passed[name] += 1

    def pytest_sessionfinish(self) -> None:
        """Leave the record of a whole run; a failed attack takes an older one away."""
        if self.others:
            self.record.unlink(missing_ok=True)
        elif {attack.nodeid for attack in attacks()} <= set(self.passed):
            tests: Counter[str] = Counter()
            for nodeid, times in self.passed.items():
                for number in numbers_of(nodeid.rsplit("::", 1)[1]):
                    tests[f"S{number}"] += times
            made = trials.Trial.now(datetime.now(UTC), self.passed.total(), tests)
            if made.is_whole and made.code == self.code:
                trials.write_trial(made, self.record)
