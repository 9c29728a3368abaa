"""Files take their places together or not at all, wherever the process stops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from features.staging import (
    FOLDER,
    ImportRunning,
    PlaceTaken,
    Staging,
    recover,
    staging,
)

from .builders import contents

OLD = {"a/one": b"old", "list": b"one"}
NEW = {"a/one": b"new", "b/c/two": b"two", "list": b"one two"}


def no(_sealed: str) -> bool:
    return False


def yes(_sealed: str) -> bool:
    return True


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for place, content in OLD.items():
        path = tmp_path / "root" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "root"


def fill(stage: Staging) -> str:
    (stage.scratch / "waste").write_bytes(b"waste")
    for place, content in NEW.items():
        stage.path(place).write_bytes(content)
    return stage.seal(last="list")


def test_what_is_sealed_and_committed_takes_its_place(root: Path) -> None:
    committed: list[str] = []
    with staging(root, committed.__contains__) as stage:
        committed.append(fill(stage))
        assert contents(root).items() >= OLD.items()  # nothing moves before the block has ended
    assert contents(root) == NEW


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize(("committed", "left"), [(no, OLD), (yes, NEW)])
def test_only_the_commit_decides_whatever_stops_the_block(
    stop: type[BaseException],
    committed: Callable[[str], bool],
    left: dict[str, bytes],
    root: Path,
) -> None:
    with pytest.raises(stop), staging(root, committed) as stage:
        fill(stage)
        raise stop
    assert contents(root) == left and not (root / FOLDER).exists()


def test_what_was_never_sealed_leaves_nothing(root: Path) -> None:
    with staging(root, yes) as stage:
        stage.path("list").write_bytes(b"half")
    assert contents(root) == OLD


def abandoned(root: Path) -> Staging:
    """A staging whose process was killed when everything was sealed."""
    stage = Staging(root)
    stage.folder.mkdir()
    fill(stage)
    return stage


@pytest.mark.parametrize("moved", range(len(NEW) + 1))
def test_a_killed_publication_is_finished(moved: int, root: Path) -> None:
    stage = abandoned(root)
    for place in list(NEW)[:moved]:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        stage.path(place).replace(root / place)
    recover(root, yes)
    assert contents(root) == NEW
    recover(root, yes)
    assert contents(root) == NEW


def test_the_list_that_readers_go_by_is_published_last(root: Path) -> None:
    stage = abandoned(root)
    (root / "b").write_bytes(b"an obstacle that came after sealing")
    with pytest.raises(OSError, match="b"):
        recover(root, yes)
    assert (root / "list").read_bytes() == OLD["list"]
    (root / "b").unlink()
    recover(root, yes)
    assert contents(root) == NEW and not stage.folder.exists()


def test_a_plan_half_written_was_never_committed(root: Path) -> None:
    stage = abandoned(root)
    plan = stage.folder / "plan.json"
    whole = plan.read_bytes()
    plan.write_bytes(whole[:-3])
    asked: list[str] = []
    recover(root, lambda sealed: bool(asked.append(sealed)))
    assert len(asked) == 1 and contents(root) == OLD


def test_two_acts_of_the_same_files_are_told_apart(root: Path) -> None:
    seals = set()
    for _ in range(2):
        with staging(root, no) as stage:
            seals.add(fill(stage))
    assert len(seals) == 2


def test_an_act_under_way_is_left_alone(root: Path) -> None:
    with staging(root, no) as stage:
        fill(stage)
        recover(root, yes)
        assert stage.folder.exists() and contents(root).items() >= OLD.items()
        with pytest.raises(ImportRunning), staging(root, yes):
            pass
        assert stage.folder.exists()
    assert contents(root) == OLD


@pytest.mark.parametrize("place", ["list", "a"])
def test_a_place_that_is_taken_is_named_when_sealing(place: str, root: Path) -> None:
    wanted = "a/one" if place == "a" else place
    if place == "a":
        (root / "a" / "one").unlink()
        (root / "a").rmdir()
        (root / "a").write_bytes(b"no folder")
    else:
        (root / place).unlink()
        (root / place).mkdir()
    with pytest.raises(PlaceTaken, match=f"^{place} stands where"), staging(root, yes) as stage:
        stage.path(wanted).write_bytes(b"x")
        stage.seal(last=wanted)
    assert not (root / FOLDER).exists()
