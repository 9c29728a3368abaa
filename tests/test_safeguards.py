"""Each of the 36 safeguards is attacked by name, and only a whole run leaves a record."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from api.safeguards import SAFEGUARDS
from api.trials import Trial, read_trial
from tests.attacks import NUMBERS, Attack, Gathering, attacks
from tests.conftest import ROOT


def test_each_safeguard_is_attacked() -> None:
    tried = {number for attack in attacks() for number in attack.numbers}
    assert sorted(NUMBERS - tried) == []
    assert sorted(tried - NUMBERS) == []


def test_name_and_marker_go_together() -> None:
    found = attacks()
    assert [one.nodeid for one in found if one.numbers and not one.marked] == []
    assert [one.nodeid for one in found if one.marked and not one.numbers] == []


def test_a_marker_without_a_number_and_a_number_without_a_marker_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_x.py").write_text(
        "import pytest\n@pytest.mark.safeguard\ndef test_of_nothing(): ...\n"
        "def test_s07_unmarked(): ...\ndef test_plain(): ...\n"
        "class TestX:\n    @pytest.mark.safeguard\n    def test_s01_s35_both(self): ...\n"
    )
    assert attacks(folder) == (
        Attack("tests/test_x.py", "test_of_nothing", True),
        Attack("tests/test_x.py", "test_s07_unmarked", False),
        Attack("tests/test_x.py", "test_s01_s35_both", True),
    )
    assert [sorted(one.numbers) for one in attacks(folder)] == [[], [7], [1, 35]]


def test_all_of_them_are_told_and_every_mechanism_is_where_it_is_said_to_be() -> None:
    assert [each.number for each in SAFEGUARDS] == sorted(NUMBERS)
    for each in SAFEGUARDS:
        assert each.modules, each.name
        assert all(each.sentences), each.name
        for module in each.modules:
            found = importlib.util.find_spec(module)
            assert found is not None, (each.name, module)
            assert Path(str(found.origin)).is_relative_to(ROOT), module


class Report:
    """A report as pytest hands it over, from this process or a worker."""

    def __init__(self, nodeid: str, outcome: str = "passed", when: str = "call") -> None:
        self.nodeid, self.outcome, self.when = nodeid, outcome, when
        self.keywords = {"safeguard": 1}

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"


@pytest.fixture
def run(tmp_path: Path) -> Gathering:
    """A run in which every attack was made and failed."""
    gathering = Gathering(record=tmp_path / "record.json")
    for attack in (*attacks(), *(Attack("tests/x.py", f"test_s{n:02}_x", True) for n in NUMBERS)):
        for when in ("setup", "call", "teardown"):
            gathering.pytest_runtest_logreport(Report(f"{attack.nodeid}[1-a::b]", when=when))
    return gathering


def test_a_whole_run_leaves_a_record_of_the_code_that_runs(run: Gathering) -> None:
    run.pytest_sessionfinish()
    read = read_trial(run.record)
    assert isinstance(read, Trial)
    assert set(read.tests) == {each.name for each in SAFEGUARDS}
    assert read.attacks == len(attacks()) + len(NUMBERS)


@pytest.mark.parametrize("outcome", ["failed", "skipped"])
@pytest.mark.parametrize("when", ["setup", "call", "teardown"])
def test_one_that_did_not_pass_takes_the_record_away(
    run: Gathering, outcome: str, when: str
) -> None:
    run.pytest_sessionfinish()
    run.pytest_runtest_logreport(Report(attacks()[0].nodeid, outcome, when))
    run.pytest_sessionfinish()
    assert not run.record.exists()


def test_one_that_was_left_out_or_code_that_changed_leaves_none(run: Gathering) -> None:
    first = attacks()[0].nodeid
    times = run.passed.pop(first)
    run.pytest_sessionfinish()
    assert not run.record.exists()
    run.passed[first], run.code = times, "0" * 64
    run.pytest_sessionfinish()
    assert not run.record.exists()


def test_a_record_of_other_code_or_of_fewer_safeguards_is_not_read(run: Gathering) -> None:
    run.pytest_sessionfinish()
    whole = run.record.read_text(encoding="utf-8")
    for changed in (
        whole.replace(run.code, "0" * 64),
        whole.replace('"S36"', '"S37"'),
        whole.replace('"attacks"', '"attaques"'),
        whole[:-20],
        "[]",
    ):
        assert changed != whole
        run.record.write_text(changed, encoding="utf-8")
        assert read_trial(run.record) is None
    assert read_trial(run.record.with_name("none.json")) is None
