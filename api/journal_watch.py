"""Whether the journal holds, as the web service knows it without making anybody wait.

A journal of a few thousand entries is verified at every look. A big one takes seconds: it is
verified beside the requests, at most once an hour, and a look tells what was found last and
when.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.home import Home
from revue import journal
from revue.records import JournalReport

AT_ONCE = 50_000
"""Entries that are verified while a page waits: about a quarter of a second."""

AGAIN = timedelta(hours=1)
"""How old the finding on a big journal may be before it is verified again."""


@dataclass(frozen=True)
class Checked:
    """What verifying found, and when."""

    report: JournalReport
    at: datetime


class JournalWatch:
    """Verifies the journal of a home for its pages.

    Parameters
    ----------
    home
        Whose journal, checkpoints and public key.
    at_once
        Entries up to which a look verifies by itself.
    """

    def __init__(self, home: Home, at_once: int = AT_ONCE) -> None:
        self._home = home
        self._at_once = at_once
        self._found: Checked | None = None
        self._running = threading.Lock()
        self._thread: threading.Thread | None = None

    def look(self) -> Checked | None:
        """Return what is known; None while a big journal is verified for the first time."""
        with self._home.reading() as session:
            small = journal.size(session) <= self._at_once
        if small:
            return self._verify()
        found = self._found
        if found is None or abs(self._home.now() - found.at) >= AGAIN:
            self._begin()
        return found

    def _begin(self) -> None:
        if self._running.acquire(blocking=False):
            self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
            self._thread.start()

    def join(self) -> None:
        """Wait for a verification that was begun."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._found = self._verify()
        finally:
            self._running.release()

    def _verify(self) -> Checked:
        home = self._home
        with home.reading() as session:
            report = journal.check_journal(
                session, home.log_key, kept=home.checkpoints, is_home=True
            )
        return Checked(report, home.now())
