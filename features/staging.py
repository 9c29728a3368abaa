"""Files that take their places together, or not at all, whenever the process is killed.

Every file is written below one staging folder, where nobody reads. :meth:`Staging.seal`
writes down which they are; the SHA-256 it returns is committed with whatever else the act
changes, in the transaction of a database. From then on the files belong in their places,
and moving them there can be done again as often as it is interrupted; before, all of them
are waste.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from features.errors import RebondError

FOLDER = "importing"
_PLAN = "plan.json"

Committed = Callable[[str], bool]
"""Says of a sealed plan's SHA-256 whether it was committed."""


class ImportRunning(RebondError):
    """Only one import, or one other act that changes files, may be under way in a home."""


class PlaceTaken(RebondError):
    """Something else stands where a file has to go."""


@dataclass(frozen=True)
class Staging:
    """The files of one act, written beside their places.

    ``root`` holds their places; the staging folder stands inside it, on the same disk.
    """

    root: Path

    @property
    def folder(self) -> Path:
        """The staging folder."""
        return self.root / FOLDER

    @property
    def scratch(self) -> Path:
        """A folder for what is needed meanwhile and never takes a place."""
        made = self.folder / "scratch"
        made.mkdir(exist_ok=True)
        return made

    @property
    def files(self) -> Path:
        """Where files wait, each below the place it will take."""
        return self.folder / "files"

    def path(self, place: str) -> Path:
        """Return where to write the file whose place is ``root / place``."""
        waiting = self.files / place
        waiting.parent.mkdir(parents=True, exist_ok=True)
        return waiting

    def seal(self, last: str, gone: Iterable[str] = ()) -> str:
        """Write down which files wait, safely on disk, and return the plan's SHA-256.

        Parameters
        ----------
        last
            The place that is filled last: what readers go by.
        gone
            Places that are emptied once all others are filled.

        Raises
        ------
        PlaceTaken
            A file could not take its place.
        """
        waiting = sorted(path for path in self.files.rglob("*") if path.is_file())
        places = [str(path.relative_to(self.files)) for path in waiting]
        for place in places:
            self._check_free(self.root / place)
        for path in waiting:
            _sync(path)
        # The nonce tells two acts apart that come to the same files.
        order = sorted(places, key=lambda place: place == last)
        plain = {"nonce": secrets.token_hex(16), "places": order, "gone": sorted(gone)}
        content = json.dumps(plain).encode()
        plan = self.folder / _PLAN
        plan.write_bytes(content)
        for written in (plan, self.folder):
            _sync(written)
        return hashlib.sha256(content).hexdigest()

    def _check_free(self, place: Path) -> None:
        parent = next(folder for folder in place.parents if folder.exists())
        taken = parent if not parent.is_dir() else place if place.is_dir() else None
        if taken is not None:
            raise PlaceTaken(
                f"{taken.relative_to(self.root)} stands where {place.name} has to go: move it away "
                "and import again."
            )

    def settle(self, committed: Committed) -> None:
        """Move the waiting files to their places if their plan was committed; clear the rest."""
        plan = self.folder / _PLAN
        if plan.is_file():
            content = plan.read_bytes()
            # A plan half written was never committed: its hash is not known to anybody.
            if committed(hashlib.sha256(content).hexdigest()):
                plain = json.loads(content)
                self._publish(plain["places"])
                for place in plain.get("gone", ()):
                    (self.root / place).unlink(missing_ok=True)
            plan.unlink()
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _publish(self, places: list[str]) -> None:
        for place in places:
            waiting, target = self.files / place, self.root / place
            if waiting.exists():  # else it was moved before an interruption
                target.parent.mkdir(parents=True, exist_ok=True)
                for log in ("-wal", "-shm"):  # a database must not meet the log of another
                    target.with_name(target.name + log).unlink(missing_ok=True)
                waiting.replace(target)
                _sync(target.parent)


@contextmanager
def staging(root: Path, committed: Committed) -> Iterator[Staging]:
    """Hold the lock of a home and give an empty staging; settle it when the block ends.

    What an interrupted act left is settled first.

    Raises
    ------
    ImportRunning
        Another process holds the lock.
    """
    stage = Staging(root)
    with _alone(root):
        stage.settle(committed)
        stage.folder.mkdir(mode=0o700)
        try:
            yield stage
        finally:
            stage.settle(committed)


def recover(root: Path, committed: Committed) -> None:
    """Settle what an interrupted act left, unless an act is under way."""
    stage = Staging(root)
    if stage.folder.exists():
        try:
            with _alone(root):
                stage.settle(committed)
        except ImportRunning:
            return


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder; the system releases it when the process ends, however it ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ImportRunning(
                "another import, or an act on somebody's data, is changing this home: wait until "
                "it ends, then try again."
            ) from error
        yield
    finally:
        os.close(handle)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
