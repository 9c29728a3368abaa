"""The settings of one deployment: the only file that reads the environment.

Durations stand here with their source beside them, for the deploying body's lawyer to
confirm; every other room gets what it needs as arguments.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from features.errors import RebondError
from revue.records import Role

SIMULATED_UNTIL = date(2026, 11, 23)
"""The last day of invented histories: fixed, so that a seed gives the same bytes on any day."""


class InvalidSettings(RebondError):
    """The settings file says something that settings cannot say."""


class Danger(BaseModel):
    """Local numbers shown above the national ones on every situation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    crip: str = ""
    on_call: str = ""


class Digest(BaseModel):
    """The one mail server that ``rebond digest --send`` may reach (S29).

    ``address`` says how a login becomes an address. The password stands in a file of its
    own, readable by its owner only and best kept outside the home: never in the settings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    smtp_host: str = Field(min_length=1)
    smtp_port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = Field(pattern=r"^[^\s@<>,]+@[^\s@<>,]+$")
    address: str = Field(pattern=r"^[^\s@<>,{}]*\{login\}[^\s@<>,{}]*@[^\s@<>,{}]+$")
    user: str = ""
    password_file: Path | None = None

    @model_validator(mode="after")
    def _check_ways(self) -> Self:
        if self.security == "none" and not _is_loopback(self.smtp_host):
            raise ValueError('security = "none" is for a server on this machine alone')
        if bool(self.user) != (self.password_file is not None):
            raise ValueError("user and password_file go together; give both or none")
        return self


class Journal(BaseModel):
    """Where checkpoints of the journal are kept: best on another disk, in others' hands (S22).

    A relative path is within the home.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    checkpoints: Path = Path("checkpoints")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Contacts(BaseModel):
    """Whom a person turns to about their data, as the notice and the letters say it.

    ``dpo`` is the data protection officer: an address, a number, or both, in one line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dpo: str = ""


class Settings(BaseModel):
    """``settings.toml`` of a home."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    production: bool = False
    demonstration: bool = False
    service: str = "Rebond"
    danger: Danger = Danger()
    contacts: Contacts = Contacts()
    digest: Digest | None = None
    journal: Journal = Journal()
    safeguards_record: Path | None = None
    """Where the record of the safeguards' tests lies; by default beside the code."""
    session_hours: int = Field(9, ge=1, le=24)
    """A working day, then sign in again (ours)."""
    session_idle_minutes: int = Field(60, ge=10, le=1440)
    """Without any request for so long, sign in again (S25).

    CNIL, guide to the security of personal data: a session that nobody uses ends by itself (a
    recommendation; the length is ours). It ends up to five minutes earlier.
    """
    due_days: int = Field(14, ge=1, le=366)
    """Days within which we owe a look at a situation (ours)."""
    sheet_days: int = Field(7, ge=0, le=60)
    """How long after a team's meeting a printed sheet may be kept (ours)."""
    signal_days: int = Field(90, ge=1, le=366)
    """How long a signal may be shown (ours; GDPR 5(1)(d), S19)."""
    inputs_days: int = Field(7, ge=0, le=366)
    """How long before a review date the newest extract may have ended (ours; S19).

    One weekly import. Silence is what features measure, and a day that was never read would
    count as silence.
    """
    attributes_days: int = Field(30, ge=1, le=366)
    """How long sensitive attributes may be read after the last audit (ours; S5)."""
    attributes_unused_days: int = Field(365, ge=1, le=732)
    """How long they may be kept where no audit is made (ours; S5)."""
    active_days: int = Field(730, ge=28, le=3652)
    """How long after their last contact histories of a person are kept (S18).

    CNIL, reference framework on social support: active base of two years from the last
    contact (a recommendation).
    """
    names_per_day: int = Field(200, ge=1, le=1000)
    """How many persons' names one account is shown on a day (ours; S8)."""
    contacts_minutes: int = Field(30, ge=1, le=480)
    """How long a grant to read somebody's contacts lasts (ours; S8)."""
    contacts_per_day: int = Field(20, ge=1, le=100)
    """How many such grants one account is given on a day (ours; S8)."""
    waiver_days: int = Field(180, ge=1, le=366)
    """How long at most members may waive what an audit could not assess (ours; S11)."""
    assessment_days: int = Field(1095, ge=1, le=1096)
    """How long a signature under the impact assessment holds: 3 years (ours, S10).

    GDPR 35(11) asks for a review when the processing changes, which closes the gate at once.
    Without any change we take the three years that CNIL's guidelines (délibération 2018-326)
    gave to what was running before; for the lawyer to confirm.
    """
    second_factor_roles: frozenset[Role] = frozenset({Role.COMMITTEE, Role.DPO, Role.ADMIN})
    """Who is reminded in production to add a second factor (ours; S25).

    Reminded and not refused: the first sign-in, with the one-time password, has to open the
    pages, or nobody could add one.
    """

    @property
    def session_idle(self) -> timedelta:
        """How long a session lasts that nobody uses."""
        return timedelta(minutes=self.session_idle_minutes)


def home_folder(option: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the home: the option, else ``REBOND_HOME``, else ``./var``."""
    return option or Path(environ.get("REBOND_HOME", "var"))


def keys_folder(home: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the key folder: ``REBOND_KEYS``, else ``<home>/keys``."""
    return Path(environ["REBOND_KEYS"]) if "REBOND_KEYS" in environ else home / "keys"


def read_settings(path: Path) -> Settings:
    """Read ``settings.toml``.

    Raises
    ------
    InvalidSettings
        Not TOML, an unknown key, a value out of range.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidSettings(f"{path.name} is not valid TOML: {error}.") from error
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InvalidSettings(f"{path.name}: {key}: {first['msg']}.") from error


def write_settings(settings: Settings, path: Path) -> None:
    """Write a settings file that its next reader can edit."""
    lines = [
        "# Settings of this deployment; durations and their sources stand in api/settings.py.",
        f"production = {str(settings.production).lower()}",
        f"demonstration = {str(settings.demonstration).lower()}",
        f'service = "{settings.service}"',
        "",
        "[danger]             # shown on every situation, above the national numbers",
        f'crip = "{settings.danger.crip}"',
        f'on_call = "{settings.danger.on_call}"',
        "",
        "[contacts]           # said in the notice and in the letters to the person",
        f'dpo = "{settings.contacts.dpo}"',
        "",
        "# [digest]           # the mail server of `rebond digest --send`; without it, files alone",
        '# smtp_host = "smtp.service.example"',
        '# security = "starttls"',
        '# sender = "rebond@service.example"',
        '# address = "{login}@service.example"',
        "",
        "# [journal]          # where signed checkpoints go; best a folder on another disk",
        '# checkpoints = "checkpoints"',
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
