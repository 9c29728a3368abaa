"""The whole promise on invented histories, in one function.

Everything real runs: import, training, audit, two votes, scoring. What is only for show is
named as such: the accounts, and the votes given with the reason "démonstration".
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from api import gate
from api.home import Home, HomeExists, create_home
from api.imports import import_folder
from api.settings import SIMULATED_UNTIL, Settings, read_settings
from api.situations import score_situations
from api.studies import audit_model, train_models
from features.errors import RebondError
from features.simulation import simulate
from revue import accounts
from revue.records import Actor, Role

Progress = Callable[[str], None]

REASON = "démonstration"
DEMO = Actor(login="cli:demo", role=None, team=None)
OTHER_ACCOUNTS = (
    ("comite.1", Role.COMMITTEE),
    ("comite.2", Role.COMMITTEE),
    ("donnees.1", Role.STEWARD),
    ("dpo.1", Role.DPO),
    ("admin.1", Role.ADMIN),
)
MONTHS = 30
SEED = 0


class NoModelBeatsTheRules(RebondError):
    """With so few invented histories no model may be promoted."""


@dataclass(frozen=True)
class DemoAccount:
    """One account of the demonstration, with its password to print."""

    login: str
    role: Role
    team: str | None
    password: str

    @property
    def label(self) -> str:
        """The account as a line for people."""
        return f"{self.role.label}, {self.team}" if self.team else self.role.label


@dataclass(frozen=True)
class Demo:
    """What the demonstration made."""

    home: Home
    accounts: tuple[DemoAccount, ...]
    queued: int


def prepare_demo(folder: Path, keys: Path, persons: int, *, progress: Progress) -> Demo:
    """Make a demonstration home and fill its queue.

    An earlier demonstration in the same place is replaced; any other home is left alone.

    Raises
    ------
    HomeExists
        The folder holds a home that is not a demonstration.
    NoModelBeatsTheRules
        ``persons`` is too small.
    """
    with _in_place_of_an_earlier(folder, keys):
        home = create_home(folder, keys, Settings(demonstration=True, service="Démonstration"))
        with tempfile.TemporaryDirectory() as scratch:
            progress(f"inventing {persons} histories")
            simulate(
                Path(scratch), persons=persons, months=MONTHS, seed=SEED, until=SIMULATED_UNTIL
            )
            import_folder(home, Path(scratch), by=DEMO, progress=progress)
        made = _accounts(home)
        chosen = train_models(home, by=DEMO, progress=progress).chosen
        if chosen is None:
            raise NoModelBeatsTheRules(
                f"with {persons} invented histories no model beats every naive rule, so none may "
                "be promoted: ask for more --persons."
            )
        audit_model(home, chosen, by=DEMO, progress=progress)
        for account in made:
            if account.role is Role.COMMITTEE:
                _approve(home, account.login, chosen)
        summary = score_situations(home, None, by=DEMO, progress=progress)
    return Demo(home, made, summary.queued)


def _approve(home: Home, login: str, version: str) -> None:
    with home.transaction() as session:
        actor = accounts.actor_for(session, login)
        gate.approve(home, session, actor, version=version, reason=REASON, waive=True)


def _accounts(home: Home) -> tuple[DemoAccount, ...]:
    """Two educators a team, for a second look takes two; a team lead, and the rest of the house."""
    stays = home.store.stays()
    present = stays[stays["left_on"].isna() & stays["referent"].notna()]
    wanted: list[tuple[str, Role, str | None]] = [
        (login, Role.EDUCATOR, str(team))
        for team, referents in present.groupby("team")["referent"]
        for login in referents.value_counts().index[:2]
    ]
    teams = dict.fromkeys(team for _, _, team in wanted)
    wanted += [(f"equipe.{team}", Role.TEAM_LEAD, team) for team in teams]
    wanted += [(login, role, None) for login, role in OTHER_ACCOUNTS]
    made = []
    for login, role, team in wanted:
        with home.transaction() as session:
            password = accounts.create_user(
                session,
                login=login,
                role=role,
                team=team,
                by=DEMO,
                now=home.now(),
                practised=role is Role.EDUCATOR,
            )
        made.append(DemoAccount(login, role, team, password))
    return tuple(made)


@contextmanager
def _in_place_of_an_earlier(folder: Path, keys: Path) -> Iterator[None]:
    """Put an earlier demonstration aside, and back if the new one does not come to stand."""
    found = folder.exists() and any(folder.iterdir())
    if found and not _is_demonstration(folder):
        raise HomeExists(
            f"{folder} holds something that is not a demonstration; choose another --home."
        )
    if keys.exists() and any(keys.iterdir()) and not keys.is_relative_to(folder):
        raise HomeExists(
            f"{keys} holds the keys of another home; a demonstration makes its own: choose "
            "another REBOND_KEYS."
        )
    aside = folder.with_name(f".{folder.name}.before")
    shutil.rmtree(aside, ignore_errors=True)
    if found:
        folder.rename(aside)
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if found:
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _is_demonstration(folder: Path) -> bool:
    settings = folder / "settings.toml"
    return settings.is_file() and read_settings(settings).demonstration
