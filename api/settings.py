"""The settings of one deployment: the only file that reads the environment.

Durations stand here with their source beside them, for the deploying body's lawyer to
confirm; every other room gets what it needs as arguments.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.errors import RebondError

SIMULATED_UNTIL = date(2026, 11, 23)
"""The last day of invented histories: fixed, so that a seed gives the same bytes on any day."""


class InvalidSettings(RebondError):
    """The settings file says something that settings cannot say."""


class Danger(BaseModel):
    """Local numbers shown above the national ones on every situation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    crip: str = ""
    on_call: str = ""


class Settings(BaseModel):
    """``settings.toml`` of a home."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    production: bool = False
    demonstration: bool = False
    service: str = "Rebond"
    danger: Danger = Danger()
    session_hours: int = Field(9, ge=1, le=24)
    """A working day, then sign in again (ours)."""
    due_days: int = Field(14, ge=1)
    """Days within which we owe a look at a situation (ours)."""
    signal_days: int = Field(90, ge=1)
    """How long a signal may be shown (ours; GDPR 5(1)(d), S19)."""
    waiver_days: int = Field(180, ge=1, le=366)
    """How long at most members may waive what an audit could not assess (ours; S11)."""


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
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
