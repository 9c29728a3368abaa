"""Simulated histories as the store's tables, in which tests plant what a report must find."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from features.protocol import Protocol, parse_protocol
from features.quality import Quality, measure_quality
from features.simulation.folder import simulate
from features.tables import EVENTS, STAYS

DAY = date(2026, 3, 2)
NO_FAULTS = pd.DataFrame({c: pd.Series(dtype="str") for c in ("file", "row", "column", "reason")})


def study() -> Protocol:
    text = resources.files("features") / "protocols" / "accompagnement.toml"
    return parse_protocol(text.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Planted:
    """One extract before it is measured; each change returns another."""

    events: pd.DataFrame
    stays: pd.DataFrame
    quarantine: pd.DataFrame = field(default_factory=lambda: NO_FAULTS)
    ignored: Mapping[str, int] = field(default_factory=dict)
    known_codes: Collection[str] = frozenset()

    @property
    def team(self) -> pd.Series:
        """The team of each event; a person of these histories keeps one team."""
        return self.events["person"].map(self.stays.groupby("person")["team"].first())

    def events_with(self, change: Callable[[pd.DataFrame, pd.Series], pd.DataFrame]) -> Planted:
        return replace(self, events=change(self.events.copy(), self.team))

    def knowing_its_codes(self) -> Planted:
        return replace(self, known_codes=frozenset(self.events["code"]))

    def without_month(self, team: str, month: str) -> Planted:
        return self.events_with(
            lambda e, t: e[(t != team) | (e["occurred_at"].dt.strftime("%Y-%m") != month)]
        )

    def stopping(self, team: str, day: str) -> Planted:
        return self.events_with(lambda e, t: e[(t != team) | (e["occurred_at"] < day)])

    def renaming(self, old: str, new: str, team: str | None = None) -> Planted:
        def change(events: pd.DataFrame, teams: pd.Series) -> pd.DataFrame:
            meant = (events["code"] == old) & ((teams == team) | (team is None))
            return events.assign(code=events["code"].mask(meant, new))

        return self.events_with(change)

    def recording_later(self, team: str, days: int) -> Planted:
        return self.events_with(
            lambda e, t: e.assign(
                recorded_at=e["recorded_at"].mask(
                    t == team, e["recorded_at"] + pd.Timedelta(days=days)
                )
            )
        )

    def moving(self, persons: int, team: str) -> Planted:
        """Put the first persons of the list into a team of their own."""
        names = sorted(set(self.stays["person"]))[:persons]
        moved = self.stays["person"].isin(names)
        return replace(self, stays=self.stays.assign(team=self.stays["team"].mask(moved, team)))

    def measure(self, folder: Path, protocol: Protocol | None = None) -> Quality:
        path = folder / "events.parquet"
        EVENTS.validate(self.events).to_parquet(path, index=False)
        return measure_quality(
            path,
            STAYS.validate(self.stays),
            protocol=protocol or study(),
            extracted_on=DAY,
            quarantine=self.quarantine,
            ignored=self.ignored,
            known_codes=self.known_codes,
        )


def planted() -> Planted:
    """Return 700 simulated persons over 14 months, as they come."""
    return Planted(*_simulated())


@cache
def _simulated() -> tuple[pd.DataFrame, pd.DataFrame]:
    with TemporaryDirectory() as scratch:
        simulate(Path(scratch), persons=700, months=14, seed=3, until=DAY)
        rows = pd.read_parquet(Path(scratch) / "events.parquet")
        stays = pd.read_csv(Path(scratch) / "persons.csv", dtype="str")
    events = pd.DataFrame(
        {
            "person": rows["person_id"].astype("str"),
            "occurred_at": pd.to_datetime(rows["occurred_at"]).astype("datetime64[us]"),
            "recorded_at": pd.to_datetime(rows["recorded_at"]).astype("datetime64[us]"),
            "code": rows["code"].astype("str"),
            "numeric_value": float("nan"),
            "event_id": rows["event_id"].astype("str"),
        }
    )
    days = ("entered_on", "left_on", "informed_on")
    stays = stays.assign(
        person=stays["person_id"],
        household=stays["household_id"].fillna(stays["person_id"]),
        **{c: pd.to_datetime(stays[c]).astype("datetime64[us]") for c in days},
    )
    return events, stays[list(STAYS.columns)]
